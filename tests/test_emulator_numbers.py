"""Rounding modes, conversions, integers and numbers of 16 bits in the emulator, against exact
numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import needs
import numpy as np
import pytest
from cuda_functions import MODES, TO_INTEGER
from emulated import evaluate

needs.cpp_compiler()

inf, nan = math.inf, math.nan

FORMATS = {  # binary digits, the exponent of the smallest number's unit, the largest number
    np.float32: (24, -149, Fraction(2) ** 128 - Fraction(2) ** 104),
    np.float64: (53, -1074, Fraction(2) ** 1024 - Fraction(2) ** 971),
    "half": (11, -24, Fraction(65504)),
    "bfloat16": (8, -133, Fraction(2) ** 128 - Fraction(2) ** 120),
}


def rounded(exact, form, mode):
    """An exact number as the nearest of a format, or the one towards zero, above or below."""
    digits, lowest, largest = FORMATS[form]
    if exact == 0:
        return 0.0
    size = abs(exact)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= Fraction(2) ** exponent > size
    unit = Fraction(2) ** max(exponent - digits + 1, lowest)
    whole = {"rn": round, "rz": math.trunc, "ru": math.ceil, "rd": math.floor}[mode](exact / unit)
    result = whole * unit
    if abs(result) > largest:
        away = mode == "rn" or (mode != "rz" and (mode == "ru") == (exact > 0))
        return (1 if exact > 0 else -1) * (inf if away else float(largest))
    return float(result) if result else math.copysign(0.0, exact)


def root(exact, form, mode):
    """The square root, rounded: exact enough, from twice as many digits."""
    shift = 2 * 1100
    whole = math.isqrt(int(exact * 4**shift))
    odd = whole if whole * whole == exact * 4**shift else whole * 2 + 1
    return rounded(Fraction(odd, 2**shift if odd == whole else 2 ** (shift + 1)), form, mode)


@pytest.mark.parametrize("kind", ["float", "double"])
def test_arithmetic_in_rounding_modes(kind, rng):
    dtype, v, letter = (np.float32, "f", "f") if kind == "float" else (np.float64, "d", "d")
    x = (rng.standard_normal((3, 40)) * 10.0 ** rng.integers(-9, 9, (3, 40))).astype(dtype)
    small, large = np.finfo(dtype).tiny, np.finfo(dtype).max
    x[:, :4] = [[small, large, -large, 3], [0.75, 2, 2, 3], [small, large, 1, -9]]
    fused = "__fmaf" if v == "f" else "__fma"
    operations = {
        "add": lambda a, b, c, m: rounded(a + b, dtype, m),
        "sub": lambda a, b, c, m: rounded(a - b, dtype, m),
        "mul": lambda a, b, c, m: rounded(a * b, dtype, m),
        "div": lambda a, b, c, m: rounded(a / b, dtype, m),
        "rcp": lambda a, b, c, m: rounded(1 / a, dtype, m),
        "sqrt": lambda a, b, c, m: root(abs(a), dtype, m),
        "fma": lambda a, b, c, m: rounded(a * b + c, dtype, m),
    }
    a, b, c = (f"{v}{i}" for i in range(3))
    arguments = {"rcp": a, "sqrt": f"fabs({a})", "fma": f"{a}, {b}, {c}"}
    calls = {}
    for mode in MODES:
        for name in operations:
            function = fused if name == "fma" else f"__{letter}{name}"
            calls[f"{function}_{mode}({arguments.get(name, f'{a}, {b}')})"] = name, mode
    results = evaluate(list(calls), {a: x[0], b: x[1], c: x[2]}, (kind, dtype))
    exact = [[Fraction(float(value)) for value in row] for row in x]
    for call, values in results.items():
        name, mode = calls[call]
        expected = [operations[name](*numbers, mode) for numbers in zip(*exact, strict=True)]
        np.testing.assert_array_equal(values, np.array(expected, dtype), err_msg=call)


INTEGERS = {"int": (32, True), "uint": (32, False), "ll": (64, True), "ull": (64, False)}


def clamped(number, bits, signed, from_wide, mode):
    if math.isnan(number):
        return 1 << (bits - 1) if bits == 64 or from_wide else 0
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if math.isinf(number):
        return high if number > 0 else low
    whole = {"rn": round, "rz": math.trunc, "ru": math.ceil, "rd": math.floor}[mode](number)
    return min(max(whole, low), high)


@pytest.mark.parametrize("kind", ["float", "double"])
def test_conversions_to_integers_are_clamped(kind):
    dtype, v = (np.float32, "f") if kind == "float" else (np.float64, "d")
    x = np.array([0.5, 1.5, -1.5, 2.5, -0.0, 1e9, -3e9, 3e9, 5e9, 2**31, -(2**31), 2**32, 2**63,
                  -(2.0**63), 2**64, 1e30, -1e30, inf, -inf, nan, 1e-45, -0.9], dtype)  # fmt: skip
    calls = {f"(unsigned long long) __{kind}2{name}_{mode}({v})": (name, mode)
             for name in TO_INTEGER for mode in MODES}  # fmt: skip
    results = evaluate(list(calls), {v: x}, ("unsigned long long", np.uint64))
    for call, values in results.items():
        name, mode = calls[call]
        expected = [clamped(float(number), *INTEGERS[name], kind == "double", mode) for number in x]
        if name == "int":  # the sign spreads, also over what NaN becomes
            expected = [number - 2**32 if number == 2**31 else number for number in expected]
        assert [int(value) for value in values] == [e % 2**64 for e in expected], call


def test_conversions_from_numbers_in_rounding_modes(rng):
    q = np.concatenate([rng.integers(-(2**63), 2**63, 40), [0, 1, -1, 2**62 + 1, 2**63 - 1]])
    d = np.concatenate([rng.standard_normal(41), [1e300, -1e300, 1e-42, 16777217.0]])
    calls = {}
    for mode in MODES:
        calls |= {f"__ll2float_{mode}(q)": (q, np.float32, mode),
                  f"__ull2float_{mode}(q)": (q.astype(np.uint64), np.float32, mode),
                  f"__int2float_{mode}((int) q)": (q.astype(np.int32), np.float32, mode),
                  f"__uint2float_{mode}((unsigned) q)": (q.astype(np.uint32), np.float32, mode),
                  f"__double2float_{mode}(d)": (d, np.float32, mode),
                  f"__ll2double_{mode}(q)": (q, np.float64, mode),
                  f"__ull2double_{mode}(q)": (q.astype(np.uint64), np.float64, mode)}  # fmt: skip
    results = evaluate(list(calls), {"q": q, "d": d}, ("double", np.float64))
    for call, values in results.items():
        numbers, form, mode = calls[call]
        expected = [rounded(Fraction(number.item()), form, mode) for number in numbers]
        np.testing.assert_array_equal(values, expected, err_msg=call)


def test_bits_of_numbers(rng):
    d = np.concatenate([rng.standard_normal(14), [nan, -0.0]])
    calls = ["__double_as_longlong(d)", "__double2hiint(d)", "__double2loint(d)",
             "__double_as_longlong(__hiloint2double(__double2hiint(d), __double2loint(d)))",
             "__double_as_longlong(__longlong_as_double(__double_as_longlong(d)))",
             "__float_as_int(__int_as_float(__float_as_int((float) d)))"]  # fmt: skip
    results = list(evaluate(calls, {"d": d}, ("long long", np.int64)).values())
    bits = d.view(np.int64)
    for i in (0, 3, 4):
        np.testing.assert_array_equal(results[i], bits)
    np.testing.assert_array_equal(results[1], bits >> 32)
    np.testing.assert_array_equal(results[2], bits.astype(np.int32))
    np.testing.assert_array_equal(results[5], d.astype(np.float32).view(np.int32))


# ------------------------------------------------------------------------------------ integers


def signed(x, bits):
    return (x + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def byte_perm(x, y, s):
    both, result = x | y << 32, 0
    for i in range(4):
        chosen = s >> 4 * i & 15
        byte = both >> 8 * (chosen & 7) & 255
        result |= ((255 if byte & 128 else 0) if chosen & 8 else byte) << 8 * i
    return result


def parts(x, bits, signed_parts):
    values = [x >> bits * i & (1 << bits) - 1 for i in range(32 // bits)]
    return [signed(v, bits) if signed_parts else v for v in values]


def dot(a, b, c):
    return sum(x * y for x, y in zip(a, b, strict=False)) + c


def find_nth(mask, base, offset):
    if offset == 0:
        return base if mask >> base & 1 else -1
    places = range(base, 32) if offset > 0 else range(base, -1, -1)
    found = [i for i in places if mask >> i & 1]
    return found[abs(offset) - 1] if len(found) >= abs(offset) else -1


def test_integers(rng):
    u = rng.integers(0, 2**32, (3, 60)).astype(np.uint32)
    u[:, :6] = [[0, 1, 2**31, 2**32 - 1, 7, 0xFFFF0000], [2**32 - 1, 0, 2**31, 2**32 - 1, 32, 1],
                [0, 31, 32, 33, 64, 5]]  # fmt: skip
    q = rng.integers(-(2**63), 2**63, (2, 60))
    q[:, :3] = [[0, -1, -(2**63)], [1, -1, -(2**63)]]
    s = signed
    references = {
        "__popc(u0)": lambda a, b, c, x, y: a.bit_count(),
        "__popcll(q0)": lambda a, b, c, x, y: (x % 2**64).bit_count(),
        "__clz(u0)": lambda a, b, c, x, y: 32 - a.bit_length(),
        "__clzll(q0)": lambda a, b, c, x, y: 64 - (x % 2**64).bit_length(),
        "__ffs(u0)": lambda a, b, c, x, y: (a & -a).bit_length(),
        "__ffsll(q0)": lambda a, b, c, x, y: (x & -x).bit_length(),
        "__brevll(q0)": lambda a, b, c, x, y: int(f"{x % 2**64:064b}"[::-1], 2),
        "__fns(u0, u1 % 32, (int) (u2 % 9) - 4)":
            lambda a, b, c, x, y: find_nth(a, b % 32, c % 9 - 4) % 2**32,
        "__byte_perm(u0, u1, u2)": lambda a, b, c, x, y: byte_perm(a, b, c),
        "__mulhi(u0, u1)": lambda a, b, c, x, y: s(a, 32) * s(b, 32) >> 32,
        "__mul64hi(q0, q1)": lambda a, b, c, x, y: x * y >> 64,
        "__umul24(u0, u1)": lambda a, b, c, x, y: (a % 2**24) * (b % 2**24) % 2**32,
        "__mul24(u0, u1)": lambda a, b, c, x, y: s(s(a, 24) * s(b, 24), 32),
        "__usad(u0, u1, u2)": lambda a, b, c, x, y: (abs(a - b) + c) % 2**32,
        "__sad(u0, u1, u2)": lambda a, b, c, x, y: (abs(s(a, 32) - s(b, 32)) + c) % 2**32,
        "__hadd(u0, u1)": lambda a, b, c, x, y: s(a, 32) + s(b, 32) >> 1,
        "__rhadd(u0, u1)": lambda a, b, c, x, y: s(a, 32) + s(b, 32) + 1 >> 1,
        "__uhadd(u0, u1)": lambda a, b, c, x, y: a + b >> 1,
        "__urhadd(u0, u1)": lambda a, b, c, x, y: a + b + 1 >> 1,
        "__funnelshift_l(u0, u1, u2)":
            lambda a, b, c, x, y: (b << 32 | a) << c % 32 >> 32 & 2**32 - 1,
        "__funnelshift_r(u0, u1, u2)":
            lambda a, b, c, x, y: (b << 32 | a) >> c % 32 & 2**32 - 1,
        "__funnelshift_lc(u0, u1, u2)":
            lambda a, b, c, x, y: (b << 32 | a) << min(c, 32) >> 32 & 2**32 - 1,
        "__funnelshift_rc(u0, u1, u2)":
            lambda a, b, c, x, y: (b << 32 | a) >> min(c, 32) & 2**32 - 1,
        "__dp4a((int) u0, (int) u1, (int) u2)":
            lambda a, b, c, x, y: s(dot(parts(a, 8, True), parts(b, 8, True), c), 32),
        "__dp4a(u0, u1, u2)":
            lambda a, b, c, x, y: dot(parts(a, 8, False), parts(b, 8, False), c) % 2**32,
        "__dp2a_lo((int) u0, (int) u1, (int) u2)":
            lambda a, b, c, x, y: s(dot(parts(a, 16, True), parts(b, 8, True), c), 32),
        "__dp2a_hi(u0, u1, u2)":
            lambda a, b, c, x, y: dot(parts(a, 16, False), parts(b, 8, False)[2:], c) % 2**32,
        "min((int) u0, u1)": lambda a, b, c, x, y: min(a, b),
        "max(q0, (unsigned long long) q1)": lambda a, b, c, x, y: max(x % 2**64, y % 2**64),
        "llmin(q0, q1)": lambda a, b, c, x, y: min(x, y),
        "abs(q0)": lambda a, b, c, x, y: s(abs(x), 64),
    }  # fmt: skip
    inputs = {"u0": u[0], "u1": u[1], "u2": u[2], "q0": q[0], "q1": q[1]}
    results = evaluate(list(references), inputs, ("long long", np.int64))
    rows = [[int(value) for value in values] for values in inputs.values()]
    for call, values in results.items():
        expected = [references[call](*numbers) for numbers in zip(*rows, strict=True)]
        assert [int(value) % 2**64 for value in values] == [e % 2**64 for e in expected], call


# ------------------------------------------------------------------------ half and bfloat16

SMALL = {"half": ("half", "cuda_fp16.h"), "bfloat16": ("__nv_bfloat16", "cuda_bf16.h")}


def small_values(name, rng, count):
    """Random numbers of the format, with its ends; as float32, which holds them."""
    digits, lowest, largest = FORMATS[name]
    ends = [0.0, -0.0, 2.0**lowest, 3 * 2.0**lowest, 2.0 ** (lowest + digits), float(largest), -1.0]
    x = rng.standard_normal(count) * 2.0 ** rng.integers(lowest // 2, -lowest // 2, count)
    x[: len(ends)] = ends
    return np.array([rounded(Fraction(value), name, "rn") if value else value for value in x],
                    np.float32)  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_arithmetic_of_small_floats(name, rng):
    T, header = SMALL[name]
    x = [rng.permutation(small_values(name, rng, 200)) for _ in range(3)]
    keep = np.isfinite(x[0]) & np.isfinite(x[1]) & np.isfinite(x[2]) & (x[1] != 0)
    x = [v[keep] for v in x]
    # The product lies in the middle of two numbers; float64 loses what the sum is below it by.
    digits, lowest, _ = FORMATS[name]
    x[0][0], x[1][0], x[2][0] = 1 + 2.0 ** (1 - digits), 1.5, -(2.0 ** (lowest + 20))
    a, b, c = (f"{T}(f{i})" for i in range(3))
    references = {
        f"{a} + {b}": lambda x, y, z: x + y, f"__hsub({a}, {b})": lambda x, y, z: x - y,
        f"__hmul({a}, {b})": lambda x, y, z: x * y, f"{a} / {b}": lambda x, y, z: x / y,
        f"__hfma({a}, {b}, {c})": lambda x, y, z: x * y + z,
        f"__low2float(__hfma2({{{a}, {b}}}, {{{b}, {a}}}, {{{c}, {c}}}))":
            lambda x, y, z: x * y + z,
        f"__hadd_sat({a}, {b})": lambda x, y, z: min(max(x + y, Fraction(0)), Fraction(1)),
        f"__hfma_relu({a}, {b}, {c})": lambda x, y, z: max(x * y + z, Fraction(0)),
        f"__double2{name}((double) f0 * f1 * f2)":
            lambda x, y, z: Fraction(float(x) * float(y) * float(z)),
        f"__int2{name}_rz((int) (f0 * 1e4f))":
            lambda x, y, z: Fraction(int(np.float32(x) * np.float32(1e4))),
    }  # fmt: skip
    references = {f"float({call})" if "2float" not in call else call: f
                  for call, f in references.items()}  # fmt: skip
    x[0] = np.where(np.abs(x[0]) < 2e5, x[0], 1)  # an int holds 1e4 times as much
    inputs = {f"f{i}": v for i, v in enumerate(x)}
    results = evaluate(list(references), inputs, ("float", np.float32), f"#include <{header}>")
    for call, values in results.items():
        mode = "rz" if "_rz" in call else "rn"
        rows = [[Fraction(float(v)) for v in row] for row in zip(*x, strict=True)]
        expected = [rounded(references[call](*row), name, mode) for row in rows]
        np.testing.assert_array_equal(values, expected, err_msg=call)


@pytest.mark.parametrize("name", SMALL)
def test_conversions_of_small_floats(name, rng):
    T, header = SMALL[name]
    lowest, largest = FORMATS[name][1:]
    f = (rng.standard_normal(60) * 10.0 ** rng.integers(-9, 9, 60)).astype(np.float32)
    end = float(largest)
    f[:8] = [2.0**lowest, 2.0 ** (lowest - 1), end, -end, 0.5, 1.5, -1e-40, 3e38]
    head = f"#include <{header}>"
    calls = {f"float(__float2{name}_{mode}(f))": mode for mode in MODES}
    for call, values in evaluate(list(calls), {"f": f}, ("float", np.float32), head).items():
        expected = [rounded(Fraction(float(x)), name, calls[call]) for x in f]
        np.testing.assert_array_equal(values, expected, err_msg=call)
    q = np.concatenate([rng.integers(-(2**63), 2**63, 30) >> rng.integers(0, 60, 30), [2**62 + 1]])
    calls = {f"float(__ll2{name}_{mode}(q))": mode for mode in MODES}
    for call, values in evaluate(list(calls), {"q": q}, ("float", np.float32), head).items():
        expected = [rounded(Fraction(int(x)), name, calls[call]) for x in q]
        np.testing.assert_array_equal(values, expected, err_msg=call)
    small = np.array([rounded(Fraction(float(x)), name, "rn") for x in f], np.float32)
    small[:3] = nan, inf, -inf
    kinds = {"short": (16, True), "ushort": (16, False), **INTEGERS}
    calls = {f"__{name}2{kind}_{mode}({T}(f))": (kind, mode) for kind in kinds for mode in MODES}
    results = evaluate(list(calls), {"f": small}, ("long long", np.int64), head)
    for call, values in results.items():
        kind, mode = calls[call]
        expected = [clamped(float(x), *kinds[kind], False, mode) for x in small]
        assert [int(v) % 2**64 for v in values] == [e % 2**64 for e in expected], call


def test_comparisons_and_extremes_of_halves():
    f = np.array([nan, -0.0, 0.0, 1.0, -inf, 65504.0], np.float32)
    x, y = (v.ravel() for v in np.meshgrid(f, f))
    either = np.isnan(x) | np.isnan(y)
    pair = "half2(half(f0), half(f1)), half2(half(f1), half(f0))"
    references = {}
    for name, compare in (("eq", np.equal), ("ne", np.not_equal), ("lt", np.less),
                          ("gt", np.greater), ("le", np.less_equal),
                          ("ge", np.greater_equal)):  # fmt: skip
        ordered = compare(x, y) & ~either
        references |= {f"__h{name}(half(f0), half(f1))": ordered,
                       f"__h{name}u(half(f0), half(f1))": ordered | either,
                       f"__low2float(__h{name}2({pair}))": ordered,
                       f"__h{name}2_mask({pair}) & 0xffff":
                       np.where(ordered, 0xFFFF, 0)}  # fmt: skip
    low, high = np.fmin(x, y), np.fmax(x, y)
    zeros = (x == 0) & (y == 0)
    low = np.where(zeros, np.where(np.signbit(x) | np.signbit(y), -0.0, 0.0), low)
    high = np.where(zeros, np.where(np.signbit(x) & np.signbit(y), -0.0, 0.0), high)
    references |= {"float(__hmin(half(f0), half(f1)))": low,
                   "float(__hmax(half(f0), half(f1)))": high,
                   "float(__hmax_nan(half(f0), half(f1)))": np.where(either, nan, high),
                   "float(__habs(half(f0)))": np.abs(x), "float(-half(f0))": -x,
                   "__hisnan(half(f0))": np.isnan(x), "__hisinf(half(f0))": np.isneginf(x) * -1.0,
                   "float(hexp(half(f0)))": np.where(x > 12, inf, np.exp(np.minimum(x, 12))),
                   }  # fmt: skip
    results = evaluate(list(references), {"f0": x, "f1": y}, ("float", np.float32),
                       "#include <cuda_fp16.h>")  # fmt: skip
    for call, values in results.items():
        np.testing.assert_allclose(values, references[call], rtol=1e-3, err_msg=call)
        if "(__h" in call:
            known = ~np.isnan(values)
            signs = np.signbit(np.asarray(references[call], np.float32))
            assert (np.signbit(values) == signs)[known].all(), call
