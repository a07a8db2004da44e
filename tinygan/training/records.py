"""What a run leaves besides its checkpoint: log, pictures, curves, ``run.json``.

None of it may end a run. What fails is said once, kept, and tried again: lines of the log and
pictures that could not be written are in the next checkpoint.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygan.files import remove_strays
from tinygan.images import grid, plot_curves, save_gif, save_png
from tinygan.training.log import JsonLines, keep_old_log, read_json_lines, write_run_file
from tinygan.training.report import write_report

FILES = r"run\.json|samples\.gif|losses\.png|report\.html|steps\.csv|scores\.csv"
KEPT = 20  # pictures that could not be written; of more, the first ones are given up


def print_line(line: str) -> None:
    """What shows messages outside of `Trainer.train`, which has a progress bar."""
    print(line, flush=True)


class Attempt:
    """How a block of `Records.may_fail` ended: `problem` is "" or what went wrong."""

    problem = ""


class Records:
    """The records in the folder `out`."""

    def __init__(self, out: Path):
        self.out, self.show = out, print_line
        self._pictures: dict[str, np.ndarray] = {}  # not written yet
        self._saved_length = 0  # of the log, in the last checkpoint
        self._said: set[str] = set()
        self._describe: Callable[[], None] | None = None  # what is still to be done
        self._draws = True
        self.log: JsonLines

    def remove_strays(self, checkpoint: str) -> None:
        """Clears what a killed write of this run's files left."""
        remove_strays(self.out, rf"{checkpoint}|{FILES}")
        remove_strays(self.out / "samples", r"epoch_\d+\.png")

    def begin(self, first_checkpoint: int) -> None:
        """Opens the log of a new run, whose first checkpoint comes after so many steps."""
        line = keep_old_log(self.out / "log.jsonl", first_checkpoint)
        if line:
            self.say(line)
        self.log = JsonLines(self.out / "log.jsonl")
        self._tell_of_log()

    # In the checkpoint

    def state(self) -> dict[str, Any]:
        """The place in the log, and what is not written yet."""
        position, pending = self.log.state()
        self._tell_of_log()
        self._saved_length = self.log.length
        return {"log_position": position, "log_pending": pending, "pictures": self._pictures}

    def check(self, extra: dict[str, Any]) -> None:
        """Raises an error unless `resume` can take what `state` made."""
        pictures = extra.get("pictures", {})
        well = all(isinstance(p, np.ndarray) and p.dtype == np.uint8 and p.ndim == 3
                   and Path(name).name == name for name, p in pictures.items())  # fmt: skip
        pending = extra.get("log_pending", "")
        if not well or not isinstance(pending, str):
            raise TypeError("its records are none")
        pending.encode()  # JSON can hold halves of characters, which no file can

    def resume(self, extra: dict[str, Any]) -> None:
        """Goes on from what `state` made; whatever was logged later will be logged again."""
        self._pictures = dict(extra.get("pictures", {}))
        path, pending = self.out / "log.jsonl", extra.get("log_pending", "")
        self.log = JsonLines(path, extra["log_position"], pending)
        self._saved_length = self.log.length
        self._tell_of_log()

    @property
    def unwritten(self) -> tuple[Any, ...]:
        """What is not written yet, after the end of the log."""
        return self.log.length, self.log.pending, *self._pictures

    def forget_unsaved(self) -> None:
        """Cuts off what was logged after the last checkpoint."""
        self.log.cut(self._saved_length)

    # Writing

    def write(self, **entry: Any) -> None:
        """A line of the log."""
        self.log.write(**entry)
        self._tell_of_log()

    def _tell_of_log(self) -> None:
        if self.log.problem:
            self._warn("log.jsonl", self.log.problem)
        else:
            self._said.discard("log.jsonl")

    def add_picture(self, name: str, images: np.ndarray, columns: int | None = None) -> None:
        """Writes a grid of images as samples/`name`, now or later."""
        self._pictures[name] = grid(images, columns)
        self.write_pictures()

    def catch_up(self) -> None:
        """Tries again what is not written yet."""
        self.write_pictures()
        self.log.flush()
        self._tell_of_log()

    def write_pictures(self) -> None:
        """Those that are not written yet."""
        for name, picture in list(self._pictures.items()):
            with self.may_fail(f"writing samples/{name}"):
                save_png(picture, self.out / "samples" / name, zoom=2)
                del self._pictures[name]
        for name in list(self._pictures)[:-KEPT]:
            del self._pictures[name]

    def describe(
        self, settings: dict[str, Any], data: dict[str, Any], device: str, step: int
    ) -> None:
        """Writes ``run.json``."""

        def describe() -> None:
            write_run_file(self.out / "run.json", settings, data, device, step)
            self._describe = None

        self._describe = describe
        with self.may_fail("writing run.json"):
            describe()

    def draw(self) -> None:
        """The end of a run: the GIF of all grids, the curves, the page, and what failed before."""
        if self._describe is not None:
            with self.may_fail("writing run.json"):
                self._describe()
        entries: list[dict[str, Any]] = []
        with self.may_fail("reading the log"):
            entries = read_json_lines(self.out / "log.jsonl")
        epochs = dict.fromkeys(e["epoch"] for e in entries if isinstance(e.get("epoch"), int))
        pictures = [self.out / "samples" / f"epoch_{epoch:03d}.png" for epoch in epochs]
        with self.may_fail("samples.gif"):
            if pictures := [picture for picture in pictures if picture.exists()]:
                save_gif(pictures, self.out / "samples.gif")
        losses = [(e["loss_d"], e.get("loss_g")) for e in entries if "loss_d" in e]
        with self.may_fail("losses.png"):
            if losses:
                d, g = zip(*losses, strict=True)
                plot_curves({"D": d, "G": g}, self.out / "losses.png")
        with self.may_fail("report.html"):
            write_report(self.out)

    # Saying

    @contextlib.contextmanager
    def may_fail(self, what: str) -> Iterator[Attempt]:
        """An exception in the block becomes a warning."""
        attempt = Attempt()
        try:
            yield attempt
        except Exception as error:
            attempt.problem = f"{type(error).__name__}: {error}"
            self._warn(what, f"{what} failed: {attempt.problem}")

    def _warn(self, what: str, line: str) -> None:
        """Once for each `what`."""
        if what not in self._said:
            self._said.add(what)
            self.say(f"WARNING: {line}")

    def say(self, line: str) -> None:
        """Shows a line; a terminal that is gone, or cannot show it, is no reason to stop."""
        with contextlib.suppress(OSError, ValueError):
            self.show(line)
