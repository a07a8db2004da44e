"""From the text of a .cu file to a library for the CPU, with the host's C++ compiler."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..cache import own_folder
from . import language

HERE = Path(__file__).resolve().parent
RUNTIME = ("signals.cpp", "stacks.cpp", "threads.cpp", "traffic.cpp", "memory.cpp")
RUNTIME_OPTIONS = ["-O2", "-g", "-Wall"]

COMMON = ("-std=c++17", "-fPIC", "-shared", "-fno-gnu-unique", f"-I{HERE}", f"-I{HERE.parent}")
# -ffp-contract=off: a GPU fuses a * b + c or not as its compiler likes; tests must bear either.
FAST = ("-O2", "-g1", "-ffp-contract=off", "-w")
# A call in front of each access (-fsanitize=thread), none of them merged or turned into others.
CHECKED = (
    "-O1", "-gdwarf-4", "-w", "-ffp-contract=off", "-fsanitize=thread",
    "-fno-tree-vectorize", "-fno-tree-loop-distribute-patterns",
)  # fmt: skip
GCC_CHECKED = ("-fno-store-merging", "--param", "tsan-instrument-func-entry-exit=0")
CLANG_CHECKED = ("-mllvm", "-tsan-instrument-func-entry-exit=0")


class EmulatorError(RuntimeError):
    """The emulator cannot be used: no compiler, or a kernel's text does not compile."""


@functools.cache
def compiler() -> str:
    """The C++ compiler: $CXX, g++, clang++ or c++, the first that is there.

    Raises:
        EmulatorError: none is there.
    """
    for name in (os.environ.get("CXX"), "g++", "clang++", "c++"):
        if name and shutil.which(name):
            return name
    raise EmulatorError(
        "the CUDA emulator needs a C++ compiler, and neither $CXX nor g++, clang++ or c++ is there"
    )


@functools.cache
def _version() -> str:
    return _run([compiler(), "--version"]).splitlines()[0]


def _run(command: Sequence[str | os.PathLike]) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if done.returncode:
        raise EmulatorError(f"{command[0]} failed:\n{done.stderr.strip()}")
    return done.stdout


def folder() -> Path:
    """Where libraries are kept: ``emulator`` below $TINYGAN_CACHE or the user's cache folder; a
    folder for this process alone where there is none to write to."""
    return own_folder("emulator", "what the emulator compiles")


def _library(name: str, text: str, command: Sequence[str], *more: str | Path) -> Path:
    """The library that `command` makes of `text`, made once for each text and command."""
    sources = [*HERE.glob("*.h"), *HERE.parent.rglob("*.cuh")]
    headers = "".join(path.read_text() for path in sorted(sources))
    parts = (text, headers, _version(), *command, *map(str, more))
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
    path = folder() / f"{name}-{key}.so"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=path.parent) as work:
        source = Path(work) / "source.cpp"
        source.write_text(text)
        _run([compiler(), *command, "-c", source, "-o", Path(work) / "object.o"])
        linked = Path(work) / "library.so"
        link = ["-shared", "-Wl,-Bsymbolic", "-o", str(linked), f"{work}/object.o"]
        _run([compiler(), *link, *more])
        os.replace(linked, path)
    return path


@functools.cache
def runtime() -> Path:
    """The library that runs the threads and watches their memory."""
    text = "".join(f"#line 1 {str(HERE / name)!r}\n".replace("'", '"')
                   + (HERE / name).read_text() for name in RUNTIME)  # fmt: skip
    return _library("runtime", text, [*COMMON, *RUNTIME_OPTIONS])


def host_text(text: str, name: str, kernels: Sequence[str]) -> str:
    """What the host's compiler gets: CUDA's language, the kernel's text, and its entry points."""
    try:
        made, variables = language.for_host(text, name)
    except language.LanguageError as error:
        raise EmulatorError(str(error)) from None
    head = ["#define EMULATOR_HOST_HEADERS"] if language.includes_host_headers(text) else []
    entries = [f"EMULATOR_KERNEL({i}, {kernel})" for i, kernel in enumerate(kernels)]
    entries += [f"EMULATOR_ADDRESS({i}, {variable.name})" for i, variable in enumerate(variables)]
    return "\n".join([*head, '#include "cuda_emulator.h"', f'#line 1 "{name}"', made,
                      '#line 1 "entry points"', *entries, ""])  # fmt: skip


# {NVRTC's option: g++'s}; NVRTC also takes all of them with their value in the next string.
_WITH_VALUE = {
    "--define-macro": "-D", "--undefine-macro": "-U", "--include-path": "-I",
    "--pre-include": "-include",
    "-D": "-D", "-U": "-U", "-I": "-I", "-include": "-include",
}  # fmt: skip
_ARCHITECTURE = re.compile(r"--?(?:arch|gpu-architecture)=(?:sm|compute)_(\d+)[af]?")


def host_options(options: Sequence[str]) -> list[str]:
    """Those of NVRTC's options that change what a text means, as the host's compiler takes them.

    Macros, folders and files to include; the standard, which is C++17 at least; and the
    architecture, from which __CUDA_ARCH__ follows.

    Raises:
        EmulatorError: an option whose value is missing.
    """
    made: list[str] = []
    left = iter(options)
    for option in left:
        name, equals, value = option.partition("=")
        short = re.match(r"-(?:include|[DUI])", option)
        if name in _WITH_VALUE and (name.startswith("--") or not short or equals):
            value = value if equals else next(left, "")
        elif short:
            name, value = short[0], option[short.end() :].lstrip(" =") or next(left, "")
        elif name in ("-std", "--std"):
            made.append(f"-std={value if value in ('c++20', 'c++23') else 'c++17'}")
            continue
        elif number := _ARCHITECTURE.fullmatch(option):
            made.append(f"-D__CUDA_ARCH__={number[1]}0")
            continue
        else:
            continue
        if not value:
            raise EmulatorError(f"option {option!r} needs a value, and none follows")
        made += [_WITH_VALUE[name], value]
    return made


def kernel_library(
    text: str, name: str, kernels: Sequence[str], options: Sequence[str], checked: bool
) -> Path:
    """The library of a kernel's text, with entry points for `kernels`.

    Raises:
        EmulatorError: it does not compile; the message is the compiler's.
    """
    command = [*COMMON, *(CHECKED if checked else FAST)]
    if checked:
        command += CLANG_CHECKED if "clang" in _version() else GCC_CHECKED
    command += host_options(options)
    return linked_library(host_text(text, name, kernels), name, command)


def linked_library(made: str, name: str, command: Sequence[str]) -> Path:
    """The library that `command` makes of a text in C++, linked with the runtime.

    Raises:
        EmulatorError: it does not compile; the message is the compiler's.
    """
    return _library(Path(name).stem, made, command, runtime(), f"-Wl,-rpath,{folder()}")
