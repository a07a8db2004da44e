"""Which scores there are: how each is computed from samples and real images, how it is printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinygan.data import Dataset
from tinygan.metrics.classes import (
    class_entropy,
    class_histogram,
    inception_score,
    kl_to_uniform,
    modified_inception_score,
)
from tinygan.metrics.distances import frechet_distance, kernel_distance
from tinygan.metrics.feature_net import FeatureNet
from tinygan.metrics.neighbours import nearest_neighbours
from tinygan.metrics.overlap import precision_recall, two_sample_accuracy
from tinygan.metrics.parzen import parzen_score
from tinygan.metrics.sharpness import laplacian_variance, total_variation

VALIDATION = 1000  # of the last real images, for the width of the Parzen windows
IMAGES_AT_A_TIME = 5000


class Samples:
    """Images (n, c, h, w) in [-1, 1], and, when they are asked for, what a feature net sees."""

    def __init__(self, images: np.ndarray, net: FeatureNet):
        self.images, self.net = images, net

    @cached_property
    def _seen(self) -> tuple[np.ndarray, np.ndarray | None]:
        return self.net.predict(self.images)

    @property
    def features(self) -> np.ndarray:
        """(n, d)"""
        return self._seen[0]

    @property
    def probabilities(self) -> np.ndarray:
        """(n, classes)"""
        probabilities = self._seen[1]
        assert probabilities is not None, f"{self.net.description} has no classes"
        return probabilities

    @property
    def pixels(self) -> np.ndarray:
        """(n, c h w) in [0, 1]"""
        return unit_pixels(self.images)


def unit_pixels(images: np.ndarray) -> np.ndarray:
    """(n, c, h, w) in [-1, 1] -> (n, c h w) in [0, 1]."""
    pixels = images.reshape(len(images), -1) / 2
    pixels += 0.5
    return pixels


@dataclass(frozen=True)
class Real:
    """The real images that samples are compared with: `reference`, and `count` of `held_out`."""

    net: FeatureNet
    reference: Dataset
    held_out: Dataset
    count: int

    @cached_property
    def features(self) -> np.ndarray:
        """Of all reference images: (m, d)."""
        indices = np.arange(len(self.reference))
        parts = np.array_split(indices, -(-len(indices) // IMAGES_AT_A_TIME))
        return np.concatenate([self.net.predict(self.reference.batch(part))[0] for part in parts])

    @property
    def validation(self) -> np.ndarray:
        """Which reference images choose the width of the Parzen windows: the last ones."""
        count = max(1, min(VALIDATION, len(self.reference) // 10))
        return np.arange(len(self.reference) - count, len(self.reference))

    @property
    def chosen(self) -> np.ndarray:
        """`count` of the other reference images, or all of them; always the same."""
        others = len(self.reference) - len(self.validation)
        return np.random.default_rng(0).permutation(others)[: self.count]

    def held_out_images(self) -> np.ndarray:
        """`count` of them, drawn at random: the first ones may differ from the rest, as the first
        half of MNIST's test set does, which other people wrote. Always the same."""
        order = np.random.default_rng(0).permutation(len(self.held_out))
        return self.held_out.batch(np.sort(order[: self.count]))


def _classes(samples: Samples, real: Real) -> dict[str, Any]:
    histogram = class_histogram(samples.probabilities.argmax(1), samples.probabilities.shape[1])
    return {
        "classes": int((histogram > 0).sum()),
        "histogram": [round(float(p), 5) for p in histogram],
        "kl": kl_to_uniform(histogram),
        "class_entropy": class_entropy(histogram),
    }


def _inception_score(samples: Samples, real: Real) -> dict[str, Any]:
    splits = min(10, len(samples.images))
    score, deviation = inception_score(samples.probabilities, splits)
    return {"inception_score": score, "inception_score_std": deviation}


def _modified_inception_score(samples: Samples, real: Real) -> dict[str, Any]:
    return {"m_is": modified_inception_score(samples.probabilities).score}


