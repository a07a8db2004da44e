"""Optimizers, learning-rate schedules, and the moving average of a model's weights."""

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
