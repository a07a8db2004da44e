"""PTX instructions that touch memory, other lanes or the order of instructions."""

from __future__ import annotations

import re
from collections.abc import Callable

from .operands import Operands, bits, cpp, identifier
from .reader import size_of

_TYPE = r"\.(?P<t>[bsu](?:8|16|32|64)|f32|f64)"
_SPACE = r"(?:\.(?P<space>global|shared|local|param|const))?"
_VECTOR = r"(?:\.v(?P<count>[24]))?"
Rule = Callable[[Operands, re.Match], str]
_RULES: list[tuple[re.Pattern, Rule]] = []


def _instruction(pattern: str) -> Callable[[Rule], Rule]:
    def add(rule: Rule) -> Rule:
        _RULES.append((re.compile(pattern), rule))
        return rule

    return add


def act(operands: Operands) -> str | None:
    """The statement of C++ for an instruction of this file; None if it is not here.

    Raises:
        PtxError: the operands do not fit the instruction.
    """
    for pattern, rule in _RULES:
        found = pattern.fullmatch(operands.statement.opcode)
        if found:
            return rule(operands, found)
    return None


# ------------------------------------------------------------------------------ moves and memory


@_instruction(r"mov\.(?P<t>pred|[bsu](?:16|32|64)|f32|f64)")
def _move(operands: Operands, found: re.Match) -> str:
    operands.count(2)
    (to, given), kind = operands.texts, found["t"]
    if to.startswith("{"):  # the lowest bits first
        parts = operands.vector(to, 2)
        part = f"b{4 * size_of(kind)}"
        whole = f"const {bits(kind)} x = {operands.value(given, kind)};"
        sets = [
            f"ptx::set({operands.register(name, part)}, "
            f"static_cast<{bits(part)}>(x >> {4 * size_of(kind) * i}));"
            for i, name in enumerate(parts) if name != "_"
        ]  # fmt: skip
        return f"{{ {whole} {' '.join(sets)} }}"
    target = operands.register(to, kind)
    if given.startswith("{"):
        part = f"b{4 * size_of(kind)}"
        values = [
            f"static_cast<{bits(kind)}>({operands.value(name, part)}) << {4 * size_of(kind) * i}"
            for i, name in enumerate(operands.vector(given, 2))
        ]
        return f"ptx::set({target}, static_cast<{bits(kind)}>({' | '.join(values)}));"
    return f"ptx::set({target}, {operands.value(given, kind)});"


@_instruction(r"cvta(?P<to>\.to)?\.(?P<space>global|shared|local|const|param)\.u64")
def _convert_address(operands: Operands, found: re.Match) -> str:
    operands.count(2)
    value, target = operands.value(operands.texts[1], "u64"), operands.register(
        operands.texts[0], "u64")  # fmt: skip
    if found["space"] == "shared":
        value = f"ptx::to_shared({value})" if found["to"] else (
            f"reinterpret_cast<uint64_t>(ptx::shared(static_cast<uint32_t>({value})))")
    return f"ptx::set({target}, {value});"


@_instruction(rf"ld(?:\.volatile)?{_SPACE}(?:\.nc)?{_VECTOR}{_TYPE}")
def _load(operands: Operands, found: re.Match) -> str:
    operands.count(2)
    kind, count, space = found["t"], int(found["count"] or 1), found["space"] or "generic"
    address = operands.address(operands.texts[1], space, count * size_of(kind))
    function = "load_parameter" if space == "param" else "load"
    sets = [f"ptx::set({operands.register(name, kind, wider=True)}, v.values[{i}]);"
            for i, name in enumerate(operands.vector(operands.texts[0], count))]  # fmt: skip
    vector = f"ptx::Vector<{cpp(kind)}, {count}>"
    return f"{{ const auto v = ptx::{function}<{vector}>({address}); {' '.join(sets)} }}"


@_instruction(rf"st(?:\.volatile)?{_SPACE}{_VECTOR}{_TYPE}")
def _store(operands: Operands, found: re.Match) -> str:
    operands.count(2)
    kind, count, space = found["t"], int(found["count"] or 1), found["space"] or "generic"
    address = operands.address(operands.texts[0], space, count * size_of(kind))
    values = ", ".join(operands.value(name, kind, wider=True)
                       for name in operands.vector(operands.texts[1], count))  # fmt: skip
    vector = f"ptx::Vector<{cpp(kind)}, {count}>{{{{{values}}}}}"
    if space == "param":
        return f"{{ const auto v = {vector}; memcpy({address}, &v, sizeof v); }}"
    return f"ptx::store({address}, {vector});"


# ---------------------------------------------------------------------------- the program's course


@_instruction(r"bra(?:\.uni)?")
def _branch(operands: Operands, found: re.Match) -> str:
    operands.count(1)
    return f"goto {identifier(operands.texts[0])};"


@_instruction(r"ret(?:\.uni)?|exit")
def _return(operands: Operands, found: re.Match) -> str:
    operands.count(0)
    return "return;"


@_instruction(r"call(?:\.uni)?")
def _call(operands: Operands, found: re.Match) -> str:
    lists = [text for text in operands.texts if text.startswith("(")]
    names = [text for text in operands.texts if not text.startswith("(")]
    if len(names) != 1:
        raise operands.error("one function is called, by its name")
    given = [name.strip() for text in lists for name in text[1:-1].split(",")]
    symbols = [f"reinterpret_cast<char*>({operands.value(one, 'u64')})" for one in given if one]
    return f"{identifier(names[0])}({', '.join(symbols)});"


