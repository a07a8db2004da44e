"""Trains a DCGAN on 28x28 digits and scores it.

    python examples/dcgan_mnist.py                        MNIST, about ten minutes on two cores
    python examples/dcgan_mnist.py --data synthetic       without MNIST and without a network
    python examples/dcgan_mnist.py --resume --epochs 20   go on with the run in --out
    python examples/dcgan_mnist.py --sample 100           100 digits of the trained generator

Everything goes to the folder --out: pictures, curves, log, scores, checkpoint. The defaults suit a
run of a few minutes; the paper's are --batch-size 128 --lr 2e-4, which want many more epochs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import tinygan
from tinygan.data import Dataset, DataUnavailableError, load_dataset
from tinygan.device import Generator
from tinygan.files import atomic_write
from tinygan.images import grid, save_png
from tinygan.metrics import Scorer, classifier_for, format_scores
from tinygan.models import DCGAN
from tinygan.training import Settings, Trainer, load_generator, sample


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=8, help="epochs in all (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, help="images per step (%(default)s)")
    parser.add_argument("--lr", type=float, default=1e-3, help="Adam's rate (%(default)s)")
    parser.add_argument("--data", default="mnist", help="mnist, fashion, synthetic or a folder")
    parser.add_argument("--width", type=int, default=64, help="channels of the nets (%(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/dcgan_mnist"), help="%(default)s")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--sample", type=int, metavar="N", help="only draw N samples from --out")
    parser.add_argument("--threads", type=int, help="CPU threads (all cores)")
    options = parser.parse_args()
    for name in ("epochs", "batch_size", "width", "sample", "threads"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    return options


def load_data(source: str) -> tuple[Dataset, Dataset | None]:
    """The training and the test set; the synthetic digits when MNIST cannot be had."""
    try:
        train = load_dataset(source)
    except DataUnavailableError as error:
        print(f"{str(error).splitlines()[0].rstrip(':')}; training on synthetic digits instead")
        source, train = "synthetic", load_dataset("synthetic")
    return train, load_dataset(source, "test") if train.labels is not None else None


def draw_samples(model: DCGAN, options: argparse.Namespace) -> None:
    """Writes a picture of samples of the trained (averaged) generator."""
    load_generator(options.out / "checkpoint.npz", model.generator)
    latent = model.latent(options.sample, Generator(options.seed + 2))
    path = options.out / f"sample_{options.sample}_seed_{options.seed}.png"
    save_png(grid(sample(model.generator, latent)), path, zoom=2)
    print(f"wrote {path}")


def main() -> None:
    options = arguments()
    if options.threads:
        tinygan.set_num_threads(options.threads)
    tinygan.manual_seed(options.seed)
    model = DCGAN(image_size=28, channels=1, width=options.width)
    if options.sample:
        draw_samples(model, options)
        return
    start = time.monotonic()
    train, test = load_data(options.data)
    scorer = None
    if test is not None:
        scorer = Scorer(classifier_for(train, options.device, print), train, test)
    else:
        print(f"{train.name} has no labels: no classifier, and so no scores")
    print(f"generator {model.generator}\ndiscriminator {model.discriminator}")
    trainer = Trainer(
        model, train, options.out, Settings(options.batch_size, options.lr, seed=options.seed),
        device=options.device, evaluate=scorer, resume=options.resume,
    )  # fmt: skip
    if not trainer.train(options.epochs):
        print(f"stopped and saved; go on with: --resume --out {options.out}")
        return
    minutes = (time.monotonic() - start) / 60
    print(f"{options.epochs} epochs; {minutes:.1f} minutes; pictures and log in {options.out}")
    if scorer is not None:
        scores = scorer(trainer.generate(trainer.evaluation_latent))
        with atomic_write(options.out / "scores.json", "w") as file:
            json.dump({"generated": scores, "real": scorer.floor, "minutes": minutes}, file)
        accuracy = scorer.classifier.accuracy(test) if test is not None else np.nan
        print(f"classifier: {100 * accuracy:.2f} % right on the test set")
        print(format_scores(scores, scorer.floor))


if __name__ == "__main__":
    main()
