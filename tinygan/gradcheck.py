"""Is a gradient right? Compare it with differences of the function itself.

For a function f, a point x, a direction u and a cotangent v, calculus says

    < v, (f(x + eps u) - f(x - eps u)) / (2 eps) >  ->  < J^T v, u >       as eps -> 0

The left side needs only f, the right side is what backward computes. In float64 with eps = 1e-6
the two agree to about 1e-9 of f's scale: truncation is O(eps^2), rounding O(1e-16 / eps).

The cotangent v is random. Summing the outputs instead (v = 1) is a trap: a batch norm's outputs
have a constant sum, so that a gradient of zero would pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinygan.autograd import grad
from tinygan.devices import to_device
from tinygan.tensor import Tensor, float64

FULL_JACOBIAN_ELEMENTS = 4096
"""Up to this many elements, every entry of the Jacobian is checked; above, random directions."""


class GradcheckError(AssertionError):
    """The gradient is wrong, or cannot be checked."""


def gradcheck(
    function: Callable[..., Tensor | Sequence[Tensor]], inputs: Tensor | Sequence[Tensor], *,
    eps: float = 1e-6, atol: float = 1e-6, rtol: float = 1e-5, seed: int = 0,
) -> bool:  # fmt: skip
    """Checks the gradients of `function` at `inputs`; returns True or raises.

    Small functions are checked entry by entry of their Jacobian. Larger ones are checked along
    random unit directions, with random cotangents. In both cases the function is also checked to
    be deterministic, finite, and smooth at the point.

    Args:
        function: takes the inputs, returns a Tensor or several.
        inputs: float64 tensors; those with ``requires_grad`` are differentiated by.
        eps: the step of the differences. For a function that is linear along every direction
            (convolution, matmul) eps=1 has no truncation error at all.
        atol, rtol: |numerical - analytical| <= atol + rtol |numerical| must hold.
        seed: of the directions and cotangents.

    Raises:
        TypeError: an input is not float64, or none requires a gradient.
        GradcheckError: what is wrong, with the worst element and both its values.
    """
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    _check_inputs(inputs)
    rng = np.random.default_rng(seed)
    first, again = _outputs(function, inputs), _outputs(function, inputs)
    for index, (a, b) in enumerate(zip(first, again, strict=True)):
        if not np.isfinite(a).all():
            raise GradcheckError(f"output {index} is not finite")
        if not np.array_equal(a, b):
            raise GradcheckError(
                f"output {index} differs between two calls with the same inputs by up to "
                f"{np.abs(a - b).max():.3e}: a function with randomness cannot be checked"
            )
    size_in = sum(x.numel() for x in inputs if x.requires_grad)
    size_out = sum(array.size for array in first)
    if size_in * size_out <= FULL_JACOBIAN_ELEMENTS:
        _check_jacobian(function, inputs, first, eps, atol, rtol)
    # Always: a gradient that is remembered from an earlier walk shows with another cotangent.
    for _ in range(3):
        _check_direction(function, inputs, first, eps, atol, rtol, rng)
    return True


def gradgradcheck(
    function: Callable[..., Tensor | Sequence[Tensor]], inputs: Tensor | Sequence[Tensor], *,
    eps: float = 1e-6, atol: float = 1e-6, rtol: float = 1e-5, seed: int = 0,
) -> bool:  # fmt: skip
    """Checks the second derivatives: `gradcheck` of (x, v) -> J(x)^T v, the gradient itself.

    Arguments and errors are those of `gradcheck`.
    """
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    _check_inputs(inputs)
    rng = np.random.default_rng(seed + 1)
    device = inputs[0].device if inputs else None
    cotangents = [
        Tensor(to_device(rng.standard_normal(array.shape), device)).requires_grad_()
        for array in _outputs(function, inputs)
    ]
    count = len(inputs)

    def gradient(*arguments: Tensor) -> list[Tensor]:
        x, v = arguments[:count], arguments[count:]
        wanted = [tensor for tensor in x if tensor.requires_grad]
        outputs = function(*x)
        outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        results = _vector_jacobian(outputs, v, wanted, create_graph=True)
        found = [tensor for tensor in results if tensor is not None]
        if not found:
            raise GradcheckError("no gradient reaches an input: there is nothing to differentiate")
        return found

    return gradcheck(gradient, [*inputs, *cotangents], eps=eps, atol=atol, rtol=rtol, seed=seed)


def _check_inputs(inputs: list[Tensor]) -> None:
    for index, x in enumerate(inputs):
        if x.dtype.kind == "f" and x.dtype != float64:
            raise TypeError(f"gradcheck: input {index} is {x.dtype}; differences need float64")
    if not any(x.requires_grad for x in inputs):
        raise TypeError("gradcheck: no input has requires_grad=True")


def _outputs(function, inputs: list[Tensor]) -> list[np.ndarray]:
    """The function's outputs as arrays; its inputs are fresh leaves that it may not keep."""
    leaves = [Tensor(x.array).requires_grad_(x.requires_grad) for x in inputs]
    outputs = function(*leaves)
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    return [np.array(output.detach().cpu().array) for output in outputs]


