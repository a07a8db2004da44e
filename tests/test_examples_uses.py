"""What a trained generator is used for, as a user does it, at small sizes."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinygan.data import load_dataset, mnist

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs an example in a folder of its own; returns what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))  # as `python examples/...` does

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(run, capsys):
    """Runs an example; returns the line with which it refused."""

    def refused(name, *arguments):
        with pytest.raises(SystemExit) as stop:
            run(name, *arguments)
        line = capsys.readouterr().err
        assert stop.value.code == 2 and line.count("\n") == 1 and line.startswith(f"{name}: "), line
        return line

    return refused


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a make_dataset.py --quick, with its run; and what it printed."""
    out = tmp_path_factory.mktemp("made") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        patch.chdir(out.parent)
        patch.setattr(sys, "argv", ["make_dataset.py", "--quick", "--count", "200", "--out", out])
        patch.setattr(sys, "argv", [str(x) for x in sys.argv])
        runpy.run_path(str(EXAMPLES / "make_dataset.py"), run_name="__main__")
    return out


def test_a_set_is_made_and_measured(trained):
    data = load_dataset(trained / "dataset")
    assert data.images.shape == (200, 1, 28, 28)
    assert np.bincount(data.labels).tolist() == [20] * 10
    found = json.loads((trained / "results.json").read_text())["scores"]
    assert list(found) == ["as drawn", "real images"]
    assert 0 <= found["as drawn"]["GAN-train"] < 0.9 < found["real images"]["GAN-train"]
    with Image.open(trained / "digits.png") as picture:
        assert picture.size == (2 * (10 * 30 - 2),) * 2


def test_a_run_makes_the_same_set_again_in_either_format(trained, run, refused):
    again = ("--run", trained / "run", "--quick", "--count", 200)
    run("make_dataset.py", *again, "--format", "idx", "--out", "idx")
    first, second = load_dataset(trained / "dataset"), mnist("train", "idx/dataset", download=False)
    order = np.argsort(second.labels, kind="stable")
    assert np.array_equal(second.images[order], first.images)
    run("make_dataset.py", *again, "--seed", 1, "--out", "other")
    other = load_dataset("other/dataset")
    assert not np.array_equal(other.images, first.images)
    content = json.loads(Path("other/results.json").read_text())
    scores = content.pop("scores")  # as if it had been stopped while it measured
    Path("other/results.json").write_text(json.dumps(content))
    run("make_dataset.py", *again, "--seed", 1, "--out", "other")
    assert json.loads(Path("other/results.json").read_text())["scores"] == scores
    line = refused("make_dataset.py", *again, "--seed", 1, "--out", "other")
    assert "--out other holds a data set already; choose another folder, or delete other" in line


def test_a_filter_keeps_what_reads_as_it_was_meant(run, monkeypatch, capsys):
    """With nets and a reader that are known: images whose brightness is the class that is read."""
    monkeypatch.setattr(sys, "argv", ["make_dataset.py"])
    program = runpy.run_path(str(EXAMPLES / "make_dataset.py"))

    class Reader:
        def predict(self, images):
            return None, np.eye(3)[np.round((images[:, 0, 0, 0] + 1) * 127.5).astype(int) % 3]

    class Model:
        classes, generator = 3, None

        def latent(self, count, stream):
            return stream.numpy.integers(0, 255, count)

    def sample(_, latent, labels):
        return np.broadcast_to((latent / 127.5 - 1)[:, None, None, None], (len(latent), 1, 2, 2))

    monkeypatch.setitem(program["draw"].__globals__, "sample", sample)
    plain, drawn = program["draw"](Model(), 3001, 0)
    assert (len(plain), drawn) == (3001, 3001)
    assert (plain.images[:, 0, 0, 0] % 3 == plain.labels).mean() < 0.5
    kept, drawn = program["draw"](Model(), 3001, 0, Reader())
    assert (kept.images[:, 0, 0, 0] % 3 == kept.labels).all()
    assert np.bincount(kept.labels).tolist() == [1001, 1000, 1000]
    assert 2.5 < drawn / 3001 < 4.1

    class Blind(Reader):
        def predict(self, images):
            return None, np.eye(3)[np.zeros(len(images), int)]

    with pytest.raises(SystemExit):
        program["draw"](Model(), 300, 0, Blind())
    assert "--filter: the classifier reads only 0 of" in capsys.readouterr().err


