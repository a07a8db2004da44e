"""The game of CycleGAN: two generators, one each way, and no pairs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygan.functional as F
from tinygan.creation import tensor
from tinygan.data import BatchSampler, Dataset
from tinygan.devices import Generator, check_device
from tinygan.nn import Module
from tinygan.ops.adversarial import gan_loss
from tinygan.ops.shape import stack
from tinygan.optim import Adam
from tinygan.tensor import Tensor
from tinygan.training.game import Game
from tinygan.training.sampling import sample
from tinygan.training.settings import Settings
from tinygan.training.step import discriminator_step
from tinygan.training.translation import check_jitter, jittered, rows, shown

if TYPE_CHECKING:
    from tinygan.models import CycleGAN


def _adam(nets: Iterable[Module], settings: Settings, lr: float | None = None) -> Adam:
    parameters = chain.from_iterable(net.parameters() for net in nets)
    rate = settings.lr if lr is None else lr
    return Adam(parameters, rate, (settings.beta1, settings.beta2))


class History:
    """The last generated images: D sees half of its images from here, which keeps it from
    following G's latest change alone (Shrivastava 2017, arXiv:1612.07828).

    Args:
        size: how many images it holds; 0 gives back what comes.
        seed: of the draws.
    """

    def __init__(self, size: int = 50, seed: int = 0):
        if size < 0:
            raise ValueError(f"History: size must be >= 0, got {size}")
        self.size = size
        self.images: list[Tensor] = []
        self._stream = Generator(seed)

    def exchange(self, images: Tensor) -> Tensor:
        """Images of the same shape (n, c, h, w): each new one goes in and comes out while there is
        room; then, half of the time, it takes the place of an older one, which comes out."""
        if not self.size:
            return images.detach()
        shown = []
        for image in images.detach():
            if len(self.images) < self.size:
                self.images.append(image)
            elif self._stream.numpy.random() < 0.5:
                place = int(self._stream.numpy.integers(self.size))
                image, self.images[place] = self.images[place], image
            shown.append(image)
        return stack(shown)

    def state_dict(self) -> dict:
        images = [image.cpu().numpy() for image in self.images]
        return {"images": np.stack(images) if images else None, "stream": self._stream.get_state()}

    def load_state_dict(self, state: dict, device: str = "cpu") -> None:
        found = state["images"]
        self._stream.set_state(state["stream"])
        self.images = [] if found is None else [Tensor(x.copy()).to(device) for x in found]


class CycleGame(Game):
    """CycleGAN: G: A -> B and F: B -> A, each with a discriminator, and both ways round.

    An epoch goes through `data`, of kind A; images of kind B are drawn by a sampler of their own.

    Args:
        cycle: weight of |F(G(a)) - a| and |G(F(b)) - b|.
        identity: weight of |G(b) - b| and |F(a) - a|; 0 where the kinds differ in channels.
        held_out: pairs (a, b) that are not trained on; they show the true error.
        history: generated images that a discriminator also sees.
        jitter: images are moved by up to so many pixels.
    """

    def __init__(
        self, model: CycleGAN, data: Dataset, data_b: Dataset, settings: Settings,
        held_out: Dataset, *, device: str = "cpu", cycle: float = 10.0, identity: float = 5.0,
        history: int = 50, jitter: int = 0,
    ):  # fmt: skip
        self.jitter = check_jitter("CycleGame", jitter, data)
        self.channels = model.options["channels_a"]
        channels_b = model.options["channels_b"]
        for name, images, expected in (
            ("data", data.images, self.channels), ("data_b", data_b.images, channels_b),
            ("held_out", held_out.images, self.channels + channels_b),
        ):  # fmt: skip
            if images.shape[1] != expected:
                raise ValueError(
                    f"CycleGame: {name} has images of {images.shape[1]} channels, the model is for "
                    f"{expected}"
                )
        if identity and self.channels != channels_b:
            raise ValueError("CycleGame: identity must be 0 where A and B differ in channels")
        self.model, self.data, self.data_b, self.held_out = model, data, data_b, held_out
        self.others, self.settings, self.device = (data_b, held_out), settings, check_device(device)
        self.cycle, self.identity = cycle, identity
        self.options = {**model.options, "cycle": cycle, "identity": identity,
                        "history": history, "jitter": jitter}  # fmt: skip
        self.loss = gan_loss("least-squares")
        self.nets = {"to_b": model.to_b, "to_a": model.to_a,
                     "judge_a": model.judge_a, "judge_b": model.judge_b}  # fmt: skip
        for net in self.nets.values():
            net.to(self.device)
        self.optimizers = {
            "optimizer_g": _adam([model.to_b, model.to_a], settings),
            "optimizer_a": _adam([model.judge_a], settings, settings.lr_d),
            "optimizer_b": _adam([model.judge_b], settings, settings.lr_d),
        }
        self.columns = len(shown(held_out))
        self.history_a = History(history, settings.seed + 1)
        self.history_b = History(history, settings.seed + 2)
        self.sampler_b = BatchSampler(len(data_b), settings.batch_size, settings.seed + 3)

    @property
    def parts(self) -> dict[str, Any]:
        return {**self.nets, **self.optimizers, "history_a": self.history_a,
                "history_b": self.history_b, "sampler_b": self.sampler_b}  # fmt: skip

    def _next_b(self) -> np.ndarray:
        indices = next(iter(self.sampler_b), None)
        if indices is None:  # its epoch is over, and the next one has begun
            indices = next(iter(self.sampler_b))
        return self.data_b.batch(indices)

    def step(self, indices: np.ndarray, number: int) -> dict[str, float]:
        seed = self.settings.seed
        a, b = (
            tensor(jittered(images, self.jitter, number, own), device=self.device)
            for images, own in ((self.data.batch(indices), seed), (self._next_b(), seed + 1))
        )
        to_a, to_b = self.model.to_a, self.model.to_b
        made_a, made_b = to_a(b), to_b(a)
        cycle = F.l1_loss(to_a(made_b), a) + F.l1_loss(to_b(made_a), b)
        kept = cycle * self.cycle
        if self.identity:
            kept = kept + (F.l1_loss(to_a(a), a) + F.l1_loss(to_b(b), b)) * self.identity
        # Twice, as the paper has no half in G's least squares.
        pleased = (self.loss.generator(self.model.judge_b(made_b))
                   + self.loss.generator(self.model.judge_a(made_a))) * 2.0  # fmt: skip
        optimizer = self.optimizers["optimizer_g"]
        optimizer.zero_grad()
        (pleased + kept).backward()
        optimizer.step()
        losses = [
            discriminator_step(
                judge, self.optimizers[name], self.loss, real, history.exchange(made)
            )
            for judge, name, real, history, made in (
                (self.model.judge_a, "optimizer_a", a, self.history_a, made_a),
                (self.model.judge_b, "optimizer_b", b, self.history_b, made_b),
            )
        ]
        loss_d = sum(loss.item() for loss, _, _ in losses)
        return {"loss_d": loss_d, "loss_g": pleased.item(), "cycle": cycle.item()}

    def translate(self, x: np.ndarray, to: str = "b") -> np.ndarray:
        """Images of the other kind, made of x (n, c, h, w) in [-1, 1]."""
        net = self.model.to_b if to == "b" else self.model.to_a
        return sample(net, tensor(x, device=self.device))

    def pictures(self) -> np.ndarray:
        """Rows of a, G(a), F(G(a)) and the b that G never saw beside it."""
        both = shown(self.held_out)
        a, b = both[:, : self.channels], both[:, self.channels :]
        made = self.translate(a)
        return rows(a, made, self.translate(made, "a"), b)

    def samples(self) -> dict[str, np.ndarray]:
        """a, b, G(a), F(G(a)), F(b), G(F(b)) of all held-out pairs, under the names "a", "b",
        "made_b", "back_a", "made_a", "back_b"."""
        both = self.held_out.batch(np.arange(len(self.held_out)))
        a, b = both[:, : self.channels], both[:, self.channels :]
        made_b, made_a = self.translate(a), self.translate(b, "a")
        return {"a": a, "b": b, "made_b": made_b, "back_a": self.translate(made_b, "a"),
                "made_a": made_a, "back_b": self.translate(made_a)}  # fmt: skip
