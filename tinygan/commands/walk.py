"""A walk through a generator's latent space: images that change into each other, and end where they
began.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tinygan.command_line import Parser, check_file, checking, number, positive, whole
from tinygan.commands.sample import source_options, trained_of
from tinygan.creation import tensor
from tinygan.devices import Generator
from tinygan.explore import walk
from tinygan.images import grid, save_animation
from tinygan.packages import require
from tinygan.tensor import Tensor
from tinygan.training import sample

EPILOG = """examples:
  tinygan walk --class 3
  tinygan walk -n 16 --stops 6 --out digits.webp
"""


def parser() -> Parser:
    options = Parser(__doc__, program="tinygan walk", epilog=EPILOG)
    source_options(options)
    add = options.add_argument
    add("-n", type=positive, default=9, help="walks side by side (%(default)s)")
    add("--stops", type=whole(2), default=4, help="random points of each walk (%(default)s)")
    add("--frames", type=whole(2), default=12, help="from one stop to the next (%(default)s)")
    add("--seconds", type=number(0.02), default=0.08, help="for each frame (%(default)s)")
    add("--zoom", type=positive, default=3, help="pixels for one (%(default)s)")
    add("--out", type=Path, default=Path("walk.gif"), help=".gif or .webp (%(default)s)")
    return options


def run(options: argparse.Namespace) -> None:
    with checking():
        if options.out.suffix not in (".gif", ".webp"):
            raise ValueError(f"--out: must end in .gif or .webp, got {options.out}")
        require("a walk", "PIL.Image")
    trained = trained_of(options, options.n * options.stops * options.frames)
    check_file("--out", options.out)
    paths = []
    for each in range(options.n):
        stops = trained.model.latent(options.stops, Generator(options.seed * 1000 + each)).array
        path = walk(Tensor(np.concatenate([stops, stops[:1]])), options.frames + 1).array
        paths.append(path[:-1])  # its end is its beginning
    frames = len(paths[0])
    labels = trained.labels(options.n, options.label)
    if labels is not None:
        labels = tensor(np.repeat(labels.array, frames))
    images = sample(trained.generator, Tensor(np.concatenate(paths)), labels)
    images = images.reshape(options.n, frames, *images.shape[1:])
    pictures = [grid(images[:, frame]) for frame in range(frames)]
    save_animation(pictures, options.out, options.seconds, options.zoom)
    print(f"wrote {options.out}: {frames} frames by {trained.name}")
