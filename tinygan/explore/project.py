"""A map of latent vectors in the plane, such as the means of DeLiGAN's Gaussians.

With 30 or 100 dimensions one looks at projections: by PCA, which is linear and keeps large
distances, or by t-SNE (van der Maaten and Hinton 2008, JMLR 9), which keeps neighbours together and
whose distances between groups mean nothing.
"""

from __future__ import annotations

import numpy as np

from tinygan.explore.nets import pictures, positive, values
from tinygan.explore.optional import sklearn
from tinygan.images import to_uint8
from tinygan.metrics import nearest_neighbours

PERPLEXITY = 30.0  # t-SNE's usual number of neighbours; less where there are few points


def project(means, method: str = "pca", seed: int = 0) -> np.ndarray:
    """Points (n, d) -> their places in the plane (n, 2), centred at 0.

    PCA: the centred points times the first two right singular vectors, each with the sign that
    makes its largest entry positive. t-SNE: scikit-learn's, started from PCA.

    Raises:
        ImportError: t-SNE without scikit-learn.
        ValueError: fewer than 3 points or than 2 dimensions; another method.
    """
    x = values("project: means", means, 2).astype(np.float64)
    if len(x) < 3 or x.shape[1] < 2:
        raise ValueError(
            f"project: means: expected at least 3 points of 2 dimensions, got shape {x.shape}"
        )
    if method == "pca":
        x = x - x.mean(0)
        axes = np.linalg.svd(x, full_matrices=False)[2][:2]
        largest = axes[np.arange(2), np.abs(axes).argmax(1)]
        return x @ (axes * np.where(largest < 0, -1, 1)[:, None]).T
    if method == "tsne":
        perplexity = min(PERPLEXITY, (len(x) - 1) / 3)
        tsne = sklearn("manifold").TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
        points = tsne.fit_transform(x)
        return (points - points.mean(0)).astype(np.float64)
    raise ValueError(f"project: method: expected 'pca' or 'tsne', got {method!r}")


def explained_variance(means) -> float:
    """The fraction of the variance of points (n, d) that lies in PCA's plane, from 2 / d to 1."""
    x = values("explained_variance: means", means, 2).astype(np.float64)
    variances = np.linalg.svd(x - x.mean(0), compute_uv=False) ** 2
    if variances.sum() == 0:
        raise ValueError("explained_variance: means: all are equal")
    return float(variances[:2].sum() / variances.sum())


def neighbour_agreement(points, labels) -> tuple[float, float]:
    """(how often the nearest other point has the same label, how often a random other point has).

    points (n, d), labels (n,). With the labels that a classifier reads on the points' images, it
    says whether neighbours show alike things.
    """
    x = values("neighbour_agreement: points", points, 2).astype(np.float64)
    y = values("neighbour_agreement: labels", labels, 1)
    if len(x) < 2 or len(x) != len(y):
        raise ValueError(
            f"neighbour_agreement: labels: expected one for each of at least 2 points, got "
            f"{len(y)} for {len(x)}"
        )
    same = y[nearest_neighbours(x).indices[:, 0]] == y
    counts = np.unique(y, return_counts=True)[1]
    return float(same.mean()), float((counts * (counts - 1)).sum() / (len(y) * (len(y) - 1)))


def place_images(images, points, side: int = 800) -> np.ndarray:
    """Images (n, c, h, w) in [-1, 1], each at its point (n, 2): a picture uint8 (side, side, 3).

    The points are stretched so that the images fill the picture, both directions alike; the second
    coordinate goes upwards. Where images overlap, the later one covers the earlier.
    """
    x, p = pictures("place_images: images", images), values("place_images: points", points, 2)
    n, c, h, w = x.shape
    if p.shape != (n, 2) or c not in (1, 3):
        raise ValueError(
            "place_images: expected images (n, 1 or 3, h, w) and points (n, 2), got "
            f"{x.shape} and {p.shape}"
        )
    positive("place_images: side", side, max(h, w) + 1)
    middle, extent = (p.max(0) + p.min(0)) / 2, max(float((p.max(0) - p.min(0)).max()), 1e-30)
    at = (p - middle) / extent  # in -1/2 ... 1/2
    left = np.round((at[:, 0] + 0.5) * (side - w)).astype(int)
    top = np.round((0.5 - at[:, 1]) * (side - h)).astype(int)
    picture = np.full((side, side, 3), 32, np.uint8)
    for image, y, x_ in zip(to_uint8(x).transpose(0, 2, 3, 1), top, left, strict=True):
        picture[y : y + h, x_ : x_ + w] = image
    return picture
