"""The documentation site: docstrings as Sphinx reads them, contents, links. .ci/run builds it."""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def module(monkeypatch):
    """Imports a module of docs/site or examples."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "site"))
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return importlib.import_module


def test_a_docstring_as_sphinx_reads_it(module):
    text = """
        |x_i| * `scale`, as `tinygan.relu` and ``F.relu(x)``s. (He 2015, arXiv:1502.01852.)

            y = x if x > 0 else 0
            1 < = 2, a formula

        - first, of
          two lines

        -log x: not an option.

        Args:
            a, b: numbers,
                both of them.
            *rest: more
            c, d,
                e_: these.

        Returns:
            (n, c): the size.

        Raises:
            ValueError: no `scale`.

        The end: docs/gan.md.
        """
    known = {"tinygan.relu": "tinygan.relu"}
    written = module("docstrings").to_rest(inspect.cleandoc(text), known.get)
    assert re.sub(r"\n\n+", "\n\n", written) == textwrap.dedent(r"""
        \ \|x\_i\| \* \ ``scale``\ , as \ :py:obj:`tinygan.relu <tinygan.relu>`\  and \ ``F.relu(x)``\ s. (He 2015, arXiv:1502.01852.)

        .. code-block:: text

           y = x if x > 0 else 0
           1 < = 2, a formula

        - first, of
          two lines

        \ -log x: not an option.

        :Arguments:

           * **a**, **b**: numbers,
             both of them.

           * **\*rest**: more

           * **c**, **d**, **e\_**: these.

        :Returns:

           (n, c): the size.

        :Raises:

           * **ValueError**: no \ ``scale``\ .

        The end: docs/gan.md.
        """).lstrip()  # noqa: E501


def test_code_in_a_docstring_is_shown_as_code(module):
    written = module("docstrings").to_rest("Do:\n\n    net(x)\n\nor:\n\n    x y")
    assert ".. code-block:: python\n\n   net(x)\n" in written
    assert ".. code-block:: text\n\n   x y\n" in written


def test_an_entry_without_a_name_is_refused(module):
    with pytest.raises(ValueError, match="Raises: 'if it is late' has no name before a colon"):
        module("docstrings").to_rest("Now.\n\nRaises:\n    if it is late")


def test_every_public_docstring_can_be_read(module):
    api = module("write_api")
    for where in api.MODULES:
        of_module = importlib.import_module(where)
        for name in api.names_of(of_module):
            text = inspect.getdoc(getattr(of_module, name)) or ""
            assert module("docstrings").to_rest(text), f"{where}.{name}"


def test_the_contents_have_every_page():
    contents = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    listed = [(ROOT / "docs" / page).resolve() for page in re.findall(r"\]\((\S+\.md)\)", contents)]
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md",
             *(ROOT / "docs").glob("*.md"), *(ROOT / "kernels").rglob("*.md")]  # fmt: skip
    assert sorted(listed) == sorted(set(pages) - {ROOT / "docs" / "README.md"})


def test_what_the_check_of_a_site_finds(module, tmp_path):
    check = module("check")
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here">x</a> <a href="b.html#there">x</a> <a href="c.html">x</a>'
        '<a href="https://example.org/">x</a> <a href="docs/../b.html?q=1#line-2">x</a>'
        '<a href="#gone">x</a> <img src="no%20picture.png"> <a href="docs">x</a>'
        '<script src="https://example.org/x.js"></script><link href="//example.org/y.css">'
    )
    (tmp_path / "b.html").write_text('<a id="line-2" name="line-2">')
    (tmp_path / "c.css").write_text("a { background: url('http://example.org/z.png'); }")
    assert list(check.broken_links(tmp_path)) == [
        "a.html: b.html#there leads to no place on its page",
        "a.html: c.html leads to no page",
        "a.html: #gone leads to no place on its page",
        "a.html: no%20picture.png leads to no page",
        "a.html: docs leads to no page",
    ]
    assert list(check.loads(tmp_path)) == [
        "a.html: loads https://example.org/x.js",
        "a.html: loads //example.org/y.css",
        "c.css: loads http://example.org/z.png",
    ]
    (tmp_path / "docs" / "reference" / "tinygan.html").write_text(
        '<dt class="sig" id="tinygan.a"><a class="viewcode-link"></a></dt><dt id="tinygan.b">b</dt>'
    )
    names = [("tinygan.a", len), ("tinygan.b", len), ("tinygan.c", len)]
    assert list(check.missing_names(tmp_path, names)) == [
        "tinygan.b has no link to its source", "tinygan.c has no entry in the reference",
    ]  # fmt: skip
