"""Damaged files of every kind, and what such files have shown; `tests/fuzz.py` tries more."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import fuzz_targets as targets
import numpy as np
import pytest

import tinygan
from tinygan import nn, weights
from tinygan.images import save_gif
from tinygan.training.checkpoint import load_checkpoint, save_checkpoint
from tinygan.training.log import read_json_lines
from tinygan.training.records import Records

pytest.importorskip("PIL", reason="needs Pillow: pip install pillow")
pytest.importorskip("matplotlib", reason="needs matplotlib: pip install matplotlib")
pytest.importorskip("safetensors", reason="needs safetensors: pip install safetensors")

FUZZ = Path(__file__).with_name("fuzz.py")
needs_alarms = pytest.mark.skipif(os.name == "nt", reason="needs signal.alarm")


def run(*arguments: object) -> subprocess.CompletedProcess:
    root = FUZZ.parents[1]
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip


@needs_alarms
def test_damaged_files_are_read_or_refused_by_the_documented_error():
    result = run(FUZZ, "--inputs", 1000)
    assert result.stdout.endswith("1000 inputs, 0 wrong\n"), result.stdout[-3000:]
    assert result.returncode == 0


@needs_alarms
@pytest.mark.exhaustive
def test_more_damaged_files():
    result = run(FUZZ, "--inputs", 40_000, "--seed", 1)
    assert result.stdout.endswith("40000 inputs, 0 wrong\n"), result.stdout[-3000:]


# --- what the fuzzer notices --------------------------------------------------------------------

BODIES = {
    "raise KeyError('a')": "raises KeyError: 'a'",
    "raise ValueError('damaged')": "does not name the file: damaged",
    "raise ValueError(str(path)) from MemoryError()": "takes too much memory",
    "bytes(600_000_000)": "raises MemoryError",
    "subprocess.run(['true'])": "read; subprocess.Popen",
    "open(str(path) + 'x', 'w')": "read; writes ",
    "os.close(os.open(str(path) + 'y', os.O_CREAT | os.O_WRONLY))": "read; writes ",
    "image.open(fuzz.io.BytesIO(fuzz._foreign()[0]))": "raises UnidentifiedImageError",
    "fuzz.time.sleep(9)": "waits",
    "raise ValueError(f'{path}: Bad CRC')": "first",
    "raise ValueError(f'{path}: 3 entries')": "later",
    "pass": "read",
}
BROKEN = """
import json, os, signal, subprocess, sys
sys.path.insert(0, sys.argv[1])
import fuzz
from pathlib import Path
from PIL import Image as image

fuzz.SECONDS = 1
signal.signal(signal.SIGALRM, fuzz._wait)
place, watch, limit, answers = Path(sys.argv[2]), fuzz.Watch(), fuzz.Limit(), {}
place.write_bytes(b"")
for body in json.loads(sys.argv[3]):
    code = compile(body, "body", "exec")
    kind = fuzz.KINDS["save"]._replace(read=lambda path: exec(code, {**globals(), "path": path}))
    limit.set(kind.memory)
    answers[body] = fuzz.answer(kind, place, watch)
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("broken") / "file"
    result = run("-W", "ignore", "-c", BROKEN, FUZZ.parent, place, json.dumps(list(BODIES)))
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout)


@needs_alarms
@pytest.mark.parametrize("body", BODIES)
def test_the_fuzzer_notices(body, answers):
    assert answers[body].startswith(BODIES[body])
    if "image" in body:
        assert "tries the format" in answers[body]


TOY = """
import os, signal
from random import Random
from types import SimpleNamespace as Kind

def of(random):
    return repr(random.random()).encode()

SEVENTH = Random(7)
SEVENTH.choice([b""])
FATAL = of(SEVENTH)

def read(path):
    if path.read_bytes() == FATAL:
        os.kill(os.getpid(), signal.SIGKILL)

KINDS = {"toy": Kind(name="file", sound=lambda: [b""], damage=lambda random, _: of(random),
                     read=read, errors=(), first="$^", share=1, beside=None, writes=False,
                     memory=10**9)}
_foreign = None
"""


