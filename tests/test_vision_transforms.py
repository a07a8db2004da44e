"""Transforms of images: values by formula. test_torchvision.py compares with torchvision's."""

from __future__ import annotations

import numpy as np
import pytest
from image_files import GREY, RGB, pixels, same

import tinygan
from tinygan.vision import transforms
from tinygan.vision.transforms import functional as TF

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")


# Pictures, arrays, tensors


@pytest.mark.parametrize("source", [RGB, Image.fromarray(RGB)], ids=["array", "picture"])
def test_to_tensor_divides_bytes_by_255_and_puts_channels_first(source):
    x = transforms.ToTensor()(source)
    assert same(x, RGB.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    assert x.array.flags.c_contiguous
    grey = transforms.ToTensor()(Image.fromarray(GREY))
    assert grey.shape == (1, 6, 5) and grey.numpy().max() <= 1


def test_to_tensor_keeps_other_values():
    floats = np.array([[1.5, -300.0]], np.float32)
    assert same(TF.to_tensor(floats), floats[None])
    assert same(TF.to_tensor(Image.fromarray(floats)), floats[None])
    integers = np.array([[70000, -3]], np.int32)
    assert same(TF.to_tensor(Image.fromarray(integers)), integers[None])
    deep = Image.fromarray(np.array([[7, 60000]], np.uint16))
    assert TF.to_tensor(deep).tolist() == [[[7, 60000 - 2**16]]]
    assert TF.to_tensor(Image.fromarray(np.array([[True, False]]))).tolist() == [[[1, 0]]]


def test_pil_to_tensor_keeps_bytes():
    assert same(transforms.PILToTensor()(Image.fromarray(RGB)), RGB.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (tinygan.zeros(1, 2, 2), TypeError, "to_tensor: expected a picture .*, got Tensor"),
        ([[1.0]], TypeError, "got list"),
        (np.zeros(3), ValueError, r"expected an array .*, got shape \(3,\)"),
    ],
)
def test_to_tensor_refuses_what_is_no_image(source, error, message):
    with pytest.raises(error, match=message):
        TF.to_tensor(source)


def test_a_tensor_becomes_a_picture_and_comes_back():
    x = TF.to_tensor(RGB)
    picture = transforms.ToPILImage()(x)
    assert picture.mode == "RGB" and (pixels(picture) == RGB).all()
    assert (pixels(TF.to_pil_image(RGB)) == RGB).all()
    assert TF.to_pil_image(tinygan.tensor(GREY)).mode == "L"
    assert TF.to_pil_image(np.concatenate([RGB, RGB[..., :1]], 2)).mode == "RGBA"
    assert TF.to_pil_image(RGB, "HSV").mode == "HSV"
    floats = np.array([[0.5, 1.0, -0.1]], np.float32)
    # 255 x cut to a whole number, modulo 256: 127.5 -> 127, -25.5 -> -25 -> 231.
    assert pixels(TF.to_pil_image(tinygan.tensor(floats))).tolist() == [[127, 255, 231]]
    assert (pixels(TF.to_pil_image(floats, "F")) == floats).all()


def test_every_byte_survives_the_way_to_a_tensor_and_back():
    """Rounding down is harmless: x / 255 in float32, times 255, is never below x."""
    bytes_ = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = TF.to_pil_image(TF.to_tensor(Image.fromarray(bytes_)))
    assert picture.mode == "L" and (pixels(picture) == bytes_).all()


@pytest.mark.parametrize(
    ("source", "mode", "error", "message"),
    [
        (tinygan.zeros(5, 2, 2), None, ValueError, "at most 4 channels"),
        (tinygan.zeros(2), None, ValueError, r"got \(2,\)"),
        (RGB.astype(np.int32), None, TypeError, "no picture has 3 channels of int32"),
        (RGB, "L", ValueError, "mode 'L' does not fit; expected RGB or YCbCr or HSV"),
        ("x", None, TypeError, "expected a Tensor or an array, got str"),
    ],
)
def test_to_pil_image_refuses_what_no_picture_has(source, mode, error, message):
    with pytest.raises(error, match=message):
        TF.to_pil_image(source, mode)


def test_normalize_is_one_formula_per_channel(device, rng):
    array = rng.random((2, 3, 4, 5)).astype(np.float32)
    mean, std = np.float32([0.1, 0.2, 0.3]), np.float32([0.5, 0.6, 0.7])
    x = tinygan.tensor(array, device=device)
    y = transforms.Normalize(mean.tolist(), std.tolist())(x)
    assert y.device == x.device
    expected = (array - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1)
    assert same(y.cpu(), expected) and same(x.cpu(), array)
    one = transforms.Normalize((0.5,), (0.5,))(x)
    assert same(one.cpu(), (array - np.float32(0.5)) / np.float32(0.5))
    assert TF.normalize(x, 0.1, 0.5, inplace=True) is x and x.version == 1
    assert same(x.cpu(), (array - np.float32(0.1)) / np.float32(0.5))


