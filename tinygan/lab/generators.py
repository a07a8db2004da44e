"""The generator of a run, to be played with: a DCGAN's, with classes or without, or a GAWWN's.

A direction of the latent space that changes the picture much is one that the first layer makes much
of: with A (latent, outputs) its weights, the eigenvectors of A A^T with the largest eigenvalues
(SeFa: Shen and Zhou 2020, arXiv:2007.06600, eq. 6).
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygan import nn
from tinygan.creation import tensor
from tinygan.data import Dataset, load_dataset, synthetic_digits
from tinygan.data.captions import encode
from tinygan.devices import Generator, generator
from tinygan.explore import lerp
from tinygan.images import grid
from tinygan.lab.runs import read_json_object
from tinygan.metrics import nearest_neighbours
from tinygan.models import DCGAN, GAWWN
from tinygan.pretrained import load_trained
from tinygan.training import load_generator, sample
from tinygan.training.captions import draw

SAMPLES = 16
DIRECTIONS = 6
STEPS = 8  # of a walk
SETS = {"mnist": "mnist", "fashion-mnist": "fashion", "fashion": "fashion"}
OTHERS = (
    "Here are generators of dcgan_mnist.py, dcgan_conditional_mnist.py, dcgan_folder.py and "
    "gawwn.py. Translations (pix2pix.py, cyclegan.py, stargan.py) and the fully connected nets "
    "(gan_mnist.py, cgan_mnist.py, deligan_mnist.py) are not shown."
)


def open_generator(folder: Path | str) -> RunGenerator | SentenceGenerator:
    """The averaged generator in the checkpoint of a run, or, by name, one that comes with tinygan.

    Raises:
        ValueError: the folder has no run of such a model, or no checkpoint yet that can be read.
    """
    if isinstance(folder, str):
        trained = load_trained(folder)
        return RunGenerator(trained.model, trained.facts["data"])
    facts, problem = read_json_object(folder / "run.json")
    settings = facts.get("settings")
    options = settings.get("model") if isinstance(settings, dict) else None
    if problem or not isinstance(options, dict):
        raise ValueError(f"{folder.name}: {problem or 'its nets have no options'}. {OTHERS}")
    before = generator.get_state()  # initial weights are drawn, which no one sees
    try:
        model = _make(options)
    finally:
        generator.set_state(before)
    if model is None:
        raise ValueError(f"{folder.name}: its nets are of another kind. {OTHERS}")
    try:
        load_generator(folder / "checkpoint.npz", model.generator)
    except FileNotFoundError:
        raise ValueError(f"{folder.name} has no checkpoint.npz yet") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder.name}: {str(error).splitlines()[0]}") from None
    if isinstance(model, GAWWN):
        return SentenceGenerator(model)
    data = facts.get("data")
    return RunGenerator(model, data if isinstance(data, dict) else {})


def _make(options: dict[str, Any]) -> DCGAN | GAWWN | None:
    """The model that has these options, with new weights; None where no model has them."""
    for kind in (DCGAN, GAWWN):
        with contextlib.suppress(TypeError, ValueError, MemoryError):
            return kind(**options)
    return None


class RunGenerator:
    """A DCGAN, and 16 latent vectors to begin with.

    Attributes:
        latent: (16, latent_size), the same ones each time.
        directions: (6, latent_size), of length 1, the strongest first.

    Args:
        data_facts: what ``run.json`` says of the training set: its name, the number of its images.
    """

    def __init__(self, model: DCGAN, data_facts: dict[str, Any]):
        self.model, self.classes, self.data_facts = model, model.classes, data_facts
        self.latent = model.latent(SAMPLES, Generator(2)).array
        self.directions = strongest_directions(model)
        self._data: Dataset | None = None

    def images(self, latent: np.ndarray, label: int = 0) -> np.ndarray:
        """(n, latent_size) -> (n, c, h, w) in [-1, 1], all of the class `label` where there are
        classes."""
        labels = None if self.classes is None else tensor(np.full(len(latent), label))
        return sample(self.model.generator, tensor(np.asarray(latent, np.float32)), labels)

    def moved(self, index: int, amounts: Sequence[float]) -> np.ndarray:
        """(1, latent_size): the latent vector `index`, moved along the directions."""
        return self.latent[index : index + 1] + np.asarray([amounts]) @ self.directions

    def walk(self, first: int, last: int) -> np.ndarray:
        """(STEPS, latent_size): the straight line between two of the latent vectors, which are
        uniform in a box, so that all of it is inside."""
        return lerp(self.latent[first], self.latent[last], STEPS).array

    def nearest(self, images: np.ndarray, count: int = 8) -> tuple[np.ndarray, np.ndarray]:
        """The training images (count, c, h, w) that are nearest to the first image by Euclidean
        distance, and these distances.

        Raises:
            ValueError: the training set cannot be had, or is of other images.
        """
        data = self._training_set()
        real = data.batch(np.arange(len(data)))
        if real.shape[1:] != images.shape[1:]:
            raise ValueError(f"the training set has images of shape {real.shape[1:]}, the "
                             f"generator {images.shape[1:]}")  # fmt: skip
        found = nearest_neighbours(images[:1], real, min(count, len(real)))
        return real[found.indices[0]], found.distances[0]

    def _training_set(self) -> Dataset:
        name, count = self.data_facts.get("name"), self.data_facts.get("images")
        if self._data is None:
            if name == "synthetic" and isinstance(count, int) and 0 < count <= 100_000:
                self._data = synthetic_digits(count, 0)
            elif isinstance(name, str) and name in SETS:
                try:
                    self._data = load_dataset(SETS[name])
                except Exception as error:  # no network, no space, a damaged file
                    raise ValueError(f"the training set {name} cannot be had: "
                                     f"{str(error).splitlines()[0]}") from None  # fmt: skip
            else:
                raise ValueError(
                    f"the run was trained on {str(name)[:80]!r}; nearest training images are found "
                    "for mnist, fashion and synthetic, whose place is known"
                )
        return self._data


class SentenceGenerator:
    """A GAWWN, which draws what a sentence says into a box."""

    def __init__(self, model: GAWWN):
        self.model, self.size = model, int(model.options["image_size"])
        self.latent = model.latent(SAMPLES // 2, Generator(2))

    def images(self, sentence: str, box: Sequence[float]) -> np.ndarray:
        """Eight images (8, 3, h, w) in [-1, 1], with the box as an orange line.

        Args:
            box: left, top, right and bottom in pixels.

        Raises:
            ValueError: a word that is not known, or a box that is none or not within the image.
        """
        left, top, right, bottom = box
        if not (0 <= left < right <= self.size and 0 <= top < bottom <= self.size):
            raise ValueError(
                f"the box must be left < right and top < bottom within 0 to {self.size}, got "
                f"{left}, {top}, {right}, {bottom}"
            )
        tokens = encode([sentence] * len(self.latent))
        boxes = np.tile(np.array(box, np.float32) / self.size, (len(tokens), 1))
        made = draw(self.model.generator, self.latent, tokens, boxes)
        if made.shape[1] == 1:
            made = made.repeat(3, 1)
        rows, columns = slice(int(top), int(bottom)), slice(int(left), int(right))
        orange = np.array([0.9, 0.1, -0.8], np.float32)[:, None]
        for place in (int(top), int(bottom) - 1):
            made[:, :, place, columns] = orange
        for place in (int(left), int(right) - 1):
            made[:, :, rows, place] = orange
        return made


def strongest_directions(model: DCGAN, count: int = DIRECTIONS) -> np.ndarray:
    """(count, latent_size) eigenvectors, see above; 0 where z has categories, and fewer than
    `count` of a shorter z."""
    first = next(part for part in model.generator.modules() if isinstance(part, nn.Linear))
    weights = first.weight.array.astype(np.float64).T  # (inputs, outputs)
    part = weights[model.categories : model.categories + model.latent_size]
    _, vectors = np.linalg.eigh(part @ part.T)
    chosen = vectors.T[::-1][:count]
    signs = np.sign(chosen[np.arange(len(chosen)), np.abs(chosen).argmax(1)])  # always the same
    return np.pad(chosen * signs[:, None], [(0, 0), (model.categories, 0)])


def png(images: np.ndarray, columns: int | None = None, zoom: int = 2) -> bytes:
    """A grid of images (n, c, h, w) in [-1, 1] as a PNG."""
    from PIL import Image

    picture = grid(np.nan_to_num(images), columns).repeat(zoom, 0).repeat(zoom, 1)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return file.getvalue()
