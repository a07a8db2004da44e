"""Layers of images, dropouts, tables: what the tables of ops and of PyTorch's modules leave."""

from __future__ import annotations

import numpy as np
import pytest

import tinygan
import tinygan.functional as F
from tinygan import nn


def test_dropout2d_drops_channels(device):
    layer = nn.Dropout2d(0.25)
    y = layer(tinygan.ones(100, 50, 3, 2, device=device)).cpu().numpy()
    dropped = (y == 0).all((2, 3))
    assert (dropped == (y == 0).any((2, 3))).all()
    # 5,000 draws: the share of zeros has a standard deviation of 0.0061; five of them.
    assert abs(dropped.mean() - 0.25) < 0.031
    np.testing.assert_allclose(y[~dropped], 1 / 0.75, rtol=1e-6)
    assert layer.eval()(tinygan.ones(2, 2, 1)).tolist() == [[[1], [1]]] * 2
    assert not nn.Dropout2d(1.0)(tinygan.ones(2, 2, 1)).array.any()


def test_alpha_dropout_keeps_mean_and_variance(device):
    x = tinygan.randn(200, 100, device=device)
    y = nn.AlphaDropout(0.3)(x).cpu().numpy()
    # 20,000 samples of a variance of 1: five deviations of mean and variance.
    assert abs(y.mean()) < 0.04 and abs(y.var() - 1) < 0.06
    lowest, count = np.unique(y, return_counts=True)
    assert abs(count.max() / y.size - 0.3) < 0.02 and lowest[count.argmax()] < -1
    assert nn.AlphaDropout(0.3).eval()(x) is x
    assert not F.alpha_dropout(x, 1.0, True).cpu().numpy().any()


def test_a_table_with_a_row_of_padding(device):
    table = nn.Embedding(4, 3, padding_idx=-1).to(device)
    assert table.weight.tolist()[3] == [0, 0, 0] and "padding_idx=3" in repr(table)
    table(tinygan.tensor([3, 1, 3], device=device)).sum().backward()
    assert table.weight.grad.tolist() == [[0] * 3, [1] * 3, [0] * 3, [0] * 3]
    with pytest.raises(ValueError, match="Embedding: padding_idx 4 is no row of 4"):
        nn.Embedding(4, 3, 4)


def test_functions_by_the_path_of_torch():
    import tinygan.nn.functional as by_path

    assert by_path is nn.functional and set(F.__all__) <= set(dir(by_path))
    assert by_path.relu is F.relu


def test_flatten_of_some_dimensions_before_linear():
    x = tinygan.randn(2, 3, 4, 5)
    net = nn.Sequential(nn.Flatten(2), nn.Linear(20, 2))
    assert net(x).tolist() == net[1](x.flatten(2)).tolist()
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)


def test_new_initial_values():
    layer = nn.Linear(30, 20)
    before = layer.weight.tolist()
    layer.reset_parameters()
    assert layer.weight.tolist() != before and abs(layer.weight.array).max() < 30**-0.5


def test_padding_of_a_wrong_length_is_refused():
    with pytest.raises(ValueError, match="ZeroPad2d: padding must be an integer or 4 of them, got"):
        nn.ZeroPad2d((1, 2))
