"""The sentences of the plane's page: where the training stands, and what the theory says."""

from __future__ import annotations

import math

from tinygan.lab.plane import PROBABILITIES, Look, Plane
from tinygan.lab.setup import Setup

BEST = {
    "least-squares": "D itself, without a sigmoid, is best at D* = p / (p + q).",
    "hinge": "The best D is +1 where p > q and −1 where q > p: a sign, no probability.",
    "wasserstein": "The best D is no probability: of all functions with a slope of 1 at most (the "
    "gradient penalty sees to it) the one whose means over p and q lie farthest apart.",
    "relativistic": "The best D is log(p / q) up to a constant: only differences of D count.",
}
"""What D goes to by each loss that is no cross-entropy."""


def status_text(look: Look, plane: Plane, rate: float) -> str:
    """One line of numbers, as HTML."""
    parts = [f"<b>Step {look.step:,}</b>"]
    if math.isfinite(look.loss_d):
        parts.append(f"D's loss {look.loss_d:.3f}")
    if math.isfinite(look.loss_g):
        parts.append(f"G's loss {look.loss_g:.3f}")
    parts.append(f"JSD {look.jsd:.3f} nats (as many real points: {look.jsd_floor:.3f})")
    if look.modes is not None and plane.target.modes is not None:
        parts.append(f"{look.modes} of {len(plane.target.modes)} modes, "
                     f"{100 * look.high_quality:.0f} % of the samples near one")  # fmt: skip
    parts.append(f"longest arrow: slope {look.steepest:.2g}")
    parts.append(f"{rate:.0f} pictures a second" if rate else "paused")
    return '<p style="margin:0">' + " · ".join(parts) + "</p>"


def theory_text(look: Look, plane: Plane) -> str:
    """The theory beside the numbers of this moment, as HTML."""
    lines = ["<b>The theory.</b> For a fixed G the best D is D*(x) = p(x) / (p(x) + q(x)), with p "
             "the data's density, which is known here, and q that of the samples, which are "
             "counted."]  # fmt: skip
    lines.append(best_text(plane.setup))
    if math.isfinite(look.gap):
        lines.append(f"Now |D − D*| is {look.gap:.3f} on average over the mass of both, and "
                     f"|second D − D*| {look.second_gap:.3f}.")  # fmt: skip
    else:
        lines.append(f"The second D, which is always trained by cross-entropy on single points and "
                     f"which G never sees: |second D − D*| is {look.second_gap:.3f}.")  # fmt: skip
    if plane.setup.loss in PROBABILITIES and plane.setup.pack == 1:
        floor = 2 * math.log(2) - 2 * look.jsd
        now = f"; it is {look.loss_d:.3f}" if math.isfinite(look.loss_d) else ""
        lines.append(f"D's loss can be 2 ln 2 − 2 JSD = {floor:.3f} at the least{now}. At the end, "
                     "where p = q, D* is 1/2 and D's loss 2 ln 2 = 1.386.")  # fmt: skip
    return '<p style="margin:0">' + " ".join(lines) + "</p>"


def best_text(setup: Setup) -> str:
    """What D goes to by the setup's loss."""
    text = BEST.get(setup.loss, "This loss is a cross-entropy: sigmoid(D) goes to D*.")
    if setup.pack > 1:
        text += f" D judges {setup.pack} points together, and goes to that of their densities."
    return text
