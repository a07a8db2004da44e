"""Theory on a line and the counting of modes, as a user runs them, at sizes of seconds."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def run(run_example):
    return run_example


@pytest.fixture
def parts(monkeypatch):
    """The helpers of one example."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return lambda name: runpy.run_path(str(EXAMPLES / name))


@pytest.mark.exhaustive
def test_theory_on_a_line(run, tmp_path):
    run("gan_theory_1d.py", "--quick")
    out = tmp_path / "runs" / "gan_theory_1d"
    results = json.loads((out / "results.json").read_text())
    # From the definitions with 30 digits, by another program; the bounds are the issue's.
    jsd = [row["jsd"] for row in results["closed_forms"]]
    value = [row["value"] for row in results["closed_forms"]]
    np.testing.assert_allclose(jsd, [0.0, 0.111421, 0.336831], atol=1e-6)
    np.testing.assert_allclose(value, [-1.386294, -1.163451, -0.712633], atol=1e-6)
    for row in results["discriminator"]:
        assert 0 < row["average"] < row["largest"] < 0.02
    # Even 200 steps bring G much of the way.
    assert results["gan"][-1]["jsd"] < 0.5 * results["gan"][0]["jsd"]
    assert results["gan"][0]["step"] == 0 and results["gan"][-1]["step"] == 200
    assert abs(results["saturation"]["minimax"] + 1e-4) < 1e-6
    assert abs(results["saturation"]["non-saturating"] + 0.9999) < 1e-6
    with Image.open(out / "panels.gif") as animation:
        assert animation.n_frames == len(results["gan"])
    with Image.open(out / "panels.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 0


def test_the_binned_jsd_of_the_data_itself_is_that_of_chance(parts, rng):
    theory = parts("gan_theory_parts.py")
    data = theory["GaussianMixture"]([[-1.0], [1.0]], 0.4)
    count, bins = 100_000, len(theory["JSD_BINS"]) - 1
    chance = (bins - 1) / (8 * count)
    jsd = theory["binned_jsd"](data, data.sample(count, rng))
    # A sum of squares over 2 of about `bins` degrees of freedom: its deviation is 12 % of it, and
    # bins that expect less than a point count for less.
    assert 0.4 * chance < jsd < 1.4 * chance
    # All points in one bin: ln 2 less what the data has there.
    assert theory["binned_jsd"](data, np.full((100, 1), 9.0)) > 0.69


@pytest.mark.parametrize(
    ("pack", "recipe"),
    [(1, "best"), *(pytest.param(*case, marks=pytest.mark.exhaustive)
                    for case in ((1, "published"), (2, "best"), (2, "published")))],
)  # fmt: skip
def test_points_are_trained_counted_and_drawn(run, tmp_path, recipe, pack):
    text = run("mode_coverage.py", "--data", "grid", "--recipe", recipe, "--pack", pack,
               "--quick", "--seeds", 2)  # fmt: skip
    out = tmp_path / "runs" / "mode_coverage" / f"grid_{recipe}_pack{pack}"
    results = json.loads((out / "results.json").read_text())
    assert results["real"]["modes"] == 25
    # 1 - exp(-9/2) of a normal distribution in the plane lies within three deviations: 98.9 %.
    assert abs(results["real"]["high quality"] - 0.9889) < 0.01
    assert [run["seed"] for run in results["runs"]] == [0, 1]
    for row in results["runs"]:
        assert row["steps"] == 20 and 0 <= row["modes"] <= 25 and 0 <= row["high quality"] <= 1
        assert 0 <= row["KL"] <= np.log(25) + 1e-9
    if recipe == "best":  # the other's points still lie in one place
        assert results["runs"][0]["KL"] != results["runs"][1]["KL"]
    assert "PacGAN's table 1" in text and "standard deviation" in text
    with Image.open(out / "samples.png") as picture:
        assert picture.size[0] > picture.size[1]


def test_the_penalty_of_points_can_be_changed(run, tmp_path):
    found = {}
    for weight in ((), ("--r1", 5), ("--r1", 0)):  # 5 is the recipe's
        out = f"weight {weight[-1:]}"
        run("mode_coverage.py", "--data", "grid", "--quick", *weight, "--out", out)
        (row,) = json.loads((tmp_path / out / "results.json").read_text())["runs"]
        found[weight] = row["KL"]
    assert found[()] == found["--r1", 5] != found["--r1", 0]


def test_the_score_of_points_in_some_of_the_modes(parts):
    counting = parts("mode_coverage_parts.py")
    mixture = counting["MIXTURES"]["ring"]
    exact = np.repeat(mixture.means[:4], 10, 0)
    scores = counting["point_scores"](exact, mixture)
    assert scores["modes"] == 4 and scores["high quality"] == 1 and scores["width"] == 0
    assert abs(scores["KL"] - np.log(2)) < 1e-12
    far = counting["point_scores"](np.full((5, 2), 7.0), mixture)
    assert far["modes"] == 0 and far["high quality"] == 0 and far["width"] == 0
    # The width of points at a distance of two deviations, in the plane: 2 / sqrt(2).
    moved = exact + np.array([2 * mixture.std, 0])
    assert abs(counting["point_scores"](moved, mixture)["width"] - np.sqrt(2)) < 1e-9


@pytest.mark.exhaustive
@pytest.mark.parametrize(("recipe", "pack"), [("best", 1), ("published", 2)])
def test_stacked_digits_are_trained_and_counted(run, tmp_path, recipe, pack):
    run("mode_coverage.py", "--data", "stacked", "--recipe", recipe, "--pack", pack, "--quick")
    out = tmp_path / "runs" / "mode_coverage" / f"stacked_{recipe}_pack{pack}"
    results = json.loads((out / "results.json").read_text())
    # 200 random of 1,000 modes: 1,000 (1 - exp(-0.2)) = 181 different ones on average.
    assert 160 < results["real"]["modes"] < 200
    assert 1 <= results["generated"]["modes"] <= 200
    assert results["generated"]["kl"] > results["real"]["kl"] > 0
    with Image.open(out / "samples" / "epoch_001.png") as picture:
        assert picture.mode == "RGB"
