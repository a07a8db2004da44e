"""CPU rungs of Adam."""

import math

import numpy as np

from ..copies import like
from ..cpu.parallel import parallel
from ..cpu.pointers import at_address
from ..layout import flat, same_order
from .numpy_rungs import advance

ELEMENTS_PER_TASK = 65536


def adam_threads(params, grads, m, v, state, *, beta1, beta2, eps):
    """Rung 2. Changed: one pass that reads and writes each value once, over all parameters, on all
    cores. Faster: seven memory accesses per parameter, no temporaries. Bound: memory traffic."""
    arrays, tasks = [], []  # the arrays live in `arrays` while the tasks use their addresses
    for p, g, first, second in zip(params, grads, m, v, strict=True):
        if not (same_order(first, p) and same_order(second, p)):
            raise ValueError("adam: m and v must have the memory order of their parameter")
        views = [flat(p), flat(like(g, p)), flat(first), flat(second)]
        arrays.append(views)
        addresses = [view.__array_interface__["data"][0] for view in views]
        for start in range(0, p.size, ELEMENTS_PER_TASK):
            moved = [address + start * p.itemsize for address in addresses]
            tasks.append((*moved, min(ELEMENTS_PER_TASK, p.size - start)))
    step, lr = advance(state)  # not before all arrays have been looked at
    size, correction = lr / (1 - beta1**step), 1 / math.sqrt(1 - beta2**step)
    numbers = size, beta1, 1 - beta1, beta2, 1 - beta2, correction, eps
    if tasks:
        number = params[0].dtype.type
        _adam(len(tasks), np.array(tasks, np.int64), tuple(number(value) for value in numbers))
    return [*params, *m, *v]


@parallel
def _adam(task, tasks, numbers):
    size, beta1, one_minus_beta1, beta2, one_minus_beta2, correction, eps = numbers
    p, g = at_address(tasks[task, 0], size), at_address(tasks[task, 1], size)
    m, v = at_address(tasks[task, 2], size), at_address(tasks[task, 3], size)
    for i in range(tasks[task, 4]):
        m[i] = beta1 * m[i] + one_minus_beta1 * g[i]
        v[i] = beta2 * v[i] + one_minus_beta2 * g[i] * g[i]
        p[i] -= size * m[i] / (np.sqrt(v[i]) * correction + eps)
