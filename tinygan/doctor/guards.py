"""Do kernels stay inside their arrays? All memory that a rung gets lies between guard words."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygan.doctor.plan import Findings, Item, Plan
from tinygan.doctor.rungs import Case, dtypes_of, on_host, wanted_ladders
from tinygan.kernels.bench.checking import copied
from tinygan.kernels.cuda.memory import to_device, to_host
from tinygan.kernels.ladder import Ladder, convert

PAD = 512  # bytes on either side; a multiple of it keeps all alignments
PATTERN = 0x5A


def guards(plan: Plan) -> Iterator[Item]:
    """The rung that calls of each ladder get, on a few awkward shapes."""
    for ladder in wanted_ladders(plan):
        for shape in _few(ladder):
            for dtype in dtypes_of(plan, ladder):
                case = Case(ladder, shape, ladder.shapes[shape], dtype)
                yield f"guards: {case}", functools.partial(_watch, case)


def _few(ladder: Ladder) -> list[str]:
    """The first shape, an odd one, and the last of those that tensor cores are fed quickly."""
    shapes = list(ladder.shapes)
    odd = [shape for shape in shapes if "odd" in shape] or shapes[len(shapes) // 2 :]
    fours = [shape for shape in shapes if "multiples of 4" in shape] or shapes[-1:]
    return list(dict.fromkeys([shapes[0], odd[0], fours[-1]]))


def _watch(case: Case, found: Findings) -> None:
    args, options = case.draw()
    inputs: list[tuple[np.ndarray, Any]] = []

    def given_to_device(array: np.ndarray) -> Any:
        inputs.append((array, to_device(array)))
        return inputs[-1][1]

    with guarded() as blocks:
        given = convert(copied(args), given_to_device)
        if not case.covered(given, options):
            return
        made = on_host(case.ladder(*given, precision=case.precision, **options))
    del made
    for number, block in enumerate(blocks):
        side = block.written_beside()
        if side:
            found.problem(f"guards: {case}: {side} block {number}, of {block.size} bytes, "
                          "something was written")  # fmt: skip
    if not case.ladder.in_place and "momentum" not in case.values:
        for number, (before, array) in enumerate(inputs):
            if to_host(array).tobytes() != before.tobytes():
                found.problem(f"guards: {case}: input {number}, of shape {before.shape}, was "
                              "changed")  # fmt: skip
    found.row("guards", ladder=case.ladder.name, shape=case.shape, dtype=case.dtype,
              blocks=len(blocks))  # fmt: skip


class _Block:
    """A piece of the device's memory, with the pattern on both of its sides."""

    def __init__(self, size: int, outer: Any):
        import cupy

        self.size = size
        pointer = outer(size + 2 * PAD)
        self.bytes = cupy.ndarray((size + 2 * PAD,), np.uint8, memptr=pointer)
        self.bytes.fill(PATTERN)
        self.pointer = pointer + PAD

    def written_beside(self) -> str | None:
        now = self.bytes.get()
        if (now[:PAD] != PATTERN).any():
            return "in front of"
        return "behind" if (now[PAD + self.size :] != PATTERN).any() else None


@contextlib.contextmanager
def guarded() -> Iterator[list[_Block]]:
    """Inside, all memory of the device is allocated between guard words: inputs, results and what
    a rung makes for itself. The blocks are in the list, and live as long as it does."""
    import cupy

    outer, blocks = cupy.cuda.get_allocator(), []

    def allocate(size: int) -> Any:
        if size == 0:
            return outer(0)
        blocks.append(_Block(size, outer))
        return blocks[-1].pointer

    with cupy.cuda.using_allocator(allocate):
        yield blocks
