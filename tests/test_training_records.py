"""Between training and its checkpoint stands nothing that can fail; what fails is made up for."""

from __future__ import annotations

import errno
import math
import os
import re
import signal
import sys
import time

import numpy as np
import pytest
from states import arrays_of
from test_training import SETTINGS, assert_same_run, make_trainer, records, start_child

import tinygan
from tinygan.data import Dataset, synthetic_digits
from tinygan.models import DCGAN
from tinygan.training import FolderInUse, load_checkpoint, trainer
from tinygan.training import records as records_module
from tinygan.training.log import JsonLines, read_json_lines, score_numbers


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """Two epochs of six steps, in which nothing fails."""
    out = tmp_path_factory.mktemp("whole")
    assert make_trainer(out).train(2)
    return out


def reports(out):
    return [entry for entry in read_json_lines(out / "log.jsonl") if "epoch" in entry]


def checkpoint_step(out):
    return tinygan.load(out / "checkpoint.npz")["extra"]["step"]


# Scores


def raises(images):
    raise ZeroDivisionError("no scores today")


REFUSED = {
    "None": (lambda x: None, "it returned None; expected a dict of names and numbers"),
    "array": (lambda x: x, r"it returned a ndarray of shape \(10000, 1, 28, 28\); expected"),
    "an array in it": (lambda x: {"m": np.ones(3)}, "the score 'm' is a ndarray of shape"),
    "None in it": (lambda x: {"m": None}, "the score 'm' is None; expected a number"),
    "a reserved name": (lambda x: {"step": 1}, "a score named 'step'; expected a string other"),
    "no name": (lambda x: {1: 1}, "a score named 1; expected"),
    "raises": (raises, "ZeroDivisionError: no scores today"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_an_evaluation_that_fails_loses_no_epoch_and_is_made_up_for(
    name, whole_run, tmp_path, capsys
):
    evaluate, message = REFUSED[name]
    seen = []

    def watch(images):
        seen.append(checkpoint_step(tmp_path))
        return evaluate(images)

    run = make_trainer(tmp_path, evaluate=watch)
    assert run.train(2)
    assert seen == [6, 12]  # each epoch is saved before it is scored
    first, last = reports(tmp_path)
    said = capsys.readouterr().out
    for epoch, entry in (1, first), (2, last):
        assert re.search(message, entry["failed"])
        assert f"WARNING: evaluate, after epoch {epoch}, failed: " in said
    # The weights of epoch 2 are still there: here, and when it is resumed.
    if name == "raises":
        run = make_trainer(tmp_path, resume=True)
    run.evaluate = lambda images: {"mine": np.float32(0.5)}
    assert run.train(2)
    first, last = reports(tmp_path)
    assert "failed" in first and last == {"step": 12, "epoch": 2, "mine": 0.5}
    arrays, other = (np.load(out / "checkpoint.npz") for out in (tmp_path, whole_run))
    with arrays, other:
        for key in other.files:
            assert key == "structure.json" or np.array_equal(arrays[key], other[key])


def test_scores_of_any_kind_of_number_are_logged_and_nan_is_null(tmp_path):
    scores = {
        "a": np.float32(0.5), "b": np.array(2.0), "c": tinygan.tensor(3.0), "d": 4,
        "e": math.nan, "f": np.float64(-np.inf), "g": np.int64(7), "h": np.array([8]),
        "i": [np.float32(0.25), math.nan], "j": "text", "k": np.bool_(True), "l": 1.5,
    }  # fmt: skip
    make_trainer(tmp_path, evaluate=lambda x: scores).train(1)
    (entry,) = reports(tmp_path)
    assert entry == {
        "step": 6, "epoch": 1, "a": 0.5, "b": 2.0, "c": 3.0, "d": 4, "e": None, "f": None, "g": 7,
        "h": 8, "i": [0.25, None], "j": "text", "k": True, "l": 1.5,
    }  # fmt: skip
    text = (tmp_path / "log.jsonl").read_text()
    assert "NaN" not in text and "Infinity" not in text


def test_a_score_on_a_device_is_a_number(device):
    assert score_numbers({"a": tinygan.tensor([0.25]).to(device)}) == {"a": 0.25}


# Pictures and logs


@pytest.mark.parametrize("what", ["save_png", "save_gif", "plot_curves", "write_run_file"])
@pytest.mark.parametrize("stopped", [False, True])
def test_what_could_not_be_written_comes_later(
    what, stopped, whole_run, tmp_path, monkeypatch, capsys
):
    """A disk that is full throughout the first epoch; then, perhaps, the process ends."""

    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device", "that file")

    with monkeypatch.context() as patch:
        patch.setattr(records_module, what, fail)
        run = make_trainer(tmp_path)
        assert run.train(1)
    assert "failed: OSError: [Errno 28] No space left on device: 'that file'" in (
        capsys.readouterr().out
    )
    if stopped:
        run = make_trainer(tmp_path, resume=True)
    assert run.train(2)
    assert_same_run(records(whole_run), records(tmp_path))
    assert {"run.json", "samples.gif", "losses.png"} <= set(os.listdir(tmp_path))
    assert tinygan.load(tmp_path / "checkpoint.npz")["extra"]["pictures"] == {}


@pytest.mark.parametrize("stopped", [False, True])
def test_lines_that_could_not_be_written_come_later(
    stopped, whole_run, tmp_path, monkeypatch, capsys
):
    """From the fourth step to the end of the epoch the log cannot be opened."""
    flush = JsonLines.flush

    def failing(log):
        with monkeypatch.context() as patch:
            if log.pending and b'"step": 2,' not in log.pending:

                def fail(*arguments):
                    raise OSError(errno.EIO, "Input/output error")

                patch.setattr("tinygan.training.log.open", fail, raising=False)
            flush(log)

    with monkeypatch.context() as patch:
        run = make_trainer(tmp_path)
        patch.setattr(JsonLines, "flush", failing)
        assert run.train(1)
    path = tmp_path / "log.jsonl"
    assert f"WARNING: [Errno 5] Input/output error: '{path}' (lines are kept for later)" in (
        capsys.readouterr().out
    )
    assert len(read_json_lines(path)) < 6
    if stopped:
        run = make_trainer(tmp_path, resume=True)
    assert run.train(2)
    assert_same_run(records(whole_run), records(tmp_path))


def test_a_half_written_line_is_cut_off_before_the_next_one(tmp_path):
    path = tmp_path / "log.jsonl"
    log = JsonLines(path)
    log.write(step=1)
    position, pending = log.state()
    assert pending == ""
    log.write(step=2)
    path.write_bytes(path.read_bytes() + b'{"step": 3, "lo')  # a write that failed half-way
    assert [entry["step"] for entry in read_json_lines(path)] == [1, 2]
    log.write(step=3)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n{"step": 3}\n'
    log = JsonLines(path, position)  # killed, and resumed
    log.write(step=20)
    assert [entry["step"] for entry in read_json_lines(path)] == [1, 20]
    path.write_bytes(b'{"step": 1}\n{"st\xff\n[1]\n\n{"step": 20}\n')
    assert [entry["step"] for entry in read_json_lines(path)] == [1, 20]


DAMAGE = {
    "log gone": lambda out: (out / "log.jsonl").unlink(),
    "log cut": lambda out: (out / "log.jsonl").write_bytes(b'{"step": 1, "loss_d": 1'),
    "log noise": lambda out: (out / "log.jsonl").write_bytes(bytes(range(256)) * 100),
    "log a folder": lambda out: [(out / "log.jsonl").unlink(), (out / "log.jsonl").mkdir()],
    "log of text": lambda out: (out / "log.jsonl").write_text(
        '{"loss_d": "x", "epoch": [1]}\n{"loss_d": 1}\n' * 40
    ),
    "run.json noise": lambda out: (out / "run.json").write_bytes(b"\xff\x00"),
    "run.json other": lambda out: (out / "run.json").write_text('{"starts": 3}'),
    "run.json a folder": lambda out: [(out / "run.json").unlink(), (out / "run.json").mkdir()],
    "picture": lambda out: (out / "samples" / "epoch_001.png").write_bytes(b"\x89PNG\r\n\x1a\n"),
    "no pictures": lambda out: [p.unlink() for p in (out / "samples").iterdir()],
    "samples a file": lambda out: [
        [p.unlink() for p in (out / "samples").iterdir()], (out / "samples").rmdir(),
        (out / "samples").touch(),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_records_stop_no_sound_checkpoint(name, whole_run, tmp_path):
    assert make_trainer(tmp_path).train(1)
    DAMAGE[name](tmp_path)
    assert make_trainer(tmp_path, resume=True).train(2)
    with np.load(whole_run / "checkpoint.npz") as a, np.load(tmp_path / "checkpoint.npz") as b:
        assert all(np.array_equal(a[key], b[key]) for key in a.files if key != "structure.json")
    if not (tmp_path / "log.jsonl").is_dir():
        assert [e.get("step") for e in reports(tmp_path)][-1:] == [12]
        if name != "log noise":
            steps = [e for e in read_json_lines(tmp_path / "log.jsonl") if "loss_g" in e]
            assert [e["step"] for e in steps][-6:] == [7, 8, 9, 10, 11, 12]


def test_the_gif_is_of_this_runs_pictures_in_their_order(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(records_module, "save_gif", lambda pictures, path: shown.extend(pictures))
    (tmp_path / "samples").mkdir()
    for epoch in (7, 999, 1000):
        (tmp_path / "samples" / f"epoch_{epoch:03d}.png").touch()
    kept = records_module.Records(tmp_path)
    kept.begin(200)
    for epoch in (999, 1000):
        kept.write(step=epoch, epoch=epoch)
    kept.draw()
    assert [path.name for path in shown] == ["epoch_999.png", "epoch_1000.png"]


def test_without_pillow_a_run_has_no_gif(tmp_path, monkeypatch, capsys):
    run = make_trainer(tmp_path)  # which asks for it
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert run.train(2)
    assert capsys.readouterr().out.count("WARNING: samples.gif failed: ") == 1
    assert checkpoint_step(tmp_path) == 12 and not (tmp_path / "samples.gif").exists()
    assert len(list((tmp_path / "samples").iterdir())) == 2


def test_a_terminal_that_is_gone_stops_nothing(tmp_path, monkeypatch):
    from tinygan.training.progress import Progress

    def fail(*arguments):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(Progress, "print", fail)
    monkeypatch.setattr(Progress, "update", fail)
    assert make_trainer(tmp_path, evaluate=raises).train(1)


def test_the_log_of_a_lost_checkpoint_is_kept(whole_run, tmp_path, monkeypatch, capsys):
    make_trainer(tmp_path).train(1)
    old = (tmp_path / "log.jsonl").read_bytes()
    (tmp_path / "checkpoint.npz").unlink()
    (tmp_path / "log.1.jsonl").touch()
    assert make_trainer(tmp_path).train(2)
    assert "no checkpoint: the log is kept as log.2.jsonl, and a new run" in capsys.readouterr().out
    assert (tmp_path / "log.2.jsonl").read_bytes() == old
    assert (tmp_path / "log.jsonl").read_bytes() == (whole_run / "log.jsonl").read_bytes()


# Checkpoints


def test_a_checkpoint_that_cannot_be_written_says_what_to_do_and_the_run_can_go_on(
    whole_run, tmp_path, monkeypatch
):
    run = make_trainer(tmp_path)
    run.train(1)

    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tinygan.files.os.fsync", fail)
        with pytest.raises(OSError, match="No space left") as caught:
            run.train(2)
    path = tmp_path / "checkpoint.npz"
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
    assert "no checkpoint of step 12 could be written (the last one, of step 6, is there)" in str(
        caught.value
    )
    assert "Free some space and resume the run" in str(caught.value)
    assert checkpoint_step(tmp_path) == 6
    assert run.train(2)
    assert_same_run(records(whole_run), records(tmp_path))


def changed(content, rng):
    """One thing in a nested structure taken out, or replaced by something else."""
    at, path = content, []
    while isinstance(at, (dict, list, tuple)) and len(at) and (len(path) < 2 or rng.random() < 0.6):
        key = rng.choice(list(at)) if isinstance(at, dict) else int(rng.integers(len(at)))
        path.append(key)
        at = at[key]

    def copy(value, path):
        if not path:
            return [None, -1, "x", [], {}, 2.5, np.ones((1, 2)), [1, 2], {"a": 1}][
                rng.integers(9)
            ]
        items = dict(value) if isinstance(value, dict) else dict(enumerate(value))
        if len(path) == 1 and rng.random() < 0.5:
            del items[path[0]]
        else:
            items[path[0]] = copy(value[path[0]], path[1:])
        return items if isinstance(value, dict) else type(value)(items.values())

    return copy(content, path)


def test_a_checkpoint_of_another_structure_changes_nothing(whole_run, tmp_path, rng):
    run = make_trainer(tmp_path)
    run.train(1)
    path, content = tmp_path / "checkpoint.npz", tinygan.load(whole_run / "checkpoint.npz")
    stream = tinygan.devices.generator.get_state()

    def states():
        return {name: arrays(part.state_dict()) for name, part in run._parts.items()}

    before, refused = states(), 0
    for _ in range(100):
        tinygan.save(changed(content, rng), path)
        try:
            load_checkpoint(path, run._parts, run._facts(), run._accept)
        except ValueError as error:
            assert str(path) in str(error)
            assert states() == before, error
            refused += 1
        else:  # a change that is not one of structure, as another value
            before = states()
        assert tinygan.devices.generator.get_state() == stream
    assert refused > 50


def arrays(state):
    """A nested state, with the bytes of its arrays."""
    if isinstance(state, dict):
        return {name: arrays(value) for name, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [arrays(value) for value in state]
    if not hasattr(state, "shape"):
        return state
    return state.shape, np.asarray(getattr(state, "array", state)).tobytes()


def test_a_setting_that_a_checkpoint_does_not_know_was_off(whole_run, tmp_path):
    path, older = whole_run / "checkpoint.npz", tmp_path / "older.npz"
    content = tinygan.load(path)
    settings = content["extra"]["settings"]
    assert settings.pop("r2") == 0 and settings.pop("noise") is None
    tinygan.save(content, older)
    parts = make_trainer(whole_run, resume=True)._parts
    load_checkpoint(older, parts, {**settings, "r2": 0.0, "noise": None})
    with pytest.raises(ValueError, match=r"r2: None in the checkpoint, 5\.0 now"):
        load_checkpoint(older, parts, {**settings, "r2": 5.0})


def test_a_checkpoint_knows_its_data(tmp_path, rng):
    data = synthetic_digits(96, seed=1)
    make_trainer(tmp_path, data=data).train(1)
    images, labels = data.images.copy(), data.labels.copy()
    images[5, 0, 3, 4] ^= 1
    labels[:2] = (labels[:2] + 1) % 10
    cases = {
        "other images or labels": Dataset(images, data.labels, data.name),
        "or labels": Dataset(data.images, labels, data.name),
        "another order": Dataset(data.images[::-1], data.labels, data.name),
        r"shape \[96, 1, 28, 28\], now \[100, 1, 28, 28\]": synthetic_digits(100, seed=1),
        "labels True, now False": Dataset(data.images, None, data.name),
    }
    for message, other in cases.items():
        model = DCGAN(width=4)
        before = arrays_of(model.generator)
        with pytest.raises(ValueError, match=f"checkpoint.npz: of a run on other data.*{message}"):
            trainer.Trainer(model, other, tmp_path, SETTINGS, resume=True)
        after = arrays_of(model.generator)
        assert all(np.array_equal(before[name], after[name]) for name in before)
    copies = Dataset(np.asfortranarray(data.images), data.labels.copy(), data.name)
    assert make_trainer(tmp_path, data=copies, resume=True).step == 6


# Stopping, going on, and who may


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_stopped_run_is_saved_and_goes_on_in_the_same_process(name, whole_run, tmp_path):
    number = getattr(signal, name)
    outer = signal.signal(number, signal.default_int_handler)  # nohup has it ignored
    try:
        run = make_trainer(tmp_path, evaluate=lambda x: os.kill(os.getpid(), number) or {})
        assert run.train(2) is False
        assert run.step == checkpoint_step(tmp_path) == 6
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, outer)
    run.evaluate = None
    assert run.train(2) is True
    assert_same_run(records(whole_run), records(tmp_path))


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_signal_that_is_ignored_stays_ignored(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = make_trainer(tmp_path, evaluate=lambda x: os.kill(os.getpid(), signal.SIGHUP) or {})
        assert run.train(1) is True
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_run_that_was_broken_off_within_a_step_goes_back_to_its_checkpoint(whole_run, tmp_path):
    run = make_trainer(tmp_path)
    add = run.game.average.update

    def stop():
        raise KeyboardInterrupt

    run.game.average.update = stop
    with pytest.raises(KeyboardInterrupt):
        run.train(2)
    with pytest.raises(RuntimeError, match="ended within a step, and there is no checkpoint"):
        run.train(2)
    run = make_trainer(tmp_path)
    run.train(1)
    add, run.game.average.update = run.game.average.update, stop
    with pytest.raises(KeyboardInterrupt):
        run.train(2)
    run.game.average.update = add
    assert run.train(2)
    assert_same_run(records(whole_run), records(tmp_path))


def test_a_second_process_is_told_who_holds_the_folder(tmp_path):
    """From the first moment, before there is a checkpoint."""
    child = start_child(tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "run.lock").exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        with pytest.raises(FolderInUse, match=f"in use by process {child.pid} on "):
            make_trainer(tmp_path)
    finally:
        child.kill()
        child.wait()


def test_a_second_trainer_takes_the_folder_and_the_first_writes_nothing_more(whole_run, tmp_path):
    first, second = make_trainer(tmp_path), make_trainer(tmp_path)
    with pytest.raises(FolderInUse, match="now belongs to another Trainer of this process"):
        first.train(2)
    tinygan.manual_seed(3)
    DCGAN(width=4)  # the stream is where it was when the second one was made
    assert second.train(2)
    with pytest.raises(FolderInUse):
        first.save()
    assert_same_run(records(whole_run), records(tmp_path))


def test_strays_of_a_killed_run_are_cleared(tmp_path):
    (tmp_path / "samples").mkdir()
    strays = [".checkpoint.npz.abcdefgh.tmp", ".run.json.a_cdefgh.tmp", ".losses.png.12345678.tmp",
              "samples/.epoch_001.png.abcdefgh.tmp", "run.lock.0123456789abcdef"]  # fmt: skip
    others = [".scores.json.abcdefgh.tmp", ".checkpoint.npz.swp", "samples/.mine.png.abcdefgh.tmp"]
    for name in strays + others:
        (tmp_path / name).touch()
    run = make_trainer(tmp_path)
    assert not any((tmp_path / name).exists() for name in strays)
    assert all((tmp_path / name).exists() for name in others)
    run.close()
    assert not (tmp_path / "run.lock").exists()
