"""Games whose generators turn images into images: pix2pix, CycleGAN, StarGAN."""

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
from tinygan.ops.adversarial import GANLoss, gan_loss
from tinygan.ops.shape import stack
from tinygan.optim import Adam
from tinygan.tensor import Tensor
from tinygan.training import stabilisers
from tinygan.training.game import Game, TwoNets
from tinygan.training.sampling import sample
from tinygan.training.settings import Settings
from tinygan.training.step import discriminator_step, generator_step

if TYPE_CHECKING:
    from tinygan.models import CycleGAN, Pix2Pix, StarGAN

SHOWN = 8  # images in a picture, each a column of input, output and whatever else there is


def _adam(nets: Iterable[Module], settings: Settings, lr: float | None = None) -> Adam:
    parameters = chain.from_iterable(net.parameters() for net in nets)
    rate = settings.lr if lr is None else lr
    return Adam(parameters, rate, (settings.beta1, settings.beta2))


def _shown(data: Dataset) -> np.ndarray:
    """The first images of a data set, which the pictures of a run are made of."""
    return data.batch(np.arange(min(SHOWN, len(data))))


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

    Raises:
        ValueError: images of other channels than the model's; neither loss is wanted.
    """

    def __init__(
        self, model: Pix2Pix, data: Dataset, settings: Settings, held_out: Dataset, *,
        device: str = "cpu", l1: float = 100.0, adversarial: bool = True,
    ):  # fmt: skip
        if l1 < 0 or not (l1 or adversarial):
            raise ValueError(f"PairGame: l1 must be >= 0, and > 0 without adversarial, got {l1}")
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
        self.options = {**model.options, "l1": l1, "adversarial": adversarial}
        usual = gan_loss("non-saturating")  # D's is halved: it is to learn more slowly than G
        self.loss = GANLoss(lambda real, fake: usual.discriminator(real, fake) * 0.5,
                            usual.generator, has_floor=adversarial)  # fmt: skip
        self._take(model.generator, model.discriminator)
        self.columns = len(_shown(held_out))

    def _split(self, data: Dataset, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        both = tensor(data.batch(indices), device=self.device)
        return both[:, : self.channels], both[:, self.channels :]

    def step(self, indices: np.ndarray, number: int) -> dict[str, float]:
        x, y = self._split(self.data, indices)
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
        both = _shown(self.held_out)
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
    """

    def __init__(
        self, model: CycleGAN, data: Dataset, data_b: Dataset, settings: Settings,
        held_out: Dataset, *, device: str = "cpu", cycle: float = 10.0, identity: float = 5.0,
        history: int = 50,
    ):  # fmt: skip
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
        self.options = {**model.options, "cycle": cycle, "identity": identity, "history": history}
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
        self.columns = len(_shown(held_out))
        self.history_a = History(history, settings.seed + 1)
        self.history_b = History(history, settings.seed + 2)
        self.sampler_b = BatchSampler(len(data_b), settings.batch_size, settings.seed + 3)

    @property
    def parts(self) -> dict[str, Any]:
        return {**self.nets, **self.optimizers, "history_a": self.history_a,
                "history_b": self.history_b, "sampler_b": self.sampler_b}  # fmt: skip

    def _next_b(self) -> Tensor:
        indices = next(iter(self.sampler_b), None)
        if indices is None:  # its epoch is over, and the next one has begun
            indices = next(iter(self.sampler_b))
        return tensor(self.data_b.batch(indices), device=self.device)

    def step(self, indices: np.ndarray, number: int) -> dict[str, float]:
        a, b = tensor(self.data.batch(indices), device=self.device), self._next_b()
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
        both = _shown(self.held_out)
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


