"""The Frechet distance against closed forms, the kernel distance against its definition."""

import numpy as np
import pytest

from tinygan.metrics import distances, frechet_distance, kernel_distance


def white(rng, count, size):
    """Samples whose mean is 0 and whose covariance is the identity, up to rounding."""
    x = rng.standard_normal((count, size))
    x -= x.mean(0)
    covariance = np.atleast_2d(np.cov(x, rowvar=False))
    return x @ np.linalg.inv(np.linalg.cholesky(covariance)).T


def test_frechet_distance_of_gaussians(rng):
    x = white(rng, 500, 3)
    a = np.diag([1.0, 2.0, 3.0])
    b = np.diag([2.0, 2.0, 0.5])
    shift = np.array([1.0, -2.0, 0.0])
    # For commuting covariances: |m1 - m2|^2 + sum (s1 - s2)^2.
    expected = 5 + (1 - 2) ** 2 + 0 + (3 - 0.5) ** 2
    assert frechet_distance(x @ a, x @ b + shift) == pytest.approx(expected, rel=1e-9)
    rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    rotated = frechet_distance(x @ a @ rotation, (x @ b + shift) @ rotation)
    assert rotated == pytest.approx(expected, rel=1e-9)
    # The square root of a zero eigenvalue turns rounding of 1e-16 into 1e-8.
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("size", [1, 2, 5, 20])
def test_frechet_distance_of_covariances_that_do_not_commute(rng, size):
    x = white(rng, 400, size)
    a, b = rng.standard_normal((2, size, size)) + 2 * np.eye(size)
    shift = rng.standard_normal(size)
    cov_a, cov_b = a.T @ a, b.T @ b
    assert size == 1 or np.abs(cov_a @ cov_b - cov_b @ cov_a).max() > 1
    # tr (C1 C2)^(1/2) = the sum of the roots of the eigenvalues of C1 C2, which is not symmetric;
    # and, computed in yet another way, the nuclear norm of A B^T.
    roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real).sum()
    assert roots == pytest.approx(np.linalg.svd(a @ b.T, compute_uv=False).sum(), rel=1e-9)
    expected = shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * roots
    assert frechet_distance(x @ a, x @ b + shift) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(x @ b + shift, x @ a) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_does_not_depend_on_the_order(rng):
    x, y = rng.standard_normal((2, 50, 4)).astype(np.float32)
    y = y * 2 + 1
    shuffled = frechet_distance(x[rng.permutation(50)], y[::-1])
    assert shuffled == pytest.approx(frechet_distance(x, y), rel=1e-12)


def test_frechet_distance_rejects_bad_features(rng):
    x = rng.standard_normal((5, 3))
    with pytest.raises(ValueError, match=r"features and reference .* got \(5, 3\), \(5, 2\)"):
        frechet_distance(x, x[:, :2])
    with pytest.raises(ValueError, match="n, m >= 2"):
        frechet_distance(x[:1], x)
    broken = x.copy()
    broken[2, 1] = np.nan
    with pytest.raises(ValueError, match="reference is not finite"):
        frechet_distance(x, broken)
    with pytest.raises(TypeError, match="features has dtype complex128"):
        frechet_distance(x + 1j, x)


def kernel_distance_pair_by_pair(x, y):
    """The definition of the unbiased estimate, as loops."""
    kernel = lambda a, b: (a @ b / len(a) + 1) ** 3  # noqa: E731
    n, m = len(x), len(y)
    own_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    own_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    cross = sum(kernel(a, b) for a in x for b in y)
    return own_x / (n * (n - 1)) + own_y / (m * (m - 1)) - 2 * cross / (n * m)


def test_kernel_distance_is_the_mean_over_pairs(rng, monkeypatch):
    x, y = rng.standard_normal((20, 3)), rng.standard_normal((13, 3)) * 1.5 + 0.3
    expected = kernel_distance_pair_by_pair(x, y)
    value, error = kernel_distance(x, y, subsets=1)
    assert value == pytest.approx(expected, rel=1e-12)
    assert np.isnan(error)
    monkeypatch.setattr(distances, "KERNEL_ELEMENTS", 40)  # blocks of two and three rows
    assert kernel_distance(x, y, subsets=1).distance == pytest.approx(expected, rel=1e-12)
    shuffled = kernel_distance(x[::-1], y[rng.permutation(13)], subsets=1)
    assert shuffled.distance == pytest.approx(expected, rel=1e-12)


def test_kernel_distance_of_points():
    # x = (0, 0) twice, y = (2, 0) and (0, 2): k(x, x') = 1, k(y, y') = 1, k(x, y) = 1.
    x, y = np.zeros((2, 2)), np.array([[2.0, 0.0], [0.0, 2.0]])
    assert kernel_distance(x, y, subsets=1).distance == pytest.approx(0)
    # y twice (2, 0): k(y, y') = (4 / 2 + 1)^3 = 27.
    assert kernel_distance(x, y[[0, 0]], subsets=1).distance == pytest.approx(1 + 27 - 2)


def test_kernel_distance_has_no_bias_and_an_honest_standard_error(rng):
    draws = [
        kernel_distance(rng.standard_normal((40, 4)), rng.standard_normal((60, 4)), subsets=4)
        for _ in range(400)
    ]
    values = np.array([draw.distance for draw in draws])
    # Of 400 draws the mean is within 3 of its standard errors of 0, and both signs occur.
    assert abs(values.mean()) < 3 * values.std() / 20
    assert 0.3 < (values < 0).mean() < 0.8
    # The error that each draw states is, on average, the spread that the draws have.
    stated = np.sqrt(np.mean([draw.standard_error**2 for draw in draws]))
    assert stated == pytest.approx(values.std(), rel=0.2)
    apart = kernel_distance(rng.standard_normal((40, 4)), rng.standard_normal((60, 4)) + 1)
    assert apart.distance > 5 * apart.standard_error


def test_kernel_distance_uses_each_row_once_and_repeats_by_seed(rng, monkeypatch):
    x, y = rng.standard_normal((50, 3)), rng.standard_normal((75, 3))
    assert kernel_distance(x, y, seed=1) == kernel_distance(x, y, seed=1)
    assert kernel_distance(x, y, seed=1) != kernel_distance(x, y, seed=2)
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    monkeypatch.setattr(distances, "_squared_mmd", lambda a, b: seen.append((a, b)) or 0.0)
    kernel_distance(x, y)
    assert [(len(a), len(b)) for a, b in seen] == [(5, 8)] * 5 + [(5, 7)] * 5
    for rows, parts in ((x, [a for a, _ in seen]), (y, [b for _, b in seen])):
        used = np.concatenate(parts)
        np.testing.assert_array_equal(np.sort(used, axis=0), np.sort(rows, axis=0))
        assert not np.array_equal(used, rows)  # shuffled


def test_kernel_distance_rejects_bad_features(rng):
    x = rng.standard_normal((19, 3))
    with pytest.raises(ValueError, match=r"n, m >= 20, got \(19, 3\), \(19, 3\)"):
        kernel_distance(x, x)
    with pytest.raises(ValueError, match="subsets must be a positive integer, got 0"):
        kernel_distance(x, x, subsets=0)
    with pytest.raises(ValueError, match="features is not finite"):
        kernel_distance(x * np.inf, x, subsets=2)
