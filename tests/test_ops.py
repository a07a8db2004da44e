"""Every op's gradient, and the gradient of its gradient, against differences in float64."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import numpy as np
import op_cases
import pytest
from op_cases import CASES, each_case
from op_cases.case import OpCase

import tinygan
import tinygan.functional as F
import tinygan.ops
import tinygan.ops.fused
from tinygan import Function, Tensor, grad, gradcheck, gradgradcheck, methods
from tinygan.walk import graph_nodes


@pytest.fixture
def checked_device(device, monkeypatch):
    """On the CPU, each entry of a small Jacobian is checked. Elsewhere the same code runs, slowly
    where it is emulated, and random directions show what a kernel of the device gets wrong."""
    if device != "cpu":
        monkeypatch.setattr(import_module("tinygan.gradcheck"), "FULL_JACOBIAN_ELEMENTS", 0)
    return device


# gradcheck's own tolerances hold: truncation and rounding of central differences in float64 are
# about 1e-9 of values of size 1, the tolerance is 1e-6.
@each_case(lambda case: case.gradient)
def test_gradient(case, checked_device):
    assert gradcheck(case.function, case.tensors(checked_device))


@each_case(lambda case: case.gradient)
def test_gradient_of_gradient(case, checked_device):
    assert gradgradcheck(case.function, case.tensors(checked_device))


def test_names_are_unique():
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)


def nodes_of(case: OpCase, walks: int = 2) -> set[type]:
    """The ops in the graphs of the output, of its gradients, and of the gradients of those."""
    inputs = case.tensors("cpu")
    wanted = [x for x in inputs if x.requires_grad]
    tensors = [case.function(*inputs)]
    found: set[type] = set()
    for walk in range(walks + 1):
        found |= {type(node) for node in graph_nodes(tensors)}
        tensors = [x for x in tensors if x.requires_grad]
        if not tensors or walk == walks:
            break
        cotangents = [(x.detach() * 0 + 1).requires_grad_() for x in tensors]
        results = grad(tensors, wanted, cotangents, create_graph=True, allow_unused=True)
        wanted += cotangents
        tensors = [x for x in results if x is not None]
    return found


def all_ops() -> dict[type, str]:
    defined: dict[type, str] = {}
    for module_info in pkgutil.iter_modules(tinygan.ops.__path__, "tinygan.ops."):
        module = import_module(module_info.name)
        for _, value in inspect.getmembers(module, inspect.isclass):
            is_op = issubclass(value, Function) and "forward" in vars(value)
            if is_op and value.__module__ == module.__name__:
                defined[value] = f"{module.__name__}.{value.__name__}"
    assert len(defined) > 30
    return defined


# Not visible in a graph: float64 stays float64, so To is tested apart, below.
INVISIBLE = {tinygan.ops.shape.To}


def test_the_table_holds_every_op():
    """An op added without a case fails."""
    seen = set().union(*(nodes_of(case) for case in CASES if case.gradient)) | INVISIBLE
    assert sorted(name for op, name in all_ops().items() if op not in seen) == []


def test_every_op_is_compared():
    """With a formula in NumPy, or with PyTorch, which compares both derivatives, too: differences
    of the function itself do not tell whether it is the function that was meant."""
    seen = set(INVISIBLE)
    for case in CASES:
        if case.gradient and (case.numpy or case.torch):
            seen |= nodes_of(case, walks=2 if case.torch else 0)
    assert sorted(name for op, name in all_ops().items() if op not in seen) == []


def test_every_case_is_compared_or_says_why_not():
    silent = [case.name for case in CASES if not (case.numpy or case.torch or case.no_values)]
    assert silent == []
    needless = [case.name for case in CASES if case.no_values and (case.numpy or case.torch)]
    assert needless == []


def test_every_file_of_ops_has_a_file_of_cases():
    with_ops = {op.__module__.rpartition(".")[2] for op in all_ops()}
    cases = {file.name for file in pkgutil.iter_modules(op_cases.__path__)}
    # What a case is; functions that are made of other files' ops.
    assert cases - with_ops == {"case", "functional", "pooling", "distance"}
    assert sorted(with_ops - cases) == []


def test_the_table_holds_every_function_and_method():
    first_words = {case.name.split()[0] for case in CASES}
    no_functions, drawn = {"GANLoss", "GAN_LOSSES"}, {"gumbel_softmax"}  # see test_ops_values.py
    assert sorted(set(F.__all__) - no_functions - drawn - first_words) == []
    assert sorted(set(tinygan.ops.fused.__all__) - first_words) == []
    about_the_tensor = {
        "array", "backward", "data", "detach", "device", "dtype", "grad", "grad_fn", "is_leaf",
        "item", "ndim", "numel", "numpy", "register_hook", "requires_grad", "requires_grad_",
        "retain_grad", "shape", "size", "tolist", "version",
    }  # fmt: skip
    same = {"float", "double", "cpu"}  # tested with `to`
    about_the_tensor |= {"masked_fill", "scatter"}  # in test_inplace.py
    elsewhere = {*methods.NAMES, "is_cuda", "is_mps", "is_xpu", "mT"}  # in test_functions.py
    methods_here = {
        name for name in {*dir(Tensor)} - elsewhere
        if not name.startswith("_") and not name.endswith("_")  # those: test_inplace.py
    }  # fmt: skip
    assert sorted(methods_here - about_the_tensor - same - first_words) == []
    elsewhere = {"ValuesAndIndices", "logical", "max_along"}  # what &, max and min call
    assert sorted(set(tinygan.ops.__all__) - elsewhere - first_words) == []


def test_to_takes_gradients_back_to_the_first_dtype(device):
    # Differences in float32 are too coarse for gradcheck; powers of two make this exact instead.
    x = tinygan.tensor([0.5, -2.0, 4.0], device=device, requires_grad=True)
    y = x.double()
    (first,) = grad((y * y * y).sum(), x, create_graph=True)
    (second,) = grad(first.sum(), x)
    assert (y.dtype, first.dtype, second.dtype) == (np.float64, np.float32, np.float32)
    assert first.tolist() == [0.75, 12.0, 48.0]
    assert second.tolist() == [3.0, -12.0, 24.0]
    assert [type(node) for node in graph_nodes([y])] == [tinygan.ops.shape.To]
    z = tinygan.tensor([3.0], dtype="float64", device=device, requires_grad=True)
    (z.float() * 2.0).backward()
    assert (z.grad.dtype, z.grad.tolist()) == (np.float64, [2.0])
