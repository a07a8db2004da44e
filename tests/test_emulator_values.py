"""Values of CUDA's functions of float and double in the emulator, against longer numbers."""

from __future__ import annotations

import math

import needs
import numpy as np
import pytest
from emulated import evaluate

from tinygan.kernels.emulator import Module

needs.cpp_compiler()

inf, nan = math.inf, math.nan


erf, erfc, gamma, log_gamma = (np.vectorize(f, otypes=[float])
                               for f in (math.erf, math.erfc, math.gamma, math.lgamma))  # fmt: skip
PI = np.longdouble("3.14159265358979323846264338")
ANGLES = (np.arange(400) + 0.5) * np.pi / 400


def erfcx(x):
    """exp(x^2) erfc(x); for x >= 1 by Laplace's continued fraction."""
    x = x.astype(np.float64)
    fraction = far = np.maximum(x, 1)
    for k in range(600, 0, -1):
        fraction = far + 0.5 * k / fraction
    return np.where(x < 1, np.exp(x * x) * erfc(x), 1 / (np.sqrt(np.pi) * fraction))


def normcdf(x):
    x = x.astype(np.float64)
    return np.where(x < -1, 0.5 * np.exp(-x * x / 2) * erfcx(-x / np.sqrt(2)),
                    0.5 * erfc(-x / np.sqrt(2)))  # fmt: skip


def bessel(of, x):
    """The integral over the angles that defines a Bessel function, whose periodic sum is exact."""
    x = x.astype(np.float64)
    return np.mean(of(x[:, None], ANGLES), axis=1)


# {name: (its value, from .. to, greatest error in units in the last place of double)}
FUNCTIONS = {
    **{name: (getattr(np, "arc" + name[1:] if name[0] == "a" else name), low, high, 2)
       for name, low, high in (
           ("acos", -1, 1), ("acosh", 1.1, 50), ("asin", -1, 1), ("asinh", -50, 50),
           ("atan", -50, 50), ("atanh", -0.99, 0.99), ("cbrt", -50, 50), ("cos", -50, 50),
           ("cosh", -50, 50), ("exp", -80, 80), ("exp2", -100, 100), ("expm1", -3, 3),
           ("log", 0.01, 9e9), ("log10", 0.01, 9e9), ("log1p", -0.5, 9), ("log2", 0.01, 9e9),
           ("sin", -50, 50), ("sinh", -50, 50), ("sqrt", 0, 9e9), ("tan", -50, 50),
           ("tanh", -5, 5))},
    "exp10": (lambda x: np.longdouble(10) ** x, -30, 30, 2),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1e-9, 9e9, 2),
    "rcbrt": (lambda x: 1 / np.cbrt(x), 1e-9, 9e9, 4),
    "sinpi": (lambda x: np.sin(PI * x), 0.01, 0.49, 4),
    "cospi": (lambda x: np.cos(PI * x), -0.49, 0.49, 4),
    "erf": (erf, -5, 5, 2), "erfc": (erfc, -5, 25, 4), "tgamma": (gamma, 0.1, 30, 20),
    "lgamma": (log_gamma, 3, 99, 8), "erfcx": (erfcx, 0, 20, 20), "normcdf": (normcdf, -9, 9, 20),
    "j0": (lambda x: bessel(lambda x, a: np.cos(x * np.sin(a)), x), 0, 2, 8),
    "j1": (lambda x: bessel(lambda x, a: np.cos(a - x * np.sin(a)), x), 0.5, 3, 8),
    "cyl_bessel_i0": (lambda x: bessel(lambda x, a: np.exp(x * np.cos(a)), x), 0, 60, 30),
    "cyl_bessel_i1": (lambda x: bessel(lambda x, a: np.exp(x * np.cos(a)) * np.cos(a), x),
                      1, 60, 60),
    "ceil": (np.ceil, -9, 9, 0), "floor": (np.floor, -9, 9, 0), "trunc": (np.trunc, -9, 9, 0),
    "rint": (np.rint, -9, 9, 0), "nearbyint": (np.rint, -9, 9, 0), "fabs": (np.abs, -9, 9, 0),
    "round": (lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x), -9, 9, 0),
    "logb": (lambda x: np.floor(np.log2(x)), 0.01, 9e9, 0),
}  # fmt: skip
# Of float, as CUDA's programming guide bounds its own; all others stay within 2.
FLOAT_ERRORS = {"tgamma": 5, "lgamma": 6, "acosh": 4, "asinh": 3, "atanh": 3, "sinh": 3, "tan": 4,
                "erfc": 4, "erfcx": 4, "normcdf": 5, "j0": 8, "j1": 8}  # fmt: skip


