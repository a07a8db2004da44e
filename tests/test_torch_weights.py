"""Weights between PyTorch and tinygan: the same bits in files, the same images from nets."""

from __future__ import annotations

import importlib
import importlib.util

import numpy as np
import pytest
from test_readme import blocks

import tinygan
import tinygan.functional as F
from tinygan import nn, weights

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
TF = torch.nn.functional

HALF = [torch.float16, torch.bfloat16]
DTYPES = [*HALF, torch.float32, torch.float64,
          torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]  # fmt: skip
FORMATS = {
    "zip": {},
    "zip, protocol 4": {"pickle_protocol": 4},
    "zip, protocol 5": {"pickle_protocol": 5},
    "legacy": {"_use_new_zipfile_serialization": False},
}
each_format = pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)


def assert_same(ours, theirs):
    """Types, names, dtypes (but for the two of 16 bits), strides and bits."""
    if isinstance(theirs, torch.Tensor):
        assert type(ours) is tinygan.Tensor and ours.requires_grad == theirs.requires_grad
        theirs = theirs.detach()
        if theirs.dtype in HALF:
            theirs = theirs.float()
        assert ours.dtype == theirs.numpy().dtype and ours.shape == theirs.shape
        if theirs.numel():
            assert ours.array.strides == theirs.numpy().strides
        assert ours.array.tobytes() == theirs.numpy().tobytes()
    elif isinstance(theirs, dict):
        assert type(ours) is dict and list(ours) == list(theirs)
        for name, value in theirs.items():
            assert_same(ours[name], value)
    elif isinstance(theirs, (list, tuple)):
        assert type(ours) is (list if isinstance(theirs, list) else tuple)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)
    else:
        assert type(ours) is type(theirs) and ours == theirs


def tensors(seed: int = 0) -> dict:
    """All dtypes, and what is special about a tensor's memory."""
    torch.manual_seed(seed)
    x = torch.randn(4, 3, 5, 2)
    return {
        **{str(dtype): (9 * torch.randn(2, 3)).to(dtype) for dtype in DTYPES},
        "number": torch.tensor(3), "empty": torch.zeros(0, 3), "x": x, "shared": x[1:, 1],
        "transposed": x.transpose(0, 3), "steps": x[::2, :, 1::2],
        "channels-last": x.to(memory_format=torch.channels_last),
        "expanded": torch.tensor([[1.0], [2.0]]).expand(2, 3), "of an empty one": x[:0],
        "special": torch.tensor([float("nan"), float("inf"), -0.0, 1e-42]),
    }  # fmt: skip


@each_format
def test_what_torch_saves(options, tmp_path):
    net = torch.nn.Sequential(torch.nn.ConvTranspose2d(4, 2, 3), torch.nn.BatchNorm2d(2))
    optimizer = torch.optim.Adam(net.parameters(), betas=(0.5, 0.999))
    net(torch.randn(2, 4, 3, 3)).square().sum().backward()
    optimizer.step()
    parameter = torch.nn.Parameter(torch.randn(3))
    parameter.note = "an attribute"
    obj = {
        "tensors": tensors(), "net": net.state_dict(), "optimizer": optimizer.state_dict(),
        "parameters": [torch.nn.Parameter(torch.randn(2).bfloat16()), parameter,
                       torch.nn.Parameter(torch.ones(1), requires_grad=False)],
        "epoch": 3, 4: [-1, 2**40, -(2**70), True, None, 0.1, "ключ", "x" * 300, (), [], {}],
    }  # fmt: skip
    torch.save(obj, tmp_path / "file.pt", **options)
    assert_same(weights.load(tmp_path / "file.pt"), obj)
    torch.save((torch.Size([2, 3]), torch.device("cuda:1"), torch.device("cpu")), tmp_path / "b",
               **options)  # fmt: skip
    assert weights.load(tmp_path / "b") == ((2, 3), "cuda:1", "cpu")


@each_format
def test_tensors_share_memory_as_in_torch(options, tmp_path):
    torch.save(tensors(), tmp_path / "file.pt", **options)
    found = weights.load(tmp_path / "file.pt")
    for name in ("shared", "transposed", "steps"):
        assert np.shares_memory(found["x"].array, found[name].array), name
    assert not np.shares_memory(found["x"].array, found["channels-last"].array)


@each_format
@pytest.mark.parametrize("dtype", HALF)
def test_all_values_of_16_bits(options, dtype, tmp_path):
    x = torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype)
    torch.save(x, tmp_path / "file.pt", **options)
    np.testing.assert_array_equal(weights.load(tmp_path / "file.pt").numpy(), x.float().numpy())


