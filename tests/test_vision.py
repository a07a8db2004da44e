"""Transforms, grids and data sets under torchvision's names; values pinned by formula."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import tinygan
from tinygan.vision import transforms as T
from tinygan.vision.utils import make_grid, save_image


@pytest.fixture
def colours(rng):
    """Pixels (5, 7, 3) and their picture."""
    pixels = rng.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    return pixels, Image.fromarray(pixels)


def planes(pixels):
    """A tensor (c, h, w) with the values of (h, w, c)."""
    return tinygan.tensor(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


# Between pictures and tensors


def test_to_tensor_divides_bytes_by_255(colours):
    pixels, picture = colours
    expected = pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    for image in (picture, pixels):
        x = T.ToTensor()(image)
        assert x.dtype == np.float32
        assert np.array_equal(x.numpy(), expected)
        assert x.is_leaf and x.array.flags.c_contiguous
    grey = T.ToTensor()(picture.convert("L"))
    assert grey.shape == (1, 5, 7)
    assert np.array_equal(grey.numpy()[0], np.asarray(picture.convert("L")) / np.float32(255))
    black_and_white = T.ToTensor()(Image.fromarray(pixels[..., 0]).convert("1"))
    assert set(np.unique(black_and_white.numpy())) == {0.0, 1.0}


def test_to_tensor_keeps_other_dtypes_and_copies():
    x = np.array([[-1.5, 300.0]])
    result = T.ToTensor()(x)
    assert (result.dtype, result.tolist()) == (np.float64, [[[-1.5, 300.0]]])
    x[:] = 0
    assert result.tolist() == [[[-1.5, 300.0]]]
    integers = T.ToTensor()(Image.fromarray(np.array([[70000, -2]], np.int32)))
    assert (integers.dtype, integers.tolist()) == (np.int32, [[[70000, -2]]])


def test_to_tensor_refuses_other_things():
    with pytest.raises(TypeError, match="expected a PIL image or a NumPy array, got Tensor"):
        T.ToTensor()(tinygan.zeros(3, 2, 2))
    with pytest.raises(ValueError, match=r"expected an array \(h, w, c\) or \(h, w\), got \(4,\)"):
        T.ToTensor()(np.zeros(4))


def test_every_byte_survives_the_way_to_a_tensor_and_back():
    """Rounding down is harmless: x / 255 in float32, times 255, is never below x."""
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = T.ToPILImage()(T.ToTensor()(Image.fromarray(pixels)))
    assert picture.mode == "L"
    assert np.array_equal(np.asarray(picture), pixels)


@pytest.mark.parametrize(
    ("shape", "dtype", "mode"),
    [
        ((4, 3), np.uint8, "L"), ((4, 3, 1), np.uint8, "L"), ((4, 3, 2), np.uint8, "LA"),
        ((4, 3, 3), np.uint8, "RGB"), ((4, 3, 4), np.uint8, "RGBA"), ((4, 3), np.int32, "I"),
        ((4, 3), np.int16, "I;16"), ((4, 3), np.float32, "F"),
    ],
)  # fmt: skip
def test_arrays_as_pictures(shape, dtype, mode, rng):
    pixels = rng.integers(0, 100, shape).astype(dtype)
    picture = T.ToPILImage()(pixels)
    assert (picture.mode, picture.size) == (mode, (3, 4))
    assert np.array_equal(np.asarray(picture).reshape(shape), pixels)


def test_tensors_as_pictures(colours):
    pixels, picture = colours
    assert np.array_equal(np.asarray(T.ToPILImage()(planes(pixels))), pixels)
    assert np.asarray(T.ToPILImage()(tinygan.full((1, 1, 1), 0.5)))[0, 0] == 127  # rounded down
    assert T.ToPILImage("YCbCr")(planes(pixels)).mode == "YCbCr"
    assert np.asarray(T.ToPILImage("F")(tinygan.full((1, 2), 0.5))).tolist() == [[0.5, 0.5]]
    with pytest.raises(ValueError, match=re.escape("mode 'L' does not belong to 3 channel(s)")):
        T.ToPILImage("L")(planes(pixels))
    with pytest.raises(ValueError, match="expected 1 to 4 channels, got 5"):
        T.ToPILImage()(tinygan.zeros(5, 2, 2))
    with pytest.raises(ValueError, match="expected 2 or 3 dimensions, got 4"):
        T.ToPILImage()(tinygan.zeros(1, 1, 2, 2))
    with pytest.raises(TypeError, match="no mode for 3"):
        T.ToPILImage()(np.zeros((2, 2, 3)))
    with pytest.raises(TypeError, match="expected a Tensor or a NumPy array, got Image"):
        T.ToPILImage()(picture)


def test_normalize(rng, device):
    x = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    mean, std = np.float32([0.1, 0.2, 0.3]), np.float32([0.5, 2, 0.7])
    expected = (x - mean[:, None, None]) / std[:, None, None]
    ours = tinygan.tensor(x, device=device)
    result = T.Normalize(mean.tolist(), std.tolist())(ours)
    assert np.array_equal(result.cpu().numpy(), expected)
    assert np.array_equal(ours.cpu().numpy(), x)
    assert T.Normalize(mean, std, inplace=True)(ours[0]) is not None
    assert np.array_equal(ours[0].cpu().numpy(), expected[0])
    one = T.Normalize((0.5,), (0.5,))(tinygan.full((3, 2, 2), 0.75, device=device))
    assert one.cpu().tolist() == tinygan.full((3, 2, 2), 0.5).tolist()


@pytest.mark.parametrize(
    ("arguments", "image", "error", "message"),
    [
        (([0.5], [0.5]), np.zeros((1, 2, 2)), TypeError, "got ndarray; put ToTensor before it"),
        (([0.5], [0.5]), tinygan.zeros(1, 2, 2).long(), TypeError, "floating tensor, got int64"),
        (([0.5], [0.5]), tinygan.zeros(2, 2), ValueError, r"\(..., c, h, w\), got \(2, 2\)"),
        (([0.5] * 3, [0.5] * 3), tinygan.zeros(1, 2, 2), ValueError, "3 numbers .* 1 channel"),
        (([0.5], [0.0]), tinygan.zeros(1, 2, 2), ValueError, "std must not be 0"),
    ],
)
def test_normalize_refuses(arguments, image, error, message):
    with pytest.raises(error, match=message):
        T.Normalize(*arguments)(image)


def test_grayscale(colours):
    pixels, picture = colours
    assert np.array_equal(np.asarray(T.Grayscale()(picture)), np.asarray(picture.convert("L")))
    three = np.asarray(T.Grayscale(3)(picture))
    assert np.array_equal(three, np.asarray(picture.convert("L"))[..., None].repeat(3, -1))
    red, green, blue = (pixels[..., i].astype(np.float32) for i in range(3))
    grey = 0.2989 * red + 0.587 * green + 0.114 * blue
    ours = T.Grayscale(3)(planes(pixels).float())
    assert ours.shape == (3, 5, 7)
    # three products of up to 150, two roundings each
    np.testing.assert_allclose(ours[1].numpy(), grey, rtol=3e-7, atol=0)
    assert T.Grayscale()(planes(pixels)).dtype == np.uint8
    with pytest.raises(ValueError, match="num_output_channels must be 1 or 3, got 2"):
        T.Grayscale(2)


def test_compose_and_lambda(colours):
    _, picture = colours
    both = T.Compose([T.ToTensor(), T.Lambda(lambda x: x * 2 - 1)])
    assert np.array_equal(both(picture).numpy(), (T.ToTensor()(picture) * 2 - 1).numpy())
    assert repr(T.Compose([T.ToTensor()])) == "Compose(\n    ToTensor()\n)"
    with pytest.raises(TypeError, match="lambd must be a function, got int"):
        T.Lambda(3)


# Sizes and places


@pytest.mark.parametrize(
    ("size", "options", "expected"),  # width and height; the picture is 7 wide and 5 high
    [
        (10, {}, (14, 10)), (4, {}, (5, 4)), ((4, 9), {}, (9, 4)), ([5], {}, (7, 5)),
        (10, dict(max_size=12), (12, 8)),
    ],
)  # fmt: skip
def test_resize_chooses_the_size(size, options, expected, colours):
    _, picture = colours
    assert T.Resize(size, **options)(picture).size == expected
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    if isinstance(size, int):
        assert T.Resize(size, **options)(turned).size == expected[::-1]


def test_resize_interpolates_as_pillow_does(colours):
    _, picture = colours
    bilinear = picture.resize((6, 9), Image.Resampling.BILINEAR)
    assert np.array_equal(np.asarray(T.Resize((9, 6))(picture)), np.asarray(bilinear))
    for mode, constant in (("BICUBIC", "BICUBIC"), ("NEAREST_EXACT", "NEAREST")):
        expected = np.asarray(picture.resize((6, 9), Image.Resampling[constant]))
        for how in (T.InterpolationMode[mode], Image.Resampling[constant]):
            assert np.array_equal(np.asarray(T.Resize((9, 6), how)(picture)), expected)


def test_resize_refuses():
    with pytest.raises(TypeError, match="got Tensor; put Resize before ToTensor"):
        T.Resize(4)(tinygan.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="one or two positive integers, got 0"):
        T.Resize(0)
    with pytest.raises(ValueError, match="max_size must be above size, one integer; got 4 and 4"):
        T.Resize(4, max_size=4)


def both(transform, pixels):
    """What the transform makes of a picture and of a tensor, both as (h, w, c)."""
    tinygan.manual_seed(3)
    picture = np.asarray(transform(Image.fromarray(pixels)))
    tinygan.manual_seed(3)
    return picture, transform(planes(pixels)).numpy().transpose(1, 2, 0)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_pad(mode, colours):
    pixels, _ = colours
    options = {"constant_values": 9} if mode == "constant" else {}
    widths = {2: ((2, 2), (2, 2)), (1, 3): ((3, 3), (1, 1)), (1, 2, 3, 4): ((2, 4), (1, 3))}
    for padding, borders in widths.items():
        expected = np.pad(pixels, (*borders, (0, 0)), mode, **options)
        for result in both(T.Pad(padding, 9, mode), pixels):
            assert np.array_equal(result, expected)


def test_tensors_stay_on_their_device_and_in_their_graph(colours, device):
    """d(sum of w * result)/dx is the same transform's, backwards: here of a border and a mirror."""
    pixels, _ = colours
    x = tinygan.tensor(pixels.transpose(2, 0, 1) / 255.0, device=device, requires_grad=True)
    for transform, gradient in [
        (T.Pad(1), np.ones((5, 7))),
        (T.Pad((1, 0), padding_mode="edge"), np.array([[2, 1, 1, 1, 1, 1, 2]] * 5)),
        (T.CenterCrop((5, 1)), np.array([[0, 0, 0, 1, 0, 0, 0]] * 5)),
        (T.RandomHorizontalFlip(1), np.ones((5, 7))),
        (T.Normalize([0.5], [0.25]), np.full((5, 7), 4)),
        (T.Grayscale(), np.array([0.2989, 0.587, 0.114])[:, None, None]),
    ]:
        y = transform(x)
        assert y.device == x.device
        (found,) = tinygan.grad(y.sum(), x)
        assert np.array_equal(found.cpu().numpy(), np.broadcast_to(gradient, (3, 5, 7)))


