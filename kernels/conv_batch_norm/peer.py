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
