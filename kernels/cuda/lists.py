"""Lists of arrays as one argument of a CUDA kernel: see lists.cuh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..integers import ceil_div

MOST, THREADS, VALUES_PER_BLOCK = 24, 256, 4096  # as in lists.cuh


def tables(
    entries: Sequence[Sequence[Any]], scalars: Sequence[tuple[str, str]]
) -> Iterator[tuple[np.ndarray, int, np.dtype]]:
    """Structures with a `Lists` and `scalars` (name, format; None for that of the arrays), and for
    each the number of blocks to launch and the arrays' dtype.

    Args:
        entries: each a sequence of contiguous arrays of one size and dtype. Empty ones are left
            out, the others grouped by dtype, 24 to a structure.
    """
    groups: dict[np.dtype, list] = {}
    for arrays in entries:
        if arrays[0].size:
            groups.setdefault(arrays[0].dtype, []).append(arrays)
    for dtype, group in groups.items():
        for start in range(0, len(group), MOST):
            some = group[start : start + MOST]
            table = np.zeros((), _structure(dtype, len(some[0]), scalars))
            blocks = 0
            lists = table["lists"]
            lists["count"] = len(some)
            for row, arrays in zip(lists["entries"], some, strict=False):
                addresses = [array.data.ptr for array in arrays]
                row["at"], row["size"], row["first_block"] = addresses, arrays[0].size, blocks
                row["aligned"] = all(a % min(16, 4 * dtype.itemsize) == 0 for a in addresses)
                blocks += ceil_div(arrays[0].size, VALUES_PER_BLOCK)
            yield table, blocks, dtype


def _structure(dtype: np.dtype, arrays: int, scalars: Sequence[tuple[str, str]]) -> np.dtype:
    entry = [("at", "u8", (arrays,)), ("size", "i8"), ("first_block", "i4"), ("aligned", "i4")]
    lists = [("entries", np.dtype(entry, align=True), (MOST,)), ("count", "i4")]
    numbers = [(name, form or dtype.str) for name, form in scalars]
    return np.dtype([("lists", np.dtype(lists, align=True)), *numbers], align=True)
