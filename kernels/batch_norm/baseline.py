"""PyTorch's batch norm in training mode, the baseline of the benchmark.

PyTorch keeps 1 / sqrt(var + eps) where tinygan keeps var. The forward pass therefore turns one into
the other, for c numbers beside its m * c; the backward pass gets it ready-made.
"""


def batch_norm(x, weight, bias, eps, slope, running=None):
    import torch

    x, weight, bias = (torch.from_dlpack(array) for array in (x, weight, bias))
    *moved, momentum = running or (None, None, 0.0)
    moved = [array if array is None else torch.from_dlpack(array) for array in moved]

    def forward():
        y, mean, inverse = torch.ops.aten.native_batch_norm(
            x, weight, bias, *moved, True, momentum, eps
        )
        results = activated(y, slope), mean, inverse.pow(-2) - eps
        return results if running is None else (*results, *moved)

    return {"eager": forward}


def activated(y, slope):
    import torch

    if slope == 1:
        return y
    return torch.relu_(y) if slope == 0 else torch.nn.functional.leaky_relu_(y, slope)


def before_activation(grad, y, slope):
    import torch

    if slope == 0:
        return torch.ops.aten.threshold_backward(grad, y, 0)
    return grad if slope == 1 else torch.ops.aten.leaky_relu_backward(grad, y, slope, True)


def batch_norm_backward(x, grad_y, weight, bias, mean, var, eps, slope):
    import torch

    x, grad_y, weight, bias, mean, var = (
        torch.from_dlpack(array) for array in (x, grad_y, weight, bias, mean, var)
    )
    inverse = (var.double() + eps).rsqrt().to(x.dtype)
    y = (x - mean) * inverse * weight + bias  # what the forward pass would have left

    def backward():
        grad = before_activation(grad_y, y, slope)
        return torch.ops.aten.native_batch_norm_backward(
            grad, x, weight, None, None, mean, inverse, True, eps, [True, True, True]
        )

    return {"eager": backward}
