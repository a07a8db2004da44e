"""Every rung of every ladder against its reference: values, strides, purity, threads.

The quick tests run each rung on a few of its ladder's shapes; those marked exhaustive on the rest.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

from tinygan.devices import to_device
from tinygan.kernels.cpu import threads
from tinygan.kernels.cpu.parallel import parallel
from tinygan.kernels.emulator import fake_cupy
from tinygan.kernels.emulator.cases import (
    BOUND,
    MOST_CHECKED_FLOPS,
    bound,
    convert,
    draw,
    large_tiles,
    reference,
)
from tinygan.kernels.ladder import Ladder, Rung, all_ladders, function_named, relative_error
from tinygan.kernels.layout import same_order

LADDERS = all_ladders()
exhaustive = pytest.mark.exhaustive
CONVOLUTIONS = ("conv2d", "conv_transpose2d", "conv2d_weight_grad")
# The running statistics of a batch norm are moved in place.
MOVES = "momentum"


@functools.cache
def survey(ladder: Ladder, dtype: str = "float32") -> dict[str, tuple[int, set[Rung]]]:
    """{case: its operations, and the rungs that cover it}, those with the least work first."""
    found = {}
    for case, values in ladder.shapes.items():
        args, options = draw(ladder, values, dtype)  # once for all rungs: drawing takes its time
        covering = {rung for rung in ladder.rungs if rung.covers(*args, **options)}
        found[case] = ladder.flops(*args, **options), covering
    return dict(sorted(found.items(), key=lambda item: item[1][0]))


def flops_of(ladder: Ladder, case: str) -> int:
    return survey(ladder)[case][0]


def covered(ladder: Ladder, rung: Rung, dtype: str = "float32") -> list[str]:
    """The test shapes that this rung covers, those with the least work first."""
    return [case for case, (_, rungs) in survey(ladder, dtype).items() if rung in rungs]


def small(ladder: Ladder, rung: Rung) -> list[str]:
    """Those that it covers; in the emulator, where large ones take seconds, the small ones."""
    return [case for case in covered(ladder, rung)
            if rung.device == "cpu" or flops_of(ladder, case) <= MOST_CHECKED_FLOPS]  # fmt: skip


def few(ladder: Ladder, rung: Rung) -> list[str]:
    """Those of the quick tests: one without work or almost, one in the middle whose sizes are no
    multiples of anything where there is one, and the largest of the small ones."""
    cases = small(ladder, rung)
    odd = [case for case in cases if "odd" in case] or cases[len(cases) // 2 :]
    return list(dict.fromkeys([cases[0], odd[0], cases[-1]]))


def walk(keep=lambda ladder, rung: True, **chosen):
    """Parameters (ladder, rung, cases): every rung once with a few cases, and once, as an
    exhaustive test, with the rest of them."""
    found = []
    for name, ladder in LADDERS.items():
        for rung in ladder.rungs:
            if keep(ladder, rung):
                quick = few(ladder, rung)
                rest = [case for case in small(ladder, rung) if case not in quick]
                for cases, label, marks in ((quick, "few", ()), (rest, "rest", exhaustive)):
                    if cases:
                        id = f"{name}-{rung.device}-{rung.name}-{label}"
                        found.append(pytest.param(ladder, rung, cases, id=id, marks=marks))
    return pytest.mark.parametrize(("ladder", "rung", "cases"), found)


def one_kind(ladder: Ladder, rung: Rung) -> bool:
    """What a rung does with its arrays is the same for all kinds of factors on tensor cores."""
    return rung.device == "cpu" or rung.precision in (None, "tf32")


def pure(ladder: Ladder, rung: Rung) -> bool:
    return one_kind(ladder, rung) and not ladder.in_place


def faster(ladder: Ladder, rung: Rung) -> bool:
    return one_kind(ladder, rung) and rung is not ladder.reference


def values():
    """Parameters (ladder, rung, case, dtype): each rung on each case that it covers."""
    for name, ladder in LADDERS.items():
        for rung in ladder.rungs:
            for dtype in BOUND:
                quick = few(ladder, rung)[: None if dtype == "float32" else 1]
                for case in covered(ladder, rung, dtype):
                    id = f"{name}-{rung.device}-{rung.name}-{case}-{dtype}"
                    marks = () if case in quick else exhaustive
                    yield pytest.param(ladder, rung, case, dtype, id=id, marks=marks)


def arrays_in(value) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    convert(value, found.append)
    return found


def run(ladder, rung, device: str, args, options):
    # Where "cuda" is emulated: with all accesses checked, as long as there are not too many.
    fake_cupy.checked = ladder.flops(*args, **options) <= MOST_CHECKED_FLOPS
    return rung(*convert(args, lambda array: to_device(array, device)), **options)


def check(ladder, rung, case, dtype, device):
    args, options = draw(ladder, ladder.shapes[case], dtype)
    result = run(ladder, rung, device, args, options)
    assert relative_error(result, reference(ladder, case, dtype)) < bound(rung, dtype), case
    for array in arrays_in(result if isinstance(result, (list, tuple)) else [result]):
        assert array.dtype == (np.uint64 if ladder.name == "advance" else dtype)


@pytest.mark.parametrize(("ladder", "rung", "case", "dtype"), list(values()))
def test_every_rung_computes_what_the_reference_computes(ladder, rung, case, dtype, rung_device):
    check(ladder, rung, case, dtype, rung_device)


@pytest.mark.parametrize("dtype", BOUND)
@walk(lambda ladder, rung: rung.device == "cuda" and rung.name.endswith(("registers", "pipeline")))
def test_large_tiles_compute_what_small_ones_do(ladder, rung, cases, dtype, rung_device):
    for case in cases:
        if case in covered(ladder, rung, dtype):
            with large_tiles():
                check(ladder, rung, case, dtype, rung_device)


@walk(pure)
def test_inputs_are_not_changed(ladder, rung, cases, rung_device):
    for case in cases:
        if MOVES in ladder.shapes[case]:
            continue
        args, options = draw(ladder, ladder.shapes[case], "float32")
        before = [array.tobytes() for array in arrays_in(args)]
        result = run(ladder, rung, rung_device, args, options)
        assert [array.tobytes() for array in arrays_in(args)] == before
        for output in arrays_in([result]):
            assert not any(np.shares_memory(output, array) for array in arrays_in(args))


# Strides


def every_second(array):
    """The same values, each followed by a NaN in memory along every dimension."""
    if array.ndim == 0:
        return array
    gap = np.nan if array.dtype.kind == "f" else 99
    wide = np.full([2 * size for size in array.shape], gap, array.dtype)
    view = wide[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    return view


def by_columns(array):  # np.asfortranarray would add a dimension to a single number
    return array.copy(order="F")


def by_rows(array):
    return array.copy(order="C")


def reversed_in_memory(array):
    if array.ndim == 0:
        return array
    flip = (slice(None, None, -1),) * array.ndim
    return np.ascontiguousarray(array[flip])[flip]


def read_only(array):
    copy = array.copy(order="K")
    copy.flags.writeable = False
    return copy


def repeated(array):
    """One row for all: a stride of zero, as the gradient of a sum has."""
    return np.broadcast_to(array[:1].copy(), array.shape)


LAYOUTS = [by_columns, by_rows, every_second, reversed_in_memory,
           # Which to Numba is another type, for which it compiles everything once more.
           pytest.param(read_only, marks=exhaustive)]  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda function: function.__name__)
@walk(lambda ladder, rung: faster(ladder, rung) and ladder.name != "advance")
def test_any_strides_are_accepted(ladder, rung, cases, layout, rung_device):
    for case in cases:
        args, options = draw(ladder, ladder.shapes[case], "float32")
        if ladder.in_place:
            changed, given, *rest = args
            args = (changed, convert(given, layout), *rest)
        elif MOVES in ladder.shapes[case]:
            args = (*convert(args[:-1], layout), args[-1])
        else:
            args = convert(args, layout)
        if not rung.covers(*args, **options):  # some need dense rows
            continue
        result = run(ladder, rung, rung_device, args, options)
        error = relative_error(result, reference(ladder, case, "float32"))
        assert error < bound(rung, "float32"), case


@pytest.mark.parametrize("order", [(2, 3, 1, 0), (2, 3, 0, 1), (0, 1, 2, 3)], ids=str)
@walk(lambda ladder, rung: one_kind(ladder, rung) and ladder.name == "conv2d_weight_grad")
def test_the_gradient_of_a_weight_lies_in_memory_as_asked(
    ladder, rung, cases, order, rung_device
):
    for case in cases:
        args, options = draw(ladder, ladder.shapes[case], "float32")
        grad = run(ladder, rung, rung_device, args, options | {"order": order})
        memory = np.empty([grad.shape[i] for i in order], "float32")
        assert same_order(grad, memory.transpose(np.argsort(order))), case
        error = relative_error(grad, reference(ladder, case, "float32"))
        assert error < bound(rung, "float32"), case


@walk(lambda ladder, rung: faster(ladder, rung) and pure(ladder, rung))
def test_a_stride_of_zero_is_accepted(ladder, rung, cases, rung_device):
    for case in [case for case in cases if "odd" in case]:
        args, options = draw(ladder, ladder.shapes[case], "float32")
        args = convert(args, repeated)
        expected = ladder.reference(*convert(args, lambda a: a.astype(np.float64)), **options)
        error = relative_error(run(ladder, rung, rung_device, args, options), expected)
        assert error < bound(rung, "float32")


# Threads


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("ladder", LADDERS.values(), ids=list(LADDERS))
def test_results_do_not_depend_on_threads(ladder, dtype, monkeypatch):
    """Bit for bit, with any number of threads, and in whichever order the tasks are done."""
    calls = []

    def backwards(task, count):
        calls.append(count)
        for index in reversed(range(count)):
            task(index)

    def compute():
        found = []
        for case in ladder.cases.large:
            for precision in (None, "bfloat16"):
                args, options = draw(ladder, case, dtype)
                result = ladder(*args, precision=precision, **options)
                found += [array.tobytes() for array in arrays_in([result])]
        return found

    before = threads.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            results.append(compute())
    finally:
        threads.set_num_threads(before)
    monkeypatch.setattr(
        parallel,
        "__call__",
        lambda kernel, count, *args: backwards(
            lambda task: kernel.run_range(task, task + 1, args), count
        ),
    )
    results.append(compute())
    assert max(calls, default=0) > 1 or ladder.serial, "the cases are too small"
    assert all(result == results[0] for result in results[1:])


# Relations between ladders


def inner(a, b) -> float:
    a, b = to_device(a, "cpu"), to_device(b, "cpu")
    return float(np.sum(a.astype(np.float64) * b.astype(np.float64)))


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize(
    "rung",
    [pytest.param(rung, id=f"{rung.device}-{rung.name}") for rung in LADDERS["conv2d"].rungs],
)
def test_convolutions_are_each_others_adjoints(rung, dtype, rung_device):
    """<conv2d(x, w), y> = <x, conv_transpose2d(y, w)> = <w, conv2d_weight_grad(x, y)>."""
    conv2d, transposed, weight_grad = (
        {(rung.name, rung.device): rung for rung in LADDERS[name].rungs}.get(
            (rung.name, rung.device), LADDERS[name]
        )
        for name in CONVOLUTIONS
    )  # those of one name, and where there is none, whichever is used
    # Where factors are rounded, by u each and not the same in all three: each product is off by up
    # to 2 u. Else relative to the size of the factors: rounding in the sums.
    rounding = {None: 0, "bfloat16": 2**-9, "tf32": 2**-11, "float16": 2**-11}[conv2d.precision]
    summing = {"float32": 1e-6, "float64": 1e-12}[dtype]
    for name, case in LADDERS["conv_transpose2d"].shapes.items():
        (x, w, _), options = draw(LADDERS["conv2d"], case, dtype)
        (_, y), _ = draw(LADDERS["conv2d_weight_grad"], case, dtype)
        if not conv2d.covers(x, w, None, **options):
            continue
        if rung.device == "cuda" and LADDERS["conv2d"].flops(x, w, None, **options) > 1_000_000:
            continue
        bound = summing * np.linalg.norm(x) * np.linalg.norm(w) * np.linalg.norm(y)
        if rounding:
            sizes = LADDERS["conv2d"](np.abs(x), np.abs(w), None, **options)
            bound += 4 * rounding * inner(sizes, np.abs(y))
        x, w, y = (to_device(array, rung_device) for array in (x, w, y))
        same = dict(stride=options["stride"], padding=options["padding"])
        products = [
            inner(conv2d(x, w, None, **options), y),
            inner(x, transposed(y, w, None, **same, output_size=x.shape[1:3])),
            inner(w, weight_grad(x, y, **same, kernel_size=w.shape[2:])),
        ]
        assert np.isfinite(products).all(), name
        assert np.ptp(products) <= bound, (name, products)


ADAM = [pytest.param(rung, id=f"{rung.device}-{rung.name}") for rung in LADDERS["adam"].rungs]


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("rung", ADAM)
def test_adam_counts_its_step_and_leaves_the_rate(rung, dtype, rung_device):
    (*lists, state), options = draw(LADDERS["adam"], dict(shapes=[(4, 6), (0,)], step=7), dtype)
    args = convert((*lists, state), lambda array: to_device(array, rung_device))
    for step in (7, 8, 9):
        rung(*args, **options)
        after = to_device(args[-1], "cpu")
        assert after.dtype == np.float64 and after.tolist() == [step, state[1]]


@pytest.mark.parametrize("rung", [rung for rung in ADAM
                                  if rung.id not in ("cpu-reference", "cpu-numpy")])  # fmt: skip
def test_adam_refuses_gaps_before_it_counts(rung, rung_device):
    """The plain rungs compute on any strides; the others need one piece of memory."""
    args, options = draw(LADDERS["adam"], dict(shapes=[(3, 2), (4, 6)], step=1), "float32")
    args = list(convert(args, lambda array: to_device(array, rung_device)))
    wide = to_device(np.zeros((8, 12), np.float32), rung_device)
    for index in (0, 2, 3):  # params, m, v
        with_gaps = [*args]
        with_gaps[index] = [args[index][0], wide[::2, ::2]]
        with pytest.raises(ValueError, match=r"adam: .*|array of shape \(4, 6\) .* has gaps"):
            rung(*with_gaps, **options)
        assert to_device(args[-1], "cpu")[0] == 0, "the step was counted"


def test_advance_refuses_a_state_with_gaps_on_a_gpu(device):
    ladder = LADDERS["advance"]
    (state, count, dtype), _ = draw(ladder, ladder.shapes["one"], "float32")
    state = to_device(state, device)
    strided = to_device(np.arange(18, dtype=np.uint64), device)[::2]
    strided[...] = state
    if device == "cpu":
        assert relative_error(ladder(strided, count, dtype), ladder(state, count, dtype)) == 0
    else:
        with pytest.raises(ValueError, match="advance: the state has gaps in memory"):
            ladder(strided, count, dtype)


def test_every_ladder_has_several_rungs_counts_and_cases():
    assert len(LADDERS) >= 13
    for ladder in LADDERS.values():
        assert len([rung for rung in ladder.rungs if rung.device == "cpu"]) >= 2, ladder
        assert ladder.reference.device == "cpu" and ladder.reference.name == "reference"
        assert ladder.cases.large, f"{ladder} needs a case for the threads"
        args, options = draw(ladder, ladder.cases.large[0], "float32")
        assert ladder.flops(*args, **options) > 0 < ladder.traffic(*args, **options)
        assert len(ladder.shapes) >= 4 and ladder.bench_shapes
        for rung in ladder.rungs:
            assert len(small(ladder, rung)) >= 3, f"too few small shapes for {ladder}, {rung}"


def test_every_rung_names_a_function_that_a_reader_finds():
    """By its name, in its module; not one that was made of options."""
    for ladder in LADDERS.values():
        for rung in ladder.rungs:
            function = function_named(rung.target)
            module, name = rung.target.split(":")
            assert function.__name__ == name, rung.target
            assert function.__module__ == f"tinygan.kernels.{module}", rung.target
        assert ladder.baseline is None or callable(function_named(ladder.baseline))
