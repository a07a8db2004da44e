"""What is said of a name that PyTorch has and tinygan has not."""

from __future__ import annotations

PAGE = "docs/from-pytorch.md"

# What to write instead, of names that programs use.
_INSTEAD = {
    "LSTM": "recurrent layers are out of its scope",
    "GRU": "recurrent layers are out of its scope",
    "RNN": "recurrent layers are out of its scope",
    "Conv3d": "images have two dimensions here",
    "DataParallel": "one process computes on one device; on one device call the net itself",
    "linalg": "for what is not differentiated take numpy.linalg and x.numpy()",
    "fft": "for what is not differentiated take numpy.fft and x.numpy()",
    "jit": "nothing has to be compiled; call the net itself",
    "compile": "nothing has to be compiled; call the net itself",
    "float16": "tensors are float32 or float64; for products in 16 bits see tinygan.autocast",
    "bfloat16": "tensors are float32 or float64; for products in 16 bits see tinygan.autocast",
    "complex64": "there are no complex tensors",
    "svd": "for what is not differentiated take numpy.linalg.svd and x.numpy()",
    "inverse": "for what is not differentiated take numpy.linalg.inv and x.numpy()",
    "det": "for what is not differentiated take numpy.linalg.det and x.numpy()",
}


def missing(place: str, name: str) -> str:
    """The message of the AttributeError for ``place.name``."""
    text = f"{place} has no {name!r}"
    if name.startswith("__"):  # asked for by Python and by other libraries
        return text
    lazy = "layers are made with their sizes here" if name.startswith("Lazy") else None
    hint = _INSTEAD.get(name, lazy)
    return f"{text}{f': {hint}' if hint else ''}; what there is and what is different: {PAGE}"
