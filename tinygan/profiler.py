"""Where the time goes: a table of the ops and kernels that a block of code has run.

    with tinygan.profile() as report:
        loss = net(images).mean()
        loss.backward()
    print(report)
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tinygan import autograd
from tinygan.devices import moment, seconds_between, settle
from tinygan.kernels import ladder as ladders
from tinygan.tensor import Tensor

Interval = tuple[Any, Any]  # two moments

SMALL = 0.001  # ops with a smaller share of the wall time are printed as one, parts not at all


@dataclass
class Line:
    """How often something ran, and for how long.

    Attributes:
        calls: how often; 0 where there is nothing to count.
        seconds: in all.
        flops, traffic: of a kernel, FLOPs and bytes in all, by its ladder's counts; else 0.
        parts: of an op, what it ran inside, by name.
    """

    calls: int = 0
    seconds: float = 0.0
    flops: int = 0
    traffic: int = 0
    parts: dict[str, Line] = field(default_factory=dict)


@dataclass
class Report:
    """What a profile has found; ``print(report)`` shows it as a table.

    Attributes:
        seconds: the wall time of the block.
        ops: a line for each op and direction, as ``"Conv2d backward"``: the time inside its
            `forward`, or its `backward`. The parts are the kernels that it called, named by ladder
            and rung as ``"conv2d, panels"``, and the other ops that it is made of, without their
            kernels.
        elsewhere: the rest of the wall time: kernels that no op called (the optimizer's are its
            parts), random numbers, checks of arguments, Python between the ops.
    """

    seconds: float = 0.0
    ops: dict[str, Line] = field(default_factory=dict)
    elsewhere: Line = field(default_factory=Line)

    def share(self, line: Line) -> float:
        """The line's fraction of the wall time; those of all ops and of `elsewhere` add up to 1."""
        return line.seconds / self.seconds

    def __str__(self) -> str:
        if self.seconds == 0:
            return "the profile has not ended yet"
        text = [
            f"wall time {self.seconds * 1e3:.1f} ms",
            f"{'':<36}{'calls':>7}{'ms':>10}{'ms/call':>10}{'GFLOP/s':>9}{'GB/s':>7}{'share':>9}",
        ]
        shown = self._large(self.ops)
        small = [line for name, line in self.ops.items() if name not in shown]
        if small:
            calls, seconds = sum(line.calls for line in small), sum(line.seconds for line in small)
            shown[f"{len(small)} smaller ops"] = Line(calls, seconds)
        for name, line in (shown | {"elsewhere": self.elsewhere}).items():
            text.append(self._row(name, line))
            text += [self._row(f"  {part}", own) for part, own in self._large(line.parts).items()]
        return "\n".join(text)

    def _large(self, lines: dict[str, Line]) -> dict[str, Line]:
        """Without the small ones, the longest first."""
        large = [item for item in lines.items() if self.share(item[1]) >= SMALL]
        return dict(sorted(large, key=lambda item: -item[1].seconds))

    def _row(self, name: str, line: Line) -> str:
        calls = f"{line.calls}" if line.calls else ""
        each = f"{line.seconds / line.calls * 1e3:.3f}" if line.calls else ""
        gflops = f"{line.flops / line.seconds / 1e9:.1f}" if line.flops else ""
        gbytes = f"{line.traffic / line.seconds / 1e9:.1f}" if line.traffic else ""
        return (
            f"{name:<36}{calls:>7}{line.seconds * 1e3:>10.2f}{each:>10}{gflops:>9}{gbytes:>7}"
            f"{self.share(line):>9.1%}"
        )


