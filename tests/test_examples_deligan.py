"""The DeLiGAN toy as a user runs it, at a size of seconds."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs the example in a folder of its own; returns what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["deligan_toy.py", *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / "deligan_toy.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


def numbers(line: str) -> list[float]:
    """The means of a row of the table."""
    return [float(text.split()[-1]) for text in line.split("±")[:-1]]


@pytest.mark.exhaustive
def test_all_models_are_trained_measured_and_drawn(run, tmp_path):
    lines = run("--quick").splitlines()
    assert len(lines) == 1 + 2 * (1 + 7)
    rows = {line[:30].strip(): numbers(line) for line in lines[1:]}
    # Of N(0.6, 0.15^2) a thousandth lies below 0.15; 400 points.
    between, smaller, deviation = rows["bimodal: real"]
    assert between < 0.01 and smaller == 0.5
    assert deviation == pytest.approx(np.hypot(0.6, 0.15), rel=0.03)
    assert rows["unimodal: real"][2] == pytest.approx(0.3, rel=0.05)
    made = [rows[f"bimodal: {name}"] for name in (
        "GAN", "GAN++", "Nx-GAN", "MoE-GAN", "Ensemble-GAN", "DeLiGAN", "DeLiGAN, free sigma"
    )]  # fmt: skip
    assert np.isfinite([row[:3] for row in made]).all()
    assert len({row[0] for row in made}) == 7  # seven models, trained in seven ways
    assert all(0 < row[1] <= 0.5 and row[2] > 0.5 for row in made)  # both sides, well apart
    assert [len(row) for row in made] == [3] * 5 + [4] * 2
    assert 0 < rows["bimodal: DeLiGAN, free sigma"][3] < rows["bimodal: DeLiGAN"][3] < 1
    with Image.open(tmp_path / "runs" / "deligan_toy" / "samples.png") as picture:
        assert picture.size == (1452, 418)  # 13.2 x 3.8 inches


def test_finished_cells_are_kept_and_seeds_differ(run, tmp_path):
    only = ("--only", "DeLiGAN", "--lr", 0.02)
    first = run(*only, "--steps", 80, "--seeds", 1)
    path = tmp_path / "runs" / "deligan_toy" / "results.json"
    content = json.loads(path.read_text())
    cells = content["cells"]
    assert set(cells) == {f"DeLiGAN/{data}/0/80/0.02" for data in ("unimodal", "bimodal")}
    cells["DeLiGAN/bimodal/0/80/0.02"]["deviation"] = 7.0  # a finished cell is not computed again
    path.write_text(json.dumps(content))
    again = run(*only, "--steps", 80, "--seeds", 2)
    assert numbers(again.splitlines()[-1])[2] > 3.5 > numbers(first.splitlines()[-1])[2]
    kept = json.loads(path.read_text())["cells"]
    assert len(kept) == 4
    one, other = (kept[f"DeLiGAN/unimodal/{seed}/80/0.02"]["points"] for seed in (0, 1))
    assert len(one) == 400 and one != other
    path.unlink()
    assert run(*only, "--steps", 80, "--seeds", 1) == first  # a seed repeats to the digit
