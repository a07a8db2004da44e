"""``tinygan.functional`` where PyTorch has it: ``import tinygan.nn.functional as F``."""

import tinygan.functional as _functions
from tinygan.functional import *

__all__ = _functions.__all__
