"""What the matmul ladder is compared with."""


def matmul(a, b, bfloat16=False):
    """PyTorch's matrix product."""
    import torch

    a, b = torch.from_dlpack(a), torch.from_dlpack(b)
    if bfloat16:
        a, b = a.bfloat16(), b.bfloat16()
    return {"mm": lambda: torch.mm(a, b)}
