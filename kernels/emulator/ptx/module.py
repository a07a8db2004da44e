"""A kernel's text, compiled to PTX by NVIDIA's compiler, and that for the CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...cuda import nvrtc
from .. import build, fake_cupy
from ..module import Module
from .reader import Parameter, layouts
from .translate import translate


class PtxModule(Module):
    """As `Module`, but what runs are the instructions that NVRTC has made of the text: its inline
    assembly is obeyed and ``-ftz=true`` holds. `text` must not need the emulator's own headers.

    PTX does not tell pointers from integers of 8 bytes. An array is the address of its numbers.

    Raises:
        NvrtcError: NVRTC is missing, or the text does not compile.
        PtxError: an instruction is wrong, or the emulator does not know it.
        EmulatorError: no C++ compiler.
    """

    def _build(self, text: str, name: str, options: Sequence[str]) -> Path:
        self.ptx = nvrtc.compile_ptx(text, self.kernels, name=name, options=options)
        made = translate(self.ptx.text, [self.ptx.symbols[kernel] for kernel in self.kernels])
        # Each access of the PTX calls the runtime itself, without the compiler's help.
        command = [*build.COMMON, "-O1", "-g1", "-w", "-ffp-contract=off"]
        return build.linked_library(made, name, command + ["-DPTX_CHECKED"] * self.checked)

    def _is_pointer(self, size: int, arg: Any) -> bool:
        return size == 8 and isinstance(arg, np.ndarray) and arg.ndim > 0

    def layout(self, kernel: str) -> list[Parameter]:
        """The parameters, as the compiler has laid them out."""
        return layouts(self.ptx.text)[self.ptx.symbols[kernel]]


@contextlib.contextmanager
def installed(**launches: Any) -> Iterator[None]:
    """As `fake_cupy.installed`; inside, kernels run from their PTX."""
    with fake_cupy.installed(module_type=PtxModule, **launches):
        yield
