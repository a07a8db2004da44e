"""What `fuzz.py` loads damaged checkpoints and records of runs into, and checks afterwards."""

from __future__ import annotations

import atexit
import contextlib
import copy
import functools
import json
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import tinygan
from tinygan import nn, optim
from tinygan.data import BatchSampler, Dataset
from tinygan.devices import Generator, generator
from tinygan.tensor import Tensor
from tinygan.training import Settings, Trainer, records, trainer
from tinygan.training.checkpoint import load_checkpoint, load_generator, save_checkpoint
from tinygan.training.log import read_json_lines, write_run_file
from tinygan.training.records import Records

__all__ = ["checkpoints", "describe", "go_on", "load_all_or_nothing", "load_average", "resume",
           "resume_beside", "runs", "split", "write_run_file"]  # fmt: skip


def frozen(value: Any) -> Any:
    """A state as nested tuples that are equal where all of its bits are."""
    if isinstance(value, Tensor):
        value = value.array
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, Mapping):
        return tuple((name, frozen(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(frozen, value))
    return repr(value)


class Target:
    """Parts of a checkpoint, and what they hold before it is loaded."""

    def __init__(self, parts: Mapping[str, Any]):
        self.parts = parts
        self._before = copy.deepcopy(self._states())
        self.before = frozen(self._before)

    def _states(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self.parts.items()}

    def now(self) -> Any:
        return frozen(self._states())

    def restore(self) -> bool:
        """Whether the parts are again what they were: a file may have left what stays."""
        for name, part in self.parts.items():
            part.load_state_dict(self._before[name])
        return self.now() == self.before


# A checkpoint of some parts

SETTINGS = {"lr": 0.1}


def _parts(seed: int, steps: int = 0) -> dict[str, Any]:
    tinygan.manual_seed(seed)
    net = nn.Linear(2, 3, bias=False)  # of more entries, an archive is read more slowly
    adam = optim.Adam(net.parameters(), lr=0.1 / (seed + 1))
    average, sampler = optim.ExponentialMovingAverage(net), BatchSampler(9, 3, 0)
    for _ in range(steps):
        net(tinygan.randn(4, 2)).square().sum().backward()
        adam.step()
        average.update()
    sampler.load_state_dict({**sampler.state_dict(), "epoch": seed})
    return {"net": net, "adam": adam, "average": average, "sampler": sampler}


@functools.cache
def checkpoints() -> list[bytes]:
    extra = {"settings": {"lr": 0.1, "seed": 0}, "step": 5}
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder) / "file", _parts(2, steps=2), extra)
        return [(Path(folder) / "file").read_bytes()]


@functools.cache
def _pair() -> list[Target]:
    return [Target(_parts(0)), Target(_parts(1, steps=1))]


def load_all_or_nothing(path: Path) -> None:
    """Nothing has changed where it is refused. Where it is read everything has: then two sets of
    parts that were different are the same."""
    first, second = _pair()
    try:
        load_checkpoint(path, first.parts, SETTINGS)
    except Exception as error:
        if first.now() != first.before:
            _pair.cache_clear()
            raise AssertionError(f"refused, but something has changed: {error}") from error
        raise
    try:
        load_checkpoint(path, second.parts, SETTINGS)
        assert first.now() == second.now(), "loaded, but not everything has changed"
    finally:
        if not (_restored(first) and _restored(second)):
            _pair.cache_clear()


def _restored(target: Target) -> bool:
    try:
        return target.restore()
    except Exception:  # what was loaded is of no use
        return False


@functools.cache
def _generator() -> tuple[nn.Module, Target]:
    net = _parts(0)["net"]
    return net, Target({"net": net})


def load_average(path: Path) -> None:
    net, target = _generator()
    try:
        load_generator(path, net)
    except Exception as error:
        assert target.now() == target.before, f"refused, but something has changed: {error}"
        raise
    target.restore()


# A run that goes on

LOG: list[dict[str, Any]] = [{"step": n, "loss_d": 0.5, "loss_g": 1.5, "rate": 9} for n in range(5)]
LOG[3] = {"step": 3, "epoch": 1, "score": {"fid": 3.5, "classes": [0.5, 0.5]}}


