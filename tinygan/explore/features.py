"""The discriminator as a feature extractor, judged by a linear classifier on few labels.

Radford 2015, arXiv:1511.06434, section 5.1: D's activations of all convolutions, each max-pooled to
a 4x4 grid, flattened and concatenated, and an L2-SVM on top. The classifiers are scikit-learn's:
``pip install 'tinygan[explore]'``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tinygan import nn
from tinygan.autograd import no_grad
from tinygan.explore.nets import (
    blocks_of,
    evaluating,
    input_of,
    layers_of,
    pictures,
    positive,
    values,
)
from tinygan.explore.optional import sklearn
from tinygan.ops.conv import Pair, pair

REGULARISATION = (0.1, 1.0, 10.0, 100.0)  # the values of C to choose from
FOLDS = 3


def pool_to_grid(maps, size: int | Pair = 4) -> np.ndarray:
    """The maximum in each cell of a grid of `size`: (n, k, h, w) -> (n, k, *size).

    Cell i of s spans the rows floor(i h / s) to ceil((i + 1) h / s), columns likewise: all rows are
    covered, and where s does not divide h, neighbouring cells share one.
    """
    x = values("pool_to_grid: maps", maps, 4)
    sizes = pair("pool_to_grid", "size", size, 1)
    rows, columns = (
        [slice(i * n // s, -(-(i + 1) * n // s)) for i in range(s)]
        for n, s in zip(x.shape[2:], sizes, strict=True)
    )
    cells = [[x[:, :, row, column].max((2, 3)) for column in columns] for row in rows]
    return np.array(cells).transpose(2, 3, 0, 1)


@no_grad()
def discriminator_features(
    discriminator: nn.Module, images, size: int = 4, batch_size: int = 250
) -> np.ndarray:
    """All convolutions' activations (after batch norm and activation function), max-pooled to
    size x size, flattened and concatenated: images (n, c, h, w) -> float32 (n, d).

    Raises:
        TypeError, ValueError: the net is no Sequential or has no convolution; or images are no
            (n, c, h, w).
    """
    x = pictures("discriminator_features: images", images)
    positive("discriminator_features: batch_size", batch_size)
    layers, blocks = layers_of(discriminator), blocks_of(discriminator)
    starts = [0, *(block.end for block in blocks)]
    parts = [nn.Sequential(*layers[a:b]) for a, b in pairwise(starts)]
    rows = []
    with evaluating(discriminator):
        for first in range(0, len(x), batch_size):
            maps, pooled = input_of(discriminator, x[first : first + batch_size]), []
            for part in parts:
                maps = part(maps)
                pooled.append(pool_to_grid(maps, size).reshape(len(maps), -1))
            rows.append(np.concatenate(pooled, axis=1, dtype=np.float32))
    return np.concatenate(rows)


def choose_regularisation(features, labels, seed: int = 0) -> float:
    """The C of `REGULARISATION` that reads most labels right in cross-validation.

    features (n, d); labels: integers (n,), every class at least three times.

    Raises:
        ImportError: scikit-learn is missing.
        ValueError: shapes do not fit, or a class has too few labels.
    """
    x, y = _labelled("choose_regularisation: features", features, labels)
    counts = np.unique(y, return_counts=True)[1]
    if len(counts) < 2 or counts.min() < FOLDS:
        raise ValueError(
            f"choose_regularisation: labels: expected at least 2 classes with {FOLDS} labels each, "
            f"got counts {counts.tolist()}"
        )
    selection = sklearn("model_selection")
    folds = selection.StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    search = selection.GridSearchCV(_svm(1.0), {"C": REGULARISATION}, cv=folds, refit=False)
    search.fit(_coordinates(x)[0], y)
    return search.best_params_["C"]


def svm_accuracy(features, labels, test_features, test_labels, c: float) -> float:
    """The fraction of the test set that a linear L2-SVM reads right.

    For each class against the rest, it minimises |w|^2 / 2 + c sum max(0, 1 - y (w x + b))^2. All
    features are divided by the mean length of the training rows, so that one range of c suits all.

    Args:
        features, test_features: (n, d) and (m, d).
        labels, test_labels: integers (n,) and (m,).

    Raises:
        ImportError: scikit-learn is missing.
        ValueError: shapes do not fit.
    """
    x, y = _labelled("svm_accuracy: features", features, labels)
    test_x, test_y = _labelled("svm_accuracy: test_features", test_features, test_labels)
    if x.shape[1] != test_x.shape[1]:
        raise ValueError(
            f"svm_accuracy: test_features: expected {x.shape[1]} columns, got {test_x.shape[1]}"
        )
    rows, basis = _coordinates(x)
    return float(_svm(c).fit(rows, y).score(test_x @ basis, test_y))


def _svm(c: float):
    return sklearn("svm").LinearSVC(C=c, dual=False, max_iter=10_000)


def _coordinates(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows in an orthonormal basis of their span, divided by their mean length; and the matrix
    that does the same to other rows.

    The SVM's w is a sum of training rows, so nothing outside their span matters to it. In the span
    there are only n coordinates instead of d, and it is found many times faster.
    """
    scale = 1 / max(float(np.linalg.norm(x, axis=1).mean()), 1e-30)
    if len(x) >= x.shape[1]:
        return x * scale, np.eye(x.shape[1]) * scale
    basis = np.linalg.qr(x.T.astype(np.float64))[0]
    return x @ basis * scale, basis * scale


def _labelled(name: str, features, labels) -> tuple[np.ndarray, np.ndarray]:
    x, y = values(name, features, 2), values(f"{name}: their labels", labels, 1)
    if y.dtype.kind not in "iu" or len(y) != len(x):
        raise ValueError(
            f"{name}: expected labels to be {len(x)} integers, one per row, got {len(y)} of "
            f"{y.dtype}"
        )
    return x, y


def balanced_draw(labels, count: int, seed: int = 0) -> np.ndarray:
    """`count` indices with equally many of each class, drawn at random without repeats.

    Raises:
        ValueError: `count` is no multiple of the number of classes, or a class has too few.
    """
    y = values("balanced_draw: labels", labels, 1)
    classes, present = np.unique(y, return_counts=True)
    each = positive("balanced_draw: count", count) // len(classes)
    if each * len(classes) != count or each > present.min():
        raise ValueError(
            f"balanced_draw: count: expected a multiple of {len(classes)} classes, at most "
            f"{present.min()} of each, got {count}"
        )
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.choice(np.nonzero(y == k)[0], each, replace=False) for k in classes])


def accuracy_by_labels(
    features, labels, test_features, test_labels, counts: Sequence[int] = (100, 1000),
    draws: int = 5, seed: int = 0,
) -> dict[int, np.ndarray]:  # fmt: skip
    """`svm_accuracy` with few labels: {count: accuracies (draws,)}.

    Draw i depends on `labels` and `seed` alone, so that different features of the same images can
    be compared draw by draw. C is chosen on the first draw.

    Raises:
        ImportError: scikit-learn is missing.
        ValueError: as `svm_accuracy` and `balanced_draw`.
    """
    x, y = _labelled("accuracy_by_labels: features", features, labels)
    positive("accuracy_by_labels: draws", draws)
    accuracies = {}
    for count in counts:
        chosen = [balanced_draw(y, count, seed + draw) for draw in range(draws)]
        c = choose_regularisation(x[chosen[0]], y[chosen[0]], seed)
        accuracies[count] = np.array(
            [svm_accuracy(x[i], y[i], test_features, test_labels, c) for i in chosen]
        )
    return accuracies
