"""Adam (Kingma and Ba 2014, arXiv:1412.6980, algorithm 1), all parameters of a model at once.

For each parameter p with gradient g, at step t = 1, 2, ..., in place:

    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) g^2
    p = p - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)

    adam(params, grads, m, v, lr=, beta1=, beta2=, eps=, step=) -> params + m + v

All four are lists of arrays of the same shapes; a gradient may have another memory order.

Rungs on a GPU that take a `clock`, two float64 numbers in the device's memory, read lr and t - 1
from there and count it up: a step whose launches were recorded goes on counting.
"""

from tinygan.kernels.ladder import Ladder


def make(rng, dtype, shapes, step):
    draw = lambda: [rng.standard_normal(shape).astype(dtype) for shape in shapes]  # noqa: E731
    params, grads, m = draw(), draw(), draw()
    v = [abs(array) for array in draw()]
    return (params, grads, m, v), dict(lr=1e-2, beta1=0.5, beta2=0.999, eps=1e-8, step=step)


adam = Ladder(
    "adam",
    make=make,
    flops=lambda params, grads, m, v, **options: 12 * sum(p.size for p in params),
    traffic=lambda params, grads, m, v, **options: 7 * sum(p.nbytes for p in params),
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
    peer="adam.peer:adam",
)
adam.rung("reference", "adam.reference:adam")
adam.rung("numpy", "adam.cpu:adam_numpy")
adam.rung("threads", "adam.cpu:adam_threads")
adam.rung(
    "naive", "adam.gpu:adam_naive", device="cuda",
    covers=lambda *lists, clock=None, **options: clock is None,
)  # fmt: skip
adam.rung("fused", "adam.gpu:adam_fused", device="cuda")
