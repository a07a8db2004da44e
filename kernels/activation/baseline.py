"""PyTorch's activations, the baseline of the benchmark, on arrays of the same memory order."""


def relu(x):
    import torch

    x = torch.from_dlpack(x)
    return {"eager": lambda: torch.relu(x)}


def relu_backward(grad, y):
    import torch

    grad, y = torch.from_dlpack(grad), torch.from_dlpack(y)
    return {"eager": lambda: torch.ops.aten.threshold_backward(grad, y, 0)}


def leaky_relu(x, slope):
    import torch

    x = torch.from_dlpack(x)
    return {"eager": lambda: torch.nn.functional.leaky_relu(x, slope)}


def leaky_relu_backward(grad, y, slope):
    import torch

    grad, y = torch.from_dlpack(grad), torch.from_dlpack(y)
    is_result = True  # y is the output of leaky_relu, not its input
    return {"eager": lambda: torch.ops.aten.leaky_relu_backward(grad, y, slope, is_result)}


def tanh(x):
    import torch

    x = torch.from_dlpack(x)
    return {"eager": lambda: torch.tanh(x)}


def tanh_backward(grad, y):
    import torch

    grad, y = torch.from_dlpack(grad), torch.from_dlpack(y)
    return {"eager": lambda: torch.ops.aten.tanh_backward(grad, y)}
