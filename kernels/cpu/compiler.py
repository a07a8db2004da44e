"""Whether there is a compiler for the kernels on the CPU: Numba, which not every machine has.

There is none for a Python that is newer than Numba, or in a browser, and NUMBA_DISABLE_JIT switches
it off. Then the rungs in NumPy compute everything.
"""

from __future__ import annotations

import functools
import sys

from .memory import keep_freed_memory

SLOWER = "two to three times"  # a step of DCGAN on 28x28 images, one thread, x86-64


@functools.cache
def fault() -> str | None:
    """Why nothing can be compiled; None: it can."""
    try:
        import numba
    except Exception as error:  # a Numba that does not fit Python or NumPy may raise anything
        return f"Numba cannot be imported ({error})"
    return "NUMBA_DISABLE_JIT is set" if numba.config.DISABLE_JIT else None


_not_wanted = False


def compile_nothing() -> None:
    """From now on kernels run in NumPy, for programs that are done before a compiler has begun."""
    global _not_wanted
    _not_wanted = True
    compiles.cache_clear()


@functools.cache
def compiles() -> bool:
    """Whether kernels are compiled. The first time, a line says so if they cannot be."""
    if _not_wanted:
        return False
    if fault() is None:
        return True
    keep_freed_memory()  # which else compiled kernels ask for
    print(
        f"tinygan: {fault()}: kernels run in NumPy, training takes {SLOWER} as long",
        file=sys.stderr, flush=True,
    )  # fmt: skip
    return False


def numba_version() -> str | None:
    """For the records of a run; None where Numba is not used."""
    if fault() is not None:
        return None
    import numba

    return numba.__version__
