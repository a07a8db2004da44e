"""CUDA's errors as CuPy raises them, by number."""

from __future__ import annotations

_MESSAGES = {
    1: ("InvalidValue", "invalid argument"),
    35: ("InsufficientDriver", "CUDA driver version is insufficient for CUDA runtime version"),
    100: ("NoDevice", "no CUDA-capable device is detected"),
    101: ("InvalidDevice", "invalid device ordinal"),
    400: ("InvalidResourceHandle", "invalid resource handle"),
    401: ("IllegalState", "the operation cannot be performed in the present state"),
    500: ("SymbolNotFound", "named symbol not found"),
    600: ("NotReady", "device not ready"),
    900: ("StreamCaptureUnsupported", "operation not permitted when stream is capturing"),
    901: ("StreamCaptureInvalidated", "operation failed due to a previous error during capture"),
    902: ("StreamCaptureMerge",
          "operation would result in a merge of separate capture sequences"),
    903: ("StreamCaptureUnmatched", "capture was not ended in the same stream as it began"),
    904: ("StreamCaptureUnjoined", "capturing stream has unjoined work"),
    905: ("StreamCaptureIsolation", "dependency created on uncaptured work in another stream"),
    906: ("StreamCaptureImplicit",
          "operation would make the legacy stream depend on a capturing blocking stream"),
    907: ("CapturedEvent",
          "operation not permitted on an event last recorded in a capturing stream"),
    908: ("StreamCaptureWrongThread",
          "attempt to terminate a thread-local capture sequence from another thread"),
}  # fmt: skip
_DRIVER_NAMES = {
    1: "CUDA_ERROR_INVALID_VALUE", 400: "CUDA_ERROR_INVALID_HANDLE", 500: "CUDA_ERROR_NOT_FOUND",
}  # fmt: skip


class CUDARuntimeError(RuntimeError):
    """As `cupy.cuda.runtime.CUDARuntimeError`: ``.status`` is the number of CUDA's error.

    `detail` is what the emulator knows about it; CuPy has the number alone.
    """

    def __init__(self, status: int, detail: str = ""):
        self.status = status
        name, message = _MESSAGES.get(status, ("Unknown", "unrecognized error code"))
        super().__init__(f"cudaError{name}: {message}" + (f" ({detail})" if detail else ""))


class CUDADriverError(RuntimeError):
    """As `cupy.cuda.driver.CUDADriverError`; `detail` as of `CUDARuntimeError`."""

    def __init__(self, status: int, detail: str = ""):
        self.status = status
        text = f"{_DRIVER_NAMES[status]}: {_MESSAGES[status][1]}"
        super().__init__(text + (f" ({detail})" if detail else ""))
