"""Pillow, which is optional: imported when a picture is first needed; and what its pictures have
in common with tensors."""

from __future__ import annotations

import sys
from typing import Any

from tinygan.tensor import Tensor


def pillow(user: str) -> Any:
    """The module PIL.Image.

    Raises:
        ImportError: Pillow is missing; the message names the `user` that needs it.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"{user} needs Pillow: pip install pillow") from error
    return Image


def is_picture(x: Any) -> bool:
    """Whether x is a PIL image; without an import, as before one there is no PIL image."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(x, module.Image)


def height_and_width(transform: str, image: Any) -> tuple[int, int]:
    """Height and width."""
    if is_picture(image):
        return image.height, image.width
    if not isinstance(image, Tensor):
        raise TypeError(
            f"{transform}: expected a PIL image or a Tensor, got {type(image).__name__}"
        )
    if image.ndim < 3:
        raise ValueError(f"{transform}: expected a tensor (..., c, h, w), got {image.shape}")
    return image.shape[-2], image.shape[-1]
