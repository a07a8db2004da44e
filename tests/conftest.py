"""What all tests share: the devices, a fresh random stream, and no state left behind."""

from __future__ import annotations

import contextlib
import runpy
import sys
import zlib
from pathlib import Path

import needs
import numpy as np
import pytest

import tinygan
from tinygan.kernels.emulator import fake_cupy

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
CUDA = "cuda" if needs.HAS_GPU else "cuda-emulated"


@contextlib.contextmanager
def _using(device: str):
    """Without a GPU the device "cuda" is emulated: by a fake CuPy whose kernels run on the CPU."""
    if device == "cpu" or needs.HAS_GPU:
        yield device
        return
    needs.cpp_compiler()
    with fake_cupy.installed():
        yield "cuda"


@pytest.fixture(params=["cpu", CUDA])
def device(request):
    """Each device: a test that takes it runs on the CPU and on the GPU, which may be emulated."""
    with _using(request.param) as name:
        yield name


@pytest.fixture
def gpu():
    """The GPU alone, which may be emulated."""
    with _using("cuda") as name:
        yield name


@pytest.fixture
def rung_device(rung):
    """The device of the test's parameter `rung`."""
    with _using(rung.device) as name:
        yield name


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """A folder for TINYGAN_CACHE, where classifiers that examples score with are trained once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run_example(monkeypatch, tmp_path, capsys, shared_cache):
    """Runs an example in a folder of its own, as `python examples/NAME` does; returns what it
    printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("TINYGAN_CACHE", str(shared_cache))

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def rng(request) -> np.random.Generator:
    """Random numbers that depend on the test's name alone, not on the order of the tests."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(autouse=True)
def _clean_state():
    """Seeds tinygan's own stream; afterwards the global switches must be where they were."""
    threads = tinygan.get_num_threads()
    tinygan.manual_seed(0)
    yield
    recording, threads_after = tinygan.is_grad_enabled(), tinygan.get_num_threads()
    tinygan.set_grad_enabled(True).__enter__()  # so that only this test fails
    if threads_after != threads:
        tinygan.set_num_threads(threads)
    assert recording, "the test left the recording of gradients off"
    assert threads_after == threads, "the test changed the number of threads"
