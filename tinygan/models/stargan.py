"""StarGAN: unified generative adversarial networks for multi-domain image-to-image translation.

Choi et al. 2018, arXiv:1711.09020. One G for all domains: it sees an image x and the domain c that
it is to become, and must find its way back to x from the domain c' that x came from. D has two
heads, a map of scores and the domain (sections 3.1 and 3.2; Wasserstein loss with a penalty):

    D:  -E D(x) + E D(G(x, c)) + 10 E (|grad D(x^)| - 1)^2 + 1 CE(D_class(x), c')
    G:  -E D(G(x, c)) + 1 CE(D_class(G(x, c)), c) + 10 |x - G(G(x, c), c')|_1

The nets of the appendix: G is CycleGAN's, with 4x4 kernels on the way down and up, and instance
norm; D has convolutions of 4x4, stride 2 and LeakyReLU 0.01, without any norm, down to 2x2 pixels.
Five steps of D for one of G, batches of 16, Adam with 1e-4, beta1 0.5 and beta2 0.999.
"""

from __future__ import annotations

from tinygan import nn
from tinygan.models.arguments import check_positive
from tinygan.models.labels import WithLabels
from tinygan.tensor import Tensor

LEAST = 2  # pixels at D's end


class Block(nn.Module):
    """x + block(x), padded by zeros."""

    def __init__(self, channels: int):
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), _norm(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), _norm(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


def _norm(channels: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(channels, affine=True)


def make_generator(channels: int, domains: int, width: int, blocks: int) -> nn.Sequential:
    """(n, channels + domains, h, w) -> images (n, channels, h, w) in [-1, 1]; h and w are multiples
    of 4."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels + domains, width, 7, 1, 3, bias=False), _norm(width), nn.ReLU()
    ]
    for before in (width, 2 * width):
        layers += [nn.Conv2d(before, 2 * before, 4, 2, 1, bias=False), _norm(2 * before),
                   nn.ReLU()]  # fmt: skip
    layers += [Block(4 * width) for _ in range(blocks)]
    for before in (4 * width, 2 * width):
        layers += [nn.ConvTranspose2d(before, before // 2, 4, 2, 1, bias=False),
                   _norm(before // 2), nn.ReLU()]  # fmt: skip
    return nn.Sequential(*layers, nn.Conv2d(width, channels, 7, 1, 3, bias=False), nn.Tanh())


class TwoHeads(nn.Module):
    """Images (n, channels, size, size) -> a map of scores, and logits of the domains (n, domains).
    """

    def __init__(self, size: int, channels: int, domains: int, width: int):
        if size < 2 * LEAST or size & (size - 1):
            raise ValueError(f"TwoHeads: size must be a power of two from 4 on, got {size}")
        body, features = [], channels
        after = width
        while size > LEAST:
            body += [nn.Conv2d(features, after, 4, 2, 1), nn.LeakyReLU(0.01)]
            features, after, size = after, after * 2, size // 2
        self.body = nn.Sequential(*body)
        self.score = nn.Conv2d(features, 1, 3, 1, 1, bias=False)
        self.domain = nn.Conv2d(features, domains, size, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body(x)
        return self.score(x), self.domain(x).flatten(1)


class StarGAN:
    """The two nets: generator(x, labels) and discriminator(x), which returns two things.

    Args:
        image_size: height and width, a power of two.
        channels: of the images.
        domains: how many there are.
        width: channels after G's first layer; the paper's 64.
        width_d: the same of D; they double with each layer.
        blocks: residual ones; the paper's 6.
    """

    def __init__(
        self, image_size: int = 32, channels: int = 1, domains: int = 8, width: int = 64,
        width_d: int = 64, blocks: int = 6,
    ):  # fmt: skip
        self.options = {name: value for name, value in locals().items() if name != "self"}
        check_positive("StarGAN", channels=channels, domains=domains, width=width,
                       width_d=width_d, blocks=blocks)  # fmt: skip
        self.domains = domains
        self.generator: nn.Module = WithLabels(
            make_generator(channels, domains, width, blocks), domains
        )
        self.discriminator: nn.Module = TwoHeads(image_size, channels, domains, width_d)
