"""The examples, as a user runs them, at small sizes."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinygan.data.load
from tinygan.data import DataUnavailableError

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs an example in a folder of its own; returns what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "train", (640, 0))
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "test", (200, 1))

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


SMALL = ("--width", 4, "--batch-size", 64)


def test_dcgan_trains_scores_resumes_and_samples(run, tmp_path):
    text = run("dcgan_mnist.py", "--data", "synthetic", "--epochs", 1, *SMALL)
    out = tmp_path / "runs" / "dcgan_mnist"
    assert "real (floor)" in text
    assert "right on the test set" in text
    scores = json.loads((out / "scores.json").read_text())
    assert scores["generated"]["count"] == scores["real"]["count"] == 200
    assert scores["generated"]["fid"] > scores["real"]["fid"] >= 0

    text = run("dcgan_mnist.py", "--data", "synthetic", "--epochs", 2, "--resume", *SMALL)
    assert "2 epochs" in text
    assert {"epoch_001.png", "epoch_002.png"} == {p.name for p in (out / "samples").iterdir()}

    run("dcgan_mnist.py", "--sample", 5, *SMALL)
    with Image.open(out / "sample_5_seed_0.png") as picture:
        assert picture.size == (2 * (3 * 30 - 2), 2 * (2 * 30 - 2))
        assert np.asarray(picture).std() > 0

    with pytest.raises(ValueError, match="holds a run already"):
        run("dcgan_mnist.py", "--data", "synthetic", "--epochs", 1, *SMALL)


def test_dcgan_on_a_folder_of_images(run, tmp_path, rng):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(20):
        pixels = rng.integers(0, 256, (40, 30, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    text = run("dcgan_mnist.py", "--data", folder, "--epochs", 1, "--width", 4,
               "--batch-size", 10, "--out", "here")  # fmt: skip
    assert "pictures has no labels: no classifier, and so no scores" in text
    assert (tmp_path / "here" / "samples.gif").exists()


def test_dcgan_without_mnist_says_so_in_one_line(run, monkeypatch):
    def unavailable(split):
        raise DataUnavailableError("could not download train-images:\n  mirror: refused")

    monkeypatch.setattr("tinygan.data.load.mnist", unavailable)
    text = run("dcgan_mnist.py", "--epochs", 1, *SMALL)
    assert "could not download train-images; training on synthetic digits instead\n" in text
    assert "1 epochs" in text


def test_dcgan_rejects_bad_options(run, capsys):
    with pytest.raises(SystemExit) as stop:
        run("dcgan_mnist.py", "--epochs", 0)
    assert stop.value.code == 2
    assert "--epochs must be at least 1" in capsys.readouterr().err


def test_torch_comparison_runs(run, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    data = tinygan.data.load_dataset
    monkeypatch.setattr("tinygan.data.load_dataset",
                        lambda source, split="train": data("synthetic", split))  # fmt: skip
    text = run("compare_torch.py", "--epochs", 1, "--samples", 200, *SMALL)
    assert "averaged: FID" in text
    assert (tmp_path / "runs" / "torch_mnist" / "samples.png").exists()
