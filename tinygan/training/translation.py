"""The game of pix2pix, whose generator turns images into images, and what its kin share:
`CycleGame` in `cycle.py`, `DomainGame` in `domain.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import tinygan.functional as F
from tinygan.creation import tensor
from tinygan.data import Dataset
from tinygan.devices import check_device
from tinygan.ops.adversarial import GANLoss, gan_loss
from tinygan.training.game import TwoNets
from tinygan.training.sampling import sample
from tinygan.training.settings import Settings
from tinygan.training.step import discriminator_step, generator_step

if TYPE_CHECKING:
    from tinygan.models import Pix2Pix

SHOWN = 8  # images in a picture, each a column of input, output and whatever else there is


def shown(data: Dataset) -> np.ndarray:
    """The first images of a data set, which the pictures of a run are made of."""
    return data.batch(np.arange(min(SHOWN, len(data))))


def jittered(images: np.ndarray, reach: int, number: int, seed: int) -> np.ndarray:
    """Each image (n, c, h, w) moved by up to `reach` pixels in both directions; the nearest pixels
    come in. What is drawn depends on the step's `number` and the seed alone."""
    if not reach:
        return images
    border = ((0, 0), (0, 0), (reach, reach), (reach, reach))
    padded = np.pad(images, border, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[2:], axis=(2, 3))
    moves = np.random.default_rng([seed, number]).integers(0, 2 * reach + 1, (2, len(images)))
    return windows[np.arange(len(images)), :, moves[0], moves[1]]


def check_jitter(where: str, jitter: int, data: Dataset) -> int:
    """Raises ValueError unless images can be moved so far."""
    if not 0 <= jitter < min(data.images.shape[2:]):
        raise ValueError(
            f"{where}: jitter must be from 0 to less than the images' size, "
            f"{min(data.images.shape[2:])}, got {jitter}"
        )
    return jitter


def rows(*parts: np.ndarray) -> np.ndarray:
    """Images (n, c, h, w) of several kinds in the order of a grid of n columns; grey ones become
    RGB beside others."""
    channels = max(part.shape[1] for part in parts)
    return np.concatenate([
        np.repeat(part, channels // part.shape[1], 1) if part.shape[1] == 1 else part
        for part in parts
    ])  # fmt: skip


class PairGame(TwoNets):
    """pix2pix: G turns x into y, D sees both.

    Args:
        model: its nets, generator(x) and discriminator(y, x).
        data: pairs, as images of `channels` of x and then those of y: see `pairs`.
        settings: of the usual recipe lr 2e-4, beta1 0.5.
        held_out: pairs that are not trained on, for pictures and scores.
        l1: weight of |y - G(x)|; 0 for the adversarial loss alone.
        adversarial: whether D has a say; without it, G is a regression with L1.
        jitter: pairs are moved by up to so many pixels, x and y alike.

    Raises:
        ValueError: images of other channels than the model's; neither loss is wanted.
    """

    def __init__(
        self, model: Pix2Pix, data: Dataset, settings: Settings, held_out: Dataset, *,
        device: str = "cpu", l1: float = 100.0, adversarial: bool = True, jitter: int = 0,
    ):  # fmt: skip
        if l1 < 0 or not (l1 or adversarial):
            raise ValueError(f"PairGame: l1 must be >= 0, and > 0 without adversarial, got {l1}")
        self.jitter = check_jitter("PairGame", jitter, data)
        self.channels = model.options["channels"]
        expected = self.channels + model.options["outputs"]
        for name, images in (("data", data.images), ("held_out", held_out.images)):
            if images.shape[1] != expected:
                raise ValueError(
                    f"PairGame: {name} has images of {images.shape[1]} channels; x and y of the "
                    f"model have {expected} together"
                )
        self.model, self.data, self.settings, self.held_out = model, data, settings, held_out
        self.others = (held_out,)
        self.device, self.l1, self.adversarial = check_device(device), l1, adversarial
        self.options = {**model.options, "l1": l1, "adversarial": adversarial, "jitter": jitter}
        usual = gan_loss("non-saturating")  # D's is halved: it is to learn more slowly than G
        self.loss = GANLoss(lambda real, fake: usual.discriminator(real, fake) * 0.5,
                            usual.generator, has_floor=adversarial)  # fmt: skip
        self._take(model.generator, model.discriminator)
        self.columns = len(shown(held_out))

    def step(self, indices: np.ndarray, number: int) -> dict[str, float]:
        moved = jittered(self.data.batch(indices), self.jitter, number, self.settings.seed)
        both = tensor(moved, device=self.device)
        x, y = both[:, : self.channels], both[:, self.channels :]
        made = self.generator(x)
        distance = F.l1_loss(made, y)
        kept = distance * self.l1
        optimizer = self.optimizers["optimizer_g"]
        loss_d = loss_g = 0.0
        if self.adversarial:
            judge = self.discriminator
            half, _, _ = discriminator_step(
                judge, self.optimizers["optimizer_d"], self.loss, y, made, labels=x
            )
            pleased = generator_step(
                judge, optimizer, self.loss, made, labels=x, regulariser=lambda: kept
            )
            loss_d, loss_g = half.item(), pleased.item()
        else:
            optimizer.zero_grad()
            kept.backward()
            optimizer.step()
        self.average.update()
        return {"loss_d": loss_d, "loss_g": loss_g, "l1": distance.item()}

    def translate(self, x: np.ndarray) -> np.ndarray:
        """G's images of x (n, c, h, w) in [-1, 1], of the averaged net in evaluation mode."""
        return sample(self.average.module, tensor(x, device=self.device))

    def pictures(self) -> np.ndarray:
        """Rows of x, G(x) and y, of pairs that were not trained on."""
        both = shown(self.held_out)
        x, y = both[:, : self.channels], both[:, self.channels :]
        return rows(x, self.translate(x), y)

    def samples(self) -> dict[str, np.ndarray]:
        """x, y and G(x), under these names ("made" for the last), of all held-out pairs."""
        both = self.held_out.batch(np.arange(len(self.held_out)))
        x, y = both[:, : self.channels], both[:, self.channels :]
        return {"x": x, "y": y, "made": self.translate(x)}


def pairs(x: Dataset, y: Dataset) -> Dataset:
    """Images of both beside each other, as further channels: (n, c_x + c_y, h, w).

    Raises:
        ValueError: not as many of the same size.
    """
    if x.images.shape[0] != y.images.shape[0] or x.images.shape[2:] != y.images.shape[2:]:
        raise ValueError(
            f"pairs: x has images {x.images.shape}, y has {y.images.shape}; expected as many of "
            "one size"
        )
    images = np.concatenate([x.images, y.images], 1)
    return Dataset(images, x.labels, f"{x.name} to {y.name}", x.classes)
