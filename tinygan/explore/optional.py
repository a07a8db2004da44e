"""scikit-learn, for those who use it: linear classifiers and t-SNE."""

from __future__ import annotations

import importlib
from typing import Any


def sklearn(module: str) -> Any:
    """The module ``sklearn.<module>``, imported when it is first needed.

    Raises:
        ImportError: scikit-learn is not installed; the message says how to get it.
    """
    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError as error:
        raise ImportError(
            f"this needs sklearn.{module}, of scikit-learn: pip install scikit-learn"
        ) from error
