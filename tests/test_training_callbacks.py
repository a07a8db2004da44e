"""Callbacks are told what happens and can end nothing; the page of a run stands alone."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from test_training import SETTINGS, assert_same_run, make_trainer, records

from tinygan.training import CSV, Callback, TensorBoard, TrainingDiverged, read_run, write_report
from tinygan.training.report import advice
from tinygan.training.run_folder import Run

SCORES = {"fid": 3.0, "histogram": [1, 2], "features": "of a test"}


class Heard(Callback):
    """Keeps what it is told."""

    def __init__(self):
        self.events = []

    def on_start(self, trainer):
        self.events.append(("start", trainer.step))

    def on_step(self, trainer, numbers):
        assert np.isfinite(list(numbers.values())).all()
        self.events.append(("step", trainer.step, *numbers))

    def on_report(self, trainer, epoch, pictures, scores):
        self.events.append(("report", trainer.step, epoch, pictures.shape, scores))

    def on_alarm(self, trainer, alarm):
        self.events.append(("alarm", trainer.step, alarm))

    def on_end(self, trainer):
        self.events.append(("end", trainer.step))


class Deaf(Callback):
    """Fails whatever it is told."""

    def on_start(self, trainer, *rest):
        raise OSError("no network today")

    on_step = on_report = on_alarm = on_end = on_start  # type: ignore[assignment]


class Stop(Callback):
    def on_step(self, trainer, numbers):
        trainer.stopping = trainer.step == 8


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """Two epochs of six steps, without callbacks."""
    out = tmp_path_factory.mktemp("quiet")
    assert make_trainer(out, evaluate=lambda images: SCORES).train(2)
    return out


def test_callbacks_are_told_all_of_it_and_change_nothing(quiet, tmp_path, capsys):
    heard = Heard()
    run = make_trainer(tmp_path, evaluate=lambda images: SCORES, callbacks=[Deaf(), heard])
    assert run.train(2)
    assert_same_run(records(tmp_path), records(quiet))
    steps = [event for event in heard.events if event[0] == "step"]
    assert [event[1] for event in steps] == list(range(1, 13))
    assert {"loss_d", "loss_g"} <= set(steps[0][2:])
    others = [event for event in heard.events if event[0] != "step"]
    shape = run.game.pictures().shape
    assert others == [("start", 0), ("report", 6, 1, shape, SCORES),
                      ("report", 12, 2, shape, SCORES), ("end", 12)]  # fmt: skip
    said = capsys.readouterr().out
    for event in ("on_start", "on_step", "on_report", "on_end"):
        assert said.count(f"WARNING: Deaf.{event} failed: OSError: no network today") == 1


def test_a_callback_stops_a_run_which_then_goes_on(quiet, tmp_path):
    heard = Heard()
    run = make_trainer(tmp_path, evaluate=lambda images: SCORES, callbacks=(Stop(), heard))
    assert not run.train(2) and heard.events[-1] == ("end", 8)
    heard = Heard()
    run = make_trainer(tmp_path, evaluate=lambda images: SCORES, resume=True, callbacks=[heard])
    assert run.train(2) and heard.events[0] == ("start", 8)
    assert_same_run(records(tmp_path), records(quiet))


def test_alarms_are_told(tmp_path):
    heard = Heard()
    run = make_trainer(tmp_path, callbacks=[heard])
    run.game.discriminator.parameters().__iter__().__next__().array[...] = np.nan
    with pytest.raises(TrainingDiverged):
        run.train(1)
    kind, step, alarm = heard.events[-1]
    assert (kind, step) == ("alarm", 1) and "a loss is not finite" in alarm
    assert read_run(tmp_path).alarms == [{"step": 1, "alarm": alarm}]


@pytest.mark.parametrize("wrong", [Heard, [Heard], [print], "csv"], ids=str)
def test_what_is_no_callback_is_refused(wrong, tmp_path):
    with pytest.raises(TypeError, match="Trainer: callbacks must"):
        make_trainer(tmp_path, callbacks=wrong)


def test_tables(quiet, tmp_path):
    run = make_trainer(tmp_path, evaluate=lambda images: SCORES, callbacks=[CSV(), Stop()])
    assert not run.train(2)
    assert make_trainer(tmp_path, evaluate=lambda images: SCORES, callbacks=[CSV()],
                        resume=True).train(2)  # fmt: skip
    with open(tmp_path / "steps.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    logged = read_run(quiet).steps
    assert [{name: float(row[name]) for name in entry} for row, entry in zip(
        rows, logged, strict=True)] == logged  # fmt: skip
    with open(tmp_path / "scores.csv", newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"step": "6", "epoch": "1", "fid": "3.0"}, {"step": "12", "epoch": "2", "fid": "3.0"}
        ]  # fmt: skip


def test_tensorboard(tmp_path):
    proto = pytest.importorskip("tensorboardX.proto.event_pb2", reason="no tensorboardX")
    record_writer = pytest.importorskip("tensorboardX.record_writer")
    run = make_trainer(tmp_path, evaluate=lambda images: SCORES, callbacks=[TensorBoard(every=4)])
    assert run.train(2)
    (path,) = (tmp_path / "tensorboard").iterdir()
    events, content = [], path.read_bytes()
    while content:  # a record: its length, a check, itself, a check
        length = int.from_bytes(content[:8], "little")
        assert len(content) >= 16 + length
        events.append(proto.Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    assert record_writer
    found = {(value.tag.rsplit("/", 1)[0] if "histogram" in value.tag else value.tag, event.step)
             for event in events for value in event.summary.value}  # fmt: skip
    assert {("step/loss_d", 4), ("step/loss_g", 12), ("score/fid", 6), ("score/fid", 12),
            ("pictures", 12)} <= found  # fmt: skip
    assert ("step/loss_d", 5) not in found


class Page(HTMLParser):
    """What a page points to, and its text."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.words, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_of_a_run_stands_alone(quiet):
    page = Page((quiet / "report.html").read_text(encoding="utf-8"))
    assert page.open == [] and len(page.sources) == 4  # two pictures, losses, fid
    assert all(source.startswith("data:image/png;base64,iVBOR") for source in page.sources)
    text = " ".join("".join(page.words).split())
    assert "12 steps, 2 epochs of 96 images of" in text and "No alarm" in text
    for name, value in SETTINGS.facts().items():
        if isinstance(value, (int, str)):
            assert f"{name}{value}" in text.replace(" ", "")


