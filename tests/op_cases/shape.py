"""Ops that move elements."""

from __future__ import annotations

import numpy as np

import tinygan
from op_cases.case import OpCase, away, bools, integers, normal, torch
from tinygan import cat, stack, tensor, zeros


def _with_row(x, v):
    y = x.clone()
    y[1] = v
    return y


CASES = [
    OpCase(
        "reshape", lambda x: x.reshape(3, -1), [normal(2, 3)], numpy="same", torch="same",
        errors=[
            (lambda: zeros(2, 3).reshape(4, -1),
             "reshape: 6 elements of shape (2, 3) do not fit (4, -1)"),
            (lambda: zeros(2, 3).reshape(-1, -1), "reshape: 6 elements of shape (2, 3) do not fit"),
            (lambda: zeros(0, 3).reshape(0, -1),
             "reshape: 0 elements of shape (0, 3) do not fit (0, -1)"),
            (lambda: zeros(2).reshape(2.0), "sizes and dimensions must be integers, got 2.0",
             TypeError),
        ],
    ),
    OpCase(
        "view", lambda x: x.view((6,)) * 2, [normal(2, 3)], numpy=lambda x: x.reshape(6) * 2,
        torch=lambda x: x.reshape(6) * 2,
    ),
    OpCase(
        "permute", lambda x: x.permute(2, 0, -2), [normal(2, 3, 2)],
        numpy=lambda x: x.transpose(2, 0, 1), torch="same",
        errors=[(lambda: zeros(2, 3).permute(0, 0), "permute: (0, 0) is no order of 2 dimensions")],
    ),
    OpCase(
        "transpose", lambda x: x.transpose(0, -1), [normal(2, 3, 2)],
        numpy=lambda x: x.swapaxes(0, 2), torch="same",
        errors=[(lambda: zeros(2, 3).transpose(0, 2),
                 "transpose: dim 2 is out of range for 2 dimensions")],
    ),
    OpCase(
        "T", lambda x: x.T, [normal(2, 3)], numpy="same", torch="same",
        errors=[(lambda: zeros(1, 2, 3).T, "T needs at most 2 dimensions, got shape (1, 2, 3)")],
    ),
    OpCase(
        "flatten", lambda x: x.flatten(1), [normal(2, 3, 2)], numpy=lambda x: x.reshape(2, 6),
        torch="same",
        errors=[(lambda: zeros(2, 3).flatten(1, 0), "flatten: start_dim 1 is after end_dim 0")],
    ),
    OpCase(
        "flatten middle", lambda x: x.flatten(1, 2), [normal(2, 3, 2, 2)],
        numpy=lambda x: x.reshape(2, 6, 2), torch="same",
    ),
    OpCase(
        "flatten permuted", lambda x: x.transpose(1, 2).flatten(), [normal(2, 3, 2)],
        numpy=lambda x: x.swapaxes(1, 2).reshape(-1), torch="same",
    ),
    OpCase(
        "squeeze", lambda x: x.squeeze(1) * 2, [normal(2, 1, 2)], numpy="same", torch="same",
        errors=[(lambda: zeros(2, 3).squeeze(2),
                 "squeeze: dim 2 is out of range for 2 dimensions")],
    ),
    OpCase(
        "unsqueeze", lambda x: x.unsqueeze(-1), [normal(2, 3)], numpy=lambda x: x[..., None],
        torch="same",
        errors=[(lambda: zeros(2, 3).unsqueeze(3),
                 "unsqueeze: dim 3 is out of range for 3 dimensions")],
    ),
    OpCase(
        "expand", lambda x: x.expand(2, 3, 2), [normal(3, 1)],
        numpy=lambda x: np.broadcast_to(x, (2, 3, 2)), torch="same",
        errors=[
            (lambda: zeros(2, 3).expand(2, 4), "expand: shape (2, 3) does not expand to (2, 4)"),
            (lambda: zeros(2, 3).expand(3), "expand: shape (2, 3) does not expand to (3,)"),
        ],
    ),
    OpCase(
        "expand 0-d", lambda x: x.expand(3), [normal()], numpy=lambda x: np.broadcast_to(x, 3),
        torch="same",
    ),
    OpCase(
        "getitem int", lambda x: x[1], [normal(3, 2)], numpy="same", torch="same",
        errors=[(lambda: zeros(2)[zeros(2)], "an index must be of integers or bools, got float32",
                 TypeError)],
    ),
    # PyTorch has no negative steps.
    OpCase("getitem basic", lambda x: x[1:, None, ..., ::-2], [normal(3, 2, 3)], numpy="same"),
    OpCase("getitem reversed", lambda x: x[1, ::-1, None], [normal(2, 3)], numpy="same"),
    OpCase(
        "setitem", lambda x, v: _with_row(x, v) * x, [normal(3, 2), normal(2)],
        numpy=lambda x, v: np.stack([x[0], v, x[2]]) * x, torch=lambda x, v: _with_row(x, v) * x,
    ),
    OpCase(
        "getitem duplicates", lambda x, i: x[i], [normal(3, 2), lambda rng: np.array([2, 0, 2])],
        numpy="same", torch="same",
    ),
    OpCase(
        "getitem rows", lambda x: x[[1, 0, 1]], [normal(2, 3)], numpy="same", torch="same"
    ),
    OpCase(
        "getitem list", lambda x: x[[0, 0], [1, 1]], [normal(2, 2)], numpy="same", torch="same"
    ),
    OpCase(
        "getitem mixed", lambda x, i: x[:, i, 1:], [normal(2, 3, 3), integers(3, 2, 2)],
        numpy="same", torch="same",
    ),
    OpCase(
        "getitem mask", lambda x: x[tinygan.tensor([True, False, True])], [normal(3, 2)],
        numpy=lambda x: x[[0, 2]], torch=lambda x: x[[0, 2]],
    ),
    OpCase(
        "getitem comparison", lambda x: x[x > 0], [away(4, 5)], numpy="same", torch="same"
    ),
    OpCase(
        "iterate", lambda x: sum(row * i for i, row in enumerate(x)), [normal(3, 2)],
        numpy="same", torch="same",
    ),
    OpCase(
        "gather", lambda x, i: x.gather(0, i), [normal(2, 3), integers(2, 4, 3)],
        numpy=lambda x, i: np.take_along_axis(x, i, 0), torch="same",
        errors=[
            (lambda: zeros(2, 3).gather(1, tensor([0])),
             "gather: index of shape (1,) does not fit (2, 3) along dim 1"),
            (lambda: zeros(2).gather(0, tensor([2])),
             "gather: an index is 2, which is outside 0 ... 1"),
            (lambda: zeros(2).gather(0, zeros(2)),
             "gather: index must be of integers, got float32", TypeError),
        ],
    ),
    OpCase(
        "gather dim -1", lambda x, i: x.gather(-1, i), [normal(2, 3), integers(3, 2, 5)],
        numpy=lambda x, i: np.take_along_axis(x, i, 1), torch="same",
    ),
    OpCase(
        "cat", lambda a, b: cat([a, b, a], 1), [normal(2, 1), normal(2, 3)],
        numpy=lambda a, b: np.concatenate([a, b, a], 1), torch=lambda a, b: torch.cat([a, b, a], 1),
        errors=[
            (lambda: cat([]), "cat: needs at least one tensor"),
            (lambda: cat([zeros(2, 3), zeros(3, 3)], 1),
             "cat: tensor 1 has shape (3, 3), which does not fit (2, 3) along dim 1"),
            (lambda: cat([zeros(2)], 1), "cat: dim 1 is out of range for 1 dimensions"),
            (lambda: cat([zeros(2), tensor([1]), zeros(2).double()]),
             "cat: tensor 2 has dtype float64, tensor 0 has float32; write .to(dtype)", TypeError),
        ],
    ),
    OpCase(
        "cat of integers and floats", lambda a, i: cat([i, a, i > 1]),
        [normal(2), integers(3, 3)], torch=lambda a, i: torch.cat([i, a, i > 1]),
    ),
    OpCase(
        "cat of integers and bools", lambda i: cat([i > 1, i]), [integers(3, 3)],
        torch=lambda i: torch.cat([i > 1, i]), gradient=False,
    ),
    OpCase(
        "cat dim -2", lambda a, b: cat([a, b], -2), [normal(1, 2), normal(2, 2)],
        numpy=lambda a, b: np.concatenate([a, b], 0), torch=lambda a, b: torch.cat([a, b], -2),
    ),
    OpCase(
        "stack", lambda a, b: stack([a, b], 1), [normal(2, 3), normal(2, 3)],
        numpy=lambda a, b: np.stack([a, b], 1), torch=lambda a, b: torch.stack([a, b], 1),
        errors=[
            (lambda: stack([]), "stack: needs at least one tensor"),
            (lambda: stack([zeros(2), zeros(3)]),
             "stack: tensor 1 has shape (3,), the first has (2,)"),
            (lambda: stack([zeros(1), zeros(1).double()]),
             "cat: tensor 1 has dtype float64, tensor 0 has float32; write", TypeError),
        ],
    ),
    OpCase(
        "stack last", lambda a, b: stack([a, b], -1), [normal(2), normal(2)],
        numpy=lambda a, b: np.stack([a, b], -1), torch=lambda a, b: torch.stack([a, b], -1),
    ),
    OpCase(
        "to", lambda x: x.double().to(x.dtype) * 2, [normal(3)], numpy=lambda x: x * 2,
        torch="same",
        errors=[(lambda: zeros(2).to("float16"),
                 "dtype must be float32, float64, bool or an integer type", TypeError)],
    ),
    OpCase(
        "to and back", lambda x: (x.to("float64") * 2).double().cpu(), [normal(3)],
        no_values="its result is float64 on the CPU always; 'to' has values",
    ),
    OpCase(
        "clone", lambda x: x.clone() * x, [normal(3)], numpy=lambda x: x * x, torch="same"
    ),
    OpCase(
        "contiguous", lambda x: x.t().contiguous() * x.t(), [normal(3, 4)],
        numpy=lambda x: (x * x).T, torch="same",
    ),
    OpCase(
        "invert", lambda x: ~x, [bools(2, 3)], numpy="same", torch="same", gradient=False
    ),
]  # fmt: skip
