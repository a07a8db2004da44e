"""A small convolutional classifier of the data's own labels: scores compare what it sees."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable

import numpy as np

import tinygan.functional as F
from tinygan import nn
from tinygan.creation import tensor
from tinygan.data import BatchSampler, Dataset, cache_dir
from tinygan.devices import temporary_seed
from tinygan.metrics.checks import positive
from tinygan.metrics.feature_net import FeatureNet
from tinygan.optim import Adam, LinearLR
from tinygan.serialization import load, save
from tinygan.tensor import Tensor

# Part of the cache's file name: to be raised whenever the net or its training changes.
VERSION = 1
MANY = 20_000  # images: six epochs over as many are enough, over fewer there are twenty


def can_classify(size: tuple[int, int]) -> bool:
    """Whether there is a `Classifier` for images of this height and width."""
    return size[0] == size[1] and (size[0] == 28 or size[0] % 8 == 0)


class Classifier(FeatureNet):
    """Images (n, channels, size, size) in [-1, 1] -> logits (n, classes).

    Convolutions 5x5 of stride 2 with batch norm and ReLU: two for 28x28, three for sizes that are
    multiples of 8. ``features`` are the 128 activations before the last layer; scores compare
    images there.

    Raises:
        ValueError: another size.
    """

    def __init__(self, classes: int = 10, channels: int = 1, size: int = 28):
        positive("Classifier", classes=classes, channels=channels, size=size)
        if not can_classify((size, size)):
            raise ValueError(f"Classifier: size must be 28 or a multiple of 8, got {size}")
        self.classes, self.description = classes, f"a classifier of {classes} classes"
        layers: list[nn.Module] = []
        inputs = channels
        for outputs in (32, 64) if size == 28 else (32, 64, 128):
            layers += [
                nn.Conv2d(inputs, outputs, 5, 2, "same", bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
            inputs, size = outputs, size // 2
        layers += [
            nn.Flatten(),
            nn.Linear(inputs * size * size, 128, bias=False),
            nn.BatchNorm1d(128),
            nn.ReLU(),
        ]
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.4)
        self.head = nn.Linear(128, classes)

    def features(self, images: Tensor) -> Tensor:
        """(n, channels, size, size) -> (n, 128)."""
        return self.body(images)

    def probabilities(self, features: Tensor) -> Tensor:
        return F.softmax(self.head(features), 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.dropout(self.features(images)))

    def predict(
        self, images: np.ndarray, batch_size: int = 500
    ) -> tuple[np.ndarray, np.ndarray]:
        """(features, class probabilities) of images in [-1, 1], in evaluation mode."""
        features, probabilities = super().predict(images, batch_size)
        assert probabilities is not None
        return features, probabilities

    def accuracy(self, data: Dataset) -> float:
        """The fraction of `data`'s labels that are read right."""
        if data.labels is None:
            raise ValueError(f"accuracy: the data set {data.name} has no labels")
        _, probabilities = self.predict(data.batch(np.arange(len(data))))
        return float((probabilities.argmax(1) == data.labels).mean())


def train_classifier(
    data: Dataset, epochs: int | None = None, batch_size: int = 128, seed: int = 0,
    device: str = "cpu", progress: Callable[[str], None] = lambda line: None,
) -> Classifier:  # fmt: skip
    """Trains a `Classifier` with Adam, a rate that falls to zero, and images shifted by up to two
    pixels. Same seed, same classifier; the global random stream is not touched.

    Args:
        data: images with labels, 28x28 or of a size that is a multiple of 8.
        epochs: 6 unless given, 20 for less than 20,000 images.
        progress: called with a line of text after each epoch.

    Raises:
        ValueError: the data has no labels or other images.
    """
    if data.labels is None or not can_classify(data.images.shape[2:]):
        raise ValueError(
            "train_classifier: needs labelled images, 28x28 or of a size that is a multiple of 8; "
            f"{data.name} has images of shape {data.images.shape[1:]} and "
            f"{'no ' if data.labels is None else ''}labels"
        )
    if epochs is None:
        epochs = 6 if len(data) >= MANY else 20
    with temporary_seed(seed):
        model = Classifier(int(data.labels.max()) + 1, *data.images.shape[1:3]).to(device)
        optimizer = Adam(model.parameters(), lr=2e-3)
        sampler = BatchSampler(len(data), min(batch_size, len(data)), seed)
        schedule = LinearLR(optimizer, 1.0, 0.02, total_iters=epochs * len(sampler))
        shifts = np.random.default_rng(seed)
        for epoch in range(epochs):
            total = 0.0
            for indices in sampler:
                images = _shift(data.batch(indices), shifts)
                logits = model(tensor(images, device=device))
                loss = F.cross_entropy(logits, tensor(data.labels[indices], device=device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                total += loss.item()
            progress(f"classifier epoch {epoch + 1}/{epochs}: loss {total / len(sampler):.4f}")
    return model.eval()


def _shift(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image moved by up to two pixels in both directions. What comes in is background (-1) on
    grey images, the nearest pixel on coloured ones."""
    reach = 2
    border = ((0, 0), (0, 0), (reach, reach), (reach, reach))
    if images.shape[1] == 1:
        padded = np.pad(images, border, constant_values=-1)
    else:
        padded = np.pad(images, border, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[2:], axis=(2, 3))
    moves = rng.integers(0, 2 * reach + 1, (2, len(images)))
    return windows[np.arange(len(images)), :, moves[0], moves[1]]


def classifier_for(
    data: Dataset, device: str = "cpu", progress: Callable[[str], None] = lambda line: None
) -> Classifier:
    """The classifier of `data`, from the user's cache or trained now and put there.

    The cache's file name holds a digest of the images and labels: other data, other classifier.
    Where it cannot be read or written, the classifier is trained all the same.
    """
    digest = hashlib.sha256(data.images.tobytes())
    digest.update(data.labels.tobytes() if data.labels is not None else b"")
    name = re.sub(r"[^\w-]", "_", data.name)[:40]  # a folder's may be anything
    path = cache_dir() / "classifiers" / f"{name}-{digest.hexdigest()[:16]}-v{VERSION}.npz"
    if os.path.exists(path):  # unlike Path.exists, it answers no to what may not be looked at
        try:
            state = load(path)
            with temporary_seed(0):  # the run must not depend on what the cache holds
                model = Classifier(int(state["classes"]), *data.images.shape[1:3]).to(device)
            model.load_state_dict(state["model"])
            return model.eval()
        except Exception as error:  # a damaged file may hold anything
            progress(f"the classifier in {path} cannot be used ({error}): training it again")
    progress(f"training a classifier of {data.name} for the scores (once; kept in {path})")
    model = train_classifier(data, device=device, progress=progress)
    try:
        save({"classes": model.classes, "model": model.state_dict()}, path)
    except OSError as error:
        progress(f"the classifier cannot be kept for the next time: {error}")
    return model
