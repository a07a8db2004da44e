"""The settings of a GAN on a plane, and how they become a link or a file and come back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from tinygan.functional import GAN_LOSSES
from tinygan.lab.targets import TARGETS, target
from tinygan.training import Settings

MODELS = ("GAN", "DeLiGAN", "MoE-GAN")


class Field(NamedTuple):
    """A setting: its name, the text beside its control, the group that it stands in, and either
    its `choices` or, of a number, its limits; a text has neither. A change of one that is `fresh`
    needs new nets; any other takes effect in the next step."""

    name: str
    label: str
    group: str
    choices: tuple[Any, ...] = ()
    least: float | None = None
    most: float | None = None
    fresh: bool = False


FIELDS = (
    Field("target", "Target", "Data", TARGETS),
    Field("spread", "Spread", "Data", least=0.02, most=0.5),
    Field("strokes", "Strokes, as text", "Data"),
    Field("model", "Model", "Nets", MODELS, fresh=True),
    Field("components", "Components", "Nets", least=1, most=50, fresh=True),
    Field("latent_size", "Latent numbers", "Nets", least=1, most=16, fresh=True),
    Field("width", "Units of a layer", "Nets", least=1, most=256, fresh=True),
    Field("layers", "Hidden layers", "Nets", least=1, most=4, fresh=True),
    Field("pack", "Packing: points for D", "Nets", (1, 2, 4), fresh=True),
    Field("seed", "Seed", "Nets", least=0, most=999_999, fresh=True),
    Field("loss", "Loss", "Game", tuple(GAN_LOSSES)),
    Field("r1", "R1 penalty", "Game", least=0, most=1000),
    Field("r2", "R2 penalty", "Game", least=0, most=1000),
    Field("gradient_penalty", "Gradient penalty", "Game", least=0, most=1000),
    Field("penalty_every", "Penalties every … steps", "Game", least=1, most=64),
    Field("lr", "Rate of G", "Steps", least=0, most=1),
    Field("lr_d", "Rate of D", "Steps", least=0, most=1),
    Field("beta1", "Adam's β₁", "Steps", least=0, most=0.99),
    Field("batch_size", "Batch", "Steps", (16, 32, 64, 128, 256, 512)),
    Field("d_steps", "Steps of D for one of G", "Steps", least=1, most=10),
    Field("second_steps", "Steps of the second D", "Steps", least=0, most=10),
    Field("speed", "Steps per picture", "Steps", least=1, most=50),
)
BY_NAME = {field.name: field for field in FIELDS}


@dataclass(frozen=True)
class Setup:
    """All that a GAN on a plane depends on; `FIELDS` has the limits of each.

    Raises:
        ValueError, TypeError: a value that cannot be, or two that do not go together.
    """

    target: str = "ring"
    spread: float = 0.06
    strokes: str = ""
    model: str = "GAN"
    components: int = 8
    latent_size: int = 2
    width: int = 64
    layers: int = 2
    pack: int = 1
    seed: int = 0
    loss: str = "non-saturating"
    r1: float = 0.005
    r2: float = 0.0
    gradient_penalty: float = 0.0
    penalty_every: int = 1
    lr: float = 0.001
    lr_d: float = 0.002
    beta1: float = 0.0
    batch_size: int = 128
    d_steps: int = 1
    second_steps: int = 1
    speed: int = 2

    def __post_init__(self) -> None:
        for field in FIELDS:
            _check(field, getattr(self, field.name), type(field_default(field.name)))
        target(self.target, self.spread, self.strokes)
        self.settings()

    def settings(self) -> Settings:
        """Those that `tinygan.training` knows."""
        return Settings(
            self.batch_size, self.lr, self.beta1, 0.99, self.lr_d, loss=self.loss, r1=self.r1,
            r2=self.r2, gradient_penalty=self.gradient_penalty, penalty_every=self.penalty_every,
            pack=self.pack, seed=self.seed,
        )  # fmt: skip

    def needs_new_nets(self, other: Setup) -> bool:
        """Whether the nets of `other` cannot go on with these settings."""
        return any(getattr(self, f.name) != getattr(other, f.name) for f in FIELDS if f.fresh)

    def query(self) -> str:
        """What differs from the defaults, as the part of a link after "?"."""
        return urlencode({n: v for n, v in asdict(self).items() if v != field_default(n)})

    def json(self) -> str:
        """All values, as the text of a file."""
        return json.dumps({"tinygan": "plane", **asdict(self)}, indent=1) + "\n"


def field_default(name: str) -> Any:
    """The value of a setting that nobody has named."""
    return next(f.default for f in fields(Setup) if f.name == name)


def _check(field: Field, value: Any, kind: type) -> None:
    """Raises a ValueError or TypeError unless `value` can be that of the field."""
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise TypeError(f"{field.name} must be of {kind.__name__}, got {value!r:.60}")
    if field.choices and value not in field.choices:
        choices = ", ".join(map(str, field.choices))
        raise ValueError(f"{field.name} must be one of {choices}; got {value!r:.60}")
    if field.least is not None and field.most is not None:
        assert isinstance(value, (int, float))
        if not field.least <= value <= field.most:  # nor NaN
            raise ValueError(
                f"{field.name} must be from {field.least:g} to {field.most:g}, got {value}"
            )


def changed(setup: Setup, **values: Any) -> Setup:
    """The setup with other values, each as a control, a link or a file has it: as text or not.

    Raises:
        ValueError: a name or a value that cannot be, or values that do not go together.
    """
    unknown = [name for name in values if name not in BY_NAME]
    if unknown:
        raise ValueError(f"there is no setting {unknown[0]!r:.60}; there are {', '.join(BY_NAME)}")
    try:
        return replace(setup, **{name: _read(name, value) for name, value in values.items()})
    except TypeError as problem:
        raise ValueError(str(problem)) from None


def _read(name: str, value: Any) -> Any:
    """Text as a number where the setting is one, 2.0 as 2 where it is a whole number."""
    kind = type(field_default(name))
    if kind is str:
        return value
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise ValueError(f"{name} must be a number, got {value!r:.60}") from None
    if isinstance(value, float) and kind is int and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, int) and kind is float and abs(value) < 2**53:
        return float(value)
    return value


def from_query(text: str) -> Setup:
    """The setup of a link, of which the part after "?" counts; "" is the default one.

    Raises:
        ValueError: it is none; the message says which setting.
    """
    _, _, query = text.strip().rpartition("?")
    query = query.partition("#")[0]
    if len(query) > 20_000:
        raise ValueError(f"a link of a setting has at most 20000 characters, got {len(query)}")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError(f"a link of a setting ends in name=value&…, got {query!r:.60}") from None
    return from_values(dict(pairs))


def from_json(text: str | bytes) -> Setup:
    """The setup of a file that `Setup.json` has made.

    Raises:
        ValueError: it is none; the message says which setting.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("the file is no JSON; expected one that this page has saved") from None
    if not isinstance(values, dict) or values.pop("tinygan", None) != "plane":
        raise ValueError("the file is no setting of this page; expected one that it has saved")
    return from_values(values)


def from_values(values: Mapping[str, Any]) -> Setup:
    """The default setup with these values; raises as `changed`."""
    return changed(Setup(), **{str(name): value for name, value in values.items()})