@_instruction(r"(?:bar|barrier)\.sync(?:\.aligned)?")
def _barrier(operands: Operands, found: re.Match) -> str:
    operands.count(1)
    if operands.number(operands.texts[0]) != 0:
        raise operands.error("only barrier 0 is known")
    return 'emulator::barrier(PTX_PLACE);'


# --------------------------------------------------------------------------------------- the warp


@_instruction(r"bar\.warp\.sync")
def _warp_barrier(operands: Operands, found: re.Match) -> str:
    operands.count(1)
    mask = operands.value(operands.texts[0], "b32")
    return f'emulator::exchange({mask}, "", 0, "bar.warp.sync", PTX_PLACE);'


_SHUFFLES = {"up": "up", "down": "down", "bfly": "butterfly", "idx": "index"}


@_instruction(r"shfl\.sync\.(?P<mode>up|down|bfly|idx)\.b32")
def _shuffle(operands: Operands, found: re.Match) -> str:
    operands.count(5)
    to, _, predicate = operands.texts[0].partition("|")
    inside = f"{operands.register(predicate, 'pred')} = inside;" if predicate else ""
    given = ", ".join(operands.value(text, "b32") for text in operands.texts[1:])
    return (f"{{ bool inside; const uint32_t x = ptx::shuffle<ptx::Shuffle::"
            f"{_SHUFFLES[found['mode']]}>({given}, &inside, PTX_PLACE); "
            f"ptx::set({operands.register(to, 'b32')}, x); {inside} }}")  # fmt: skip


@_instruction(r"ldmatrix\.sync\.aligned\.m8n8\.x(?P<count>[124])(?P<trans>\.trans)?\.shared\.b16")
def _load_matrices(operands: Operands, found: re.Match) -> str:
    operands.count(2)
    count, transposed = int(found["count"]), "true" if found["trans"] else "false"
    names = operands.vector(operands.texts[0], count)
    sets = [f"ptx::set({operands.register(n, 'b32')}, m[{i}]);" for i, n in enumerate(names)]
    address = operands.shared_address(operands.texts[1])
    return (f"{{ uint32_t m[{count}]; ptx::load_matrices<{count}, {transposed}>(m, {address}, "
            f"PTX_PLACE); {' '.join(sets)} }}")  # fmt: skip


_SHAPES = {("m16n8k8", "tf32"): 1, ("m16n8k16", "bf16"): 2, ("m16n8k16", "f16"): 2}


@_instruction(r"mma\.sync\.aligned\.(?P<shape>m16n8k\d+)\.row\.col"
              r"\.f32\.(?P<a>tf32|bf16|f16)\.(?P<b>tf32|bf16|f16)\.f32")  # fmt: skip
def _multiply_matrices(operands: Operands, found: re.Match) -> str:
    operands.count(4)
    per_word = _SHAPES.get((found["shape"], found["a"]))
    if per_word is None or found["a"] != found["b"]:
        raise operands.error("no such shape with these types is known")
    d, a, b, c = (operands.vector(text, count)
                  for text, count in zip(operands.texts, (4, 4, 2, 4), strict=True))  # fmt: skip
    arrays = [f"const {cpp(kind)} {letter}[] = "
              f"{{{', '.join(operands.value(name, kind) for name in names)}}};"
              for letter, names, kind in (("a", a, "b32"), ("b", b, "b32"), ("c", c, "f32"))
              ]  # fmt: skip
    sets = [f"ptx::set({operands.register(name, 'f32')}, d[{i}]);" for i, name in enumerate(d)]
    return (f"{{ {' '.join(arrays)} float d[4]; ptx::multiply_matrices<{per_word}>(d, a, b, c, "
            f"ptx::from_{found['a']}, \"{operands.statement.opcode}\", PTX_PLACE); "
            f"{' '.join(sets)} }}")  # fmt: skip


# -------------------------------------------------------------------------- asynchronous copies


@_instruction(r"cp\.async\.(?P<cache>ca|cg)\.shared\.global")
def _copy(operands: Operands, found: re.Match) -> str:
    if len(operands.texts) not in (3, 4):
        operands.count(4)
    size = operands.number(operands.texts[2])
    if size not in ((16,) if found["cache"] == "cg" else (4, 8, 16)):
        raise operands.error(f"cp.async.{found['cache']} does not copy {size} bytes")
    valid = operands.value(operands.texts[3], "u32") if len(operands.texts) == 4 else str(size)
    to = operands.shared_address(operands.texts[0])
    source = operands.address(operands.texts[1], "global", size)
    return (f"ptx::copy<{size}>({to}, reinterpret_cast<uint64_t>({source}), {valid}, "
            "PTX_PLACE);")  # fmt: skip


@_instruction(r"cp\.async\.commit_group")
def _commit(operands: Operands, found: re.Match) -> str:
    operands.count(0)
    return "emulator::async_commit();"


@_instruction(r"cp\.async\.wait_group")
def _wait(operands: Operands, found: re.Match) -> str:
    operands.count(1)
    return f"emulator::async_wait({operands.number(operands.texts[0])});"


@_instruction(r"cp\.async\.wait_all")
def _wait_for_all(operands: Operands, found: re.Match) -> str:
    operands.count(0)
    return "emulator::async_commit(); emulator::async_wait(0);"
