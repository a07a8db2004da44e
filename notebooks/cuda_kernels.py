"""What the CUDA notebook and its checks need: a launch in the emulator, told in a few words."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

from tinygan.kernels.emulator import EmulatorError, KernelFault, Module, compiler
from tinygan.kernels.emulator.module import Traffic

FILE = "kernel.cu"


class Launch(NamedTuple):
    """What came of a launch: the fault, or "" for none; its line, or 0; the traffic by line."""

    fault: str
    line: int
    traffic: list[Traffic]


def missing_compiler() -> str:
    """Why nothing can be run here, or ""."""
    try:
        compiler()
    except EmulatorError as problem:
        return str(problem)
    return ""


def launch(
    text: str, kernel: str, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], *,
    order: str = "forward", traffic: bool = False,
) -> Launch:  # fmt: skip
    """Compiles the text and runs the kernel with every access watched; a mistake is no exception
    but told in the result. Lines count from the first of the text that is not empty; arguments are
    those of `Module.launch`."""
    try:
        module = Module(textwrap.dedent(text).strip(), [kernel], name=FILE, checked=True)
        module.launch(kernel, grid=grid, block=block, args=args, order=order, traffic=traffic)
    except KernelFault as fault:
        line = fault.place.rpartition(":")[2]
        return Launch(f"{fault.kind}: {fault.message}", int(line) if line.isdigit() else 0, [])
    except EmulatorError as problem:  # of the compiler's messages only those about the text
        lines = str(problem).splitlines()
        about = [line for line in lines if line.startswith(f"{FILE}:")]
        return Launch("\n".join(about or lines), 0, [])
    return Launch("", 0, module.traffic)


def numbered(text: str, marked: int = 0) -> str:
    """The text as a block of Markdown, with line numbers and an arrow at the line `marked`."""
    rows = [
        f"{'>' if number == marked else ' '}{number:3}  {line}"
        for number, line in enumerate(textwrap.dedent(text).strip().splitlines(), 1)
    ]
    return "```cpp\n" + "\n".join(rows) + "\n```"


def traffic_table(rows: Sequence[Traffic]) -> str:
    """Markdown: by line, sectors of global memory or passes of shared memory, and the fewest."""
    lines = ["| line | memory | | needed | fewest |", "| ---: | :--- | :--- | ---: | ---: |"]
    for row in rows:
        verb, unit = "write" if row.write else "read", "sectors"
        if row.memory == "shared":
            unit = "passes"
        number = row.place.rpartition(":")[2]
        lines.append(f"| {number} | {row.memory} | {verb} | {row.cost:,} {unit} | {row.ideal:,} |")
    return "\n".join(lines)