def units(values, expected, dtype):
    """Errors in units in the last place of the expected numbers."""
    return np.abs((values - expected) / np.spacing(np.abs(expected).astype(dtype)))


@pytest.mark.parametrize("kind", ["float", "double"])
def test_functions_of_one_number(kind, rng):
    dtype, v = (np.float32, "f") if kind == "float" else (np.float64, "d")
    uniform = rng.random(64)
    inputs, calls = {}, []
    for i, name in enumerate(FUNCTIONS):
        _, low, high, _ = FUNCTIONS[name]
        inputs[f"{v}{i}"] = (low + uniform * (high - low)).astype(dtype)
        calls += [f"{name}({v}{i})"] + ([f"{name}f({v}{i})"] if v == "f" else [])
    results = {}
    rows = list(inputs)
    for start in range(0, len(rows), 20):  # a kernel has few parameters
        some = rows[start : start + 20]
        chosen = [call for call in calls if call.split("(")[1][:-1] in some]
        results |= evaluate(chosen, {name: inputs[name] for name in some}, (kind, dtype))
    errors = {}
    for call, values in results.items():
        name, variable = call[:-1].split("(")
        name = name if name in FUNCTIONS else name[:-1]
        function, _, _, bound = FUNCTIONS[name]
        x = inputs[variable].astype(np.float64 if v == "f" else np.longdouble)
        expected = function(x)
        bound = FLOAT_ERRORS.get(name, 2) if v == "f" else bound
        error = units(values, expected, dtype).max()
        if not error <= bound:
            errors[call] = f"{error:.1f} > {bound}"
    assert not errors


def test_inverse_functions_undo_what_they_are_inverse_to(rng):
    """The relative change of the result is the one of the argument times a known factor."""
    y = np.concatenate([rng.random(60), [1e-300, 1e-30, 0.5, 1 - 1e-16]])
    calls = evaluate(["erfinv(d)", "erfcinv(d)", "erf(erfinv(d))", "erfc(erfcinv(d))",
                      "normcdf(normcdfinv(d))", "erfcinv(1.0 + d)"], {"d": y},
                     ("double", np.float64))  # fmt: skip
    z = calls["erfinv(d)"]
    # d erf / dz = 2 exp(-z^2) / sqrt(pi) is at most 1.13: what the result is off by shrinks.
    np.testing.assert_allclose(calls["erf(erfinv(d))"], y, rtol=1e-15)
    np.testing.assert_allclose(z[y < 1e-9], y[y < 1e-9] * np.sqrt(np.pi) / 2, rtol=4e-16)
    # -d log erfc / d log z is up to 2 z^2, 1,380 at 1e-300.
    z = calls["erfcinv(d)"]
    bounds = 4e-16 * (2 + 2 * z * z)
    assert (np.abs(calls["erfc(erfcinv(d))"] / y - 1) <= bounds).all()
    assert (np.abs(calls["normcdf(normcdfinv(d))"] / y - 1) <= 2 * bounds).all()
    np.testing.assert_array_equal(calls["erfcinv(1.0 + d)"][y == 0.5], [-z[y == 0.5][0]])
    x = y.astype(np.float32)
    calls = evaluate(["erfinvf(f)", "normcdfinvf(f)"], {"f": x}, ("float", np.float32))
    exact = evaluate(["erfinv(d)", "normcdfinv(d)"], {"d": x.astype(np.float64)},
                     ("double", np.float64))  # fmt: skip
    for one, other in zip(calls.values(), exact.values(), strict=True):
        np.testing.assert_array_equal(one, other.astype(np.float32))


