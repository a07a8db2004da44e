"""CuPy's raw kernels: texts that the emulator runs."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..module import KernelFault, Module
from . import device, streams
from .arrays import SCALARS, array_at, ndarray
from .errors import CUDADriverError
from .memory import MemoryPointer, UnownedMemory, blocks_at

_DEFAULT_SHARED = 48 * 1024  # bytes, until a kernel asks for more


class _Text(NamedTuple):
    """What CuPy's cache of modules goes by, besides the device."""

    code: str
    options: tuple[str, ...]
    names: tuple[str, ...]


class _Loaded:
    """A module on one device. CuPy loads each text once: kernels of the same name share their
    attributes, whichever `RawModule` or `RawKernel` they come from."""

    def __init__(self, text: _Text):
        self._text = text
        plain = _plain_kernels(text.code)
        self.kernels = [*text.names, *(name for name in plain if name not in text.names)]
        self.attributes: dict[str, dict[str, int]] = {}
        self._modules: dict[tuple[type[Module], bool], Module] = {}

    def find(self, name: str) -> str:
        """The name of a kernel: one of the name expressions, or one that is ``extern "C"``.

        Raises:
            CUDADriverError: there is no such kernel.
        """
        if name in self.kernels:
            return name
        declared = re.search(rf"\b{re.escape(name)}\b", self._text.code)
        if declared and self._text.names:
            detail = f"{name} is not among the name expressions, and not extern \"C\""
        elif declared:
            detail = f"{name} is not extern \"C\", so that its name is mangled"
        else:
            detail = f"there is no {name}"
        raise CUDADriverError(500, detail)

    def module(self) -> Module:
        from .. import fake_cupy

        key = fake_cupy.module_type, fake_cupy.checked
        if key not in self._modules:
            self._modules[key] = fake_cupy.module_type(
                self._text.code, self.kernels, options=self._text.options,
                checked=fake_cupy.checked,
            )  # fmt: skip
        return self._modules[key]


_loaded: dict[tuple[_Text, int], _Loaded] = {}


def _load(text: _Text) -> _Loaded:
    key = text, device.get_device()
    if key not in _loaded:
        _loaded[key] = _Loaded(text)
    return _loaded[key]


def forget_attributes() -> None:
    """Of all kernels, as in a new process."""
    for loaded in _loaded.values():
        loaded.attributes.clear()


def _plain_kernels(code: str) -> list[str]:
    """The kernels that are declared ``extern "C"``."""
    code = re.sub(r"//[^\n]*|/\*.*?\*/", " ", code, flags=re.S)
    kernel = r'__global__(?:\s+|\bvoid\b|__launch_bounds__\s*\([^)]*\))+(\w+)\s*\('
    found = re.findall(rf'extern\s+"C"\s+(?:static\s+)?{kernel}', code)
    for block in re.finditer(r'extern\s+"C"\s*\{', code):
        depth, end = 1, block.end()
        while depth and end < len(code):
            depth += {"{": 1, "}": -1}.get(code[end], 0)
            end += 1
        found += re.findall(kernel, code[block.end() : end])
    return list(dict.fromkeys(found))


def _check_types(what: str, **values: tuple[Any, type]) -> None:
    for name, (value, kind) in values.items():
        if not isinstance(value, kind):
            raise TypeError(
                f"{what}: Argument '{name}' has incorrect type (expected {kind.__name__}, got "
                f"{type(value).__name__})"
            )


def _check_compiler(what: str, complex_: bool, cooperative: bool, jitify: Any) -> None:
    """Of what CuPy can do beside, nothing is emulated."""
    if complex_:
        raise NotImplementedError(f"{what}: the emulator does not translate cuComplex.h")
    if cooperative:
        raise NotImplementedError(f"{what}: the emulator has no cooperative launches")
    if jitify:
        raise NotImplementedError(f"{what}: the emulator has no Jitify")