def test_pad_keeps_mode_and_palette(colours):
    _, picture = colours
    for mode in ("L", "P", "LA", "RGBA", "HSV"):
        converted = picture.convert(mode) if mode != "LA" else picture.convert("L").convert("LA")
        for padding_mode in ("constant", "edge"):
            padded = T.Pad(1, padding_mode=padding_mode)(converted)
            assert padded.mode == mode
            inner = padded.crop((1, 1, 8, 6))
            assert np.array_equal(
                np.asarray(inner.convert("RGB")), np.asarray(converted.convert("RGB"))
            )
    coloured = np.asarray(T.Pad(1, fill=(1, 2, 3))(picture))
    assert coloured[0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1, 2, 3),), "one, two or four integers of 0 or more"),
        ((-1,), "one, two or four integers of 0 or more, got -1"),
        ((1, 0, "wrap"), "padding_mode must be .* got 'wrap'"),
    ],
)
def test_pad_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        T.Pad(*arguments)


def test_center_crop(colours):
    pixels, _ = colours
    for result in both(T.CenterCrop((3, 4)), pixels):
        # (7 - 4) / 2 = 1.5 is rounded to the even 2
        assert np.array_equal(result, pixels[1:4, 2:6])
    for result in both(T.CenterCrop((2, 5)), pixels):  # and (5 - 2) / 2 too
        assert np.array_equal(result, pixels[2:4, 1:6])
    for result in both(T.CenterCrop(8), pixels):  # 1 above, 2 below; 0 at the left, 1 at the right
        assert np.array_equal(result, np.pad(pixels, ((1, 2), (0, 1), (0, 0))))
    for result in both(T.CenterCrop([4]), pixels):
        assert result.shape == (4, 4, 3)
    with pytest.raises(ValueError, match="CenterCrop: size must be one or two positive"):
        T.CenterCrop((1, 2, 3))


