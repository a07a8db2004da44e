"""examples/score_floors.py, as a user runs it, at small sizes."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinygan.data.load
from tinygan.metrics.scores import SCORES

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "score_floors.py"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys, shared_cache):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLE.parent))
    monkeypatch.setenv("TINYGAN_CACHE", str(shared_cache))
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "train", (640, 0))
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "test", (200, 1))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["score_floors.py", *map(str, arguments)])
        runpy.run_path(str(EXAMPLE), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def pictures(tmp_path, rng):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(60):
        ramp = np.linspace(0, rng.uniform(100, 255), 16)[:, None, None]
        pixels = np.broadcast_to(ramp * rng.uniform(0, 1, 3), (16, 16, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{index}.png")
    return folder


@pytest.mark.exhaustive
def test_all_floors_of_labelled_images(run):
    lines = run("--data", "synthetic", "--count", 100).splitlines()
    for name in (*SCORES, "1-NN error"):
        (line,) = [line for line in lines if line.startswith(f"{name} ")]
        assert " s " in line
        assert " MB " in line
        assert "nan" not in line


def test_chosen_floors_of_a_folder_without_labels(run, pictures):
    arguments = ("--data", pictures, "--size", 16, "--channels", 3)
    found, *lines = run(*arguments, "--only", "kid", "classes", "1-NN error").splitlines()
    assert found == "pictures: 60 images"
    assert "random features (pictures has no labels)" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["kid"]


def test_damage_makes_scores_worse(run, pictures):
    text = run("--data", pictures, "--size", 16, "--channels", 3, "--damage")
    kid = [line.split()[1:] for line in text.splitlines() if line.startswith("KID")]
    assert len(kid) == 6
    # Ramps stay ramps when they are blurred once or twice; all else is seen.
    assert all(float(damaged) > 2 * float(real) for damaged, real in kid[2:])
    assert "pixels shuffled" in text
