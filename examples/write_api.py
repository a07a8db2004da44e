"""Writes docs/api.md, the list of all public names, from the names' signatures and docstrings.

    python examples/write_api.py --write               docs/api.md as it should be
    python examples/write_api.py --check               exits with 1 where the page is another
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import command_line
import numpy as np

import tinygan
from tinygan.kernels.ladder import Ladder, all_ladders

PAGE = Path(__file__).resolve().parent.parent / "docs" / "api.md"
HEAD = """# All public names

`python examples/write_api.py --write` makes this page from the docstrings, of which it shows the
first sentence; `help(tinygan.randn)` shows the rest: formula, shapes, dtypes, what is raised, the
source. Names, orders of arguments and defaults are PyTorch's where PyTorch has the name; what
differs on purpose is listed in [Coming from PyTorch](from-pytorch.md).

Wherever an argument is called `dim`, `axis` will do, and `keepdims` for `keepdim`, as in PyTorch.
"""
MODULES = (
    "tinygan", "tinygan.nn", "tinygan.nn.functional", "tinygan.nn.init", "tinygan.nn.utils",
    "tinygan.nn.utils.parametrizations", "tinygan.optim", "tinygan.optim.lr_scheduler",
    "tinygan.utils.data", "tinygan.vision.datasets", "tinygan.vision.transforms",
    "tinygan.vision.utils", "tinygan.vision.io", "tinygan.weights", "tinygan.cuda",
    "tinygan.models", "tinygan.training", "tinygan.data", "tinygan.metrics", "tinygan.explore",
    "tinygan.images", "tinygan.lab", "tinygan.pretrained", "tinygan.recipes",
)  # fmt: skip
CLASSES = (tinygan.Tensor, tinygan.nn.Module, tinygan.optim.Optimizer)


def names_of(module: ModuleType) -> list[str]:
    """What the module lists in ``__all__``, else the functions and classes that it defines."""
    if hasattr(module, "__all__"):
        names = set(module.__all__)
    else:
        names = {name for name, thing in vars(module).items()
                 if name[0] != "_" and getattr(thing, "__module__", "") == module.__name__}
    return sorted(names, key=lambda name: (name.lower(), name))


def members_of(kind: type) -> list[str]:
    """The public methods and properties of a class; its docstring has the other attributes."""
    return sorted(
        name for name, thing in inspect.getmembers(kind)
        if name[0] != "_" and (inspect.isroutine(thing) or isinstance(thing, property))
    )  # fmt: skip


def undocumented() -> list[str]:
    """All public names without a docstring, which should be none."""
    found = []
    for where in MODULES:
        module = importlib.import_module(where)
        found += [f"{where}.{name}" for name in names_of(module)
                  if not first_sentence(getattr(module, name))]  # fmt: skip
    for kind in CLASSES:
        found += [f"{kind.__name__}.{name}" for name in members_of(kind)
                  if not first_sentence(getattr(kind, name))]  # fmt: skip
    return found


def first_sentence(thing: Any) -> str:
    """The first sentence of a docstring, "" without one; of a dtype, a number or names: those."""
    if thing is None or isinstance(thing, (np.dtype, int, float, str)):
        return f"`{thing}`"
    if isinstance(thing, (tuple, dict)):
        return ", ".join(f"`{name}`" for name in thing)
    paragraph, _, more = (thing.__doc__ or "").strip().partition("\n\n")
    if more and paragraph.startswith(f"{getattr(thing, '__name__', '')}("):  # NumPy: its signature
        paragraph = more.strip().partition("\n\n")[0]
    text = re.sub(r"\s+", " ", paragraph)
    return re.split(r"(?<=\.)\s(?=[A-Z`(])", text)[0].rstrip(":;")


def signature(thing: Any) -> str:
    """The arguments with their defaults, without types; "" for what cannot be called."""
    if not callable(thing) or (isinstance(thing, type) and issubclass(thing, Exception)):
        return ""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return "(...)"
    plain = []
    for parameter in found.parameters.values():
        parameter = parameter.replace(annotation=parameter.empty)
        default = parameter.default
        long = isinstance(default, np.ndarray) or " at 0x" in repr(default)
        if long or (isinstance(default, type) and default is not parameter.empty):
            parameter = parameter.replace(default=_Named(parameter.name))
        plain.append(parameter)
    return str(inspect.Signature(plain))


class _Named:
    """Prints as the name of an argument whose default has no short form."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return self.name


def entry(name: str, thing: Any) -> str:
    text = f"- `{name}{signature(thing)}`: {first_sentence(thing)}"
    text = re.sub(r" (?=([-+*]|\d+[.)]) )", "\0", text)  # at the start of a line they make a list
    return textwrap.fill(text, 100, subsequent_indent="  ", break_long_words=False,
                         break_on_hyphens=False).replace("\0", " ")  # fmt: skip


def module_section(where: str) -> Iterator[str]:
    """Its names, by the files that define them."""
    module = importlib.import_module(where)
    yield f"\n## {where}\n\n{first_sentence(module)}\n"
    groups: dict[str, list[str]] = {}
    for name in names_of(module):
        thing = getattr(module, name)
        if not isinstance(thing, ModuleType):
            origin = getattr(thing, "__module__", None) or where
            groups.setdefault("" if origin == where else origin, []).append(entry(name, thing))
    for origin, entries in sorted(groups.items()):
        if origin and len(groups) > 1:
            yield f"\n**{origin.removeprefix('tinygan.').replace('.', '/')}**\n"
        yield from entries


def class_section(kind: type) -> Iterator[str]:
    yield f"\n## Methods and properties of {kind.__name__}\n"
    for name in members_of(kind):
        thing = getattr(kind, name)
        text = entry(name, thing)
        yield text.replace("`" + name + "(self, ", f"`{name}(", 1).replace("(self)`", "()`", 1)


def kernels_section(ladders: Iterable[Ladder]) -> Iterator[str]:
    yield ("\n## tinygan.kernels\n\nEach computation and its versions, plainest first "
           "([how they are made](../kernels/README.md)).\n")  # fmt: skip
    for ladder in ladders:
        folder = ladder.reference.target.partition(".")[0]
        devices = {device: [rung.name for rung in ladder.rungs if rung.device == device]
                   for device in ("cpu", "cuda")}  # fmt: skip
        rungs = "; ".join(f"{device}: {', '.join(names)}" for device, names in devices.items())
        text = f"- `{folder}.{ladder.name}` ({rungs})"
        yield textwrap.fill(text, 100, subsequent_indent="  ", break_on_hyphens=False)


def page() -> str:
    """The whole page."""
    lines = [HEAD.strip()]
    for where in MODULES:
        lines += module_section(where)
        for kind in CLASSES:
            home = {"Tensor": "tinygan", "Module": "tinygan.nn", "Optimizer": "tinygan.optim"}
            if home[kind.__name__] == where:
                lines += class_section(kind)
    lines += kernels_section(all_ladders().values())
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = command_line.Parser(__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write docs/api.md")
    action.add_argument("--check", action="store_true", help="exit with 1 if it is out of date")
    options = parser.parse_args()
    if options.write:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        raise SystemExit("docs/api.md is out of date: python examples/write_api.py --write")


if __name__ == "__main__":
    command_line.start(main)
