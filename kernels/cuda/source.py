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

from ..integers import ceil_div
from ..ladder import HERE, PACKAGE, folders
from ..layout import inverse, memory_order
from . import graph

OPTIONS = ("-std=c++17",)
# Of how many blocks a launch should consist: about as many as a large GPU has multiprocessors.
ENOUGH_BLOCKS = 128
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
        recording = graph.current()
        if recording is not None:
            recording.launches.append(
                graph.describe(f"{self.name}: {kernel}", grid, block, args)
            )
        if shared_bytes > 48 * 1024:
            function.max_dynamic_shared_size_bytes = shared_bytes
        function(tuple(grid), tuple(block), tuple(args), shared_mem=shared_bytes)


def sources() -> list[Source]:
    """All sources, after importing the module `gpu` of every ladder's folder that has one."""
    for folder in folders():
        if (HERE / folder.replace(".", "/") / "gpu.py").is_file():
            importlib.import_module(f".{folder}.gpu", PACKAGE)
    return list(_all.values())


def largest_tile(rows: int, columns: int, sides: Sequence[int], depth: int = 1) -> int:
    """The largest side of a tile of which there are enough blocks, else the smallest."""
    for side in sorted(sides, reverse=True):
        if ceil_div(rows, side) * ceil_div(columns, side) * depth >= ENOUGH_BLOCKS:
            return side
    return min(sides)


def name_of(dtype) -> str:
    """A dtype's name in CUDA C++."""
    return {"f": "float", "d": "double"}[dtype.char]


def empty(shape, dtype):
    """An array on the current device, of whatever was there."""
    import cupy

    return cupy.empty(shape, dtype)


def empty_like(model):
    """An array of the shape, the dtype and the memory order of `model`, of whatever was there."""
    order = memory_order(model)
    return empty([model.shape[i] for i in order], model.dtype).transpose(inverse(order))


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
