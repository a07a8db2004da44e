"""A kernel's text, compiled for the CPU and launched there."""

from __future__ import annotations

import ctypes
import operator
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import build, language
from .symbols import Symbols

ORDERS = ("forward", "backward", "random")
MAX_SHARED = 227 * 1024  # bytes of a block, from compute capability 9.0 on

# Whether it is a race, too, when several threads write the same to one place at once. It does no
# harm and is common; but it shows that something was not guarded, which the mutants are about.
same_writes_are_races = False

_one_at_a_time = threading.Lock()  # the runtime knows one launch


class KernelFault(RuntimeError):
    """A mistake of a kernel, found while it ran.

    Attributes:
        kind: "out of bounds", "misaligned", "uninitialised", "race: ...", "divergent barrier",
            "deadlock", "warp function", "cp.async", "constant memory", "assert", "trap", "crash",
            "stack overflow", "cudaErrorIllegalAddress".
        message: what happened, to which thread.
        place: "file:line" of the kernel's text, or "" where none is known.
    """

    def __init__(self, kernel: str, kind: str, message: str, place: str):
        super().__init__(f"{kernel}: {kind}{' at ' + place if place else ''}: {message}")
        self.kind, self.message, self.place = kind, message, place


class Traffic(NamedTuple):
    """What the accesses of one line cost.

    Attributes:
        place: "file:line".
        memory: "shared" or "global".
        write: whether it writes.
        requests: how many times a warp came by.
        cost: for shared memory the passes that its banks took, for global memory the sectors of 32
            bytes that were moved.
        ideal: the fewest that could do. cost / ideal is 1 without bank conflicts, or when every
            byte of each sector is used.
    """

    place: str
    memory: str
    write: bool
    requests: int
    cost: int
    ideal: int


class _Array(ctypes.Structure):
    _fields_ = (("begin", ctypes.c_void_p), ("bytes", ctypes.c_size_t),
                ("item", ctypes.c_int), ("parameter", ctypes.c_int),
                ("name", ctypes.c_char_p))  # fmt: skip


# Of variables of the text, in the place of a parameter's number.
_CONSTANT, _DEVICE = -1, -2


