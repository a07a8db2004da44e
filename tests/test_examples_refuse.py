"""What a user may get wrong, in every example: one line that says what came, what is possible and
what to type, status 2, and no work before it."""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import needs
import numpy as np
import pytest
from PIL import Image

import tinygan
from tinygan.models import CGAN, DCGAN

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
COMMANDS = [path.name for path in sorted(EXAMPLES.glob("*.py"))
            if "command_line.start(" in path.read_text(encoding="utf-8")]  # fmt: skip
RUNS = ["cgan_mnist.py", "gan_mnist.py", "dcgan_mnist.py", "dcgan_conditional_mnist.py",
        "dcgan_folder.py", "mode_coverage.py"]  # fmt: skip
DCGANS = ["dcgan_mnist.py", "dcgan_conditional_mnist.py", "dcgan_folder.py"]
LABELS = ["cgan_mnist.py", "gan_mnist.py", "dcgan_conditional_mnist.py", "deligan_mnist.py",
          "collapse_study.py"]  # fmt: skip


def ask_for_pytorch(name):
    """Skips the test of an example that does nothing without it."""
    if name in ("compare_torch.py", "compare_programs.py"):
        needs.pytorch()
    if name == "compare_programs.py":
        pytest.importorskip("torchvision")


class Worked(Exception):
    """An example began its work: a step, a classifier, scores."""


