"""Counts the modes that a GAN finds: on a ring of 8, a grid of 25, or 1,000 stacked digits.

    python examples/mode_coverage.py --data ring             minutes on one core
    python examples/mode_coverage.py --data grid --pack 2    D judges two points at a time
    python examples/mode_coverage.py --data grid --recipe published --epochs 20
    python examples/mode_coverage.py --data stacked --pack 2    hours; --resume goes on

The recipe "published" is PacGAN's (Lin 2018, arXiv:1712.04086, section 4), whose 400 epochs of
points take hours; "best" is ours, and "relativistic" it with R3GAN's loss and penalties (Huang
2024, arXiv:2501.05441). docs/mode-collapse.md tells what came out.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

import command_line
import common
import mode_coverage_parts as parts
import numpy as np

import tinygan
from tinygan.data import stacked_digits
from tinygan.functional import gan_loss
from tinygan.metrics import classifier_for
from tinygan.models import DCGAN, MixtureGAN
from tinygan.optim import Adam, ExponentialMovingAverage, LinearLR
from tinygan.training import gan_step, pack, sample


def train_points(options: argparse.Namespace, seed: int) -> dict:
    """One run on points: its samples and their scores."""
    recipe, mixture = parts.RECIPES[options.recipe], parts.MIXTURES[options.data]
    if options.r1 is not None:
        recipe = recipe._replace(r1=options.r1, r2=options.r1 if recipe.r2 else 0.0)
    scale = np.float32(recipe.reach / mixture.means.max() if recipe.reach else 1.0)
    tinygan.manual_seed(seed)
    rng = np.random.default_rng(seed)
    points = mixture.sample(parts.POINTS, rng) * scale
    nets_of = "published" if options.recipe == "published" else "best"
    model, loss = MixtureGAN(nets_of, options.pack), gan_loss(recipe.loss)
    nets = model.generator.to(options.device), model.discriminator.to(options.device)
    adam_g, adam_d = (Adam(net.parameters(), recipe.lr, recipe.betas) for net in nets)
    average = ExponentialMovingAverage(model.generator, recipe.average)
    steps = 20 if options.quick else options.epochs * parts.POINTS // recipe.batch
    schedules = [LinearLR(adam, 1.0, 0.0, steps - steps // 2, begin=steps // 2)
                 for adam in (adam_g, adam_d) if recipe.decay]  # fmt: skip
    latent = model.latent(2_500, tinygan.Generator(seed + 1))
    start, transform = time.perf_counter(), partial(pack, count=options.pack)
    for step in range(1, steps + 1):
        chosen = points[rng.integers(parts.POINTS, size=recipe.batch * options.pack)]
        real = tinygan.tensor(chosen, device=options.device)
        gan_step(*nets, adam_g, adam_d, loss, real, model.latent(len(real)).to(options.device),
                 transform=transform, penalty=recipe.penalty(step))  # fmt: skip
        average.update()
        for schedule in schedules:
            schedule.step()
        if step in {steps * tenth // 10 for tenth in range(1, 11)}:
            samples = sample(average.module, latent) / scale
            scores = parts.point_scores(samples, mixture)
            scores["ms/step"] = (time.perf_counter() - start) / step * 1e3
            print(f"seed {seed}, step {step}/{steps}: {scores['modes']} modes, "
                  f"{100 * scores['high quality']:.1f} % of high quality, KL {scores['KL']:.3f}, "
                  f"{scores['ms/step']:.1f} ms/step", flush=True)  # fmt: skip
    return {**scores, "seed": seed, "steps": steps, "samples": samples}


def points(options: argparse.Namespace) -> None:
    """All runs, with a table, a picture and results.json."""
    mixture, runs = parts.MIXTURES[options.data], []
    with command_line.checking():
        results = common.Results(options)
    real = parts.point_scores(mixture.sample(2_500, np.random.default_rng(options.seed)), mixture)
    for seed in range(options.seed, options.seed + options.seeds):
        runs.append(train_points(options, seed))
        kept = [{k: v for k, v in run.items() if k != "samples"} for run in runs]
        results.write(real=real, runs=kept)
        parts.plot_points(runs, mixture, options.out / "samples.png")
    print(parts.table(runs, real, parts.PUBLISHED.get((options.data, options.pack), {})))


def stacked(options: argparse.Namespace) -> None:
    """Digits go through the Trainer, which can be resumed."""
    with command_line.checking():
        results = common.Results(options, ["data", "recipe", "pack", "width", "seed", "quick"])
        digits, _ = common.load_digits(argparse.Namespace(data="mnist", quick=options.quick))
        data = stacked_digits(digits, 640 if options.quick else 128_000)
        width, count = (4, 200) if options.quick else (options.width, 26_000)
        settings = parts.stacked_settings(options.recipe, options.pack, options.seed)
        if settings.batch_size > len(data):
            command_line.stop(f"--pack {options.pack}: a step takes {settings.batch_size} images; "
                              f"there are {len(data)}")  # fmt: skip
        model = DCGAN(28, 3, width, pack=options.pack, batch_norm_d=not settings.r1)
        trainer = common.make_trainer(model, data, settings, options, samples=count)
    classifier = classifier_for(digits, options.device, print)
    evaluate = trainer.evaluate = partial(parts.modes_of_digits, classifier=classifier)
    minutes = common.train(trainer, options)
    scores, real = evaluate(trainer.evaluation_samples()), evaluate(data.batch(np.arange(count)))
    print(f"of {count} images: generated {scores}, real {real}")
    results.write(generated=scores, real=real, minutes=minutes)


def main() -> None:
    parser = command_line.parser(__doc__, None)
    add, whole = parser.add_argument, command_line.positive
    add("--data", default="ring", choices=["ring", "grid", "stacked"], help="%(default)s")
    add("--recipe", default="best", choices=list(parts.RECIPES), help="%(default)s")
    add("--pack", type=whole, default=1, help="samples that D judges together (%(default)s)")
    add("--r1", type=command_line.number(0), help="of points, the penalty's weight (the recipe's)")
    add("--epochs", type=whole, help="of 100,000 packs of points or 128,000 images of digits")
    add("--seeds", type=whole, default=1, help="runs, of points, from --seed on (%(default)s)")
    add("--width", type=whole, help="of the digits' nets (48)")
    add("--resume", action="store_true", help="go on with the run of digits in --out")
    options = command_line.parse(parser)
    if options.data == "stacked" and (options.r1 is not None or options.seeds > 1):
        parser.error("--r1 and --seeds go with points: --data ring or grid")
    if options.data != "stacked" and options.resume:
        parser.error("--resume goes with --data stacked; runs of points take minutes")
    if options.data != "stacked" and options.width is not None:
        parser.error("--width goes with --data stacked")
    options.width = options.width or 48
    name = f"{options.data}_{options.recipe}_pack{options.pack}"
    options.out = options.out or Path("runs/mode_coverage") / name
    command_line.check_folder(options)
    default = 10 if options.data == "stacked" else parts.RECIPES[options.recipe].epochs
    options.epochs = 1 if options.quick else options.epochs or default
    stacked(options) if options.data == "stacked" else points(options)


if __name__ == "__main__":
    command_line.start(main)
