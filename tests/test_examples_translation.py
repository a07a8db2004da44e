"""The examples that turn pictures into pictures, as a user runs them, at a size of seconds."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinygan.data import Dataset

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def run(run_example, tmp_path):
    """Runs an example; returns its scores."""

    def run(name, *arguments):
        run_example(name, *arguments, "--out", "run")
        scores = json.loads((tmp_path / "run" / "scores.json").read_text())
        assert all(np.isfinite(value) for value in scores.values())
        return scores

    return run


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import translation_parts

    return translation_parts


def test_pix2pix_learns_within_a_hundred_steps(run, tmp_path):
    scores = run("pix2pix.py", "--quick")
    assert scores["l1_made"] < 0.3 and scores["l1_copied"] < 0.1  # it starts near 0.9
    assert scores["read_real"] == 1.0
    with Image.open(tmp_path / "run" / "pairs.png") as picture:
        assert picture.size == (2 * (16 * 34 - 2), 2 * (3 * 34 - 2))


def test_pix2pix_of_sketches_and_without_a_judge(run):
    scores = run("pix2pix.py", "--quick", "--data", "sketch", "--loss", "l1", "--no-skips")
    assert 0 <= scores["read_made"] <= 1 and scores["read_real"] > 0.5


def test_cyclegan_knows_its_true_error(run, tmp_path):
    scores = run("cyclegan.py", "--quick")
    assert 0 < scores["error_copied"] < 0.2 and scores["error_a"] == scores["back_real"]
    assert (tmp_path / "run" / "pairs.png").exists()


def test_stargan_is_read_in_every_style(run, tmp_path):
    scores = run("stargan.py", "--quick")
    assert scores["style_copied"] == 0.0 and scores["both_real"] == 1.0
    assert scores["letter_copied"] == scores["letter_real"] == 1.0
    assert (tmp_path / "run" / "styles.png").exists()


def test_the_nearest_letter_is_read(parts, rng):
    known = rng.uniform(-1, 1, (6, 1, 4, 4)).astype(np.float32)
    held_out, others = known[:3], known[3:]
    read = parts.nearest_letter(held_out, others)
    noisy = held_out + rng.uniform(-0.1, 0.1, held_out.shape).astype(np.float32)
    assert read(noisy) == 1.0
    assert read(noisy[[1, 0, 2]]) == pytest.approx(1 / 3)
    twins = parts.nearest_letter(known[[0, 0]], others)  # two that look the same
    assert twins(noisy[[0, 0]]) == 1.0


def test_a_letter_is_read_in_any_style(parts, rng):
    known = rng.uniform(-1, 1, (2, 5, 1, 4, 4)).astype(np.float32)  # two styles of five letters
    made, own = known[[1, 0, 1], [3, 3, 2]], np.array([3, 3, 4])
    assert parts.letters_read(made, own, known).tolist() == [True, True, False]
    unknown = parts.letters_read(made, own, known[:1])  # by one who knows the first style only
    assert unknown[1] and not unknown.all()


def test_a_sketch_is_the_edge_of_the_digit(parts):
    image = np.zeros((1, 1, 28, 28), np.uint8)
    image[0, 0, 8:16, 10:15] = 255
    both = parts.sketch(Dataset(image, np.zeros(1, np.int64), "one")).images[0]
    assert both.shape == (2, 32, 32)
    inside = both[:, 10:18, 12:17]
    assert both[0].sum() == inside[0].sum() and both[1].sum() == inside[1].sum()
    assert (inside[0] == 255).sum() == 2 * 8 + 2 * 3 and (inside[1] == 255).all()


def test_one_move_of_all_images_is_forgiven(monkeypatch, rng):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    example = runpy.run_path(str(EXAMPLES / "cyclegan.py"))
    real = np.full((3, 1, 9, 9), -1, np.float32)
    real[:, :, 3:6, 3:6] = rng.uniform(0, 1, (3, 1, 3, 3))
    lower = np.roll(real, (2, -1), (2, 3))
    assert example["distance"](lower, real) > 0.05
    assert example["least_error"](lower, real) == 0.0
    mixed = np.concatenate([lower[:1], real[1:]])  # not by the same way
    assert example["least_error"](mixed, real) > 0.01
