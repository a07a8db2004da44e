"""The kernels' benchmark: ``python -m tinygan.kernels.bench``."""
