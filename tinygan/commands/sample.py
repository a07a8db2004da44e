"""A picture of generated images: by a generator that comes with tinygan, or by one of your runs.

Without data, network or training.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from tinygan.command_line import Parser, check_file, checking, positive, whole
from tinygan.files import atomic_write
from tinygan.images import grid, save_png
from tinygan.kernels.cpu import compiler
from tinygan.pretrained import Trained, load_trained, trained_names

AT_ONCE = 1000
"""Images up to which NumPy is faster than waiting for the compiler, even where it has nothing to do
but to load what it kept."""
EPILOG = """generators: {names}, or the folder of a run

examples:
  tinygan sample --class 7 -n 64
  tinygan sample runs/dcgan_mnist -n 100 --out digits.png
  tinygan sample mnist --about            what made it, and its scores
"""


def parser() -> Parser:
    epilog = EPILOG.format(names=", ".join(trained_names()))
    options = Parser(__doc__, program="tinygan sample", epilog=epilog)
    source_options(options)
    add = options.add_argument
    add("-n", type=positive, default=64, help="images (%(default)s)")
    add("--columns", type=positive, help="images side by side (a square)")
    add("--zoom", type=positive, default=2, help="pixels for one (%(default)s)")
    add("--out", type=Path, default=Path("sample.png"), help="a PNG, or an .npy file of float32 "
        "(n, c, h, w) in [-1, 1] (%(default)s)")  # fmt: skip
    add("--about", action="store_true", help="only say what made the generator")
    add("--json", action="store_true", help="print what was done as JSON")
    return options


def source_options(options: Parser) -> None:
    """Which generator, which class, which seed."""
    add = options.add_argument
    add("source", nargs="?", default="mnist", metavar="GENERATOR", help="(%(default)s)")
    add("--class", type=whole(0), dest="label", metavar="CLASS", help="one class only (all)")
    add("--seed", type=whole(0), default=0, help="(%(default)s)")


def trained_of(options: argparse.Namespace, count: int) -> Trained:
    """The generator that was asked for; see `AT_ONCE`."""
    if count <= AT_ONCE:
        compiler.compile_nothing()
    with checking():
        trained = load_trained(options.source)
        trained.labels(1, options.label)
    return trained


def run(options: argparse.Namespace) -> None:
    start = time.monotonic()
    trained = trained_of(options, options.n)
    if options.about:
        print(json.dumps(trained.facts, indent=1))
        return
    as_array = options.out.suffix == ".npy"
    with checking():
        if options.out.suffix not in (".png", ".npy"):
            raise ValueError(f"--out: must end in .png or .npy, got {options.out}")
    check_file("--out", options.out)
    images = trained.draw(options.n, options.label, options.seed)
    if as_array:
        with atomic_write(options.out) as file:
            np.save(file, images)
    else:
        save_png(grid(images, options.columns), options.out, options.zoom)
    seconds = time.monotonic() - start
    if options.json:
        print(json.dumps({"out": str(options.out), "shape": images.shape, "seed": options.seed,
                          "generator": trained.name, "seconds": round(seconds, 3)}))  # fmt: skip
    else:
        print(f"wrote {options.out}: {options.n} images by {trained.name}, {seconds:.1f} s")
