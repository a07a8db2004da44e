"""The moving average of a model's weights."""

from __future__ import annotations

import copy

import numpy as np

from tinygan.devices import array_module, beside
from tinygan.kernels.average import average as average_kernel
from tinygan.kernels.cuda import graph
from tinygan.nn.module import Module


class ExponentialMovingAverage:
    """A copy of a module whose parameters and buffers follow it slowly:

        average = d average + (1 - d) value,    d = min(decay, (1 + t) / (10 + t)) at update t

    Batch norms' running statistics are averaged along with the weights: a generator with averaged
    weights and the statistics of others makes worse samples than either. ``module`` is the copy;
    sample from it in evaluation mode.
    """

    def __init__(self, module: Module, decay: float = 0.999):
        if not 0 <= decay < 1:
            raise ValueError(f"ExponentialMovingAverage: decay must be in [0, 1), got {decay}")
        self.decay, self._source = decay, module
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        first = next((mean.array for mean, _ in self._pairs()), np.zeros(0))
        # On the device, as an optimizer's state is (optimizer.py): a captured update counts, too.
        with beside(first):
            self._count = array_module(first).zeros(1)

    def _pairs(self):
        """Each tensor of the average beside the tensor that it follows."""
        average = [*self.module.parameters(), *self.module.buffers()]
        source = [*self._source.parameters(), *self._source.buffers()]
        return zip(average, source, strict=True)

    @property
    def updates(self) -> int:
        """How many updates there have been."""
        return int(self._count.item())

    def update(self) -> None:
        """To be called after each step of the module's optimizer."""
        pairs = list(self._pairs())
        floating = [(mean.array, value.array) for mean, value in pairs if mean.dtype.kind == "f"]
        with beside(self._count):
            if floating:
                means, values = map(list, zip(*floating, strict=True))
                average_kernel(means, values, self._count, decay=self.decay)
            else:
                self._count += 1
            for mean, value in pairs:
                if mean.dtype.kind != "f" and mean.device != "cpu":  # a count, say
                    mean.array[...] = value.array
        graph.on_host(self._change_on_host)

    def _change_on_host(self) -> None:
        for mean, value in self._pairs():
            if mean.dtype.kind != "f" and mean.device == "cpu":
                mean.array[...] = value.array
            mean.version += 1

    def state_dict(self) -> dict:
        return {"updates": self.updates, "module": self.module.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Goes on where `state_dict` was saved.

        Raises:
            ValueError: it belongs to another module, or its count is none; nothing is changed.
        """
        updates = state["updates"]
        if not isinstance(updates, int) or updates < 0:
            raise ValueError(
                f"ExponentialMovingAverage.load_state_dict: updates is {updates!r}; expected an "
                "integer from 0 on"
            )
        self.module.load_state_dict(state["module"])
        with beside(self._count):
            self._count[...] = updates
