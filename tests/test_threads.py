"""The number of threads, and the digest that keeps stale machine code from being run."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import tinygan.kernels
from tinygan.kernels.cpu import threads
from tinygan.kernels.cpu.jit import jit
from tinygan.kernels.cpu.machine_code import source_digest


@pytest.mark.parametrize("bad", [0, -1, 1.0, True, None, "2", 8193, 100_000, 2**70])
def test_set_num_threads_validates(bad):
    before = threads.get_num_threads()
    with pytest.raises(ValueError, match="threads must be a positive integer up to 8192, got"):
        threads.set_num_threads(bad)
    assert threads.get_num_threads() == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", 3), ("1", 1), (" 2 ", 2), ("8192", 8192), (None, 5), ("0", None), ("-2", None),
     ("two", None), ("", None), ("1.5", None), ("\u00b2", None), ("8193", None),
     ("9" * 5000, None)],
)  # fmt: skip
def test_the_environment_variable(text, expected, monkeypatch, capsys):
    monkeypatch.setattr(threads, "usable_cpus", lambda: 5)
    monkeypatch.delenv("TINYGAN_NUM_THREADS", raising=False)
    if text is not None:
        monkeypatch.setenv("TINYGAN_NUM_THREADS", text)
    found, said = threads._default_threads(), capsys.readouterr().err
    if expected is not None:
        assert (found, said) == (expected, "")
    else:
        assert found == 5 and said == (
            "tinygan: TINYGAN_NUM_THREADS must be a positive integer up to 8192, got "
            f"{text[:40]!r}: it counts as 5, the CPUs that this process may use\n"
        )


# What a container may use


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "5000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 64),
        ("0::/\n", {"cpu.max": "9900000 100000\n"}, 64),
        # The smallest quota of the group and those above it.
        ("0::/a/b\n", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
        ("0::/a/b\n", {"a/cpu.max": "800000 100000", "a/b/cpu.max": "400000 100000"}, 4),
        # The host's path, of which nothing is to be seen in the container.
        ("0::/../../host/path\n", {"cpu.max": "700000 100000"}, 7),
        # Version 1, and both at once.
        ("4:cpu,cpuacct:/docker/x\n1:memory:/\n",
         {"cpu,cpuacct/cpu.cfs_quota_us": "250000", "cpu,cpuacct/cpu.cfs_period_us": "50000"}, 5),
        ("4:cpuacct,cpu:/x\n0::/x\n",
         {"cpu/x/cpu.cfs_quota_us": "600000", "cpu/x/cpu.cfs_period_us": "100000"}, 6),
        ("3:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ("5:cpuset:/\n", {"cpuset/cpu.cfs_quota_us": "1", "cpuset/cpu.cfs_period_us": "1"}, 64),
        # What no kernel writes.
        ("0::/\n", {"cpu.max": ""}, 64), ("0::/\n", {"cpu.max": "fast"}, 64),
        ("0::/\n", {"cpu.max": "1 0"}, 64), ("0::/\n", {"cpu.max": "1 2 3"}, 64),
        ("0::/\n", {}, 64), ("nonsense\n\n::\n", {"cpu.max": "100000 100000"}, 64),
        (None, {"cpu.max": "100000 100000"}, 64),
    ],
)  # fmt: skip
def test_the_quota_of_a_container(groups, files, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr(threads, "PROC", tmp_path / "proc")
    monkeypatch.setattr(threads, "CGROUPS", tmp_path / "cgroup")
    if groups is not None:
        (tmp_path / "proc").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert threads.usable_cpus() == expected


def test_the_cpus_that_a_process_may_run_on(monkeypatch):
    monkeypatch.setattr(threads, "_quotas", lambda: iter(()))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 9}, raising=False)
    assert threads.usable_cpus() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads.usable_cpus() == 1


# The digest of the sources


def digest_of(folder: Path) -> str:
    """`source_digest` as a kernel in another folder would see it."""
    package = importlib.machinery.ModuleSpec("kernels_of_a_copy", None, is_package=True)
    package.submodule_search_locations = [str(folder)]
    sys.modules[package.name] = importlib.util.module_from_spec(package)
    try:
        return importlib.import_module("kernels_of_a_copy.cpu.machine_code").source_digest()
    finally:
        for name in [name for name in sys.modules if name.startswith(package.name)]:
            del sys.modules[name]


def test_the_digest_changes_with_any_kernel_file(tmp_path):
    folder = tmp_path / "kernels"
    source = Path(tinygan.kernels.__path__[0])
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    digests = [source_digest(), digest_of(folder)]
    assert digests[0] == digests[1]
    gemm = folder / "matmul" / "gemm.py"
    text = gemm.read_text()
    gemm.write_text(text + "# a comment\n")
    digests.append(digest_of(folder))
    gemm.write_text(text)
    assert digest_of(folder) == digests[0]
    gemm.rename(folder / "matmul" / "gemm2.py")
    digests.append(digest_of(folder))
    assert len(set(digests)) == 3


def test_compiled_code_is_keyed_by_the_digest():
    @jit
    def double(x):
        return x + x

    assert double(2) == 4
    assert isinstance(double, numba.core.dispatcher.Dispatcher)
    from tinygan.kernels.activation.cpu import _part

    assert _part._cache._cache_file._source_stamp == source_digest()
    digest, own = double._cache._cache_file._source_stamp  # a file that is no kernel's
    assert digest == source_digest() and own
    assert double.targetoptions["nogil"] and double.targetoptions["error_model"] == "numpy"
    fast = double.targetoptions["fastmath"]
    assert "nnan" not in fast and "ninf" not in fast


def test_nan_and_infinity_keep_their_meaning():
    @jit
    def classify(x):
        return (x != x, x * 0.0 == 0.0, 1.0 / (x - x))

    assert classify(float("nan"))[:2] == (True, False)
    assert classify(float("inf"))[:2] == (False, False)
    assert classify(1.0)[1] and classify(1.0)[2] == float("inf")


def test_a_line_says_that_kernels_are_being_compiled(tmp_path):
    """Once, and not when they come from the cache; nothing for functions of others."""
    code = (
        "import numba, numpy\n"
        "numba.njit(lambda x: x + 1)(2)\n"
        "print('before', flush=True)\n"
        "from tinygan.kernels.activation.cpu import leaky_relu_threads, tanh_backward_threads\n"
        "leaky_relu_threads(numpy.ones(3), 0.5)\n"
        "tanh_backward_threads(numpy.ones(3), numpy.ones(3))\n"
    )
    said = []
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        said.append(result.stderr)
    line = "tinygan: compiling kernels for this CPU; they are kept for the next time"
    assert said == [line + "\n", ""]
