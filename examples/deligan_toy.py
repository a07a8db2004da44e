"""DeLiGAN and five baselines on 400 points in the plane: who leaves the gap between modes empty?

    python examples/deligan_toy.py [--only DeLiGAN] [--seeds 1] [--quick]

Section 5.2 of arXiv:1706.02071, with 1/20 of its steps at three times its rate. The table has means
over the seeds ± their deviation. Finished cells stay in results.json: a stopped run goes on.
"""

from __future__ import annotations

from pathlib import Path

import command_line
import common
import numpy as np

import tinygan
import tinygan.functional as F
from tinygan.images import figure
from tinygan.models import TOY_MODELS, DeLiGAN, TurnTaking, toy_model
from tinygan.optim import Adam
from tinygan.training import sample

FREE = "DeLiGAN, free sigma"  # without the term that pulls sigma to 1
DATA = {"unimodal": (0.0, 0.3), "bimodal": (0.6, 0.15)}  # +-centre and deviation of each half
BATCH = 50
COLUMNS = ("|x| < 0.15", "smaller side", "deviation", "mean |sigma|")


def points(data: str, rng: np.random.Generator) -> np.ndarray:
    centre, deviation = DATA[data]
    return rng.normal(np.repeat([[centre], [-centre]], 200, 0), deviation, (400, 2)).astype("f4")


def train(name: str, data: np.ndarray, rng: np.random.Generator, options):
    model, turns = toy_model("DeLiGAN" if name == FREE else name), TurnTaking()
    nets = (net.to(options.device) for net in (model.generator, model.discriminator))
    g, d = (Adam(net.parameters(), options.lr, (0.5, 0.999)) for net in nets)
    for step in range(0, options.steps, 5):  # five of G or of D with each batch
        if step % 40 == 0:
            turns.start_epoch()
            batches = iter(rng.permutation(400).reshape(8, BATCH))
        turns.start_batch()
        real = tinygan.tensor(data[next(batches)], device=options.device)
        latent = model.latent(BATCH, noise="uniform").to(options.device)
        for _ in range(5):
            # One pass of D over both kinds: at this size time goes by the op, not by the row.
            logits = model.discriminator(tinygan.cat([model.generator(latent), real]))
            loss = F.softplus(-logits[:BATCH]).mean()  # -E log D(G(z))
            optimizer = g if turns.trains_generator(loss.item()) else d
            if optimizer is d:
                loss = F.softplus(logits[:BATCH]).mean() + F.softplus(-logits[BATCH:]).mean()
            elif isinstance(model, DeLiGAN) and name != FREE:
                loss = loss + model.sigma_regulariser(0.1)
            # The gradients of one net alone; loss.backward() would compute those of both.
            for p, grad in zip(optimizer.params, tinygan.grad(loss, optimizer.params), strict=True):
                p.grad = grad
            optimizer.step()
    return model


def measure(made: np.ndarray) -> dict[str, float]:
    """The share of points (n, 2) between the modes, that of the side with fewer, the deviation."""
    left, between, deviation = made[:, 0] < 0, abs(made[:, 0]) < 0.15, made.std(0)
    values = between.mean(), min(left.mean(), 1 - left.mean()), deviation.mean()
    return dict(zip(COLUMNS, map(float, values), strict=False))


def cell(name: str, data: str, seed: int, options) -> dict:
    """Trains one model; measures 10,000 of its points, with normal noise."""
    tinygan.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = train(name, points(data, rng), rng, options)
    made = sample(model.generator, model.latent(10_000, tinygan.Generator(seed + 1)))
    found = {**measure(made), "points": made[:400].tolist()}
    if isinstance(model, DeLiGAN):
        found["mean |sigma|"] = model.mixture.sigma.abs().mean().item()
    return found


def row(title: str, cells: list[dict]) -> str:
    columns = [[found[column] for found in cells if column in found] for column in COLUMNS]
    texts = [f"{np.mean(v):.4f} ± {np.std(v):.4f}" if v else "-" for v in columns]
    return f"{title:30}" + "".join(f"{text:>19}" for text in texts)


def main() -> None:
    parser = command_line.parser(__doc__, "runs/deligan_toy")
    add, whole = parser.add_argument, command_line.positive
    add("--seeds", type=whole, default=5, help="how many, from --seed (%(default)s)")
    add("--steps", type=whole, default=16000, help="of G or of D (%(default)s)")
    add("--lr", type=command_line.rate, default=3e-4, help="Adam's rate (%(default)s)")
    add("--only", choices=(*TOY_MODELS, FREE), help="one model alone")
    parser.quick(seeds=1, steps=120, lr=0.02)
    options = command_line.parse(parser)
    names = [options.only] if options.only else [*TOY_MODELS, FREE]
    with command_line.checking():
        results = common.Results(options, [])  # the cells' names have the rest
        cells = results.found.get("cells", {})
    print(f"{'':30}" + "".join(f"{column:>19}" for column in COLUMNS))
    first_runs: dict[tuple[str, str], np.ndarray] = {}
    for data in DATA:
        real = points(data, np.random.default_rng(options.seed))
        print(row(f"{data}: real", [measure(real)]), flush=True)
        first_runs[data, "data"] = real
        for name in names:
            of_name = []
            for seed in range(options.seed, options.seed + options.seeds):
                key = f"{name}/{data}/{seed}/{options.steps}/{options.lr}"
                if key not in cells:
                    cells[key] = cell(name, data, seed, options)
                    results.write(cells=cells)
                of_name.append(cells[key])
            print(row(f"{data}: {name}", of_name), flush=True)
            first_runs[data, name] = np.array(of_name[0]["points"])
    draw(first_runs, ["data", *names], options.out / "samples.png")


def draw(first_runs: dict[tuple[str, str], np.ndarray], columns: list[str], path: Path) -> None:
    """The points of the first seed: a row for each data set, a column for each model."""
    size = (1.6 * len(columns) + 0.4, 3.8)
    with figure(path, size, len(DATA), len(columns), sharex=True, sharey=True) as axes:
        for data, in_row in zip(DATA, axes, strict=True):
            in_row[0].set_ylabel(data)
            for name, axis in zip(columns, in_row, strict=True):
                axis.scatter(*first_runs[data, name].T, s=2)
                axis.set(xlim=(-1, 1), ylim=(-1, 1), xticks=[-1, 0, 1], yticks=[-1, 0, 1])
                axis.set_aspect("equal")
        for name, axis in zip(columns, axes[0], strict=True):
            axis.set_title(name.replace(", ", ",\n"))


if __name__ == "__main__":
    command_line.start(main)
