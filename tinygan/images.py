"""Pictures: grids of samples, GIFs of grids, plots of losses.

Animations and plots need Pillow and matplotlib, ``pip install 'tinygan[examples]'``.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinygan.files import atomic_write


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Images in [-1, 1], any shape, as uint8 from 0 to 255; values outside are clipped.

    Raises:
        ValueError: a value is not finite.
    """
    if not np.isfinite(images).all():
        raise ValueError("to_uint8: the images have values that are not finite")
    return np.clip(np.round((np.asarray(images) + 1) * 127.5), 0, 255).astype(np.uint8)


def grid(images: np.ndarray, columns: int | None = None, space: int = 2) -> np.ndarray:
    """One picture of many: (n, c, h, w) in [-1, 1] -> uint8 (H, W, 3).

    Args:
        columns: images side by side; by default so that the grid is about square.
        space: pixels between neighbours.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise ValueError(f"grid: expected (n, 1 or 3, h, w) with n >= 1, got {images.shape}")
    n, _, h, w = images.shape
    columns = min(n, columns or int(np.ceil(np.sqrt(n))))
    rows = -(-n // columns)
    pixels = to_uint8(images).transpose(0, 2, 3, 1)
    picture = np.full((rows * (h + space) - space, columns * (w + space) - space, 3), 32, np.uint8)
    for index, image in enumerate(pixels):
        top, left = (index // columns) * (h + space), (index % columns) * (w + space)
        picture[top : top + h, left : left + w] = image
    return picture


def save_png(picture: np.ndarray, path: str | os.PathLike, zoom: int = 1) -> None:
    """Writes a picture uint8 (h, w, 3) as a PNG, each pixel `zoom` times as large. It needs no
    package: the format is a header, the rows packed by zlib, and an end (ISO 15948, section 5).

    Raises:
        TypeError, ValueError: it is no such picture.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        kind = TypeError if picture.dtype != np.uint8 else ValueError
        raise kind(f"save_png: expected uint8 (h, w, 3), got {picture.dtype} {picture.shape}")
    enlarged = picture.repeat(zoom, 0).repeat(zoom, 1)
    height, width, _ = enlarged.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each begins with 0: not filtered
    rows[:, 1:] = enlarged.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, red, green and blue
    parts = {b"IHDR": header, b"IDAT": zlib.compress(rows.tobytes(), 9), b"IEND": b""}
    with atomic_write(path) as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, content in parts.items():
            check = zlib.crc32(name + content)
            file.write(struct.pack(">I", len(content)) + name + content + struct.pack(">I", check))


def save_gif(
    pictures: Sequence[str | os.PathLike | BinaryIO], path: str | os.PathLike, seconds: float = 0.4
) -> None:
    """Makes a GIF of picture files, each shown for `seconds`, the last one five times as long.

    They are of the formats that `tinygan.data.image_folder` reads, and tried as no other.
    """
    from PIL import Image

    from tinygan.data.pictures import FORMATS

    if not pictures:
        raise ValueError("save_gif: no pictures")
    frames = []
    for picture in pictures:
        with Image.open(picture, formats=list(FORMATS)) as image:
            frames.append(image.convert("P", palette=Image.Palette.ADAPTIVE, colors=64))
    durations = [round(1000 * seconds)] * (len(frames) - 1) + [round(5000 * seconds)]
    with atomic_write(path) as file:
        frames[0].save(
            file, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
        )


def save_animation(
    pictures: Sequence[np.ndarray], path: str | os.PathLike, seconds: float = 0.1, zoom: int = 1
) -> None:
    """Writes pictures (h, w, 3) as frames that go round, each shown for `seconds`: a GIF, or a WebP
    without loss, as the path ends.

    Raises:
        ValueError: no pictures, or another ending.
    """
    from PIL import Image

    kind = {".gif": "GIF", ".webp": "WEBP"}.get(Path(path).suffix.lower())
    if kind is None or not len(pictures):
        problem = "no pictures" if kind else f"{path} must end in .gif or .webp"
        raise ValueError(f"save_animation: {problem}")
    frames = [Image.fromarray(picture.repeat(zoom, 0).repeat(zoom, 1)) for picture in pictures]
    options = {"lossless": True} if kind == "WEBP" else {}
    with atomic_write(path) as file:
        frames[0].save(file, format=kind, save_all=True, append_images=frames[1:],
                       duration=round(1000 * seconds), loop=0, **options)  # fmt: skip


# Every plot of this project: opaque white, so that it can be read on dark pages too.
STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.facecolor": "white",
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.fontsize": "small",
    "legend.framealpha": 0.9,
    "savefig.facecolor": "white",
}


@contextlib.contextmanager
def figure(
    path: str | os.PathLike | BinaryIO, size: tuple[float, float], rows: int = 1,
    columns: int = 1, **options: Any,
) -> Iterator[np.ndarray]:  # fmt: skip
    """A plot in the project's style: yields its axes (rows, columns), then writes it as a PNG.

    Args:
        path: of the file, or a file that is open for binary writing.
        size: width and height in inches, at 110 pixels each.
        options: of matplotlib's `Figure.subplots`.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        drawn = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(drawn)  # no window, no global state
        yield drawn.subplots(rows, columns, squeeze=False, **options)
        if isinstance(path, (str, os.PathLike)):
            with atomic_write(Path(path)) as file:
                drawn.savefig(file, format="png", dpi=110)
        else:
            drawn.savefig(path, format="png", dpi=110)


def plot_curves(
    curves: Mapping[str, Sequence[float]], path: str | os.PathLike | BinaryIO,
    xlabel: str = "step", ylabel: str = "loss",
) -> None:  # fmt: skip
    """Draws named curves over a common x = 0, 1, ... into a PNG; long ones also smoothed."""
    with figure(path, (8, 4)) as axes:
        _plot_curves(axes[0, 0], curves)
        axes[0, 0].set(xlabel=xlabel, ylabel=ylabel)
        axes[0, 0].legend()


def _plot_curves(axes: Any, curves: Mapping[str, Sequence[float]]) -> None:
    for index, (name, values) in enumerate(curves.items()):
        heights = np.asarray(values, float)
        width = max(1, len(heights) // 100)
        color = f"C{index}"
        if width > 1:
            axes.plot(heights, color=color, alpha=0.2, linewidth=0.5)
            smooth = np.convolve(heights, np.ones(width) / width, "valid")
            axes.plot(np.arange(len(smooth)) + width // 2, smooth, color=color, label=name)
        else:
            axes.plot(heights, color=color, label=name)
