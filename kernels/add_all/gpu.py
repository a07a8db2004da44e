"""The CUDA rung of the sums of lists."""

from ..copies import dense, like
from ..cuda.lists import THREADS, tables
from ..cuda.source import Source, empty_like, name_of
from ..layout import flat

FUSED = Source("add_all/1_fused.cu", ["add_all<float>", "add_all<double>"], in_steps=True)


def add_all_fused(a, b):
    a = [dense(x) for x in a]
    b = [like(y, x) for x, y in zip(a, b, strict=True)]
    sums = [empty_like(x) for x in a]
    entries = [[flat(array) for array in arrays] for arrays in zip(sums, a, b, strict=True)]
    for table, blocks, dtype in tables(entries, []):
        FUSED.launch(f"add_all<{name_of(dtype)}>", (blocks,), (THREADS,), (table,))
    return sums
