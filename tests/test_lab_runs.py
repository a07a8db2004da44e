"""The lab's readers: a run while it is written and afterwards, whatever stands in its folder."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import tinygan
from tinygan.data import synthetic_digits
from tinygan.data.captions import VOCABULARY
from tinygan.lab.runs import Log, Run, find_runs, number, thinned
from tinygan.models import DCGAN, GAWWN
from tinygan.optim import ExponentialMovingAverage
from tinygan.training import Settings, Trainer, save_checkpoint
from tinygan.training.log import read_json_lines


def line(**entry):
    return (json.dumps(entry) + "\n").encode()


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path / "log.jsonl")


def write(log, *lines, mode="ab"):
    with open(log.path, mode) as file:
        file.write(b"".join(lines))


STEPS = [line(step=k, loss_d=1.0 + k, loss_g=2.0) for k in range(1, 40)]


def test_only_what_has_been_appended_is_read(log):
    write(log, *STEPS[:20])
    assert log.poll() and log.losses["step"] == list(range(1, 21))
    with open(log.path, "r+b") as file:
        file.write(b"no longer JSON")  # far before the place that was read last
    write(log, *STEPS[20:])
    assert log.poll() and log.losses["loss_d"] == [1.0 + k for k in range(1, 40)]
    assert log.damaged == 0 and log.read_bytes == log.path.stat().st_size
    assert not log.poll()


def test_a_half_written_line_waits_for_its_other_half(log):
    write(log, STEPS[0], STEPS[1][:9])
    assert log.poll() and log.losses["step"] == [1]
    write(log, STEPS[1][9:])
    assert log.poll() and log.losses["step"] == [1, 2] and log.damaged == 0


@pytest.mark.parametrize("kept", [0, 5])
def test_a_log_that_was_cut_and_written_on_is_read_anew(log, kept):
    """As a run does that is resumed: also where it is longer again than it was."""
    write(log, *STEPS[:10])
    log.poll()
    write(log, *STEPS[:kept], *(line(step=50 + k, loss_d=0.5, loss_g=1.0) for k in range(9)),
          mode="wb")  # fmt: skip
    assert log.poll()
    assert log.losses["step"] == [*range(1, kept + 1), *range(50, 59)]


def test_a_log_that_is_not_there_yet_or_empty_again(log):
    assert not log.poll()
    write(log, *STEPS[:3])
    assert log.poll()
    write(log, mode="wb")
    log.poll()
    assert log.losses == {"step": []}
    log.path.unlink()
    assert not log.poll()


DAMAGED = [
    b"\n", b"{\n", b"[1]\n", b"null\n", b"\xff\xfe\x00\n", b'{"step": 1' + b"0" * 5000 + b"}\n",
    b"[" * 100_000 + b"\n", b'{"step": null, "loss_d": 1}\n', b'{"step": "x", "loss_d": 1}\n',
    b'{"step": 3, "loss_d": {"a": 1}}\n', b'{"step": 3, "loss_d": 1e999}\n',
    b'{"alarm": 3}\n', b'{"epoch": true}\n', b"\x00" * 100 + b"\n",
]  # fmt: skip


@pytest.mark.parametrize("bad", DAMAGED, ids=lambda bad: repr(bad[:30]))
def test_damaged_lines_do_not_break_it(log, bad):
    write(log, STEPS[0], bad, STEPS[1])
    log.poll()
    values = dict(zip(log.losses["step"], log.losses["loss_d"], strict=True))
    assert (values[1.0], values[2.0]) == (2.0, 3.0)
    assert all(len(column) == len(log.losses["step"]) for column in log.losses.values())


def test_a_line_without_an_end_does_not_fill_the_memory(log, monkeypatch):
    monkeypatch.setattr("tinygan.lab.runs.LONGEST_LINE", 1000)
    monkeypatch.setattr("tinygan.lab.runs.BLOCK", 256)
    write(log, STEPS[0], b"x" * 5000, b"\n", STEPS[1])
    log.poll()
    assert log.losses["step"] == [1, 2] and log.damaged >= 1


def test_scores_alarms_and_failures(log):
    write(log, line(step=5, epoch=1, fid=3.0, histogram=[1, 2]), line(step=6, alarm="D has won"),
          line(step=10, epoch=2, fid=None, kl=0.1, failed="OSError"))  # fmt: skip
    log.poll()
    assert log.scores["epoch"] == [1, 2] and log.scores["step"] == [5, 10]
    assert log.scores["fid"][0] == 3 and math.isnan(log.scores["fid"][1])
    assert math.isnan(log.scores["kl"][0]) and log.scores["kl"][1] == 0.1
    assert "histogram" not in log.scores and log.losses == {"step": []}
    assert log.alarms == [(6, "D has won"), (10, "failed: OSError")]


def test_numbers():
    assert number(3) == 3 and number(0.5) == 0.5
    for value in (True, None, "3", 10**400, float("inf"), [1]):
        assert math.isnan(number(value))


def test_long_curves_become_means():
    points = thinned(list(range(2001)), [float(x % 2) for x in range(2000)] + [7.0], 1000)
    assert points.shape == (667, 2) and points[0].tolist() == [1, 1 / 3]
    assert thinned([1, 2], [3, 4], 10).tolist() == [[1, 3], [2, 4]]
    assert thinned([], []).shape == (0, 2)
    few = thinned([0, 1, 2, 3], [np.nan, np.nan, np.nan, 5], 2)
    assert np.isnan(few[0, 1]) and few[1, 1] == 5


def test_runs_are_found_below_a_folder(tmp_path):
    for name in ("a", "deep/b", "deep/too/far"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "log.jsonl").touch()
    assert [run.name for run in find_runs([tmp_path, tmp_path / "a"])] == ["a", "b"]
    (tmp_path / "empty").mkdir()
    for wrong in ("empty", "nowhere", "a/log.jsonl"):
        with pytest.raises(ValueError, match="holds no run"):
            find_runs([tmp_path / wrong])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A real run: two epochs of a small DCGAN with classes."""
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install matplotlib")
    out = tmp_path_factory.mktemp("runs") / "real"
    settings = Settings(batch_size=10)
    tinygan.manual_seed(0)
    data = synthetic_digits(20, 0)
    trainer = Trainer(DCGAN(width=2, latent_size=7, classes=10), data, out, settings,
                      evaluate=lambda images: {"fid": 1.5}, samples=10)  # fmt: skip
    trainer.train(2)
    trainer.close()
    (out / "scores.json").write_text('{"generated": {"fid": 3, "kl": null}, "real": {"fid": 1}}')
    return out


