"""Calls of the system that a run makes fail, or kill it: failing_calls.py, every 31st of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("failing_calls.py")


@pytest.mark.exhaustive
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_run_outlives_failing_calls_and_kills(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])}
    result = subprocess.run(
        [sys.executable, SCRIPT, "--epochs", "1", "--every", "31", "--scratch", tmp_path],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-10_000:] + result.stderr[-2000:]
    assert " 0 wrong" in result.stdout
