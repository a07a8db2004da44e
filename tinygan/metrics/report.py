"""All scores of a set of generated images, beside those of real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygan.data import Dataset
from tinygan.metrics.checks import positive
from tinygan.metrics.classifier import Classifier
from tinygan.metrics.feature_net import FeatureNet
from tinygan.metrics.scores import CHEAP, NEEDS_CLASSES, ROWS, SCORES, Real, Samples

SHOWN_CLASSES = 20


class Scorer:
    """Compares images with a data set through the eyes of a feature net.

        scorer = Scorer(features_for(train), train, test)
        scorer(images)            # the cheap scores, for the end of each epoch
        scorer.all(images)        # all of them, for the end of the training
        print(format_scores(scorer.all(images), scorer.floor))

    ``floor`` holds the same scores of held-out real images, as many as are asked for: what no
    generator can be expected to pass. It is computed for the chosen scores at once, for the others
    when they are first needed. Parzen windows are laid around reference images there, since it is
    the held-out ones whose likelihood is measured.

    Args:
        features: a `Classifier` of the same data, or `RandomFeatures`; see `features_for`. Without
            classes there are no class scores.
        reference: the real images whose distribution is aimed at, usually the training set.
        held_out: other real images; without a test set, see `hold_out`.
        count: images per score. The Frechet distance depends on it: all get the same number.
        scores: the names of the scores that a call computes, of `SCORES`.

    Raises:
        ValueError: an unknown score, or no held-out images.
    """

    def __init__(
        self, features: FeatureNet, reference: Dataset, held_out: Dataset, count: int = 10_000,
        scores: Sequence[str] = CHEAP,
    ):  # fmt: skip
        positive("Scorer", count=count)
        unknown = [name for name in scores if name not in SCORES]
        if unknown:
            raise ValueError(f"Scorer: no score is named {unknown[0]!r}; there are {list(SCORES)}")
        if min(len(reference), len(held_out)) < 2:
            raise ValueError(
                f"Scorer: {len(reference)} reference and {len(held_out)} held_out images, "
                "expected 2 or more of each"
            )
        self.features, self.classes = features, features.classes
        self.count = min(count, len(held_out))
        self.scores = tuple(name for name in scores if self._applies(name))
        self._real = Real(features, reference, held_out, self.count)
        self.floor: dict[str, Any] = {}
        self._in_floor: set[str] = set()
        self._add_floor(self.scores)

    @property
    def classifier(self) -> Classifier:
        """The feature net, where it is a classifier.

        Raises:
            TypeError: it is none.
        """
        if not isinstance(self.features, Classifier):
            raise TypeError(f"Scorer: the features are no classifier, but {type(self.features)}")
        return self.features

    def __call__(self, images: np.ndarray) -> dict[str, Any]:
        """The chosen scores of images (n, c, h, w) in [-1, 1], the first ``count`` of them if there
        are more, by the keys of `ROWS`; with classes also their ``histogram``. ``features`` says
        what the net is."""
        return self._compute(self.scores, images)

    def all(self, images: np.ndarray) -> dict[str, Any]:
        """All scores that the data allow; afterwards `floor` has them all, too."""
        names = tuple(name for name in SCORES if self._applies(name))
        self._add_floor(names)
        return self._compute(names, images)

    def _applies(self, name: str) -> bool:
        return self.classes is not None or name not in NEEDS_CLASSES

    def _compute(self, names: Sequence[str], images: np.ndarray) -> dict[str, Any]:
        samples = Samples(images[: self.count], self.features)
        scores = {"count": len(samples.images), "features": self.features.description}
        for name in names:
            scores.update(SCORES[name](samples, self._real))
        return scores

    def _add_floor(self, names: Sequence[str]) -> None:
        """The scores of real images, as far as they are not in `floor` yet."""
        names = [name for name in names if name not in self._in_floor]
        real, self._in_floor = self._real, self._in_floor.union(names)
        others = [name for name in names if name != "parzen"]
        self.floor.update(self._compute(others, real.held_out_images()))
        if "parzen" in names:
            training = Samples(real.reference.batch(real.chosen), self.features)
            self.floor.update(SCORES["parzen"](training, real))


def hold_out(data: Dataset, count: int = 10_000, seed: int = 0) -> tuple[Dataset, Dataset]:
    """(reference, held out): `count` images drawn at random, at most half, and the others.

    For data without a test set. Train on all of it if you like; only the scores need two parts.

    Raises:
        ValueError: fewer than four images, or a count that is not positive.
    """
    positive("hold_out", count=count)
    if len(data) < 4:
        raise ValueError(f"hold_out: {data.name} has {len(data)} images, expected 4 or more")
    order = np.random.default_rng(seed).permutation(len(data))
    count = min(count, len(data) // 2)

    def part(indices: np.ndarray) -> Dataset:
        indices = np.sort(indices)
        labels = None if data.labels is None else data.labels[indices]
        return Dataset(data.images[indices], labels, data.name)

    return part(order[count:]), part(order[:count])


def format_scores(scores: dict[str, Any], floor: dict[str, Any]) -> str:
    """A table of the scores of generated images beside those of real ones."""
    lines = [f"{'':18}{'generated':>12}{'real (floor)':>14}"]
    for key, name, form in ROWS:
        if key in scores:
            real = f"{floor[key]:{form}}" if key in floor else "-"
            lines.append(f"{name:18}{scores[key]:>12{form}}{real:>14}")
    for row, label in ((scores, "generated"), (floor, "real")):
        if 0 < len(row.get("histogram", ())) <= SHOWN_CLASSES:
            percent = " ".join(f"{100 * p:4.1f}" for p in row["histogram"])
            lines.append(f"% per class, {label:9}  {percent}")
    if "random" in scores.get("features", ""):
        lines.append(f"seen through {scores['features']}: the floor is the only yardstick")
    return "\n".join(lines)
