"""A training step as one CUDA graph: recorded once, then replayed by a single launch."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinygan.devices import check_device, on_device, to_device
from tinygan.kernels.cuda import graph
from tinygan.kernels.cuda.graph import CaptureError, Recording
from tinygan.tensor import Tensor

_HERE = Path(__file__).resolve().parent


class CapturedStep:
    """What `capture` returns: call it as the step itself."""

    def __init__(self, step: Callable[..., Any], device: str | None, warmup: int):
        self.step, self.warmup, self._calls = step, warmup, 0
        self._device = None if device is None else check_device(device)
        self._recording: Recording | None = None
        self._arguments: list[Any] = []
        self._result: Any = None

    def __call__(self, *args: Any) -> Any:
        if self._device is None:
            tensors = [arg for arg in args if isinstance(arg, Tensor)]
            self._device = tensors[0].device if tensors else "cpu"
        if self._device == "cpu":
            return self.step(*args)
        with on_device(self._device):
            return self._run(args)

    def _run(self, args: tuple) -> Any:
        if self._recording is None:
            self._recording = Recording()
            self._arguments = [self._fixed(arg) for arg in args]
        else:
            self._fill(args)
        self._calls += 1
        if self._calls <= self.warmup:
            return self._recording.rehearse(lambda: self.step(*self._arguments))
        if self._calls == self.warmup + 1:
            self._record()
            self._recording.launch()
        else:
            self._recording.replay()
        return self._result

    def _record(self) -> None:
        assert self._recording is not None
        try:
            self._result = _detached(
                self._recording.record(lambda: self.step(*self._arguments))
            )
        except Exception as error:
            self._calls -= 1  # the step has not been done
            raise CaptureError(f"capture: {_place(error)}{error}") from error

    def _fixed(self, arg: Any) -> Any:
        """A tensor's own copy on the device, into which each call's values will be written."""
        if not isinstance(arg, Tensor):
            return arg
        array = to_device(arg.array, self._device)
        return Tensor(array.copy(order="K") if array is arg.array else array)

    def _fill(self, args: tuple) -> None:
        if len(args) != len(self._arguments):
            raise TypeError(
                f"capture: {len(args)} arguments, the step was recorded with "
                f"{len(self._arguments)}"
            )
        for number, (arg, fixed) in enumerate(zip(args, self._arguments, strict=True)):
            what = f"capture: argument {number}"
            if not isinstance(fixed, Tensor):
                if isinstance(arg, Tensor) or arg != fixed:
                    raise ValueError(f"{what} was {fixed!r} when the step was recorded, is {arg!r}")
            elif not isinstance(arg, Tensor):
                raise TypeError(f"{what} was a tensor when the step was recorded, is {arg!r}")
            elif arg.shape != fixed.shape or arg.dtype != fixed.dtype:
                raise ValueError(
                    f"{what} was a tensor of shape {fixed.shape} and {fixed.dtype} when the step "
                    f"was recorded, is of shape {arg.shape} and {arg.dtype}"
                )
        for arg, fixed in zip(args, self._arguments, strict=True):
            if isinstance(fixed, Tensor):
                fixed.array[...] = to_device(arg.array, self._device)


def capture(
    step: Callable[..., Any], *, device: str | None = None, warmup: int = 2
) -> Callable[..., Any]:
    """`step`, so that on a GPU it runs as one CUDA graph; on the CPU it is called as it is.

        step = tinygan.capture(lambda real, latent: gan_step(...))
        for real in data:
            losses = step(real, latent)

    Each call does one step. The first `warmup` calls run as always, so that every kernel is
    compiled and all memory is allocated; the next one is recorded; from then on a call copies its
    arguments into the recorded ones and launches the graph: no Python, no allocation, no gaps
    between the kernels. Adam's learning rate and step count, the updates of an average and the
    random streams lie in the device's memory and go on.

    Args:
        step: takes tensors, which may differ from call to call in their values alone, and other
            arguments, which may not differ. It returns a tensor or a tuple of tensors, or None.
            It must do the same each time: what Python decides in it is decided once.
        device: where; None: where the first tensor among the arguments is.
        warmup: calls before the one that is recorded, at least 1.

    Returns:
        A function like `step`. What it returns is overwritten by the next call.

    Raises:
        CaptureError: by the call that records: the step reads a value on the host (``item()``),
            copies from the host, uses an optimizer that cannot be captured, or launches something
            else than before; the message says what and where. No step has been done by that call.
        ValueError, TypeError: arguments that differ in shape, dtype or number; warmup below 1.
    """
    if warmup < 1:
        raise ValueError(f"capture: warmup must be at least 1, got {warmup}")
    return CapturedStep(step, device, warmup)


def _detached(result: Any) -> Any:
    """The result with its tensors cut off from the graph of ops, whose arrays would stay alive."""
    if isinstance(result, Tensor):
        return result.detach()
    if result is None:
        return None
    if isinstance(result, tuple):
        values = [_detached(value) for value in result]
        return type(result)(*values) if hasattr(result, "_fields") else tuple(values)
    raise CaptureError(
        f"the step must return a tensor, a tuple of tensors or None, got {type(result).__name__}"
    )


def _place(error: BaseException) -> str:
    """ "mean (tinygan/ops/reduction.py:30), called at train.py:12: ", from the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [f for f in frames if not Path(f.filename).resolve().is_relative_to(_HERE)]
    own = Path(graph.__file__).resolve()
    inside = [
        f for f in frames
        if Path(f.filename).resolve().is_relative_to(_HERE) and f.filename != __file__
    ]  # fmt: skip
    outside = [f for f in outside if Path(f.filename).resolve() != own]
    parts = []
    if inside:
        last = inside[-1]
        parts.append(f"in {last.name} ({Path(last.filename).name}:{last.lineno})")
    users = [f for f in outside if "cupy" not in f.filename and "kernels" not in f.filename]
    if users:
        last = users[-1]
        parts.append(f"at {Path(last.filename).name}:{last.lineno}")
    return ", ".join(parts) + ": " if parts else ""


__all__ = ["CaptureError", "capture"]

