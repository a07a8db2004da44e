"""What a program that is started in a terminal says, and what it lets pass.

Whatever is wrong ends the program before any work, with status 2 and one line that says what came,
what is possible and what to type: argparse looks at each option by its type (`whole`, `number`,
`folder`), and a block of `checking` at what only tinygan can know, as whether nets fit pictures.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import errno
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from tinygan.data.load import NAMED
from tinygan.files import make_folder
from tinygan.packages import require
from tinygan.printing import escape_unprintable


def _program() -> str:
    """The name of the running file; a program that Python is a part of may have none."""
    name = Path((getattr(sys, "argv", None) or [""])[0]).name or "python"
    return "tinygan" if name == "__main__.py" else name


def stop(message: str) -> NoReturn:
    """Ends the program with one line on stderr and a shell's status for wrong usage, 2."""
    print(f"{_program()}: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(2)


class Parser(argparse.ArgumentParser):
    """The options of a program, described by its docstring; an error is one line.

    Args:
        packages: that it needs beside tinygan's own, see `tinygan.packages`.
        program: its name, where that is not the file's.
        epilog: what the help ends with.
    """

    def __init__(
        self, doc: str | None, packages: tuple[str, ...] = (), program: str = "",
        epilog: str | None = None,
    ):  # fmt: skip
        super().__init__(
            program or _program(), description=doc, epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.packages = packages
        self._small: dict[str, Any] = {}

    def quick(self, **defaults: Any) -> None:
        """What --quick puts in the place of the defaults; an option that is given wins."""
        self._small = defaults

    def error(self, message: str) -> NoReturn:
        stop(f"{message} (--help lists what is possible)")

    def parse_args(self, *arguments: Any) -> Any:  # type: ignore[override]
        """The options, where the packages are installed."""
        options = super().parse_args(*arguments)
        if self._small and options.quick:
            self.set_defaults(**self._small)
            options = super().parse_args(*arguments)
        with checking():
            require("it", *self.packages)
        return options


# Types of options


def whole(least: int) -> Callable[[str], int]:
    """An integer from `least` on."""

    def integer(text: str) -> int:
        with contextlib.suppress(ValueError):
            if int(text) >= least:
                return int(text)
        raise argparse.ArgumentTypeError(f"must be an integer of at least {least}, got {text}")

    return integer


positive = whole(1)


def number(least: float) -> Callable[[str], float]:
    """A finite number from `least` on; from 0 on without 0 is `rate`."""

    def real(text: str) -> float:
        with contextlib.suppress(ValueError):
            if least <= float(text) < math.inf:
                return float(text)
        raise argparse.ArgumentTypeError(f"must be a number from {least:g} on, got {text}")

    return real


def rate(text: str) -> float:
    """A learning rate: Adam's steps are about as large as it, and weights have a size of 1."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, as 0.0002, got {text}")


def cores(text: str) -> int:
    """A number of threads: more than there are cores only wait for each other."""
    most = os.cpu_count() or 1
    with contextlib.suppress(ValueError):
        if 1 <= int(text) <= most:
            return int(text)
    raise argparse.ArgumentTypeError(f"must be an integer from 1 to {most}, the cores, got {text}")


def port(text: str) -> int:
    """A TCP port; 0 is any that is free."""
    with contextlib.suppress(ValueError):
        if 0 <= int(text) < 1 << 16:
            return int(text)
    raise argparse.ArgumentTypeError(f"must be an integer from 0 to 65535, got {text}")


def data_source(text: str) -> str:
    """What `tinygan.data.load_dataset` knows: a name, or the path of a folder that is there."""
    if text in NAMED or (text and Path(text).is_dir()):
        return text
    there = "is a file" if Path(text).is_file() else "is neither"
    raise argparse.ArgumentTypeError(
        f"must be {', '.join(NAMED)} or the path of a folder of pictures; '{text}' {there}"
    )


def folder(text: str) -> str:
    """The path of a folder that is there."""
    if text and Path(text).is_dir():
        return text
    there = "is a file" if Path(text).is_file() else "is not there"
    raise argparse.ArgumentTypeError(f"must be the path of a folder of pictures; '{text}' {there}")


def run_folder(text: str) -> str:
    """The path of a folder that holds a run."""
    if text and ((Path(text) / "run.json").is_file() or (Path(text) / "log.jsonl").is_file()):
        return text
    there = "has neither run.json nor log.jsonl" if Path(text).is_dir() else "is not there"
    raise argparse.ArgumentTypeError(f"must be the folder of a run; '{text}' {there}")


def results_folder(text: str) -> Path:
    """A path; an empty one would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("must be the path of a folder, got nothing")
    return Path(text)


def check_writable(option: str, folder: Path) -> None:
    """Makes a folder, and a file in it for a moment: nothing else tells whether that works. A
    folder that stays empty is removed again."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    atexit.register(_remove_empty, made)
    try:
        make_folder(folder)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as problem:
        stop(f"{option} {folder}: cannot be written to ({problem.strerror}); choose another folder")


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def check_file(option: str, file: Path) -> None:
    """Whether a file of this name can be written."""
    if file.is_dir():
        stop(f"{option}: {file} is a folder; name a file")
    check_writable(option, file.parent)


# The program


@contextlib.contextmanager
def checking(option: str = "") -> Iterator[None]:
    """Ends the program with one line where the block finds something wrong. For blocks that
    prepare: after them nothing is the user's fault any more, and an error has its traceback."""
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError, MemoryError, RuntimeError) as problem:
        stop(f"{option}{said(problem)}")


def said(problem: BaseException) -> str:
    """An error as a sentence."""
    if isinstance(problem, OSError) and problem.strerror and problem.filename:
        return f"{problem.filename}: {problem.strerror}"
    return str(problem)


# What a machine may run out of, or take away, at any moment: no fault of the program.
_OF_THE_MACHINE = {errno.ENOSPC, errno.EROFS, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}


def start(main: Callable[[], object]) -> None:
    """Runs a program; Ctrl-C ends it with a sentence and a shell's status for that, 130, and a
    full disk with one and 1. Where its output is read no longer, it ends silently, as programs do.
    """
    escape_unprintable()
    try:
        main()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python writes once more at its end
        raise SystemExit(141) from None
    except OSError as problem:
        if problem.errno not in _OF_THE_MACHINE:
            raise
        print(f"{_program()}: {said(problem)}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("interrupted before the end", file=sys.stderr)
        raise SystemExit(130) from None
