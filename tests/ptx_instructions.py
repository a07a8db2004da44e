"""Instructions of PTX on numbers where they differ, and what the manual says, in NumPy.

Each row: the opcode; the registers, the result first ("r" 32 bits, "l" 64, "f" float, "d" double,
"i" a count of 32 bits, "p" a predicate, which the result shows as 0 or 1); the function.
"""

from __future__ import annotations

import operator
from fractions import Fraction

import numpy as np

LETTERS = {"r": np.uint32, "l": np.uint64, "f": np.float32, "d": np.float64, "p": np.uint32}


def signed(x):
    return x.view({4: np.int32, 8: np.int64}[x.itemsize])


def flush(x):
    tiny = np.finfo(np.float32).tiny
    return np.where(np.abs(x) < tiny, np.copysign(np.float32(0), x), x).astype(np.float32)


def ftz(function):
    return lambda *x: flush(function(*map(flush, x)))


def _shifted(x, count, bits, shift, beyond):
    """`shift` by a count below `bits`, else `beyond`."""
    inside = np.minimum(count, bits - 1).astype(x.dtype)
    return np.where(count < bits, shift(x, inside), beyond)


def _high(x, y):
    products = [int(a) * int(b) >> 8 * x.itemsize for a, b in zip(x, y, strict=True)]
    return np.array(products, x.dtype)


def _insert(x, y, position, length):
    made = []
    for a, b, p, n in zip(x, y, position, length, strict=True):
        p, n = int(p) & 255, int(n) & 255
        mask = ((1 << n) - 1) << p
        made.append((int(b) & ~mask | int(a) << p & mask) & 0xFFFFFFFF)
    return np.array(made, np.uint32)


def _exact(function, mode):
    """The function's exact value, rounded once to float32: "near", "down" or towards "zero"."""

    def compute(*x):
        made = function(*(y.astype(np.float64) for y in x)).astype(np.float32)
        for i, numbers in enumerate(zip(*x, strict=True)):
            if all(map(np.isfinite, numbers)):
                value = function(*(Fraction(float(number)) for number in numbers))
                made[i] = _rounded(value, mode) if value else made[i]  # 0 has NumPy's sign
        return made

    return compute


def _rounded(value, mode):
    near = np.float32(float(value))
    if mode == "near" and np.isinf(near):
        return near
    around = [np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))]
    if mode == "near":
        finite = [x for x in around if np.isfinite(x)]
        return min(finite, key=lambda x: (abs(Fraction(float(x)) - value), x.view(np.uint32) & 1))
    if mode == "down" or value > 0:
        return max(x for x in around if float(x) <= value)
    return min(x for x in around if float(x) >= value)


def _to_integer(dtype, function):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max

    def convert(x):
        whole = function(x.astype(np.float64))
        nan = low if 8 in (np.dtype(dtype).itemsize, x.itemsize) else 0
        made = [nan if v != v else low if v <= low else high if v >= high else int(v)
                for v in whole.tolist()]  # fmt: skip
        return np.array(made, dtype)

    return convert


def _smaller(x, y):
    zero = (x == 0) & (y == 0)
    return np.where(zero, np.where(np.signbit(x), x, y), np.fmin(x, y))


def _larger(x, y):
    zero = (x == 0) & (y == 0)
    return np.where(zero, np.where(np.signbit(x), y, x), np.fmax(x, y))


def _rough(x):
    return ((1 / x).view(np.uint64) >> np.uint64(32) << np.uint64(32)).view(np.float64)


def _unordered(x, y):
    return np.isnan(x) | np.isnan(y)


