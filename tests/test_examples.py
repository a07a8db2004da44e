"""The examples, as a user runs them, at small sizes."""

import importlib
import json
import runpy
import sys
from pathlib import Path

import needs
import numpy as np
import pytest
from PIL import Image

import tinygan.data.load
from tinygan.data import DataUnavailableError, synthetic_digits

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys, shared_cache):
    """Runs an example in a folder of its own; returns what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))  # as `python examples/name.py` does
    monkeypatch.setenv("TINYGAN_CACHE", str(shared_cache))
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "train", (640, 0))
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "test", (200, 1))

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


SMALL = ("--width", 4, "--batch-size", 64)


def test_dcgan_trains_scores_resumes_and_samples(run, tmp_path):
    words = ("dcgan_mnist.py", "--data", "synthetic", "--constant-rate", *SMALL)
    text = run(*words, "--epochs", 1, "--log", "csv")
    out = tmp_path / "runs" / "dcgan_mnist"
    assert "real (floor)" in text
    assert "right on the test set" in text
    scores = json.loads((out / "scores.json").read_text())
    assert scores["generated"]["count"] == scores["real"]["count"] == 200
    assert scores["generated"]["fid"] > scores["real"]["fid"] >= 0
    assert "real (floor)" in (out / "report.html").read_text(encoding="utf-8")
    assert (out / "scores.csv").read_text().startswith("step,epoch,")

    text = run(*words, "--epochs", 2, "--resume")
    assert "2 epochs" in text
    assert {"epoch_001.png", "epoch_002.png"} == {p.name for p in (out / "samples").iterdir()}

    run("dcgan_mnist.py", "--sample", 5, *SMALL)
    with Image.open(out / "sample_5_seed_0.png") as picture:
        assert picture.size == (2 * (3 * 30 - 2), 2 * (2 * 30 - 2))
        assert np.asarray(picture).std() > 0



def test_ctrl_c_in_front_of_the_training_is_a_sentence(run, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("common"), "classifier_for", interrupted)
    with pytest.raises(SystemExit) as stop:
        run("dcgan_mnist.py", "--quick")
    assert stop.value.code == 130
    assert capsys.readouterr().err == "interrupted before the end\n"


def test_examples_run_on_the_device(run, tmp_path, rng, device):
    """A Trainer's run, which captures its steps, and a loop of an example's own."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(24):
        pixels = rng.integers(0, 256, (28, 28)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    text = run("dcgan_mnist.py", "--data", folder, "--epochs", 1, "--width", 4,
               "--batch-size", 4, "--device", device)  # fmt: skip
    assert "1 epochs" in text
    log = (tmp_path / "runs" / "dcgan_mnist" / "log.jsonl").read_text().splitlines()
    assert sum("loss_d" in line for line in log) == 6
    text = run("mode_coverage.py", "--quick", "--device", device)
    assert "modes" in text


COMMANDS = [path for path in sorted(EXAMPLES.glob("*.py"))
            if "__main__" in path.read_text() and not path.stem.endswith(("_layers", "_worker"))]


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.name)
def test_an_example_says_what_its_options_are(path, run, capsys):
    if path.name == "compare_torch.py":
        needs.pytorch()
    with pytest.raises(SystemExit) as stop:
        run(path.name, "--help")
    assert stop.value.code == 0 and "usage: " in capsys.readouterr().out


def test_an_epoch_of_a_loader_is_timed(run, monkeypatch):
    """Beside torchvision where it is installed: a difference of the batches would end it."""
    text = run("benchmark_loader.py", "--data", "synthetic", "--epochs", 1, "--batch-size", 50)
    assert "tinygan  " in text
    monkeypatch.setitem(sys.modules, "torchvision", None)
    text = run("benchmark_loader.py", "--data", "synthetic", "--epochs", 1)
    assert text.startswith("torchvision is not installed: tinygan alone\ntinygan  ")


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


