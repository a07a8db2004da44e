"""The register tile and its neighbours: right at every edge, and never a step over one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygan.kernels.cpu.jit import jit
from tinygan.kernels.cpu.pointers import hold, pointer_to
from tinygan.kernels.matmul.gemm import (
    COLUMNS,
    LANES,
    ROWS,
    copy_rows,
    empty_panels,
    multiply_tile,
    pack_panel,
)

# (rows, terms, columns) at the tile's edges: one, one less than full, full; one vector wide.
SIZES = [(1, 1, 1), (ROWS - 1, 3, COLUMNS - 1), (ROWS, 1, COLUMNS), (ROWS - 1, 17, COLUMNS),
         (ROWS, 5, LANES - 1), (2, 3, LANES), (ROWS, 4, LANES + 1)]  # fmt: skip
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


@jit
def _pack_panel(b, row_stride, column_stride, k, width, panel):
    pack_panel(pointer_to(b, 0), row_stride, column_stride, k, width, pointer_to(panel, 0))


@jit
def _multiply_tile(a, by_columns, b, k, start, start_stride, c, c_stride, height, width, slope):
    scratch = np.empty(ROWS * COLUMNS, a.dtype)
    multiply_tile(
        pointer_to(a, 0), by_columns, a.shape[1], pointer_to(b, 0), b.shape[1], k,
        pointer_to(start, 0), start_stride, pointer_to(c, 0), c_stride, height, width, slope,
        pointer_to(scratch, 0),
    )  # fmt: skip
    hold(scratch)


@jit
def _copy_rows(source, target, rows, columns):
    copy_rows(
        pointer_to(source, 0), source.shape[1], pointer_to(target, 0), target.shape[1], rows,
        columns,
    )  # fmt: skip


def packed(b):
    panel = empty_panels(*b.shape, b.dtype)[0]
    _pack_panel(b, b.shape[1], 1, *b.shape, panel)
    return surrounded(panel, np.nan)[0]


def assert_close(result, expected, dtype):
    assert np.isfinite(result).all()
    assert np.abs(result - expected).max() <= BOUND[dtype] * np.abs(expected).max()


def assert_frame_untouched(frame, window_shape):
    outside = np.ones(frame.shape, bool)
    outside[ROWS : ROWS + window_shape[0], COLUMNS : COLUMNS + window_shape[1]] = False
    assert (frame[outside] == SENTINEL).all()


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize(("m", "k", "n"), SIZES)
@pytest.mark.parametrize("by_columns", [False, True], ids=["rows", "columns"])
@pytest.mark.parametrize(
    ("adds", "slope"), [(False, 1.0), (False, 0.2), (True, 1.0), (True, -2.0)],
    ids=["bias", "bias, slope", "adds", "adds, slope"],
)  # fmt: skip
def test_multiply_tile(m, k, n, by_columns, adds, slope, dtype, rng):
    a, b, bias, before = (
        rng.standard_normal(s).astype(dtype) for s in ((m, k), (k, n), n, (m, n))
    )
    # What lies beyond k or m is not to be read: it is NaN, as everything around is.
    wide = np.full((k, m + 3) if by_columns else (m, k + 3), np.nan, dtype)
    (wide.T if by_columns else wide)[:m, :k] = a
    left, _ = surrounded(wide, np.nan)
    c, frame = framed((m, n), dtype, SENTINEL)
    c[...] = before
    flat = frame.reshape(-1)[ROWS * frame.shape[1] + COLUMNS :]
    start, start_stride = (flat, frame.shape[1]) if adds else (surrounded(bias, np.nan)[0], 0)
    _multiply_tile(
        left, by_columns, packed(b), k, start, start_stride, flat, frame.shape[1], m, n, slope
    )
    exact = a.astype(np.float64) @ b + (before if adds else bias)
    assert_close(c, np.where(exact > 0, exact, slope * exact), dtype)
    assert_frame_untouched(frame, (m, n))


@pytest.mark.parametrize("slope", [1.0, 0.2])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_multiply_tile_keeps_what_is_not_finite(value, slope):
    ones = np.ones((ROWS, COLUMNS), "float32")
    a = ones.copy()
    a[1, 1], a[2, 2] = value, -value
    c = np.zeros_like(ones)
    _multiply_tile(a, False, ones, 4, ones[0], 0, c.reshape(-1), COLUMNS, ROWS, COLUMNS, slope)
    np.testing.assert_array_equal(c[1], value)
    np.testing.assert_array_equal(c[2], -value)
    np.testing.assert_array_equal(c[[0, 3]], 5)


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("k", [1, LANES - 1, LANES, 2 * LANES + 3])
@pytest.mark.parametrize("width", [1, LANES, COLUMNS - 1, COLUMNS])
@pytest.mark.parametrize("order", ["rows", "columns", "neither"])
def test_pack_panel_fills_what_it_should_and_nothing_else(k, width, order, dtype, rng):
    b = rng.standard_normal((k, width)).astype(dtype)
    wide = np.full((2 * k, 2 * width), SENTINEL, dtype)
    if order == "rows":
        strides, view = (2 * width, 1), wide[:k, :width]
    elif order == "columns":
        strides, view = (1, 2 * k), wide.reshape(2 * width, 2 * k)[:width, :k].T
    else:
        strides, view = (2 * width, 2), wide[:k, ::2]
    view[...] = b
    memory = np.full((k + 2, COLUMNS), SENTINEL, dtype)
    _pack_panel(wide, *strides, k, width, memory[1:-1])
    assert (memory[[0, -1]] == SENTINEL).all()
    np.testing.assert_array_equal(memory[1:-1, :width], b)
    assert (memory[1:-1, width:] == 0).all()


@pytest.mark.parametrize("columns", [1, LANES - 1, LANES, 2 * LANES + 1])
def test_copy_rows(columns, rng):
    source = rng.standard_normal((3, columns + 2)).astype("float32")
    target = np.full((3, columns + 5), SENTINEL, "float32")
    _copy_rows(source, target, 3, columns)
    np.testing.assert_array_equal(target[:, :columns], source[:, :columns])
    assert (target[:, columns:] == SENTINEL).all()


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
from test_gemm import COLUMNS, LANES, ROWS, _copy_rows, _multiply_tile, _pack_panel, empty_panels
from tinygan.kernels.ladder import Ladder

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
    for m in range(1, ROWS + 1):
        for n in (1, LANES - 1, LANES, LANES + 1, COLUMNS - 1, COLUMNS):
            panel = guard(empty_panels(3, n, "float32")[0])
            _pack_panel(ones(3, n), n, 1, 3, n, panel)
            _pack_panel(ones(n, 3), 1, 3, 3, n, panel)
            for by_columns, a in ((False, ones(m, 3)), (True, ones(3, m))):
                _multiply_tile(a, by_columns, panel, 3, ones(n), 0, ones(m * n), n, m, n, 0.5)
            _copy_rows(ones(m, n), ones(m, n), m, n)
            print("tile", m, n, flush=True)
'''
linux = pytest.mark.skipif(sys.platform != "linux", reason="mprotect as on Linux")


def run_with_guard_pages(what):
    return subprocess.run(
        [sys.executable, "-c", GUARD_PAGES, what], capture_output=True, text=True, timeout=300,
        cwd=Path(__file__).parent,
    )  # fmt: skip


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
