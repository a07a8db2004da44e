"""Grids of images, and names that do not exist."""

from __future__ import annotations

import io

import numpy as np
import pytest
from image_files import GREY, RGB

import tinygan
from tinygan.utils import data
from tinygan.vision import datasets, transforms
from tinygan.vision.io import ImageReadMode, decode_image, read_image
from tinygan.vision.utils import make_grid, save_image

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        (transforms, "Scale", "old name: write Resize"),
        (transforms, "RandomSizedCrop", "old name: write RandomResizedCrop"),
        (transforms, "AugMix", "write transforms.Lambda"),
        (datasets, "SVHN", r"write datasets.ImageFolder\(root\), or use one of CIFAR10"),
        (transforms.functional, "affine", "functional.affine does not exist here; a picture has"),
        (data, "StackDataset", "write a class with __getitem__ and __len__, or use one of Batch"),
        (tinygan.vision, "models", "datasets, io, transforms and utils alone"),
    ],
)
def test_names_that_do_not_exist_say_what_to_write(module, name, message):
    with pytest.raises(AttributeError, match=message):
        getattr(module, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("LSUN", r"LMDB databases are not read here; .* datasets.ImageFolder\('lsun'\)"),
        ("CelebA", r"unpack img_align_celeba.zip .* datasets.ImageFolder\('celeba'\)"),
    ],
)
def test_data_sets_that_are_not_read_say_what_to_write(name, message):
    with pytest.raises(NotImplementedError, match=f"{name}: .*{message}"):
        getattr(datasets, name)("data", classes=["bedroom_train"], transform=None)


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


# Files as tensors


@pytest.mark.parametrize(
    ("picture", "mode", "expected"),
    [
        (Image.fromarray(RGB), ImageReadMode.UNCHANGED, RGB),
        (Image.fromarray(GREY), "unchanged", GREY[:, :, None]),
        (Image.fromarray(GREY), "RGB", np.repeat(GREY[:, :, None], 3, 2)),
        (Image.fromarray(GREY > 99), "unchanged", 255 * (GREY > 99).astype(np.uint8)[:, :, None]),
        (Image.fromarray(RGB).quantize(256), "unchanged", RGB),
        (Image.fromarray(np.dstack([RGB, GREY])), "unchanged", np.dstack([RGB, GREY])),
        (Image.fromarray(np.dstack([RGB, GREY])), ImageReadMode.RGB, RGB),
    ],
    ids=["RGB", "grey", "grey as RGB", "bits", "palette", "RGBA", "RGBA as RGB"],
)
def test_a_file_is_read_as_a_tensor(picture, mode, expected, tmp_path):
    path = tmp_path / "x.png"
    picture.save(path)
    data = tinygan.tensor(np.frombuffer(path.read_bytes(), np.uint8))
    for x in (read_image(path, mode), decode_image(str(path), mode), decode_image(data, mode)):
        assert x.dtype == np.uint8 and x.is_contiguous()
        assert np.array_equal(x.numpy(), expected.transpose(2, 0, 1))


def test_a_file_is_turned_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(RGB).save(tmp_path / "x.png", exif=exif)
    turned = read_image(tmp_path / "x.png", apply_exif_orientation=True).numpy()
    assert np.array_equal(turned, RGB[::-1, ::-1].transpose(2, 0, 1))
    assert np.array_equal(read_image(tmp_path / "x.png").numpy(), RGB.transpose(2, 0, 1))


def test_what_is_no_picture_of_8_bits_is_refused_by_name(tmp_path):
    deep, damaged, other = (tmp_path / name for name in ("deep.png", "damaged.png", "other.ico"))
    Image.fromarray(GREY.astype(np.uint16)).save(deep)
    damaged.write_bytes(deep.read_bytes()[:60])
    Image.fromarray(RGB).save(other, format="ICO")
    for path, why in ((deep, "not of 8 bits"), (damaged, "can be read"), (other, "can be read")):
        with pytest.raises(ValueError, match=f"read_image: .*{path.name} is no .*{why}"):
            read_image(path)
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        read_image(tmp_path / "none.png")
    with pytest.raises(ValueError, match=r"mode must be one of UNCHANGED, .*, got 'BGR'"):
        read_image(deep, "BGR")
    with pytest.raises(ValueError, match=r"decode_image: .* got float32 of shape \(2,\)"):
        decode_image(tinygan.zeros(2))
