"""The GPU itself: what it is, and the most that it can do."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import Any

import numpy as np

from tinygan.doctor.plan import Note, Plan, Result, result
from tinygan.kernels.bench.checking import SEED, array_dtype, copied
from tinygan.kernels.bench.peaks.gpu import l2_flush
from tinygan.kernels.bench.roofline import measure_roofline
from tinygan.kernels.cuda.device import describe, properties, seconds
from tinygan.kernels.cuda.memory import to_device
from tinygan.kernels.ladder import LOW_PRECISIONS, all_ladders, convert

_PROPERTIES = (
    "clockRate", "memoryClockRate", "memoryBusWidth", "sharedMemPerBlockOptin",
    "sharedMemPerMultiprocessor", "regsPerMultiprocessor", "maxThreadsPerMultiProcessor",
    "ECCEnabled", "integrated", "concurrentKernels", "asyncEngineCount",
)  # fmt: skip
_PACKAGES = ("tinygan", "numpy", "numba", "llvmlite", "torch")
# A ladder for each kind of work: products, convolutions, and traffic alone.
TIMED = ("matmul", "conv2d", "conv_transpose2d", "conv2d_weight_grad", "batch_norm", "adam",
         "leaky_relu")  # fmt: skip


def machine(plan: Plan, note: Note) -> Result:
    """What the numbers depend on."""
    import cupy

    found = result()
    note("machine")
    found["gpu"] = describe()
    known = properties()
    found["properties"] = {name: known[name] for name in _PROPERTIES if name in known}
    free, total = cupy.cuda.runtime.memGetInfo()
    found["memory"] = {"free_bytes": free, "total_bytes": total}
    if free < total / 2:
        found["problems"].append(
            f"only {free / 2**30:.1f} of {total / 2**30:.1f} GiB are free: another program uses "
            "the GPU, and times will not be right"
        )
    found["software"] = {
        "python": platform.python_version(), "system": platform.system(),
        "release": platform.release(), "processor": platform.machine(),
        **{name: _version(name) for name in _PACKAGES}, "executable": sys.executable,
    }  # fmt: skip
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def roofline(plan: Plan, note: Note) -> Result:
    """The two limits in each precision, measured, and how near the rungs of training come."""
    found: Result = result()
    limits: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    before = l2_flush()
    for dtype in plan.dtypes:
        if plan.late():
            found["not_run"].append(f"roofline in {dtype}")
            continue
        note(f"roofline: limits in {dtype}")
        line = measure_roofline("cuda", dtype)
        limits.append({"dtype": dtype, "flops_per_second": line.flops_per_second,
                       "bytes_per_second": line.bytes_per_second})  # fmt: skip
        for name, ladder in all_ladders().items():
            low = dtype in LOW_PRECISIONS
            has = any(rung.precision == (dtype if low else None) and rung.device == "cuda"
                      for rung in ladder.rungs)  # fmt: skip
            if name not in TIMED or not plan.wants(name) or not has or dtype == "float64":
                continue
            shape, case = list(ladder.bench_shapes.items())[-1]
            if plan.late():
                found["not_run"].append(f"{name} {shape!r} {dtype}")
                continue
            note(f"roofline: {name} {shape!r} {dtype}")
            args, options = ladder.make(np.random.default_rng(SEED), array_dtype(dtype), **case)
            given = convert(copied(args), to_device)
            precision = dtype if low else None

            def call(ladder=ladder, given=given, options=options, precision=precision):
                return ladder(*given, precision=precision, **options)

            call()
            took = min(seconds(call, before) for _ in range(5))
            flops, traffic = ladder.flops(*args, **options), ladder.traffic(*args, **options)
            rows.append({
                "ladder": name, "shape": shape, "dtype": dtype, "seconds": took,
                "rung": ladder.pick(*given, precision=precision, **options).name,
                "flops_per_second": flops / took, "bytes_per_second": traffic / took,
                "of_attainable": flops / took / line.attainable(flops, traffic) if flops else
                traffic / took / line.bytes_per_second,
            })  # fmt: skip
    found["rows"] = {"limits": limits, "rungs": rows}
    return found
