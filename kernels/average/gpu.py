"""The CUDA rung of the moving average."""

import numpy as np

from tinygan.kernels.cuda import Source, name_of
from tinygan.kernels.layout import like
from tinygan.kernels.lists import THREADS, memory_of, tables

FUSED = Source("average/1_fused.cu", ["average<float>", "average<double>", "tick"])


def average_fused(averages, values, *, decay, updates, clock=None):
    if clock is not None:
        FUSED.launch("tick", (1,), (1,), (clock,))
    entries = [
        [memory_of("average", mean), memory_of("average", like(value, mean))]
        for mean, value in zip(averages, values, strict=True)
    ]
    for table, blocks, dtype in tables(entries, [("decay", "f8"), ("updates", "f8")]):
        table["decay"] = decay
        if clock is None:
            table["updates"] = updates
        args = (table, np.uintp(0) if clock is None else clock)
        FUSED.launch(f"average<{name_of(dtype)}>", (blocks,), (THREADS,), args)
    return averages
