"""Trains a model by its name or by a TOML file of settings, as the examples do.

The run goes to the folder --out: pictures, log, scores, checkpoint, and a page of all of it. Stop
it by Ctrl-C, and go on with --resume.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tinygan
from tinygan.command_line import (
    Parser,
    check_writable,
    checking,
    cores,
    data_source,
    positive,
    results_folder,
    stop,
    whole,
)
from tinygan.devices import check_device
from tinygan.packages import require
from tinygan.recipes import RECIPES, Plan, Training, parse_changes
from tinygan.training import TrainingDiverged
from tinygan.training.callbacks import LOGS, logs_of

EPILOG = """models:
{models}

examples:
  tinygan train dcgan                                   as examples/dcgan_mnist.py
  tinygan train dcgan64 --data PICTURES --set nets.width=32 settings.lr=5e-4
  tinygan train dcgan --print > mine.toml               all its settings, to be edited
  tinygan train mine.toml --out runs/mine
  tinygan train mine.toml --out runs/mine --resume
"""


def parser() -> Parser:
    models = "\n".join(f"  {name:18}{recipe.about}" for name, recipe in RECIPES.items())
    options = Parser(__doc__, program="tinygan train", epilog=EPILOG.format(models=models))
    add = options.add_argument
    add("model", metavar="MODEL", help="a name of the list below, or a TOML file")
    add("--data", type=data_source, help="mnist, fashion, synthetic or a folder (the model's)")
    add("--epochs", type=positive, help="in all (the model's)")
    add("--seed", type=whole(0), help="of everything random (0)")
    add("--set", nargs="+", default=[], metavar="NAME=VALUE",
        help="changes, as nets.width=16 settings.lr=1e-3")  # fmt: skip
    add("--out", type=results_folder, help="folder of the run (runs/MODEL)")
    add("--resume", action="store_true", help="go on with the run in --out")
    add("--device", default="cpu", help="cpu or cuda (%(default)s)")
    add("--threads", type=cores, help="CPU threads (all cores)")
    add("--log", nargs="+", choices=tuple(LOGS), default=[], help="further logs than log.jsonl")
    add("--skip-unreadable", action="store_true", help="leave out pictures that cannot be read")
    add("--print", action="store_true", help="only print the settings, as TOML")
    return options


def plan_of(options: argparse.Namespace) -> Plan:
    """What is to be trained."""
    with checking("--set: "):
        changes = parse_changes(options.set)
    for name in ("data", "epochs"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    if options.seed is not None:
        changes.setdefault("settings", {})["seed"] = options.seed
    with checking():
        if options.model in RECIPES:
            return Plan.of(options.model, **changes)
        if not Path(options.model).is_file():
            stop(f"MODEL must be one of {', '.join(RECIPES)} or a TOML file, got {options.model}")
        return Plan.read(options.model, **changes)


def run(options: argparse.Namespace) -> int:
    plan = plan_of(options)
    if options.print:
        print(plan.toml(), end="")
        return 0
    out = options.out or Path("runs") / plan.model
    with checking("--device: "):
        check_device(options.device)
    with checking():
        require("training", "PIL.Image", "matplotlib.figure")
    there = (out / "checkpoint.npz").exists()
    if there != options.resume:
        stop(f"--out {out} holds {'a run already; go on with it by' if there else 'no run for'} "
             f"--resume{', or choose another one' if there else ''}")  # fmt: skip
    check_writable("--out", out)
    if options.threads:
        tinygan.set_num_threads(options.threads)
    with checking():
        training = Training(
            plan, out, resume=options.resume, device=options.device,
            callbacks=logs_of(options.log), skip_unreadable=options.skip_unreadable,
        )  # fmt: skip
    try:
        finished = training.run()
    except TrainingDiverged as problem:
        print(problem)
        return 1
    if not finished:
        print(f"stopped and saved in {out}; the same command with --resume goes on")
        return 1
    print(f"{plan.epochs} epochs; all of it on one page: {out / 'report.html'}")
    return 0
