"""Trains a DCGAN on 28x28 digits and scores it.

    python examples/dcgan_mnist.py                        MNIST, about ten minutes on two cores
    python examples/dcgan_mnist.py --data synthetic       without MNIST and without a network
    python examples/dcgan_mnist.py --resume --epochs 20   go on with the run in --out
    python examples/dcgan_mnist.py --sample 100           100 digits of the trained generator
    python examples/dcgan_mnist.py --quick                a tiny run on synthetic digits

Everything goes to the folder --out: pictures, curves, log, scores, checkpoint. The nets are the
paper's (Radford 2015, arXiv:1511.06434) but for D's batch norm, in whose place an R1 penalty keeps
D in check; so a rate ten times the paper's can be used. The paper's own recipe is
--paper --batch-size 128 --lr 2e-4. With --decay the rate falls to zero at the end, which makes
the last samples better, but such a run cannot go on beyond its epochs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import common

from tinygan.device import Generator
from tinygan.images import grid, save_png
from tinygan.models import DCGAN
from tinygan.training import Settings, Trainer, load_generator, sample


def draw_samples(model: DCGAN, options: argparse.Namespace) -> None:
    """Writes a picture of samples of the trained (averaged) generator."""
    load_generator(options.out / "checkpoint.npz", model.generator)
    latent = model.latent(options.sample, Generator(options.seed + 2))
    path = options.out / f"sample_{options.sample}_seed_{options.seed}.png"
    save_png(grid(sample(model.generator, latent)), path, zoom=2)
    print(f"wrote {path}")


def main() -> None:
    parser = common.training_parser(
        __doc__, "runs/dcgan_mnist", epochs=8, batch_size=64, lr=2e-3
    )
    parser.add_argument("--width", type=int, default=64, help="channels of the nets (%(default)s)")
    parser.add_argument("--decay", type=int, metavar="E", help="from epoch E the rate falls to 0")
    parser.add_argument("--paper", action="store_true", help="batch norm in D instead of R1")
    parser.add_argument("--sample", type=int, metavar="N", help="only draw N samples from --out")
    options = common.parse(parser)
    if options.quick:
        options.epochs, options.width = 1, 4
    model = DCGAN(width=options.width, batch_norm_d=options.paper)
    if options.sample:
        draw_samples(model, options)
        return
    train, test = common.load_data(options)
    scorer = None
    if test is not None:
        scorer = common.scorer_for(train, test, options)
    else:
        print(f"{train.name} has no labels: no classifier, and so no scores")
    decay = None if options.decay is None else (options.decay, options.epochs)
    settings = Settings(options.batch_size, options.lr, decay=decay, seed=options.seed)
    if not options.paper:
        settings = replace(settings, beta1=0.0, beta2=0.99, r1=1.0, penalty_every=8)
    trainer = Trainer(
        model, train, options.out, settings, device=options.device, evaluate=scorer,
        samples=scorer.count if scorer else 10_000, resume=options.resume,
    )  # fmt: skip
    minutes = common.train(trainer, options)
    if scorer is not None:
        common.report(trainer.evaluation_samples(), scorer, {}, options, minutes)


if __name__ == "__main__":
    main()
