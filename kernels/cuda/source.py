"""CUDA kernels from the host's side: their texts, compiled when first launched, by CuPy.

A `Source` is one .cu file with the kernels that are used of it. All of them are known without a
GPU, so that the compile gate (nvrtc.py) and the tests walk the same list that launches use.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..cpu.threads import get_num_threads
from ..integers import ceil_div
from ..ladder import AMPERE, HERE, PACKAGE, folders
from ..layout import inverse, memory_order
from . import graph
from .ahead import Ahead
from .device import properties

OPTIONS = ("-std=c++17",)
# Of how many blocks a launch should consist: about as many as a large GPU has multiprocessors.
ENOUGH_BLOCKS = 128
PTX = "cuda/ptx.cuh"  # the wrappers of instructions that not all GPUs have
ahead = Ahead(workers=get_num_threads())
_all: dict[str, Source] = {}


class Source:
    """A .cu file.

    Args:
        path: below the folder kernels/.
        kernels: the names that are launched, with template arguments where they have some.
        options: more of the compiler's, such as ``-DNAME=value``.
        in_steps: whether training steps launch it. Once one kernel of the steps is launched, those
            for the same dtype or precision are compiled ahead, all at once.
    """

    def __init__(
        self, path: str, kernels: Sequence[str], options: Sequence[str] = (),
        in_steps: bool = False,
    ):  # fmt: skip
        self.name, self.kernels, self.options = path, list(kernels), list(options)
        self.text, self.in_steps = expand(HERE / path), in_steps
        self.capability = AMPERE if f'"{PTX}"' in self.text else (0, 0)
        self._ready: dict[tuple[int, str], Any] = {}
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
            shared_bytes: of dynamic shared memory; always the same for a kernel.

        Raises:
            RuntimeError: the GPU is too old for the kernel, or has too little shared memory.
        """
        import cupy

        key = cupy.cuda.runtime.getDevice(), kernel
        function = self._ready.get(key)
        if function is None:
            function = self._ready[key] = self._prepare(*key, shared_bytes)
        recording = graph.current()
        if recording is not None:
            recording.launches.append(
                graph.describe(f"{self.name}: {kernel}", grid, block, args)
            )
        function(tuple(grid), tuple(block), tuple(args), shared_mem=shared_bytes)

    def _prepare(self, device: int, kernel: str, shared_bytes: int) -> Any:
        """The kernel's function on this device, with as much shared memory as it will ask for."""
        limits = properties()
        has, name = (limits["major"], limits["minor"]), limits["name"].decode()
        if has < self.capability:
            raise RuntimeError(
                f"{self.name}: {kernel} needs compute capability {_dotted(self.capability)} or "
                f"later, {name} has {_dotted(has)}"
            )
        if shared_bytes > limits["sharedMemPerBlockOptin"]:
            raise RuntimeError(
                f"{self.name}: {kernel} needs {shared_bytes} bytes of shared memory in a block, "
                f"{name} has {limits['sharedMemPerBlockOptin']}"
            )
        if self.in_steps:
            self._begin_others(device, kernel)
        work = functools.partial(self.compiled, device, kernel)
        function = ahead.take((self.name, device, kernel), work)
        if shared_bytes > 48 * 1024:
            function.max_dynamic_shared_size_bytes = shared_bytes
        return function

    def _begin_others(self, device: int, kernel: str) -> None:
        """Lets what is probably wanted next be compiled ahead."""
        for source, each in of_steps(kernel) if ahead.workers else ():
            if (device, each) not in source._ready:
                work = functools.partial(source.compiled, device, each)
                ahead.add((source.name, device, each), work)

    def compiled(self, device: int, kernel: str) -> Any:
        """The kernel, compiled for this device as a module of its own: a file may have thirty, of
        which a net launches three."""
        import cupy

        with cupy.cuda.Device(device):
            module = cupy.RawModule(
                code=self.text, options=(*OPTIONS, *self.options), name_expressions=[kernel]
            )
            function = module.get_function(kernel)
            function.compile()
            return function


def forget() -> None:
    """Looks functions up anew: another CuPy has taken the place of the one that has made them."""
    for source in _all.values():
        source._ready.clear()


def sources() -> list[Source]:
    """All sources, after importing the module `gpu` of every ladder's folder that has one."""
    for folder in folders():
        if (HERE / folder.replace(".", "/") / "gpu.py").is_file():
            importlib.import_module(f".{folder}.gpu", PACKAGE)
    return list(_all.values())


def of_steps(kernel: str) -> list[tuple[Source, str]]:
    """The kernels that training steps launch in the dtype or precision of this one."""
    return [
        (source, each) for source in sources() if source.in_steps
        for each in source.kernels if _family(each) in ("", _family(kernel))
    ]  # fmt: skip


def _family(kernel: str) -> str:
    """The dtype or precision that a kernel is for, its first template argument."""
    return kernel.partition("<")[2].split(",")[0].rstrip(">")


def _dotted(capability: tuple[int, int]) -> str:
    return ".".join(map(str, capability))


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
