"""Runs CUDA kernels on a CPU, and finds their mistakes.

    module = Module(text, ["add"], name="add.cu", checked=True)
    module.launch("add", grid=(4,), block=(256,), args=[x, y, np.int32(1000)])

See kernels/emulator/README.md.
"""

from .build import EmulatorError, compiler
from .module import KernelFault, Module, Traffic, empty

__all__ = ["EmulatorError", "KernelFault", "Module", "Traffic", "compiler", "empty"]
