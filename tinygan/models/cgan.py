"""CGAN: conditional generative adversarial nets.

Mirza and Osindero 2014, "Conditional generative adversarial nets", arXiv:1411.1784. Both nets are
also given the label y (eq. 2):

    min over G, max over D of   E log D(x|y) + E log(1 - D(G(z|y)))

The nets of section 4.1, for MNIST, here with label="hidden":

- G: z uniform in [0, 1], 100 -> 200 ReLU;  y one-hot, 10 -> 1000 ReLU;  both together 1200 -> 1200
  ReLU -> 784 sigmoid;
- D: x, 784 -> maxout of 240 units, 5 pieces;  y -> maxout of 50 units, 5 pieces;  both together ->
  maxout of 240 units, 4 pieces -> 1;
- dropout of 0.5 in both nets; batches of 100, SGD with learning rate 0.1, divided by 1.00004 after
  each step down to 1e-6; momentum 0.5 rising to 0.7.

With label="input" y is concatenated to z and to x, and the two first layers of each net become one
of the same total width: 110 -> 1200 in G, 794 -> maxout of 290 in D. All else is the same, so that
a comparison of the two ways compares the two ways. (The hidden way is the input way with those
weights of the first layer at zero that lead from z to y's units and from y to z's units.)

The paper does not say how the weights start; here as in Goodfellow's nets (`gan.py`), with two
differences without which the first epochs go by before y has any effect: G shifts and scales z to
mean 0 and variance 1, and in D the weights of y, one of whose inputs is on where hundreds of pixels
are, start uniform in +-1 / sqrt(classes).
"""

from __future__ import annotations

import math

from tinygan import nn
from tinygan.creation import rand
from tinygan.devices import Generator, generator
from tinygan.models.arguments import check_choice, check_positive
from tinygan.models.gan import VARIANTS, hidden, pixels, start_uniform
from tinygan.models.labels import Conditional, LabelAtInput, LabelThroughHidden
from tinygan.tensor import Tensor


def start_labels(first: nn.Module, classes: int) -> None:
    """Weights of y, the last `classes` columns of the layer, uniform in +-1 / sqrt(classes)."""
    weight = next(first.parameters())
    nn.init.fan_in_uniform_(weight.detach()[:, -classes:], classes)


class CGAN:
    """The two nets, generator(z, labels) and discriminator(x, labels), and the distribution of z.

    Args:
        classes: the number of classes.
        label: how the label enters, "hidden" as in the paper, or "input".
        variant: "paper", or "modern": LeakyReLU in both nets, batch norm in G and tanh at its
            output, no dropout, the layers' own initial weights; for training with an R1 penalty.
        image_size: height and width.
        channels: 1 for grey, 3 for RGB.
        latent_size: the length of z.
    """

    def __init__(
        self, classes: int = 10, label: str = "hidden", variant: str = "paper",
        image_size: int = 28, channels: int = 1, latent_size: int = 100,
    ):  # fmt: skip
        self.options = {name: value for name, value in locals().items() if name != "self"}
        check_positive(
            "CGAN", classes=classes, image_size=image_size, channels=channels,
            latent_size=latent_size,
        )  # fmt: skip
        check_choice("CGAN", "label", label, ("hidden", "input"))
        check_choice("CGAN", "variant", variant, VARIANTS)
        self.classes, self.latent_size = classes, latent_size

        def layer_g(inputs: int, outputs: int) -> nn.Sequential:
            dropout = [nn.Dropout(0.5)] if variant == "paper" else []
            return nn.Sequential(*hidden(inputs, outputs, variant), *dropout)

        def layer_d(inputs: int, outputs: int, pieces: int = 5) -> nn.Sequential:
            if variant == "paper":
                return nn.Sequential(nn.Maxout(inputs, outputs, pieces), nn.Dropout(0.5))
            return nn.Sequential(nn.Linear(inputs, outputs), nn.LeakyReLU(0.2))

        size = channels * image_size**2
        join_g: nn.Module
        join_d: nn.Module
        if label == "hidden":
            label_d = layer_d(classes, 50)
            join_g = LabelThroughHidden(layer_g(latent_size, 200), layer_g(classes, 1000))
            join_d = LabelThroughHidden(layer_d(size, 240), label_d)
        else:
            label_d = layer_d(size + classes, 240 + 50)
            join_g = LabelAtInput(layer_g(latent_size + classes, 200 + 1000))
            join_d = LabelAtInput(label_d)
        standard = nn.Rescale(math.sqrt(12), -math.sqrt(3))  # U(0, 1) to mean 0 and variance 1
        to_pixels = [layer_g(1200, 1200), *pixels(1200, channels, image_size, variant)]
        self.generator = Conditional(classes, standard, join_g, nn.Sequential(*to_pixels))
        to_unit = [nn.Rescale(0.5, 0.5)] if variant == "paper" else []  # [-1, 1] to [0, 1]
        flat = nn.Sequential(nn.Flatten(), *to_unit)
        to_logit = nn.Sequential(layer_d(290, 240, pieces=4), nn.Linear(240, 1))
        self.discriminator = Conditional(classes, flat, join_d, to_logit)
        if variant == "paper":
            start_uniform(self.generator, 0.05)
            start_uniform(self.discriminator, 0.005)
            start_labels(label_d, classes)

    def latent(self, count: int, generator: Generator = generator) -> Tensor:
        """`count` latent vectors, uniform in [0, 1]: (count, latent_size)."""
        return rand(count, self.latent_size, generator=generator)
