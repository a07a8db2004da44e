"""DCGAN: deep convolutional generative adversarial networks.

Radford, Metz, Chintala 2015, "Unsupervised representation learning with deep convolutional
generative adversarial networks", arXiv:1511.06434. The rules of its section 3, and where they are:

- no pooling: strided convolutions in D, strided transposed convolutions in G;
- batch norm in both nets, except at G's output and D's input layer;
- no fully connected hidden layers: one projection at G's start, one at D's end;
- ReLU in G and tanh at its output; LeakyReLU with slope 0.2 in D.

Section 4: batches of 128, Adam with lr 2e-4 and beta1 0.5, weights N(0, 0.02^2), images in [-1, 1]
and not otherwise changed, latent vectors uniform in [-1, 1].

With `classes` both nets also take labels (Mirza 2014, arXiv:1411.1784): one-hot vectors beside z in
G, constant label maps beside the image in D. Two rules can be changed for D: `batch_norm_d`, which
couples the images of a batch, and `spectral_norm_d` (Miyato 2018, arXiv:1802.05957).
"""

from __future__ import annotations

import tinygan.functional as F
from tinygan import nn
from tinygan.creation import rand, tensor
from tinygan.devices import Generator, generator
from tinygan.models.arguments import check_positive
from tinygan.models.labels import WithLabels
from tinygan.ops.shape import cat
from tinygan.tensor import Tensor

CATEGORY = 4.0  # of a one-hot entry: its column weighs about as much as half of a uniform z of 100


def stages(image_size: int) -> list[int]:
    """The sizes on the way from an image down to at most 4 pixels, halved and rounded up:
    64, 32, 16, 8, 4 or 28, 14, 7, 4.

    Raises:
        ValueError: the image is smaller than 8 pixels.
    """
    if image_size < 8:
        raise ValueError(f"image_size must be at least 8, got {image_size}")
    sizes = [image_size]
    while sizes[-1] > 4:
        sizes.append(-(-sizes[-1] // 2))
    return sizes


def make_generator(
    image_size: int, channels: int, width: int, latent_size: int, kernel_size: int
) -> nn.Sequential:
    """z (n, latent_size) -> images (n, channels, image_size, image_size) in [-1, 1]."""
    size, *sizes = reversed(stages(image_size))
    features = width * 2 ** (len(sizes) - 1)
    layers: list[nn.Module] = [
        nn.Linear(latent_size, features * size * size, bias=False),
        nn.Unflatten(1, (features, size, size)),
    ]

    def doubled(outputs: int, size: int, bias: bool) -> nn.Module:
        return nn.ConvTranspose2d(
            features, outputs, kernel_size, 2, "same", bias=bias, output_size=(size, size)
        )

    for size in sizes[:-1]:
        layers += [nn.BatchNorm2d(features), nn.ReLU(), doubled(features // 2, size, bias=False)]
        features //= 2
    layers += [nn.BatchNorm2d(features), nn.ReLU(), doubled(channels, image_size, bias=True)]
    return nn.Sequential(*layers, nn.Tanh())


def make_discriminator(
    image_size: int, channels: int, width: int, kernel_size: int, batch_norm: bool = True
) -> nn.Sequential:
    """Images (n, channels, image_size, image_size) -> logits (n, 1) of being real."""
    *sizes, size = stages(image_size)
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, kernel_size, 2, "same"),
        nn.LeakyReLU(0.2),
    ]
    features = width
    for _ in sizes[1:]:
        # Batch norm has a bias of its own.
        layers.append(
            nn.Conv2d(features, features * 2, kernel_size, 2, "same", bias=not batch_norm)
        )
        features *= 2
        layers += [nn.BatchNorm2d(features)] if batch_norm else []
        layers.append(nn.LeakyReLU(0.2))
    layers += [nn.Flatten(), nn.Linear(features * size * size, 1)]
    return nn.Sequential(*layers)


class DCGAN:
    """The two nets, initialised as in the paper, and the distribution of latent vectors.

    Without `classes`, generator(z) and discriminator(x); with them, generator(z, labels) and
    discriminator(x, labels), where labels are integers (n,). DCGAN(**model.options) makes the like
    of a model.

    Args:
        image_size: height and width, from 8 on. G starts at 4x4 for powers of two, as in the
            paper, and for 28, whose sizes are 4, 7, 14, 28; see `stages`.
        channels: 1 for grey, 3 for RGB.
        width: channels next to the image; they double with each halving of the size. The paper's
            64x64 nets have width 128, many reimplementations 64.
        latent_size: the length of z, without the categories.
        kernel_size: 4, or 5 as in the paper; strides are 2, padding is "same".
        classes: the number of classes, or None for nets without labels.
        batch_norm_d: whether D has batch norm; its convolutions have biases where it has not.
        spectral_norm_d: whether each weight of D is divided by its largest singular value.
        pack: images that D judges together (PacGAN); train with `Settings(pack=...)`.
        categories: z begins with a one-hot vector of this many numbers, drawn at random. Kinds of
            images lie apart, and a continuous z must also map to what is between them; with
            categories G can jump. (InfoGAN: Chen 2016, arXiv:1606.03657, without its objective.)
    """

    def __init__(
        self, image_size: int = 28, channels: int = 1, width: int = 64, latent_size: int = 100,
        kernel_size: int = 4, classes: int | None = None, batch_norm_d: bool = True,
        spectral_norm_d: bool = False, pack: int = 1, categories: int = 0,
    ):  # fmt: skip
        self.options = {name: value for name, value in locals().items() if name != "self"}
        check_positive(
            "DCGAN", channels=channels, width=width, latent_size=latent_size,
            classes=1 if classes is None else classes, pack=pack,
        )  # fmt: skip
        if categories < 0:
            raise ValueError(f"DCGAN: categories must be >= 0, got {categories}")
        self.latent_size, self.classes, self.categories = latent_size, classes, categories
        labels = classes or 0
        z_size = categories + latent_size + labels
        g = make_generator(image_size, channels, width, z_size, kernel_size)
        seen = channels * pack + labels
        d = make_discriminator(image_size, seen, width, kernel_size, batch_norm_d)
        nn.init.dcgan_(g)
        nn.init.dcgan_(d)
        if spectral_norm_d:
            for name, part in list(d.named_children()):
                if isinstance(part, (nn.Conv2d, nn.Linear)):
                    setattr(d, name, nn.spectral_norm(part))
        self.generator: nn.Module = WithLabels(g, classes) if classes else g
        self.discriminator: nn.Module = WithLabels(d, classes) if classes else d

    def latent(self, count: int, generator: Generator = generator) -> Tensor:
        """`count` latent vectors, uniform in [-1, 1]: (count, latent_size); with categories
        (count, categories + latent_size), a random one of the first numbers 4 and the others 0."""
        z = rand(count, self.latent_size, generator=generator) * 2.0 - 1.0
        if not self.categories:
            return z
        drawn = tensor(generator.numpy.integers(self.categories, size=count))
        return cat([F.one_hot(drawn, self.categories).float() * CATEGORY, z], 1)
