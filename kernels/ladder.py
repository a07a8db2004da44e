"""Ladders: one computation, several versions of it, from the obvious to the fast.

A `Ladder` knows what is computed (its FLOPs, its memory traffic, example inputs); its `rungs` are
the versions, slowest and plainest first. A rung is registered once, and three things follow:

- a call of the ladder runs the highest rung of the array's device that covers the arguments (rungs
  of a lower precision only with ``precision=...``);
- the tests compare every rung with rung 0, the reference, over ``ladder.shapes``;
- ``python -m tinygan.kernels.bench`` times every rung over ``ladder.bench_shapes``.

A rung's function is named by a string and imported at its first use, so that importing a ladder
needs neither Numba nor CuPy.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .cpu.compiler import compiles

Array = Any
Case = Mapping[str, Any]

PACKAGE = __package__
HERE = Path(__file__).resolve().parent

# While a profile is being taken, calls of ladders go through hook(ladder, rung, *args, **options),
# which runs the rung on the arguments and returns its result (tinygan/profiler.py).
hook: Callable[..., Any] | None = None

# The precisions to which a rung may round the factors of products, when a caller asks for it.
LOW_PRECISIONS = ("bfloat16", "float16", "tf32")
# The compute capability since which GPUs have tensor cores for all three, and asynchronous copies
# to shared memory.
AMPERE = (8, 0)


def always(*args: Any, **options: Any) -> bool:
    """The `covers` of a rung that works for every input."""
    return True


def is_float(x: Array, *rest: Any, **options: Any) -> bool:
    """The `covers` of a compiled rung that has versions for float32 and float64 alone."""
    return x.dtype.char in "fd"


def is_float32(x: Array, *rest: Any, **options: Any) -> bool:
    """The `covers` of a rung that rounds the factors of float32 products."""
    return x.dtype == "f"


def function_named(target: str) -> Callable[..., Any]:
    """The function of ``"module:function"`` below the package of the kernels."""
    module, name = target.split(":")
    return getattr(importlib.import_module(f".{module}", PACKAGE), name)


@dataclass(frozen=True)
class Cases:
    """Example inputs of a computation, and what it needs at least.

    Attributes:
        make: ``make(rng, dtype, **case) -> (args, options)``, random inputs for a case.
        flops: ``flops(*args, **options) -> int``, the additions and multiplications needed.
        traffic: likewise, the bytes that must be read and written at least.
        shapes: named cases for the tests, small and awkward.
        bench_shapes: named cases for the benchmark, as they occur in training.
        large: cases that a CPU rung cuts into several tasks, one for each path that it may take.
    """

    make: Callable[..., tuple[tuple, dict]]
    flops: Callable[..., int]
    traffic: Callable[..., int]
    shapes: Mapping[str, Case]
    bench_shapes: Mapping[str, Case]
    large: tuple[Case, ...] = ()


class Rung:
    """One version of a ladder's computation.

    Attributes:
        name: short and unique within the ladder and device, as ``"numpy"``.
        device: ``"cpu"`` or ``"cuda"``.
        target: ``"module:function"`` below ``tinygan.kernels``.
        bind: options that this rung always passes to the function, which serves several rungs.
        covers: called with the ladder's arguments; whether this rung can compute them.
        precision: None for a rung that rounds as the arrays' dtype does; ``"bfloat16"`` for one
            that rounds the factors of float32 products to that, and is only run when asked for.
        compiled: whether it is compiled by Numba; passed over where that cannot be.
    """

    def __init__(
        self, name: str, device: str, target: str, covers: Callable[..., bool] = always,
        precision: str | None = None, bind: Mapping[str, Any] | None = None,
        compiled: bool = False,
    ):  # fmt: skip
        self.name, self.device, self.target, self.covers = name, device, target, covers
        self.precision, self.bind, self.compiled = precision, dict(bind or {}), compiled

    @functools.cached_property
    def function(self) -> Callable[..., Any]:
        found = function_named(self.target)
        return functools.partial(found, **self.bind) if self.bind else found

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.function(*args, **options)

    def __repr__(self) -> str:
        return f"<Rung {self.name} on {self.device}>"


class Ladder:
    """One computation and its rungs.

    Args:
        name: as the benchmark prints it.
        cases: example inputs, and what the computation needs; see `Cases`.
        baseline: ``"module:function"``; called with the arguments, it returns {name of a mode:
            function without arguments that computes the same with PyTorch} (None: no baseline).
        random: whether the baseline draws random numbers of its own, so that results differ.
        in_place: whether the results are written into the arguments.
        serial: whether NumPy computes it on the CPU, on one core; else it is cut into tasks.
    """

    registry: ClassVar[dict[str, Ladder]] = {}

    def __init__(
        self, name: str, cases: Cases, *, baseline: str | None = None, random: bool = False,
        in_place: bool = False, serial: bool = False,
    ):  # fmt: skip
        if name in self.registry:
            raise ValueError(f"a ladder named {name!r} is registered already")
        self.name, self.cases, self.baseline, self.random = name, cases, baseline, random
        self.in_place, self.serial = in_place, serial
        self.make, self.flops, self.traffic = cases.make, cases.flops, cases.traffic
        self.shapes, self.bench_shapes = cases.shapes, cases.bench_shapes
        self.rungs: list[Rung] = []
        self._forced: str | None = None
        self.registry[name] = self

    def rung(
        self, name: str, target: str, *, device: str = "cpu",
        covers: Callable[..., bool] = always, precision: str | None = None,
        bind: Mapping[str, Any] | None = None, compiled: bool = False,
    ) -> Rung:  # fmt: skip
        """Registers the next rung, faster than those before it on the same device."""
        if any(rung.name == name and rung.device == device for rung in self.rungs):
            raise ValueError(f"{self.name}: a rung {name!r} for {device} is registered already")
        rung = Rung(name, device, target, covers, precision, bind, compiled)
        self.rungs.append(rung)
        return rung

    @property
    def reference(self) -> Rung:
        return self.rungs[0]

    def pick(self, *args: Any, precision: str | None = None, **options: Any) -> Rung:
        """The highest rung of the arguments' device that covers them, in this precision if there
        is one and the GPU has it, else in that of the arrays."""
        device = _device(args)
        for rung in reversed(self.rungs):
            if self._forced is None:
                allowed = rung.precision in (None, precision)
            else:
                allowed = rung.name == self._forced
            if device == "cuda" and rung.precision is not None:
                allowed = allowed and has_tensor_cores(first_array(args).device)
            if (
                allowed
                and rung.device == device
                and rung.covers(*args, **options)
                and not (rung.compiled and not compiles())
            ):
                return rung
        wanted = "no rung" if self._forced is None else f"no rung {self._forced!r}"
        raise RuntimeError(f"{self.name}: {wanted} on {device} covers these arguments")

    def __call__(self, *args: Any, precision: str | None = None, **options: Any) -> Any:
        rung = self.pick(*args, precision=precision, **options)
        run = rung if hook is None else functools.partial(hook, self, rung)
        if rung.device == "cpu":
            return run(*args, **options)
        with first_array(args).device:  # of several GPUs, the one where the arrays lie
            return run(*args, **options)

    @contextlib.contextmanager
    def use(self, name: str):
        """``with ladder.use("numpy"):`` runs only that rung inside the block."""
        if all(rung.name != name for rung in self.rungs):
            raise ValueError(
                f"{self.name} has no rung {name!r}; it has {[rung.name for rung in self.rungs]}"
            )
        outer, self._forced = self._forced, name
        try:
            yield self
        finally:
            self._forced = outer

    def __repr__(self) -> str:
        return f"<Ladder {self.name}: {' -> '.join(rung.name for rung in self.rungs)}>"


def folders() -> list[str]:
    """The ladders' packages, as ``"conv2d"`` or ``"bench.peaks"``: each has a reference."""
    found = (path.parent.relative_to(HERE) for path in HERE.rglob("reference.py"))
    return sorted(".".join(folder.parts) for folder in found)