def _moved(inputs: list[Tensor], direction: list[np.ndarray | None], step: float) -> list[Tensor]:
    return [
        x if u is None else Tensor(x.array + to_device(step * u, x.device)).requires_grad_()
        for x, u in zip(inputs, direction, strict=True)
    ]


def _derivative(function, inputs, here, direction, eps) -> list[np.ndarray]:
    """(f(x + eps u) - f(x - eps u)) / (2 eps), having looked for a kink at x."""
    ahead = _outputs(function, _moved(inputs, direction, eps))
    minus_side = _outputs(function, _moved(inputs, direction, -eps))
    derivatives = []
    for index, (f, plus, minus) in enumerate(zip(here, ahead, minus_side, strict=True)):
        if not (np.isfinite(plus).all() and np.isfinite(minus).all()):
            raise GradcheckError(f"output {index} is not finite at a distance of {eps} from x")
        derivative = (plus - minus) / (2 * eps)
        # Where f is smooth, the slopes of both sides differ by eps f''; at a kink by the jump.
        jump = np.abs((plus - f) - (f - minus)) / eps
        allowed = 1e-3 * (1 + np.abs(derivative)) + 1e-13 * np.abs(f).max(initial=0) / eps
        if eps < 1e-2 and (jump > allowed).any():
            worst = np.unravel_index(np.argmax(jump - allowed), jump.shape)
            raise GradcheckError(
                f"output {index} has a kink within {eps} of the inputs, at element "
                f"{tuple(map(int, worst))}: its slope jumps by {jump[worst]:.3e}; move the inputs"
            )
        derivatives.append(derivative)
    return derivatives


def _vector_jacobian(
    outputs: Sequence[Tensor], cotangents: Sequence[Tensor], wanted: Sequence[Tensor],
    create_graph: bool = False,
) -> Sequence[Tensor | None]:  # fmt: skip
    """J^T v by backward; outputs that no gradient leads back from are constants."""
    connected = [pair for pair in zip(outputs, cotangents, strict=True) if pair[0].requires_grad]
    if not connected:
        return [None] * len(wanted)
    outputs, cotangents = zip(*connected, strict=True)
    return grad(outputs, wanted, cotangents, create_graph=create_graph, allow_unused=True)


def _gradients(function, inputs, cotangents: list[np.ndarray]) -> list[np.ndarray | None]:
    """J^T v by backward; None for the inputs that need none."""
    leaves = [Tensor(x.array).requires_grad_(x.requires_grad) for x in inputs]
    outputs = function(*leaves)
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    wanted = [x for x in leaves if x.requires_grad]
    vectors = [Tensor(to_device(v, y.device)) for v, y in zip(cotangents, outputs, strict=True)]
    found = iter(_vector_jacobian(outputs, vectors, wanted))
    gradients: list[np.ndarray | None] = []
    for index, x in enumerate(leaves):
        if not x.requires_grad:
            gradients.append(None)
            continue
        result = next(found)
        array = np.zeros(x.shape) if result is None else np.asarray(result.detach().cpu().array)
        if not np.isfinite(array).all():
            worst = np.unravel_index(np.argmin(np.isfinite(array)), array.shape)
            raise GradcheckError(
                f"the gradient by input {index} is {array[worst]} at {tuple(map(int, worst))}"
            )
        gradients.append(array)
    return gradients


