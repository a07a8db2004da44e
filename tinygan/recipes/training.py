"""A plan, carried out: nets, data, game, trainer, and scores where there is something to score."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinygan.devices
from tinygan.data import Dataset, image_folder, load_dataset, pair_folder
from tinygan.data.load import NAMED
from tinygan.files import atomic_write
from tinygan.metrics import Scorer, features_for, hold_out
from tinygan.printing import say
from tinygan.recipes.plan import Plan
from tinygan.recipes.table import RECIPES
from tinygan.training import (
    Callback,
    Game,
    GameTrainer,
    LatentGame,
    Settings,
    write_report,
)
from tinygan.training.cycle import CycleGame
from tinygan.training.domain import DomainGame
from tinygan.training.translation import PairGame, pairs

COUNT = 10_000  # samples that are scored, if there are as many real images
A_AND_B = (("A", "B"), ("trainA", "trainB"))
"""Names of the folders of two kinds; the second ones as CycleGAN's own data sets have them."""


class Training:
    """A plan that is carried out in a folder.

    Args:
        plan: what to do.
        out, resume, device, callbacks: of the `GameTrainer`.
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
        self.plan, self.device, self.progress = plan, device, progress
        self.real: tuple[Dataset, Dataset] | None = None  # what scores compare with
        game = self._game(skip_unreadable)
        self.trainer = GameTrainer(
            game, out, report_every=max(plan.epochs // 10, 1), resume=resume, callbacks=callbacks
        )

    def run(self) -> bool:
        """Trains to the end and scores; False when it was stopped earlier."""
        trainer, scorer = self.trainer, None
        if self.real is not None:
            features = features_for(self.real[0], self.device, self.progress)
            trainer.evaluate = scorer = Scorer(features, *self.real, COUNT)
        elif isinstance(trainer.game, PairGame):
            trainer.evaluate = l1_of
        if not trainer.train(self.plan.epochs):
            return False
        if scorer is not None:
            scores = {"generated": scorer.all(trainer.game.samples()), "real": scorer.floor}
            with atomic_write(trainer.out / "scores.json", "w") as file:
                json.dump(scores, file, indent=1)
            write_report(trainer.out)
        return True

    def _game(self, skip_unreadable: bool) -> Game:
        plan, recipe = self.plan, RECIPES[self.plan.model]
        settings, nets, game = Settings(**plan.settings), dict(plan.nets), dict(plan.game)
        size = nets.get("image_size", game.pop("size", 28))
        read = {"size": size, "channels": nets.get("channels", nets.get("channels_a", 1)),
                "skip_unreadable": skip_unreadable}  # fmt: skip

        def made() -> Any:
            tinygan.devices.manual_seed(settings.seed)
            return recipe.model(**nets)

        if recipe.kind == "pairs":
            train, held_out = hold_out(pair_folder(plan.data, **read), count=100)
            return PairGame(made(), train, settings, held_out, device=self.device, **game)
        if recipe.kind == "two kinds":
            kinds = [hold_out(image_folder(folder, **read), count=100)
                     for folder in two_folders(Path(plan.data))]  # fmt: skip
            (a, held_a), (b, held_b) = kinds
            count = min(len(held_a), len(held_b))
            held_out = pairs(*(Dataset(held.images[:count], None, held.name)
                               for held in (held_a, held_b)))  # fmt: skip
            return CycleGame(made(), a, b, settings, held_out, device=self.device, **game)
        if recipe.kind == "domains":
            whole = image_folder(plan.data, **read)
            nets["domains"] = int(whole.require_labels().max()) + 1
            train, held_out = hold_out(whole, count=100)
            return DomainGame(made(), train, settings, held_out, device=self.device, **game)
        if plan.data in NAMED:
            train = load_dataset(plan.data)
            self.real = train, load_dataset(plan.data, "test")
        else:
            train = image_folder(plan.data, **read)
            self.real = hold_out(train, count=1000)
        if recipe.kind == "labelled":
            nets.setdefault("classes", int(train.require_labels().max()) + 1)
        count = min(COUNT, len(self.real[1]))
        return LatentGame(made(), train, settings, tinygan.devices.check_device(self.device), count)


def two_folders(folder: Path) -> tuple[Path, Path]:
    """Those of kind A and of kind B.

    Raises:
        ValueError: they are not there.
    """
    for names in A_AND_B:
        a, b = (folder / name for name in names)
        if a.is_dir() and b.is_dir():
            return a, b
    expected = " or ".join(" and ".join(names) for names in A_AND_B)
    raise ValueError(f"data: expected in {folder} the folders {expected}")


def l1_of(samples: dict[str, np.ndarray]) -> dict[str, float]:
    """How far what was made of x is from y, beside x itself where that is of the same form."""
    x, made, y = (samples[name] for name in ("x", "made", "y"))
    found = {"l1": float(np.abs(made - y).mean())}
    if x.shape == y.shape:
        found["l1_of_x"] = float(np.abs(x - y).mean())
    return found
