"""The folder of a run and its one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tinygan.training import claim
from tinygan.training.claim import LOCK, Claim, FolderInUse

ROOT = Path(__file__).resolve().parent.parent
HOLDER = """
    import sys, time
    from pathlib import Path
    from tinygan.training.claim import Claim
    mine = Claim(Path(sys.argv[1]))
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds `tmp_path` until a line comes."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path)], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def change(path, age=0.0, **values):
    """Other values in a lock file, which is then `age` seconds old."""
    content = json.loads(path.read_text()) | values
    path.write_text(json.dumps(content))
    os.utime(path, (time.time() - age,) * 2)


def test_the_folder_of_a_living_process_is_refused_and_says_who_holds_it(holder, tmp_path):
    with pytest.raises(FolderInUse, match=rf"in use by process {holder.pid} on .+, since \d{{4}}-"):
        Claim(tmp_path)
    change(tmp_path / LOCK, age=1e6)  # alive all the same: its process number is seen
    if Path("/proc").exists():
        with pytest.raises(FolderInUse):
            Claim(tmp_path)
    assert os.listdir(tmp_path) == [LOCK]
    holder.communicate("\n")
    mine = Claim(tmp_path)
    mine.check()
    mine.release()
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("reaped", [True, False])
def test_the_lock_of_a_killed_process_is_no_obstacle(holder, tmp_path, reaped):
    if not reaped and not Path("/proc").exists():
        pytest.skip("a zombie cannot be told from a process here")
    holder.send_signal(signal.SIGKILL)
    if reaped:
        holder.wait()
    else:
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    assert (tmp_path / LOCK).exists()
    Claim(tmp_path).check()


@pytest.mark.skipif(not Path("/proc").exists(), reason="the start of a process is not known")
def test_another_process_of_the_same_number_is_no_obstacle(holder, tmp_path):
    change(tmp_path / LOCK, start=1)
    Claim(tmp_path).check()


@pytest.mark.parametrize("other", [{"host": "elsewhere"}, {"machine": "another container"}])
def test_another_machine_is_known_by_the_age_of_its_last_sign(holder, tmp_path, other):
    change(tmp_path / LOCK, age=claim.STALE - 30, **other)
    with pytest.raises(FolderInUse, match=f"in use by process {holder.pid} on "):
        Claim(tmp_path)
    change(tmp_path / LOCK, age=claim.STALE + 30, **other)
    mine = Claim(tmp_path)
    mine.check()
    assert os.listdir(tmp_path) == [LOCK]


def test_the_holder_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(claim, "BEAT", 0.01)
    mine = Claim(tmp_path)
    os.utime(tmp_path / LOCK, (1, 1))
    deadline = time.monotonic() + 60
    while (tmp_path / LOCK).stat().st_mtime < 1000:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    mine.release()


def test_a_lock_without_a_name_counts_until_its_process_could_have_written_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(claim, "PAUSE", 0.001)
    for content in (b"", b"{", b"\xff", b"[1]", b"[" * 100_000):
        (tmp_path / LOCK).write_bytes(content)
        Claim(tmp_path).check()
    assert not (tmp_path / LOCK).exists()  # nobody holds the last one any more


def test_a_later_claim_in_one_process_ends_the_first(tmp_path):
    first = Claim(tmp_path)
    second = Claim(tmp_path)
    with pytest.raises(FolderInUse, match="now belongs to another Trainer of this process"):
        first.check()
    second.check()
    first.release()  # which has nothing to give
    second.check()
    assert (tmp_path / LOCK).exists()


def test_a_claim_that_was_taken_over_is_noticed_and_a_lost_file_is_not_a_loss(tmp_path):
    mine = Claim(tmp_path)
    content = (tmp_path / LOCK).read_bytes()
    change(tmp_path / LOCK, token="other", pid=1, host="elsewhere")
    with pytest.raises(FolderInUse, match="now belongs to process 1 on elsewhere"):
        mine.check()
    (tmp_path / LOCK).unlink()
    mine.check()
    (tmp_path / LOCK).write_bytes(content)
    mine.check()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_neither_holds_nor_frees_the_folder(tmp_path):
    mine = Claim(tmp_path)
    child = os.fork()
    if child == 0:
        try:
            mine.check()
        except FolderInUse:
            mine.release()
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    mine.check()
    assert (tmp_path / LOCK).exists()


def test_who_comes_late_to_a_dead_holders_file_leaves_that_of_the_first(tmp_path):
    first = Claim(tmp_path)
    late = object.__new__(Claim)
    late.path = tmp_path / LOCK
    late._put_aside({"token": "of the dead holder, which both had seen"})
    assert os.listdir(tmp_path) == [LOCK]
    first.check()


@pytest.mark.parametrize("seen", ["of the first", "of the dead holder, which both had seen"])
def test_what_is_put_aside_may_be_swept_by_a_third(tmp_path, monkeypatch, seen):
    late = object.__new__(Claim)
    late.path = tmp_path / LOCK
    late.path.write_text('{"token": "of the first"}')
    rename, third = os.rename, []

    def rename_and_lose(old, new):
        rename(old, new)
        third.append(Claim(tmp_path))

    monkeypatch.setattr(claim.os, "rename", rename_and_lose)
    late._put_aside({"token": seen})
    assert os.listdir(tmp_path) == [LOCK]
    third[0].check()


def test_one_of_many_that_come_at_once_gets_a_dead_holders_folder(tmp_path, monkeypatch):
    """Threads stand for processes: none takes itself for another."""
    monkeypatch.setattr(claim, "_is_this_process", lambda holder: False)
    old = Claim(tmp_path)
    for _ in range(10):
        change(tmp_path / LOCK, start=1, token="dead", host="elsewhere", age=1e6)

        def come(_):
            try:
                return Claim(tmp_path)
            except FolderInUse:
                return None

        with ThreadPoolExecutor(8) as pool:
            got = [mine for mine in pool.map(come, range(8)) if mine is not None]
        assert got
        holding = []
        for mine in got:
            try:
                mine.check()
                holding.append(mine)
            except FolderInUse:
                pass
        assert len(holding) == 1
        assert os.listdir(tmp_path) == [LOCK]
    old.release()
