"""What the documents show must work as it stands.

Every ``python`` and ``sh`` block of a page is run: Python blocks in order, with the names that the
blocks above them on the page have left; shell blocks one by one, in a folder that has the
repository's ``examples``. A line above a block can say otherwise:

    <!-- from: FILE -->         it is quoted from that file, where its lines must stand
    <!-- not run: REASON -->    its programs and options must exist, or its Python compile
    <!-- recipe: ... -->        tests/test_contributing.py does what it says
    <!-- main-command -->, <!-- test-command -->    the README's two; they install packages

Blocks of other languages (text) are output, or not meant to run; those of cpp are quoted.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import needs
import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    "README.md", "CONTRIBUTING.md", "kernels/README.md", "kernels/emulator/README.md",
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
]  # fmt: skip
# The emulator compiles C++, a profile and a quick run train: not for every run of the tests.
SLOW = ("docs/cuda.md", "docs/performance.md", "--quick")
BLOCK = re.compile(r"(?:<!-- ([^>]*?) -->\n)?[ ]*```(\w+)\n(.*?)```", re.DOTALL)


class Block(NamedTuple):
    page: str
    line: int
    marker: str
    language: str
    text: str

    @property
    def runs(self) -> bool:
        return not self.marker.startswith(("from:", "not run:", "recipe:", "main-", "test-"))


@functools.cache
def blocks(page: str) -> tuple[Block, ...]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        marker, language, content = (part or "" for part in match.groups())
        line = text.count("\n", 0, match.start(2)) + 1
        found.append(Block(page, line, marker, language, content))
    return tuple(found)


def chosen(*languages: str, marker: str | None = None) -> list:
    """Parameters of a test: the blocks that run, or those with such a marker."""
    return [
        pytest.param(block, id=f"{block.page}:{block.line}",
                     marks=[pytest.mark.exhaustive] if marker is None and is_slow(block) else [])
        for page in PAGES for block in blocks(page)
        if block.language in languages
        and (block.runs if marker is None else block.marker.startswith(marker))
    ]  # fmt: skip


def is_slow(block: Block) -> bool:
    return any(word in block.page or word in block.text for word in SLOW)


@functools.cache
def options_of(*command: str) -> str:
    """What a program prints for --help."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    return subprocess.run(
        [sys.executable, *command, "--help"], cwd=ROOT, env=environment, check=True,
        capture_output=True, text=True,
    ).stdout  # fmt: skip


