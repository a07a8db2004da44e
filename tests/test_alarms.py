"""Alarms of collapse: true ones are given, a beginning and chance are not taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from tinygan.data import Dataset, synthetic_digits
from tinygan.models import DCGAN
from tinygan.training import Settings, Trainer, alarms
from tinygan.training.log import read_json_lines

LATE = alarms.FEWEST_STEPS


def test_collapse_alarm_sees_equal_samples_and_not_one_digit(rng):
    digits = synthetic_digits(500, seed=0)
    real = digits.batch(np.arange(500))
    same = np.repeat(real[:1], 64, axis=0) + rng.normal(0, 0.02, (64, 1, 28, 28))
    message = alarms.collapse(same, real, LATE)
    assert "G has collapsed" in message and "Try half the rates" in message
    assert alarms.collapse(same, real, LATE - 1) is None  # a beginning
    assert alarms.collapse(real[:64], real, LATE) is None
    # All the digit 1, but different ones: the class alarm's business, not this one's.
    ones = digits.batch(np.flatnonzero(digits.labels == 1)[:40])
    assert alarms.collapse(ones, real, LATE) is None


@pytest.mark.parametrize("images", [8, 40])
def test_a_run_that_has_just_begun_is_no_collapse(images, tmp_path, capsys):
    """Untrained samples are alike, in however many epochs of a small folder."""
    pictures = np.random.default_rng(0).integers(0, 256, (images, 1, 16, 16)).astype(np.uint8)
    data = Dataset(pictures, np.arange(images) % 2, "toy")

    def evaluate(samples):  # what a classifier makes of grey images
        return {"histogram": [1.0, 0.0]}

    trainer = Trainer(
        DCGAN(16, 1, 4), data, tmp_path, Settings(batch_size=8), samples=10, evaluate=evaluate
    )
    trainer.train(4)
    assert "ALARM" not in capsys.readouterr().out
    pictures_now = trainer.generate(trainer.game.fixed_latent)
    assert alarms.collapse(pictures_now, data.batch(np.arange(images)), LATE) is not None


def alarm(histogram, samples=10_000, labels=None, steps=LATE):
    return alarms.missing_classes({"histogram": histogram}, steps, samples, labels)


def test_missing_classes_are_named():
    assert alarms.missing_classes({}, LATE, 100) is None
    assert alarm([0.1] * 10) is None
    message = alarm([0.25] * 4 + [0.0] * 6)
    assert "only 4 of 10" in message and "Try " in message
    assert "class 9 in 60 %" in alarm([0.4 / 9] * 9 + [0.6])
    assert alarm([0.25] * 4 + [0.0] * 6, steps=LATE - 1) is None


def test_classes_are_as_frequent_as_in_the_data(rng):
    two = rng.integers(0, 2, 1000)
    assert alarm([0.55, 0.45], labels=two) is None
    assert "class 0 in 95 %" in alarm([0.95, 0.05], labels=two)
    assert "only 1 of 2" in alarm([1.0, 0.0], labels=two)
    mostly_one = (rng.random(1000) < 0.1).astype(np.int64)
    assert alarm([0.9, 0.1], labels=mostly_one) is None
    assert "class 1 in 90 %" in alarm([0.1, 0.9], labels=mostly_one)
    only_three = rng.integers(0, 3, 1000)  # judged by a classifier of ten digits
    assert alarm([1 / 3] * 3 + [0.0] * 7, labels=only_three) is None


@pytest.mark.parametrize("samples", [4, 10, 30, 100])
@pytest.mark.parametrize("classes", [2, 10])
def test_few_samples_miss_classes_by_chance(classes, samples, rng):
    for _ in range(300):
        drawn = np.bincount(rng.integers(0, classes, samples), minlength=classes)
        assert alarm((drawn / samples).tolist(), samples) is None


def test_a_wasserstein_loss_near_zero_is_no_victory_of_the_discriminator(tmp_path, monkeypatch):
    """It is a difference of two means, and small where neither net has learned anything."""
    monkeypatch.setattr(alarms, "STUCK_STEPS", 5)
    pictures = np.random.default_rng(0).integers(0, 256, (8, 1, 8, 8)).astype(np.uint8)
    settings = Settings(batch_size=8, lr=1e-9, loss="wasserstein")
    trainer = Trainer(DCGAN(8, 1, 4), Dataset(pictures, None, "toy"), tmp_path, settings, samples=1)
    trainer.train(10)
    log = read_json_lines(tmp_path / "log.jsonl")
    losses = [entry["loss_d"] for entry in log if "loss_d" in entry]
    assert len(losses) == 10 and all(0 <= loss < alarms.STUCK_LOSS for loss in losses)
    assert not [entry for entry in log if "alarm" in entry]