def test_a_real_run(folder):
    run = Run(folder)
    assert run.poll() and not run.poll()
    entries = read_json_lines(folder / "log.jsonl")
    assert run.log.losses["loss_d"] == [e["loss_d"] for e in entries if "loss_d" in e]
    assert run.log.scores["epoch"] == [1, 2] and run.log.scores["fid"] == [1.5, 1.5]
    assert list(run.pictures) == [1, 2] and run.picture(2).startswith(b"\x89PNG")
    assert run.picture(3) is None and run.problems == []
    assert run.score_rows() == [("fid", 3, 1)]
    assert ("model.width", "2") in run.settings() and ("batch_size", "10") in run.settings()


@pytest.mark.parametrize("name", ["run.json", "scores.json", "samples/epoch_001.png"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"settings": 3, "real": 4}', b"\x89PNG",
                                     b"\xff", b'{"generated": [], "data": "x"}'])  # fmt: skip
def test_damaged_files_do_not_break_it(tmp_path, name, content):
    (tmp_path / "samples").mkdir()
    (tmp_path / name).write_bytes(content)
    run = Run(tmp_path)
    run.poll()
    assert run.picture(1) is None and run.score_rows() == []
    run.settings()
    assert run.name and run.log.losses == {"step": []}


# The generator of a run


