"""Do all kernels compile, and to what?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tinygan.doctor.plan import Findings, Item, Plan, told
from tinygan.kernels.cpu.threads import get_num_threads
from tinygan.kernels.cuda import nvrtc
from tinygan.kernels.cuda.device import properties
from tinygan.kernels.cuda.source import Source, sources

LOG = 4000  # characters of the compiler's log that are kept


def compile_all(plan: Plan) -> Iterator[Item]:
    """All in one piece, by as many threads as there are cores."""
    yield "all kernels", partial(_compile, plan)


def _compile(plan: Plan, found: Findings) -> None:
    import cupy

    limits = properties()
    capability = limits["major"], limits["minor"]
    wanted: list[tuple[Source, str]] = []
    for source in sorted(sources(), key=lambda source: not source.in_steps):
        for kernel in source.kernels if plan.wants(source.name) else ():
            if source.capability <= capability:
                wanted.append((source, kernel))
            else:
                found.not_run(f"{source.name}: {kernel} (the GPU is too old)")
    nearest = nearest_recorded(10 * capability[0] + capability[1])
    one = _Compiler(plan, found, cupy.cuda.Device().id, nearest)
    start = time.perf_counter()
    with ThreadPoolExecutor(get_num_threads()) as pool:
        list(pool.map(one, wanted))
    found.fact("recorded_for", nearest)
    found.fact("threads", get_num_threads())
    found.fact("wall_seconds", time.perf_counter() - start)


def nearest_recorded(capability: int) -> str:
    """The newest architecture in the record that is not newer than this one, as ``"sm_90"``."""
    older = [each for each in nvrtc.ARCHITECTURES if int(each[3:]) <= capability]
    return max(older, key=lambda each: int(each[3:]), default=nvrtc.ARCHITECTURES[0])


class _Compiler:
    """Compiles a kernel for a device and compares what it needs with what is recorded."""

    def __init__(self, plan: Plan, found: Findings, device: int, nearest: str):
        self.plan, self.found, self.device, self.nearest = plan, found, device, nearest
        self.record = json.loads(nvrtc.RECORD.read_text(encoding="utf-8"))

    def __call__(self, work: tuple[Source, str]) -> None:
        source, kernel = work
        name = f"{source.name}: {kernel}"
        if self.plan.late():
            self.found.not_run(name)
            return
        self.found.step(f"compile {name}")
        start = time.perf_counter()
        try:
            attributes = source.compiled(self.device, kernel).attributes
        except Exception as error:  # whatever the compiler says, the others are compiled still
            self.found.problem(f"{name} does not compile: {str(error)[:300]}")
            self.found.row("errors", kernel=name, log=told(error)[:LOG])
            return
        seconds = time.perf_counter() - start
        recorded = self.record.get(source.name, {}).get(kernel, {}).get(self.nearest)
        registers, local = attributes["num_regs"], attributes["local_size_bytes"]
        self.found.row(
            "kernels", kernel=name, seconds=seconds, registers=registers, local_bytes=local,
            shared_bytes=attributes["shared_size_bytes"],
            recorded_registers=recorded[0] if recorded else None,
        )  # fmt: skip
        if recorded is None:
            self.found.remark(f"{name} is not among the recorded kernels")
            return
        if local > recorded[2] + recorded[3]:
            self.found.remark(f"{name} has {local} bytes of local memory: registers are spilled")
        if registers > recorded[0]:
            self.found.remark(f"{name} needs {registers} registers, recorded are {recorded[0]}")
