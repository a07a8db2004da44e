"""What of CUDA's language C++ cannot say, replaced in the text of a kernel, line by line.

Dynamic shared memory, ``extern __shared__ T name[];``, becomes a pointer. Variables of the text
(``__constant__`` and ``__device__``) are put where the emulator knows them by name.
"""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

_HOST_HEADERS = re.compile(r"^\s*#\s*include\s*<(?:cmath|math\.h|cuda_runtime\.h)>", re.MULTILINE)
_HIDDEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<end>[^()\s]*)\(.*?\)(?P=end)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
    r"""|^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*""",
    re.DOTALL | re.MULTILINE,
)
_ALIGNMENT = re.compile(r"\b(?:__align__|alignas)\s*\(|\b__attribute__\s*\(")
_STORAGE = re.compile(
    r"\b(?:extern|static|inline|__shared__|__device__|__constant__|__managed__)\b"
)
_KEYWORD = re.compile(r"\b(?:__shared__|__constant__|__device__|__managed__|static)\b")


class Declaration(NamedTuple):
    """``type declarator, ...;`` at text[begin:end], without what says where it is stored."""

    begin: int
    end: int
    alignment: str
    type: str
    declarators: list[str]


class Variable(NamedTuple):
    """A variable of the text; `constant` is whether kernels only read it."""

    name: str
    constant: bool


class LanguageError(ValueError):
    """A declaration that the emulator cannot replace; the message says where, and what it takes."""


def for_host(text: str, name: str) -> tuple[str, list[Variable]]:
    """The text for the host's compiler, and its variables in order.

    Raises:
        LanguageError: dynamic shared memory in a form that is not understood, or a static variable
            that does not say where it is stored.
    """
    # C++ wants one `static`, which __shared__ becomes, and alignas in front.
    text = re.sub(r"\bstatic(\s+__shared__)\b", r"\1", text)
    text = re.sub(r"\b__shared__(\s+)(alignas\s*\([^()]*\))", r"\2\1__shared__", text)
    code = _HIDDEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    edits: list[tuple[int, int, str]] = []
    found: list[Variable] = []
    for begin, keyword in _declarations(code):
        declaration = _parse(text, code, begin)
        if declaration is None:
            continue
        words = set(re.findall(r"\w+", code[begin : declaration.end]))
        place = f"{name}:{text.count(chr(10), 0, begin) + 1}"
        if keyword == "__shared__":
            made = _pointers(declaration, place)
        elif keyword == "static":
            # Of a function it would be the GPU's memory, outside the host's, which NVRTC refuses.
            raise LanguageError(
                f"{place}: a static variable is taken as __shared__, __device__ or __constant__ "
                f"only, got {' '.join([declaration.type, *declaration.declarators])!r}; write "
                "__device__ in front of it, outside of the function"
            )
        elif "constexpr" in words or ("const" in words and keyword == "__device__"):
            continue  # the compiler keeps these beside the code, or nowhere
        elif not declaration.declarators:
            continue
        else:
            made = _variables(declaration, keyword == "__constant__", found)
        lines = text.count("\n", declaration.begin, declaration.end)
        edits.append((declaration.begin, declaration.end, made + "\n" * (lines - made.count("\n"))))
    for start, end, made in reversed(edits):
        text = text[:start] + made + text[end:]
    return text, found


def includes_host_headers(text: str) -> bool:
    """Whether the text asks for a header of the host that defines INFINITY, M_PI and their like."""
    return _HOST_HEADERS.search(text) is not None


def _declarations(code: str):
    """(where it begins, __shared__, __constant__, __device__ or static) of what looks like a
    variable's."""
    last = -1
    for keyword in _KEYWORD.finditer(code):
        begin = max(code.rfind(c, 0, keyword.start()) for c in ";{}") + 1
        begin += len(code[begin:]) - len(code[begin:].lstrip())
        if begin == last:
            continue
        head = re.split(r"[;={]", code[begin:], maxsplit=1)[0]
        if keyword.start() >= begin + len(head):
            continue
        words = re.findall(r"\w+", head)
        if "__shared__" in words:
            if "extern" in words:
                last = begin
                yield begin, "__shared__"
        elif "template" not in words and "(" not in _without_alignment(head)[0]:
            last = begin
            if "__constant__" in words:
                yield begin, "__constant__"
            elif "__device__" in words or "__managed__" in words:
                yield begin, "__device__"
            elif "const" not in words and "constexpr" not in words:
                yield begin, "static"


