"""What the benchmark of tiny arrays measures and writes; no test looks at a time."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import needs
import numpy as np
import pytest

import tinygan

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the benchmark with these arguments, in this process; returns what it printed."""
    threads = tinygan.get_num_threads()
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["benchmark_ops.py", "--turns", "1", *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / "benchmark_ops.py"), run_name="__main__")
        return capsys.readouterr().out

    yield run
    tinygan.set_num_threads(threads)


@pytest.fixture
def names(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return runpy.run_path(str(EXAMPLES / "benchmark_ops.py"))


def test_the_table_goes_into_a_page_and_the_numbers_into_a_file(run, tmp_path):
    page, numbers = tmp_path / "page.md", tmp_path / "ops.json"
    page.write_text("before\n<!-- ops:begin -->\nold\n<!-- ops:end -->\nbehind\n")
    printed = run("--json", numbers, "--write", page)
    text, document = page.read_text(), json.loads(numbers.read_text())
    assert text.startswith("before\n<!-- ops:begin -->\n| | | median") and "old" not in text
    assert text.endswith("<!-- ops:end -->\nbehind\n") and printed.strip() in text
    assert "Measured by `python examples/benchmark_ops.py --turns 1 --json" in text
    ours = [row for row in document["rows"] if row["library"] == "tinygan"]
    assert [row["part"] for row in ours] == [
        "chain, forward", "chain, forward and backward", "moons"
    ]  # fmt: skip
    assert all(0 < row["least"] <= row["median"] for row in document["rows"])


def test_numbers_alone_are_printed_as_json(run):
    document = json.loads(run("--json"))
    assert document["command"] == "python examples/benchmark_ops.py --turns 1 --json"


def test_a_page_without_markers_is_refused_before_the_work(run, tmp_path, capsys):
    (tmp_path / "page.md").write_text("no markers")
    with pytest.raises(SystemExit):
        run("--write", tmp_path / "page.md")
    assert "needs one line <!-- ops:begin -->" in capsys.readouterr().err


def test_the_moons_are_told_apart_with_the_losses_of_pytorch(names):
    losses = []
    assert len(list(names["moons"](tinygan, losses))) == names["STEPS"] == 100
    assert losses[-1] < 0.05 < 1 < losses[0]  # below 1 every point is on its side, in the mean
    needs.pytorch()
    import torch

    theirs = []
    list(names["moons"](torch, theirs))
    # The hinge of each point may turn with the last bit; a hundred steps keep four digits.
    assert np.allclose(losses, theirs, rtol=1e-3, atol=1e-4)


def test_half_moons_reach_into_each_other(names):
    points, labels = names["half_moons"](noise=0.0)
    assert points.shape == (100, 2) and labels.tolist() == [-1.0] * 50 + [1.0] * 50
    assert np.allclose((points[:50] ** 2).sum(1), 1, atol=1e-6)  # round (0, 0), above
    assert np.allclose(((points[50:] - [1, 0.5]) ** 2).sum(1), 1, atol=1e-6)
    assert points[:50, 1].min() > -1e-6 and points[50:, 1].max() < 0.5 + 1e-6
