"""Adam (Kingma and Ba 2014, arXiv:1412.6980, algorithm 1), all parameters of a model at once.

For each parameter p with gradient g, at step t = 1, 2, ..., in place:

    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) g^2
    p = p - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)

    adam(params, grads, m, v, state, beta1=, beta2=, eps=) -> params + m + v

The first four are lists of arrays of the same shapes; a gradient may have another memory order.
`state` is an array of two float64, (t - 1, lr), on their device; t - 1 becomes t.
"""

from ..ladder import Ladder
from .cases import ADAM

adam = Ladder("adam", ADAM, baseline="adam.baseline:adam", in_place=True)
adam.rung("reference", "adam.reference:adam")
adam.rung("numpy", "adam.numpy_rungs:adam")
adam.rung("threads", "adam.cpu:adam_threads", compiled=True)
adam.rung("naive", "adam.gpu:adam_naive", device="cuda")
adam.rung("fused", "adam.gpu:adam_fused", device="cuda")
