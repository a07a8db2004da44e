"""The command ``tinygan``: each of its words, as a user types it."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinygan.data.load
from tinygan import cli, pretrained
from tinygan.commands import COMMANDS, warmup
from tinygan.data import synthetic_digits
from tinygan.kernels.cpu import compiler
from tinygan.kernels.ladder import all_ladders
from tinygan.recipes import RECIPES, Plan
from tinygan.training import Settings

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TINY = ("--set", "nets.width=4", "settings.batch_size=40")


@pytest.fixture
def command(monkeypatch, tmp_path, capsys, shared_cache):
    """Runs ``tinygan WORDS`` in a folder of its own, with a few synthetic digits; returns the exit
    status, and what was printed and said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYGAN_CACHE", str(shared_cache))
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "train", (640, 0))
    monkeypatch.setitem(tinygan.data.load.SYNTHETIC_SPLITS, "test", (200, 1))
    monkeypatch.setattr(compiler, "_not_wanted", False)  # `sample` wants no compiler from then on

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["tinygan", *map(str, words)])
        try:
            status = cli.main(list(map(str, words)))
        except SystemExit as end:
            status = end.code
        out, err = capsys.readouterr()
        return status, out, err

    yield run
    monkeypatch.undo()
    compiler.compiles.cache_clear()


def test_the_words(command):
    status, out, _ = command()
    assert status == 2 and all(f"  {name}" in out for name in COMMANDS)
    status, out, _ = command("--help")
    assert status == 0 and "tinygan sample --class 7" in out
    status, _, err = command("smaple")
    assert status == 2 and "invalid choice: 'smaple'" in err and err.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example(name, command):
    status, out, _ = command(name, "--help")
    assert status == 0 and f"tinygan {name}" in " ".join(out[out.index("example") :].split())


# Digits at once


def test_digits_at_once_are_of_their_class(command, tmp_path):
    """The mean of the digits of each class is nearest to that of the drawn digits of this class."""
    drawn = synthetic_digits(2000, seed=3)
    means = np.stack([drawn.batch(np.flatnonzero(drawn.labels == k)).mean(0) for k in range(10)])
    status, out, _ = command("sample", "-n", 640, "--out", "digits.npy", "--json", "--seed", 5)
    assert status == 0 and json.loads(out)["shape"] == [640, 1, 28, 28]
    made = np.load(tmp_path / "digits.npy").reshape(64, 10, 1, 28, 28).mean(0)
    distances = ((made[:, None] - means[None]) ** 2).sum((2, 3, 4))
    assert (distances.argmin(1) == np.arange(10)).sum() >= 9
    assert np.isfinite(made).all()

    status, _, _ = command("sample", "--class", 7, "-n", 6, "--columns", 3, "--zoom", 1)
    assert status == 0
    with Image.open(tmp_path / "sample.png") as picture:
        assert picture.size == (3 * 30 - 2, 2 * 30 - 2)
    sevens = pretrained.load_trained("mnist").draw(64, label=7).mean(0)
    assert ((sevens - means) ** 2).sum((1, 2, 3)).argmin() == 7


def test_what_made_them_is_told(command):
    files = list(pretrained.HERE.glob("*.npz"))
    assert files and sum(path.stat().st_size for path in files) < 6e6
    for name in pretrained.trained_names():
        _, out, _ = command("sample", name, "--about")
        facts = json.loads(out)
        assert facts["command"] and facts["settings"]["seed"] == 0
        assert not any("/" in word for word in facts["command"])
        assert 0 < facts["scores"]["fid"] < 5 and facts["data"]["images"] == 60_000


def test_digits_at_once_need_no_package_and_no_compiler(tmp_path):
    program = ("import sys; sys.modules['PIL'] = None; from tinygan import cli; "
               "status = cli.main(['sample', '-n', '4']); "
               "sys.exit(status or 10 * ('numba' in sys.modules))")  # fmt: skip
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path).returncode == 0


