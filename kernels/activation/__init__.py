"""Activations and their derivatives, element by element; any shape, any memory order.

    relu(x)             = max(x, 0)
    leaky_relu(x, s)    = x where x > 0, s x elsewhere,  s >= 0
    tanh(x)             = (e^x - e^-x) / (e^x + e^-x)

The backward ladders take the gradient and the *output* y of the forward one, so that the input
need not be kept:

    relu_backward(g, y)          = g where y > 0, 0 elsewhere
    leaky_relu_backward(g, y, s) = g where y > 0, s g elsewhere
    tanh_backward(g, y)          = g (1 - y^2)
"""

import numpy as np

from tinygan.kernels.ladder import Ladder

_SHAPES = {
    "1x1": dict(shape=(1, 1)),
    "empty": dict(shape=(0, 3, 2, 2)),
    "odd": dict(shape=(3, 5, 7, 1)),
    "channels last": dict(shape=(2, 5, 3, 4), channels_last=True),
    "large enough for two tasks": dict(shape=(70001,)),
}
_BENCH_SHAPES = {
    "mnist": dict(shape=(128, 128, 7, 7), channels_last=True),
    "dcgan64": dict(shape=(64, 64, 32, 32), channels_last=True),
}


def _values(rng, dtype, shape, channels_last=False):
    values = rng.standard_normal(shape).astype(dtype)
    if channels_last:
        return np.ascontiguousarray(values.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return values


def _register(
    name: str, flops_per_element: int, *options: float, forward_is_numpy: bool = False
) -> tuple[Ladder, Ladder]:
    def make(rng, dtype, **case):
        return (_values(rng, dtype, **case), *options), {}

    def make_backward(rng, dtype, **case):
        # The gradient arrives in another memory order than the output: both must work.
        gradient = np.ascontiguousarray(_values(rng, dtype, **case))
        return (gradient, np.tanh(_values(rng, dtype, **case)), *options), {}

    forward = Ladder(
        name,
        make=make,
        flops=lambda x, *options: flops_per_element * x.size,
        traffic=lambda x, *options: 2 * x.nbytes,
        shapes=_SHAPES,
        bench_shapes=_BENCH_SHAPES,
        peer=f"activation.peer:{name}",
    )
    backward = Ladder(
        f"{name}_backward",
        make=make_backward,
        flops=lambda grad, y, *options: flops_per_element * y.size,
        traffic=lambda grad, y, *options: 3 * y.nbytes,
        shapes=_SHAPES,
        bench_shapes=_BENCH_SHAPES,
        peer=f"activation.peer:{name}_backward",
    )
    for ladder in (forward, backward):
        ladder.rung("reference", f"activation.reference:{ladder.name}")
        ladder.rung("numpy", f"activation.cpu:{ladder.name}_numpy")
        if ladder is not forward or not forward_is_numpy:
            ladder.rung("threads", f"activation.cpu:{ladder.name}_threads")
        for rung in ("naive", "vectors"):
            ladder.rung(rung, f"activation.gpu:{ladder.name}_{rung}", device="cuda")
    return forward, backward


relu, relu_backward = _register("relu", 1)
leaky_relu, leaky_relu_backward = _register("leaky_relu", 2, 0.2)
# NumPy's tanh has vector instructions, which Numba's has not.
tanh, tanh_backward = _register("tanh", 3, forward_is_numpy=True)
