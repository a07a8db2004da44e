"""Minutes of training until generated digits are as good as a multiple of real ones' own distance.

    python examples/time_to_quality.py                               tinygan, seeds 0, 1 and 2
    python examples/time_to_quality.py --libraries tinygan torch     in turns (pip install torch)
    python examples/time_to_quality.py --score samples.npy           how good other digits are
    python examples/time_to_quality.py --quick

The nets, the recipe and the order of the images are those of dcgan_mnist.py in both libraries. Each
run is a process of its own; the clock stands still while samples are scored. Results go to --out
after each run, and runs that are there are not made again. docs/time-to-quality.md has the rules.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import command_line
import common
import numpy as np
from benchmark_nets import KEPT
from benchmark_worker import THREAD_VARIABLES

import tinygan
from tinygan.data import BatchSampler, Dataset, load_dataset, synthetic_digits
from tinygan.metrics import Scorer, classifier_for
from tinygan.models import DCGAN
from tinygan.training import LatentGame, Settings

PASSED = ("epochs", "width", "batch_size", "lr", "recipe", "checks")  # options, to each run
GOALS = (5, 3)  # multiples of the floor


def data_of(options: argparse.Namespace) -> tuple[Dataset, Dataset]:
    if options.quick:
        return synthetic_digits(1000, 0), synthetic_digits(500, 1)
    return load_dataset("mnist"), load_dataset("mnist", "test")


class TinyganDigits:
    """Both nets in training; `TorchDigits` is its like."""

    def __init__(self, options: argparse.Namespace, settings: Settings, train: Dataset, count: int):
        tinygan.manual_seed(settings.seed)
        model = DCGAN(width=options.width, batch_norm_d=False, categories=30)
        self.game, self.steps = LatentGame(model, train, settings, "cpu", count), 0
        steps_per_epoch = len(train) // settings.batch_size
        self.schedules = [settings.schedule(optimizer, steps_per_epoch)
                          for optimizer in self.game.optimizers.values()]  # fmt: skip

    def step(self, indices: np.ndarray) -> None:
        self.game.step(indices, self.steps)
        self.steps += 1
        for schedule in self.schedules:
            schedule.step()

    def images(self) -> np.ndarray:
        return self.game.samples()


def worker(options: argparse.Namespace) -> None:
    """One run: a line of JSON for each score."""
    train, test = data_of(options)
    scorer = Scorer(classifier_for(train), train, test, scores=("fid", "classes"))
    settings = common.digits_settings(options)
    sampler = BatchSampler(len(train), settings.batch_size, settings.seed)
    digits: Any
    if options.worker == "tinygan":
        digits, step = (made := TinyganDigits(options, settings, train, scorer.count)), made.step
    else:
        import torch
        from torch_digits import TorchDigits

        if options.threads:
            torch.set_num_threads(options.threads)
        digits = TorchDigits(options.width, settings, len(sampler), scorer.count)
        step = lambda indices: digits.step(train.batch(indices))  # noqa: E731
    every, seconds = max(len(sampler) // options.checks, 1), 0.0
    print(json.dumps({"floor": scorer.floor["fid"]}), flush=True)
    for epoch in range(options.epochs):
        start = time.monotonic()
        for number, indices in enumerate(sampler, 1):
            step(indices)
            if number % every == 0:
                seconds += time.monotonic() - start
                scores = scorer(digits.images())
                print(json.dumps({
                    "epoch": round(epoch + number / len(sampler), 3), "minutes": seconds / 60,
                    "fid": scores["fid"], "kl": scores["kl"],
                }), flush=True)  # fmt: skip
                start = time.monotonic()


def lines_of(library: str, seed: int, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What a run says, as it says it."""
    command = [sys.executable, __file__, "--worker", library, "--seed", str(seed)]
    for name in (*PASSED, "threads"):
        value = getattr(options, name)
        if value is not None:
            command += ["--" + name.replace("_", "-"), str(value)]
    command += ["--quick"] * options.quick + ["--constant-rate"] * options.constant_rate
    environment = os.environ | (KEPT if library == "torch" else {})
    if options.threads:
        environment = environment | dict.fromkeys(THREAD_VARIABLES, str(options.threads))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                yield json.loads(line)
        except BaseException:  # Ctrl-C, or this process is to end
            process.terminate()
            raise
    if process.returncode:
        raise SystemExit(f"the run of {library} with seed {seed} ended with {process.returncode}")