class DomainGame(TwoNets):
    """StarGAN: one G for all domains, which are the labels of the data.

    Args:
        penalty, classification, reconstruction: weights of the paper's terms.
        d_steps: steps of D for one of G.
        held_out: images with labels that are not trained on.
    """

    def __init__(
        self, model: StarGAN, data: Dataset, settings: Settings, held_out: Dataset, *,
        device: str = "cpu", penalty: float = 10.0, classification: float = 1.0,
        reconstruction: float = 10.0, d_steps: int = 5,
    ):  # fmt: skip
        for name, one in (("data", data), ("held_out", held_out)):
            labels = one.require_labels()
            if labels.min() < 0 or labels.max() >= model.domains:
                raise ValueError(
                    f"DomainGame: {name} has labels from {labels.min()} to {labels.max()}, the "
                    f"model is for {model.domains} domains"
                )
        if d_steps < 1:
            raise ValueError(f"DomainGame: d_steps must be at least 1, got {d_steps}")
        self.model, self.data, self.settings, self.held_out = model, data, settings, held_out
        self.others, self.device = (held_out,), check_device(device)
        self.penalty, self.classification = penalty, classification
        self.reconstruction, self.d_steps = reconstruction, d_steps
        self.options = {**model.options, "penalty": penalty, "classification": classification,
                        "reconstruction": reconstruction, "d_steps": d_steps}  # fmt: skip
        self.loss = gan_loss("wasserstein")
        self.labels = data.require_labels()
        self._take(model.generator, model.discriminator)
        self.columns = len(_shown(held_out))
        self.targets = Generator(settings.seed + 1)
        self._last = {"loss_g": 0.0, "reconstruction": 0.0}  # before G's first step

    @property
    def parts(self) -> dict[str, Any]:
        return {**super().parts, "game": self}

    def state_dict(self) -> dict[str, Any]:
        """The random stream of the target domains, and the last numbers of G's step."""
        return {"targets": self.targets.get_state(), "last": self._last}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.targets.set_state(state["targets"])
        self._last = dict(state["last"])

    def step(self, indices: np.ndarray, number: int) -> dict[str, float]:
        x = tensor(self.data.batch(indices), device=self.device)
        own = tensor(self.labels[indices], device=self.device)
        drawn = self.targets.numpy.integers(self.model.domains, size=len(indices))
        target = tensor(drawn, device=self.device)
        made = self.generator(x, target)

        score_real, domain_real = self.discriminator(x)
        score_fake, _ = self.discriminator(made.detach())
        loss_d = self.loss.discriminator(score_real, score_fake)
        slope = stabilisers.gradient_penalty(
            lambda seen: self.discriminator(seen)[0].flatten(1).mean(1), x, made
        )
        total = (loss_d + F.cross_entropy(domain_real, own) * self.classification
                 + slope * self.penalty)  # fmt: skip
        self.optimizers["optimizer_d"].zero_grad()
        total.backward()
        self.optimizers["optimizer_d"].step()

        if (number + 1) % self.d_steps == 0:
            score, domain = self.discriminator(made)
            back = F.l1_loss(self.generator(made, own), x)
            pleased = self.loss.generator(score)
            total = (pleased + F.cross_entropy(domain, target) * self.classification
                     + back * self.reconstruction)  # fmt: skip
            self.optimizers["optimizer_g"].zero_grad()
            total.backward()
            self.optimizers["optimizer_g"].step()
            self.average.update()
            self._last = {"loss_g": pleased.item(), "reconstruction": back.item()}
        return {"loss_d": loss_d.item(), **self._last}

    def translate(self, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """x (n, c, h, w) in [-1, 1] as images of the domains `labels` (n,)."""
        return sample(self.average.module, tensor(x, device=self.device),
                      tensor(labels, device=self.device))  # fmt: skip

    def pictures(self) -> np.ndarray:
        """A row of held-out images, then one of them for each domain."""
        x = _shown(self.held_out)
        made = [self.translate(x, np.full(len(x), k)) for k in range(self.model.domains)]
        return rows(x, *made)

    def samples(self) -> dict[str, np.ndarray]:
        """Held-out images "x" and their "labels", the "targets" that were asked for, all domains in
        turns, and what was "made" of them."""
        count = len(self.held_out)
        x = self.held_out.batch(np.arange(count))
        targets = np.arange(count) % self.model.domains
        return {"x": x, "labels": self.held_out.require_labels(), "targets": targets,
                "made": self.translate(x, targets)}  # fmt: skip
