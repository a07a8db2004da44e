"""The kernels on the GPU: do they compile, are they right, do they stay inside their arrays?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tinygan.doctor.plan import Note, Plan, Result, result
from tinygan.kernels.bench.checking import SEED, TOLERANCE, Standard, array_dtype, copied
from tinygan.kernels.cpu.threads import get_num_threads
from tinygan.kernels.cuda import nvrtc
from tinygan.kernels.cuda.device import properties
from tinygan.kernels.cuda.memory import to_device, to_host
from tinygan.kernels.cuda.source import sources
from tinygan.kernels.ladder import LOW_PRECISIONS, Ladder, all_ladders, convert, relative_error

GUARD = 64  # values in front of and behind an array that is watched
PATTERN = 0x5A


def compile_all(plan: Plan, note: Note) -> Result:
    """Every kernel: how long its compilation took, and what it needs beside what is recorded."""
    found, rows = result(), []
    device = int(plan.device[5:] or 0) if ":" in plan.device else 0
    record = json.loads(nvrtc.RECORD.read_text())
    limits = properties()
    capability = limits["major"], limits["minor"]
    nearest = max((a for a in nvrtc.ARCHITECTURES if _number(a) <= 10 * capability[0]
                   + capability[1]), key=_number, default=nvrtc.ARCHITECTURES[0])  # fmt: skip
    found["recorded_for"] = nearest
    wanted = [
        (source, kernel) for source in sorted(sources(), key=lambda source: not source.in_steps)
        if plan.wants(source.name) and source.capability <= capability
        for kernel in source.kernels
    ]  # fmt: skip

    def one(work: tuple) -> dict[str, Any] | None:
        source, kernel = work
        if plan.late():
            return None
        note(f"compile {source.name}: {kernel}")
        start = time.perf_counter()
        try:
            attributes = source.compiled(device, kernel).attributes
        except Exception as error:  # whatever the compiler says, the others are compiled still
            text = f"{type(error).__name__}: {error}"
            return {"file": source.name, "kernel": kernel, "error": text[:2000]}
        return {
            "file": source.name, "kernel": kernel, "seconds": time.perf_counter() - start,
            "registers": attributes["num_regs"], "local_bytes": attributes["local_size_bytes"],
            "recorded_registers": record[source.name][kernel][nearest][0],
        }  # fmt: skip

    start = time.perf_counter()
    with ThreadPoolExecutor(get_num_threads()) as pool:
        for work, row in zip(wanted, pool.map(one, wanted), strict=True):
            name = f"{work[0].name}: {work[1]}"
            if row is None:
                found["not_run"].append(name)
                continue
            rows.append(row)
            if "error" in row:
                found["problems"].append(f"{name} does not compile: {row['error'][:300]}")
            elif row["local_bytes"] > 0:
                found["problems"].append(f"{name} spills {row['local_bytes']} bytes")
    found["wall_seconds"], found["threads"] = time.perf_counter() - start, get_num_threads()
    found["rows"]["kernels"] = rows
    return found


def _number(architecture: str) -> int:
    return int(architecture[3:])


def rungs(plan: Plan, note: Note) -> Result:
    """The rung that calls of each ladder get, against the reference, twice: on the awkward shapes
    of the tests, then on the shapes of training, those with the least work first."""
    found, rows = result(), []
    for real in (False, True)[: 1 + plan.real_sizes]:
        for ladder, shape, case, dtype in _cases(plan, real):
            name = f"{ladder.name} {shape!r} {dtype}"
            if plan.late():
                found["not_run"].append(name)
                continue
            note(f"rungs: {name}")
            try:
                row = _check(ladder, case, dtype)
            except Exception as error:
                found["problems"].append(f"{name}: {type(error).__name__}: {error}")
                continue
            if row is None:
                continue
            rows.append({"ladder": ladder.name, "shape": shape, "dtype": dtype, **row})
            if not row["error"] <= row["tolerance"]:
                found["problems"].append(
                    f"{name}, rung {row['rung']}: error {row['error']:.1e}, tolerated is "
                    f"{row['tolerance']:.0e}"
                )
            if not row["same_bits"]:
                found["problems"].append(f"{name}, rung {row['rung']}: two runs, other bits")
    found["rows"]["rungs"] = rows
    return found


def _cases(plan: Plan, real: bool) -> Iterator[tuple[Ladder, str, Any, str]]:
    for ladder in all_ladders().values():
        if not plan.wants(ladder.name) or all(rung.device == "cpu" for rung in ladder.rungs):
            continue
        shapes = ladder.bench_shapes if real else ladder.shapes
        for dtype in plan.dtypes:
            if any(rung.precision == dtype for rung in ladder.rungs) or dtype not in LOW_PRECISIONS:
                for shape in sorted(shapes, key=lambda s: _work(ladder, shapes[s]) if real else 0):
                    yield ladder, shape, shapes[shape], dtype


def _work(ladder: Ladder, case: Any) -> int:
    """Bytes of the inputs: what takes long is to make them."""
    sizes = [value for value in case.values() if isinstance(value, (int, tuple))]
    return int(np.prod([np.prod(size, dtype=np.float64) for size in sizes]))


_standards: dict[str, Standard] = {}


def _check(ladder: Ladder, case: Any, dtype: str) -> dict[str, Any] | None:
    """The error of a rung, and whether a second run gives the same bits; None where the ladder
    has no rung of this precision for the case."""
    args, options = ladder.make(np.random.default_rng(SEED), array_dtype(dtype), **case)
    precision = dtype if dtype in LOW_PRECISIONS else None
    runs, seconds = [], 0.0
    for _ in range(2):
        given = convert(copied(args), to_device)
        rung = ladder.pick(*given, precision=precision, **options)
        if precision is not None and rung.precision is None:
            return None
        start = time.perf_counter()
        runs.append(_on_host(ladder(*given, precision=precision, **options)))
        seconds = time.perf_counter() - start
    standard = _standards.setdefault(ladder.name, Standard(ladder))
    expected, by = standard.result(args, options)
    return {
        "rung": rung.name, "error": relative_error(runs[0], expected), "against": by,
        "tolerance": TOLERANCE[dtype], "same_bits": _same(*runs), "seconds": seconds,
    }  # fmt: skip


def _on_host(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_on_host(each) for each in value)
    return to_host(value) if hasattr(value, "get") else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, (list, tuple)):
        return all(_same(a, b) for a, b in zip(one, other, strict=True))
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


def guards(plan: Plan, note: Note) -> Result:
    """Whether a rung writes beside its arrays or into its inputs, which lie between guard words."""
    found, rows = result(), []
    for ladder, shape, case, dtype in _cases(plan, real=False):
        name = f"{ladder.name} {shape!r} {dtype}"
        if plan.late():
            found["not_run"].append(name)
            continue
        note(f"guards: {name}")
        args, options = ladder.make(np.random.default_rng(SEED), array_dtype(dtype), **case)
        watched: list[_Guarded] = []

        def guarded(array: np.ndarray, watched: list = watched) -> Any:
            watched.append(_Guarded(array))
            return watched[-1].array

        try:
            given = convert(copied(args), guarded)
            precision = dtype if dtype in LOW_PRECISIONS else None
            _on_host(ladder(*given, precision=precision, **options))
        except Exception as error:
            found["problems"].append(f"{name}: {type(error).__name__}: {error}")
            continue
        for number, each in enumerate(watched):
            problem = each.problem(may_change=ladder.in_place)
            if problem:
                found["problems"].append(f"{name}: array {number} {problem}")
        rows.append({"ladder": ladder.name, "shape": shape, "dtype": dtype, "arrays": len(watched)})
    found["rows"]["guards"] = rows
    return found


class _Guarded:
    """An array of the device in the middle of a larger one, and what should stay as it is."""

    def __init__(self, host: np.ndarray):
        import cupy

        self.host = host
        pad = GUARD * max(host.itemsize, 4)
        self.buffer = cupy.full(host.nbytes + 2 * pad, PATTERN, np.uint8)
        self.pad = pad
        order = tuple(sorted(range(host.ndim), key=lambda i: -abs(host.strides[i])))
        inverse = tuple(order.index(i) for i in range(host.ndim))
        inner = self.buffer[pad : pad + host.nbytes].view(host.dtype)
        self.array = inner.reshape([host.shape[i] for i in order]).transpose(inverse)
        self.array[...] = to_device(host)

    def problem(self, may_change: bool) -> str | None:
        bytes_now = self.buffer.get()
        around = np.concatenate([bytes_now[: self.pad], bytes_now[len(bytes_now) - self.pad :]])
        if (around != PATTERN).any():
            where = int(np.flatnonzero(around != PATTERN)[0])
            side = "in front of" if where < self.pad else "behind"
            return f"of shape {self.host.shape}: something was written {side} it"
        if not may_change and not np.array_equal(to_host(self.array), self.host, equal_nan=True):
            return f"of shape {self.host.shape}: an input was changed"
        return None
