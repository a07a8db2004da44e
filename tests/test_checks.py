"""What is given to Settings, Trainer and Scorer is looked at before anything is computed; and the
streams, signals and files of machines that are not as usual."""

from __future__ import annotations

import io
import json
import signal
import sys

import numpy as np
import pytest

import tinygan
from tinygan import nn
from tinygan.data import Dataset, synthetic_digits
from tinygan.devices import generator
from tinygan.images import save_png
from tinygan.metrics import RandomFeatures, Scorer, features_for, hold_out
from tinygan.metrics.report import check_sets
from tinygan.metrics.scores import SCORES
from tinygan.models import CGAN, DCGAN
from tinygan.packages import require
from tinygan.printing import escape_unprintable, say
from tinygan.training import Settings, Trainer
from tinygan.training.log import write_run_file
from tinygan.training.progress import Progress, stop_signals
from tinygan.training.records import Records

INFINITY, NAN = float("inf"), float("nan")


def some_images(count, size=8, channels=1, classes=None):
    rng = np.random.default_rng(count)
    labels = None if classes is None else np.arange(count) % classes
    images = rng.integers(0, 256, (count, channels, size, size)).astype(np.uint8)
    return Dataset(images, labels, "toy")


COUNTS = "batch_size", "penalty_every", "pack"
# Settings: field, value, what the message says besides the field and the value.
SETTINGS = [
    *((name, value, "must be an integer") for name in (*COUNTS, "seed")
      for value in (2.0, True, "4", None)),
    *((name, 0, "must be at least 1") for name in COUNTS),
    ("seed", -1, "must be at least 0"),
    *((name, value, "must be finite and >= 0") for name in ("lr", "lr_d", "r1", "gradient_penalty")
      for value in (NAN, INFINITY, -1.0)),
    *((name, value, "must be a Python number") for name in ("lr", "lr_d", "r1", "real_label")
      for value in ("1", True, np.float32(0.1))),
    *((name, value, r"must be in \[0, 1\)") for name in ("beta1", "beta2", "average_decay")
      for value in (NAN, 1.0, -0.1)),
    ("real_label", 1.5, r"must be in \(0, 1\]"),
    ("real_label", NAN, "finite"),
    ("loss", "hing", "there are minimax"),
    ("augment", "cutout", "must be a tuple of names"),
    ("augment", ("cutout", "blur"), "there are brightness, translation, cutout"),
    ("decay", 3, "must be a pair"),
    ("decay", (1, NAN), "finite"),
    ("decay", (4, 2), "must be .first, later."),
    ("noise", (0.1,), "must be a pair"),
    ("noise", (-0.1, 2), "finite and >= 0"),
    ("noise", (0.1, 0), "epochs > 0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "message"), SETTINGS, ids=lambda x: str(x)[:20])
def test_settings_refuse_what_no_run_can_have(name, value, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        Settings(**{name: value})
    assert "loss" in name or name in str(error.value)


def conditional(**changes):
    return DCGAN(8, 1, 2, classes=3, **changes)


TRAINER = {
    "no model": (lambda: dict(model=nn.Linear(2, 2)), TypeError, "model must have a generator"),
    "an array": (lambda: dict(data=np.zeros((9, 1, 8, 8))), TypeError, "must be a Dataset"),
    "a mapping": (lambda: dict(settings={"lr": 1}), TypeError, "must be Settings, got dict"),
    "no function": (lambda: dict(evaluate={"fid": 1}), TypeError, "evaluate must be a function"),
    "no term": (lambda: dict(regulariser=1.0), TypeError, "regulariser must be a function"),
    "no samples": (lambda: dict(samples=0), ValueError, "samples must be at least 1, got 0"),
    "half samples": (lambda: dict(samples=2.5), TypeError, "samples must be an integer"),
    "no reports": (lambda: dict(report_every=-1), ValueError, "report_every must be at least 1"),
    "few images": (lambda: dict(data=some_images(3)), ValueError, "3 images, fewer than the 4 of"),
    "other size": (
        lambda: dict(data=some_images(9, 16)), ValueError,
        r"model.generator makes images of shape \(1, 8, 8\), .* toy, have \(1, 16, 16\)",
    ),
    "other channels": (
        lambda: dict(data=some_images(9, channels=3)), ValueError, r"have \(3, 8, 8\)"
    ),
    "packed by one": (
        lambda: dict(model=DCGAN(8, 1, 2, pack=2)), ValueError,
        r"model.discriminator does not take images of shape \(1, 8, 8\), those of data: ",
    ),
    "packed by many": (
        lambda: dict(settings=Settings(4, pack=2)), ValueError, "packed by settings.pack = 2: "
    ),
    "no labels": (lambda: dict(model=conditional()), ValueError, "toy has no labels"),
    "more classes": (
        lambda: dict(model=conditional(), data=some_images(9, classes=5)), ValueError,
        "labels from 0 to 4, the model is for 3 classes, 0 to 2; make it with classes=5",
    ),
    "packed labels": (
        lambda: dict(model=conditional(), data=some_images(9, classes=3),
                     settings=Settings(4, pack=2)), ValueError, "only images without labels",
    ),
    "no device": (lambda: dict(device="gpu"), ValueError, "device must be 'cpu'"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAINER)
def test_a_trainer_refuses_what_does_not_fit(name, tmp_path):
    make, kind, message = TRAINER[name]
    arguments = dict(model=DCGAN(8, 1, 2), data=some_images(9), settings=Settings(4), samples=4)
    arguments |= make()
    model, data, settings = (arguments.pop(part) for part in ("model", "data", "settings"))
    with pytest.raises(kind, match=message):
        Trainer(model, data, tmp_path / "out", settings, **arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("epochs", [0, -1, 1.5, NAN, "2"])
def test_epochs_are_counted(epochs, tmp_path):
    trainer = Trainer(DCGAN(8, 1, 2), some_images(9), tmp_path, Settings(4), samples=4)
    with pytest.raises((ValueError, TypeError), match=r"Trainer\.train: epochs must be"):
        trainer.train(epochs)
    assert trainer.step == 0 and not trainer.checkpoint_path.exists()


class Noise(nn.Module):
    """Draws random numbers in evaluation mode, too."""

    def forward(self, x):
        return x + tinygan.randn(*x.shape)


def test_looking_at_the_nets_leaves_no_trace(tmp_path):
    model, state = DCGAN(8, 1, 2, spectral_norm_d=True), generator.get_state()
    model.discriminator = nn.Sequential(Noise(), model.discriminator)
    nets = model.generator, model.discriminator
    before = [{name: x.numpy().copy() for name, x in net.state_dict().items()} for net in nets]
    Trainer(model, some_images(9), tmp_path, Settings(4), samples=4)
    drawn = tinygan.rand(3).numpy()
    generator.set_state(state)
    # A trainer draws its own latent vectors from streams of their own.
    assert np.array_equal(drawn, tinygan.rand(3).numpy())
    for net, old in zip(nets, before, strict=True):
        assert all(module.training for module in net.modules())
        for name, x in net.state_dict().items():
            assert np.array_equal(x.numpy(), old[name]), name


def test_pictures_show_the_classes_that_there_are(tmp_path):
    labels = np.array([1, 4, 7] * 3)
    data = Dataset(some_images(9, 28).images, labels, "toy")
    trainer = Trainer(CGAN(10), data, tmp_path, Settings(4), samples=30)
    assert set(trainer.game.fixed_labels.numpy()) == {1, 4, 7}


def test_missing_packages_are_named_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="Trainer needs pillow and matplotlib: pip"):
        Trainer(DCGAN(8, 1, 2), some_images(9), tmp_path / "out", Settings(4), samples=4)
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    require("this", "PIL.Image", "matplotlib.figure")


# Scores


@pytest.fixture(scope="module")
def scorer():
    data = synthetic_digits(40, 0)
    return Scorer(RandomFeatures(1).fit(data), *hold_out(data), scores=("fid", "kid"))


def digits(scale=1.0, shift=0.0, count=40):
    return synthetic_digits(count, 1).batch(np.arange(count)) * scale + shift


WRONG_IMAGES = {
    "in [0, 1]": (lambda: digits(0.5, 0.5), r"in \[0, 1\], and none is darker .* 2 \* x - 1"),
    "in [0, 255]": (lambda: digits(127.5, 127.5), r"in \[0, 255\]; .* x / 127.5 - 1"),
    "bytes": (lambda: synthetic_digits(40, 1).images, r"in \[0, 255\]"),
    "of 32x32": (lambda: np.zeros((40, 1, 32, 32), "f4"), r"expected \(n, 1, 28, 28\)"),
    "in colour": (lambda: np.zeros((40, 3, 28, 28), "f4"), r"\(40, 3, 28, 28\), expected"),
    "without channels": (lambda: np.zeros((40, 28, 28), "f4"), r"shape \(40, 28, 28\)"),
    "not finite": (lambda: digits() * np.float32(NAN), "not finite"),
    "too few": (lambda: digits(count=3), "3 images, the score 'kid' needs 4 or more"),
}


@pytest.mark.parametrize("name", WRONG_IMAGES)
def test_a_scorer_refuses_images_that_it_is_not_made_for(name, scorer):
    make, message = WRONG_IMAGES[name]
    with pytest.raises(ValueError, match="Scorer: .*" + message):
        scorer(make())


def test_a_scorer_takes_all_that_a_generator_makes(scorer, rng):
    noise = 0.3 * rng.standard_normal((40, 1, 28, 28)).astype(np.float32)
    for images in (digits(), digits() + noise, np.ones((40, 1, 28, 28), np.float32), digits(0.1)):
        assert np.isfinite(scorer(images)["fid"])


def test_limits_of_scores_and_of_sets_agree():
    """Either all scores can be computed, or the first look says how many images are needed."""
    for count in range(2, 12):
        data = some_images(count, 28)
        if count < 4:
            with pytest.raises(ValueError, match=f"hold_out: toy has {count} images, expected 4"):
                hold_out(data)
            continue
        reference, held_out = hold_out(data)
        for name in SCORES:
            try:
                check_sets(reference, held_out, scores=(name,))
            except ValueError as problem:
                assert f"the score {name!r} needs" in str(problem) and count < 9
                continue
            made = Scorer(RandomFeatures(1).fit(data), reference, held_out, scores=(name,))
            numbers = made(held_out.batch(np.arange(made.count)))
            assert all(np.isfinite(x) for x in numbers.values() if isinstance(x, float))
    with pytest.raises(ValueError, match=r"of shape \(1, 8, 8\), held_out of \(1, 16"):
        check_sets(some_images(9), some_images(9, 16))
    with pytest.raises(TypeError, match="scores must be a sequence of names, got 'fid'"):
        check_sets(some_images(9), some_images(9), scores="fid")


# Machines


class Stream(io.TextIOWrapper):
    """A stream of an encoding that keeps what was written."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding, "strict", newline="\n")

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.parametrize(
    ("encoding", "seen"), [("ascii", r"k\xfc\u4e2d"), ("cp1252", r"kü\u4e2d"), ("utf-8", "kü中")]
)
def test_a_stream_that_lacks_a_character_shows_its_number(encoding, seen, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Stream(encoding))
    say("kü中")
    with Progress(10, 0) as progress:
        progress.print("kü中")
    data = Dataset(some_images(4).images, None, "kü中")
    features_for(data)  # prints the name of the data
    escape_unprintable()
    print("kü中")
    lines = sys.stdout.text().splitlines()
    assert lines[0] == lines[1] == lines[3] == seen and seen in lines[2]


def test_a_program_without_streams_trains_in_silence(tmp_path, monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    say("nobody hears")
    escape_unprintable()
    trainer = Trainer(DCGAN(8, 1, 2), some_images(9), tmp_path, Settings(4), samples=4)
    assert trainer.train(1)


def test_a_handler_that_c_has_installed_stays(monkeypatch):
    """Python says None of a handler that is not Python's, and cannot put it back."""
    run, asked = Progress(1, 0), []
    of_python = signal.getsignal
    monkeypatch.setattr(
        signal, "getsignal", lambda number: None if number == signal.SIGTERM else of_python(number)
    )
    before = of_python(signal.SIGTERM)
    run.stopping = False
    with stop_signals(run):
        asked.append(of_python(signal.SIGTERM))
        assert of_python(signal.SIGINT) is not signal.default_int_handler
    assert asked == [before] == [of_python(signal.SIGTERM)]


@pytest.mark.parametrize(
    ("arguments", "written"),
    [(None, []), ([], []), ([""], [""]), (["/a/run.py", "-x"], ["run.py", "-x"])],
)
def test_a_program_without_arguments_has_a_run_file(arguments, written, tmp_path, monkeypatch):
    if arguments is None:
        monkeypatch.delattr(sys, "argv")
    else:
        monkeypatch.setattr(sys, "argv", arguments)
    write_run_file(tmp_path / "run.json", {}, {}, "cpu", 0)
    assert json.loads((tmp_path / "run.json").read_text())["command"] == written


def test_an_animation_has_the_pictures_of_its_run_in_their_order(tmp_path, monkeypatch):
    records, shown = Records(tmp_path), []
    records.begin(1)
    for epoch in (1, 5, 999, 1000, 1001, 1002):
        save_png(np.zeros((2, 2, 3), np.uint8), tmp_path / "samples" / f"epoch_{epoch:03d}.png")
        if epoch != 5:  # a picture of an older run in the same folder
            records.write(step=epoch, epoch=epoch)
    monkeypatch.setattr("tinygan.training.records.save_gif", lambda paths, _: shown.extend(paths))
    records.draw()
    assert [path.stem for path in shown] == [f"epoch_{n:03d}" for n in (1, 999, 1000, 1001, 1002)]
