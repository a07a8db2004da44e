"""Sums of two lists of arrays, all at once: the gradients of a model's parameters, of a loss that
sees the model twice, as D's does.

    add_all(a, b) -> [a[0] + b[0], a[1] + b[1], ...]

Pairs have one shape and dtype; b[i] may have another memory order than a[i], which the sum has.
"""

from tinygan.kernels.ladder import Ladder


def make(rng, dtype, shapes):
    draw = lambda: [rng.standard_normal(shape).astype(dtype) for shape in shapes]  # noqa: E731
    return (draw(), draw()), {}


add_all = Ladder(
    "add_all",
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
    peer="add_all.peer:add_all",
)
add_all.rung("reference", "add_all.reference:add_all")
add_all.rung("numpy", "add_all.cpu:add_all_numpy")
add_all.rung("fused", "add_all.gpu:add_all_fused", device="cuda")
