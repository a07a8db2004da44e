"""What benchmark_step.py times: two pairs of nets and their training step, in two libraries.

tinygan and PyTorch have the same layers with the same arguments, so the nets are written once, for
either's `nn`. A step trains D on real and generated images and then G through the new D, each by
binary cross-entropy on logits and Adam (`tinygan.training.gan_step`).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

LATENT_SIZE = 100
ADAM: dict[str, Any] = dict(lr=2e-4, betas=(0.5, 0.999))
_modes = lambda *words: ["-".join(mode) for mode in itertools.product(*words)]  # noqa: E731
OUR_MODES = {
    "cpu": ["tinygan-fp32", "tinygan-bf16"],
    "cuda": ["tinygan-fp32", "tinygan-tf32", "tinygan-bf16"],
}
TORCH_MODES = {
    "cpu": _modes(
        ("fp32", "bf16"), ("eager", "compile"), ("contiguous", "channels_last"),
        ("plain", "kept"),
    ),
    "cuda": _modes(
        ("fp32", "tf32", "bf16"), ("eager", "reduce_overhead", "max_autotune"), ("channels_last",)
    ),
}
# glibc gives large freed blocks back to the system, and each step fetches them anew. tinygan asks
# it not to; a mode that ends with "kept" asks so for PyTorch, in the process's environment.
KEPT = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}
COMPILE = {"compile": "default", "reduce_overhead": "reduce-overhead",
           "max_autotune": "max-autotune"}  # fmt: skip


def mnist(nn, width: int) -> tuple:
    """Generator and discriminator of 28x28 grey images: a DCGAN with one linear layer each."""
    generator = nn.Sequential(
        nn.Linear(LATENT_SIZE, 2 * width * 49, bias=False),
        nn.Unflatten(1, (2 * width, 7, 7)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * width * 49, 1),
    )
    return generator, discriminator


def dcgan64(nn, width: int) -> tuple:
    """Generator and discriminator of 64x64 colour images: convolutions only, no biases."""
    generator = [nn.Unflatten(1, (LATENT_SIZE, 1, 1))]
    channels = [LATENT_SIZE, 8 * width, 4 * width, 2 * width, width]
    for i, (inputs, outputs) in enumerate(itertools.pairwise(channels)):
        stride, padding = (1, 0) if i == 0 else (2, 1)  # 1x1 to 4x4, then doubled
        generator += [
            nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    generator += [nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh()]
    discriminator = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for inputs in (width, 2 * width, 4 * width):
        discriminator += [
            nn.Conv2d(inputs, 2 * inputs, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * inputs),
            nn.LeakyReLU(0.2),
        ]
    discriminator += [nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False), nn.Flatten()]
    return nn.Sequential(*generator), nn.Sequential(*discriminator)


class Workload(NamedTuple):
    nets: Callable[[Any, int], tuple]
    image_shape: tuple[int, int, int]
    batch_size: int

    def real(self, batch_size: int) -> np.ndarray:
        """Stand-ins for real images, float32 in (-1, 1); noise costs as much as pictures."""
        rng = np.random.default_rng(0)
        return np.tanh(rng.standard_normal((batch_size, *self.image_shape), dtype=np.float32))


WORKLOADS = {
    "mnist": Workload(mnist, (1, 28, 28), 128),
    "dcgan64": Workload(dcgan64, (3, 64, 64), 64),
}


class Training(NamedTuple):
    """Two nets in training: ``step(latent)`` trains both and returns the losses of D and G, of a
    type that float() reads. ``next_step()`` does so with latent vectors of its own, uniform in
    [-1, 1), and is what is timed."""

    generator: Any
    discriminator: Any
    step: Callable[[Any], tuple]
    next_step: Callable[[], tuple]


class Clock(NamedTuple):
    """Notes moments, on a GPU those at which it gets there; and tells the seconds between two."""

    mark: Callable[[], Any]
    between: Callable[[Any, Any], float]


CPU_CLOCK = Clock(time.perf_counter, lambda start, stop: stop - start)


def cuda_clock(mode: str) -> Clock:
    """By events of the library that the mode belongs to, on its current stream."""
    if mode.startswith("tinygan"):
        import cupy

        make, elapsed = cupy.cuda.Event, cupy.cuda.get_elapsed_time
    else:
        import torch

        make = lambda: torch.cuda.Event(enable_timing=True)  # noqa: E731
        elapsed = torch.cuda.Event.elapsed_time

    def mark():
        event = make()
        event.record()
        return event

    def between(start, stop):
        stop.synchronize()
        return elapsed(start, stop) / 1000

    return Clock(mark, between)


def tinygan_training(
    workload: Workload, width: int, batch_size: int, threads: int, mode: str = "tinygan-fp32",
    device: str = "cpu",
) -> Training:  # fmt: skip
    """On a GPU, `next_step` is captured: a step is one CUDA graph."""
    import tinygan
    import tinygan.functional as F
    from tinygan.training import gan_step

    tinygan.set_num_threads(threads)
    tinygan.manual_seed(0)
    tinygan.set_float32_matmul_precision("high" if mode == "tinygan-tf32" else "highest")
    generator, discriminator = (net.to(device) for net in workload.nets(tinygan.nn, width))
    adam_g, adam_d = (
        tinygan.optim.Adam(net.parameters(), **ADAM) for net in (generator, discriminator)
    )
    loss = F.gan_loss("non-saturating")  # the cross-entropies of PyTorch's step below
    real = tinygan.tensor(workload.real(batch_size), device=device)

    def step(latent):
        with tinygan.autocast("bfloat16", enabled=mode == "tinygan-bf16"):
            result = gan_step(generator, discriminator, adam_g, adam_d, loss, real, latent)
        return result.loss_d, result.loss_g

    def next_step():
        return step(tinygan.rand(batch_size, LATENT_SIZE, device=device) * 2.0 - 1.0)

    return Training(generator, discriminator, step, tinygan.capture(next_step, device=device))


def torch_training(
    workload: Workload, width: int, batch_size: int, threads: int, mode: str, device: str = "cpu"
) -> Training:
    import torch

    precision, execution, layout = mode.split("-")[:3]
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = True
    generator, discriminator = (net.to(device) for net in workload.nets(torch.nn, width))
    real = torch.from_numpy(workload.real(batch_size)).to(device)
    for part in [*generator, *discriminator]:
        if hasattr(part, "inplace"):
            part.inplace = True  # saves PyTorch memory and time
    if layout == "channels_last":
        for net in (generator, discriminator):
            net.to(memory_format=torch.channels_last)
        real = real.contiguous(memory_format=torch.channels_last)
    adam_g, adam_d = (
        torch.optim.Adam(net.parameters(), **ADAM, fused=True) for net in (generator, discriminator)
    )
    run_g, run_d = generator, discriminator
    if execution in COMPILE:
        run_g, run_d = (torch.compile(net, mode=COMPILE[execution]) for net in (run_g, run_d))
    autocast = lambda: torch.autocast(device, torch.bfloat16, precision == "bf16")  # noqa: E731
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
    one, zero = (make(batch_size, 1, device=device) for make in (torch.ones, torch.zeros))

    def step(latent):
        if device == "cuda" and execution in COMPILE:
            torch.compiler.cudagraph_mark_step_begin()  # the last step's results may be overwritten
        with autocast():
            fake = run_g(latent)
            loss_d = cross_entropy(run_d(real).float(), one)
            loss_d = loss_d + cross_entropy(run_d(fake.detach()).float(), zero)
        adam_d.zero_grad(set_to_none=True)
        loss_d.backward()
        adam_d.step()
        discriminator.requires_grad_(False)
        with autocast():
            loss_g = cross_entropy(run_d(fake).float(), one)
        adam_g.zero_grad(set_to_none=True)
        loss_g.backward()
        adam_g.step()
        discriminator.requires_grad_(True)
        return loss_d.detach(), loss_g.detach()

    def next_step():
        return step(torch.rand(batch_size, LATENT_SIZE, device=device) * 2 - 1)

    return Training(generator, discriminator, step, next_step)
