"""Pages that show source files, and the links to them.

On a code host the documents' links lead to files and folders of the repository; here they lead to
pages of this site, with the same paths below source/. So does code that names a file, such as
`tinygan/autograd.py`, and each name of the reference. Text that names a paper or a page becomes a
link to it.
"""

from __future__ import annotations

import ast
import functools
import html
import inspect
import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from string import Template
from typing import Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tinygan", "kernels", "examples")
SUFFIXES = {".py", ".cu", ".cuh", ".h", ".c", ".cpp", ".json"}
NAMED = re.compile(r"arXiv:(?P<paper>\d{4}\.\d{4,5})|(?P<page>docs/[\w-]+)\.md")
PAGE = Template((ROOT / "docs/site/templates/source.html").read_text(encoding="utf-8"))
FORMAT = HtmlFormatter(linenos="inline", lineanchors="line", wrapcode=True)


@functools.cache
def shown() -> dict[str, list[str]]:
    """All paths that have a page: of a file no entries, of a folder the names in it."""
    listed = [path.relative_to(ROOT).as_posix() for folder in FOLDERS
              for path in sorted((ROOT / folder).rglob("*"))
              if path.suffix in SUFFIXES]  # fmt: skip
    found: dict[str, list[str]] = {}
    for path in listed:
        found[path] = []
        while parent := posixpath.dirname(path):
            entries = found.setdefault(parent, [])
            if posixpath.basename(path) in entries:
                break
            entries.append(posixpath.basename(path))
            path = parent
    return found


def url(path: str, line: int | None = None) -> str:
    """The address of a file's or folder's page, from the top of the site."""
    name = f"{path}/index" if shown()[path] else path
    return f"source/{name}.html" + (f"#line-{line}" if line else "")


@functools.cache
def lines_of(path: Path) -> dict[str, int]:
    """The line of each function, class and assigned name of a file, by its dotted name."""
    found: dict[str, int] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for part in ast.iter_child_nodes(node):
            if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
                found.setdefault(prefix + part.name, part.lineno)
                visit(part, f"{prefix}{part.name}.")
            elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                found.setdefault(prefix + part.id, part.lineno)
            elif not isinstance(part, ast.expr) or isinstance(part, (ast.Tuple, ast.List)):
                visit(part, prefix)

    visit(ast.parse(path.read_text(encoding="utf-8")), "")
    return found


def place_of(thing: Any) -> tuple[str, int] | None:
    """The file and the line that define a function, a class or a property."""
    if isinstance(thing, property):
        thing = thing.fget
    thing = inspect.unwrap(getattr(thing, "__func__", thing))
    if code := getattr(thing, "__code__", None):
        path, line = Path(code.co_filename), code.co_firstlineno
    else:
        module = sys.modules.get(getattr(thing, "__module__", None) or "")
        path = Path(getattr(module, "__file__", None) or "")
        line = lines_of(path).get(thing.__qualname__, 0) if path.suffix == ".py" else 0
    path = path.resolve()
    if not line or not path.is_relative_to(ROOT):
        return None
    return path.relative_to(ROOT).as_posix(), line


def place_of_value(owner: Any, name: str) -> tuple[str, int] | None:
    """The same of a constant of a module, or of an attribute of a class."""
    if isinstance(owner, type):
        places = [(sys.modules[kind.__module__], f"{kind.__qualname__}.{name}")
                  for kind in owner.__mro__]  # fmt: skip
    else:
        value = getattr(owner, name)
        places = [(module, name) for title, module in sys.modules.items()
                  if title.startswith("tinygan") and vars(module).get(name) is value]  # fmt: skip
    for module, name in places:
        path = Path(getattr(module, "__file__", None) or "").resolve()
        ours = path.is_relative_to(ROOT) and path.suffix == ".py"
        if ours and (line := lines_of(path).get(name)):
            return path.relative_to(ROOT).as_posix(), line
    return None


