"""Transforms of one image each: the names of torchvision.transforms.

    to_input = Compose([Resize(64), CenterCrop(64), ToTensor(), Normalize((0.5,), (0.5,))])
    x = to_input(picture)

An image is a PIL image, or a tensor (..., c, h, w). Random transforms draw from the stream that
`tinygan.manual_seed` starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygan.creation import tensor
from tinygan.ops.shape import cat
from tinygan.tensor import Tensor, float32
from tinygan.vision.geometry import (
    CenterCrop,
    InterpolationMode,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    Resize,
)
from tinygan.vision.pillow import height_and_width, is_picture, pillow

__all__ = [
    "CenterCrop", "Compose", "Grayscale", "InterpolationMode", "Lambda", "Normalize", "Pad",
    "RandomCrop", "RandomHorizontalFlip", "Resize", "ToPILImage", "ToTensor",
]  # fmt: skip


class Compose:
    """The transforms one after the other."""

    def __init__(self, transforms: Sequence[Callable]):
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        inner = "".join(f"    {transform}\n" for transform in self.transforms)
        return f"Compose(\n{inner})"


class Lambda:
    """A function of one's own as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]):
        if not callable(lambd):
            raise TypeError(f"Lambda: lambd must be a function, got {type(lambd).__name__}")
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)


# Between pictures and tensors


class ToTensor:
    """A PIL image, or an array (h, w, c) or (h, w), as a tensor (c, h, w) with a copy of it.

    8-bit values become float32, divided by 255: from 0 to 1. Others keep their values and dtype.

    Raises:
        TypeError: something else, as a Tensor.
        ValueError: an array of another number of dimensions.
    """

    def __call__(self, image: Any) -> Tensor:
        if not is_picture(image) and not isinstance(image, np.ndarray):
            raise TypeError(
                f"ToTensor: expected a PIL image or a NumPy array, got {type(image).__name__}"
            )
        array = np.asarray(image)
        if array.ndim not in (2, 3):
            raise ValueError(f"ToTensor: expected an array (h, w, c) or (h, w), got {array.shape}")
        planes = np.ascontiguousarray(np.atleast_3d(array).transpose(2, 0, 1))
        if planes.dtype == np.uint8:
            return Tensor(planes.astype(float32) / np.float32(255))
        if is_picture(image) and planes.dtype == bool:  # black and white
            return Tensor(planes.astype(float32))
        return tensor(planes)

    def __repr__(self) -> str:
        return "ToTensor()"


class ToPILImage:
    """A tensor (c, h, w) or (h, w), or an array (h, w, c) or (h, w), as a PIL image.

    Floating values of a tensor are multiplied by 255 and rounded down. One channel gives a grey
    picture ("L"), two grey with transparency ("LA"), three "RGB", four "RGBA"; one channel of
    int16, int32 or of an array's float32 gives "I;16", "I" or "F".

    Args:
        mode: Pillow's name for another meaning of the channels, as "YCbCr", "HSV" or "CMYK".

    Raises:
        TypeError: neither a tensor nor an array, or a dtype that Pillow has no mode for.
        ValueError: another shape, or a mode that does not belong to it.
    """

    def __init__(self, mode: str | None = None):
        self.mode = mode

    def __call__(self, image: Any) -> Any:
        pil = pillow("ToPILImage")
        if not isinstance(image, (Tensor, np.ndarray)):
            raise TypeError(
                f"ToPILImage: expected a Tensor or a NumPy array, got {type(image).__name__}"
            )
        if image.ndim not in (2, 3):
            raise ValueError(
                f"ToPILImage: expected 2 or 3 dimensions, got {image.ndim}: {image.shape}"
            )
        if isinstance(image, Tensor):
            array = image.detach().cpu().numpy()
            if array.dtype.kind == "f" and self.mode != "F":
                array = (array * array.dtype.type(255)).astype(np.int64).astype(np.uint8)
            array = array.transpose(1, 2, 0) if array.ndim == 3 else array
        else:
            array = image
        array = np.ascontiguousarray(np.atleast_3d(array))
        mode = self._mode(array)
        if mode == "I;16":
            array = array.view(np.uint16)
        return pil.frombytes(mode, array.shape[1::-1], array.tobytes())

    def _mode(self, array: np.ndarray) -> str:
        """Pillow's name for the array's pixels."""
        channels = array.shape[2]
        if channels == 1:
            by_dtype = {"uint8": ["L"], "int16": ["I;16"], "int32": ["I"], "float32": ["F"]}
            modes = by_dtype.get(str(array.dtype))
        else:
            known = {2: ["LA"], 3: ["RGB", "YCbCr", "HSV"], 4: ["RGBA", "CMYK", "RGBX"]}
            if channels not in known:
                raise ValueError(f"ToPILImage: expected 1 to 4 channels, got {channels}")
            modes = known[channels] if array.dtype == np.uint8 else None
        if modes is None:
            raise TypeError(
                f"ToPILImage: Pillow has no mode for {channels} channel(s) of {array.dtype}; "
                "expected uint8"
            )
        mode = modes[0] if self.mode is None else self.mode
        if mode not in modes:
            raise ValueError(
                f"ToPILImage: mode {mode!r} does not belong to {channels} channel(s) of "
                f"{array.dtype}; expected {' or '.join(modes)}"
            )
        return mode


