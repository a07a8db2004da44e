"""What the scores say about real images, and what each costs: the floors of docs/metrics.md.

    python examples/score_floors.py                          all scores of 10,000 MNIST test images
    python examples/score_floors.py --only fid parzen        some of them
    python examples/score_floors.py --data pictures/ --size 64 --channels 3 --damage

Held-out real images are judged as if a generator had made them. --damage judges them blurred,
noisy and with shuffled pieces instead: a score that is worth anything gets worse. Seconds are of
CPU time, summed over threads; memory is what a score allocates beyond images and features.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import command_line
import numpy as np

from tinygan.data import Dataset, load_dataset
from tinygan.metrics import Scorer, features_for, format_scores, hold_out, nearest_neighbour_error
from tinygan.metrics.report import check_sets
from tinygan.metrics.scores import NEEDS_CLASSES, SCORES, Real, Samples


def arguments() -> argparse.Namespace:
    parser, whole = command_line.Parser(__doc__), command_line.positive
    add, names = parser.add_argument, [*SCORES, "1-NN error"]
    add("--data", type=command_line.data_source, default="mnist",
        help="mnist, fashion, synthetic or a folder")  # fmt: skip
    add("--size", type=whole, default=28, help="of a folder's pictures (%(default)s)")
    add("--channels", type=int, choices=(1, 3), default=1, help="%(default)s")
    add("--skip-unreadable", action="store_true", help="leave out damaged pictures")
    add("--count", type=whole, default=10_000, help="images judged (%(default)s)")
    add("--only", nargs="+", choices=names, metavar="SCORE", help=", ".join(names))
    add("--damage", action="store_true", help="judge damaged images instead")
    options = parser.parse_args()
    if options.data in command_line.NAMED and (options.size, options.channels) != (28, 1):
        parser.error(f"--size and --channels go with a folder; {options.data} has 28 and 1")
    if options.damage and options.only and "1-NN error" in options.only:
        parser.error("--damage: the 1-NN error judges no images; leave it out of --only")
    return options


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """(result, seconds of CPU time, MB allocated at the most) of a function."""
    tracemalloc.start()
    start = time.process_time()
    result = work()
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return result, seconds, peak / 1e6


def blurred(images: np.ndarray, times: int) -> np.ndarray:
    """Averaged `times` times with the neighbours above, below, left and right: 1 2 1 / 4."""
    for _ in range(times):
        for axis in (2, 3):
            edge = [(1, 1) if i == axis else (0, 0) for i in range(4)]
            x = np.moveaxis(np.pad(images, edge, mode="edge"), axis, 0)
            images = np.moveaxis((x[:-2] + 2 * x[1:-1] + x[2:]) / 4, 0, axis)
    return np.ascontiguousarray(images, np.float32)


def shuffled(images: np.ndarray, piece: int, rng: np.random.Generator) -> np.ndarray:
    """Cut into squares of `piece` pixels, which change places within each image."""
    n, c, rows, columns = *images.shape[:2], *(size // piece for size in images.shape[2:])
    pieces = images.reshape(n, c, rows, piece, columns, piece).transpose(0, 2, 4, 1, 3, 5)
    pieces = pieces.reshape(n, rows * columns, c * piece * piece)
    order = rng.permuted(np.tile(np.arange(rows * columns), (n, 1)), axis=1)[:, :, None]
    pieces = np.take_along_axis(pieces, order, 1).reshape(n, rows, columns, c, piece, piece)
    return np.ascontiguousarray(pieces.transpose(0, 3, 1, 4, 2, 5)).reshape(images.shape)


def print_floors(options: argparse.Namespace, train: Dataset, test: Dataset) -> None:
    net = features_for(train)
    real = Real(net, train, test, min(options.count, len(test)))
    judged, training = Samples(real.held_out_images(), net), Samples(train.batch(real.chosen), net)
    for name, score in SCORES.items():
        if name not in (options.only or SCORES) or (name in NEEDS_CLASSES and net.classes is None):
            continue
        samples = training if name == "parzen" else judged
        if name not in ("parzen", "sharpness", "training_distance"):
            samples.features, real.features  # noqa: B018 - looked at now, not while the clock runs
        numbers, seconds, megabytes = measured(lambda: score(samples, real))  # noqa: B023
        text = ", ".join(f"{k} {v:.5g}" for k, v in numbers.items() if k != "histogram")
        print(f"{name:18} {seconds:7.2f} s {megabytes:7.0f} MB  {text}", flush=True)
    if train.labels is None or test.labels is None:
        return
    if "1-NN error" in (options.only or ["1-NN error"]):
        known = train.batch(range(len(train))), train.labels
        unknown = test.batch(range(len(test))), test.labels
        error, seconds, megabytes = measured(lambda: nearest_neighbour_error(*known, *unknown))
        print(f"{'1-NN error':18} {seconds:7.2f} s {megabytes:7.0f} MB  {100 * error:.2f} %")


def print_damage(options: argparse.Namespace, train: Dataset, test: Dataset) -> None:
    names = tuple(options.only or ("fid", "kid", "sharpness"))
    scorer = Scorer(features_for(train), train, test, options.count, names)
    images, rng = test.batch(np.arange(scorer.count)), np.random.default_rng(0)
    damaged = {
        "blurred once": blurred(images, 1),
        "blurred 4 times": blurred(images, 4),
        "noise of 0.1": images + 0.1 * rng.standard_normal(images.shape, dtype=np.float32),
        "noise of 0.3": images + 0.3 * rng.standard_normal(images.shape, dtype=np.float32),
        "quarters shuffled": shuffled(images, images.shape[2] // 2, rng),
        "pixels shuffled": shuffled(images, 1, rng),
    }
    for name, changed in damaged.items():
        print(f"\n{name}\n{format_scores(scorer(changed), scorer.floor)}", flush=True)


def main() -> None:
    options = arguments()
    with command_line.checking(f"--data {options.data}: "):
        train = load_dataset(
            options.data, size=options.size, channels=options.channels,
            skip_unreadable=options.skip_unreadable,
        )  # fmt: skip
        if options.data in command_line.NAMED:
            test = load_dataset(options.data, "test")
        else:
            print(train.describe())
            train, test = hold_out(train, options.count)
        names = [name for name in options.only or SCORES if name in SCORES]
        check_sets(train, test, options.count, names)
    (print_damage if options.damage else print_floors)(options, train, test)


if __name__ == "__main__":
    command_line.start(main)
