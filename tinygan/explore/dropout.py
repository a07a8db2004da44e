"""Removing an object by dropping feature maps of the generator.

Radford 2015, arXiv:1511.06434, section 6.3.1: boxes are drawn around an object (windows of
bedrooms) in some samples; a logistic regression on the feature vectors of the second-highest
convolution tells places inside boxes from places outside; all maps with a positive weight are set
to zero; new samples then show the object less often. The regression is scikit-learn's:
``pip install 'tinygan[explore]'``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinygan import nn
from tinygan.explore.features import pool_to_grid
from tinygan.explore.nets import Rate, cut, outputs, positive, rate, values
from tinygan.explore.optional import sklearn

SECOND_HIGHEST = -2
"""The generator's convolution before the one that makes the image."""


def feature_maps(generator: nn.Module, latent, layer: int = SECOND_HIGHEST) -> np.ndarray:
    """The maps of convolution `layer`, after its batch norm and activation: (n, k, h, w)."""
    return outputs(cut(generator, layer)[0], latent)


def inside_boxes(boxes, count: int, image_size: Sequence[int], map_size: Sequence[int]):
    """Which places of the feature maps lie in a box: bool (count, *map_size).

    A place stands for the pixel at the centre of its share of the image.

    Args:
        boxes: integers (m, 5): image, top, left, bottom, right, in pixels, the last two exclusive;
            as `tinygan.explore.bars` finds them, or as somebody has drawn them.
        count: the number of images.

    Raises:
        ValueError: boxes have another shape, or name an image that there is not.
    """
    b = np.asarray(boxes)
    if b.ndim != 2 or b.shape[1] != 5 or b.dtype.kind not in "iu":
        raise ValueError(
            "inside_boxes: boxes: expected integers (m, 5) of image, top, left, bottom, right, "
            f"got {b.dtype} of shape {b.shape}"
        )
    if len(b) and not 0 <= b[:, 0].min() <= b[:, 0].max() < count:
        raise ValueError(
            f"inside_boxes: boxes: expected images 0 to {count - 1}, got {b[:, 0].min()} to "
            f"{b[:, 0].max()}"
        )
    y, x = ((np.arange(m) + 0.5) * n / m for m, n in zip(map_size, image_size, strict=True))
    inside = np.zeros((count, len(y), len(x)), bool)
    for image, top, left, bottom, right in b:
        rows, columns = (top <= y) & (y < bottom), (left <= x) & (x < right)
        inside[image] |= rows[:, None] & columns
    return inside


def object_weights(maps, inside, outside=None, seed: int = 0) -> np.ndarray:
    """The weight of each feature map in a logistic regression that tells the object from the rest.

    Positives are all places inside; negatives as many places drawn at random from `outside`.

    Args:
        maps: (n, k, h, w).
        inside: bool (n, h, w), as `inside_boxes` returns it.
        outside: bool (n, h, w), where negatives may be drawn from; by default all that is not
            inside.

    Returns:
        (k,): positive where a map's activity speaks for the object.

    Raises:
        ImportError: scikit-learn is missing.
        ValueError: shapes do not fit, or there are no places inside or outside.
    """
    x = values("object_weights: maps", maps, 4)
    expected = (len(x), *x.shape[2:])
    masks = {"inside": np.asarray(inside)}
    masks["outside"] = ~masks["inside"] if outside is None else np.asarray(outside)
    for name, mask in masks.items():
        if mask.shape != expected or mask.dtype != np.bool_:
            raise ValueError(
                f"object_weights: {name}: expected bool {expected}, got {mask.dtype} {mask.shape}"
            )
        if not mask.any():
            raise ValueError(f"object_weights: {name}: no place is marked")
    vectors = x.transpose(0, 2, 3, 1)
    positives, negatives = vectors[masks["inside"]], vectors[masks["outside"]]
    rng = np.random.default_rng(seed)
    count = min(len(positives), len(negatives))
    positives = positives[rng.choice(len(positives), count, replace=False)]
    negatives = negatives[rng.choice(len(negatives), count, replace=False)]
    regression = sklearn("linear_model").LogisticRegression(max_iter=5000)
    regression.fit(np.concatenate([positives, negatives]), np.repeat([1, 0], count))
    return regression.coef_[0]


