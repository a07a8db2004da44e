"""The GPU itself: what it is, and the most that it can do."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from tinygan.doctor.plan import ROOT, Findings, Item, Plan
from tinygan.doctor.rungs import Case, dtypes_of, size, wanted_ladders
from tinygan.kernels.bench.peaks.gpu import l2_flush
from tinygan.kernels.bench.roofline import Roofline, measure_roofline
from tinygan.kernels.bench.table import computer
from tinygan.kernels.cuda.device import describe, properties, seconds
from tinygan.kernels.cuda.memory import to_device
from tinygan.kernels.ladder import convert

_PROPERTIES = (
    "clockRate", "memoryClockRate", "memoryBusWidth", "sharedMemPerBlock", "sharedMemPerBlockOptin",
    "sharedMemPerMultiprocessor", "regsPerBlock", "regsPerMultiprocessor",
    "maxThreadsPerMultiProcessor", "maxBlocksPerMultiProcessor", "warpSize", "ECCEnabled",
    "integrated", "concurrentKernels", "asyncEngineCount", "tccDriver",
    "kernelExecTimeoutEnabled",
)  # fmt: skip
# What nvidia-smi knows beside that, where it is installed.
_SMI = ("driver_version", "mig.mode.current", "ecc.mode.current", "clocks.sm", "clocks.max.sm",
        "clocks.max.mem", "power.limit", "temperature.gpu", "utilization.gpu", "memory.used")
_SECONDS = 5.0  # for another program to answer
# A ladder for each kind of work: products, convolutions, and traffic alone.
TIMED = ("matmul", "conv2d", "conv_transpose2d", "conv2d_weight_grad", "batch_norm", "adam",
         "leaky_relu")  # fmt: skip
_TRIES = 5


def machine(plan: Plan) -> Iterator[Item]:
    """What the numbers depend on."""
    yield "software", _software
    yield "GPU", _gpu
    yield "nvidia-smi", _smi
    yield "memory", _memory


def _software(found: Findings) -> None:
    found.fact("computer", computer())
    found.fact("system", {"system": platform.system(), "release": platform.release(),
                          "processor": platform.machine()})  # fmt: skip
    found.fact("packages", {name: _version(name) for name in ("tinygan", "llvmlite", "scipy")})
    found.fact("commit", _commit(ROOT))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _answer(*command: str) -> str | None:
    """What a program prints; None if there is no such program, or it fails."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
            return done.stdout.strip() if done.returncode == 0 else None
    return None


def _commit(root: Path) -> str | None:
    """Of a git checkout, ``"<hash>"`` or ``"<hash>, changed"``."""
    if not (root / ".git").exists():
        return None
    commit = _answer("git", "-C", str(root), "rev-parse", "HEAD")
    changed = _answer("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no")
    return f"{commit}, changed" if commit and changed else commit


def _gpu(found: Findings) -> None:
    found.fact("gpu", describe())
    known = properties()
    found.fact("properties", {name: known[name] for name in _PROPERTIES if name in known})
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    found.fact("mig", "MIG" in known["name"].decode() or visible.startswith("MIG"))


def _smi(found: Findings) -> None:
    known = properties()
    place = f"{known['pciDomainID']:08x}:{known['pciBusID']:02x}:{known['pciDeviceID']:02x}.0"
    query = f"--query-gpu={','.join(_SMI)}"
    text = _answer("nvidia-smi", "-i", place, query, "--format=csv,noheader")
    values = (text or "").split(", ")
    found.fact("nvidia_smi", dict(zip(_SMI, values, strict=True))
               if len(values) == len(_SMI) else None)  # fmt: skip


def _memory(found: Findings) -> None:
    import cupy

    free, total = cupy.cuda.runtime.memGetInfo()
    found.fact("memory", {"free_bytes": free, "total_bytes": total})
    if free < total / 2:
        found.remark(
            f"only {free / 2**30:.1f} of {total / 2**30:.1f} GiB are free: another program uses "
            "the GPU, and times are not to be trusted"
        )


def roofline(plan: Plan) -> Iterator[Item]:
    """The two limits in each precision, and how near the rungs come on their largest shape."""
    limits: dict[str, Roofline] = {}

    def limit(dtype: str) -> Roofline:
        if dtype not in limits:
            limits[dtype] = measure_roofline("cuda", dtype)
        return limits[dtype]

    for dtype in plan.dtypes:
        yield f"limits in {dtype}", functools.partial(_limits, limit, dtype)
    ladders = [ladder for ladder in wanted_ladders(plan) if ladder.name in TIMED]
    for dtype in plan.dtypes:
        for ladder in ladders:
            if dtype in dtypes_of(plan, ladder) and dtype != "float64":
                shape, values = max(ladder.bench_shapes.items(), key=lambda item: size(item[1]))
                case = Case(ladder, shape, values, dtype)
                yield str(case), functools.partial(_near, limit, case)


def _limits(limit: Any, dtype: str, found: Findings) -> None:
    line = limit(dtype)
    found.row("limits", dtype=dtype, flops_per_second=line.flops_per_second,
              bytes_per_second=line.bytes_per_second)  # fmt: skip


def _near(limit: Any, case: Case, found: Findings) -> None:
    """The shortest of some runs, by the GPU's clock, with cold caches."""
    ladder, (args, options) = case.ladder, case.draw()
    given = convert(args, to_device)
    if not case.covered(given, options):
        return
    line = limit(case.dtype)

    def call() -> object:
        return ladder(*given, precision=case.precision, **options)

    call()
    before = l2_flush()
    took = min(seconds(call, before) for _ in range(_TRIES))
    flops, traffic = ladder.flops(*args, **options), ladder.traffic(*args, **options)
    found.row(
        "rungs", ladder=ladder.name, shape=case.shape, dtype=case.dtype,
        rung=ladder.pick(*given, precision=case.precision, **options).name, seconds=took,
        flops_per_second=flops / took, bytes_per_second=traffic / took,
        of_attainable=flops / took / line.attainable(flops, traffic),
    )  # fmt: skip
