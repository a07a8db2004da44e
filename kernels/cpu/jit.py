"""`jit`: Numba's compiler with the options that all CPU kernels share.

The GIL is released, so that a plain thread pool runs kernels in parallel, and machine code is
cached on disk. Numba's cache notices an edit of the file that holds a function, but not of another
file whose function it calls; here the cache is keyed by a digest of all kernel sources instead, so
that stale machine code is never run.
"""

from __future__ import annotations

import functools
import sys

import numba
from numba import types
from numba.core import event
from numba.core.registry import CPUDispatcher, cpu_target

from .machine_code import KeptCode, kept_code
from .memory import keep_freed_memory

# Sums may be reordered into vector lanes and a * b + c may be one instruction. NaN and infinity
# keep their meaning (no "nnan", no "ninf"): a diverged training must show as NaN.
FAST_MATH = {"reassoc", "contract", "nsz"}
OPTIONS = dict(nogil=True, fastmath=FAST_MATH, error_model="numpy", no_cfunc_wrapper=True)


keep_freed_memory()  # here, because every module of compiled kernels imports this one


@functools.cache
def cpu_features() -> frozenset[str]:
    """What Numba compiles for, as ``"avx2"``: the features of this CPU, unless Numba's settings
    NUMBA_CPU_NAME and NUMBA_CPU_FEATURES say less."""
    text = cpu_target.target_context.codegen().magic_tuple()[-1]
    return frozenset(name[1:] for name in text.split(",") if name.startswith("+"))


class _Announcement(event.Listener):
    """Says, once in a process, what the time of the first calls goes into."""

    said = False

    def on_start(self, event):
        if not self.said and event.data["dispatcher"].py_func.__module__.startswith(PACKAGE):
            self.said = True
            kept = isinstance(event.data["dispatcher"]._cache, KeptCode)
            print(
                "tinygan: compiling kernels for this CPU; "
                + ("they are kept for the next time" if kept else
                   "there is no folder to keep them in (NUMBA_CACHE_DIR can name one)"),
                file=sys.stderr, flush=True,
            )  # fmt: skip

    def on_end(self, event):
        pass


PACKAGE = "tinygan.kernels."
event.register("numba:compile", _Announcement())


def jit(function):
    """Compiles `function` at its first call, once per combination of argument types. Where Numba is
    switched off, to look into a reference with a debugger, it stays as it is."""
    if numba.config.DISABLE_JIT:
        return function
    dispatcher = numba.njit(**OPTIONS)(function)
    cache = kept_code(function)
    if cache is not None:
        dispatcher._cache = cache
    return dispatcher


class subroutine(CPUDispatcher):
    """Compiles a function that only compiled functions call.

    It is compiled within its callers, so that what is left out here saves a third of the time:
    optimisation, which its caller gets anyway; a way to call it from Python; the
    cache; versions of its own for each constant argument.
    """

    def __init__(self, function):
        options = dict(OPTIONS, nopython=True, no_cpython_wrapper=True)
        super().__init__(function, targetoptions=options)

    def __call__(self, *args):
        raise TypeError(f"{self.py_func.__name__} can only be called by compiled functions")

    def get_call_template(self, args, kws):
        return super().get_call_template([types.unliteral(arg) for arg in args], kws)

    def compile(self, sig):
        config = numba.config
        before = config.OPT, config.LOOP_VECTORIZE
        config.OPT, config.LOOP_VECTORIZE = type(config.OPT)(1), 0
        try:
            return super().compile(sig)
        finally:
            config.OPT, config.LOOP_VECTORIZE = before
