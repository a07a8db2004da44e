"""Fills holes in images by a search in a generator's latent space; docs/inpainting.md explains.

    python examples/inpaint.py                             holes in MNIST's test digits
    python examples/inpaint.py --run runs/dcgan_mnist      by another DCGAN, of classes or without
    python examples/inpaint.py --run runs/dcgan_folder --data PICTURES --test OTHERS
    python examples/inpaint.py --quick                     by a tiny net, trained now

The search (Yeh 2016, arXiv:1607.07539) knows the generator and the discriminator of a run, which
never saw a hole; without --run it is that of examples/dcgan_conditional_mnist.py or, where there is
none, a smaller one that is trained first (ten minutes on two cores). Beside it stand a context
encoder (Pathak 2016, arXiv:1604.07379), which is trained here to fill such holes, and the mean of
the training images. Scores: the PSNR in the hole, and how often a classifier of real digits reads
the filled ones right, beside how often it reads them right unharmed.
"""

from __future__ import annotations

import argparse
import time

import command_line
import common
import numpy as np
import uses_run

from tinygan import explore
from tinygan.data import Dataset, image_folder
from tinygan.devices import Generator
from tinygan.images import grid, save_png
from tinygan.models import DCGAN

SHOWN = 12  # images in a row of the pictures


def data_of(options: argparse.Namespace, run: uses_run.Trained) -> tuple[Dataset, Dataset]:
    """What the nets were trained on, and the images to make holes in."""
    if (options.data is None) != (options.test is None):
        command_line.stop("--data and --test go together: the run's pictures, and others to fill")
    if options.data is None:
        fits = (run.model.options["image_size"], run.model.options["channels"]) == (28, 1)
        if run.data not in command_line.NAMED and not (options.quick and fits):
            command_line.stop(f"--run {options.run}: it was trained on the folder {run.data}; name "
                              "that by --data, and other pictures by --test")  # fmt: skip
        return uses_run.digits(options, run.data)
    shape = run.model.options["image_size"], run.model.options["channels"]
    with command_line.checking():
        return image_folder(options.data, *shape), image_folder(options.test, *shape)


def make_holes(
    options: argparse.Namespace, count: int, height: int, width: int
) -> dict[str, np.ndarray]:  # fmt: skip
    """Masks of each kind, one for each image."""
    with command_line.checking("--side: "):
        return {kind: explore.holes(kind, count, height, width, options.side, options.seed)
                for kind in options.holes}  # fmt: skip


def search(
    model: DCGAN, images: np.ndarray, hole: np.ndarray, options: argparse.Namespace
) -> dict[str, np.ndarray]:  # fmt: skip
    """What the search makes of the images, by the way in which its result is put in."""
    pool = model.latent(options.pool, Generator(options.seed + 3))
    labels = None if model.classes is None else np.arange(options.pool) % model.classes
    found = explore.search_latent(
        model.generator, model.discriminator, images, hole, pool, labels, starts=options.starts,
        steps=options.steps, lr=options.lr, prior=options.prior, window=options.window,
        fixed=model.categories,
    )  # fmt: skip
    ways = {"search, blended": found.images[0]}
    if labels is not None:
        ways["search, by vote"] = found.likeliest()
    ways["mean of the searches"] = found.mean()
    return {"search, pasted": explore.paste(images, found.images[0], hole),
            **{name: explore.poisson_blend(images, made, hole) for name, made in ways.items()}}


def main() -> None:
    parser = command_line.parser(__doc__, "runs/inpaint")
    uses_run.run_options(parser)
    add, positive = parser.add_argument, command_line.positive
    add("--data", type=command_line.folder, help="the pictures that the run was trained on")
    add("--test", type=command_line.folder, help="other pictures, to make holes in")
    add("--holes", nargs="+", choices=explore.HOLES, default=["centre", "random", "half"],
        help="(centre random half)")
    add("--side", type=positive, help="of square holes (half of the picture's)")
    add("--count", type=positive, default=300, help="images (%(default)s)")
    add("--pool", type=positive, default=20_000, help="z to choose starts from (%(default)s)")
    add("--starts", type=positive, default=16, help="searches for each image (%(default)s)")
    add("--steps", type=positive, default=60, help="of Adam in a search (%(default)s)")
    add("--lr", type=command_line.rate, default=0.05, help="Adam's rate (%(default)s)")
    add("--prior", type=command_line.number(0), default=0.003, help="its weight (%(default)s)")
    add("--window", type=positive, default=27, help="of the context's weights (%(default)s)")
    add("--epochs", type=positive, default=3, help="of the context encoder (%(default)s)")
    parser.quick(count=40, pool=500, steps=10, epochs=1)
    options = command_line.parse(parser)
    if options.window % 2 == 0 or options.starts > options.pool:
        command_line.stop("--window must be odd and --starts at most --pool, got "
                          f"{options.window}, {options.starts} and {options.pool}")  # fmt: skip
    with command_line.checking():
        kept = common.Results(options)
    if options.run is None:  # before a training
        make_holes(options, 1, 28, 28)
    run = uses_run.trained(options)
    train, test = data_of(options, run)
    images = test.batch(np.arange(min(options.count, len(test))))
    masks = make_holes(options, len(images), *images.shape[2:])
    reader = None
    if train.labels is not None and test.labels is not None:
        reader = uses_run.classifier(options, train)
    encoder = explore.train_context_encoder(
        train, options.holes, options.epochs, side=options.side, seed=options.seed,
        device=options.device, progress=print,
    )  # fmt: skip
    mean = np.broadcast_to(train.images.mean(0) / 127.5 - 1, images.shape).astype(np.float32)
    results: dict[str, dict[str, dict[str, float]]] = {}
    for kind, hole in masks.items():
        start = time.monotonic()
        filled = {"unharmed": images, "mean fill": explore.paste(images, mean, hole),
                  "context encoder": explore.paste(images, encoder.fill(images, hole), hole),
                  **search(run.model, images, hole, options)}  # fmt: skip
        rows = results[kind] = {name: {} for name in filled}
        for name, x in filled.items():
            if name != "unharmed":
                rows[name]["PSNR"] = explore.hole_psnr(images, x, hole)
            if reader is not None:
                right = reader.predict(x)[1].argmax(1) == test.require_labels()[: len(x)]
                rows[name]["read right"] = float(right.mean())
        print(f"{kind}: {len(images)} images, {(time.monotonic() - start) / 60:.1f} minutes")
        for name, numbers in rows.items():
            texts = [f"{numbers['PSNR']:6.2f} dB" if "PSNR" in numbers else " " * 9,
                     f"{100 * numbers['read right']:7.2f} %" if reader else ""]  # fmt: skip
            print(f"    {name:22}{''.join(texts)}")
        shown = [images, np.where(hole[:, None], 0, images), *list(filled.values())[1:]]
        picture = np.concatenate([x[:SHOWN] for x in shown])
        save_png(grid(picture, len(images[:SHOWN])), options.out / f"{kind}.png", zoom=2)
        kept.write(holes=results)


if __name__ == "__main__":
    command_line.start(main)
