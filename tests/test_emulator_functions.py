"""The functions that a kernel may call: CUDA's types, judged by NVIDIA's compiler, and values."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import needs
import numpy as np
import pytest

from tinygan.kernels.cuda import nvrtc
from tinygan.kernels.emulator import Module, build

needs.cpp_compiler()



def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):  # at a pole, or too large
        return math.inf


# {name: the same in NumPy or Python, in float64}.
UNARY = {
    "fabs": np.abs, "sqrt": np.sqrt, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint,
    "nearbyint": np.rint, "cbrt": np.cbrt, "rsqrt": lambda x: 1 / np.sqrt(x),
    "rcbrt": lambda x: 1 / np.cbrt(x), "exp10": lambda x: np.power(10.0, x),
    "erf": np.vectorize(math.erf, [float]), "erfc": np.vectorize(math.erfc, [float]),
    "normcdf": lambda x: np.vectorize(math.erfc, [float])(-x / math.sqrt(2)) / 2,
    "round": lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x),
    "lgamma": np.vectorize(lambda x: _lgamma(x), [float]),
}  # fmt: skip
NO_REFERENCE = ["erfinv", "erfcinv", "erfcx", "normcdfinv", "sinpi", "cospi", "tgamma", "logb"]
BINARY = {
    "pow": np.power, "atan2": np.arctan2, "fmod": np.fmod, "fmin": np.fmin, "fmax": np.fmax,
    "hypot": np.hypot, "copysign": np.copysign, "nextafter": None, "remainder": None,
    "fdim": lambda a, b: np.where(a <= b, 0.0, a - b), "min": np.fmin, "max": np.fmax,
}  # fmt: skip
FAST = {"__expf": np.exp, "__logf": np.log, "__log2f": np.log2, "__log10f": np.log10,
        "__sinf": np.sin, "__cosf": np.cos, "__tanf": np.tan,
        "__exp10f": lambda x: np.power(10.0, x)}  # fmt: skip
FLOATS = ["float", "double"]
INTEGERS = ["int", "unsigned int", "long long", "unsigned long long"]
VARIABLES = {"float": "f", "double": "d", "int": "i", "unsigned int": "u", "long long": "l",
             "unsigned long long": "m"}  # fmt: skip
SHORT = {"int": "int", "uint": "unsigned int", "ll": "long long", "ull": "unsigned long long"}


def typed() -> dict[str, str]:
    """{an expression: its type}, of every function that the emulator offers."""
    found = {f"abs({v})": t for t, v in VARIABLES.items() if not t.startswith("unsigned")}
    for name in [*UNARY, *NO_REFERENCE]:
        found |= {f"{name}(f)": "float", f"{name}f(f)": "float", f"{name}(d)": "double"}
    for name in [name for name in BINARY if name not in ("min", "max")]:
        found |= {f"{name}(f, f)": "float", f"{name}f(f, f)": "float", f"{name}(d, d)": "double"}
    for name in ("min", "max"):
        for a, b, result in [
            ("int", "int", "int"), ("int", "unsigned int", "unsigned int"),
            ("unsigned int", "int", "unsigned int"), ("unsigned int", "unsigned int",
            "unsigned int"), ("long long", "long long", "long long"),
            ("long long", "unsigned long long", "unsigned long long"),
            ("float", "float", "float"), ("float", "double", "double"),
            ("double", "float", "double"), ("double", "double", "double"),
        ]:  # fmt: skip
            found[f"{name}({VARIABLES[a]}, {VARIABLES[b]})"] = result
    found |= {f"{name}(f)": "float" for name in [*FAST, "__saturatef", "__frsqrt_rn"]}
    found |= {
        "fma(f, f, f)": "float", "fma(d, d, d)": "double", "__powf(f, f)": "float",
        "__fdividef(f, f)": "float", "fdividef(f, f)": "float", "rhypotf(f, f)": "float",
        "rhypot(d, d)": "double", "norm3df(f, f, f)": "float", "norm3d(d, d, d)": "double",
        "norm4df(f, f, f, f)": "float", "norm4d(d, d, d, d)": "double", "rnorm3df(f, f, f)":
        "float", "rnorm3d(d, d, d)": "double", "ldexp(f, i)": "float", "ldexp(d, i)": "double",
        "scalbn(f, i)": "float", "ilogb(f)": "int", "frexp(f, &i)": "float", "modf(d, &d)":
        "double", "isnan(f)": "int", "isinf(d)": "int", "isfinite(f)": "int", "signbit(d)":
        "int", "lround(f)": "long", "llround(d)": "long long", "lrint(d)": "long", "llrint(f)":
        "long long", "sincosf(f, &f, &f)": "void", "sincos(d, &d, &d)": "void",
        "sincospif(f, &f, &f)": "void", "sincospi(d, &d, &d)": "void",
        "__sincosf(f, &f, &f)": "void",
        "__float_as_uint(f)": "unsigned int", "__float_as_int(f)": "int", "__uint_as_float(u)":
        "float", "__int_as_float(i)": "float", "__double_as_longlong(d)": "long long",
        "__longlong_as_double(l)": "double", "__double2hiint(d)": "int", "__double2loint(d)":
        "int", "__hiloint2double(i, i)": "double", "__int2double_rn(i)": "double",
        "__uint2double_rn(u)": "double", "__mulhi(i, i)": "int", "__umulhi(u, u)": "unsigned int",
        "__mul64hi(l, l)": "long long", "__umul64hi(m, m)": "unsigned long long",
        "__mul24(i, i)": "int", "__umul24(u, u)": "unsigned int", "__popc(u)": "int",
        "__popcll(m)": "int", "__clz(i)": "int", "__clzll(l)": "int", "__ffs(i)": "int",
        "__ffsll(l)": "int", "__brev(u)": "unsigned int", "__brevll(m)": "unsigned long long",
        "__byte_perm(u, u, u)": "unsigned int", "__sad(i, i, u)": "unsigned int",
        "__usad(u, u, u)": "unsigned int", "__hadd(i, i)": "int", "__rhadd(i, i)": "int",
        "__uhadd(u, u)": "unsigned int", "__urhadd(u, u)": "unsigned int", "__dp4a(i, i, i)":
        "int", "__dp4a(u, u, u)": "unsigned int", "umin(u, u)": "unsigned int", "umax(u, u)":
        "unsigned int", "llmin(l, l)": "long long", "llmax(l, l)": "long long", "ullmin(m, m)":
        "unsigned long long", "ullmax(m, m)": "unsigned long long",
    }  # fmt: skip
    found |= {f"__funnelshift_{s}(u, u, u)": "unsigned int" for s in ("l", "r", "lc", "rc")}
    found |= {f"{name}(&f)": "float"
              for name in ("__ldg", "__ldca", "__ldcg", "__ldcs", "__ldlu", "__ldcv")}  # fmt: skip
    found |= {f"{name}(&f, f)": "void" for name in ("__stwb", "__stcg", "__stcs", "__stwt")}
    for way in ("rn", "rz", "ru", "rd"):
        for prefix, type_, v in (("f", "float", "f"), ("d", "double", "d")):
            found |= {f"__{prefix}{op}_{way}({v}, {v})": type_
                      for op in ("add", "sub", "mul", "div")}  # fmt: skip
            found |= {f"__{prefix}{op}_{way}({v})": type_ for op in ("rcp", "sqrt")}
        found |= {f"__fmaf_{way}(f, f, f)": "float", f"__fma_{way}(d, d, d)": "double",
                  f"__double2float_{way}(d)": "float"}  # fmt: skip
        for short, type_ in SHORT.items():
            found |= {f"__float2{short}_{way}(f)": type_, f"__double2{short}_{way}(d)": type_,
                      f"__{short}2float_{way}({VARIABLES[type_]})": "float"}  # fmt: skip
            if short.endswith("ll"):
                found[f"__{short}2double_{way}({VARIABLES[type_]})"] = "double"
    return found


def types_text() -> str:
    lines = [f"  static_assert(Same<decltype({expression}), {type_}>::yes, \"{expression}\");"
             for expression, type_ in typed().items()]  # fmt: skip
    variables = " ".join(f"{type_} {name} = 0;" for type_, name in VARIABLES.items())
    return "\n".join([
        "template <class A, class B> struct Same { static constexpr bool yes = false; };",
        "template <class A> struct Same<A, A> { static constexpr bool yes = true; };",
        'extern "C" __global__ void types() {', f"  {variables}", *lines, "}", "",
    ])  # fmt: skip


def test_types_are_those_of_nvidias_compiler():
    try:
        nvrtc.compiler()
    except nvrtc.NvrtcError as error:
        pytest.skip(str(error))
    nvrtc.compile_text(types_text(), ["types"], "sm_80", name="types.cu")


def test_types_in_the_emulator():
    Module(types_text(), ["types"], name="types.cu")


def test_every_function_of_the_headers_is_in_the_list():
    called = {re.match(r"\w+", expression)[0] for expression in typed()}
    headers = "".join((build.HERE / name).read_text() for name in ("cuda_math.h",
                                                                   "cuda_integers.h"))
    own = r"namespace emulator \{.*?\}  // namespace emulator"
    headers = re.sub(own, "", headers, flags=re.DOTALL)
    defined = set(re.findall(r"^inline [\w ]+[ *](\w+)\(", headers, re.MULTILINE))
    defined |= set(re.findall(r"^EMULATOR_UNARY\((\w+),", headers, re.MULTILINE))
    assert len(defined) > 60 and sorted(defined - called) == []


@pytest.mark.parametrize(
    ("call", "message"), [("max(i, f)", "ambiguous"), ("min(l, i)", "ambiguous")]
)
def test_what_is_ambiguous_in_cuda_is_so_here(call, message):
    variables = " ".join(f"{type_} {name} = 0;" for type_, name in VARIABLES.items())
    text = f'extern "C" __global__ void k(double* y) {{ {variables} y[0] = {call}; }}'
    with pytest.raises(build.EmulatorError, match=message):
        Module(text, ["k"])


# Values


def run(statements: list[str], arguments: list[np.ndarray], result: str, count: int) -> np.ndarray:
    """y[number * count + n] = each expression in x0[n], x1[n], ..., for all n."""
    names = {"f4": "float", "f8": "double", "i4": "int", "u4": "unsigned int", "i8": "long long",
             "u8": "unsigned long long"}  # fmt: skip
    given = [f"const {names[x.dtype.str[1:]]}* x{i}" for i, x in enumerate(arguments)]
    body = [f"  y[{number}ll * count + n] = {statement};"
            for number, statement in enumerate(statements)]  # fmt: skip
    text = "\n".join([
        f'extern "C" __global__ void k({", ".join(given)}, {names[result]}* y, int count) {{',
        "  const int n = blockIdx.x * blockDim.x + threadIdx.x;", "  if (n >= count) return;",
        *body, "}",
    ])  # fmt: skip
    y = np.zeros(len(statements) * count, result)
    Module(text, ["k"]).launch(
        "k", (-(-count // 256),), (256,), [*arguments, y, np.int32(count)]
    )
    return y.reshape(len(statements), count)


def special(dtype: str, rng: np.random.Generator, count: int = 400) -> np.ndarray:
    """Numbers over the whole range of exponents, some plain ones, and the special ones."""
    kind = np.finfo(dtype)
    exponents = rng.integers(kind.minexp - 20, kind.maxexp, count)
    spread = np.ldexp(rng.uniform(0.5, 1, count), exponents)
    plain = rng.uniform(-4, 4, count)
    ends = [0.0, np.inf, np.nan, kind.max, kind.tiny, kind.smallest_subnormal, 1.0, 0.5, 1.5, 2.5]
    values = np.concatenate([spread, plain, ends])
    return np.concatenate([values, -values]).astype(dtype)


def ulps(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest distance in units of the last place of `expected`, which is float64; NaN must
    meet NaN, and infinity infinity."""
    dtype = found.dtype
    with np.errstate(all="ignore"):
        there = expected.astype(dtype)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(there))
    infinite = np.isinf(there) | np.isinf(found)
    limit = np.finfo(dtype).max
    near = np.abs(expected[infinite]) > limit * (1 - 1e-6)  # at the end of the range
    assert (near & (np.sign(found[infinite]) == np.sign(there[infinite]))).all()
    rest = ~(infinite | np.isnan(there))
    unit = np.spacing(np.maximum(np.abs(there[rest]), np.finfo(dtype).tiny))
    return float((np.abs(found[rest].astype("f8") - expected[rest]) / unit).max(initial=0.0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_one_number(dtype, rng):
    x = special(dtype, rng)
    found = run([f"{name}(x0[n])" for name in UNARY], [x], np.dtype(dtype).str[1:], len(x))
    with np.errstate(all="ignore"):
        for (name, reference), values in zip(UNARY.items(), found, strict=True):
            wanted = np.asarray(reference(x.astype("f8")), "f8")
            # CUDA's bound is 2 for most floats; in double the host's functions and Python's, which
            # are no better than each other, may differ by twice that.
            bound = 4 if dtype == "float64" else 2
            if name in ("lgamma", "exp10", "normcdf", "rcbrt"):
                # References that round their argument first; lgamma away from its zeros.
                keep = ((2.5 if name == "lgamma" else -4) < x) & (x < 4) | np.isnan(x)
                values, wanted = values[keep], wanted[keep]
                bound = 200 if dtype == "float64" else 4
            assert ulps(values, wanted) <= bound, name
            zeros = (wanted == 0) & (values == 0)
            if name not in ("rint", "lgamma", "normcdf"):
                assert (np.signbit(values) == np.signbit(wanted))[zeros].all(), name


def test_float_stays_float(rng):
    """As on a GPU: the square root of a float is rounded, and e^100 is infinite."""
    x = np.array([0.5, 2.0, 100.0, -0.5], "f4")
    found = run(["log(exp(x0[n]))", "abs(x0[n])", "sqrt(fabs(x0[n])) * 1e8", "exp(x0[n])"],
                [x], "f8", 4)  # fmt: skip
    assert np.isinf(found[0, 2]) and found[1].tolist() == [0.5, 2, 100, 0.5]
    assert found[2, 1] == float(np.float32(2) ** np.float32(0.5)) * 1e8
    assert np.isinf(found[3, 2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_two_numbers(dtype, rng):
    a, b = special(dtype, rng), rng.permutation(special(dtype, rng))
    names = [name for name, reference in BINARY.items() if reference is not None]
    found = run([f"{name}(x0[n], x1[n])" for name in names], [a, b], np.dtype(dtype).str[1:],
                len(a))  # fmt: skip
    with np.errstate(all="ignore"):
        for name, values in zip(names, found, strict=True):
            wanted = BINARY[name](a.astype("f8"), b.astype("f8"))
            assert ulps(values, wanted) <= (4 if dtype == "float64" else 2), name


def test_inverses_and_scaled_functions(rng):
    x = rng.uniform(-0.999, 0.999, 500)
    p = np.concatenate([rng.uniform(1e-12, 2, 400), 10.0 ** -rng.uniform(10, 300, 100)])
    big = np.concatenate([rng.uniform(-5, 24.9, 300), rng.uniform(24.9, 1e5, 200)])
    assert len(x) == len(p) == len(big)
    back = run(["erf(erfinv(x0[n]))", "erfc(erfcinv(x1[n]))", "normcdf(normcdfinv(x1[n] / 2))",
                "erfcx(x2[n])"], [x, p, big], "f8", 500)  # fmt: skip
    np.testing.assert_allclose(back[0], x, rtol=4e-15, atol=1e-300)
    # erfc's slope magnifies the rounding of its argument by about 2 x^2, up to 1,400 here.
    np.testing.assert_allclose(back[1], p, rtol=1e-12)
    np.testing.assert_allclose(back[2], p / 2, rtol=1e-12)
    small = big < 20
    exact = [math.exp(v * v) * math.erfc(v) for v in big[small]]
    np.testing.assert_allclose(back[3][small], exact, rtol=2e-13)
    t = big[~small]
    np.testing.assert_allclose(
        back[3][~small], (1 - 1 / (2 * t**2) + 3 / (4 * t**4) - 15 / (8 * t**6)) / t
        / math.sqrt(math.pi), rtol=1e-9,
    )  # fmt: skip
    whole = np.arange(500) * 0.25
    turn = run(["sinpi(x0[n])", "cospi(x0[n])"], [whole], "f8", 500)
    root = math.sqrt(0.5)
    np.testing.assert_allclose(turn[0].reshape(-1, 4)[:, [0, 2]] % 2, [[0, 1]] * 125, atol=0)
    np.testing.assert_allclose(np.abs(turn[1].reshape(-1, 4)), [[1, root, 0, root]] * 125,
                               rtol=3e-16, atol=0)  # fmt: skip


@pytest.mark.parametrize(("prefix", "dtype"), [("f", "float32"), ("d", "float64")])
def test_roundings_are_exact(prefix, dtype, rng):
    a, b = (rng.standard_normal(60).astype(dtype) for _ in range(2))
    ways = ("rn", "rz", "ru", "rd")
    operations = {"add": lambda x, y: x + y, "sub": lambda x, y: x - y,
                  "mul": lambda x, y: x * y, "div": lambda x, y: x / y}  # fmt: skip
    calls = [f"__{prefix}{name}_{way}(x0[n], x1[n])" for name in operations for way in ways]
    found = iter(run(calls, [a, b], np.dtype(dtype).str[1:], 60))
    for operation in operations.values():
        exact = [operation(Fraction(float(x)), Fraction(float(y)))
                 for x, y in zip(a, b, strict=True)]  # fmt: skip
        nearest, zero, up, down = (next(found) for _ in ways)
        for i, value in enumerate(exact):
            below, above = Fraction(float(down[i])), Fraction(float(up[i]))
            assert below <= value <= above
            assert above == below or np.nextafter(down[i], up[i]) == up[i]
            assert zero[i] == (down[i] if value > 0 else up[i])
            near = min((below, above), key=lambda x: abs(x - value))
            assert abs(Fraction(float(nearest[i])) - value) == abs(near - value)


def test_conversions_saturate(rng):
    x = np.concatenate([special("float32", rng, 50).astype("f8"), [2.5, -2.5, 3.5, 0.49, -0.51]])
    ways = {"rn": np.rint, "rz": np.trunc, "ru": np.ceil, "rd": np.floor}
    limits = {"int": (-(2**31), 2**31 - 1), "uint": (0, 2**32 - 1),
              "ll": (-(2**63), 2**63 - 1), "ull": (0, 2**64 - 1)}  # fmt: skip
    for source, of_nan in (("float", {"int": 0, "uint": 0}), ("double", {})):
        values = x.astype("f4" if source == "float" else "f8")
        for short, (low, high) in limits.items():
            calls = [f"__{source}2{short}_{way}(x0[n])" for way in ways]
            kind = {"int": "i4", "uint": "u4", "ll": "i8", "ull": "u8"}[short]
            found = run(calls, [values], kind, len(values))
            bits = 8 * np.dtype(kind).itemsize
            nan = of_nan.get(short, 2 ** (bits - 1) if low == 0 else low)
            for function, row in zip(ways.values(), found, strict=True):
                for value, result in zip(values, row, strict=True):
                    whole = float(function(np.float64(value)))
                    wanted = nan if math.isnan(whole) else (
                        low if whole <= low else high if whole >= high else int(whole))  # fmt: skip
                    assert int(result) == wanted, (source, short, value)


def test_integer_functions(rng):
    i = np.concatenate([rng.integers(-(2**31), 2**31, 200), [0, 1, -1, 2**31 - 1, -(2**31)]])
    j = rng.permutation(i)
    a, b, u, v = i.astype("i4"), j.astype("i4"), i.astype("u4"), j.astype("u4")
    bits = [f"{int(x):032b}" for x in u]
    signed = {
        "__mulhi(x0[n], x1[n])": [int(p) * int(q) >> 32 for p, q in zip(a, b, strict=True)],
        "__hadd(x0[n], x1[n])": [int(p) + int(q) >> 1 for p, q in zip(a, b, strict=True)],
        "__rhadd(x0[n], x1[n])": [int(p) + int(q) + 1 >> 1 for p, q in zip(a, b, strict=True)],
        "__clz(x0[n])": [32 - len(text.lstrip("0")) for text in bits],
        "__ffs(x0[n])": [text[::-1].find("1") + 1 for text in bits],
        "__popc(x0[n])": [text.count("1") for text in bits],
        "(int)__brev(x0[n])": [np.uint32(int(text[::-1], 2)).astype("i4") for text in bits],
        "__dp4a(x0[n], x1[n], 5)": (
            a.view("i1").reshape(-1, 4).astype("i4") * b.view("i1").reshape(-1, 4)
        ).sum(1) + 5,
    }  # fmt: skip
    found = run(list(signed), [a, b], "i4", len(a))
    for (call, wanted), row in zip(signed.items(), found, strict=True):
        assert row.tolist() == list(map(int, wanted)), call
    both = [int(q) << 32 | int(p) for p, q in zip(u, v, strict=True)]
    unsigned = {
        "__umulhi(x0[n], x1[n])": [int(p) * int(q) >> 32 for p, q in zip(u, v, strict=True)],
        "__funnelshift_l(x0[n], x1[n], 7)": [(w << 7 >> 32) % 2**32 for w in both],
        "__funnelshift_r(x0[n], x1[n], 39)": [(w >> 7) % 2**32 for w in both],
        "__funnelshift_lc(x0[n], x1[n], 40)": [int(p) for p in u],
        "__funnelshift_rc(x0[n], x1[n], 40)": [int(q) for q in v],
        "__byte_perm(x0[n], x1[n], 0x7021)": [
            sum((w >> 8 * k & 255) << 8 * at for at, k in enumerate((1, 2, 0, 7))) for w in both
        ],
        "__usad(x0[n], x1[n], 3u)": [(abs(int(p) - int(q)) + 3) % 2**32
                                     for p, q in zip(u, v, strict=True)],
        "__umul24(x0[n], x1[n])": [(int(p) % 2**24) * (int(q) % 2**24) % 2**32
                                   for p, q in zip(u, v, strict=True)],
        "max((int)x0[n], x1[n])": np.maximum(u, v).tolist(),
    }  # fmt: skip
    found = run(list(unsigned), [u, v], "u4", len(u))
    for (call, wanted), row in zip(unsigned.items(), found, strict=True):
        assert row.tolist() == list(map(int, wanted)), call


def test_half_and_bfloat16(rng):
    """Elementary functions are those of float, rounded; comparisons with NaN are false."""
    text = """
    #include <cuda_fp16.h>
    #include <cuda_bf16.h>
    template <class T> __device__ void all(const float* x, float* y, int n, T one) {
      const T a = T(x[n]), b = T(x[(n + 1) % 256]);
      const T values[] = {__hadd(a, b), __hsub(a, b), __hmul(a, b), __hdiv(a, b), __hneg(a),
                          __habs(a), __hmax(a, b), __hmin(a, b), hexp(a), hlog(__habs(a)),
                          hsqrt(__habs(a)), hrsqrt(__habs(a)), hfloor(a), hceil(a), hrint(a),
                          T(float(__hlt(a, b))), T(float(__hne(a, b))), T(float(__hisnan(a)))};
      for (int i = 0; i < 18; i++) y[256 * i + n] = float(values[i]);
    }
    extern "C" __global__ void halves(const float* x, float* y) {
      all(x, y, threadIdx.x, __half(1.0f));
    }
    extern "C" __global__ void bfloats(const float* x, float* y) {
      all(x, y, threadIdx.x, __nv_bfloat16(1.0f));
    }"""
    module = Module(text, ["halves", "bfloats"])
    x = rng.uniform(-3, 3, 256).astype("f4")
    x[[5, 17]] = np.nan, 0.0

    def bfloat16(values):
        bits = np.asarray(values, "f4").view("u4").astype("u8")
        kept = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).astype("u4").view("f4")
        return np.where(np.isnan(values), np.float32(np.nan), kept)

    for kernel, rounded in (("halves", lambda v: np.asarray(v, "f4").astype("f2").astype("f4")),
                            ("bfloats", bfloat16)):  # fmt: skip
        y = np.zeros((18, 256), "f4")
        module.launch(kernel, (1,), (256,), [x, y])
        with np.errstate(all="ignore"):
            a = rounded(x)
            b, size = np.roll(a, -1), np.abs(a)
            wanted = [a + b, a - b, a * b, a / b, -a, size, np.fmax(a, b), np.fmin(a, b),
                      np.exp(a), np.log(size), np.sqrt(size), 1 / np.sqrt(size), np.floor(a),
                      np.ceil(a), np.rint(a), a < b, (a < b) | (a > b), np.isnan(a)]  # fmt: skip
            for number, (found, values) in enumerate(zip(y, wanted, strict=True)):
                # Of exp and log the float may differ in its last place before it is rounded.
                bound = 1e-2 if 8 <= number < 12 else 0
                np.testing.assert_allclose(found, rounded(np.asarray(values, "f4")), rtol=bound)
