"""Memory of a GPU: copies to and from the host, and the message when none is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..layout import inverse, memory_order


def to_host(array: Any) -> Any:
    """A copy in the host's memory, in the same order."""
    order = memory_order(array)
    return array.transpose(order).get().transpose(inverse(order))


def to_device(array: Any) -> Any:
    """A copy on the current device of an array of the host, in the same order of memory. (CuPy
    alone would keep the order only where it is that of the dimensions or its reverse.)"""
    import cupy

    order = memory_order(array)
    return cupy.asarray(array.transpose(order)).transpose(inverse(order))


def explaining(malloc: Callable[[int], Any]) -> Callable[[int], Any]:
    """An allocator that says how much was wanted and how much there is when it fails."""
    import cupy

    def allocate(size: int) -> Any:
        try:
            return malloc(size)
        except cupy.cuda.memory.OutOfMemoryError as error:
            free, total = cupy.cuda.runtime.memGetInfo()
            raise MemoryError(
                f"the GPU is out of memory: an array of {size / 2**20:,.1f} MiB was wanted, "
                f"{free / 2**20:,.1f} of {total / 2**20:,.1f} MiB are free; use a smaller batch or "
                "smaller nets"
            ) from error

    return allocate


def explain_lack_of_memory() -> None:
    """Lets CuPy's own pool, where it is the allocator, explain itself; others are left alone."""
    import cupy

    malloc = cupy.get_default_memory_pool().malloc
    if cupy.cuda.get_allocator() == malloc:
        cupy.cuda.set_allocator(explaining(malloc))
