"""Pictures."""

import numpy as np
import pytest
from PIL import Image

from tinygan.images import (
    grid,
    plot_curves,
    save_animation,
    save_gif,
    save_png,
    to_uint8,
)


def test_values_become_bytes():
    values = np.array([-1.0, 0.0, 1.0, -3.0, 3.0, 1 / 127.5])
    assert to_uint8(values).tolist() == [0, 128, 255, 0, 255, 128]
    with pytest.raises(ValueError, match="not finite"):
        to_uint8(np.array([0.0, np.nan]))


def test_grid_places_images_row_by_row():
    images = np.stack([np.full((1, 2, 3), value, np.float32) for value in (-1, 0, 1)])
    picture = grid(images, columns=2, space=1)
    assert picture.shape == (5, 7, 3)
    assert (picture[:2, :3] == 0).all()
    assert (picture[:2, 4:] == 128).all()
    assert (picture[3:, :3] == 255).all()
    assert (picture[2] == 32).all()  # the space between
    assert (picture[3:, 4:] == 32).all()  # no fourth image


def test_grid_keeps_colours_and_rejects_other_shapes(rng):
    image = rng.uniform(-1, 1, (1, 3, 4, 4))
    assert np.array_equal(grid(image), to_uint8(image[0].transpose(1, 2, 0)))
    with pytest.raises(ValueError, match=r"got \(2, 2, 4, 4\)"):
        grid(np.zeros((2, 2, 4, 4)))
    with pytest.raises(ValueError, match="n >= 1"):
        grid(np.zeros((0, 1, 4, 4)))


def test_png_and_gif_can_be_read_back(tmp_path, rng):
    pictures = [rng.integers(0, 256, (6, 5, 3)).astype(np.uint8) for _ in range(3)]
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for picture, path in zip(pictures, paths, strict=True):
        save_png(picture, path, zoom=2)
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image)[::2, ::2], picture)
    save_gif(paths, tmp_path / "all.gif", seconds=0.1)
    with Image.open(tmp_path / "all.gif") as image:
        assert image.n_frames == 3
        assert image.size == (10, 12)
    with pytest.raises(ValueError, match="no pictures"):
        save_gif([], tmp_path / "none.gif")
    assert not (tmp_path / "none.gif").exists()


@pytest.mark.parametrize("picture", [
    np.zeros((2, 2, 3)), np.zeros((2, 2), np.uint8), np.zeros((2, 2, 4), np.uint8),
    np.zeros((0, 2, 3), np.uint8),
], ids=lambda picture: f"{picture.dtype} {picture.shape}")  # fmt: skip
def test_what_is_no_picture_is_refused(picture, tmp_path):
    with pytest.raises((TypeError, ValueError), match=r"save_png: expected uint8 \(h, w, 3\), got"):
        save_png(picture, tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def test_curves_are_drawn(tmp_path, rng):
    plot_curves({"D": rng.random(300), "G": [1.0, 2.0]}, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 10  # something other than white


@pytest.mark.parametrize(("ending", "alike"), [("gif", 40), ("webp", 0)])
def test_pictures_become_an_animation(tmp_path, rng, ending, alike):
    """A GIF has 256 colours."""
    frames = [rng.integers(0, 256, (4, 5, 3)).astype(np.uint8) for _ in range(3)]
    save_animation(frames, tmp_path / f"walk.{ending}", zoom=2)
    with Image.open(tmp_path / f"walk.{ending}") as picture:
        assert (picture.n_frames, picture.size) == (3, (10, 8))
        picture.seek(1)
        shown = np.asarray(picture.convert("RGB"))[::2, ::2].astype(int)
    assert np.abs(shown - frames[1]).max() <= alike


@pytest.mark.parametrize(
    ("frames", "name"), [([], "x.gif"), ([np.zeros((2, 2, 3), np.uint8)], "x.mp4")]
)
def test_what_is_no_animation_is_refused(tmp_path, frames, name):
    with pytest.raises(ValueError, match=r"save_animation: (no pictures|.*x.mp4 must end in)"):
        save_animation(frames, tmp_path / name)
    assert not list(tmp_path.iterdir())
