"""tinygan: a small deep-learning core made for GANs, written to be read."""

from typing import TYPE_CHECKING, Any

from tinygan.autograd import (  # isort: skip  (autograd comes first: Tensor's module imports it)
    Function,
    enable_grad,
    grad,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from tinygan import cuda, functional, names, nn, optim, utils, weights
from tinygan.absent import missing as _missing
from tinygan.capture import CaptureError, capture
from tinygan.creation import *
from tinygan.devices import Generator, manual_seed
from tinygan.dlpack import from_dlpack
from tinygan.functions import *
from tinygan.gradcheck import GradcheckError, gradcheck, gradgradcheck
from tinygan.graph import draw, print_graph
from tinygan.kernels.cpu.threads import get_num_threads, set_num_threads
from tinygan.names import *
from tinygan.precision import (
    autocast,
    get_float32_matmul_precision,
    set_float32_matmul_precision,
)
from tinygan.profiler import profile
from tinygan.serialization import load, save
from tinygan.tensor import Tensor, float32, float64, int64

__version__ = "0.1.0"
__all__ = [
    "CaptureError", "Function", "Generator", "GradcheckError", "Tensor", "autocast", "capture",
    "cuda", "draw", "enable_grad", "float32", "float64", "from_dlpack", "functional",
    "get_float32_matmul_precision", "get_num_threads", "grad", "gradcheck", "gradgradcheck",
    "int64", "is_grad_enabled", "load", "manual_seed", "nn", "no_grad", "optim", "print_graph",
    "profile", "save", "set_float32_matmul_precision", "set_grad_enabled", "set_num_threads",
    "utils", "weights",
]  # fmt: skip
__all__ += names.__all__


if not TYPE_CHECKING:  # which would take any name for one that exists

    def __getattr__(name: str) -> Any:
        raise AttributeError(_missing("tinygan", name))
