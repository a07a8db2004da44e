"""From an address in a kernel's library to the line of its text."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

# The emulator's own headers: where a kernel calls what stands there is the kernel's line.
_OWN = {path.name for path in Path(__file__).parent.glob("*.h")}


class Symbols:
    """Looks up lines with addr2line or llvm-symbolizer; without either, places are addresses."""

    def __init__(self, path: Path, tell_borders: Callable):
        borders = (ctypes.c_void_p * 6)()
        tell_borders(borders)
        self._path, self._base = path, borders[0] or 0
        self._known: dict[int, str] = {}

    def places(self, addresses: Sequence[int]) -> list[str]:
        """ "file:line" of each return address."""
        unknown = [address for address in addresses if address not in self._known]
        if unknown:
            for address, place in zip(unknown, self._look_up(unknown), strict=True):
                self._known[address] = place
        return [self._known[address] for address in addresses]

    def place(self, address: int) -> str:
        return self.places([address])[0] if address else ""

    def in_text(self, message: str) -> str:
        """The message with each @address replaced by its place."""
        return re.sub(r"@(0x[0-9a-f]+)", lambda found: self.place(int(found[1], 16)), message)

    def _look_up(self, addresses: Sequence[int]) -> list[str]:
        tool = shutil.which("addr2line") or shutil.which("llvm-addr2line")
        if tool is None:
            return [f"{address:#x}" for address in addresses]
        # A return address follows the call; -i also prints where inlined code was called from,
        # the outermost last, and -a the address in front of each answer.
        offsets = [f"{address - self._base - 1:#x}" for address in addresses]
        done = subprocess.run(
            [tool, "-a", "-i", "-e", str(self._path), *offsets], capture_output=True, text=True
        )
        answers: list[list[str]] = []
        for line in done.stdout.splitlines():
            if line.startswith("0x"):
                answers.append([])
            else:
                answers[-1].append(line.split(" (")[0].rsplit("/", 1)[-1])
        return [
            next((p for p in places if p.split(":")[0] not in _OWN), places[0] if places else "?")
            for places in answers
        ]
