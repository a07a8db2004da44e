"""What stands between the brackets of an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import streams


class Index:
    """An index as NumPy takes it, with CuPy's rules: an integer among an array's indices that is
    out of bounds wraps around; a mask waits for the GPU to count what is true.

    Attributes:
        host: for NumPy's arrays.
        arrays: of the device, that it holds.
        is_view: whether what it picks is a view.

    Raises:
        IndexError: an array of neither integers nor booleans.
        RuntimeError: a mask, or an array or list of the host, while the stream captures.
    """

    def __init__(self, slices: Any, shape: tuple[int, ...]):
        from .arrays import ndarray
        from .creation import array

        parts = list(slices) if isinstance(slices, tuple) else [slices]
        self.arrays: list[ndarray] = []
        for i, part in enumerate(parts):
            if isinstance(part, (bool, np.bool_, list, tuple, np.ndarray)):
                empty = isinstance(part, (list, tuple)) and not np.size(part)
                parts[i] = array(part, dtype=np.int32 if empty else None, copy=None)
            if isinstance(parts[i], ndarray):
                self.arrays.append(parts[i])
        self.is_view = not self.arrays
        self._parts = parts
        self._lengths = self._axes(shape)
        for x in self.arrays:
            if x.dtype.kind not in "biu":
                raise IndexError(
                    "arrays used as indices must be of integer or boolean type. (actual: "
                    f"{x.dtype.type})"
                )
            if x.dtype.kind == "b":
                streams.refuse_copy("D2H")  # of how many are true

    def _axes(self, shape: tuple[int, ...]) -> dict[int, int]:
        """{number of a part: the length of the dimension that it begins at}"""
        used = [0 if part is None or part is Ellipsis else
                part.ndim if getattr(part, "dtype", None) == np.bool_ else 1
                for part in self._parts]  # fmt: skip
        lengths, axis = {}, 0
        for i, part in enumerate(self._parts):
            if axis < len(shape):
                lengths[i] = shape[axis]
            axis += used[i] if part is not Ellipsis else len(shape) - sum(used)
        return lengths

    @property
    def host(self) -> Any:
        """Read from the device's arrays when it is used: a graph finds other values in them."""
        from .arrays import ndarray

        found = []
        for i, part in enumerate(self._parts):
            if not isinstance(part, ndarray):
                found.append(part)
            elif part.dtype.kind == "b" or not self._lengths.get(i):
                found.append(part._host)
            else:
                found.append(part._host.astype(np.int64) % self._lengths[i])
        if self.is_view and not any(part is Ellipsis for part in found):
            found.append(Ellipsis)  # NumPy would return a number in place of an array
        return tuple(found)
