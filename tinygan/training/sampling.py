"""Generating images from a trained net."""

from __future__ import annotations

import numpy as np

from tinygan.autograd import no_grad
from tinygan.nn import Module
from tinygan.nn.evaluation import evaluating
from tinygan.tensor import Tensor


@no_grad()
def sample(
    generator: Module, latent: Tensor, labels: Tensor | None = None, batch_size: int = 250
) -> np.ndarray:
    """The images of latent vectors (n, ...), and of labels (n,) for a class-conditional generator,
    as a float32 array on the CPU. They are computed where the generator's parameters are.

    In evaluation mode: an image depends on its own latent vector and on nothing else, neither on
    the others nor on `batch_size`. The net itself is not changed, and several threads can sample
    from it at once.

    Raises:
        ValueError: not one label per latent vector.
    """
    if labels is not None and len(labels) != len(latent):
        raise ValueError(f"sample: got {len(labels)} labels for {len(latent)} latent vectors")
    device = next((p.device for p in generator.parameters()), latent.device)
    inputs = [x.to(device) for x in (latent, labels) if x is not None]
    with evaluating(generator):
        parts = [
            generator(*(x[start : start + batch_size] for x in inputs)).cpu().array
            for start in range(0, len(latent), batch_size)
        ]
    return np.concatenate(parts)
