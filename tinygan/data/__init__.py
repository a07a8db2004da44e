"""Sources of images, each as one `Dataset`; of points, each as a `GaussianMixture`; and the sampler
that deals them out in batches."""

from .dataset import DataFormatError, Dataset, DataUnavailableError
from .download import cache_dir
from .folder import image_folder
from .idx import read_idx
from .load import load_dataset
from .mixtures import GaussianMixture, deligan_bimodal, deligan_unimodal, ring, square_grid
from .mnist_family import fashion_mnist, mnist
from .sampler import BatchSampler
from .stacked import stacked_digits
from .synthetic import synthetic_digits

__all__ = [
    "BatchSampler", "DataFormatError", "DataUnavailableError", "Dataset", "GaussianMixture",
    "cache_dir", "deligan_bimodal", "deligan_unimodal", "fashion_mnist", "image_folder",
    "load_dataset", "mnist", "read_idx", "ring", "square_grid", "stacked_digits",
    "synthetic_digits",
]  # fmt: skip
