"""Launches a piece of CUDA text in the emulator, or some calls of its functions."""

from __future__ import annotations

import threading

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


def evaluate(calls, inputs, result, head=""):
    """{call: its results} for arrays of inputs, which the calls know by their names; `result` is
    the type of the results, of CUDA and of NumPy."""
    kind, dtype = result
    arrays = {name: np.asarray(values) for name, values in inputs.items()}
    count = len(next(iter(arrays.values())))
    kinds = {"f": "float", "d": "double", "i": "int", "u": "unsigned", "q": "long long",
             "h": "half"}  # fmt: skip
    parameters = ", ".join(f"const {kinds[name[0]]}* {name}_" for name in arrays)
    body = "".join(f"  const {kinds[name[0]]} {name} = {name}_[t];\n" for name in arrays)
    body += "".join(f"  out[{i} * {count} + t] = {call};\n" for i, call in enumerate(calls))
    text = (f"{head}\n__global__ void kernel({parameters}, {kind}* out) {{\n"
            f"  const int t = blockIdx.x * blockDim.x + threadIdx.x;\n{body}}}")  # fmt: skip
    out = np.zeros((len(calls), count), dtype)
    Module(text, ["kernel"]).launch("kernel", (count,), (1,), [*arrays.values(), out])
    return dict(zip(calls, out, strict=True))


def in_thread(call):
    """What `call` returns, or the error that it raises, in another thread."""
    found = []

    def run():
        try:
            found.append(call())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]
