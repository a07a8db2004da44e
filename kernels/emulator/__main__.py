"""Runs a CUDA kernel on the CPU, on the test cases of every rung that launches it.

    python -m tinygan.kernels.emulator                            lists the kernels
    python -m tinygan.kernels.emulator matmul/3_tiles.cu          compares with the reference
    python -m tinygan.kernels.emulator matmul/3_tiles.cu --check  and watches every access
    python -m tinygan.kernels.emulator matmul --traffic           bank conflicts, sectors, by line
    python -m tinygan.kernels.emulator matmul/6 --ptx             runs what NVRTC makes of it

Change the file and run it again: without a barrier, with a bound that is off by one. --text FILE
takes the kernel's text from elsewhere. The exit status is 1 when anything was wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from ..cuda import nvrtc
from ..cuda import source as cuda
from . import EmulatorError, KernelFault, cases, compiler, fake_cupy, ptx
from .module import ORDERS


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("kernel", nargs="?", help="a .cu file below kernels/, or the beginning of its name")
    add("--check", action="store_true", help="races, bounds, barriers, ... (20 times slower)")
    add("--traffic", action="store_true", help="count bank conflicts and sectors; implies --check")
    add("--order", choices=ORDERS, default="forward", help="of threads and blocks (%(default)s)")
    add("--dtype", choices=list(cases.BOUND), default="float32", help="%(default)s")
    add("--all", action="store_true", help="large cases, too, which take minutes with --check")
    add("--ptx", action="store_true", help="run the PTX that NVRTC makes of the kernels")
    add("--text", type=Path, metavar="FILE", help="a text to run in place of the kernel's own")
    options = parser.parse_args()
    try:
        compiler()
        if options.ptx:
            nvrtc.compiler()
    except (EmulatorError, nvrtc.NvrtcError) as error:
        print(error, file=sys.stderr)
        return 2
    chosen = [s for s in cuda.sources() if s.name.startswith(options.kernel or "")]
    if not chosen:
        parser.error(f"no kernel's name begins with {options.kernel!r}; without a name: a list")
    if options.text:
        if len(chosen) > 1:
            parser.error(f"--text replaces one kernel, and {options.kernel!r} names {len(chosen)}")
        try:
            chosen[0].text = cuda.expand(options.text.resolve())
        except UnicodeDecodeError:
            parser.error(f"--text {options.text}: not text in UTF-8")
        except OSError as error:
            parser.error(f"--text {options.text}: {error.strerror or error}")
    failures = 0
    for source in chosen:
        print(f"{source.name}: {', '.join(source.kernels)}")
        if options.kernel:
            failures += run(source, options)
    return 1 if failures else 0


def run(source: cuda.Source, options: argparse.Namespace) -> int:
    """Prints a line for each case; returns how many went wrong."""
    checked, failures = options.check or options.traffic, 0
    costs: Counter = Counter()
    counted: list | None = [] if options.traffic else None
    installed = ptx.installed if options.ptx else fake_cupy.installed
    with installed(checked=checked, order=options.order, traffic=counted):
        for case in cases.by_source()[source.name]:
            if checked and not options.all and case.flops > cases.MOST_CHECKED_FLOPS:
                continue
            start, wrong = time.perf_counter(), ""
            try:
                error = case.error(options.dtype)
                said = f"error {error:.1e}"
                if error > cases.bound(case.rung, options.dtype):
                    wrong = "WRONG"
            except (KernelFault, ValueError, EmulatorError, nvrtc.NvrtcError) as error:
                said, wrong = str(error), "FAULT" if isinstance(error, KernelFault) else "WRONG"
            failures += bool(wrong)
            took = time.perf_counter() - start
            print(f"  {wrong or 'ok':6}{case!s:50}{took:8.2f} s  {said}", flush=True)
    for row in counted or []:
        if row.place.rpartition(":")[0].endswith((".cu", ".cuh")):
            costs[row.place, row.memory, row.write, "cost"] += row.cost
            costs[row.place, row.memory, row.write, "ideal"] += row.ideal
    if costs:
        print(f"  {'line':40}{'memory':>16}{'passes or sectors':>20}{'fewest':>10}{'ratio':>8}")
        for place, memory, write in dict.fromkeys(key[:3] for key in sorted(costs)):
            cost, ideal = (costs[place, memory, write, what] for what in ("cost", "ideal"))
            kind = f"{memory} {'write' if write else 'read'}"
            print(f"  {place:40}{kind:>16}{cost:20}{ideal:10}{cost / max(1, ideal):8.2f}")
    return failures


if __name__ == "__main__":
    sys.exit(main())