class Normalize:
    """(x - mean) / std for each channel of a floating tensor (..., c, h, w).

    Args:
        mean, std: a number for each channel, or one for all.
        inplace: change the tensor itself.

    Raises:
        TypeError: not a tensor, or one of integers.
        ValueError: a std of 0, or another number of channels.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False):
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, image: Tensor) -> Tensor:
        if not isinstance(image, Tensor) or image.dtype.kind != "f":
            kind = image.dtype if isinstance(image, Tensor) else type(image).__name__
            raise TypeError(
                f"Normalize: expected a floating tensor, got {kind}; put ToTensor before it"
            )
        if image.ndim < 3:
            raise ValueError(f"Normalize: expected an image (..., c, h, w), got {image.shape}")
        mean, std = self._column("mean", image), self._column("std", image)
        if not std.array.all():
            raise ValueError(f"Normalize: std must not be 0, got {self.std}")
        if self.inplace:
            return image.sub_(mean).div_(std)  # type: ignore[attr-defined]
        return (image - mean) / std

    def _column(self, name: str, image: Tensor) -> Tensor:
        """The numbers as (c, 1, 1), beside the image."""
        values = np.asarray(getattr(self, name), image.dtype).reshape(-1)
        if values.size not in (1, image.shape[-3]):
            raise ValueError(
                f"Normalize: {name} has {values.size} numbers for an image {image.shape} of "
                f"{image.shape[-3]} channel(s)"
            )
        return tensor(values.reshape(-1, 1, 1), device=image.device)

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


class Grayscale:
    """Grey of colours. Of a PIL image as Pillow's mode "L"; of a tensor 0.2989 R + 0.587 G +
    0.114 B, in its dtype.

    Args:
        num_output_channels: 1, or 3 equal ones.
    """

    def __init__(self, num_output_channels: int = 1):
        if num_output_channels not in (1, 3):
            raise ValueError(
                f"Grayscale: num_output_channels must be 1 or 3, got {num_output_channels}"
            )
        self.num_output_channels = num_output_channels

    def __call__(self, image: Any) -> Any:
        if is_picture(image):
            grey = image.convert("L")
            if self.num_output_channels == 1:
                return grey
            return pillow("Grayscale").merge("RGB", (grey, grey, grey))
        height_and_width("Grayscale", image)
        if image.shape[-3] not in (1, 3):
            raise ValueError(f"Grayscale: expected (..., 1 or 3, h, w), got {image.shape}")
        grey = image
        if image.shape[-3] == 3:
            red, green, blue = (image[..., i : i + 1, :, :] for i in range(3))
            grey = (0.2989 * red + 0.587 * green + 0.114 * blue).to(image.dtype)
        return grey if self.num_output_channels == 1 else cat([grey, grey, grey], -3)
