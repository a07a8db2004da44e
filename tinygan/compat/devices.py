"""Names by which programs ask for devices: ``torch.accelerator``, ``torch.nn.parallel``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygan import cuda, nn
from tinygan.devices import device, settle


def current_accelerator(check_available: bool = False) -> device | None:
    """The device "cuda", or None where there is no GPU."""
    return device("cuda") if cuda.is_available() else None


def synchronize(device: Any = None) -> None:
    """Waits for all that GPUs are still doing."""
    settle()


ACCELERATOR = {
    "is_available": cuda.is_available, "device_count": cuda.device_count,
    "current_accelerator": current_accelerator, "synchronize": synchronize,
}  # fmt: skip


def set_default_device(device: Any) -> None:
    """Tensors are made on the CPU, unless ``device=`` says otherwise.

    Raises:
        ValueError: another device.
    """
    if str(device).partition(":")[0] != "cpu":
        raise ValueError(
            f"set_default_device: got {str(device)!r}; tensors are made on the CPU: write "
            "device=... where they are made, or .to(device)"
        )


class DataParallel(nn.Module):
    """The module itself, on the device where it is: ``net.module``.

    Raises:
        ValueError: `device_ids` names several GPUs.
    """

    def __init__(self, module: nn.Module, device_ids: Iterable[Any] | None = None, *options: Any):
        super().__init__()
        _check_one("DataParallel", device_ids)
        self.module = module

    def forward(self, *inputs: Any, **options: Any) -> Any:
        return self.module(*inputs, **options)


def data_parallel(
    module: nn.Module, inputs: Any, device_ids: Iterable[Any] | None = None, *options: Any
) -> Any:
    """``module(*inputs)``; `inputs` is one tensor or a tuple.

    Raises:
        ValueError: `device_ids` names several GPUs.
    """
    _check_one("data_parallel", device_ids)
    return module(*inputs) if isinstance(inputs, tuple) else module(inputs)


def _check_one(name: str, device_ids: Iterable[Any] | None) -> None:
    several = [] if device_ids is None else list(device_ids)
    if len(several) > 1:
        raise ValueError(
            f"{name}: device_ids is {several}; a module runs on one device, so leave it out"
        )
