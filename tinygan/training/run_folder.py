"""What a trainer leaves in its folder, read: of a run that has ended, was killed, or goes on."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinygan.training.log import read_json_lines


@dataclass(frozen=True)
class Run:
    """The records of a run.

    Attributes:
        folder: where they are.
        facts: ``run.json``: "settings", "data", "command", "versions", "machine", "starts".
        steps: of the log, one dict for each step: "step", "loss_d", "loss_g" and what else the game
            counts.
        reports: one for each report: "step", "epoch" and scores; "failed" where they failed.
        alarms: "step" and "alarm", a sentence.
        scores: ``scores.json``, which the examples write at the end: all scores, "generated" and
            "real".
        pictures: of the samples, by epoch.
    """

    folder: Path
    facts: dict[str, Any]
    steps: list[dict[str, Any]]
    reports: list[dict[str, Any]]
    alarms: list[dict[str, Any]]
    scores: dict[str, Any]
    pictures: dict[int, Path]

    @property
    def settings(self) -> dict[str, Any]:
        """The trainer's settings, with "data" and "model"."""
        return _object(self.facts.get("settings"))

    @property
    def command(self) -> list[str]:
        """The program that made it, and its arguments; empty if none is known."""
        command = self.facts.get("command")
        return list(map(str, command)) if isinstance(command, list) else []


def read_run(folder: str | Path) -> Run:
    """The run in a folder. What is damaged, or not there yet, is left out.

    Raises:
        ValueError: there is no run.
    """
    folder = Path(folder)
    facts = _read(folder / "run.json")
    entries: list[dict[str, Any]] = []
    with contextlib.suppress(OSError):
        entries = read_json_lines(folder / "log.jsonl")
    if not facts and not entries:
        raise ValueError(f"{folder} holds no run (neither run.json nor log.jsonl)")
    entries = [entry for entry in entries if type(entry.get("step")) is int]
    reports = [entry for entry in entries if type(entry.get("epoch")) is int]
    pictures = {
        int(match[1]): path for path in sorted(folder.glob("samples/epoch_*.png"))
        if (match := re.fullmatch(r"epoch_(\d+)\.png", path.name))
    }  # fmt: skip
    return Run(
        folder, facts, [entry for entry in entries if "loss_d" in entry], reports,
        [entry for entry in entries if isinstance(entry.get("alarm"), str)],
        _read(folder / "scores.json"), pictures,
    )  # fmt: skip


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        return _object(json.loads(path.read_text(encoding="utf-8")))
    return {}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
