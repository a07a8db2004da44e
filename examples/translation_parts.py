"""What pix2pix.py, cyclegan.py and stargan.py share: pairs of pictures, and readers of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import command_line
import common
import numpy as np

from tinygan.data import Dataset, emoji_pairs, glyphs, load_dataset, synthetic_digits
from tinygan.data.glyphs import ALIKE, FILES
from tinygan.metrics import classifier_for
from tinygan.training import Game, GameTrainer, Settings
from tinygan.training.translation import pairs

STYLES = tuple(FILES)
SIZES = (8, 16, 32, 64, 128, 256)
Read = Callable[[np.ndarray], float]
"""Images made of all held-out ones, in their order -> the share that is read right."""


@dataclass
class Task:
    """Pictures x and y of the same things, some of which are held out.

    train, held_out: images (n, channels of x and of y, size, size), as `pairs` puts them together.
    channels: of x and of y. reader: makes, out of the held-out y, a function that says how many
    images are what they should be; None where nobody can read them.
    """

    train: Dataset
    held_out: Dataset
    channels: tuple[int, int]
    reader: Callable[[], Read] | None = None


def split(both: np.ndarray, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """x (the first `channels`) and y of images of pairs."""
    return both[:, :channels], both[:, channels:]


def letters(styles: list[str], size: int, quick: bool) -> tuple[list[Dataset], list[Dataset]]:
    """The letters of several typefaces to train on, and those held out: as many of each, in the
    same order. Arrows and other signs have no style."""
    signs = glyphs(styles, size=size)
    letter = np.array([chr(code).isalpha() for code in signs.codes])
    train, held_out = (part[letter[part]] for part in (signs.train, signs.held_out))
    if quick:
        train, held_out = train[:64], held_out[:16]
    every = [signs.style(name) for name in styles]
    return [take(data, train) for data in every], [take(data, held_out) for data in every]


def take(data: Dataset, part: np.ndarray) -> Dataset:
    """Some images of a data set, with their labels."""
    labels = None if data.labels is None else data.labels[part]
    return Dataset(data.images[part], labels, data.name, data.classes)


def all_images(data: Dataset) -> np.ndarray:
    """float32 (n, c, h, w) in [-1, 1]."""
    return data.batch(np.arange(len(data)))


def letters_read(made: np.ndarray, own: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Whether a reader takes image i of `made` for letter own[i]: he knows the letters in one style
    or several, `known` (styles, letters, c, h, w), and an image is read as the letter that it is
    nearest to in any of them (by squared distance). Letters that look the same count as one, as the
    A of Latin, Greek and Cyrillic: those that `glyphs` keeps on one side of its split.
    """
    styles, letters = known.shape[:2]
    ink = (known.reshape(styles, letters, -1) + 1) / 2  # 0 where there is none
    sizes = (ink**2).sum(-1)
    flat = (made.reshape(len(made), -1) + 1) / 2
    away = sizes.reshape(-1) - 2 * flat @ ink.reshape(styles * letters, -1).T
    style, nearest = np.divmod(away.argmin(1), letters)
    apart = ((ink[style, nearest] - ink[style, own]) ** 2).sum(-1)
    return apart <= ALIKE * np.minimum(sizes[style, nearest], sizes[style, own])


def nearest_letter(held_out: np.ndarray, others: np.ndarray) -> Read:
    """The reader of one typeface, who knows the held-out letters and the `others`."""
    known = np.concatenate([held_out, others])[None]
    return lambda made: float(letters_read(made, np.arange(len(made)), known).mean())


CUTS = {family: [family, f"{family} Bold", f"{family} {slanted}", f"{family} Bold {slanted}"]
        for family, slanted in (("Sans", "Oblique"), ("Serif", "Italic"), ("Mono", "Oblique"))}
"""The four styles of each typeface: light and bold, upright and slanted."""


def letter_task(source: str, target: str, size: int, quick: bool) -> Task:
    """Letters of one typeface and of another, each in four cuts to train on; held out are those of
    the first cut."""
    train, held_out = letters(CUTS[source] + CUTS[target], size, quick)
    x, y = (
        Dataset(np.concatenate([data.images for data in cuts]), None, cuts[0].name)
        for cuts in (train[:4], train[4:])
    )
    first = held_out[0], held_out[4]
    return Task(pairs(x, y), pairs(*first), (1, 1),
                lambda: nearest_letter(all_images(first[1]), all_images(train[4])))  # fmt: skip


