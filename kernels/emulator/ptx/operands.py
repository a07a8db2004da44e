"""The operands of PTX instructions as expressions of C++."""

from __future__ import annotations

import re
from typing import NamedTuple

from .reader import PtxError, Statement, size_of, split

SPECIAL = {
    f"%{name}.{axis}": f"emulator::{function}().{axis}"
    for name, function in (("tid", "thread_index"), ("ctaid", "block_index"),
                           ("ntid", "block_size"), ("nctaid", "grid_size"))
    for axis in "xyz"
} | {"%laneid": "static_cast<uint32_t>(emulator::lane())"}  # fmt: skip
_ADDRESS = re.compile(r"\[\s*([%\w$]+)\s*(?:\+\s*(-?\d+))?\s*\]")


class Symbol(NamedTuple):
    """A variable or a parameter: the space that it lies in, its address in C++, its size."""

    space: str
    address: str
    bytes: int


class Names:
    """What names stand for in a scope, and in those around it.

    Attributes:
        registers: {name: type}.
    """

    def __init__(self, outer: Names | None = None):
        self.registers: dict[str, str] = dict(outer.registers) if outer else {}
        self.symbols: dict[str, Symbol] = dict(outer.symbols) if outer else {}


def cpp(type_name: str) -> str:
    """The type of C++ for one of PTX, such as "f32"."""
    if type_name == "pred":
        return "bool"
    if type_name[0] == "f":
        return {"f32": "float", "f64": "double"}[type_name]
    return f"{'' if type_name[0] == 's' else 'u'}int{type_name[1:]}_t"


def bits(type_name: str) -> str:
    """The type of C++ that a register of that type is kept in."""
    return "bool" if type_name == "pred" else f"uint{8 * size_of(type_name)}_t"


def identifier(name: str) -> str:
    """A name of PTX as one of C++."""
    return "R_" + re.sub(r"\W", "_", name)


class Operands:
    """Those of one statement.

    Every check is one that NVIDIA's assembler makes, too: a wrong text must not get further here.
    """

    def __init__(self, statement: Statement, names: Names):
        self.statement, self._names = statement, names
        self.texts = statement.operands

    def error(self, message: str) -> PtxError:
        given = f"{self.statement.opcode} {', '.join(self.texts)}"
        return PtxError(self.statement.line, f"{message}: {given}")

    def count(self, number: int) -> None:
        """Checks how many operands there are."""
        if len(self.texts) != number:
            raise self.error(f"{number} operands are expected, got {len(self.texts)}")

    def register(self, text: str, type_name: str, wider: bool = False) -> str:
        """A register for values of a type, or of more bytes where `wider`."""
        kept = self._names.registers.get(text)
        if kept is None:
            raise self.error(f"{text!r} is no register")
        fits = size_of(kept) == size_of(type_name) or (wider and size_of(kept) > size_of(type_name))
        mixed = kept[0] in "sfu" and type_name[0] in "sfu" and (kept[0] == "f") != (
            type_name[0] == "f")  # fmt: skip
        if (kept == "pred") != (type_name == "pred") or not fits or mixed:
            raise self.error(f"{text} is a register of .{kept}, where .{type_name} is needed")
        return identifier(text)

    def value(self, text: str, type_name: str, wider: bool = False) -> str:
        """An operand that is read."""
        kind = cpp(type_name)
        if text in self._names.registers:
            return f"ptx::get<{kind}>({self.register(text, type_name, wider)})"
        if text in SPECIAL:
            if size_of(type_name) != 4:
                raise self.error(f"{text} has 32 bits")
            return SPECIAL[text]
        found = re.fullmatch(r"0([fd])([0-9a-fA-F]+)", text)
        if found:
            if type_name[0] == "f" or type_name[0] == "b":
                return f"ptx::get<{kind}>({bits(type_name)}(0x{found[2]}))"
        elif re.fullmatch(r"-?(0x[0-9a-fA-F]+|0|[1-9]\d*)U?", text):
            number = int(text.rstrip("U"), 0)
            if type_name == "pred":
                return "true" if number else "false"
            if type_name[0] != "f":
                return f"static_cast<{kind}>({number}{'ll' if number < 2**63 else 'ull'})"
        elif text in self._names.symbols and size_of(type_name) >= 4:
            return f"static_cast<{kind}>({self._names.symbols[text].address})"
        raise self.error(f"{text!r} is no operand of type .{type_name}")

    def number(self, text: str) -> int:
        """An operand that must be known when compiling."""
        if not re.fullmatch(r"\d+", text):
            raise self.error(f"{text!r} must be a number")
        return int(text)

    def vector(self, text: str, count: int) -> list[str]:
        """The operands in braces, of which there must be so many; 1 has no braces."""
        if count == 1 and not text.startswith("{"):
            return [text]
        parts = list(split(text[1:-1])) if text.startswith("{") else [text]
        if len(parts) != count or not text.startswith("{"):
            raise self.error(f"{text} should be {count} registers in braces")
        return parts

    def shared_address(self, text: str) -> str:
        """An address in shared memory, as its number."""
        base, offset, symbol = self._parts(text)
        if symbol is not None:
            if symbol.space != "shared":
                raise self.error(f"{base} is not in shared memory")
            return f"static_cast<uint32_t>({symbol.address} + {offset})"
        return f"static_cast<uint32_t>({self.value(base, 'u32', wider=True)} + {offset})"

    def address(self, text: str, space: str, size: int) -> str:
        """An address in a space, as a pointer of the host to `size` bytes."""
        if space == "shared":
            return f"ptx::shared({self.shared_address(text)})"
        base, offset, symbol = self._parts(text)
        if symbol is None:
            return f"reinterpret_cast<char*>({self.value(base, 'u64')} + {offset})"
        if symbol.space != space:
            raise self.error(f"{base} is in {symbol.space} memory")
        if offset < 0 or offset + size > symbol.bytes:
            raise self.error(f"{base} has {symbol.bytes} bytes")
        return f"reinterpret_cast<char*>({symbol.address} + {offset})"

    def _parts(self, text: str) -> tuple[str, int, Symbol | None]:
        found = _ADDRESS.fullmatch(text)
        if not found:
            raise self.error(f"{text!r} is no address")
        return found[1], int(found[2] or 0), self._names.symbols.get(found[1])
