"""The reference: a page for each module, with every name that `examples/write_api.py` lists.

The pages are written to docs/reference/ before Sphinx looks for sources. autodoc fills in
signatures and docstrings; `docstrings.to_rest` makes the latter what Sphinx reads.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import re
from types import ModuleType
from typing import Any

import docstrings
import sources
import write_api
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)
FOLDER = sources.ROOT / "docs" / "reference"
INDEX = """# Reference

Every public name with its signature, its docstring and its source; [on one page](../api.md), each
with its first sentence.

```{{toctree}}
:maxdepth: 1

{pages}
```
"""


def public_names() -> dict[str, Any]:
    """Full names, as the reference has them, and what they name."""
    found = {}
    for where in write_api.MODULES:
        module = importlib.import_module(where)
        for name in write_api.names_of(module):
            thing = getattr(module, name)
            if isinstance(thing, ModuleType):
                continue
            found[f"{where}.{name}"] = thing
    for kind in write_api.CLASSES:
        home = home_of(kind, found)
        for member in write_api.members_of(kind):
            found[f"{home}.{member}"] = inspect.getattr_static(kind, member)
    return found


def home_of(kind: type, names: dict[str, Any]) -> str:
    return next(name for name, thing in names.items() if thing is kind)


def entry(full_name: str, thing: Any) -> str:
    """The directive for one name."""
    name = full_name.rpartition(".")[2]
    if thing in write_api.CLASSES:
        members = ", ".join(write_api.members_of(thing))
        return (f".. autoclass:: {name}\n   :members: {members}\n   :inherited-members:\n"
                "   :undoc-members:\n")  # fmt: skip
    if not callable(thing) or not ours(thing):
        text = docstrings.to_rest(write_api.first_sentence(thing)).strip()
        signature = write_api.signature(thing)
        kind = "function" if signature else "data"
        return f".. py:{kind}:: {name}{signature}\n\n   {text}\n"
    if isinstance(thing, type):
        directive = "autoexception" if issubclass(thing, BaseException) else "autoclass"
        return f".. {directive}:: {name}\n   :members:\n"
    return f".. autofunction:: {name}\n"


def ours(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).partition(".")[0] in ("tinygan", "kernels")


def page(where: str, names: dict[str, Any]) -> str:
    """The module's docstring, then its names by the files that define them."""
    lines = [where, "=" * len(where), "", f".. automodule:: {where}", ""]
    groups: dict[str, dict[str, str]] = {}
    for full_name, thing in names.items():
        if full_name.rpartition(".")[0] == where:
            origin = getattr(thing, "__module__", None) or where
            title = "" if origin == where else origin.removeprefix("tinygan.").replace(".", "/")
            groups.setdefault(title, {})[full_name] = entry(full_name, thing)
    for title, entries in sorted(groups.items()):
        if title and len(groups) > 1:
            lines += [title, "-" * len(title), ""]
        lines += [" · ".join(f":py:obj:`~{name}`" for name in entries), "",
                  f".. py:currentmodule:: {where}", "", *entries.values()]  # fmt: skip
    return "\n".join(lines)


def write_pages(app) -> None:
    """Writes what has changed, so that the next build reads no more than it must."""
    texts = {f"{where}.rst": page(where, app.names) for where in write_api.MODULES}
    texts["index.md"] = INDEX.format(pages="\n".join(write_api.MODULES))
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def find(code: str, full_name: str, thing: Any, names: dict[str, Any]) -> str | None:
    """The public name that `code` means in the docstring of `full_name`, or None."""
    code = code.removesuffix("()").replace("tinygan.functional.", "tinygan.nn.functional.")
    if not re.fullmatch(r"[A-Za-z_][\w.]*", code) or code in parameters(thing):
        return None
    where = full_name
    while where:
        if f"{where}.{code}" in names:
            return f"{where}.{code}"
        where = where.rpartition(".")[0]
    if code in names:
        return code
    if re.search(r"[a-z]_|[A-Z].*[a-z]", code):  # any other word may mean something else
        return next((name for name in names if name.endswith(f".{code}")), None)
    return None


def parameters(thing: Any) -> set[str]:
    try:
        return {*inspect.signature(thing).parameters, *getattr(thing, "__annotations__", ())}
    except (TypeError, ValueError):
        return set()


def process(app, what: str, name: str, thing: Any, options, lines: list[str]) -> None:
    """autodoc's hook: the lines are changed in place."""
    if lines[:1] and lines[0].startswith("Alias for field number"):  # what namedtuple says
        lines.clear()
    try:
        lines[:] = docstrings.to_rest(
            "\n".join(lines), lambda code: find(code, name, thing, app.names)
        ).split("\n")
    except ValueError as error:
        logger.warning("%s: %s", name, error)


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Where the source of a name is shown, from a page of the reference."""
    thing: Any = importlib.import_module(info["module"])
    owner, name = thing, ""
    for name in info["fullname"].split("."):
        owner, thing = thing, inspect.getattr_static(thing, name, None)
    place = sources.place_of(thing) or sources.place_of_value(owner, name)
    return f"../../{sources.url(*place)}" if place else None


class LinkNames(SphinxTransform):
    """On the page of all public names, each leads to its entry in the reference."""

    default_priority = 5

    def apply(self, **options: Any) -> None:
        if self.env.docname != "docs/api":
            return
        homes = {kind.__name__: home_of(kind, self.app.names) for kind in write_api.CLASSES}
        for section in self.document.findall(nodes.section):
            title = section[0].astext()
            where = homes.get(title.rpartition(" ")[2], title)
            for item in section.findall(nodes.list_item):
                code = next(iter(item.findall(nodes.literal)), nodes.literal())
                name = f"{where}.{code.astext().partition('(')[0]}"
                if name in self.app.names:
                    link = addnodes.pending_xref(
                        "", code.deepcopy(), refdomain="py", reftype="obj", reftarget=name,
                        refexplicit=True, refwarn=True, refdoc=self.env.docname,
                    )  # fmt: skip
                    code.replace_self(link)


class UnlinkBuiltins(SphinxTransform):
    """A parameter of the type int is no `tinygan.int`."""

    default_priority = 5

    def apply(self, **options: Any) -> None:
        for signature in self.document.findall(addnodes.desc_signature):
            for link in list(signature.findall(addnodes.pending_xref)):
                if hasattr(builtins, link["reftarget"]):
                    link.replace_self(nodes.Text(link["reftarget"]))


def setup(app) -> dict[str, bool]:
    app.names = public_names()
    app.add_transform(LinkNames)
    app.add_transform(UnlinkBuiltins)
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True}
