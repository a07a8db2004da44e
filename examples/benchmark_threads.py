"""What threads cost that wait: more threads than cores, and two trainings on the same cores.

    python examples/benchmark_threads.py
    python examples/benchmark_threads.py --workload dcgan64 --width 64 --batch-size 128 --blocks 10

All contenders take turns, block by block; numbers are medians over the blocks, of the median step
in each. Printed are milliseconds a step and two ratios: of many threads to as many as there are
cores (1 is ideal), and of the speed of each of two trainings side by side to that of one alone (0.5
is ideal). Run nothing else meanwhile.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor

import command_line
from benchmark_nets import WORKLOADS
from benchmark_worker import Contender

from tinygan.kernels.cpu.threads import usable_cpus

MANY = 64
WARM_UP = 3  # steps: they compile the kernels


def step(contender: Contender, steps: int) -> float:
    """The median milliseconds of some steps."""
    seconds = contender.train(steps)
    if not seconds:
        raise SystemExit(contender.problem)
    return 1000 * statistics.median(seconds)


def main() -> None:
    parser, whole = command_line.Parser(__doc__), command_line.positive
    add = parser.add_argument
    add("--workload", choices=WORKLOADS, default="mnist", help="%(default)s")
    add("--width", type=whole, default=16, help="channels next to the images (%(default)s)")
    add("--batch-size", type=whole, default=32, help="images per step (%(default)s)")
    add("--blocks", type=whole, default=7, help="turns of each contender (%(default)s)")
    add("--steps", type=whole, default=30, help="in a block (%(default)s)")
    options = parser.parse_args()
    cpus = usable_cpus()
    counts = {"one": 1, "cores": cpus, "many": MANY, "beside": cpus}  # threads
    team = {
        name: Contender(options.workload, "tinygan", options.width, options.batch_size, threads)
        for name, threads in counts.items()
    }
    times: dict[str, list[float]] = {name: [] for name in ("one", "cores", "many", "side by side")}
    try:
        for contender in team.values():
            step(contender, WARM_UP)
        for _ in range(options.blocks):
            for name in ("one", "cores", "many"):
                times[name].append(step(team[name], options.steps))
            with ThreadPoolExecutor() as pool:  # which only waits for the two processes
                pair = pool.map(step, (team["cores"], team["beside"]), 2 * [options.steps])
                times["side by side"] += pair
    finally:
        for contender in team.values():
            contender.__exit__()
    medians = {name: statistics.median(each) for name, each in times.items()}
    print(f"{options.workload}, width {options.width}, batch {options.batch_size}; {cpus} CPUs")
    print(f"1 thread: {medians['one']:.1f} ms a step")
    print(f"{cpus} threads: {medians['cores']:.1f} ms a step")
    print(f"{MANY} threads: {medians['many']:.1f} ms a step, "
          f"{medians['many'] / medians['cores']:.2f} of {cpus} threads")  # fmt: skip
    print(f"two side by side, {cpus} threads each: {medians['side by side']:.1f} ms a step, "
          f"each at {medians['cores'] / medians['side by side']:.2f} of one alone")  # fmt: skip


if __name__ == "__main__":
    command_line.start(main)
