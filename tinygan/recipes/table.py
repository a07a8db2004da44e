"""How each model is trained. The examples write the same out, to be read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tinygan.models import CGAN, DCGAN, GAN, CycleGAN, Pix2Pix, StarGAN

ALONE = {"beta1": 0.0, "beta2": 0.99, "r1": 1.0, "penalty_every": 4}
"""Settings for a D without batch norm, which a penalty on its slope keeps in check."""
DENSE = {"batch_size": 256, "lr": 1e-3, "beta1": 0.0, "beta2": 0.99, "r1": 5.0, "penalty_every": 4}


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        about: what it is, in a line.
        model: makes the nets, of keyword arguments.
        nets: these arguments, where they are not the usual ones.
        settings: of `Settings`, likewise.
        epochs: through the data.
        data: the name of a data set; None where a folder must be named.
        falls: whether the rates fall to zero in the second half.
        kind: what the pictures are: "images"; "labelled" ones, whose labels the nets take; "pairs",
            two in each picture; "two kinds" in two folders; "domains", a folder for each.
        game: further arguments of the kind's game, all that there are, with their defaults.
    """

    about: str
    model: Callable[..., Any]
    nets: Mapping[str, Any]
    settings: Mapping[str, Any]
    epochs: int
    data: str | None = "mnist"
    falls: bool = False
    kind: str = "images"
    game: Mapping[str, Any] = field(default_factory=dict)


RECIPES = {
    "gan": Recipe(
        "the first GAN: fully connected nets, 28x28 digits", GAN, {"variant": "modern"}, DENSE, 40,
        falls=True,
    ),
    "cgan": Recipe(
        "digits on demand: the same with labels", CGAN, {"variant": "modern"}, DENSE, 40,
        falls=True, kind="labelled",
    ),
    "dcgan": Recipe(
        "convolutions, 28x28 digits", DCGAN,
        {"width": 48, "batch_norm_d": False, "categories": 30},
        {"batch_size": 64, "lr": 1e-3, **ALONE, "r2": 1.0, "loss": "relativistic"}, 8, falls=True,
    ),
    "dcgan-conditional": Recipe(
        "convolutions and labels, 28x28 digits", DCGAN, {"width": 48, "batch_norm_d": False},
        {"batch_size": 64, "lr": 5e-4, **ALONE}, 20, falls=True, kind="labelled",
    ),
    "dcgan64": Recipe(
        "the paper's DCGAN for a folder of pictures, 64x64 in colour", DCGAN,
        {"image_size": 64, "channels": 3, "width": 64}, {"batch_size": 128, "lr": 2e-4}, 20, None,
    ),
    "pix2pix": Recipe(
        "pictures into pictures: a folder of pairs, x on the left and y on the right", Pix2Pix,
        {"image_size": 64, "channels": 3, "outputs": 3, "width": 32, "width_d": 32},
        {"batch_size": 16, "lr": 5e-4, "average_decay": 0.99}, 30, None, falls=True,
        kind="pairs", game={"l1": 100.0, "adversarial": True, "jitter": 0},
    ),
    "cyclegan": Recipe(
        "the same without pairs: a folder with the folders A and B", CycleGAN,
        {"channels_a": 3, "channels_b": 3, "width": 16, "width_d": 16, "blocks": 3},
        {"batch_size": 4, "lr": 5e-4}, 24, None, falls=True, kind="two kinds",
        game={"size": 64, "cycle": 10.0, "identity": 5.0, "history": 50, "jitter": 0},
    ),
    "stargan": Recipe(
        "one net for many kinds: a folder with a folder for each", StarGAN,
        {"image_size": 64, "channels": 3, "width": 16, "width_d": 16, "blocks": 2},
        {"batch_size": 16, "lr": 5e-4, "average_decay": 0.99}, 12, None, falls=True,
        kind="domains",
        game={"penalty": 10.0, "classification": 1.0, "reconstruction": 10.0, "d_steps": 2,
              "jitter": 0},
    ),
}  # fmt: skip
"""By name; `Plan.of` makes a plan of one."""
