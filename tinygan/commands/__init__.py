"""The parts of the command ``tinygan``: a module for each word after it.

Each is a thin layer over the library: ``parser()`` returns its options, ``run(options)`` does it
and returns the exit status, None for 0; in place of the latter ``main(arguments)`` where the
library has it already. Only the one that is asked for is imported.
"""

from __future__ import annotations

import importlib
from types import ModuleType

COMMANDS = {
    "sample": "a picture of generated digits, at once",
    "walk": "a walk through the latent space, as a GIF or WebP",
    "train": "train a model by name or by a file of settings",
    "evaluate": "score a run's samples, or pictures, beside real ones",
    "report": "a run on one page, or in JSON",
    "lab": "a local page: a GAN on a plane, runs, generators",
    "bench": "check and time the kernels",
    "run": "run a program that was written for PyTorch",
    "doctor": "what this machine has, and what is missing",
    "warmup": "compile all kernels now",
    "completion": "the shell's completion of these words",
}


def command(name: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(f"tinygan.commands.{name}")
