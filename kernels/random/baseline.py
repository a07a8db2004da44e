"""PyTorch's random numbers, the baseline of the benchmark; its numbers differ from ours."""


def uniform(state, count, dtype):
    return _eager("rand", state, count, dtype)


def normal(state, count, dtype):
    return _eager("randn", state, count, dtype)


def _eager(name, state, count, dtype):
    import torch

    kind = torch.float32 if dtype.itemsize == 4 else torch.float64
    device = torch.from_dlpack(state).device
    return {"eager": lambda: getattr(torch, name)(count, dtype=kind, device=device)}
