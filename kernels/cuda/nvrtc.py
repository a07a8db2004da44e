"""NVIDIA's run-time compiler on a machine without a GPU: do all kernels compile, and to what?

    python -m tinygan.kernels.cuda.nvrtc            compiles every .cu for every architecture
    python -m tinygan.kernels.cuda.nvrtc --write    and records registers and shared memory
    python -m tinygan.kernels.cuda.nvrtc --write matmul conv2d/6        of these files only
    python -m tinygan.kernels.cuda.nvrtc --first-step
                                            how long the first step of a training would wait

The library comes from the package nvidia-cuda-nvrtc (in the extra "test") and needs no driver.
`resources.json` is the record; a test compares every kernel with it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import functools
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ARCHITECTURES = ("sm_80", "sm_90", "sm_100", "sm_120")
PTX_ARCHITECTURE = "compute_80"
# CuPy passes the same. It always adds -ftz=true, and both ways must give the same results.
OPTIONS = ("-std=c++17", "-ftz=true")
# As nvdisasm prints one: its address, a condition on a predicate, its name.
_INSTRUCTION = r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ )?([A-Z][\w.]*)"
RECORD = Path(__file__).with_name("resources.json")


class NvrtcError(RuntimeError):
    """The compiler is missing, or a text does not compile; the message is the compiler's log."""


class Compiled(NamedTuple):
    """A text after compiling: machine code, what each kernel needs, and its name in there."""

    cubin: bytes
    resources: dict[str, Resources]
    symbols: dict[str, str]


class Ptx(NamedTuple):
    """A text in PTX, and each kernel's name in it."""

    text: str
    symbols: dict[str, str]


class Resources(NamedTuple):
    """What a compiled kernel needs, per thread (registers, stack, spills) and block (shared)."""

    registers: int
    shared: int
    stack: int
    spills: int


@functools.cache
def compiler() -> ctypes.CDLL:
    """NVRTC, from the newest of the installed packages.

    Raises:
        NvrtcError: it is not installed.
    """
    found = _installed("lib/libnvrtc.so.*")
    if not found:
        raise NvrtcError("NVRTC is not installed: pip install nvidia-cuda-nvrtc")
    for builtins in found[-1].parent.glob("libnvrtc-builtins.so.*"):
        ctypes.CDLL(str(builtins))  # NVRTC opens it by name, and would not find it
    return ctypes.CDLL(str(found[-1]))


def _installed(pattern: str) -> list[Path]:
    """The files of NVIDIA's packages that match, the newest last."""
    spec = importlib.util.find_spec("nvidia")
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    return sorted(path for root in roots for path in root.glob(f"*/{pattern}"))


def _check(status: int, what: str) -> None:
    if status:
        text = compiler().nvrtcGetErrorString
        text.restype = ctypes.c_char_p
        raise NvrtcError(f"{what}: {text(status).decode()}")


def _text(program: ctypes.c_void_p, what: str) -> bytes:
    """The log or the cubin of a program."""
    size = ctypes.c_size_t()
    _check(getattr(compiler(), f"nvrtcGet{what}Size")(program, ctypes.byref(size)), what)
    content = ctypes.create_string_buffer(size.value)
    _check(getattr(compiler(), f"nvrtcGet{what}")(program, content), what)
    return content.raw


@contextlib.contextmanager
def _program(
    text: str, kernels: Sequence[str], name: str, flags: Sequence[str]
) -> Iterator[tuple[ctypes.c_void_p, str, dict[str, str]]]:
    """A compiled program, the compiler's log, and each kernel's name in what was compiled."""
    nvrtc, program = compiler(), ctypes.c_void_p()
    _check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), name.encode(), 0, None,
                                    None), "nvrtcCreateProgram")  # fmt: skip
    try:
        for kernel in kernels:
            _check(nvrtc.nvrtcAddNameExpression(program, kernel.encode()), kernel)
        given = (ctypes.c_char_p * len(flags))(*(flag.encode() for flag in flags))
        failed = nvrtc.nvrtcCompileProgram(program, len(flags), given)
        log = _text(program, "ProgramLog").rstrip(b"\0").decode()
        if failed:
            raise NvrtcError(f"{name}, {flags[0]}:\n{log}")
        symbols = {}
        for kernel in kernels:
            symbol = ctypes.c_char_p()
            _check(nvrtc.nvrtcGetLoweredName(program, kernel.encode(), ctypes.byref(symbol)),
                   kernel)  # fmt: skip
            symbols[kernel] = (symbol.value or b"").decode()
        yield program, log, symbols
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def compile_text(
    text: str, kernels: Sequence[str], architecture: str, *, name: str = "kernel.cu",
    options: Sequence[str] = (),
) -> Compiled:
    """A text for one architecture.

    Raises:
        NvrtcError: NVRTC is missing, or the text does not compile.
    """
    flags = [f"-arch={architecture}", *OPTIONS, "--ptxas-options=-v", *options]
    with _program(text, kernels, name, flags) as (program, log, symbols):
        lowered = {symbol: kernel for kernel, symbol in symbols.items()}
        return Compiled(_text(program, "CUBIN"), _resources(log, lowered), symbols)


