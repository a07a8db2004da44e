"""Draws what a sentence says where a box is: GAWWN, on digits.

    python examples/gawwn.py                    train, score, draw
    python examples/gawwn.py --no-box-path      the baseline: the box as numbers beside the text
    python examples/gawwn.py --quick
    python examples/gawwn.py --sample "a small bold 7 leaning left" --box 4,20,16,34

Each picture has a digit somewhere, a sentence such as "a large thin seven leaning left", and a box
around the ink. Ten combinations of words are never trained on. The scores are of sentences with
these, and of the others with new boxes: how often each word is obeyed, in the eyes of a reader that
was trained on real pictures, and how well the ink fills the box (intersection over union, IoU).
--sample draws eight pictures by a run in --out. (Reed 2016, arXiv:1610.02454.)
"""

from __future__ import annotations

import argparse
import contextlib
import textwrap
from pathlib import Path

import command_line
import common
import numpy as np

from tinygan.data import CaptionedDigits, Dataset, captioned_digits
from tinygan.data.boxes import box_overlap, crop_ink, ink_boxes
from tinygan.data.captions import EXTENT, VALUES, VOCABULARY, WORDS, encode
from tinygan.devices import Generator
from tinygan.images import figure, to_uint8
from tinygan.metrics import Classifier, classifier_for
from tinygan.models import GAWWN
from tinygan.training import GameTrainer, Settings, load_generator
from tinygan.training.captions import CaptionGame, draw

SIZE = 40
READ = tuple(count for name, count in zip(WORDS, VALUES, strict=True) if name != "size")
"""How many digits, thicknesses and slants a reader tells apart, without the size."""


def reader_for(count: int, device: str) -> Classifier:
    """Reads digit, thickness and slant of the ink alone, cut out and brought to one size: a
    classifier of all combinations of the three, trained on real pictures that no net sees."""
    real = captioned_digits(count, 3, SIZE, "all")
    digit, _, thickness, slant = real.values.T
    labels = np.ravel_multi_index((digit, thickness, slant), READ)
    data = Dataset(crop_ink(real.data.images), labels, "captioned digits, cut out")
    return classifier_for(data, device, print)


def read(images: np.ndarray, reader: Classifier) -> np.ndarray:
    """The values (n, 4) of what is drawn on images uint8, in the order of `WORDS`. The size is the
    longer side of the ink's box, small up to the middle between both kinds."""
    crops = crop_ink(images)
    chances = reader.predict(Dataset(crops, None, "crops").batch(np.arange(len(crops))))[1]
    chances = chances.reshape(-1, *READ)
    digit, thickness, slant = (
        chances.sum(tuple({1, 2, 3} - {axis})).argmax(1) for axis in (1, 2, 3)
    )
    boxes = ink_boxes(images)
    longer = (boxes[:, 2:] - boxes[:, :2]).max(1) / images.shape[-1]
    large = longer > (EXTENT[0][1] + EXTENT[1][0]) / 2
    return np.stack([digit, large, thickness, slant], 1)


def scores_of(images: np.ndarray, asked: CaptionedDigits, reader: Classifier) -> dict[str, float]:
    """How often images in [-1, 1] are as asked, word by word, and the mean IoU of the boxes."""
    pixels = to_uint8(images)
    right = read(pixels, reader) == asked.values
    found = {name: float(column.mean()) for name, column in zip(WORDS, right.T, strict=True)}
    found["all words"] = float(right.all(1).mean())
    overlap = box_overlap(ink_boxes(pixels) / images.shape[-1], asked.boxes)
    return {**found, "IoU": float(overlap.mean()), "IoU > 0.5": float((overlap > 0.5).mean())}


def requests() -> tuple[list[str], np.ndarray]:
    """Sentences and boxes for a picture: the box moves, then the words change."""
    tall, wide = (0.3, 0.2, 0.7, 0.8), (0.25, 0.2, 0.75, 0.8)
    asked = [
        ("a small bold five upright", (0.05, 0.05, 0.3, 0.4)),
        ("a small bold five upright", (0.65, 0.1, 0.9, 0.45)),
        ("a small bold five upright", (0.4, 0.6, 0.65, 0.95)),
        ("a large bold five upright", (0.2, 0.2, 0.65, 0.8)),
        ("a large thin seven upright", tall),
        ("a large thick seven upright", tall),
        ("a large thick seven leaning left", wide),
        ("a large thick three leaning right", wide),
    ]
    return [text for text, _ in asked], np.array([box for _, box in asked], np.float32)


