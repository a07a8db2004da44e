"""Checks and times the kernels: all rungs of each ladder, in turns."""

from __future__ import annotations

from tinygan.kernels.bench.__main__ import main

__all__ = ["main"]
