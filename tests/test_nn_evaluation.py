"""Nets that several threads use at once: evaluation mode belongs to a thread, not to the net."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from states import arrays_of

import tinygan
import tinygan.functional as F
from tinygan import nn
from tinygan.explore import discriminator_features, outputs
from tinygan.metrics.classifier import Classifier
from tinygan.models import DCGAN
from tinygan.nn.evaluation import evaluating
from tinygan.optim import Adam
from tinygan.training import discriminator_step, generator_step, sample


def latent(rng, net):
    return tinygan.tensor(rng.normal(size=(4, 6)).astype(np.float32))


def images(rng, net):
    return rng.uniform(-1, 1, (4, 1, 28, 28)).astype(np.float32)


def spectral_generator():
    return nn.Sequential(
        nn.spectral_norm(nn.Linear(6, 5)), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3)
    )


USES = {  # name: (net, its input, what looks at it in evaluation mode)
    "sample": (spectral_generator, latent, sample),
    "outputs": (spectral_generator, latent, outputs),
    "predict": (Classifier, images, lambda net, x: np.hstack(net.predict(x))),
    "features": (lambda: DCGAN(width=4).discriminator, images, discriminator_features),
}  # fmt: skip


@pytest.mark.parametrize("name", USES)
def test_a_net_is_the_same_for_others_while_one_thread_evaluates_it(name, rng):
    make, draw, use = USES[name]
    net = make()
    x = draw(rng, net)
    expected = use(net, x)
    net[1].eval() if isinstance(net, nn.Sequential) else net.dropout.eval()
    modes, before = [part.training for part in net.modules()], arrays_of(net)
    inside, seen = threading.Event(), threading.Event()

    def pause(module, inputs):
        inside.set()
        assert seen.wait(60)

    convolution = next(part for part in net.modules() if isinstance(part, (nn.Linear, nn.Conv2d)))
    if name in ("sample", "outputs"):
        convolution = net[0]  # the wrapper: what it holds is copied before it is called
    handle = convolution.register_forward_pre_hook(pause)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(use, net, x)
        assert inside.wait(60)
        assert [part.training for part in net.modules()] == modes  # the net, in this thread
        seen.set()
        answer = future.result()
    handle.remove()
    assert [part.training for part in net.modules()] == modes
    assert np.array_equal(answer, expected)
    after = arrays_of(net)
    assert all(np.array_equal(after[key], before[key]) for key in before)


def test_many_threads_get_the_answers_that_each_gets_alone():
    model = DCGAN(width=4)
    net = model.generator
    net(model.latent(32))
    inputs = [model.latent(count) for count in (3, 7, 12, 20)]
    expected = [sample(net, x) for x in inputs]
    before = arrays_of(net)
    with ThreadPoolExecutor(4) as pool:
        jobs = [(i, pool.submit(sample, net, inputs[i], None, 5)) for i in [0, 1, 2, 3] * 8]
        for i, job in jobs:
            assert np.array_equal(job.result(), expected[i])
    after = arrays_of(net)
    assert all(np.array_equal(after[key], before[key]) for key in before)
    assert all(part.training for part in net.modules())


def test_blocks_nest_and_end_with_an_exception():
    net, other = nn.Sequential(nn.Dropout(0.5)), nn.Dropout(0.5)
    with evaluating(net):
        with pytest.raises(KeyError), evaluating(other):
            assert not net.training and not net[0].training and not other.training
            raise KeyError
        assert not net[0].training and other.training
        net.eval()  # what is set inside counts after the block
    assert not net.training and not net[0].training
    assert net.train()[0].training


def test_a_step_of_one_net_never_freezes_the_other(rng):
    """D's parameters are as they were within G's step, after it, and after one that fails."""
    model = DCGAN(width=4)
    d = model.discriminator
    frozen = d[0].weight.requires_grad_(False)
    wanted = [p.requires_grad for p in d.parameters()]
    loss, seen = F.gan_loss("non-saturating"), []
    optimizer = Adam(model.generator.parameters(), 1e-3)
    optimizer_d = Adam(d.parameters(), 1e-3)

    def watch(x):
        seen.append([p.requires_grad for p in d.parameters()])
        return x

    real, before = tinygan.tensor(images(rng, d)), frozen.array.copy()
    fake = model.generator(model.latent(4))
    discriminator_step(d, optimizer_d, loss, real, fake)
    gradients = [p.grad for p in d.parameters()]
    generator_step(d, optimizer, loss, fake, transform=watch)
    assert seen == [wanted]
    assert [p.requires_grad for p in d.parameters()] == wanted
    assert all(p.grad is g for p, g in zip(d.parameters(), gradients, strict=True))
    assert all(p.grad is not None for p in model.generator.parameters())
    assert np.array_equal(frozen.array, before)

    def fail(x):
        raise KeyError("no")

    with pytest.raises(KeyError):
        generator_step(d, optimizer, loss, model.generator(model.latent(4)), transform=fail)
    assert [p.requires_grad for p in d.parameters()] == wanted
