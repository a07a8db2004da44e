"""Trains a DCGAN on a folder of pictures, 64x64 in colour.

    python examples/dcgan_folder.py --data PICTURES                      20 epochs
    python examples/dcgan_folder.py --data PICTURES --resume --epochs 40
    python examples/dcgan_folder.py --data PICTURES --sample 100         of the trained generator
    python examples/dcgan_folder.py --quick                              on made-up pictures

All pictures below the folder are taken, hidden files aside; each is resized until its shorter side
fits, and cropped at the centre. What was found is printed; with --skip-unreadable, damaged pictures
are left out and named. A grid of samples is drawn and a checkpoint written after every epoch (and
every 200 steps). Ctrl-C saves, --resume goes on: 20 epochs and 20 more give the same bits as 40 at
once.

Nets and settings are the paper's (Radford 2015, arXiv:1511.06434), but for the width: --width 128
has its channels. Other recipes have a penalty in place of D's batch norm. The KID looks at samples
and pictures through a classifier of the pictures' sub-folders or, where there are none, through
random features; beside it stands that of 1,000 of the pictures against the others.
"""

from __future__ import annotations

from pathlib import Path

import command_line
import common
import numpy as np

from tinygan.data import Dataset, image_folder
from tinygan.metrics import Scorer, features_for, hold_out
from tinygan.models import DCGAN
from tinygan.training import Settings


def made_up_pictures(count: int, size: int) -> Dataset:
    """Discs of random colours on random grounds, for --quick."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size
    centre, radius = rng.uniform(0.3, 0.7, (2, count, 1, 1)), rng.uniform(0.1, 0.3, (count, 1, 1))
    inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
    colours = rng.integers(0, 256, (2, count, 3, 1, 1))
    images = np.where(inside[:, None], colours[0], colours[1]).astype(np.uint8)
    return Dataset(images, None, "discs")


def main() -> None:
    parser = command_line.training_parser(
        __doc__, "runs/dcgan_folder", epochs=20, batch_size=128, lr=2e-4, data=None
    )
    command_line.dcgan_options(parser, width=64, recipe="paper")
    add = parser.add_argument
    add("--size", type=command_line.whole(8), default=64, help="pixels (%(default)s)")
    add("--channels", type=int, choices=(1, 3), default=3, help="grey or colour")
    add("--kernel-size", type=int, choices=(4, 5), default=4, help="%(default)s")
    parser.quick(epochs=1, width=4, batch_size=20, size=16)
    options = command_line.parse(parser)
    if options.data is None and not (options.quick or options.sample):
        parser.error("--data: name the folder that holds the pictures")
    if options.sample:
        common.draw_samples(options)
        return
    with command_line.checking():
        model = DCGAN(options.size, options.channels, options.width,
                      kernel_size=options.kernel_size,
                      batch_norm_d=options.recipe == "paper")  # fmt: skip
        if options.quick:
            pictures = made_up_pictures(100, options.size)
        else:
            with command_line.checking(f"--data {options.data}: "):
                pictures = image_folder(
                    Path(options.data), options.size, options.channels, options.skip_unreadable
                )
                print(pictures.describe())
        reference, held_out = hold_out(pictures, count=1000)
        settings = Settings(options.batch_size, options.lr, seed=options.seed,
                            **command_line.RECIPES[options.recipe])  # fmt: skip
        trainer = common.make_trainer(model, pictures, settings, options, (reference, held_out))
    features = features_for(reference, options.device)
    scorer = trainer.evaluate = Scorer(features, reference, held_out, scores=("fid", "kid"))
    minutes = common.train(trainer, options)
    common.report(trainer.evaluation_samples(), scorer, {}, options, minutes)


if __name__ == "__main__":
    command_line.start(main)
