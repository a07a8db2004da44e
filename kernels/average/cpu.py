"""The CPU rung of the moving average."""


def average_numpy(averages, values, count, *, decay):
    """Rung 1. Changed: whole-array expressions. Faster: compiled passes. Bound: memory traffic;
    next to a step of training it is nothing."""
    count += 1
    t = float(count[0])
    d = min(decay, (1 + t) / (10 + t))
    for mean, value in zip(averages, values, strict=True):
        mean += (1 - d) * (value - mean)
    return averages