@each_format
def test_whole_modules_and_other_objects_are_refused(options, tmp_path):
    path = tmp_path / "file.pt"
    for obj, name in [
        (torch.nn.Linear(2, 1), r"torch\.nn\.modules\.linear\.Linear"),
        ({"net": torch.nn.ReLU()}, r"torch\.nn\.modules\.activation\.ReLU"),
        ({"x": torch.ones(2, dtype=torch.complex64)}, r"torch\.ComplexFloatStorage"),
        (torch.eye(2).to_sparse(), r"torch\._utils\._rebuild_sparse_tensor"),
        (np.float64(1), r"numpy.*scalar"),
    ]:
        torch.save(obj, path, **options)
        with pytest.raises(ValueError, match=rf"asks for '{name}'.* torch\.save\(net\.state_dict"):
            weights.load(path)
    negated = torch.randn(3, dtype=torch.complex64).conj().imag
    assert negated.is_neg()
    torch.save(negated, path, **options)
    with pytest.raises(ValueError, match=r"save tensor\.resolve_neg\(\)"):
        weights.load(path)


@pytest.mark.parametrize("mmap", [False, True])
def test_what_tinygan_saves_is_loaded_by_torch(mmap, tmp_path):
    ours = {
        name: tinygan.Tensor(x.numpy()) for name, x in tensors().items()
        if x.dtype not in HALF
    }  # fmt: skip
    obj = {"t": ours, 3: [1, -(2**31), 2**31, -(2**70), 0.1, True, None, "ключ", (), [], {}]}
    weights.save(obj, tmp_path / "file.pt")
    theirs = torch.load(tmp_path / "file.pt", weights_only=True, mmap=mmap)
    assert theirs[3] == obj[3]
    for name, x in theirs["t"].items():
        assert x.is_contiguous() and x.numpy().dtype == ours[name].dtype
        assert x.shape == ours[name].shape
        assert x.numpy().tobytes() == ours[name].array.tobytes()


def test_safetensors_files_have_the_bytes_of_torch(tmp_path):
    of_torch = pytest.importorskip("safetensors.torch")
    theirs = {name: x.contiguous().clone() for name, x in tensors().items()}
    of_torch.save_file(theirs, tmp_path / "theirs")
    found = weights.load_file(tmp_path / "theirs")
    assert found.keys() == theirs.keys()
    for name, x in theirs.items():
        assert_same(found[name], x)

    exact = [name for name, x in theirs.items() if x.dtype not in HALF]
    for metadata in (None, {"format": "pt"}):
        of_torch.save_file({name: theirs[name] for name in exact}, tmp_path / "theirs", metadata)
        weights.save_file({name: found[name] for name in exact}, tmp_path / "ours", metadata)
        assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


# The proof: a trained generator


def generator(m):
    """DCGAN's generator as in PyTorch's tutorial, 64x64 in colour, of an eighth of its width."""
    z, g = 20, 8
    return m.Sequential(
        m.ConvTranspose2d(z, 8 * g, 4, 1, 0, bias=False), m.BatchNorm2d(8 * g), m.ReLU(),
        m.ConvTranspose2d(8 * g, 4 * g, 4, 2, 1, bias=False), m.BatchNorm2d(4 * g), m.ReLU(),
        m.ConvTranspose2d(4 * g, 2 * g, 4, 2, 1, bias=False), m.BatchNorm2d(2 * g), m.ReLU(),
        m.ConvTranspose2d(2 * g, g, 4, 2, 1, bias=False), m.BatchNorm2d(g), m.ReLU(),
        m.ConvTranspose2d(g, 3, 4, 2, 1, bias=False), m.Tanh(),
    )  # fmt: skip


def discriminator(m):
    d = 8
    return m.Sequential(
        m.Conv2d(3, d, 4, 2, 1, bias=False), m.LeakyReLU(0.2),
        m.Conv2d(d, 2 * d, 4, 2, 1, bias=False), m.BatchNorm2d(2 * d), m.LeakyReLU(0.2),
        m.Conv2d(2 * d, 4 * d, 4, 2, 1, bias=False), m.BatchNorm2d(4 * d), m.LeakyReLU(0.2),
        m.Conv2d(4 * d, 8 * d, 4, 2, 1, bias=False), m.BatchNorm2d(8 * d), m.LeakyReLU(0.2),
        m.Conv2d(8 * d, 1, 4, 1, 0, bias=False), m.Flatten(),
    )  # fmt: skip


