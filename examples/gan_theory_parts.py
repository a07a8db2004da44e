"""What gan_theory_1d.py needs besides training: integrals, small nets, the four-panel figure."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

import tinygan
import tinygan.functional as F
from tinygan import nn
from tinygan.data import GaussianMixture
from tinygan.images import figure, save_gif
from tinygan.training import sample

GRID = np.linspace(-20.0, 20.0, 8001)
JSD_BINS = np.linspace(-4.0, 4.0, 161)


def integral(values: np.ndarray) -> float:
    """The trapezoid rule on GRID: for smooth functions that vanish at both ends its error falls
    faster than any power of the step."""
    return float(values.sum() * (GRID[1] - GRID[0]))


def divergences(p: GaussianMixture, q: GaussianMixture) -> tuple[float, float]:
    """JSD(p, q) and V(D*), in nats, each from its own definition:

        JSD = 1/2 E_p log(p / m) + 1/2 E_q log(q / m)     with m = (p + q) / 2
        V(D*) = E_p log D* + E_q log(1 - D*)              with D* = p / (p + q)
    """
    log_p, log_q = p.log_density(GRID[:, None]), q.log_density(GRID[:, None])
    log_sum = np.logaddexp(log_p, log_q)
    p_x, q_x, log_m = np.exp(log_p), np.exp(log_q), log_sum - np.log(2)
    jsd = (integral(p_x * (log_p - log_m)) + integral(q_x * (log_q - log_m))) / 2
    value = integral(p_x * (log_p - log_sum)) + integral(q_x * (log_q - log_sum))
    return jsd, value


def mass_region(p: GaussianMixture, q: GaussianMixture, share: float) -> np.ndarray:
    """The points of GRID between the quantiles of (p + q) / 2 that leave `share` of it inside."""
    density = (p.density(GRID[:, None]) + q.density(GRID[:, None])) / 2
    below = np.cumsum(density) * (GRID[1] - GRID[0])
    return GRID[(below > (1 - share) / 2) & (below < (1 + share) / 2)]


def binned_jsd(data: GaussianMixture, points: np.ndarray) -> float:
    """JSD between the data and points (n, 1), both counted in JSD_BINS; n points of the data itself
    have (bins - 1) / 8 n on average. What lies outside is counted in the bins at the ends."""
    counts = np.histogram(np.clip(points, JSD_BINS[0], JSD_BINS[-1]), JSD_BINS)[0]
    centres = (JSD_BINS[1:] + JSD_BINS[:-1]) / 2
    p = data.density(centres[:, None])
    p, q = p / p.sum(), counts / counts.sum()
    m = (p + q) / 2
    terms = [np.where(x > 0, x * np.log(np.maximum(x, 1e-300) / m), 0.0) for x in (p, q)]
    return float(sum(term.sum() for term in terms) / 2)


def mlp(scale_in: float = 1.0, scale_out: float = 1.0) -> nn.Sequential:
    """(n, 1) -> (n, 1): two hidden layers of 64 ReLU units, between factors that are not trained.

    A factor of 4 in front of D and 1 / 4 behind G let both learn finer shapes at the same rate.
    """
    return nn.Sequential(
        nn.Rescale(scale_in, 0.0),
        nn.Linear(1, 64), nn.ReLU(),
        nn.Linear(64, 64), nn.ReLU(),
        nn.Linear(64, 1),
        nn.Rescale(scale_out, 0.0),
    )  # fmt: skip


def probability(d: nn.Module, x: np.ndarray) -> np.ndarray:
    """D(x) = sigmoid(logit): (n, 1) -> (n,)."""
    logits = sample(d, tinygan.tensor(x.astype(np.float32)), batch_size=5_000)
    return F.sigmoid(tinygan.tensor(logits)).array[:, 0]


class FourPanels:
    """Figure 1 of Goodfellow 2014: moments of a GAN on a line, side by side and as a GIF.

    Each panel shows the data density (dotted), the model's (a histogram), D(x), the best D for the
    two densities, and arrows from `latent` (m, 1) to x = G(latent).
    """

    def __init__(self, data: GaussianMixture, latent: np.ndarray):
        self.data, self.latent = data, latent[:, 0]
        self.x = np.linspace(-3.0, 3.0, 241)
        self.moments: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, title: str, points: np.ndarray, d: np.ndarray, images: np.ndarray) -> None:
        """A moment: samples (n, 1) of the model, D at `self.x`, and G(latent)."""
        edges = np.linspace(-3.0, 3.0, 61)
        heights = np.histogram(points, edges)[0] / (len(points) * (edges[1] - edges[0]))
        self.moments.append((title, edges, heights, d, images))

    def _panel(self, axes, moment) -> None:
        title, edges, heights, d, images = moment
        p = self.data.density(self.x[:, None])
        q = np.interp(self.x, (edges[1:] + edges[:-1]) / 2, heights)
        axes.stairs(heights, edges, fill=True, color="C2", alpha=0.4, label="model density")
        axes.plot(self.x, p, "k:", label="data density")
        axes.plot(self.x, d, "C0--", label="D(x)")
        axes.plot(self.x, p / np.maximum(p + q, 1e-9), color="C0", alpha=0.3, label="best D")
        for z, x in zip(self.latent, images[:, 0], strict=True):
            axes.annotate("", (x, -0.15), (z, -0.5), arrowprops={"arrowstyle": "->", "lw": 0.5})
        axes.hlines([-0.15, -0.5], -3, 3, color="k", lw=0.5)
        axes.text(-3.1, -0.15, "x", ha="right", va="center")  # left of the frame
        axes.text(-3.1, -0.5, "z", ha="right", va="center")
        axes.set(title=title, xlim=(-3, 3), ylim=(-0.55, 1.25), yticks=[0, 0.5, 1])
        axes.grid(visible=False)

    def save(self, out: Path) -> None:
        """panels.png, four of the moments side by side, and panels.gif, all one after the other."""
        count = len(self.moments)
        with figure(out / "panels.png", (13.6, 3.4), 1, 4) as axes:
            for place, index in zip(
                axes[0], (0, count // 4, count // 2, count - 1), strict=True
            ):
                self._panel(place, self.moments[index])
            axes[0, 0].legend(loc="upper left")
        frames = []
        for moment in self.moments:
            frame = io.BytesIO()
            with figure(frame, (4.6, 3.4)) as axes:
                self._panel(axes[0, 0], moment)
            frames.append(frame)
        save_gif(frames, out / "panels.gif", seconds=0.3)
