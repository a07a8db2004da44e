"""The state of a module as arrays that do not change with it."""

from __future__ import annotations

import numpy as np

from tinygan.nn import Module


def arrays_of(net: Module) -> dict[str, np.ndarray]:
    """Copies of all parameters and buffers by dotted name."""
    return {name: np.array(value.cpu().numpy()) for name, value in net.state_dict().items()}
