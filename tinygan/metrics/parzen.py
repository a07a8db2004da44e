"""The likelihood of test images under a generator whose samples are smeared out to a density."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygan.metrics.checks import as_two_sets, positive

BLOCK_ELEMENTS = 2**21  # of the matrix of pairs that are in memory at a time: 16 MB, twice
SIGMAS = np.logspace(-1, 0, 10)
"""The widths that are tried, for pixels in [0, 1], as in the code of Goodfellow 2014."""


def parzen_log_likelihood(
    samples: np.ndarray, points: np.ndarray, sigmas: np.ndarray,
    block_elements: int = BLOCK_ELEMENTS,
) -> np.ndarray:  # fmt: skip
    """The logarithm of a density made of a Gaussian around each sample, at some points, in nats.

        ln p(x) = ln (1/n sum_i exp(-|x - s_i|^2 / (2 sigma^2))) - d ln(sigma sqrt(2 pi))

    (Breuleux 2011, Neural Computation 23.) Distances are computed once for all widths.

    Args:
        samples: (n, d), or images, which are flattened.
        points: (m, d).
        sigmas: (s,), the Gaussians' standard deviations.
        block_elements: of the matrix of pairs, that are in memory at a time.

    Returns:
        (s, m) float64.

    Raises:
        ValueError: shapes do not fit, values are not finite, or a sigma is not positive.
    """
    name = "parzen_log_likelihood"
    positive(name, block_elements=block_elements)
    samples, points = as_two_sets(name, ("samples", "points"), samples, points)
    sigmas = np.asarray(sigmas, np.float64)
    if sigmas.ndim != 1 or sigmas.size == 0 or not (np.isfinite(sigmas) & (sigmas > 0)).all():
        raise ValueError(f"{name}: sigmas must be (s,), finite and positive, got {sigmas}")
    centre = samples.mean(0, dtype=np.float64)  # |x|^2 - 2 x.y + |y|^2 rounds less near 0
    samples = samples - centre
    half_norms = 0.5 * np.einsum("ij,ij->i", samples, samples)
    n, d = samples.shape
    result = np.empty((len(sigmas), len(points)))
    rows = max(1, block_elements // n)
    for start in range(0, len(points), rows):
        block = points[start : start + rows] - centre
        # Half the squared distance is `gap` + |x|^2 / 2; the nearest sample's goes before the sum.
        gap = half_norms - block @ samples.T
        nearest = gap.min(1, keepdims=True)
        gap -= nearest
        nearest = np.maximum(nearest[:, 0] + 0.5 * np.einsum("ij,ij->i", block, block), 0)
        terms = np.empty_like(gap)
        for i, sigma in enumerate(sigmas):
            np.exp(np.multiply(gap, -1 / sigma**2, out=terms), out=terms)
            log_mean = np.log(terms.mean(1)) - nearest / sigma**2
            result[i, start : start + rows] = log_mean - d * np.log(sigma * np.sqrt(2 * np.pi))
    return result


class ParzenScore(NamedTuple):
    """The mean log-likelihood of the test set in nats, its standard error over the test set, and
    the width that was chosen. One at the end of the range asks for a wider range."""

    log_likelihood: float
    standard_error: float
    sigma: float


def parzen_score(
    samples: np.ndarray, validation: np.ndarray, test: np.ndarray, sigmas: np.ndarray = SIGMAS
) -> ParzenScore:
    """The log-likelihood of a test set by Parzen windows, the score of the first GAN papers.

    A Gaussian is put around each sample; its width is the one of `sigmas` under which the
    validation images are likeliest. (Goodfellow 2014, arXiv:1406.2661, section 5, and its code:
    10,000 samples, pixels in [0, 1], sigma from 10 values between 0.1 and 1 by 1,000 of the last
    10,000 training images, the whole test set. MNIST: 225 +- 2.)

    Args:
        samples: (n, d), or images, which are flattened; likewise validation (v, d), test (m, d).

    Raises:
        ValueError: as `parzen_log_likelihood`; less than two test images.
    """
    as_two_sets("parzen_score", ("samples", "validation"), samples, validation)
    as_two_sets("parzen_score", ("samples", "test"), samples, test)
    if len(test) < 2:
        raise ValueError(f"parzen_score: test has {len(test)} image, expected 2 or more")
    likelihoods = parzen_log_likelihood(samples, validation, sigmas).mean(1)
    sigma = float(np.asarray(sigmas)[likelihoods.argmax()])
    values = parzen_log_likelihood(samples, test, np.array([sigma]))[0]
    error = values.std(ddof=1) / np.sqrt(len(values))
    return ParzenScore(float(values.mean()), float(error), sigma)
