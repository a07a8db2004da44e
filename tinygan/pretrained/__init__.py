"""Trained generators that come with tinygan, and those of runs.

    digits = load_trained("mnist")
    images = digits.draw(64, label=7)

A file beside this one holds the averaged weights of a run as `tinygan.save` writes them, matrices
in float16 (their rounding moves no pixel by more than one step of 255), and what made them: the
command, settings and scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygan.creation import tensor
from tinygan.devices import Generator, temporary_seed
from tinygan.models import CGAN, DCGAN, GAN
from tinygan.nn import Module
from tinygan.serialization import load, save
from tinygan.tensor import Tensor
from tinygan.training import load_generator, read_run, sample

__all__ = ["Trained", "keep", "load_trained", "model_of", "trained_names"]

HERE = Path(__file__).resolve().parent
MODELS = {"DCGAN": DCGAN, "GAN": GAN, "CGAN": CGAN}  # the last one takes all that the second does


@dataclass(frozen=True)
class Trained:
    """A generator that has been trained.

    Attributes:
        name: of the file or the run.
        model: with the weights in its generator; D is untrained.
        facts: "command", "settings", "data" and "scores" of the run that made it.
    """

    name: str
    model: Any
    facts: dict[str, Any]

    @property
    def generator(self) -> Module:
        return self.model.generator

    @property
    def classes(self) -> int | None:
        return self.model.classes

    def labels(self, count: int, label: int | None = None) -> Tensor | None:
        """`count` times one label, or all of them in turns; None for nets without classes.

        Raises:
            ValueError: there is no such class.
        """
        if self.classes is None:
            if label is not None:
                raise ValueError(f"{self.name} has no classes, got class {label}")
            return None
        if label is not None and not 0 <= label < self.classes:
            raise ValueError(f"{self.name} has the classes 0 to {self.classes - 1}, got {label}")
        chosen = np.arange(count) % self.classes if label is None else np.full(count, label)
        return tensor(chosen)

    def draw(self, count: int, label: int | None = None, seed: int = 0) -> np.ndarray:
        """`count` images (count, c, h, w) in [-1, 1], of one class or of all in turns."""
        latent = self.model.latent(count, Generator(seed))
        return sample(self.generator, latent, self.labels(count, label))


def trained_names() -> list[str]:
    """Those that come with tinygan."""
    return sorted(path.stem for path in HERE.glob("*.npz"))


def load_trained(source: str | Path) -> Trained:
    """A generator that comes with tinygan, by name, or that of a run, by its folder.

    Raises:
        ValueError: it is neither, or of nets that cannot be made from the run's settings.
        OSError: a file cannot be read.
    """
    names = trained_names()
    if source in names:
        content = load(HERE / f"{source}.npz")
        model = model_of(content["facts"]["settings"]["model"])
        state = {name: array.astype(np.float32) if array.dtype == np.float16 else array
                 for name, array in content["weights"].items()}  # fmt: skip
        model.generator.load_state_dict(state)
        return Trained(str(source), model, content["facts"])
    folder = Path(source)
    if not (folder / "checkpoint.npz").exists():
        raise ValueError(
            f"{source}: neither one of {', '.join(names)} nor the folder of a run (no "
            f"{folder / 'checkpoint.npz'})"
        )
    run = read_run(folder)
    model = model_of(run.settings.get("model"), folder)
    load_generator(folder / "checkpoint.npz", model.generator)
    return Trained(folder.name, model, _facts(folder))


def model_of(options: Any, source: object = "it") -> Any:
    """The model with these options, which is told by their names; its weights are new, and drawn
    without a trace in the random stream.

    Raises:
        ValueError: no model has such options.
    """
    with temporary_seed(0):
        for kind in MODELS.values():
            try:
                return kind(**options)
            except TypeError:  # other names
                continue
    raise ValueError(f"{source} is of other nets than {', '.join(MODELS)}'s: {options!r}")


def keep(folder: str | Path, path: str | Path) -> None:
    """Writes the generator of a run as a file of this folder.

    Raises:
        ValueError, OSError: as `load_trained`.
    """
    trained = load_trained(folder)
    weights = {
        name: array.astype(np.float16) if array.ndim > 1 and array.dtype == np.float32 else array
        for name, value in trained.generator.state_dict().items()
        if (array := np.asarray(getattr(value, "array", value))) is not None
    }
    save({"weights": weights, "facts": trained.facts}, path)


def _facts(folder: Path) -> dict[str, Any]:
    """What made a run: its words without folders, and its last scores."""
    run = read_run(folder)
    settings, scores = run.settings, run.scores.get("generated")
    if not isinstance(scores, dict):
        last = run.reports[-1] if run.reports else {}
        scores = {name: value for name, value in last.items() if name not in ("step", "failed")}
    return {"command": run.command, "settings": settings, "data": run.facts.get("data"),
            "scores": scores}  # fmt: skip
