"""Ladders: which rung is picked; and the comparison of results, which must be able to fail."""

from __future__ import annotations

import numpy as np
import pytest

from tinygan.kernels.ladder import Cases, Ladder, always, relative_error


@pytest.fixture
def ladder(monkeypatch) -> Ladder:
    """Three rungs for the CPU and one for a GPU, in a registry of their own."""
    monkeypatch.setattr(Ladder, "registry", {})
    ladder = make("toy")
    ladder.rung("plain", "layout:flat")
    ladder.rung("gpu", "layout:flat", device="cuda")
    ladder.rung("better", "copies:dense")
    ladder.rung("even", "layout:same_order", covers=lambda x, *rest: np.size(x) % 2 == 0)
    return ladder


def make(name: str) -> Ladder:
    return Ladder(
        name,
        Cases(make=lambda rng, dtype: ((), {}), flops=always, traffic=always, shapes={},
              bench_shapes={}),
    )  # fmt: skip


def test_the_highest_covering_rung_is_picked(ladder):
    assert ladder.pick(np.ones(2)).name == "even"
    assert ladder.pick(np.ones(3)).name == "better"
    assert ladder.pick([np.ones(3)]).name == "better"  # lists of arrays count by their first
    assert ladder.pick(object()).name == "gpu"  # what is no NumPy array is on a GPU
    assert ladder.reference.name == "plain"
    assert repr(ladder) == "<Ladder toy: plain -> gpu -> better -> even>"
    assert repr(ladder.rungs[1]) == "<Rung gpu on cuda>"


def test_a_call_runs_the_picked_rung(ladder):
    strided = np.arange(5.0)[::2]
    assert ladder(strided).tolist() == [0, 2, 4]
    with ladder.use("plain"), pytest.raises(ValueError, match="has gaps"):
        ladder(strided)
    assert ladder(np.ones(2), np.ones(2)) is True


def test_use_forces_a_rung_and_gives_it_back(ladder):
    x = np.ones(2)
    with ladder.use("plain") as inside:
        assert inside is ladder and ladder.pick(x).name == "plain"
        with ladder.use("better"):
            assert ladder.pick(x).name == "better"
        assert ladder.pick(x).name == "plain"
        with pytest.raises(RuntimeError, match="toy: no rung 'plain' on cuda covers these"):
            ladder.pick(object())
    with pytest.raises(KeyError), ladder.use("plain"):
        raise KeyError
    assert ladder.pick(x).name == "even"
    with ladder.use("even"), pytest.raises(RuntimeError, match="no rung 'even' on cpu covers"):
        ladder(np.ones(3))


def test_mistakes_are_named(ladder):
    with pytest.raises(ValueError, match=r"toy has no rung 'best'; it has \['plain', 'gpu', "), \
            ladder.use("best"):
        pass
    with pytest.raises(ValueError, match="toy: a rung 'plain' for cpu is registered already"):
        ladder.rung("plain", "layout:flat")
    ladder.rung("plain", "layout:flat", device="cuda")  # another device, another rung
    with pytest.raises(ValueError, match="a ladder named 'toy' is registered already"):
        make("toy")
    assert Ladder.registry == {"toy": ladder}
    with pytest.raises(RuntimeError, match="empty: no rung on cpu covers these arguments"):
        make("empty")(np.ones(2))


# The comparison


def test_relative_error_is_relative_to_the_largest_value():
    reference = np.array([1.0, -8.0])
    assert relative_error(reference, reference) == 0
    assert relative_error(np.array([1.5, -8.0]), reference) == 0.5 / 8
    assert relative_error(np.array([1.0, -10.0]), reference) == 2 / 8
    assert relative_error(np.array([0.25, 0.0]), np.zeros(2)) == 0.25
    assert relative_error(np.ones((0, 2)), np.ones((0, 2))) == 0
    assert relative_error((reference, reference + 8), [reference, reference]) == 1
    assert relative_error((), ()) == 0


def test_relative_error_does_not_round_to_the_smaller_type():
    assert relative_error(np.ones(2, np.float32), np.full(2, 1 + 1e-10)) == pytest.approx(1e-10)


def test_integers_are_equal_or_wrong():
    """Also where they differ by less than a float64 can tell."""
    state = np.array([2**63, 5], np.uint64)
    assert relative_error(state.copy(), state) == 0
    assert relative_error(state + np.array([1, 0], np.uint64), state) == np.inf


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_relative_error_rejects_what_is_not_finite(bad):
    good = np.ones(3)
    wrong = np.array([1.0, bad, bad])
    with pytest.raises(ValueError, match="2 values are not finite"):
        relative_error(wrong, good)
    with pytest.raises(ValueError, match="2 values are not finite"):
        relative_error([good, wrong], [good, good])
    with pytest.raises(ValueError, match="the reference itself is not finite"):
        relative_error(wrong, wrong)


def test_relative_error_rejects_other_shapes_and_counts():
    with pytest.raises(ValueError, match=r"shape \(1, 3\), the reference has \(3,\)"):
        relative_error(np.ones((1, 3)), np.ones(3))
    with pytest.raises(ValueError, match=r"shape \(\), the reference has \(3,\)"):
        relative_error(np.ones(()), np.ones(3))
    with pytest.raises(ValueError, match="1 outputs, the reference has 2"):
        relative_error([np.ones(3)], [np.ones(3), np.ones(3)])