def all_ladders() -> dict[str, Ladder]:
    """Every ladder by its name, after importing all folders."""
    for folder in folders():
        importlib.import_module(f".{folder}", PACKAGE)
    return dict(sorted(Ladder.registry.items()))


class Probe(Ladder):
    """A computation that is done to measure the machine: compared with its reference as every
    ladder is, but called by no op and not part of the benchmark."""

    registry: ClassVar[dict[str, Ladder]] = {}


def first_array(args: tuple) -> Array:
    """The array that says where a ladder computes: its first argument, or the first in that."""
    return args[0][0] if isinstance(args[0], (list, tuple)) else args[0]


def has_tensor_cores(device: Any) -> bool:
    """Whether a GPU, as `cupy.cuda.Device`, multiplies in the low precisions."""
    major, minor = AMPERE
    return int(device.compute_capability) >= 10 * major + minor


def _device(args: tuple) -> str:
    return "cpu" if isinstance(first_array(args), np.ndarray) else "cuda"


def convert(value: Any, function: Callable[[np.ndarray], Any]) -> Any:
    """`function` of every NumPy array in nested lists and tuples; what else there is stays."""
    if isinstance(value, (list, tuple)):
        return type(value)(convert(each, function) for each in value)
    return function(value) if isinstance(value, np.ndarray) else value


def relative_error(result: Any, reference: Any) -> float:
    """max |result - reference| / max |reference|, the largest over all outputs. Integers are equal
    (error 0) or wrong (infinity): 64 bits of them have no place in a floating-point number.

    Raises:
        ValueError: shapes differ, or a value is not finite where the reference is: a comparison
            that NaN passes is no comparison.
    """
    if isinstance(reference, (tuple, list)):
        if len(result) != len(reference):
            raise ValueError(f"{len(result)} outputs, the reference has {len(reference)}")
        return max(
            (relative_error(a, b) for a, b in zip(result, reference, strict=True)), default=0.0
        )
    result, reference = np.asarray(_on_host(result)), np.asarray(reference)
    if result.shape != reference.shape:
        raise ValueError(f"shape {result.shape}, the reference has {reference.shape}")
    if reference.dtype.kind in "iu":
        return 0.0 if (result == reference).all() else float("inf")
    result, reference = result.astype(np.float64), reference.astype(np.float64)
    if not np.isfinite(reference).all():
        raise ValueError("the reference itself is not finite")
    if not np.isfinite(result).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(result))} values are not finite")
    if result.size == 0:
        return 0.0
    scale = np.abs(reference).max()
    return float(np.abs(result - reference).max() / (scale if scale > 0 else 1.0))


def _on_host(array: Any) -> Any:
    """A copy in the host's memory of an array of CuPy or a tensor of PyTorch; else the array."""
    for method in ("get", "cpu"):
        if hasattr(array, method):
            return getattr(array, method)()
    return array
