"""Runs a program that was written for PyTorch; says beforehand which of its names are missing."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tinygan.absent import PAGE, sentence
from tinygan.compat.modules import Facade, Refusal, install


def run(path: str, arguments: Sequence[str] = ()) -> None:
    """Runs the program at `path` with these arguments, as ``python path ...`` would, with the names
    torch and torchvision leading to tinygan. One line on stderr says which names are missing.

    Raises:
        FileNotFoundError: there is no such file.
        SyntaxError: it is not Python.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"run: there is no file {path}")
    modules = install()
    missing = missing_names(file.read_text(encoding="utf-8"), modules)
    if missing:
        names = ", ".join(missing)
        print(
            f"tinygan: {file.name} uses {names}, which do not exist here; see {PAGE}",
            file=sys.stderr,
        )
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(file.resolve().parent))
    runpy.run_path(str(path), run_name="__main__")


def of_import(error: ImportError) -> str:
    """What is said of the name that an import statement did not find."""
    found = re.match(r"cannot import name '(\w+)' from '([\w.]+)'", str(error))
    return sentence(f"{found[2]}.{found[1]}" if found else str(error.name))


def missing_names(text: str, modules: dict[str, Facade]) -> list[str]:
    """The names below torch and torchvision that a program's text uses and that do not exist."""
    found: dict[str, None] = {}
    for name in _used(ast.parse(text)):
        parts = name.split(".")
        thing: object = modules.get(parts[0])
        for i, part in enumerate(parts[1:], 1):
            whole = ".".join(parts[: i + 1])
            try:
                thing = modules[whole] if whole in modules else getattr(thing, part)
            except AttributeError:
                found[whole] = None
                break
            if isinstance(thing, Refusal):
                found[whole] = None
    return list(found)


def _used(tree: ast.AST) -> Iterator[str]:
    """Full dotted names, by what the program's imports call them."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if _ours(alias.name):
                    yield alias.name
                    top = alias.name if alias.asname else alias.name.partition(".")[0]
                    aliases[alias.asname or top] = top
        elif isinstance(node, ast.ImportFrom) and not node.level and _ours(node.module or ""):
            for alias in node.names:
                if alias.name != "*":
                    yield f"{node.module}.{alias.name}"
                    aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if parts and isinstance(node, ast.Name) and node.id in aliases:
            yield ".".join([aliases[node.id], *reversed(parts)])


def _ours(name: str) -> bool:
    return name.partition(".")[0] in ("torch", "torchvision")