def _wrong(numerical: np.ndarray, analytical: np.ndarray, atol: float, rtol: float) -> np.ndarray:
    # Written so that a NaN on either side counts as wrong.
    return ~(np.abs(numerical - analytical) <= atol + rtol * np.abs(numerical))


def _check_jacobian(function, inputs, here, eps, atol, rtol) -> None:
    """Every entry: columns by differences, rows by backward with unit cotangents."""
    rows: list[list[np.ndarray | None]] = []  # gradients, one list per output element
    for index, array in enumerate(here):
        for element in range(array.size):
            cotangents = [np.zeros_like(f) for f in here]
            cotangents[index].flat[element] = 1
            rows.append(_gradients(function, inputs, cotangents))
    for i, x in enumerate(inputs):
        if not x.requires_grad:
            continue
        analytical = np.array([row[i] for row in rows]).reshape(len(rows), x.numel())
        numerical = np.empty_like(analytical)
        for column in range(x.numel()):
            direction: list[np.ndarray | None] = [None] * len(inputs)
            unit = np.zeros(x.shape)
            unit.flat[column] = 1
            direction[i] = unit
            derivative = _derivative(function, inputs, here, direction, eps)
            numerical[:, column] = np.concatenate([d.ravel() for d in derivative])
        wrong = _wrong(numerical, analytical, atol, rtol)
        if wrong.any():
            difference = np.where(wrong, np.abs(numerical - analytical), -1)
            row, column = divmod(int(np.argmax(difference)), x.numel())
            raise GradcheckError(
                f"d output / d input {i} is wrong in {wrong.sum()} of {wrong.size} entries; worst: "
                f"output element {row} (of all outputs, flat), input element "
                f"{tuple(map(int, np.unravel_index(column, x.shape)))}: "
                f"numerical {numerical[row, column]:.9g}, analytical {analytical[row, column]:.9g}"
            )


def _check_direction(function, inputs, here, eps, atol, rtol, rng) -> None:
    """One random direction through all inputs, one random cotangent."""
    cotangents = [rng.standard_normal(f.shape) for f in here]
    gradients = _gradients(function, inputs, cotangents)
    direction = [
        rng.standard_normal(x.shape) if x.requires_grad else None for x in inputs
    ]  # fmt: skip
    length = np.sqrt(sum((u * u).sum() for u in direction if u is not None))
    direction = [None if u is None else u / max(length, 1e-300) for u in direction]

    def numerical_along(direction) -> float:
        derivative = _derivative(function, inputs, here, direction, eps)
        return sum(float((v * d).sum()) for v, d in zip(cotangents, derivative, strict=True))

    numerical = numerical_along(direction)
    analytical = sum(
        float((g * u).sum()) for g, u in zip(gradients, direction, strict=True) if g is not None
    )
    if not _wrong(np.array(numerical), np.array(analytical), atol, rtol):
        return
    worst = (-1.0, "")
    for i, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
        if gradient is None:
            continue
        # Say where: try single elements, at most 64 of each input.
        for element in rng.permutation(x.numel())[:64]:
            one: list[np.ndarray | None] = [None] * len(inputs)
            unit = np.zeros(x.shape)
            unit.flat[element] = 1
            one[i] = unit
            difference, ours = numerical_along(one), gradient.flat[element]
            if not abs(difference - ours) <= worst[0]:
                position = tuple(map(int, np.unravel_index(element, x.shape)))
                text = f"input {i}, element {position}: numerical {difference:.9g}, "
                worst = (abs(difference - ours), text + f"analytical {ours:.9g}")
    raise GradcheckError(
        f"the gradient is wrong along a random direction: numerical {numerical:.9g}, analytical "
        f"{analytical:.9g}; worst element tried: {worst[1]}"
    )
