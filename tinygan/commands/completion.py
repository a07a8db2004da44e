"""The completion of ``tinygan`` for a shell, as a script to be kept where the shell looks for it.

By shtab (pip install shtab), which is needed only now: the script stands alone.
"""

from __future__ import annotations

import argparse
import importlib

from tinygan.command_line import Parser, checking
from tinygan.commands import COMMANDS, command
from tinygan.packages import require

EPILOG = """examples:
  tinygan completion bash > ~/.local/share/bash-completion/completions/tinygan
  tinygan completion zsh > ~/.zfunc/_tinygan        (with fpath+=~/.zfunc in front of compinit)
"""
OTHERS = {"bench": "tinygan.kernels.bench.__main__"}
"""Commands whose parser stands elsewhere."""


def parser() -> Parser:
    options = Parser(__doc__, program="tinygan completion", epilog=EPILOG)
    options.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    return options


def run(options: argparse.Namespace) -> None:
    with checking():
        require("tinygan completion", "shtab")
    import shtab

    print(shtab.complete(whole(), shell=options.shell))


def whole() -> argparse.ArgumentParser:
    """One parser of all commands."""
    parser = argparse.ArgumentParser("tinygan")
    commands = parser.add_subparsers()
    for name, about in COMMANDS.items():
        made = command(name).parser() if name not in OTHERS else (
            importlib.import_module(OTHERS[name]).make_parser())  # fmt: skip
        commands.add_parser(name, help=about, parents=[made], add_help=False)
    return parser
