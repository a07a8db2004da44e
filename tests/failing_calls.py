"""Every call of the system that a run makes on its folder fails once, in turn, or kills the run.

    python tests/failing_calls.py                       the proof at full size
    python tests/failing_calls.py --first 700 --last 799                a part of it

After each of them the run is begun or resumed without a failure, and must end with the same
checkpoint, log and pictures as one in which nothing failed, and with no other file. An error that
ends a run must name a file. For Linux with a C compiler: a library that is loaded before others
stands in for open, read, write, fsync, rename, mkdir, unlink and close.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import short_runs
from short_runs import expected_content, in_a_fork, problems_of, restart_with, train, warm_up

from tinygan.training import claim

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)


def campaign(options: argparse.Namespace) -> int:
    """How many cases went wrong, each of which is printed."""
    library = ctypes.CDLL(None)
    calls, fail_at = (ctypes.c_long.in_dll(library, name) for name in ("calls", "fail_at"))
    number = ctypes.c_int.in_dll(library, "fail_errno")
    folder = (ctypes.c_char * 4096).in_dll(library, "folder")
    failed = (ctypes.c_char * 8192).in_dll(library, "failed")
    place = Path(tempfile.mkdtemp(dir=options.scratch))
    claim.PAUSE = 0.001  # a lock without a name is waited for
    warm_up(place, options)
    expected = expected_content(place, options)
    area, counted, wrong = place / "area", place / "calls", 0
    out = area / "run"
    area.mkdir()

    def watched(at: int, error: int):
        def work():
            folder.value, fail_at.value, number.value = str(area).encode(), at, error
            try:
                train(out, options)
            except BaseException as problem:
                folder.value = b""  # Python reads its sources for the traceback
                named = isinstance(problem, OSError) and str(area) in str(problem.filename)
                what = "named" if named else "unnamed"
                raise SystemExit(f"{what} {failed.value!r}") from problem
            finally:
                folder.value = b""
                if at < 0:
                    counted.write_text(str(calls.value))

        return work

    status, said = in_a_fork(watched(-1, 0))
    assert status == 0, said
    count = int(counted.read_text())
    last = count - 1 if options.last is None else options.last
    cases = [(at, error) for at in range(options.first, min(count, last + 1))
             for error in (ERRORS[at % len(ERRORS)], 0)]  # fmt: skip
    cases = cases[:: options.every]
    for done, (at, error) in enumerate(cases):
        if done and done % 200 == 0:
            print(f"up to call {at - 1}: {wrong} wrong", flush=True)
        shutil.rmtree(area)
        area.mkdir()
        status, said = in_a_fork(watched(at, error))
        problems = []
        if status == 1 and "unnamed" in said:
            problems.append("the error names no file of the run")
        if error == 0 and status != -signal.SIGKILL:
            problems.append(f"the run was not killed but ended with {status}")
        problems += problems_of(out, expected, *in_a_fork(lambda: train(out, options)))
        if problems:
            wrong += 1
            what = errno.errorcode.get(error, "killed")
            print(f"{said}call {at}, {what}: {'; '.join(problems)}", flush=True)
    shutil.rmtree(place)
    print(f"{count} calls, {len(cases)} cases, {wrong} wrong")
    return wrong


def main() -> None:
    parser = short_runs.parser(__doc__)
    parser.add_argument("--every", type=int, default=1, help="of the cases; default all")
    parser.add_argument("--first", type=int, default=0, help="number of a call; default 0")
    parser.add_argument("--last", type=int, help="number of a call; default the last one")
    options = parser.parse_args()
    restart_with("failing_calls.c")
    sys.exit(min(1, campaign(options)))


if __name__ == "__main__":
    main()
