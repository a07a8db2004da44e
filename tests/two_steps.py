"""Trains a small DCGAN for two steps with the installed package: a program, not a pytest file.

Run from an empty folder with nothing but the core dependencies, so that nothing is imported from
the checkout and nothing optional is needed.
"""

import math

from states import arrays_of

import tinygan
import tinygan.functional as F
import tinygan.kernels
from tinygan.data import BatchSampler, synthetic_digits
from tinygan.models import DCGAN
from tinygan.training import gan_step

assert "site-packages" in tinygan.__file__, f"tinygan comes from {tinygan.__file__}"
assert "site-packages" in tinygan.kernels.__path__[0], tinygan.kernels.__path__

tinygan.manual_seed(0)
model, data = DCGAN(width=8), synthetic_digits(64, seed=0)
optimizers = [
    tinygan.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))
    for net in (model.generator, model.discriminator)
]
before = arrays_of(model.generator)
for indices in BatchSampler(len(data), batch_size=32, seed=0):
    real, latent = tinygan.tensor(data.batch(indices)), model.latent(32)
    result = gan_step(
        model.generator, model.discriminator, *optimizers, F.gan_loss("non-saturating"),
        real, latent,
    ).item()  # fmt: skip
    print(result)
    assert all(math.isfinite(value) for value in result), result
after = arrays_of(model.generator)
assert all((before[name] != after[name]).any() for name in before), "a parameter did not move"