def _fid(samples: Samples, real: Real) -> dict[str, Any]:
    return {"fid": frechet_distance(samples.features, real.features)}


def _kid(samples: Samples, real: Real) -> dict[str, Any]:
    own, reference = _equally_many(samples, real)
    distance, error = kernel_distance(own, reference, subsets=max(2, min(10, len(own) // 2)))
    return {"kid": distance, "kid_error": error}


def _precision_recall(samples: Samples, real: Real) -> dict[str, Any]:
    own, reference = _equally_many(samples, real)
    return dict(precision_recall(reference, own)._asdict())


def _two_sample(samples: Samples, real: Real) -> dict[str, Any]:
    own, reference = _equally_many(samples, real)
    accuracy, real_accuracy, generated_accuracy = two_sample_accuracy(reference, own)
    rates = accuracy, real_accuracy, generated_accuracy
    return dict(zip(("one_nn", "one_nn_real", "one_nn_generated"), rates, strict=True))


def _equally_many(samples: Samples, real: Real) -> tuple[np.ndarray, np.ndarray]:
    """Features of samples and of as many reference images."""
    reference = real.features[real.chosen]
    count = min(len(samples.features), len(reference))
    return samples.features[:count], reference[:count]


def _training_distance(samples: Samples, real: Real) -> dict[str, Any]:
    training = unit_pixels(real.reference.batch(np.arange(len(real.reference))))
    distances = nearest_neighbours(samples.pixels, training).distances
    return {"training_distance": float(np.median(distances))}


def _parzen(samples: Samples, real: Real) -> dict[str, Any]:
    validation = unit_pixels(real.reference.batch(real.validation))
    test = unit_pixels(real.held_out_images())
    score = parzen_score(samples.pixels, validation, test)
    return dict(zip(("parzen", "parzen_error", "parzen_sigma"), score, strict=True))


def _sharpness(samples: Samples, real: Real) -> dict[str, Any]:
    return {
        "total_variation": float(total_variation(samples.images).mean()),
        "laplacian_variance": float(laplacian_variance(samples.images).mean()),
    }


SCORES: dict[str, Callable[[Samples, Real], dict[str, Any]]] = {
    "classes": _classes,
    "inception_score": _inception_score,
    "m_is": _modified_inception_score,
    "fid": _fid,
    "kid": _kid,
    "precision_recall": _precision_recall,
    "one_nn": _two_sample,
    "training_distance": _training_distance,
    "parzen": _parzen,
    "sharpness": _sharpness,
}
"""All scores by name; each returns its numbers by key."""

LEAST = {"kid": 4, "precision_recall": 4, "one_nn": 2}
"""How many images a score needs of each side, where one is not enough: it looks at neighbours, or
at two subsets of two."""

NEEDS_CLASSES = ("classes", "inception_score", "m_is")
CHEAP = ("classes", "inception_score", "m_is", "fid", "kid", "sharpness")
"""Together less than the time in which the net looks at the images."""

ROWS = (
    ("count", "images", "d"),
    ("classes", "classes found", "d"),
    ("kl", "KL to uniform", ".4f"),
    ("class_entropy", "class entropy", ".4f"),
    ("inception_score", "inception score", ".3f"),
    ("m_is", "m-IS", ".4f"),
    ("fid", "FID", ".3f"),
    ("kid", "KID", ".5f"),
    ("kid_error", "  standard error", ".5f"),
    ("precision", "precision", ".4f"),
    ("recall", "recall", ".4f"),
    ("one_nn", "1-NN accuracy", ".4f"),
    ("one_nn_real", "  of real", ".4f"),
    ("one_nn_generated", "  of generated", ".4f"),
    ("training_distance", "nearest training", ".3f"),
    ("parzen", "Parzen (nats)", ".2f"),
    ("parzen_error", "  standard error", ".2f"),
    ("parzen_sigma", "  sigma", ".3f"),
    ("total_variation", "total variation", ".4f"),
    ("laplacian_variance", "Laplacian var.", ".4f"),
)
"""(key, name, format) of the lines of a table."""
