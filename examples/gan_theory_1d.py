"""The theory of GANs on a line, where each claim can be checked with a number.

    python examples/gan_theory_1d.py            minutes on one core
    python examples/gan_theory_1d.py --quick    seconds, and coarser

1. The best discriminator is D* = p / (p + q), and V(D*) = 2 JSD(p, q) - log 4 (Goodfellow 2014,
   arXiv:1406.2661, proposition 1 and theorem 1): by quadrature, and by a D trained on samples.
2. A GAN as it trains: data density, model density, D, and where G sends z. The JSD falls, D goes
   to 1/2: panels.png and panels.gif.
3. Why G is not trained with the minimax loss: its gradient where D is sure.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from gan_theory_parts import FourPanels, binned_jsd, divergences, mass_region, mlp

import tinygan
import tinygan.functional as F
from tinygan import nn
from tinygan.data import GaussianMixture
from tinygan.files import atomic_write
from tinygan.functional import gan_loss
from tinygan.optim import Adam, ExponentialMovingAverage, LinearLR
from tinygan.training import gan_step, r1_penalty, sample

# For p = N(0, 1) and q = N(mean, 1): the mean, JSD(p, q) and V(D*), by mpmath with 30 digits.
KNOWN = [
    (0.0, 0.0, -1.3862943611),
    (1.0, 0.1114214822, -1.1634513968),
    (2.0, 0.3368308203, -0.7126327204),
]
DATA = GaussianMixture([[-1.0], [1.0]], 0.4)  # of the GAN in part 2
LATENT_RANGE = (-1.0, 1.0)


def normal(mean: float) -> GaussianMixture:
    return GaussianMixture([[mean]], 1.0)


def closed_forms() -> list[dict[str, float]]:
    """Part 1: both sides of theorem 1 by quadrature, beside their known values."""
    print(f"{'q':10}{'JSD':>12}{'expected':>12}{'error':>10}{'V(D*)':>13}{'expected':>12}{'error':>10}")
    rows = []
    for mean, jsd_known, value_known in KNOWN:
        jsd, value = divergences(normal(0.0), normal(mean))
        errors = abs(jsd - jsd_known), abs(value - value_known)
        identity = abs(value - (2 * jsd - np.log(4)))
        print(f"N({mean:g}, 1)   {jsd:12.8f}{jsd_known:12.6f}{errors[0]:10.1e}"
              f"{value:13.8f}{value_known:12.6f}{errors[1]:10.1e}")  # fmt: skip
        rows.append(dict(mean=mean, jsd=jsd, value=value, error=max(errors), identity=identity))
    return rows


def train_discriminator(mean: float, steps: int, batch: int, rng) -> dict[str, float]:
    """Part 1: D on fresh samples of p = N(0, 1), "real", and q = N(mean, 1), "fake"."""
    p, q, d, loss = normal(0.0), normal(mean), mlp(32, 2), gan_loss("non-saturating")
    optimizer = Adam(d.parameters(), lr=5e-3)
    schedule = LinearLR(optimizer, total_iters=steps)
    average = ExponentialMovingAverage(d, 0.995)
    for _ in range(steps):
        real, fake = (tinygan.tensor(mixture.sample(batch, rng)) for mixture in (p, q))
        loss_d = loss.discriminator(d(real), d(fake))
        optimizer.zero_grad()
        loss_d.backward()
        optimizer.step()
        schedule.step()
        average.update()
    x = mass_region(p, q, 0.99)[:, None]
    best = p.density(x) / (p.density(x) + q.density(x))
    error = np.abs(probability(average.module, x) - best)
    return dict(mean=mean, steps=steps, batch=batch, max=error.max(), average=error.mean())


def probability(d: nn.Module, x: np.ndarray) -> np.ndarray:
    """D(x) = sigmoid(logit), (n, 1) -> (n,)."""
    return F.sigmoid(tinygan.Tensor(sample(d, tinygan.tensor(x.astype(np.float32))))).data[:, 0]


def train_gan(steps: int, batch: int, points: int, rng, out: Path) -> list[dict[str, float]]:
    """Part 2: a GAN on a line; its state at moments that lie closer together at the beginning."""
    generator, d, loss = mlp(32, 2), mlp(32, 2), gan_loss("non-saturating")
    optimizers = [Adam(net.parameters(), lr=2e-3, betas=(0.5, 0.99)) for net in (generator, d)]
    schedules = [LinearLR(optimizer, total_iters=steps) for optimizer in optimizers]
    average = ExponentialMovingAverage(generator, 0.99)
    panels, log = FourPanels(DATA, LATENT_RANGE), []
    moments = {round(steps * (i / 23) ** 2.5) for i in range(24)}

    def latent(count: int) -> tinygan.Tensor:
        return tinygan.tensor(rng.uniform(*LATENT_RANGE, (count, 1)).astype(np.float32))

    def look(step: int) -> None:
        images, real = sample(average.module, latent(points), None, 5000), DATA.sample(points, rng)
        even = np.linspace(*LATENT_RANGE, 21, dtype=np.float32)[:, None]
        panels.add(f"step {step}", images[:, 0], probability(d, panels.x[:, None]),
                   sample(average.module, tinygan.tensor(even))[:, 0])  # fmt: skip
        log.append(dict(step=step, jsd=binned_jsd(DATA, images[:, 0]),
                        d_real=probability(d, real).mean(), d_fake=probability(d, images).mean()))

    look(0)
    for step in range(1, steps + 1):
        real = tinygan.tensor(DATA.sample(batch, rng))
        gan_step(generator, d, *optimizers, loss, real, latent(batch),
                 penalty=lambda critic, real, fake: r1_penalty(critic, real, fake) * 0.1)
        average.update()
        for schedule in schedules:
            schedule.step()
        if step in moments:
            look(step)
    panels.save_png(out / "panels.png", [0, len(log) // 3, 2 * len(log) // 3, len(log) - 1])
    panels.save_gif(out / "panels.gif")
    return log


def saturation(d_fake: float = 1e-4) -> dict[str, float]:
    """Part 3: the gradient of G's two losses by D's logit on a sample that D is sure about."""
    gradients = {}
    for name in ("minimax", "non-saturating"):
        logit = tinygan.tensor(np.log([[d_fake / (1 - d_fake)]]), requires_grad=True)
        (gradient,) = tinygan.grad(gan_loss(name).generator(logit), logit)
        gradients[name] = gradient.item()
    return gradients


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/gan_theory_1d"), help="%(default)s")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes")
    return parser.parse_args()


def main() -> None:
    options, start = arguments(), time.monotonic()
    tinygan.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    steps, batch, gan_steps, points = (400, 512, 300, 5_000) if options.quick else (
        4_000, 4_096, 8_000, 100_000)  # fmt: skip

    print("1. the best discriminator, by quadrature")
    results: dict = {"seed": options.seed, "closed_forms": closed_forms()}
    print("   and trained: |D - D*| where 99 % of the samples fall")
    results["discriminator"] = []
    for mean, _, _ in KNOWN[1:]:
        row = train_discriminator(mean, steps, batch, rng)
        results["discriminator"].append(row)
        print(f"N({mean:g}, 1)   at most {row['max']:.4f}, on average {row['average']:.4f}")

    print("2. a GAN as it trains")
    results["gan"] = train_gan(gan_steps, 512, points, rng, options.out)
    for row in results["gan"][:: 1 if options.quick else 4] + results["gan"][-1:]:
        print(f"step {row['step']:6}   JSD {row['jsd']:.4f}   mean D: data {row['d_real']:.3f}, "
              f"model {row['d_fake']:.3f}")  # fmt: skip

    print("3. the gradient of G's loss by the logit, where D(G(z)) = 1e-4")
    results["saturation"] = saturation()
    for name, gradient in results["saturation"].items():
        print(f"{name:15} {gradient:+.8f}")
    results["seconds"] = time.monotonic() - start
    with atomic_write(options.out / "results.json", "w") as file:
        json.dump(results, file, indent=1, default=float)
    print(f"{results['seconds']:.0f} s; panels.png, panels.gif and results.json in {options.out}")


if __name__ == "__main__":
    main()
