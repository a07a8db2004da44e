"""PyTorch's convolutions in both memory formats, the baseline of the benchmark.

Everything that prepares a tensor is done before the clock runs: the format, the precision, and
padding that is not the same on both sides, which PyTorch's convolutions do not know. Results are
views in the ladder's NHWC.
"""


def conv2d(x, weight, bias, *, stride, padding, output_size, slope=1.0, precision=None):
    import torch

    def mode(memory_format):
        sizes = zip(x.shape[1:3], weight.shape[2:], output_size, stride, padding, strict=True)
        image, inside = _padded(_nchw(x, precision), list(sizes))
        image = image.contiguous(memory_format=memory_format)
        taps = _tensor(weight, precision).contiguous(memory_format=memory_format)
        offset = None if bias is None else _tensor(bias, precision)

        def run():
            y = torch.nn.functional.conv2d(image, taps, offset, stride, inside).permute(0, 2, 3, 1)
            return y if slope == 1 else torch.nn.functional.leaky_relu_(y, slope)

        return run

    return _modes(mode)


def conv_transpose2d(y, weight, bias, *, stride, padding, output_size, precision=None):
    import torch

    sizes = list(zip(y.shape[1:3], weight.shape[2:], output_size, stride, strict=True))
    full = [(p - 1) * step + r for p, r, _, step in sizes]
    extra = [sizes[i][2] + 2 * padding[i] - full[i] for i in range(2)]
    if all(0 <= extra[i] < stride[i] for i in range(2)):
        cut, first = padding, (0, 0)
    else:  # the padding differs between the sides: a part of the whole result is taken instead
        cut, first = (0, 0), padding
        extra = [max(0, sizes[i][2] + padding[i] - full[i]) for i in range(2)]
    rows, columns = (slice(first[i], first[i] + output_size[i]) for i in range(2))

    def mode(memory_format):
        image = _nchw(y, precision).contiguous(memory_format=memory_format)
        taps = _tensor(weight, precision).contiguous(memory_format=memory_format)
        offset = None if bias is None else _tensor(bias, precision)
        return lambda: torch.nn.functional.conv_transpose2d(
            image, taps, offset, stride, cut, extra
        ).permute(0, 2, 3, 1)[:, rows, columns]

    return _modes(mode)


def conv2d_weight_grad(x, y, *, stride, padding, kernel_size, order=None, precision=None):
    import torch

    def mode(memory_format):
        sizes = zip(x.shape[1:3], kernel_size, y.shape[1:3], stride, padding, strict=True)
        image, inside = _padded(_nchw(x, precision), list(sizes))
        image = image.contiguous(memory_format=memory_format)
        grad = _nchw(y, precision).contiguous(memory_format=memory_format)
        # Read for its shape and format only.
        taps = image.new_empty(y.shape[3], x.shape[3], *kernel_size)
        taps = taps.contiguous(memory_format=memory_format)
        only_weight = [False, True, False]
        return lambda: torch.ops.aten.convolution_backward(
            grad, image, taps, None, stride, inside, (1, 1), False, (0, 0), 1, only_weight
        )[1]

    return _modes(mode)


def _modes(mode):
    import torch

    return {
        "contiguous": mode(torch.contiguous_format),
        "channels_last": mode(torch.channels_last),
    }


def _tensor(array, precision):
    import torch

    tensor = torch.from_dlpack(array)
    dtypes = {"bfloat16": torch.bfloat16, "float16": torch.float16}
    return tensor.to(dtypes.get(precision, tensor.dtype))


def _nchw(array, precision):
    return _tensor(array, precision).permute(0, 3, 1, 2)


def _padded(image, sizes):
    """The image and the padding left to the convolution, (0, 0) when the image was padded here.

    sizes holds (input, kernel, output, stride, first padding) for the height and the width.
    """
    import torch

    if all((h + 2 * top - r) // step + 1 == p for h, r, p, step, top in sizes):
        return image, tuple(top for *_, top in sizes)
    borders = []
    for h, r, p, step, top in reversed(sizes):  # torch's pad counts from the last dimension
        borders += [top, (p - 1) * step + r - top - h]
    return torch.nn.functional.pad(image, borders), (0, 0)
