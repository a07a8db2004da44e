"""Generating images from a trained net."""

from __future__ import annotations

import numpy as np

from tinygan.autograd import no_grad
from tinygan.nn import Module
from tinygan.tensor import Tensor


@no_grad()
def sample(generator: Module, latent: Tensor, batch_size: int = 250) -> np.ndarray:
    """The images of latent vectors (n, ...), as a float32 array on the CPU.

    In evaluation mode: an image depends on its own latent vector and on nothing else, neither on
    the others nor on `batch_size`. The net is left in the mode it was in.
    """
    modes = [(module, module.training) for module in generator.modules()]
    generator.eval()
    try:
        parts = [
            generator(latent[start : start + batch_size]).cpu().data
            for start in range(0, len(latent), batch_size)
        ]
    finally:
        for module, mode in modes:
            module.training = mode
    return np.concatenate(parts)