@needs_alarms
def test_a_reader_that_ends_its_process_is_counted_and_the_others_go_on(tmp_path):
    """With blocks that are counted once, whoever tries them, and results that are gone on from."""
    for name in ("fuzz.py", "fuzz_processes.py", "fuzz_mutations.py"):
        shutil.copy(FUZZ.with_name(name), tmp_path)
    (tmp_path / "fuzz_kinds.py").write_text(TOY)
    counts = tmp_path / "counts.json"
    first = run(tmp_path / "fuzz.py", "--inputs", 20, "--counts", counts)
    assert "toy 7: ends the process (-9)" in first.stdout and first.returncode == 1, first.stderr
    assert first.stdout.endswith("20 inputs, 1 wrong\n")
    second = run(tmp_path / "fuzz.py", "--inputs", 50, "--counts", counts, "--processes", 2)
    assert second.stdout.endswith("50 inputs, 1 wrong\n"), second.stderr
    assert json.loads(counts.read_text())["counts"] == {"toy": [49, 0, 0, 1]}


def test_a_load_that_stops_half_way_is_noticed(tmp_path, monkeypatch):
    def half(path, parts, settings):
        parts["net"].weight.array[...] = 5
        raise ValueError(f"{path} is damaged")

    monkeypatch.setattr(targets, "load_checkpoint", half)
    with pytest.raises(AssertionError, match="refused, but something has changed"):
        targets.load_all_or_nothing(tmp_path / "file")
    monkeypatch.setattr(targets, "load_checkpoint", lambda path, parts, settings: None)
    with pytest.raises(AssertionError, match="not everything has changed"):
        targets.load_all_or_nothing(tmp_path / "file")


# --- files that were found ----------------------------------------------------------------------


def npy(shape: str, data: bytes, dtype: str = "<f4") -> bytes:
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + data


def archive(path, content: object, method: int = zipfile.ZIP_STORED, **entries: bytes) -> None:
    """A file of `tinygan.save` with this structure and these entries."""
    text = json.dumps({"format": "tinygan-1", "content": content}).encode()
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("structure.json.npy", npy(f"({len(text)},)", text, "|u1"))
        for name, data in entries.items():
            file.writestr(f"{name}.npy", data)


A0 = {"array": "a0"}
FLOATS = np.arange(4, dtype="<f4").tobytes()
SAVED = {
    "huge": ((A0, npy(f"({2**40},)", FLOATS)), "has other bytes than"),
    "overflow": ((A0, npy(f"({2**62}, 4)", FLOATS)), "has other bytes than"),
    "huge and empty": ((A0, npy(f"(0, {2**63})", b"")), ""),
    "many dimensions": ((A0, npy("(" + "1, " * 70 + ")", b"1234")), ""),
    "objects": ((A0, npy("(2,)", FLOATS, "|O")), "no array of numbers"),
    "text": ((A0, npy("(1,)", FLOATS, "<U4")), "no array of numbers"),
    "an expression": ((A0, npy("-" * 9000 + "1", FLOATS)), "no array of numbers"),
    "a token without an end": ((A0, npy('"""', FLOATS)), "no array of numbers"),
    "negative": ((A0, npy("(-1,)", FLOATS)), "no array of numbers"),
    "short": ((A0, npy("(4,)", FLOATS[:-1])), "has other bytes than"),
    "long": ((A0, npy("(4,)", FLOATS + b"1")), "has other bytes than"),
    "twice": (({"list": [A0, A0]}, npy("(4,)", FLOATS)), "is used twice"),
    "a list": (([A0], npy("(4,)", FLOATS)), "a list of no known kind"),
    "no list": (({"tuple": "ab"}, npy("(4,)", FLOATS)), "unknown kind 'tuple'"),
    "no name": (({"array": ["a0"]}, npy("(4,)", FLOATS)), ""),
}  # fmt: skip


