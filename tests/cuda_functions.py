"""The functions of CUDA that the emulator offers: calls, and the types of their results.

NVRTC is the judge of the table: a test lets it and the emulator check each row.
"""

from __future__ import annotations

# Names of variables in the calls: their types.
VARIABLES = {
    "f": "float", "d": "double", "i": "int", "u": "unsigned", "l": "long", "ul": "unsigned long",
    "ll": "long long", "ull": "unsigned long long", "s": "short", "us": "unsigned short",
    "c": "char", "f2": "float2", "f4": "float4", "c4": "char4", "uc4": "uchar4",
    "pf": "float*", "pd": "double*", "pi": "int*", "pu": "unsigned*", "pll": "long long*",
    "pull": "unsigned long long*", "pus": "unsigned short*", "pf4": "float4*", "ps": "short*",
}  # fmt: skip
SMALL_FUNCTIONS = [
    "ceil", "floor", "rint", "trunc", "cos", "sin", "exp", "exp2", "exp10", "log", "log2", "log10",
    "sqrt", "rsqrt", "rcp", "tanh", "tanh_approx",
]  # fmt: skip
HALF = {"h": "{T}", "h2": "{T}2", "ph": "{T}*", "ph2": "{T}2*"}

UNARY = [
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cbrt", "ceil", "cos", "cosh",
    "cyl_bessel_i0", "cyl_bessel_i1", "erf", "erfc", "erfcinv", "erfcx", "erfinv", "exp", "exp10",
    "exp2", "expm1", "fabs", "floor", "j0", "j1", "lgamma", "log", "log10", "log1p", "log2",
    "logb", "nearbyint", "normcdf", "normcdfinv", "rcbrt", "rint", "round", "rsqrt", "sin",
    "sinh", "sinpi", "sqrt", "tan", "tanh", "tgamma", "trunc", "cospi", "y0", "y1",
]  # fmt: skip
BINARY = ["atan2", "fdim", "fmax", "fmin", "fmod", "hypot", "nextafter", "pow", "remainder"]
MODES = ("rn", "rz", "ru", "rd")
TO_INTEGER = {"int": "int", "uint": "unsigned", "ll": "long long", "ull": "unsigned long long"}
NAMES = {"int": "i", "unsigned": "u", "long long": "ll", "unsigned long long": "ull"}


def accepted() -> dict[str, str]:
    """{call: type of the result}."""
    calls: dict[str, str] = {}
    for name in UNARY:
        calls |= {f"{name}(f)": "float", f"{name}(d)": "double", f"{name}f(i)": "float"}
    for name in BINARY:
        calls |= {f"{name}(f, f)": "float", f"{name}(d, d)": "double", f"{name}f(f, d)": "float",
                  f"{name}(i, d)": "double"}  # fmt: skip
    calls |= {"pow(f, i)": "float", "pow(d, i)": "double", "pow(i, f)": "float",
              "copysign(f, f)": "float", "copysign(f, d)": "double", "copysign(d, f)": "double",
              "fma(f, f, f)": "float", "fma(d, d, d)": "double", "fma(f, f, i)": "float",
              "jn(i, f)": "float", "jn(i, d)": "double", "yn(i, f)": "float", "yn(i, d)": "double",
              "fdividef(f, f)": "float", "fdivide(f, f)": "double", "__saturatef(f)": "float",
              "__fdividef(f, f)": "float", "__powf(f, f)": "float", "__frsqrt_rn(f)": "float",
              "fminf(f, d)": "float", "abs(c)": "int"}  # fmt: skip
    for name, result in {"ldexp": "i", "scalbn": "i", "scalbln": "l"}.items():
        calls |= {f"{name}(f, {result})": "float", f"{name}(d, {result})": "double"}
    for name, result in {"ilogb": "int", "lrint": "long", "lround": "long", "llrint": "long long",
                         "llround": "long long"}.items():  # fmt: skip
        calls |= {f"{name}(f)": result, f"{name}(d)": result}
    for name in ("isnan", "isinf", "isfinite", "signbit"):
        calls |= {f"{name}(f)": "int", f"{name}(d)": "int"}
    for variable in ("f", "d", "i", "l", "ll"):
        calls[f"abs({variable})"] = VARIABLES[variable]
    for kind, suffix in (("f", ""), ("d", ""), ("f", "f")):
        number, pointer = VARIABLES[kind], f"p{kind}"
        calls |= {f"frexp{suffix}({kind}, pi)": number, f"modf{suffix}({kind}, {pointer})": number,
                  f"remquo{suffix}({kind}, {kind}, pi)": number}  # fmt: skip
        for name in ("sincos", "sincospi"):
            calls[f"{name}{suffix}({kind}, {pointer}, {pointer})"] = "void"
    calls["__sincosf(f, pf, pf)"] = "void"
    for suffix, number, pointer in (("", "double", "pd"), ("f", "float", "pf")):
        for name, count in {"rhypot": 2, "norm3d": 3, "norm4d": 4, "rnorm3d": 3,
                            "rnorm4d": 4}.items():  # fmt: skip
            calls[f"{name}{suffix}({', '.join('f' * count)})"] = number
        calls |= {f"{name}{suffix}(i, {pointer})": number for name in ("norm", "rnorm")}
    for name in ["exp", "exp10", "log", "log2", "log10", "sin", "cos", "tan", "tanh"]:
        calls[f"__{name}f(f)"] = "float"
    return calls | minimum_and_maximum() | rounded() | integers() | memory() | warp() | atomics()