ROWS = [
    ("add.s32", "rrr", np.add), ("sub.s64", "lll", np.subtract), ("neg.s32", "rr", np.negative),
    ("mul.lo.s32", "rrr", np.multiply), ("mul.lo.s64", "lll", np.multiply),
    ("mul.wide.s32", "lrr", lambda x, y: signed(x).astype(np.int64) * signed(y)),
    ("mul.wide.u32", "lrr", lambda x, y: x.astype(np.uint64) * y),
    ("mul.hi.u64", "lll", _high),
    ("mul.hi.s32", "rrr", lambda x, y: _high(signed(x), signed(y))),
    ("mad.lo.s32", "rrrr", lambda x, y, z: x * y + z),
    ("min.s32", "rrr", lambda x, y: np.minimum(signed(x), signed(y))),
    ("max.u32", "rrr", np.maximum),
    ("max.s64", "lll", lambda x, y: np.maximum(signed(x), signed(y))),
    ("not.b32", "rr", np.invert), ("xor.b64", "lll", np.bitwise_xor),
    ("shl.b32", "rri", lambda x, n: _shifted(x, n, 32, np.left_shift, 0)),
    ("shl.b64", "lli", lambda x, n: _shifted(x, n, 64, np.left_shift, 0)),
    ("shr.u32", "rri", lambda x, n: _shifted(x, n, 32, np.right_shift, 0)),
    ("shr.s32", "rri", lambda x, n: signed(x) >> np.minimum(n, 31).astype(np.int32)),
    ("shr.s64", "lli", lambda x, n: signed(x) >> np.minimum(n, 63).astype(np.int64)),
    ("bfi.b32", "rrrii", _insert),
    ("cvt.s64.s32", "lr", lambda x: signed(x).astype(np.int64)),
    ("cvt.u64.u32", "lr", lambda x: x.astype(np.uint64)),
    ("cvt.u32.u64", "rl", lambda x: x.astype(np.uint32)),
    ("cvt.rn.f32.s32", "fr", lambda x: signed(x).astype(np.float32)),
    ("cvt.rn.f32.u32", "fr", lambda x: x.astype(np.float32)),
    ("cvt.rn.f64.s64", "dl", lambda x: signed(x).astype(np.float64)),
    ("cvt.rn.f64.u64", "dl", lambda x: x.astype(np.float64)),
    ("cvt.rzi.s32.f32", "rf", _to_integer(np.int32, np.trunc)),
    ("cvt.rni.s32.f32", "rf", _to_integer(np.int32, np.rint)),
    ("cvt.rmi.u32.f32", "rf", _to_integer(np.uint32, np.floor)),
    ("cvt.rzi.s64.f64", "ld", _to_integer(np.int64, np.trunc)),
    ("cvt.rni.f32.f32", "ff", np.rint), ("cvt.rni.f64.f64", "dd", np.rint),
    ("cvt.rzi.f64.f64", "dd", np.trunc),
    ("cvt.ftz.f64.f32", "df", lambda x: flush(x).astype(np.float64)),
    ("cvt.f64.f32", "df", lambda x: x.astype(np.float64)),
    ("cvt.rn.ftz.f32.f64", "fd", lambda x: flush(x.astype(np.float32))),
    ("cvt.ftz.sat.f32.f32", "ff", lambda x: np.where(x > 0, np.minimum(flush(x), 1), 0)),
    ("add.ftz.f32", "fff", ftz(np.add)), ("add.f32", "fff", np.add), ("add.f64", "ddd", np.add),
    ("sub.ftz.f32", "fff", ftz(np.subtract)), ("mul.ftz.f32", "fff", ftz(np.multiply)),
    ("add.rz.ftz.f32", "fff", ftz(_exact(operator.add, "zero"))),
    ("mul.rm.f32", "fff", _exact(operator.mul, "down")),
    ("fma.rn.f32", "ffff", _exact(lambda x, y, z: x * y + z, "near")),
    ("div.rn.ftz.f32", "fff", ftz(np.divide)), ("div.rn.f64", "ddd", np.divide),
    ("rcp.rn.ftz.f32", "ff", ftz(lambda x: np.float32(1) / x)),
    ("rcp.approx.ftz.f64", "dd", _rough),
    ("sqrt.rn.ftz.f32", "ff", ftz(np.sqrt)), ("sqrt.rn.f64", "dd", np.sqrt),
    ("abs.ftz.f32", "ff", ftz(np.abs)), ("neg.ftz.f32", "ff", ftz(np.negative)),
    ("copysign.f32", "fff", lambda x, y: np.copysign(y, x)),
    ("min.f32", "fff", _smaller), ("max.ftz.f32", "fff", ftz(_larger)), ("max.f64", "ddd", _larger),
    ("setp.lt.s32", "prr", lambda x, y: signed(x) < signed(y)), ("setp.lt.u32", "prr", np.less),
    ("setp.ge.s64", "pll", lambda x, y: signed(x) >= signed(y)),
    ("setp.eq.ftz.f32", "pff", lambda x, y: flush(x) == flush(y)),
    ("setp.ne.f64", "pdd", lambda x, y: (x != y) & ~_unordered(x, y)),
    ("setp.neu.f64", "pdd", np.not_equal),
    ("setp.gt.f32", "pff", np.greater), ("setp.le.f64", "pdd", np.less_equal),
    ("setp.gtu.f64", "pdd", lambda x, y: (x > y) | _unordered(x, y)),
    ("setp.leu.f32", "pff", lambda x, y: (x <= y) | _unordered(x, y)),
    ("setp.ltu.f64", "pdd", lambda x, y: (x < y) | _unordered(x, y)),
    ("setp.geu.ftz.f32", "pff", lambda x, y: (flush(x) >= flush(y)) | _unordered(x, y)),
    ("setp.equ.f32", "pff", lambda x, y: (x == y) | _unordered(x, y)),
]  # fmt: skip
_CPP = {"r": "unsigned", "l": "unsigned long long", "f": "float", "d": "double", "i": "unsigned"}


