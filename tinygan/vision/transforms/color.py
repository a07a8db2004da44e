"""Grey, brightness, contrast, saturation, hue."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygan.tensor import Tensor
from tinygan.vision.pillow import pillow
from tinygan.vision.transforms.conversion import picture_of


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A picture in grey, L = 0.299 R + 0.587 G + 0.114 B, with 1 channel or with 3 equal ones."""
    picture = picture_of("to_grayscale", img, "write rgb_to_grayscale(x)")
    if num_output_channels not in (1, 3):
        raise ValueError(f"to_grayscale: num_output_channels is {num_output_channels}, not 1 or 3")
    grey = picture.convert("L")
    return grey if num_output_channels == 1 else pillow("to_grayscale").merge("RGB", [grey] * 3)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """`to_grayscale` of a picture; of a Tensor (..., 3, h, w) 0.2989 R + 0.587 G + 0.114 B."""
    if not isinstance(img, Tensor):
        return to_grayscale(img, num_output_channels)
    if num_output_channels not in (1, 3):
        raise ValueError(
            f"rgb_to_grayscale: num_output_channels is {num_output_channels}, not 1 or 3"
        )
    if img.ndim < 3 or img.shape[-3] not in (1, 3):
        raise ValueError(f"rgb_to_grayscale: expected (..., 1 or 3, h, w), got {img.shape}")
    if img.shape[-3] == 3:
        red, green, blue = (img[..., i : i + 1, :, :] for i in range(3))
        img = (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype)
    return img.expand(*img.shape[:-3], num_output_channels, *img.shape[-2:])


def _enhanced(name: str, enhancer: str, img: Any, factor: float) -> Any:
    picture = picture_of(name, img, "write ColorJitter(...) before ToTensor()")
    if not math.isfinite(factor) or factor < 0:
        raise ValueError(f"{name}: the factor is {factor}; expected 0 or more")
    from PIL import ImageEnhance

    return getattr(ImageEnhance, enhancer)(picture).enhance(factor)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """A picture times a factor: 0 is black, 1 the picture itself."""
    return _enhanced("adjust_brightness", "Brightness", img, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """A picture away from its mean grey by a factor: 0 is grey, 1 the picture itself."""
    return _enhanced("adjust_contrast", "Contrast", img, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """A picture away from its own grey version by a factor: 0 is that, 1 the picture itself."""
    return _enhanced("adjust_saturation", "Color", img, saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """A picture with its hues turned by `hue_factor`, from -0.5 to 0.5 of the circle of colours;
    grey pictures stay as they are."""
    picture = picture_of("adjust_hue", img, "write ColorJitter(...) before ToTensor()")
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"adjust_hue: hue_factor is {hue_factor}; expected -0.5 to 0.5")
    if picture.mode in ("1", "L", "I", "F"):
        return picture
    image = pillow("adjust_hue")
    hue, *others = picture.convert("HSV").split()
    turned = (np.asarray(hue).astype(int) + int(hue_factor * 255)) % 256
    merged = [image.fromarray(turned.astype(np.uint8)), *others]
    return image.merge("HSV", merged).convert(picture.mode)
