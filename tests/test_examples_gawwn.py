"""GAWWN's example as a user runs it, at a size of seconds."""

from __future__ import annotations

import json
import runpy
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinygan.data import captioned_digits

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def run(run_example):
    return partial(run_example, "gawwn.py")


def test_a_quick_run_is_scored_and_drawn_and_asked(run, tmp_path, capsys):
    text = run("--quick")
    out = tmp_path / "runs" / "gawwn"
    scores = json.loads((out / "scores.json").read_text())
    assert "2 epochs" in text and "new words" in text
    for name in ("new words", "new boxes"):
        made, real = scores[name]["made"], scores[name]["real"]
        assert set(made) == set(real) and all(0 <= value <= 1 for value in made.values())
        assert real["IoU"] == pytest.approx(1, abs=1e-5) and real["size"] == 1.0
        assert real["digit"] > 0.3 and real["slant"] > 0.5  # of a reader that saw 600 pictures
    with Image.open(out / "requests.png") as picture:
        assert picture.size == (660, 610)
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    orange = (pixels[..., 0] > pixels[..., 2] + 60).sum()
    assert orange > 12 * 60  # twelve boxes, whose lines are a pixel and a half wide

    run("--sample", "a small bold seven, leaning left", "--box", "4,20,16,34")
    with Image.open(out / "asked.png") as picture:
        assert picture.size == (660, 407)
    for arguments, message in (
        (("--sample", "a red two", "--box", "4,20,16,34"), "has the word 'red'"),
        (("--sample", "a thin two"), "--sample needs --box"),
        (("--sample", "a thin two", "--box", "4,20,4,34"), "--box: must be LEFT,TOP,RIGHT"),
        ((), "holds a run already"),
    ):
        with pytest.raises(SystemExit) as stop:
            run(*arguments)
        assert stop.value.code == 2 and message in capsys.readouterr().err


def test_reading_is_by_values(run, monkeypatch):
    """A reader whose answers are known: chances are summed over what is not asked."""
    monkeypatch.setattr(sys, "argv", ["gawwn.py"])
    read = runpy.run_path(str(EXAMPLES / "gawwn.py"))["read"]
    data = captioned_digits(40, 3)
    labels = np.ravel_multi_index(tuple(data.values.T[[0, 2, 3]]), (10, 2, 3))

    class Known:
        def predict(self, images):
            return None, np.eye(60)[labels] * 0.9 + 0.1 / 60

    np.testing.assert_array_equal(read(data.data.images, Known()), data.values)