def test_a_walk_ends_where_it_began(command, tmp_path):
    words = ("-n", 4, "--stops", 3, "--frames", 5, "--zoom", 1, "--out", "walk.webp")
    status, out, _ = command("walk", "--class", 2, *words)
    assert status == 0 and "15 frames" in out
    frames = []
    with Image.open(tmp_path / "walk.webp") as picture:
        for frame in range(picture.n_frames):
            picture.seek(frame)
            frames.append(np.asarray(picture.convert("L"), float))
    assert len(frames) == 15 and frames[0].shape == (58, 58)
    moves = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert 0 < moves[-1] < 1.5 * max(moves[:-1])  # the last one leads back to the first frame


# Training


def test_a_run_from_beginning_to_end(command, tmp_path):
    words = ("train", "dcgan", "--data", "synthetic", *TINY, "settings.decay=[1,3]",
             "--out", "runs/a", "--log", "csv")  # fmt: skip
    status, out, _ = command(*words, "--epochs", 1)
    assert status == 0 and "report.html" in out
    assert {"report.html", "scores.csv", "scores.json", "checkpoint.npz"} <= {
        path.name for path in (tmp_path / "runs" / "a").iterdir()}  # fmt: skip
    status, _, err = command(*words, "--epochs", 2)
    assert status == 2 and "holds a run already; go on with it by --resume" in err
    status, out, _ = command(*words, "--epochs", 2, "--resume")
    assert status == 0

    status, out, _ = command("report", "runs/a", "--json")
    (report,) = json.loads(out)
    assert (report["epochs"], report["steps"]) == (2, 32)
    assert report["scores"]["generated"]["fid"] > report["scores"]["real"]["fid"]
    status, out, _ = command("report", "runs/a")
    assert out.split() == [str(Path("runs/a/report.html"))]

    status, out, _ = command("evaluate", "runs/a", "--count", 150, "--json")
    scores = json.loads(out)
    assert status == 0 and scores["generated"]["count"] == scores["real"]["count"] == 150
    assert scores["generated"]["fid"] > scores["real"]["fid"]
    assert command("sample", "runs/a", "-n", 3)[0] == 0
    status, _, err = command("sample", "runs/a", "--class", 3)
    assert status == 2 and "a has no classes, got class 3" in err


def test_pictures_and_arrays_are_scored(command, tmp_path):
    images = synthetic_digits(150, seed=9).batch(np.arange(150))
    np.save(tmp_path / "x.npy", images)
    tinygan.data.write_image_folder(synthetic_digits(150, seed=9), tmp_path / "pictures")
    found = []
    for source in ("x.npy", "pictures"):
        status, out, err = command("evaluate", source, "--data", "synthetic", "--json")
        assert status == 0, err
        found.append(json.loads(out)["generated"]["fid"])
    assert found[0] == pytest.approx(found[1], rel=1e-3)
    np.save(tmp_path / "x.npy", images.astype(np.float64))
    status, _, err = command("evaluate", "x.npy")
    assert status == 2 and "expected float32 (n, c, h, w), got float64 (150, 1, 28, 28)" in err


def test_settings_go_to_a_file_and_back(command, tmp_path):
    for name in ("pix2pix", *LATENT):
        plan = Plan.of(name, data="pictures", epochs=6, settings={"augment": ["cutout"]})
        (tmp_path / "plan.toml").write_text(plan.toml())
        assert Plan.read(tmp_path / "plan.toml") == plan
    status, out, _ = command("train", "plan.toml", "--set", "settings.lr=1e-3", "nets.width=8",
                             "--seed", 4, "--print")  # fmt: skip
    assert status == 0 and "lr = 0.001" in out and "width = 8" in out and "seed = 4" in out
    assert "image_size = 64" in out and "epochs = 6" in out


@pytest.fixture
def pictures(tmp_path, rng):
    """Folders of small pictures in colour: pairs, two kinds, and three kinds."""
    square = dict.fromkeys(("two/trainA", "two/trainB", "three/x", "three/y", "three/z"), (16, 16))
    for place, size in {"pairs": (32, 16), **square}.items():
        (tmp_path / place).mkdir(parents=True)
        for index in range(12):
            pixels = rng.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / place / f"{index}.png")
    return tmp_path


