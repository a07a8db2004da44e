"""Bad input: the error names the function and the argument, what came and what was expected."""

from __future__ import annotations

import re

import numpy as np
import pytest
from op_cases import CASES

import tinygan
import tinygan.functional as F
import tinygan.ops
import tinygan.ops.fused
from tinygan import ones, zeros


def refused(kind: type[Exception]):
    """Runs a test for each call of the table that raises this kind of error."""
    found = [
        (call, message)
        for case in CASES
        for call, message, *other in case.errors
        if (other or [ValueError])[0] is kind
    ]
    ids = [message for _, message in found]
    return pytest.mark.parametrize(("call", "message"), found, ids=ids)


@refused(ValueError)
def test_wrong_values(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


@refused(TypeError)
def test_wrong_types(call, message):
    with pytest.raises(TypeError, match="^" + re.escape(message)):
        call()


def test_what_documents_errors_has_some_in_its_case():
    with_errors = {case.name.split()[0] for case in CASES if case.errors}
    documented = {
        name
        for module in (F, tinygan.ops, tinygan.ops.fused)
        for name in module.__all__
        if "Raises:" in (getattr(module, name).__doc__ or "")
    }
    assert len(documented) > 15
    assert sorted(documented - with_errors) == []


def test_every_error_of_the_table_is_looked_at():
    kinds = {(other or [ValueError])[0] for case in CASES for _, _, *other in case.errors}
    assert kinds == {ValueError, TypeError}


def test_a_failed_call_leaves_the_running_statistics(rng):
    mean, var = zeros(3), ones(3)
    for x, options in [(zeros(1, 3), {}), (zeros(4, 3), {"weight": zeros(2)})]:
        with pytest.raises(ValueError, match="batch_norm"):
            F.batch_norm(x, mean, var, training=True, **options)
    assert (mean.tolist(), var.tolist()) == ([0, 0, 0], [1, 1, 1])
    assert (mean.version, var.version) == (0, 0)


def test_the_message_of_a_shape_error_comes_before_any_work():
    """`conv2d` of an image of 4 TB (made of one repeated zero) must not start before it checks."""
    image = tinygan.Tensor(np.broadcast_to(np.float32(0), (1, 1, 1_000_000, 1_000_000)))
    with pytest.raises(ValueError, match=r"conv2d: input of shape .* has 1 channels"):
        F.conv2d(image, zeros(2, 1, 3, 3), groups=2)
    with pytest.raises(ValueError, match="conv2d: bias must be a tensor of shape"):
        F.conv2d(image, zeros(1, 1, 3, 3), zeros(2))
