"""DeLiGAN's nets for 500 digits.

Gurumurthy et al. 2017, arXiv:1706.02071, section 5.3: MNIST cut down to 50 images of each digit.
The layers are those of the authors' code (github.com/val-iisc/deligan, src/mnist). z has 30
numbers, N = 50, sigma starts at 0.2. Adam with rate 5e-4 and beta1 0.5, constant for 1000 epochs
of ten batches of 50, then falling linearly to 0 at epoch 4000; G's loss + mean (sigma - 1)^2 / 3.
"""

from __future__ import annotations

from tinygan import nn
from tinygan.models.arguments import check_positive
from tinygan.models.deligan import ComponentGAN, DeLiGAN, Noise


def mnist_generator(latent_size: int) -> nn.Sequential:
    """z -> 64 x 4 x 4 -> 32 x 7 x 7 -> 16 x 14 x 14 -> 1 x 28 x 28 in [-1, 1]."""
    return nn.Sequential(
        nn.Linear(latent_size, 64 * 4 * 4, bias=False), nn.BatchNorm1d(64 * 4 * 4), nn.ReLU(),
        nn.Unflatten(1, (64, 4, 4)),
        nn.ConvTranspose2d(64, 32, 3, 2, "same", bias=False, output_size=(7, 7)),
        nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 5, 2, "same", bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 5, 2, "same"), nn.Tanh(),
    )  # fmt: skip


def mnist_discriminator(alone: bool = False) -> nn.Sequential:
    """1 x 28 x 28 -> 16 x 14 x 14 -> 32 x 7 x 7 -> 64 x 4 x 4 -> the maximum of each channel,
    64 -> with 64 measures of closeness to the rest of the batch, 128 -> a logit.

    `alone`: each image is judged alone, without batch norm and without these measures, as penalties
    on D's slope need it.
    """
    def norm(channels: int) -> list[nn.Module]:
        return [] if alone else [nn.BatchNorm2d(channels)]

    convolutions = nn.Sequential(
        nn.Conv2d(1, 16, 5, 2, "same"), nn.LeakyReLU(0.2),
        nn.Conv2d(16, 32, 5, 2, "same", bias=alone), *norm(32), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 3, 2, "same", bias=alone), *norm(64), nn.LeakyReLU(0.2),
        nn.MaxPool2d(4), nn.Flatten(),
    )  # fmt: skip
    logit = nn.Linear(64 if alone else 64 + 64, 1)
    nn.init.dcgan_(convolutions)
    nn.init.dcgan_(logit)
    if alone:
        return nn.Sequential(convolutions, logit)
    # Its own start is kept: with weights of 0.02 all distances are 0 and all images alike.
    return nn.Sequential(convolutions, nn.MinibatchDiscrimination(64, 64, 5), logit)


def mnist_500_model(
    mixture: bool = True, components: int = 50, latent_size: int = 30, sigma: float = 0.2,
    alone: bool = False,
) -> ComponentGAN:
    """DeLiGAN, or, without the mixture, the same GAN with z = eps.

    Both take the same latent rows, so that one loop and one stream of noise serve both. With
    `alone`, D judges each image by itself: see `mnist_discriminator`.
    """
    check_positive("mnist_500_model", components=components, latent_size=latent_size)
    net = nn.init.dcgan_(mnist_generator(latent_size))
    discriminator = mnist_discriminator(alone)
    if mixture:
        return DeLiGAN(net, discriminator, components, latent_size, sigma)
    generator = nn.Sequential(Noise(components), net)
    return ComponentGAN(generator, discriminator, components, latent_size)
