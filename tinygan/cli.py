"""The command ``tinygan``, which is ``python -m tinygan`` too."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

import tinygan
from tinygan.printing import escape_unprintable


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tinygan", description=tinygan.__doc__)
    parser.add_argument("--version", action="version", version=f"tinygan {tinygan.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run a program that was written for PyTorch")
    run.add_argument("script", help="its file")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    commands.add_parser("doctor", help="try tinygan on the GPU and write a report", add_help=False)
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["doctor"]:
        from tinygan.doctor.run import main as doctor

        escape_unprintable()
        return doctor(given[1:])
    options = parser.parse_args(given)
    from tinygan.absent import sentence
    from tinygan.compat import MissingName, of_import
    from tinygan.compat import run as run_script

    if not Path(options.script).is_file():
        run.error(f"there is no file {options.script}")
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
