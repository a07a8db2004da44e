"""What a report must not name: the user, the machine, and folders outside tinygan."""

from __future__ import annotations

import contextlib
import functools
import getpass
import os
import platform
import re
import socket
import sys
from pathlib import Path
from typing import Any

from tinygan.doctor.plan import ROOT

_USER = ("USER", "LOGNAME", "USERNAME", "SUDO_USER")
_HOST = ("HOSTNAME", "COMPUTERNAME")
_KEPT = ("", "root", "localhost", "/", "/root")  # which name nobody


def without_names(value: Any) -> Any:
    """A value of JSON, in whose strings the folders and names stand no more. Keys are ours."""
    if isinstance(value, dict):
        return {key: without_names(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_names(each) for each in value]
    return _without(value) if isinstance(value, str) else value


def _without(text: str) -> str:
    for folder, instead in _folders():
        text = text.replace(folder, instead)
    for name, instead in _names():
        # A name of one or two letters is also a word: it is only looked for in paths.
        before = r"(?<![^\W_])" if len(name) > 2 else r"(?<=[/\\])"
        text = re.sub(rf"{before}{re.escape(name)}(?![^\W_])", instead, text)
    return text


@functools.cache
def _folders() -> list[tuple[str, str]]:
    """Folders and what stands for them, those within others first."""
    found: dict[str, str] = {}
    for folder, instead in (
        (ROOT, "<tinygan>"), (Path(sys.prefix), "<python>"),
        (Path(sys.base_prefix), "<python>"), (Path.cwd(), "<here>"), (_home(), "~"),
    ):  # fmt: skip
        for each in () if folder is None else (folder, folder.resolve()):
            if len(each.parts) > 1:
                found.setdefault(str(each), instead)
    return sorted(found.items(), key=lambda item: -len(item[0]))


def _home() -> Path | None:
    with contextlib.suppress(RuntimeError):
        return Path.home()
    return None


@functools.cache
def _names() -> list[tuple[str, str]]:
    """Names and what stands for them, the longest first."""
    found: dict[str, str] = {}
    users = {os.environ.get(name, "") for name in _USER}
    with contextlib.suppress(OSError, KeyError, ImportError):
        users.add(getpass.getuser())
    home = _home()
    users |= {home.name} if home is not None else set()
    hosts = {platform.node(), socket.gethostname(), *(os.environ.get(name, "") for name in _HOST)}
    hosts |= {host.partition(".")[0] for host in hosts}
    for names, instead in ((users, "<user>"), (hosts, "<machine>")):
        found |= {name: instead for name in names if name not in _KEPT}
    return sorted(found.items(), key=lambda item: -len(item[0]))
