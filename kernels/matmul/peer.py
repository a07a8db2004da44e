"""What the matmul ladder is compared with."""


def matmul(a, b, bfloat16=False):
    """PyTorch's matrix product."""
    import torch

    a, b = torch.from_numpy(a), torch.from_numpy(b)
    if bfloat16:
        a, b = a.bfloat16(), b.bfloat16()
    return {"mm": lambda: torch.mm(a, b)}