@pytest.mark.parametrize(("name", "folder", "nets"), [
    ("pix2pix", "pairs", "nets.image_size=16 nets.width=2 nets.width_d=2 game.l1=10"),
    ("cyclegan", "two", "game.size=16 nets.width=2 nets.width_d=2 nets.blocks=1"),
    ("stargan", "three", "nets.image_size=16 nets.width=2 nets.width_d=2 game.d_steps=1"),
])  # fmt: skip
def test_your_own_pictures_become_others(name, folder, nets, command, pictures):
    words = ("train", name, "--data", folder, "--set", *nets.split(), "settings.batch_size=4",
             "settings.decay=[1,2]", "--out", "run")  # fmt: skip
    status, _, err = command(*words, "--epochs", 1)
    assert status == 0, err
    status, _, err = command(*words, "--epochs", 2, "--resume")
    assert status == 0, err
    (report,) = json.loads(command("report", "run", "--json")[1])
    assert report["epochs"] == 2
    if name == "pix2pix":
        assert 0 < report["scores"]["l1"] < 2 and report["scores"]["l1_of_x"] > 0


LATENT = [name for name, recipe in RECIPES.items() if recipe.kind in ("images", "labelled")]


class Seen(Exception):
    """What an example was about to train."""


@pytest.mark.parametrize("name", LATENT)
def test_a_recipe_is_the_examples(name, monkeypatch, tmp_path):
    program = {"dcgan64": "dcgan_folder", "dcgan-conditional": "dcgan_conditional_mnist"}.get(
        name, f"{name}_mnist")  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    common = __import__("common")
    few = synthetic_digits(4000, seed=0)

    def seen(model, data, settings, options, *rest, **more):
        raise Seen(model, settings, options.epochs)

    monkeypatch.setattr(common, "make_trainer", seen)
    monkeypatch.setattr(common, "load_data", lambda options: (few, few))
    words = []
    if name == "dcgan64":
        tinygan.data.write_image_folder(synthetic_digits(20, seed=0), "pictures")
        words = ["--data", "pictures"]
    monkeypatch.setattr(sys, "argv", [f"{program}.py", *words])
    with pytest.raises(Seen) as found:
        runpy.run_path(str(EXAMPLES / f"{program}.py"), run_name="__main__")
    model, settings, epochs = found.value.args
    plan = Plan.of(name, data="pictures")
    nets = {**plan.nets, **({"classes": 10} if RECIPES[name].kind == "labelled" else {})}
    assert type(model) is RECIPES[name].model
    assert RECIPES[name].model(**nets).options == model.options
    assert (Settings(**plan.settings), plan.epochs) == (settings, epochs)


