"""What the batch normalisation ladders are compared with: PyTorch's operators, in training mode.

PyTorch keeps 1 / sqrt(var + eps) where tinygan keeps var. The forward pass therefore turns one into
the other, for c numbers beside its m * c; the backward pass gets it ready-made.
"""


def batch_norm(x, weight, bias, eps):
    import torch

    x, weight, bias = (torch.from_numpy(array) for array in (x, weight, bias))

    def forward():
        y, mean, inverse = torch.ops.aten.native_batch_norm(
            x, weight, bias, None, None, True, 0.0, eps
        )
        return y, mean, inverse.pow(-2) - eps

    return {"eager": forward}


def batch_norm_backward(x, grad, weight, mean, var, eps):
    import torch

    x, grad, weight, mean, var = (torch.from_numpy(array) for array in (x, grad, weight, mean, var))
    inverse = (var.double() + eps).rsqrt().to(x.dtype)
    return {
        "eager": lambda: torch.ops.aten.native_batch_norm_backward(
            grad, x, weight, None, None, mean, inverse, True, eps, [True, True, True]
        )
    }
