"""Pictures from a folder, what a Dataset accepts, and choosing a data set by name."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tinygan.data import (
    DataFormatError,
    Dataset,
    DataUnavailableError,
    image_folder,
    load_dataset,
    pair_folder,
    synthetic_digits,
)

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")


def save(path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def random_pixels(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


# --- pair_folder -----------------------------------------------------------------------------


def test_pairs_are_the_halves_of_pictures(tmp_path):
    """Of 17 pixels the one in the middle belongs to no half."""
    pixels = random_pixels(0, 8, 17, 3)
    save(tmp_path / "pairs" / "a.png", pixels)
    save(tmp_path / "pairs" / "b.png", np.full((8, 17, 3), 200, np.uint8))
    both = pair_folder(tmp_path / "pairs", size=8)
    assert both.images.shape == (2, 6, 8, 8) and both.labels is None and both.name == "pairs"
    np.testing.assert_array_equal(both.images[0, :3], pixels[:, :8].transpose(2, 0, 1))
    np.testing.assert_array_equal(both.images[0, 3:], pixels[:, 9:].transpose(2, 0, 1))
    assert pair_folder(tmp_path / "pairs", 4, channels=1).images.shape == (2, 2, 4, 4)


def test_a_picture_that_shows_one_thing_is_no_pair(tmp_path):
    save(tmp_path / "a.png", random_pixels(0, 8, 16, 3))
    save(tmp_path / "b.png", random_pixels(0, 8, 8, 3))
    with pytest.raises(DataFormatError, match=r"b.png: .*8 x 8 pixels; expected two pictures side"):
        pair_folder(tmp_path, 8)
    kept = pair_folder(tmp_path, 8, skip_unreadable=True)
    assert len(kept) == 1 and "b.png" in kept.skipped[0]


# --- image_folder -----------------------------------------------------------------------------


def test_pictures_come_in_the_order_of_their_paths(tmp_path):
    names = ["b/a.PNG", "a.bmp", "a/z.png", "a/y/c.png"]
    pixels = {name: random_pixels(seed, 8, 8, 3) for seed, name in enumerate(names)}
    for name in names:
        save(tmp_path / "faces" / name, pixels[name])
    (tmp_path / "faces" / "notes.txt").write_text("no picture")
    (tmp_path / "faces" / "folder.png").mkdir()
    faces = image_folder(tmp_path / "faces", size=8)
    assert (faces.name, faces.labels, faces.images.shape) == ("faces", None, (4, 3, 8, 8))
    for image, name in zip(faces.images, ["a.bmp", "a/y/c.png", "a/z.png", "b/a.PNG"], strict=True):
        np.testing.assert_array_equal(image, pixels[name].transpose(2, 0, 1))


def test_sub_folders_are_classes(tmp_path):
    for name in ["dogs/b.png", "Zebras/1.png", "dogs/puppies/a.png", "cats/2.png", "cats/3.png"]:
        save(tmp_path / name, random_pixels(len(name), 8, 8))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "1.txt").write_text("no picture")
    found = image_folder(tmp_path, size=8)
    # In the order of their paths; classes in the order of their names: Zebras, cats, dogs.
    assert found.labels is not None
    assert (found.labels.dtype, found.labels.tolist()) == (np.int64, [0, 1, 1, 2, 2])


def test_one_sub_folder_or_a_picture_beside_them_makes_no_classes(tmp_path):
    save(tmp_path / "cats" / "1.png", random_pixels(1, 8, 8))
    save(tmp_path / "cats" / "more" / "2.png", random_pixels(2, 8, 8))
    assert image_folder(tmp_path, size=8).labels is None
    save(tmp_path / "dogs" / "3.png", random_pixels(3, 8, 8))
    labels = image_folder(tmp_path, size=8).labels
    assert labels is not None
    assert labels.tolist() == [0, 0, 1]
    save(tmp_path / "4.png", random_pixels(4, 8, 8))
    assert image_folder(tmp_path, size=8).labels is None


@pytest.mark.parametrize("ending", ["jpg", "jpeg", "webp", "gif"])
def test_every_ending_is_read(tmp_path, ending):
    save(tmp_path / f"a.{ending}", np.full((12, 12), 128, np.uint8))
    found = image_folder(tmp_path, size=6, channels=1).images
    assert found.shape == (1, 1, 6, 6)
    assert np.abs(found.astype(int) - 128).max() <= 4


@pytest.mark.parametrize("upright", [False, True])
def test_the_longer_side_is_cropped_at_the_centre(tmp_path, upright):
    bands = np.zeros((20, 60), np.uint8)
    bands[:, 20:40] = 200
    save(tmp_path / "a.png", bands.T if upright else bands)
    np.testing.assert_array_equal(image_folder(tmp_path, size=20, channels=1).images, 200)


def test_shrinking_averages_instead_of_skipping_pixels(tmp_path):
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    save(tmp_path / "a.png", board.astype(np.uint8))
    found = image_folder(tmp_path, size=8, channels=1).images.astype(int)
    assert np.abs(found - 127).max() <= 8


def test_colour_becomes_grey_and_grey_becomes_colour(tmp_path):
    save(tmp_path / "a.png", np.full((4, 4, 3), (255, 0, 0), np.uint8))
    save(tmp_path / "b.png", np.full((4, 4), 90, np.uint8))
    grey = image_folder(tmp_path, size=4, channels=1).images
    assert np.unique(grey[0]).tolist() == [76]  # 0.299 * 255
    colour = image_folder(tmp_path, size=4, channels=3).images
    assert colour[:, :, 0, 0].tolist() == [[255, 0, 0], [90, 90, 90]]


def test_transparent_pixels_become_white(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2] = (10, 20, 30, 255)
    save(tmp_path / "a.png", pixels)
    found = image_folder(tmp_path, size=4).images[0]
    assert found[:, 0, 0].tolist() == [10, 20, 30]
    assert found[:, 3, 0].tolist() == [255, 255, 255]


def test_a_note_that_the_picture_lies_on_its_side_is_followed(tmp_path):
    pixels = random_pixels(5, 6, 6)
    note = Image.Exif()
    note[0x0112] = 6  # shown after a quarter turn clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=note)
    found = image_folder(tmp_path, size=6, channels=1).images[0, 0]
    np.testing.assert_array_equal(found, np.rot90(pixels, -1))


def test_the_first_frame_of_a_moving_picture_is_taken(tmp_path):
    frames = [Image.fromarray(np.full((5, 5), value, np.uint8)) for value in (40, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(image_folder(tmp_path, size=5, channels=1).images, 40)


def test_an_unreadable_picture_is_named(tmp_path):
    save(tmp_path / "a.png", random_pixels(1, 9, 9, 3))
    whole = (tmp_path / "a.png").read_bytes()
    for content in (whole[: len(whole) // 2], b"no picture", b""):
        (tmp_path / "b.png").write_bytes(content)
        with pytest.raises(DataFormatError, match=r"b\.png: not a readable picture"):
            image_folder(tmp_path, size=4)


def test_image_folder_refuses_what_it_cannot_do(tmp_path):
    with pytest.raises(NotADirectoryError, match=r"path is .*missing.*; expected an existing"):
        image_folder(tmp_path / "missing", size=4)
    with pytest.raises(DataUnavailableError, match=r"no file ends in \.png, \.jpg, \.jpeg"):
        image_folder(tmp_path, size=4)
    with pytest.raises(ValueError, match="size is 0; expected 1 or more"):
        image_folder(tmp_path, size=0)
    with pytest.raises(ValueError, match=r"channels is 4; expected 1 \(grey\) or 3"):
        image_folder(tmp_path, size=4, channels=4)


def test_without_pillow_the_error_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="pip install pillow"):
        image_folder(tmp_path, size=4)


# --- Dataset ----------------------------------------------------------------------------------


def test_batch_scales_to_minus_one_and_one():
    images = np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8)
    dataset = Dataset(images, None, "ramp")
    batch = dataset.batch([3, 0, 3])
    assert len(dataset) == 4
    assert (batch.dtype, batch.shape) == (np.float32, (3, 1, 8, 8))
    assert (batch[1, 0, 0, 0], batch[0, 0, 7, 7]) == (-1.0, 1.0)
    exact = images[[3, 0, 3]].astype(np.float64) / 127.5 - 1
    np.testing.assert_allclose(batch, exact, atol=1e-7)
    with pytest.raises(IndexError, match="index 4 is out of bounds"):
        dataset.batch([4])


@pytest.mark.parametrize("indices", [2, [0.5], [[1]], [True, False], []])
def test_batch_refuses_what_is_no_row_of_integers(indices):
    dataset = Dataset(np.zeros((2, 1, 2, 2), np.uint8), None, "empty")
    with pytest.raises(TypeError, match=r"indices have dtype .* expected integers of shape"):
        dataset.batch(indices)


@pytest.mark.parametrize(
    ("images", "labels", "error", "message"),
    [
        (np.zeros((2, 1, 4, 4)), None, TypeError, "images have dtype float64; expected uint8"),
        (np.zeros((2, 4, 4), np.uint8), None, ValueError, r"images have shape \(2, 4, 4\)"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros(2, np.int32), TypeError,
         "labels have dtype int32; expected int64"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros(3, np.int64), ValueError,
         r"labels have shape \(3,\); expected one per image, \(2,\)"),
    ],
)
def test_dataset_refuses_other_dtypes_and_shapes(images, labels, error, message):
    with pytest.raises(error, match=message):
        Dataset(images, labels, "wrong")


# --- load_dataset -----------------------------------------------------------------------------


def test_load_dataset_passes_each_source_on(tmp_path, monkeypatch):
    calls = []
    for function in ("mnist", "fashion_mnist", "synthetic_digits", "image_folder"):
        monkeypatch.setattr(
            f"tinygan.data.load.{function}",
            lambda *arguments, function=function: calls.append((function, *arguments)),
        )
    load_dataset("mnist")
    load_dataset("fashion", "test")
    load_dataset("synthetic")
    load_dataset("synthetic", "test")
    load_dataset(tmp_path, size=64, channels=3)
    load_dataset(tmp_path, skip_unreadable=True)
    assert calls == [
        ("mnist", "train"),
        ("fashion_mnist", "test"),
        ("synthetic_digits", 60_000, 0),
        ("synthetic_digits", 10_000, 1),
        ("image_folder", tmp_path, 64, 3, False),
        ("image_folder", tmp_path, 28, 1, True),
    ]


def test_load_dataset_draws_the_synthetic_test_split():
    found, expected = load_dataset("synthetic", "test"), synthetic_digits(10_000, 1)
    np.testing.assert_array_equal(found.images, expected.images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mnits",), "source is 'mnits'; expected 'mnist', 'fashion', 'synthetic' or the path"),
        (("mnist", "valid"), "split is 'valid'; expected 'train' or 'test'"),
        (("synthetic", "train", 64), "size is 64 and channels 1; expected 28 and 1"),
        (("fashion", "train", 28, 3), "size is 28 and channels 3; expected 28 and 1"),
        ((".", "test"), "split is 'test'; a folder has only 'train'"),
    ],
)
def test_load_dataset_refuses_what_it_does_not_know(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(*arguments)


def test_labels_that_are_required_are_returned_or_missed():
    images = np.zeros((2, 1, 2, 2), np.uint8)
    labels = np.array([4, 7])
    assert Dataset(images, labels, "two").require_labels().tolist() == [4, 7]
    with pytest.raises(ValueError, match="the data set bare has no labels"):
        Dataset(images, None, "bare").require_labels()
