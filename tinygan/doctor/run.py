"""The command: ``python -m tinygan.cuda``, in time ``tinygan doctor --device cuda``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from tinygan.doctor import workers
from tinygan.doctor.names import without_names
from tinygan.doctor.page import page
from tinygan.doctor.plan import Plan, Section, result

NAME = "tinygan-cuda-report"
SECONDS = 110.0
# In the order of importance, with the share of the time that is kept for each. What one does not
# need is the next ones'.
SECTIONS = {
    "machine": 0.05, "compile": 0.20, "rungs": 0.22, "steps": 0.20, "memory": 0.10,
    "graphs": 0.12, "roofline": 0.11,
}  # fmt: skip
LEAST_SECONDS = 5.0  # with less left, a section is not begun
# A section begins nothing after its time, but may take a little longer for what it has begun: as
# long as it takes to know a worker that hangs from a slow one.
GRACE_SECONDS = workers.HANG_SECONDS
ASK = "gpu"  # in place of a section: only whether there is a GPU
ASK_SECONDS = 60.0  # CuPy's first import may take a while
NO_ROOM = "all of it: no time was left"
INTERRUPTED = "all of it: it was interrupted"


def section(name: str) -> Section:
    """The pieces of a section; imported here, since only workers compute anything."""
    from tinygan.doctor import compiling, graphs, machine, rungs, steps

    return {
        "machine": machine.machine, "compile": compiling.compile_all, "rungs": rungs.rungs,
        "steps": steps.steps, "memory": steps.memory, "graphs": graphs.graphs,
        "roofline": machine.roofline,
    }[name]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """0: what was run is right; 1: something is wrong, or it was interrupted, or there was time for
    nothing, and the report says which; 2: there is no report.

    This process does not touch the GPU: whatever happens there, it writes the report.
    """
    options = _parser().parse_args(arguments)
    if options.section:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends this one
        return work(options.section, options.device, options.until, options.first)
    try:
        if not re.fullmatch(r"cuda(:\d+)?", options.device):
            raise ValueError(f"--device must be 'cuda' or 'cuda:<index>', got {options.device!r}")
        if not LEAST_SECONDS <= options.seconds < float("inf"):
            raise ValueError(
                f"--seconds must be at least {LEAST_SECONDS:.0f}, got {options.seconds}"
            )
        out = _place(Path(options.out), options.force)
        with _terminated_as_interrupted():
            workers.ask(workers.command(ASK, options.device, 0.0, 0), ASK_SECONDS)
            sections = examine(options.device, options.seconds)
    except KeyboardInterrupt:
        print("doctor: interrupted before anything was run", file=sys.stderr)
        return 2
    except (workers.CannotRun, ValueError, OSError) as error:
        print(f"doctor: {error}", file=sys.stderr)
        return 2
    report = {
        "name": out.name, "date": time.strftime("%Y-%m-%d"), "tinygan": _version(),
        "device": options.device, "seconds": options.seconds, "verdict": verdict(sections),
        "sections": sections,
    }  # fmt: skip
    report = without_names(report)
    text = page(report)
    try:
        _write(out.with_suffix(".json"), json.dumps(report, indent=1, allow_nan=False) + "\n")
        _write(out.with_suffix(".md"), text)
    except OSError as error:  # the disk is full, say: what was found must not be lost
        print(text)
        print(f"doctor: the report cannot be written: {error}", file=sys.stderr)
        return 1
    print(f"Written: {out.with_suffix('.json')} and {out.with_suffix('.md')}\n{report['verdict']}")
    good = not is_interrupted(sections) and any(map(was_run, sections.values()))
    return 0 if good and not any(found["problems"] for found in sections.values()) else 1


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Inside, SIGTERM is as Ctrl-C: the worker is ended, and the report written."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def work(name: str, device: str, until: float, first: int) -> int:
    """What a worker process does; see `workers.work`."""
    from tinygan import cuda
    from tinygan.devices import check_device, on_device

    try:
        device = check_device(device)
    except RuntimeError as error:
        workers.say({"cannot": str(error)})
        return 0
    if name == ASK:
        return 0
    plan = Plan(device, time.monotonic() + until - time.time())
    with on_device(device):
        import cupy

        workers.say({"fact": "emulated", "value": cupy.__version__ == "emulated"})
        status = workers.work(
            section(name), plan, workers.say, lambda: cuda.synchronize(device), first
        )
        if status:  # nothing that is given back to a broken GPU ends well
            os._exit(status)
    return 0


def examine(device: str, seconds: float) -> dict[str, Any]:
    """Runs the sections one after the other, and prints a line about each.

    Raises:
        CannotRun: the first worker has found no GPU.
    """
    end = time.monotonic() + seconds
    found: dict[str, Any] = {}
    interrupted = False
    shares = list(SECTIONS.values())
    for number, name in enumerate(SECTIONS):
        left = end - time.monotonic()
        own = left - seconds * sum(shares[number + 1 :])
        try:
            if interrupted:
                found[name] = {**result(), "not_run": [INTERRUPTED], "interrupted": True}
            elif left < LEAST_SECONDS and number > 0:
                found[name] = {**result(), "not_run": [NO_ROOM]}
            else:
                own = min(max(own, LEAST_SECONDS), max(left - LEAST_SECONDS, left / 2))
                found[name] = _section(name, device, own, min(own + GRACE_SECONDS, left))
        except workers.CannotRun as error:
            if number == 0:
                raise
            found[name] = {**result(), "problems": [f"there is no GPU any more: {error}"]}
        except KeyboardInterrupt:
            found[name] = {**result(), "not_run": [INTERRUPTED], "interrupted": True}
        each = found[name]
        interrupted = interrupted or each.get("interrupted", False)
        each["verdict"] = ("wrong" if each["problems"] else "incomplete" if each["not_run"]
                           else "right")  # fmt: skip
        print(f"{name:10} {each['verdict']:11}{each.get('seconds', 0.0):7.1f} s", flush=True)
        for problem in each["problems"][:5]:
            print(f"  {problem}", flush=True)
    return found


def _section(name: str, device: str, own: float, most: float) -> dict[str, Any]:
    """A section that begins nothing after its own seconds and ends within the most."""
    stop = time.monotonic() + own
    return workers.run(
        lambda first: workers.command(name, device, stop - time.monotonic(), first), most,
        LEAST_SECONDS,
    )


def verdict(sections: dict[str, Any]) -> str:
    """In a sentence."""
    wrong = [name for name, found in sections.items() if found["problems"]]
    left = [name for name, found in sections.items() if found["not_run"]]
    if wrong:
        said = f"something is wrong in: {', '.join(wrong)}"
    elif not any(map(was_run, sections.values())):
        said = "nothing was run"
    else:
        said = "all that was run is right" if left else "all is right"
    if is_interrupted(sections):
        said = f"interrupted; {said}"
    return f"{said}; not all was run of: {', '.join(left)}" if left else said


def was_run(found: dict[str, Any]) -> bool:
    """Whether a section has come to anything."""
    facts = found["facts"].keys() - {"emulated"}
    return bool(not found["not_run"] or found["problems"] or found["rows"] or facts)


def is_interrupted(sections: dict[str, Any]) -> bool:
    return any(found.get("interrupted") for found in sections.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinygan.cuda",
        description="Tries tinygan on an NVIDIA GPU and writes a report to send in: "
        f"{NAME}.json and {NAME}.md. Example: python -m tinygan.cuda --out reports",
    )
    add = parser.add_argument
    add("--device", default="cuda", help="cuda or cuda:<index> (default: cuda)")
    add("--out", default=".", metavar="FOLDER", help="where the report goes (default: here)")
    add("--seconds", type=float, default=SECONDS, help=f"in all (default: {SECONDS:.0f})")
    add("--force", action="store_true", help="replace a report that is there")
    for hidden, kind in (("--section", str), ("--until", float), ("--first", int)):
        add(hidden, type=kind, default=kind(), help=argparse.SUPPRESS)  # of a worker
    return parser


def _place(folder: Path, force: bool) -> Path:
    """Where the report goes, without its ending: beside one that is there, unless forced.

    Raises:
        OSError: nothing can be written there, which is better known before than after.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    path = folder / NAME
    while not force and any(path.with_suffix(end).exists() for end in (".json", ".md")):
        number += 1
        path = folder / f"{NAME}-{number}"
    trial = _unfinished(path)
    trial.write_text("")
    trial.unlink()
    return path


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _write(path: Path, text: str) -> None:
    unfinished = _unfinished(path)
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def _version() -> str:
    try:
        return metadata.version("tinygan")
    except metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    sys.exit(main())
