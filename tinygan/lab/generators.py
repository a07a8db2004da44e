"""The generator of a run, to be played with: a DCGAN's, with classes or without.

A direction of the latent space that changes the picture much is one that the first layer makes much
of: with A (latent, outputs) its weights, the eigenvectors of A A^T with the largest eigenvalues
(SeFa: Shen and Zhou 2020, arXiv:2007.06600, eq. 6).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygan import nn
from tinygan.creation import tensor
from tinygan.data import Dataset, load_dataset, synthetic_digits
from tinygan.devices import Generator, generator
from tinygan.explore import lerp
from tinygan.images import grid
from tinygan.lab.runs import read_json_object
from tinygan.metrics import nearest_neighbours
from tinygan.models import DCGAN
from tinygan.training import load_generator, sample

SAMPLES = 16
DIRECTIONS = 6
STEPS = 8  # of a walk
SETS = {"mnist": "mnist", "fashion-mnist": "fashion", "fashion": "fashion"}
OTHERS = (
    "Here are generators of dcgan_mnist.py, dcgan_conditional_mnist.py and dcgan_folder.py. "
    "Sentences and boxes (gawwn.py: --sample draws them), translations (pix2pix.py, cyclegan.py, "
    "stargan.py) and the fully connected nets (gan_mnist.py, cgan_mnist.py, deligan_mnist.py) are "
    "not shown."
)


class RunGenerator:
    """The averaged generator in the checkpoint of a run, and 16 latent vectors to begin with.

    Attributes:
        latent: (16, latent_size), the same ones each time.
        directions: (6, latent_size), of length 1, the strongest first.

    Raises:
        ValueError: the folder has no run of a DCGAN, or no checkpoint yet that can be read.
    """

    def __init__(self, folder: Path):
        facts, problem = read_json_object(folder / "run.json")
        settings = facts.get("settings")
        options = settings.get("model") if isinstance(settings, dict) else None
        if problem or not isinstance(options, dict):
            raise ValueError(f"{folder.name}: {problem or 'its nets are not a DCGAN'}. {OTHERS}")
        before = generator.get_state()  # initial weights are drawn, which no one sees
        try:
            self.model = DCGAN(**options)
        except (TypeError, ValueError, MemoryError):
            raise ValueError(f"{folder.name}: its nets are not a DCGAN's. {OTHERS}") from None
        finally:
            generator.set_state(before)
        path = folder / "checkpoint.npz"
        try:
            load_generator(path, self.model.generator)
        except FileNotFoundError:
            raise ValueError(f"{folder.name} has no checkpoint.npz yet") from None
        except (OSError, ValueError) as error:
            raise ValueError(f"{folder.name}: {str(error).splitlines()[0]}") from None
        data = facts.get("data")
        self.data_facts: dict[str, Any] = data if isinstance(data, dict) else {}
        self.classes, self.name = self.model.classes, folder.name
        self.latent = self.model.latent(SAMPLES, Generator(2)).array
        self.directions = strongest_directions(self.model)
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
