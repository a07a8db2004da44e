"""PTX instructions that compute a register from others: a table of patterns and expressions.

An expression's operands are called a, b, c, d. A type is ``t`` or ``s``, a group of the pattern;
``u``, the unsigned type of t's size; ``w``, the type of twice the size; or one of PTX. With a ``+``
a register may be wider. Floating-point operands and results are flushed where the group ``z``, for
.ftz, is there, and rounded as the group ``r`` says.
"""

from __future__ import annotations

import re

from .operands import Operands, cpp
from .reader import size_of

_INTEGER = r"[su](?:8|16|32|64)"
_T, _S = rf"(?P<t>{_INTEGER})", rf"(?P<s>{_INTEGER})"
_BITS = r"(?P<t>b16|b32|b64|pred)"
_Z = r"(?P<z>\.ftz)?"
_FLOAT = _Z + r"\.(?P<t>f32|f64)"
_INTEGRAL = r"\.(?P<i>rni|rzi|rmi|rpi)"
# (opcode, type of the result, types of the operands, expression)
_TABLE = [
    (rf"(?P<op>add|sub)\.{_T}", "u", "u u", "a {op} b"),
    (rf"mul\.lo\.{_T}", "u", "u u", "static_cast<uint64_t>(a) * b"),
    (rf"mul\.hi\.{_T}", "t", "t t", "ptx::multiply_high(a, b)"),
    (rf"mul\.wide\.{_T}", "w", "t t", "static_cast<{w}>(a) * b"),
    (rf"mad\.lo\.{_T}", "u", "u u u", "static_cast<uint64_t>(a) * b + c"),
    (rf"mad\.wide\.{_T}", "w", "t t w", "static_cast<{w}>(a) * b + c"),
    (rf"(?P<op>div|rem)\.{_T}", "t", "t t", "a {op} b"),
    (rf"min\.{_T}", "t", "t t", "a < b ? a : b"),
    (rf"max\.{_T}", "t", "t t", "a > b ? a : b"),
    (rf"neg\.{_T}", "u", "u", "0 - a"),
    (rf"(?P<op>and|or|xor)\.{_BITS}", "t", "t t", "a {op} b"),
    (r"not\.(?P<t>pred)", "t", "t", "!a"),
    (rf"not\.{_BITS}", "t", "t", "~a"),
    (r"shl\.(?P<t>b16|b32|b64)", "t", "t u32", "ptx::shift_left(a, b)"),
    (r"shr\.(?P<t>[bsu](?:16|32|64))", "t", "t u32", "ptx::shift_right(a, b)"),
    (r"bfi\.(?P<t>b32|b64)", "t", "t t u32 u32", "ptx::insert_bits(a, b, c, d)"),
    (r"selp\.(?P<t>[bsu](?:16|32|64)|f32|f64)", "t", "t t pred", "c ? a : b"),
    (r"setp\.(?P<op>eq|ne|lt|le|gt|ge)\.(?P<t>[bsu](?:16|32|64))", "pred", "t t", "a {op} b"),
    (rf"setp\.(?P<op>eq|lt|le|gt|ge){_FLOAT}", "pred", "t t", "a {op} b"),
    (rf"setp\.ne{_FLOAT}", "pred", "t t", "a < b || a > b"),
    (rf"setp\.equ{_FLOAT}", "pred", "t t", "!(a < b || a > b)"),
    (rf"setp\.neu{_FLOAT}", "pred", "t t", "a != b"),
    (rf"setp\.(?P<op>ltu|leu|gtu|geu){_FLOAT}", "pred", "t t", "!(a {op} b)"),
    (rf"setp\.nan{_FLOAT}", "pred", "t t", "a != a || b != b"),
    (rf"setp\.num{_FLOAT}", "pred", "t t", "a == a && b == b"),
    (rf"(?P<op>add|sub|mul)(?:\.(?P<r>rn|rz|rm|rp))?{_FLOAT}", "t", "t t", "a {op} b"),
    (rf"fma\.(?P<r>rn|rz|rm|rp){_FLOAT}", "t", "t t t", "std::fma(a, b, c)"),
    (rf"div\.(?P<r>rn|rz|rm|rp){_FLOAT}", "t", "t t", "a / b"),
    (rf"div\.(?:full|approx){_FLOAT}", "t", "t t", "a / b"),
    (rf"rcp\.(?P<r>rn|rz|rm|rp){_FLOAT}", "t", "t", "1 / a"),
    (rf"sqrt\.(?P<r>rn|rz|rm|rp){_FLOAT}", "t", "t", "std::sqrt(a)"),
    (r"rcp\.approx\.ftz\.(?P<t>f64)", "t", "t", "ptx::rough_reciprocal(a)"),
    # Of the approximations the exact values, rounded: a GPU's differ in the last bits.
    (rf"rcp\.approx{_Z}\.(?P<t>f32)", "t", "t", "1 / a"),
    (rf"sqrt\.approx{_Z}\.(?P<t>f32)", "t", "t", "std::sqrt(a)"),
    (rf"rsqrt\.approx{_Z}\.(?P<t>f32)", "t", "t", "1 / std::sqrt(a)"),
    (rf"ex2\.approx{_Z}\.(?P<t>f32)", "t", "t", "std::exp2(a)"),
    (rf"lg2\.approx{_Z}\.(?P<t>f32)", "t", "t", "std::log2(a)"),
    (rf"min{_FLOAT}", "t", "t t", "ptx::minimum(a, b)"),
    (rf"max{_FLOAT}", "t", "t t", "ptx::maximum(a, b)"),
    (rf"abs{_FLOAT}", "t", "t", "std::fabs(a)"),
    (rf"neg{_FLOAT}", "t", "t", "-a"),
    (r"copysign\.(?P<t>f32|f64)", "t", "t t", "std::copysign(b, a)"),
    (rf"cvt\.{_T}\.{_S}", "t+", "s+", "a"),
    (rf"cvt\.rn\.(?P<t>f32|f64)\.{_S}", "t", "s+", "a"),
    (rf"cvt{_INTEGRAL}{_Z}\.{_T}\.(?P<s>f32|f64)", "t+", "s", "ptx::to_integer<{t}>({i}(a))"),
    (rf"cvt{_INTEGRAL}{_Z}\.(?P<t>f32)\.f32", "t", "t", "{i}(a)"),
    (rf"cvt{_INTEGRAL}\.(?P<t>f64)\.f64", "t", "t", "{i}(a)"),
    (rf"cvt{_Z}\.(?P<t>f64)\.(?P<s>f32)", "t", "s", "a"),
    (rf"cvt\.(?P<r>rn|rz|rm|rp){_Z}\.(?P<t>f32)\.(?P<s>f64)", "t", "s", "a"),
    (rf"cvt{_Z}\.sat\.(?P<t>f32)\.f32", "t", "t", "ptx::saturated(a)"),
    (r"cvt\.rna\.tf32\.f32", "b32", "f32", "ptx::to_tf32(a)"),
    # The first operand becomes the upper half.
    (r"cvt\.(?P<ties>rn|rz)\.(?P<half>bf16|f16)x2\.f32", "b32", "f32 f32",
     "ptx::to_{half}<{ties}>(a) << 16 | ptx::to_{half}<{ties}>(b)"),
]  # fmt: skip
_RULES = [(re.compile(row[0]), *row[1:]) for row in _TABLE]
_WORDS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "rem": "%", "and": "&", "or": "|", "xor": "^",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    # Unordered comparisons are true of NaN: the opposite is not.
    "ltu": ">=", "leu": ">", "gtu": "<=", "geu": "<",
    "rni": "std::nearbyint", "rzi": "std::trunc", "rmi": "std::floor", "rpi": "std::ceil",
}  # fmt: skip
_TIES = {"rn": "ptx::Ties::to_even", "rz": "ptx::Ties::towards_zero"}
_MODES = {"rz": "FE_TOWARDZERO", "rm": "FE_DOWNWARD", "rp": "FE_UPWARD"}


