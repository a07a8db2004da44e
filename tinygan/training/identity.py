"""Which data a run was trained on, so that it is not resumed with other data unnoticed."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from tinygan.data import Dataset


def data_identity(data: Dataset, *others: Dataset) -> dict[str, Any]:
    """Shape, dtype and a digest of images and labels: about a second for a gigabyte."""
    digest = hashlib.blake2b(digest_size=16)
    for one in (data, *others):
        for array in (one.images, one.labels):
            digest.update(b"none" if array is None else np.ascontiguousarray(array))
    return {
        "shape": list(data.images.shape), "dtype": str(data.images.dtype),
        "labels": data.labels is not None, "digest": digest.hexdigest(),
    }  # fmt: skip


def check_identity(saved: Any, now: dict[str, Any]) -> None:
    """Raises a ValueError if the data of a checkpoint, `saved`, are not those of `now`; older
    checkpoints have None."""
    if saved is None or saved == now:
        return
    names = ("shape", "dtype", "labels")
    what = [f"{name} {saved.get(name)}, now {now[name]}" for name in names
            if saved.get(name) != now[name]]  # fmt: skip
    if not what:
        what = ["as many of the same size, but other images or labels, or in another order"]
    raise ValueError(
        f"of a run on other data ({'; '.join(what)}). Resume it with the data that it began with, "
        "or begin a new run in another folder"
    )
