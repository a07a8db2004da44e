"""DeLiGAN on 500 digits, beside the same GAN without the mixture and without the regulariser.

    python examples/deligan_mnist.py                   all three, 4,000 epochs of ten steps each
    python examples/deligan_mnist.py --only DeLiGAN
    python examples/deligan_mnist.py --epochs 1000 --augment --sigma-weight 10
    python examples/deligan_mnist.py --epochs 1000 --r1 1      a D that is kept from memorising
    python examples/deligan_mnist.py --quick

Gurumurthy 2017 (arXiv:1706.02071), section 5.3: 50 images of each class are all that the nets see.
The table compares samples with the whole of MNIST, as a classifier sees it: the modified inception
score counts how different the samples of one class are; the distance to the nearest of the 500
images shows a generator that only repeats them (real test images stand beside it). Finished rows
are kept in results.json; a run that was stopped goes on from its last checkpoint.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import command_line
import common
import numpy as np

import tinygan
from tinygan.data import Dataset
from tinygan.metrics import Scorer, nearest_neighbours
from tinygan.metrics.scores import CHEAP
from tinygan.models import DeLiGAN, mnist_500_model
from tinygan.training import Settings, Trainer

MODELS = ("DeLiGAN", "without mixture", "without regulariser")
PER_CLASS = 50


def few_per_class(data: Dataset) -> Dataset:
    """The first images of each class."""
    labels = data.require_labels()
    chosen = [np.flatnonzero(labels == label)[:PER_CLASS] for label in np.unique(labels)]
    indices = np.concatenate(chosen)
    return Dataset(data.images[indices], labels[indices], f"{data.name}-{len(indices)}")


def scores(images: np.ndarray, few: Dataset, scorer: Scorer) -> dict[str, Any]:
    """What the table has of images, generated or real."""
    found, known = scorer(images), few.batch(np.arange(len(few)))
    return {
        "m-IS": found["m_is"],
        "FID": found["fid"],
        "neighbour": float(nearest_neighbours(images[:2000], known).distances.mean()),
    }


def run(name: str, options, few: Dataset, scorer: Scorer) -> dict[str, Any]:
    """Trains a model, or goes on with it, and returns its row of the table."""
    tinygan.manual_seed(options.seed)
    out = options.out / name.replace(" ", "_")
    model = mnist_500_model(mixture=name != "without mixture", alone=options.r1 > 0)
    pull = None
    if isinstance(model, DeLiGAN) and name != "without regulariser":
        pull = partial(model.sigma_regulariser, options.sigma_weight)
    settings = Settings(
        options.batch_size, options.lr, decay=(options.epochs / 4, options.epochs),
        augment=("translation",) if options.augment else (), seed=options.seed,
        r1=options.r1, r2=options.r1, penalty_every=4,
        loss="relativistic" if options.r1 else "non-saturating",
    )  # fmt: skip
    with command_line.checking():
        trainer = Trainer(
            model, few, out, settings, device=options.device, samples=scorer.count,
            regulariser=pull, report_every=max(1, options.epochs // 20),
            resume=(out / "checkpoint.npz").exists(),
        )  # fmt: skip
    if not trainer.train(options.epochs):
        raise SystemExit("stopped and saved; the same command goes on")
    row = scores(trainer.evaluation_samples(), few, scorer)
    if isinstance(model, DeLiGAN):
        row["mean |sigma|"] = model.mixture.sigma.abs().mean().item()
    return row


def main() -> None:
    parser = command_line.training_parser(
        __doc__, "runs/deligan_mnist", epochs=4000, batch_size=50, lr=5e-4
    )
    add = parser.add_argument
    add("--only", choices=MODELS, help="one row of the table")
    add("--augment", action="store_true", help="D sees all images moved at random")
    add("--r1", type=command_line.number(0), default=0.0,
        help="of penalties at real and made images, with a relativistic loss and a D that "
        "judges each image alone (0)")  # fmt: skip
    add("--sigma-weight", type=command_line.number(0), default=1 / 3,
        help="of the mean of (sigma - 1)^2 (1/3)")  # fmt: skip
    parser.quick(epochs=2)
    options = command_line.parse(parser)
    with command_line.checking():
        results = common.Results(options)
        rows = results.found.get("rows", {})
        train, test = common.load_digits(options)
        few = few_per_class(train)
        common.check_counts(few, options.batch_size, options, (train, test), CHEAP)
    scorer = common.scorer_for(train, test, options)
    rows["real"] = scores(test.batch(np.arange(scorer.count)), few, scorer)
    for name in [options.only] if options.only else MODELS:
        if name not in rows:
            rows[name] = run(name, options, few, scorer)
            results.write(rows=rows)
    columns = ("m-IS", "FID", "neighbour", "mean |sigma|")
    print(f"{'':22}" + "".join(f"{column:>14}" for column in columns))
    for name, row in rows.items():
        cells = [f"{row[c]:14.3f}" if c in row else f"{'-':>14}" for c in columns]
        print(f"{name:22}" + "".join(cells))


if __name__ == "__main__":
    command_line.start(main)
