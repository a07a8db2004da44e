"""The command ``tinygan``, which is ``python -m tinygan`` too.

Exit status: 0 it is done; 1 it failed, or found something wrong; 2 what was typed cannot be;
130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys

import tinygan
from tinygan.command_line import Parser, start
from tinygan.commands import COMMANDS, command

EPILOG = """examples:
  tinygan sample --class 7 -n 64
  tinygan train dcgan --out runs/dcgan
  tinygan COMMAND --help
"""


def overview() -> argparse.ArgumentParser:
    """The parser that knows the commands' names alone."""
    lines = [f"  {name:11} {about}" for name, about in COMMANDS.items()]
    parser = Parser(
        f"{tinygan.__doc__}\n\ncommands:\n" + "\n".join(lines), program="tinygan", epilog=EPILOG
    )
    parser.usage = "tinygan COMMAND ..."
    parser.add_argument("--version", action="version", version=f"tinygan {tinygan.__version__}")
    parser.add_argument("command", metavar="COMMAND", choices=tuple(COMMANDS),
                        help=argparse.SUPPRESS)  # fmt: skip
    return parser


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if not given:
        overview().print_help()
        return 2
    status = 0

    def run() -> None:
        nonlocal status
        module = command(overview().parse_args(given[:1]).command)
        if hasattr(module, "main"):  # it reads its words itself
            status = module.main(given[1:])
        else:
            status = module.run(module.parser().parse_args(given[1:])) or 0

    if given[0] == "run":  # the program answers for itself
        run()
    else:
        start(run)
    return status