def test_random_crop_takes_every_place(colours):
    pixels, picture = colours
    places = {
        (top, left): pixels[top : top + 4, left : left + 5] for top in (0, 1) for left in (0, 1, 2)
    }
    seen = set()
    for _ in range(100):  # one of 6 places is missed with a probability of 6 (5/6)^100 < 1e-7
        result = np.asarray(T.RandomCrop((4, 5))(picture))
        (place,) = (key for key, part in places.items() if np.array_equal(part, result))
        seen.add(place)
    assert seen == set(places)
    one, other = both(T.RandomCrop((4, 5)), pixels)
    assert np.array_equal(one, other)  # the same seed, the same place


def test_random_crop_pads(colours):
    pixels, picture = colours
    for result in both(T.RandomCrop(9, pad_if_needed=True, fill=7), pixels):
        assert result.shape == (9, 9, 3)
        assert (result == 7).any()
    whole = T.RandomCrop((7, 9), padding=1, padding_mode="reflect")(picture)
    assert np.array_equal(np.asarray(whole), np.pad(pixels, ((1, 1), (1, 1), (0, 0)), "reflect"))
    with pytest.raises(ValueError, match=r"the image is 5 x 7, smaller than \(6, 6\)"):
        T.RandomCrop(6)(picture)


def test_random_horizontal_flip(colours):
    pixels, picture = colours
    for result in both(T.RandomHorizontalFlip(1.0), pixels):
        assert np.array_equal(result, pixels[:, ::-1])
    for result in both(T.RandomHorizontalFlip(0), pixels):
        assert np.array_equal(result, pixels)
    flip = T.RandomHorizontalFlip(0.2)
    count = sum(flip(picture) is not picture for _ in range(400))
    assert 32 <= count <= 128  # 80 expected; six standard deviations of 8
    with pytest.raises(ValueError, match="p must be from 0 to 1, got 2"):
        T.RandomHorizontalFlip(2)
    with pytest.raises(TypeError, match="expected a PIL image or a Tensor, got ndarray"):
        flip(pixels)
    with pytest.raises(ValueError, match=r"expected a tensor \(..., c, h, w\), got \(2, 2\)"):
        flip(tinygan.zeros(2, 2))


