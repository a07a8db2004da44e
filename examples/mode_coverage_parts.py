"""What mode_coverage.py needs besides training: recipes, scores, a table, a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from command_line import RECIPES as RECIPES_OF_NETS

from tinygan.data import GaussianMixture, ring, square_grid
from tinygan.images import figure
from tinygan.metrics import Classifier, mode_coverage, mode_histogram_scores, stacked_labels
from tinygan.tensor import Tensor
from tinygan.training import Settings, r1_penalty, r2_penalty
from tinygan.training.step import Critic, Penalty

MIXTURES = {"ring": ring(), "grid": square_grid()}
POINTS = 100_000  # that are trained on


class Recipe(NamedTuple):
    """How points are learnt; both nets are treated alike.

    Attributes:
        epochs: of 100,000 packs.
        batch: packs per step.
        lr, betas: of Adam.
        reach: the points are scaled so that the outermost centre has this coordinate; 0: not.
        r1: weight of the penalty on D's slope where the data is.
        r2: the same where the samples are.
        loss: a name in `tinygan.functional.GAN_LOSSES`.
        average: decay of the moving average of G's weights; 0 for none.
        decay: whether the rate falls to zero during the second half.
    """

    epochs: int
    batch: int
    lr: float
    betas: tuple[float, float]
    reach: float
    r1: float
    average: float
    decay: bool
    r2: float = 0.0
    loss: str = "non-saturating"

    def penalty(self, step: int) -> Penalty | None:
        """R1 and R2 in every fourth step, with four times the weight (lazy: arXiv:1912.04958)."""
        if not self.r1 or step % 4:
            return None

        def weighted(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
            total = r1_penalty(critic, real, fake) * (4 * self.r1)
            return total + r2_penalty(critic, real, fake) * (4 * self.r2) if self.r2 else total

        return weighted


RECIPES = {
    "published": Recipe(400, 100, 1e-4, (0.8, 0.999), 0.0, 0.0, 0.0, False),
    "best": Recipe(50, 256, 2e-3, (0.5, 0.99), 16.0, 5.0, 0.999, True),
    "relativistic": Recipe(
        50, 256, 2e-3, (0.5, 0.99), 16.0, 5.0, 0.999, True, 5.0, "relativistic"
    ),
}

# PacGAN, table 1: means of 10 runs.
PUBLISHED: dict[tuple[str, int], dict[str, Any]] = {
    ("ring", 1): {"modes": 6.3, "high quality": 0.982},
    ("grid", 1): {"modes": 17.3, "high quality": 0.948},
    ("ring", 2): {"modes": 7.9},
    ("grid", 2): {"modes": 23.8},
}
COLUMNS = {"modes": ".1f", "high quality": ".1%", "KL": ".4f", "width": ".2f", "ms/step": ".1f"}


def stacked_settings(recipe: str, pack: int, seed: int) -> Settings:
    """For stacked digits: PacGAN's, 64 packs per step, or those of examples/dcgan_mnist.py."""
    if recipe == "published":
        return Settings(64 * pack, pack=pack, seed=seed)
    chosen = RECIPES_OF_NETS["r1" if recipe == "best" else recipe]
    return Settings(64 * pack, 5e-4, pack=pack, seed=seed, **chosen)


def point_scores(points: np.ndarray, mixture: GaussianMixture) -> dict[str, Any]:
    """`tinygan.metrics.mode_coverage`, and "width": the deviation of the points of high quality
    from their centres over that of the data. Real points have 0.97, being cut off at 3."""
    scores = mode_coverage(points, mixture.means, mixture.std)
    distance = np.linalg.norm(points[:, None] - mixture.means, axis=2).min(1) / mixture.std
    near = distance[distance <= 3]
    width = np.sqrt((near**2).mean() / points.shape[1]) if near.size else 0.0
    return {"modes": scores["modes"], "high quality": scores["high_quality"], "KL": scores["kl"],
            "width": float(width)}  # fmt: skip


def modes_of_digits(images: np.ndarray, classifier: Classifier) -> dict[str, Any]:
    """Of stacked digits (n, 3, 28, 28): the modes found, and the KL divergence from uniform."""
    return mode_histogram_scores(stacked_labels(images, classifier))


def table(runs: list[dict[str, Any]], real: dict[str, Any], published: dict[str, Any]) -> str:
    """Each run, their mean and standard deviation, real points, and what PacGAN reports."""
    rows = {f"seed {run['seed']}": run for run in runs}
    values = {name: np.array([run[name] for run in runs], float) for name in COLUMNS}
    rows["mean"] = {name: value.mean() for name, value in values.items()}
    rows["standard deviation"] = {name: value.std() for name, value in values.items()}
    rows |= {"real points": real, "PacGAN's table 1": published}
    lines = [" " * 20 + "".join(f"{name:>14}" for name in COLUMNS)]
    for title, row in rows.items():
        cells = [f"{row[name]:{form}}" if name in row else "" for name, form in COLUMNS.items()]
        lines.append(f"{title:20}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


def plot_points(runs: list[dict[str, Any]], mixture: GaussianMixture, path: Path) -> None:
    """The samples of up to five runs, and the centres as circles."""
    shown = runs[:5]
    limit = 1.25 * np.abs(mixture.means).max()
    with figure(path, (3.6 * len(shown), 3.8), 1, len(shown)) as grid:
        for axes, run in zip(grid[0], shown, strict=True):
            axes.plot(*mixture.means.T, "o", markersize=9, fillstyle="none", color="C3")
            axes.plot(*run["samples"].T, ".", markersize=1.5, alpha=0.5)
            axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal",
                     title=f"seed {run['seed']}: {run['modes']} modes, "
                           f"{100 * run['high quality']:.1f} %")  # fmt: skip