def minimum_and_maximum() -> dict[str, str]:
    calls = {}
    for name in ("min", "max"):
        for a, b in (("i", "u"), ("l", "ul"), ("ll", "ull")):
            for x, y in ((a, a), (a, b), (b, a), (b, b)):
                calls[f"{name}({x}, {y})"] = VARIABLES[a if x == y == a else b]
        calls |= {f"{name}(f, f)": "float", f"{name}(f, d)": "double", f"{name}(d, f)": "double",
                  f"{name}(d, d)": "double", f"{name}(s, s)": "int"}  # fmt: skip
        calls |= {f"{prefix}{name}({v}, {v})": VARIABLES[v]
                  for prefix, v in (("u", "u"), ("ll", "ll"), ("ull", "ull"))}  # fmt: skip
    return calls


def rounded() -> dict[str, str]:
    calls = {}
    for mode in MODES:
        for kind, number, fused in (("f", "float", "__fmaf"), ("d", "double", "__fma")):
            for name in ("add", "sub", "mul", "div"):
                calls[f"__{kind}{name}_{mode}({kind}, {kind})"] = number
            for name in ("rcp", "sqrt"):
                calls[f"__{kind}{name}_{mode}({kind})"] = number
            calls[f"{fused}_{mode}({kind}, {kind}, {kind})"] = number
            for name, integer in TO_INTEGER.items():
                calls[f"__{number}2{name}_{mode}({kind})"] = integer
                if number == "float" or "ll" in name or mode == "rn":
                    calls[f"__{name}2{number}_{mode}({NAMES[integer]})"] = number
        calls |= {f"__double2float_{mode}(d)": "float", f"__fmaf_ieee_{mode}(f, f, f)": "float"}
    return calls | {
        "__float_as_int(f)": "int", "__float_as_uint(f)": "unsigned", "__int_as_float(i)": "float",
        "__uint_as_float(u)": "float", "__double_as_longlong(d)": "long long",
        "__longlong_as_double(ll)": "double", "__double2hiint(d)": "int",
        "__double2loint(d)": "int", "__hiloint2double(i, i)": "double",
    }  # fmt: skip


def integers() -> dict[str, str]:
    return {
        "__popc(u)": "int", "__popcll(ull)": "int", "__clz(i)": "int", "__clzll(ll)": "int",
        "__ffs(i)": "int", "__ffsll(ll)": "int", "__brev(u)": "unsigned",
        "__brevll(ull)": "unsigned long long", "__fns(u, u, i)": "unsigned",
        "__byte_perm(u, u, u)": "unsigned", "__umulhi(u, u)": "unsigned", "__mulhi(i, i)": "int",
        "__umul64hi(ull, ull)": "unsigned long long", "__mul64hi(ll, ll)": "long long",
        "__umul24(u, u)": "unsigned", "__mul24(i, i)": "int", "__usad(u, u, u)": "unsigned",
        "__sad(i, i, u)": "unsigned", "__hadd(i, i)": "int", "__rhadd(i, i)": "int",
        "__uhadd(u, u)": "unsigned", "__urhadd(u, u)": "unsigned", "__dp4a(i, i, i)": "int",
        "__dp4a(u, u, u)": "unsigned", "__dp4a(c4, c4, i)": "int",
        "__dp4a(uc4, uc4, u)": "unsigned", "__dp2a_lo(i, i, i)": "int",
        "__dp2a_hi(u, u, u)": "unsigned", "__dp2a_hi(i, i, i)": "int",
        "__dp2a_lo(u, u, u)": "unsigned",
    } | {f"__funnelshift_{way}(u, u, u)": "unsigned" for way in ("l", "r", "lc", "rc")}  # fmt: skip


