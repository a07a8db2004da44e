"""The two-dimensional models of the DeLiGAN paper, and the rule by which they are trained.

Gurumurthy et al. 2017, arXiv:1706.02071, section 5.2; the numbers are those of the authors' code
(github.com/val-iisc/deligan, src/Toy). G: 2 -> 32 tanh -> 2 tanh. D: 2 -> 32 tanh -> 1. Batches of
50, Adam with rate 1e-4 and beta1 0.5. The question is which generator leaves the space between two
clusters empty: a continuous G maps a connected set of z to a connected set.

The models differ in what stands in front of G, or in G's size. All take the rows cat(one-hot i,
eps) of `ComponentGAN`:

- GAN: z = eps;
- GAN++: z = tanh(A eps + a) of 50 units, a layer instead of the mixture;
- Nx-GAN: z = eps, G has 50 times as many hidden units;
- MoE-GAN: z is the whole row, a mixture of experts without a learned deviation;
- Ensemble-GAN: 50 generators, one for each i;
- DeLiGAN: z = mu_i + sigma_i * eps.
"""

from __future__ import annotations

import math

import numpy as np

from tinygan import nn
from tinygan.models.arguments import check_choice, check_positive
from tinygan.models.deligan import ComponentGAN, DeLiGAN, Noise
from tinygan.tensor import Tensor

TOY_MODELS = ("GAN", "GAN++", "Nx-GAN", "MoE-GAN", "Ensemble-GAN", "DeLiGAN")


def _glorot(parameter: Tensor, inputs: int, outputs: int) -> None:
    """Uniform in +-sqrt(6 / (inputs + outputs)): TensorFlow's default, and so the authors'."""
    bound = math.sqrt(6 / (inputs + outputs))
    nn.init.uniform_(parameter, -bound, bound)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """A layer with TensorFlow's initial weights, and biases 0."""
    layer = nn.Linear(inputs, outputs)
    _glorot(layer.weight, inputs, outputs)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, 0.0)
    return layer


class Ensemble(nn.Module):
    """N nets in -> hidden tanh -> out tanh; a row cat(one-hot i, eps) goes through net i.

    The weights of net i are row i of four tables; the product with the one-hot part looks them up.
    """

    def __init__(self, components: int, inputs: int, hidden: int, outputs: int):
        def table(*shape: int) -> nn.Parameter:
            return nn.Parameter(np.zeros((components, math.prod(shape)), np.float32))

        self.components, self.hidden, self.outputs = components, hidden, outputs
        self.weight1, self.bias1 = table(inputs, hidden), table(hidden)
        self.weight2, self.bias2 = table(hidden, outputs), table(outputs)
        _glorot(self.weight1, inputs, hidden)
        _glorot(self.weight2, hidden, outputs)

    def forward(self, rows: Tensor) -> Tensor:
        h, eps = rows[:, : self.components], rows[:, self.components :]

        def layer(x: Tensor, weight: Tensor, bias: Tensor, outputs: int) -> Tensor:
            matrices = (h @ weight).reshape(*x.shape, outputs)  # one for each row
            return ((x.unsqueeze(2) * matrices).sum(1) + h @ bias).tanh()

        hidden = layer(eps, self.weight1, self.bias1, self.hidden)
        return layer(hidden, self.weight2, self.bias2, self.outputs)


def toy_model(
    name: str, components: int = 50, latent_size: int = 2, hidden: int = 32, sigma: float = 0.02
) -> ComponentGAN:
    """A model of `TOY_MODELS`, for points in the plane (n, 2) within [-1, 1].

    Raises:
        ValueError: there is no such model; the message lists them.
    """
    check_choice("toy_model", "name", name, TOY_MODELS)
    check_positive("toy_model", components=components, latent_size=latent_size, hidden=hidden)
    if name == "Nx-GAN":
        hidden_g, z_size = hidden * components, latent_size
    else:
        hidden_g = hidden
        z_size = {"GAN++": components, "MoE-GAN": components + latent_size}.get(name, latent_size)
    net = nn.Sequential(_linear(z_size, hidden_g), nn.Tanh(), _linear(hidden_g, 2), nn.Tanh())
    discriminator = nn.Sequential(_linear(2, hidden), nn.Tanh(), _linear(hidden, 1))
    if name == "DeLiGAN":
        return DeLiGAN(net, discriminator, components, latent_size, sigma)
    generator: nn.Module
    if name == "Ensemble-GAN":
        generator = Ensemble(components, latent_size, hidden, 2)
    elif name == "MoE-GAN":
        generator = net
    elif name == "GAN++":
        generator = nn.Sequential(
            Noise(components), _linear(latent_size, components), nn.Tanh(), net
        )
    else:
        generator = nn.Sequential(Noise(components), net)
    return ComponentGAN(generator, discriminator, components, latent_size)


class TurnTaking:
    """Decides which of the two nets trains: G while its loss is above a threshold, else D.

    The threshold itself follows the net that trains more. `count` is the number of G's steps less
    that of D's since the threshold last moved:

    - above 10, G is losing: the threshold rises by 0.01, to 1 at most, so that D trains more;
    - below -150, D trains too much: it falls by 0.001, down to a floor of 0.73;
    - below -1000, which only a threshold on its floor allows, the floor falls by 0.005 an epoch,
      down to 0.70 (ln 2 = 0.693 is G's loss where D can tell nothing apart).
    """

    def __init__(self):
        self.threshold, self.floor, self.count = 1.0, 0.73, 0

    def start_epoch(self) -> None:
        """To be called before each pass over the data."""
        if self.count < -1000:
            self.floor = max(self.floor - 0.005, 0.70)

    def start_batch(self) -> None:
        """To be called before the steps of each batch (the paper's code makes five)."""
        if self.count > 10:
            self.threshold, self.count = min(self.threshold + 0.01, 1.0), 0
        elif self.count < -150 and self.threshold > self.floor:
            self.threshold, self.count = max(self.threshold - 0.001, self.floor), 0

    def trains_generator(self, loss_g: float) -> bool:
        """Whether the next step is G's; it is counted."""
        turn = loss_g > self.threshold
        self.count += 1 if turn else -1
        return turn
