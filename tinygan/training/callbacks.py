"""What is told of a training as it goes on: the one interface for logs, dashboards and your own."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygan.files import atomic_write
from tinygan.images import grid
from tinygan.packages import require
from tinygan.training.run_folder import read_run

if TYPE_CHECKING:
    from tinygan.training.trainer import GameTrainer


class Callback:
    """A subclass overrides what it wants to hear of, and is given to the trainer:

        class Weights(Callback):
            def on_report(self, trainer, epoch, pictures, scores):
                dashboard.log(scores, step=trainer.step)

        GameTrainer(game, out, callbacks=[Weights()])

    All of it is told after the fact: the step is done, the line of the log is written. An exception
    is a warning, and the run goes on; ``trainer.stopping = True`` ends it after this step, saved.
    A run that was killed and is resumed tells again what came after its last checkpoint: by
    `trainer.step` a callback knows where it is.
    """

    def on_start(self, trainer: GameTrainer) -> None:
        """Training begins, or goes on after step ``trainer.step``."""

    def on_step(self, trainer: GameTrainer, numbers: dict[str, float]) -> None:
        """Step ``trainer.step`` is done; the numbers of the log, as ``loss_d`` and ``loss_g``."""

    def on_report(
        self, trainer: GameTrainer, epoch: int, pictures: np.ndarray | None, scores: dict[str, Any]
    ) -> None:
        """After `epoch` epochs; the pictures of the game (n, c, h, w) in [-1, 1], None if they
        failed, and what ``evaluate`` returned."""

    def on_alarm(self, trainer: GameTrainer, alarm: str) -> None:
        """A fault was recognised; a sentence that names it."""

    def on_end(self, trainer: GameTrainer) -> None:
        """``train`` returns: all epochs are done, or the run was stopped."""


class TensorBoard(Callback):
    """Losses, scores, pictures and alarms for TensorBoard, in the folder ``tensorboard`` of the run
    (``tensorboard --logdir runs`` shows all runs). By tensorboardX, ``tinygan[tensorboard]``.

    Args:
        every: steps from one point of the losses to the next.

    Raises:
        ImportError: tensorboardX is missing.
    """

    def __init__(self, every: int = 10):
        require("TensorBoard", "tensorboardX")
        self.every = every
        self.writer: Any = None  # from on_start on

    def on_start(self, trainer: GameTrainer) -> None:
        from tensorboardX import SummaryWriter

        # What an earlier process wrote after the checkpoint will be written again.
        self.writer = SummaryWriter(str(trainer.out / "tensorboard"), purge_step=trainer.step + 1)

    def on_step(self, trainer: GameTrainer, numbers: dict[str, float]) -> None:
        if trainer.step % self.every == 0:
            for name, value in numbers.items():
                self.writer.add_scalar(f"step/{name}", value, trainer.step)

    def on_report(
        self, trainer: GameTrainer, epoch: int, pictures: np.ndarray | None, scores: dict[str, Any]
    ) -> None:
        for name, value in scores.items():
            if isinstance(value, (int, float)):
                self.writer.add_scalar(f"score/{name}", value, trainer.step)
        if pictures is not None:
            picture = grid(pictures, trainer.game.columns)
            self.writer.add_image("pictures", picture, trainer.step, dataformats="HWC")
        self.writer.flush()

    def on_alarm(self, trainer: GameTrainer, alarm: str) -> None:
        self.writer.add_text("alarm", alarm, trainer.step)

    def on_end(self, trainer: GameTrainer) -> None:
        self.writer.close()


class CSV(Callback):
    """The log as two tables, written anew after each report and at the end: ``steps.csv``, a row
    for each step, and ``scores.csv``, a row for each report (numbers alone)."""

    def on_report(
        self, trainer: GameTrainer, epoch: int, pictures: np.ndarray | None, scores: dict[str, Any]
    ) -> None:
        self.on_end(trainer)

    def on_end(self, trainer: GameTrainer) -> None:
        run = read_run(trainer.out)
        write_csv(trainer.out / "steps.csv", run.steps)
        write_csv(trainer.out / "scores.csv", run.reports)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes the numbers of the rows, whole or not at all; a column for each name, empty where a
    row has none."""
    names = dict.fromkeys(
        name for row in rows for name, value in row.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    )  # fmt: skip
    with atomic_write(path, "w") as file:
        table = csv.DictWriter(file, list(names), extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


LOGS = {"tensorboard": TensorBoard, "csv": CSV}
"""The logs that can be asked for by name, besides ``log.jsonl``, which is always there."""


def logs_of(names: Iterable[str]) -> list[Callback]:
    """The logs of these names, each once."""
    return [LOGS[name]() for name in dict.fromkeys(names)]
