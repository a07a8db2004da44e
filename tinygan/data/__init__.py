"""Sources of images, each as one `Dataset`; of points, each as a `GaussianMixture`; of pictures
in pairs; and the sampler that deals images out in batches."""

from tinygan.kernels.cache import cache_dir

from .captions import CaptionedDigits, captioned_digits
from .dataset import DataFormatError, Dataset, DataUnavailableError
from .emoji import EmojiPairs, emoji_pairs
from .folder import image_folder, pair_folder
from .glyphs import Glyphs, glyphs
from .idx import read_idx, write_idx
from .load import load_dataset
from .mixtures import GaussianMixture, deligan_bimodal, deligan_unimodal, ring, square_grid
from .mnist_family import fashion_mnist, mnist
from .sampler import BatchSampler
from .stacked import stacked_digits
from .synthetic import synthetic_digits
from .write import write_image_folder, write_mnist_files

__all__ = [
    "BatchSampler", "CaptionedDigits", "DataFormatError", "DataUnavailableError", "Dataset",
    "EmojiPairs", "GaussianMixture", "Glyphs", "cache_dir", "captioned_digits", "deligan_bimodal",
    "deligan_unimodal", "emoji_pairs", "fashion_mnist", "glyphs", "image_folder", "load_dataset",
    "mnist", "pair_folder", "read_idx", "ring", "square_grid", "stacked_digits", "synthetic_digits",
    "write_idx", "write_image_folder", "write_mnist_files",
]  # fmt: skip
