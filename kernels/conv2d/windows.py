"""Windows: what a convolution multiplies, gathered from x into rows of memory."""

from tinygan.kernels.jit import jit
from tinygan.kernels.matmul.gemm import LANES, at, copy_vector, pointer_to


@jit
def gather_windows(
    x, windows, row, out_h, out_w, s, first_tap, last_tap, step_h, step_w, offset_h, offset_w,
    first_pixel, count,
):  # fmt: skip
    """windows[i * row :] = what taps first_tap ... last_tap of pixel first_pixel + i read of x.

    windows is a pointer; `row` is at least LANES more than the values of a window. In x, which is
    (n, h, w, c) and C-contiguous, the values that the taps of one kernel row read lie side by
    side: they are copied together, in whole vectors. What these copy too much lies in the same row
    of `windows`, where the next values overwrite it or nobody looks.
    """
    _, height, width, c = x.shape
    values_of_x = pointer_to(x, 0)
    rest, q = divmod(first_pixel, out_w)
    n, p = divmod(rest, out_h)
    for i in range(count):
        h, w = p * step_h + offset_h, q * step_w + offset_w
        tap, place = first_tap, i * row
        while tap < last_tap:
            a = tap // s
            first = tap - a * s
            last = min(s, first + last_tap - tap)
            line = h + a
            length = (last - first) * c
            # Columns w + inside ... w + outside - 1 lie in x.
            inside, outside = max(first, -w), min(last, width - w)
            if line < 0 or line >= height or inside >= outside:
                for j in range(length):
                    windows[place + j] = 0
            else:
                source = ((n * height + line) * width + w + inside) * c
                values = (outside - inside) * c
                before = (inside - first) * c
                for j in range(before):
                    windows[place + j] = 0
                if source + values + LANES <= x.size:
                    for j in range(0, values, LANES):
                        copy_vector(at(values_of_x, source + j), at(windows, place + before + j))
                else:
                    for j in range(values):
                        windows[place + before + j] = values_of_x[source + j]
                for j in range(before + values, length):
                    windows[place + j] = 0
            place += length
            tap += last - first
        q += 1
        if q == out_w:
            q = 0
            p += 1
            if p == out_h:
                p = 0
                n += 1
