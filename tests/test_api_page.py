"""docs/api.md lists all public names as they are now, each with its docstring."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


@pytest.fixture
def write_api(monkeypatch):
    examples = Path(__file__).resolve().parent.parent / "examples"
    monkeypatch.syspath_prepend(str(examples))
    return importlib.import_module("write_api")


def test_the_page_is_up_to_date(write_api):
    page = write_api.PAGE.read_text(encoding="utf-8")
    assert page == write_api.page(), "python examples/write_api.py --write"


def test_every_public_name_has_a_docstring(write_api):
    assert write_api.undocumented() == []


def test_what_an_entry_shows(write_api):
    def scale(x, by: float = 2.0, *, source: object = object()):
        """by x. (Of two
        lines.)

        More.
        """

    assert write_api.entry("scale", scale) == "- `scale(x, by=2.0, *, source=source)`: by x."
    assert write_api.first_sentence(lambda: 0) == ""


def test_no_line_of_an_entry_looks_like_a_list(write_api):
    def scale(x):
        pass

    scale.__doc__ = f"{'b' * 84} c + 1."
    assert write_api.entry("scale", scale) == f"- `scale(x)`: {'b' * 84}\n  c + 1."


def test_a_signature_is_no_sentence(write_api):
    def finfo(dtype):
        """finfo(dtype)

        Machine limits.
        """

    assert write_api.first_sentence(finfo) == "Machine limits."
