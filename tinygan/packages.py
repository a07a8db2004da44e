"""Packages that only some uses of tinygan need: asked for before the work that ends in them."""

from __future__ import annotations

import importlib

PACKAGES = {
    "PIL.Image": "pillow",
    "matplotlib.figure": "matplotlib",
    "shtab": "shtab",
    "sklearn": "scikit-learn",
    "tensorboardX": "tensorboardX",
    "torch": "torch",
}
"""What to import, and the name under which pip installs it."""


def require(user: str, *modules: str) -> None:
    """Imports each of the modules, keys of `PACKAGES`.

    Raises:
        ImportError: one is missing or broken. The message names the `user` that needs it, all that
            are to be installed, and why the first one could not be imported.
    """
    problems = {}
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as problem:  # a broken package raises whatever it likes
            problems[PACKAGES[module]] = problem
    if problems:
        packages, first = " ".join(problems), next(iter(problems.values()))
        raise ImportError(
            f"{user} needs {' and '.join(problems)}: pip install {packages} ({first})"
        ) from first
