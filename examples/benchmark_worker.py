"""A contender of benchmark_step.py: one library, in one mode, training in a process of its own.

Both ends of the pipe are here. `Contender` starts this file as a program and sends it lines that
hold a number of steps each; `work` trains that many steps and answers with a line of JSON. Between
two lines the process sleeps.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np
from benchmark_nets import CPU_CLOCK, KEPT, WORKLOADS, cuda_clock, tinygan_training, torch_training

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
COMMAND = [sys.executable, __file__]
WAKE_SECONDS = 0.3  # of work before a GPU's clock counts: when idle, it lowers its frequency


class Contender:
    """The handle on a process that trains when it is told to.

    Attributes:
        problem: the error that ended it; empty while all is well.
        parameters: numbers of parameters of G and D.
        losses: of D and G, in the last step.
        peak_bytes: the most memory that the process has held; None if the system does not say.
    """

    problem: str = ""
    parameters: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()
    peak_bytes: int | None = None

    def __init__(
        self, workload: str, mode: str, width: int, batch_size: int, threads: int,
        device: str = "cpu",
    ):  # fmt: skip
        self.workload, self.width, self.batch_size = workload, width, batch_size
        settings = [workload, mode, width, batch_size, threads, device]
        self._process = subprocess.Popen(
            [*COMMAND, *map(str, settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
            | (KEPT if mode.endswith("-kept") else {}),
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception) -> None:
        try:
            self._process.communicate(timeout=30)  # the end of its input ends it
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def train(self, steps: int) -> list[float]:
        """Trains; returns the seconds of each step, none when there is (or was) a problem."""
        if self.problem:
            return []
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            print(steps, file=stdin, flush=True)
            answer = json.loads(stdout.readline())
        except (OSError, ValueError):
            answer = {"problem": f"the process ended with code {self._process.wait()}"}
        if "problem" in answer:
            self.problem = answer["problem"]
            return []
        self.parameters, self.losses = tuple(answer["parameters"]), tuple(answer["losses"])
        self.peak_bytes = answer["peak_bytes"]
        return answer["seconds"]


# The other end


def work(
    workload: str, mode: str, width: int, batch_size: int, threads: int, device: str = "cpu"
) -> None:
    """Answers the lines of the input until it ends, or until something goes wrong."""
    answers, sys.stdout = sys.stdout, sys.stderr  # nobody else may print between the answers

    def answer(**content: Any) -> None:
        print(json.dumps(content), file=answers, flush=True)

    try:
        sizes = WORKLOADS[workload], width, batch_size, threads
        library = tinygan_training if mode.startswith("tinygan") else torch_training
        training = library(*sizes, mode, device)
        clock = CPU_CLOCK if device == "cpu" else cuda_clock(mode)
        nets = training.generator, training.discriminator
        before = sums(nets)
        for line in sys.stdin:
            # Not timed: it wakes the threads, fills the caches, and lets a GPU raise its frequency.
            start = time.perf_counter()
            losses = [numbers(training.next_step())]
            while device != "cpu" and time.perf_counter() - start < WAKE_SECONDS:
                numbers(training.next_step())
            marks = [clock.mark()]
            for _ in range(int(line)):
                result = training.next_step()
                marks.append(clock.mark())
            seconds = [clock.between(*pair) for pair in itertools.pairwise(marks)]
            losses.append(numbers(result))
            check_training(losses, before, sums(nets))
            answer(
                seconds=seconds,
                losses=losses[-1],
                parameters=[sum(p.numel() for p in net.parameters()) for net in nets],
                peak_bytes=peak_bytes(),
            )
    except Exception as error:
        lines = str(error).strip().splitlines()
        answer(problem=f"{type(error).__name__}: {lines[0] if lines else 'no message'}")


def numbers(losses: tuple) -> list[float]:
    """What the losses are; on a GPU, after waiting for it."""
    return [float(loss) for loss in losses]


def sums(nets) -> list[float]:
    """The sum over each parameter, by which one sees whether it has moved."""
    parameters = [parameter for net in nets for parameter in net.parameters()]
    return [float(p.detach().cpu().numpy().sum(dtype=np.float64)) for p in parameters]


def check_training(losses: list, before: list[float], after: list[float]) -> None:
    """Raises a RuntimeError unless the losses are finite and change, and each parameter too."""
    if not np.isfinite(losses).all():
        raise RuntimeError(f"a loss is not finite: {losses}")
    if np.ptp(losses, axis=0).min() == 0:
        raise RuntimeError(f"a loss does not change: {losses}")
    if not np.isfinite(after).all():
        raise RuntimeError("a parameter is not finite")
    still = np.equal(before, after)
    if still.any():
        raise RuntimeError(f"{still.sum()} of {still.size} parameters did not change")


def peak_bytes() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    width, batch_size, threads = map(int, sys.argv[3:6])
    work(sys.argv[1], sys.argv[2], width, batch_size, threads, sys.argv[6])
