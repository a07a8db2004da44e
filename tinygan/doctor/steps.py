"""Training steps on the GPU: against the CPU, and captured; and what they leave in memory."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygan.functional as F
from tinygan.capture import capture
from tinygan.creation import tensor, zeros
from tinygan.devices import Generator, manual_seed
from tinygan.doctor.guards import guards
from tinygan.doctor.plan import Findings, Item, Plan
from tinygan.models import CGAN, DCGAN, GAN, mnist_500_model
from tinygan.optim import Adam
from tinygan.training import gan_step

# {name: (the model, its images, how many of them)}; the second DCGAN has colours.
MODELS: dict[str, tuple[Callable[[], Any], tuple[int, int, int], int]] = {
    "GAN": (GAN, (1, 28, 28), 16),
    "CGAN": (CGAN, (1, 28, 28), 16),
    "DCGAN": (functools.partial(DCGAN, width=16), (1, 28, 28), 16),
    "DCGAN 64": (functools.partial(DCGAN, image_size=64, channels=3, width=8), (3, 64, 64), 8),
    "DeLiGAN": (mnist_500_model, (1, 28, 28), 16),
}
# After two steps. Adam's first ones are lr g / |g|: a gradient that is rounding alone moves its
# weight by lr in whichever direction. So a few weights of a tensor may be far off, and later all
# are. A wrong gradient moves all weights of a channel at least.
EARLY, BOUND, FAR, FEW = 2, 1e-4, 0.005, 2
REHEARSED = 4  # calls after which a captured step is replayed, and memory should grow no more


def called(step: Callable) -> Callable:
    """The step as it is."""
    return step


def training(name: str, device: str, wrap: Callable) -> tuple[Callable[[int], list], Any]:
    """A model in training: a function that does one more step on images drawn by its number and
    returns both losses; and its nets."""
    make, shape, count = MODELS[name]
    manual_seed(3)
    model = make()
    nets, train = trained(model, device)
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


def trained(model: Any, device: str) -> tuple[tuple, Callable[..., Any]]:
    """The nets of a model on a device, and a step of their training."""
    nets = model.generator.to(device), model.discriminator.to(device)
    adam_g, adam_d = (Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in nets)
    loss = F.gan_loss("non-saturating")
    return nets, lambda *data: gan_step(*nets, adam_g, adam_d, loss, *data)


def steps(plan: Plan) -> Iterator[Item]:
    """The same steps on the CPU, on the GPU, and on the GPU captured."""
    for name in plan.models:
        yield name, functools.partial(_compare, plan, name)


def _compare(plan: Plan, name: str, found: Findings) -> None:
    losses: dict[str, list] = {}
    early: dict[str, dict[str, np.ndarray]] = {}
    late: dict[str, dict[str, np.ndarray]] = {}
    for label, device, wrap in (
        ("called", plan.device, called), ("captured", plan.device, capture), ("cpu", "cpu", called)
    ):  # fmt: skip
        found.step(f"{name}, {label}")
        run, nets = training(name, device, wrap)
        losses[label] = [run(number) for number in range(EARLY)]
        early[label] = _weights(nets)
        if device != "cpu":
            losses[label] += [run(number) for number in range(EARLY, plan.steps)]
            late[label] = _weights(nets)
    on_cpu, on_gpu = np.array(losses["cpu"]), np.array(losses["called"][:EARLY])
    away = float(np.abs(on_cpu - on_gpu).max() / max(1.0, np.abs(on_cpu).max()))
    far, tensor_name = max((_far(early["called"][key], value), key)
                           for key, value in early["cpu"].items())  # fmt: skip
    differ = [key for key, value in late["called"].items()
              if value.tobytes() != late["captured"][key].tobytes()]  # fmt: skip
    same = losses["called"] == losses["captured"] and not differ
    found.row("models", model=name, steps=plan.steps, loss_away_from_cpu=away, tolerance=BOUND,
              weights_far_from_cpu=far, tolerated_far=FAR, captured_same=same,
              losses=losses)  # fmt: skip
    if not np.isfinite([*losses["called"], *losses["captured"]]).all():
        found.problem(f"{name}: a loss is not finite")
    if not (away <= BOUND and far <= FAR):
        found.problem(
            f"{name}: after {EARLY} steps the losses (up to {away:.1e} away) or the weights "
            f"({far:.1%} of {tensor_name}) are not the CPU's"
        )
    if not same:
        where = f", in {', '.join(differ[:3])}" if differ else ""
        found.problem(f"{name}: a captured step differs from the step{where}")


def _far(ours: np.ndarray, expected: np.ndarray) -> float:
    """Which part of a tensor is far from what the CPU has; a few values do not count."""
    far = ~(np.abs(ours - expected) <= BOUND * (1 + np.abs(expected)))  # NaN is far, too
    return 0.0 if np.isfinite(ours).all() and far.sum() <= FEW else float(far.mean())


def _weights(nets: tuple) -> dict[str, np.ndarray]:
    """Parameters and statistics of both nets."""
    return {f"{net} {key}": np.array(value.cpu().numpy())
            for net, each in zip("GD", nets, strict=True)
            for key, value in each.state_dict().items()}  # fmt: skip


def memory(plan: Plan) -> Iterator[Item]:
    """Steps do not fill the memory, running out of it is explained, and nothing is written beside
    an array."""
    for label, wrap in (("called", called), ("captured", capture)):
        yield f"{plan.repeats} steps, {label}", functools.partial(_growth, plan, label, wrap)
    yield "an array that is too large", functools.partial(_too_large, plan)
    yield from guards(plan)


def _growth(plan: Plan, label: str, wrap: Callable, found: Findings) -> None:
    import cupy

    run, _ = training("DCGAN", plan.device, wrap)
    for number in range(REHEARSED):
        run(number)
    pool = cupy.get_default_memory_pool()
    gc.collect()
    before = pool.used_bytes()
    for number in range(plan.repeats):
        if plan.late():
            found.not_run(f"{plan.repeats} steps, {label}: {number} were done")
            return
        run(number)
    gc.collect()  # what is left in circles is not lost
    grown = pool.used_bytes() - before
    found.row("growth", steps=plan.repeats, kind=label, used_bytes=before, grown_bytes=grown)
    if grown > 0:
        found.problem(f"{plan.repeats} steps, {label}, kept {grown} bytes of the GPU's memory")


def _too_large(plan: Plan, found: Findings) -> None:
    import cupy

    _, total = cupy.cuda.runtime.memGetInfo()
    try:
        zeros(total // 2, device=plan.device)  # of 4 bytes each
    except MemoryError as error:
        found.fact("out_of_memory", str(error))
        if "the GPU is out of memory" not in str(error):
            found.problem(f"running out of memory is not explained: {error}")
    else:
        found.problem("an array of twice the GPU's memory was allocated")
