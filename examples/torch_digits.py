"""dcgan_mnist.py's nets and recipe in PyTorch, which compare_torch.py and time_to_quality.py train.

Same nets, initialisation, losses, penalties, Adam, rates and moving average; other random numbers.
PyTorch in the fastest of the fp32 modes that benchmark_step.py tries: channels last, activations
in place, fused Adam.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tinygan.training import Settings

CATEGORIES, CATEGORY = 30, 4.0


class Crop(nn.Module):
    """8x8 to 7x7: what "same" padding leaves of a transposed convolution from 4x4."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, :7, :7]


def draw_latent(count: int) -> torch.Tensor:
    """A one-hot category and 100 numbers uniform in [-1, 1]."""
    category = F.one_hot(torch.randint(CATEGORIES, (count,)), CATEGORIES) * CATEGORY
    return torch.cat([category, torch.rand(count, 100) * 2 - 1], 1)


def nets(width: int) -> tuple[nn.Module, nn.Module]:
    """tinygan's DCGAN for 28x28 grey images (tinygan/models/dcgan.py)."""
    generator = nn.Sequential(
        nn.Linear(CATEGORIES + 100, 4 * width * 16, bias=False),
        nn.Unflatten(1, (4 * width, 4, 4)),
        nn.BatchNorm2d(4 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False),
        Crop(),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.ZeroPad2d((1, 2, 1, 2)),
        nn.Conv2d(2 * width, 4 * width, 4, 2),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(4 * width * 16, 1),
    )
    for part in [*generator, *discriminator]:
        if hasattr(part, "inplace"):
            part.inplace = True  # saves PyTorch memory and time
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02)
        elif hasattr(part, "weight"):
            nn.init.normal_(part.weight, 0.0, 0.02)
        if getattr(part, "bias", None) is not None:
            nn.init.zeros_(part.bias)
    return generator, discriminator


def r1_penalty(discriminator: nn.Module, real: torch.Tensor) -> torch.Tensor:
    """tinygan.training.r1_penalty."""
    real = real.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return slope.square().flatten(1).sum(1).mean() * 0.5


@torch.no_grad()
def update_average(average: nn.Module, source: nn.Module, updates: int) -> None:
    """tinygan.optim.ExponentialMovingAverage: parameters and running statistics."""
    decay = min(0.999, (1 + updates) / (10 + updates))
    for mean, value in zip(
        average.state_dict().values(), source.state_dict().values(), strict=True
    ):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)


@torch.no_grad()
def generate(net: nn.Module, latent: torch.Tensor) -> np.ndarray:
    mode = net.training
    net.eval()
    images = torch.cat([net(part) for part in latent.split(250)]).numpy()
    net.train(mode)
    return images


class TorchDigits:
    """Both nets in training.

    Args:
        width: of the nets.
        settings: of the recipe, as dcgan_mnist.py has them.
        steps_per_epoch: for the fall of the rates.
        samples: how many `images` are made, of the same latent vectors each time.
    """

    def __init__(self, width: int, settings: Settings, steps_per_epoch: int, samples: int):
        torch.manual_seed(settings.seed)
        self.settings, self.steps, self.steps_per_epoch = settings, 0, steps_per_epoch
        nets_ = [net.to(memory_format=torch.channels_last) for net in nets(width)]
        self.generator, self.discriminator = nets_
        self.average = copy.deepcopy(self.generator)
        adam: dict[str, Any] = dict(betas=(settings.beta1, settings.beta2), fused=True)
        self.adam_g, self.adam_d = (
            torch.optim.Adam(net.parameters(), settings.lr, **adam) for net in nets_
        )
        self.schedules = [torch.optim.lr_scheduler.LambdaLR(adam, self._share_of_rate)
                          for adam in (self.adam_g, self.adam_d)]  # fmt: skip
        self.latents = draw_latent(samples)

    def _share_of_rate(self, step: int) -> float:
        if self.settings.decay is None:
            return 1.0
        first, last = (epochs * self.steps_per_epoch for epochs in self.settings.decay)
        return 1.0 - min(max(step - first, 0), last - first) / (last - first)

    def step(self, images: np.ndarray) -> None:
        """D and G on a batch of real images (n, 1, 28, 28) in [-1, 1]."""
        settings, d = self.settings, self.discriminator
        real = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
        fake = self.generator(draw_latent(len(images)))
        relativistic = settings.loss == "relativistic"
        output_real, output_fake = d(real), d(fake.detach())
        if relativistic:
            loss_d = F.softplus(output_fake - output_real).mean()
        else:
            loss_d = F.softplus(-output_real).mean() + F.softplus(output_fake).mean()
        if self.steps % settings.penalty_every == 0:
            for weight, seen in ((settings.r1, real), (settings.r2, fake)):
                if weight:
                    loss_d = loss_d + settings.penalty_every * weight * r1_penalty(d, seen)
        self.adam_d.zero_grad()
        loss_d.backward()
        self.adam_d.step()
        d.requires_grad_(False)
        self.adam_g.zero_grad()
        other = d(real) if relativistic else 0.0
        F.softplus(other - d(fake)).mean().backward()
        self.adam_g.step()
        d.requires_grad_(True)
        for schedule in self.schedules:
            schedule.step()
        self.steps += 1
        update_average(self.average, self.generator, self.steps)

    def images(self, averaged: bool = True) -> np.ndarray:
        """float32 (samples, 1, 28, 28), by the averaged weights or by the last ones."""
        return generate(self.average if averaged else self.generator, self.latents)
