"""What this machine has, and what to do about what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tinygan.data import DataFormatError, DataUnavailableError, mnist_family
from tinygan.kernels.cache import cache_dir
from tinygan.kernels.cpu.compiler import fault
from tinygan.kernels.cpu.threads import get_num_threads, usable_cpus
from tinygan.kernels.cuda.device import count_devices
from tinygan.kernels.emulator.build import EmulatorError, compiler

EXTRAS = {
    "pillow": ("PIL", "pictures of runs"), "matplotlib": ("matplotlib", "curves, reports, glyphs"),
    "tqdm": ("tqdm", "progress bars"), "scikit-learn": ("sklearn", "explore_dcgan.py"),
    "safetensors": ("safetensors", "tinygan.weights, of safetensors"),
    "tensorboardX": ("tensorboardX", "--log tensorboard"), "bokeh": ("bokeh", "tinygan lab"),
    "shtab": ("shtab", "tinygan completion"),
}  # fmt: skip
"""Packages that some uses need: what to import, and what for."""


class Finding(NamedTuple):
    """A line: what it is about, what was found, and what to do, "" where nothing is missing."""

    name: str
    found: str
    advice: str = ""


def overview() -> list[Finding]:
    """All findings; it computes nothing and asks no network."""
    return [*_software(), *_processor(), *_gpu(), *_files(), *_extras()]


def _software() -> Iterator[Finding]:
    yield Finding("tinygan", _version("tinygan") or "not installed")
    yield Finding("Python", f"{platform.python_version()} on {platform.platform()}")
    yield Finding("NumPy", np.__version__)
    if problem := fault():
        yield Finding("Numba", problem, "kernels run in NumPy, two to three times as slowly: "
                      "pip install numba, in a Python that it has wheels for")  # fmt: skip
    else:
        yield Finding("Numba", _version("numba") or "of unknown version")


def _processor() -> Iterator[Finding]:
    usable, threads = usable_cpus(), get_num_threads()
    advice = "" if threads == usable else "TINYGAN_NUM_THREADS or the container's quota says so"
    yield Finding("cores", f"{usable} usable of {os.cpu_count()}, {threads} threads", advice)
    if fault() is None:
        from tinygan.kernels.cpu.jit import cpu_features
        from tinygan.kernels.matmul.gemm import LANES
        from tinygan.kernels.matmul.gemm_bf16 import SUPPORTED

        best = [name for name in ("avx512f", "avx2", "neon") if name in cpu_features()]
        yield Finding("vectors", f"{LANES} float32 at once ({', '.join(best[:1]) or 'baseline'})")
        yield Finding("bfloat16", "products twice as fast, by tinygan.autocast" if SUPPORTED else
                      "not in this CPU: tinygan.autocast computes in float32")  # fmt: skip


def _gpu() -> Iterator[Finding]:
    try:
        count = count_devices("cuda")
    except RuntimeError as problem:
        advice = "fine without one; CUDA needs an NVIDIA GPU"
        if shutil.which("nvidia-smi"):
            advice = "pip install 'tinygan[cuda13]' or 'tinygan[cuda12]', as the driver is"
        yield Finding("GPU", f"none: {problem}", advice)
    else:
        yield Finding("GPU", f"{count}", "tinygan doctor --device cuda tries everything on it")
    try:
        yield Finding("C++ compiler", compiler())
    except EmulatorError:
        yield Finding("C++ compiler", "none", "only the emulator of CUDA needs one: g++ or clang++")


def _files() -> Iterator[Finding]:
    data = os.environ.get("TINYGAN_DATA")
    if data is None:
        yield Finding("TINYGAN_DATA", "not set")
    else:
        there = os.path.isdir(os.path.expanduser(data))
        yield Finding("TINYGAN_DATA", data, "" if there else "there is no such folder")
    yield Finding("cache", str(cache_dir()))
    for collection in (mnist_family.MNIST, mnist_family.FASHION_MNIST):
        try:
            folder = mnist_family.whereabouts(collection)
            yield Finding(collection.name, str(folder))
        except (DataUnavailableError, DataFormatError, OSError):
            yield Finding(collection.name, "not here", "is downloaded when it is first used")


def _extras() -> Iterator[Finding]:
    for package, (module, use) in EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            yield Finding(package, "not installed", f"pip install {package}, for {use}")
        else:
            yield Finding(package, _version(package) or "of unknown version")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def text(findings: list[Finding], width: int) -> str:
    """The findings as lines of at most `width` characters where words allow it."""
    import textwrap

    lines = []
    for name, found, advice in findings:
        whole = f"{found} -- {advice}" if advice else found
        lines.append(textwrap.fill(
            whole, width, initial_indent=f"{name:14}", subsequent_indent=" " * 14,
            break_on_hyphens=False, break_long_words=False,
        ))  # fmt: skip
    return "\n".join(lines)
