"""What all tests share: the devices, a fresh random stream, and no state left behind."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

import tinygan
from tinygan.device import check_device
from tinygan.kernels import emulator
from tinygan.kernels.emulator import standin


def _devices() -> list:
    try:
        check_device("cuda")
    except RuntimeError:  # no CuPy, or no GPU that it can use
        pass
    else:
        return ["cpu", "cuda"]
    try:
        emulator.compiler()
    except emulator.EmulatorError as error:
        return ["cpu", pytest.param("cuda-emulated", marks=pytest.mark.skip(reason=str(error)))]
    return ["cpu", "cuda-emulated"]


@pytest.fixture(params=_devices())
def device(request):
    """Each device that this machine has: a test that takes it runs on all of them. Without a GPU
    the device "cuda" is emulated: a stand-in for CuPy whose kernels run on the CPU."""
    if request.param != "cuda-emulated":
        yield request.param
        return
    with standin.installed():
        yield "cuda"


def pytest_collection_modifyitems(config, items):
    """A rung is only run on its own device: other combinations are no tests, not skipped ones."""

    def fits(item) -> bool:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        rung, name = params.get("rung"), params.get("device")
        return not hasattr(rung, "device") or name is None or name.startswith(rung.device)

    wrong = [item for item in items if not fits(item)]
    if wrong:
        config.hook.pytest_deselected(items=wrong)
        items[:] = [item for item in items if fits(item)]


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