def save_requests(
    images: np.ndarray, sentences: list[str], boxes: np.ndarray, path: Path
) -> None:
    """A picture of images (n, 1, size, size) with the asked boxes, under their sentences."""
    from matplotlib.patches import Rectangle

    rows, size = -(-len(images) // 4), images.shape[-1]
    with figure(path, (6, 1.85 * rows), rows, 4) as grid:
        for axes, image, text, box in zip(grid.flat, images, sentences, boxes, strict=True):
            axes.imshow(image[0], cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
            left, top, right, bottom = box * size
            axes.add_patch(Rectangle((left - 0.5, top - 0.5), right - left, bottom - top,
                                     fill=False, color="tab:orange"))  # fmt: skip
            axes.set_title("\n".join(textwrap.wrap(text, 26)), fontsize=7)
            axes.set_axis_off()


def draw_asked(options: argparse.Namespace) -> None:
    """Eight drawings of --sample in --box, by the run in --out."""
    if options.box is None:
        command_line.stop("--sample needs --box, as --box 4,20,16,34")
    with command_line.checking():
        tokens = encode([options.sample] * 8)
        model = common.model_of(options.out, GAWWN)
        load_generator(options.out / "checkpoint.npz", model.generator)
    boxes = np.array([options.box] * 8, np.float32) / SIZE
    images = draw(model.generator, model.latent(8, Generator(options.seed)), tokens, boxes)
    save_requests(images, [options.sample] * 8, boxes, options.out / "asked.png")
    print(f"wrote {options.out / 'asked.png'}")


def sentence(text: str) -> str:
    """One that has known words alone."""
    try:
        encode([text])
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
    return text


def box(text: str) -> list[int]:
    """Four whole numbers, in pixels."""
    with contextlib.suppress(ValueError):
        left, top, right, bottom = map(int, text.split(","))
        if 0 <= left < right <= SIZE and 0 <= top < bottom <= SIZE:
            return [left, top, right, bottom]
    raise argparse.ArgumentTypeError(
        f"must be LEFT,TOP,RIGHT,BOTTOM within {SIZE} x {SIZE} pixels, as 4,20,16,34; got {text}"
    )


def main() -> None:
    parser = command_line.parser(__doc__, "runs/gawwn")
    command_line.run_options(parser)
    add = parser.add_argument
    add("--no-box-path", action="store_true", help="nets without a local pathway")
    add("--images", type=command_line.positive, default=32000, help="to train on (%(default)s)")
    add("--width", type=command_line.positive, default=16, help="channels (%(default)s)")
    add("--epochs", type=command_line.positive, default=8, help="in all (%(default)s)")
    add("--batch-size", type=command_line.whole(2), default=32, help="per step (%(default)s)")
    add("--lr", type=command_line.rate, default=5e-4, help="of both nets (%(default)s)")
    add("--sample", type=sentence, metavar="SENTENCE",
        help="only draw this, in --box, by the run in --out")  # fmt: skip
    add("--box", type=box, metavar="LEFT,TOP,RIGHT,BOTTOM", help="in pixels, as 4,20,16,34")
    parser.quick(images=256, epochs=2, width=4)
    options = command_line.parse(parser)
    if options.box is not None and options.sample is None:
        parser.error("--box goes with --sample")
    if options.sample is not None:
        return draw_asked(options)
    scored, known = (60, 600) if options.quick else (1000, 20000)
    with command_line.checking():
        train = captioned_digits(options.images, 0, SIZE)
        new_words = captioned_digits(scored, 1, SIZE, "held-out")
        new_boxes = captioned_digits(scored, 2, SIZE)
        model = GAWWN(
            len(VOCABULARY), SIZE, width=options.width, box_path=not options.no_box_path
        )
        settings = Settings(
            options.batch_size, options.lr, beta1=0.0, beta2=0.99, r1=0.5, penalty_every=8,
            average_decay=0.995, decay=(options.epochs * 0.6, options.epochs), seed=options.seed,
        )  # fmt: skip
        game = CaptionGame(model, train, settings, new_words, device=options.device)
        with common.resuming(options):
            trainer = GameTrainer(
                game, options.out, report_every=max(options.epochs // 5, 1),
                resume=options.resume, callbacks=command_line.callbacks_of(options),
            )  # fmt: skip
    reader = reader_for(known, options.device)
    trainer.evaluate = lambda images: scores_of(images, new_words, reader)
    minutes = common.train(trainer, options)
    latent = model.latent(scored, Generator(options.seed + 2))
    scores = {}
    for name, asked in (("new words", new_words), ("new boxes", new_boxes)):
        made = game.draw(asked.tokens, asked.boxes, latent)
        real = asked.data.batch(np.arange(len(asked)))
        scores[name] = {"made": scores_of(made, asked, reader),
                        "real": scores_of(real, asked, reader)}  # fmt: skip
        print(f"{name:12}{'made':>8}{'real':>8}")
        for score, value in scores[name]["made"].items():
            print(f"{score:12}{value:8.3f}{scores[name]['real'][score]:8.3f}")
    common.keep_scores(options.out, {**scores, "minutes": minutes})
    sentences, boxes = requests()
    sentences += new_words.sentences[:4]
    boxes = np.concatenate([boxes, new_words.boxes[:4]])
    images = game.draw(encode(sentences), boxes, latent[: len(boxes)])
    save_requests(images, sentences, boxes, options.out / "requests.png")


if __name__ == "__main__":
    command_line.start(main)
