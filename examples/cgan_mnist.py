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

import common
import numpy as np

from tinygan.creation import tensor
from tinygan.images import grid, save_png
from tinygan.models import CGAN
from tinygan.training import Settings, Trainer


def main() -> None:
    parser = common.training_parser(
        __doc__, "runs/cgan_mnist", epochs=40, batch_size=256, lr=1e-3
    )
    parser.add_argument("--label", default="hidden", help="hidden or input (%(default)s)")
    parser.add_argument("--variant", default="modern", help="modern or paper (%(default)s)")
    options = common.parse(parser)
    if options.quick:
        options.epochs = 1
    common.check_folder(options)
    model = CGAN(label=options.label, variant=options.variant)
    train, test = common.load_digits(options)
    scorer = common.scorer_for(train, test, options)
    settings = Settings(
        options.batch_size, options.lr, beta1=0.0, beta2=0.99, r1=5.0, penalty_every=4,
        decay=(options.epochs / 2, options.epochs), seed=options.seed,
    )  # fmt: skip
    trainer = Trainer(
        model, train, options.out, settings, device=options.device, evaluate=scorer,
        samples=scorer.count, report_every=5, resume=options.resume,
    )  # fmt: skip
    minutes = common.train(trainer, options)
    labels = test.require_labels()[: scorer.count]
    images = trainer.generate(trainer.evaluation_latent, tensor(labels))
    real = test.batch(np.arange(scorer.count))
    rows = {
        "label accuracy": (
            common.label_accuracy(scorer, images, labels),
            common.label_accuracy(scorer, real, labels),
        ),
    }
    common.report(images, scorer, rows, options, minutes)
    digits = tensor(np.repeat(np.arange(10), 10))
    picture = grid(trainer.generate(trainer.evaluation_latent[:100], digits), 10)
    save_png(picture, options.out / "digits.png", zoom=2)


if __name__ == "__main__":
    common.start(main)
