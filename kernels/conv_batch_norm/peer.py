"""What both together are compared with: PyTorch's operators, one after the other."""

from tinygan.kernels.batch_norm import peer as batch_norm
from tinygan.kernels.conv2d import peer as convolution


def _peer(modes, gamma, beta, eps, slope, running):
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
    return _peer(convolution.conv2d(x, weight, bias, precision=precision, **options), *rest)


def conv_transpose2d_batch_norm(x, weight, bias, *rest, precision=None, **options):
    modes = convolution.conv_transpose2d(x, weight, bias, precision=precision, **options)
    return _peer(modes, *rest)


def _peer_backward(modes, h, gamma, beta, mean, var, eps, slope):
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
            of_y = batch_norm.behind_activation(grad.permute(0, 3, 1, 2), y, slope)
            of_h, *of_affine = torch.ops.aten.native_batch_norm_backward(
                of_y, image, scale, None, None, mean, inverse, True, eps, [True, True, True]
            )
            return grad, of_h.permute(0, 2, 3, 1), *of_affine

        return both

    return {name: mode(run) for name, run in modes.items()}


def conv2d_batch_norm_backward(y, weight, *rest, precision=None, **options):
    return _peer_backward(
        convolution.conv2d(y, weight, None, precision=precision, **options), *rest
    )


def conv_transpose2d_batch_norm_backward(y, weight, *rest, precision=None, **options):
    modes = convolution.conv_transpose2d(y, weight, None, precision=precision, **options)
    return _peer_backward(modes, *rest)
