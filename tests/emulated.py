"""Launches a piece of CUDA text in the emulator."""

from __future__ import annotations

import numpy as np

from tinygan.kernels.emulator import Module


def run(text, args, *, kernel="kernel", grid=(1,), block=(32,), **options):
    """Launches a kernel, fast and checked, in all orders; all must leave the same in `args`."""
    results = []
    for checked in (False, True):
        module = Module(text, [kernel], checked=checked)
        for order in ("forward", "backward", "random"):
            copies = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
            module.launch(kernel, grid, block, copies, order=order, seed=5, **options)
            results.append([a for a in copies if isinstance(a, np.ndarray)])
    for result in results[1:]:
        for one, other in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(one, other)
    return results[0]
