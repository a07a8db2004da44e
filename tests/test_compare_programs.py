"""The comparison of public programs, on tiny programs of its own. No test looks at a time."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import needs
import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

GAN = """
import argparse
import numpy as np
import torch
import torch.nn as nn
from helper import WIDTH
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=100)
options = parser.parse_args()
loader = DataLoader(TensorDataset(torch.randn(12, 2)), batch_size=4, shuffle=True, num_workers=2)
G = nn.Sequential(nn.Linear(WIDTH, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))
D = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
nn.init.xavier_uniform_(D[0].weight)
D[2].weight.data.normal_(0, 0.1)
g, d = torch.optim.Adam(G.parameters()), torch.optim.SGD(D.parameters(), lr=0.1)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(options.epochs):
    for i, (x,) in enumerate(loader):
        fake = G(torch.Tensor(np.random.normal(0, 1, (4, WIDTH))))
        d.zero_grad()
        ones, zeros = torch.ones(4, 1), torch.zeros(4, 1)
        d_loss = criterion(D(x), ones) + criterion(D(fake.detach()), zeros)
        d_loss.backward()
        d.step()
        g.zero_grad()
        g_loss = criterion(D(fake), ones)
        g_loss.backward()
        g.step()
        print("[Epoch %d] [Batch %d] [%f] [%f]" % (epoch, i, d_loss.item(), g_loss.item()))
print(0.5)
"""


@pytest.fixture
def module(monkeypatch):
    """A module of the examples, by its name."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return lambda name: __import__(name)


@pytest.fixture
def programs(module, monkeypatch, tmp_path):
    """Writes programs of these texts; returns their places, without any data."""
    needs.pytorch()
    pytest.importorskip("torchvision")
    monkeypatch.setattr(module("programs_data"), "make", lambda folder: folder.mkdir(parents=True))
    clones = tmp_path / "clones" / "mine"
    clones.mkdir(parents=True)
    (clones / "helper.py").write_text("WIDTH = 3\n")

    def write(**texts):
        for name, text in texts.items():
            (clones / f"{name}.py").write_text(text)
        make = module("programs_list").Program
        place = module("compare_programs").Workplace(tmp_path / "clones", tmp_path / "work")
        return place, [make("mine", f"{name}.py", data="data") for name in texts]

    return write


@pytest.mark.parametrize(("arguments", "rounds", "numbers"), [("", 20, 80), ("--epochs 1", 2, 13)])
def test_a_gan_prints_the_same_numbers(module, programs, arguments, rounds, numbers):
    place, (gan,) = programs(gan=GAN)
    gan = dataclasses.replace(gan, arguments=arguments)
    row = module("compare_programs").compare(place, gan, threads=1)
    assert row["problem"] == row["torch_problem"] == ""
    assert row["rounds"] == row["our_rounds"] == rounds
    assert row["same"] and row["numbers"] == row["our_numbers"] == numbers
    assert row["differing"] == 0  # 20 rounds of so small a net amplify no rounding


def test_other_numbers_and_failures_are_told(module, programs):
    other = "import torch\nprint(1.5, len(torch.__doc__) * torch.ones(1).item())\n"
    fails = "import torch\nprint(torch.linalg.det(torch.eye(2)))\n"
    place, (other, fails) = programs(other=other, fails=fails)
    compare = module("compare_programs").compare
    row = compare(place, other, threads=1)
    assert (row["numbers"], row["differing"], row["same"]) == (2, 1, False)
    row = compare(place, fails, threads=1)
    assert row["torch_problem"] == "" and "torch.linalg does not exist" in row["problem"]


@pytest.mark.exhaustive
def test_both_libraries_are_timed_by_the_round_or_by_the_program(module, programs):
    place, (gan, short) = programs(gan=GAN, short="import torch\nprint(torch.ones(2).sum())\n")
    options = argparse.Namespace(blocks=2, seconds=0.001, threads=1)
    measure = module("compare_programs").measure
    row = measure(place, gan, options)
    assert row["unit"] == "step" and row["torch_seconds"] > 0 and row["tinygan_seconds"] > 0
    assert measure(place, short, options)["unit"] == "program"


