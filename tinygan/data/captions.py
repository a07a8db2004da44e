"""Digits anywhere on a canvas, each with a sentence that says what it is and a box around it.

They stand for the birds of GAWWN's paper, whose captions were written by people. Here the digit,
its size, its thickness and its slant are drawn first, and the sentence is made of words for them;
the box is measured on the ink. So what a sentence asks for is known, and can be compared with what
is drawn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from .boxes import ink_boxes
from .dataset import Dataset
from .synthetic import CHUNK, handwritten, ink, leaned

WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "digit": (
        ("zero", "0"), ("one", "1"), ("two", "2"), ("three", "3"), ("four", "4"),
        ("five", "5"), ("six", "6"), ("seven", "7"), ("eight", "8"), ("nine", "9"),
    ),
    "size": (("small", "little", "tiny"), ("large", "big", "huge")),
    "thickness": (("thin", "fine", "light"), ("thick", "bold", "heavy")),
    "slant": (
        ("leaning left", "slanted to the left", "that leans left"),
        ("upright", "standing straight", "that stands upright"),
        ("leaning right", "slanted to the right", "that leans right"),
    ),
}  # fmt: skip
"""What a sentence speaks of; the values of each, and their wordings."""

TEMPLATES = (
    "a {size} {thickness} {digit} {slant}",
    "a {thickness} {digit} {slant}, {size}",
    "the digit {digit}, {size} and {thickness}, {slant}",
    "{size}, {thickness}, {slant}: a {digit}",
)

VALUES = tuple(len(values) for values in WORDS.values())
"""How many values each has: 10, 2, 2, 3."""
COMBINATIONS = int(np.prod(VALUES))
HELD_OUT = np.array([12 * digit + 5 * digit % 12 for digit in range(10)])
"""Combinations, as numbers, whose words never stand together in a training sentence: for each digit
another one of the twelve looks."""

EXTENT = ((0.3, 0.38), (0.5, 0.65))
"""Small, large: the longer side of a digit, as a part of the canvas."""
RADIUS = ((0.034, 0.044), (0.085, 0.105))
"""Thin, thick: the pen's, as a part of the longer side."""
SLANT = ((-0.5, -0.28), (-0.09, 0.09), (0.28, 0.5))
"""Left, upright, right: how far the top is moved, as a part of the height."""
LEAST = 0.55
"""Pixels: a finer pen leaves gaps."""

_TOKEN = re.compile(r"[a-z]+|[0-9]")


def _vocabulary() -> tuple[str, ...]:
    texts = [*TEMPLATES, *(text for values in WORDS.values() for way in values for text in way)]
    words = {word for text in texts for word in _TOKEN.findall(re.sub("{.*?}", "", text))}
    return ("", *sorted(words))


VOCABULARY = _vocabulary()
"""All words; a word's token is its place. Token 0 is no word, but fills a row up."""
LENGTH = 12
"""Tokens in a row."""


@dataclass(frozen=True, eq=False)
class CaptionedDigits:
    """Pictures, and what is known of each.

    data: images uint8 (n, 1, size, size), labelled by their digits. sentences: a text each.
    tokens: int64 (n, LENGTH), the sentences as `encode` returns them. boxes: float32 (n, 4), left,
    top, right and bottom edge of the ink, as parts of the canvas. values: int64 (n, 4), of digit,
    size, thickness and slant, in the order of `WORDS`.
    """

    data: Dataset
    sentences: tuple[str, ...]
    tokens: np.ndarray
    boxes: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.data)


