"""Recipes: how each model is trained, by name or by a file of settings.

The examples write the same out, one after the other, to be read. `Plan` is what ``tinygan train``
takes: a recipe with changes, as TOML:

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tinygan.devices
from tinygan.data import Dataset, load_dataset
from tinygan.files import atomic_write
from tinygan.metrics import Scorer, features_for, hold_out
from tinygan.models import CGAN, DCGAN, GAN
from tinygan.printing import say
from tinygan.training import Callback, Settings, Trainer, write_report

__all__ = ["RECIPES", "Plan", "Recipe", "Training", "parse_changes"]

COUNT = 10_000  # samples that are scored, if there are as many real images
ALONE = {"beta1": 0.0, "beta2": 0.99, "r1": 1.0, "penalty_every": 4}
"""Settings for a D without batch norm, which a penalty on its slope keeps in check."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        about: what it is, in a line.
        model: makes the nets, of keyword arguments.
        nets: these arguments, where they are not the usual ones.
        settings: of `Settings`, likewise.
        epochs: through the data.
        data: the name of a data set; None where it must be named.
        falls: whether the rates fall to zero in the second half.
        conditional: whether the nets take the data's labels.
    """

    about: str
    model: Callable[..., Any]
    nets: Mapping[str, Any]
    settings: Mapping[str, Any]
    epochs: int
    data: str | None = "mnist"
    falls: bool = False
    conditional: bool = False


DENSE = {"batch_size": 256, "lr": 1e-3, "beta1": 0.0, "beta2": 0.99, "r1": 5.0, "penalty_every": 4}
RECIPES = {
    "gan": Recipe(
        "the first GAN: fully connected nets, 28x28 digits", GAN, {"variant": "modern"}, DENSE, 40,
        falls=True,
    ),
    "cgan": Recipe(
        "digits on demand: the same with labels", CGAN, {"variant": "modern"}, DENSE, 40,
        falls=True, conditional=True,
    ),
    "dcgan": Recipe(
        "convolutions, 28x28 digits", DCGAN,
        {"width": 48, "batch_norm_d": False, "categories": 30},
        {"batch_size": 64, "lr": 5e-4, **ALONE}, 8,
    ),
    "dcgan-conditional": Recipe(
        "convolutions and labels, 28x28 digits", DCGAN, {"width": 48, "batch_norm_d": False},
        {"batch_size": 64, "lr": 5e-4, **ALONE}, 20, falls=True, conditional=True,
    ),
    "dcgan64": Recipe(
        "the paper's DCGAN for a folder of pictures, 64x64 in colour", DCGAN,
        {"image_size": 64, "channels": 3, "width": 64}, {"batch_size": 128, "lr": 2e-4}, 20, None,
    ),
}  # fmt: skip
"""By name; `Plan.of` makes a plan of one."""


@dataclass(frozen=True)
class Plan:
    """A training, before it begins.

    Attributes:
        model: a name in `RECIPES`.
        data: "mnist", "fashion", "synthetic" or the path of a folder of pictures.
        epochs: through the data.
        nets: arguments of the model's class.
        settings: arguments of `tinygan.training.Settings`.
    """

    model: str
    data: str
    epochs: int
    nets: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(model: str, **changes: Any) -> Plan:
        """The plan of a recipe; `changes` are as in a file: data, epochs, nets, settings. What the
        nets and settings of it do not name stays as the recipe has it.

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
        for name in ("nets", "settings"):
            if not isinstance(changes.get(name, {}), dict):
                raise TypeError(f"{name}: must be a table [{name}], got {changes[name]!r}")
        epochs = changes.get("epochs", recipe.epochs)
        if type(epochs) is not int or epochs < 1:
            raise ValueError(f"epochs: must be an integer of at least 1, got {epochs!r}")
        data = changes.get("data", recipe.data)
        if not isinstance(data, str) or not data:
            got = "" if data is None else f", got {data!r}"
            raise ValueError(f"data: must name a data set or a folder of pictures{got}")
        nets = {**recipe.nets, **changes.get("nets", {})}
        settings = {**recipe.settings, **changes.get("settings", {})}
        if recipe.falls and "decay" not in settings:
            settings["decay"] = (epochs / 2, epochs)
        for name, value in settings.items():
            settings[name] = tuple(value) if isinstance(value, list) else value
        plan = Plan(model, data, epochs, nets, settings)
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
        for name in ("nets", "settings"):
            lines += ["", f"[{name}]"]
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
        if not equals or not table or (dot and (not key or table not in ("nets", "settings"))):
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


class Training:
    """A plan that is carried out in a folder: nets, data, `Trainer`, `Scorer`.

    Args:
        plan: what to do.
        out, resume, device, callbacks: of the `Trainer`.
        skip_unreadable: of `tinygan.data.image_folder`.
        progress: is called with a line of what takes time.

    Raises:
        ValueError, TypeError, OSError, ImportError: what the parts raise.
    """

    def __init__(
        self, plan: Plan, out: str | Path, *, resume: bool = False, device: str = "cpu",
        callbacks: Sequence[Callback] = (), skip_unreadable: bool = False,
        progress: Callable[[str], None] = say,
    ):  # fmt: skip
        self.plan, self.progress = plan, progress
        recipe, settings = RECIPES[plan.model], Settings(**plan.settings)
        train, self.real = _load(plan, skip_unreadable)
        nets = dict(plan.nets)
        if recipe.conditional:
            nets.setdefault("classes", int(train.require_labels().max()) + 1)
        tinygan.devices.manual_seed(settings.seed)
        model = recipe.model(**nets)
        report_every = max(plan.epochs // 10, 1)
        self.trainer = Trainer(
            model, train, out, settings, device=device, samples=min(COUNT, len(self.real[1])),
            report_every=report_every, resume=resume, callbacks=callbacks,
        )  # fmt: skip

    def run(self) -> bool:
        """Trains to the end and scores; False when it was stopped earlier."""
        reference, held_out = self.real
        features = features_for(reference, self.trainer.game.device, self.progress)
        scorer = self.trainer.evaluate = Scorer(features, reference, held_out, COUNT)
        if not self.trainer.train(self.plan.epochs):
            return False
        scores = {"generated": scorer.all(self.trainer.evaluation_samples()), "real": scorer.floor}
        with atomic_write(self.trainer.out / "scores.json", "w") as file:
            json.dump(scores, file, indent=1)
        write_report(self.trainer.out)
        return True


def _load(plan: Plan, skip_unreadable: bool) -> tuple[Dataset, tuple[Dataset, Dataset]]:
    """What is trained on, and the two real sets that scores compare with."""
    if plan.data in ("mnist", "fashion", "synthetic"):
        train = load_dataset(plan.data)
        return train, (train, load_dataset(plan.data, "test"))
    size, channels = plan.nets.get("image_size", 28), plan.nets.get("channels", 1)
    train = load_dataset(plan.data, "train", size, channels, skip_unreadable)
    return train, hold_out(train, count=1000)
