"""The matrix product."""

from __future__ import annotations

import functools

from tinygan.autograd import Function
from tinygan.devices import array_module
from tinygan.kernels.layout import is_transposed
from tinygan.kernels.matmul import matmul as matmul_kernel
from tinygan.ops.math import as_tensor, broadcast_together, promoted
from tinygan.ops.shape import reshape, sum_to, transpose, unsqueeze
from tinygan.precision import product_precision
from tinygan.tensor import Tensor


class MatMul(Function):
    """a b;  g b^T, a^T g"""

    saves_inputs = True

    def __init__(self, precision: str | None):
        self.precision = precision

    def forward(self, a, b):
        if a.ndim == 2 and b.ndim == 2 and a.dtype.kind == "f":
            return matmul_kernel(a, b, precision=self.precision)
        return array_module(a).matmul(a, b)

    def backward(self, grad_output):
        (a, b), (need_a, need_b) = self.inputs, self.needs_input_grad
        again = functools.partial(MatMul, self.precision)
        grad_a = grad_b = None
        if need_a:
            grad_a = sum_to(again()(grad_output, transpose(b, -2, -1)), a.shape)
        if need_b and a.ndim == b.ndim == 2 and is_transposed(b.array):
            # The weight of a Linear layer: its gradient lies in memory as it does.
            grad_b = transpose(again()(transpose(grad_output, 0, 1), a), 0, 1)
        elif need_b:
            grad_b = sum_to(again()(transpose(a, -2, -1), grad_output), b.shape)
        return grad_a, grad_b


def matmul(a, b) -> Tensor:
    """a @ b: (..., m, k) @ (..., k, n) -> (..., m, n); leading dimensions broadcast, a vector
    is a row on the left and a column on the right.

    Raises:
        ValueError: inner sizes differ, an operand is 0-d, or leading dimensions do not broadcast.
    """
    a, b = promoted(as_tensor(a), as_tensor(b))
    if min(a.ndim, b.ndim) == 0:
        raise ValueError(f"matmul: operands need 1 or more dimensions, got {a.shape}, {b.shape}")
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"matmul: inner sizes differ, {a.shape} @ {b.shape}")
    if a.ndim == 1:
        product = matmul(unsqueeze(a, 0), b)
        return reshape(product, product.shape[:-2] + product.shape[-1:]) if b.ndim > 1 else reshape(
            product, ()
        )
    if b.ndim == 1:
        product = matmul(a, unsqueeze(b, 1))
        return reshape(product, product.shape[:-1])
    if not broadcast_together(a.shape[:-2], b.shape[:-2]):
        raise ValueError(f"matmul: leading dimensions of {a.shape} and {b.shape} do not broadcast")
    return MatMul(product_precision(a.device))(a, b)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias: (..., in) , (out, in) , (out,) -> (..., out).

    Raises:
        ValueError: the shapes do not fit.
    """
    if weight.ndim != 2 or input.ndim < 1 or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: input of shape {input.shape} does not fit weight of shape {weight.shape}; "
            "expected (..., in) and (out, in)"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: bias has shape {bias.shape}, expected ({weight.shape[0]},)")
    rows = input if input.ndim <= 2 else input.reshape(-1, input.shape[-1])
    output = rows @ weight.T
    if input.ndim > 2:
        output = output.reshape(*input.shape[:-1], weight.shape[0])
    return output if bias is None else output + bias
