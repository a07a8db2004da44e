"""The game of StarGAN: one generator for images of several domains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import tinygan.functional as F
from tinygan.creation import tensor
from tinygan.data import Dataset
from tinygan.devices import Generator, check_device
from tinygan.ops.adversarial import gan_loss
from tinygan.training import stabilisers
from tinygan.training.game import TwoNets
from tinygan.training.sampling import sample
from tinygan.training.settings import Settings
from tinygan.training.translation import check_jitter, jittered, rows, shown

if TYPE_CHECKING:
    from tinygan.models import StarGAN


class DomainGame(TwoNets):
    """StarGAN: one G for all domains, which are the labels of the data.

    Args:
        penalty, classification, reconstruction: weights of the paper's terms.
        d_steps: steps of D for one of G.
        held_out: images with labels that are not trained on.
        jitter: images are moved by up to so many pixels.
    """

    def __init__(
        self, model: StarGAN, data: Dataset, settings: Settings, held_out: Dataset, *,
        device: str = "cpu", penalty: float = 10.0, classification: float = 1.0,
        reconstruction: float = 10.0, d_steps: int = 5, jitter: int = 0,
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
        self.jitter = check_jitter("DomainGame", jitter, data)
        self.model, self.data, self.settings, self.held_out = model, data, settings, held_out
        self.others, self.device = (held_out,), check_device(device)
        self.penalty, self.classification = penalty, classification
        self.reconstruction, self.d_steps = reconstruction, d_steps
        self.options = {
            **model.options, "penalty": penalty, "classification": classification,
            "reconstruction": reconstruction, "d_steps": d_steps, "jitter": jitter,
        }  # fmt: skip
        self.loss = gan_loss("wasserstein")
        self.labels = data.require_labels()
        self._take(model.generator, model.discriminator)
        self.columns = len(shown(held_out))
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
        moved = jittered(self.data.batch(indices), self.jitter, number, self.settings.seed)
        x = tensor(moved, device=self.device)
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
        x = shown(self.held_out)
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
