"""Checkpoints: all that a run needs to go on as if it had never stopped, in one file, which
`tinygan.serialization` makes of the values and `tinygan.files` brings to the disk whole."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Callable, Iterator, Mapping
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
        FileNotFoundError, OSError, ValueError: as `load_checkpoint`.
    """
    with _explaining(path):
        content = _read(path)
        generator.load_state_dict(content["parts"]["average"]["module"])


def load_checkpoint(
    path: str | os.PathLike, parts: Mapping[str, Stateful], settings: Mapping[str, Any],
    accept: Callable[[dict[str, Any]], None] = lambda extra: None,
) -> dict[str, Any]:  # fmt: skip
    """Sets the state of all `parts` from `path` and returns `extra`: all of it or, with an error,
    nothing.

    Args:
        accept: called with `extra` before anything is changed; raises a ValueError if it does not
            fit.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read; it may be sound all the same.
        ValueError: it is damaged or no checkpoint, a part is missing or does not fit, or its
            settings are not `settings`; the message names what.
    """
    with _explaining(path):
        content = _read(path)
        extra, states = content["extra"], content["parts"]
        saved, now = (_flat(values) for values in (extra.get("settings", {}), settings))
        different = [
            f"{name}: {saved.get(name)!r} in the checkpoint, {value!r} now"
            for name, value in now.items()
            # What an older version did not know yet was off.
            if (saved[name] != value if name in saved else value)
        ]
        if different:
            raise ValueError("of a run with other settings\n  " + "\n  ".join(different))
        missing = [name for name in parts if name not in states]
        if missing:
            raise ValueError(f"has no {', '.join(missing)}; it has {', '.join(states)}")
        accept(extra)
        # Deep copies: the states of modules share their memory.
        before = {name: copy.deepcopy(part.state_dict()) for name, part in parts.items()}
        try:
            for name, part in parts.items():
                part.load_state_dict(states[name])
        except BaseException:
            for name, part in parts.items():
                part.load_state_dict(before[name])
            raise
    return extra


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with those of the model one by one, as "model.width"."""
    result = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            result.update({f"{name}.{inner}": x for inner, x in value.items()})
        else:
            result[name] = value
    return result


def _read(path: str | os.PathLike) -> dict[str, Any]:
    content = load(path)
    if not isinstance(content, dict) or str(content.get("checkpoint")) != str(FORMAT):
        raise ValueError("no checkpoint of this version of tinygan")
    return content


@contextlib.contextmanager
def _explaining(path: str | os.PathLike) -> Iterator[None]:
    """Whatever goes wrong with the content of a checkpoint becomes a ValueError with its name."""
    try:
        yield
    except ValueError as error:
        if str(error).startswith("load: "):  # which names it
            raise
        raise ValueError(f"{path}: {error}") from error
    except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(
            f"{path} was changed: its structure is not that of a checkpoint "
            f"({type(error).__name__}: {error})"
        ) from error
