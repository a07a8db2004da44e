"""Every rung at every vector width that this machine can run, not only at its own.

The register tile has a shape for each: 16 floats in a vector with AVX-512, 8 with AVX2, 4
elsewhere, as with Arm's NEON. What Numba compiles for is fixed when it is imported, so each width
has a process of its own, which runs the tests of the rungs.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tinygan.kernels.cpu.jit import cpu_features
from tinygan.kernels.matmul.gemm import LANES

AVX2 = ["avx", "avx2", "bmi", "bmi2", "f16c", "fma", "popcnt", "sse4.1", "sse4.2", "ssse3"]
WIDTHS = {8: AVX2, 4: ["sse4.1", "sse4.2", "ssse3"]}
TESTS = Path(__file__).parent
CHOSEN = "(every_rung_computes or tile) and not cuda and not d_batch_norm"  # those are two others


@pytest.mark.exhaustive
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="one width only")
def test_the_rungs_at_other_widths():
    lower = [lanes for lanes in WIDTHS if lanes < LANES and set(WIDTHS[lanes]) <= cpu_features()]
    if not lower:
        pytest.skip(f"vectors of this machine hold {LANES} floats")
    processes = [_started(lanes) for lanes in lower]  # side by side: they take minutes
    for lanes, process in zip(lower, processes, strict=True):
        output, _ = process.communicate()
        assert process.returncode == 0, f"{lanes} lanes: {output[-3000:]}"


def _started(lanes):
    """A process that tests the rungs at this width."""
    check = (
        "import sys, pytest\n"
        "from tinygan.kernels.matmul.gemm import LANES\n"
        f"assert LANES == {lanes}, LANES\n"
        "sys.exit(pytest.main(['-q', '-x', '-m', '', '-p', 'no:cacheprovider', *sys.argv[1:]]))\n"
    )
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": ",".join(f"+{name}" for name in WIDTHS[lanes]),
    }
    files = [str(TESTS / name) for name in ("test_kernels.py", "test_gemm.py", "test_gemm_bf16.py")]
    return subprocess.Popen(
        [sys.executable, "-c", check, *files, "-k", CHOSEN], env=environment, cwd=TESTS.parent,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