def test_the_generator_of_a_run(folder):
    generators = pytest.importorskip("tinygan.lab.generators")
    tinygan.manual_seed(0)
    before = tinygan.randn(1).item()
    tinygan.manual_seed(0)
    subject = generators.open_generator(folder)
    assert tinygan.randn(1).item() == before  # its initial weights cost nobody else's numbers
    images = subject.images(subject.latent, 3)
    assert images.shape == (16, 1, 28, 28) and subject.classes == 10
    assert (subject.images(subject.latent, 3) == images).all()
    assert (subject.images(subject.latent, 4) != images).any()
    assert subject.directions @ subject.directions.T == pytest.approx(np.eye(6), abs=1e-9)
    moved = subject.moved(2, [0, 2.0, 0, 0, 0, 0])
    assert moved[0] == pytest.approx(subject.latent[2] + 2 * subject.directions[1])
    walk = subject.walk(0, 5)
    assert walk[[0, -1]] == pytest.approx(subject.latent[[0, 5]])
    found, distances = subject.nearest(synthetic_digits(20, 0).batch(np.array([11])), 3)
    assert found.shape == (3, 1, 28, 28) and distances[0] == 0 and (np.diff(distances) >= 0).all()
    assert generators.png(images, 4).startswith(b"\x89PNG")