def test_the_archives_made_here_are_read(tmp_path):
    archive(tmp_path / "file", {"dict": {"x": A0}}, a0=npy("(2, 2)", FLOATS))
    assert tinygan.load(tmp_path / "file")["x"].tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_file_that_says_what_is_not_true(tmp_path, name):
    (content, entry), message = SAVED[name]
    archive(tmp_path / "file", content, a0=entry)
    with pytest.raises(ValueError, match=rf"^load: .*file is damaged .*{message}") as caught:
        tinygan.load(tmp_path / "file")
    assert not isinstance(caught.value.__cause__, MemoryError)


def test_an_array_in_fortran_order_and_of_another_byte_order_comes_back(tmp_path):
    arrays = [np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(3, dtype=">i4"),
              np.array(7, np.float16), np.zeros((0, 3), bool)]  # fmt: skip
    tinygan.save(arrays, tmp_path / "file")
    for found, array in zip(tinygan.load(tmp_path / "file"), arrays, strict=True):
        assert found.dtype == array.dtype and found.flags.writeable
        assert found.flags.f_contiguous == array.flags.f_contiguous
        np.testing.assert_array_equal(found, array)


def test_a_compressed_archive_is_refused_before_it_is_inflated(tmp_path):
    archive(tmp_path / "file", A0, zipfile.ZIP_DEFLATED, a0=npy(f"({10**6},)", bytes(4 * 10**6)))
    with pytest.raises(ValueError, match=r"file is damaged .* is compressed; save's never are"):
        tinygan.load(tmp_path / "file")


@pytest.mark.parametrize(("save", "load"), [(tinygan.save, tinygan.load),
                                            (weights.save, weights.load)])  # fmt: skip
def test_a_huge_compressed_size_takes_no_memory(tmp_path, save, load):
    """In the list of an archive's entries, beside a size that is right. The file is sound else."""
    save({"w": np.arange(6.0)}, tmp_path / "file")
    data = bytearray((tmp_path / "file").read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 20, 0xFF000000)
    (tmp_path / "file").write_bytes(data)
    tracemalloc.start()
    with contextlib.suppress(ValueError):
        load(tmp_path / "file")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**6


def test_entries_that_share_bytes_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "file", "w") as file:
        file.writestr("structure.json.npy", bytes(5000))
        for number in range(5):
            entry = copy.copy(file.filelist[0])
            entry.filename = f"a{number}.npy"
            file.filelist.append(entry)
            file.NameToInfo[entry.filename] = entry
    with pytest.raises(ValueError, match=r"file is damaged .*entries are longer than the file"):
        tinygan.load(tmp_path / "file")


@pytest.mark.parametrize("read", [tinygan.load, weights.load, weights.load_file])
def test_a_failure_of_the_disk_is_not_called_damage(tmp_path, monkeypatch, read):
    (tmp_path / "file").write_bytes(b"PK\3\4" + bytes(100))

    class Broken(io.BytesIO):
        length = 104

        def read(self, *_):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("builtins.open", lambda *_: Broken())
    for module in ("serialization", "weights_format.read"):
        monkeypatch.setattr(f"tinygan.{module}.BoundedFile", lambda _: Broken())
    with pytest.raises(OSError, match=r"Input/output error: .*file") as caught:
        read(tmp_path / "file")
    assert caught.value.errno == 5


def test_a_safetensors_file_with_an_absurd_shape(tmp_path):
    head = b'{"x":{"dtype":"F32","shape":[0,9223372036854775808],"data_offsets":[0,0]}}'
    (tmp_path / "file").write_bytes(struct.pack("<Q", len(head)) + head)
    with pytest.raises(ValueError, match=r"^load_file: .*file is damaged"):
        weights.load_file(tmp_path / "file")


# --- checkpoints and records that were found ----------------------------------------------------

