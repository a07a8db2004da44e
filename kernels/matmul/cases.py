"""Example inputs of the matrix product, its FLOPs and its bytes."""

from ..ladder import Cases


def make(rng, dtype, m, k, n, transposed=""):
    def matrix(rows, columns, is_transposed):
        values = rng.standard_normal((columns, rows) if is_transposed else (rows, columns))
        return values.astype(dtype).T if is_transposed else values.astype(dtype)

    return (matrix(m, k, "a" in transposed), matrix(k, n, "b" in transposed)), {}


def flops(a, b):
    return 2 * a.shape[0] * a.shape[1] * b.shape[1]


def traffic(a, b):
    return (a.size + b.size + a.shape[0] * b.shape[1]) * a.itemsize


MATMUL = Cases(
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
        "multiples of 4": dict(m=37, k=44, n=68),
        "multiples of 4, a transposed": dict(m=68, k=20, n=36, transposed="a"),
        "multiples of 4, b transposed": dict(m=3, k=36, n=80, transposed="b"),
        "multiples of 4, both transposed": dict(m=20, k=68, n=12, transposed="ab"),
        "multiples of 4, many": dict(m=132, k=52, n=140, transposed="b"),
    },
    bench_shapes={
        "square": dict(m=1024, k=1024, n=1024),
        "g.linear": dict(m=128, k=100, n=6272, transposed="b"),
        "g.linear.weight_grad": dict(m=6272, k=128, n=100, transposed="a"),
        "d.linear": dict(m=128, k=6272, n=1, transposed="b"),
        "mlp": dict(m=128, k=1200, n=1200, transposed="b"),
    },
    large=(
        dict(m=301, k=70, n=300), dict(m=301, k=70, n=300, transposed="a"), dict(m=301, k=900, n=2),
        dict(m=30, k=5000, n=40),
    ),
)  # fmt: skip
