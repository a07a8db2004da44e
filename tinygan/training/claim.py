"""A run's folder belongs to one process.

The claim is a file, ``run.lock``, that only one process can create (``O_EXCL``), with who holds it
inside. Locks of the operating system (`flock`) would end with their process by themselves, but
network and shared file systems often ignore them or keep them for one machine. A file works on all;
what it lacks, it gets from two signs of life:

- on the same machine, whether the holder's process is still there: its number, and the moment at
  which it started, since numbers are given again;
- from another machine (or container), the file's age: the holder touches it every 20 seconds, and
  after 180 seconds without that it counts as dead. Both times are of the server of the files, so
  clocks need not agree.

A process that was stopped for that long and wakes up again finds another name in the file before
its next checkpoint, and writes none.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import threading
import time
import weakref
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tinygan.files import force_names_to_disk, make_folder, naming

LOCK = "run.lock"
BEAT, STALE = 20.0, 180.0  # seconds
ATTEMPTS, PAUSE = 100, 0.05  # five seconds for a process to write its name


class FolderInUse(RuntimeError):
    """The folder belongs to a run of another process, or to a later one of this process."""


class Claim:
    """The right to write into `folder`, until `release`, the end of the process, or until nobody
    holds this object any more.

    A second claim in the same process takes the folder from the first, whose `check` then fails: in
    a notebook, say, where a cell is run again.

    Raises:
        FolderInUse: another process holds it; the message says which one and since when.
        OSError: the file cannot be created; the error names it.
    """

    def __init__(self, folder: Path):
        self.path = folder / LOCK
        make_folder(folder)
        with naming(folder):  # which something else may have made a moment ago
            force_names_to_disk(folder.parent)
        me = {**_process(os.getpid()), "token": secrets.token_hex(8)}
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self.token = me["token"]
        self._acquire(json.dumps({**me, "since": now}).encode())
        ended = threading.Event()
        arguments = self.path, self.token, ended
        threading.Thread(target=_beat, args=arguments, daemon=True).start()
        self._finalizer = weakref.finalize(
            self, _release, self.path, self.token, os.getpid(), ended
        )

    def check(self) -> None:
        """Raises FolderInUse if the folder has been taken over; to be called before writing.

        A file that has gone or cannot be read says nothing of another holder.
        """
        holder: dict[str, Any] = {}
        with contextlib.suppress(OSError):
            holder = _read(self.path)
        if holder and (holder.get("token") != self.token or holder.get("pid") != os.getpid()):
            raise FolderInUse(
                f"out: {self.path.parent} now belongs to {_name(holder)}; this run has ended, "
                "and writes nothing more"
            )

    def release(self) -> None:
        """Gives the folder free."""
        self._finalizer()

    def _acquire(self, content: bytes) -> None:
        for attempt in range(ATTEMPTS):
            with contextlib.suppress(FileExistsError):
                self._create(content)
                return
            holder = _read(self.path)
            if not holder and attempt < ATTEMPTS - 2:  # it is being written, or has just gone;
                time.sleep(PAUSE)  # or its process was killed before it could write
            elif not holder or _is_this_process(holder) or self._is_dead(holder):
                self._put_aside(holder)
            else:
                raise FolderInUse(
                    f"out: {self.path.parent} is in use by {_name(holder)}. Wait until it has "
                    f"ended, or choose another folder. (If it is dead, {self.path} counts no more "
                    f"{STALE:.0f} seconds after its last sign of life; or delete that file.)"
                )
        raise FolderInUse(f"out: {self.path.parent} is claimed by several processes at once")

    def _create(self, content: bytes) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with naming(self.path), os.fdopen(handle, "wb") as file:
                file.write(content)
        except BaseException:
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise
        ours = re.compile(re.escape(LOCK) + r"\.[0-9a-f]{16}")  # of a process that was killed here
        with contextlib.suppress(OSError):
            for name in os.listdir(self.path.parent):
                if ours.fullmatch(name):
                    self.path.with_name(name).unlink(missing_ok=True)

    def _is_dead(self, holder: dict[str, Any]) -> bool:
        alive = _is_alive(holder)
        return self._age() > STALE if alive is None else not alive

    def _age(self) -> float:
        """Seconds since the holder last touched the file, by the clock of the file system."""
        probe = self.path.with_name(f"{LOCK}.{secrets.token_hex(8)}")
        try:
            probe.touch()
            return probe.stat().st_mtime - self.path.stat().st_mtime
        except FileNotFoundError:  # given free in this moment
            return 0.0
        finally:
            probe.unlink(missing_ok=True)

    def _put_aside(self, holder: dict[str, Any]) -> None:
        """Removes the file of a dead `holder`, and never that of another process which came first:
        only one of two can rename a file, and it looks at what it got."""
        aside = self.path.with_name(f"{LOCK}.{secrets.token_hex(8)}")
        try:
            os.rename(self.path, aside)
        except FileNotFoundError:
            return
        # A third one that has created the file meanwhile sweeps what was put aside, and holds it.
        with contextlib.suppress(FileNotFoundError):
            if _read(aside).get("token") != holder.get("token"):
                os.rename(aside, self.path)
            else:
                aside.unlink()


def _beat(path: Path, token: str, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        with contextlib.suppress(OSError):
            if _read(path).get("token") == token:
                os.utime(path)


def _release(path: Path, token: str, pid: int, ended: threading.Event) -> None:
    ended.set()
    if os.getpid() == pid:  # not in a fork
        with contextlib.suppress(OSError):
            if _read(path).get("token") == token:
                path.unlink()


def _read(path: Path) -> dict[str, Any]:
    """Who holds it; nothing while the file is being written, or when it is damaged or gone."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):  # the latter of deep nesting
        return {}
    return content if isinstance(content, dict) else {}


def _name(holder: dict[str, Any]) -> str:
    if not holder:
        return "another process (which has not written its name)"
    if _is_this_process(holder):
        return f"another Trainer of this process, since {holder.get('since')}"
    return f"process {holder.get('pid')} on {holder.get('host')}, since {holder.get('since')}"


def _process(pid: int) -> dict[str, Any]:
    """What tells a process of this machine from all others."""
    host, machine = socket.gethostname(), ""
    with contextlib.suppress(OSError):  # Linux: not the same in another container or after a boot
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        machine = f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"
    return {"host": host, "machine": machine, "pid": pid, "start": _start(pid)}


def _start(pid: int) -> int | None:
    """When a process started, in ticks since the boot; None where that cannot be known, -1 where
    the process is gone (also as a zombie)."""
    try:
        # After the name, in brackets, which may hold anything: the state, ..., the start.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return -1 if Path("/proc/self/stat").exists() else None
    except (OSError, ValueError):
        return None
    return -1 if fields[0] in "ZX" else int(fields[19])


def _is_this_process(holder: dict[str, Any]) -> bool:
    me = _process(os.getpid())
    return bool(holder) and all(holder.get(key) == value for key, value in me.items())


def _is_alive(holder: dict[str, Any]) -> bool | None:
    """Whether the holder runs; None where only the file's age can tell."""
    pid, here = holder.get("pid"), _process(os.getpid())
    if not isinstance(pid, int) or any(holder.get(k) != here[k] for k in ("host", "machine")):
        return None
    now = _start(pid)
    if now is not None and holder.get("start") is not None:
        return now == holder["start"]
    if os.name == "posix":  # elsewhere signal 0 would end the process
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return None
    return None  # there is such a process, perhaps another one


__all__ = ["Claim", "FolderInUse"]
