"""PyTorch's two operators, one after the other: the baseline of the benchmark."""

from ..batch_norm import baseline as batch_norm
from ..conv2d import baseline as convolution


def _compared(modes, gamma, beta, eps, slope, running):
    import torch

    gamma, beta = torch.from_dlpack(gamma), torch.from_dlpack(beta)
    *moved, momentum = running or (None, None, 0.0)

    def mode(run):
        own = [array if array is None else torch.from_dlpack(array).clone() for array in moved]

        def both():
            h = run()
            y, mean, inverse = torch.ops.aten.native_batch_norm(
                h.permute(0, 3, 1, 2), gamma.to(h.dtype), beta.to(h.dtype), *own, True, momentum,
                eps,
            )  # fmt: skip
            y = batch_norm.activated(y, slope).permute(0, 2, 3, 1)
            results = h, y, mean, inverse.pow(-2) - eps
            return results if running is None else (*results, *own)

        return both

    return {name: mode(run) for name, run in modes.items()}


def conv2d_batch_norm(x, weight, bias, *rest, precision=None, **options):
    return _compared(convolution.conv2d(x, weight, bias, precision=precision, **options), *rest)


def conv_transpose2d_batch_norm(x, weight, bias, *rest, precision=None, **options):
    modes = convolution.conv_transpose2d(x, weight, bias, precision=precision, **options)
    return _compared(modes, *rest)


def _compared_backward(modes, h, gamma, beta, mean, var, eps, slope):
    import torch

    h, gamma, beta, mean, var = (torch.from_dlpack(x) for x in (h, gamma, beta, mean, var))

    def mode(run):
        kind = run().dtype
        image, scale = h.permute(0, 3, 1, 2).to(kind), gamma.to(kind)
        inverse = (var.double() + eps).rsqrt().to(var.dtype)
        y = (h - mean) * inverse * gamma + beta  # what the forward pass would have left
        y = y.permute(0, 3, 1, 2).to(kind)

        def both():
            grad = run()
            grad_u = batch_norm.before_activation(grad.permute(0, 3, 1, 2), y, slope)
            grad_h, *grad_affine = torch.ops.aten.native_batch_norm_backward(
                grad_u, image, scale, None, None, mean, inverse, True, eps, [True, True, True]
            )
            return grad, grad_h.permute(0, 2, 3, 1), *grad_affine

        return both

    return {name: mode(run) for name, run in modes.items()}


def conv2d_batch_norm_backward(y, weight, *rest, precision=None, **options):
    return _compared_backward(
        convolution.conv2d(y, weight, None, precision=precision, **options), *rest
    )


def conv_transpose2d_batch_norm_backward(y, weight, *rest, precision=None, **options):
    modes = convolution.conv_transpose2d(y, weight, None, precision=precision, **options)
    return _compared_backward(modes, *rest)
