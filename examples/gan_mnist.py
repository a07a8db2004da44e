"""Trains the first GAN, two fully connected nets, on MNIST: its Parzen likelihood and other scores.

    python examples/gan_mnist.py                      LeakyReLU, batch norm in G, tanh
    python examples/gan_mnist.py --variant paper      the paper's nets: maxout and dropout
    python examples/gan_mnist.py --quick

Goodfellow 2014 (arXiv:1406.2661) reports a log-likelihood of 225 +- 2 nats by a Parzen window over
10,000 samples. That score likes smooth images and says little about how they look: see
docs/metrics.md, and the other scores that are printed beside it. Both variants are trained by Adam
with an R1 penalty on D, and a rate that falls to zero in the second half.
"""

from __future__ import annotations

import command_line
import common

from tinygan.models import GAN
from tinygan.models.gan import VARIANTS
from tinygan.training import Settings


def main() -> None:
    parser = command_line.training_parser(
        __doc__, "runs/gan_mnist", epochs=40, batch_size=256, lr=1e-3
    )
    command_line.run_options(parser)
    parser.add_argument("--variant", choices=VARIANTS, default="modern", help="%(default)s")
    parser.quick(epochs=1)
    options = command_line.parse(parser)
    with command_line.checking():
        model = GAN(variant=options.variant)
        train, test = common.load_digits(options)
        settings = Settings(
            options.batch_size, options.lr, beta1=0.0, beta2=0.99, r1=5.0, penalty_every=4,
            decay=(options.epochs / 2, options.epochs), seed=options.seed,
        )  # fmt: skip
        trainer = common.make_trainer(
            model, train, settings, options, (train, test), report_every=5
        )
    scorer = trainer.evaluate = common.scorer_for(train, test, options)
    minutes = common.train(trainer, options)
    common.report(trainer.evaluation_samples(), scorer, {}, options, minutes)


if __name__ == "__main__":
    command_line.start(main)