class RawKernel:
    """As `cupy.RawKernel`: a kernel of a text, called as kernel(grid, block, args).

    Attributes:
        max_dynamic_shared_size_bytes: can be set, up to what the device allows.
        attributes: of the kernel, by name; -1 for what the emulator cannot say.
    """

    def __init__(
        self, code: str, name: str, options: tuple[str, ...] = (), backend: str = "nvrtc", *,
        translate_cucomplex: bool = False, enable_cooperative_groups: bool = False,
        jitify: Any = None,
    ):  # fmt: skip
        _check_types("RawKernel", code=(code, str), name=(name, str), options=(options, tuple))
        _check_compiler("RawKernel", translate_cucomplex, enable_cooperative_groups, jitify)
        self.code, self.name, self.options, self.backend = code, name, options, backend
        self.__name__ = name
        self.translate_cucomplex, self.jitify = translate_cucomplex, jitify
        self.enable_cooperative_groups = enable_cooperative_groups
        self.file_path: str | None = None
        self.name_expressions: tuple[str, ...] | None = None

    def __call__(
        self, grid: tuple, block: tuple, args: Sequence[Any], *, shared_mem: int = 0,
        stream: Any = None,
    ) -> None:  # fmt: skip
        """Runs the kernel, on the current stream unless another one is given.

        Args:
            grid, block: tuples of up to three integers; one below 1 counts as 1.
            args: arrays, of which the kernel gets the address alone; None, the null pointer;
                memory pointers; numbers: an int, a float has 8 bytes, a bool 1, a complex 16, a
                scalar of NumPy or an array of the host with one element its own size.
            shared_mem: bytes of dynamic shared memory.

        Raises:
            TypeError: an argument of another kind, or of another size than the parameter, which
                nobody notices on a GPU.
            CUDADriverError: no kernel of this name, or a launch that no GPU takes.
            KernelFault: a mistake that was found while the kernel ran, or memory of another device
                than the current one.
        """
        from .. import fake_cupy

        _check_types(self.name, grid=(grid, tuple), block=(block, tuple))
        loaded = self._load()
        name = loaded.find(self.name)
        blocks, threads = (
            [max(1, operator.index(n)) for n in (*x, 1, 1)[:3]] for x in (grid, block)
        )
        given = [_argument(x) for x in args]
        self._check_devices(args, stream)
        limit = self.max_dynamic_shared_size_bytes
        if not 0 <= shared_mem <= limit:
            raise CUDADriverError(
                1, f"{name} wants {shared_mem} bytes of dynamic shared memory, and "
                f"max_dynamic_shared_size_bytes is {limit}"
            )  # fmt: skip
        module = loaded.module()
        pointed = _pointed_to(given, module.parameters(name))
        counted = fake_cupy.traffic

        def launch() -> None:
            module.launch(
                name, blocks, threads, given, pointed=pointed, shared_bytes=shared_mem,
                order=fake_cupy.order, traffic=counted is not None,
            )  # fmt: skip

        try:
            written = [x for x in [*given, *pointed] if isinstance(x, np.ndarray) and x.ndim]
            streams.run(launch, written, stream)
        except ValueError as error:
            raise CUDADriverError(1, str(error)) from error
        if counted is not None:
            counted.extend(module.traffic)

    def _check_devices(self, args: Sequence[Any], stream: Any) -> None:
        current = device.get_device()
        if stream is not None and stream.device_id not in (-1, current):
            raise CUDADriverError(
                400, f"{self.name}: a stream of device {stream.device_id} on device {current}"
            )
        for number, x in enumerate(args):
            pointer = x._pointer if isinstance(x, ndarray) else x
            if isinstance(pointer, MemoryPointer) and pointer.device_id != current:
                raise KernelFault(
                    self.name, "cudaErrorIllegalAddress",
                    f"argument {number} lies on device {pointer.device_id}, the current one is "
                    f"{current}", "",
                )  # fmt: skip

    def _load(self) -> _Loaded:
        if self.backend not in ("nvrtc", "nvcc"):
            raise ValueError(f"Invalid backend {self.backend}")
        return _load(_Text(self.code, self.options, self.name_expressions or ()))

    def compile(self, log_stream: Any = None) -> None:
        """Now, and not at the first launch."""
        loaded = self._load()
        loaded.find(self.name)
        loaded.module()

    def _own(self) -> dict[str, int]:
        loaded = self._load()
        return loaded.attributes.setdefault(loaded.find(self.name), {})

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        return self._own().get("shared", _DEFAULT_SHARED)

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, bytes: int) -> None:
        if not 0 <= bytes <= device.machine.shared_memory:
            raise CUDADriverError(
                1, f"{self.name}: max_dynamic_shared_size_bytes must be within 0 .. "
                f"{device.machine.shared_memory} on this device, got {bytes}"
            )  # fmt: skip
        self._own()["shared"] = operator.index(bytes)

    @property
    def preferred_shared_memory_carveout(self) -> int:
        return self._own().get("carveout", -1)

    @preferred_shared_memory_carveout.setter
    def preferred_shared_memory_carveout(self, fraction: int) -> None:
        if not -1 <= fraction <= 100:
            raise CUDADriverError(1, f"{self.name}: a carveout of {fraction} percent")
        self._own()["carveout"] = operator.index(fraction)

    max_threads_per_block = property(lambda self: 1024)
    shared_size_bytes = property(lambda self: -1)
    const_size_bytes = property(lambda self: -1)
    local_size_bytes = property(lambda self: -1)
    num_regs = property(lambda self: -1)
    ptx_version = property(lambda self: 10 * device.machine.major + device.machine.minor)
    binary_version = property(lambda self: 10 * device.machine.major + device.machine.minor)
    cache_mode_ca = property(lambda self: 0)

    @property
    def attributes(self) -> dict[str, int]:
        names = (
            "max_threads_per_block", "shared_size_bytes", "const_size_bytes", "local_size_bytes",
            "num_regs", "ptx_version", "binary_version", "cache_mode_ca",
            "max_dynamic_shared_size_bytes", "preferred_shared_memory_carveout",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}


