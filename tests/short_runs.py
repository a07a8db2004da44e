"""A run that takes a second, for the proofs of what runs survive: `failing_calls`, `power_cuts` and
`kills`. Each of its runs is a fork of one process in which all is loaded and compiled already."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygan
from tinygan.data import Dataset
from tinygan.models import DCGAN
from tinygan.training import Settings, Trainer, trainer

HERE = Path(__file__).resolve().parent
LEFT = {"checkpoint.npz", "log.jsonl", "losses.png", "report.html", "run.json", "samples",
        "samples.gif"}  # fmt: skip
SECONDS = 120  # no run takes that long: one that hangs is ended by SIGALRM, which is reported


def parser(description: str) -> argparse.ArgumentParser:
    """Of the options that all of them have."""
    options = argparse.ArgumentParser(description=description.splitlines()[0])
    for name, value in (("images", 40), ("size", 8), ("epochs", 2)):
        options.add_argument(f"--{name}", type=int, default=value, help="default %(default)s")
    options.add_argument("--scratch", help="the folder of the runs")
    return options


def restart_with(source: str | None) -> None:
    """Starts this program again, with one thread and the library of a C file preloaded, and leaves
    it with that one's status; returns in the second one."""
    if "TINYGAN_SHORT_RUNS" in os.environ:
        return
    with tempfile.TemporaryDirectory() as built:
        environment = os.environ | {"TINYGAN_SHORT_RUNS": "1", "TINYGAN_NUM_THREADS": "1"}
        environment |= {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
        if source:
            library = Path(built) / "library.so"
            subprocess.run(
                ["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / source, "-ldl"], check=True
            )
            environment["LD_PRELOAD"] = str(library)
        raise SystemExit(subprocess.run([sys.executable, *sys.argv], env=environment).returncode)


def scores(samples: np.ndarray) -> dict[str, Any]:
    return {"mean": samples.mean(), "std": samples.std(), "none": float("nan")}


def train(
    out: Path, options: argparse.Namespace, begun: Callable[[Trainer], None] = lambda run: None
) -> None:
    """Begins the run in `out`, or resumes it, and trains it to its end."""
    tinygan.manual_seed(0)
    shape = (options.images, 1, options.size, options.size)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    run = Trainer(
        DCGAN(options.size, 1, 4), Dataset(images, None, "noise"), out, Settings(batch_size=10),
        samples=10, resume=(out / "checkpoint.npz").exists(), evaluate=scores,
    )  # fmt: skip
    begun(run)
    assert run.train(options.epochs)
    run.close()


def warm_up(place: Path, options: argparse.Namespace) -> None:
    """Loads and compiles all that a run needs; what is forked has one thread then."""
    trainer.STEPS_PER_CHECKPOINT = 3
    with open(os.devnull, "w") as nothing:
        kept = os.dup(1), os.dup(2)
        os.dup2(nothing.fileno(), 1), os.dup2(nothing.fileno(), 2)
        try:
            import tqdm

            tqdm.tqdm.monitor_interval = 0  # without a thread
            # Its own lock is shared by all forks, and would stay locked where one is killed.
            tqdm.tqdm.set_lock(threading.RLock())
            for _ in range(2):  # the second one resumes
                train(place / "warm", options)
        finally:
            for number, descriptor in enumerate(kept, 1):
                os.dup2(descriptor, number), os.close(descriptor)
    deadline = time.monotonic() + 5
    while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(os.listdir("/proc/self/task")) == 1, threading.enumerate()


def fork(work: Callable[[], None], said: int) -> int:
    """The number of a child that does `work`, whose traceback goes to the open file `said`."""
    child = os.fork()
    if child:
        return child
    signal.alarm(SECONDS)
    status, nothing = 0, os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1), os.dup2(nothing, 2)
    try:
        work()
    except BaseException:
        os.write(said, traceback.format_exc().encode())
        status = 1
    os._exit(status)


def in_a_fork(work: Callable[[], None]) -> tuple[int, str]:
    """The exit status of `work` in a child (negative: of a signal), and its traceback."""
    with tempfile.TemporaryFile() as said:
        child = fork(work, said.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return status, said.read().decode()


def content(out: Path) -> dict[str, bytes]:
    """All that a run leaves, by name; what depends on the clock without its bytes.

    Raises:
        AssertionError: there are other files beside it.
    """
    found = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if name == "checkpoint.npz":
            with np.load(path) as archive:
                found |= {f"{name}/{key}": archive[key].tobytes() for key in archive.files}
        elif name == "report.html":  # it names the folder, the program and the time
            found[name] = path.read_bytes()[-8:]
        elif path.is_file() and name != "run.json":
            found[name] = path.read_bytes()
    assert {path.name for path in out.iterdir()} == LEFT, sorted(os.listdir(out))
    return found


def problems_of(
    out: Path, expected: dict[str, bytes], status: int = 0, said: str = ""
) -> list[str]:  # fmt: skip
    """What differs from a run that nothing befell, after one in a fork that should have finished
    it."""
    if status:
        return [f"it could not be resumed, with status {status}\n{said}"]
    try:
        found = content(out)
    except AssertionError as other:
        return [f"other files: {other}"]
    names = {n for n in expected | found if expected.get(n) != found.get(n)}
    return [f"not the same bits: {sorted(names)}"] if names else []


def expected_content(place: Path, options: argparse.Namespace) -> dict[str, bytes]:
    """Of a whole run, which is the same in a fork and in a new process."""
    status, said = in_a_fork(lambda: train(place / "whole", options))
    assert status == 0, said
    expected = content(place / "whole")
    code = (
        "import sys; from pathlib import Path; from types import SimpleNamespace;"
        "import short_runs;"
        "short_runs.trainer.STEPS_PER_CHECKPOINT = 3;"
        f"short_runs.train(Path(sys.argv[1]), SimpleNamespace(images={options.images},"
        f" size={options.size}, epochs={options.epochs}))"
    )
    subprocess.run([sys.executable, "-c", code, str(place / "alone")], cwd=HERE, check=True,
                   capture_output=True)  # fmt: skip
    assert not problems_of(place / "alone", expected)
    return expected
