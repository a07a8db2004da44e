"""Lower precision for the slowest ops: matrix products and convolutions."""

from __future__ import annotations

import contextlib
import warnings

from tinygan import cuda

_dtype: str | None = None
_float32 = "highest"


def product_precision(device: str) -> str | None:
    """How float32 products on `device` are to be rounded: ``"bfloat16"``, ``"float16"``,
    ``"tf32"``, or None for not at all. Where no kernel does so, they are not."""
    if _dtype is not None and (device != "cpu" or _supported(_dtype)):
        return _dtype
    return "tf32" if _float32 == "high" else None


def set_float32_matmul_precision(precision: str) -> None:
    """How matrix products, convolutions and their gradients treat float32, as in PyTorch.

    Args:
        precision: ``"highest"``, as it is at first: no factor is rounded. ``"high"``: on GPUs the
            factors are rounded to tf32 (11 instead of 24 binary digits) for the tensor cores, and
            summed in float32. CPUs, and GPUs older than Ampere, have no such arithmetic and stay
            exact.

    Raises:
        ValueError: another precision.
    """
    global _float32
    if precision not in ("highest", "high"):
        raise ValueError(
            "set_float32_matmul_precision: precision must be 'highest' or 'high', got "
            f"{precision!r}; for bfloat16 see autocast"
        )
    _float32 = precision


def get_float32_matmul_precision() -> str:
    """The precision that `set_float32_matmul_precision` has set."""
    return _float32


@contextlib.contextmanager
def autocast(dtype: str = "bfloat16", enabled: bool = True):
    """``with tinygan.autocast("bfloat16"):`` multiplies in bfloat16 inside the block.

    Matrix products, convolutions and their gradients round the factors of their float32 products
    to bfloat16 (8 instead of 24 binary digits) or float16 (11, up to 65504), and sum the products
    in float32. Everything else, tensors, weights, optimizers and batch statistics, stays float32;
    float64 is not touched, nor are depthwise convolutions and their like, whose groups have few
    channels. An op that was recorded inside the block computes its gradient in the
    same way, wherever that is called. Unlike in PyTorch, no tensor changes its dtype.

    On GPUs by tensor cores, since Ampere; bfloat16 also on CPUs with AVX512-BF16, twice as fast.
    Others compute in float32, and where no device of this machine can, a warning says so.

    Args:
        dtype: ``"bfloat16"`` or ``"float16"``.
        enabled: False for no change.

    Raises:
        ValueError: another dtype.
    """
    global _dtype
    if dtype not in ("bfloat16", "float16"):
        raise ValueError(f"autocast: dtype must be 'bfloat16' or 'float16', got {dtype!r}")
    if enabled and not _supported(dtype) and not cuda.has_tensor_cores():
        needs = " (AVX512-BF16)" if dtype == "bfloat16" else ""
        gpu = f", nor has {cuda.get_device_name()}" if cuda.is_available() else ""
        warnings.warn(
            f"autocast: this CPU has no {dtype} arithmetic{needs}{gpu}; computing in float32",
            stacklevel=3,
        )
    outer, _dtype = _dtype, dtype if enabled else None
    try:
        yield
    finally:
        _dtype = outer


def _supported(dtype: str) -> bool:
    """Whether this CPU is faster with factors of `dtype`."""
    from tinygan.kernels.matmul.gemm_bf16 import SUPPORTED  # here, because it imports Numba

    return SUPPORTED and dtype == "bfloat16"
