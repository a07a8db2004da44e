"""What collapse_study.py compares: the tutorial's run, and it with one thing changed at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygan.data import Dataset


class ZeroToOne(Dataset):
    """Images in [0, 1], which the tutorial compares with a generator whose tanh ends at -1."""

    def batch(self, indices) -> np.ndarray:
        return (super().batch(indices) + 1) / 2


@dataclass(frozen=True)
class Variant:
    """What is changed: of the nets, of the settings, of the images."""

    nets: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    images: type[Dataset] = ZeroToOne

    def signed(self, samples: np.ndarray) -> np.ndarray:
        """Samples with black at -1 and white at 1, as the classifier knows digits. A generator that
        is shown images in [0, 1] means 0 by black; what its tanh makes below that is black, too."""
        return 2 * np.clip(samples, 0, 1) - 1 if self.images is ZeroToOne else samples


LOGITS = {"loss": "non-saturating"}
VARIANTS = {
    "faithful": Variant(),
    "images in [-1, 1]": Variant(images=Dataset),
    "batch norm": Variant({"batch_norm": True}),
    "beta1 0.5": Variant(settings={"beta1": 0.5}),
    "LeakyReLU in D": Variant({"activation": "leaky_relu"}),
    "loss on logits": Variant(settings=LOGITS),
    "weights N(0, 0.02^2)": Variant({"init": "dcgan"}),
    "weights as in PyTorch": Variant({"init": "default"}),
    "fixed": Variant(
        {"batch_norm": True, "activation": "leaky_relu", "init": "dcgan"},
        {"beta1": 0.5, "average_decay": 0.999, **LOGITS},
        Dataset,
    ),
}
