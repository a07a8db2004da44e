"""Times whole GAN training steps, in tinygan and in every mode of PyTorch.

    python examples/benchmark_step.py                            both workloads; many minutes
    python examples/benchmark_step.py --workload mnist --no-compile
    python examples/benchmark_step.py --json docs/results/steps.json --write docs/benchmarks.md
    python examples/benchmark_step.py --device cuda --json gpu.json --write docs/benchmarks.md
    python examples/benchmark_step.py --curve 20                 are the losses those of PyTorch?

Every contender trains in a process of its own (benchmark_worker.py) the nets of benchmark_nets.py,
and sleeps while the others have their turns: its peak memory is its own, and noise hits all alike.
A ratio above 1 says: faster than PyTorch's best mode of that precision. On the CPU PyTorch runs
each mode twice, as it comes and with freed memory kept, as tinygan keeps it. While a row that a
ratio rests on spreads over 30 %, all are timed again. On a GPU the layers are
timed, too (benchmark_layers.py), and the file of --json is renewed after each part.
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
from typing import Any

import benchmark_layers
import command_line
import numpy as np
from benchmark_curve import print_curve
from benchmark_nets import COMPILE, OUR_MODES, TORCH_MODES, WORKLOADS
from benchmark_table import Row, as_markdown, as_text, compare, noisy
from benchmark_worker import Contender

import tinygan
from tinygan.files import atomic_write
from tinygan.kernels.bench.documents import replace_between_markers
from tinygan.kernels.bench.table import computer, computer_line, gpu_line
from tinygan.kernels.matmul.gemm_bf16 import SUPPORTED

MARKERS = {
    "cpu": ("<!-- steps:begin -->", "<!-- steps:end -->"),
    "cuda": ("<!-- gpu:begin -->", "<!-- gpu:end -->"),
}
ATTEMPTS = 3  # at quiet numbers
WARM_UP = 3  # steps that compile, and touch memory for the first time
SETTLE_SECONDS = 0.3  # threads of OpenMP and BLAS spin for up to 0.2 s after work, then sleep
# On a GPU: workload, images per step, width.
GPU_PARTS = [("mnist", 128, 64), ("mnist", 1024, 64), ("dcgan64", 128, 64), ("dcgan64", 128, 128)]
STEPS = {"cpu": 5, "cuda": 50}


def measure(workload: str, batch_size: int, width: int, options: argparse.Namespace) -> list[Row]:
    """Times all contenders in turns; a row of numbers for each, tinygan's first."""
    contenders: dict[str, Contender] = {}
    seconds: dict[str, list[float]] = {}
    memory: dict[str, int | None] = {}
    device = options.device
    with contextlib.ExitStack() as stack:
        ours = OUR_MODES[device]
        if device == "cpu" and not SUPPORTED:
            ours = ours[:1]  # bfloat16 would be float32 with a warning
        for mode in (*ours, *options.torch_modes):
            free = tinygan.cuda.mem_get_info()[0] if device == "cuda" else 0
            contender = Contender(workload, mode, width, batch_size, options.threads, device)
            contenders[mode], seconds[mode] = stack.enter_context(contender), []
            start = time.perf_counter()
            contender.train(WARM_UP)  # before the next one starts, to compile undisturbed
            if device == "cuda":  # what the process has taken of the GPU's, and keeps
                memory[mode] = free - tinygan.cuda.mem_get_info()[0]
            ready = f"{workload}, {mode}: ready after {time.perf_counter() - start:.0f} s"
            print(ready, file=sys.stderr, flush=True)
        for _ in range(ATTEMPTS):
            seconds = {mode: [] for mode in contenders}
            for _ in range(options.blocks):
                for mode, contender in contenders.items():
                    time.sleep(SETTLE_SECONDS)
                    seconds[mode] += contender.train(options.steps)
            rows = rows_of(contenders, seconds, memory, options)
            if not noisy(rows):
                break
    return rows


def rows_of(
    contenders: dict[str, Contender], seconds: dict[str, list[float]],
    memory: dict[str, int | None], options: argparse.Namespace,
) -> list[Row]:  # fmt: skip
    """What was measured, as rows of numbers with the ratios to PyTorch's best modes."""
    rows: list[Row] = []
    for mode, contender in contenders.items():
        name = mode.replace("-", " ")
        if mode not in OUR_MODES[options.device]:
            name = "PyTorch " + name.removesuffix(" plain").replace(" kept", ", memory kept")
        rows.append(dict(workload=contender.workload, name=name, problem=contender.problem))
        if not contender.problem:
            low, median, high = np.percentile(seconds[mode], [25, 50, 75]).tolist()
            rows[-1] |= dict(
                batch_size=contender.batch_size,
                width=contender.width,
                parameters=contender.parameters,
                last_losses=contender.losses,
                median_seconds=median,
                spread_percent=100 * (high - low) / median,
                images_per_second=contender.batch_size / median,
                peak_bytes=memory.get(mode, contender.peak_bytes),
                seconds=seconds[mode],
            )
    compare(rows, options.device)
    return rows


