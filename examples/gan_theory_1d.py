"""The theory of GANs on a line, where each claim can be checked with a number.

    python examples/gan_theory_1d.py            minutes on one core
    python examples/gan_theory_1d.py --quick    seconds, and coarser

1. The best discriminator is D* = p / (p + q), and V(D*) = 2 JSD(p, q) - log 4 (Goodfellow 2014,
   arXiv:1406.2661, proposition 1 and theorem 1): by quadrature, and by a D trained on samples.
2. A GAN as it trains, drawn in panels.png and panels.gif: the JSD falls, D goes to 1/2.
3. Why G is not trained with the minimax loss: its gradient where D is sure.
"""

from __future__ import annotations

from pathlib import Path

import command_line
import common
import numpy as np
from gan_theory_parts import FourPanels, binned_jsd, divergences, mass_region, mlp, probability

import tinygan
from tinygan.data import GaussianMixture
from tinygan.functional import gan_loss
from tinygan.optim import Adam, ExponentialMovingAverage, LinearLR
from tinygan.training import discriminator_step, gan_step, r1_penalty, sample

# For p = N(0, 1) and q = N(mean, 1): the mean, JSD(p, q) and V(D*), by mpmath with 30 digits.
KNOWN = [(0.0, 0.0, -1.3862943611), (1.0, 0.1114214822, -1.1634513968),
         (2.0, 0.3368308203, -0.7126327204)]  # fmt: skip
P = GaussianMixture([[0.0]], 1.0)
DATA = GaussianMixture([[-1.0], [1.0]], 0.4)  # of the GAN in part 2


def closed_forms() -> list[dict[str, float]]:
    """Part 1: JSD and V(D*) by quadrature, beside their known values."""
    rows = []
    for mean, known_jsd, known_value in KNOWN:
        jsd, value = divergences(P, GaussianMixture([[mean]], 1.0))
        error = max(abs(jsd - known_jsd), abs(value - known_value))
        print(f"q = N({mean:g}, 1): JSD {jsd:.6f} (known: {known_jsd:.6f}), V(D*) {value:.6f} "
              f"({known_value:.6f}), error {error:.0e}")  # fmt: skip
        rows.append(dict(mean=mean, jsd=jsd, value=value, error=error))
    return rows


def train_discriminator(mean: float, steps: int, batch: int, rng, device) -> dict[str, float]:
    """Part 1: D, trained on ever new samples of p = N(0, 1), "real", and of q = N(mean, 1)."""
    q, d, loss = GaussianMixture([[mean]], 1.0), mlp().to(device), gan_loss("non-saturating")
    optimizer = Adam(d.parameters(), lr=5e-3)
    schedule, average = LinearLR(optimizer, 1.0, 0.0, steps), ExponentialMovingAverage(d, 0.995)
    for _ in range(steps):
        real, fake = (tinygan.tensor(x.sample(batch, rng), device=device) for x in (P, q))
        discriminator_step(d, optimizer, loss, real, fake)
        schedule.step()
        average.update()
    x = mass_region(P, q, 0.99)[:, None]
    best = P.density(x) / (P.density(x) + q.density(x))
    error = np.abs(probability(average.module, x) - best)
    print(f"q = N({mean:g}, 1): |D - D*| at most {error.max():.4f}, on average {error.mean():.4f}")
    return dict(mean=mean, steps=steps, batch=batch, largest=error.max(), average=error.mean())


def train_gan(steps: int, points: int, rng, out: Path, device) -> list[dict[str, float]]:
    """Part 2: a GAN on a line, looked at 24 times, more often in the beginning."""
    generator, d = mlp(scale_out=0.25).to(device), mlp(scale_in=4.0).to(device)
    loss = gan_loss("non-saturating")
    adam_g, adam_d = (Adam(net.parameters(), 2e-3, (0.0, 0.99)) for net in (generator, d))
    schedules = [LinearLR(adam, 1.0, 0.0, steps) for adam in (adam_g, adam_d)]
    average, log = ExponentialMovingAverage(generator, 0.99), []
    even = np.linspace(-2.5, 2.5, 21, dtype=np.float32)[:, None]
    panels = FourPanels(DATA, even)
    for step in range(steps + 1):
        if step in {round(steps * (i / 23) ** 2.5) for i in range(24)}:
            fake = sample(average.module, tinygan.randn(points, 1), batch_size=5_000)
            panels.add(f"step {step}", fake, probability(d, panels.x[:, None]),
                       sample(average.module, tinygan.tensor(even)))  # fmt: skip
            jsd, real = binned_jsd(DATA, fake), DATA.sample(points, rng)
            d_real, d_fake = (float(probability(d, x).mean()) for x in (real, fake))
            log.append(dict(step=step, jsd=jsd, d_real=d_real, d_fake=d_fake))
            print(f"step {step:5}: JSD {jsd:.4f}, D is {d_real:.3f} on data, {d_fake:.3f} on G(z)")
        gan_step(
            generator, d, adam_g, adam_d, loss, tinygan.tensor(DATA.sample(512, rng)).to(device),
            tinygan.randn(512, 1).to(device), penalty=lambda *args: r1_penalty(*args) * 0.02,
        )  # fmt: skip
        average.update()
        for schedule in schedules:
            schedule.step()
    panels.save(out)
    return log


def saturation(d_fake: float = 1e-4) -> dict[str, float]:
    """Part 3: the gradient of G's two losses by D's logit on a sample that D is sure about."""
    gradients = {}
    for name in ("minimax", "non-saturating"):
        logit = tinygan.tensor(np.log([d_fake / (1 - d_fake)]), requires_grad=True)
        gan_loss(name).generator(logit).backward()
        assert logit.grad is not None
        gradients[name] = logit.grad.item()
        print(f"{name}: {gradients[name]:+.8f}")
    return gradients


def main() -> None:
    options = command_line.parse(command_line.parser(__doc__, "runs/gan_theory_1d"))
    rng, quick, device = np.random.default_rng(options.seed), options.quick, options.device
    print("1. The best discriminator for p = N(0, 1), by quadrature and trained")
    results: dict = {"seed": options.seed, "closed_forms": closed_forms()}
    size = (300, 512) if quick else (3_000, 4_096)
    results["discriminator"] = [train_discriminator(q, *size, rng, device) for q, _, _ in KNOWN[1:]]
    print("2. A GAN as it trains")
    size = (200, 5_000) if quick else (2_500, 100_000)
    results["gan"] = train_gan(*size, rng, options.out, device)
    print("3. The gradient of G's loss by the logit, where D(G(z)) = 1e-4")
    results["saturation"] = saturation()
    common.write_json(options.out / "results.json", results)
    print(f"panels.png, panels.gif and results.json are in {options.out}")


if __name__ == "__main__":
    command_line.start(main)
