"""All scores of a set of generated images, beside those of real ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygan.data import Dataset
from tinygan.metrics.classes import class_histogram, inception_score, kl_to_uniform
from tinygan.metrics.classifier import Classifier
from tinygan.metrics.distances import frechet_distance


class Scorer:
    """Compares images with a data set through the eyes of a classifier.

    Args:
        classifier: of the same data.
        reference: the real images whose distribution is aimed at, usually the training set.
        held_out: other real images; their own score is the floor that no generator can be
            expected to pass.
        count: images per score. The Frechet distance depends on it: all get the same number.
    """

    def __init__(
        self, classifier: Classifier, reference: Dataset, held_out: Dataset, count: int = 10_000
    ):
        self.classifier, self.count = classifier, min(count, len(held_out))
        self.classes = classifier.head.weight.shape[0]
        self._reference, _ = classifier.predict(reference.batch(np.arange(len(reference))))
        self.floor = self(held_out.batch(np.arange(self.count)))

    def __call__(self, images: np.ndarray) -> dict[str, Any]:
        """The scores of images (n, 1, 28, 28) in [-1, 1]: the class `histogram`, its `kl` to
        uniform, the number of `classes` found, `inception_score` and `fid`."""
        features, probabilities = self.classifier.predict(images)
        histogram = class_histogram(probabilities.argmax(1), self.classes)
        score, deviation = inception_score(probabilities, splits=min(10, len(images)))
        return {
            "count": len(images),
            "classes": int((histogram > 0).sum()),
            "histogram": [round(float(p), 5) for p in histogram],
            "kl": kl_to_uniform(histogram),
            "inception_score": score,
            "inception_score_std": deviation,
            "fid": frechet_distance(features, self._reference),
        }


def format_scores(scores: dict[str, Any], floor: dict[str, Any]) -> str:
    """A table of the scores of generated images beside those of real ones."""
    percent = lambda row: " ".join(f"{100 * p:4.1f}" for p in row["histogram"])  # noqa: E731
    rows = [
        ("images", scores["count"], floor["count"], "d"),
        ("classes found", scores["classes"], floor["classes"], "d"),
        ("KL to uniform", scores["kl"], floor["kl"], ".4f"),
        ("inception score", scores["inception_score"], floor["inception_score"], ".3f"),
        ("FID", scores["fid"], floor["fid"], ".3f"),
    ]
    lines = [f"{'':18}{'generated':>12}{'real (floor)':>14}"]
    lines += [f"{name:18}{ours:>12{form}}{real:>14{form}}" for name, ours, real, form in rows]
    lines += [f"% per class, generated  {percent(scores)}", f"% per class, real       "
              f"{percent(floor)}"]  # fmt: skip
    return "\n".join(lines)
