"""The rungs on tensor cores: what they do with the memories, and which of them runs."""

from __future__ import annotations

import needs
import numpy as np
import pytest

import tinygan
from tinygan.kernels import conv2d
from tinygan.kernels.conv2d.cases import make_forward, make_transposed, make_weight_grad
from tinygan.kernels.cuda.memory import to_device
from tinygan.kernels.cuda.tensor_cores import PRECISIONS
from tinygan.kernels.emulator import fake_cupy
from tinygan.kernels.ladder import Ladder
from tinygan.kernels.matmul import matmul
from tinygan.kernels.matmul.cases import make as make_matmul

needs.emulator()

LAYER = dict(n=4, c=32, k=64, size=(8, 8), kernel=(4, 4), stride=(2, 2), padding=(1, 1))
PRODUCTS = {
    **{f"matmul {t}": (matmul, make_matmul, dict(m=64, k=64, n=64, transposed=t))
       for t in ("", "a", "b")},
    **{name: (getattr(conv2d, name), make, LAYER)
       for name, make in (("conv2d", make_forward), ("conv_transpose2d", make_transposed),
                          ("conv2d_weight_grad", make_weight_grad))},
    "conv2d, weight of the other": (conv2d.conv2d, make_forward, dict(LAYER, other_order=True)),
    **{f"conv2d_weight_grad {order}": (conv2d.conv2d_weight_grad, make_weight_grad,
                                       dict(LAYER, order=order))
       for order in ((2, 3, 1, 0), (2, 3, 0, 1))},
}  # fmt: skip


def traffic(ladder: Ladder, make, case: dict, rung: str, precision: str):
    args, options = make(np.random.default_rng(0), np.dtype("float32"), **case)
    counts: list = []
    with fake_cupy.installed(checked=True, traffic=counts), ladder.use(rung):
        args = [to_device(a) if isinstance(a, np.ndarray) else a for a in args]
        ladder(*args, precision=precision, **options)
    return counts


@pytest.mark.parametrize("kind", PRECISIONS)
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_pipeline_wastes_no_pass_of_shared_memory_and_no_sector(product, kind):
    counts = traffic(*PRODUCTS[product], f"{kind} pipeline", PRECISIONS[kind])
    assert {(each.memory, each.write) for each in counts} >= {
        ("shared", False), ("shared", True), ("global", False), ("global", True)
    }  # fmt: skip
    for each in counts:
        assert each.cost == each.ideal, each


@pytest.mark.parametrize("kind", PRECISIONS)
def test_fragments_of_tiles_are_read_without_conflicts(kind):
    counts = traffic(*PRODUCTS["conv2d"], kind, PRECISIONS[kind])
    reads = [each for each in counts if each.memory == "shared" and not each.write]
    assert len(reads) == 2
    for each in reads:
        assert each.cost == each.ideal, each


def test_a_gpu_older_than_ampere_computes_in_float32(monkeypatch, rng):
    """PyTorch treats "high" in the same way: it allows tf32, and does not ask for it."""
    needs.emulator()
    with fake_cupy.installed() as cupy:
        x = tinygan.tensor(rng.standard_normal((40, 64)), "float32", "cuda")
        weight = tinygan.tensor(rng.standard_normal((64, 64)), "float32", "cuda")
        exact = x @ weight
        with tinygan.autocast("float16"):
            assert (x @ weight).tolist() != exact.tolist()
        device = cupy.cuda.Device
        monkeypatch.setattr(device, "compute_capability", property(lambda self: "75"),
                            raising=False)  # fmt: skip
        assert not tinygan.cuda.has_tensor_cores()
        message = "no float16 .*, nor has emulated GPU; computing in float32"
        with pytest.warns(UserWarning, match=message), tinygan.autocast("float16"):
            assert (x @ weight).tolist() == exact.tolist()
        tinygan.set_float32_matmul_precision("high")
        try:
            assert (x @ weight).tolist() == exact.tolist()
        finally:
            tinygan.set_float32_matmul_precision("highest")


def test_channels_decide_between_tiles_pipeline_and_dots():
    with fake_cupy.installed():
        for c, k, expected in (
            (32, 64, "tf32 pipeline"), (3, 64, "tf32"), (31, 1, "tf32"), (32, 1, "dots"),
        ):  # fmt: skip
            case = dict(LAYER, c=c, k=k)
            for name, make in (("conv2d", make_forward), ("conv_transpose2d", make_transposed),
                               ("conv2d_weight_grad", make_weight_grad)):  # fmt: skip
                args, options = make(np.random.default_rng(0), np.dtype("float32"), **case)
                args = [to_device(a) if isinstance(a, np.ndarray) else a for a in args]
                rung = getattr(conv2d, name).pick(*args, precision="tf32", **options)
                if expected == "dots" and name != "conv2d":
                    expected = "tf32"
                assert rung.name == expected, (name, c, k)