class Module:
    """Kernels of one text, compiled for the CPU.

    Args:
        text: the .cu file's, with everything that it includes by quotes put in.
        kernels: their names, with template arguments where they have some: "sums<128>".
        name: of the file, for messages.
        options: of NVRTC, as `build.host_options` understands them.
        checked: whether all accesses of memory are watched, at a twentieth of the speed.

    Raises:
        EmulatorError: no C++ compiler, or the text does not compile.
    """

    def __init__(
        self, text: str, kernels: Sequence[str], *, name: str = "kernel.cu",
        options: Sequence[str] = (), checked: bool = False,
    ):  # fmt: skip
        self.kernels, self.checked = list(kernels), checked
        path = self._build(text, name, options)
        variables = language.for_host(text, name)[1]
        self._library = _load(path, private=bool(variables))
        self._runtime = ctypes.CDLL(str(build.runtime()))
        self._runtime.emulator_report.restype = ctypes.c_char_p
        self._symbols = Symbols(path, self._library.emulator_library)
        self._borders = (ctypes.c_void_p * 6)()
        self._library.emulator_library(self._borders)
        self._variables = self._find_variables(variables)
        self.traffic: list[Traffic] = []

    def _build(self, text: str, name: str, options: Sequence[str]) -> Path:
        """The library of the kernels."""
        return build.kernel_library(text, name, self.kernels, options, self.checked)

    def _is_pointer(self, size: int, arg: Any) -> bool:
        """Whether a parameter of that size, as `parameters` tells it, takes an address."""
        return size < 0

    def _number(self, kernel: str) -> int:
        if kernel not in self.kernels:
            raise ValueError(f"there is no kernel {kernel!r}; this module has {self.kernels}")
        return self.kernels.index(kernel)

    def parameters(self, kernel: str) -> list[int]:
        """The bytes of each parameter, negative for pointers.

        Raises:
            ValueError: the module has no such kernel.
        """
        return [size for size, _ in self._parameters(kernel)]

    def _parameters(self, kernel: str) -> list[tuple[int, bool]]:
        """The bytes of each parameter, and whether the kernel cannot write to what it points to.
        PTX does not tell; there it counts as so."""
        sizes, only_read = (ctypes.c_int * 64)(), (ctypes.c_int * 64)(*[1] * 64)
        describe = getattr(self._library, f"emulator_parameters_{self._number(kernel)}")
        count = describe(sizes, only_read)
        return list(zip(sizes[:count], map(bool, only_read[:count]), strict=True))

    def _find_variables(self, variables: Sequence[language.Variable]) -> dict[str, _Array]:
        found = {}
        for i, variable in enumerate(variables):
            size = ctypes.c_size_t()
            tell = getattr(self._library, f"emulator_variable_{i}")
            tell.restype = ctypes.c_void_p
            address = tell(ctypes.byref(size))
            kind = _CONSTANT if variable.constant else _DEVICE
            row = _Array(address, size.value, 1, kind, variable.name.encode())
            found[variable.name] = row
        return found

    def constant(self, name: str) -> np.ndarray:
        """The bytes of a __constant__ or __device__ variable, uint8, to be read and written by the
        host.

        Raises:
            KeyError: the text has no such variable.
        """
        variable = self._variables[name]
        memory = ctypes.c_uint8 * variable.bytes
        return np.ctypeslib.as_array(memory.from_address(variable.begin))

    def launch(
        self, kernel: str, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], *,
        pointed: Sequence[np.ndarray] = (), shared_bytes: int = 0, order: str = "forward",
        seed: int = 0, traffic: bool = False,
    ) -> None:  # fmt: skip
        """Runs a kernel to its end.

        Args:
            args: for pointers arrays, of which a kernel gets the address alone (of one with gaps or
                in another order it may touch the whole memory), None for the null pointer, or an
                address as a number of 8 bytes. For everything else NumPy scalars, or structured
                arrays of no dimensions, of the right size.
            pointed: the contiguous arrays that addresses among `args` point into, also those in
                structures. What other addresses point to belongs to no one.
            shared_bytes: of dynamic shared memory.
            order: of the blocks, and of the threads between two barriers: "forward", "backward" or
                "random", which `seed` decides. A right kernel's result is the same.
            traffic: count bank conflicts and sectors, into `self.traffic`; needs `checked`.

        Raises:
            ValueError: grid, block or shared memory that no GPU takes, an unknown order, no such
                kernel, or an array that is read-only where the kernel may write.
            TypeError: arguments that do not fit the parameters, or a grid or block that is not one
                to three integers.
            KernelFault: the kernel made a mistake; arrays may be half-written.
            KeyboardInterrupt: Ctrl-C; so, too.
        """
        grid, block = _extents(kernel, "grid", grid), _extents(kernel, "block", block)
        _check_launch(kernel, grid, block, shared_bytes)
        if order not in ORDERS:
            raise ValueError(f"order must be one of {ORDERS}, got {order!r}")
        if traffic and not self.checked:
            raise ValueError("traffic can only be counted by a checked module")
        values, arrays = self._arguments(kernel, args)
        arrays += [(1000 + i, array) for i, array in enumerate(pointed)]
        pointers = (ctypes.c_void_p * max(1, len(values)))(*map(ctypes.addressof, values))
        guarded = _Guarded(arrays) if self.checked else None
        if guarded is not None:
            guarded.redirect(values, pointed)
            rows = [*guarded.rows(), *self._variables.values()]
        else:
            rows = []
        table = (_Array * max(1, len(rows)))(*rows)
        entry = getattr(self._library, f"emulator_kernel_{self._number(kernel)}")
        with _one_at_a_time:
            faults = self._runtime.emulator_launch(
                entry, pointers, (ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(*block),
                ctypes.c_size_t(shared_bytes), ORDERS.index(order), ctypes.c_uint64(seed),
                table, len(rows), int(self.checked), int(same_writes_are_races), int(traffic),
                self._borders,
            )  # fmt: skip
            report = self._runtime.emulator_report().decode()
            if traffic:
                self.traffic = self._read_traffic()
        if faults < 0:
            raise KeyboardInterrupt  # unless Python's own handler, which has been told, has done so
        if guarded is not None:
            guarded.copy_back()
        if faults:
            kind, message, file, code, line = report.splitlines()[0].split("\t")
            address = int(code, 16) if code.startswith("0x") else 0  # a null pointer prints (nil)
            place = f"{file}:{line}" if int(line) else self._symbols.place(address)
            raise KernelFault(kernel, kind, self._symbols.in_text(message), place)

    def _arguments(self, kernel: str, args: Sequence[Any]):
        sizes = self._parameters(kernel)
        if len(sizes) != len(args):
            raise TypeError(f"{kernel} has {len(sizes)} parameters, got {len(args)} arguments; on "
                            "a GPU nobody would notice")  # fmt: skip
        values: list[Any] = []
        arrays: list[tuple[int, np.ndarray]] = []
        for number, ((size, only_read), arg) in enumerate(zip(sizes, args, strict=True)):
            if self._is_pointer(size, arg):
                address = _address(arg)
                if address is not None:
                    values.append(ctypes.c_void_p(address))
                    continue
                if not (isinstance(arg, np.ndarray) and arg.ndim):
                    raise TypeError(f"{kernel}: parameter {number} is a pointer and needs an "
                                    f"array, got {_kind(arg)}; on a GPU nobody would notice")
                if not (arg.flags.writeable or only_read):
                    raise ValueError(
                        f"{kernel}: parameter {number} may be written to, and its array is "
                        "read-only (flags.writeable is False); pass a copy, or make it const"
                    )
                arrays.append((number, arg if arg.flags.forc else _memory_of(arg)))
                values.append(ctypes.c_void_p(arg.ctypes.data))
                continue
            content = np.asarray(arg)
            if content.ndim or content.nbytes != size:
                raise TypeError(f"{kernel}: parameter {number} has {size} bytes, got {_kind(arg)} "
                                f"of {content.nbytes}; on a GPU nobody would notice")  # fmt: skip
            values.append(ctypes.create_string_buffer(content.tobytes(), max(size, 8)))
        return values, arrays

    def _read_traffic(self) -> list[Traffic]:
        most = 4096
        codes, numbers = (ctypes.c_void_p * most)(), (ctypes.c_longlong * (5 * most))()
        count = self._runtime.emulator_traffic(most, codes, numbers)
        places = self._symbols.places([codes[i] or 0 for i in range(count)])
        merged: dict[tuple, list[int]] = {}
        for i, place in enumerate(places):
            shared, write, *counts = numbers[5 * i : 5 * i + 5]
            row = merged.setdefault((place, "shared" if shared else "global", bool(write)), [0] * 3)
            for j, value in enumerate(counts):
                row[j] += value
        return [Traffic(*key, *row) for key, row in sorted(merged.items())]


def _load(path: Path, private: bool) -> ctypes.CDLL:
    """A library; where it has variables, each module has its own ones, and needs its own file."""
    if not private:
        return ctypes.CDLL(str(path))
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        return ctypes.CDLL(shutil.copy(path, folder))


def empty(shape: tuple[int, ...] | int, dtype: Any) -> np.ndarray:
    """An array that begins at a multiple of 256 bytes, as memory of a GPU does, and has 0xff in
    every byte: NaN, where a kernel forgets to write."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    memory = np.full(size + 256, 0xFF, np.uint8)
    start = -memory.ctypes.data % 256
    # Through a memoryview: as the base of all that is made of it the array has no margins.
    exact = np.frombuffer(memoryview(memory)[start : start + size], np.uint8)
    return exact.view(dtype).reshape(shape)


def _address(arg: Any) -> int | None:
    """The address that an argument is: a number of 8 bytes, or none."""
    if arg is None:
        return 0
    if np.ndim(arg) == 0 and np.asarray(arg).dtype.kind in "iu" and np.asarray(arg).itemsize == 8:
        return int(arg) % 2**64
    return None


def _memory_of(array: np.ndarray) -> np.ndarray:
    """All bytes of the array that this one is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    begin, end = np.lib.array_utils.byte_bounds(array)
    memory = np.ctypeslib.as_array((ctypes.c_uint8 * (end - begin)).from_address(begin))
    memory.flags.writeable = array.flags.writeable
    return memory


def _kind(arg: Any) -> str:
    if isinstance(arg, np.ndarray):
        return f"an array of shape {arg.shape} and dtype {arg.dtype}"
    return type(arg).__name__


def _extents(kernel: str, name: str, given: Any) -> list[int]:
    """A grid or a block in three dimensions."""
    try:
        extents = [operator.index(extent) for extent in given]
    except TypeError:
        extents = []
    if not 1 <= len(extents) <= 3:
        raise TypeError(f"{kernel}: {name} must be one to three integers, got {given!r}")
    return [*extents, 1, 1][:3]


def _check_launch(kernel: str, grid: list[int], block: list[int], shared_bytes: int) -> None:
    """The limits of all GPUs of compute capability 8.0 and later."""
    threads = block[0] * block[1] * block[2]
    if min(grid) < 1 or grid[0] > 2**31 - 1 or max(grid[1:]) > 65535:
        raise ValueError(f"{kernel}: grid {grid} is not within 1 .. (2^31 - 1, 65535, 65535)")
    if min(block) < 1 or block[2] > 64 or threads > 1024:
        raise ValueError(
            f"{kernel}: block {block} is not within 1 .. (1024, 1024, 64) or above 1024 threads"
        )
    if not 0 <= shared_bytes <= MAX_SHARED:
        raise ValueError(
            f"{kernel}: shared_bytes must be within 0 .. {MAX_SHARED}, got {shared_bytes}"
        )


class _Guarded:
    """The arrays of a launch, copied to where nothing lies between them.

    An index that runs out of an array must not land in another one. Arrays that overlap share a
    copy, so that they overlap still.
    """

    GAP = 1 << 16

    def __init__(self, arrays: list[tuple[int, np.ndarray]]):
        spans: list[list[int]] = []
        for begin, end in sorted((a.ctypes.data, a.ctypes.data + a.nbytes) for _, a in arrays):
            if spans and begin < spans[-1][1]:
                spans[-1][1] = max(spans[-1][1], end)
            else:
                spans.append([begin, end])
        gap = max([self.GAP, *(end - begin for begin, end in spans)])
        self._memory = np.empty(gap + sum(end - begin + 2 * gap for begin, end in spans), np.uint8)
        self._moved: list[tuple[int, int, int]] = []  # from, bytes, to
        place = self._memory.ctypes.data + gap
        for begin, end in spans:
            place = -(-place // 256) * 256 + begin % 256  # as aligned as before
            self._moved.append((begin, end - begin, place))
            place += end - begin + gap
        self._arrays = arrays
        for begin, size, to in self._moved:
            ctypes.memmove(to, begin, size)

    def _address(self, begin: int) -> int:
        """Where the place `begin` is now. What belongs to no array stays where it is."""
        for old, size, new in self._moved:
            if old <= begin < old + size:
                return new + begin - old
        for old, size, new in self._moved:
            if begin == old + size:  # of an array without elements
                return new + size
        return begin

    def redirect(self, values: list[Any], pointed: Sequence[np.ndarray]) -> None:
        """Lets the arguments point to the copies, and members of structures that point into
        `pointed`."""
        begins = np.array([array.ctypes.data for array in pointed], np.uint64)
        ends = begins + np.array([max(1, array.nbytes) for array in pointed], np.uint64)
        for value in values:
            if isinstance(value, ctypes.c_void_p):
                value.value = self._address(value.value) if value.value else None
            elif len(begins) and len(value) % 8 == 0:
                words = np.frombuffer(value, np.uint64)
                inside = (begins <= words[:, None]) & (words[:, None] < ends)
                for i in np.flatnonzero(inside.any(1)):
                    words[i] = self._address(int(words[i]))

    def rows(self) -> list[_Array]:
        return [_Array(self._address(array.ctypes.data), array.nbytes, array.itemsize, number)
                for number, array in self._arrays]  # fmt: skip

    def copy_back(self) -> None:
        writable = [array for _, array in self._arrays if array.flags.writeable]
        for array in writable:
            begin = array.ctypes.data
            for old, size, new in self._moved:
                if old <= begin < old + size:
                    ctypes.memmove(begin, new + begin - old, array.nbytes)


