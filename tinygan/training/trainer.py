"""The training loop: readable, resumable, and watching itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tinygan.capture import capture
from tinygan.creation import tensor
from tinygan.data import BatchSampler, Dataset
from tinygan.devices import Generator, check_device, generator
from tinygan.images import grid, plot_curves, save_gif, save_png
from tinygan.nn import Module
from tinygan.optim import Adam, ExponentialMovingAverage
from tinygan.packages import require
from tinygan.tensor import Tensor
from tinygan.training import alarms, checks
from tinygan.training.checkpoint import load_checkpoint, save_checkpoint
from tinygan.training.log import JsonLines, read_json_lines, write_run_file
from tinygan.training.progress import Progress, stop_signals
from tinygan.training.sampling import sample
from tinygan.training.settings import Settings
from tinygan.training.step import StepNumbers, gan_step

GRID = 64  # samples in the picture of an epoch
STEPS_PER_CHECKPOINT = 200


class Model(Protocol):
    """A model that can be trained: two nets, and the distribution of latent vectors.

    Where ``classes`` is a number, both nets take labels as their second argument.
    """

    @property
    def generator(self) -> Module: ...

    @property
    def discriminator(self) -> Module: ...

    @property
    def classes(self) -> int | None: ...

    def latent(self, count: int, generator: Generator = ..., /) -> Tensor: ...


class Trainer:
    """Trains a GAN of images and keeps its records in the folder `out`.

    ``checkpoint.npz`` has everything to go on from; ``log.jsonl`` the losses and scores;
    ``run.json`` the settings; ``samples/`` a grid of the same latent vectors after each report,
    ``samples.gif`` all of them, ``losses.png`` the curves.

    A run that was stopped at any moment, and is resumed, ends with the same bits as one that was
    not: the checkpoint holds both nets, their average, both optimizers, the random stream, the
    place in the data and the length of the log.

    Args:
        model: seeded before it was made, with ``tinygan.manual_seed(settings.seed)``.
        data: the training images.
        out: a folder, made when missing.
        evaluate: called at each report with samples (n, c, h, w) in [-1, 1]; returns scores for
            the log.
        samples: how many; the same latent vectors each time.
        regulariser: is added to G's loss in each step.
        report_every: epochs from one report (picture, scores, alarms) to the next.
        resume: go on from the checkpoint in `out`.

    Raises:
        ValueError: `out` holds a run and `resume` is False, or holds none and it is True; the
            checkpoint does not fit; fewer images than a batch; a class-conditional model and data
            without labels or with more classes; nets for images of another shape.
        TypeError: an argument of another kind.
        ImportError: Pillow or matplotlib is missing, which the pictures need.
    """

    def __init__(
        self, model: Model, data: Dataset, out: str | Path, settings: Settings, *,
        device: str = "cpu", evaluate: Callable[[np.ndarray], dict[str, Any]] | None = None,
        samples: int = 10_000, regulariser: Callable[[], Tensor] | None = None,
        report_every: int = 1, resume: bool = False,
    ):  # fmt: skip
        checks.check_arguments(
            model, data, settings, {"evaluate": evaluate, "regulariser": regulariser},
            {"samples": samples, "report_every": report_every},
        )  # fmt: skip
        require("Trainer", "PIL.Image", "matplotlib.figure")  # for its pictures
        checks.check_labels(model, data, settings)
        self.model, self.data, self.settings, self.evaluate = model, data, settings, evaluate
        self.regulariser, self.report_every = regulariser, report_every
        self.out, self.device = Path(out), check_device(device)
        self.loss = settings.gan_loss()
        betas = (settings.beta1, settings.beta2)
        model.generator.to(device)
        model.discriminator.to(device)
        checks.check_nets(model, data, settings)
        self.optimizer_g = Adam(model.generator.parameters(), settings.lr, betas)
        lr_d = settings.lr if settings.lr_d is None else settings.lr_d
        self.optimizer_d = Adam(model.discriminator.parameters(), lr_d, betas)
        self.average = ExponentialMovingAverage(model.generator, settings.average_decay)
        self.sampler = BatchSampler(len(data), settings.batch_size, settings.seed)
        self.schedules = [settings.schedule(optimizer, len(self.sampler))
                          for optimizer in (self.optimizer_g, self.optimizer_d)]  # fmt: skip
        self.step, self._stuck, self.stopping = 0, alarms.StuckDiscriminator(), False
        self._steps: dict[bool, Callable[..., Tensor]] = {}  # with and without a penalty
        latent_stream = Generator(settings.seed + 1)  # of its own: pictures do not disturb the run
        self.fixed_latent = model.latent(GRID, latent_stream)
        self.evaluation_latent = model.latent(samples, latent_stream)
        self._labels = self.fixed_labels = self.evaluation_labels = None
        if model.classes is not None and data.labels is not None:
            self._labels = data.labels
            present = np.unique(self._labels)  # no others can be asked for
            self.fixed_labels = tensor(present[np.arange(GRID) % len(present)])
            drawn = latent_stream.numpy.integers(len(data), size=samples)
            self.evaluation_labels = tensor(self._labels[drawn])  # as frequent as in the data

        exists = self.checkpoint_path.exists()
        if exists and not resume:
            raise ValueError(
                f"out: {self.out} holds a run already; resume it, or choose another folder"
            )
        if resume and not exists:
            raise ValueError(f"out: {self.out} holds no run to resume (no {self.checkpoint_path})")
        position = self._load() if resume else 0
        self.log = JsonLines(self.out / "log.jsonl", position)
        shape = list(data.batch(np.arange(1)).shape[1:])
        facts = {"name": data.name, "images": len(data), "shape": shape}
        write_run_file(self.out / "run.json", self._facts(), facts, self.device, self.step)

    # Checkpoints

    @property
    def checkpoint_path(self) -> Path:
        return self.out / "checkpoint.npz"

    @property
    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.model.generator,
            "discriminator": self.model.discriminator,
            "average": self.average,
            "optimizer_g": self.optimizer_g,
            "optimizer_d": self.optimizer_d,
            "sampler": self.sampler,
        }

    def _picture(self, epoch: int) -> Path:
        return self.out / "samples" / f"epoch_{epoch:03d}.png"

    def _facts(self) -> dict[str, Any]:
        options = getattr(self.model, "options", None)
        return {**self.settings.facts(), "data": self.data.name, "model": options}

    def save(self) -> None:
        """Writes the checkpoint, atomically."""
        extra = {
            "settings": self._facts(),
            "step": self.step,
            "stuck_steps": self._stuck.steps,
            "random_state": generator.get_state(),
            "log_position": self.log.position,
        }
        save_checkpoint(self.checkpoint_path, self._parts, extra)

    def _load(self) -> int:
        extra = load_checkpoint(self.checkpoint_path, self._parts, self._facts())
        self.step, self._stuck.steps = extra["step"], extra["stuck_steps"]
        for schedule in self.schedules:
            schedule.last_epoch = self.step
            schedule.apply()
        generator.set_state(extra["random_state"])
        return extra["log_position"]

    # The loop

    def train(self, epochs: int) -> bool:
        """Trains until `epochs` epochs are done in all; False when Ctrl-C ended it earlier.

        Raises:
            ValueError, TypeError: `epochs` is no integer of at least 1.
            TrainingDiverged: a loss is not finite.
        """
        checks.check_whole("Trainer.train", "epochs", epochs, 1)
        with stop_signals(self), self._progress(epochs) as progress:
            while self.sampler.epoch < epochs and not self.stopping:
                for indices in self.sampler:
                    self._train_on(indices, progress)
                    if self.stopping:
                        break
                    if self.step % STEPS_PER_CHECKPOINT == 0:
                        self.save()
                else:
                    if self.sampler.epoch % self.report_every == 0 or self.sampler.epoch == epochs:
                        self._report(progress)
            self.save()
        self._draw()
        return not self.stopping

    def _train_on(self, indices: np.ndarray, progress: Progress) -> None:
        real = tensor(self.data.batch(indices), device=self.device)
        latent = self.model.latent(len(indices)).to(self.device)
        labels = None
        if self._labels is not None:
            labels = tensor(self._labels[indices], device=self.device)
        result = StepNumbers(*self._step_now()(real, latent, labels).tolist())
        self.step += 1
        for schedule in self.schedules:
            schedule.step()
        self.log.write(step=self.step, **{k: round(v, 6) for k, v in result._asdict().items()})
        self._check(result, progress)
        progress.update(len(indices), result)

    def _step_now(self) -> Callable[..., Tensor]:
        """The next step, a function of (real, latent, labels) that returns the numbers of a
        `StepNumbers`; on a GPU captured, where it can be."""
        penalty = self.settings.penalty(self.step)
        key = penalty is not None
        if key in self._steps:
            return self._steps[key]
        one_step = partial(
            gan_step, self.model.generator, self.model.discriminator, self.optimizer_g,
            self.optimizer_d, self.loss, penalty=penalty, regulariser=self.regulariser,
            transform=self.settings.transform(self.step / len(self.sampler)),
        )  # fmt: skip

        def numbers_of_step(real: Tensor, latent: Tensor, labels: Tensor | None) -> Tensor:
            numbers = one_step(real, latent, labels).numbers()
            self.average.update()
            return numbers

        if not self.settings.repeats:
            return numbers_of_step
        self._steps[key] = capture(numbers_of_step, device=self.device)
        return self._steps[key]

    def _check(self, result: StepNumbers, progress: Progress) -> None:
        problem = alarms.divergence(result.loss_d, result.loss_g)
        if problem:
            self.log.write(step=self.step, alarm=problem)
            raise alarms.TrainingDiverged(
                f"step {self.step}: {problem}. The last checkpoint, {self.checkpoint_path}, is "
                "from before"
            )
        self._alarm(self._stuck(result.loss_d), progress)

    def _alarm(self, problem: str | None, progress: Progress) -> None:
        if problem:
            self.log.write(step=self.step, alarm=problem)
            progress.print(f"ALARM at step {self.step}: {problem}")

    def _report(self, progress: Progress) -> None:
        """Pictures and scores of an epoch, then a checkpoint: `sampler.epoch` has counted it."""
        epoch = self.sampler.epoch
        pictures = self.generate(self.fixed_latent, self.fixed_labels)
        save_png(grid(pictures), self._picture(epoch), zoom=2)
        real = self.data.batch(np.arange(min(len(self.data), 1000)))
        self._alarm(alarms.collapse(pictures, real), progress)
        scores: dict[str, Any] = {}
        if self.evaluate is not None:
            scores = self.evaluate(self.evaluation_samples())
            self._alarm(alarms.missing_classes(scores), progress)
        self.log.write(step=self.step, epoch=epoch, **scores)
        numbers = ", ".join(
            f"{name} {scores[name]:.3f}" for name in ("fid", "inception_score", "kl")
            if name in scores
        )  # fmt: skip
        progress.print(f"epoch {epoch} done" + (f": {numbers}" if numbers else ""))
        self.save()

    def generate(self, latent: Tensor, labels: Tensor | None = None) -> np.ndarray:
        """Images of the averaged generator for `latent` vectors, in evaluation mode."""
        labels = None if labels is None else labels.to(self.device)
        return sample(self.average.module, latent.to(self.device), labels)

    def evaluation_samples(self) -> np.ndarray:
        """The samples that scores are computed from: of the same latent vectors each time."""
        return self.generate(self.evaluation_latent, self.evaluation_labels)

    def _draw(self) -> None:
        """The GIF of all grids, and the curves."""
        entries = read_json_lines(self.out / "log.jsonl")
        # Those of this run: the folder may hold an older one's, too.
        pictures = [self._picture(entry["epoch"]) for entry in entries if "epoch" in entry]
        pictures = [path for path in pictures if path.exists()]
        if pictures:
            save_gif(pictures, self.out / "samples.gif")
        steps = [e for e in entries if "loss_d" in e]
        if steps:
            curves = {"D": [e["loss_d"] for e in steps], "G": [e["loss_g"] for e in steps]}
            plot_curves(curves, self.out / "losses.png")

    def _progress(self, epochs: int) -> Progress:
        done = self.step * self.settings.batch_size
        return Progress(epochs * len(self.sampler) * self.settings.batch_size, done)
