"""Makes a labelled data set of generated digits and asks what it is good for: docs/make-dataset.md.

    python examples/make_dataset.py                        60,000 digits as PNG, a folder a class
    python examples/make_dataset.py --format idx           as MNIST's own files
    python examples/make_dataset.py --filter               without those that read as another class
    python examples/make_dataset.py --quick                of a tiny net, trained now

The digits are those of the run in --run, which examples/dcgan_conditional_mnist.py makes; without
one, a smaller net is trained first (ten minutes on two cores). They go to the folder `dataset` in
--out, all of them or none, and are the same for the same run and --seed.

Two numbers (Shmelkov 2018, arXiv:1807.09499): GAN-train is the accuracy on real test images of a
classifier that was trained on generated ones alone; GAN-test the accuracy on generated images of
one that was trained on real ones. Beside both stands the accuracy of the latter on the test images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import command_line
import common
import numpy as np
import uses_run

from tinygan.creation import tensor
from tinygan.data import Dataset, load_dataset, mnist, write_image_folder, write_mnist_files
from tinygan.devices import Generator
from tinygan.images import grid, save_png, to_uint8
from tinygan.metrics import Classifier, train_classifier
from tinygan.models import DCGAN
from tinygan.training import sample

ROUND = 10_000  # images drawn at once
MOST_ROUNDS = 3  # with --filter: so many times as many images are drawn at most


def draw(
    model: DCGAN, count: int, seed: int, reader: Classifier | None = None
) -> tuple[Dataset, int]:
    """`count` generated images, as many of each class as can be, in turn; with a reader, of those
    alone in which it reads the class that was asked for. The second is how many were drawn."""
    classes, stream, drawn = model.classes or 1, Generator(seed + 2), 0
    pools: list[list[np.ndarray]] = [[] for _ in range(classes)]
    wanted = [len(range(k, count, classes)) for k in range(classes)]
    while any(len(pool) < need for pool, need in zip(pools, wanted, strict=True)):
        if drawn >= MOST_ROUNDS * count + ROUND:
            worst = min(range(classes), key=lambda k: len(pools[k]) - wanted[k])
            command_line.stop(f"--filter: the classifier reads only {len(pools[worst])} of {drawn} "
                              f"images as a {worst}; train the run for longer")  # fmt: skip
        labels = np.arange(drawn, drawn + min(ROUND, count)) % classes
        drawn += len(labels)
        images = to_uint8(sample(model.generator, model.latent(len(labels), stream),
                                 tensor(labels)))  # fmt: skip
        kept = np.ones(len(labels), bool)
        if reader is not None:
            kept = read(reader, Dataset(images, labels, "drawn")) == labels
        for image, label in zip(images[kept], labels[kept], strict=True):
            pools[label].append(image)
    images = np.stack([pools[k % classes][k // classes] for k in range(count)])
    return Dataset(images, np.arange(count) % classes, "generated"), drawn


def read(reader: Classifier, data: Dataset) -> np.ndarray:
    """The class that the classifier reads in each image."""
    return reader.predict(data.batch(np.arange(len(data))))[1].argmax(1)


def measure(
    data: Dataset, reader: Classifier, test: Dataset, options: argparse.Namespace
) -> dict[str, float]:
    """GAN-train and GAN-test of a generated set."""
    recipe = uses_run.QUICK if options.quick else {}
    taught = train_classifier(data, device=options.device, progress=print, **recipe)
    return {"GAN-train": taught.accuracy(test), "GAN-test": reader.accuracy(data)}


def write(data: Dataset, folder: Path, kind: str) -> None:
    """Writes the set, whole or not at all."""
    (write_mnist_files if kind == "idx" else write_image_folder)(data, folder)


def load(folder: Path, kind: str, data: Dataset) -> Dataset:
    """Reads the set again, which was written of `data`: what is measured is what others find."""
    if kind == "idx":
        return mnist("train", folder, download=False)
    return load_dataset(folder, size=data.images.shape[2], channels=data.images.shape[1])


def main() -> None:
    parser = command_line.parser(__doc__, "runs/make_dataset")
    uses_run.run_options(parser)
    add = parser.add_argument
    add("--count", type=command_line.whole(10), default=60_000, help="images (%(default)s)")
    add("--format", choices=("png", "idx"), default="png", help="of the files (%(default)s)")
    add("--filter", action="store_true", help="only images that the real classifier reads right")
    parser.quick(count=1000)
    options = command_line.parse(parser)
    folder = options.out / "dataset"
    with command_line.checking():
        results = common.Results(options)
    written_before = folder.exists() and bool(results.found) and "scores" not in results.found
    if folder.exists() and not written_before:
        command_line.stop(f"--out {options.out} holds a data set already; choose another folder, "
                          f"or delete {folder}")  # fmt: skip
    run = uses_run.trained(options)
    classes = run.model.classes
    if classes is None:
        command_line.stop(f"--run {options.run}: its nets have no classes, so its images have no "
                          "labels; dcgan_conditional_mnist.py trains such that have")  # fmt: skip
    _, test = sets = uses_run.digits(options, run.data)
    reader = uses_run.classifier(options, sets[0])
    plain, _ = draw(run.model, options.count, options.seed)
    made = plain
    found = {"as drawn": measure(plain, reader, test, options)} if options.filter else {}
    if options.filter:
        made, drawn = draw(run.model, options.count, options.seed, reader)
        print(f"--filter: {options.count} of {drawn} drawn images are kept: those that a "
              "classifier of real images reads as they were meant")  # fmt: skip
    if not written_before:  # else an earlier run was stopped while it measured
        write(made, folder, options.format)
        results.write()
    written = load(folder, options.format, made)
    print(f"wrote {written.describe()}\n  to {folder}")
    found["filtered" if options.filter else "as drawn"] = measure(written, reader, test, options)
    found["real images"] = {"GAN-train": reader.accuracy(test), "GAN-test": reader.accuracy(test)}
    for name, numbers in found.items():
        print(f"{name:14}" + "".join(f"{key:>11}{100 * x:7.2f} %" for key, x in numbers.items()))
    results.write(scores=found)
    first = np.arange(10 * classes).reshape(10, classes).T.ravel().clip(max=len(made) - 1)
    save_png(grid(made.batch(first), 10), options.out / "digits.png", zoom=2)


if __name__ == "__main__":
    command_line.start(main)
