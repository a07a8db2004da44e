"""What tests need and a machine may lack. Where it is missing, they are skipped and say so."""

from __future__ import annotations

import pytest

from tinygan.devices import check_device
from tinygan.kernels.cuda import nvrtc as nvidia
from tinygan.kernels.emulator import EmulatorError, compiler


def _has_gpu() -> bool:
    try:
        check_device("cuda")
    except RuntimeError:  # no CuPy, or no GPU that it can use
        return False
    return True


HAS_GPU = _has_gpu()


def cuda_kernels() -> None:
    """A GPU or, without one, a compiler for the emulator."""
    if not HAS_GPU:
        cpp_compiler()


def cpp_compiler() -> None:
    try:
        compiler()
    except EmulatorError as error:
        pytest.skip(str(error), allow_module_level=True)


def emulator() -> None:
    """The fake CuPy, which a real one with a GPU leaves no place for."""
    if HAS_GPU:
        pytest.skip("needs a machine without a GPU: the real CuPy is used", allow_module_level=True)
    cpp_compiler()


def pytorch():
    return pytest.importorskip("torch", reason="needs PyTorch: pip install torch")


def scikit_learn():
    return pytest.importorskip("sklearn", reason="needs scikit-learn: pip install scikit-learn")




def nvrtc() -> None:
    """NVIDIA's compiler, which needs no GPU."""
    try:
        nvidia.compiler()
    except nvidia.NvrtcError as error:
        pytest.skip(str(error), allow_module_level=True)