def emoji_task(quick: bool) -> Task:
    """Emoji of two artists, Noto's and Twemoji's."""
    emoji = emoji_pairs()
    train, held_out = emoji.train, emoji.held_out
    if quick:
        train, held_out = train[:64], held_out[:16]
    shown = [pairs(take(emoji.noto, part), take(emoji.twemoji, part)) for part in (train, held_out)]
    return Task(shown[0], shown[1], (3, 3))


def sketch(data: Dataset) -> Dataset:
    """The outlines of digits (n, 1, 28, 28), in pictures of 32 x 32, beside the digits themselves.

    An outline is the difference between the digit, black or white, and itself without the pixels
    next to the background.
    """
    images = np.pad(data.images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    ink = images > 127
    inner = ink.copy()
    for axis in (2, 3):
        for step in (-1, 1):
            inner &= np.roll(ink, step, axis)
    outline = Dataset((ink & ~inner).astype(np.uint8) * 255, data.labels, "sketches")
    return pairs(outline, Dataset(images, data.labels, data.name))


def sketch_task(options: argparse.Namespace, count: int = 5000) -> Task:
    """Outlines of digits, and the digits."""
    train, test = (synthetic_digits(200, 0), synthetic_digits(50, 1)) if options.quick else (
        load_dataset("mnist"), load_dataset("mnist", "test"))  # fmt: skip
    labels = test.require_labels()[: count // 5]

    def reader() -> Read:
        classifier = classifier_for(train, options.device, print)

        def read(made: np.ndarray) -> float:
            _, probabilities = classifier.predict(np.ascontiguousarray(made[:, :, 2:-2, 2:-2]))
            return float((probabilities.argmax(1) == labels).mean())

        return read

    return Task(sketch(take(train, np.arange(len(train))[:count])),
                sketch(take(test, np.arange(len(test))[: count // 5])), (1, 1), reader)  # fmt: skip


def picture_size(text: str) -> int:
    """A power of two, as convolutions halve and double it."""
    if text in map(str, SIZES):
        return int(text)
    raise argparse.ArgumentTypeError(f"must be one of {', '.join(map(str, SIZES))}, got {text}")


def add_options(
    parser: command_line.Parser, *, width: int, epochs: int, batch_size: int, lr: float
) -> None:
    """The options of the three examples, with the defaults of one of them."""
    command_line.run_options(parser)
    add = parser.add_argument
    add("--size", type=picture_size, default=32, help="pixels of letters (%(default)s)")
    add("--width", type=command_line.positive, default=width, help="channels (%(default)s)")
    add("--epochs", type=command_line.positive, default=epochs, help="in all (%(default)s)")
    add("--batch-size", type=command_line.positive, default=batch_size,
        help="images a step (%(default)s)")  # fmt: skip
    add("--jitter", type=command_line.whole(0), default=0, help="pixels (%(default)s)")
    add("--lr", type=command_line.rate, default=lr, help="of all nets (%(default)s)")


def style_options(
    parser: command_line.Parser, names: Sequence[str], source: str, target: str
) -> None:
    """Two typefaces or styles of these names, with their defaults, which `styles_of` puts in."""
    for option, default in (("source", source), ("target", target)):
        parser.add_argument(f"--{option}", choices=names, metavar="STYLE",
                            help=f"one of {', '.join(names)} ({default})")  # fmt: skip


def styles_of(parser: command_line.Parser, options: argparse.Namespace, *defaults: str) -> None:
    """Puts the defaults in, and looks whether both are different and have a meaning."""
    if getattr(options, "data", "glyphs") != "glyphs" and (options.source or options.target):
        parser.error(f"--source and --target go with --data glyphs, got --data {options.data}")
    options.source, options.target = options.source or defaults[0], options.target or defaults[1]
    if options.source == options.target:
        parser.error(f"--target: must be another one than --source, got {options.target} twice")


def trainer_of(game: Game, options: argparse.Namespace) -> GameTrainer:
    """The trainer of a run in --out, with ten reports."""
    with common.resuming(options):
        return GameTrainer(game, options.out, report_every=max(options.epochs // 10, 1),
                           resume=options.resume,
                           callbacks=command_line.callbacks_of(options))  # fmt: skip


def settings_of(options: argparse.Namespace, **more: Any) -> Settings:
    """Those of the papers: the rates fall to zero in the second half."""
    return Settings(options.batch_size, options.lr, seed=options.seed,
                    decay=(options.epochs / 2, options.epochs), **more)  # fmt: skip


def finish(scores: dict[str, float], minutes: float, options: argparse.Namespace) -> None:
    """Prints the scores and keeps them in scores.json."""
    for name, value in scores.items():
        print(f"{name:16}{value:10.4f}")
    common.keep_scores(options.out, {**scores, "minutes": minutes})
