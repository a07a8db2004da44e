"""The command: ``python -m tinygan.cuda``, in time ``tinygan doctor --device cuda``."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from tinygan.device import check_device, on_device
from tinygan.doctor import workers
from tinygan.doctor.page import page
from tinygan.doctor.plan import Plan

NAME = "tinygan-cuda-report"
# In the order of importance: what there is no time for is said not to have been run. With the most
# seconds that each may take of the 110.
SECTIONS = {
    "machine": 15, "compile": 30, "rungs": 45, "steps": 40, "memory": 30, "graphs": 30,
    "roofline": 30,
}  # fmt: skip
LEAST_SECONDS = 5.0  # with less left, a section is not begun


def section(name: str) -> workers.Section:
    """The function of a section; imported here, since only workers compute anything."""
    from tinygan.doctor import kernels, machine, steps

    return {
        "machine": machine.machine, "compile": kernels.compile_all, "rungs": kernels.rungs,
        "steps": steps.steps, "memory": steps.memory, "graphs": steps.graphs,
        "roofline": machine.roofline,
    }[name]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all is right; 1: something is wrong, and the report says what; 2: nothing was run."""
    options = _parser().parse_args(arguments)
    try:
        device = check_device(options.device)
        if device == "cpu":
            raise ValueError(f"--device must be 'cuda' or 'cuda:<index>', got {options.device!r}")
        if not options.seconds >= LEAST_SECONDS:
            raise ValueError(f"--seconds must be at least {LEAST_SECONDS:.0f}, got "
                             f"{options.seconds}")  # fmt: skip
        if options.section:
            plan = Plan(device, time.monotonic() + options.seconds)
            with on_device(device):
                workers.work(section(options.section), plan)
            return 0
        out = _place(Path(options.out), options.force)
    except (RuntimeError, ValueError, OSError) as error:
        print(f"doctor: {error}", file=sys.stderr)
        return 2
    report = examine(device, options.seconds)
    for path, text in (
        (out.with_suffix(".json"), json.dumps(report, indent=1, allow_nan=False) + "\n"),
        (out.with_suffix(".md"), page(report)),
    ):
        _write(path, without_names(text))
        print(f"written: {path}")
    wrong = [name for name, found in report["sections"].items() if found["problems"]]
    print("all is right" if not wrong else f"something is wrong in: {', '.join(wrong)}")
    return 1 if wrong else 0


def examine(device: str, seconds: float) -> dict[str, Any]:
    """Runs the sections one after the other, and prints a line about each."""
    end = time.monotonic() + seconds
    found: dict[str, Any] = {}
    for name, most in SECTIONS.items():
        left = end - time.monotonic()
        if left < LEAST_SECONDS:
            found[name] = {"problems": [], "rows": {}, "not_run": ["all of it: no time was left"]}
        else:
            # A section stops by itself a little before it is stopped.
            limit = min(left, float(most))
            command = workers.command(name, device, max(LEAST_SECONDS, 0.8 * limit))
            found[name] = workers.run(command, limit)
        each = found[name]
        each["verdict"] = ("wrong" if each["problems"] else "incomplete" if each["not_run"]
                           else "right")  # fmt: skip
        print(f"{name:10} {each['verdict']:11}{each.get('seconds', 0.0):7.1f} s")
        for problem in each["problems"][:5]:
            print(f"  {problem}")
    return {
        "date": time.strftime("%Y-%m-%d"), "tinygan": _version(), "device": device,
        "seconds": seconds, "sections": found,
    }  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinygan.cuda",
        description="Tries tinygan on an NVIDIA GPU and writes a report to send in: "
        f"{NAME}.json and {NAME}.md. Example: python -m tinygan.cuda --out reports",
    )
    parser.add_argument("--device", default="cuda", help="cuda or cuda:<index> (default: cuda)")
    parser.add_argument("--out", default=".", help="folder for the report (default: this one)")
    parser.add_argument("--seconds", type=float, default=110.0, help="in all (default: 110)")
    parser.add_argument("--force", action="store_true", help="replace a report that is there")
    parser.add_argument("--section", choices=SECTIONS, help=argparse.SUPPRESS)
    return parser


def _place(folder: Path, force: bool) -> Path:
    """Where the report goes, without its ending: beside one that is there, unless forced."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        path = folder / (NAME if number == 1 else f"{NAME}-{number}")
        if force or not any(path.with_suffix(end).exists() for end in (".json", ".md")):
            return path
    raise ValueError(f"--out: {folder} is full of reports")


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def without_names(text: str) -> str:
    """The text without the names of the user, the machine and the home folder."""
    hidden = {str(Path.home()): "~", platform.node(): "<machine>"}
    with contextlib.suppress(OSError, KeyError, ImportError):
        hidden[getpass.getuser()] = "<user>"
    for name, instead in hidden.items():
        if len(name) > 3:  # "root" may stay, and a short name is part of other words
            text = text.replace(name, instead)
    return text


def _version() -> str:
    try:
        return metadata.version("tinygan")
    except metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    sys.exit(main())
