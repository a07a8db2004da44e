"""What the random numbers are compared with: PyTorch, whose numbers are others."""

import torch


def _dtype(dtype):
    return torch.float32 if dtype.itemsize == 4 else torch.float64


def uniform(state, count, dtype):
    return {"eager": lambda: torch.rand(count, dtype=_dtype(dtype))}


def normal(state, count, dtype):
    return {"eager": lambda: torch.randn(count, dtype=_dtype(dtype))}
