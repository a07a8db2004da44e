"""The command line of every example: the options that they share, and the checks of what a user
gives.

Whatever is wrong ends the program before any work, with status 2 and one line that says what came,
what is possible and what to type. There are three moments: argparse looks at each option by its
type (`whole`, `number`, `data_source`), `parse` at packages, device and folders, and the block of
`checking` at what only tinygan can know, as whether nets fit the pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tinygan
from tinygan.command_line import (
    NAMED,
    Parser,
    check_file,
    check_writable,
    checking,
    cores,
    data_source,
    folder,
    number,
    positive,
    rate,
    results_folder,
    said,
    start,
    stop,
    whole,
)
from tinygan.devices import check_device
from tinygan.kernels.bench.documents import Markers, check_markers
from tinygan.training.callbacks import LOGS, Callback, logs_of

__all__ = [
    "NAMED", "PICTURES", "RECIPES", "Parser", "callbacks_of", "check_file", "check_folder",
    "check_pages", "check_writable", "checking", "cores", "data_source", "dcgan_options", "folder",
    "number", "parse", "parser", "positive", "rate", "results_folder", "run_options", "said",
    "start", "stop", "training_parser", "whole",
]  # fmt: skip

PICTURES = ("PIL.Image", "matplotlib.figure")


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
    return logs_of(getattr(options, "log", ()))


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


def check_pages(option: str, files: Iterable[Path], markers: Markers) -> None:
    """Whether the pages are there and have a place for a table between the two markers."""
    with checking(f"{option}: "):
        for file in files:
            check_markers(file, markers)
