"""GAN: the first generative adversarial nets, fully connected.

Goodfellow et al. 2014, "Generative adversarial networks", arXiv:1406.2661. Its objective (eq. 1) is

    min over G, max over D of   E log D(x) + E log(1 - D(G(z)))

where D(x) is the probability that x is real. The section on experiments names the kinds of layers;
the numbers are those of the authors' published configuration for MNIST (github.com/goodfeli/
adversarial, mnist.yaml):

- G: z -> 1200 ReLU -> 1200 ReLU -> 784 sigmoid; weights uniform in +-0.05; z uniform in
  +-sqrt(3), where its variance is 1, or normal (here uniform);
- D: 784 -> maxout of 240 units, 5 pieces -> the same -> 1; weights uniform in +-0.005; dropout in
  D, of each input with probability 0.2 and of hidden units with 0.5;
- batches of 100, SGD with learning rate 0.1, divided by 1.000004 after each step; momentum 0.5
  rising to 0.7 over 250 epochs.

Its pixels are in [0, 1]; the first and last layer translate, as tinygan's images are in [-1, 1].
The variant "modern" keeps the two losses and replaces the layers by those that DCGAN made common.
"""

from __future__ import annotations

import math

from tinygan import nn
from tinygan.creation import rand
from tinygan.devices import Generator, generator
from tinygan.models.arguments import check_choice, check_positive
from tinygan.tensor import Tensor

VARIANTS = ("paper", "modern")


def start_uniform(net: nn.Module, bound: float) -> None:
    """Weights uniform in +-bound, biases 0: pylearn2's `irange`."""
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            nn.init.constant_(parameter, 0.0)
        else:
            nn.init.uniform_(parameter, -bound, bound)


def hidden(in_features: int, out_features: int, variant: str) -> list[nn.Module]:
    """A hidden layer of G."""
    if variant == "paper":
        return [nn.Linear(in_features, out_features), nn.ReLU()]
    linear = nn.Linear(in_features, out_features, bias=False)  # batch norm has a bias
    return [linear, nn.BatchNorm1d(out_features), nn.LeakyReLU(0.2)]


def pixels(in_features: int, channels: int, image_size: int, variant: str) -> list[nn.Module]:
    """G's output layer: images in [-1, 1]."""
    shape = (channels, image_size, image_size)
    squash = [nn.Sigmoid(), nn.Rescale(2.0, -1.0)] if variant == "paper" else [nn.Tanh()]
    return [nn.Linear(in_features, math.prod(shape)), *squash, nn.Unflatten(1, shape)]


class GAN:
    """The two nets and the distribution of latent vectors.

    Args:
        image_size: height and width.
        channels: 1 for grey, 3 for RGB.
        latent_size: the length of z.
        variant: "paper", or "modern": LeakyReLU in both nets, batch norm in G and tanh at its
            output, no dropout, the layers' own initial weights; for training with an R1 penalty.
    """

    classes: int | None = None

    def __init__(
        self, image_size: int = 28, channels: int = 1, latent_size: int = 100,
        variant: str = "paper",
    ):  # fmt: skip
        self.options = {name: value for name, value in locals().items() if name != "self"}
        check_positive("GAN", image_size=image_size, channels=channels, latent_size=latent_size)
        check_choice("GAN", "variant", variant, VARIANTS)
        self.latent_size = latent_size
        self.generator = nn.Sequential(
            *hidden(latent_size, 1200, variant),
            *hidden(1200, 1200, variant),
            *pixels(1200, channels, image_size, variant),
        )
        inputs = channels * image_size**2
        if variant == "paper":
            self.discriminator = nn.Sequential(
                nn.Flatten(), nn.Rescale(0.5, 0.5), nn.Dropout(0.2),
                nn.Maxout(inputs, 240, 5), nn.Dropout(0.5),
                nn.Maxout(240, 240, 5), nn.Dropout(0.5),
                nn.Linear(240, 1),
            )  # fmt: skip
            start_uniform(self.generator, 0.05)
            start_uniform(self.discriminator, 0.005)
        else:
            self.discriminator = nn.Sequential(
                nn.Flatten(),
                nn.Linear(inputs, 512), nn.LeakyReLU(0.2),
                nn.Linear(512, 256), nn.LeakyReLU(0.2),
                nn.Linear(256, 1),
            )  # fmt: skip

    def latent(self, count: int, generator: Generator = generator) -> Tensor:
        """`count` latent vectors, uniform in +-sqrt(3): (count, latent_size)."""
        uniform = rand(count, self.latent_size, generator=generator)
        return (uniform * 2.0 - 1.0) * math.sqrt(3)
