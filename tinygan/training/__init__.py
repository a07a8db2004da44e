"""Training: the loop, and all that keeps a long run safe and visible."""

from tinygan.training.alarms import TrainingDiverged
from tinygan.training.checkpoint import load_checkpoint, load_generator, save_checkpoint
from tinygan.training.sampling import sample
from tinygan.training.step import gan_step
from tinygan.training.trainer import Settings, Trainer

__all__ = [
    "Settings",
    "Trainer",
    "TrainingDiverged",
    "gan_step",
    "load_checkpoint",
    "load_generator",
    "sample",
    "save_checkpoint",
]
