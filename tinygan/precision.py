"""Lower precision for what takes the time: matrix products and convolutions."""

from __future__ import annotations

import contextlib
import warnings

_precision: str | None = None


def autocast_precision() -> str | None:
    """What `autocast` asks for at the moment: ``"bfloat16"``, or None."""
    return _precision


@contextlib.contextmanager
def autocast(dtype: str = "bfloat16", enabled: bool = True):
    """``with tinygan.autocast("bfloat16"):`` multiplies in bfloat16 inside the block.

    Matrix products, convolutions and their gradients round the factors of their float32 products
    to bfloat16 (8 instead of 24 binary digits), and sum the products in float32. Everything else,
    tensors, weights, optimizers and batch statistics, stays float32; float64 is not touched. An op
    that was recorded inside the block computes its gradient in the same way, wherever that is
    called. Unlike in PyTorch, no tensor changes its dtype.

    Twice as fast on CPUs with AVX512-BF16; on others a warning says that float32 is used.

    Args:
        dtype: only ``"bfloat16"``.
        enabled: False for no change.

    Raises:
        ValueError: another dtype.
    """
    global _precision
    if dtype != "bfloat16":
        raise ValueError(f"autocast: dtype must be 'bfloat16', got {dtype!r}")
    wanted = dtype if enabled else None
    if wanted is not None and not _supported():
        warnings.warn(
            "autocast: this CPU has no bfloat16 arithmetic (AVX512-BF16); computing in float32",
            stacklevel=3,
        )
        wanted = None
    outer, _precision = _precision, wanted
    try:
        yield
    finally:
        _precision = outer


def _supported() -> bool:
    from tinygan.kernels.matmul.gemm_bf16 import SUPPORTED  # here, because it imports Numba

    return SUPPORTED
