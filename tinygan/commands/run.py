"""``tinygan run script.py``: a program that was written for PyTorch, as it stands."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

import tinygan
from tinygan.absent import sentence
from tinygan.command_line import Parser, stop
from tinygan.compat import MissingName, of_import
from tinygan.compat import run as run_script

EPILOG = """example:
  tinygan run dcgan.py --epochs 3
"""


def parser() -> Parser:
    options = Parser(__doc__, program="tinygan run", epilog=EPILOG)
    options.add_argument("script", help="its file")
    options.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    return options


def run(options: argparse.Namespace) -> int:
    if not Path(options.script).is_file():
        stop(f"there is no file {options.script}")
    try:
        run_script(options.script, options.arguments)
    except (AttributeError, ImportError) as error:
        if isinstance(error, ImportError) and str(error.name).startswith("torch"):
            why = of_import(error)
        elif isinstance(error, MissingName):
            why = str(error)
        # Not by a __getattr__ of tensors, with which all their attributes would be found later.
        elif isinstance(getattr(error, "obj", None), tinygan.Tensor):
            why = sentence(f"torch.Tensor.{error.name}")
        else:
            raise
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == options.script]
        place = f" in line {lines[-1]}" if lines else ""
        name = Path(options.script).name
        print(f"tinygan: {name} ended{place}: {why}", file=sys.stderr)
        return 1
    return 0
