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

import numpy as np

from tinygan.data import Dataset, load_dataset
from tinygan.metrics import Scorer, features_for, format_scores, hold_out, nearest_neighbour_error
from tinygan.metrics.scores import NEEDS_CLASSES, SCORES, Real, Samples


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="mnist", help="mnist, fashion, synthetic or a folder")
    parser.add_argument("--size", type=int, default=28, help="of a folder's pictures (%(default)s)")
    parser.add_argument("--channels", type=int, default=1, help="1 or 3 (%(default)s)")
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out damaged pictures")
    parser.add_argument("--count", type=int, default=10_000, help="images judged (%(default)s)")
    names = [*SCORES, "1-NN error"]
    parser.add_argument("--only", nargs="+", choices=names, metavar="SCORE", help=", ".join(names))
    parser.add_argument("--damage", action="store_true", help="judge damaged images too")
    return parser.parse_args()


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
    train = load_dataset(
        options.data, size=options.size, channels=options.channels,
        skip_unreadable=options.skip_unreadable,
    )  # fmt: skip
    if options.data in ("mnist", "fashion", "synthetic"):
        test = load_dataset(options.data, "test")
    else:
        print(train.describe())
        train, test = hold_out(train, options.count)
    (print_damage if options.damage else print_floors)(options, train, test)


if __name__ == "__main__":
    main()
