"""Modules that stand for PyTorch's: each looks a name up in its own few, then in tinygan's."""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from typing import Any

import numpy as np

import tinygan
from tinygan import autograd, creation, names, nn, weights
from tinygan.absent import missing, sentence
from tinygan.compat import devices
from tinygan.devices import generator
from tinygan.nn.convolution import _Convolution
from tinygan.nn.norms import _BatchNorm
from tinygan.optim import lr_scheduler
from tinygan.tensor import Tensor, float32


class MissingName(AttributeError):
    """A name of PyTorch's that tinygan has not."""


class Facade(types.ModuleType):
    """A module of PyTorch's name: ``own`` names first, then those of tinygan's `modules`."""

    def __init__(self, name: str, modules: tuple[str, ...] = (), own: dict[str, Any] | None = None):
        super().__init__(name, f"tinygan under the name {name}")
        self.__dict__.update(own or {})
        self.__dict__["_modules"] = modules
        self.__path__: list[str] = []  # so that its parts can be imported

    def __getattr__(self, name: str) -> Any:
        advice = ""
        if name == "__all__":  # for ``from torch.nn import *``
            own = [n for n in vars(self) if not n.startswith("_")]
            return [*own, *(n for path in self.__dict__["_modules"]
                            for n in _public(importlib.import_module(path)))]  # fmt: skip
        if not name.startswith("__"):
            for path in self.__dict__["_modules"]:
                with contextlib.suppress(ModuleNotFoundError):
                    module = importlib.import_module(path)
                    try:
                        return getattr(module, name)
                    except AttributeError as error:
                        if str(error) != missing(path, name) and hasattr(module, "__getattr__"):
                            advice = str(error)  # what to write
        raise MissingName(sentence(f"{self.__name__}.{name}", advice))


