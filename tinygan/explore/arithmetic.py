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

import numpy as np

from tinygan import nn
from tinygan.explore.nets import Rate, outputs, positive, rate, values
from tinygan.tensor import Tensor


def combine(a, b, c) -> Tensor:
    """mean(a) - mean(b) + mean(c), of latent vectors (n, d) each -> (d,)."""
    plus, minus, to = (values(f"combine: {n}", x, 2) for n, x in (("a", a), ("b", b), ("c", c)))
    if not plus.shape[1] == minus.shape[1] == to.shape[1]:
        raise ValueError(
            f"combine: a, b, c: expected one length of vectors, got shapes {plus.shape}, "
            f"{minus.shape} and {to.shape}"
        )
    mean = [x.mean(0, dtype=np.float64) for x in (plus, minus, to)]
    return Tensor((mean[0] - mean[1] + mean[2]).astype(np.float32))


def transfer_rates(
    generator: nn.Module,
    latent,
    score: Callable[[np.ndarray], np.ndarray],
    low: float,
    high: float,
    group: Callable[[np.ndarray], np.ndarray] | None = None,
    *,
    per_concept: int = 3,
    trials: int = 500,
    seed: int = 0,
) -> dict[str, Rate]:
    """How often a - b + c shows the attribute that a shows and b and c do not.

    An image has the attribute when its score is at least `high`, and lacks it when at most `low`.
    In each trial a has it and b lacks it, both of one group (say, of one digit), and c lacks it, of
    another group; each is the mean of `per_concept` vectors drawn from `latent`.

    Args:
        latent: (n, d), the vectors to draw concepts from; some thousands.
        score: images (n, c, h, w) -> (n,).
        group: images -> integers (n,), or None where all are one group.

    Returns:
        Fractions of the trials, with their standard errors:

        - "success": a - b + c scores at least `high`;
        - "random": c plus a random direction of the length of a - b does;
        - "unchanged": c alone does;
        - "kept" and "kept random": the first two still show c's group (with `group` only).

    Raises:
        ValueError: an argument is out of range; or there are not enough images with and without the
            attribute to draw concepts from.
    """
    z = values("transfer_rates: latent", latent, 2)
    positive("transfer_rates: per_concept", per_concept)
    positive("transfer_rates: trials", trials, 2)
    if not low < high:
        raise ValueError(f"transfer_rates: low must be below high, got {low} and {high}")
    images = outputs(generator, z)
    scores = _column("score", score(images), len(z))
    groups = np.zeros(len(z), int) if group is None else _column("group", group(images), len(z))

    pools = {}
    for g in np.unique(groups):
        inside = groups == g
        pools[g] = np.nonzero(inside & (scores >= high))[0], np.nonzero(inside & (scores <= low))[0]
    pairs = _pairs(pools, per_concept)
    rng = np.random.default_rng(seed)
    aims = np.empty(trials, int)
    a, b, c = np.empty((3, trials, z.shape[1]))
    for trial in range(trials):
        source, aims[trial] = pairs[rng.integers(len(pairs))]
        with_it, without = pools[source]
        chosen = rng.choice(without, per_concept, replace=False)
        # Where there is one group only, b and c must not share vectors: they would cancel.
        others = np.setdiff1d(pools[aims[trial]][1], chosen)
        a[trial] = z[rng.choice(with_it, per_concept, replace=False)].mean(0)
        b[trial] = z[chosen].mean(0)
        c[trial] = z[rng.choice(others, per_concept, replace=False)].mean(0)
    direction = rng.standard_normal(a.shape)
    lengths = np.linalg.norm(a - b, axis=1, keepdims=True)
    direction *= lengths / np.linalg.norm(direction, axis=1, keepdims=True)

    rates = {}
    for name, point in (("success", a - b + c), ("random", c + direction), ("unchanged", c)):
        made = outputs(generator, point)
        rates[name] = rate(_column("score", score(made), trials) >= high)
        if group is not None and name != "unchanged":
            kept = "kept" if name == "success" else f"kept {name}"
            rates[kept] = rate(_column("group", group(made), trials) == aims)
    return rates


def _column(name: str, numbers, count: int) -> np.ndarray:
    numbers = values(f"transfer_rates: {name}", numbers)
    if numbers.shape != (count,):
        raise ValueError(
            f"transfer_rates: {name}: expected one number for each of {count} images, got shape "
            f"{numbers.shape}"
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
            f"transfer_rates: latent: expected {per_concept} images with and without the attribute "
            f"in one group, and {per_concept} more without it to carry it over to; got (with, "
            f"without) by group: {counts}"
        )
    return pairs

