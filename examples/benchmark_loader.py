"""An epoch of MNIST through a DataLoader, beside torchvision where it is installed.

    python examples/benchmark_loader.py                    ToTensor and Normalize, batches of 64
    python examples/benchmark_loader.py --data synthetic   drawn digits, where there is no MNIST

Both libraries read the same files and take turns; each time is a median over --epochs epochs, in
one process. The first batches are compared before: they must be equal in every bit.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import command_line
import numpy as np

from tinygan.data import Dataset, load_dataset
from tinygan.utils.data import DataLoader
from tinygan.vision import datasets, transforms


def arguments() -> argparse.Namespace:
    parser, whole = command_line.Parser(__doc__), command_line.positive
    add = parser.add_argument
    add("--data", choices=command_line.NAMED, default="mnist", help="(%(default)s)")
    add("--batch-size", type=whole, default=64, help="(%(default)s)")
    add("--epochs", type=whole, default=5, help="timed of each (%(default)s)")
    return parser.parse_args()


def write_files(images: Dataset, prefix: str, root: str) -> None:
    """Files of MNIST, where both libraries look for them."""
    raw = Path(root) / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, array in (("images-idx3", images.images[:, 0]), ("labels-idx1", images.labels)):
        values = np.asarray(array).astype(np.uint8)
        header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
        (raw / f"{prefix}-{name}-ubyte").write_bytes(header + values.tobytes())


def loader(sets: ModuleType, changes: ModuleType, loaders: Any, root: str, batch: int) -> Iterable:
    chain = changes.Compose([changes.ToTensor(), changes.Normalize((0.5,), (0.5,))])
    return loaders(sets.MNIST(root, transform=chain), batch_size=batch, shuffle=False)


def seconds(epoch: Iterable) -> float:
    start = time.perf_counter()
    for _ in epoch:
        pass
    return time.perf_counter() - start


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as root:
        for split, prefix in (("train", "train"), ("test", "t10k")):  # torchvision wants both
            with command_line.checking(f"--data {options.data}: "):
                images = load_dataset(options.data, split)
            write_files(images, prefix, root)
        contenders = {"tinygan": loader(datasets, transforms, DataLoader, root, options.batch_size)}
        try:
            import torch
            import torchvision
        except ImportError:
            print("torchvision is not installed: tinygan alone")
        else:
            contenders["torchvision"] = loader(
                torchvision.datasets, torchvision.transforms, torch.utils.data.DataLoader, root,
                options.batch_size,
            )  # fmt: skip
            for ours, theirs in itertools.islice(zip(*contenders.values(), strict=True), 20):
                for mine, other in zip(ours, theirs, strict=True):
                    if not np.array_equal(mine.numpy(), other.numpy()):
                        raise SystemExit("the batches differ")
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(options.epochs):
            for name, epoch in contenders.items():
                times[name].append(seconds(epoch))
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    for name, taken in times.items():
        print(f"{name:12}{medians[name]:8.3f} s   ({min(taken):.3f} to {max(taken):.3f})")
    if len(medians) == 2:
        print(f"ratio       {medians['torchvision'] / medians['tinygan']:8.1f}")


if __name__ == "__main__":
    command_line.start(main)
