"""Files of weights, as far as no PyTorch is needed: what is written is read."""

from __future__ import annotations

import re
import struct
import sys
import zipfile

import numpy as np
import pytest

import tinygan
from tinygan import nn, weights

DTYPES = ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"]


def arrays(rng) -> dict[str, np.ndarray]:
    """All dtypes; a number, nothing, and orders in memory that are not C's."""
    found = {dtype: rng.integers(0, 100, (2, 3, 4)).astype(dtype) for dtype in DTYPES}
    x = rng.standard_normal((4, 3, 2, 5)).astype(np.float32)
    special = np.array([np.nan, np.inf, -0.0, 1e-42], np.float32)
    return found | {
        "number": np.array(7), "empty": np.zeros((0, 3), np.float32), "special": special,
        "transposed": x.T, "channels-last": np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1),
        "steps": x[::2, :, ::-1], "big-endian": x.astype(">f4"),
        "expanded": np.broadcast_to(x, (2, *x.shape)),
    }  # fmt: skip


def assert_same(found: tinygan.Tensor, array: np.ndarray):
    """Dtype, shape and bits; a Tensor of its own on the CPU, which can be written to."""
    assert type(found) is tinygan.Tensor and found.device == "cpu"
    assert (found.dtype, found.shape) == (array.dtype.newbyteorder("="), array.shape)
    assert found.array.tobytes() == array.astype(found.dtype).tobytes()
    assert found.array.flags.writeable and not found.requires_grad


def a_net() -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(5, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 3, 3), nn.Flatten(), nn.Linear(48, 2),
    )  # fmt: skip


# Round trips


def test_what_is_saved_for_torch_is_loaded(rng, tmp_path):
    tensors = arrays(rng)
    obj = {
        "arrays": tensors,
        "tensors": [tinygan.Tensor(array) for array in tensors.values()],
        "parameter": nn.Parameter(np.ones(3, np.float32)),
        7: (True, False, None, 0.1, "ключ", [], (), {}, float("inf")),
        "ints": [0, -1, 255, 2**31 - 1, -(2**31), 2**31, -(2**31) - 1, 2**100, -(2**64)],
    }
    weights.save(obj, tmp_path / "file.pt")
    found = weights.load(str(tmp_path / "file.pt"))
    assert list(found) == list(obj)
    for name, array in tensors.items():
        assert_same(found["arrays"][name], array)
    for tensor, array in zip(found["tensors"], tensors.values(), strict=True):
        assert_same(tensor, array)
    assert_same(found["parameter"], np.ones(3, np.float32))
    assert found[7] == obj[7] and found["ints"] == obj["ints"]
    assert [type(x) for x in found[7]] == [type(x) for x in obj[7]]


def test_safetensors_round_trip(rng, tmp_path):
    safetensors = pytest.importorskip("safetensors")
    tensors = arrays(rng) | {"uint16": np.array([1, 65535], np.uint16)}
    path = tmp_path / "new folder" / "file.safetensors"
    weights.save_file(tensors, path, {"made by": "tinygan"})
    found = weights.load_file(path)
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        assert_same(found[name], array)
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata() == {"made by": "tinygan"}
    weights.save_file(found, path)
    assert weights.load_file(path)["float64"].tolist() == tensors["float64"].tolist()


@pytest.mark.parametrize("kind", ["torch", "safetensors"])
def test_a_net_comes_back_from_its_file(kind, device, rng, tmp_path):
    """Whether a state dict holds arrays or Tensors, on whichever device."""
    if kind == "safetensors":
        pytest.importorskip("safetensors")
    write = {"torch": weights.save, "safetensors": weights.save_file}[kind]
    read = {"torch": weights.load, "safetensors": weights.load_file}[kind]
    net, other = a_net().to(device), a_net()
    net(tinygan.tensor(rng.standard_normal((2, 5, 3, 3)).astype(np.float32), device=device))
    on_device = dict([*net.named_parameters(), *net.named_buffers()])
    for state in (net.state_dict(), {name: on_device.get(name, value)
                                     for name, value in net.state_dict().items()}):  # fmt: skip
        write(state, tmp_path / "file")
        other.load_state_dict(read(tmp_path / "file"))
        for name, value in dict([*other.named_parameters(), *other.named_buffers()]).items():
            expected = on_device[name].detach().cpu().numpy()
            assert value.detach().numpy().tobytes() == np.ascontiguousarray(expected).tobytes()


