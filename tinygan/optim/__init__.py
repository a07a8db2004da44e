"""Optimizers, learning-rate schedules, and the moving average of a model's weights."""

from typing import TYPE_CHECKING, Any

from tinygan.absent import missing as _missing
from tinygan.optim import lr_scheduler
from tinygan.optim.adam import Adam, AdamW
from tinygan.optim.adaptive import Adadelta, Adagrad, RMSprop
from tinygan.optim.average import ExponentialMovingAverage
from tinygan.optim.lr_scheduler import LinearLR
from tinygan.optim.optimizer import Optimizer
from tinygan.optim.sgd import SGD

__all__ = [
    "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "ExponentialMovingAverage", "LinearLR",
    "Optimizer", "RMSprop", "lr_scheduler",
]  # fmt: skip


if not TYPE_CHECKING:  # which would take any name for one that exists

    def __getattr__(name: str) -> Any:
        raise AttributeError(_missing("tinygan.optim", name))
