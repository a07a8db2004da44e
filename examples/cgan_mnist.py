"""Trains a CGAN on MNIST: digits on demand, with the label given in one of two ways.

    python examples/cgan_mnist.py --label hidden    through a hidden layer of its own, as published
    python examples/cgan_mnist.py --label input     one-hot, beside what the nets take
    python examples/cgan_mnist.py --quick

Everything else is the same in both runs. The scores answer what the two ways differ in: how often a
classifier reads the digit that was asked for, how noisy the images are (total variation) and how
sharp (variance of the Laplacian), and the Parzen log-likelihood, for which Mirza 2014
(arXiv:1411.1784) reports 132 +- 1.8. The picture has one row for each digit.
"""

from __future__ import annotations

import command_line
import common
import numpy as np

from tinygan.creation import tensor
from tinygan.devices import Generator
from tinygan.images import grid, save_png
from tinygan.models import CGAN
from tinygan.models.gan import VARIANTS
from tinygan.training import Settings


def main() -> None:
    parser = command_line.training_parser(
        __doc__, "runs/cgan_mnist", epochs=40, batch_size=256, lr=1e-3
    )
    command_line.run_options(parser)
    add = parser.add_argument
    add("--label", choices=("hidden", "input"), default="hidden", help="%(default)s")
    add("--variant", choices=VARIANTS, default="modern", help="%(default)s")
    parser.quick(epochs=1)
    options = command_line.parse(parser)
    with command_line.checking():
        train, test = common.load_digits(options)
        classes = common.classes_of(train, test)
        model = CGAN(classes, options.label, options.variant)
        settings = Settings(
            options.batch_size, options.lr, beta1=0.0, beta2=0.99, r1=5.0, penalty_every=4,
            decay=(options.epochs / 2, options.epochs), seed=options.seed,
        )  # fmt: skip
        trainer = common.make_trainer(
            model, train, settings, options, (train, test), report_every=5
        )
    scorer = trainer.evaluate = common.scorer_for(train, test, options)
    minutes = common.train(trainer, options)
    labels = test.require_labels()[: scorer.count]
    images = trainer.generate(trainer.game.evaluation_latent, tensor(labels))
    real = test.batch(np.arange(scorer.count))
    rows = {
        "label accuracy": (
            common.label_accuracy(scorer, images, labels),
            common.label_accuracy(scorer, real, labels),
        ),
    }
    common.report(images, scorer, rows, options, minutes)
    digits = tensor(np.repeat(np.arange(classes), 10))
    latent = model.latent(len(digits), Generator(options.seed + 2))
    picture = grid(trainer.generate(latent, digits), 10)
    save_png(picture, options.out / "digits.png", zoom=2)


if __name__ == "__main__":
    command_line.start(main)