def test_functions_of_several_numbers(rng):
    x, y, z = (rng.standard_normal((3, 64)) * 10).astype(np.float32)
    wide = [v.astype(np.float64) for v in (x, y, z)]
    a, b, c = wide
    references = {
        "atan2({0}, {1})": np.arctan2(a, b), "hypot({0}, {1})": np.hypot(a, b),
        "pow(fabs({0}), {1})": np.abs(a) ** b, "pow({0}, 3)": a**3, "fmod({0}, {1})": np.fmod(a, b),
        "remainder({0}, {1})": a - b * np.rint(a / b), "fdim({0}, {1})": np.maximum(a - b, 0),
        "copysign({0}, {1})": np.copysign(a, b), "fma({0}, {1}, {2})": a * b + c,
        "nextafter({0}, {1})": np.nextafter(x, y), "ldexp({0}, 3)": 8 * a, "scalbn({0}, -2)": a / 4,
        "rhypot{s}({0}, {1})": 1 / np.hypot(a, b),
        "norm3d{s}({0}, {1}, {2})": np.hypot(np.hypot(a, b), c),
        "rnorm4d{s}({0}, {1}, {2}, {0})": 1 / np.sqrt(2 * a * a + b * b + c * c),
        "jn(2, {0})": bessel(lambda v, t: np.cos(2 * t - v * np.sin(t)), a),
    }  # fmt: skip
    f = {call.format("f0", "f1", "f2", s="f"): value for call, value in references.items()}
    results = evaluate(list(f), {"f0": x, "f1": y, "f2": z}, ("float", np.float32))
    for call, values in results.items():
        bound = 4e3 if call.startswith("jn") else 4  # near the zeros of j2
        assert units(values, f[call], np.float32).max() <= bound, call
    del references["nextafter({0}, {1})"]
    d = {call.format("d0", "d1", "d2", s=""): value for call, value in references.items()}
    for call, values in evaluate(list(d), {"d0": a, "d1": b, "d2": c},
                                 ("double", np.float64)).items():  # fmt: skip
        np.testing.assert_allclose(values, d[call], rtol=1e-12, atol=1e-14, err_msg=call)


def test_functions_that_write_through_pointers():
    text = """
    __global__ void kernel(const float* x, float* out, int* whole, double* wide) {
      const int t = threadIdx.x;
      out[t] = frexp(x[t], &whole[t]);
      out[8 + t] = modf(x[t], &out[16 + t]);
      out[24 + t] = remquo(x[t], 3.0f, &whole[8 + t]);
      sincos(x[t], &out[32 + t], &out[40 + t]);
      sincospi(x[t], &out[48 + t], &out[56 + t]);
      __sincosf(x[t], &out[64 + t], &out[72 + t]);
      sincos(static_cast<double>(x[t]), &wide[t], &wide[8 + t]);
      out[80 + t] = normf(8, x);
    }"""
    x = np.array([0.75, -2.5, 8, -7.25, 3.5, 100.25, -0.0, 1e-40], np.float32)
    wide = np.zeros(16)
    out, whole = np.zeros(88, np.float32), np.zeros(16, np.int32)
    module = Module(text, ["kernel"], checked=True)
    module.launch("kernel", (1,), (8,), [x, out, whole, wide])
    rows = out.reshape(11, 8).astype(np.float64)
    fraction, exponent = np.frexp(x)
    np.testing.assert_array_equal(rows[0], fraction)
    np.testing.assert_array_equal(whole[:8], exponent)
    parts = [math.modf(v) for v in x]
    np.testing.assert_array_equal(rows[1:3].T, parts)
    quotients = np.rint(x.astype(np.float64) / 3)
    np.testing.assert_array_equal(rows[3], x - 3 * quotients)
    np.testing.assert_array_equal(np.abs(whole[8:]) % 8, np.abs(quotients) % 8)
    angles = x.astype(np.float64)
    for row, values in ((4, np.sin(angles)), (5, np.cos(angles)), (8, np.sin(angles)),
                        (9, np.cos(angles))):  # fmt: skip
        np.testing.assert_allclose(rows[row], values, rtol=3e-7)
    turns = angles - 2 * np.rint(angles / 2)
    np.testing.assert_allclose(rows[6], np.sin(np.pi * turns), rtol=3e-7, atol=2e-16)
    np.testing.assert_allclose(rows[7], np.cos(np.pi * turns), rtol=3e-7, atol=2e-16)
    exact = [np.sin(angles), np.cos(angles)]
    np.testing.assert_allclose(wide.reshape(2, 8), exact, rtol=4e-16)
    np.testing.assert_allclose(rows[10], np.linalg.norm(angles), rtol=1e-7)
    assert np.signbit(rows[0][6]) and np.signbit(rows[1][6]) and np.signbit(rows[6][6])


