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

from ..ladder import Ladder
from . import cases

relu = Ladder("relu", cases.RELU, baseline="activation.baseline:relu")
relu.rung("reference", "activation.reference:relu")
relu.rung("numpy", "activation.numpy_rungs:relu")
relu.rung("threads", "activation.cpu:relu_threads", compiled=True)

relu_backward = Ladder(
    "relu_backward", cases.RELU_BACKWARD, baseline="activation.baseline:relu_backward"
)
relu_backward.rung("reference", "activation.reference:relu_backward")
relu_backward.rung("numpy", "activation.numpy_rungs:relu_backward")
relu_backward.rung("threads", "activation.cpu:relu_backward_threads", compiled=True)

leaky_relu = Ladder("leaky_relu", cases.LEAKY_RELU, baseline="activation.baseline:leaky_relu")
leaky_relu.rung("reference", "activation.reference:leaky_relu")
leaky_relu.rung("numpy", "activation.numpy_rungs:leaky_relu")
leaky_relu.rung("threads", "activation.cpu:leaky_relu_threads", compiled=True)

leaky_relu_backward = Ladder(
    "leaky_relu_backward", cases.LEAKY_RELU_BACKWARD,
    baseline="activation.baseline:leaky_relu_backward",
)  # fmt: skip
leaky_relu_backward.rung("reference", "activation.reference:leaky_relu_backward")
leaky_relu_backward.rung("numpy", "activation.numpy_rungs:leaky_relu_backward")
leaky_relu_backward.rung("threads", "activation.cpu:leaky_relu_backward_threads", compiled=True)

# On the CPU by NumPy, whose tanh has vector instructions; Numba's has not.
tanh = Ladder("tanh", cases.TANH, baseline="activation.baseline:tanh", serial=True)
tanh.rung("reference", "activation.reference:tanh")
tanh.rung("numpy", "activation.numpy_rungs:tanh")

tanh_backward = Ladder(
    "tanh_backward", cases.TANH_BACKWARD, baseline="activation.baseline:tanh_backward"
)
tanh_backward.rung("reference", "activation.reference:tanh_backward")
tanh_backward.rung("numpy", "activation.numpy_rungs:tanh_backward")
tanh_backward.rung("threads", "activation.cpu:tanh_backward_threads", compiled=True)

for _ladder in (relu, relu_backward, leaky_relu, leaky_relu_backward, tanh, tanh_backward):
    _function = f"activation.gpu:{_ladder.name}"
    _ladder.rung("naive", _function, device="cuda", bind={"version": "naive"})
    _ladder.rung("vectors", _function, device="cuda", bind={"version": "vectors"})
