"""PyTorch's matrix product, the baseline of the benchmark."""


def matmul(a, b, precision=None):
    """PyTorch's matrix product."""
    import torch

    dtypes = {"bfloat16": torch.bfloat16, "float16": torch.float16}
    a, b = (torch.from_dlpack(x) for x in (a, b))
    a, b = (x.to(dtypes.get(precision, x.dtype)) for x in (a, b))
    return {"mm": lambda: torch.mm(a, b)}