def test_the_strongest_direction_is_what_the_first_layer_makes_most_of():
    from tinygan import nn
    from tinygan.lab.generators import strongest_directions

    model = DCGAN(width=2, latent_size=8, categories=3)
    first = next(part for part in model.generator.modules() if isinstance(part, nn.Linear))
    first.weight.array[:, 3 + 5] *= 100
    directions = strongest_directions(model)
    assert directions.shape == (6, 11) and (directions[:, :3] == 0).all()
    assert directions[0, 3 + 5] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("facts, message", [
    (None, "there is no run.json"), ({"settings": {"model": None}}, "no options"),
    ({"settings": {"model": {"length": 3}}}, "of another kind"),
    ({"settings": {"model": {"width": -1}}}, "of another kind"),
    ({"settings": {"model": {"width": 2}}}, "no checkpoint.npz yet"),
    ({"settings": 3}, "no options"),
])  # fmt: skip
def test_a_generator_that_cannot_be_shown_gets_a_sentence(tmp_path, facts, message):
    from tinygan.lab.generators import open_generator

    if facts is not None:
        (tmp_path / "run.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=message):
        open_generator(tmp_path)


def test_a_damaged_checkpoint_gets_a_sentence(tmp_path):
    from tinygan.lab.generators import open_generator

    (tmp_path / "run.json").write_text('{"settings": {"model": {"width": 2}}}')
    (tmp_path / "checkpoint.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="checkpoint"):
        open_generator(tmp_path)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    """A folder with the untrained nets of a GAWWN."""
    folder = tmp_path_factory.mktemp("gawwn")
    model = GAWWN(len(VOCABULARY), width=2)
    average = ExponentialMovingAverage(model.generator, 0.9)
    save_checkpoint(folder / "checkpoint.npz", {"average": average}, {})
    (folder / "run.json").write_text(json.dumps({"settings": {"model": model.options}}))
    return folder


def test_a_sentence_is_drawn_in_a_box(sentences):
    from tinygan.lab.generators import SentenceGenerator, open_generator

    writer = open_generator(sentences)
    assert isinstance(writer, SentenceGenerator)
    images = writer.images("a thin 3", [4, 5, 20, 30])
    assert images.shape == (8, 3, 40, 40)
    orange = (images[0] == np.array([0.9, 0.1, -0.8], np.float32)[:, None, None]).all(0)
    rows, columns = np.nonzero(orange)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 29, 4, 19)
    assert orange.sum() == 2 * (25 + 16) - 4
    for sentence, box, message in (("a cat", [4, 5, 20, 30], "'cat'"), ("", [4, 5, 20, 30], "0 w"),
                                   ("a 3", [20, 5, 20, 30], "left < right"),
                                   ("a 3", [0, 5, 20, 41], "within 0 to 40")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            writer.images(sentence, box)


def test_scores_of_several_kinds_of_samples(tmp_path):
    (tmp_path / "scores.json").write_text(
        '{"new words": {"made": {"digit": 0.5}, "real": {"digit": 0.9}}, "minutes": 3}'
    )
    run = Run(tmp_path)
    run.poll()
    assert run.score_rows() == [("new words: digit", 0.5, 0.9)]


# The pages


def test_the_page_of_a_run_follows_it(folder, tmp_path):
    pytest.importorskip("bokeh", reason="needs Bokeh: pip install 'tinygan[lab]'")
    from bokeh.document import Document

    from tinygan.lab.page_run import RunPage

    live = tmp_path / "li<ve"
    live.mkdir()
    (live / "log.jsonl").write_bytes(STEPS[0])
    page = RunPage(Document(), "/token", [folder, live])
    one, two = page.sides
    assert "fid" in one.scores.text and "data:image/png;base64" in one.picture.text
    assert page.score.value == "fid" and list(page.sources["score", 0].data["y"]) == [1.5, 1.5]
    assert one.epoch.value == 2
    one.epoch.value = 1
    assert "after epoch 1" in one.picture.text
    two.choice.value = "li<ve"
    assert list(page.sources["D", 1].data["y"]) == [2.0]
    assert "li&lt;ve" in two.facts.text and "There are no pictures yet" in two.picture.text
    with open(live / "log.jsonl", "ab") as file:
        file.write(STEPS[1] + line(step=2, alarm="<script>") + b"{half")
    page.tick()
    assert list(page.sources["D", 1].data["y"]) == [2.0, 3.0]
    assert "&lt;script&gt;" in two.scores.text and "<script>" not in two.scores.text
    two.choice.value = "none"
    assert list(page.sources["D", 1].data["y"]) == [] and two.facts.text == ""


def test_the_page_of_a_generator(folder, sentences, tmp_path):
    pytest.importorskip("bokeh", reason="needs Bokeh: pip install 'tinygan[lab]'")
    from bokeh.document import Document

    from tinygan.lab.page_generator import GeneratorPage

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "log.jsonl").touch()
    page = GeneratorPage(Document(), "/token", [folder, tmp_path / "other"])
    for weight in page.subject.model.generator.parameters():
        weight.array[:] *= 40 if weight.ndim > 1 else 1  # after four steps all samples are grey
    page.draw()
    pictures = [page.one.text]
    page.sliders[0].value = 3
    pictures.append(page.one.text)
    page.label.value = "7"
    pictures.append(page.one.text)
    page.chosen.value = 5
    pictures.append(page.one.text)
    assert len(set(pictures)) == 4
    way = page.way.text
    page.last.value = 9
    assert page.way.text != way
    page._on_search()
    assert "nearest to it" in page.near.text and page.message.text == ""
    page._on_reset()
    assert page.sliders[0].value == 0
    page.run.value = "other"
    assert "there is no run.json" in page.message.text and page.one.text == ""
    assert not page.chosen.visible and not page.sentence.visible
    asks = GeneratorPage(Document(), "/token", [sentences])
    assert asks.sentence.visible and "seven leaning left, eight times" in asks.samples.text
    asks.sentence.value = "a <b>"
    assert "&#x27;b&#x27;" in asks.message.text
    asks.sentence.value = "a small 2"
    assert asks.message.text == "" and "a small 2, eight" in asks.samples.text
    asks.box[0].value = 39
    assert "left &lt; right" in asks.message.text
    ours = GeneratorPage(Document(), "/token", [])  # those that come with tinygan
    assert ours.run.value.endswith(", of tinygan") and ours.message.text == ""
    assert ours.label.visible and "Samples 1 to 16" in ours.samples.text
