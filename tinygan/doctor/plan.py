"""How much the doctor tries, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Note = Callable[[str], None]
"""Says what is done next, so that a worker that dies has told where."""

Result = dict[str, Any]
"""What a section found: ``problems``, sentences, none if all is right; ``rows``, tables by their
name; ``not_run``, what there was no time for; and single facts."""


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
    dtypes: tuple[str, ...] = ("float32", "float64", "tf32", "bfloat16", "float16")
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


def result() -> Result:
    return {"problems": [], "rows": {}, "not_run": []}
