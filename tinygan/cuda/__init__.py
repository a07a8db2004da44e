"""The NVIDIA GPU, as far as a user asks about it: ``tinygan.cuda.is_available()``."""

from __future__ import annotations

from tinygan.devices import check_device
from tinygan.kernels import ladder


def is_available() -> bool:
    """Whether tensors can be on ``"cuda"``: CuPy is installed and finds a driver and a GPU.

    `tinygan.tensor(0.0, device="cuda")` says what is missing where this is False.
    """
    try:
        check_device("cuda")
    except RuntimeError:
        return False
    return True


def device_count() -> int:
    """The number of usable GPUs; 0 where there are none."""
    if not is_available():
        return 0
    import cupy

    return cupy.cuda.runtime.getDeviceCount()


def has_tensor_cores(device: str = "cuda") -> bool:
    """Whether the GPU multiplies in tf32, bfloat16 and float16, as those since Ampere do (compute
    capability 8.0). On others, and without any, products stay in float32.

    Raises:
        ValueError: `device` is not the name of a CUDA device.
    """
    try:
        cupy, index = _device(device)
    except RuntimeError:
        return False
    return ladder.has_tensor_cores(cupy.cuda.Device(index))


def get_device_name(device: str = "cuda") -> str:
    """As ``"NVIDIA H100 80GB HBM3"``.

    Raises:
        RuntimeError: there is no such device.
        ValueError: `device` is not the name of a CUDA device.
    """
    return _properties(device)["name"].decode()


def mem_get_info(device: str = "cuda") -> tuple[int, int]:
    """Free and total memory of the GPU, in bytes, as the driver sees it. What CuPy's pool keeps for
    new arrays is not free to the driver.

    Raises: as `get_device_name`.
    """
    cupy, index = _device(device)
    with cupy.cuda.Device(index):
        return cupy.cuda.runtime.memGetInfo()


def synchronize(device: str = "cuda") -> None:
    """Waits until the GPU has done all that was asked of it: before a clock is read.

    Raises: as `get_device_name`.
    """
    cupy, index = _device(device)
    cupy.cuda.Device(index).synchronize()


def _device(device: str):
    """CuPy, and the number of the device."""
    name = check_device(device)
    if name == "cpu":
        raise ValueError(f"device must be 'cuda' or 'cuda:<index>', got {device!r}")
    import cupy

    return cupy, int(name[5:])


def _properties(device: str) -> dict:
    cupy, index = _device(device)
    return cupy.cuda.runtime.getDeviceProperties(index)
