"""What this machine has, and what to do about what is missing.

With --device cuda, tinygan is tried on the GPU for two minutes, and a report to send in is written
(its own options: tinygan doctor --device cuda --help).
"""

from __future__ import annotations

import json
import shutil

from tinygan.command_line import Parser

EPILOG = """examples:
  tinygan doctor
  tinygan doctor --json
  tinygan doctor --device cuda --out reports
"""


def parser() -> Parser:
    options = Parser(__doc__, program="tinygan doctor", epilog=EPILOG)
    options.add_argument("--json", action="store_true", help="print the findings as JSON")
    options.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="(%(default)s)")
    return options


def main(arguments: list[str]) -> int:
    if any(word.startswith("--device") for word in arguments) and "cpu" not in arguments:
        from tinygan.doctor.run import main as on_gpu

        return on_gpu(arguments)
    options = parser().parse_args(arguments)
    from tinygan.doctor.overview import overview, text

    findings = overview()
    if options.json:
        print(json.dumps([each._asdict() for each in findings], indent=1))
    else:
        print(text(findings, min(100, shutil.get_terminal_size().columns)))
    return 0
