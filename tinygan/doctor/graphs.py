"""How long training steps take, by the GPU's clock: as one graph, and called."""

from __future__ import annotations

import functools
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import tinygan.functional as F
from tinygan.capture import CapturedStep, capture
from tinygan.creation import rand, zeros
from tinygan.devices import manual_seed
from tinygan.doctor.plan import Findings, Item, Plan
from tinygan.doctor.steps import REHEARSED, trained
from tinygan.kernels.bench.peaks.gpu import l2_flush
from tinygan.kernels.cuda import device as gpu
from tinygan.models import DCGAN
from tinygan.precision import autocast, set_float32_matmul_precision

NETS = {"mnist": (28, 1, 128), "dcgan64": (64, 3, 64)}  # pixels, channels, images of a batch
WIDTH = 64
_REPLAYS, _CALLS = 20, 5


def graphs(plan: Plan) -> Iterator[Item]:
    yield "tiny launches", functools.partial(_launches, plan)
    precisions = [each for each in ("float32", "tf32", "bfloat16") if each in plan.dtypes]
    for name, precision in itertools.product(plan.nets, precisions):
        yield f"{name}, {precision}", functools.partial(_step, plan, name, precision)


def _launches(plan: Plan, found: Findings) -> None:
    """What a launch costs: from Python, as a graph, and within a graph."""
    x, before = zeros(32, device=plan.device), l2_flush()

    def tiny(count: int) -> Callable[[], Any]:
        def work(x: Any) -> Any:
            for _ in range(count):
                x = F.relu(x)
            return x

        captured = capture(work, device=plan.device)
        for _ in range(REHEARSED):
            captured(x)
        return lambda: captured(x)

    one, many = (
        min(gpu.seconds(call, before) for _ in range(_CALLS))
        for call in (tiny(1), tiny(1 + plan.repeats))
    )
    found.fact("seconds_of_a_graph_of_one_launch", one)
    found.fact("seconds_of_a_launch_in_a_graph", (many - one) / plan.repeats)
    kernel = functools.partial(F.relu, x)
    kernel()
    x.sum().item()  # waits
    start = time.perf_counter()
    for _ in range(plan.repeats):
        kernel()
    found.fact("seconds_of_a_call_in_python", (time.perf_counter() - start) / plan.repeats)


def _step(plan: Plan, name: str, precision: str, found: Findings) -> None:
    pixels, channels, images = NETS[name]
    images = images if plan.width is None else 4
    manual_seed(0)
    model = DCGAN(image_size=pixels, channels=channels, width=plan.width or WIDTH)
    _, train = trained(model, plan.device)
    real = rand(images, channels, pixels, pixels, device=plan.device) * 2.0 - 1.0

    def step() -> Any:
        latent = rand(images, model.latent_size, device=plan.device) * 2.0 - 1.0
        with autocast("bfloat16", enabled=precision == "bfloat16"):
            return train(real, latent)

    before = l2_flush()
    set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        captured = capture(step, device=plan.device)
        for _ in range(REHEARSED):
            captured()
            if plan.late():
                found.not_run(f"{name}, {precision}")
                return
        replays = [gpu.seconds(captured, before) for _ in range(_REPLAYS)]
        calls = [gpu.seconds(step, before) for _ in range(_CALLS)]
    finally:
        set_float32_matmul_precision("highest")
    found.row(
        "steps", net=name, precision=precision, images=images,
        seconds_as_a_graph=statistics.median(replays), fastest_seconds=min(replays),
        seconds_called=statistics.median(calls), launches=_launched(captured),
        images_per_second=images / statistics.median(replays),
    )  # fmt: skip


def _launched(captured: Callable) -> int | None:
    """Our kernels' launches in a step. What CuPy launches beside them is not counted."""
    if not isinstance(captured, CapturedStep) or captured._recording is None:
        return None
    return sum(grid != () for _, grid, *_ in captured._recording.launches)
