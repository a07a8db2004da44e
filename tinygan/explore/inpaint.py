"""Semantic inpainting: a hole is filled by that generated image which fits to what is around it.

Yeh et al. 2016, "Semantic image inpainting with deep generative models", arXiv:1607.07539. The
generator was never shown a hole. Its latent space is searched, by the gradient by z, for

    z* = argmin  sum_i W_i |G(z)_i - y_i|  +  lambda log(1 - D(G(z)))

over the known pixels i of the image y: the context loss (eq. 4) and the prior loss (eq. 5). A pixel
weighs as much as there is hole around it (eq. 3):

    W_i = sum over j in N(i) (1 - M_j) / |N(i)|   where M_i = 1 (known), else 0

`tinygan.explore.holes` makes holes and closes the seam.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import tinygan.functional as F
from tinygan import nn
from tinygan.autograd import grad
from tinygan.explore.holes import check_holes
from tinygan.explore.nets import evaluating, input_of, outputs, pictures, positive, values
from tinygan.grad_mode import no_grad
from tinygan.optim import Adam
from tinygan.tensor import Tensor


class Fill(NamedTuple):
    """What a search found for each of n images, the best start first.

    images: G(z*), whole (starts, n, c, h, w). latent: z* (starts, n, d). labels: (starts, n), None
    where the generator has no classes. context: the context loss (starts, n), smallest first.
    """

    images: np.ndarray
    latent: np.ndarray
    labels: np.ndarray | None
    context: np.ndarray

    def weights(self, temperature: float = 0.4) -> np.ndarray:
        """How likely each search is right, w_k = exp(-(E_k - E_1) / (T E_1)) / sum over k, as if
        the context loss E were an energy and T times the least one the temperature: (starts, n).
        """
        least = np.maximum(self.context[:1], np.finfo(np.float64).tiny)
        weights = np.exp((least - self.context) / (temperature * least))
        return weights / weights.sum(0)

    def mean(self, temperature: float = 0.4) -> np.ndarray:
        """The weighted mean of the searches (n, c, h, w): what has the smallest squared error."""
        return np.einsum("kn,knchw->nchw", self.weights(temperature), self.images).astype(
            self.images.dtype
        )

    def likeliest(self, temperature: float = 0.4) -> np.ndarray:
        """Of each image the best search (n, c, h, w) of that class for which the searches speak
        together; without classes the best one."""
        if self.labels is None:
            return self.images[0]
        weights, row = self.weights(temperature), np.arange(self.images.shape[1])
        kinds = np.unique(self.labels)
        votes = np.stack([(weights * (self.labels == kind)).sum(0) for kind in kinds])
        first = (self.labels == kinds[votes.argmax(0)]).argmax(0)
        return self.images[first, row]


def context_weights(hole, window: int = 7) -> np.ndarray:
    """W of eq. 3 for masks (n, h, w), True where missing: float32 (n, h, w), 0 in the hole.

    Of the window x window pixels around each, those outside of the image do not count. The paper's
    window of 7 looks three pixels far, and what is farther from the hole does not count at all.
    """
    masks = np.asarray(hole)
    if masks.dtype != bool or masks.ndim != 3:
        raise TypeError(
            f"context_weights: hole: expected truths (n, h, w), got {masks.dtype} {masks.shape}"
        )
    if positive("context_weights: window", window) % 2 == 0:
        raise ValueError(f"context_weights: window: expected an odd number, got {window}")

    def total(x: np.ndarray) -> np.ndarray:
        reach = window // 2
        for axis in (1, 2):
            border = [(0, 0)] * 3
            border[axis] = (reach, reach)
            x = np.lib.stride_tricks.sliding_window_view(np.pad(x, border), window, axis).sum(-1)
        return x

    share = total(masks.astype(np.float32)) / total(np.ones_like(masks, np.float32)[:1])
    return np.where(masks, np.float32(0), share)


def _nearest(
    images: np.ndarray, weights: np.ndarray, pool: np.ndarray, starts: int
) -> np.ndarray:  # fmt: skip
    """Of each image (n, d) the `starts` nearest of the pool (m, d), nearest first: (n, starts).

    By sum W (y - g)^2, which needs products of matrices only.
    """
    distances = weights @ (pool * pool).T - 2 * (weights * images) @ pool.T
    chosen = np.argpartition(distances, starts - 1, axis=1)[:, :starts]
    order = np.take_along_axis(distances, chosen, 1).argsort(axis=1, kind="stable")
    return np.take_along_axis(chosen, order, 1)


def search_latent(
    generator: nn.Module, discriminator: nn.Module, images, hole, pool, labels=None, *,
    starts: int = 3, steps: int = 100, lr: float = 0.05, prior: float = 0.003, window: int = 7,
    fixed: int = 0, limit: float | None = 1.0, batch_size: int = 250,
) -> Fill:  # fmt: skip
    """Searches the latent space for images that fit around holes; see the module's docstring.

    Each image is begun from the `starts` vectors of the pool whose images are nearest to its
    context; from there go `steps` steps of Adam, whose rate falls linearly to zero. Both nets run
    in evaluation mode and are not changed: only z moves. What comes out for an image depends on no
    other image, nor on `batch_size`, beyond rounding.

    Args:
        images: (n, c, h, w); what they have in the hole is not looked at.
        hole: truths (n, h, w), True where a pixel is missing.
        pool: latent vectors (m, d) to begin from, as ``model.latent(5000)``.
        labels: integers (m,), of each vector of the pool the class, for class-conditional nets.
        prior: lambda, the weight of the prior loss; with 0, D is not computed.
        window: of `context_weights`.
        fixed: so many first numbers of z stay as they are, as the categories of a DCGAN.
        limit: z stays within [-limit, limit], where a uniform z comes from; None: it is free.

    Raises:
        TypeError, ValueError: an argument that does not fit the others; the message names it.
    """
    y, z = pictures("search_latent: images", images), values("search_latent: pool", pool, 2)
    masks = check_holes("search_latent", y, hole)
    for name, value in (("steps", steps), ("batch_size", batch_size)):
        positive(f"search_latent: {name}", value)
    if positive("search_latent: starts", starts) > len(z):
        raise ValueError(f"search_latent: pool: expected at least {starts} vectors, got {len(z)}")
    positive("search_latent: fixed", fixed, 0)
    made = outputs(generator, z, labels)
    if made.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"search_latent: images: the generator makes {made.shape[1:]}, got {y.shape[1:]}"
        )
    weights = np.repeat(context_weights(masks, window)[:, None], y.shape[1], 1)
    n, flat = len(y), (lambda x: x.reshape(len(x), -1))
    begin = np.concatenate([
        _nearest(flat(y[at]), flat(weights[at]), flat(made), starts)
        for at in np.array_split(np.arange(n), -(-n // 500))
    ])  # fmt: skip
    jobs = [(image, start) for image in range(n) for start in range(starts)]
    found_z, found = np.empty((n, starts, z.shape[1]), z.dtype), np.empty((n, starts))
    shown = np.empty((n, starts, *y.shape[1:]), np.float32)
    classes = None if labels is None else values("search_latent: labels", labels, 1)
    for first in range(0, len(jobs), batch_size):
        image, start = np.array(jobs[first : first + batch_size]).T
        chosen = begin[image, start]
        found_z[image, start], shown[image, start], found[image, start] = _descend(
            generator, discriminator, z[chosen], None if classes is None else classes[chosen],
            y[image], weights[image], steps, lr, prior, fixed, limit,
        )  # fmt: skip
    order = found.argsort(axis=1, kind="stable").T
    row = np.arange(n)
    return Fill(shown[row, order], found_z[row, order],
                None if classes is None else classes[begin[row, order]],
                found[row, order])  # fmt: skip


def _descend(
    generator: nn.Module, discriminator: nn.Module, start: np.ndarray, classes: np.ndarray | None,
    images: np.ndarray, weights: np.ndarray, steps: int, lr: float, prior: float, fixed: int,
    limit: float | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(z*, G(z*), context losses) after the steps of Adam. The losses are sums over the batch, and
    Adam goes by element, so that no row depends on another."""
    z = input_of(generator, start.copy()).requires_grad_(True)
    label = () if classes is None else (input_of(generator, classes),)
    target, weight = input_of(generator, images), input_of(generator, weights)
    moving = np.ones((1, z.shape[1]), z.dtype)
    moving[:, :fixed] = 0
    moves = input_of(generator, moving)
    optimizer = Adam([z], lr=lr, betas=(0.9, 0.999))

    def context(made: Tensor) -> Tensor:
        return ((made - target).abs() * weight).flatten(1).sum(1)

    with evaluating(generator), evaluating(discriminator):
        for step in range(steps):
            made = generator(z, *label)
            loss = context(made).sum()
            if prior:  # log(1 - sigmoid(l)) = -softplus(l)
                loss = loss - F.softplus(discriminator(made, *label)).sum() * prior
            (gradient,) = grad(loss, z)
            assert gradient is not None
            z.grad = gradient * moves
            optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
            optimizer.step()
            if limit is not None:
                with no_grad():
                    z.array[:, fixed:] = z.array[:, fixed:].clip(-limit, limit)
        with no_grad():
            made = generator(z, *label)
            return tuple(x.detach().cpu().array for x in (z, made, context(made)))
