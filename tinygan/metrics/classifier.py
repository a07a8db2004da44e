"""A small convolutional classifier of 28x28 grey images: the eyes of the scores."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

import tinygan.functional as F
from tinygan import nn
from tinygan.autograd import no_grad
from tinygan.creation import tensor
from tinygan.data import BatchSampler, Dataset, cache_dir
from tinygan.device import temporary_seed
from tinygan.optim import Adam, LinearLR
from tinygan.serialization import load, save
from tinygan.tensor import Tensor

# Part of the cache's file name: to be raised whenever the net or its training changes.
VERSION = 1


class Classifier(nn.Module):
    """Images (n, 1, 28, 28) in [-1, 1] -> logits (n, classes).

    ``features`` are the 128 activations before the last layer; scores compare images there.
    """

    def __init__(self, classes: int = 10):
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 5, 2, "same", bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 5, 2, "same", bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 128, bias=False),
            nn.BatchNorm1d(128),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(0.4)
        self.head = nn.Linear(128, classes)

    def features(self, images: Tensor) -> Tensor:
        """(n, 1, 28, 28) -> (n, 128)."""
        return self.body(images)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.dropout(self.features(images)))

    @no_grad()
    def predict(self, images: np.ndarray, batch_size: int = 500) -> tuple[np.ndarray, np.ndarray]:
        """(features, class probabilities) of images in [-1, 1], in evaluation mode."""
        was_training = self.training
        self.eval()
        features, probabilities = [], []
        device = next(self.parameters()).device
        for start in range(0, len(images), batch_size):
            x = self.features(tensor(images[start : start + batch_size], device=device))
            features.append(x.cpu().data)
            probabilities.append(F.softmax(self.head(x), 1).cpu().data)
        self.train(was_training)
        return np.concatenate(features), np.concatenate(probabilities)

    def accuracy(self, data: Dataset) -> float:
        """The fraction of `data`'s labels that are read right."""
        if data.labels is None:
            raise ValueError(f"accuracy: the data set {data.name} has no labels")
        _, probabilities = self.predict(data.batch(np.arange(len(data))))
        return float((probabilities.argmax(1) == data.labels).mean())


def train_classifier(
    data: Dataset,
    epochs: int = 6,
    batch_size: int = 128,
    seed: int = 0,
    device: str = "cpu",
    progress: Callable[[str], None] = lambda line: None,
) -> Classifier:
    """Trains a `Classifier` with Adam, a rate that falls to zero, and images shifted by up to two
    pixels. Same seed, same classifier; the global random stream is not touched.

    Args:
        data: 28x28 grey images with labels.
        progress: called with a line of text after each epoch.

    Raises:
        ValueError: the data has no labels or other images.
    """
    if data.labels is None or data.images.shape[1:] != (1, 28, 28):
        raise ValueError(
            f"train_classifier: needs labelled 28x28 grey images, {data.name} has images of shape "
            f"{data.images.shape[1:]} and {'no ' if data.labels is None else ''}labels"
        )
    with temporary_seed(seed):
        model = Classifier(int(data.labels.max()) + 1).to(device)
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
    """Each image moved by up to two pixels in both directions, background (-1) coming in."""
    reach = 2
    padded = np.pad(images, ((0, 0), (0, 0), (reach, reach), (reach, reach)), constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[2:], axis=(2, 3))
    moves = rng.integers(0, 2 * reach + 1, (2, len(images)))
    return windows[np.arange(len(images)), :, moves[0], moves[1]]


def classifier_for(
    data: Dataset, device: str = "cpu", progress: Callable[[str], None] = lambda line: None
) -> Classifier:
    """The classifier of `data`, from the user's cache or trained now and put there.

    The cache's file name holds a digest of the images and labels: other data, other classifier.
    """
    digest = hashlib.sha256(data.images.tobytes())
    digest.update(data.labels.tobytes() if data.labels is not None else b"")
    path = cache_dir() / "classifiers" / f"{data.name}-{digest.hexdigest()[:16]}-v{VERSION}.npz"
    if path.exists():
        try:
            state = load(path)
            model = Classifier(int(state["classes"])).to(device)
            model.load_state_dict(state["model"])
            return model.eval()
        except (ValueError, KeyError, TypeError) as error:
            progress(f"the classifier in {path} cannot be used ({error}): training it again")
    progress(f"training a classifier of {data.name} for the scores (once; kept in {path})")
    model = train_classifier(data, device=device, progress=progress)
    save({"classes": model.head.weight.shape[0], "model": model.state_dict()}, path)
    return model
