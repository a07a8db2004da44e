"""Keeps D and G in balance: penalties on D's gradient, and transforms of the images that D sees.

A penalty is a function of D and of what D sees, a transform a function of images; `gan_step` takes
one of each. Spectral normalisation and minibatch discrimination are layers (`tinygan.nn`), label
smoothing is an option of `tinygan.functional.gan_loss`, the averaging of weights is in
`tinygan.optim`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygan.autograd import grad
from tinygan.creation import rand, randn
from tinygan.devices import Array, Generator, array_module, beside, generator
from tinygan.ops.image import translate
from tinygan.ops.math import sqrt
from tinygan.tensor import Tensor
from tinygan.training.step import Critic, Transform

# Penalties. Both differentiate D's gradient: their own gradient is a second derivative.


def _squared_gradient_norm(critic: Critic, seen: Tensor) -> Tensor:
    """(n,) squared norms of the gradient of D's output by what it sees."""
    seen = seen.detach().requires_grad_(True)
    # One sum for all: no image's output depends on another image, so the gradients do not mix.
    (gradient,) = grad(critic(seen).sum(), seen, create_graph=True)
    assert gradient is not None
    return (gradient * gradient).flatten(1).sum(1)


def r1_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """R1 = 1/2 E |grad D(x)|^2 over real images x; to be weighted with gamma.

    (Mescheder 2018, arXiv:1801.04406, eq. 9.) D's gradient must vanish where the data is, so that G
    can come to rest there. D must not have batch norm: an output would depend on other images.
    """
    return _squared_gradient_norm(critic, real).mean() * 0.5


def r2_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """R2 = 1/2 E |grad D(G(z))|^2 over generated images; to be weighted with gamma, as R1.

    (Mescheder 2018, arXiv:1801.04406, eq. 10.) With a relativistic loss both are needed, as its
    gradient does not vanish at the images of one side alone (Huang 2024, arXiv:2501.05441, section
    2.2). No batch norm in D.
    """
    return _squared_gradient_norm(critic, fake).mean() * 0.5


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """E (|grad D(x)| - 1)^2 over points x between real and generated images; weight 10 is usual.

    (WGAN-GP: Gulrajani 2017, arXiv:1704.00028, eq. 3.) Keeps D nearly 1-Lipschitz, as the
    Wasserstein loss needs it. Not with batch norm in D.
    """
    shape = (len(real),) + (1,) * (real.ndim - 1)
    mix = rand(*shape, dtype=real.dtype, device=real.device)
    between = real.detach() * mix + fake.detach() * (1.0 - mix)
    # The norm has no derivative at 0; 1e-12 is far below any norm that matters.
    norm = sqrt(_squared_gradient_norm(critic, between) + 1e-12)
    return ((norm - 1.0) ** 2).mean()


# Transforms.


def pack(images: Tensor, count: int) -> Tensor:
    """`count` images judged together: (n, c, ...) -> (n / count, count * c, ...).

    (PacGAN: Lin 2017, arXiv:1712.04086, section 2.) A D that sees several samples at once sees
    when they are too much alike.

    Raises:
        ValueError: n is not a multiple of count.
    """
    if count < 1 or len(images) % count:
        raise ValueError(f"pack: {len(images)} images cannot be packed by count = {count}")
    n, c, *rest = images.shape
    return images.reshape(n // count, count * c, *rest)


def instance_noise(images: Tensor, std: float) -> Tensor:
    """x + N(0, std^2): real and generated images overlap, and D cannot win at once.

    (Sonderby 2016, arXiv:1610.04490, section 3.) `std` falls to zero as the training goes on.
    """
    return images + randn(*images.shape, dtype=images.dtype, device=images.device) * std


def _random(generator: Generator, images: Tensor) -> Array:
    """One number in [0, 1) per image, on the images' device."""
    return generator.uniform((len(images),), images.dtype, images.device)


def brightness(images: Tensor, generator: Generator = generator) -> Tensor:
    """x + U(-0.5, 0.5), one number per image."""
    with beside(images.array):
        shift = (_random(generator, images) - 0.5).reshape(-1, *(1,) * (images.ndim - 1))
    return images + Tensor(shift)


def translation(images: Tensor, generator: Generator = generator) -> Tensor:
    """Moved by up to an eighth of the size in both directions; zeros come in."""
    moves = []
    with beside(images.array):
        for size in images.shape[2:]:
            reach = (size + 4) // 8
            moves.append((_random(generator, images) * (2 * reach + 1)).astype(np.int64) - reach)
    return translate(images, *moves)


def cutout(images: Tensor, generator: Generator = generator) -> Tensor:
    """A square of half the size, centred anywhere in the image, set to zero."""
    xp, inside = array_module(images.array), []
    with beside(images.array):
        for size in images.shape[2:]:
            half = size // 4
            centre = (_random(generator, images) * size).astype(np.int64)[:, None]
            inside.append(abs(xp.arange(size) + 0.5 - centre) < half)
        keep = ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])
        mask = Tensor(keep.astype(images.dtype))
    return images * mask


AUGMENTATIONS = {"brightness": brightness, "translation": translation, "cutout": cutout}


def diff_augment(images: Tensor, policy: Sequence[str]) -> Tensor:
    """The named augmentations one after the other, each with new random numbers.

    (DiffAugment: Zhao 2020, arXiv:2006.10738, section 3.) Real and generated images are augmented
    alike and G's gradient flows through, so that G does not learn the augmentations; D cannot learn
    a small data set by heart.

    Raises:
        ValueError: a name that is not in `AUGMENTATIONS`.
    """
    for name in policy:
        if name not in AUGMENTATIONS:
            raise ValueError(
                f"diff_augment: policy names {name!r}; there are {', '.join(AUGMENTATIONS)}"
            )
    for name in policy:
        images = AUGMENTATIONS[name](images)
    return images


def chain(transforms: Sequence[Transform]) -> Transform:
    """One transform made of several: the first is applied first."""

    def transform(images: Tensor) -> Tensor:
        for each in transforms:
            images = each(images)
        return images

    return transform
