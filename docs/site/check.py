"""Checks a built site without a network: python docs/site/check.py build/site

All links inside the site lead to a page and a place on it, no page loads anything from another
host, and every public name has an entry in the reference, with its source.
"""

from __future__ import annotations

import functools
import html
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

MOST = 100  # faults that are printed
LINK = re.compile(r'<[a-z][^<>]*\s(?:href|src)="([^"]*)"')  # of a tag, not of code that is shown
PLACE = re.compile(r'\s(?:id|name)="([^"]*)"')
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|link)\b[^>]*?\s(?:src|href)=["']?((?:https?:)?//[^"'\s>]*)"""
    r"""|(?:url\(|@import\s)\s*["']?((?:https?:)?//[^"')\s]*)"""
)
ENTRY = re.compile(r'<dt [^>]*id="([^"]+)"[^>]*>(.*?)</dt>', re.DOTALL)


@functools.cache
def places(page: Path) -> frozenset[str]:
    return frozenset(PLACE.findall(page.read_text(encoding="utf-8")))


def broken_links(site: Path) -> Iterator[str]:
    """Links to no page of the site, or to no place on it."""
    for page in sorted(site.rglob("*.html")):
        for link in dict.fromkeys(LINK.findall(page.read_text(encoding="utf-8"))):
            scheme, host, path, _, place = urlsplit(html.unescape(link))
            if scheme or host:
                continue
            target = (page.parent / unquote(path)).resolve() if path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or not target.is_relative_to(site.resolve()):
                yield f"{page.relative_to(site)}: {link} leads to no page"
            elif place and target.suffix == ".html" and unquote(place) not in places(target):
                yield f"{page.relative_to(site)}: {link} leads to no place on its page"


def loads(site: Path) -> Iterator[str]:
    """What a browser would fetch from another host by showing a page."""
    for path in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        for groups in LOADED.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)}: loads {''.join(groups)}"


def missing_names(site: Path, names: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """Public names without an entry, or without a link to their source."""
    entries = {}
    for page in site.glob("docs/reference/*.html"):
        entries.update(ENTRY.findall(page.read_text(encoding="utf-8")))
    for name, thing in names:
        if name not in entries:
            yield f"{name} has no entry in the reference"
        elif "viewcode-link" not in entries[name] and getattr(thing, "__module__", "") != "numpy":
            yield f"{name} has no link to its source"


def main() -> None:
    import conf  # finds what the reference imports
    import reference

    assert conf.root_doc
    (folder,) = sys.argv[1:]
    site = Path(folder).resolve()
    pages = len(list(site.rglob("*.html")))
    names = reference.public_names()
    found = [*broken_links(site), *loads(site), *missing_names(site, names.items())]
    print("\n".join([*found[:MOST], f"{pages} pages, {len(names)} names, {len(found)} faults"]))
    raise SystemExit(bool(found) or not pages)


if __name__ == "__main__":
    main()
