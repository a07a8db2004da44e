"""A local page in your browser: a GAN on a plane that learns while you change it, runs with curves
and pictures, generators with sliders. It is for this machine alone, and asks no other one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tinygan.command_line import Parser, checking, port
from tinygan.lab import serve

EPILOG = """examples:
  tinygan lab
  tinygan lab runs                                  all runs in this folder
  tinygan lab runs/dcgan_mnist runs/dcgan_paper     two of them
"""


def parser() -> Parser:
    options = Parser(__doc__, program="tinygan lab", epilog=EPILOG)
    add = options.add_argument
    add("runs", nargs="*", type=Path, metavar="RUN",
        help="folders of runs, or folders that hold such")  # fmt: skip
    add("--port", type=port, default=0, help="on 127.0.0.1 (any that is free)")
    add("--no-browser", action="store_true", help="only print the address")
    return options


def run(options: argparse.Namespace) -> None:
    with checking():
        serve(options.runs, port=options.port, open_browser=not options.no_browser)
