"""Learns to turn one typeface into another without ever seeing a letter in both: CycleGAN.

    python examples/cyclegan.py                             Sans to Serif Bold Italic, and back
    python examples/cyclegan.py --target "Mono Bold"
    python examples/cyclegan.py --cycle 0                   without the way back
    python examples/cyclegan.py --quick

Half of the letters come in the one typeface, the other half in the other one. The pairs are there
all the same, hidden from the nets, and so there is a true error, which demonstrations on horses and
zebras cannot have: the distance from G(a) to the same letter as it really is. Beside it: that of
copying a; both after one move of all pictures alike; the cycle error |F(G(a)) - a|, and what tells
whether G hides its input in its picture (Chu 2017, arXiv:1712.02950): the same with a little noise
upon G(a), which no reader of letters would mind, and with the real letter in the place of G(a).
(Zhu 2017, arXiv:1703.10593; smaller.)
"""

from __future__ import annotations

import command_line
import common
import numpy as np
import translation_parts as parts

from tinygan.images import grid, save_png
from tinygan.models import CycleGAN
from tinygan.training.cycle import CycleGame
from tinygan.training.translation import rows

NOISE = 0.1  # standard deviation, in pictures from -1 to 1


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).mean())


def moved(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images, with what leaves at one side replaced by ground at the other."""
    result = np.full_like(images, -1)
    height, width = images.shape[2:]
    result[:, :, max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = (
        images[:, :, max(-down, 0) : height + min(-down, 0),
               max(-right, 0) : width + min(-right, 0)]
    )  # fmt: skip
    return result


def least_error(made: np.ndarray, real: np.ndarray) -> float:
    """The distance after one move of all images alike, by up to two pixels: where the letters of a
    typeface stand, nothing tells nets that see no pairs."""
    reach = range(-2, 3)
    return min(distance(moved(made, i, j), real) for i in reach for j in reach)


def scores_of(game: CycleGame, read: parts.Read) -> dict[str, float]:
    """The true errors, both ways, and what the way back needs."""
    found = game.samples()
    a, b, made_b = found["a"], found["b"], found["made_b"]
    noise = NOISE * np.random.default_rng(0).standard_normal(b.shape).astype(np.float32)
    return {
        "error_b": distance(made_b, b),
        "error_a": distance(found["made_a"], a),
        "error_copied": distance(a, b),
        "moved_b": least_error(made_b, b),
        "moved_copied": least_error(a, b),
        "read_b": read(made_b),
        "read_copied": read(a),
        "cycle": distance(found["back_a"], a),
        "cycle_noise": distance(game.translate(made_b + noise, "a"), a),
        "back_real": distance(found["made_a"], a),
        "back_real_noise": distance(game.translate(b + noise, "a"), a),
    }


def main() -> None:
    parser = command_line.parser(__doc__, "runs/cyclegan")
    add = parser.add_argument
    parts.style_options(parser, parts.STYLES, "Sans", "Serif Bold Italic")
    add("--cycle", type=command_line.number(0), default=10.0, help="weight (%(default)s)")
    add("--identity", type=command_line.number(0), default=5.0, help="weight (%(default)s)")
    add("--blocks", type=command_line.positive, default=3, help="residual ones (%(default)s)")
    parts.add_options(parser, width=16, epochs=24, batch_size=4, lr=5e-4)
    parser.quick(epochs=2, width=4, blocks=1)
    options = command_line.parse(parser)
    parts.styles_of(parser, options, "Sans", "Serif Bold Italic")
    with command_line.checking():
        styles = [options.source, options.target]
        (a, b), test = parts.letters(styles, options.size, options.quick)
        first, second = np.arange(len(a))[::2], np.arange(len(a))[1::2]  # no letter is in both
        model = CycleGAN(1, 1, options.width, options.width, options.blocks, strided=1)
        settings = parts.settings_of(options)
        game = CycleGame(
            model, parts.take(a, first), parts.take(b, second), settings, parts.pairs(*test),
            device=options.device, cycle=options.cycle, identity=options.identity,
            jitter=options.jitter,
        )  # fmt: skip
        trainer = parts.trainer_of(game, options)
    minutes = common.train(trainer, options)
    read = parts.nearest_letter(parts.all_images(test[1]), parts.all_images(b))
    parts.finish(scores_of(game, read), minutes, options)
    found = game.samples()
    shown = [found[name][:16] for name in ("a", "made_b", "b", "back_a")]
    save_png(grid(rows(*shown), 16), options.out / "pairs.png", zoom=2)


if __name__ == "__main__":
    command_line.start(main)
