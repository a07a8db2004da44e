"""pix2pix: image-to-image translation with conditional adversarial networks.

Isola, Zhu, Zhou, Efros 2017, arXiv:1611.07004. G turns an image x into another, y; D sees both and
says of each patch whether y is real or made (sections 3.1 and 3.2):

    D:  (softplus(-D(y, x)) + softplus(D(G(x), x))) / 2
    G:  softplus(-D(G(x), x)) + 100 |y - G(x)|_1

The nets of the appendix, 6.1, at any size that is a power of two:

- G is a U-Net: convolutions of 4x4, stride 2, down to 1x1 with 64, 128, 256, 512, 512 ... channels
  and LeakyReLU 0.2; transposed ones up again with ReLU; layer i of the decoder also sees layer
  n - i of the encoder, concatenated. Batch norm but in the first layer of the encoder; dropout of
  0.5 in the first three layers of the decoder, the only noise; tanh.
- D is a PatchGAN: convolutions of 4x4 with 64, 128, 256 ... channels, stride 2, then two of stride
  1, and a map of logits. With three of stride 2 each logit sees 70 x 70 pixels, with two 34 x 34.

One difference: the paper draws its dropout, and takes the statistics of batch norm from the batch,
in evaluation too; here evaluation mode is the average net, and the same picture always comes out.
"""

from __future__ import annotations

from collections.abc import Callable

from tinygan import nn
from tinygan.models.arguments import check_positive
from tinygan.ops.shape import cat
from tinygan.tensor import Tensor


class UNet(nn.Module):
    """Images (n, channels, size, size) -> images (n, outputs, size, size) in [-1, 1].

    Args:
        size: a power of two, from 4 on.
        channels, outputs: of the images.
        width: channels after the first layer; they double up to 8 times as many.
        skips: whether the decoder also sees the encoder's layers; without, everything passes
            through the last features (the paper's encoder-decoder).
        depth: how many convolutions halve the image; None for as many as lead to 1x1.
        dropped: the first layers of the decoder that have dropout.
    """

    def __init__(
        self, size: int, channels: int, outputs: int, width: int = 64, skips: bool = True,
        depth: int | None = None, dropped: int = 3,
    ):  # fmt: skip
        check_positive("UNet", channels=channels, outputs=outputs, width=width)
        if size < 4 or size & (size - 1):
            raise ValueError(f"UNet: size must be a power of two from 4 on, got {size}")
        self.size, self.channels, self.skips = size, channels, skips
        deepest = size.bit_length() - 1
        depth = deepest if depth is None else depth
        if not 2 <= depth <= deepest:
            raise ValueError(
                f"UNet: depth must be from 2 to {deepest} for images of size {size}, got {depth}"
            )
        widths = [width * min(2**i, 8) for i in range(depth)]
        down = []
        for i, (before, after) in enumerate(zip([channels, *widths], widths, strict=False)):
            norm = [nn.BatchNorm2d(after)] if i else []
            activation = [nn.LeakyReLU(0.2)] if i else []  # before each convolution but the first
            bias = not norm
            down.append(nn.Sequential(*activation, nn.Conv2d(before, after, 4, 2, 1, bias=bias),
                                      *norm))  # fmt: skip
        up = []
        for i in reversed(range(depth)):
            last = i == 0
            after = outputs if last else widths[i - 1]
            seen = widths[i] * (2 if skips and i < depth - 1 else 1)
            layers: list[nn.Module] = [
                nn.ReLU(), nn.ConvTranspose2d(seen, after, 4, 2, 1, bias=last)
            ]  # fmt: skip
            layers += [nn.Tanh()] if last else [nn.BatchNorm2d(after)]
            if depth - 1 - i < dropped and not last:
                layers.append(nn.Dropout(0.5))
            up.append(nn.Sequential(*layers))
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1:] != (self.channels, self.size, self.size):
            raise ValueError(
                f"UNet: expected images (n, {self.channels}, {self.size}, {self.size}), got "
                f"{x.shape}"
            )
        seen = []
        for layer in self.down:
            x = layer(x)
            seen.append(x)
        seen.pop()  # x itself
        for layer in self.up:
            x = layer(x)
            if self.skips and seen:
                x = cat([x, seen.pop()], 1)
        return x


def make_patch_discriminator(
    channels: int, width: int = 64, strided: int = 3,
    norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
) -> nn.Sequential:  # fmt: skip
    """Images (n, channels, h, w) -> a map of logits, one for each patch (PatchGAN).

    Args:
        strided: how many layers have stride 2; a patch has 16, 34, 70 or 142 pixels on a side for
            1, 2, 3 or 4 of them.
        norm: of all layers but the first and the last.
    """
    check_positive("make_patch_discriminator", channels=channels, width=width, strided=strided)
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    features = width
    for i in range(1, strided + 1):
        after = width * min(2**i, 8)
        stride = 2 if i < strided else 1
        with_bias = norm is nn.InstanceNorm2d  # which has no parameters
        layers += [nn.Conv2d(features, after, 4, stride, 1, bias=with_bias), norm(after),
                   nn.LeakyReLU(0.2)]  # fmt: skip
        features = after
    return nn.Sequential(*layers, nn.Conv2d(features, 1, 4, 1, 1))


class Beside(nn.Module):
    """net(y, x) = net(cat(x, y)): D judges y beside the x that it was made of."""

    def __init__(self, net: nn.Module):
        self.net = net

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        return self.net(cat([x, y], 1))


class Pix2Pix:
    """The two nets, generator(x) and discriminator(y, x), initialised as in the paper.

    Pix2Pix(**model.options) makes the like of a model.

    Args:
        image_size: height and width, a power of two.
        channels, outputs: of x and of y.
        width: channels after the first layer of G; the paper's 64.
        width_d: the same of D.
        skips: whether G is a U-Net, or an encoder and a decoder without connections.
        strided: layers of stride 2 in D; see `make_patch_discriminator`.
        depth, dropped: of G; see `UNet`.
    """

    def __init__(
        self, image_size: int = 64, channels: int = 3, outputs: int = 3, width: int = 64,
        width_d: int = 64, skips: bool = True, strided: int = 2, depth: int | None = None,
        dropped: int = 3,
    ):  # fmt: skip
        self.options = {name: value for name, value in locals().items() if name != "self"}
        self.generator: nn.Module = UNet(
            image_size, channels, outputs, width, skips, depth, dropped
        )
        self.discriminator: nn.Module = Beside(
            make_patch_discriminator(channels + outputs, width_d, strided)
        )
        nn.init.dcgan_(self.generator)  # N(0, 0.02^2), the paper's too
        nn.init.dcgan_(self.discriminator)
