"""The text of PTX, taken apart into functions and statements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..build import EmulatorError


class PtxError(EmulatorError):
    """A text in PTX that is not understood, or is wrong; the message names the line."""

    def __init__(self, line: int, message: str):
        super().__init__(f"line {line} of the PTX: {message}")


class Parameter(NamedTuple):
    """A parameter of a function: its name, and where it lies."""

    name: str
    bytes: int
    alignment: int


class Statement(NamedTuple):
    """A statement of a function's body.

    Attributes:
        kind: "open" or "close" (a scope), "label", "directive" or "instruction".
        line: of the PTX.
        text: the label's name, or the directive.
        place: (file, line) of the CUDA text, or None where the compiler has not said it.
        predicate: the register that the instruction depends on, "!" in front if negated; or "".
        opcode: with its modifiers.
        operands: the texts between commas; those in brackets or braces are one each.
    """

    kind: str
    line: int
    text: str
    place: tuple[str, int] | None = None
    predicate: str = ""
    opcode: str = ""
    operands: tuple[str, ...] = ()


@dataclass
class Function:
    """An entry, or a function that entries call."""

    name: str
    entry: bool
    results: list[Parameter]
    parameters: list[Parameter]
    body: list[Statement] = field(default_factory=list)


class Program(NamedTuple):
    """A whole text: the directives outside of functions, and the functions in their order."""

    directives: list[Statement]
    functions: list[Function]


# What ends with its line, and says nothing that a result depends on.
_LINES = re.compile(
    r"\.(?:version|target|address_size|file|loc|maxntid|reqntid|minnctapersm|maxnreg)\b[^\n{;]*"
)
_SECTION = re.compile(r"\.section[^{]*\{[^}]*\}")
_FUNCTION = re.compile(r"(?:\.(?:visible|weak)\s+)?\.(entry|func)\b[^{;]*[{;]")
_LABEL = re.compile(r"([\w$]+)\s*:")
_STATEMENT = re.compile(r"[^;]*;")
_INSTRUCTION = re.compile(r"(?:@(!?)\s*(%\w+)\s+)?([a-z][\w.:]*)\s*(.*)", re.DOTALL)
_PARAMETER = re.compile(r"\.param\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+(\w+)\s*(?:\[(\d+)\])?\s*$")


def size_of(type_name: str) -> int:
    """The bytes of a number of a type such as "f32"; of a predicate 1."""
    return 1 if type_name == "pred" else int(type_name.lstrip("bfsu")) // 8


def read(text: str) -> Program:
    """Takes a text apart.

    Raises:
        PtxError: something in it has a form that is not known.
    """
    text = re.sub(r"//[^\n]*", "", text)
    program = Program([], [])
    function: Function | None = None
    depth, position, line = 0, 0, 1
    files = dict(re.findall(r'\.file\s+(\d+)\s+"(.*?)"', text))  # they stand at the end
    place: tuple[str, int] | None = None
    while True:
        blank = re.compile(r"\s*").match(text, position)
        assert blank is not None
        line += blank[0].count("\n")
        position = blank.end()
        if position == len(text):
            return program
        begin = line
        piece, kind = _piece(text, position, line)
        position += len(piece)
        line += piece.count("\n")
        if kind == "line":
            place = _place(piece, files) or place
        elif kind == "function":
            made = _header(piece, begin)
            if piece.endswith("{"):
                function, depth, place = made, 1, None
                program.functions.append(made)
        elif kind != "section":
            depth += {"open": 1, "close": -1}.get(kind, 0)
            if function is None:
                if kind != "directive":
                    raise PtxError(begin, f"{piece!r} stands outside of a function")
                program.directives.append(Statement(kind, begin, piece))
            elif depth:
                function.body.append(_statement(kind, piece, begin, place))
            else:
                function = None


def _place(piece: str, files: dict[str, str]) -> tuple[str, int] | None:
    """The line that a ``.loc`` names; for a wrapper of ptx.cuh the line that calls it."""
    found = re.match(r"\.loc\s+(\d+)\s+(\d+)(?:.*inlined_at\s+(\d+)\s+(\d+))?", piece)
    if not found or found[2] == "0":
        return None
    file, line, outer, outer_line = found.groups()
    if outer and files.get(file, "").endswith("cuda/ptx.cuh"):
        file, line = outer, outer_line
    return files.get(file, ""), int(line)


def _piece(text: str, position: int, line: int) -> tuple[str, str]:
    """The next part of a text, and of what kind it is."""
    if text[position] in "{}":
        return text[position], "open" if text[position] == "{" else "close"
    for pattern, kind in ((_LINES, "line"), (_SECTION, "section"), (_FUNCTION, "function"),
                          (_LABEL, "label"), (_STATEMENT, "statement")):  # fmt: skip
        found = pattern.match(text, position)
        if found:
            if kind == "statement":
                kind = "directive" if found[0].startswith(".") else "instruction"
            return found[0], kind
    raise PtxError(line, f"no statement ends: {text[position : position + 40]!r}")


def _statement(kind: str, piece: str, line: int, place: tuple[str, int] | None) -> Statement:
    if kind == "label":
        return Statement(kind, line, piece.rstrip(":").strip())
    if kind != "instruction":
        return Statement(kind, line, piece)
    found = _INSTRUCTION.fullmatch(piece.rstrip(";").strip())
    if not found:
        raise PtxError(line, f"not an instruction: {piece!r}")
    negated, predicate, opcode, rest = found.groups()
    return Statement(
        kind, line, piece, place, (negated or "") + (predicate or ""), opcode, tuple(split(rest))
    )


def split(text: str) -> Iterator[str]:
    """What stands between commas, outside of brackets and braces."""
    depth, start = 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and not depth:
            yield text[start:i].strip()
            start = i + 1
    if text[start:].strip():
        yield text[start:].strip()


def _header(piece: str, line: int) -> Function:
    """What a function is called, gets and returns."""
    found = re.search(
        r"\.(entry|func)\s*(?:\(([^)]*)\))?\s*([\w$]+)\s*(?:\(([^)]*)\))?[^()]*[{;]$", piece
    )
    if not found:
        raise PtxError(line, f"not the head of a function: {piece!r}")
    kind, results, name, parameters = found.groups()
    return Function(
        name, kind == "entry", _parameters(results, line), _parameters(parameters, line)
    )


def layouts(text: str) -> dict[str, list[Parameter]]:
    """The parameters of each entry, as the compiler has laid them out."""
    heads = [_header(found[0], text.count("\n", 0, found.start()) + 1)
             for found in _FUNCTION.finditer(re.sub(r"//[^\n]*", "", text))]  # fmt: skip
    return {head.name: head.parameters for head in heads if head.entry}


def _parameters(text: str | None, line: int) -> list[Parameter]:
    return [parameter(declared, line) for declared in split(text or "")]


def parameter(text: str, line: int) -> Parameter:
    """A ``.param`` declaration: of a number, or of a structure as an array of bytes.

    Raises:
        PtxError: it has another form.
    """
    text = re.sub(r"\.ptr(?:\s*\.(?:global|shared|const|local))?(?:\s*\.align\s+\d+)?", "", text)
    found = _PARAMETER.match(text.strip())
    if not found:
        raise PtxError(line, f"not a parameter: {text!r}")
    alignment, kind, name, count = found.groups()
    size = size_of(kind)
    return Parameter(name, size * int(count or 1), int(alignment or size))


def registers(text: str, line: int) -> Sequence[tuple[str, str]]:
    """(name, type) of each register that a ``.reg`` declares.

    Raises:
        PtxError: it has another form.
    """
    found = re.fullmatch(r"\.reg\s+\.(pred|[bsuf]\d+)\s+([^;]*);", text.strip())
    if not found:
        raise PtxError(line, f"not a declaration of registers: {text!r}")
    result = []
    for name in split(found[2]):
        many = re.fullmatch(r"([%\w$]+)<(\d+)>", name)
        names = [f"{many[1]}{i}" for i in range(int(many[2]))] if many else [name]
        result += [(one, found[1]) for one in names]
    return result
