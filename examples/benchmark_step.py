"""Times whole GAN training steps, in tinygan and in every mode of PyTorch.

    python examples/benchmark_step.py                            both workloads; many minutes
    python examples/benchmark_step.py --workload mnist --no-compile
    python examples/benchmark_step.py --write README.md docs/performance.md   renews their tables
    python examples/benchmark_step.py --curve 20                 are the losses those of PyTorch?

Every contender trains in a process of its own (benchmark_worker.py) the nets of benchmark_nets.py,
and sleeps while the others have their turns: its peak memory is its own, and noise hits all alike.
A ratio above 1 says: faster than PyTorch's best mode of that precision.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import shlex
import sys
import time
from pathlib import Path

import numpy as np
from benchmark_curve import print_curve
from benchmark_nets import MODES, OUR_MODES, WORKLOADS
from benchmark_table import Row, as_markdown, as_text, compare
from benchmark_worker import Contender

import tinygan
from tinygan.kernels.matmul.gemm_bf16 import SUPPORTED
from tinygan.kernels.table import check_markers, computer, computer_line, replace_between_markers

MARKERS = "<!-- steps:begin -->", "<!-- steps:end -->"
WARM_UP = 3  # steps that compile, and touch memory for the first time
SETTLE_SECONDS = 0.3  # threads of OpenMP and BLAS spin for up to 0.2 s after work, then sleep


def race(workload: str, batch_size: int, options: argparse.Namespace) -> list[Row]:
    """Times all contenders in turns; a row of numbers for each, tinygan's first."""
    contenders: dict[str, Contender] = {}
    seconds: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        # On other CPUs bfloat16 would be float32 with a warning.
        ours = OUR_MODES if SUPPORTED else OUR_MODES[:1]
        for mode in (*ours, *options.torch_modes):
            contender = Contender(workload, mode, options.width, batch_size, options.threads)
            contenders[mode], seconds[mode] = stack.enter_context(contender), []
            start = time.perf_counter()
            contender.train(WARM_UP)  # before the next one starts, to compile undisturbed
            ready = f"{workload}, {mode}: ready after {time.perf_counter() - start:.0f} s"
            print(ready, file=sys.stderr, flush=True)
        for _ in range(options.blocks):
            for mode, contender in contenders.items():
                time.sleep(SETTLE_SECONDS)
                seconds[mode] += contender.train(options.steps)

    rows: list[Row] = []
    for mode, contender in contenders.items():
        name = ("" if mode in OUR_MODES else "PyTorch ") + mode.replace("-", " ")
        rows.append(dict(workload=workload, name=name, problem=contender.problem))
        if not contender.problem:
            low, median, high = np.percentile(seconds[mode], [25, 50, 75]).tolist()
            rows[-1] |= dict(
                batch_size=batch_size,
                parameters=contender.parameters,
                last_losses=contender.losses,
                median_seconds=median,
                spread_percent=100 * (high - low) / median,
                images_per_second=batch_size / median,
                peak_bytes=contender.peak_bytes,
                seconds=seconds[mode],
            )
    compare(rows)
    return rows


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--workload", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    add("--torch-modes", nargs="*", choices=MODES, default=MODES, metavar="MODE",
        help=f"all by default: {', '.join(MODES)}")  # fmt: skip
    add("--no-compile", action="store_true", help="leave out the modes that compile")
    add("--threads", type=int, default=tinygan.get_num_threads(), help="of each (%(default)s)")
    add("--blocks", type=int, default=6, help="turns of each contender (%(default)s)")
    add("--steps", type=int, default=5, help="timed in each turn (%(default)s)")
    add("--width", type=int, default=64, help="channels next to the images (%(default)s)")
    add("--batch-size", type=int, help="images per step (128 for mnist, 64 for dcgan64)")
    add("--json", action="store_true", help="print one JSON document instead of text")
    add("--write", type=Path, nargs="+", default=[], metavar="FILE",
        help=f"put a table between {' and '.join(MARKERS)}")  # fmt: skip
    add("--curve", type=int, metavar="N", help="time nothing, print both losses of N steps")
    options = parser.parse_args()
    for name in ("threads", "blocks", "steps", "width", "batch_size", "curve"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    if options.curve is not None and (options.json or options.write):
        parser.error("--curve goes with neither --json nor --write")
    if options.no_compile:
        options.torch_modes = [mode for mode in options.torch_modes if "compile" not in mode]
    if importlib.util.find_spec("torch") is None:
        if options.curve is not None:
            parser.error("--curve needs PyTorch, which is not installed")
        print("PyTorch is not installed: only tinygan is timed", file=sys.stderr)
        options.torch_modes = []
    for file in options.write:
        try:
            check_markers(file, MARKERS)  # before minutes of work, not after
        except (OSError, ValueError) as problem:
            parser.error(f"--write: {problem}")
    return options


def main() -> None:
    options = arguments()
    tinygan.set_num_threads(options.threads)  # for --curve and for the line about the computer
    say = (lambda text: None) if options.json else lambda text: print(text, flush=True)
    say(computer_line())
    rows: list[Row] = []
    for name in options.workload:
        batch_size = options.batch_size or WORKLOADS[name].batch_size
        sizes = options.width, batch_size, options.threads
        say(f"\n{name}, width {options.width}, batch {batch_size}")
        if options.curve is not None:
            print_curve(WORKLOADS[name], *sizes, options.curve)
        else:
            new = race(name, batch_size, options)
            say(as_text(new))
            rows += new
            if new[0]["problem"]:
                sys.exit(f"{name}: tinygan failed: {new[0]['problem']}")
    command = f"python examples/benchmark_step.py {shlex.join(sys.argv[1:])}".rstrip()
    if options.json:
        print(json.dumps({"command": command, "machine": computer(), "rows": rows}, indent=2))
    notes = f"{computer_line()}. Measured by `{command}`."
    for file in options.write:
        replace_between_markers(file, as_markdown(rows, notes), MARKERS)


if __name__ == "__main__":
    main()