def test_a_gradient_flows_through_normalize():
    x = tinygan.ones(2, 1, 1, requires_grad=True)
    TF.normalize(x, [0.0, 0.5], [0.5, 0.25]).sum().backward()
    assert x.grad.tolist() == [[[2]], [[4]]]
    y = 1 * x
    assert TF.normalize(y, [0.0, 0.5], [0.5, 0.25], inplace=True) is y
    assert y.tolist() == [[[2]], [[2]]]
    y.sum().backward()
    assert x.grad.tolist() == [[[4]], [[8]]]


@pytest.mark.parametrize(
    ("x", "mean", "std", "error", "message"),
    [
        (tinygan.zeros(1, 2, 2), [0.5] * 3, [0.5], ValueError, "mean has 3 .* has 1 channels"),
        (tinygan.zeros(3, 2, 2), 0.5, [0.5, 1.0], ValueError, "std has 2 .* has 3 channels"),
        (tinygan.zeros(3, 2, 2), 0.5, [0.5, 1.0, 0.0], ValueError, "division by 0"),
        (tinygan.zeros(2, 2), 0.5, 0.5, ValueError, r"got shape \(2, 2\)"),
        (tinygan.tensor(RGB), 0.5, 0.5, TypeError, "expected a floating Tensor, got uint8"),
        (Image.fromarray(RGB), 0.5, 0.5, TypeError, r"write ToTensor\(\) first"),
    ],
)
def test_normalize_refuses(x, mean, std, error, message):
    with pytest.raises(error, match=f"normalize: .*{message}"):
        TF.normalize(x, mean, std)


# Geometry


@pytest.mark.parametrize(
    ("size", "options", "expected"),
    [
        (20, {}, (20, 24)),  # the shorter edge, 5, becomes 20; 6 becomes 24 (width, height)
        ([20], {}, (20, 24)),
        ((7, 9), {}, (9, 7)),
        (20, {"max_size": 22}, (18, 22)),  # 20 * 22 / 24 = 18.3
        (5, {}, (5, 6)),
    ],
)
def test_resize_follows_the_shorter_edge_or_a_pair(size, options, expected):
    picture = Image.fromarray(RGB)
    result = transforms.Resize(size, **options)(picture)
    assert result.size == expected
    reference = picture.resize(expected, Image.Resampling.BILINEAR)
    assert (pixels(result) == pixels(reference)).all()
    wide = transforms.Resize(size, **options)(Image.fromarray(RGB.transpose(1, 0, 2).copy()))
    assert isinstance(size, tuple) or wide.size == expected[::-1]


@pytest.mark.parametrize("mode", list(transforms.InterpolationMode))
def test_interpolation_is_pillows(mode):
    picture = Image.fromarray(RGB)
    name = {"nearest-exact": "nearest"}.get(mode.value, mode.value).upper()
    expected = pixels(picture.resize((9, 9), Image.Resampling[name]))
    assert (pixels(TF.resize(picture, (9, 9), mode)) == expected).all()
    number = Image.Resampling[name]
    assert (pixels(TF.resize(picture, (9, 9), number)) == expected).all()


@pytest.mark.parametrize(
    ("size", "options", "error", "message"),
    [
        (0, {}, ValueError, "one or two positive integers, got 0"),
        ((1, 2, 3), {}, ValueError, "one or two positive integers"),
        (2.5, {}, TypeError, r"integer or \(height, width\), got 2\.5"),
        (4, {"interpolation": "bilinear"}, TypeError, "got 'bilinear'"),
        (4, {"max_size": 4}, ValueError, "max_size is 4; expected more than size, 4"),
        ((4, 4), {"max_size": 5}, ValueError, "max_size needs a size of one number"),
    ],
)
def test_resize_refuses(size, options, error, message):
    with pytest.raises(error, match=message):
        transforms.Resize(size, **options)(Image.fromarray(RGB))


def test_what_only_pictures_can_says_where_to_write_it():
    x = TF.to_tensor(RGB)
    with pytest.raises(TypeError, match=r"resize: a Tensor .* write Resize\(...\) before ToTensor"):
        transforms.Resize(4)(x)
    with pytest.raises(TypeError, match=r"rotate: a Tensor is not supported here"):
        transforms.RandomRotation(4)(x)
    with pytest.raises(TypeError, match="resize: expected a picture of Pillow's, got ndarray"):
        transforms.Resize(4)(RGB)
    with pytest.warns(UserWarning, match="Pillow always averages"):
        TF.resize(Image.fromarray(RGB), 3, antialias=False)


def both(transform) -> tuple[np.ndarray, np.ndarray]:
    """What it makes of the same image as a picture and as a Tensor, both as bytes (h, w, c)."""
    picture = pixels(transform(Image.fromarray(RGB)))
    tensor = transform(tinygan.tensor(RGB.transpose(2, 0, 1)))
    return picture, tensor.numpy().transpose(1, 2, 0)


def shown(top, left, height, width) -> np.ndarray:
    """The rectangle of RGB, 0 outside, pixel by pixel."""
    result = np.zeros((height, width, 3), np.uint8)
    for i in range(height):
        for j in range(width):
            if 0 <= top + i < 6 and 0 <= left + j < 5:
                result[i, j] = RGB[top + i, left + j]
    return result


