"""Do the losses follow PyTorch's? Both libraries train from the same weights, on the same images
and latent vectors: benchmark_step.py --curve.

Rounding differs in the last digit, and training amplifies it: Adam divides each gradient by its own
size, so that one that is nearly zero may move its weight up here and down there. So the
losses of the first step agree to the last digits, and part from the second step on.
"""

from __future__ import annotations

import numpy as np
from benchmark_nets import LATENT_SIZE, Workload, tinygan_training, torch_training

import tinygan


def print_curve(workload: Workload, width: int, batch_size: int, threads: int, steps: int) -> None:
    """Prints both libraries' losses of D and G at each step, and the largest difference."""
    import torch

    sizes = workload, width, batch_size, threads
    ours, theirs = tinygan_training(*sizes), torch_training(*sizes, "fp32-eager-contiguous")
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        state = mine.state_dict()
        other.load_state_dict({name: torch.from_numpy(x.numpy()) for name, x in state.items()})
    rng, largest = np.random.default_rng(1), 0.0
    headings = ("D, tinygan", "D, PyTorch", "G, tinygan", "G, PyTorch", "difference")
    print("step" + "".join(f"{heading:>12}" for heading in headings))
    for step in range(1, steps + 1):
        latent = rng.uniform(-1, 1, (batch_size, LATENT_SIZE)).astype(np.float32)
        d, g = map(float, ours.step(tinygan.tensor(latent)))
        torch_d, torch_g = map(float, theirs.step(torch.from_numpy(latent)))
        difference = max(abs(d - torch_d), abs(g - torch_g))
        largest = float(np.maximum(largest, difference))  # a NaN stays
        print(f"{step:>4}{d:>12.6f}{torch_d:>12.6f}{g:>12.6f}{torch_g:>12.6f}{difference:>12.1e}")
    print(f"largest difference in {steps} steps: {largest:.1e}")