def test_without_pillow_a_sentence_says_what_to_install():
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "import tinygan\n"
        "from tinygan.vision import transforms as T\n"
        "print(T.CenterCrop(2)(tinygan.zeros(1, 4, 4)).shape)\n"
        "try:\n    T.ToPILImage()(tinygan.zeros(1, 2, 2))\n"
        "except ImportError as error:\n    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == (
        "(1, 2, 2)\nToPILImage needs Pillow: pip install pillow\n"
    ), result.stderr


# Grids and files


def test_grid_places_images_row_by_row(rng, device):
    images = rng.standard_normal((5, 3, 2, 4)).astype(np.float32)
    grid = make_grid(tinygan.tensor(images, device=device), nrow=3, padding=1, pad_value=0.5)
    assert grid.device == tinygan.zeros(1, device=device).device
    assert (grid.shape, grid.dtype) == ((3, 2 * (2 + 1) + 1, 3 * (4 + 1) + 1), np.float32)
    expected = np.full(grid.shape, 0.5, np.float32)
    for i in range(5):
        expected[:, i // 3 * 3 + 1 :, i % 3 * 5 + 1 :][:, :2, :4] = images[i]
    assert np.array_equal(grid.cpu().numpy(), expected)


def test_grid_of_other_shapes(rng):
    images = rng.standard_normal((3, 1, 2, 4)).astype(np.float32)
    grid = make_grid(tinygan.tensor(images))
    assert grid.shape == (3, 2 + 2 * 2, 3 * (4 + 2) + 2)  # not 8 columns: as many as there are
    for channel in grid.numpy():
        assert np.array_equal(channel[2:4, 14:18], images[2, 0])
    listed = make_grid([tinygan.tensor(image) for image in images])
    assert np.array_equal(listed.numpy(), grid.numpy())
    for one in (images[0], images[0, 0], images[:1]):  # no border
        assert np.array_equal(make_grid(tinygan.tensor(one)).numpy(), images[0].repeat(3, 0))
    x = tinygan.tensor(images[:1].repeat(3, 1), requires_grad=True)
    make_grid(x)[:] = 0  # a copy, without a graph
    assert np.array_equal(x.detach().numpy()[0], images[0].repeat(3, 0))


def test_grid_normalizes(rng, device):
    images = rng.standard_normal((2, 3, 4, 4))
    x = tinygan.tensor(images, device=device)

    def inner(**options):
        grid = make_grid(x, padding=0, normalize=True, **options).cpu().numpy()
        return np.stack([grid[:, :, :4], grid[:, :, 4:]])

    low, high = images.min(), images.max()
    assert np.array_equal(inner(), (images - low) / (high - low))
    low, high = (f(images, (1, 2, 3), keepdims=True) for f in (np.min, np.max))
    assert np.array_equal(inner(scale_each=True), (images - low) / (high - low))
    assert np.array_equal(inner(value_range=(-1, 0.5)), (images.clip(-1, 0.5) + 1) / 1.5)
    assert np.array_equal(x.cpu().numpy(), images)
    constant = make_grid(tinygan.ones(2, 3, 1, 1), padding=0, normalize=True)
    assert not constant.numpy().any()  # 0 / 1e-5, not 0 / 0


@pytest.mark.parametrize(
    ("images", "options", "error", "message"),
    [
        (np.zeros((1, 2, 2)), {}, TypeError, "expected a Tensor or a list of them, got ndarray"),
        (tinygan.zeros(3), {}, ValueError, r"\(c, h, w\) or \(h, w\), got \(3,\)"),
        (tinygan.zeros(0, 3, 2, 2), {}, ValueError, "n >= 1"),
        ([tinygan.zeros(2, 2), tinygan.zeros(2, 3)], {}, ValueError, "images of one shape"),
        (tinygan.zeros(2, 3, 2, 2), dict(nrow=0), ValueError, "nrow must be 1 or more"),
        (
            tinygan.zeros(2, 3, 2, 2).long(), dict(normalize=True), TypeError,
            "normalize needs floating images, got int64",
        ),
        (
            tinygan.zeros(2, 3, 2, 2), dict(normalize=True, value_range=[0, 1]), TypeError,
            r"value_range must be a tuple \(low, high\), got \[0, 1\]",
        ),
    ],
)  # fmt: skip
def test_grid_refuses(images, options, error, message):
    with pytest.raises(error, match=message):
        make_grid(images, **options)


def test_save_image_rounds_to_the_nearest_byte(tmp_path):
    shades = np.array([[-1, 0, 0.49 / 255, 0.51 / 255], [0.5, 254.4 / 255, 7, np.nan]], np.float32)
    expected = np.array([[0, 0, 0, 1], [128, 254, 255, 0]])  # 127.5 becomes 128
    save_image(tinygan.tensor(shades), tmp_path / "image.png")
    with Image.open(tmp_path / "image.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(picture), expected[..., None].repeat(3, -1))


def test_save_image_writes_the_grid_in_a_format(rng):
    images = tinygan.tensor(rng.uniform(-1, 1, (5, 3, 2, 4)).astype(np.float32))
    options = dict(nrow=2, normalize=True, value_range=(-1, 1), pad_value=1)
    file = io.BytesIO()
    save_image(list(images), file, "BMP", **options)
    grid = make_grid(images, **options).numpy()
    with Image.open(file) as picture:
        assert picture.format == "BMP"
        pixels = np.asarray(picture).transpose(2, 0, 1)
    assert np.array_equal(pixels, np.floor(grid * np.float32(255) + np.float32(0.5)))
    with pytest.raises(TypeError, match="expected floating images, from 0 to 1, got uint8"):
        save_image(tinygan.zeros(2, 2, dtype="uint8"), file, "BMP")