def test_sub_folders_are_classes(run, tmp_path, rng):
    for name in ("dark", "bright"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for index in range(30):
            pixels = rng.integers(0, 100, (28, 28)) + (100 if name == "bright" else 0)
            picture = Image.fromarray(pixels.astype(np.uint8))
            picture.save(tmp_path / "pictures" / name / f"{index}.png")
    text = run("dcgan_mnist.py", "--data", tmp_path / "pictures", "--epochs", 1, "--width", 4,
               "--batch-size", 10)  # fmt: skip
    assert "right on the test set" in text and "KL to uniform" in text


def test_a_folder_in_colour_trains_scores_resumes_and_samples(run, tmp_path, rng):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(24):
        pixels = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (folder / "damaged.png").write_bytes(b"no picture")
    small = ("--data", folder, "--size", 16, "--width", 4, "--batch-size", 8, "--skip-unreadable")
    text = run("dcgan_folder.py", *small, "--epochs", 1)
    assert "pictures: 24 images\nunreadable and left out (1):" in text and "damaged.png: " in text
    assert "random features" in text and "KID" in text
    run("dcgan_folder.py", *small, "--epochs", 2, "--resume")
    run("dcgan_folder.py", *small, "--epochs", 2, "--out", "whole")
    parts, whole = tmp_path / "runs" / "dcgan_folder", tmp_path / "whole"
    with np.load(parts / "checkpoint.npz") as first, np.load(whole / "checkpoint.npz") as second:
        assert all(np.array_equal(first[name], second[name]) for name in first.files)
    assert (parts / "log.jsonl").read_bytes() == (whole / "log.jsonl").read_bytes()
    run("dcgan_folder.py", *small, "--sample", 9)
    with Image.open(parts / "sample_9_seed_0.png") as picture:
        assert picture.size == (2 * (3 * 18 - 2),) * 2


@pytest.mark.exhaustive
def test_a_folder_in_colour_quickly(run):
    assert "KID" in run("dcgan_folder.py", "--quick", "--out", "quick")


def test_dcgan_without_mnist_says_so_in_one_line(run, monkeypatch):
    def unavailable(split):
        raise DataUnavailableError("could not download train-images:\n  mirror: refused")

    monkeypatch.setattr("tinygan.data.load.mnist", unavailable)
    text = run("dcgan_mnist.py", "--epochs", 1, *SMALL)
    assert "could not download train-images; training on synthetic digits instead\n" in text
    assert "1 epochs" in text


@pytest.mark.exhaustive
def test_dcgan_with_other_recipes(run, tmp_path):
    recipe = ("--epochs", 2, "--recipe", "paper")
    text = run("dcgan_mnist.py", "--data", "synthetic", *recipe, *SMALL)
    assert "BatchNorm2d(8" in text.split("discriminator")[1]
    other = ("--recipe", "relativistic", "--out", "new")
    assert "BatchNorm2d" not in run("dcgan_mnist.py", "--quick", *other).split("discrim")[1]
    log = (tmp_path / "new" / "log.jsonl").read_text().splitlines()
    assert 0.3 < np.mean([json.loads(line).get("loss_d", np.nan) for line in log[-9:-1]]) < 1.0


@pytest.mark.exhaustive
def test_gan_reports_its_likelihood(run, tmp_path):
    text = run("gan_mnist.py", "--quick", "--variant", "modern")
    assert "Parzen (nats)" in text
    scores = json.loads((tmp_path / "runs" / "gan_mnist" / "scores.json").read_text())
    generated, real = (scores[which]["parzen"] for which in ("generated", "real"))
    assert np.isfinite(generated) and generated < real


@pytest.mark.exhaustive
@pytest.mark.parametrize("label", ["hidden", "input"])
def test_cgan_makes_digits_on_demand(run, tmp_path, label):
    run("cgan_mnist.py", "--quick", "--variant", "modern", "--label", label)
    out = tmp_path / "runs" / "cgan_mnist"
    scores = json.loads((out / "scores.json").read_text())
    assert 0 <= scores["generated"]["label accuracy"] < 0.9 < scores["real"]["label accuracy"]
    assert scores["generated"]["total_variation"] > 0 < scores["real"]["laplacian_variance"]
    with Image.open(out / "digits.png") as picture:
        assert picture.size == (2 * (10 * 30 - 2),) * 2


@pytest.mark.exhaustive
def test_conditional_dcgan_is_judged_by_its_nearest_neighbours(run, tmp_path):
    text = run("dcgan_conditional_mnist.py", "--quick")
    assert "1-NN error, %" in text
    out = tmp_path / "runs" / "dcgan_conditional_mnist"
    scores = json.loads((out / "scores.json").read_text())
    assert scores["generated"]["1-NN error, %"] > scores["real"]["1-NN error, %"]
    assert scores["real"]["1-NN error, %"] < 20
    pictures = {}
    for digit in (3, 7):
        run("dcgan_conditional_mnist.py", "--quick", "--sample", 4, "--digit", digit)
        pictures[digit] = (out / "sample_4_seed_0.png").read_bytes()
    assert pictures[3] != pictures[7]


@pytest.mark.exhaustive
def test_deligan_keeps_its_rows(run, tmp_path):
    text = run("deligan_mnist.py", "--quick", "--only", "DeLiGAN")
    rows = json.loads((tmp_path / "runs" / "deligan_mnist" / "results.json").read_text())["rows"]
    assert set(rows) == {"real", "DeLiGAN"} and "without" not in text
    assert rows["real"]["FID"] < rows["DeLiGAN"]["FID"]
    text = run("deligan_mnist.py", "--quick")
    after = json.loads((tmp_path / "runs" / "deligan_mnist" / "results.json").read_text())["rows"]
    assert after["DeLiGAN"] == rows["DeLiGAN"]
    assert after["without regulariser"]["mean |sigma|"] < after["DeLiGAN"]["mean |sigma|"]
    assert "mean |sigma|" not in after["without mixture"]


@pytest.mark.exhaustive
def test_collapse_study_makes_its_table(run, tmp_path):
    text = run("collapse_study.py", "--quick")
    rows = json.loads((tmp_path / "runs" / "collapse_study" / "results.json").read_text())["rows"]
    assert len(rows) == 9 and all(name in text for name in rows)
    assert rows["fixed"]["steps"] == 10 and rows["fixed"]["broke"] is None
    assert 0 <= rows["faithful"]["entropy"] <= np.log(10)
    assert (tmp_path / "runs" / "collapse_study" / "entropy.png").exists()


def test_collapse_study_scores_all_variants_on_one_scale(run):
    """A generator that makes exactly its variant's training images gives the data's own pixels."""
    from collapse_variants import VARIANTS

    data = synthetic_digits(20, seed=2)
    indices = np.arange(20)
    for variant in VARIANTS.values():
        shown = variant.images(data.images, data.labels, data.name).batch(indices)
        np.testing.assert_allclose(variant.signed(shown), data.batch(indices), atol=1e-6)
    below = np.full((1, 1, 28, 28), -0.5, np.float32)
    assert (VARIANTS["faithful"].signed(below) == -1).all()


@pytest.mark.exhaustive
def test_torch_comparison_runs(run, tmp_path, monkeypatch):
    needs.pytorch()
    data = tinygan.data.load_dataset
    monkeypatch.setattr("tinygan.data.load_dataset",
                        lambda source, split="train": data("synthetic", split))  # fmt: skip
    text = run("compare_torch.py", "--epochs", 1, "--samples", 200, *SMALL)
    assert "averaged: FID" in text
    assert (tmp_path / "runs" / "torch_mnist" / "samples.png").exists()