def test_equal_data_make_equal_files_with_aligned_tensors(rng, tmp_path):
    tensors = arrays(rng)
    weights.save(tensors, tmp_path / "a")
    weights.save(tensors, tmp_path / "b")
    content = (tmp_path / "a").read_bytes()
    assert content == (tmp_path / "b").read_bytes()
    with zipfile.ZipFile(tmp_path / "a") as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            # The local header: 30 bytes, of which the last four are the lengths of what follows.
            lengths = struct.unpack_from("<HH", content, entry.header_offset + 26)
            assert (entry.header_offset + 30 + sum(lengths)) % 64 == 0


class Elsewhere:
    """What is no tensor."""


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"a": [1, Elsewhere()]}, "save: obj['a'][1] is of type Elsewhere"),
        ({"a": {(1, 2): 3}}, "save: obj['a'] has the key (1, 2); expected a string or an int"),
        ([np.array(["text"])], "save: obj[0] is of <U4; expected float32"),
        ([np.ones(1, np.float16)], "save: obj[0] is of float16; expected float32"),
        ([np.ones(1, np.uint16)], "save: obj[0] is of uint16, which PyTorch's files do not have"),
        (nn.ReLU(), "save: obj is of type ReLU"),
        (1j, "save: obj is of type complex"),
    ],
)
def test_what_cannot_be_saved_is_named_and_the_old_file_stays(obj, message, tmp_path):
    weights.save("old", tmp_path / "file")
    with pytest.raises(TypeError, match=re.escape(message)):
        weights.save(obj, tmp_path / "file")
    assert weights.load(tmp_path / "file") == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("tensors", "metadata", "message"),
    [
        ({"a": Elsewhere()}, None, "save_file: 'a' is of type Elsewhere; expected a Tensor"),
        ({"a": np.ones(1, np.complex64)}, None, "save_file: 'a' is of complex64; expected float32"),
        ({1: np.ones(1)}, None, "save_file: names and metadata must be strings, got 1"),
        ({}, {"epoch": 1}, "save_file: names and metadata must be strings, got 1"),
    ],
)
def test_what_save_file_refuses(tensors, metadata, message, tmp_path):
    pytest.importorskip("safetensors")
    with pytest.raises(TypeError, match=re.escape(message)):
        weights.save_file(tensors, tmp_path / "file", metadata)
    assert list(tmp_path.iterdir()) == []


def test_half_precision_is_read_as_float32(rng, tmp_path):
    """All values of float16; those of bfloat16 are the upper halves of float32."""
    safetensors_numpy = pytest.importorskip("safetensors.numpy")
    safetensors = pytest.importorskip("safetensors")
    half = np.arange(65536).astype(np.uint16).view(np.float16)
    safetensors_numpy.save_file({"half": half}, tmp_path / "file")
    found = weights.load_file(tmp_path / "file")["half"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.numpy(), half)

    x = rng.standard_normal(100).astype(np.float32)
    bits = (x.view(np.uint32) >> 16).astype(np.uint16)
    head = b'{"x":{"dtype":"BF16","shape":[100],"data_offsets":[0,200]}}'
    (tmp_path / "file").write_bytes(struct.pack("<Q", len(head)) + head + bits.tobytes())
    assert safetensors.deserialize((tmp_path / "file").read_bytes())[0][1]["dtype"] == "BF16"
    found = weights.load_file(tmp_path / "file")["x"]
    assert found.dtype == np.float32
    # bfloat16 has 8 binary digits, and the lower ones were cut off.
    np.testing.assert_allclose(found.numpy(), x, rtol=2**-7)
    assert (found.numpy().view(np.uint32) == bits.astype(np.uint32) << 16).all()


def test_safetensors_files_that_are_refused(tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "file"
    with pytest.raises(FileNotFoundError, match="load_file: there is no file"):
        weights.load_file(path)
    weights.save_file({"a": np.arange(5.0)}, path)
    content = path.read_bytes()
    for length in range(0, len(content), 5):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"^load_file: .* is damaged or no safetensors file"):
            weights.load_file(path)
    head = b'{"x":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}'
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(8))
    with pytest.raises(ValueError, match=r"file is refused: 'x' is of C64; expected one of F32, "):
        weights.load_file(path)


def test_without_safetensors_its_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (lambda: weights.load_file("x"), lambda: weights.save_file({}, tmp_path / "x")):
        with pytest.raises(ImportError, match="package safetensors: pip install safetensors"):
            call()
    assert list(tmp_path.iterdir()) == []
