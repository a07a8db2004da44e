"""What moves a window over an image: the arguments that convolution and pooling share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygan.tensor import Tensor

Pair = tuple[int, ...]  # of length 2
Padding = int | Sequence[int] | str


def pair(name: str, argument: str, value, minimum: int) -> Pair:
    """An integer or a pair of them as a pair; `name` and `argument` are for the error."""
    both = (value, value) if isinstance(value, (int, np.integer)) else value
    valid = (
        isinstance(both, (tuple, list))
        and len(both) == 2
        and all(isinstance(v, (int, np.integer)) and v >= minimum for v in both)
    )
    if not valid:
        raise ValueError(
            f"{name}: {argument} must be an integer >= {minimum} or a pair of them, got {value!r}"
        )
    return int(both[0]), int(both[1])


def single(name: str, argument: str, value, minimum: int) -> tuple[int, ...]:
    """An integer, or a tuple of one, as a tuple; `name` and `argument` are for the error."""
    (found,) = value if isinstance(value, (tuple, list)) and len(value) == 1 else (value,)
    if not isinstance(found, (int, np.integer)) or found < minimum:
        raise ValueError(f"{name}: {argument} must be an integer >= {minimum}, got {value!r}")
    return (int(found),)


def extent(kernel: Pair, dilation: Pair) -> Pair:
    """How many rows and columns a kernel covers, those between its taps included."""
    return tuple(d * (size - 1) + 1 for size, d in zip(kernel, dilation, strict=True))


def four_sides(name: str, padding: Padding, size: Pair, window: Pair, stride: Pair):
    """(top, bottom, left, right). "same" gives ceil(size / stride) outputs and puts the odd pixel
    at the bottom and on the right, as TensorFlow does and, for stride 1, PyTorch; "valid" is 0.
    `window` is the extent of the kernel."""
    if padding == "same":
        sides = []
        for i in range(2):
            outputs = -(-size[i] // stride[i])
            total = max((outputs - 1) * stride[i] + window[i] - size[i], 0)
            sides += [total // 2, total - total // 2]
        return tuple(sides)
    if padding == "valid":
        return 0, 0, 0, 0
    if isinstance(padding, (tuple, list)) and len(padding) == 4:
        if all(isinstance(v, (int, np.integer)) and v >= 0 for v in padding):
            return tuple(int(v) for v in padding)
    elif not isinstance(padding, str):
        vertical, horizontal = pair(name, "padding", padding, 0)
        return vertical, vertical, horizontal, horizontal
    raise ValueError(
        f"{name}: padding must be an integer, a pair, (top, bottom, left, right), 'same' or "
        f"'valid', got {padding!r}"
    )


def check_image(name: str, argument: str, x, dimensions: tuple[int, ...] = (3, 4)) -> None:
    """Raises a ValueError unless `x` is a floating tensor of so many dimensions."""
    if not isinstance(x, Tensor) or x.ndim not in dimensions or x.dtype.kind != "f":
        got = f"{x.dtype} {x.shape}" if isinstance(x, Tensor) else type(x).__name__
        wanted = " or ".join(f"{n}-D" for n in dimensions)
        raise ValueError(f"{name}: {argument} must be a floating {wanted} tensor, got {got}")