def minutes_to(scores: list[dict[str, Any]], limit: float) -> float | None:
    """When a FID was at most `limit` for the first time; None when it never was."""
    return next((one["minutes"] for one in scores if one["fid"] <= limit), None)


def table(results: dict[str, Any]) -> str:
    """Each run's minutes, and each library's median."""
    floor, lines = results["floor"], []
    goals = "".join(f"{f'<= {goal} floors':>14}" for goal in GOALS)
    lines.append(f"{'library':10}{'seed':>5}{goals}{'best FID':>10}{'minutes':>9}")
    for library in dict.fromkeys(run["library"] for run in results["runs"]):
        runs = [run for run in results["runs"] if run["library"] == library]
        found = [[minutes_to(run["scores"], goal * floor) for goal in GOALS] for run in runs]
        for run, reached in zip(runs, found, strict=True):
            best = min(one["fid"] for one in run["scores"])
            lines.append(f"{library:10}{run['seed']:>5}" + "".join(map(_cell, reached))
                         + f"{best:>10.3f}{run['scores'][-1]['minutes']:>9.2f}")  # fmt: skip
        medians = [None if None in column else statistics.median(column)
                   for column in zip(*found, strict=True)]  # fmt: skip
        lines.append(f"{library:10}{'all':>5}" + "".join(map(_cell, medians)))
    return "\n".join(lines)


def _cell(minutes: float | None) -> str:
    return f"{'never':>14}" if minutes is None else f"{minutes:>14.2f}"


def score(options: argparse.Namespace) -> None:
    """The FID of images in a file, in floors."""
    with command_line.checking(f"--score {options.score}: "):
        images = np.load(options.score, allow_pickle=False)
        if not isinstance(images, np.ndarray) or images.dtype != np.float32:
            kind = getattr(images, "dtype", "an archive of several arrays")
            raise ValueError(f"must be one array of float32, got {kind}")
        train, test = data_of(options)
        classifier = classifier_for(train, progress=print)
        scorer = Scorer(classifier, train, test, scores=("fid", "classes"))
        found = scorer(images)
    floor = scorer.floor["fid"]
    print(f"FID {found['fid']:.3f}, {found['fid'] / floor:.2f} floors of {floor:.3f}; "
          f"KL to uniform {found['kl']:.4f}")  # fmt: skip


def main() -> None:
    parser = command_line.parser(__doc__, "runs/time_to_quality")
    add = parser.add_argument
    add("--libraries", nargs="+", choices=("tinygan", "torch"), default=["tinygan"],
        help="in turns (tinygan)")  # fmt: skip
    add("--seeds", type=command_line.positive, default=3, help="from --seed on (%(default)s)")
    add("--checks", type=command_line.positive, default=2, help="scores an epoch (%(default)s)")
    add("--score", type=Path, metavar="FILE",
        help="only score images, float32 (n, 1, 28, 28) in [-1, 1], of a .npy file")  # fmt: skip
    add("--worker", choices=("tinygan", "torch"), help=argparse.SUPPRESS)
    common.digits_options(parser)
    parser.quick(epochs=2, width=8, seeds=1, checks=1)
    options = command_line.parse(parser)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a run in progress ends with this
    if options.worker:
        worker(options)
        return
    if options.score is not None:
        score(options)
        return
    with command_line.checking():
        if "torch" in options.libraries:
            tinygan.packages.require("it", "torch")
        results = common.Results(options, [*PASSED, "threads", "constant_rate", "quick"])
        runs = results.found.setdefault("runs", [])
        train, _ = data_of(options)
        if len(train) < options.batch_size:
            parser.error(f"--batch-size: must be at most {len(train)}, got {options.batch_size}")
        classifier_for(train, progress=print)  # is kept: no run has to wait for it
    done = {(run["library"], run["seed"]) for run in runs}
    for seed in range(options.seed, options.seed + options.seeds):
        for library in options.libraries:
            if (library, seed) in done:
                continue
            done.add((library, seed))
            first, *scores = _shown(library, seed, options)
            results.found["floor"] = first["floor"]
            runs.append({"library": library, "seed": seed, "scores": scores})
            results.write(floor=first["floor"], runs=runs)
    print(table(results.found))


def _shown(library: str, seed: int, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for line in lines_of(library, seed, options):
        if "fid" in line:
            print(f"{library}, seed {seed}, epoch {line['epoch']:g}: "
                  f"{line['minutes']:.2f} minutes, FID {line['fid']:.3f}", flush=True)  # fmt: skip
        yield line


if __name__ == "__main__":
    command_line.start(main)
