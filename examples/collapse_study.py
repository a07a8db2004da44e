"""Why a DCGAN that many tutorials show generates only the digit 1, and why it breaks in the end.

    python examples/collapse_study.py --only faithful         the tutorial's run, 20,000 steps
    python examples/collapse_study.py --only fixed            all faults mended, as many steps
    python examples/collapse_study.py --steps 3000            the table: one change at a time
    python examples/collapse_study.py --quick

Each row of the table is a run of the tutorial's nets and settings with one thing changed. Its
columns: how many classes its samples show and the entropy of their histogram (ln 10 = 2.303 for
ten equal classes), the FID, and the step at which a loss was no longer finite, if one was. Finished
rows are kept in results.json; a run that was stopped goes on from its last checkpoint.
"""

from __future__ import annotations

from typing import Any

import command_line
import common
import numpy as np
from collapse_variants import VARIANTS

import tinygan
from tinygan.data import Dataset
from tinygan.images import plot_curves
from tinygan.metrics import Scorer
from tinygan.metrics.scores import CHEAP
from tinygan.models import SameDCGAN
from tinygan.training import Settings, Trainer, TrainingDiverged
from tinygan.training.log import read_json_lines


def run(name: str, options, train: Dataset, scorer: Scorer) -> dict[str, Any]:
    """Trains one variant, or goes on with it, and returns its row of the table."""
    variant = VARIANTS[name]
    tinygan.manual_seed(options.seed)
    settings = {"beta1": 0.9, "loss": "log-probability", "average_decay": 0.0, **variant.settings}
    out = options.out / "".join(c if c.isalnum() else "_" for c in name)
    epochs = max(1, round(options.steps / (len(train) // options.batch_size)))
    broke = None
    try:
        # The tutorial's logarithms of zero are what is studied: no warnings beside the alarm.
        with np.errstate(divide="ignore", invalid="ignore"):
            with command_line.checking():
                trainer = Trainer(
                    SameDCGAN(**variant.nets),
                    variant.images(train.images, train.labels, train.name), out,
                    Settings(options.batch_size, options.lr, seed=options.seed, **settings),
                    device=options.device, samples=2000, resume=(out / "checkpoint.npz").exists(),
                    evaluate=lambda samples: scorer(variant.signed(samples)),
                )  # fmt: skip
            if not trainer.train(epochs):
                raise SystemExit(f"stopped and saved; the same command goes on with {name!r}")
    except TrainingDiverged as error:
        print(error)
        broke = trainer.step
    reports = [entry for entry in read_json_lines(out / "log.jsonl") if "epoch" in entry]
    if not reports:
        return {"steps": trainer.step, "broke": broke}
    last = reports[-1]
    return {
        "steps": trainer.step, "broke": broke, "fid": last["fid"], "classes": last["classes"],
        "entropy": last["class_entropy"],
        "lowest_entropy": min(r["class_entropy"] for r in reports),
        "top_class": int(np.argmax(last["histogram"])), "top_share": max(last["histogram"]),
        "entropies": [r["class_entropy"] for r in reports],
    }  # fmt: skip


def print_table(rows: dict[str, dict[str, Any]]) -> None:
    print(f"{'':22}{'steps':>7}{'broke':>7}{'classes':>8}{'entropy':>8}{'lowest':>8}"
          f"{'top class':>14}{'FID':>8}")  # fmt: skip
    for name, row in rows.items():
        line = f"{name:22}{row['steps']:7}{row['broke'] or '-':>7}"
        if "entropy" in row:
            top = f"{row['top_class']} ({100 * row['top_share']:.0f} %)"
            line += f"{row['classes']:8}{row['entropy']:8.3f}{row['lowest_entropy']:8.3f}{top:>14}"
            line += f"{row['fid']:8.1f}"
        print(line)


def main() -> None:
    parser = command_line.training_parser(__doc__, "runs/collapse_study", batch_size=256, lr=1e-4)
    parser.add_argument("--steps", type=command_line.positive, default=20_000, help="of each run")
    parser.add_argument("--only", choices=VARIANTS, help="one row of the table")
    parser.quick(steps=6, batch_size=100)
    options = command_line.parse(parser)
    with command_line.checking():
        results = common.Results(options, ["data", "seed", "batch_size", "lr", "quick"])
        rows = results.found.get("rows", {})
        train, test = common.load_digits(options)
        common.check_counts(train, options.batch_size, options, (train, test), CHEAP)
    scorer = common.scorer_for(train, test, options, count=2000)
    for name in [options.only] if options.only else VARIANTS:
        done = rows.get(name, {"steps": 0, "broke": None})
        if done["broke"] is None and done["steps"] < 0.99 * options.steps:  # whole epochs
            rows[name] = run(name, options, train, scorer)
            results.write(rows=rows)
    print_table(rows)
    curves = {name: row["entropies"] for name, row in rows.items() if "entropies" in row}
    plot_curves(curves, options.out / "entropy.png", "epoch", "class entropy (nats)")


if __name__ == "__main__":
    command_line.start(main)
