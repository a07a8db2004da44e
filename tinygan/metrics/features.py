"""The features for a data set: of a classifier where there are labels, else random ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinygan.data import Dataset
from tinygan.metrics.classifier import can_classify, classifier_for
from tinygan.metrics.feature_net import FeatureNet
from tinygan.metrics.random_features import RandomFeatures
from tinygan.printing import say


def features_for(
    data: Dataset, device: str = "cpu", progress: Callable[[str], None] = say
) -> FeatureNet:
    """The net that scores of `data` should look through, and a line that says which it is.

    A classifier (from the cache, or trained now) when the images have labels of at least two
    classes and a size that it can read; `RandomFeatures`, standardised by the data, otherwise.

    Args:
        progress: called with each line of text.
    """
    sizes = data.images.shape[2:]
    if data.labels is None:
        reason = "no labels"
    elif len(np.unique(data.labels)) < 2:
        reason = "a single class"
    elif not can_classify(sizes):
        reason = f"images of {sizes[0]}x{sizes[1]}, neither 28x28 nor a multiple of 8"
    else:
        progress(f"scores of {data.name} look through a classifier of its labels")
        return classifier_for(data, device, progress)
    progress(
        f"scores of {data.name} look through random features ({data.name} has {reason}): "
        "compare them only with the floor beside them"
    )
    return RandomFeatures(data.images.shape[1]).to(device).fit(data)