def _public(module: types.ModuleType) -> list[str]:
    return list(getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")]))


class LeftOut(Facade):
    """A module whose names can be imported, as many programs do in vain, and not called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise MissingName(sentence(f"{self.__name__}.{name}"))
        return Refusal(f"{self.__name__}.{name}")


class Refusal:
    """What stands for a function that is left out."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        raise MissingName(sentence(self.name))


class _TensorClass(type):
    """``torch.Tensor``: a class for isinstance, and PyTorch's constructor."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, *data: Any) -> Tensor:
        return names.FloatTensor(*data)  # always float32, as PyTorch's

    def __getattr__(cls, name: str) -> Any:
        return getattr(Tensor, name)


class TorchTensor(metaclass=_TensorClass):
    pass


def Variable(data: Any, requires_grad: bool = False, volatile: bool = False) -> Tensor:
    """The tensor itself; a name from before PyTorch 0.4."""
    x = data if isinstance(data, Tensor) else creation.tensor(data)
    return x.requires_grad_() if requires_grad else x


def manual_seed(seed: int) -> Any:
    """Starts the random stream; its numbers are not those of PyTorch."""
    tinygan.manual_seed(seed)
    return generator


def save(obj: Any, f: Any, **options: Any) -> None:
    """A state dict as a file that PyTorch reads (`tinygan.weights.save`)."""
    weights.save(obj, f)


def load(f: Any, map_location: Any = None, **options: Any) -> Any:
    """A file of ``torch.save``; no code of it is run (`tinygan.weights.load`)."""
    return weights.load(f)


class _Settings(types.SimpleNamespace):
    """What can be set and changes nothing here, as ``torch.backends.cudnn.benchmark``."""


def _nothing(*args: Any, **options: Any) -> None:
    """Accepted; there is nothing to do here."""


def _modules() -> dict[str, Facade]:
    own = {
        "__version__": f"tinygan {tinygan.__version__}", "Tensor": TorchTensor, "Size": tuple,
        "dtype": np.dtype, "device": names.device, "manual_seed": manual_seed, "save": save,
        "load": load, "get_default_dtype": lambda: float32, "is_tensor": names.is_tensor,
        "strided": "strided", "set_default_device": devices.set_default_device,
        "use_deterministic_algorithms": _nothing,  # results are the same bit for bit anyhow
    }  # fmt: skip
    cudnn = _Settings(benchmark=False, deterministic=True, enabled=False)
    cuda = {"manual_seed": _nothing, "manual_seed_all": _nothing, "empty_cache": _nothing,
            "synchronize": _nothing, "FloatTensor": names.FloatTensor,
            "LongTensor": names.LongTensor}  # fmt: skip
    mps = {"is_available": lambda: False, "is_built": lambda: False}  # GPUs of Apple's
    parallel = {"DataParallel": devices.DataParallel, "data_parallel": devices.data_parallel}
    graph = {"Variable": Variable, "gradcheck": tinygan.gradcheck,
             "grad": autograd.grad, "backward": _backward}  # fmt: skip
    made = {
        "torch": Facade("torch", ("tinygan",), own),
        "torch.accelerator": Facade("torch.accelerator", (), devices.ACCELERATOR),
        "torch.autograd": Facade("torch.autograd", ("tinygan.autograd",), graph),
        "torch.autograd.variable": Facade("torch.autograd.variable", (), {"Variable": Variable}),
        "torch.backends": Facade("torch.backends", (), {"cudnn": cudnn}),
        "torch.backends.cudnn": Facade("torch.backends.cudnn", (), vars(cudnn)),
        "torch.backends.mps": Facade("torch.backends.mps", (), mps),
        "torch.cuda": Facade("torch.cuda", ("tinygan.cuda",), cuda),
        "torch.functional": Facade("torch.functional", ("tinygan",)),
        "torch.nn": Facade(
            "torch.nn", ("tinygan.nn",), {"DataParallel": devices.DataParallel}
        ),
        "torch.nn.functional": Facade("torch.nn.functional", ("tinygan.nn.functional",)),
        "torch.nn.init": Facade("torch.nn.init", ("tinygan.nn.init",)),
        "torch.nn.modules": Facade("torch.nn.modules", ("tinygan.nn",)),
        "torch.nn.parallel": Facade("torch.nn.parallel", (), parallel),
        "torch.nn.parameter": Facade("torch.nn.parameter", ("tinygan.nn",)),
        "torch.nn.utils": Facade("torch.nn.utils", ("tinygan.nn.utils",)),
        "torch.nn.utils.parametrizations": Facade(
            "torch.nn.utils.parametrizations", ("tinygan.nn.utils.parametrizations",)
        ),
        "torch.optim": Facade("torch.optim", ("tinygan.optim",)),
        "torch.optim.optimizer": Facade("torch.optim.optimizer", ("tinygan.optim",)),
        "torch.optim.lr_scheduler": Facade(
            "torch.optim.lr_scheduler", ("tinygan.optim.lr_scheduler",),
            {"_LRScheduler": lr_scheduler.LRScheduler},
        ),
        "torch.random": Facade("torch.random", (), {"manual_seed": manual_seed}),
        "torch.utils": Facade("torch.utils", ("tinygan.utils",)),
        "torch.utils.data": Facade("torch.utils.data", ("tinygan.utils.data",)),
        "torchvision": Facade("torchvision", ("tinygan.vision",), {"__version__": "tinygan"}),
        "torchvision.models": LeftOut("torchvision.models"),
    }  # fmt: skip
    # What `isinstance` asks for.
    bases: dict[str, dict[str, Any]] = {
        "batchnorm": {"_BatchNorm": _BatchNorm}, "conv": {"_ConvNd": _Convolution}
    }  # fmt: skip
    for part in ("activation", "batchnorm", "container", "conv", "dropout", "instancenorm",
                 "linear", "loss", "module", "normalization", "padding", "pixelshuffle",
                 "pooling", "sparse", "upsampling"):  # fmt: skip
        whole = f"torch.nn.modules.{part}"
        made[whole] = Facade(whole, ("tinygan.nn",), bases.get(part))
    for part in ("dataloader", "dataset", "sampler"):
        whole = f"torch.utils.data.{part}"
        made[whole] = Facade(whole, (f"tinygan.utils.data.{part}",))
    for part in ("datasets", "io", "transforms", "transforms.functional", "utils"):
        whole = f"torchvision.{part}"
        made[whole] = Facade(whole, (f"tinygan.vision.{part}",))
    for whole, module in made.items():
        parent, _, name = whole.rpartition(".")
        if parent:
            vars(made[parent])[name] = module
    return made


def _backward(tensors: Any, grad_tensors: Any = None, **options: Any) -> None:
    """``torch.autograd.backward`` of a tensor or several."""
    several = tensors if isinstance(tensors, (list, tuple)) else [tensors]
    grads = grad_tensors if isinstance(grad_tensors, (list, tuple)) else [grad_tensors]
    for x, grad in zip(several, list(grads) * len(several), strict=False):
        x.backward(grad, **options)


def install() -> dict[str, Facade]:
    """Puts the modules where ``import torch`` finds them, in this process; nets are printed as
    PyTorch prints them, without numbers of parameters."""
    nn.Module._shows_counts = False
    made = _modules()
    for name in [n for n in sys.modules if n.partition(".")[0] in ("torch", "torchvision")]:
        del sys.modules[name]
    sys.modules.update(made)
    return made
