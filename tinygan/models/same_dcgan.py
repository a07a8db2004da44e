"""The DCGAN of many TensorFlow tutorials on MNIST, which is not quite the paper's.

Its discriminator is the net of TensorFlow's own tutorial on digits with the pooling replaced by
strides; padding is TensorFlow's SAME: ceil(size / stride) outputs, the odd pixel at the bottom and
on the right. For kernels of 5 and stride 2 that pads 28 -> 14 and 14 -> 7 by (1, 2), and 7 -> 4 by
(2, 2).

- D: convolutions 1 -> 32 -> 64 (28 -> 14 -> 7), ReLU, then 3136 -> 1;
- G: 100 -> 64 x 4 x 4, transposed convolutions 64 -> 32 -> 16 -> 1 (4 -> 7 -> 14 -> 28), ReLU,
  tanh at the output;
- batches of 256, Adam with rate 1e-4 and beta1 0.9, z uniform in [-1, 1].

What the DCGAN paper asks for and this net lacks are options here, one factor each: batch norm,
LeakyReLU in D, small initial weights. They are for finding out which of them a collapse hangs on.
"""

from __future__ import annotations

from tinygan import nn
from tinygan.creation import rand
from tinygan.devices import Generator, generator
from tinygan.models.arguments import check_choice, check_positive
from tinygan.tensor import Tensor

INITIALISATIONS = ("tutorial", "dcgan", "default")


def initialise(net: nn.Module, init: str) -> None:
    """Sets all weights; see `SameDCGAN`."""
    if init == "dcgan":
        nn.init.dcgan_(net)
    elif init == "tutorial":
        for part in net.modules():
            if isinstance(part, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.truncated_normal_(part.weight, std=0.1)
                if part.bias is not None:
                    nn.init.constant_(part.bias, 0.1)


class SameDCGAN:
    """The two nets for 28x28 grey images and the distribution of latent vectors.

    Args:
        batch_norm: in both nets after each layer but G's output and D's first and last, as in
            DCGAN; the layers before it then have no biases.
        activation: of D, "relu" or "leaky_relu" with slope 0.2.
        init: "tutorial", weights N(0, 0.1^2) without what lies beyond two deviations, biases 0.1,
            as in TensorFlow's tutorial on digits, from which D's layers come; "dcgan",
            `tinygan.nn.init.dcgan_`; "default", the layers' own (PyTorch's).
        latent_size: the length of z.
    """

    classes: int | None = None

    def __init__(
        self, batch_norm: bool = False, activation: str = "relu", init: str = "tutorial",
        latent_size: int = 100,
    ):  # fmt: skip
        check_positive("SameDCGAN", latent_size=latent_size)
        check_choice("SameDCGAN", "activation", activation, ("relu", "leaky_relu"))
        check_choice("SameDCGAN", "init", init, INITIALISATIONS)
        self.latent_size = latent_size
        bias = not batch_norm  # batch norm has its own

        def norm(channels: int) -> list[nn.Module]:
            return [nn.BatchNorm2d(channels)] if batch_norm else []

        def up(inputs: int, outputs: int, size: int, bias: bool) -> nn.Module:
            return nn.ConvTranspose2d(
                inputs, outputs, 5, 2, "same", bias=bias, output_size=(size, size)
            )

        slope = 0.0 if activation == "relu" else 0.2
        self.generator = nn.Sequential(
            nn.Linear(latent_size, 64 * 4 * 4, bias=bias), nn.Unflatten(1, (64, 4, 4)),
            *norm(64), nn.ReLU(),
            up(64, 32, 7, bias), *norm(32), nn.ReLU(),
            up(32, 16, 14, bias), *norm(16), nn.ReLU(),
            up(16, 1, 28, True), nn.Tanh(),
        )  # fmt: skip
        self.discriminator = nn.Sequential(
            nn.Conv2d(1, 32, 5, 2, "same"), nn.LeakyReLU(slope),
            nn.Conv2d(32, 64, 5, 2, "same", bias=bias), *norm(64), nn.LeakyReLU(slope),
            nn.Flatten(), nn.Linear(64 * 7 * 7, 1),
        )  # fmt: skip
        initialise(self.generator, init)
        initialise(self.discriminator, init)

    def latent(self, count: int, generator: Generator = generator) -> Tensor:
        """`count` latent vectors, uniform in [-1, 1]: (count, latent_size)."""
        return rand(count, self.latent_size, generator=generator) * 2.0 - 1.0
