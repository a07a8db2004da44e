"""``tinygan.functional`` where PyTorch has it: ``import tinygan.nn.functional as F``."""

from typing import TYPE_CHECKING, Any

import tinygan.functional as _functions
from tinygan.absent import missing as _missing
from tinygan.functional import *

__all__ = _functions.__all__


if not TYPE_CHECKING:  # which would take any name for one that exists

    def __getattr__(name: str) -> Any:
        raise AttributeError(_missing("tinygan.nn.functional", name))