class LinkSources(SphinxTransform):
    """Links to files that are no documents, code that names a file, papers and pages in text."""

    default_priority = 5

    def apply(self, **options: Any) -> None:
        for link in list(self.document.findall(addnodes.download_reference)):
            self.replace(link, link["reftarget"])
        for link in list(self.document.findall(addnodes.pending_xref)):
            self.replace(link, link["reftarget"])  # a folder
        for text in list(self.document.findall(nodes.Text)):
            if isinstance(text.parent, (nodes.paragraph, nodes.emphasis)):
                text.parent.replace(text, list(self.linked(text.astext())))
        for code in list(self.document.findall(nodes.literal)):
            path = code.astext().rstrip("/")
            linked = isinstance(code.parent, (nodes.reference, addnodes.pending_xref))
            if "/" in path and not linked:
                self.replace(code, path if path in shown() else "", keep=True)

    def linked(self, text: str) -> Iterator[nodes.Node]:
        """The text, with links where it names a paper or a page."""
        start = 0
        here = posixpath.dirname(self.env.docname)
        for match in NAMED.finditer(text):
            if match["page"]:
                address = posixpath.relpath(f"{match['page']}.html", here)
            else:
                address = f"https://arxiv.org/abs/{match['paper']}"
            if match["paper"] or match["page"] in self.env.found_docs:
                yield nodes.Text(text[start : match.start()])
                yield nodes.reference("", match[0], refuri=address)
                start = match.end()
        yield nodes.Text(text[start:])

    def replace(self, node: nodes.Element, path: str, keep: bool = False) -> None:
        """Puts a link to the source page of `path`, if there is one, in the place of `node`."""
        here = posixpath.dirname(self.env.docname)
        if not keep:
            path = posixpath.normpath(posixpath.join(here, path))
        if path in shown():
            link = nodes.reference("", "", refuri=posixpath.relpath(url(path), here))
            link += [node.deepcopy()] if keep else node.children
            node.replace_self(link)


def write_pages(app, error: Exception | None) -> None:
    """The pages themselves: light ones, as Furo would compute a sidebar for each of hundreds."""
    if error or app.builder.format != "html":
        return
    for path in shown():
        page = Path(app.outdir) / url(path)
        source = ROOT / path
        if not page.exists() or page.stat().st_mtime < source.stat().st_mtime:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(written(path), encoding="utf-8")


def written(path: str) -> str:
    """The page of a file or a folder."""
    top = posixpath.relpath(".", posixpath.dirname(url(path)))
    parents = [parent.as_posix() for parent in PurePosixPath(path).parents][-2::-1]
    way = "".join(f'<a href="{top}/{url(parent)}">{posixpath.basename(parent)}</a>/'
                  for parent in parents)  # fmt: skip
    return PAGE.substitute(
        top=top, path=html.escape(path), way=way, name=html.escape(posixpath.basename(path)),
        start=f"{top}/docs/README.html", body=listing(path, top) if shown()[path] else code(path),
    )  # fmt: skip


def listing(path: str, top: str) -> str:
    entries = sorted(shown()[path], key=lambda name: (name[0] != "_", name))
    items = []
    for name in entries:
        inner = f"{path}/{name}"
        slash = "/" * bool(shown()[inner])
        items.append(f'<li><a href="{top}/{url(inner)}">{html.escape(name)}{slash}</a></li>\n')
    return f"<ul>\n{''.join(items)}</ul>"


def code(path: str) -> str:
    text = (ROOT / path).read_text(encoding="utf-8")
    try:
        lexer = get_lexer_for_filename(path.replace(".cuh", ".cu"))
    except ClassNotFound:
        lexer = TextLexer()
    return highlight(text, lexer, FORMAT)


def setup(app) -> dict[str, bool]:
    app.add_transform(LinkSources)
    app.connect("build-finished", write_pages)
    return {"parallel_read_safe": True}
