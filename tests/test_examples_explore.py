"""The looks into a trained DCGAN, as a user takes them, at small sizes."""

import json
import runpy
import sys
from argparse import Namespace
from pathlib import Path

import needs
import numpy as np
import pytest
from states import arrays_of

import tinygan.data.load
from tinygan.models import DCGAN
from tinygan.training import load_generator

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys, shared_cache):
    """Runs an example in a folder of its own; returns what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYGAN_CACHE", str(shared_cache))
    monkeypatch.syspath_prepend(str(EXAMPLES))  # as `python examples/...` does

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.exhaustive
def test_a_quick_look_finds_numbers_and_draws_pictures(run, tmp_path):
    needs.scikit_learn()
    text = run("explore_dcgan.py", "--quick", "--out", "look")
    assert text.startswith("--quick: a tiny net, trained for seconds")
    found = json.loads((tmp_path / "look" / "results.json").read_text())
    assert {name: list(numbers)[:2] for name, numbers in found.items()}.items() >= {
        "lerp: largest / mean step": ["ours", "nearest training images"],
        "slerp: mean step": ["ours", "unrelated images"],
        "slant carried over": ["ours", "random direction"],
        "seven carried over": ["ours", "random direction"],
        "filters: concentration": ["ours", "random filters"],
        "accuracy, 100 labels": ["ours", "random D"],
        "pca: neighbour of one class": ["ours", "any other"],
    }.items()
    assert sum("maps dropped" in name for name in found) == 3
    for name, numbers in found.items():
        assert name in text
        assert np.isfinite(np.hstack(list(numbers.values()))).all()
    # A walk of small steps, beside the jumps of a net that knows the training images only.
    steps = found["lerp: largest / mean step"]
    assert 1 < steps["ours"][0] < 3 < steps["nearest training images"][0]
    pictures = {path.name for path in (tmp_path / "look").iterdir()}
    assert pictures == {
        "arithmetic_seven.png", "arithmetic_slant.png", "arithmetic_thickness.png", "classes.png",
        "dropped.png", "filters_ours.png", "filters_random.png", "pca.png", "results.json",
        "tsne.png", "walk.gif", "walk_lerp.png", "walk_slerp.png",
    }  # fmt: skip


def test_the_nets_of_a_run_are_found(run, tmp_path, monkeypatch):
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "train", (320, 0))
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "test", (100, 1))
    run("dcgan_mnist.py", "--data", "synthetic", "--epochs", 1, "--width", 4, "--batch-size", 64)
    explore_run = __import__("explore_run")
    folder = tmp_path / "runs" / "dcgan_mnist"
    options = Namespace(run=folder, out=tmp_path / "look", seed=0, device="cpu")
    subject = explore_run._from_run(options)
    model = DCGAN(width=4, batch_norm_d=False, categories=30)
    load_generator(folder / "checkpoint.npz", model.generator)
    for name, array in arrays_of(model.generator).items():
        assert np.array_equal(arrays_of(subject.generator)[name], array)
    trained = tinygan.load(folder / "checkpoint.npz")["parts"]["discriminator"]
    assert np.array_equal(arrays_of(subject.discriminator)["2.weight"], trained["2.weight"])
    assert subject.images.shape == (5000, 1, 28, 28)
    assert subject.real.shape == (320, 1, 28, 28)
    assert len(subject.test) == len(subject.test_labels) == 100
    assert subject.label_counts == [100]