def test_holes_are_filled_and_scored(trained, run, tmp_path):
    text = run("inpaint.py", "--run", trained / "run", "--quick", "--holes", "centre", "pixels")
    results = json.loads((tmp_path / "runs" / "inpaint" / "results.json").read_text())["holes"]
    assert list(results) == ["centre", "pixels"] and "centre: 40 images" in text
    for rows in results.values():
        assert list(rows) == ["unharmed", "mean fill", "context encoder", "search, pasted",
                              "search, blended", "search, by vote",
                              "mean of the searches"]  # fmt: skip
        assert rows["unharmed"]["read right"] > 0.9 and "PSNR" not in rows["unharmed"]
        for name in list(rows)[1:]:
            assert 4 < rows[name]["PSNR"] < 25 and 0 <= rows[name]["read right"] <= 1
    with Image.open(tmp_path / "runs" / "inpaint" / "pixels.png") as picture:
        assert picture.size == (2 * (12 * 30 - 2), 2 * (8 * 30 - 2))


def test_a_run_on_a_folder_in_colour(run, refused, tmp_path, rng):
    for name, count in (("seen", 24), ("others", 6)):
        (tmp_path / name).mkdir()
        for index in range(count):
            pixels = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    run("dcgan_folder.py", "--data", "seen", "--size", 16, "--width", 4, "--batch-size", 8,
        "--epochs", 1, "--out", "run")  # fmt: skip
    of = ("--run", "run", "--pool", 20, "--steps", 2, "--epochs", 1, "--holes", "half")
    text = run("inpaint.py", *of, "--data", "seen", "--test", "others")
    assert "half: 6 images" in text and "search, blended" in text and "%" not in text
    of += ("--out", "other")
    line = refused("inpaint.py", *of)
    assert "it was trained on the folder seen; name that by --data, and other pictures" in line
    assert "--data and --test go together" in refused("inpaint.py", *of, "--test", "others")
    line = refused("inpaint.py", *of, "--data", "seen", "--test", "others", "--side", 16)
    assert "--side: holes: side: expected less than the image's 16x16 pixels, got 16" in line
    line = refused("inpaint.py", *of, "--quick")  # its digits are of another shape
    assert "it was trained on the folder seen" in line
    line = refused("make_dataset.py", "--run", "run")
    assert "--run run: its nets have no classes, so its images have no labels" in line


@pytest.mark.parametrize(("name", "arguments", "message"), [
    ("make_dataset.py", "--run nowhere", "--run: nowhere has no checkpoint.npz"),
    ("make_dataset.py", "--count 9", "argument --count: must be an integer of at least 10, got 9"),
    ("make_dataset.py", "--format jpg", "(choose from "),
    ("inpaint.py", "--run nowhere", "--run: nowhere has no checkpoint.npz"),
    ("inpaint.py", "--side 28", "side: expected less than the image's 28x28 pixels, got 28"),
    ("inpaint.py", "--window 4", "--window must be odd and --starts at most --pool, got 4"),
    ("inpaint.py", "--starts 9 --pool 8", "--starts at most --pool, got 27, 9 and 8"),
    ("inpaint.py", "--holes round", "(choose from "),
])  # fmt: skip
def test_a_wrong_word_ends_in_one_line(name, arguments, message, refused):
    assert message in refused(name, *arguments.split())


def test_runs_of_other_nets(refused, trained, tmp_path):
    for name in ("make_dataset.py", "inpaint.py"):
        (tmp_path / "checkpoint.npz").write_bytes(b"PK no archive")
        (tmp_path / "run.json").write_text(json.dumps({"settings": {"model": None}}))
        assert "--run .: . holds a run of other nets than a DCGAN's" in refused(name, "--run", ".")
        (tmp_path / "run.json").write_bytes((trained / "run" / "run.json").read_bytes())
        assert "--run .: " in refused(name, "--run", ".")
