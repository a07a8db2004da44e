"""Time to quality: runs in processes of their own, their table, and the score of others' digits."""

from __future__ import annotations

import json
import runpy
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tinygan.data import synthetic_digits

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PROGRAM = EXAMPLES / "time_to_quality.py"


@pytest.fixture
def run(run_example):
    return partial(run_example, PROGRAM.name)


def test_runs_are_kept_and_drawn_and_not_made_again(run, run_example, tmp_path):
    text = run("--quick")
    assert "tinygan, seed 0, epoch 2: " in text
    file = tmp_path / "runs" / "time_to_quality" / "results.json"
    results = json.loads(file.read_text())
    (made,) = results["runs"]
    assert [one["epoch"] for one in made["scores"]] == [1, 2]
    minutes, fids = ([one[name] for one in made["scores"]] for name in ("minutes", "fid"))
    assert 0 < minutes[0] < minutes[1] and min(fids) > results["floor"] > 0

    made["scores"][1]["fid"] = 4 * results["floor"]  # as if it had been good
    file.write_text(json.dumps(results))
    text = run("--quick")
    assert "epoch" not in text
    row = next(line for line in text.splitlines() if line.startswith("tinygan") and " 0 " in line)
    assert row.split()[2:4] == [f"{minutes[1]:.2f}", "never"]
    with pytest.raises(SystemExit):
        run("--quick", "--lr", 0.002)

    (tmp_path / "docs").mkdir()
    file.rename(tmp_path / "docs" / "time_to_quality.json")
    run_example("draw_charts.py", "--results", "docs", "--out", "charts")
    assert [chart.name for chart in (tmp_path / "charts").iterdir()] == ["time_to_quality.png"]


def test_the_median_is_of_runs_that_all_arrive(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    table = runpy.run_path(str(PROGRAM))["table"]

    def made(seed, *fids):
        scores = [{"minutes": float(i), "fid": fid} for i, fid in enumerate(fids, 1)]
        return {"library": "torch", "seed": seed, "scores": scores}

    runs = [made(0, 9, 4.9, 2), made(1, 4, 8, 3.1), made(2, 9, 9, 5)]
    lines = table({"floor": 1.0, "runs": runs}).splitlines()
    assert [line.split()[2:4] for line in lines[1:]] == [
        ["2.00", "3.00"], ["1.00", "never"], ["3.00", "never"], ["2.00", "never"]
    ]  # fmt: skip


def test_digits_of_others_are_scored(run, tmp_path):
    np.save(tmp_path / "digits.npy", synthetic_digits(300, 5).batch(np.arange(300)))
    text = run("--quick", "--score", "digits.npy")
    assert text.splitlines()[-1].startswith("FID 0.") and "floors of 0." in text
    np.save(tmp_path / "bad.npy", np.zeros((3, 28, 28)))
    with pytest.raises(SystemExit):
        run("--quick", "--score", "bad.npy")
