"""pix2pix, CycleGAN and StarGAN: shapes, the papers' rules, arguments."""

from __future__ import annotations

import numpy as np
import pytest

import tinygan
from tinygan import nn
from tinygan.autograd import grad
from tinygan.models import CycleGAN, Pix2Pix, StarGAN
from tinygan.models.pix2pix import UNet, make_patch_discriminator


def layers(net, kind):
    return [part for part in net.modules() if isinstance(part, kind)]


@pytest.mark.parametrize("skips", [True, False])
def test_pix2pix_turns_images_into_images(skips, device):
    model = Pix2Pix(16, 1, 3, width=4, width_d=4, skips=skips, strided=1)
    generator, discriminator = model.generator.to(device), model.discriminator.to(device)
    x = tinygan.randn(2, 1, 16, 16, device=device)
    y = generator(x)
    assert y.shape == (2, 3, 16, 16) and 0 < y.abs().amax().item() <= 1
    assert discriminator(y, x).shape == (2, 1, 6, 6)
    assert type(model)(**model.options).options == model.options


def test_a_u_net_has_the_papers_layers():
    net = UNet(256, 3, 3)
    down = [layer.weight.shape[0] for layer in layers(net, nn.Conv2d)]
    assert down == [64, 128, 256, 512, 512, 512, 512, 512]
    up = [layer.weight.shape[:2] for layer in layers(net, nn.ConvTranspose2d)]
    assert up == [(512, 512), (1024, 512), (1024, 512), (1024, 512), (1024, 256), (512, 128),
                  (256, 64), (128, 3)]  # fmt: skip
    assert len(layers(net, nn.Dropout)) == 3
    plain = layers(UNet(256, 3, 3, skips=False), nn.ConvTranspose2d)
    assert [layer.weight.shape[0] for layer in plain] == [512] * 5 + [256, 128, 64]


def test_a_u_net_can_end_before_one_pixel():
    net = UNet(16, 1, 1, width=4, depth=2, dropped=1)
    assert [layer.weight.shape[0] for layer in layers(net, nn.Conv2d)] == [4, 8]
    assert len(layers(net, nn.Dropout)) == 1
    assert net(tinygan.randn(1, 1, 16, 16)).shape == (1, 1, 16, 16)
    with pytest.raises(ValueError, match="depth must be from 2 to 4 for images of size 16, got 5"):
        UNet(16, 1, 1, depth=5)


def test_skips_reach_past_the_bottleneck():
    """With the features of 1x1 at zero, only the skips know the image."""
    for skips in (True, False):
        net = UNet(8, 1, 1, width=4, skips=skips).eval()
        net.up[0].requires_grad_(False)
        for p in net.up[0].parameters():
            p.data.fill_(0.0)
        first, second = (net(tinygan.randn(1, 1, 8, 8)).detach().numpy() for _ in range(2))
        assert np.array_equal(first, second) != skips


@pytest.mark.parametrize(("strided", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_patch_is_as_large_as_the_paper_says(strided, field):
    size = field + 32
    net = make_patch_discriminator(1, 2, strided, nn.InstanceNorm2d)
    for part in layers(net, nn.InstanceNorm2d):  # which sees the whole image
        part.forward = lambda x: x
    x = tinygan.randn(1, 1, size, size, requires_grad=True)
    scores = net(x)
    middle = scores.shape[2] // 2
    (gradient,) = grad(scores[0, 0, middle, middle], x)
    seen = np.abs(gradient.numpy()[0, 0]).sum(0).nonzero()[0]
    assert seen[-1] - seen[0] + 1 == field


def test_cyclegan_goes_both_ways(device):
    model = CycleGAN(1, 3, width=2, width_d=2, blocks=2, strided=1)
    for net in (model.to_a, model.to_b, model.judge_a, model.judge_b):
        net.to(device)
    a = tinygan.randn(2, 1, 16, 16, device=device)
    b = model.to_b(a)
    assert b.shape == (2, 3, 16, 16) and model.to_a(b).shape == a.shape
    assert model.judge_a(a).shape == model.judge_b(b).shape == (2, 1, 6, 6)
    assert b.abs().amax().item() <= 1


def test_stargan_has_two_heads_and_one_generator(device):
    model = StarGAN(16, 1, domains=5, width=2, width_d=2, blocks=1)
    generator, discriminator = model.generator.to(device), model.discriminator.to(device)
    x = tinygan.randn(3, 1, 16, 16, device=device)
    made = [generator(x, tinygan.tensor([k] * 3, device=device)) for k in range(5)]
    assert all(y.shape == x.shape for y in made)
    assert not np.allclose(*(y.detach().cpu().numpy() for y in made[:2]))
    score, domain = discriminator(x)
    assert score.shape == (3, 1, 2, 2) and domain.shape == (3, 5)
    assert not layers(discriminator, nn.InstanceNorm2d)  # in G only


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pix2Pix(24), "size must be a power of two from 4 on, got 24"),
        (lambda: Pix2Pix(16, 0), "channels must be positive, got 0"),
        (lambda: UNet(8, 1, 1)(tinygan.zeros(1, 1, 16, 16)), r"expected images \(n, 1, 8, 8\), go"),
        (lambda: CycleGAN(blocks=0), "blocks must be positive, got 0"),
        (lambda: StarGAN(20), "size must be a power of two from 4 on, got 20"),
        (lambda: StarGAN(domains=0), "domains must be positive, got 0"),
    ],
)
def test_sizes_that_do_not_fit_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
