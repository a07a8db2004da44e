"""Transforms of colours, and those that choose at random."""

from __future__ import annotations

import numpy as np
import pytest
from image_files import RGB, pixels

import tinygan
from tinygan.vision import transforms
from tinygan.vision.transforms import functional as TF

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")


# Colours


def test_grey():
    picture = Image.fromarray(RGB)
    grey = pixels(transforms.Grayscale()(picture))
    exact = RGB @ np.array([0.299, 0.587, 0.114])
    assert abs(grey - exact).max() <= 0.51  # rounded, from weights in 16 bits
    three = transforms.Grayscale(3)(picture)
    assert three.mode == "RGB" and (pixels(three) == grey[:, :, None]).all()
    x = TF.rgb_to_grayscale(TF.to_tensor(RGB), 3)
    expected = RGB / 255 @ np.array([0.2989, 0.587, 0.114])
    np.testing.assert_allclose(x.numpy(), np.stack([expected] * 3), rtol=1e-6)  # float32
    with pytest.raises(ValueError, match="num_output_channels is 2, not 1 or 3"):
        TF.to_grayscale(picture, 2)
    with pytest.raises(ValueError, match=r"\(\.\.\., 1 or 3, h, w\), got \(2, 4, 4\)"):
        TF.rgb_to_grayscale(tinygan.zeros(2, 4, 4))


def test_factors_of_brightness_contrast_saturation_and_hue():
    picture = Image.fromarray(RGB)
    for adjust in (TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation):
        assert (pixels(adjust(picture, 1.0)) == RGB).all()
        with pytest.raises(ValueError, match="the factor is -1"):
            adjust(picture, -1)
    assert (pixels(TF.adjust_brightness(picture, 0.5)) == RGB // 2).all()
    assert np.ptp(pixels(TF.adjust_contrast(picture, 0))) == 0
    assert np.ptp(pixels(TF.adjust_saturation(picture, 0)), 2).max() == 0
    red = Image.new("RGB", (1, 1), (200, 0, 0))
    # A third of the circle, 85 of 255 steps, turns red to green.
    assert pixels(TF.adjust_hue(red, 1 / 3)).tolist() == [[[0, 200, 0]]]
    assert TF.adjust_hue(picture.convert("L"), 0.3).mode == "L"
    with pytest.raises(ValueError, match=r"hue_factor is 0\.6"):
        TF.adjust_hue(picture, 0.6)


# Chance


def test_flips_come_with_their_probability():
    picture = Image.fromarray(RGB)
    for make, flipped in [
        (transforms.RandomHorizontalFlip, RGB[:, ::-1]), (transforms.RandomVerticalFlip, RGB[::-1]),
    ]:  # fmt: skip
        assert (pixels(make(1.0)(picture)) == flipped).all()
        assert (pixels(make(0)(picture)) == RGB).all()
        count = sum((pixels(make()(picture)) == flipped).all() for _ in range(400))
        assert abs(count - 200) < 50  # 5 standard deviations of 10
        with pytest.raises(ValueError, match=f"{make.__name__}: p is 2"):
            make(2)


def test_random_crops_reach_every_place_alike():
    """4 x 3 places of a (3, 3) in a (6, 5): 600 draws are 50 each, 6.8 is their deviation."""
    crop = transforms.RandomCrop(3)
    counts: dict = {}
    for _ in range(600):
        image = pixels(crop(Image.fromarray(RGB))).tobytes()
        counts[image] = counts.get(image, 0) + 1
    expected = {RGB[i : i + 3, j : j + 3].tobytes() for i in range(4) for j in range(3)}
    assert set(counts) == expected and all(abs(n - 50) < 35 for n in counts.values())


def test_random_crops_pad_first_or_refuse():
    assert transforms.RandomCrop((6, 5))(Image.fromarray(RGB)).size == (5, 6)
    assert transforms.RandomCrop((9, 8), padding=2)(tinygan.zeros(3, 6, 5)).shape == (3, 9, 8)
    needed = transforms.RandomCrop((9, 4), pad_if_needed=True, fill=9)
    assert (pixels(needed(Image.fromarray(RGB))) == 9).any()
    with pytest.raises(ValueError, match=r"the image has 6 x 5 pixels; size is \(7, 2\)"):
        transforms.RandomCrop((7, 2))(Image.fromarray(RGB))


def test_random_resized_crops_keep_to_their_ranges():
    large = Image.new("L", (200, 100))
    for _ in range(200):
        top, left, height, width = transforms.RandomResizedCrop.get_params(
            large, (0.1, 0.3), (0.5, 2)
        )
        assert 0 <= top <= 100 - height and 0 <= left <= 200 - width
        # Whole pixels: each edge of at least 31 is rounded by at most half a pixel.
        assert 0.1 * 0.96 < height * width / 20000 < 0.3 * 1.04
        assert 0.5 * 0.96 < width / height < 2 * 1.04
    # No part of a picture of 200 x 100 has twice its area: the middle, as wide as 4 / 3 allows.
    middle = transforms.RandomResizedCrop.get_params(large, (2, 2), (0.75, 4 / 3))
    assert middle == (0, 33, 100, 133)
    assert transforms.RandomResizedCrop((7, 9))(large).size == (9, 7)
    with pytest.raises(ValueError, match=r"scale is \(0\.5, 0\.2\)"):
        transforms.RandomResizedCrop(8, (0.5, 0.2))


def test_angles_and_colours_stay_in_their_ranges():
    angles = [transforms.RandomRotation.get_params([-10, 30]) for _ in range(300)]
    assert -10 <= min(angles) < -5 and 25 < max(angles) <= 30
    assert transforms.RandomRotation(5).degrees == [-5, 5]
    assert transforms.RandomRotation(180)(Image.fromarray(RGB)).size == (5, 6)
    jitter = transforms.ColorJitter(0.5, (0.2, 0.9), 2, 0.1)
    limits = [jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue]
    assert limits == [(0.5, 1.5), (0.2, 0.9), (0, 3), (-0.1, 0.1)]
    images = {pixels(jitter(Image.fromarray(RGB))).tobytes() for _ in range(5)}
    assert len(images) == 5
    assert (pixels(transforms.ColorJitter()(Image.fromarray(RGB))) == RGB).all()
    with pytest.raises(ValueError, match=r"hue goes from -0\.7 to 0\.7; expected within -0\.5"):
        transforms.ColorJitter(hue=0.7)


def test_chance_repeats_with_the_seed():
    transform = transforms.Compose([
        transforms.RandomCrop(4, padding=1), transforms.RandomHorizontalFlip(),
        transforms.RandomApply([transforms.RandomRotation(90)], 0.5),
        transforms.RandomGrayscale(0.5), transforms.RandomResizedCrop(5),
        transforms.ColorJitter(0.5), transforms.ToTensor(),
    ])  # fmt: skip
    runs = []
    for seed in (3, 3, 4):
        tinygan.manual_seed(seed)
        runs.append([transform(Image.fromarray(RGB)).tolist() for _ in range(3)])
    assert runs[0] == runs[1] != runs[2]


def test_chains_and_what_they_print():
    chain = transforms.Compose(
        [transforms.Lambda(lambda image: image.convert("L")), transforms.ToTensor(),
         transforms.Normalize((0.5,), (0.5,))]
    )  # fmt: skip
    assert chain(Image.fromarray(RGB)).shape == (1, 6, 5) and len(chain.transforms) == 3
    assert "Normalize(mean=(0.5,), std=(0.5,), inplace=False)\n" in repr(chain)
    with pytest.raises(TypeError, match="Lambda: expected a function, got int"):
        transforms.Lambda(3)
