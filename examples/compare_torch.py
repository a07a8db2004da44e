"""The recipe of dcgan_mnist.py in PyTorch, scored by the same classifier: is ours as good?

    pip install torch
    python examples/compare_torch.py --epochs 8 --out runs/torch_mnist

Same nets, initialisation, data order, losses, penalties, Adam and moving average; other random
numbers.
Prints the scores after each epoch, from the averaged weights and from the last ones.
"""

from __future__ import annotations

import time
from pathlib import Path

import command_line
import common

try:
    import torch_digits
except ImportError as missing:
    command_line.stop(f"it compares with PyTorch: pip install torch ({missing})")

from tinygan.data import BatchSampler, load_dataset
from tinygan.images import grid, save_png
from tinygan.metrics import Scorer, classifier_for, format_scores


def main() -> None:
    parser = command_line.Parser(__doc__, ("PIL.Image",))
    add = parser.add_argument
    common.digits_options(parser)
    add("--seed", type=command_line.whole(0), default=0, help="%(default)s")
    add("--samples", type=command_line.whole(4), default=10_000, help="images per score")
    add("--out", type=Path, default=Path("runs/torch_mnist"), help="%(default)s")
    options = parser.parse_args()
    command_line.check_folder(options)
    with command_line.checking():
        train, test = load_dataset("mnist"), load_dataset("mnist", "test")
        if options.batch_size > len(train):
            parser.error(f"--batch-size: must be at most {len(train)}, got {options.batch_size}")
    scorer = Scorer(classifier_for(train, progress=print), train, test)
    settings = common.digits_settings(options)
    sampler = BatchSampler(len(train), options.batch_size, options.seed)
    digits = torch_digits.TorchDigits(options.width, settings, len(sampler), options.samples)
    start = time.monotonic()
    for epoch in range(1, options.epochs + 1):
        for indices in sampler:
            digits.step(train.batch(indices))
        minutes = (time.monotonic() - start) / 60
        scores = {"averaged": scorer(digits.images())}
        scores["last"] = scorer(digits.images(averaged=False))
        text = ", ".join(f"{k}: FID {s['fid']:.3f} KL {s['kl']:.4f}" for k, s in scores.items())
        print(f"epoch {epoch}, {minutes:.1f} minutes; {text}", flush=True)
    save_png(grid(digits.images()[:64]), options.out / "samples.png", zoom=2)
    print(format_scores(scores["averaged"], scorer.floor))


if __name__ == "__main__":
    command_line.start(main)