def captioned_digits(n: int, seed: int, size: int = 40, split: str = "train") -> CaptionedDigits:
    """Draw ``n`` digits on canvases of ``size`` x ``size`` pixels, each at a random place.

    split: "train" for the combinations of words without `HELD_OUT`, "held-out" for these alone,
    "all" for both. Each combination comes about as often as the others.

    Raises ValueError when ``n`` is below 1, ``seed`` below 0, ``size`` below 32 or ``split`` is
    none of the three.
    """
    for name, value, least in (("n", n, 1), ("seed", seed, 0), ("size", size, 32)):
        if value < least:
            raise ValueError(f"captioned_digits: {name} must be at least {least}, got {value}")
    every = np.arange(COMBINATIONS)
    splits = {"train": np.setdiff1d(every, HELD_OUT), "held-out": HELD_OUT, "all": every}
    if split not in splits:
        raise ValueError(
            f"captioned_digits: split must be one of {', '.join(splits)}, got {split!r}"
        )
    images = np.empty((n, 1, size, size), np.uint8)
    values = np.empty((n, len(WORDS)), np.int64)
    sentences: list[str] = []
    chosen = splits[split]
    for chunk, start in enumerate(range(0, n, CHUNK)):
        count = min(CHUNK, n - start)
        random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, chunk])))
        combination = random.permutation(np.resize(random.permutation(chosen), count))
        part = np.stack(np.unravel_index(combination, VALUES), axis=1)
        values[start : start + count] = part
        images[start : start + count, 0] = _draw(part, size, random)
        sentences += [sentence(row, random) for row in part]
    boxes = (ink_boxes(images) / size).astype(np.float32)
    data = Dataset(images, values[:, 0].copy(), f"captioned digits, {split}")
    return CaptionedDigits(data, tuple(sentences), encode(sentences), boxes, values)


def _draw(values: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """Images uint8 (n, size, size) of digits with these values (n, 4)."""
    digit, large, thick, lean = values.T
    n = len(values)

    def between(bounds: tuple[tuple[float, float], ...], value: np.ndarray) -> np.ndarray:
        low, high = np.array(bounds)[value].T
        return random.uniform(low, high)

    extent = between(EXTENT, large) * size
    radius = np.maximum(between(RADIUS, thick) * extent, LEAST)
    line = leaned(handwritten(digit, random), random.lognormal(-0.12, 0.12, n),
                  between(SLANT, lean), random.normal(0.0, 0.04, n))  # fmt: skip
    low, high = line.min(1), line.max(1)
    scale = (extent - 2 * radius) / (high - low).max(1)
    line = (line - low[:, None]) * scale[:, None, None] + radius[:, None, None]
    room = size - 1 - (high - low) * scale[:, None] - 2 * radius[:, None]
    place = random.uniform(0.0, 1.0, (n, 2)) * room  # pixel 0 is around 0, from -1/2 to 1/2
    return ink(line + place[:, None], radius, random, size)


def sentence(values: np.ndarray, random: np.random.Generator) -> str:
    """A sentence for one digit's values (4,), in one of many wordings."""
    chosen = {}
    for (name, ways), value in zip(WORDS.items(), values, strict=True):
        wordings = ways[value]
        chosen[name] = wordings[random.integers(len(wordings))]
    return TEMPLATES[random.integers(len(TEMPLATES))].format(**chosen)


def encode(sentences: list[str] | tuple[str, ...]) -> np.ndarray:
    """Sentences as rows of tokens: int64 (n, LENGTH), filled up with 0. Letters may be capitals,
    and signs between words are left out.

    Raises ValueError for a word that is not in `VOCABULARY`, and for a sentence with more than
    LENGTH words or none; TypeError for a bare string.
    """
    if isinstance(sentences, str):
        raise TypeError(f"encode: expected a list of sentences, got {sentences!r}")
    tokens = np.zeros((len(sentences), LENGTH), np.int64)
    numbers = {word: number for number, word in enumerate(VOCABULARY)}
    for row, text in zip(tokens, sentences, strict=True):
        words = _TOKEN.findall(text.lower())
        unknown = [word for word in words if word not in numbers]
        if unknown:
            raise ValueError(
                f"encode: {text!r} has the word {unknown[0]!r}; known are "
                + ", ".join(VOCABULARY[1:])
            )
        if not 1 <= len(words) <= LENGTH:
            raise ValueError(f"encode: {text!r} has {len(words)} words; expected 1 to {LENGTH}")
        row[: len(words)] = [numbers[word] for word in words]
    return tokens
