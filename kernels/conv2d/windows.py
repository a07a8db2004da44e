"""Gathers a convolution's windows (its factors from x) into rows of memory: im2col."""

from ..cpu.jit import subroutine
from ..cpu.pointers import at, pointer_to
from ..matmul.gemm import LANES, copy_vector


@subroutine
def gather_windows(
    x, windows, row, out_h, out_w, s, first_tap, last_tap, step_h, step_w, offset_h, offset_w,
    first_pixel, count,
):  # fmt: skip
    """windows[i * row :] = the values of x at taps first_tap ... last_tap of pixel first_pixel + i.

    windows is a pointer; `row` is at least LANES more than the values of a window. In x, which is
    (n, h, w, c) and C-contiguous, the values that the taps of one kernel row read lie side by
    side: they are copied together, in whole vectors. What these copy too much lies in the same row
    of `windows`, where the next values overwrite it or it is not read.
    """
    _, height, width, c = x.shape
    source = pointer_to(x, 0)
    rest, q = divmod(first_pixel, out_w)
    n, p = divmod(rest, out_h)
    done = 0
    while done < count:  # a piece of a row of pixels, and for it one kernel row after the other
        pixels = min(out_w - q, count - done)
        tap = first_tap
        while tap < last_tap:
            a = tap // s
            first = tap - a * s
            taps = min(s - first, last_tap - tap)
            values = taps * c
            target = done * row + (tap - first_tap) * c
            h, w = p * step_h + offset_h + a, q * step_w + offset_w + first
            start = ((n * height + h) * width + w) * c
            last_inside = width - taps if 0 <= h < height else -1
            last_start = x.size - (values + LANES - 1) // LANES * LANES
            for _ in range(pixels):
                if 0 <= w <= last_inside and start <= last_start:
                    for j in range(0, values, LANES):
                        copy_vector(at(source, start + j), at(windows, target + j))
                else:
                    _copy_inside(
                        source, start, w, width if 0 <= h < height else 0, taps, c, windows, target
                    )
                target += row
                start += step_w * c
                w += step_w
            tap += taps
        done += pixels
        q = 0
        p += 1
        if p == out_h:
            p = 0
            n += 1


@subroutine
def _copy_inside(source, start, w, width, taps, c, windows, target):
    """One run of values, zero for what lies outside of x."""
    first = min(taps, max(0, -w)) * c
    last = max(first, min(taps, width - w) * c)
    for j in range(first):
        windows[target + j] = 0
    for j in range(first, last):
        windows[target + j] = source[start + j]
    for j in range(last, taps * c):
        windows[target + j] = 0