def _closing(text: str, opening: int) -> int:
    """Where the bracket at `opening` is closed."""
    depth = 0
    for i in range(opening, len(text)):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0:
            return i
    return len(text) - 1


def _without_alignment(text: str) -> tuple[str, str]:
    """The text without what aligns, and that."""
    taken = ""
    while found := _ALIGNMENT.search(text):
        end = _closing(text, found.end() - 1) + 1
        taken += re.sub(r"^alignas", "__align__", text[found.start() : end]) + " "
        text = text[: found.start()] + " " + text[end:]
    return text, taken


def _split(code: str, separator: str) -> list[int]:
    """Where `separator` stands outside all brackets."""
    places, i, angles = [], 0, 0
    while i < len(code):
        if code[i] in "([{":
            i = _closing(code, i)
        elif code[i] in "<>":
            angles += 1 if code[i] == "<" else -1
        elif code[i] == separator and angles <= 0:
            places.append(i)
        i += 1
    return places


def _parse(text: str, code: str, begin: int) -> Declaration | None:
    ends = _split(code[begin:], ";")
    if not ends:
        return None
    end = begin + ends[0]
    content, alignment = _without_alignment(text[begin:end])
    content = re.sub(r'\bextern\s*"C"', " ", content)
    content = _STORAGE.sub(" ", content).strip()
    commas = [-1, *_split(content, ","), len(content)]
    parts = [content[a + 1 : b].strip() for a, b in itertools.pairwise(commas)]
    # The type of the first declarator is what stands before its name, but for * and &.
    head = re.match(r"(.*?[\w>\s}])\s*((?:\*\s*(?:const\s+|volatile\s+|__restrict__\s+)*)*"
                    r"\w+\s*(?:\[[^=]*)?(?:[={].*)?)$", parts[0], re.DOTALL)  # fmt: skip
    if head is None or not head[1].strip():
        return Declaration(begin, end + 1, alignment, content, [])
    return Declaration(begin, end + 1, alignment, head[1].strip(), [head[2], *parts[1:]])


def _pointers(declaration: Declaration, place: str) -> str:
    made = []
    for declarator in declaration.declarators:
        parts = re.fullmatch(r"([*\s]*)(\w+)\s*(?:\[[^\]]*\]((?:\s*\[[^\]]*\])*))?\s*", declarator)
        if parts is None:
            break
        kind, name = f"{declaration.type} {parts[1]}", parts[2]
        if "[" in declarator:
            rest = parts[3]
            made.append(f"{kind}(* const {name}){rest} = "
                        f"reinterpret_cast<{kind}(*){rest}>(emulator_dynamic_shared);")  # fmt: skip
        else:
            made.append(f"{kind}& {name} = reinterpret_cast<{kind}&>(emulator_dynamic_shared);")
    if not made or len(made) < len(declaration.declarators):
        raise LanguageError(
            f"{place}: dynamic shared memory must read: extern __shared__ T name[]; "
            "(with T volatile, aligned or const, name[][n], or several names), "
            f"got {' '.join([declaration.type, *declaration.declarators])!r}"
        )
    return " ".join(made)


def _variables(declaration: Declaration, constant: bool, found: list[Variable]) -> str:
    made = []
    kind = declaration.type
    for declarator in declaration.declarators:
        name = re.search(r"\w+", re.sub(r"\b(?:const|volatile|__restrict__)\b", " ", declarator))
        if name is None:
            continue
        # A writable section has no place for const objects; that the kernel writes is found anyway.
        if constant and "*" not in declarator:
            kind = re.sub(r"\bconst\b", "", declaration.type)
        made.append(f"EMULATOR_VARIABLE({len(found)}) {declaration.alignment}{kind} "
                    f"{declarator};")  # fmt: skip
        found.append(Variable(name[0], constant))
    return " ".join(made)
