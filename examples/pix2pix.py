"""Turns the letters of one typeface into those of another: pix2pix, with the paper's ablation.

    python examples/pix2pix.py                          Sans to Serif
    python examples/pix2pix.py --data emoji             emoji of one artist into those of another
    python examples/pix2pix.py --data sketch            outlines into digits
    python examples/pix2pix.py --loss l1                the regression alone; or --loss cgan
    python examples/pix2pix.py --no-skips               an encoder and a decoder in place of a U-Net
    python examples/pix2pix.py --quick

Letters come in four cuts, light and bold, upright and slanted. One letter or emoji in ten is held
out, and none that looks like it is trained on. On the pairs of these (of letters, light and
upright) the scores are: the mean distance |y - G(x)| (L1) in [-1, 1], beside that of copying x; the
kernel distance (KID) of the looks; and how many a reader recognises: of letters one who knows all
of the target typeface and takes the nearest, of digits a classifier. (Isola 2017, arXiv:1611.07004;
the nets are smaller.)
"""

from __future__ import annotations

import argparse

import command_line
import common
import numpy as np
import translation_parts as parts

from tinygan.images import grid, save_png
from tinygan.metrics import RandomFeatures, kernel_distance
from tinygan.models import Pix2Pix
from tinygan.training.translation import PairGame, rows

LOSSES = {"both": (100.0, True), "l1": (100.0, False), "cgan": (0.0, True)}  # L1's weight, and D


def load(options: argparse.Namespace) -> parts.Task:
    if options.data == "glyphs":
        return parts.letter_task(options.source, options.target, options.size, options.quick)
    if options.data == "emoji":
        return parts.emoji_task(options.quick)
    return parts.sketch_task(options)


def scores_of(samples: dict[str, np.ndarray], read: parts.Read | None) -> dict[str, float]:
    """Of the images made, of copies of the input, and of the real ones."""
    y = samples["y"]
    net = RandomFeatures(channels=y.shape[1])
    real, _ = net.predict(y)
    found: dict[str, float] = {}
    for name, images in (("made", samples["made"]), ("copied", samples["x"]), ("real", y)):
        if images is not y:
            found[f"l1_{name}"] = float(np.abs(images - y).mean())
            found[f"kid_{name}"] = kernel_distance(net.predict(images)[0], real, subsets=1).distance
        if read is not None:
            found[f"read_{name}"] = read(images)
    return found


def main() -> None:
    parser = command_line.parser(__doc__, "runs/pix2pix")
    add = parser.add_argument
    add("--data", choices=("glyphs", "emoji", "sketch"), default="glyphs", help="%(default)s")
    parts.style_options(parser, tuple(parts.CUTS), "Sans", "Serif")
    add("--loss", choices=tuple(LOSSES), default="both", help="%(default)s")
    add("--depth", type=command_line.whole(2), help="how often G halves the image (down to 1x1)")
    add("--dropped", type=command_line.whole(0), default=3,
        help="layers with dropout (%(default)s)")  # fmt: skip
    add("--no-skips", action="store_true", help="no connections from the encoder to the decoder")
    parts.add_options(parser, width=32, epochs=30, batch_size=16, lr=5e-4)
    parser.quick(epochs=12, width=8)
    options = command_line.parse(parser)
    parts.styles_of(parser, options, "Sans", "Serif")
    with command_line.checking():
        task = load(options)
        l1, adversarial = LOSSES[options.loss]
        model = Pix2Pix(
            task.train.images.shape[2], *task.channels, options.width, options.width,
            skips=not options.no_skips, strided=2 if options.data == "emoji" else 1,
            depth=options.depth, dropped=options.dropped,
        )  # fmt: skip
        settings = parts.settings_of(options, average_decay=0.99)
        game = PairGame(
            model, task.train, settings, task.held_out, device=options.device, l1=l1,
            adversarial=adversarial, jitter=options.jitter,
        )  # fmt: skip
        trainer = parts.trainer_of(game, options)
    minutes = common.train(trainer, options)
    samples = game.samples()
    parts.finish(scores_of(samples, task.reader and task.reader()), minutes, options)
    shown = slice(0, 16)
    picture = grid(rows(samples["x"][shown], samples["made"][shown], samples["y"][shown]), 16)
    save_png(picture, options.out / "pairs.png", zoom=2)


if __name__ == "__main__":
    command_line.start(main)