@pytest.mark.parametrize(
    ("size", "top", "left"),
    [((4, 3), 1, 1), (3, 2, 1), ((6, 5), 0, 0), ((9, 8), -1, -1), ((3, 9), 2, -2), ((9, 2), -1, 2)],
)
def test_center_crop(size, top, left):
    """An odd rest of 3 rows: round(1.5) = 2 above; missing rows and columns: fewer before."""
    height, width = (size, size) if isinstance(size, int) else size
    for image in both(transforms.CenterCrop(size)):
        np.testing.assert_array_equal(image, shown(top, left, height, width))


@pytest.mark.parametrize(
    "place", [(1, 2, 3, 2), (-2, -3, 4, 5), (4, 3, 6, 6), (-9, -9, 3, 3), (1, 9, 3, 3)]
)
def test_crop_is_black_outside(place):
    for image in both(lambda x: TF.crop(x, *place)):
        np.testing.assert_array_equal(image, shown(*place))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize(
    ("padding", "edges"), [(2, (2, 2, 2, 2)), ((1, 3), (1, 3, 1, 3)), ((1, 2, 3, 0), (1, 2, 3, 0))]
)
def test_pad(padding, edges, mode):
    left, top, right, bottom = edges
    widths = [(top, bottom), (left, right), (0, 0)]
    options = {"constant_values": 7} if mode == "constant" else {}
    expected = np.pad(RGB, widths, mode, **options)
    for image in both(transforms.Pad(padding, 7, mode)):
        np.testing.assert_array_equal(image, expected)


def test_pad_fills_channels_and_keeps_the_mode():
    padded = pixels(TF.pad(Image.fromarray(RGB), 1, (1, 2, 3)))
    assert padded[0, 0].tolist() == [1, 2, 3] and (padded[1:-1, 1:-1] == RGB).all()
    palette = Image.fromarray(RGB).convert("P")
    result = TF.pad(palette, 1)
    assert result.mode == "P" and result.getpalette() == palette.getpalette()
    assert TF.pad(Image.fromarray(RGB).convert("HSV"), 1).mode == "HSV"
    assert TF.pad(Image.fromarray(GREY > 99), 1).mode == "1"
    for padding, message in [(-1, "at least 0, got -1"), ((1, 2, 3), r"got \(1, 2, 3\)")]:
        with pytest.raises(ValueError, match=message):
            TF.pad(palette, padding)
    with pytest.raises(ValueError, match="padding_mode is 'wrap'"):
        TF.pad(palette, 1, 0, "wrap")
    with pytest.raises(TypeError, match=r"fill must be a number for a Tensor, got \(1, 2, 3\)"):
        TF.pad(tinygan.zeros(3, 2, 2), 1, (1, 2, 3))


def test_tensors_stay_on_their_device_and_in_their_graph(device):
    """d(sum of w * result)/dx is the same transform's, backwards: here of a border and a mirror."""
    x = tinygan.tensor(RGB.transpose(2, 0, 1) / 255.0, device=device, requires_grad=True)
    for transform, gradient in [
        (transforms.Pad(1), np.ones((6, 5))),
        (transforms.Pad((1, 0), padding_mode="edge"), np.array([[2, 1, 1, 1, 2]] * 6)),
        (transforms.CenterCrop((6, 1)), np.array([[0, 0, 1, 0, 0]] * 6)),
        (transforms.RandomHorizontalFlip(1), np.ones((6, 5))),
        (transforms.Normalize([0.5], [0.25]), np.full((6, 5), 4)),
        (transforms.Grayscale(), np.array([0.2989, 0.587, 0.114])[:, None, None]),
    ]:
        y = transform(x)
        assert y.device == x.device
        (found,) = tinygan.grad(y.sum(), x)
        assert np.array_equal(found.cpu().numpy(), np.broadcast_to(gradient, (3, 6, 5)))


def test_flips_and_the_sizes_of_images():
    for image in both(TF.hflip):
        np.testing.assert_array_equal(image, RGB[:, ::-1])
    for image in both(TF.vflip):
        np.testing.assert_array_equal(image, RGB[::-1])
    for image in (Image.fromarray(RGB), tinygan.zeros(2, 3, 6, 5)):
        assert TF.get_dimensions(image) == [3, 6, 5] and TF.get_image_size(image) == [5, 6]
    assert TF.get_image_num_channels(tinygan.zeros(6, 5)) == 1
    with pytest.raises(TypeError, match="expected a picture of Pillow's or a Tensor, got ndarray"):
        TF.hflip(RGB)


def test_rotate_is_counter_clockwise():
    square = Image.fromarray(np.ascontiguousarray(RGB[:5, :5]))
    assert (pixels(TF.rotate(square, 90)) == np.rot90(RGB[:5, :5])).all()
    large = TF.rotate(square, 45, expand=True, fill=[1, 2, 3])
    assert large.width > 5 and pixels(large)[0, 0].tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="fill has 2 numbers; the picture has 3 bands"):
        TF.rotate(square, 45, fill=[1, 2])
