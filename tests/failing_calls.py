"""Every call of the system that a run makes on its folder fails once, in turn, or kills the run.

    python tests/failing_calls.py                       a small run, a few minutes
    python tests/failing_calls.py --images 960 --epochs 6 --size 28      the proof at full size

After each of them the run is begun or resumed without a failure, and must end with the same
checkpoint, log and pictures as one in which nothing failed, and with no other file. An error that
ends a run must name a file. For Linux with a C compiler: a library that is loaded before others
stands in for open, read, write, fsync, rename, mkdir, unlink and close.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
LEFT = {"checkpoint.npz", "log.jsonl", "losses.png", "run.json", "samples", "samples.gif"}
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)


def build(folder: Path) -> Path:
    """The library that makes calls fail."""
    library = folder / "failing_calls.so"
    source = str(HERE / "failing_calls.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def train(out: Path, options: argparse.Namespace) -> None:
    import numpy as np

    import tinygan
    from tinygan.data import Dataset
    from tinygan.models import DCGAN
    from tinygan.training import Settings, Trainer, trainer

    trainer.STEPS_PER_CHECKPOINT = 3
    tinygan.manual_seed(0)
    shape = (options.images, 1, options.size, options.size)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    exists = (out / "checkpoint.npz").exists()
    run = Trainer(
        DCGAN(options.size, 1, 4), Dataset(images, None, "noise"), out, Settings(batch_size=10),
        samples=10, resume=exists, evaluate=lambda samples: {"mean": samples.mean()},
    )  # fmt: skip
    assert run.train(options.epochs)


def in_a_fork(work) -> tuple[int, str]:
    """The exit status of `work` in a child (negative: of a signal), and what it said at its end."""
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            status, nothing = 0, os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1), os.dup2(nothing, 2)
            try:
                work()
            except BaseException:
                said.write(traceback.format_exc())
                status = 1
            said.flush()
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return status, said.read()


def content(out: Path) -> dict[str, bytes]:
    """All that a run leaves, by name; what depends on the clock without its bytes."""
    import numpy as np

    found = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if name == "checkpoint.npz":
            with np.load(path) as archive:
                found |= {f"{name}/{key}": archive[key].tobytes() for key in archive.files}
        elif path.is_file() and name not in ("run.json", "run.lock"):
            found[name] = path.read_bytes()
    assert {path.name for path in out.iterdir()} - {"run.lock"} == LEFT, os.listdir(out)
    return found


def campaign(options: argparse.Namespace) -> int:
    """How many cases went wrong, each of which is printed."""
    library = ctypes.CDLL(None)
    calls, fail_at = (ctypes.c_long.in_dll(library, name) for name in ("calls", "fail_at"))
    number = ctypes.c_int.in_dll(library, "fail_errno")
    folder = (ctypes.c_char * 4096).in_dll(library, "folder")
    failed = (ctypes.c_char * 8192).in_dll(library, "failed")
    place = Path(tempfile.mkdtemp(dir=options.scratch))
    wrong = 0

    def watched(out: Path, at: int, error: int):
        def work():
            folder.value, fail_at.value, number.value = str(out).encode() + b"/", at, error
            try:
                train(out, options)
            except BaseException as problem:
                folder.value = b""  # Python reads its sources for the traceback
                named = isinstance(problem, OSError) and str(out) in str(problem.filename)
                what = "named" if named else "unnamed"
                raise SystemExit(f"{what} {failed.value!r}") from problem
            finally:
                folder.value = b""
                if at < 0:
                    (place / "calls").write_text(str(calls.value))

        return work

    whole = place / "whole"
    status, said = in_a_fork(watched(whole, -1, 0))
    assert status == 0, said
    expected, count = content(whole), int((place / "calls").read_text())
    cases = [(at, error) for at in range(count) for error in (ERRORS[at % len(ERRORS)], 0)]
    for at, error in cases[:: options.every]:
        out = place / "run"
        shutil.rmtree(out, ignore_errors=True)
        status, said = in_a_fork(watched(out, at, error))
        problems = []
        if status == 1 and "unnamed" in said:
            problems.append("the error names no file of the run")
        if error == 0 and status != -signal.SIGKILL:
            problems.append(f"the run was not killed but ended with {status}")
        status, more = in_a_fork(lambda out=out: train(out, options))
        if status:
            problems.append(f"it could not be resumed:\n{more}")
        else:
            try:
                found = content(out)
            except AssertionError as left:
                problems.append(f"other files: {left}")
            else:
                names = {n for n in expected | found if expected.get(n) != found.get(n)}
                problems += [f"not the same bits: {sorted(names)}"] if names else []
        if problems:
            wrong += 1
            what = errno.errorcode.get(error, "killed")
            print(f"{said}call {at}, {what}: {problems}", flush=True)
    shutil.rmtree(place)
    print(f"{count} calls, {len(cases[:: options.every])} cases, {wrong} wrong")
    return wrong


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("images", 40), ("size", 8), ("epochs", 2), ("every", 1)):
        options.add_argument(f"--{name}", type=int, default=value, help="default %(default)s")
    options.add_argument("--scratch", help="the folder of the runs")
    arguments = options.parse_args()
    if "LD_PRELOAD" not in os.environ:
        with tempfile.TemporaryDirectory() as built:
            preload = {"LD_PRELOAD": str(build(Path(built))), "TINYGAN_NUM_THREADS": "1"}
            command = [sys.executable, *sys.argv]
            raise SystemExit(subprocess.run(command, env=os.environ | preload).returncode)
    raise SystemExit(min(1, campaign(arguments)))


if __name__ == "__main__":
    main()
