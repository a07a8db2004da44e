"""Scores generated images beside real ones, which are the floor: those of a run, of a generator
that comes with tinygan, or any, in an .npy file or a folder of pictures.

Scores look through a small net that was trained on the same data; see docs/metrics.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import tinygan
from tinygan.command_line import Parser, checking, cores, data_source, positive, whole
from tinygan.data import Dataset, image_folder, load_dataset
from tinygan.data.load import NAMED
from tinygan.metrics import Scorer, features_for, format_scores, hold_out
from tinygan.pretrained import load_trained, trained_names
from tinygan.printing import say

EPILOG = """examples:
  tinygan evaluate mnist
  tinygan evaluate runs/dcgan_mnist --count 10000 --json
  tinygan evaluate samples.npy --data fashion        float32 (n, c, h, w) in [-1, 1]
  tinygan evaluate PICTURES --data mnist
"""


def parser() -> Parser:
    options = Parser(__doc__, program="tinygan evaluate", epilog=EPILOG)
    add = options.add_argument
    add("source", metavar="WHAT", help="a generator's name, a run, an .npy file or a folder")
    add("--data", type=data_source, help="the real images (the run's; else mnist)")
    add("--count", type=positive, default=10_000, help="images (%(default)s)")
    add("--seed", type=whole(0), default=0, help="of generated images (%(default)s)")
    add("--threads", type=cores, help="CPU threads (all cores)")
    add("--json", action="store_true", help="print the scores as JSON")
    return options


def images_of(options: argparse.Namespace) -> tuple[np.ndarray, str]:
    """The images to be scored, and the name of the data that they should be like."""
    path = Path(options.source)
    if path.suffix == ".npy":
        images = np.load(path, allow_pickle=False)
        if not isinstance(images, np.ndarray) or images.ndim != 4 or images.dtype != np.float32:
            raise ValueError(f"{path}: expected float32 (n, c, h, w), got {images.dtype} "
                             f"{images.shape}")  # fmt: skip
        return images, options.data or "mnist"
    if path.is_dir() and not (path / "checkpoint.npz").exists():
        real = _real(options.data or "mnist", None)[0]
        c, h, _ = real.images.shape[1:]
        pictures = image_folder(path, h, c)
        return pictures.batch(np.arange(len(pictures))), options.data or "mnist"
    trained = load_trained(options.source)
    name = str((trained.facts.get("data") or {}).get("name", "mnist")).removesuffix("-mnist")
    return trained.draw(options.count, seed=options.seed), options.data or name


def _real(source: str, shape: tuple[int, ...] | None) -> tuple[Dataset, Dataset]:
    """The reference and the held-out images."""
    if source in NAMED:
        return load_dataset(source), load_dataset(source, "test")
    channels, size = (3, 64) if shape is None else (shape[1], shape[2])
    return hold_out(load_dataset(source, "train", size, channels), count=1000)


def run(options: argparse.Namespace) -> None:
    if options.threads:
        tinygan.set_num_threads(options.threads)
    quiet = (lambda line: None) if options.json else say
    with checking():
        if options.source not in trained_names() and not Path(options.source).exists():
            raise ValueError(f"WHAT: {options.source} is no file or folder, and none of "
                             f"{', '.join(trained_names())}")  # fmt: skip
        images, source = images_of(options)
        reference, held_out = _real(source, images.shape)
        features = features_for(reference, progress=quiet)
        scorer = Scorer(features, reference, held_out, min(options.count, len(images)))
        scores = scorer.all(images)
    if options.json:
        print(json.dumps({"generated": scores, "real": scorer.floor}, indent=1))
    else:
        print(format_scores(scores, scorer.floor))
