"""Compiled kernels on disk: what cannot be kept or read is compiled again, and work goes on."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core.caching import CompileResultCacheImpl, IndexDataCacheFile

from tinygan.kernels.cpu.machine_code import KeptCode, kept_code
from tinygan.kernels.cpu.parallel import parallel

TEXT = """
from tinygan.kernels.cpu.jit import jit
from tinygan.kernels.cpu.parallel import parallel

@jit
def {name}(x):
    return x + {number}

@parallel
def fill(task, array):
    array[task] = {number}
"""


@parallel
def nothing(task, array):
    pass


@pytest.fixture
def run(tmp_path, monkeypatch):
    """run(number, name): what a file of functions, imported anew, answers to 1: 1 + number."""
    nothing(2, np.zeros(2))  # what is compiled for all of them is there, and announced
    folder = tmp_path / "compiled"
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))
    monkeypatch.setattr(KeptCode, "said", False)

    def run(number: int, name: str = "add", path: Path = tmp_path / "functions.py") -> int:
        text = TEXT.format(name=name, number=number)
        if not path.name.startswith("<"):
            path.write_text(text)
        names = {"__name__": "functions"}
        exec(compile(text, str(path), "exec"), names)
        array = np.zeros(2)
        names["fill"](2, array)
        assert (array == number).all()
        return names[name](1)

    run.folder = folder
    return run


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("functions.*"))


def test_files_that_were_cut_off_are_replaced(run, capfd):
    assert run(2) == 3
    whole = {path: path.read_bytes() for path in files(run.folder)}
    assert len(whole) == 4  # an index and machine code, of each function
    for path, content in whole.items():
        for length in (0, 1, 20, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:length])
            assert run(2) == 3
            assert len(path.read_bytes()) > length
    before = [path.stat().st_mtime_ns for path in files(run.folder)]
    assert run(2) == 3  # sound again: read, and not written
    assert before == [path.stat().st_mtime_ns for path in files(run.folder)]
    assert capfd.readouterr().err == ""


def test_a_function_of_another_file_than_the_kernels_follows_its_text(run):
    assert (run(2), run(3), run(2)) == (3, 4, 3)


@pytest.mark.parametrize("fault", ["full", "long"])
def test_what_cannot_be_written_is_told_once(fault, run, monkeypatch, capfd):
    name = "add"
    if fault == "full":

        def full(self, path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", full)
    else:
        name = "long" * 63
    assert (run(2, name), run(2, name)) == (3, 3)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("tinygan: compiled kernels cannot be kept for the next time: [Errno ")


def test_no_folder_to_write_to(run, monkeypatch, capfd):
    monkeypatch.setattr(CompileResultCacheImpl, "_locator_classes", [])
    assert (run(2), run(3)) == (3, 4)
    assert capfd.readouterr().err == "" and not run.folder.exists()


def test_no_folder_to_write_to_from_the_start():
    code = (
        "import numpy\n"
        "from numba.core.caching import CompileResultCacheImpl\n"
        "CompileResultCacheImpl._locator_classes = []\n"
        "import tinygan\n"
        "x = tinygan.ones(3, requires_grad=True)\n"
        "tinygan.nn.functional.leaky_relu(x, 0.5).sum().backward()\n"
        "print(x.grad.tolist())\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "[1.0, 1.0, 1.0]\n"), result.stderr
    assert result.stderr == (
        "tinygan: compiling kernels for this CPU; there is no folder to keep them in "
        "(NUMBA_CACHE_DIR can name one)\n"
    )


def test_a_user_without_a_home_gets_no_folder_with_the_name_of_a_tilde(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert kept_code(files) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["<stdin>", "<ipython-input-1-0a1b2c>"])
def test_functions_from_a_prompt_or_a_notebook(file, run):
    assert (run(2, path=Path(file)), run(3, path=Path(file))) == (3, 4)
    assert not run.folder.exists()
