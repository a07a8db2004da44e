"""The command: ``python -m tinygan.lab``, which is ``tinygan lab`` too."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tinygan.lab import serve
from tinygan.printing import escape_unprintable


def main(arguments: Sequence[str] | None = None) -> int:
    """0 after Ctrl-C; 1 where the pages cannot be served, and a line says why."""
    parser = argparse.ArgumentParser(
        prog="tinygan lab", description="Pages of this machine alone: a GAN on a plane, runs, and "
        "generators. Ctrl-C ends them.",
    )  # fmt: skip
    parser.add_argument(
        "runs", nargs="*", metavar="RUN", type=Path,
        help="a folder that an example has written to, or one that holds such folders",
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=0, help="by default any that is free")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args(arguments)
    try:
        serve(options.runs, port=options.port, open_browser=not options.no_browser)
    except (ImportError, OSError, ValueError) as problem:
        print(f"tinygan lab: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # while the kernels were being compiled
        return 130
    return 0


if __name__ == "__main__":
    escape_unprintable()
    raise SystemExit(main())