@contextlib.contextmanager
def profile() -> Iterator[Report]:
    """``with tinygan.profile() as report:`` measures the block; afterwards, ``print(report)``.

    Each op is timed forward and backward, and each kernel inside it. Ops that run during
    ``backward()`` or ``grad()`` without belonging to a node, such as the sum of two gradients that
    meet, count as backward, too. Measured is the thread that entered the block: ops that other
    threads run are not in the table. On a GPU, times are the GPU's, from event to event in its
    queue: where Python is slower than the kernels, that includes the waiting for Python. Nothing is
    printed by itself. Without a profile, an op and a kernel pay one comparison each; under it, some
    microseconds.

    Raises:
        RuntimeError: a profile is being taken already; profiles cannot be nested.
    """
    if autograd.hook is not None or ladders.hook is not None:
        raise RuntimeError("profile: a profile is being taken already; they cannot be nested")
    report = Report()
    clock = _Clock(report)
    settle()
    autograd.hook, ladders.hook = clock.run, clock.run_kernel
    start = time.perf_counter()
    try:
        yield report
    finally:
        autograd.hook = ladders.hook = None
        settle()
        report.seconds = time.perf_counter() - start
        clock.finish()
        rest = report.seconds - sum(line.seconds for line in report.ops.values())
        report.elsewhere.seconds = rest


class _Clock:
    """What the hooks call: it runs ops and kernels, and books their time in a report.

    The time of an op is booked on its own line when no other op is running. Inside another, it is
    a part of that one's line, less what is booked on parts of its own. What an interval on a GPU
    was is known only at the end, when nobody has to wait for it.
    """

    def __init__(self, report: Report):
        self.report = report
        self.thread = threading.get_ident()
        self.walks = 0  # backward() and grad() that are running
        self.inside: list[list[Interval]] = []  # for each op that is running, what it ran
        self.line = report.elsewhere  # of the outermost op that is running
        self.in_kernel = False
        self.booked: list[tuple[Line, Interval, list[Interval]]] = []

    def run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """The hook of autograd: runs `forward` or `backward` of a node, or a whole walk."""
        if threading.get_ident() != self.thread:
            return function(*args, **options)
        node = getattr(function, "__self__", None)
        if isinstance(node, autograd.Function):
            return self._run_op(node.name, function, *args)
        self.walks += 1
        try:
            return function(*args, **options)
        finally:
            self.walks -= 1

    def _run_op(self, name: str, function: Callable[..., Any], *args: Any) -> Any:
        if not self.inside:
            direction = "backward" if self.walks else "forward"
            self.line = self.report.ops.setdefault(f"{name} {direction}", Line())
        self.inside.append([])
        array = args[0].array if isinstance(args[0], Tensor) else args[0]
        start = moment(array)
        try:
            return function(*args)
        finally:
            interval, parts = (start, moment(array)), self.inside.pop()
            if self.inside:
                self.inside[-1].append(interval)
                self._book(self.line.parts.setdefault(name, Line()), interval, parts)
            else:
                self._book(self.line, interval, [])
                self.line = self.report.elsewhere

    def run_kernel(
        self, ladder: ladders.Ladder, rung: ladders.Rung, *args: Any, **options: Any
    ) -> Any:
        """The hook of the ladders. A ladder that a kernel calls belongs to that kernel."""
        if threading.get_ident() != self.thread or self.in_kernel:
            return rung(*args, **options)
        self.in_kernel = True
        array = ladders.first_array(args)
        start = moment(array)
        try:
            result = rung(*args, **options)
        finally:
            self.in_kernel = False
        interval = start, moment(array)
        if self.inside:
            self.inside[-1].append(interval)
        part = self.line.parts.setdefault(f"{ladder.name}, {rung.name}", Line())
        self._book(part, interval, [])
        part.flops += ladder.flops(*args, **options)
        part.traffic += ladder.traffic(*args, **options)
        return result

    def _book(self, line: Line, interval: Interval, parts: list[Interval]) -> None:
        """The time of a call, without that of its parts."""
        line.calls += 1
        self.booked.append((line, interval, parts))

    def finish(self) -> None:
        for line, interval, parts in self.booked:
            line.seconds += seconds_between(*interval)
            line.seconds -= sum(seconds_between(*part) for part in parts)
