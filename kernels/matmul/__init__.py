"""matmul(a, b) = a @ b for two matrices: (m, k) @ (k, n) -> (m, n), any strides, one dtype."""

from tinygan.kernels.ladder import Ladder
from tinygan.kernels.memory import transposed
from tinygan.kernels.tensor_cores import PRECISIONS


def make(rng, dtype, m, k, n, transposed=""):
    def matrix(rows, columns, is_transposed):
        values = rng.standard_normal((columns, rows) if is_transposed else (rows, columns))
        return values.astype(dtype).T if is_transposed else values.astype(dtype)

    return (matrix(m, k, "a" in transposed), matrix(k, n, "b" in transposed)), {}


def flops(a, b):
    return 2 * a.shape[0] * a.shape[1] * b.shape[1]


def traffic(a, b):
    return (a.size + b.size + a.shape[0] * b.shape[1]) * a.itemsize


matmul = Ladder(
    "matmul",
    make=make,
    flops=flops,
    traffic=traffic,
    shapes={
        "1x1": dict(m=1, k=1, n=1),
        "one row": dict(m=1, k=37, n=65),
        "one column": dict(m=41, k=19, n=1),
        "three columns": dict(m=30, k=70, n=3, transposed="b"),
        "odd": dict(m=53, k=29, n=71),
        "a transposed": dict(m=45, k=33, n=40, transposed="a"),
        "b transposed": dict(m=9, k=64, n=33, transposed="b"),
        "both transposed": dict(m=130, k=31, n=64, transposed="ab"),
        "tall, narrow, a transposed": dict(m=67, k=9, n=2, transposed="a"),
        "many terms": dict(m=9, k=2500, n=40),
        "many terms, transposed": dict(m=300, k=2100, n=50, transposed="ab"),
        "rows a page apart": dict(m=70, k=1024, n=33),
        "no rows": dict(m=0, k=5, n=7),
        "no terms": dict(m=4, k=0, n=7),
        "few columns, many terms": dict(m=5, k=1030, n=3),
        "few columns, b transposed": dict(m=3, k=515, n=4, transposed="b"),
        "one column, many terms": dict(m=9, k=700, n=1),
        "in fours": dict(m=37, k=44, n=68),
        "in fours, a transposed": dict(m=68, k=20, n=36, transposed="a"),
        "in fours, b transposed": dict(m=3, k=36, n=80, transposed="b"),
        "in fours, both transposed": dict(m=20, k=68, n=12, transposed="ab"),
        "in fours, many": dict(m=132, k=52, n=140, transposed="b"),
    },
    bench_shapes={
        "square": dict(m=1024, k=1024, n=1024),
        "g.linear": dict(m=128, k=100, n=6272, transposed="b"),
        "g.linear.weight_grad": dict(m=6272, k=128, n=100, transposed="a"),
        "d.linear": dict(m=128, k=6272, n=1, transposed="b"),
        "mlp": dict(m=128, k=1200, n=1200, transposed="b"),
    },
    peer="matmul.peer:matmul",
)
matmul.rung("reference", "matmul.reference:matmul")
matmul.rung("numpy", "matmul.cpu:matmul_numpy")
matmul.rung("panels", "matmul.cpu:matmul_panels")
matmul.rung(
    "bf16 panels",
    "matmul.bf16:matmul",
    precision="bfloat16",
    # Below this the conversions take longer than what they save.
    covers=lambda a, b: a.dtype == "f" and min(*a.shape, b.shape[1]) >= 16,
)
MOST_BLOCKS = 65_535  # along the grid's y axis, of 8 rows or columns in the first two rungs
matmul.rung(
    "naive", "matmul.gpu:matmul_naive", device="cuda",
    covers=lambda a, b: b.shape[1] <= 8 * MOST_BLOCKS,
)  # fmt: skip
matmul.rung(
    "coalesced", "matmul.gpu:matmul_coalesced", device="cuda",
    covers=lambda a, b: a.shape[0] <= 8 * MOST_BLOCKS,
)  # fmt: skip
for _rung in ("tiles", "registers"):
    matmul.rung(_rung, f"matmul.gpu:matmul_{_rung}", device="cuda")


def _in_fours(a, b):
    """Whether the values that lie side by side in memory, of a, b and the result, come in fours.
    (What has gaps is copied row by row.)"""
    beside = a.shape[0] if transposed(a) else a.shape[1]
    return a.dtype == "f" and not (beside % 4 or b.shape[0] % 4 or b.shape[1] % 4)


for _kind, _precision in PRECISIONS.items():
    matmul.rung(
        _kind, f"matmul.gpu:matmul_{_kind}", device="cuda", precision=_precision,
        covers=lambda a, b: a.dtype == "f",
    )  # fmt: skip
for _kind, _precision in PRECISIONS.items():
    matmul.rung(
        f"{_kind} pipeline", f"matmul.gpu:matmul_{_kind}_pipeline", device="cuda",
        precision=_precision, covers=_in_fours,
    )  # fmt: skip
MOST_DOTS, FEWEST_TERMS = 4, 512


def _few_columns(a, b):
    """Whether the sums are long and few, and a lies along them."""
    return b.shape[1] <= MOST_DOTS and a.shape[1] >= FEWEST_TERMS and not transposed(a)


# Last, because exact where the others would be slow, whichever precision is asked for.
matmul.rung("dots", "matmul.gpu:matmul_dots", device="cuda", covers=_few_columns)
