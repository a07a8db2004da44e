"""The context encoder: a net that is trained to fill holes.

Pathak et al. 2016, "Context encoders: feature learning by inpainting", arXiv:1604.07379. An encoder
makes a code of the image with its hole, a decoder the missing pixels of the code; the loss is the
squared error in the hole (eq. 1). Their adversarial loss (eq. 2), which makes the result sharper
and its squared error no smaller, is left out here. So is the channel-wise fully connected layer: at
these sizes an ordinary one is small enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinygan import nn
from tinygan.creation import tensor
from tinygan.data import BatchSampler, Dataset
from tinygan.devices import temporary_seed
from tinygan.explore.holes import HOLES, check_holes, holes
from tinygan.explore.nets import outputs, pictures, positive
from tinygan.models.dcgan import make_discriminator, make_generator
from tinygan.optim import Adam, LinearLR
from tinygan.tensor import Tensor


class ContextEncoder(nn.Module):
    """Images with a hole, and its mask -> whole images; the pixels in the hole are what counts.

    The encoder is DCGAN's discriminator with a code in the place of its logit, the decoder DCGAN's
    generator of that code. A missing pixel is 0, and a further channel is 1 where one is missing.
    """

    def __init__(self, image_size: int = 28, channels: int = 1, width: int = 32, code: int = 256):
        positive("ContextEncoder: code", code)
        *layers, last = make_discriminator(image_size, channels + 1, width, 4)
        self.encoder = nn.Sequential(
            *layers, nn.Linear(last.in_features, code, bias=False), nn.BatchNorm1d(code), nn.ReLU()
        )
        self.decoder = make_generator(image_size, channels, width, code, 4)
        nn.init.dcgan_(self.encoder)
        nn.init.dcgan_(self.decoder)

    def forward(self, seen: Tensor) -> Tensor:
        """(n, channels + 1, h, w), as `with_hole` makes them -> (n, channels, h, w)."""
        return self.decoder(self.encoder(seen))

    def fill(self, images, hole) -> np.ndarray:
        """Whole images (n, c, h, w) for those with holes, in evaluation mode; what `images` have in
        the hole is not looked at."""
        x = pictures("ContextEncoder.fill: images", images)
        return outputs(self, with_hole(x, check_holes("ContextEncoder.fill", x, hole)))


def with_hole(images: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """What the net sees: the images, 0 in the hole, and the mask as one more channel."""
    mask = hole[:, None]
    return np.concatenate([np.where(mask, 0, images), mask], 1).astype(images.dtype)


def train_context_encoder(
    data: Dataset, kinds: Sequence[str] = HOLES, epochs: int = 6, batch_size: int = 128,
    width: int = 32, lr: float = 2e-3, side: int | None = None, seed: int = 0,
    device: str = "cpu", progress: Callable[[str], None] = lambda line: None,
) -> ContextEncoder:  # fmt: skip
    """Trains one net for all `kinds` of `holes`, a new hole for each image each time.

    The loss is the mean of (filled - image)^2 over the missing pixels. Adam, whose rate falls to
    zero. The same seed makes the same net; the global random stream is not touched.

    Args:
        progress: called with a line of text after each epoch.

    Raises:
        ValueError: the images are not square or smaller than 8 pixels, or there is no such hole.
    """
    channels, height, breadth = data.images.shape[1:]
    if height != breadth:
        raise ValueError(f"train_context_encoder: images must be square, got {height}x{breadth}")
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        positive(f"train_context_encoder: {name}", value)
    with temporary_seed(seed):
        net = ContextEncoder(height, channels, width).to(device)
        optimizer = Adam(net.parameters(), lr=lr, betas=(0.5, 0.999))
        sampler = BatchSampler(len(data), min(batch_size, len(data)), seed)
        schedule = LinearLR(optimizer, 1.0, 0.02, total_iters=epochs * len(sampler))
        step = 0
        for epoch in range(epochs):
            total = 0.0
            for indices in sampler:
                images, kind = data.batch(indices), kinds[step % len(kinds)]
                mask = holes(kind, len(images), height, breadth, side, seed=seed * 10**6 + step)
                missing = tensor(mask[:, None].astype(images.dtype), device=device)
                error = net(tensor(with_hole(images, mask), device=device))
                error = (error - tensor(images, device=device)) * missing
                loss = (error * error).sum() / float(mask.sum() * channels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                total, step = total + loss.item(), step + 1
            mean = total / len(sampler)
            progress(f"context encoder epoch {epoch + 1}/{epochs}: loss {mean:.4f}")
    return net.eval()
