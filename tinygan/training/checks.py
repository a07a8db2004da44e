"""What `Settings` and `Trainer` look at before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygan.creation import tensor
from tinygan.devices import Generator, temporary_seed
from tinygan.training.callbacks import Callback
from tinygan.training.sampling import sample
from tinygan.training.stabilisers import AUGMENTATIONS, pack

if TYPE_CHECKING:
    from tinygan.data import Dataset
    from tinygan.training.game import Model
    from tinygan.training.settings import Settings


def check_whole(user: str, name: str, value: Any, least: int) -> None:
    """
    Raises:
        TypeError: no integer.
        ValueError: less than `least`.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{user}: {name} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{user}: {name} must be at least {least}, got {value}")


def check_number(user: str, name: str, value: Any, below: float = math.inf) -> None:
    """A finite number from 0 on. `below` is the first that is too large.

    Raises:
        TypeError: no number of Python's, as JSON can hold it.
        ValueError: NaN, infinite, negative, or too large.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{user}: {name} must be a Python number, got {value!r}")
    if not 0 <= value < below:
        expected = "finite and >= 0" if below == math.inf else f"in [0, {below:g})"
        raise ValueError(f"{user}: {name} must be {expected}, got {value}")


def check_pair(user: str, name: str, value: Any, meaning: str) -> tuple[float, float]:
    """
    Raises:
        TypeError, ValueError: not two finite numbers from 0 on; the message says their `meaning`.
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{user}: {name} must be a pair {meaning}, got {value!r}")
    for part in value:
        check_number(user, f"{name}, {meaning},", part)
    return value[0], value[1]


def check_augmentations(user: str, policy: Any) -> None:
    """
    Raises:
        TypeError: no sequence of names; a string would be one of letters.
        ValueError: a name that is not in `AUGMENTATIONS`.
    """
    if isinstance(policy, str) or not isinstance(policy, Sequence):
        raise TypeError(f"{user}: augment must be a tuple of names, got {policy!r}")
    for name in policy:
        if name not in AUGMENTATIONS:
            known = ", ".join(AUGMENTATIONS)
            raise ValueError(f"{user}: augment names {name!r}; there are {known}")


def check_model(model: Any) -> None:
    """Raises a TypeError unless the model has what a `LatentGame` needs."""
    for part in ("generator", "discriminator", "classes", "latent"):
        if not hasattr(model, part):
            raise TypeError(
                "Trainer: model must have a generator, a discriminator, classes and latent(), see "
                f"tinygan.training.Model; {type(model).__name__} has no {part}"
            )


def check_data(data: Any, settings: Any) -> None:
    """The kinds of both, and whether there are images enough for a batch.

    Raises:
        TypeError, ValueError: as `Trainer`.
    """
    from tinygan.training.settings import Settings

    if not all(hasattr(data, part) for part in ("batch", "labels", "name")):
        raise TypeError(f"Trainer: data must be a Dataset, got {type(data).__name__}")
    if not isinstance(settings, Settings):
        raise TypeError(f"Trainer: settings must be Settings, got {type(settings).__name__}")
    if len(data) < settings.batch_size:
        raise ValueError(
            f"Trainer: data has {len(data)} images, fewer than the {settings.batch_size} of a "
            "batch; lower the batch_size of settings, or give it more images"
        )


def check_callables(**callables: Any) -> None:
    """Raises a TypeError unless each is a function or None."""
    for name, function in callables.items():
        if function is not None and not callable(function):
            raise TypeError(f"Trainer: {name} must be a function or None, got {function!r}")


def check_callbacks(callbacks: Any) -> None:
    """Raises a TypeError unless it is a list of callbacks; their class is often forgotten to be
    called."""
    if not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"Trainer: callbacks must be a list of Callback, got {callbacks!r}")
    for one in callbacks:
        if not isinstance(one, Callback):
            raise TypeError(f"Trainer: callbacks must hold instances of Callback, got {one!r}")


def check_labels(model: Model, data: Dataset, settings: Settings) -> None:
    """
    Raises:
        ValueError: a class-conditional model, and labels that it does not know or none at all, or
            a D that judges several images together.
    """
    if model.classes is None:
        return
    if data.labels is None:
        raise ValueError(
            f"Trainer: data: the model is class-conditional, {data.name} has no labels"
        )
    low, high = int(data.labels.min()), int(data.labels.max())
    if low < 0 or high >= model.classes:
        raise ValueError(
            f"Trainer: data has labels from {low} to {high}, the model is for {model.classes} "
            f"classes, 0 to {model.classes - 1}; make it with classes={high + 1}"
        )
    if settings.pack > 1:
        raise ValueError(
            f"Trainer: settings.pack is {settings.pack}, and the model is class-conditional: only "
            "images without labels can be packed"
        )


def check_nets(model: Model, data: Dataset, settings: Settings) -> None:
    """Lets G make a few images and D judge as many of the data, in evaluation mode and without a
    trace in the nets or the random stream.

    Raises:
        ValueError: G makes images of another shape than the data's, or D does not take these.
    """
    shape = tuple(data.batch(np.arange(1)).shape[1:])
    count = 2 * settings.pack
    labels = None
    if model.classes is not None and data.labels is not None:
        labels = tensor(data.labels[np.arange(count) % len(data)])
    with temporary_seed(settings.seed):
        try:
            made = sample(model.generator, model.latent(count, Generator(settings.seed)), labels)
        except (ValueError, TypeError, IndexError) as problem:
            raise ValueError(
                f"Trainer: model.generator does not take model.latent: {problem}"
            ) from problem
        if made.shape[1:] != shape:
            raise ValueError(
                f"Trainer: model.generator makes images of shape {made.shape[1:]}, those of data, "
                f"{data.name}, have {shape}; they must be the same (c, h, w)"
            )
        real = tensor(data.batch(np.arange(count) % len(data)))
        seen = pack(real, settings.pack)
        try:
            sample(model.discriminator, seen, labels)
        except (ValueError, TypeError, IndexError) as problem:
            packed = f", packed by settings.pack = {settings.pack}" if settings.pack > 1 else ""
            raise ValueError(
                f"Trainer: model.discriminator does not take images of shape {seen.shape[1:]}, "
                f"those of data{packed}: {problem}"
            ) from problem