def compute(operands: Operands) -> str | None:
    """The statement of C++ for an instruction of the table; None if it is not there.

    Raises:
        PtxError: the operands do not fit the instruction.
    """
    for pattern, result, types, expression in _RULES:
        found = pattern.fullmatch(operands.statement.opcode)
        if found:
            return _statement(operands, found, result, types.split(), expression)
    return None


def _statement(
    operands: Operands, found: re.Match, result: str, types: list[str], expression: str
) -> str:
    groups = {name: value for name, value in found.groupdict().items() if value}
    operands.count(1 + len(types))

    def named(name: str) -> str:
        name = name.rstrip("+")
        if name in ("u", "w"):
            size = 8 * size_of(groups["t"])
            return f"u{size}" if name == "u" else f"{groups['t'][0]}{2 * size}"
        return groups.get(name, name)

    letters = "abcd"[: len(types)]
    values = []
    for letter, text, name in zip(letters, operands.texts[1:], types, strict=True):
        value = operands.value(text, named(name), wider=name.endswith("+"))
        if "z" in groups and named(name)[0] == "f":
            value = f"ptx::flush({value})"
        values.append(f"const {cpp(named(name))} {letter} = {value};")
    kind = cpp(named(result))
    words = {name: _WORDS.get(value, value) for name, value in groups.items()}
    words |= {"t": cpp(groups["t"]) if "t" in groups else "", "w": ""}
    if "ties" in groups:
        words["ties"] = _TIES[groups["ties"]]
    if "w" in (result, *types):
        words["w"] = cpp(named("w"))
    made = f"static_cast<{kind}>({expression.format_map(words)})"
    if groups.get("r", "rn") != "rn":
        same = " ".join(f"volatile auto {letter}_ = {letter};" for letter in letters)
        again = " ".join(f"const auto {letter} = +{letter}_;" for letter in letters)
        made = (f"ptx::rounded<{_MODES[groups['r']]}>([&] {{ {same} {{ {again} "
                f"return {made}; }} }})")  # fmt: skip
    if "z" in groups and named(result)[0] == "f":
        made = f"ptx::flush({made})"
    target = operands.register(operands.texts[0], named(result), wider=result.endswith("+"))
    return f"{{ {' '.join(values)} ptx::set({target}, {made}); }}"
