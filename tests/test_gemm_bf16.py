"""bfloat16: rounding bit by bit, and products as exact as float32 sums can be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core.registry import cpu_target
from test_gemm import (
    GUARDED,
    SENTINEL,
    assert_close,
    assert_frame_untouched,
    framed,
    linux,
    surrounded,
)

from tinygan.kernels.cpu.jit import jit
from tinygan.kernels.matmul import gemm_bf16
from tinygan.kernels.matmul.gemm_bf16 import (
    COLUMNS,
    LANES,
    ROWS,
    add_columns_times_panels_bf16,
    bf16_interleaved,
    bf16_row,
    empty_panels_bf16,
    pack_columns_bf16,
    pack_panels_bf16,
    pack_rows_bf16,
    pointer_to,
    rows_times_panels_bf16,
)

# (m, k, n) around the tile's edges; odd k, and k = 1, need a zero to make a pair.
SIZES = [(1, 1, 1), (ROWS - 1, 3, COLUMNS - 1), (ROWS, 1, COLUMNS), (ROWS + 1, 6, COLUMNS + 1),
         (3 * ROWS - 2, 17, 2 * COLUMNS + 3)]  # fmt: skip
NAN = 0x7FC1  # what lies around: as a bfloat16, not a number


def rounded(x):
    """The bits of float32 `x` rounded to bfloat16, from the definition: the nearer neighbour."""
    bits = x.view(np.uint32)
    below = bits & 0xFFFF0000
    above = below + np.uint32(0x10000)
    with np.errstate(over="ignore", invalid="ignore"):
        # Behind the largest comes infinity, at the distance of one more step.
        exact, low, high = (v.view(np.float32).astype(np.float64) for v in (bits, below, above))
    high = np.where(np.isinf(high), np.copysign(2.0**128, high), high)
    odd = (below >> 16) & 1 == 1
    with np.errstate(invalid="ignore"):
        to_low, to_high = np.abs(exact - low), np.abs(high - exact)
    up = (to_high < to_low) | ((to_high == to_low) & odd)
    result = np.where(np.isinf(exact), bits, np.where(up, above, below))
    result = np.where(np.isnan(exact), bits | 0x400000, result)
    result = np.where(np.abs(exact) < 2.0**-126, bits & 0x80000000, result)
    return (result >> 16).astype(np.uint16)


def value(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


@jit
def convert(x, target):
    bf16_row(pointer_to(x, 0), pointer_to(target, 0), x.size)


@jit
def interleave(first, second, target):
    bf16_interleaved(
        pointer_to(first, 0), pointer_to(second, 0), pointer_to(target, 0), first.size
    )


def all_kinds_of_numbers():
    """Each sign, exponent and upper half of a fraction, with lower halves around the middle."""
    upper = np.arange(1 << 16, dtype=np.uint32) << 16
    lower = np.array([0, 1, 0x1234, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    return (upper[:, None] | lower).reshape(-1).view(np.float32)


def test_rounding_is_right_for_every_exponent():
    x = all_kinds_of_numbers()
    target = np.full(x.size, NAN, np.uint16)
    convert(x, target)
    np.testing.assert_array_equal(target, rounded(x))
    assert rounded(np.float32([1, -0.0, np.inf, 3.4e38, 1e-40, 1.00390625])).tolist() == [
        0x3F80, 0x8000, 0x7F80, 0x7F80, 0, 0x3F80
    ]  # fmt: skip
    assert np.isnan(value(target)).sum() == np.isnan(x).sum() > 0


@pytest.mark.parametrize("count", [0, 1, LANES - 1, LANES, 2 * LANES, 4 * LANES + 3])
def test_conversions_write_what_they_should_and_nothing_else(count, rng):
    x, y = (rng.standard_normal(count).astype("float32") for _ in range(2))
    row, memory = surrounded(np.zeros(count, np.uint16), NAN)
    convert(x, row)
    np.testing.assert_array_equal(row, rounded(x))
    assert (memory == NAN).sum() == memory.size - count
    pairs, memory = surrounded(np.zeros((count, 2), np.uint16), NAN)
    interleave(x, y, pairs)
    np.testing.assert_array_equal(pairs, np.stack([rounded(x), rounded(y)], 1))
    assert (memory == NAN).sum() == memory.size - 2 * count


def test_interleaving_rounds_every_exponent():
    x = all_kinds_of_numbers()
    y = np.ascontiguousarray(x[::-1])
    pairs = np.zeros((x.size, 2), np.uint16)
    interleave(x, y, pairs)
    np.testing.assert_array_equal(pairs, np.stack([rounded(x), rounded(y)], 1))


def layouts(matrix):
    """The same matrix: rows together, columns together, neither, backwards, a byte apart."""
    spread = np.repeat(np.repeat(matrix, 2, 0), 3, 1)[::2, ::3]
    records = np.zeros(len(matrix), [("row", "f4", matrix.shape[1]), ("byte", "u1")])
    records["row"] = matrix
    backwards = matrix[::-1].copy()[::-1]
    return [matrix, np.asfortranarray(matrix), spread, backwards, records["row"]]


def in_pairs(matrix):
    """(k, n) of bits -> (pairs, n, 2), from the definition."""
    k, n = matrix.shape
    pairs = np.zeros((-(-k // 2), n, 2), np.uint16)
    for l in range(k):  # noqa: E741
        pairs[l // 2, :, l % 2] = matrix[l]
    return pairs


@pytest.mark.parametrize(("m", "k", "n"), SIZES)
def test_packing(m, k, n, rng):
    pairs = -(-k // 2)
    a, b = (rng.standard_normal(s).astype("float32") for s in ((m, k), (k, n)))
    for matrix in layouts(a):
        rows = np.full((m, pairs + 1, 2), NAN, np.uint16)
        pack_rows_bf16(matrix, rows)
        np.testing.assert_array_equal(rows[:, :pairs], in_pairs(rounded(a.T)).transpose(1, 0, 2))
        assert (rows[:, pairs:] == NAN).all()
    for matrix in layouts(b):
        columns = np.full((pairs + 3, n + 2, 2), NAN, np.uint16)
        pack_columns_bf16(matrix, columns, 2)
        np.testing.assert_array_equal(columns[2:-1, :n], in_pairs(rounded(b)))
        assert (columns[2:-1, n:] == 0).all()
        assert (columns[:2] == NAN).all() and (columns[-1] == NAN).all()
        panels = empty_panels_bf16(2, k, n)
        assert panels.shape == (2, -(-n // COLUMNS), pairs, COLUMNS, 2)
        panels[...] = NAN
        pack_panels_bf16(matrix, panels[0], 0)
        together = panels[0].transpose(1, 0, 2, 3).reshape(pairs, -1, 2)
        np.testing.assert_array_equal(together[:, :n], in_pairs(rounded(b)))
        assert (together[:, n:] == 0).all() and (panels[1] == NAN).all()


def packed(b):
    panels = empty_panels_bf16(1, *b.shape)[0]
    pack_panels_bf16(b, panels, 0)
    return surrounded(panels, NAN)[0]


@pytest.mark.parametrize(("m", "k", "n"), [*SIZES, (ROWS, 256, COLUMNS)])
@pytest.mark.parametrize("has_bias", [True, False], ids=["bias", "no bias"])
def test_rows_times_panels(m, k, n, has_bias, rng):
    a, b, bias = (
        rng.standard_normal(s).astype("float32") for s in ((m, k), (k, n), n * has_bias)
    )
    # Pairs of a beyond k are not to be read: they are NaN, as everything around is.
    pairs = -(-k // 2)
    wide = np.full((m, pairs + 3, 2), NAN, np.uint16)
    pack_rows_bf16(a, wide)
    rows, _ = surrounded(wide, NAN)
    c, frame = framed((m, n), "float32", SENTINEL)
    rows_times_panels_bf16(rows, pairs, packed(b), surrounded(bias, np.nan)[0], c)
    exact = value(rounded(a)) @ value(rounded(b)) + (bias if has_bias else 0)
    assert_close(c, exact, "float32")
    assert_frame_untouched(frame, (m, n))


@pytest.mark.parametrize(("m", "k", "n"), [*SIZES, (ROWS, 256, COLUMNS)])
def test_add_columns_times_panels(m, k, n, rng):
    a, b, start = (rng.standard_normal(s).astype("float32") for s in ((k, m), (k, n), (m, n)))
    pairs = -(-k // 2)
    wide = np.zeros((pairs, m + 3, 2), np.uint16)
    pack_columns_bf16(a, wide, 0)
    wide[:, m:] = NAN
    columns, _ = surrounded(wide, NAN)
    c, frame = framed((m, n), "float32", SENTINEL)
    c[...] = start
    add_columns_times_panels_bf16(columns, m, packed(b), c)
    assert_close(c, start + value(rounded(a)).T @ value(rounded(b)), "float32")
    assert_frame_untouched(frame, (m, n))


def test_infinity_and_nan_reach_the_result():
    a = np.ones((3, 4), "float32")
    a[1, 2], a[2, 3] = np.inf, np.nan
    rows = np.empty((3, 2, 2), np.uint16)
    pack_rows_bf16(a, rows)
    c = np.zeros((3, 2), "float32")
    rows_times_panels_bf16(rows, 2, packed(np.ones((4, 2), "float32")), np.empty(0, "float32"), c)
    np.testing.assert_array_equal(c, [[4, 4], [np.inf, np.inf], [np.nan, np.nan]])


GUARD_PAGES = GUARDED + '''
from tinygan.kernels.matmul import gemm_bf16 as g

for at_end in (True, False):
    guard = lambda array: guarded(array, at_end)
    ones = lambda *shape: guard(np.ones(shape, "float32"))
    bits = lambda *shape: guard(np.ones(shape, "uint16"))
    for m in range(1, 2 * g.ROWS + 1):
        for n in (1, g.COLUMNS - 1, g.COLUMNS, g.COLUMNS + 1):
            for k in (1, 2, 5):
                pairs = -(-k // 2)
                panels = guard(g.empty_panels_bf16(1, k, n)[0])
                rows, columns = bits(m, pairs, 2), bits(pairs, m, 2)
                for order in (np.asarray, np.asfortranarray):
                    g.pack_panels_bf16(guard(order(np.ones((k, n), "float32"))), panels, 0)
                    g.pack_rows_bf16(guard(order(np.ones((m, k), "float32"))), rows)
                    g.pack_columns_bf16(guard(order(np.ones((k, m), "float32"))), columns, 0)
                c = ones(m, n)
                g.rows_times_panels_bf16(rows, pairs, panels, ones(n), c)
                assert (c == k + 1).all()
                g.add_columns_times_panels_bf16(columns, m, panels, c)
                assert (c == 2 * k + 1).all()
    kept.clear()
print("done")
'''


@linux
def test_no_step_outside_an_array():
    result = subprocess.run(
        [sys.executable, "-c", GUARD_PAGES], capture_output=True, text=True, timeout=300
    )
    assert (result.stdout, result.returncode) == ("done\n", 0), result.stderr


@pytest.mark.exhaustive
@pytest.mark.skipif(not gemm_bf16.SUPPORTED, reason="the plain version is what the tests above ran")
def test_the_plain_version_passes_the_same_tests():
    *_, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    without = features.replace("+avx512bf16", "-avx512bf16")
    environment = os.environ | {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": without}
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "", "-p", "no:cacheprovider",
         Path(__file__).name],
        cwd=Path(__file__).parent, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    assert "1 skipped" in result.stdout