def _argument(x: Any) -> Any:
    """What `Module.launch` takes for an argument of a kernel."""
    if isinstance(x, ndarray):
        if not x.size:
            return np.uintp(x._pointer.ptr)
        return x._host if x.ndim else x._host.reshape(1)
    if isinstance(x, MemoryPointer):
        return np.uintp(x.ptr)
    if isinstance(x, np.ndarray):
        if x.size != 1:
            raise TypeError(
                f"You are trying to pass a numpy.ndarray of shape {x.shape} as a kernel parameter. "
                "Only numpy.ndarrays of size one can be passed by value. If you meant to pass a "
                "pointer to __global__ memory, you need to pass a cupy.ndarray instead."
            )
        return x.reshape(())
    if type(x) is int:
        return np.uint64(x) if x >= 2**63 else np.int64(x)
    if x is None or type(x) in SCALARS or isinstance(x, np.generic):
        return x if x is None else np.asarray(x)
    raise TypeError(f"Unsupported type {type(x)}")


def _pointed_to(args: Sequence[Any], sizes: Sequence[int]) -> list[np.ndarray]:
    """The memory that addresses among the arguments point to, and those in structures."""
    words = [x.tobytes() for x in args if isinstance(x, np.ndarray) and x.dtype.kind == "V"]
    found = np.frombuffer(b"".join(word[: len(word) // 8 * 8] for word in words), np.uint64)
    addresses = set(map(int, found))
    for x, size in zip(args, sizes, strict=False):
        if size < 0 and np.ndim(x) == 0 and getattr(x, "dtype", np.dtype("f")).kind in "iu":
            addresses.add(int(x))
    arrays = {a: array_at(a) for a in addresses if a > 0}
    exact = [x._host for x in arrays.values() if x is not None and x.flags.forc]
    others = [a for a, x in arrays.items() if x is None or not x.flags.forc]
    return exact + [block.content for block in blocks_at(np.array(others, np.uint64))]


class RawModule:
    """As `cupy.RawModule`: kernels of one text. It is compiled for the CPU at the first launch."""

    def __init__(
        self, *, code: str | None = None, path: str | None = None, options: tuple[str, ...] = (),
        backend: str = "nvrtc", translate_cucomplex: bool = False,
        enable_cooperative_groups: bool = False, name_expressions: Sequence[str] | None = None,
        jitify: Any = None,
    ):  # fmt: skip
        if (code is None) == (path is None):
            raise TypeError("Exactly one of `code` and `path` keyword arguments must be given.")
        _check_types("RawModule", options=(options, tuple))
        if name_expressions is not None:
            if code is None:
                raise ValueError("need CUDA C++ code for the requested kernels")
            if backend != "nvrtc":
                raise ValueError(
                    "only nvrtc supports retrieving the mangled names for the given name "
                    "expressions"
                )
        if code is None:
            raise NotImplementedError("the emulator compiles texts, and cannot load a cubin or PTX")
        _check_types("RawModule", code=(code, str))
        _check_compiler("RawModule", translate_cucomplex, enable_cooperative_groups, jitify)
        self.code, self.options, self.backend, self.jitify = code, options, backend, jitify
        self.file_path, self.translate_cucomplex = path, translate_cucomplex
        self.enable_cooperative_groups = enable_cooperative_groups
        self.name_expressions = None if name_expressions is None else tuple(name_expressions)

    def _load(self) -> _Loaded:
        return _load(_Text(self.code, self.options, self.name_expressions or ()))

    def compile(self, log_stream: Any = None) -> None:
        self._load().module()

    def get_function(self, name: str) -> RawKernel:
        """A kernel: one of the name expressions, or one that is ``extern "C"``.

        Raises:
            CUDADriverError: CUDA_ERROR_NOT_FOUND, there is no such kernel.
        """
        kernel = RawKernel(
            self.code, name, self.options, self.backend,
            translate_cucomplex=self.translate_cucomplex, jitify=self.jitify,
        )  # fmt: skip
        kernel.name_expressions = self.name_expressions
        self._load().find(name)
        return kernel

    def get_global(self, name: str) -> MemoryPointer:
        """The address of a ``__constant__`` or ``__device__`` variable.

        Raises:
            CUDADriverError: CUDA_ERROR_NOT_FOUND, there is no such variable.
        """
        try:
            content = self._load().module().constant(name)
        except KeyError:
            raise CUDADriverError(500, f"there is no variable {name}") from None
        return MemoryPointer(UnownedMemory(content.ctypes.data, content.size, content), 0)
