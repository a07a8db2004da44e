"""Arithmetic of sizes."""


def ceil_div(size: int, part: int) -> int:
    """How many parts of length `part` cover `size`."""
    return -(-size // part)
