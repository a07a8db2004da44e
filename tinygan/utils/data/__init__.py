"""Data sets, samplers and the loader that makes batches: the names of ``torch.utils.data``."""

from tinygan.utils.data.collate import default_collate, default_convert
from tinygan.utils.data.dataloader import DataLoader, get_worker_info
from tinygan.utils.data.dataset import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from tinygan.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler", "ConcatDataset", "DataLoader", "Dataset", "IterableDataset", "RandomSampler",
    "Sampler", "SequentialSampler", "Subset", "SubsetRandomSampler", "TensorDataset",
    "WeightedRandomSampler", "default_collate", "default_convert", "get_worker_info",
    "random_split",
]  # fmt: skip


def __getattr__(name: str):
    raise AttributeError(
        f"utils.data.{name} does not exist here; write a class with __getitem__ and __len__, or "
        "use one of " + ", ".join(__all__)
    )
