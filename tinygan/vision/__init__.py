"""Images as data: the names of torchvision.

`tinygan.vision.transforms` turns pictures into tensors, `tinygan.vision.utils` tensors into grids
and files, `tinygan.vision.datasets` finds the data sets. Pictures are Pillow's, which comes with
``pip install 'tinygan[examples]'``.
"""

from tinygan.vision import datasets, transforms, utils

__all__ = ["datasets", "transforms", "utils"]
