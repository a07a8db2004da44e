"""Reductions."""

from __future__ import annotations

from collections.abc import Iterator

from op_cases.case import OpCase, distinct, normal
from tinygan import tensor, zeros

ERRORS = {
    "sum": [(lambda: zeros(2).sum(1), "sum: dim 1 is out of range for 1 dimensions")],
    "mean": [
        (lambda: zeros(2, 2).mean((0, -2)), "mean: dim (0, -2) names a dimension twice"),
        (lambda: zeros(0, 2).mean(0), "mean: nothing to average over dim 0 of shape (0, 2)"),
        (lambda: tensor([1, 2]).mean(), "mean: needs a floating dtype, got int64", TypeError),
    ],
    "var": [(lambda: zeros(1, 2).var(0), "var: too few elements over dim 0 of shape (1, 2)")],
    "amax": [(lambda: zeros(0, 2).amax(0), "amax: nothing to compare over dim 0 of shape (0, 2)")],
    "max": [
        (lambda: zeros(2).max(1), "max: dim 1 is out of range for 1 dimensions"),
        (lambda: zeros(0, 2).max(0), "max: nothing to compare over dim 0 of shape (0, 2)"),
    ],
}


def over_dims() -> Iterator[OpCase]:
    for name in ("sum", "mean", "var", "std", "amax", "amin"):
        in_numpy = {"amax": "max", "amin": "min"}.get(name, name)
        unbiased = {"ddof": 1} if name in ("var", "std") else {}
        for dim in (None, 0, -1, (0, 2), (-1, 1)):
            # PyTorch's amax takes an empty tuple for all dimensions.
            dim_of_torch = () if dim is None and name in ("amax", "amin") else dim
            for keepdim in (False, True):
                first = dim is None and not keepdim
                yield OpCase(
                    f"{name} dim={dim} keepdim={keepdim}",
                    lambda x, n=name, d=dim, k=keepdim: getattr(x, n)(dim=d, keepdim=k),
                    [distinct(2, 3, 2)],
                    numpy=lambda x, n=in_numpy, d=dim, k=keepdim, u=unbiased: getattr(x, n)(
                        axis=d, keepdims=k, **u
                    ),
                    torch=lambda x, n=name, d=dim_of_torch, k=keepdim: getattr(x, n)(
                        dim=d, keepdim=k
                    ),
                    errors=ERRORS.get(name, ()) if first else (),
                )


def extremes() -> Iterator[OpCase]:
    for name in ("max", "min"):
        yield OpCase(
            name, lambda x, n=name: getattr(x, n)(), [distinct(2, 3)], numpy="same", torch="same",
            errors=ERRORS.get(name, ()),
        )  # fmt: skip
        for dim, keepdim in ((0, False), (1, True), (-1, False)):
            yield OpCase(
                f"{name} dim={dim} keepdim={keepdim}",
                lambda x, n=name, d=dim, k=keepdim: getattr(x, n)(d, k)[0],
                [distinct(2, 3, 2)],
                numpy=lambda x, n=name, d=dim, k=keepdim: getattr(x, n)(axis=d, keepdims=k),
                torch="same",
            )
        for dim in (None, 0, -1):
            yield OpCase(
                f"arg{name} dim={dim}", lambda x, n=f"arg{name}", d=dim: getattr(x, n)(d),
                [distinct(2, 3)], numpy="same", torch="same", gradient=False,
            )  # fmt: skip


CASES = [
    *over_dims(),
    OpCase(
        "var correction", lambda x: x.var(1, correction=0), [normal(2, 3)],
        numpy=lambda x: x.var(1), torch="same",
    ),
    OpCase(
        "var all", lambda x: x.var(correction=0), [normal(2, 5)], numpy=lambda x: x.var(),
        torch="same",
    ),
    OpCase(
        "std correction", lambda x: x.std(1, 0), [normal(3, 5)], numpy=lambda x: x.std(1),
        torch=lambda x: x.std(1, correction=0),
    ),
    # PyTorch reads an empty tuple as all dimensions.
    OpCase("sum of nothing", lambda x: x.sum(()), [normal(2)], numpy="same"),
    *extremes(),
]  # fmt: skip
