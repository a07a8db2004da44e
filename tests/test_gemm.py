"""The register tile and its neighbours: right at every edge, and never a step over one."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest

from tinygan.kernels.matmul.gemm import (
    COLUMNS,
    ROWS,
    add_columns_times_panels,
    empty_panels,
    pack_panels,
    rows_times_panels,
)

# Around the tile's edges: one row less, exact, one more; one column, exact, one more.
SIZES = [(1, 1, 1), (ROWS - 1, 3, COLUMNS - 1), (ROWS, 1, COLUMNS), (ROWS + 1, 5, COLUMNS + 1),
         (3 * ROWS - 2, 17, 2 * COLUMNS + 3)]  # fmt: skip
# Sums of at most 17 products of numbers near 1: a few roundings, relative to the largest.
BOUND = {"float32": 1e-6, "float64": 1e-14}
SENTINEL = 12345.0


def surrounded(array, fill):
    """A C-contiguous copy in the middle of memory that is full of `fill`, and that memory."""
    guard = 4 * ROWS * COLUMNS
    memory = np.full(array.size + 2 * guard, fill, array.dtype)
    view = memory[guard : guard + array.size].reshape(array.shape)
    view[...] = array
    return view, memory


def framed(shape, dtype, fill):
    """A window of zeros in a larger matrix of `fill`."""
    frame = np.full((shape[0] + 2 * ROWS, shape[1] + 2 * COLUMNS), fill, dtype)
    window = frame[ROWS : ROWS + shape[0], COLUMNS : COLUMNS + shape[1]]
    window[...] = 0
    return window, frame


def packed(b):
    panels = empty_panels(1, b.shape[0], b.shape[1], b.dtype)[0]
    pack_panels(b, panels, 0)
    return surrounded(panels, np.nan)[0]


def assert_close(result, expected, dtype):
    assert np.isfinite(result).all()
    assert np.abs(result - expected).max() <= BOUND[dtype] * np.abs(expected).max()


def assert_frame_untouched(frame, window_shape):
    outside = np.ones(frame.shape, bool)
    outside[ROWS : ROWS + window_shape[0], COLUMNS : COLUMNS + window_shape[1]] = False
    assert (frame[outside] == SENTINEL).all()


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize(("m", "k", "n"), SIZES)
@pytest.mark.parametrize("has_bias", [True, False], ids=["bias", "no bias"])
def test_rows_times_panels(m, k, n, has_bias, dtype, rng):
    a, b, bias = (rng.standard_normal(s).astype(dtype) for s in ((m, k), (k, n), n * has_bias))
    # Columns of a beyond k are not to be read: they are NaN, as everything around is.
    wide = np.full((m, k + 3), np.nan, dtype)
    wide[:, :k] = a
    rows, _ = surrounded(wide, np.nan)
    c, frame = framed((m, n), dtype, SENTINEL)
    rows_times_panels(rows, k, packed(b), surrounded(bias, np.nan)[0], c)
    exact = a.astype(np.float64) @ b + (bias if has_bias else 0)
    assert_close(c, exact, dtype)
    assert_frame_untouched(frame, (m, n))


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize(("m", "k", "n"), SIZES)
def test_add_columns_times_panels(m, k, n, dtype, rng):
    a, b, start = (rng.standard_normal(s).astype(dtype) for s in ((k, m), (k, n), (m, n)))
    wide = np.full((k, m + 3), np.nan, dtype)
    wide[:, :m] = a
    columns, _ = surrounded(wide, np.nan)
    c, frame = framed((m, n), dtype, SENTINEL)
    c[...] = start
    add_columns_times_panels(columns, m, packed(b), c)
    assert_close(c, start + a.astype(np.float64).T @ b, dtype)
    assert_frame_untouched(frame, (m, n))


@pytest.mark.parametrize("n", [1, COLUMNS, COLUMNS + 1])
def test_pack_panels_fills_what_it_should_and_nothing_else(n, rng):
    b = rng.standard_normal((3, n)).astype("float32")
    rows = 8
    memory = np.full((-(-n // COLUMNS) + 2, rows, COLUMNS), SENTINEL, "float32")
    pack_panels(b, memory[1:-1], 2)
    assert (memory[[0, -1]] == SENTINEL).all()
    assert (memory[1:-1, :2] == SENTINEL).all() and (memory[1:-1, 5:] == SENTINEL).all()
    together = memory[1:-1, 2:5].transpose(1, 0, 2).reshape(3, -1)
    np.testing.assert_array_equal(together[:, :n], b)
    assert (together[:, n:] == 0).all()


# Reads leave no trace in a result that ignores them. So, in a process of its own, each input lies
# at the end (or the start) of accessible memory: one element too far is a segmentation fault.
GUARDED = '''
import ctypes, importlib, mmap, pkgutil, sys
import numpy as np

libc = ctypes.CDLL(None, use_errno=True)
kept = []

def guarded(array, at_end):
    order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    pages = -(-array.nbytes // mmap.PAGESIZE)
    buffer = mmap.mmap(-1, (pages + 2) * mmap.PAGESIZE)
    kept.append(buffer)
    first = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    for page in (0, pages + 1):
        address = ctypes.c_void_p(first + page * mmap.PAGESIZE)
        assert libc.mprotect(address, mmap.PAGESIZE, 0) == 0
    room = pages * mmap.PAGESIZE - array.nbytes
    flat = np.frombuffer(buffer, array.dtype, array.size, mmap.PAGESIZE + at_end * room)
    copy = flat.reshape([array.shape[i] for i in order]).transpose(np.argsort(order))
    copy[...] = array
    return copy
'''
GUARD_PAGES = GUARDED + '''
if sys.argv[1] == "overrun":
    array = guarded(np.ones(3, "float32"), True)
    print("inside", ctypes.c_float.from_address(array.ctypes.data + 8).value, flush=True)
    print("outside", ctypes.c_float.from_address(array.ctypes.data + 12).value, flush=True)
    sys.exit()

import tinygan.kernels
from tinygan.kernels.ladder import Ladder
from tinygan.kernels.matmul import gemm

for package in pkgutil.iter_modules(tinygan.kernels.__path__):
    if package.ispkg:
        importlib.import_module(f"tinygan.kernels.{package.name}")
for at_end in (True, False):
    guard = lambda array: guarded(array, at_end) if array.size else array
    for ladder in Ladder.registry.values():
        for name, case in ladder.shapes.items():
            args, options = ladder.make(np.random.default_rng(0), np.dtype("float32"), **case)
            args = tuple(
                [guard(a) for a in arg] if isinstance(arg, list)
                else guard(arg) if isinstance(arg, np.ndarray) else arg for arg in args
            )
            for rung in [rung for rung in ladder.rungs if rung.device == "cpu"][-2:]:
                if rung.covers(*args, **options):
                    rung(*args, **options)
            print(ladder.name, "-", name, flush=True)
    ones = lambda *shape: guard(np.ones(shape, "float32"))
    for m in range(1, 2 * gemm.ROWS + 1):
        for n in (1, gemm.COLUMNS - 1, gemm.COLUMNS, gemm.COLUMNS + 1):
            panels = guard(gemm.empty_panels(1, 3, n, "float32")[0])
            gemm.pack_panels(ones(3, n), panels, 0)
            gemm.rows_times_panels(ones(m, 3), 3, panels, ones(n), ones(m, n))
            gemm.add_columns_times_panels(ones(3, m), m, panels, ones(m, n))
            print("gemm", m, n, flush=True)
'''
linux = pytest.mark.skipif(sys.platform != "linux", reason="mprotect as on Linux")


def run_with_guard_pages(what):
    return subprocess.run(
        [sys.executable, "-c", GUARD_PAGES, what], capture_output=True, text=True, timeout=300
    )


@linux
def test_the_guard_pages_work():
    result = run_with_guard_pages("overrun")
    assert result.stdout == "inside 1.0\n"
    assert result.returncode == -signal.SIGSEGV


@linux
def test_no_kernel_steps_outside_its_arrays():
    result = run_with_guard_pages("all ladders")
    assert result.returncode == 0, (result.stdout.splitlines()[-1:], result.stderr)
    assert "matmul - odd" in result.stdout and "adam - two tasks" in result.stdout
