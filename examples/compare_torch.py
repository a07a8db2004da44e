"""The recipe of dcgan_mnist.py in PyTorch, scored by the same classifier: is ours as good?

    pip install torch
    python examples/compare_torch.py --epochs 8 --out runs/torch_mnist

Same nets, initialisation, data order, losses, R1 penalty, Adam and moving average; other random
numbers.
Prints the scores after each epoch, from the averaged weights and from the last ones.
"""

from __future__ import annotations

import copy
import time
from pathlib import Path

import command_line
import numpy as np

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as missing:
    command_line.stop(f"it compares with PyTorch: pip install torch ({missing})")

from tinygan.data import BatchSampler, load_dataset
from tinygan.images import grid, save_png
from tinygan.metrics import Scorer, classifier_for, format_scores

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


def main() -> None:
    parser = command_line.Parser(__doc__, ("PIL.Image",))
    add = parser.add_argument
    for name, default in (("epochs", 8), ("batch-size", 64), ("width", 48)):
        add(f"--{name}", type=command_line.positive, default=default, help="%(default)s")
    add("--seed", type=command_line.whole(0), default=0, help="%(default)s")
    add("--lr", type=command_line.rate, default=5e-4, help="%(default)s")
    add("--samples", type=command_line.whole(4), default=10_000, help="images per score")
    add("--out", type=Path, default=Path("runs/torch_mnist"), help="%(default)s")
    options = parser.parse_args()
    command_line.check_folder(options)
    with command_line.checking():
        train, test = load_dataset("mnist"), load_dataset("mnist", "test")
        if options.batch_size > len(train):
            parser.error(f"--batch-size: must be at most {len(train)}, got {options.batch_size}")
    scorer = Scorer(classifier_for(train, progress=print), train, test)
    torch.manual_seed(options.seed)
    generator, discriminator = nets(options.width)
    average = copy.deepcopy(generator)
    adam = dict(betas=(0.0, 0.99), fused=True)
    optimizer_g = torch.optim.Adam(generator.parameters(), options.lr, **adam)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), options.lr, **adam)
    sampler = BatchSampler(len(train), options.batch_size, options.seed)
    latents = draw_latent(options.samples)
    updates, start = 0, time.monotonic()
    for epoch in range(1, options.epochs + 1):
        for indices in sampler:
            real = torch.from_numpy(train.batch(indices))
            fake = generator(draw_latent(len(indices)))
            loss_d = F.softplus(-discriminator(real)).mean()
            loss_d = loss_d + F.softplus(discriminator(fake.detach())).mean()
            if updates % 4 == 0:
                loss_d = loss_d + 4 * r1_penalty(discriminator, real)
            optimizer_d.zero_grad()
            loss_d.backward()
            optimizer_d.step()
            discriminator.requires_grad_(False)
            optimizer_g.zero_grad()
            F.softplus(-discriminator(fake)).mean().backward()
            optimizer_g.step()
            discriminator.requires_grad_(True)
            updates += 1
            update_average(average, generator, updates)
        minutes = (time.monotonic() - start) / 60
        scores = {"averaged": scorer(generate(average, latents))}
        scores["last"] = scorer(generate(generator, latents))
        text = ", ".join(f"{k}: FID {s['fid']:.3f} KL {s['kl']:.4f}" for k, s in scores.items())
        print(f"epoch {epoch}, {minutes:.1f} minutes; {text}", flush=True)
    save_png(grid(generate(average, latents[:64])), options.out / "samples.png", zoom=2)
    print(format_scores(scores["averaged"], scorer.floor))


if __name__ == "__main__":
    command_line.start(main)