@pytest.mark.parametrize(
    ("theirs", "ours", "differing", "parts_in_round"),
    [
        ("loss 0.123", "loss 0.124", 0, None),  # one unit of the last digit
        ("loss 0.123", "loss 0.125", 1, 1),
        ("0.5|1.2e-05", "0.5|1.3e-05", 0, None),
        ("0.5|1.2e-05", "0.5|1.4e-05", 1, 2),
        ("nan inf", "nan inf", 0, None),
        ("1.0 2.0", "1.0 nan", 1, 1),
        ("1.0 2.0", "1.0", 1, None),  # a number is missing
        ("<AddBackward0> 3", "<Add> 3", 0, None),  # a digit within a word is no number
        ("-0.000000", "0.000000", 0, None),
    ],
)
def test_numbers_are_the_same_to_the_digits_shown(module, theirs, ours, differing, parts_in_round):
    agreement, mark = module("programs_numbers").agreement, module("programs_worker").ROUND
    row = agreement(theirs.replace("|", mark), ours.replace("|", mark))
    assert (row["differing"], row["parts_in_round"]) == (differing, parts_in_round)
    assert row["same"] == (differing == 0)


def test_numbers_may_part_as_far_as_pytorchs_part_from_themselves(module):
    agreement = module("programs_numbers").agreement
    theirs, nudged = "1.000 2.000", "1.000 2.001"  # within a unit, and yet not equal
    assert agreement(theirs, "1.000 2.009", nudged)["same"]
    assert not agreement(theirs, "1.000 2.011", nudged)["same"]
    assert not agreement(theirs, "1.002 2.000", nudged)["same"]  # another column
    assert not agreement(theirs, "1.000 2.009", theirs)["same"]
    assert not agreement(theirs, "1.000 nan", nudged)["same"]
    assert not agreement("no number", "no number")["same"]
    mark = module("programs_worker").ROUND
    theirs, ours, nudged = f"1.00{mark}1.00", f"1.00{mark}1.05", f"1.01{mark}1.00"
    assert agreement(theirs, ours, nudged)["same"]


def test_the_table_counts_what_pytorch_runs_itself(module):
    table = module("programs_table")
    base = {"folder": "mine", "skipped": "", "torch_problem": "", "problem": "", "rounds": 3,
            "numbers": 6, "differing": 0, "same": True}  # fmt: skip
    rows = [
        base | {"path": "good.py", "torch_seconds": 0.02, "tinygan_seconds": 0.01, "unit": "step"},
        base | {"path": "fails.py", "problem": "AttributeError: no such name\nmore"},
        base | {"path": "old.py", "torch_problem": "RuntimeError: removed"},
        base | {"path": "large.py", "skipped": "needs pretrained weights"},
        base | {"path": "apart.py", "differing": 2, "same": False, "parts_in_round": 2,
                "torch_parts_in_round": None, "largest_difference": 0.5,
                "torch_largest_difference": 0.0},
    ]  # fmt: skip
    text = table.as_markdown(rows)
    assert text.startswith(
        "PyTorch runs 3 of 5 programs; tinygan runs 2 of these, and prints PyTorch's numbers in 1."
    )
    assert "| `good.py` | yes | yes | yes (6 numbers, 3 rounds) | 20 ms | 10 ms | 2.00 |" in text
    assert "| `fails.py` | yes | **no** |" in text
    assert "- `fails.py`: AttributeError: no such name\n" in text
    assert "- `old.py`: PyTorch: RuntimeError: removed" in text
    assert "from round 2 they part; PyTorch never from itself; by 5e-01 and 0e+00" in text


def test_stand_ins_are_read_by_both_libraries(module, tmp_path, monkeypatch):
    needs.pytorch()
    theirs = pytest.importorskip("torchvision.datasets")
    from tinygan.vision import datasets as ours

    data = module("programs_data")
    monkeypatch.setattr(data, "FACES", 3)
    monkeypatch.setattr(data, "DRAWN", 2)
    monkeypatch.delenv("TINYGAN_DATA", raising=False)
    data.make(tmp_path / "data")
    root = tmp_path / "data" / "mnist"
    for train in (True, False):
        a, b = theirs.MNIST(root, train), ours.MNIST(root, train)
        assert (a.data.numpy() == b.data.numpy()).all() and a[3][1] == b[3][1]
    assert len(ours.CIFAR10(tmp_path / "data")) == 10000
    names = sorted(file.name for file in (tmp_path / "data" / "faces").glob("*.jpg"))
    assert names == ["000001.jpg", "000002.jpg", "000003.jpg"]
    assert len(ours.ImageFolder(tmp_path / "data" / "classes")) == 128
