"""PyTorch's random numbers, the baseline of the benchmark; its numbers differ from ours."""

import torch


def _like(state, dtype):
    dtype = torch.float32 if dtype.itemsize == 4 else torch.float64
    return dict(dtype=dtype, device=torch.from_dlpack(state).device)


def uniform(state, count, dtype):
    like = _like(state, dtype)
    return {"eager": lambda: torch.rand(count, **like)}


def normal(state, count, dtype):
    like = _like(state, dtype)
    return {"eager": lambda: torch.randn(count, **like)}
