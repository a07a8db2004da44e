"""Data flows one way: nothing imports what lies above it, and kernels know nothing of tensors."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tinygan
import tinygan.kernels

TINYGAN = Path(tinygan.__file__).parent
KERNELS = Path(tinygan.kernels.__path__[0])

# From the ground up. What is on a floor may import from those below it, not from its neighbours;
# a name with others in one set is a circle that is wanted: a tensor's methods are ops, an op's
# gradient consists of tensors, and the walk through the graph makes both; a tensor hands over its
# memory, and memory handed over becomes one.
FLOORS = [
    ["kernels", "files", "packages", "printing", "reading", "absent", "tensor_text"],
    ["devices", "data"],
    ["cuda", "images", "command_line"],
    ["precision"],
    ["grad_mode", "dtypes"],
    [{"autograd", "tensor", "ops", "dlpack", "static_function", "walk", "gradient_hooks"}],
    ["inplace", "functions"],
    ["creation", "graph", "gradcheck", "profiler", "capture", "serialization", "weights_format"],
    ["methods", "utils"],
    ["names", "vision"],
    ["functional", "weights"],
    ["nn"],
    ["optim"],
    ["models", "metrics"],
    ["training"],
    ["explore", "doctor", "compat", "recipes", "pretrained"],
    ["lab"],
    ["commands"],
    ["cli"],
    ["__main__"],
]
HEIGHT = {
    name: height
    for height, floor in enumerate(FLOORS)
    for entry in floor
    for name in (entry if isinstance(entry, set) else {entry})
}
CIRCLES = [entry for floor in FLOORS for entry in floor if isinstance(entry, set)]


def imports(path: Path, package: str) -> Iterator[str]:
    """The full names of all modules that a file imports, within functions too."""
    parts = path.relative_to(package_folder(package)).with_suffix("").parts
    within = [package, *parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = within[: len(within) - node.level + 1] if node.level else []
            whole = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{whole}.{alias.name}"


def package_folder(package: str) -> Path:
    return {"tinygan": TINYGAN, "kernels": KERNELS}[package]


def files(package: str) -> list[Path]:
    folder = package_folder(package)
    return sorted(path for path in folder.rglob("*.py") if path != folder / "__init__.py")


def part(path: Path, package: str) -> str:
    """The file or folder directly in the package to which a file belongs."""
    return path.relative_to(package_folder(package)).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", files("tinygan"), ids=lambda path: str(path.relative_to(TINYGAN)))
def test_a_module_imports_from_the_floors_below_it(path):
    name = part(path, "tinygan")
    if name == "_editable":  # the shim of an editable installation
        return
    assert name in HEIGHT, f"{name} has no place among the FLOORS of this test"
    if path.name == "__main__.py":  # a command, which nothing imports
        return
    for found in imports(path, "tinygan"):
        package, _, rest = found.partition(".")
        if package != "tinygan" or rest == "__version__":
            continue
        if not rest and name in ("compat", "commands", "cli"):  # they stand above all of it
            continue
        other = rest.partition(".")[0]
        same = other == name or any({name, other} <= circle for circle in CIRCLES)
        assert other in HEIGHT, f"import {found}: of a part of the package, not of all of it"
        assert same or HEIGHT[other] < HEIGHT[name], f"{name} imports {found}, which is above it"


@pytest.mark.parametrize("path", files("kernels"), ids=lambda path: str(path.relative_to(KERNELS)))
def test_kernels_know_nothing_of_tinygan(path):
    for found in imports(path, "kernels"):
        assert found.partition(".")[0] != "tinygan", f"import {found}: write it relatively"


def test_no_folder_of_the_kernels_imports_upward():
    """There is an order of them in which each imports earlier ones alone."""
    arrows: dict[str, set[str]] = {}
    for path in files("kernels"):
        name = part(path, "kernels")
        found = {rest.split(".")[1] for rest in imports(path, "kernels")
                 if rest.startswith("kernels.")}  # fmt: skip
        arrows.setdefault(name, set()).update(found - {name})
    assert {"ladder", "layout", "cpu", "cuda"} <= set(arrows)
    graphlib.TopologicalSorter(arrows).prepare()  # raises at a circle