def arguments() -> argparse.Namespace:
    parser, whole = command_line.Parser(__doc__), command_line.positive
    add = parser.add_argument
    add("--device", choices=list(MARKERS), default="cpu")
    add("--workload", nargs="+", choices=[*WORKLOADS, "layers"],
        help="mnist and dcgan64; on a GPU each in two sizes, and layers")  # fmt: skip
    add("--torch-modes", nargs="*", metavar="MODE",
        help=f"all by default: {', '.join(TORCH_MODES['cpu'])}; on a GPU "
        f"{', '.join(TORCH_MODES['cuda'])}")  # fmt: skip
    add("--no-compile", action="store_true", help="leave out the modes that compile")
    add("--threads", type=command_line.cores, default=tinygan.get_num_threads(),
        help="of each (%(default)s)")  # fmt: skip
    add("--blocks", type=whole, default=6, help="turns of each contender (%(default)s)")
    add("--steps", type=whole, help="timed in each turn (5; on a GPU 50)")
    add("--width", type=whole, help="channels next to the images (64)")
    add("--batch-size", type=whole, help="images per step (128 for mnist, 64 for dcgan64)")
    add("--json", type=Path, nargs="?", const=Path("-"), metavar="FILE",
        help="write one JSON document; without a name, print it instead of text")  # fmt: skip
    add("--write", type=Path, nargs="+", default=[], metavar="FILE",
        help=f"put a table between {' and '.join(MARKERS['cpu'])}, "
        f"on a GPU {' and '.join(MARKERS['cuda'])}")  # fmt: skip
    add("--curve", type=whole, metavar="N", help="time nothing, print both losses of N steps")
    options = parser.parse_args()
    if options.curve is not None and (options.json or options.write or options.device != "cpu"):
        parser.error("--curve goes with neither --json nor --write nor a GPU")
    if options.device == "cuda" and not tinygan.cuda.is_available():
        parser.error("--device cuda: there is no GPU that tinygan can use")
    known = TORCH_MODES[options.device]
    options.torch_modes = known if options.torch_modes is None else options.torch_modes
    for mode in options.torch_modes:
        if mode not in known:
            parser.error(f"--torch-modes: invalid choice: {mode!r} (choose from {known})")
    if options.no_compile:
        options.torch_modes = [m for m in options.torch_modes if m.split("-")[1] not in COMPILE]
    without_torch = importlib.util.find_spec("torch") is None
    if without_torch:
        if options.curve is not None:
            parser.error("--curve needs PyTorch, which is not installed")
        options.torch_modes = []
    if options.json not in (None, Path("-")):
        command_line.check_file("--json", options.json)
    command_line.check_pages("--write", options.write, MARKERS[options.device])
    everything = [*WORKLOADS, *(["layers"] if options.device == "cuda" else [])]
    options.workload = options.workload or everything
    options.steps = options.steps or STEPS[options.device]
    if without_torch:
        print("PyTorch is not installed: only tinygan is timed", file=sys.stderr)
    return options


def parts(options: argparse.Namespace) -> list[tuple[str, int, int]]:
    """The workloads that were asked for, each with the images per step and the width."""
    known = GPU_PARTS
    if options.device == "cpu" or options.width or options.batch_size:
        width = options.width or 64
        known = [(name, options.batch_size or workload.batch_size, width)
                 for name, workload in WORKLOADS.items()]  # fmt: skip
    return [part for part in known if part[0] in options.workload]


def main() -> None:
    options = arguments()
    on_gpu = options.device == "cuda"
    tinygan.set_num_threads(options.threads)  # for --curve and for the line about the computer
    printing_json = options.json == Path("-")
    say = (lambda text: None) if printing_json else lambda text: print(text, flush=True)
    line = f"{gpu_line()}; {computer_line()}" if on_gpu else computer_line()
    say(line)
    command = f"python examples/benchmark_step.py {shlex.join(sys.argv[1:])}".rstrip()
    rows: list[Row] = []
    layers: list[Any] = []

    def save() -> None:
        document: dict[str, Any] = {"command": command, "machine": computer() | {"line": line}}
        document |= {"rows": rows, "layers": [row.as_json() for row in layers]}
        text = json.dumps(document, indent=2)
        if printing_json:
            print(text)
        elif options.json:
            with atomic_write(options.json) as file:
                file.write(text.encode())

    for name, batch_size, width in parts(options):
        say(f"\n{name}, width {width}, batch {batch_size}")
        if options.curve is not None:
            print_curve(WORKLOADS[name], width, batch_size, options.threads, options.curve)
            continue
        new = measure(name, batch_size, width, options)
        say(as_text(new))
        for row in new:
            row["workload"] += f", batch {batch_size}, width {width}" if on_gpu else ""
        rows += new
        if new[0]["problem"]:
            sys.exit(f"{name}: tinygan failed: {new[0]['problem']}")
        if not printing_json:
            save()
    if "layers" in options.workload:
        baseline = "torch" if options.torch_modes else None
        repeats = options.blocks * options.steps // 15 or 1
        layers += benchmark_layers.layer_rows(options.device, baseline, repeats, say)
    if options.json and options.curve is None:
        save()
    notes = f"{line}. Measured by `{command}`."
    tables = [as_markdown(rows, notes)] if rows else []
    tables += [benchmark_layers.as_markdown(layers, notes)] if layers else []
    for file in options.write:
        replace_between_markers(file, "\n\n".join(tables), MARKERS[options.device])


if __name__ == "__main__":
    command_line.start(main)