_HEAD = """
__global__ void kernel(const unsigned* r, const unsigned long long* l, const float* f,
                       const double* d, const unsigned* i, unsigned long long* out, int n) {
  const int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;"""


def text() -> str:
    """A kernel that writes 8 bytes for each row and place, of arguments from four arrays each."""
    lines = [_HEAD]
    for number, (opcode, registers, _) in enumerate(ROWS):
        result, *given = registers
        operands = ", ".join(f"%{1 + k}" for k in range(len(given)))
        inputs = ", ".join(f'"{"r" if c == "i" else c}"({c}[{k} * n + t])'
                           for k, c in enumerate(given))  # fmt: skip
        assembly = f"{opcode} %0, {operands};"
        if result == "p":
            assembly = f"{{.reg .pred p; {opcode} p, {operands}; selp.u32 %0, 1, 0, p;}}"
            result = "r"
        assembly = f'asm volatile("{assembly}" : "={result}"(x) : {inputs});'
        lines.append(f"  {{ {_CPP[result]} x; {assembly} "
                     f"memcpy(&out[{number} * n + t], &x, sizeof x); }}")  # fmt: skip
    return "\n".join([*lines, "}"])


def arguments(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Four arrays of each kind: random numbers, and among them those where instructions differ."""
    def floats(dtype):
        x = np.ldexp(rng.uniform(1, 2, (4, n)), rng.integers(-12, 12, (4, n)))
        x = (x * rng.choice([-1, 1], (4, n))).astype(dtype)
        info = np.finfo(dtype)
        special = [0.0, -0.0, np.inf, -np.inf, np.nan, 0.5, 1.5, 2.5, -2.5, 1.0, -1.0, 3e9, -3e9,
                   2**31, 1e19, -1e19, info.max, info.tiny, -info.tiny, info.tiny / 4,
                   -info.tiny / 2]  # fmt: skip
        where = rng.random((4, n)) < 0.4
        x = np.where(where, rng.choice(np.array(special, dtype), (4, n)), x)
        x[:2, :4] = [0.0, 0.0, -0.0, -0.0], [0.0, -0.0, 0.0, -0.0]
        return x

    def integers(dtype):
        x = rng.integers(0, np.iinfo(dtype).max, (4, n), dtype, endpoint=True)
        special = np.array([0, 1, np.iinfo(dtype).max, np.iinfo(dtype).max // 2 + 1], dtype)
        return np.where(rng.random((4, n)) < 0.3, rng.choice(special, (4, n)), x)

    counts = rng.integers(0, 70, (4, n)).astype(np.uint32)
    return {"r": integers(np.uint32), "l": integers(np.uint64), "f": floats(np.float32),
            "d": floats(np.float64), "i": counts}  # fmt: skip


def result(out: np.ndarray, letter: str) -> np.ndarray:
    """What an instruction wrote, from the lower bytes of each place."""
    kind = np.dtype(LETTERS[letter])
    lower = out.view(np.uint8).reshape(-1, 8)[:, : kind.itemsize]
    return np.ascontiguousarray(lower).view(kind).ravel()
