"""Arithmetic with concepts: does a difference of latent vectors carry an attribute over?

Radford 2015, arXiv:1511.06434, section 6.3.2: a concept is the mean of three latent vectors whose
images show it (single ones did not work), and

    smiling woman - neutral woman + neutral man = smiling man

The paper shows pictures. Here an attribute is a number measured on the image (a slant, a thickness,
the probability of a class), so that successes can be counted, and compared with what a random
direction of the same length achieves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tinygan import nn
from tinygan.explore.nets import Rate, outputs, positive, rate, values

Measure = Callable[[np.ndarray], np.ndarray]  # images (n, c, h, w) -> numbers (n,)


class Concepts(NamedTuple):
    """Trials of a - b + c: each of a, b, c is (trials, d), group (trials,) the group of c."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    group: np.ndarray

    @property
    def result(self) -> np.ndarray:
        """a - b + c: (trials, d)"""
        return self.a - self.b + self.c


def draw_concepts(
    generator: nn.Module, latent, score: Measure, low: float, high: float,
    group: Measure | None = None, *, per_concept: int = 3, trials: int = 500, seed: int = 0,
) -> Concepts:  # fmt: skip
    """Concepts that differ in an attribute: a has it, b and c do not; a and b are of one group
    (say, the same digit), c of another.

    An image has the attribute when its score is at least `high`, and lacks it when at most `low`.
    Each concept is the mean of `per_concept` vectors, drawn at random from `latent`.

    Args:
        latent: (n, d), some thousands.
        score: images (n, c, h, w) -> (n,).
        group: images -> integers (n,); None where all are one group. Then b and c share no vector.

    Raises:
        ValueError: an argument is out of range, or there are too few images with or without the
            attribute.
    """
    z = values("draw_concepts: latent", latent, 2)
    positive("draw_concepts: per_concept", per_concept)
    positive("draw_concepts: trials", trials)
    if not low < high:
        raise ValueError(f"draw_concepts: low must be below high, got {low} and {high}")
    images = outputs(generator, z)
    scores = _column("draw_concepts: score", score(images), len(z))
    groups = np.zeros(len(z), int)
    if group is not None:
        groups = _column("draw_concepts: group", group(images), len(z))
    pools = {}
    for g in np.unique(groups):
        inside = groups == g
        pools[g] = np.nonzero(inside & (scores >= high))[0], np.nonzero(inside & (scores <= low))[0]
    pairs = _pairs(pools, per_concept)

    rng = np.random.default_rng(seed)
    aims = np.empty(trials, groups.dtype)
    a, b, c = np.empty((3, trials, z.shape[1]))
    for trial in range(trials):
        source, aims[trial] = pairs[rng.integers(len(pairs))]
        with_it, without = pools[source]
        chosen = rng.choice(without, per_concept, replace=False)
        # Within one group b and c could share vectors, which would cancel.
        others = np.setdiff1d(pools[aims[trial]][1], chosen)
        a[trial] = z[rng.choice(with_it, per_concept, replace=False)].mean(0)
        b[trial] = z[chosen].mean(0)
        c[trial] = z[rng.choice(others, per_concept, replace=False)].mean(0)
    return Concepts(a, b, c, aims)


def transfer_rates(
    generator: nn.Module, concepts: Concepts, score: Measure, high: float,
    group: Measure | None = None, seed: int = 0,
) -> dict[str, Rate]:  # fmt: skip
    """How often a - b + c shows the attribute that a shows and b and c do not.

    Returns:
        Fractions of the trials, with their standard errors:

        - "success": a - b + c scores at least `high`;
        - "random direction": c plus a random vector of the length of a - b does;
        - "c alone": c does;
        - "group kept", "group kept, random direction": the first two are still of c's group (only
          where `group` is given).
    """
    count = len(concepts.c)
    length = np.linalg.norm(concepts.a - concepts.b, axis=1, keepdims=True)
    direction = np.random.default_rng(seed).standard_normal(concepts.c.shape)
    direction *= length / np.linalg.norm(direction, axis=1, keepdims=True)
    random = "random direction"
    points = {"success": concepts.result, random: concepts.c + direction, "c alone": concepts.c}
    images = {name: outputs(generator, point) for name, point in points.items()}
    rates = {
        name: rate(_column("transfer_rates: score", score(x), count) >= high)
        for name, x in images.items()
    }
    if group is not None:
        for name, kept in (("success", "group kept"), (random, f"group kept, {random}")):
            found = _column("transfer_rates: group", group(images[name]), count)
            rates[kept] = rate(found == concepts.group)
    return rates


def _column(name: str, numbers, count: int) -> np.ndarray:
    numbers = values(name, numbers)
    if numbers.shape != (count,):
        raise ValueError(
            f"{name}: expected one number for each of {count} images, got shape {numbers.shape}"
        )
    return numbers


def _pairs(pools: dict, per_concept: int) -> list[tuple]:
    """The groups (of a and b, of c) that trials can be made of; different ones where there are."""
    sources = [g for g, (has, lacks) in pools.items() if min(len(has), len(lacks)) >= per_concept]
    if len(pools) == 1:
        pairs = [(g, g) for g in sources if len(pools[g][1]) >= 2 * per_concept]
    else:
        targets = [g for g, (_, lacks) in pools.items() if len(lacks) >= per_concept]
        pairs = [(source, target) for source in sources for target in targets if source != target]
    if not pairs:
        counts = {int(g): (len(has), len(lacks)) for g, (has, lacks) in pools.items()}
        raise ValueError(
            f"draw_concepts: latent: expected {per_concept} images with and without the attribute "
            f"in one group, and {per_concept} more without it to carry it over to; got (with, "
            f"without) by group: {counts}"
        )
    return pairs
