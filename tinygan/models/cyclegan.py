"""CycleGAN: unpaired image-to-image translation with cycle-consistent adversarial networks.

Zhu, Park, Isola, Efros 2017, arXiv:1703.10593. G turns images of kind A into kind B, F those of B
into A; no image of the one belongs to an image of the other. Two discriminators, with least squares
in place of logarithms, and what keeps an image recognisable (sections 3.1, 3.2 and 4):

    D_B:  ((D_B(b) - 1)^2 + D_B(G(a))^2) / 2,  where G(a) comes from a history of 50 images
    G:    (D_B(G(a)) - 1)^2 + 10 |F(G(a)) - a|_1 + 5 |G(b) - b|_1,  and all of it for F

The nets of the appendix, 7.2: c7s1-64, d128, d256, residual blocks of 256, u128, u64, c7s1-3, with
instance norm, ReLU and reflection padding; a PatchGAN as in pix2pix, with instance norm. Batches of
1, Adam with 2e-4 and beta1 0.5, constant for half of the time and then linear to 0; N(0, 0.02).
"""

from __future__ import annotations

from tinygan import nn
from tinygan.models.arguments import check_positive
from tinygan.models.pix2pix import make_patch_discriminator
from tinygan.tensor import Tensor


class Residual(nn.Module):
    """x + block(x)."""

    def __init__(self, channels: int):
        self.block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


def make_residual_generator(
    channels: int, outputs: int, width: int = 64, blocks: int = 6
) -> nn.Sequential:
    """Images (n, channels, h, w) -> images (n, outputs, h, w) in [-1, 1]; h and w are multiples of
    4, since two convolutions halve them and two double them again."""
    check_positive(
        "make_residual_generator", channels=channels, outputs=outputs, width=width, blocks=blocks
    )
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7), nn.InstanceNorm2d(width), nn.ReLU()
    ]  # fmt: skip
    for before in (width, 2 * width):
        layers += [nn.Conv2d(before, 2 * before, 3, 2, 1), nn.InstanceNorm2d(2 * before),
                   nn.ReLU()]  # fmt: skip
    layers += [Residual(4 * width) for _ in range(blocks)]
    for before in (4 * width, 2 * width):
        layers += [nn.ConvTranspose2d(before, before // 2, 3, 2, 1, 1),
                   nn.InstanceNorm2d(before // 2), nn.ReLU()]  # fmt: skip
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7), nn.Tanh())


class CycleGAN:
    """The four nets: `to_b` and `to_a` (G and F), `judge_a` and `judge_b`.

    Args:
        channels_a, channels_b: of the images.
        width: channels after G's first layer; the paper's 64.
        width_d: the same of the discriminators.
        blocks: residual ones, 6 for 128 x 128 pixels in the paper and 9 for more.
        strided: layers of stride 2 in the discriminators; see `make_patch_discriminator`.
    """

    def __init__(
        self, channels_a: int = 3, channels_b: int = 3, width: int = 64, width_d: int = 64,
        blocks: int = 6, strided: int = 2,
    ):  # fmt: skip
        self.options = {name: value for name, value in locals().items() if name != "self"}
        self.to_b: nn.Module = make_residual_generator(channels_a, channels_b, width, blocks)
        self.to_a: nn.Module = make_residual_generator(channels_b, channels_a, width, blocks)
        self.judge_a: nn.Module = make_patch_discriminator(
            channels_a, width_d, strided, nn.InstanceNorm2d
        )
        self.judge_b: nn.Module = make_patch_discriminator(
            channels_b, width_d, strided, nn.InstanceNorm2d
        )
        for net in (self.to_b, self.to_a, self.judge_a, self.judge_b):
            nn.init.dcgan_(net)
