"""What an op's case is, and the makers that draw its inputs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np

import tinygan
from tinygan import Tensor

Maker = Callable[[np.random.Generator], np.ndarray]
Reference = Callable[..., Any] | Literal["same"] | None


@dataclass
class OpCase:
    """An op, a functional or a Tensor method at certain inputs, and what must hold there.

    Each case is differentiated once and twice, numerically, and computed from inputs with any
    strides. Everything that is filled in below is checked, too, on each device.

    Attributes:
        name: the functional, op or method; after its first space, what is special about the case.
        function: takes Tensors and returns one.
        inputs: a maker for each argument. Floating arguments are differentiated by.
        numpy: the same function of NumPy arrays. It gets float64; the values and the shape must
            agree in float32 and float64, and the dtype must be that of the inputs. "same" stands
            for `function` itself, where NumPy understands it.
        torch: the same function of PyTorch tensors: values, gradients, and gradients of gradients.
            "same" stands for `function` itself, where PyTorch understands it.
        no_values: why there is neither `numpy` nor `torch`.
        errors: pairs (call, message): the call raises a ValueError that contains the message. A
            third entry names another class of error.
        extreme: (x, values, slopes): what `function` and its derivative are far out.
        nan: whether a NaN in the first element of the input is one in that of the result.
        integers: the dtype of the result when all inputs hold integers.
        batch: whether dimension 0 of the first input is a batch, which may be empty.
        channels_last: "kept" when images stay so in memory, "made" when they always become so.
        gradient: False for comparisons and indices, which have none.
        atol: the absolute tolerance of float32 values; a larger one needs a reason.
    """

    name: str
    function: Callable[..., Tensor]
    inputs: Sequence[Maker]
    numpy: Reference = None
    torch: Reference = None
    no_values: str = ""
    errors: Sequence[tuple] = ()
    extreme: tuple[list[float], list[float], list[float]] | None = None
    nan: bool = False
    integers: str | None = None
    batch: bool = False
    channels_last: Literal["kept", "made"] | None = None
    gradient: bool = True
    atol: float = 1e-6

    def __post_init__(self):
        self.numpy = self.function if self.numpy == "same" else self.numpy
        self.torch = self.function if self.torch == "same" else self.torch

    def arrays(self, dtype: str = "float64") -> list[np.ndarray]:
        """The inputs, the floating ones of this dtype: the same in each test, alone or not."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        drawn = [np.asarray(maker(rng)) for maker in self.inputs]
        return [array.astype(dtype) if array.dtype.kind == "f" else array for array in drawn]

    def tensors(self, device: str, dtype: str = "float64") -> list[Tensor]:
        """The inputs on a device; the floating ones require a gradient."""
        return [leaf(array, device) for array in self.arrays(dtype)]


def leaf(array: np.ndarray, device: str) -> Tensor:
    return tinygan.tensor(array, device=device, requires_grad=array.dtype.kind == "f")


class _Later:
    """A module that is imported when it is first used: PyTorch may be missing."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str):
        return getattr(import_module(self._name), attribute)


torch: Any = _Later("torch")
TF: Any = _Later("torch.nn.functional")


# Makers. A derivative does not exist at kinks and ties: inputs are drawn away from them.


def normal(*shape: int) -> Maker:
    return lambda rng: rng.standard_normal(shape)


def positive(*shape: int) -> Maker:
    return lambda rng: rng.uniform(0.5, 2.0, shape)


def unit(*shape: int) -> Maker:
    """Inside (0, 1), away from both ends."""
    return lambda rng: rng.uniform(0.1, 0.9, shape)


def away(*shape: int) -> Maker:
    """Of both signs, at least 0.2 from zero, where relu and abs have their kinks."""
    return lambda rng: rng.uniform(0.2, 2.0, shape) * rng.choice([-1, 1], shape)


def distinct(*shape: int) -> Maker:
    """All at least 0.1 apart and none near zero: no two can tie for the maximum."""

    def draw(rng):
        count = int(np.prod(shape))
        return (rng.permutation(count).reshape(shape) - count / 2 + 0.37) * 0.1

    return draw


def integers(high: int, *shape: int) -> Maker:
    return lambda rng: rng.integers(0, high, shape)


def bools(*shape: int) -> Maker:
    return lambda rng: rng.random(shape) < 0.5
