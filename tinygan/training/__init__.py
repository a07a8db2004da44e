"""Training: the loop, and all that keeps a long run safe and visible."""

from tinygan.training.alarms import TrainingDiverged
from tinygan.training.callbacks import CSV, Callback, TensorBoard
from tinygan.training.checkpoint import load_checkpoint, load_generator, save_checkpoint
from tinygan.training.claim import FolderInUse
from tinygan.training.game import Game, LatentGame, Model
from tinygan.training.report import write_report
from tinygan.training.run_folder import Run, read_run
from tinygan.training.sampling import sample
from tinygan.training.settings import Settings
from tinygan.training.stabilisers import (
    diff_augment,
    gradient_penalty,
    instance_noise,
    pack,
    r1_penalty,
    r2_penalty,
)
from tinygan.training.step import discriminator_step, gan_step, generator_step
from tinygan.training.trainer import GameTrainer, Trainer

__all__ = [
    "CSV", "Callback", "FolderInUse", "Game", "GameTrainer", "LatentGame", "Model", "Run",
    "Settings", "TensorBoard", "Trainer", "TrainingDiverged", "diff_augment", "discriminator_step",
    "gan_step", "generator_step", "gradient_penalty", "instance_noise", "load_checkpoint",
    "load_generator", "pack", "r1_penalty", "r2_penalty", "read_run", "sample", "save_checkpoint",
    "write_report",
]  # fmt: skip
