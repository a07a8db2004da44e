"""Sources of images, each as one `Dataset`, and the sampler that deals them out in batches."""

from .dataset import DataFormatError, Dataset, DataUnavailableError
from .download import cache_dir
from .folder import image_folder
from .idx import read_idx
from .load import load_dataset
from .mnist_family import fashion_mnist, mnist
from .sampler import BatchSampler
from .synthetic import synthetic_digits

__all__ = [
    "BatchSampler",
    "DataFormatError",
    "DataUnavailableError",
    "Dataset",
    "cache_dir",
    "fashion_mnist",
    "image_folder",
    "load_dataset",
    "mnist",
    "read_idx",
    "synthetic_digits",
]
