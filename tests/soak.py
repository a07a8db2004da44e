"""Hours of training in one process, whose memory, threads and open files must not grow.

    python tests/soak.py --seconds 7200       the proof at full size; --seconds 120 to look at it

One Trainer trains from the beginning to the end, saves, draws and scores each epoch. After every
tenth of its epochs a whole short run of another model takes place: begun, taken over by a second
Trainer that resumes it, and finished with its GIF and curves. Then its Trainers must be gone.

A minute's sample is taken at the end of an epoch of the long run: the resident memory, the blocks
that Python has allocated, threads, open files. The first tenth warms up. The medians of the second
tenth and of the last one are compared, since malloc makes single samples uneven. The exit status
is 1 if memory or blocks grew by more than 2 %, or a Trainer, thread or open file is left.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import tinygan
from tinygan.data import synthetic_digits
from tinygan.metrics import Scorer, classifier_for
from tinygan.models import DCGAN, GAN
from tinygan.training import Settings, Trainer

ALLOWED = 1.02
TRAIN, TEST = synthetic_digits(1000, 0), synthetic_digits(500, 1)  # as the examples' --quick
FEW = synthetic_digits(128, 2)
R1 = {"beta1": 0.0, "beta2": 0.99, "r1": 1.0, "penalty_every": 4}
SHORT: list[tuple[Callable[[], Any], Settings]] = [
    (lambda: DCGAN(width=16, batch_norm_d=False, categories=30), Settings(64, 2e-3, **R1)),
    (lambda: DCGAN(width=16, classes=10), Settings(64, augment=("translation", "cutout"))),
    (lambda: GAN(variant="modern"), Settings(64, decay=(1, 4), noise=(0.1, 2))),
]


class Sample(NamedTuple):
    """What the process holds."""

    seconds: float
    memory: int  # resident, kB
    blocks: int  # allocated by Python
    threads: int
    files: Counter[str]


class Over(BaseException):
    """The time is over; no run makes a warning of it."""


def take(start: float) -> Sample:
    status = Path("/proc/self/status").read_text().splitlines()
    numbers = {line.split(":")[0]: line.split()[1] for line in status if len(line.split()) > 1}
    gc.collect()
    files: Counter[str] = Counter()
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # of listdir itself
            files[os.readlink(f"/proc/self/fd/{descriptor}").split(":")[0]] += 1
    return Sample(
        time.monotonic() - start, int(numbers["VmRSS"]), sys.getallocatedblocks(),
        int(numbers["Threads"]), files,
    )  # fmt: skip


def short_run(number: int, scorer: Scorer, place: Path) -> None:
    """Begun, taken over and finished; its Trainers must be gone afterwards."""
    make, settings = SHORT[number % len(SHORT)]
    out, trainers = place / "short", []
    for epochs in (2, 4):
        tinygan.manual_seed(number)
        trainer = Trainer(make(), FEW, out, settings, evaluate=scorer, samples=200,
                          resume=epochs > 2)  # fmt: skip
        trainers.append(weakref.ref(trainer))
        trainer.train(epochs)
    trainer.close()
    assert (out / "samples.gif").stat().st_size > 1000
    del trainer
    gc.collect()
    assert [ref() for ref in trainers] == [None, None], "a Trainer is left"
    shutil.rmtree(out)


def soak(seconds: float, minute: float, place: Path, shown: IO[str]) -> list[Sample]:
    """Trains for so many seconds; a sample each `minute` is written to `shown`, too."""
    scorer = Scorer(classifier_for(TRAIN), TRAIN, TEST, 200)
    for number in range(len(SHORT)):  # compiles the kernels, loads the fonts
        short_run(number, scorer, place)
    start, samples, epochs = time.monotonic(), [], 0

    def evaluate(images):
        nonlocal epochs
        epochs += 1
        if epochs % 10 == 0:
            try:
                short_run(epochs // 10, scorer, place)
            except Exception as error:  # the long run would make a warning of it
                raise Over(f"a short run failed: {error!r}") from error
        if time.monotonic() - start > len(samples) * minute:
            samples.append(take(start))
            print(f"{epochs} epochs: {samples[-1]}", file=shown, flush=True)
        if time.monotonic() - start > seconds:
            raise Over
        return scorer(images)

    tinygan.manual_seed(0)
    make, settings = SHORT[0]
    run = Trainer(make(), FEW, place / "long", settings, evaluate=evaluate, samples=200)
    try:
        run.train(10**9)
    except Over as over:
        if over.args:
            raise
    run.close()
    return samples


def judge(samples: list[Sample]) -> list[str]:
    """What grew, or was left."""
    tenth = len(samples) // 10
    if tenth < 2:
        return ["there are fewer than 20 samples"]
    early, late = samples[tenth : 2 * tenth], samples[-tenth:]
    problems = []
    for name in ("memory", "blocks"):
        before, after = (
            statistics.median(getattr(sample, name) for sample in part) for part in (early, late)
        )
        print(f"{name}: {before:.0f}, then {after:.0f} ({100 * (after / before - 1):+.2f} %)")
        if after > ALLOWED * before:
            problems.append(f"{name} grew")
    if late[-1].threads > early[0].threads:
        problems.append(f"{late[-1].threads - early[0].threads} threads are left")
    if left := late[-1].files - early[0].files:
        problems.append(f"files are open: {dict(left)}")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=7200, help="default %(default)s")
    parser.add_argument("--scratch", help="the folder of the runs")
    arguments = parser.parse_args()
    place = Path(tempfile.mkdtemp(dir=arguments.scratch))
    minute = min(60.0, arguments.seconds / 60)
    shown = sys.stdout
    try:
        with (
            open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing),
            contextlib.redirect_stderr(nothing),
        ):  # fmt: skip
            samples = soak(arguments.seconds, minute, place, shown)
    finally:
        shutil.rmtree(place)
    problems = judge(samples)
    deadline = time.monotonic() + 5
    while threading.active_count() > 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    # The workers of the kernels stay, asleep: there are as many as cores, less one.
    others = {thread.name for thread in threading.enumerate()
              if thread.name not in ("MainThread", "tqdm_monitor")
              and not re.fullmatch(r"tinygan-\d+", thread.name)}  # fmt: skip
    if others:
        problems.append(f"threads run at the end: {others}")
    found = "; ".join(problems) or "nothing grew, nothing is left"
    print(f"{arguments.seconds:.0f} s, {len(samples)} samples: {found}")
    raise SystemExit(bool(problems))


if __name__ == "__main__":
    main()
