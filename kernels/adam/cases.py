"""Example inputs of Adam, its FLOPs and its bytes."""

import numpy as np

from ..ladder import Cases


def make(rng, dtype, shapes, step):
    draw = lambda: [rng.standard_normal(shape).astype(dtype) for shape in shapes]  # noqa: E731
    params, grads, m = draw(), draw(), draw()
    v = [abs(array) for array in draw()]
    state = np.array([step - 1.0, 1e-2])
    return (params, grads, m, v, state), dict(beta1=0.5, beta2=0.999, eps=1e-8)


ADAM = Cases(
    make=make,
    flops=lambda params, *rest, **options: 12 * sum(p.size for p in params),
    traffic=lambda params, *rest, **options: 7 * sum(p.nbytes for p in params),
    shapes={
        "one number": dict(shapes=[(1,)], step=1),
        "two parameters": dict(shapes=[(3, 5), (7,)], step=3),
        "a convolution": dict(shapes=[(4, 3, 5, 5), (4,), (0,)], step=1000),
        "two tasks": dict(shapes=[(70001,)], step=2),
        "a model": dict(shapes=[(5,), (6, 3, 2, 2), (1,), (3, 0)] * 8 + [(4100,)], step=7),
    },
    bench_shapes={
        "mnist.g": dict(shapes=[(6272, 100), (128,), (128,), (128, 64, 4, 4), (64,)], step=5),
        "dcgan64.d": dict(shapes=[(512, 256, 4, 4), (256, 128, 4, 4), (512,)], step=5),
    },
    large=(dict(shapes=[(150_001,), (300, 400)], step=2),),
)