def test_what_a_run_says_is_no_markup(quiet, tmp_path):
    """A name, an alarm or a score may hold whatever it likes."""
    facts = '{"settings": {"<b>": "<script>"}, "data": [], "command": 3}'
    (tmp_path / "run.json").write_text(facts)
    lines = ['{"step": 1, "alarm": "<script>alert(1)</script>"}', '{"step": "x"}', "{broken", "[]",
             '{"step": 1, "loss_d": null}',
             '{"step": 1, "epoch": 1, "fid": "high", "x": "<i>"}']  # fmt: skip
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    (tmp_path / "scores.json").write_text('{"generated": 3, "real": "none"}')
    text = write_report(tmp_path).read_text(encoding="utf-8")
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text and "<i>" not in text
    Page(text)
    with pytest.raises(ValueError, match="holds no run"):
        write_report(tmp_path / "nothing")


def reported(*fids, alarms=(), recall=0.8):
    reports = [{"step": i, "epoch": i, "fid": fid} for i, fid in enumerate(fids, 1)]
    scores = {"generated": {"recall": recall}, "real": {"recall": 0.82}}
    return Run(None, {}, [], reports, list(alarms), scores, {})


def test_advice():
    (only,) = advice(reported(9.0, 8.0, 7.9))
    assert only.startswith("No alarm")
    assert "still falling (8 to 7 in" in advice(reported(9.0, 8.0, 7.0))[1]
    assert "has been better (7, now 9)" in advice(reported(8.0, 7.0, 9.0))[1]
    (only,) = advice(reported(2.0, alarms=[{"step": 1, "alarm": "D"}], recall=0.5))
    assert only.startswith("Recall is 0.50, real images have 0.82") and re.search("pack=2", only)
