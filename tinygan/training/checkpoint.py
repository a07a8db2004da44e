"""Checkpoints: all that a run needs to go on as if it had never stopped, in one file, which
`tinygan.serialization` makes of the values and `tinygan.files` brings to the disk whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

from tinygan.nn import Module
from tinygan.serialization import load, save

FORMAT = 1


class Stateful(Protocol):
    """Anything whose state can be taken and set."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def save_checkpoint(
    path: str | os.PathLike, parts: Mapping[str, Stateful], extra: Mapping[str, Any]
) -> None:
    """Writes the state of all `parts` and the plain data `extra`, atomically."""
    states = {name: part.state_dict() for name, part in parts.items()}
    save({"checkpoint": FORMAT, "parts": states, "extra": dict(extra)}, path)


def load_generator(path: str | os.PathLike, generator: Module) -> None:
    """Loads the averaged weights of a checkpoint into `generator`, to draw samples from.

    Raises:
        FileNotFoundError, ValueError: as `load_checkpoint`.
    """
    generator.load_state_dict(_read(path)["parts"]["average"]["module"])


def _read(path: str | os.PathLike) -> dict[str, Any]:
    content = load(path)
    if not isinstance(content, dict) or content.get("checkpoint") != FORMAT:
        raise ValueError(f"{path} is no checkpoint of this version of tinygan")
    return content


def load_checkpoint(
    path: str | os.PathLike, parts: Mapping[str, Stateful], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Sets the state of all `parts` from `path` and returns `extra`.

    Raises:
        FileNotFoundError, ValueError: there is no such file, it is no checkpoint, a part is
            missing or does not fit, or its settings are not `settings`; the message names what.
    """
    content = _read(path)
    saved = content["extra"].get("settings", {})
    different = [
        f"{name}: {saved.get(name)!r} in the checkpoint, {value!r} now"
        for name, value in settings.items()
        if saved.get(name) != value
    ]
    if different:
        raise ValueError(f"{path} is of a run with other settings\n  " + "\n  ".join(different))
    missing = [name for name in parts if name not in content["parts"]]
    if missing:
        present = ", ".join(content["parts"])
        raise ValueError(f"{path} has no {', '.join(missing)}; it has {present}")
    for name, part in parts.items():
        part.load_state_dict(content["parts"][name])
    return content["extra"]
