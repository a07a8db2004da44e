"""Ops that users write: what is checked, and both ways of writing them."""

from __future__ import annotations

import pytest

import tinygan
from tinygan import Function, Tensor, tensor


def leaf(*values, device="cpu", dtype="float64") -> Tensor:
    return tensor(list(values), dtype, device, requires_grad=True)


def values(x: Tensor) -> list:
    return x.detach().cpu().tolist()


def own(forward=lambda x: x * 2, backward=lambda g: (g * 2.0,)):
    class Mine(Function):
        def forward(self, x):
            return forward(x)

        def backward(self, grad_output):
            return backward(grad_output)

    return Mine()


@pytest.mark.parametrize(
    ("wrong", "got"), [(Tensor, "Tensor"), (lambda x: (x, x), "tuple"), (lambda x: 1.0, "float")]
)
def test_a_forward_that_returns_no_array_is_named(wrong, got, device):
    with pytest.raises(TypeError, match=rf"Mine\.forward must return one array, got {got}"):
        own(wrong)(leaf(1.0, device=device))


def test_a_backward_that_returns_something_else_is_named(device):
    x = leaf(1.0, device=device)
    for wrong, message in (
        (lambda g: (g.array,), r"Mine\.backward must return Tensors, got ndarray"),
        (lambda g: 1.0, r"Mine\.backward must return a tuple .* got float"),
    ):
        with pytest.raises(TypeError, match=message):
            own(backward=wrong)(x).sum().backward()
        assert x.grad is None
    own(backward=lambda g: g * 2.0)(x).sum().backward()  # of one input it needs no tuple
    assert values(x.grad) == [2]


# As PyTorch writes them: static methods and a context


class Exponential(Function):
    @staticmethod
    def forward(ctx, x, scale):
        y = (x * scale).exp()
        ctx.scale = scale
        ctx.save_for_backward(x, y)
        assert ctx.needs_input_grad == (x.requires_grad, False)
        return y

    @staticmethod
    def backward(ctx, grad_output):
        _, y = ctx.saved_tensors
        return grad_output * y * ctx.scale, None


def test_ops_with_a_context(device, rng):
    x = tensor(rng.standard_normal(3), device=device, requires_grad=True)
    y = Exponential.apply(x, 2.0)
    assert values(y) == values((x * 2.0).exp()) and y.grad_fn.name == "Exponential"
    assert tinygan.gradcheck(lambda x: Exponential.apply(x, 2.0), [x])
    assert tinygan.gradgradcheck(lambda x: Exponential.apply(x, 2.0), [x])
    with pytest.raises(RuntimeError, match=r"Exponential: a saved tensor .* was changed in place"):
        x.data.mul_(2.0)
        y.sum().backward()


def test_ops_with_a_context_are_checked(device):
    class Two(Function):
        @staticmethod
        def forward(ctx, x, y):
            return (x, y) if ctx.needs_input_grad == (False, True) else x * y

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    x = leaf(1.0, device=device)
    with pytest.raises(TypeError, match=r"Two\.forward must return one Tensor, got tuple"):
        Two.apply(x.detach(), x)
    with pytest.raises(RuntimeError, match=r"Two\.backward returned 1 gradients for 2 arguments"):
        Two.apply(x, x).sum().backward()
    assert values(type(own()).apply(x)) == [2]  # of an op without a context
