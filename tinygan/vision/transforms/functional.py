"""The transforms as functions. (As ``torchvision.transforms.functional``.)

An image is a picture of Pillow's or a Tensor (..., c, h, w); each function says which it takes.
"""

from tinygan.vision.transforms.color import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    rgb_to_grayscale,
    to_grayscale,
)
from tinygan.vision.transforms.conversion import (
    get_dimensions,
    get_image_num_channels,
    get_image_size,
    normalize,
    pil_to_tensor,
    to_pil_image,
    to_tensor,
)
from tinygan.vision.transforms.geometry import (
    InterpolationMode,
    center_crop,
    crop,
    hflip,
    pad,
    resize,
    resized_crop,
    rotate,
    vflip,
)

__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_hue", "adjust_saturation",
    "center_crop", "crop", "get_dimensions", "get_image_num_channels", "get_image_size", "hflip",
    "normalize", "pad", "pil_to_tensor", "resize", "resized_crop", "rgb_to_grayscale", "rotate",
    "to_grayscale", "to_pil_image", "to_tensor", "vflip",
]  # fmt: skip


def __getattr__(name: str):
    raise AttributeError(
        f"transforms.functional.{name} does not exist here; a picture has Pillow's methods, a "
        "Tensor those of tinygan; or use one of " + ", ".join(__all__)
    )
