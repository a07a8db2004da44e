"""The CUDA rung of the moving average."""

from ..copies import like
from ..cuda.lists import THREADS, tables
from ..cuda.source import Source, name_of
from ..layout import flat

FUSED = Source(
    "average/1_fused.cu", ["average<float>", "average<double>", "advance"], in_steps=True
)


def average_fused(averages, values, count, *, decay):
    entries = [
        [flat(mean), flat(like(value, mean))]
        for mean, value in zip(averages, values, strict=True)
    ]
    FUSED.launch("advance", (1,), (1,), (count,))
    for table, blocks, dtype in tables(entries, [("decay", "f8")]):
        table["decay"] = decay
        FUSED.launch(f"average<{name_of(dtype)}>", (blocks,), (THREADS,), (table, count))
    return averages
