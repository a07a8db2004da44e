"""The proofs of what a run survives, at small size: calls of the system that fail or kill it, power
cuts and kills at random moments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.mark.exhaustive
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(
    "command",
    [
        "failing_calls.py --epochs 1 --every 31", "power_cuts.py --epochs 1 --cuts 12",
        "kills.py --epochs 1 --kills 12",
    ],
)  # fmt: skip
def test_a_run_survives(command, tmp_path):
    script, *options = command.split()
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
    result = subprocess.run(
        [sys.executable, HERE / script, *options, "--scratch", tmp_path], env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-10_000:] + result.stderr[-2000:]
    assert " 0 wrong" in result.stdout
