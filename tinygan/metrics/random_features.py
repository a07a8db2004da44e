"""Features of an untrained net: for images without labels."""

from __future__ import annotations

import math

import numpy as np

from tinygan import nn
from tinygan.data import Dataset
from tinygan.devices import temporary_seed
from tinygan.metrics.checks import positive
from tinygan.metrics.feature_net import FeatureNet
from tinygan.nn import init
from tinygan.ops import cat
from tinygan.tensor import Tensor

WIDTHS = (32, 64, 64, 64)
KERNEL_SIZE = 5
SLOPE = 0.2
SEED = 1706  # of all weights; another seed, another ruler
FITTED = 2000  # real images that the features are standardised by


class RandomFeatures(FeatureNet):
    """Images (n, channels, h, w) in [-1, 1] -> (n, 448): random convolutions, pooled.

    Four convolutions 5x5 of stride 2 with LeakyReLU(0.2); of each layer's channels the mean and the
    maximum over all positions. Early layers see colours, edges and noise; a position of the last
    sees 61 pixels in each direction. Random convolutions keep much of what tells images apart
    (Saxe 2011, "On random weights and unsupervised feature learning", ICML; random embeddings for
    scores: Naeem 2020, arXiv:2002.09797).

    Weights are He's (2015, arXiv:1502.01852, with the slope), but uniform: in
    +-sqrt(6 / ((1 + slope^2) fan_in)). They are drawn from tinygan's stream of a fixed seed, as
    integers times a constant, without functions that a machine's library could round otherwise,
    and so are the same bits everywhere. The features are not: convolutions add in the order of the
    machine's kernels, and differ in the seventh digit.

    Each feature is shifted and scaled, by `fit`, to mean 0 and standard deviation 1 over real
    images, so that no dimension dominates a distance.
    """

    description = "random features (a net of fixed random weights)"

    def __init__(self, channels: int = 3):
        positive("RandomFeatures", channels=channels)
        layers: list[nn.Module] = []
        with temporary_seed(SEED):
            for inputs, outputs in zip((channels, *WIDTHS), WIDTHS, strict=False):
                layer = nn.Conv2d(inputs, outputs, KERNEL_SIZE, 2, "same", bias=False)
                bound = math.sqrt(6 / ((1 + SLOPE**2) * inputs * KERNEL_SIZE**2))
                init.uniform_(layer.weight, -bound, bound)
                layers.append(nn.Sequential(layer, nn.LeakyReLU(SLOPE)))
        self.stages = nn.Sequential(*layers)
        self.mean = nn.Buffer(np.zeros(2 * sum(WIDTHS), np.float32))
        self.std = nn.Buffer(np.ones(2 * sum(WIDTHS), np.float32))
        self.eval()

    def pooled(self, images: Tensor) -> Tensor:
        """The features before they are standardised."""
        pooled, x = [], images
        for stage in self.stages:
            x = stage(x)
            pooled += [x.mean((2, 3)), x.amax((2, 3))]
        return cat(pooled, 1)

    def features(self, images: Tensor) -> Tensor:
        return (self.pooled(images) - self.mean) / self.std

    def fit(self, data: Dataset) -> RandomFeatures:
        """Standardises by up to 2,000 images, evenly spaced over the data; returns the net."""
        device = self.mean.device
        init.constant_(self.mean, 0.0)
        init.constant_(self.std, 1.0)
        chosen = np.linspace(0, len(data) - 1, min(FITTED, len(data))).astype(np.int64)
        features, _ = self.predict(data.batch(chosen))
        deviation = features.std(0, dtype=np.float64)
        deviation[deviation == 0] = 1  # a feature that all images share tells nothing
        mean = features.mean(0, dtype=np.float64)
        self.load_state_dict({**self.state_dict(), "mean": mean, "std": deviation})
        return self.to(device)
