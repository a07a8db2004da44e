"""How much the doctor tries and until when, and how a section says what it finds."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the package, in a checkout that of the repository."""

Result = dict[str, Any]
"""What a section found: ``problems``, sentences, none if all is right; ``remarks``, sentences about
what is worth a look; ``rows``, tables by their name; ``not_run``, what there was no time for;
``facts``, single values by their name."""

Say = Callable[[dict[str, Any]], None]
"""Takes one line of what a section says, such as ``{"problem": "..."}``."""


@dataclass(frozen=True)
class Plan:
    """What a section tries.

    Attributes:
        device: ``"cuda"`` or ``"cuda:<index>"``.
        deadline: of `time.monotonic`; a section leaves what it has not begun by then.
        ladders: only those whose names begin so.
        dtypes: of arrays, and the precisions of products.
        real_sizes: whether rungs are also checked on the shapes of the benchmark.
        models: names of `steps.MODELS`.
        steps: training steps of each model.
        nets: whose steps are timed.
        repeats: steps while memory is watched, and launches in a timed graph.
        width: of the nets whose steps are timed; None for the benchmark's own.
    """

    device: str = "cuda"
    deadline: float = field(default=float("inf"))
    ladders: tuple[str, ...] = ("",)
    dtypes: tuple[str, ...] = ("float32", "tf32", "bfloat16", "float16", "float64")
    real_sizes: bool = True
    models: tuple[str, ...] = ("GAN", "CGAN", "DCGAN", "DCGAN 64", "DeLiGAN")
    steps: int = 5
    nets: tuple[str, ...] = ("mnist", "dcgan64")
    repeats: int = 50
    width: int | None = None

    def late(self) -> bool:
        """Whether nothing more should be begun."""
        return time.monotonic() > self.deadline

    def wants(self, name: str) -> bool:
        return name.startswith(self.ladders)


class Findings:
    """Says what is found as soon as it is found: a worker that dies has told the rest before."""

    def __init__(self, say: Say):
        self._say, self._lock = say, threading.Lock()

    def say(self, **line: Any) -> None:
        with self._lock:  # kernels are compiled by several threads
            self._say(line)

    def step(self, text: str) -> None:
        """What is done next."""
        self.say(step=text)

    def problem(self, text: str) -> None:
        self.say(problem=text)

    def remark(self, text: str) -> None:
        self.say(remark=text)

    def not_run(self, name: str) -> None:
        self.say(not_run=name)

    def fact(self, name: str, value: Any) -> None:
        self.say(fact=name, value=value)

    def row(self, table: str, **values: Any) -> None:
        self.say(table=table, row=values)


Item = tuple[str, Callable[[Findings], None]]
"""A piece of a section, and its name. If it fails, the next one is tried."""

Section = Callable[[Plan], Iterator[Item]]
"""The pieces of a section, the same and in the same order each time."""


def result() -> Result:
    return {"problems": [], "remarks": [], "rows": {}, "not_run": [], "facts": {}}


def told(error: BaseException) -> str:
    """An exception's type and message, and where in tinygan it was raised last."""
    text = f"{type(error).__name__}: {error}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        where = path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path("elsewhere")
        if where.parts[0] in ("tinygan", "kernels"):
            return f"{text} ({frame.name}, {where.as_posix()}, line {frame.lineno})"
    return text
