"""The nets of a GAN on a plane, and lines through their latent space."""

from __future__ import annotations

import numpy as np

from tinygan import nn
from tinygan.creation import tensor
from tinygan.lab.setup import Setup
from tinygan.models import ComponentGAN, DeLiGAN
from tinygan.models.deligan import Noise
from tinygan.models.mixture import relu_net
from tinygan.tensor import Tensor


def make_model(setup: Setup) -> ComponentGAN:
    """Fully connected ReLU nets of the setup's size. What a row of noise becomes:

    - GAN: z = eps;
    - DeLiGAN: z = mu_i + sigma_i eps, component i's own centre and deviation, which are learned;
    - MoE-GAN: z = cat(one-hot i, eps).
    """
    hidden, z = (setup.width,) * setup.layers, setup.latent_size
    d = relu_net(2 * setup.pack, *hidden, 1)
    if setup.model == "GAN":
        return ComponentGAN(nn.Sequential(Noise(1), relu_net(z, *hidden, 2)), d, 1, z)
    if setup.model == "DeLiGAN":
        return DeLiGAN(relu_net(z, *hidden, 2), d, setup.components, z)
    n = setup.components
    return ComponentGAN(relu_net(n + z, *hidden, 2), d, n, z)


def lattice(model: ComponentGAN, reach: float = 2.0) -> Tensor:
    """Latent rows along lines of the first two latent numbers, the others 0, from -reach to reach:
    of a plain GAN 11 lines each way, of up to 12 components 3 each. After each line comes a row of
    NaN, for a break in the drawing."""
    count, plain = min(model.components, 12), model.components == 1
    lines, length = (11, 33) if plain else (3, 9)
    along, places = np.linspace(-reach, reach, length), np.linspace(-reach, reach, lines)
    rows = []
    for component in range(count):
        for axis in range(min(2, model.latent_size)):
            for place in places if model.latent_size > 1 else [0.0]:
                line = np.zeros((length + 1, model.components + model.latent_size), np.float32)
                line[:, component] = 1
                line[:-1, model.components + axis] = along
                if model.latent_size > 1:
                    line[:-1, model.components + 1 - axis] = place
                line[-1] = np.nan
                rows.append(line)
    return tensor(np.concatenate(rows))
