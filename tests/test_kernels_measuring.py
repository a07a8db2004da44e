"""The parts of the kernel benchmark: baselines, turns, copies, the roofline."""

from __future__ import annotations

import needs
import numpy as np
import pytest

from tinygan.kernels.bench import __main__ as bench
from tinygan.kernels.bench import roofline, timing
from tinygan.kernels.bench.checking import checked_error, copied
from tinygan.kernels.bench.roofline import Roofline
from tinygan.kernels.bench.table import rounded
from tinygan.kernels.ladder import function_named, relative_error

LADDERS = {name: ladder for name, ladder in bench.all_ladders().items() if ladder.baseline}


@pytest.mark.parametrize("name", [name for name in LADDERS if not LADDERS[name].random])
def test_torch_computes_what_the_ladder_does(name):
    """All modes, all awkward shapes, in float64: up to the order of sums the same numbers."""
    needs.pytorch()
    ladder = LADDERS[name]
    prepare = function_named(ladder.baseline)
    cases = list(ladder.shapes.values())
    if name.startswith("conv"):  # padding on one side only, and a row that no window reaches
        cases.append(
            {"n": 1, "c": 2, "k": 3, "size": (8, 8), "kernel": (3, 3), "stride": (3, 3)}
            | {"padding": (2, 2), "after": (0, 0)}
        )
    for case in cases:
        args, options = ladder.make(np.random.default_rng(1), "float64", **case)
        expected = ladder.reference(*copied(args, "float64"), **options)
        for call in prepare(*copied(args, "float64"), **options).values():
            assert relative_error(call(), expected) < 1e-12


@pytest.mark.parametrize("name", [name for name in LADDERS if LADDERS[name].random])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_draws_as_many_random_numbers(name, dtype):
    """Others, of the same mean and deviation: standard errors of 20,000 are below 0.008."""
    needs.pytorch()
    prepare = function_named(LADDERS[name].baseline)
    args, options = LADDERS[name].make(np.random.default_rng(1), dtype, count=20_000)
    expected = LADDERS[name](*args, **options)
    for call in prepare(*args, **options).values():
        found = np.asarray(call())
        assert found.shape == expected.shape and found.dtype == expected.dtype
        assert not np.array_equal(found, expected)
        assert abs(found.mean() - expected.mean()) < 0.05
        assert abs(found.std() - expected.std()) < 0.05


def test_calls_take_turns_and_the_first_round_does_not_count(monkeypatch):
    monkeypatch.setattr(timing, "SETTLE_SECONDS", 0)
    calls = []
    result = timing.interleaved(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, "cpu", 2
    )
    assert calls == ["a", "a", "b", "b"] * 3  # each wakes its threads before its timed run
    assert {name: len(seconds) for name, seconds in result.items()} == {"a": 2, "b": 2}


def test_a_device_without_a_clock():
    with pytest.raises(ValueError, match="no clock for device 'tpu'"):
        timing.interleaved({}, "tpu", 1)


def test_copies_keep_the_memory_order_and_share_nothing():
    x = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)
    args = copied(([x], x, 3, None), "float32")
    assert isinstance(args, tuple) and args[2:] == (3, None)
    assert args[1].dtype == np.float32
    assert args[1].strides == tuple(stride // 2 for stride in x.strides)
    assert not np.shares_memory(copied(x, "float64"), x)
    np.testing.assert_array_equal(args[0][0], x)
    assert copied([x.astype(np.float32), x])[1].dtype == np.float64  # none is asked for
    state = np.array([2**64 - 1], np.uint64)  # no number that is to be rounded
    assert copied(state, "float32").dtype == np.uint64
    assert not np.shares_memory(copied(state, "float32"), state)


def test_checked_error_returns_the_error():
    assert checked_error(lambda: np.array([4.0, 8.000008]), np.array([4.0, 8.0]), "float32") == (
        pytest.approx(1e-6)
    )


def test_roofline_is_the_lower_of_two_limits():
    limits = Roofline(flops_per_second=100e9, bytes_per_second=10e9)
    assert limits.attainable(flops=1000, traffic=4000) == pytest.approx(2.5e9)
    assert limits.is_memory_bound(1000, 4000)
    assert limits.attainable(flops=1000, traffic=10) == 100e9
    assert not limits.is_memory_bound(1000, 10)
    assert limits.attainable(flops=1000, traffic=0) == 100e9


def test_the_measured_tiles_are_products():
    rng = np.random.default_rng(2)
    a = rng.standard_normal((2 * roofline.ROWS, 9))
    panel = rng.standard_normal((9, roofline.COLUMNS))
    tiles = np.zeros((3, roofline.ROWS * roofline.COLUMNS))
    for count, rows in ((1, slice(0, roofline.ROWS)), (2, slice(roofline.ROWS, None))):
        roofline._many_tiles(2, a, panel, tiles, count)
        for tile in tiles[:2].reshape(2, roofline.ROWS, -1):
            np.testing.assert_allclose(tile, a[rows] @ panel, rtol=1e-12)
    assert (tiles[2] == 0).all()


def test_the_measured_bfloat16_tiles_are_products():
    a = np.full((2 * roofline.ROWS, 6), 0x3F80, np.uint16)  # ones
    panel = np.full((6, roofline.COLUMNS), 0x4000, np.uint16)  # twos
    tiles = np.zeros((2, roofline.ROWS * roofline.COLUMNS), np.float32)
    roofline._many_bf16_tiles(2, a, panel, tiles, 2)
    assert (tiles == 6 * 2).all()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_measured_sum_covers_the_arrays(threads):
    a, b, c = (np.full(1001, value) for value in (0.0, 1.0, 2.0))
    roofline._add(threads, a, b, c, -(-1001 // threads))
    assert (a == 3).all()


def test_numbers_are_printed_with_three_digits():
    values = [0, 0.001234, 0.5, 12.345, 123456.7]
    assert [rounded(value) for value in values] == ["0", "0.00123", "0.500", "12.3", "123457"]
