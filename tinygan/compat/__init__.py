"""The names ``torch`` and ``torchvision``, which lead to tinygan within one process.

    tinygan run dcgan.py --n_epochs 5        (or python -m tinygan run ...)

runs a program that was written for PyTorch, as it stands. Only `run` installs the names; whoever
imports tinygan never meets them, and an installed PyTorch is not touched.
"""

from tinygan.compat.modules import MissingName, install
from tinygan.compat.script import missing_names, of_import, run

__all__ = ["MissingName", "install", "missing_names", "of_import", "run"]
