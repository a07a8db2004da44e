"""CUDA kernels from the host's side: their texts, compiled when first launched, by CuPy.

A `Source` is one .cu file with the kernels that are used of it. All of them are known without a
GPU, so that the compile gate (nvrtc.py) and the tests walk the same list that launches use.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinygan.kernels import recording
from tinygan.kernels.memory import parts

HERE = Path(__file__).resolve().parent
OPTIONS = ("-std=c++17",)
# Of how many blocks a launch should consist: about as many as a large GPU has multiprocessors.
ENOUGH_BLOCKS = 128
# Packages below tinygan.kernels with a module `gpu`, whose import registers its sources.
_WITH_SOURCES = (
    "activation", "adam", "add_all", "average", "batch_norm", "conv2d", "cross_entropy",
    "layout", "matmul", "peaks", "random", "reduction",
)  # fmt: skip

_all: dict[str, Source] = {}


class Source:
    """A .cu file.

    Args:
        path: below the folder kernels/.
        kernels: the names that are launched, with template arguments where they have some.
        options: more of the compiler's, such as ``-DNAME=value``.
    """

    def __init__(self, path: str, kernels: Sequence[str], options: Sequence[str] = ()):
        self.name, self.kernels, self.options = path, list(kernels), list(options)
        self.text = expand(HERE / path)
        self._modules: dict[int, Any] = {}
        if path in _all:
            raise ValueError(f"a source {path!r} is registered already")
        _all[path] = self

    def launch(
        self, kernel: str, grid: Sequence[int], block: Sequence[int], args: Sequence[Any],
        shared_bytes: int = 0,
    ) -> None:  # fmt: skip
        """Queues a kernel on the current stream.

        Args:
            args: arrays on the device and NumPy scalars of the parameters' sizes. (CuPy passes a
                Python integer as 8 bytes, which an ``int`` parameter would misread.)
        """
        import cupy

        device = cupy.cuda.Device().id
        if device not in self._modules:
            self._modules[device] = cupy.RawModule(
                code=self.text, options=(*OPTIONS, *self.options),
                name_expressions=self.kernels,
            )  # fmt: skip
        function = self._modules[device].get_function(kernel)
        if recording.current is not None:
            recording.current.launches.append(
                recording.describe(f"{self.name}: {kernel}", grid, block, args)
            )
        if shared_bytes > 48 * 1024:
            function.max_dynamic_shared_size_bytes = shared_bytes
        function(tuple(grid), tuple(block), tuple(args), shared_mem=shared_bytes)


def sources() -> list[Source]:
    """All sources, after importing every package that has some."""
    for package in _WITH_SOURCES:
        importlib.import_module(f"tinygan.kernels.{package}.gpu")
    return list(_all.values())


def largest_tile(rows: int, columns: int, sides: Sequence[int], depth: int = 1) -> int:
    """The largest side of a tile of which there are enough blocks, else the smallest."""
    for side in sorted(sides, reverse=True):
        if parts(rows, side) * parts(columns, side) * depth >= ENOUGH_BLOCKS:
            return side
    return min(sides)


def name_of(dtype) -> str:
    """A dtype's name in CUDA C++."""
    return {"f": "float", "d": "double"}[dtype.char]


def empty(shape, dtype):
    """An array on the current device, of whatever was there."""
    import cupy

    return cupy.empty(shape, dtype)


def contiguous(array):
    """The array itself when it is contiguous, else a copy."""
    import cupy

    return cupy.ascontiguousarray(array)


def in_memory_order(arrays: Sequence[Any]) -> tuple[list[Any], tuple[int, ...]]:
    """The arrays with their dimensions in the order in which the last one's lie in memory, all of
    them contiguous, and the order that leads back. What has another order or gaps is copied."""
    import cupy

    order, back = _memory_order(arrays[-1])
    return [cupy.ascontiguousarray(array.transpose(order)) for array in arrays], back


def to_host(array):
    """A copy in the host's memory, in the same order."""
    order, back = _memory_order(array)
    return array.transpose(order).get().transpose(back)


def to_device(array):
    """A copy on the current device of an array of the host, in the same order of memory. (CuPy
    alone would keep the order only where it is that of the dimensions or its reverse.)"""
    import cupy

    order, back = _memory_order(array)
    return cupy.asarray(array.transpose(order)).transpose(back)


def _memory_order(array) -> tuple[list[int], tuple[int, ...]]:
    """The dimensions as they lie in memory, the last one densest, and the order that leads back."""
    order = sorted(range(array.ndim), key=lambda i: -abs(array.strides[i]))
    return order, tuple(sorted(range(array.ndim), key=lambda i: order[i]))


def expand(path: Path, seen: set[Path] | None = None) -> str:
    """The text of a file with each ``#include "name.cuh"`` replaced by that file, once.

    CuPy's cache of compiled kernels goes by the text alone: of a file that is included by the
    compiler it would not see a change.
    """
    name = path.relative_to(HERE) if path.is_relative_to(HERE) else path.name
    seen = set() if seen is None else seen
    lines = [f'#line 1 "{name}"']
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = re.match(r'\s*#include "([\w./]+\.cuh)"', line)
        if not found:
            lines.append("" if line.strip() == "#pragma once" else line)
            continue
        candidates = [path.parent / found[1], HERE / found[1]]
        included = next((c.resolve() for c in candidates if c.is_file()), None)
        if included is None:
            raise FileNotFoundError(f'{path.name}:{number}: no file {found[1]} in {HERE.name}/')
        if included not in seen:
            seen.add(included)
            lines.append(expand(included, seen).rstrip("\n"))
        lines.append(f'#line {number + 1} "{name}"')
    return "\n".join(lines) + "\n"