REFUSED = [
    ("train nothing", "MODEL must be one of gan, cgan, dcgan"),
    ("train dcgan --set width=3", "width: unknown; there are model, data, epochs, nets,"),
    ("train dcgan --set nets.wdith=3", "[nets]: no 'wdith'; there are image_size, channels, width"),
    ("train dcgan --set settings.rate=3", "[settings]: no 'rate'; there are batch_size, lr,"),
    ("train dcgan --set settings.lr=fast", "Settings: lr must be"),
    ("train dcgan --set lr", "--set: must be NAME=VALUE"),
    ("train dcgan --set nets=3", "nets: must be a table"),
    ("train dcgan --set epochs=0", "epochs: must be an integer of at least 1, got 0"),
    ("train dcgan64", "data: dcgan64 needs a folder of pictures"),
    ("train pix2pix --data mnist", "data: pix2pix needs a folder of pictures, got 'mnist'"),
    ("train pix2pix --data . --set game.l2=1", "[game]: no 'l2'; there are l1, adversarial,"),
    ("train dcgan --set game.l1=1", "[game]: no 'l1'; there are none"),
    ("train cyclegan --data . --out x", "expected in . the folders A and B or trainA and"),
    ("train dcgan --data nowhere", "must be mnist, fashion, synthetic or the path of a folder"),
    ("train dcgan --resume --out none", "--out none holds no run for --resume"),
    ("train broken.toml", "broken.toml: no TOML: "),
    ("train empty.toml", 'empty.toml: expected a line as: model = "dcgan"'),
    ("train wrong.toml", "wrong.toml: epoch: unknown; there are model, data, epochs"),
    ("train dcgan --device tpu", "--device: "),
    ("sample --class 10", "mnist has the classes 0 to 9, got 10"),
    ("sample nowhere", "nowhere: neither one of"),
    ("sample --out x.jpg", "--out: must end in .png or .npy, got x.jpg"),
    ("sample --out .", "must end in"),
    ("sample -n 0", "must be an integer of at least 1, got 0"),
    ("walk --out x.mp4", "--out: must end in .gif or .webp, got x.mp4"),
    ("walk --stops 1", "must be an integer of at least 2, got 1"),
    ("evaluate nowhere", "WHAT: nowhere is no file or folder, and none of"),
    ("report nowhere", "must be the folder of a run; 'nowhere' is not there"),
    ("lab .", "holds no run"),
    ("lab --port 70000", "must be an integer from 0 to 65535, got 70000"),
    ("run nowhere.py", "there is no file nowhere.py"),
    ("completion fsh", "invalid choice: 'fsh'"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=lambda text: text[-30:])
def test_what_cannot_be_is_one_line(words, message, command, tmp_path):
    (tmp_path / "broken.toml").write_text("model = dcgan")
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "wrong.toml").write_text('model = "dcgan"\nepoch = 3')
    status, out, err = command(*words.split())
    assert (status, out) == (2, "") and message in err and err.count("\n") == 1
    left = {path.name for path in tmp_path.iterdir() if path.is_file() or list(path.iterdir())}
    assert left == {"broken.toml", "empty.toml", "wrong.toml"}  # an empty folder goes at the end


# The machine


def test_the_doctor_says_what_is_missing(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    monkeypatch.setenv("TINYGAN_DATA", "/nowhere/at/all")
    status, out, _ = command("doctor", "--json")
    found = {each["name"]: each for each in json.loads(out)}
    assert status == 0 and {"Python", "NumPy", "Numba", "cores", "GPU", "mnist"} <= found.keys()
    assert found["bokeh"]["advice"] == "pip install bokeh, for tinygan lab"
    assert found["TINYGAN_DATA"]["advice"] == "there is no such folder"
    monkeypatch.setenv("COLUMNS", "60")
    _, out, _ = command("doctor")
    assert "there is no such folder" in " ".join(out.split())
    assert max(map(len, out.splitlines())) < 80


def test_warmup_compiles_and_steps(command, monkeypatch):
    few = {name: all_ladders()[name] for name in ("matmul", "adam")}
    monkeypatch.setattr(warmup, "all_ladders", lambda: few)
    monkeypatch.setattr(warmup, "STEPS", {"GAN": warmup.STEPS["GAN"]})
    called = set()
    for ladder in few.values():
        for rung in ladder.rungs:
            def called_too(*a, function=rung.function, name=f"{ladder.name} {rung.name}", **o):
                called.add(name)
                return function(*a, **o)

            monkeypatch.setattr(rung, "function", called_too)
    status, out, _ = command("warmup")
    compiled = {f"{ladder.name} {rung.name}" for ladder in few.values() for rung in ladder.rungs
                if rung.compiled and rung.device == "cpu"}  # fmt: skip
    assert status == 0 and f"{len(compiled) + 1} kernels and steps" in out and compiled <= called
    monkeypatch.setattr(warmup, "fault", lambda: "no Numba today")
    status, _, err = command("warmup")
    assert status == 2 and "there is nothing to compile: no Numba today" in err


def test_completion(command):
    pytest.importorskip("shtab", reason="no shtab")
    status, out, _ = command("completion", "bash")
    assert status == 0
    assert all(word in out for word in (*COMMANDS, "--class", "--resume", "--baseline"))
