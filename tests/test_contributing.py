"""CONTRIBUTING's recipes, applied literally to a copy of the repository.

A block after ``<!-- recipe: NAME; FILE -->`` goes to the end of that file (which may be new), after
``<!-- recipe: NAME; FILE; below "TEXT" -->`` below the first line that holds TEXT. The block after
``<!-- recipe: NAME -->`` is the recipe's command, which must succeed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"<!-- recipe: ([^>]*?) -->\n```\w*\n(.*?)```", re.DOTALL)


def recipes() -> dict[str, list[tuple[list[str], str]]]:
    """{name: [([file, place], text), ..., ([], command)]}."""
    found: dict[str, list[tuple[list[str], str]]] = {}
    for head, text in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        name, *place = (part.strip() for part in head.split("; "))
        found.setdefault(name, []).append((place, text))
    return found


def put(folder: Path, place: list[str], text: str) -> None:
    path = folder / place[0]
    if len(place) == 1:
        path.parent.mkdir(exist_ok=True)
        before = path.read_text(encoding="utf-8") + "\n\n" if path.exists() else ""
        path.write_text(before + text, encoding="utf-8")
        return
    wanted = place[1].removeprefix("below ").strip()
    wanted = wanted[1:-1] if wanted.startswith('"') and wanted.endswith('"') else wanted
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    number = next(i for i, line in enumerate(lines) if wanted in line)
    lines.insert(number + 1, text)
    path.write_text("".join(lines), encoding="utf-8")


def test_each_kind_of_addition_has_a_recipe():
    assert list(recipes()) == ["op", "kernels", "rung", "model", "optimizer"]
    for name, blocks in recipes().items():
        assert [place for place, _ in blocks][-1] == [], f"{name} ends with its command"


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", recipes())
def test_a_recipe_works_as_it_stands(name, tmp_path):
    copy = tmp_path / "tinygan"
    for part in ("tinygan", "kernels", "tests"):  # with what has been compiled
        shutil.copytree(ROOT / part, copy / part)
    shutil.copy(ROOT / "pyproject.toml", copy)
    *blocks, (_, command) = recipes()[name]
    for place, text in blocks:
        put(copy, place, text)
    folder = os.path.dirname(sys.executable)
    environment = dict(
        os.environ, PYTHONPATH=str(copy), PATH=f"{folder}{os.pathsep}{os.environ['PATH']}"
    )
    result = subprocess.run(
        ["bash", "-euc", command], cwd=copy, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
