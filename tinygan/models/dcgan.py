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

from tinygan import nn
from tinygan.creation import rand
from tinygan.device import Generator, generator
from tinygan.models.arguments import check_positive
from tinygan.models.labels import WithLabels
from tinygan.tensor import Tensor


def stages(image_size: int) -> tuple[int, int]:
    """(smallest size, number of doublings): 28 is 7 doubled twice, 64 is 4 doubled four times.

    Raises:
        ValueError: the size cannot be reached by doubling a size of at most 7.
    """
    size, doublings = image_size, 0
    while size > 4 and size % 2 == 0:
        size, doublings = size // 2, doublings + 1
    if not 1 <= size <= 7 or doublings == 0:
        raise ValueError(
            f"image_size must be 3 to 7 times a power of two (16, 28, 32, 64, ...), "
            f"got {image_size}"
        )
    return size, doublings


def make_generator(
    image_size: int, channels: int, width: int, latent_size: int, kernel_size: int
) -> nn.Sequential:
    """z (n, latent_size) -> images (n, channels, image_size, image_size) in [-1, 1]."""
    size, doublings = stages(image_size)
    features = width * 2 ** (doublings - 1)
    layers: list[nn.Module] = [
        nn.Linear(latent_size, features * size * size, bias=False),
        nn.Unflatten(1, (features, size, size)),
        nn.BatchNorm2d(features),
        nn.ReLU(),
    ]
    for _ in range(doublings - 1):
        layers += [
            nn.ConvTranspose2d(features, features // 2, kernel_size, 2, "same", bias=False),
            nn.BatchNorm2d(features // 2),
            nn.ReLU(),
        ]
        features //= 2
    layers += [nn.ConvTranspose2d(features, channels, kernel_size, 2, "same"), nn.Tanh()]
    return nn.Sequential(*layers)


def make_discriminator(
    image_size: int, channels: int, width: int, kernel_size: int, batch_norm: bool = True
) -> nn.Sequential:
    """Images (n, channels, image_size, image_size) -> logits (n, 1) of being real."""
    size, halvings = stages(image_size)
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, kernel_size, 2, "same"),
        nn.LeakyReLU(0.2),
    ]
    features = width
    for _ in range(halvings - 1):
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
    discriminator(x, labels), where labels are integers (n,).

    Args:
        image_size: height and width: 28, or any power of two from 8 on.
        channels: 1 for grey, 3 for RGB.
        width: channels next to the image; they double with each halving of the size. The paper's
            64x64 nets have width 128, many reimplementations 64.
        latent_size: the length of z.
        kernel_size: 4, or 5 as in the paper; strides are 2, padding is "same".
        classes: the number of classes, or None for nets without labels.
        batch_norm_d: whether D has batch norm; its convolutions have biases where it has not.
        spectral_norm_d: whether each weight of D is divided by its largest singular value.
    """

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        width: int = 64,
        latent_size: int = 100,
        kernel_size: int = 4,
        classes: int | None = None,
        batch_norm_d: bool = True,
        spectral_norm_d: bool = False,
    ):
        check_positive(
            "DCGAN", channels=channels, width=width, latent_size=latent_size,
            classes=1 if classes is None else classes,
        )  # fmt: skip
        self.latent_size, self.classes = latent_size, classes
        labels = classes or 0
        g = make_generator(image_size, channels, width, latent_size + labels, kernel_size)
        d = make_discriminator(image_size, channels + labels, width, kernel_size, batch_norm_d)
        nn.init.dcgan_(g)
        nn.init.dcgan_(d)
        if spectral_norm_d:
            for name, part in list(d.named_children()):
                if isinstance(part, (nn.Conv2d, nn.Linear)):
                    setattr(d, name, nn.spectral_norm(part))
        self.generator: nn.Module = WithLabels(g, classes) if classes else g
        self.discriminator: nn.Module = WithLabels(d, classes) if classes else d

    def latent(self, count: int, generator: Generator = generator) -> Tensor:
        """`count` latent vectors, uniform in [-1, 1]: (count, latent_size)."""
        return rand(count, self.latent_size, generator=generator) * 2.0 - 1.0
