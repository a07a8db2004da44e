"""The game of GAWWN: a text and a box ask, and D also learns which texts are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import tinygan.functional as F
from tinygan.autograd import no_grad
from tinygan.creation import tensor
from tinygan.data import CaptionedDigits
from tinygan.devices import Generator, check_device
from tinygan.nn import Module
from tinygan.nn.evaluation import evaluating
from tinygan.ops.adversarial import gan_loss
from tinygan.tensor import Tensor
from tinygan.training.game import TwoNets
from tinygan.training.settings import Settings
from tinygan.training.step import generator_step

if TYPE_CHECKING:
    from tinygan.models import GAWWN

SHOWN = 64  # images in the picture of an epoch
AT_ONCE = 250  # images that are drawn together


@no_grad()
def draw(generator: Module, latent: Tensor, tokens: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Images (n, c, h, w) for latent vectors, tokens (n, length) and boxes (n, 4), in evaluation
    mode, computed where the generator's parameters are.

    Raises:
        ValueError: there are not as many of each.
    """
    if not len(latent) == len(tokens) == len(boxes):
        raise ValueError(
            f"draw: got {len(latent)} latent vectors, {len(tokens)} rows of tokens and "
            f"{len(boxes)} boxes"
        )
    device = next(generator.parameters()).device
    inputs = [x.to(device) for x in (latent, tensor(tokens), tensor(boxes))]
    with evaluating(generator):
        parts = [generator(*(x[start : start + AT_ONCE] for x in inputs)).cpu().array
                 for start in range(0, len(latent), AT_ONCE)]  # fmt: skip
    return np.concatenate(parts)


class CaptionGame(TwoNets):
    """GAN-CLS on sentences and boxes (Reed 2016, arXiv:1605.05396, algorithm 1): with (t, b) of the
    image x, and t' of another image of the batch,

        D:  softplus(-D(x, t, b)) + (softplus(D(x, t', b)) + softplus(D(G(z, t, b), t, b))) / 2
        G:  softplus(-D(G(z, t, b), t, b))

    The paper draws t' at random. With four words in it, D then learns from the other three whether
    it is wrong, in eleven cases of twelve, and hardly looks at the digit. So in every second step
    t' is one whose other words are the same, where the batch has one. Where t' happens to say the
    same as t, the pair is called wrong all the same, as in the paper.

    Args:
        model: its nets, generator(z, tokens, boxes) and discriminator(images, tokens, boxes).
        data: images with their sentences and boxes.
        settings: r1 and penalty_every are of D's gradient by the real images, with their own text.
        held_out: sentences and boxes that are not trained on, for pictures and scores.

    Raises:
        ValueError: a token that the model does not know, images of another shape than its own, or a
            batch of one, in which there is no other text.
    """

    def __init__(
        self, model: GAWWN, data: CaptionedDigits, settings: Settings, held_out: CaptionedDigits,
        *, device: str = "cpu",
    ):  # fmt: skip
        size = model.options["image_size"]
        shape = (model.options["channels"], size, size)
        for name, one in (("data", data), ("held_out", held_out)):
            if one.data.images.shape[1:] != shape:
                raise ValueError(
                    f"CaptionGame: {name} has images {one.data.images.shape[1:]}, the model's are "
                    f"{shape}"
                )
            if one.tokens.min() < 0 or one.tokens.max() >= model.words:
                raise ValueError(
                    f"CaptionGame: {name} has tokens from {one.tokens.min()} to "
                    f"{one.tokens.max()}, the model knows {model.words} words"
                )
        if settings.batch_size < 2:
            raise ValueError("CaptionGame: batch_size must be at least 2, got 1")
        self.model, self.captions, self.held_out = model, data, held_out
        self.data, self.others = data.data, (held_out.data,)
        self.settings, self.device, self.options = settings, check_device(device), model.options
        self.loss = gan_loss("non-saturating")
        self._take(model.generator, model.discriminator)
        self.latent = model.latent(len(held_out), Generator(settings.seed + 1))

    def partners(self, indices: np.ndarray, near: bool) -> np.ndarray:
        """For each image of a batch the place of another one, whose text is wrong for it: the next
        of the batch or, of the `near` ones, the next in a row in which those of one size, thickness
        and slant stand together."""
        row = np.arange(len(indices))
        if near:
            row = np.lexsort(self.captions.values[indices, 1:].T)
        places = np.empty_like(row)
        places[row] = np.roll(row, -1)
        return places

    def step(self, indices: np.ndarray, number: int) -> dict[str, float]:
        real = tensor(self.data.batch(indices), device=self.device)
        tokens, boxes = (tensor(array[indices], device=self.device)
                         for array in (self.captions.tokens, self.captions.boxes))  # fmt: skip
        partners = self.partners(indices, near=number % 2 == 0)
        wrong = tokens[tensor(partners, device=self.device)]
        made = self.generator(self.model.latent(len(real)).to(self.device), tokens, boxes)

        def judge(images: Tensor) -> Tensor:
            return self.discriminator(images, tokens, boxes)

        output_real, output_fake = judge(real), judge(made.detach())
        output_wrong = self.discriminator(real, wrong, boxes)
        loss_wrong = F.softplus(output_wrong).mean()
        loss_d = (F.softplus(-output_real).mean()
                  + (loss_wrong + F.softplus(output_fake).mean()) * 0.5)  # fmt: skip
        penalty = self.settings.penalty(number)
        total = loss_d if penalty is None else loss_d + penalty(judge, real, made)
        self.optimizers["optimizer_d"].zero_grad()
        total.backward()
        self.optimizers["optimizer_d"].step()

        loss_g = generator_step(judge, self.optimizers["optimizer_g"], self.loss, made)
        self.average.update()
        return {"loss_d": loss_d.item(), "loss_g": loss_g.item(), "loss_wrong": loss_wrong.item()}

    def draw(self, tokens: np.ndarray, boxes: np.ndarray, latent: Tensor) -> np.ndarray:
        """Images of the averaged generator."""
        return draw(self.average.module, latent, tokens, boxes)

    def pictures(self) -> np.ndarray:
        """Images for sentences and boxes that were not trained on."""
        shown = slice(0, SHOWN)
        return self.draw(self.held_out.tokens[shown], self.held_out.boxes[shown],
                         self.latent[shown])  # fmt: skip

    def for_collapse(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return pictures, self.held_out.data.batch(np.arange(min(SHOWN, len(self.held_out))))

    def samples(self) -> np.ndarray:
        """An image for each sentence and box of `held_out`, in their order."""
        return self.draw(self.held_out.tokens, self.held_out.boxes, self.latent)
