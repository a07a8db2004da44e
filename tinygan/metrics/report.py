"""All scores of a set of generated images, beside those of real ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tinygan.data import Dataset
from tinygan.metrics.checks import as_images, positive
from tinygan.metrics.classifier import Classifier
from tinygan.metrics.feature_net import FeatureNet
from tinygan.metrics.scores import CHEAP, LEAST, NEEDS_CLASSES, ROWS, SCORES, Real, Samples

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
        ValueError, TypeError: as `check_sets`. When it is called: images of another shape, far
            outside [-1, 1] or all in [0, 1] where real ones are not, not finite, or fewer than a
            score needs.
    """

    def __init__(
        self, features: FeatureNet, reference: Dataset, held_out: Dataset, count: int = 10_000,
        scores: Sequence[str] = CHEAP,
    ):  # fmt: skip
        positive("Scorer", count=count)
        check_sets(reference, held_out, count, scores)
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
        images = self._checked(names, images)
        samples = Samples(images[: self.count], self.features)
        scores = {"count": len(samples.images), "features": self.features.description}
        for name in names:
            scores.update(SCORES[name](samples, self._real))
        return scores

    def _checked(self, names: Sequence[str], images: np.ndarray) -> np.ndarray:
        """The images, where they are what the scores are defined for."""
        images = as_images("Scorer", images, 1)
        shape = self._real.reference.images.shape[1:]
        if images.shape[1:] != shape:
            expected = ", ".join(map(str, shape))
            raise ValueError(
                f"Scorer: images have shape {images.shape}, expected (n, {expected}), as those "
                "that they are compared with"
            )
        for name in names:
            if len(images) < LEAST.get(name, 1):
                raise ValueError(
                    f"Scorer: {len(images)} images, the score {name!r} needs {LEAST[name]} or more"
                )
        # Noise or a linear output may lead a little beyond [-1, 1]; no more than that.
        low, high = float(images.min()), float(images.max())
        if np.mean(np.abs(images) > 2) > 0.01:
            wrong = f"the images are in [{low:g}, {high:g}]"
        elif low >= 0 and high - low > 0.5 and self._dark:
            wrong = f"the images are in [{low:g}, {high:g}], and none is darker than grey"
        else:
            return images
        raise ValueError(
            f"Scorer: {wrong}; expected values in [-1, 1]: 2 * x - 1 for x in [0, 1], "
            "x / 127.5 - 1 for x in [0, 255]"
        )

    @cached_property
    def _dark(self) -> bool:
        """Whether most of the real images have something darker than grey, which is 0."""
        images = self._real.reference.images[:1000]
        return float((images.min((1, 2, 3)) < 100).mean()) > 0.5

    def _add_floor(self, names: Sequence[str]) -> None:
        """The scores of real images, as far as they are not in `floor` yet."""
        names = [name for name in names if name not in self._in_floor]
        real, self._in_floor = self._real, self._in_floor.union(names)
        others = [name for name in names if name != "parzen"]
        self.floor.update(self._compute(others, real.held_out_images()))
        if "parzen" in names:
            training = Samples(real.reference.batch(real.chosen), self.features)
            self.floor.update(SCORES["parzen"](training, real))


def check_sets(
    reference: Dataset, held_out: Dataset, count: int = 10_000, scores: Sequence[str] = CHEAP
) -> None:
    """Whether `Scorer` can compute the scores, before the features for it are trained.

    Raises:
        ValueError: an unknown score, images of different shapes, or fewer than a score needs.
    """
    positive("Scorer", count=count)
    if isinstance(scores, str):
        raise TypeError(f"Scorer: scores must be a sequence of names, got {scores!r}")
    unknown = [name for name in scores if name not in SCORES]
    if unknown:
        raise ValueError(f"Scorer: no score is named {unknown[0]!r}; there are {list(SCORES)}")
    shapes = reference.images.shape[1:], held_out.images.shape[1:]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"Scorer: reference has images of shape {shapes[0]}, held_out of {shapes[1]}"
        )
    if min(len(reference), len(held_out)) < 2:
        raise ValueError(
            f"Scorer: {len(reference)} reference and {len(held_out)} held_out images, "
            "expected 2 or more of each"
        )
    for name in scores:
        # One reference image in ten, and at least one, is set aside for Parzen windows.
        least = LEAST.get(name, 0)
        if least and (min(len(held_out), count) < least or len(reference) < least + 1):
            raise ValueError(
                f"Scorer: the score {name!r} needs {least + 1} or more reference images and "
                f"{least} held_out ones, got {len(reference)} and {min(len(held_out), count)}"
            )


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
