"""Trains a DCGAN on 28x28 digits and scores it.

    python examples/dcgan_mnist.py                        MNIST, eleven minutes on two cores
    python examples/dcgan_mnist.py --data synthetic       without MNIST and without a network
    python examples/dcgan_mnist.py --resume              go on with the run in --out
    python examples/dcgan_mnist.py --sample 100           100 digits of the trained generator
    python examples/dcgan_mnist.py --quick                half a minute on synthetic digits

Everything goes to the folder --out: pictures, curves, log, scores, checkpoint. The nets are the
paper's (Radford 2015, arXiv:1511.06434) but for 30 categories in z, and for D's batch norm, in
whose place two penalties keep D in check; the loss compares real and generated images (R3GAN:
Huang 2024, arXiv:2501.05441). Others: --recipe r1 --lr 5e-4, and the paper's own, --recipe paper
--batch-size 128 --lr 2e-4.
"""

from __future__ import annotations

import command_line
import common

from tinygan.models import DCGAN
from tinygan.training import Settings


def main() -> None:
    parser = command_line.training_parser(
        __doc__, "runs/dcgan_mnist", epochs=8, batch_size=64, lr=1e-3
    )
    command_line.dcgan_options(parser, width=48, recipe="relativistic")
    common.constant_rate_option(parser)
    parser.quick(epochs=20, width=16, lr=2e-3, constant_rate=True)
    options = command_line.parse(parser)
    if options.sample:
        common.draw_samples(options)
        return
    paper = options.recipe == "paper"  # beyond it: 30 categories in z, no batch norm in D
    with command_line.checking():
        model = DCGAN(width=options.width, batch_norm_d=paper, categories=0 if paper else 30)
        train, test = common.load_data(options)
        falls = not (paper or options.constant_rate)
        settings = Settings(
            options.batch_size, options.lr, seed=options.seed,
            decay=(options.epochs / 2, options.epochs) if falls else None,
            **command_line.RECIPES[options.recipe],
        )  # fmt: skip
        trainer = common.make_trainer(
            model, train, settings, options, None if test is None else (train, test),
            report_every=10 if options.quick else 1,
        )  # fmt: skip
    scorer = None
    if test is not None:
        scorer = trainer.evaluate = common.scorer_for(train, test, options)
    else:
        print(f"{train.name} has no labels: no classifier, and so no scores")
    minutes = common.train(trainer, options)
    if scorer is not None:
        common.report(trainer.evaluation_samples(), scorer, {}, options, minutes)


if __name__ == "__main__":
    command_line.start(main)
