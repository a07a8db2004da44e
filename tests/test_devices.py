"""Device names, and the random stream: seeds, positions, and going back to them."""

from __future__ import annotations

import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygan
from tinygan import Generator, randn
from tinygan.devices import array_module, check_device, device_of, temporary_seed, to_device
from tinygan.kernels.cuda.memory import explaining
from tinygan.kernels.emulator import fake_cupy


def test_names_of_devices():
    assert check_device(None) == check_device("cpu") == "cpu"
    for name in ("gpu", "cuda:", "cuda:one", "cuda:-1", 0):
        with pytest.raises(ValueError, match=r"device must be 'cpu', 'cuda' or 'cuda:<index>'"):
            check_device(name)


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
def test_cuda_without_cupy_says_what_to_install():
    with pytest.raises(RuntimeError, match=r"device 'cuda:1' needs CuPy: pip install .*cuda12"):
        tinygan.zeros(2, device="cuda:1")


def test_what_the_user_is_told_about_the_gpu(device):
    if device == "cpu":
        assert tinygan.cuda.device_count() >= 0
        with pytest.raises(ValueError, match="device must be 'cuda' or 'cuda:<index>', got 'cpu'"):
            tinygan.cuda.get_device_name("cpu")
        return
    assert tinygan.cuda.is_available() and tinygan.cuda.device_count() >= 1
    assert tinygan.cuda.get_device_name()
    free, total = tinygan.cuda.mem_get_info()
    assert 0 < free <= total
    tinygan.cuda.synchronize()
    with pytest.raises(RuntimeError, match=r"'cuda:77': this machine has \d+ CUDA device"):
        tinygan.ones(1, device="cuda:77")


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
def test_without_a_gpu_cuda_is_not_available():
    assert not tinygan.cuda.is_available()
    assert tinygan.cuda.device_count() == 0


@pytest.mark.parametrize(
    ("error", "message"),
    [(100, r"no usable NVIDIA GPU \(cudaErrorNoDevice.*\)$"),
     (35, r"the driver is for CUDA 12\.4, CuPy for 12\.8: update the driver")],
)  # fmt: skip
def test_a_driver_that_fails_is_explained(error, message, monkeypatch):
    with fake_cupy.installed() as cupy:
        def fail():
            raise cupy.cuda.runtime.CUDARuntimeError(error)

        monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", fail)
        with pytest.raises(RuntimeError, match=message):
            check_device("cuda")
        assert not tinygan.cuda.is_available()


def test_a_lack_of_memory_says_how_much_was_wanted_and_is_free():
    with fake_cupy.installed() as cupy:
        def malloc(size):
            raise cupy.cuda.memory.OutOfMemoryError(size, 0)

        with pytest.raises(MemoryError, match=r"3\.0 MiB was wanted, [\d,.]+ of 2,048\.0 MiB"):
            explaining(malloc)(3 * 2**20)


def test_arrays_stay_where_they_are(device):
    x = tinygan.ones(3, device=device)
    assert device_of(x.array) == x.device == check_device(device)
    assert to_device(x.array, device) is x.array
    assert array_module(x.array).__name__ == ("numpy" if device == "cpu" else "cupy")
    assert isinstance(x.cpu().numpy(), np.ndarray)


def test_moving_keeps_the_order_of_memory(device, rng):
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        array = rng.standard_normal((2, 3, 4)).astype("f").transpose(order)
        there = to_device(array, device)
        back = to_device(there, "cpu")
        assert there.strides == back.strides == array.strides
        assert (back == array).all()


def test_manual_seed_repeats_the_stream():
    tinygan.manual_seed(3)
    first = [randn(5).tolist(), tinygan.rand(2).tolist()]
    tinygan.manual_seed(3)
    assert [randn(5).tolist(), tinygan.rand(2).tolist()] == first
    tinygan.manual_seed(4)
    assert randn(5).tolist() != first[0]


def test_the_stream_is_the_same_on_every_device(device):
    """The uniform one bit for bit; logarithms and cosines may differ in the last bits."""
    on_device = tinygan.rand(7, device=device).cpu().tolist(), randn(7, device=device).cpu().array
    tinygan.manual_seed(0)
    assert tinygan.rand(7).tolist() == on_device[0]
    np.testing.assert_allclose(randn(7).array, on_device[1], rtol=0, atol=2e-6)