@pytest.fixture
def refused(monkeypatch, tmp_path, capsys):
    """Runs an example; returns the line with which it refused to begin."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    loaded = set(sys.modules)

    def works(*_, **__):
        raise Worked

    monkeypatch.setattr("tinygan.training.Trainer.train", works)
    monkeypatch.setattr("tinygan.metrics.classifier.train_classifier", works)
    monkeypatch.setattr("tinygan.metrics.classifier_for", works)
    monkeypatch.setattr("tinygan.metrics.features_for", works)
    monkeypatch.setattr(importlib.import_module("common"), "classifier_for", works)
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "train", (40, 0))
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "test", (20, 1))

    def refused(name, *arguments):
        ask_for_pytorch(name)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        text = capsys.readouterr().err
        assert stop.value.code == 2, text
        assert text.count("\n") == 1 and text.startswith(f"{name}: "), text
        assert "Traceback" not in text
        return text

    yield refused
    # What the examples import has taken over what was replaced.
    for name in set(sys.modules) - loaded:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).parent == EXAMPLES:
            del sys.modules[name]


def pictures(folder, classes, each, size=28):
    """A folder of pictures with a sub-folder for each class."""
    rng = np.random.default_rng(0)
    for label in classes:
        (folder / str(label)).mkdir(parents=True)
        for index in range(each):
            pixels = rng.integers(0, 256, (size, size)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / str(label) / f"{index}.png")
    return folder


# Options: what no number can be, for each option of each example that takes a value.

TEXTS = {"device": ["gpu", "cuda:x", ""], "data": ["nowhere", ""], "run": ["nowhere"],
         "results": ["nowhere"], "torch_modes": ["fast"], "write": ["nowhere.md"],
         "json": ["."], "out": [f"{__file__}/x"], "work": [f"{__file__}/x"],
         "clones": ["nowhere"]}  # fmt: skip
# What an example cannot do without, before the option in question.
ALWAYS = {"compare_programs.py": ["."], "write_api.py": ["--check"]}
ANY_TEXT = {("compare_programs.py", "only"), ("gawwn.py", "sample")}  # "-1" has a word, "1"
NUMBERS = ["nan", "inf", "-1", "1e999", "x", ""]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_refuses_what_it_cannot_be(name, refused, monkeypatch):
    command_line = importlib.import_module("command_line")
    parsers = []

    def kept(self, *arguments):
        parsers.append(self)
        raise Worked

    with monkeypatch.context() as patch, pytest.raises(Worked):
        patch.setattr(command_line.Parser, "parse_args", kept)
        ask_for_pytorch(name)
        patch.setattr(sys, "argv", [name])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    (parser,) = parsers
    options = [action for action in parser._actions if action.nargs != 0]
    assert options or name == "write_api.py"
    needed = ALWAYS.get(name, [])
    for action in options:
        if (name, action.dest) in ANY_TEXT:
            continue
        for text in TEXTS.get(action.dest, NUMBERS):
            if not action.option_strings:
                assert text in refused(name, text)
                continue
            line = refused(name, *needed, f"{action.option_strings[0]}={text}")
            assert action.option_strings[0] in line and text in line
    assert "unrecognized arguments: --nonsense" in refused(name, *needed, "--nonsense")


# (example, arguments, what the line says)
PUBLISHED = [
    ("dcgan_mnist.py", "--lr nan", "argument --lr: must be above 0 and at most 1, as 0.0002, got"),
    ("dcgan_mnist.py", "--lr 0", "argument --lr: must be above 0"),
    ("dcgan_mnist.py", "--lr 3", "at most 1, as 0.0002, got 3"),
    ("dcgan_mnist.py", "--seed -1", "argument --seed: must be an integer of at least 0, got -1"),
    ("dcgan_mnist.py", "--epochs 0", "argument --epochs: must be an integer of at least 1, got 0"),
    ("dcgan_mnist.py", "--epochs -2", "argument --epochs: must be an integer of at least 1"),
    ("dcgan_mnist.py", "--batch-size 0", "argument --batch-size: must be an integer of at least 1"),
    ("dcgan_mnist.py", "--data /nowhere",
     "--data: must be mnist, fashion, synthetic or the path of a folder of pictures; '/nowhere' is "
     "neither"),
    ("dcgan_mnist.py", f"--data {__file__}", "test_examples_refuse.py' is a file"),
    ("dcgan_mnist.py", "--device gpu", "--device: device must be 'cpu', 'cuda' or 'cuda:<index>'"),
    ("dcgan_mnist.py", "--threads 100000", "argument --threads: must be an integer from 1 to "),
    ("dcgan_mnist.py", "--sample 5 --resume", "--resume and --sample exclude each other"),
    ("dcgan_conditional_mnist.py", "--digit 3", "--digit goes with --sample"),
    ("dcgan_folder.py", "", "--data: name the folder"),
    ("dcgan_folder.py", "--data mnist", "must be the path of a folder of pictures; 'mnist' is not"),
    ("dcgan_folder.py", "--size 4 --data .", "argument --size: must be an integer of at least 8"),
    ("dcgan_folder.py", "--data .", "no "),
    ("cgan_mnist.py", "--label both", "(choose from "),
    ("gan_mnist.py", "--variant old", "(choose from "),
    ("deligan_toy.py", "--only WGAN", "invalid choice: 'WGAN'"),
    ("deligan_mnist.py", "--resume", "unrecognized arguments: --resume"),
    ("mode_coverage.py", "--resume", "--resume goes with --data stacked"),
    ("mode_coverage.py", "--data stacked --seeds 2", "--r1 and --seeds go with points"),
    ("mode_coverage.py", "--data stacked --quick --pack 100",
     "--pack 100: a step takes 6400 images"),
    ("explore_dcgan.py", "--run nowhere", "--run: nowhere has no checkpoint.npz"),
    ("score_floors.py", "--size 32", "go with a folder; mnist has 28 and 1"),
    ("score_floors.py", "--data synthetic --count 3", "the score 'kid' needs 5 or more"),
    ("draw_charts.py", "--results nowhere", "--results: nowhere is not a folder"),
    ("benchmark_step.py", f"--json {__file__}/x/y.json", f"--json {__file__}/x: cannot be written"),
    ("benchmark_step.py", "--json .", "--json: . is a folder"),
    ("benchmark_ops.py", "--json .", "--json: . is a folder; name a file"),
    ("compare_programs.py", ".", "none of the programs is in .; --help says what to clone"),
    ("write_api.py", "", "one of the arguments --write --check is required"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "message"), PUBLISHED, ids=lambda x: str(x)[-30:])
def test_a_wrong_word_ends_in_one_line(name, arguments, message, refused):
    assert message in refused(name, *arguments.split())


@pytest.mark.parametrize("name", RUNS)
def test_the_folder_of_a_run(name, refused, tmp_path):
    more = ["--data", "stacked" if name == "mode_coverage.py" else "synthetic"]
    if name == "dcgan_folder.py":
        more = ["--quick"]
    line = refused(name, "--out", "none", "--resume", *more)
    assert "--resume: --out none holds no run (no none" in line and "train one first" in line
    (tmp_path / "checkpoint.npz").touch()
    line = refused(name, "--out", ".", *more)
    assert "--out . holds a run already; go on with it by --resume, or choose another" in line
    line = refused(name, "--out", "checkpoint.npz", *more)
    assert "--out checkpoint.npz: not a folder" in line
    line = refused(name, "--out", "checkpoint.npz/below", *more)
    assert "--out checkpoint.npz/below: cannot be written to (Not a directory); choose an" in line
    if name in DCGANS:
        line = refused(name, "--out", "none", "--sample", 100)
        assert "--sample: --out none holds no run" in line


DRAW_NOTHING = ["score_floors.py", "benchmark_step.py", "benchmark_ops.py", "benchmark_loader.py",
                "benchmark_threads.py", "compare_programs.py", "write_api.py"]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in DRAW_NOTHING])
def test_packages_are_asked_for_at_the_start(name, refused, monkeypatch):
    module, package = "PIL.Image", "pillow"
    if name == "draw_charts.py":
        module, package = "matplotlib.figure", "matplotlib"
    monkeypatch.setitem(sys.modules, module, None)
    assert f"it needs {package}: pip install {package}" in refused(name)


def test_scikit_learn_is_asked_for_at_the_start(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert "it needs scikit-learn: pip install scikit-learn" in refused("explore_dcgan.py")


# Pictures


@pytest.mark.parametrize("name", [*LABELS, "dcgan_mnist.py", "dcgan_folder.py"])
def test_few_pictures_are_counted_before_anything_is_computed(name, refused, tmp_path):
    """Fewer than a batch, and enough for a batch of one but too few for the scores."""
    folder = pictures(tmp_path / "few", (0, 1), 4)
    assert "batch of " in refused(name, "--data", folder, "--batch-size", 64)
    line = refused(name, "--data", folder, "--batch-size", 1)
    assert "add pictures. Scorer: the score 'kid' needs 5 or more reference images" in line
    for path in sorted(folder.rglob("*.png"))[2:-1]:
        path.unlink()
    assert "expected 4 or more" in refused(name, "--data", folder, "--batch-size", 1)


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_asked_for_before_anything_is_computed(name, refused, tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    for index in range(12):
        Image.fromarray(np.full((28, 28), 20 * index, np.uint8)).save(folder / f"{index}.png")
    line = refused(name, "--data", folder, "--batch-size", 2)
    assert "these pictures have no labels" in line and "sub-folders, one for each class" in line


@pytest.mark.parametrize("name", ["cgan_mnist.py", "dcgan_conditional_mnist.py"])
@pytest.mark.parametrize("count", [3, 12])
def test_conditional_nets_have_the_classes_of_the_data(name, count, refused, tmp_path, monkeypatch):
    made = []

    def keep(model, *_, **__):
        made.append(model)
        raise Worked

    monkeypatch.setattr(importlib.import_module("common"), "make_trainer", keep)
    folder = pictures(tmp_path / "pictures", range(100, 100 + count), 6)
    monkeypatch.setattr(sys, "argv", [name, "--data", str(folder), "--batch-size", "4"])
    with pytest.raises(Worked):
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    assert isinstance(made[0], (CGAN, DCGAN)) and made[0].classes == count


# Runs


@pytest.fixture
def kept_run(refused, tmp_path, monkeypatch):
    """Makes the run of an example that saves its checkpoint and trains nothing."""

    def kept_run(name, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr("tinygan.training.Trainer.train", lambda self, _: self.save())
            patch.setattr(importlib.import_module("common"), "scorer_for", lambda *_: None)
            patch.setattr(sys, "argv", [name, "--out", "run", *map(str, arguments)])
            with pytest.raises(SystemExit, match="stopped and saved"):
                runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        assert (tmp_path / "run" / "checkpoint.npz").exists()

    return kept_run


def test_a_run_goes_on_with_its_own_settings_only(kept_run, refused, tmp_path):
    started = ("--data", "synthetic", "--width", 4, "--batch-size", 20)
    kept_run("dcgan_mnist.py", *started)
    for change in (("--width", 5), ("--batch-size", 10), ("--lr", 0.1), ("--seed", 3)):
        line = refused("dcgan_mnist.py", *started, *change, "--out", "run", "--resume")
        assert "of a run with other settings" in line
        assert "it was started by: dcgan_mnist.py --out run --data synthetic --width 4 --b" in line
    (tmp_path / "run" / "checkpoint.npz").write_bytes(b"PK no archive")
    assert "checkpoint.npz" in refused("dcgan_mnist.py", *started, "--out", "run", "--resume")


def test_samples_are_of_the_classes_that_a_run_has(kept_run, refused, tmp_path):
    folder = pictures(tmp_path / "pictures", "abc", 6)
    kept_run("dcgan_conditional_mnist.py", "--data", folder, "--width", 2, "--batch-size", 4)
    of = ("--out", "run", "--sample", 4)
    line = refused("dcgan_conditional_mnist.py", *of, "--digit", 3)
    assert "--digit: the run in --out run has the classes 0 to 2, got 3" in line
    line = refused("dcgan_mnist.py", *of)
    assert "has 3 classes; draw from it by dcgan_conditional_mnist.py" in line
    run = tmp_path / "run" / "run.json"
    content = json.loads(run.read_text())
    needs.scikit_learn()
    assert "run: not a run of dcgan_mnist.py" in refused("explore_dcgan.py", "--run", "run")
    run.write_text(json.dumps({**content, "settings": {"model": None}}))
    assert "a run of other nets than a DCGAN's" in refused("dcgan_conditional_mnist.py", *of)
    run.write_text("{")
    assert "run.json is damaged" in refused("dcgan_conditional_mnist.py", *of)


@pytest.mark.parametrize("name", ["deligan_mnist.py", "collapse_study.py", "deligan_toy.py"])
def test_damaged_results_are_named(name, refused, tmp_path):
    for damaged in ("{", "[" * 100_000):
        (tmp_path / "results.json").write_text(damaged)
        assert "results.json is damaged" in refused(name, "--out", ".", "--quick")


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_damaged_results_of_programs_are_named(content, refused, tmp_path, monkeypatch):
    (tmp_path / "results.json").write_text(content)
    program = importlib.import_module("programs_list").PROGRAMS[0].name
    (tmp_path / program).parent.mkdir(parents=True)
    (tmp_path / program).touch()
    line = refused("compare_programs.py", ".", "--json", "results.json")
    assert "--json results.json: it is damaged (" in line


# As a user runs it


def program(folder, name, *arguments):
    """A process whose streams have no letter beyond ASCII."""
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments], cwd=folder, capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"}, encoding="ascii",
    )  # fmt: skip


def test_a_real_program_ends_in_one_line(tmp_path):
    done = program(tmp_path, "dcgan_mnist.py", "--out", "kü中", "--resume")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert done.stderr.startswith(r"dcgan_mnist.py: --resume: --out k\xfc\u4e2d holds no run")


def test_a_real_program_prints_names_that_its_streams_lack(tmp_path):
    (tmp_path / "kü中").mkdir()
    done = program(tmp_path, "draw_charts.py", "--results", "kü中", "--out", "charts")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(r"k\xfc\u4e2d")


# Results of another program or with other options


@pytest.mark.parametrize(("name", "arguments"), [
    ("inpaint.py", []), ("make_dataset.py", []), ("mode_coverage.py", ["--data", "grid"]),
    ("time_to_quality.py", []), ("deligan_toy.py", []), ("deligan_mnist.py", []),
    ("collapse_study.py", []), ("mode_coverage.py", ["--data", "stacked"]),
])  # fmt: skip
def test_results_of_something_else_are_kept(name, arguments, refused, tmp_path):
    for content in ({"settings": {"program": "another.py"}, "rows": {}}, {"real": 3, "runs": []}):
        (tmp_path / "results.json").write_text(json.dumps(content))
        line = refused(name, "--out", ".", "--quick", *arguments)
        assert "--out . holds other results (" in line and "choose another folder" in line
        assert json.loads((tmp_path / "results.json").read_text()) == content


def test_results_with_other_options_are_kept(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["deligan_mnist.py"])
    common = importlib.import_module("common")
    options = argparse.Namespace(out=tmp_path, seed=0, epochs=2, only=None, device="cpu")
    common.Results(options).write(rows={"a": 1})
    options.only = "b"  # which part of the table
    assert common.Results(options).found["rows"] == {"a": 1}
    options.epochs = 3
    with pytest.raises(SystemExit):
        common.Results(options)


@pytest.mark.parametrize(("name", "arguments", "message"), [
    ("pix2pix.py", ["--target", "Sans"], "--target: must be another one than --source"),
    ("stargan.py", ["--styles", "Sans", "Sans"], "--styles: name two or more, each once"),
    ("cyclegan.py", ["--size", "31"], "--size: must be one of 8, 16, 32, 64, 128, 256, got 31"),
    ("gawwn.py", ["--box", "1,1,9,9"], "--box goes with --sample"),
    ("pix2pix.py", ["--data", "emoji", "--source", "Sans"], "--source and --target go with --data"),
    ("mode_coverage.py", ["--width", "9"], "--width goes with --data stacked"),
    ("dcgan_mnist.py", ["--out="], "--out: must be the path of a folder, got nothing"),
])  # fmt: skip
def test_options_that_do_not_go_together(name, arguments, message, refused):
    assert message in refused(name, *arguments)


@pytest.mark.parametrize("name", ["gawwn.py", "inpaint.py", "make_dataset.py", "dcgan_mnist.py"])
def test_a_run_of_other_nets_is_told_by_its_name(name, kept_run, refused, tmp_path):
    kept_run("dcgan_mnist.py", "--data", "synthetic", "--width", 4, "--batch-size", 20)
    run = tmp_path / "run" / "run.json"
    content = json.loads(run.read_text())
    of = ["--run", "run"] if name in ("inpaint.py", "make_dataset.py") else ["--out", "run"]
    if name == "gawwn.py":
        of += ["--sample", "a thin two", "--box", "1,1,9,9"]
    elif name == "dcgan_mnist.py":
        of += ["--sample", "3"]
    for settings in ({"model": {"petals": 5}}, {}, None):
        run.write_text(json.dumps({**content, "settings": settings}))
        assert "holds a run of other nets than a " in refused(name, *of)


def test_the_folder_of_a_refused_run_is_gone(tmp_path):
    options = ("--size", "16", "--depth", "9", "--quick", "--out", "a/b")
    done = program(tmp_path, "pix2pix.py", *options)
    assert done.returncode == 2 and not (tmp_path / "a").exists()


def test_an_option_beside_quick_wins(refused, monkeypatch):
    command_line = importlib.import_module("command_line")
    parser = command_line.Parser("")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--epochs", type=int, default=8)
    parser.quick(width=4, epochs=1)
    for line, expected in (("", (48, 8)), ("--quick", (4, 1)), ("--width 48 --quick", (48, 1))):
        monkeypatch.setattr(sys, "argv", ["example.py", *line.split()])
        options = parser.parse_args()
        assert (options.width, options.epochs) == expected
        parser.set_defaults(width=48, epochs=8)


def test_what_the_machine_takes_away_is_a_sentence(refused, capsys):
    command_line = importlib.import_module("command_line")

    def fails():
        raise OSError(errno.ENOSPC, "No space left on device", "run/results.json")

    with pytest.raises(SystemExit) as stop:
        command_line.start(fails)
    assert stop.value.code == 1
    assert "run/results.json: No space left on device\n" in capsys.readouterr().err

    def wrong():
        raise OSError("of a library")

    with pytest.raises(OSError, match="of a library"):
        command_line.start(wrong)
