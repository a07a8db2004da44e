"""A training, before it begins: a recipe with changes, as TOML.

    model = "dcgan"
    data = "mnist"
    epochs = 8

    [nets]
    width = 48

    [settings]
    lr = 5e-4
"""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tinygan.devices
from tinygan.data.load import NAMED
from tinygan.recipes.table import RECIPES
from tinygan.training import Settings

TABLES = ("nets", "settings", "game")


@dataclass(frozen=True)
class Plan:
    """A training, before it begins.

    Attributes:
        model: a name in `RECIPES`.
        data: "mnist", "fashion", "synthetic" or the path of a folder of pictures.
        epochs: through the data.
        nets: arguments of the model's class.
        settings: arguments of `tinygan.training.Settings`.
        game: further arguments of the model's game.
    """

    model: str
    data: str
    epochs: int
    nets: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    game: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(model: str, **changes: Any) -> Plan:
        """The plan of a recipe; `changes` are as in a file: data, epochs, nets, settings,
        game. What the tables of it do not name stays as the recipe has it.

        Raises:
            ValueError, TypeError: no such recipe, no such change, or none that can be; the message
                names it.
        """
        if model not in RECIPES:
            raise ValueError(f"model: must be one of {', '.join(RECIPES)}, got {model!r}")
        recipe = RECIPES[model]
        known = [each.name for each in dataclasses.fields(Plan)][1:]
        for name in changes:
            if name not in known:
                raise ValueError(f"{name}: unknown; there are model, {', '.join(known)}")
        for name in TABLES:
            if not isinstance(changes.get(name, {}), dict):
                raise TypeError(f"{name}: must be a table [{name}], got {changes[name]!r}")
        epochs = changes.get("epochs", recipe.epochs)
        if type(epochs) is not int or epochs < 1:
            raise ValueError(f"epochs: must be an integer of at least 1, got {epochs!r}")
        data = changes.get("data", recipe.data)
        if not isinstance(data, str) or not data or (recipe.data is None and data in NAMED):
            got = "" if data is None else f", got {data!r}"
            what = "a folder of pictures" if recipe.data is None else "a data set or a folder"
            raise ValueError(f"data: {model} needs {what}{got}")
        nets = {**recipe.nets, **changes.get("nets", {})}
        settings = {**recipe.settings, **changes.get("settings", {})}
        if recipe.falls and "decay" not in settings:
            settings["decay"] = (epochs / 2, epochs)
        for name, value in settings.items():
            settings[name] = tuple(value) if isinstance(value, list) else value
        game = {**recipe.game, **changes.get("game", {})}
        for name in game:
            if name not in recipe.game:
                known = list(recipe.game)
                raise ValueError(f"[game]: no {name!r}; there are {', '.join(known) or 'none'}")
        plan = Plan(model, data, epochs, nets, settings, game)
        plan._check()
        return plan

    @staticmethod
    def read(path: str | Path, **changes: Any) -> Plan:
        """The plan in a TOML file, with changes.

        Raises:
            ValueError, TypeError: as `of`; it is no TOML, or has no model.
            OSError: it cannot be read.
            ImportError: Python 3.10 without the package tomli.
        """
        try:
            import tomllib
        except ImportError:  # Python 3.10
            try:
                import tomli as tomllib  # type: ignore[no-redef]
            except ImportError:
                raise ImportError(f"{path}: Python 3.10 needs tomli: pip install tomli") from None
        try:
            content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as problem:
            raise ValueError(f"{path}: no TOML: {problem}") from None
        if not isinstance(content.get("model"), str):
            raise ValueError(f'{path}: expected a line as: model = "dcgan"')
        try:
            return Plan.of(**_merged(content, changes))
        except (ValueError, TypeError) as problem:
            raise type(problem)(f"{path}: {problem}") from None

    def toml(self) -> str:
        """As a file, with every setting of it."""
        lines = [f"{name} = {_toml(getattr(self, name))}" for name in ("model", "data", "epochs")]
        for name in TABLES:
            lines += ["", f"[{name}]"] * bool(getattr(self, name))
            lines += [f"{key} = {_toml(value)}" for key, value in getattr(self, name).items()
                      if value is not None]  # fmt: skip
        return "\n".join(lines) + "\n"

    def _check(self) -> None:
        """Raises an error of the names in nets and settings, and of the settings' values."""
        try:
            Settings(**self.settings)
        except TypeError as problem:
            raise TypeError(f"[settings]: {_unexpected(problem, Settings)}") from None
        with tinygan.devices.temporary_seed(0):
            try:
                RECIPES[self.model].model(**{**self.nets, **_tiny(self.nets)})
            except TypeError as problem:
                kind = RECIPES[self.model].model
                raise TypeError(f"[nets]: {_unexpected(problem, kind)}") from None


def _tiny(nets: dict[str, Any]) -> dict[str, Any]:
    """A width with which nets are made in no time, to see whether their arguments fit."""
    return {"width": 1} if isinstance(nets.get("width"), int) and nets["width"] > 1 else {}


def _unexpected(problem: TypeError, kind: Any) -> str:
    text = str(problem)
    if "unexpected keyword argument" in text:
        names = list(dict.fromkeys(kind.__init__.__annotations__))
        names = [name for name in names if name != "return"]
        return f"no {text.rsplit(' ', 1)[1]}; there are {', '.join(names)}"
    return text


def _merged(content: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a file with changes, within its tables name by name."""
    merged = dict(content)
    for name, value in changes.items():
        table = content.get(name)
        merged[name] = {**table, **value} if isinstance(table, dict) else value
    return merged


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def parse_changes(texts: Sequence[str]) -> dict[str, Any]:
    """What was typed as "epochs=3", "nets.width=16" or "settings.lr=1e-3", as changes of a plan.

    Raises:
        ValueError: one is of another form.
    """
    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, word = text.partition("=")
        table, dot, key = name.partition(".")
        if not equals or not table or (dot and (not key or table not in TABLES)):
            raise ValueError(
                f"must be NAME=VALUE, as epochs=3, nets.width=16 or settings.lr=1e-3, got {text}"
            )
        value = _value(word)
        if dot:
            changes.setdefault(table, {})[key] = value
        else:
            changes[table] = value
    return changes


def _value(word: str) -> Any:
    """A number, a list of numbers, true or false; else the word itself."""
    if word in ("true", "false"):
        return word == "true"
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return word
