"""DeLiGAN: a GAN whose latent vectors come from a mixture of Gaussians that is learned with it.

Gurumurthy, Sarvadevabhatla, Babu 2017, "DeLiGAN: generative adversarial networks for diverse and
limited data", arXiv:1706.02071, section 4. Gaussian i of N has a learned mean mu_i and a learned
deviation sigma_i, both vectors; by the reparametrisation trick (Kingma and Welling 2013,
arXiv:1312.6114) gradients reach them through the sample:

    z = mu_i + sigma_i * eps,    eps ~ N(0, I)

- mu starts uniform in [-1, 1], sigma at a constant, 0.2;
- row k of a batch is of Gaussian k mod N: with batches of N, one row of each;
- nothing but fooling D pulls at sigma, and a generator can fool D with N fixed points. Therefore
  G's loss has a term weight * mean (sigma - 1)^2.

The paper's own nets are in `deligan_mnist.py` and `deligan_toy.py`.
"""

from __future__ import annotations

import numpy as np

import tinygan.functional as F
from tinygan import nn
from tinygan.creation import rand, randn, tensor
from tinygan.devices import Generator, generator
from tinygan.models.arguments import check_choice, check_positive
from tinygan.ops.shape import cat
from tinygan.tensor import Tensor


class MixtureLatent(nn.Module):
    """z = mu_i + sigma_i * eps for rows cat(one-hot i, eps): (n, components + d) -> (n, d).

    What a row becomes depends on that row alone. With H the one-hot part, mu_i and sigma_i of all
    rows are the products H mu and H sigma.
    """

    def __init__(self, components: int, latent_size: int, sigma: float = 0.2):
        check_positive("MixtureLatent", components=components, latent_size=latent_size)
        self.components = components
        shape = (components, latent_size)
        self.mu = nn.Parameter(rand(*shape, generator=generator) * 2.0 - 1.0)
        self.sigma = nn.Parameter(np.full(shape, sigma, np.float32))

    def forward(self, rows: Tensor) -> Tensor:
        h, eps = rows[:, : self.components], rows[:, self.components :]
        return h @ self.mu + (h @ self.sigma) * eps  # z = mu_i + sigma_i * eps

    def extra_repr(self) -> str:
        return f"components={self.components}"


class Noise(nn.Module):
    """The rows of `MixtureLatent` for a generator without a mixture: z = eps."""

    def __init__(self, components: int):
        self.components = components

    def forward(self, rows: Tensor) -> Tensor:
        return rows[:, self.components :]

    def extra_repr(self) -> str:
        return f"components={self.components}"


class ComponentGAN:
    """A generator and a discriminator whose latent rows are cat(one-hot i, eps), i one of N.

    DeLiGAN is one, and so are the models that it is compared with: all train in one loop.
    """

    classes: int | None = None

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, components: int, latent_size: int
    ):
        self.generator, self.discriminator = generator, discriminator
        self.components, self.latent_size = components, latent_size

    def latent(
        self, count: int, generator: Generator = generator, noise: str = "normal"
    ) -> Tensor:
        """Rows (count, components + latent_size); row k is of component k mod N.

        `noise` says how eps is distributed: "normal", or "uniform" in [-1, 1].
        """
        check_choice(type(self).__name__, "noise", noise, ("normal", "uniform"))
        shape = (count, self.latent_size)
        if noise == "normal":
            eps = randn(*shape, generator=generator)
        else:
            eps = rand(*shape, generator=generator) * 2.0 - 1.0
        component = tensor(np.arange(count) % self.components)
        return cat([F.one_hot(component, self.components).float(), eps], 1)


class DeLiGAN(ComponentGAN):
    """A mixture of Gaussians in front of any generator.

    Args:
        net: the generator proper, z (n, latent_size) -> samples.
        discriminator: samples -> logits (n, 1).
        components: N, the number of Gaussians; the paper's batches have as many rows.
        latent_size: the length of z.
        sigma: where all deviations start.
    """

    def __init__(
        self, net: nn.Module, discriminator: nn.Module, components: int, latent_size: int,
        sigma: float = 0.2,
    ):  # fmt: skip
        self.mixture = MixtureLatent(components, latent_size, sigma)
        super().__init__(nn.Sequential(self.mixture, net), discriminator, components, latent_size)

    def sigma_regulariser(self, weight: float) -> Tensor:
        """weight * mean (sigma - 1)^2, to be added to G's loss."""
        return ((self.mixture.sigma - 1.0) ** 2).mean() * weight
