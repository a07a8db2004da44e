"""The interface of a net that scores use: images to features, and perhaps to classes."""

from __future__ import annotations

import numpy as np

from tinygan import nn
from tinygan.autograd import no_grad
from tinygan.creation import tensor
from tinygan.nn.evaluation import evaluating
from tinygan.tensor import Tensor


class FeatureNet(nn.Module):
    """Base of `Classifier` and `RandomFeatures`.

    Attributes:
        classes: how many classes are told apart; None for none.
        description: for tables of scores.
    """

    classes: int | None = None
    description = ""

    def features(self, images: Tensor) -> Tensor:
        """(n, c, h, w) in [-1, 1] -> (n, d)."""
        raise NotImplementedError(f"{type(self).__name__}.features")

    def probabilities(self, features: Tensor) -> Tensor | None:
        """(n, d) -> (n, classes), rows of sum 1; None without classes."""
        return None

    @no_grad()
    def predict(
        self, images: np.ndarray, batch_size: int = 500
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(features, class probabilities or None) of images in [-1, 1], in evaluation mode.

        The net is not changed, and several threads can predict with it at once.
        """
        features, probabilities = [], []
        device = next(self.parameters()).device
        with evaluating(self):
            for start in range(0, len(images), batch_size):
                x = self.features(tensor(images[start : start + batch_size], device=device))
                features.append(x.cpu().array)
                p = self.probabilities(x)
                if p is not None:
                    probabilities.append(p.cpu().array)
        return np.concatenate(features), np.concatenate(probabilities) if probabilities else None
