"""Optimizers, learning-rate schedules, and the moving average of a model's weights."""

from tinygan.optim.adam import Adam
from tinygan.optim.average import ExponentialMovingAverage
from tinygan.optim.optimizer import Optimizer
from tinygan.optim.schedule import LinearLR
from tinygan.optim.sgd import SGD

__all__ = ["SGD", "Adam", "ExponentialMovingAverage", "LinearLR", "Optimizer"]
