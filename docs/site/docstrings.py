"""Docstrings as Sphinx's parser wants them.

tinygan's docstrings are plain text with code in single or double backquotes, indented blocks,
lists, and sections "Args:", "Attributes:", "Returns:" and "Raises:". To reStructuredText a single
backquote, a star, a bar and an underscore mean something else, and an indented block is a
quotation: `to_rest` says the same in its words.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Iterator

SECTIONS = {"Args": "Arguments", "Attributes": "Attributes", "Returns": "Returns",
            "Raises": "Raises"}  # fmt: skip
CODE = re.compile(r"``(.+?)``|`([^`]+)`", re.DOTALL)
ITEM = re.compile(r"([*\w][\w.*, ]*):(?: (.*))?$")
# What opens something other than a paragraph: "1. ", "(a) ", "-x", "..."
OPENS = re.compile(r"\(?\w{1,5}[.)]\s|[^\w(`\\]")


def to_rest(text: str, find: Callable[[str], str | None] = lambda code: None) -> str:
    """A cleaned docstring as reStructuredText; `find` gives the public name that code means.

    Raises:
        ValueError: an entry of a section has no name before a colon.
    """
    lines = text.expandtabs().splitlines()
    written: list[str] = []
    plain: list[str] = []
    while lines:
        line = lines.pop(0)
        if (name := line.rstrip()[:-1]) not in SECTIONS or line.rstrip()[-1] != ":":
            plain.append(line)
            continue
        written += [*_blocks(plain, find), ""]
        plain = []
        inside = []
        while lines and (not lines[0].strip() or lines[0].startswith(" ")):
            inside.append(lines.pop(0))
        inside = textwrap.dedent("\n".join(inside)).splitlines()
        body = _blocks(inside, find) if name == "Returns" else _items(inside, name, find)
        written += [f":{SECTIONS[name]}:", *_indented(body, 3), ""]
    return "\n".join([*written, *_blocks(plain, find)]).strip() + "\n"


def _items(lines: list[str], section: str, find: Callable[[str], str | None]) -> Iterator[str]:
    """The entries `name: text` as a list."""
    entries: list[tuple[str, list[str]]] = []
    names = ""
    for line in lines:
        line = names + line.lstrip() if names else line
        names = ""
        if not line.strip() or line.startswith(" "):
            entries[-1][1].append(line)
        elif match := ITEM.match(line):
            entries.append((match[1], [match[2] or ""]))
        elif line.endswith(","):
            names = line + " "
        else:
            raise ValueError(f"{section}: {line!r} has no name before a colon")
    for name, (first, *rest) in entries:
        text = [first, *textwrap.dedent("\n".join(rest)).splitlines()]
        names = ", ".join(f"**{_plain(part)}**" for part in name.split(", "))
        body = list(_indented(_blocks(text, find), 2))
        while body and not body[0]:
            body.pop(0)
        yield from ["", f"* {names}: {body[0].strip() if body else ''}", *body[1:]]


def _blocks(lines: list[str], find: Callable[[str], str | None]) -> Iterator[str]:
    """Paragraphs, lists and what is indented by 4, which is code or a formula."""
    while lines:
        if not lines[0].strip():
            lines = lines[1:]
            continue
        indented = lines[0].startswith("    ")
        count = 1
        while count < len(lines):
            line = lines[count]
            if line.strip() and line.startswith("    ") != indented:
                break
            if not indented and not line.strip():
                break
            count += 1
        block, lines = lines[:count], lines[count:]
        yield ""
        if indented:
            yield from _verbatim(textwrap.dedent("\n".join(block)).strip("\n"))
        else:
            yield from _inline("\n".join(block), find).split("\n")
    yield ""


def _verbatim(text: str) -> Iterator[str]:
    try:
        ast.parse(text)
        language = "python" if re.search(r"[=(]", text) else "text"
    except SyntaxError:
        language = "text"
    yield from [f".. code-block:: {language}", "", *_indented(text.split("\n"), 3)]


def _inline(text: str, find: Callable[[str], str | None]) -> str:
    """A paragraph or a list: code, and everything else as it stands."""
    if not text.startswith("- ") and OPENS.match(text):
        text = "\\ " + text
        start = 2
    else:
        start = 0
    parts = [text[:start]]
    for match in CODE.finditer(text, start):
        parts += [_plain(text[start : match.start()]), _code(match[1] or match[2], find)]
        start = match.end()
    return "".join([*parts, _plain(text[start:])])


def _plain(text: str) -> str:
    return re.sub(r"([\\*|_`])", r"\\\1", text)


def _code(text: str, find: Callable[[str], str | None]) -> str:
    """Code, as a link where it is a public name."""
    text = re.sub(r"\s+", " ", text.strip())
    name = find(text)
    return f"\\ :py:obj:`{text} <{name}>`\\ " if name else f"\\ ``{text}``\\ "


def _indented(lines, count: int) -> Iterator[str]:
    for line in lines:
        yield " " * count + line if line else ""
