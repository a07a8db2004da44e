"""The CPU rung of the moving average."""


def average_numpy(averages, values, *, decay, updates):
    """Rung 1. Changed: whole-array expressions. Faster: compiled passes. Bound: memory traffic;
    next to a step of training it is nothing."""
    d = min(decay, (1 + updates) / (10 + updates))
    for mean, value in zip(averages, values, strict=True):
        mean += (1 - d) * (value - mean)
    return averages
