"""GAWWN: learning what and where to draw.

Reed et al. 2016, arXiv:1610.02454. A text says what to draw and a box where (section 4.1). The
embedding t of the text is laid out on a grid, repeated inside of the box and zero outside of it,
and both nets have two pathways, a global one of the whole canvas and a local one of the box:

    G:  layout = convolutions(grid)
        global = up(z, layout);  local = into the box(up(z, layout, t));  x = up(global | local)
    D:  f = convolution(x);  global = down(f | grid);  local = down(out of the box(f) | t)
        logit = layer(global + local)

with | for "beside, as further channels", up for transposed convolutions with batch norm and ReLU,
and down for convolutions with LeakyReLU 0.2. D also learns that a real image with the text of
another one is wrong (GAN-CLS): see `tinygan.training.captions`.

What differs. Images and nets are smaller. The paper's t comes from a net that was trained
beforehand on birds and their texts; here each of the two nets learns its own, a layer on the sum of
the words' vectors, which cannot see the order of the words. The paper's G draws its local
pathway at its place and masks what is outside of the box; here it draws a square that is put into
the box, as its D cuts the box out. D has no batch norm, so that R1 can be used.

Without `box_path` there is one pathway, and the box is four numbers beside t: the baseline.
"""

from __future__ import annotations

from tinygan import nn
from tinygan.creation import randn
from tinygan.devices import Generator, generator
from tinygan.models.arguments import check_positive
from tinygan.models.boxes import check_boxes, grid_of, into_boxes, out_of_boxes
from tinygan.models.text import TextEncoder, everywhere
from tinygan.ops.shape import cat
from tinygan.tensor import Tensor

SQUARE = 10  # cells on a side of a local pathway's square


def down(before: int, after: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]


def up(before: int, after: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after),
            nn.ReLU()]  # fmt: skip


def start(inputs: int, channels: int, side: int) -> list[nn.Module]:
    """A vector becomes a map (n, channels, side, side)."""
    shape = (channels, side, side)
    return [nn.Linear(inputs, channels * side**2, bias=False), nn.Unflatten(1, shape),
            nn.BatchNorm2d(channels), nn.ReLU()]  # fmt: skip


def end(channels: int, side: int, outputs: int) -> list[nn.Module]:
    """A map becomes a vector (n, outputs)."""
    return [nn.Flatten(), nn.Linear(channels * side**2, outputs)]


class Artist(nn.Module):
    """G: z (n, latent_size), tokens (n, length), boxes (n, 4) -> images in [-1, 1]."""

    def __init__(
        self, size: int, channels: int, words: int, latent_size: int, width: int, text_size: int,
        box_path: bool,
    ):  # fmt: skip
        self.box_path, self.cells, side = box_path, size // 2, size // 8
        self.text = TextEncoder(words, text_size)
        if box_path:
            self.layout = nn.Sequential(
                *down(text_size, width), *down(width, width), *end(width, side, text_size)
            )
            self.local_path = nn.Sequential(
                *start(latent_size + 2 * text_size, 4 * width, SQUARE // 2),
                *up(4 * width, 2 * width),
            )  # fmt: skip
        seen = latent_size + text_size + (0 if box_path else 4)
        self.global_path = nn.Sequential(
            *start(seen, 4 * width, side), *up(4 * width, 2 * width),
            *up(2 * width, width if box_path else 3 * width),
        )  # fmt: skip
        self.joined = nn.Sequential(
            nn.Conv2d(3 * width, 2 * width, 3, 1, 1, bias=False), nn.BatchNorm2d(2 * width),
            nn.ReLU(), *up(2 * width, width), nn.Conv2d(width, channels, 3, 1, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z: Tensor, tokens: Tensor, boxes: Tensor) -> Tensor:
        check_boxes("GAWWN", boxes, len(z))
        t = self.text(tokens)
        if not self.box_path:
            return self.joined(self.global_path(cat([z, t, boxes], 1)))
        layout = self.layout(grid_of(t, boxes, self.cells))
        square = self.local_path(cat([z, layout, t], 1))
        local = into_boxes(square, boxes, self.cells)
        return self.joined(cat([self.global_path(cat([z, layout], 1)), local], 1))


class Critic(nn.Module):
    """D: images, tokens (n, length), boxes (n, 4) -> logits (n, 1) of a real image that is as the
    text and the box say."""

    def __init__(
        self, size: int, channels: int, words: int, width: int, text_size: int, box_path: bool
    ):
        self.box_path, self.cells, side = box_path, size // 2, size // 8
        self.text = TextEncoder(words, text_size)
        self.features = nn.Sequential(*down(channels, width))
        seen, vector = width + text_size, 8 * width
        self.global_path = nn.Sequential(
            *down(seen if box_path else seen + 4, 2 * width), *down(2 * width, 4 * width),
            *end(4 * width, side, vector),
        )  # fmt: skip
        if box_path:
            self.local_path = nn.Sequential(
                nn.Conv2d(seen, 2 * width, 3, 1, 1), nn.LeakyReLU(0.2),
                *down(2 * width, 4 * width), *end(4 * width, SQUARE // 2, vector),
            )  # fmt: skip
        self.logit = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(vector, 1))

    def forward(self, images: Tensor, tokens: Tensor, boxes: Tensor) -> Tensor:
        check_boxes("GAWWN", boxes, len(images))
        t, f = self.text(tokens), self.features(images)
        if not self.box_path:
            return self.logit(self.global_path(cat([f, everywhere(cat([t, boxes], 1), f)], 1)))
        whole = self.global_path(cat([f, grid_of(t, boxes, self.cells)], 1))
        square = out_of_boxes(f, boxes, SQUARE)
        return self.logit(whole + self.local_path(cat([square, everywhere(t, square)], 1)))


class GAWWN:
    """The two nets: generator(z, tokens, boxes) and discriminator(images, tokens, boxes).

    GAWWN(**model.options) makes the like of a model.

    Args:
        words: tokens are 0 to words - 1; 0 fills a row up.
        image_size: height and width, a multiple of 8.
        channels: of the images.
        latent_size: numbers in z.
        width: channels of the widest maps; deeper ones have up to four times as many.
        text_size: numbers in t.
        box_path: whether there is a local pathway.
    """

    def __init__(
        self, words: int, image_size: int = 40, channels: int = 1, latent_size: int = 32,
        width: int = 16, text_size: int = 24, box_path: bool = True,
    ):  # fmt: skip
        self.options = {name: value for name, value in locals().items() if name != "self"}
        check_positive("GAWWN", words=words, channels=channels, latent_size=latent_size,
                       width=width, text_size=text_size)  # fmt: skip
        if image_size < 16 or image_size % 8:
            raise ValueError(
                f"GAWWN: image_size must be a multiple of 8 from 16 on, got {image_size}"
            )
        self.latent_size, self.words = latent_size, words
        self.generator: nn.Module = Artist(
            image_size, channels, words, latent_size, width, text_size, box_path
        )
        self.discriminator: nn.Module = Critic(
            image_size, channels, words, width, text_size, box_path
        )

    def latent(self, count: int, generator: Generator = generator) -> Tensor:
        """`count` latent vectors of N(0, 1): (count, latent_size)."""
        return randn(count, self.latent_size, generator=generator)