def memory() -> dict[str, str]:
    calls = {}
    for pointer, kind in (("pf", "float"), ("pull", "unsigned long long"), ("pf4", "float4")):
        for name in ("__ldg", "__ldca", "__ldcg", "__ldcs", "__ldcv", "__ldlu"):
            calls[f"{name}({pointer})"] = kind
        for name in ("__stcg", "__stcs", "__stwb", "__stwt"):
            calls[f"{name}({pointer}, *{pointer})"] = "void"
    return calls


def warp() -> dict[str, str]:
    calls = {"__syncthreads()": "void", "__syncwarp()": "void", "__threadfence()": "void",
             "__threadfence_block()": "void", "__threadfence_system()": "void",
             "__nanosleep(u)": "void", "__activemask()": "unsigned", "__trap()": "void",
             "__brkpt()": "void", 'printf("%d", i)': "int", "__ballot_sync(u, i)": "unsigned",
             "__reduce_and_sync(u, i)": "unsigned"}  # fmt: skip
    calls |= {f"__syncthreads_{name}(i)": "int" for name in ("count", "and", "or")}
    calls |= {f"__{name}_sync(u, i)": "int" for name in ("any", "all", "uni")}
    for variable in ("i", "u", "l", "ul", "ll", "ull", "f", "d"):
        for name in ("shfl", "shfl_up", "shfl_down", "shfl_xor"):
            calls[f"__{name}_sync(u, {variable}, 1)"] = VARIABLES[variable]
        calls |= {f"__match_any_sync(u, {variable})": "unsigned",
                  f"__match_all_sync(u, {variable}, pi)": "unsigned"}  # fmt: skip
    for name in ("add", "min", "max"):
        calls |= {f"__reduce_{name}_sync(u, i)": "int", f"__reduce_{name}_sync(u, u)": "unsigned"}
    return calls | {f"__reduce_{name}_sync(u, u)": "unsigned" for name in ("and", "or", "xor")}


ATOMICS = {  # of which pointers
    "atomicAdd": ("pi", "pu", "pull", "pf", "pd"), "atomicSub": ("pi", "pu"),
    "atomicExch": ("pi", "pu", "pull", "pf"), "atomicInc": ("pu",), "atomicDec": ("pu",),
    **dict.fromkeys(("atomicMin", "atomicMax", "atomicAnd", "atomicOr", "atomicXor"),
                    ("pi", "pu", "pll", "pull")),
}  # fmt: skip


def atomics() -> dict[str, str]:
    calls = {"atomicCAS(pus, us, us)": "unsigned short"}
    for scope in ("", "_block", "_system"):
        for name, pointers in ATOMICS.items():
            calls |= {f"{name}{scope}({p}, i)": VARIABLES[p].rstrip("*") for p in pointers}
        for p in ("pi", "pu", "pull"):
            calls[f"atomicCAS{scope}({p}, i, i)"] = VARIABLES[p].rstrip("*")
    return calls


def refused() -> list[str]:
    """Calls that are ambiguous or have no candidate."""
    calls = [f"{name}(i)" for name in [*UNARY, "isnan", "ilogb", "lround"]]
    for name in BINARY:
        calls += [f"{name}(f, d)", f"{name}(d, f)", f"{name}(i, i)"]
    calls += ["fma(f, d, f)", "abs(u)", "max(f, i)", "min(i, d)", "max(i, ul)", "min(u, ll)",
              "__shfl_sync(u, f4, 1)", "__shfl_sync(u, pf, 1)", "__reduce_add_sync(u, f)",
              "atomicAdd(pll, ll)", "atomicAdd(ps, s)", "atomicSub(pull, ull)", "atomicMax(pf, f)",
              "atomicInc(pi, i)", "atomicCAS(pf, f, f)", "atomicCAS_block(pus, us, us)",
              "remquo(f, d, pi)", "copysign(i, i)"]  # fmt: skip
    return calls


