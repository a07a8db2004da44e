"""Training steps on the GPU: against the CPU, captured, their memory and their time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tinygan.functional as F
from tinygan.capture import capture
from tinygan.creation import rand, tensor, zeros
from tinygan.device import Generator, manual_seed
from tinygan.doctor.kernels import guards
from tinygan.doctor.plan import Note, Plan, Result, result
from tinygan.kernels.bench.peaks.gpu import l2_flush
from tinygan.kernels.cuda import device as gpu
from tinygan.models import CGAN, DCGAN, GAN, mnist_500_model
from tinygan.optim import Adam
from tinygan.precision import autocast, set_float32_matmul_precision
from tinygan.training import gan_step

# {name: (the model, its images, how many of them)}; the second DCGAN has colours.
MODELS: dict[str, tuple[Callable[[], Any], tuple[int, int, int], int]] = {
    "GAN": (GAN, (1, 28, 28), 16),
    "CGAN": (CGAN, (1, 28, 28), 16),
    "DCGAN": (partial(DCGAN, width=16), (1, 28, 28), 16),
    "DCGAN 64": (partial(DCGAN, image_size=64, channels=3, width=8), (3, 64, 64), 8),
    "DeLiGAN": (mnist_500_model, (1, 28, 28), 16),
}
NETS = {"mnist": (28, 1, 128), "dcgan64": (64, 3, 64)}  # pixels, channels, images of a batch
# After two steps. Adam's first ones are lr g / |g|: a gradient that is rounding alone moves its
# weight by lr in whichever direction. So a few weights may be far off, and later all are.
BOUND, FAR = 1e-4, 0.002


def _training(name: str, device: str, wrap: Callable) -> tuple[Callable[[int], list], Any]:
    """A model in training: a function that does one more step on images drawn by its number and
    returns both losses; and its nets."""
    make, shape, count = MODELS[name]
    manual_seed(3)
    model = make()
    nets, train = _trained(model, device)
    labelled, step = getattr(model, "classes", None), wrap(train)

    def run(number: int) -> list[float]:
        rng = np.random.default_rng(number)
        real = np.tanh(rng.standard_normal((count, *shape))).astype(np.float32)
        data = [tensor(real), model.latent(count, Generator(number))]
        if labelled:
            data.append(tensor(rng.integers(0, labelled, count)))
        manual_seed(number)  # for the dropout of some
        numbers = step(*(each.to(device) for each in data))
        return [float(numbers.loss_d.item()), float(numbers.loss_g.item())]

    return run, nets


def _trained(model: Any, device: str) -> tuple[tuple, Callable[..., Any]]:
    """The nets of a model on a device, and a step of their training."""
    nets = model.generator.to(device), model.discriminator.to(device)
    adam_g, adam_d = (Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in nets)
    return nets, partial(gan_step, *nets, adam_g, adam_d, F.gan_loss("non-saturating"))


def steps(plan: Plan, note: Note) -> Result:
    """The same steps on the CPU, on the GPU, and on the GPU captured."""
    found, rows = result(), []
    for name in plan.models:
        if plan.late():
            found["not_run"].append(name)
            continue
        try:
            losses, states, early = {}, {}, {}
            for label, device, wrap in (
                ("cpu", "cpu", lambda step: step), ("called", plan.device, lambda step: step),
                ("captured", plan.device, capture),
            ):  # fmt: skip
                note(f"steps: {name}, {label}")
                run, nets = _training(name, device, wrap)
                losses[label] = [run(number) for number in range(2)]
                early[label] = _weights(nets)
                losses[label] += [run(number) for number in range(2, plan.steps)]
                states[label] = _weights(nets)
        except Exception as error:
            found["problems"].append(f"{name}: {type(error).__name__}: {error}")
            continue
        first = np.array(losses["cpu"])[:2], np.array(losses["called"])[:2]
        away = float(np.abs(first[0] - first[1]).max() / max(1.0, np.abs(first[0]).max()))
        far = max(
            float((np.abs(early["called"][key] - value) > BOUND * (1 + np.abs(value))).mean())
            for key, value in early["cpu"].items()
        )
        same = losses["called"] == losses["captured"] and all(
            value.tobytes() == states["captured"][key].tobytes()
            for key, value in states["called"].items()
        )
        rows.append({"model": name, "loss_away_from_cpu": away, "weights_far_from_cpu": far,
                     "captured_same": same, "losses": losses})  # fmt: skip
        if not (away <= BOUND and far <= FAR):
            found["problems"].append(
                f"{name}: after two steps the losses (up to {away:.1e} away) or the weights "
                f"({far:.1%} of some tensor) are not the CPU's"
            )
        if not same:
            found["problems"].append(f"{name}: a captured step differs from the step")
        if not np.isfinite([*losses.values()]).all():
            found["problems"].append(f"{name}: a loss is not finite")
    found["rows"]["models"] = rows
    return found


def _weights(nets: tuple) -> dict[str, np.ndarray]:
    return {f"{i} {key}": value for i, net in enumerate(nets)
            for key, value in net.state_dict().items()}  # fmt: skip


def memory(plan: Plan, note: Note) -> Result:
    """Nothing is written beside an array, steps do not fill the memory, and running out of it is
    explained."""
    import cupy

    found = result()
    for label, wrap in (("called", lambda step: step), ("captured", capture)):
        note(f"memory: {plan.repeats} steps, {label}")
        run, _ = _training("DCGAN", plan.device, wrap)
        for number in range(4):
            run(number)
        pool = cupy.get_default_memory_pool()
        before = pool.used_bytes()
        for number in range(plan.repeats):
            run(number)
        grown = pool.used_bytes() - before
        found[f"grown_bytes_{label}"] = grown
        if grown > 0:
            found["problems"].append(f"{plan.repeats} steps, {label}, kept {grown} bytes")
    note("memory: an array that is too large")
    _, total = cupy.cuda.runtime.memGetInfo()
    try:
        zeros(total // 2, device=plan.device)  # of 4 bytes each
    except MemoryError as error:
        found["out_of_memory"] = str(error)
        if "the GPU is out of memory" not in str(error):
            found["problems"].append(f"running out of memory is not explained: {error}")
    else:
        found["problems"].append("an array of twice the GPU's memory was allocated")
    watched = guards(plan, note)
    for key in ("problems", "not_run"):
        found[key] += watched[key]
    found["rows"] |= watched["rows"]
    return found


def graphs(plan: Plan, note: Note) -> Result:
    """How long a step takes as a graph and as it is called, and what a node of a graph costs."""
    found, rows = result(), []
    before = l2_flush()
    note("graphs: tiny launches")
    x = zeros(32, device=plan.device)

    def tiny(count: int) -> Callable[[], object]:
        def work(x):
            for _ in range(count):
                x = F.relu(x)
            return x

        captured = capture(work, device=plan.device)
        for _ in range(3):
            captured(x)
        return lambda: captured(x)

    one, many = (
        min(gpu.seconds(tiny(count), before) for _ in range(5)) for count in (1, 1 + plan.repeats)
    )
    found["seconds_of_a_node"] = (many - one) / plan.repeats
    found["seconds_of_a_graph"] = one
    precisions = [each for each in ("float32", "tf32", "bfloat16") if each in plan.dtypes]
    for name, precision in itertools.product(plan.nets, precisions):
        if plan.late():
            found["not_run"].append(f"{name} {precision}")
            continue
        note(f"graphs: {name} {precision}")
        rows.append({"net": name, "precision": precision,
                     **_timed(plan, *NETS[name], precision, before)})  # fmt: skip
    found["rows"]["steps"] = rows
    return found


def _timed(plan: Plan, size: int, channels: int, count: int, precision: str, before) -> dict:
    manual_seed(0)
    count = count if plan.width is None else 4
    model = DCGAN(image_size=size, channels=channels, width=plan.width or 64)
    _, train = _trained(model, plan.device)
    real = rand(count, channels, size, size, device=plan.device) * 2.0 - 1.0

    def step() -> Any:
        latent = rand(count, 100, device=plan.device) * 2.0 - 1.0
        with autocast("bfloat16", enabled=precision == "bfloat16"):
            return train(real, latent)

    set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        captured = capture(step, device=plan.device)
        for _ in range(4):
            captured()
        times = [gpu.seconds(captured, before) for _ in range(10)]
        called = min(gpu.seconds(step, before) for _ in range(3))
    finally:
        set_float32_matmul_precision("highest")
    launches = captured._recording.launches if hasattr(captured, "_recording") else []
    return {
        "seconds": sorted(times)[len(times) // 2], "fastest": min(times), "called": called,
        "images": count, "launches": sum(grid != () for _, grid, *_ in launches),
    }  # fmt: skip
