"""Rung 1 of the layout changes, in NumPy."""


def swap_inner(x):
    """Rung 1. Changed: NumPy's copy. Faster: compiled.
    Bound: one core; every value that is written lies in another cache line than the one before."""
    return x.transpose(0, 2, 1).copy()