def test_the_stream_is_that_of_numpys_philox():
    generator = Generator(2024)
    reference = np.random.Generator(np.random.Philox(2024))
    assert generator.ziggurat_normal((4,), "float32").tolist() == reference.standard_normal(
        4, dtype=np.float32
    ).tolist()
    assert tinygan.rand(3, generator=generator).tolist() == reference.random(
        3, dtype=np.float32
    ).tolist()


@pytest.mark.parametrize("drawn", [0, 1, 5])
def test_a_state_survives_json(drawn):
    generator = Generator(7)
    generator.uniform((drawn,), "float32")  # 32-bit draws leave half a number behind
    state = json.loads(json.dumps(generator.get_state()))
    expected = [generator.uniform((5,), "float32").tolist(), generator.normal((3,), "float64")]
    other = Generator(1)
    other.set_state(state)
    found = [other.uniform((5,), "float32").tolist(), other.normal((3,), "float64")]
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])


def test_a_state_is_a_snapshot():
    generator = Generator(7)
    state = generator.get_state()
    before = json.dumps(state)
    generator.normal((9,), "float64")
    assert before == json.dumps(state)
    assert generator.get_state() != state


def test_temporary_seed_gives_the_old_stream_back():
    expected = [randn(3).tolist(), randn(3).tolist()]
    tinygan.manual_seed(0)
    found = [randn(3).tolist()]
    with temporary_seed(9):
        inside = randn(3).tolist()
    with pytest.raises(KeyError), temporary_seed(9):
        assert randn(3).tolist() == inside
        raise KeyError
    found.append(randn(3).tolist())
    assert found == expected
    assert inside not in expected


def test_temporary_seed_is_of_one_thread_alone():
    def drawn(count=3):
        return randn(count).tolist()

    expected = drawn(), drawn(), drawn()
    tinygan.manual_seed(9)
    inside = drawn(2), drawn(2)
    tinygan.manual_seed(0)
    with ThreadPoolExecutor(1) as other:
        with temporary_seed(9):
            assert drawn(2) == inside[0]
            assert other.submit(drawn).result() == expected[0]
            with temporary_seed(5):
                tinygan.manual_seed(9)  # is of the block, too
                assert drawn(2) == inside[0]
            assert drawn(2) == inside[1]
        assert drawn() == expected[1]
        with temporary_seed(9):
            other.submit(tinygan.manual_seed, 0).result()
            assert drawn(2) == inside[0]
    assert drawn() == expected[0]


@pytest.mark.parametrize("seed", [-1, 1.0, True, None, "1"])
def test_seeds_are_non_negative_integers(seed):
    with pytest.raises(ValueError, match="seed must be a non-negative integer, got"):
        tinygan.manual_seed(seed)


def test_samples_have_the_right_moments():
    normal, uniform = randn(20_000).numpy(), tinygan.rand(20_000).numpy()
    # The standard errors are 0.007, 0.005 and 0.002; five of them almost never happen by chance.
    assert abs(normal.mean()) < 0.035 and abs(normal.std() - 1) < 0.025
    assert abs(uniform.mean() - 0.5) < 0.01
    assert uniform.min() >= 0 and uniform.max() < 1


def test_a_device_knows_its_type_and_index():
    for device, kind, index in (
        (tinygan.device("cpu"), "cpu", None), (tinygan.device("cuda"), "cuda", None),
        (tinygan.device("cuda:1"), "cuda", 1), (tinygan.device("cuda", 2), "cuda", 2),
        (tinygan.zeros(2).device, "cpu", None),
    ):  # fmt: skip
        assert (device.type, device.index) == (kind, index)
    assert tinygan.device("cuda", 0) == "cuda:0" and f"{tinygan.device('cuda:0')}" == "cuda:0"
    assert repr(tinygan.device("cuda:0")) == "device(type='cuda', index=0)"
    with pytest.raises(ValueError, match=r"device must be 'cpu', 'cuda' or .*, got 'mps'"):
        tinygan.device("mps")


def test_to_names_devices_where_it_knows_no_dtype():
    for name in ("gpu", "CUDA"):
        with pytest.raises(TypeError, match=r"dtype must .*, which is no device either"):
            tinygan.zeros(2).to(name)