def compile_ptx(
    text: str, kernels: Sequence[str], *, name: str = "kernel.cu", options: Sequence[str] = ()
) -> Ptx:
    """A text in PTX for the oldest architecture, with the lines that its instructions come from.

    Raises:
        NvrtcError: NVRTC is missing, or the text does not compile.
    """
    flags = [f"-arch={PTX_ARCHITECTURE}", *OPTIONS, "-lineinfo", *options]
    with _program(text, kernels, name, flags) as (program, _, symbols):
        made = _text(program, "PTX").rstrip(b"\0").decode()
    # The compiler puts the working directory in front of the names of files.
    return Ptx(made.replace(f'"{Path.cwd()}/', '"'), symbols)


def _resources(log: str, lowered: dict[str, str]) -> dict[str, Resources]:
    """From what ptxas prints about each entry function."""
    found = {}
    for part in re.split(r"Compiling entry function ", log)[1:]:
        symbol = part.split("'")[1]

        def number(pattern: str, part: str = part) -> int:
            match = re.search(pattern, part)
            return int(match[1]) if match else 0

        spills = number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads")
        found[lowered.get(symbol, symbol)] = Resources(
            number(r"Used (\d+) registers"), number(r"(\d+) bytes smem"),
            number(r"(\d+) bytes stack frame"), spills,
        )  # fmt: skip
    missing = set(lowered.values()) - set(found)
    if missing:
        raise NvrtcError(f"ptxas has not said what {sorted(missing)} need:\n{log}")
    return found


def nvdisasm() -> Path:
    """NVIDIA's disassembler.

    Raises:
        NvrtcError: it is not installed.
    """
    found = _installed("bin/nvdisasm")
    if not found:
        raise NvrtcError("nvdisasm is not installed: pip install nvidia-cuda-nvdisasm")
    return found[-1]


def instructions(compiled: Compiled) -> dict[str, Counter[str]]:
    """{kernel: {instruction with its modifiers, such as ``LDG.E.128``: how often it is written}}.

    Raises:
        NvrtcError: nvdisasm is not installed.
    """
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.cubin)
        file.flush()
        command = [str(nvdisasm()), "-c", file.name]
        text = subprocess.run(command, capture_output=True, check=True).stdout
    counts: dict[str, Counter[str]] = {}
    sections = re.split(r"^\s*\.section\s+\.text\.([^,\s]+).*$", text.decode(), flags=re.MULTILINE)
    for symbol, lines in zip(sections[1::2], sections[2::2], strict=True):
        counts[symbol] = Counter(re.findall(_INSTRUCTION, lines, re.MULTILINE))
    return {kernel: counts[symbol] for kernel, symbol in compiled.symbols.items()}


def compile_all(*names: str) -> dict[str, dict[str, dict[str, Resources]]]:
    """{file: {kernel: {architecture: resources}}} of every source whose name begins with one of
    `names`, or of all."""
    from .source import sources

    table: dict[str, dict[str, dict[str, Resources]]] = {}
    for source in sources():
        if not source.name.startswith(names or ""):
            continue
        for architecture in ARCHITECTURES:
            compiled = compile_text(
                source.text, source.kernels, architecture, name=source.name,
                options=source.options,
            )  # fmt: skip
            for kernel, needs in compiled.resources.items():
                table.setdefault(source.name, {}).setdefault(kernel, {})[architecture] = needs
    return table


def first_step(cores: int = 16, architecture: str = "sm_90") -> str:
    """How long what a step launches takes to compile, one after the other as measured here, and
    what that makes on several cores: a model, in which each takes the next when it is done."""
    from .source import of_steps

    lines: list[str] = []
    seconds: list[float] = []
    for label, families in (("float32", ["x<float>"]), ("tf32", ["x<float>", "x<Kind::tf32>"])):
        kernels = dict.fromkeys(each for family in families for each in of_steps(family))
        for source, kernel in list(kernels)[len(seconds) :]:
            start = time.perf_counter()
            compile_text(source.text, [kernel], architecture, options=source.options)
            seconds.append(time.perf_counter() - start)
        free = [0.0] * cores
        for each in seconds:
            free.sort()
            free[0] += each
        lines.append(
            f"a step in {label}: {len(seconds)} kernels, {sum(seconds):.1f} s in all, at most "
            f"{max(seconds):.1f} s each; on {cores} cores {max(free):.1f} s (modelled)"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="beginnings of names of files; all without")
    parser.add_argument("--write", action="store_true", help=f"record them in {RECORD.name}")
    parser.add_argument("--first-step", action="store_true", help="only how long one would wait")
    options = parser.parse_args()
    from .source import sources

    known = [source.name for source in sources()]
    for name in options.names:
        if not any(each.startswith(name) for each in known):
            parser.error(f"no CUDA source has a name that begins with {name!r}; "
                         f"there are {', '.join(known)}")  # fmt: skip
    try:
        if options.first_step:
            print(first_step())
            return 0
        table, bad = compile_all(*options.names), 0
    except NvrtcError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{'kernel':60}" + "".join(f"{a:>16}" for a in ARCHITECTURES))
    for name, kernels in table.items():
        for kernel, by_architecture in kernels.items():
            cells = [f"{r.registers} reg, {r.shared} B" for r in by_architecture.values()]
            spills = any(r.spills for r in by_architecture.values())
            bad += spills
            print(f"{name + ': ' + kernel:60}" + "".join(f"{cell:>16}" for cell in cells)
                  + ("  SPILLS" if spills else ""))  # fmt: skip
    if options.write:
        before = json.loads(RECORD.read_text()) if options.names else {}  # without, a new record
        RECORD.write_text(json.dumps({**before, **table}, indent=1) + "\n")
        print(f"recorded in {RECORD}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
