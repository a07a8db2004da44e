"""The command line of every example: its options, and the checks of all that a user gives.

Whatever is wrong ends the program before any work, with status 2 and one line that says what came,
what is possible and what to type. There are three moments: argparse looks at each option by its
type (`whole`, `number`, `data_source`), `parse` at packages, device and folders, and the block of
`checking` at what only tinygan can know, as whether nets fit the pictures.
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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import tinygan
from tinygan.devices import check_device
from tinygan.files import make_folder
from tinygan.kernels.bench.documents import Markers, check_markers
from tinygan.packages import require
from tinygan.printing import escape_unprintable
from tinygan.training.callbacks import LOGS, Callback

PICTURES = ("PIL.Image", "matplotlib.figure")


def _program() -> str:
    """The name of the running file; a program that Python is a part of may have none."""
    return Path((getattr(sys, "argv", None) or [""])[0]).name or "python"


def stop(message: str) -> NoReturn:
    """Ends the program with one line on stderr and a shell's status for wrong usage, 2."""
    print(f"{_program()}: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(2)


class Parser(argparse.ArgumentParser):
    """The options of an example, described by its docstring; an error is one line.

    Args:
        packages: that it needs beside tinygan's own, see `tinygan.packages`.
    """

    def __init__(self, doc: str | None, packages: tuple[str, ...] = ()):
        super().__init__(
            _program(), description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
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


NAMED = ("mnist", "fashion", "synthetic")


def folder(text: str) -> str:
    """The path of a folder that is there."""
    if text and Path(text).is_dir():
        return text
    there = "is a file" if Path(text).is_file() else "is not there"
    raise argparse.ArgumentTypeError(f"must be the path of a folder of pictures; '{text}' {there}")


def results_folder(text: str) -> Path:
    """A path; an empty one would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("must be the path of a folder, got nothing")
    return Path(text)


def data_source(text: str) -> str:
    """What `tinygan.data.load_dataset` knows: a name, or the path of a folder that is there."""
    if text in NAMED or (text and Path(text).is_dir()):
        return text
    there = "is a file" if Path(text).is_file() else "is neither"
    raise argparse.ArgumentTypeError(
        f"must be {', '.join(NAMED)} or the path of a folder of pictures; '{text}' {there}"
    )


# Options that examples share


def parser(doc: str | None, out: str | None, packages: tuple[str, ...] = PICTURES) -> Parser:
    """The options of every example that trains; `out` is the default folder of its results."""
    options = Parser(doc, packages)
    add = options.add_argument
    add("--seed", type=whole(0), default=0, help="of everything random (%(default)s)")
    add("--out", type=results_folder, default=out and Path(out), help="results (%(default)s)")
    add("--device", default="cpu", help="cpu or cuda (%(default)s)")
    add("--threads", type=cores, help="CPU threads (all cores)")
    add("--quick", action="store_true", help="a tiny run, in less than a minute")
    return options


def training_parser(
    doc: str | None, out: str, *, batch_size: int, lr: float, epochs: int | None = None,
    data: str | None = "mnist",
) -> Parser:  # fmt: skip
    """The options of the examples that train a GAN of images, with their defaults; without one for
    `data` it is a folder that must be named."""
    options = parser(doc, out)
    add = options.add_argument
    if data is None:
        add("--data", type=folder, help="the folder of pictures")
    else:
        add("--data", type=data_source, default=data,
            help="mnist, fashion, synthetic or a folder (%(default)s)")  # fmt: skip
    add("--skip-unreadable", action="store_true", help="leave out pictures that cannot be read")
    if epochs is not None:
        add("--epochs", type=positive, default=epochs, help="epochs in all (%(default)s)")
    add("--batch-size", type=positive, default=batch_size, help="images per step (%(default)s)")
    add("--lr", type=rate, default=lr, help="G's rate in Adam (%(default)s)")
    return options


def run_options(options: Parser) -> None:
    """The options of the examples whose --out is the folder of one run."""
    add = options.add_argument
    add("--resume", action="store_true", help="go on with the run in --out")
    add("--log", nargs="+", choices=tuple(LOGS), default=[], help="further logs than log.jsonl")


def callbacks_of(options: argparse.Namespace) -> list[Callback]:
    """What --log asks for."""
    return [LOGS[name]() for name in dict.fromkeys(getattr(options, "log", ()))]


RECIPES: dict[str, dict[str, Any]] = {
    # The paper's: batch norm in D.
    "paper": {},
    # In its place a penalty on D's slope at real images.
    "r1": {"beta1": 0.0, "beta2": 0.99, "r1": 1.0, "penalty_every": 4},
    # D compares real and generated images, with the penalty at both (R3GAN).
    "relativistic": {"beta1": 0.0, "beta2": 0.99, "r1": 1.0, "r2": 1.0, "penalty_every": 4,
                     "loss": "relativistic"},
}  # fmt: skip
"""How a DCGAN is trained: the `Settings` that are not as usual."""


def dcgan_options(options: Parser, width: int, recipe: str) -> None:
    """The options of the examples with a DCGAN that samples can be drawn from later."""
    run_options(options)
    add = options.add_argument
    add("--recipe", choices=tuple(RECIPES), default=recipe, help="of the training (%(default)s)")
    add("--width", type=positive, default=width, help="channels next to the image (%(default)s)")
    add("--sample", type=positive, metavar="N", help="only draw N samples from --out")


def parse(options: Parser) -> argparse.Namespace:
    """The arguments; sets the threads and starts the random stream."""
    arguments = options.parse_args()
    with checking("--device: "):
        check_device(arguments.device)
    if arguments.threads:
        tinygan.set_num_threads(arguments.threads)
    tinygan.manual_seed(arguments.seed)
    if arguments.out is not None:
        check_folder(arguments)
    return arguments


def check_folder(arguments: argparse.Namespace) -> None:
    """Whether --out can hold the results: it can be written to and, where there are --resume and
    --sample, it holds a run where one is needed and none where a new one is to start."""
    out: Path = arguments.out
    checkpoint = out / "checkpoint.npz"
    resume, sampling = (getattr(arguments, name, None) for name in ("resume", "sample"))
    if out.exists() and not out.is_dir():
        stop(f"--out {out}: not a folder; choose another one")
    if resume and sampling:
        stop("--resume and --sample exclude each other: train first, then draw samples")
    if (resume or sampling) and not checkpoint.exists():
        option = "--sample" if sampling else "--resume"
        stop(f"{option}: --out {out} holds no run (no {checkpoint}); train one first")
    if resume is False and not sampling and checkpoint.exists():
        stop(f"--out {out} holds a run already; go on with it by --resume, or choose another one")
    check_writable("--out", out)


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


def check_pages(option: str, files: Iterable[Path], markers: Markers) -> None:
    """Whether the pages are there and have a place for a table between the two markers."""
    with checking(f"{option}: "):
        for file in files:
            check_markers(file, markers)


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
    """Runs an example; Ctrl-C ends it with a sentence and a shell's status for that, 130, and a
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
