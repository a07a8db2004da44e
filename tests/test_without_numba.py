"""Where Numba is not there, or switched off, the rungs in NumPy compute everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinygan
from tinygan.data import synthetic_digits
from tinygan.models import DCGAN
from tinygan.training import Settings, Trainer
from tinygan.training.log import read_json_lines

HERE = Path(__file__).resolve().parent
REASONS = {"missing": "Numba cannot be imported (not here)", "off": "NUMBA_DISABLE_JIT is set"}
TRAIN = """
import sys
sys.path.insert(0, sys.argv[2])
import test_without_numba
test_without_numba.train(sys.argv[1])
"""


def train(out: str | Path) -> None:
    tinygan.manual_seed(0)
    settings = Settings(batch_size=8)
    Trainer(DCGAN(28, 1, 4), synthetic_digits(16, seed=0), out, settings, samples=10).train(1)


@pytest.fixture(params=REASONS)
def environment(request, tmp_path):
    """(environment variables of a Python without compiled kernels, what it says)."""
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    said = f"tinygan: {REASONS[request.param]}: kernels run in NumPy, training takes "
    if request.param == "off":
        return {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(paths)}, said
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "numba.py").write_text("raise ImportError('not here')\n")
    paths.insert(0, str(tmp_path / "blocked"))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, said


def test_a_run_without_numba_is_the_same_to_rounding(environment, tmp_path):
    variables, said = environment
    result = subprocess.run(
        [sys.executable, "-c", TRAIN, str(tmp_path / "numpy"), str(HERE)],
        capture_output=True, text=True, env=variables,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    said_here = [line[line.index("tinygan:") :] for line in result.stderr.splitlines()
                 if "tinygan:" in line]  # fmt: skip
    assert len(said_here) == 1 and said_here[0].startswith(said), result.stderr
    record = json.loads((tmp_path / "numpy" / "run.json").read_text())
    assert record["versions"]["numba"] is None

    train(tmp_path / "compiled")
    logs = [read_json_lines(tmp_path / name / "log.jsonl") for name in ("numpy", "compiled")]
    steps = [[e["loss_d"] for e in log if "loss_d" in e] for log in logs]
    assert len(steps[0]) == 2 and steps[0] == pytest.approx(steps[1], rel=1e-4)  # float32


def test_ops_without_numba(environment):
    """A few of the cases; CONTRIBUTING.md has the command for all."""
    variables, _ = environment
    chosen = "cpu and (conv or matmul or norm or leaky or tanh or sum) and not torch"
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x", "-k", chosen,
         str(HERE / "test_ops_values.py")],
        capture_output=True, text=True, env=variables,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    assert int(result.stdout.split(" passed")[0].split()[-1]) > 30