class _Model:
    """The smallest GAN."""

    classes = None

    def __init__(self) -> None:
        self.generator = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Unflatten(1, (1, 4, 4)))
        self.discriminator = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))

    def latent(self, count: int, generator: Generator = generator) -> Tensor:
        return tinygan.randn(count, 2, generator=generator)


@functools.cache
def _run() -> tuple[Trainer, bytes]:
    """A run, and its checkpoint."""
    records.plot_curves = lambda *_: None  # it reads no file, and takes long
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tinygan.manual_seed(0)
    images = np.arange(9 * 16, dtype=np.uint8).reshape(9, 1, 4, 4)
    run = Trainer(_Model(), Dataset(images, None, "nine"), folder, Settings(batch_size=3),
                  samples=4)  # fmt: skip
    for line in LOG:
        run.records.write(**line)
    run.records._pictures["epoch_000.png"] = np.zeros((4, 4, 3), np.uint8)
    run.save()
    content = (folder / "checkpoint.npz").read_bytes()
    run.step, run.records = 7, Records(folder)
    return run, content


def runs() -> list[bytes]:
    return [_run()[1]]


@contextlib.contextmanager
def _moved(path: Path) -> Iterator[tuple[Trainer, Target]]:
    """The run, as if it lay where `path` is, and its parts; afterwards it is as before."""
    run, _ = _run()
    target = Target(run._parts)
    others = SimpleNamespace(step=run.step, steps=run._stuck.steps, state=_state())
    run.out = path.parent
    run.records = Records(run.out)
    run.records.show = lambda line: None
    try:
        yield run, target
    finally:
        run.step, run._stuck.steps = others.step, others.steps
        generator.set_state(others.state)
        if not _restored(target):
            _run.cache_clear()


def _state() -> dict[str, Any]:
    return generator.get_state()


def resume(path: Path) -> None:
    """The checkpoint is read, as much as a run reads of it, or nothing has changed."""
    with _moved(path) as (run, target):
        before = run.step, run._stuck.steps, _state()
        try:
            run._load()
        except Exception as error:
            unchanged = target.now() == target.before
            assert unchanged, f"refused, but something has changed: {error}"
            assert (run.step, run._stuck.steps, _state()) == before, f"refused, but: {error}"
            raise
        tinygan.randn(3)
        assert run.step >= 0 and (path.parent / "log.jsonl").exists()


def split(content: bytes) -> list[bytes]:
    """Three files of one."""
    parts, place = [], 12
    for length in struct.unpack_from("<3I", content):
        parts.append(content[place : place + length])
        place += length
    return parts


def resume_beside(path: Path) -> None:
    """A sound checkpoint is gone on from, whatever lies beside it; and the end of the run."""
    log, description, picture = split(path.read_bytes())
    (path.parent / "samples").mkdir(exist_ok=True)
    for name, content in (("log.jsonl", log), ("run.json", description),
                          ("samples/epoch_001.png", picture),
                          ("checkpoint.npz", _run()[1])):  # fmt: skip
        (path.parent / name).write_bytes(content)
    with _moved(path) as (run, _):
        run._begin(resume=True)
        assert run.step == 0
        run.records.catch_up()
        run.records.draw()
    assert json.loads((path.parent / "run.json").read_bytes())["starts"][-1]["step"] == 0


# Its records


def describe(path: Path) -> None:
    """A damaged run.json is written anew, without a warning."""
    said: list[str] = []
    run = Records(path.parent)
    run.show = said.append
    run.describe({"lr": 0.1}, {"size": 9}, "cpu", 5)
    assert not said, said
    starts = json.loads(path.read_bytes())["starts"]
    assert starts[-1]["step"] == 5 and all(isinstance(start, dict) for start in starts)


def go_on(path: Path) -> None:
    """A damaged log: a run goes on with it, or a new one begins beside it."""
    content = path.read_bytes()
    chance = zlib.crc32(content)
    read_json_lines(path)
    run = Records(path.parent)
    run.show = lambda line: None
    if chance % 4 == 0:
        run.begin(trainer.STEPS_PER_CHECKPOINT if chance % 8 else 0)
    else:
        place = chance // 4 % (len(content) + 30)
        run.resume({"log_position": place, "log_pending": '{"step": 3}\n' * (chance % 3)})
    run.write(step=6)
    assert read_json_lines(path)[-1] == {"step": 6}
