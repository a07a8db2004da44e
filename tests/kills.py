"""SIGKILL at random moments of a run: it must end with the same bits, and leave no other file.

    python tests/kills.py --kills 500                    the proof at full size
    python tests/kills.py --first 17 --kills 1           one of them again, as far as time allows

Each run is killed at a moment between its begin and its end, half of them again while they are
resumed, a quarter a third time, and so on. Then one that goes to its end must leave the checkpoint,
log, scores, pictures and GIF of a run that was never killed. What a kill left under another name
must be gone as soon as the next Trainer has been made. For Linux.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import short_runs
from short_runs import (
    LEFT,
    expected_content,
    fork,
    in_a_fork,
    problems_of,
    restart_with,
    train,
    warm_up,
)

from tinygan.training import claim

MEANT = LEFT | {"run.lock"}


def others(out: Path) -> list[str]:
    """The files that no run means to leave."""
    pictures = {f"samples/{path.name}" for path in out.glob("samples/*")}
    strays = {name for name in pictures if not re.fullmatch(r"samples/epoch_\d{3}\.png", name)}
    return sorted(strays | ({path.name for path in out.iterdir()} - MEANT))


def kill_one(out: Path, after: float, options: argparse.Namespace) -> bool:
    """Begins or resumes a run and kills it `after` seconds; False if it had ended before."""
    with tempfile.TemporaryFile() as said:
        child = fork(lambda: train(out, options), said.fileno())
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        assert status in (0, -signal.SIGKILL), f"status {status}\n{said.read().decode()}"
    return status != 0


def whole_run(out: Path, options: argparse.Namespace) -> float:
    """How many seconds one takes."""
    start = time.monotonic()
    status, said = in_a_fork(lambda: train(out, options))
    assert status == 0, said
    return time.monotonic() - start


def campaign(options: argparse.Namespace) -> int:
    """How many runs went wrong, each of which is printed."""
    place = Path(tempfile.mkdtemp(dir=options.scratch))
    claim.PAUSE = 0.001  # a lock without a name is waited for
    warm_up(place, options)
    expected = expected_content(place, options)
    seconds = min(whole_run(place / f"whole {number}", options) for number in range(5))
    out, kills, again, runs, wrong, left = place / "run", 0, 0, 0, 0, Counter[str]()

    def finish() -> None:
        def begun(run) -> None:
            assert not others(out), f"not cleared: {others(out)}"

        train(out, options, begun)

    while kills < options.kills:
        rng, problems, moments = random.Random(options.first + runs), [], []
        shutil.rmtree(out, ignore_errors=True)
        while kills < options.kills:
            moment = rng.uniform(0, seconds * rng.choice([0.4, 1]))  # the curves take half of it
            try:
                if not kill_one(out, moment, options):
                    break
            except AssertionError as error:
                problems.append(f"it could not be resumed: {error}")
            moments.append(moment)
            kills, again = kills + 1, again + (len(moments) > 1)
            left += Counter(re.sub(r"\.\w{8}\.tmp|\.[0-9a-f]{16}", "", name)
                            for name in (others(out) if out.exists() else ()))  # fmt: skip
            if rng.random() < 0.5 or problems:
                break
        if not problems:
            problems = problems_of(out, expected, *in_a_fork(finish))
        if problems:
            wrong += 1
            print(f"run {options.first + runs}, killed after {moments} of {seconds:.2f} s: "
                  f"{'; '.join(problems)}", flush=True)  # fmt: skip
        runs += 1
        if runs % 50 == 0:
            print(f"{kills} kills: {wrong} wrong", flush=True)
    shutil.rmtree(place)
    print(f"{kills} kills, {again} of them of a run that was killed before, of {runs} runs of "
          f"{seconds:.2f} s; left by kills and cleared: {dict(left)}; {wrong} wrong")  # fmt: skip
    return wrong


def main() -> None:
    parser = short_runs.parser(__doc__)
    for name, value in (("kills", 500), ("first", 0)):
        parser.add_argument(f"--{name}", type=int, default=value, help="default %(default)s")
    options = parser.parse_args()
    restart_with(None)
    sys.exit(min(1, campaign(options)))


if __name__ == "__main__":
    main()
