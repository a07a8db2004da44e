"""To come."""

from __future__ import annotations

from typing import Any

from bokeh.models import Div

from tinygan.lab.page import arrange


def generator_page(document: Any, prefix: str, runs: list[Any]) -> None:
    arrange(document, prefix, "/generator", [], [(Div(text="to come"), True)])
