"""A run on one page: report.html in its folder, of what is there by now.

Training writes the page at its end; this makes it of a run that goes on, or was killed.
"""

from __future__ import annotations

import argparse
import json

from tinygan.command_line import Parser, checking, run_folder
from tinygan.packages import require
from tinygan.training import read_run, write_report
from tinygan.training.report import advice

EPILOG = """examples:
  tinygan report runs/dcgan_mnist
  tinygan report runs/* --json          steps, epochs, last scores, alarms and advice of each
"""


def parser() -> Parser:
    options = Parser(__doc__, program="tinygan report", epilog=EPILOG)
    options.add_argument("runs", nargs="+", type=run_folder, metavar="RUN", help="folder of a run")
    options.add_argument("--json", action="store_true", help="print JSON, and write no page")
    return options


def run(options: argparse.Namespace) -> None:
    with checking():
        runs = [read_run(folder) for folder in options.runs]  # all of them, before a page is made
        if not options.json:
            require("the page", "matplotlib.figure")
    if not options.json:
        for each in runs:
            print(write_report(each.folder))
        return
    found = []
    for each in runs:
        last = each.reports[-1] if each.reports else {}
        found.append({
            "run": str(each.folder), "command": each.command,
            "steps": each.steps[-1]["step"] if each.steps else 0, "epochs": last.get("epoch", 0),
            "scores": each.scores or {k: v for k, v in last.items() if k not in ("step", "epoch")},
            "alarms": each.alarms, "advice": advice(each),
        })  # fmt: skip
    print(json.dumps(found, indent=1))
