"""From PTX to C++ that runs on the emulator's threads: a statement for each instruction."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .arithmetic import compute
from .machine import act
from .operands import Names, Operands, Symbol, bits, cpp, identifier
from .reader import Function, PtxError, Statement, parameter, read, registers, size_of

_VARIABLE = re.compile(
    r"(?P<before>(?:\.\w+\s+)*?)\.(?P<space>global|const|shared|local)\s+"
    r"(?:\.align\s+(?P<alignment>\d+)\s+)?\.(?P<type>\w+)\s+(?P<name>[\w$]+)\s*"
    r"(?P<array>\[(?P<count>\d*)\])?\s*(?:=\s*(?P<value>[^;]*))?;"
)
_DYNAMIC = "ptx::dynamic_begin"


def translate(text: str, entries: Sequence[str]) -> str:
    """A library's text in C++, with an entry point of the emulator for each of `entries`.

    Raises:
        PtxError: an instruction or a declaration is not known, or wrong.
    """
    program = read(text)
    functions = {function.name: function for function in program.functions}
    called = [function for function in program.functions if not function.entry]
    library = _Library()
    for directive in program.directives:
        library.declare(directive, library.names)
    for function in called:
        library.lines.append(f"static void {_signature(function)};")
    for function in called:
        library.define(f"static void {_signature(function)}", function)
    for number, name in enumerate(entries):
        function = functions[name]
        library.define(f'extern "C" void emulator_kernel_{number}(void** arguments)', function)
        sizes = ", ".join(str(p.bytes) for p in function.parameters)
        library.lines.append(
            f'extern "C" int emulator_parameters_{number}(int* sizes, int*) {{ '
            f"const int all[] = {{{sizes or 0}}}; memcpy(sizes, all, sizeof all); "
            f"return {len(function.parameters)}; }}"
        )
    head = [f"#define PTX_SHARED_BYTES {max(1, library.shared_bytes)}", '#include "ptx_machine.h"']
    return "\n".join([*head, *library.lines, ""])


def _signature(function: Function) -> str:
    names = [f"char* {identifier(p.name)}" for p in (*function.results, *function.parameters)]
    return f"{identifier(function.name)}({', '.join(names)})"


class _Library:
    """What has been translated so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names = Names()
        self.shared_bytes = 0

    def define(self, head: str, function: Function) -> None:
        """Adds a function."""
        names = Names(self.names)
        for i, one in enumerate((*function.results, *function.parameters)):
            where = f"arguments[{i}]" if function.entry else identifier(one.name)
            names.symbols[one.name] = Symbol(
                "param", f"reinterpret_cast<uint64_t>({where})", one.bytes
            )
        self.lines.append(f"{head} {{")
        scopes = [names]
        for statement in function.body:
            if statement.kind == "open":
                scopes.append(Names(scopes[-1]))
                self.lines.append("{")
            elif statement.kind == "close":
                scopes.pop()
                self.lines.append("}")
            elif statement.kind == "label":
                self.lines.append(f"{identifier(statement.text)}:;")
            elif statement.kind == "directive":
                self.declare(statement, scopes[-1], outermost=len(scopes) == 1)
            else:
                if statement.place:  # for the places of faults
                    self.lines.append('#line {1} "{0}"'.format(*statement.place))
                self.lines.append(_instruction(statement, scopes[-1]))
        self.lines.append("}")

    def declare(self, statement: Statement, names: Names, outermost: bool = False) -> None:
        """Registers and variables. A register's value is ~0, a NaN, until it is set."""
        text = statement.text
        if text.startswith(".pragma"):
            return
        if text.startswith(".reg"):
            for name, kind in registers(text, statement.line):
                names.registers[name] = kind
                # A goto may lead past those of inner scopes: they cannot have a value.
                value = f" = {bits(kind)}(~0ull)" if outermost else ""
                self.lines.append(f"{bits(kind)} {identifier(name)}{value};")
            return
        if text.startswith(".param"):
            one = parameter(text.rstrip(";"), statement.line)
            self.lines.append(f"alignas({one.alignment}) char {identifier(one.name)}[{one.bytes}];")
            names.symbols[one.name] = Symbol("param", _address(one.name), one.bytes)
            return
        found = _VARIABLE.fullmatch(text)
        if not found:
            raise PtxError(statement.line, f"not a declaration that is known: {text!r}")
        self._variable(found, statement, names)

    def _variable(self, found: re.Match, statement: Statement, names: Names) -> None:
        name, kind, space = found["name"], found["type"], found["space"]
        alignment = int(found["alignment"] or size_of(kind))
        size = size_of(kind) * int(found["count"] or 1)
        if ".extern" in found["before"]:
            if space != "shared":
                raise PtxError(statement.line, f"{name} is defined elsewhere")
            names.symbols[name] = Symbol("shared", _DYNAMIC, 0)
        elif space == "const":
            raise PtxError(statement.line, f"{name}: constant memory is not known")
        elif space == "shared":
            begin = -(-self.shared_bytes // alignment) * alignment
            self.shared_bytes = begin + size
            names.symbols[name] = Symbol("shared", str(begin), size)
        elif space == "local":
            self.lines.append(f"alignas({alignment}) char {identifier(name)}[{size}];")
            names.symbols[name] = Symbol(space, _address(name), size)
        else:  # a constant of the text: 0 without a value, and a write to it is a fault
            value = found["value"] or "0"
            value = value if value.startswith("{") else f"{{{value}}}"
            self.lines.append(f"alignas({alignment}) static const {cpp(kind)} {identifier(name)}"
                              f"[{found['count'] or 1}] "
                              f"= {value};")  # fmt: skip
            names.symbols[name] = Symbol(space, _address(name), size)


def _address(name: str) -> str:
    return f"reinterpret_cast<uint64_t>({identifier(name)})"


def _instruction(statement: Statement, names: Names) -> str:
    operands = Operands(statement, names)
    made = compute(operands) or act(operands)
    if made is None:
        raise operands.error("this instruction is not known")
    if not statement.predicate:
        return made
    register = operands.register(statement.predicate.lstrip("!"), "pred")
    negated = "!" if statement.predicate.startswith("!") else ""
    return f"if ({negated}{register}) {{ {made} }}"