def object_maps(
    generator: nn.Module, latent, boxes, elsewhere=None, layer: int = SECOND_HIGHEST, seed: int = 0
) -> np.ndarray:
    """The indices of the feature maps that speak for the object inside the boxes.

    Args:
        latent: (n, d); the boxes belong to their images.
        boxes: integers (m, 5), see `inside_boxes`.
        elsewhere: bool (n, h, w), the pixels that are not the object and that it is to be told
            from, such as other strokes; by default all that lie in no box.

    Raises:
        ImportError, TypeError, ValueError, IndexError: as `inside_boxes`, `object_weights` and
            `feature_maps`.
    """
    z = values("object_maps: latent", latent, 2)
    maps, size = feature_maps(generator, z, layer), outputs(generator, z[:1]).shape[2:]
    inside = inside_boxes(boxes, len(z), size, maps.shape[2:])
    outside = None
    if elsewhere is not None:
        pixels = np.asarray(elsewhere)
        if pixels.shape != (len(z), *size) or pixels.dtype != np.bool_:
            raise ValueError(
                f"object_maps: elsewhere: expected bool {(len(z), *size)}, got {pixels.dtype} "
                f"{pixels.shape}"
            )
        outside = ~inside & (pool_to_grid(pixels[:, None] * 1.0, maps.shape[2:])[:, 0] > 0)
    return np.nonzero(object_weights(maps, inside, outside, seed) > 0)[0]


def without_maps(
    generator: nn.Module, latent, dropped, layer: int = SECOND_HIGHEST, batch_size: int = 250
) -> np.ndarray:
    """Images made while the feature maps `dropped` (indices) are zero everywhere: (n, c, h, w).

    Raises:
        TypeError, ValueError: the net is no Sequential or has no convolution; or latent is no
            (n, d).
        IndexError: there is no such convolution, or no such map.
    """
    z, chosen = values("without_maps: latent", latent, 2), np.asarray(dropped, np.int64)
    positive("without_maps: batch_size", batch_size)
    lower, upper = cut(generator, layer)
    count = outputs(lower, z[:1]).shape[1]
    if chosen.ndim != 1 or ((chosen < 0) | (chosen >= count)).any():
        raise IndexError(f"without_maps: dropped: expected indices below {count}, got {dropped}")
    images = []
    for start in range(0, len(z), batch_size):
        maps = outputs(lower, z[start : start + batch_size], batch_size=batch_size)
        maps[:, chosen] = 0
        images.append(outputs(upper, maps, batch_size=batch_size))
    return np.concatenate(images)


def drop_rates(
    generator: nn.Module, latent, dropped, measure: Callable[[np.ndarray], np.ndarray],
    layer: int = SECOND_HIGHEST, draws: int = 10, seed: int = 0,
) -> dict[str, Rate]:  # fmt: skip
    """What dropping the maps does to a measurement, and what dropping others does.

    Args:
        latent: (n, d), not those that the weights were fitted on.
        dropped: indices of maps, as `object_maps` returns them.
        measure: images (n, c, h, w) -> bool (n,), whether they show the object; or numbers.
        draws: how many random sets of as many maps.

    Returns:
        The mean of the measurement without these maps ("dropped") and with all ("all maps"), both
        with the standard error over images, and without as many random ones ("random maps
        dropped"), with the standard error over the draws.
    """
    z = values("drop_rates: latent", latent, 2)
    positive("drop_rates: draws", draws, 2)
    count = feature_maps(generator, z[:1], layer).shape[1]
    rates = {
        "all maps": rate(measure(outputs(generator, z))),
        "dropped": rate(measure(without_maps(generator, z, dropped, layer))),
    }
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(draws):
        others = rng.choice(count, len(dropped), replace=False)
        means.append(rate(measure(without_maps(generator, z, others, layer))).mean)
    rates["random maps dropped"] = rate(np.array(means))
    return rates