def programs(text: str) -> list[list[str]]:
    """The arguments of each `python ...` in a shell block, without comments and redirections."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for place, word in enumerate(words):
            if re.fullmatch(r"(\.venv/bin/)?python3?", word):
                found.append(words[place + 1 :])
            elif re.fullmatch(r"(\.venv/bin/)?tinygan", word):
                found.append(["-m", "tinygan", *words[place + 1 :]])
    return found


def check_programs(text: str) -> int:
    """Asserts that scripts, modules and options exist; returns how many programs there are."""
    checked = 0
    for words in programs(text):
        if words[:2] == ["-m", "tinygan"]:
            name = tuple(words[:3])
        elif words[:1] == ["-m"] and words[1].startswith("tinygan."):
            name = ("-m", words[1])
        elif words and words[0].startswith("examples/"):
            assert (ROOT / words[0]).exists(), f"{words[0]} does not exist"
            name = (words[0],)
        else:
            continue  # venv, or a program on standard input
        checked += 1
        for word in words[len(name) :]:
            if word.startswith("--"):
                option = word.partition("=")[0]
                known = re.search(rf"{option}\b", options_of(*name))
                assert known, f"{' '.join(name)}: no {option}"
    return checked


@pytest.mark.parametrize("page", [page for page in PAGES if any(
    block.language == "python" and block.runs for block in blocks(page)
)])  # fmt: skip
def test_python_runs_as_it_stands(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    if any("emulator" in block.text for block in blocks(page) if block.runs):
        needs.cpp_compiler()
    names: dict = {"__name__": "__page__"}
    for block in blocks(page):
        if block.language == "python" and block.runs:
            code = "\n" * block.line + block.text  # so that a traceback has the page's line
            exec(compile(code, str(ROOT / page), "exec"), names)
            printed = capsys.readouterr().out
            for promised in re.findall(r"^print\(.*\)\s+# (tensor\(.*\))$", block.text, re.M):
                assert promised in printed, f"{page}:{block.line}"


def test_the_tour_prints_what_it_says(capsys):
    """The README's: its comments, the layers and the graph."""
    (tour,) = (block for block in blocks("README.md") if block.language == "python")
    exec(compile(tour.text, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert len(re.findall(r"# (tensor\(.*\))", tour.text)) == 2
    assert "Conv2d(1, 8, kernel_size=(4, 4)" in printed
    assert "BinaryCrossEntropy" not in printed
    assert "Softplus" in printed  # the printed graph


@pytest.mark.parametrize("block", chosen("sh"))
def test_shell_runs_as_it_stands(block, tmp_path):
    if "emulator" in block.text:
        needs.cpp_compiler()
    check_programs(block.text)
    for name in ("examples", "kernels", "docs", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text], cwd=tmp_path, capture_output=True,
        text=True, env=dict(os.environ, PYTHONPATH=str(ROOT), PATH=path),
    )  # fmt: skip
    assert result.returncode == 0, f"{result.stdout[-2000:]}\n{result.stderr[-2000:]}"


@pytest.mark.parametrize("block", chosen("sh", marker="not run:") + chosen("sh", marker="main-"))
def test_shell_that_is_not_run_names_what_exists(block):
    if block.marker.startswith("not run:"):
        assert block.marker.removeprefix("not run:").strip(), "say why"
    check_programs(block.text)


@pytest.mark.parametrize("block", chosen("python", marker="not run:"))
def test_python_that_is_not_run_compiles(block):
    assert block.marker.removeprefix("not run:").strip(), "say why"
    compile(block.text, block.page, "exec")
    import tinygan.explore

    for name in re.findall(r"\bexplore\.(\w+)", block.text):
        assert hasattr(tinygan.explore, name), name
    for line in re.findall(r"^from tinygan.* import .*$", block.text, re.MULTILINE):
        exec(line, {})


@pytest.mark.parametrize("block", chosen("python", marker="from:"))
def test_python_is_quoted_as_it_is(block):
    """Line by line, or a part of one, whatever the indentation and the comments."""
    source = (ROOT / block.marker.removeprefix("from:").strip()).read_text(encoding="utf-8")
    there = [re.sub(r"\s+#.*", "", line).strip() for line in source.splitlines()]
    for line in block.text.splitlines():
        wanted = re.sub(r"\s+#.*", "", line).strip()
        found = not wanted or any(wanted in line for line in there)
        assert found, f"{wanted!r} is in no line of {block.marker}"


def test_cuda_is_quoted_as_it_is():
    kernels = "\n".join(path.read_text("utf-8") for path in (ROOT / "kernels").rglob("*.cu*"))
    quoted = [block.text for block in blocks("docs/cuda.md") if block.language == "cpp"]
    assert quoted
    for block in quoted:
        assert block in kernels, block


def test_the_checks_of_this_file_can_fail():
    with pytest.raises(AssertionError, match="no --nothing"):
        check_programs("python examples/draw_charts.py --nothing")
    with pytest.raises(AssertionError, match="does not exist"):
        check_programs("TINYGAN_NUM_THREADS=1 python examples/nothing.py  # --help")
    with pytest.raises(AssertionError, match="tinygan sample: no --clas"):
        check_programs("tinygan sample --clas 7")
    assert check_programs(
        "python -m tinygan.kernels.bench --list\npython examples/draw_charts.py\ntinygan doctor"
    ) == 3


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(\s*([^)#\s]+)(?:#[^)\s]*)?\s*\)", text)
    targets += re.findall(r'<img src="([^"]+)"', text)
    for target in targets:
        if not target.startswith("http"):
            assert ((ROOT / page).parent / target).exists(), target


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