CHANGES = {
    "no count": (lambda parts: parts["average"].update(updates=float("nan")), "updates is nan"),
    "an endless count": (lambda parts: parts["average"].update(updates=1e400), "updates is inf"),
    "no rate": (lambda parts: parts["adam"]["param_groups"][0].pop("lr"), "without lr"),
    "a rate that is none": (lambda parts: parts["adam"]["param_groups"][0].update(lr="0.1"),
                            "lr is '0.1'"),
    "a truth value": (lambda parts: parts["adam"]["param_groups"][0].update(eps=True),
                      "eps is True"),
    "a negative rate": (lambda parts: parts["adam"]["param_groups"][0].update(lr=-1),
                        "lr must be >= 0"),
    "one beta": (lambda parts: parts["adam"]["param_groups"][0].update(betas=(0.5,)), "betas is"),
    "no step": (lambda parts: parts["adam"].update(steps=[-1]), "a count for each parameter"),
    "an option, and a place": (lambda parts: (parts["adam"]["param_groups"][0].update(x=5),
                                              parts["sampler"].update(cursor=-1)), "has cursor -1"),
    "steps of others": (lambda parts: parts["adam"].update(steps=[1, 1]), "for each parameter"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_of_what_is_no_state_changes_nothing(name, tmp_path):
    change, message = CHANGES[name]
    save_checkpoint(tmp_path / "file", targets._parts(2, steps=1), {})
    content = tinygan.load(tmp_path / "file")
    change(content["parts"])
    tinygan.save(content, tmp_path / "file")
    target = targets.Target(targets._parts(0))
    with pytest.raises(ValueError, match=message) as caught:
        load_checkpoint(tmp_path / "file", target.parts, {})
    assert str(tmp_path / "file") in str(caught.value)
    assert target.now() == target.before


def test_a_state_with_text_for_a_number_changes_no_part_of_a_module():
    norm = nn.BatchNorm1d(3)
    before = targets.frozen(norm.state_dict())
    state = {name: np.ones_like(value.array) for name, value in norm.state_dict().items()}
    with pytest.raises(ValueError, match="type of num_batches_tracked: <U1 given, numbers expec"):
        norm.load_state_dict({**state, "num_batches_tracked": "5"})
    assert targets.frozen(norm.state_dict()) == before


def test_a_structure_that_is_one_huge_number_takes_no_memory(tmp_path):
    with zipfile.ZipFile(tmp_path / "file", "w") as file:
        file.writestr("structure.json.npy", npy("()", struct.pack("<q", 2**62), "<i8"))
    with pytest.raises(ValueError, match="file is damaged") as caught:
        tinygan.load(tmp_path / "file")
    assert not isinstance(caught.value.__cause__, MemoryError)


def test_a_line_of_deep_nesting_does_not_hide_the_others(tmp_path):
    (tmp_path / "log.jsonl").write_bytes(b'{"step": 1}\n' + b"[" * 200_000 + b'\n{"step": 2}\n')
    assert read_json_lines(tmp_path / "log.jsonl") == [{"step": 1}, {"step": 2}]


def test_lines_that_no_file_can_hold_are_refused_before_a_run_goes_on(tmp_path):
    with pytest.raises(ValueError, match="surrogates not allowed"):
        Records(tmp_path).check({"log_pending": "\ud800"})


def test_a_gif_is_made_of_no_other_formats_than_are_listed(tmp_path):
    from PIL import Image, UnidentifiedImageError

    for kind in ("PNG", "TGA"):
        Image.new("RGB", (4, 4)).save(tmp_path / kind, kind)
    save_gif([tmp_path / "PNG"], tmp_path / "a.gif")
    with pytest.raises(UnidentifiedImageError):
        save_gif([tmp_path / "PNG", tmp_path / "TGA"], tmp_path / "b.gif")


@pytest.mark.parametrize("place", [-1, 5, 2**31 - 1, 0.5])
def test_a_random_state_beside_its_buffer_is_refused(place):
    stream = tinygan.Generator(3)
    with pytest.raises(ValueError, match=r"buffer_pos is .*; expected 0 to 4"):
        stream.set_state({**stream.get_state(), "buffer_pos": place})
