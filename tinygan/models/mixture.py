"""MixtureGAN: small nets for points in the plane, to watch modes being lost and found.

The variant "published" follows Lin et al. 2018, "PacGAN: the power of two samples in generative
adversarial networks", arXiv:1712.04086, section 4.1; what the paper leaves open is as in the
authors' code (github.com/fjxmlzn/PacGAN, synthetic_data_experiments):

- z: 2 normal numbers;
- G: z -> 4 hidden layers of 400 units, batch norm and ReLU, no biases -> a point;
- D: m points side by side -> 3 maxout layers of 200 units, 5 pieces -> a logit;
- weights N(0, 0.02^2), biases 0;
- batches of 100 packs of m points, Adam with learning rate 1e-4 and beta1 0.8, 400 epochs of
  100,000 points, both nets updated at once by the non-saturating loss.

The variant "best" is ours: two nets of 3 hidden layers of 128 ReLU units without batch norm, with
PyTorch's initial weights, and 8 normal numbers for z. They have a thirteenth of the parameters, and
D bears a penalty on its gradient: docs/mode-collapse.md says why.
"""

from __future__ import annotations

import itertools

from tinygan import nn
from tinygan.creation import randn
from tinygan.devices import Generator, generator
from tinygan.models.arguments import check_choice, check_positive
from tinygan.tensor import Tensor

VARIANTS = ("published", "best")


def relu_net(*sizes: int) -> nn.Sequential:
    """Linear layers of the given sizes with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def published_generator() -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (2, 400, 400, 400):
        layers += [nn.Linear(inputs, 400, bias=False), nn.BatchNorm1d(400), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(400, 2))


def published_discriminator(pack: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Maxout(2 * pack, 200, 5), nn.Maxout(200, 200, 5), nn.Maxout(200, 200, 5),
        nn.Linear(200, 1),
    )  # fmt: skip


class MixtureGAN:
    """generator(z) -> points (n, 2); discriminator(packed points (n, 2 pack)) -> logits (n, 1).

    `tinygan.training.pack` makes (n, 2 pack) of (n pack, 2).

    Args:
        variant: "published" or "best".
        pack: points that D judges together: 1 for a plain GAN.
    """

    classes: int | None = None

    def __init__(self, variant: str = "best", pack: int = 1):
        check_choice("MixtureGAN", "variant", variant, VARIANTS)
        check_positive("MixtureGAN", pack=pack)
        if variant == "published":
            self.latent_size = 2
            self.generator = published_generator()
            self.discriminator = published_discriminator(pack)
            for net in (self.generator, self.discriminator):
                for part in net.modules():
                    if isinstance(part, nn.Linear):
                        nn.init.normal_(part.weight, 0.0, 0.02)
                        if part.bias is not None:
                            nn.init.constant_(part.bias, 0.0)
        else:
            self.latent_size = 8
            self.generator = relu_net(self.latent_size, 128, 128, 128, 2)
            self.discriminator = relu_net(2 * pack, 128, 128, 128, 1)

    def latent(self, count: int, generator: Generator = generator) -> Tensor:
        """`count` latent vectors, normal: (count, latent_size)."""
        return randn(count, self.latent_size, generator=generator)
