"""Kernels that run on the CPU from the PTX that NVIDIA's compiler makes of their text.

    module = PtxModule(text, ["add"], checked=True)    launched as `Module`

See kernels/emulator/README.md.
"""

from .module import PtxModule, installed
from .reader import Parameter, PtxError, layouts

__all__ = ["Parameter", "PtxError", "PtxModule", "installed", "layouts"]