def trained(m, optim, loss, convert):
    """Both nets after 20 steps at the tutorial's settings, but for a rate that moves more."""
    rng = np.random.default_rng(3)
    g, d = generator(m), discriminator(m)
    g_step, d_step = (optim.Adam(net.parameters(), lr=2e-3, betas=(0.5, 0.999)) for net in (g, d))
    for _ in range(20):
        real = convert(np.tanh(rng.standard_normal((8, 3, 64, 64))).astype(np.float32))
        z = convert(rng.standard_normal((8, 20, 1, 1)).astype(np.float32))
        ones, zeros = convert(np.ones((8, 1), np.float32)), convert(np.zeros((8, 1), np.float32))
        fake = g(z)
        d_step.zero_grad()
        (loss(d(real), ones) + loss(d(fake.detach()), zeros)).backward()
        d_step.step()
        g_step.zero_grad()
        loss(d(fake), ones).backward()
        g_step.step()
    return g, d


def counted(net, state) -> dict:
    """`state` without the numbers of batches that batch norms have counted, if `net` has none."""
    own = net.state_dict()
    return {name: value for name, value in state.items()
            if name in own or not name.endswith("num_batches_tracked")}  # fmt: skip


def compare(ours, theirs):
    rng = np.random.default_rng(4)
    for a, b, shape in zip(ours, theirs, [(16, 20, 1, 1), (4, 3, 64, 64)], strict=True):
        x = rng.standard_normal(shape).astype(np.float32)
        with torch.no_grad():
            expected = b.eval()(torch.tensor(x)).numpy()
        found = a.eval()(tinygan.tensor(x)).detach().numpy()
        assert np.std(expected) > 0.01  # there is something to compare
        # Values of size 1; five layers of sums of up to 1024 terms in another order.
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def formats():
    """(save, load, torch's save, torch's load) of each format, all in the argument order of
    torch.save."""
    missing = importlib.util.find_spec("safetensors") is None
    return [
        pytest.param(weights.save, weights.load, torch.save, torch.load, id="torch"),
        pytest.param(
            weights.save_file, weights.load_file,
            lambda state, path: importlib.import_module("safetensors.torch").save_file(state, path),
            lambda path: importlib.import_module("safetensors.torch").load_file(path),
            id="safetensors", marks=pytest.mark.skipif(missing, reason="needs safetensors"),
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(("save", "load", "torch_save", "torch_load"), formats())
def test_a_gan_trained_by_torch_goes_to_tinygan(save, load, torch_save, torch_load, tmp_path):
    torch.manual_seed(1)
    theirs = trained(torch.nn, torch.optim, TF.binary_cross_entropy_with_logits, torch.tensor)
    ours = generator(nn), discriminator(nn)
    for a, b in zip(ours, theirs, strict=True):
        torch_save(b.state_dict(), tmp_path / "file")
        state = load(tmp_path / "file")
        assert list(state) == list(b.state_dict()) or torch_save is not torch.save
        a.load_state_dict(counted(a, state))
    compare(ours, theirs)


@pytest.mark.parametrize(("save", "load", "torch_save", "torch_load"), formats())
def test_a_gan_trained_by_tinygan_goes_to_torch(save, load, torch_save, torch_load, tmp_path):
    ours = trained(nn, tinygan.optim, F.binary_cross_entropy_with_logits, tinygan.tensor)
    theirs = generator(torch.nn), discriminator(torch.nn)
    for a, b in zip(ours, theirs, strict=True):
        save(a.state_dict(), tmp_path / "file")
        b.load_state_dict(torch_load(tmp_path / "file"))
    compare(ours, theirs)


def test_the_page_about_weights(tmp_path, monkeypatch):
    """All of its blocks in order, those for PyTorch too."""
    pytest.importorskip("safetensors")
    monkeypatch.chdir(tmp_path)
    load_state_dict = nn.Module.load_state_dict
    monkeypatch.setattr(nn.Module, "load_state_dict", lambda net, state, *rest, **options:
                        load_state_dict(net, counted(net, state), *rest, **options))  # fmt: skip
    names: dict = {"__name__": "__page__"}
    for block in blocks("docs/weights.md"):
        if block.language == "python":
            exec(compile("\n" * block.line + block.text, "docs/weights.md", "exec"), names)
    found = names["net"].eval()(names["z"]).detach().numpy()
    expected = names["theirs"].eval()(torch.from_dlpack(names["z"])).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)  # as above