def half_accepted(name: str) -> dict[str, str]:
    """{call: type} of half, or of bfloat16 by that name; {T} stands for the type."""
    calls = {f"{op}h": "{T}" for op in "+-"} | {f"{op}h2": "{T}2" for op in "+-"}
    for op in "+-*/":
        calls |= {f"h {op} h": "{T}", f"h2 {op} h2": "{T}2", f"h {op}= h": "{T}&"}
    for op in ("<", ">", "<=", ">=", "==", "!="):
        calls |= {f"h {op} h": "bool", f"h2 {op} h2": "bool"}
    calls |= {"h++": "{T}", "--h": "{T}&", "!h": "bool", "h && h": "bool", "f = h": "float&",
              "h = f": "{T}&", "h = d": "{T}&", "h = i": "{T}&", "i = h": "int&",
              "h += f": "{T}&", "float(h)": "float", "{T}(f)": "{T}", "{T}(d)": "{T}",
              "{T}(ull)": "{T}", "int(h)": "int", "bool(h)": "bool"}  # fmt: skip
    for of in ("add", "sub", "mul"):
        for end in ("", "_rn", "_sat"):
            calls |= {f"__h{of}{end}(h, h)": "{T}", f"__h{of}2{end}(h2, h2)": "{T}2"}
    for end in ("", "_sat", "_relu"):
        calls |= {f"__hfma{end}(h, h, h)": "{T}", f"__hfma2{end}(h2, h2, h2)": "{T}2"}
    calls |= {"__hdiv(h, h)": "{T}", "__h2div(h2, h2)": "{T}2", "__hcmadd(h2, h2, h2)": "{T}2"}
    for of in ("neg", "abs"):
        calls |= {f"__h{of}(h)": "{T}", f"__h{of}2(h2)": "{T}2"}
    for of in ("min", "max"):
        for end in ("", "_nan"):
            calls |= {f"__h{of}{end}(h, h)": "{T}", f"__h{of}2{end}(h2, h2)": "{T}2"}
    for of in ("eq", "ne", "lt", "gt", "le", "ge"):
        for end in ("", "u"):
            calls |= {f"__h{of}{end}(h, h)": "bool", f"__h{of}{end}2(h2, h2)": "{T}2",
                      f"__hb{of}{end}2(h2, h2)": "bool",
                      f"__h{of}{end}2_mask(h2, h2)": "unsigned"}  # fmt: skip
    for of in SMALL_FUNCTIONS:
        calls |= {f"h{of}(h)": "{T}", f"h2{of}(h2)": "{T}2"}
    for integer, v in {"short": "s", "ushort": "us", "int": "i", "uint": "u", "ll": "ll",
                       "ull": "ull"}.items():  # fmt: skip
        for mode in MODES:
            calls |= {f"__{name}2{integer}_{mode}(h)": VARIABLES[v],
                      f"__{integer}2{name}_{mode}({v})": "{T}"}  # fmt: skip
    calls |= {f"__float2{name}_{mode}(f)": "{T}" for mode in MODES}
    calls |= {
        f"__{name}2char_rz(h)": "signed char", f"__{name}2uchar_rz(h)": "unsigned char",
        f"__float2{name}(f)": "{T}", f"__double2{name}(d)": "{T}", f"__{name}2float(h)": "float",
        f"__{name}_as_short(h)": "short", f"__{name}_as_ushort(h)": "unsigned short",
        f"__short_as_{name}(s)": "{T}", f"__ushort_as_{name}(us)": "{T}", "__hisnan(h)": "bool",
        "__hisinf(h)": "int", "__hisnan2(h2)": "{T}2", f"make_{name}2(h, h)": "{T}2",
        f"__halves2{name}2(h, h)": "{T}2", f"__{name}2{name}2(h)": "{T}2",
        f"__float2{name}2_rn(f)": "{T}2", f"__floats2{name}2_rn(f, f)": "{T}2",
        f"__float22{name}2_rn(f2)": "{T}2", f"__{name}22float2(h2)": "float2",
        "__low2float(h2)": "float", "__high2float(h2)": "float", f"__low2{name}(h2)": "{T}",
        f"__high2{name}(h2)": "{T}", f"__low2{name}2(h2)": "{T}2", f"__high2{name}2(h2)": "{T}2",
        f"__lows2{name}2(h2, h2)": "{T}2", f"__highs2{name}2(h2, h2)": "{T}2",
        "__lowhigh2highlow(h2)": "{T}2",
    }  # fmt: skip
    for p, v, kind in (("ph", "h", "{T}"), ("ph2", "h2", "{T}2")):
        calls |= {f"atomicAdd({p}, {v})": kind, f"__ldg({p})": kind, f"__ldcs({p})": kind,
                  f"__stcg({p}, {v})": "void"}  # fmt: skip
        for way in ("shfl", "shfl_up", "shfl_down", "shfl_xor"):
            calls[f"__{way}_sync(u, {v}, 1)"] = kind
    return calls


HALF_REFUSED = ["h + f", "h * i", "h2 + h", "h < f", "isnan(h)",
                "atomicAdd_block(ph, h)", "__match_any_sync(u, h)", "{T}2(h)"]  # fmt: skip
