"""What is on disk is what is installed, and importing it costs no optional package."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinygan

ROOT = Path(__file__).resolve().parents[1]


def packages_below(folder: Path, name: str) -> set[str]:
    """The folder and those below it that hold Python files, as dotted names."""
    return {
        ".".join([name, *path.parent.relative_to(folder).parts])
        for path in folder.rglob("*.py")
        if "__pycache__" not in path.parts
    }


def test_the_package_list_equals_the_folders():
    tomllib = pytest.importorskip("tomllib")  # Python 3.11 and later
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    listed = setuptools["packages"]
    assert len(listed) == len(set(listed))
    assert set(listed) == (
        packages_below(ROOT / "tinygan", "tinygan")
        | packages_below(ROOT / "kernels", "tinygan.kernels")
    )
    assert setuptools["package-dir"] == {"tinygan": "tinygan", "tinygan.kernels": "kernels"}
    assert not (ROOT / "kernels" / "__init__.py").exists()
    assert not (ROOT / "tinygan" / "kernels").exists()


def test_every_package_but_kernels_has_an_init_file():
    for top in ("tinygan", "kernels"):
        for path in (ROOT / top).rglob("*.py"):
            if path.parent != ROOT / "kernels":
                assert (path.parent / "__init__.py").is_file(), path


def test_public_names_exist_once():
    assert len(tinygan.__all__) == len(set(tinygan.__all__))
    assert [name for name in tinygan.__all__ if not hasattr(tinygan, name)] == []


def test_an_editable_install_is_found_from_the_folder_that_contains_the_checkout(tmp_path):
    """There a folder named tinygan lies in the way, which is no package."""
    found = importlib.metadata.distributions(name="tinygan")
    origins = [json.loads(one.read_text("direct_url.json") or "{}").get("url") for one in found]
    if ROOT.as_uri() not in origins:
        pytest.skip("tinygan is not installed from this checkout (pip install -e .)")
    (tmp_path / "tinygan").symlink_to(ROOT, target_is_directory=True)
    (tmp_path / "script.py").write_text("import tinygan\nprint(tinygan.__file__)\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()) == Path(tinygan.__file__)


def test_import_needs_no_optional_package():
    code = (
        "import sys, tinygan\n"
        "optional = {'cupy', 'torch', 'PIL', 'matplotlib', 'tqdm', 'scipy', 'safetensors',\n"
        "            'bokeh'}\n"
        "print(sorted(optional & set(sys.modules)), tinygan.__version__)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout == f"[] {tinygan.__version__}\n", result.stderr
