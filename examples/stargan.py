"""One net between eight typefaces: StarGAN.

    python examples/stargan.py
    python examples/stargan.py --styles Sans Serif Mono "Mono Bold"
    python examples/stargan.py --quick

Each letter comes in eight styles, upright and slanted, light and bold, with and without serifs; the
net sees a letter and the number of the style that it is to have. No pair is shown to it. Letters
that were held out are then turned into all other styles. Readers who saw nothing but real letters
say whether that came out: a classifier of styles; one who knows each letter in all styles and takes
the nearest one; and one who knows only the style that was asked for, for whom both must be right.
Beside them: the same of real letters, and of letters that were left as they are. (Choi
2018, arXiv:1711.09020; the nets are smaller.)
"""

from __future__ import annotations

import command_line
import common
import numpy as np
import translation_parts as parts

from tinygan.data import Dataset
from tinygan.images import grid, save_png
from tinygan.metrics import classifier_for
from tinygan.models import StarGAN
from tinygan.training.domain import DomainGame
from tinygan.training.translation import rows

STYLES = ["Sans", "Sans Bold", "Sans Oblique", "Sans Bold Oblique",
          "Serif", "Serif Bold", "Serif Italic", "Serif Bold Italic"]  # fmt: skip


def labelled(styles: list[Dataset]) -> Dataset:
    """The letters of all styles, one style after the other, with its number."""
    images = np.concatenate([data.images for data in styles])
    labels = np.repeat(np.arange(len(styles)), len(styles[0]))
    return Dataset(images, labels, "letters", tuple(data.name for data in styles))


def scores_of(
    samples: dict[str, np.ndarray], train: list[Dataset], test: list[Dataset], device: str
) -> dict[str, float]:
    """How many have the style, and are the letter, that was asked for; of those that were to have
    another style than before."""
    x, made, targets = samples["x"], samples["made"], samples["targets"]
    letter = np.arange(len(x)) % len(test[0])
    other = targets != samples["labels"]
    real = np.stack([parts.all_images(data) for data in test])[targets, letter]
    classifier = classifier_for(labelled(train), device, print)
    known = np.stack([
        np.concatenate([parts.all_images(held_out), parts.all_images(trained)])
        for held_out, trained in zip(test, train, strict=True)
    ])  # fmt: skip
    found: dict[str, float] = {}
    for name, images in (("made", made), ("copied", x), ("real", real)):
        read = classifier.predict(images[other])[1].argmax(1)
        found[f"style_{name}"] = float((read == targets[other]).mean())
        read = parts.letters_read(images[other], letter[other], known)
        found[f"letter_{name}"] = float(read.mean())
        in_style = [
            parts.letters_read(images[asked], letter[asked], known[[k]])
            for k in range(len(test)) if len(asked := np.flatnonzero(other & (targets == k)))
        ]  # fmt: skip
        found[f"both_{name}"] = float(np.concatenate(in_style).mean())
    found["l1_made"], found["l1_copied"] = (
        float(np.abs(images[other] - real[other]).mean()) for images in (made, x)
    )
    return found


def main() -> None:
    parser = command_line.parser(__doc__, "runs/stargan")
    add = parser.add_argument
    add("--styles", nargs="+", choices=parts.STYLES, default=STYLES, metavar="STYLE",
        help="two or more typefaces (eight)")  # fmt: skip
    add("--blocks", type=command_line.positive, default=2, help="residual ones (%(default)s)")
    add("--d-steps", type=command_line.positive, default=2, help="for one of G (%(default)s)")
    parts.add_options(parser, width=16, epochs=12, batch_size=16, lr=5e-4)
    parser.quick(epochs=1, width=4, blocks=1, styles=STYLES[:2])
    options = command_line.parse(parser)
    if len(set(options.styles)) < max(2, len(options.styles)):
        parser.error(f"--styles: name two or more, each once, got {' '.join(options.styles)}")
    with command_line.checking():
        train, test = parts.letters(options.styles, options.size, options.quick)
        model = StarGAN(
            options.size, 1, len(train), options.width, options.width, options.blocks
        )  # fmt: skip
        settings = parts.settings_of(options, average_decay=0.99)
        game = DomainGame(
            model, labelled(train), settings, labelled(test), device=options.device,
            d_steps=options.d_steps, jitter=options.jitter,
        )  # fmt: skip
        trainer = parts.trainer_of(game, options)
    minutes = common.train(trainer, options)
    parts.finish(scores_of(game.samples(), train, test, options.device), minutes, options)
    x = parts.all_images(test[0])[:16]
    made = [game.translate(x, np.full(len(x), k)) for k in range(len(test))]
    save_png(grid(rows(x, *made), 16), options.out / "styles.png", zoom=2)


if __name__ == "__main__":
    command_line.start(main)
