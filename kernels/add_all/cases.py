"""Example inputs of the sums of lists, their FLOPs and bytes."""

from ..ladder import Cases


def make(rng, dtype, shapes):
    draw = lambda: [rng.standard_normal(shape).astype(dtype) for shape in shapes]  # noqa: E731
    return (draw(), draw()), {}


ADD_ALL = Cases(
    make=make,
    flops=lambda a, b: sum(array.size for array in a),
    traffic=lambda a, b: 3 * sum(array.nbytes for array in a),
    shapes={
        "one number": dict(shapes=[(1,)]),
        "two parameters": dict(shapes=[(3, 5), (7,)]),
        "a convolution": dict(shapes=[(4, 3, 5, 5), (4,), (0,)]),
        "a model": dict(shapes=[(5,), (6, 3, 2, 2), (1,), (3, 0)] * 8 + [(4100,)]),
    },
    bench_shapes={
        "mnist.d": dict(shapes=[(64, 1, 4, 4), (64,), (128, 64, 4, 4), (128,), (128,), (1, 6272)]),
    },
    large=(dict(shapes=[(150_001,), (300, 400)]),),
)
