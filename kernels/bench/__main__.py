"""The kernel benchmark: ``python -m tinygan.kernels.bench [LADDER ...]``.

For every ladder and bench shape each rung is checked first (`checking.py`); one that is wrong or
not finite is not timed, and the exit code is 1. Then all rungs, and with ``--baseline torch``
PyTorch in each of its modes, are timed in turns. Printed are the median time, the spread (distance
between the quartiles, in percent of the median), GFLOP/s and GB/s by the ladder's counts, the
fraction of the roofline measured in the same run, and the ratio to the baseline's best mode (above
1 is faster than the baseline). ``kernels/README.md`` says how to read them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..cpu.threads import get_num_threads, set_num_threads
from ..cuda.device import count_devices
from ..ladder import Ladder, all_ladders
from .checking import TOLERANCE, Standard, computes_in
from .compare import Settings, bench_shape
from .documents import check_markers, replace_between_markers
from .roofline import measure_roofline
from .table import Row, block, machine, machine_line, markdown

REPEATS, QUICK_REPEATS = 20, 5


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinygan.kernels.bench",
        description="Checks and times the rungs of the kernels' ladders.",
        epilog="example: tinygan bench conv2d --quick, or python -m tinygan.kernels.bench ...",
    )
    add = parser.add_argument
    add("ladders", nargs="*", metavar="LADDER", help="all ladders when none is named")
    add("--list", action="store_true", help="print ladders, rungs and shapes, and stop")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--shape", metavar="NAME", help="only this shape, of the ladders that have it")
    add("--rung", metavar="NAME", help="only this rung, of the ladders that have it")
    add("--dtype", choices=tuple(TOLERANCE), default="float32")
    add("--baseline", choices=("torch",), help="compare with this library")
    add("--threads", type=_positive, metavar="N", help="of our kernels and of the baseline; "
        "NumPy's BLAS has threads of its own (OPENBLAS_NUM_THREADS or the like)")  # fmt: skip
    add("--repeats", type=_positive, metavar="N", help=f"timed runs of each ({REPEATS})")
    add("--quick", action="store_true",
        help=f"only the first shape of each ladder, {QUICK_REPEATS} runs")  # fmt: skip
    add("--json", action="store_true", help="print one JSON document instead of text")
    add("--write", type=Path, nargs="?", const=Path("docs/benchmarks.md"), metavar="FILE",
        help="put the table between the markers in this file")  # fmt: skip
    return parser


def _select(
    parser: argparse.ArgumentParser, options: argparse.Namespace
) -> list[tuple[Ladder, str]]:
    """The ladders and shapes that were asked for."""
    known = all_ladders()
    for name in options.ladders:
        if name not in known:
            parser.error(f"unknown ladder {name!r} (choose from {', '.join(known)})")
    ladders = [known[name] for name in dict.fromkeys(options.ladders or known)]
    for ladder in ladders:
        if all(rung.device != options.device for rung in ladder.rungs):
            parser.error(f"no {options.device.upper()} rung is registered for {ladder.name}")

    def keep(kind: str, name: str | None, names_of: Callable[[Ladder], list[str]]) -> None:
        if name is None:
            return
        having = [ladder for ladder in ladders if name in names_of(ladder)]
        if not having:
            names = dict.fromkeys(each for ladder in ladders for each in names_of(ladder))
            parser.error(f"unknown {kind} {name!r} (choose from {', '.join(map(repr, names))})")
        ladders[:] = having

    keep("shape", options.shape, lambda ladder: list(ladder.bench_shapes))
    keep("rung", options.rung, lambda ladder: [
        rung.name for rung in ladder.rungs if rung.device == options.device
    ])  # fmt: skip
    having = [ladder for ladder in ladders
              if any(rung.device == options.device and computes_in(rung, options.dtype)
                     for rung in ladder.rungs)]  # fmt: skip
    if not having:
        parser.error(f"none of these ladders has a rung for --dtype {options.dtype} "
                     f"on --device {options.device}")  # fmt: skip
    selected = []
    for ladder in having:
        shapes = list(ladder.bench_shapes) if options.shape is None else [options.shape]
        selected += [(ladder, shape) for shape in shapes[: 1 if options.quick else None]]
    return selected


def _print_list() -> None:
    for name, ladder in all_ladders().items():
        print(name)
        print("  rungs: ", ", ".join(f"{rung.name} ({rung.device})" for rung in ladder.rungs))
        print("  shapes:", ", ".join(map(repr, ladder.bench_shapes)))


def prepare_torch(device: str, dtype: str) -> None:
    """As many threads as ours; on a GPU products of float32 in float32 or, for ``"tf32"``, in
    that, and of cuDNN's algorithms the one that is fastest for each shape.

    Raises:
        RuntimeError: PyTorch is not installed, or cannot use the GPU.
    """
    if importlib.util.find_spec("torch") is None:
        raise RuntimeError("--baseline torch needs PyTorch, which is not installed")
    import torch

    torch.set_num_threads(get_num_threads())
    if device == "cuda":
        if not torch.cuda.is_available():
            raise RuntimeError(
                f"--baseline torch: PyTorch {torch.__version__} finds no GPU; is it a build with "
                "CUDA?"
            )
        torch.backends.cuda.matmul.allow_tf32 = dtype == "tf32"
        torch.backends.cudnn.allow_tf32 = dtype == "tf32"
        torch.backends.cudnn.benchmark = True


def _prepare(options: argparse.Namespace) -> None:
    """Sets the threads and the baseline's modes.

    Raises:
        RuntimeError: the device or the baseline is missing.
        ValueError: more threads than there can be.
    """
    if options.device == "cuda" and count_devices("cuda") == 0:
        raise RuntimeError("device 'cuda': this machine has 0 CUDA devices")
    if options.threads is not None:
        set_num_threads(options.threads)
    if options.baseline == "torch":
        prepare_torch(options.device, options.dtype)


def _settings(options: argparse.Namespace) -> Settings:
    """With the roofline, which is measured here."""
    repeats = options.repeats or (QUICK_REPEATS if options.quick else REPEATS)
    roofline = measure_roofline(options.device, options.dtype)
    return Settings(
        options.device, options.dtype, options.rung, options.baseline, repeats, roofline
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns 0, or 1 when a rung or the baseline was refused."""
    argv = sys.argv[1:] if argv is None else argv
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.list:
        _print_list()
        return 0
    selected = _select(parser, options)
    if options.write is not None:
        try:
            check_markers(options.write)  # before minutes of work, not after
        except (OSError, ValueError) as problem:
            parser.error(f"--write: {problem}")
    try:
        _prepare(options)
    except (RuntimeError, ValueError) as problem:
        parser.error(str(problem))
    settings = _settings(options)
    command = f"{parser.prog} {shlex.join(argv)}".rstrip()
    machine_text = machine_line(settings.device, settings.dtype, settings.roofline)
    if not options.json:
        print(machine_text)

    rows: list[Row] = []
    standards = {ladder.name: Standard(ladder) for ladder, _ in selected}
    for ladder, shape in selected:
        new = bench_shape(ladder, shape, standards[ladder.name], settings)
        rows += new
        if not options.json:
            print(f"\n{block(new, settings.roofline)}", flush=True)
    if options.json:
        document = {
            "command": command,
            "machine": machine(settings.device, settings.roofline),
            "rows": [row.as_json() for row in rows],
        }
        print(json.dumps(document, indent=2, allow_nan=False))

    refused = [row for row in rows if row.status == "refused"]
    for row in refused:
        print(f"refused: {row.ladder}, {row.shape}, {row.name}: {row.note}", file=sys.stderr)
    if refused:
        if options.write is not None:
            print(f"{options.write} is left as it was", file=sys.stderr)
        return 1
    if options.write is not None:
        replace_between_markers(options.write, markdown(rows, machine_text, command))
    return 0


if __name__ == "__main__":
    sys.exit(main())
