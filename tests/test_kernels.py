"""Every rung of every ladder against its reference: values, strides, purity, threads."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest

import tinygan.kernels
from tinygan.device import to_device
from tinygan.kernels import threads
from tinygan.kernels.emulator import standin
from tinygan.kernels.emulator.trials import (
    BOUND,
    MOST_CHECKED_FLOPS,
    bound,
    convert,
    draw,
    large_tiles,
    reference,
)
from tinygan.kernels.ladder import Ladder, relative_error
from tinygan.kernels.memory import same_order
from tinygan.kernels.parallel import parallel

for package in pkgutil.iter_modules(tinygan.kernels.__path__):
    if package.ispkg:  # a ladder's folder registers its ladders when it is imported
        importlib.import_module(f"tinygan.kernels.{package.name}")

LADDERS = dict(sorted(Ladder.registry.items()))
RUNGS = [pytest.param(ladder, rung, id=f"{name}-{rung.device}-{rung.name}")
         for name, ladder in LADDERS.items() for rung in ladder.rungs]  # fmt: skip
CASES = [
    pytest.param(ladder, rung, case, id=f"{name}-{rung.device}-{rung.name}-{case}")
    for name, ladder in LADDERS.items()
    for rung in ladder.rungs
    for case in ladder.shapes
]
# These write their results into their arguments.
IN_PLACE = {"adam", "advance", "average"}
# NumPy computes these on the CPU; all others must be cut into tasks.
BY_NUMPY = {"add_all", "advance", "average", "bce_with_logits", "bce_with_logits_backward",
            "normal", "tanh", "uniform"}  # fmt: skip
CONVOLUTIONS = ("conv2d", "conv_transpose2d", "conv2d_weight_grad")
# What a rung does with its arrays is the same for all kinds of factors on tensor cores.
ONE_KIND = [rung for rung in RUNGS if rung.values[1].device == "cpu"
            or rung.values[1].precision in (None, "tf32")]  # fmt: skip
# The running statistics of a batch norm are moved in place.
MOVES = "momentum"
PURE = [rung for rung in ONE_KIND if rung.values[0].name not in IN_PLACE]
FASTER = [rung for rung in ONE_KIND if rung.values[1] is not rung.values[0].reference]


def arrays_in(value) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    convert(value, found.append)
    return found


def flops_of(ladder: Ladder, case: dict) -> int:
    args, options = draw(ladder, case, "float32")
    return ladder.flops(*args, **options)


def covered(ladder: Ladder, rung) -> dict[str, dict]:
    """The test shapes that this rung covers."""
    cases = {}
    for name, case in ladder.shapes.items():
        args, options = draw(ladder, case, "float32")
        if rung.covers(*args, **options):
            cases[name] = case
    assert len(cases) >= 3, "too few shapes to test this rung"
    small = [case for case in cases.values() if flops_of(ladder, case) <= MOST_CHECKED_FLOPS]
    assert rung.device == "cpu" or len(small) >= 3, "too few shapes to check this rung's accesses"
    return cases


def small(ladder: Ladder, rung) -> dict[str, dict]:
    """Those that it covers; in the emulator, where large ones take seconds, the small ones."""
    cases = covered(ladder, rung)
    return cases if rung.device == "cpu" else {
        name: case for name, case in cases.items() if flops_of(ladder, case) <= MOST_CHECKED_FLOPS
    }


def run(ladder, rung, device: str, args, options):
    if not rung.covers(*args, **options):
        pytest.skip("not covered by this rung")
    # Where "cuda" is emulated: with all accesses checked, as long as there are not too many.
    standin.checked = ladder.flops(*args, **options) <= MOST_CHECKED_FLOPS
    return rung(*convert(args, lambda array: to_device(array, device)), **options)


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize(("ladder", "rung", "case"), CASES)
def test_every_rung_computes_what_the_reference_computes(ladder, rung, case, dtype, device):
    args, options = draw(ladder, ladder.shapes[case], dtype)
    result = run(ladder, rung, device, args, options)
    assert relative_error(result, reference(ladder, case, dtype)) < bound(rung, dtype)
    for array in arrays_in(result if isinstance(result, (list, tuple)) else [result]):
        assert array.dtype == (np.uint64 if ladder.name == "advance" else dtype)


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize(
    ("ladder", "rung"), [rung for rung in RUNGS if rung.values[1].device == "cuda"
                         and rung.values[1].name.endswith(("registers", "pipeline"))]
)  # fmt: skip
def test_large_tiles_compute_what_small_ones_do(ladder, rung, dtype, device):
    for name, case in covered(ladder, rung).items():
        if flops_of(ladder, case) <= MOST_CHECKED_FLOPS:
            args, options = draw(ladder, case, dtype)
            with large_tiles():
                result = run(ladder, rung, device, args, options)
            assert relative_error(result, reference(ladder, name, dtype)) < bound(rung, dtype), name


@pytest.mark.parametrize(("ladder", "rung"), PURE)
def test_inputs_are_not_changed(ladder, rung, device):
    for case in small(ladder, rung).values():
        if MOVES in case:
            continue
        args, options = draw(ladder, case, "float32")
        before = [array.tobytes() for array in arrays_in(args)]
        result = run(ladder, rung, device, args, options)
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


def reversed_in_memory(array):
    flip = (slice(None, None, -1),) * array.ndim
    return np.ascontiguousarray(array[flip])[flip]


def read_only(array):
    copy = array.copy(order="K")
    copy.flags.writeable = False
    return copy


def repeated(array):
    """One row for all: a stride of zero, as the gradient of a sum has."""
    return np.broadcast_to(array[:1].copy(), array.shape)


MEMORY = [np.asfortranarray, np.ascontiguousarray, every_second, reversed_in_memory, read_only]


@pytest.mark.parametrize("layout", MEMORY, ids=lambda function: function.__name__)
@pytest.mark.parametrize(
    ("ladder", "rung"), [rung for rung in FASTER if rung.values[0].name != "advance"]
)
def test_any_strides_are_accepted(ladder, rung, layout, device):
    for name, case in small(ladder, rung).items():
        args, options = draw(ladder, case, "float32")
        if ladder.name in ("adam", "average"):
            params, grads, *moments = args
            args = (params, convert(grads, layout), *moments)
        elif MOVES in case:
            args = (*convert(args[:-1], layout), args[-1])
        else:
            args = convert(args, layout)
        result = run(ladder, rung, device, args, options)
        error = relative_error(result, reference(ladder, name, "float32"))
        assert error < bound(rung, "float32"), name


@pytest.mark.parametrize("order", [(2, 3, 1, 0), (2, 3, 0, 1), (0, 1, 2, 3)], ids=str)
@pytest.mark.parametrize(
    ("ladder", "rung"), [rung for rung in ONE_KIND if rung.values[1].device == "cuda"
                         and rung.values[0].name == "conv2d_weight_grad"]
)  # fmt: skip
def test_the_gradient_of_a_weight_lies_in_memory_as_asked(ladder, rung, order, device):
    for name, case in small(ladder, rung).items():
        args, options = draw(ladder, case, "float32")
        grad = run(ladder, rung, device, args, options | {"order": order})
        memory = np.empty([grad.shape[i] for i in order], "float32")
        assert same_order(grad, memory.transpose(np.argsort(order))), name
        error = relative_error(grad, reference(ladder, name, "float32"))
        assert error < bound(rung, "float32"), name


@pytest.mark.parametrize(("ladder", "rung"), [rung for rung in FASTER if rung in PURE])
def test_a_stride_of_zero_is_accepted(ladder, rung, device):
    for case in [case for name, case in small(ladder, rung).items() if "odd" in name]:
        args, options = draw(ladder, case, "float32")
        args = convert(args, repeated)
        expected = ladder.reference(*convert(args, lambda a: a.astype(np.float64)), **options)
        error = relative_error(run(ladder, rung, device, args, options), expected)
        assert error < bound(rung, "float32")


# Threads

_CONVOLUTIONS = [
    dict(n=16, c=40, k=70, size=(16, 18), kernel=(4, 4), stride=(2, 2), padding=(1, 1)),
    dict(n=64, c=33, k=32, size=(28, 28), kernel=(4, 4), stride=(2, 2), padding=(1, 1)),
    dict(n=8, c=40, k=70, size=(16, 18), kernel=(5, 4), stride=(2, 2), padding=(1, 1)),
    dict(n=40, c=3, k=1, size=(16, 18), kernel=(3, 3), padding=(1, 1)),
    dict(n=20, c=130, k=40, size=(4, 4), kernel=(4, 4)),
]
# Large enough for several tasks, and one case for each way that a rung may go.
LARGE = {
    "adam": [dict(shapes=[(150_001,), (300, 400)], step=2)],
    "add_all": [dict(shapes=[(150_001,), (300, 400)])],
    "average": [dict(shapes=[(150_001,), (300, 400)], updates=2)],
    "batch_norm": [dict(m=9001, c=40)],
    "batch_norm_backward": [dict(m=9001, c=40)],
    "matmul": [dict(m=301, k=70, n=300), dict(m=301, k=70, n=300, transposed="a"),
               dict(m=301, k=900, n=2), dict(m=30, k=5000, n=40)],
    "swap_inner": [dict(n=40, a=70, b=66), dict(n=1, a=500, b=300)],
    **{name: [dict(shape=(1500, 1), target=1.0)] for name in LADDERS if "bce" in name},
    "column_sums": [dict(m=9001, c=40), dict(m=300_001, c=3)],
    **{name: [dict(count=30_001, pending=True)] for name in ("uniform", "normal", "advance")},
    **dict.fromkeys(CONVOLUTIONS, _CONVOLUTIONS),
    # On the CPU the two that are above.
    **{f"{name}_batch_norm{direction}": _CONVOLUTIONS[:1]
       for name in CONVOLUTIONS[:2] for direction in ("", "_backward")},
    **{name: [dict(shape=(9, 5, 50, 100))] for name in LADDERS
       if "relu" in name or "tanh" in name},
}  # fmt: skip


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
        for case in LARGE[ladder.name]:
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
    assert max(calls, default=0) > 1 or ladder.name in BY_NUMPY, "the cases are too small"
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
def test_convolutions_are_each_others_adjoints(rung, dtype, device):
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
        x, w, y = (to_device(array, device) for array in (x, w, y))
        same = dict(stride=options["stride"], padding=options["padding"])
        products = [
            inner(conv2d(x, w, None, **options), y),
            inner(x, transposed(y, w, None, **same, output_size=x.shape[1:3])),
            inner(w, weight_grad(x, y, **same, kernel_size=w.shape[2:])),
        ]
        assert np.isfinite(products).all(), name
        assert np.ptp(products) <= bound, (name, products)


def test_adam_refuses_parameters_with_gaps():
    args, options = draw(LADDERS["adam"], dict(shapes=[(4, 6)], step=1), "float32")
    gaps = [every_second(array) for array in args[0]]
    with pytest.raises(ValueError, match=r"adam: .*|array of shape \(4, 6\) .* has gaps"):
        LADDERS["adam"](gaps, *args[1:], **options)


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
    assert set(LARGE) == set(LADDERS), "a new ladder needs a case for the threads"
    for ladder in LADDERS.values():
        assert len([rung for rung in ladder.rungs if rung.device == "cpu"]) >= 2, ladder
        assert ladder.reference.device == "cpu" and ladder.reference.name == "reference"
        args, options = draw(ladder, LARGE[ladder.name][0], "float32")
        assert ladder.flops(*args, **options) > 0 < ladder.traffic(*args, **options)
        assert len(ladder.shapes) >= 4 and ladder.bench_shapes