SPECIAL = {  # call: what it is
    "exp(f)": [(nan, nan), (inf, inf), (-inf, 0.0), (100.0, inf), (-110.0, 0.0), (1e-45, 1.0)],
    "log(exp(f))": [(100.0, inf)],
    "log(f)": [(0.0, -inf), (-0.0, -inf), (-1.0, nan), (inf, inf)],
    "sqrt(f)": [(-0.0, -0.0), (-1.0, nan), (inf, inf), (2.0**-140, 2.0**-70)],
    "rsqrt(f)": [(0.0, inf), (-0.0, -inf), (inf, 0.0), (-1.0, nan)],
    "abs(f)": [(-0.5, 0.5), (-0.0, 0.0), (nan, nan), (-inf, inf)],
    "__saturatef(f)": [(nan, 0.0), (-1.0, 0.0), (0.25, 0.25), (7.0, 1.0), (inf, 1.0)],
    "erfinv(f)": [(1.0, inf), (-1.0, -inf), (1.5, nan), (-0.0, -0.0), (nan, nan)],
    "erfcinv(f)": [(0.0, inf), (2.0, -inf), (1.0, 0.0), (2.5, nan)],
    "normcdfinv(f)": [(0.0, -inf), (1.0, inf), (0.5, 0.0), (-0.5, nan)],
    "normcdf(f)": [(inf, 1.0), (-inf, 0.0), (0.0, 0.5), (nan, nan), (-40.0, 0.0)],
    "erfcx(f)": [(inf, 0.0), (-30.0, inf), (0.0, 1.0), (nan, nan)],
    "sinpi(f)": [(1.0, 0.0), (-1.0, -0.0), (0.5, 1.0), (-0.5, -1.0), (2.5, 1.0),
                 (1e30, 0.0), (inf, nan), (-0.0, -0.0)],
    "cospi(f)": [(1.0, -1.0), (0.5, 0.0), (1.5, 0.0), (2.0, 1.0), (1e30, 1.0), (inf, nan)],
    "fmin(f, 1.0f)": [(nan, 1.0), (-inf, -inf)], "fmax(f, 1.0f)": [(nan, 1.0), (inf, inf)],
    "min(f, 0.0f)": [(-0.0, -0.0), (nan, 0.0)], "min(0.0f, f)": [(-0.0, -0.0), (nan, 0.0)],
    "max(f, 0.0f)": [(-0.0, 0.0), (nan, 0.0)], "max(0.0f, f)": [(-0.0, 0.0), (nan, 0.0)],
    "max(f, 0.0)": [(nan, 0.0)],
    "isnan(f)": [(nan, 1), (inf, 0)], "isinf(f)": [(-inf, 1), (nan, 0)],
    "isfinite(f)": [(3e38, 1), (inf, 0), (nan, 0)], "signbit(f)": [(-0.0, 1), (0.0, 0)],
    "cyl_bessel_i1(f)": [(-0.0, -0.0), (inf, inf), (-inf, -inf)],
    "round(f)": [(2.5, 3.0), (-2.5, -3.0)],
    "rint(f)": [(2.5, 2.0), (3.5, 4.0), (-0.5, -0.0)], "rhypotf(f, 0.0f)": [(inf, 0.0), (0.0, inf)],
    "tgammaf(f)": [(0.0, inf), (-1.0, nan)],
    "ilogb(f)": [(8.0, 3), (0.0, -(2.0**31)), (inf, 2.0**31)],
}  # fmt: skip


def test_special_values():
    x = np.array([x for rows in SPECIAL.values() for x, _ in rows], np.float32)
    x = np.unique(x.view(np.int32)).view(np.float32)  # -0 is another than 0
    results = evaluate(list(SPECIAL), {"f": x}, ("float", np.float32))
    for call, rows in SPECIAL.items():
        for argument, expected in rows:
            chosen = np.flatnonzero(x.view(np.int32) == np.float32(argument).view(np.int32))
            got = results[call][chosen[0]]
            np.testing.assert_allclose(got, np.float32(expected), rtol=3e-7, err_msg=call)
            if not math.isnan(expected):
                assert np.signbit(got) == np.signbit(expected), (call, argument)
