"""What an image is, and the ways between pictures, arrays and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygan.devices import array_module, beside, to_device
from tinygan.tensor import Tensor, check_dtype, float32
from tinygan.vision.pillow import is_picture, pillow


def refusal(name: str, image: Any, expected: str) -> TypeError:
    return TypeError(f"{name}: expected {expected}, got {type(image).__name__}")


def picture_of(name: str, image: Any, instead: str) -> Any:
    """The picture, for a function that knows no Tensors."""
    if isinstance(image, Tensor):
        raise TypeError(f"{name}: a Tensor is not supported here; {instead}")
    if not is_picture(image):
        raise refusal(name, image, "a picture of Pillow's")
    return image


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width] of a picture or a Tensor (..., c, h, w); a Tensor (h, w) has one
    channel."""
    if isinstance(img, Tensor):
        if img.ndim < 2:
            raise ValueError(f"get_dimensions: expected (..., c, h, w), got shape {img.shape}")
        return [img.shape[-3] if img.ndim > 2 else 1, *img.shape[-2:]]
    if not is_picture(img):
        raise refusal("get_dimensions", img, "a picture of Pillow's or a Tensor")
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img: Any) -> list[int]:
    """[width, height]."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img: Any) -> int:
    return get_dimensions(img)[0]


def to_tensor(pic: Any) -> Tensor:
    """A picture, or an array (h, w) or (h, w, c), as a Tensor (c, h, w).

    uint8 values become float32 values / 255, in [0, 1]; others keep their values: int32 of the mode
    I, int16 of I;16, float32 of F, and the dtype of another array.

    Raises:
        TypeError: it is neither a picture nor an array.
        ValueError: the array has not 2 or 3 dimensions.
    """
    array = _channels_first("to_tensor", pic)
    if array.dtype == bool and is_picture(pic):
        array = array.astype(np.uint8) * np.uint8(255)
    elif is_picture(pic) and pic.mode.startswith("I;16"):
        array = array.astype(np.int16)
    return Tensor(unit(array) if array.dtype == np.uint8 else array.copy("C"))


def unit(array: np.ndarray) -> np.ndarray:
    """uint8 values / 255 as float32, in the order of the dimensions in memory."""
    result = array.astype(float32, order="C")
    result /= float32.type(255)
    return result


def pil_to_tensor(pic: Any) -> Tensor:
    """A picture as a Tensor (c, h, w) of its own values, which are mostly uint8."""
    if not is_picture(pic):
        raise refusal("pil_to_tensor", pic, "a picture of Pillow's")
    return Tensor(_channels_first("pil_to_tensor", pic).copy("C"))


def _channels_first(name: str, pic: Any) -> np.ndarray:
    """A view (c, h, w) of a picture or array."""
    if is_picture(pic):
        array = np.asarray(pic)
    elif isinstance(pic, np.ndarray):
        array = pic
        check_dtype(array.dtype)
    else:
        raise refusal(name, pic, "a picture of Pillow's or an array (h, w, c)")
    if array.ndim == 2:
        return array[None]
    if array.ndim != 3:
        raise ValueError(f"{name}: expected an array (h, w) or (h, w, c), got shape {array.shape}")
    return array.transpose(2, 0, 1)


_MODES = {
    (1, "uint8"): ("L",), (1, "int16"): ("I;16",), (1, "int32"): ("I",), (1, "float32"): ("F",),
    (2, "uint8"): ("LA",), (3, "uint8"): ("RGB", "YCbCr", "HSV"),
    (4, "uint8"): ("RGBA", "CMYK", "RGBX"),
}  # fmt: skip
"""By channels and dtype: the modes of a picture; the first is the usual one."""


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A Tensor (c, h, w) or (h, w), or an array (h, w, c) or (h, w), as a picture.

    Floats are multiplied by 255 and cut to whole numbers modulo 256, unless `mode` is "F".

    Raises:
        TypeError: another type, or a dtype that no picture has.
        ValueError: a shape that no picture has, or a mode that does not go with it.
    """
    if isinstance(pic, Tensor):
        array = pic.detach().cpu().array
        array = array.transpose(1, 2, 0) if array.ndim == 3 else array
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise refusal("to_pil_image", pic, "a Tensor or an array")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] > 4:
        raise ValueError(
            f"to_pil_image: expected 2 or 3 dimensions and at most 4 channels, got {pic.shape}"
        )
    if array.dtype.kind == "f" and mode != "F":
        array = (array * array.dtype.type(255)).astype(np.int64).astype(np.uint8)
    modes = _MODES.get((array.shape[2], array.dtype.name))
    if modes is None:
        raise TypeError(
            f"to_pil_image: no picture has {array.shape[2]} channels of {array.dtype}; write uint8"
        )
    if mode is not None and mode not in modes:
        raise ValueError(f"to_pil_image: mode {mode!r} does not fit; expected {' or '.join(modes)}")
    height, width = array.shape[:2]
    return pillow("to_pil_image").frombytes(mode or modes[0], (width, height), array.tobytes())


def normalize(
    tensor: Tensor, mean: float | Sequence[float], std: float | Sequence[float],
    inplace: bool = False,
) -> Tensor:  # fmt: skip
    """(x - mean) / std, channel by channel, of a floating Tensor (..., c, h, w).

    Args:
        mean, std: a number for each channel, or one for all.
        inplace: write the result into `tensor`.

    Raises:
        TypeError: no Tensor, or one of integers.
        ValueError: fewer than three dimensions, not one number for each channel, or a std of 0.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"normalize: expected a Tensor, got {type(tensor).__name__}; write ToTensor() first"
        )
    if tensor.dtype.kind != "f":
        raise TypeError(f"normalize: expected a floating Tensor, got {tensor.dtype}")
    if tensor.ndim < 3:
        raise ValueError(f"normalize: expected (..., c, h, w), got shape {tensor.shape}")
    center, scale = _by_channel("mean", mean, tensor), _by_channel("std", std, tensor)
    if not scale.all():
        raise ValueError(f"normalize: std is {std}; division by 0")
    if tensor.requires_grad:
        shift, factor = (Tensor(to_device(array, tensor.device)) for array in (center, scale))
        if inplace:
            return tensor.sub_(shift).div_(factor)  # type: ignore[attr-defined]
        return (tensor - shift) / factor
    with beside(tensor.array):
        xp = array_module(tensor.array)
        result = tensor if inplace else Tensor(tensor.array.copy(order="K"))
        result.array -= xp.asarray(center)
        result.array /= xp.asarray(scale)
    result.version += 1
    return result


def _by_channel(name: str, values: float | Sequence[float], image: Tensor) -> np.ndarray:
    """The numbers as (c, 1, 1) or (1, 1, 1), beside an image (..., c, h, w)."""
    array = np.asarray(values, image.dtype).reshape(-1, 1, 1)
    if len(array) not in (1, image.shape[-3]):
        raise ValueError(
            f"normalize: {name} has {len(array)} numbers, but the image has "
            f"{image.shape[-3]} channels"
        )
    return array
