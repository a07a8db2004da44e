"""``tinygan.functional`` where PyTorch has it: ``import tinygan.nn.functional as F``."""

from tinygan.functional import *
