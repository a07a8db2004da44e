"""The training loop: readable, resumable, and watching itself."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygan.creation import tensor
from tinygan.data import BatchSampler, Dataset
from tinygan.device import Generator, check_device, generator
from tinygan.images import grid, plot_curves, save_gif, save_png
from tinygan.models.dcgan import DCGAN
from tinygan.ops.loss import gan_loss
from tinygan.optim import Adam, ExponentialMovingAverage
from tinygan.tensor import Tensor
from tinygan.training import alarms
from tinygan.training.checkpoint import load_checkpoint, save_checkpoint
from tinygan.training.log import JsonLines, read_json_lines, write_run_file
from tinygan.training.sampling import sample
from tinygan.training.step import StepResult, gan_step

GRID = 64  # samples in the picture of an epoch
EVALUATED = 10_000  # samples that the scores of an epoch are computed from
STEPS_PER_CHECKPOINT = 200


@dataclass(frozen=True)
class Settings:
    """All that a run's result depends on, besides model and data.

    Attributes:
        batch_size: images per step.
        lr, beta1: of both Adam optimizers (beta2 is 0.999).
        loss: a name in `tinygan.functional.GAN_LOSSES`.
        average_decay: of the moving average of G's weights, which samples are drawn from.
        seed: of the initialisation, the order of the images, the latent vectors.
    """

    batch_size: int = 128
    lr: float = 2e-4
    beta1: float = 0.5
    loss: str = "non-saturating"
    average_decay: float = 0.999
    seed: int = 0


class Trainer:
    """Trains a DCGAN and keeps its records in the folder `out`.

    ``checkpoint.npz`` has everything to go on from; ``log.jsonl`` the losses and scores;
    ``run.json`` the settings; ``samples/`` a grid of the same latent vectors after each epoch,
    ``samples.gif`` all of them, ``losses.png`` the curves.

    A run that was stopped at any moment, and is resumed, ends with the same bits as one that was
    not: the checkpoint holds both nets, their average, both optimizers, the random stream, the
    place in the data and the length of the log.

    Args:
        model: seeded before it was made, with ``tinygan.manual_seed(settings.seed)``.
        data: the training images.
        out: a folder, made when missing.
        evaluate: called after each epoch with 10,000 samples (n, c, h, w) in [-1, 1]; returns
            scores for the log.
        resume: go on from the checkpoint in `out`.

    Raises:
        ValueError: `out` holds a run and `resume` is False, or holds none and it is True; the
            checkpoint does not fit; fewer images than a batch.
    """

    def __init__(
        self,
        model: DCGAN,
        data: Dataset,
        out: str | Path,
        settings: Settings,
        *,
        device: str = "cpu",
        evaluate: Callable[[np.ndarray], dict[str, Any]] | None = None,
        resume: bool = False,
    ):
        self.model, self.data, self.settings, self.evaluate = model, data, settings, evaluate
        self.out, self.device = Path(out), check_device(device)
        self.loss = gan_loss(settings.loss)
        betas = (settings.beta1, 0.999)
        model.generator.to(device)
        model.discriminator.to(device)
        self.optimizer_g = Adam(model.generator.parameters(), settings.lr, betas)
        self.optimizer_d = Adam(model.discriminator.parameters(), settings.lr, betas)
        self.average = ExponentialMovingAverage(model.generator, settings.average_decay)
        self.sampler = BatchSampler(len(data), settings.batch_size, settings.seed)
        self.step, self._stuck, self._stop = 0, alarms.StuckDiscriminator(), False
        latent_stream = Generator(settings.seed + 1)  # of its own: pictures do not disturb the run
        self.fixed_latent = model.latent(GRID, latent_stream)
        self.evaluation_latent = model.latent(EVALUATED, latent_stream)

        exists = self.checkpoint_path.exists()
        if exists and not resume:
            raise ValueError(
                f"out: {self.out} holds a run already; resume it, or choose another folder"
            )
        if resume and not exists:
            raise ValueError(f"out: {self.out} holds no run to resume (no {self.checkpoint_path})")
        position = self._load() if resume else 0
        self.log = JsonLines(self.out / "log.jsonl", position)
        facts = {"name": data.name, "images": len(data), "shape": list(data.images.shape[1:])}
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

    def _facts(self) -> dict[str, Any]:
        return {**asdict(self.settings), "data": self.data.name}

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
        generator.set_state(extra["random_state"])
        return extra["log_position"]

    # The loop

    def train(self, epochs: int) -> bool:
        """Trains until `epochs` epochs are done in all; False when Ctrl-C ended it earlier.

        Raises:
            TrainingDiverged: a loss is not finite.
        """
        with _stop_signals(self), self._progress(epochs) as progress:
            while self.sampler.epoch < epochs and not self._stop:
                for indices in self.sampler:
                    self._train_on(indices, progress)
                    if self._stop:
                        break
                    if self.step % STEPS_PER_CHECKPOINT == 0:
                        self.save()
                else:
                    self._finish_epoch(progress)
            self.save()
        self._draw()
        return not self._stop

    def _train_on(self, indices: np.ndarray, progress: _Progress) -> None:
        real = tensor(self.data.batch(indices), device=self.device)
        latent = self.model.latent(len(indices)).to(self.device)
        result = gan_step(
            self.model.generator, self.model.discriminator, self.optimizer_g, self.optimizer_d,
            self.loss, real, latent,
        )  # fmt: skip
        self.step += 1
        self.log.write(step=self.step, **{k: round(v, 6) for k, v in result._asdict().items()})
        self._check(result, progress)
        self.average.update()
        progress.update(len(indices), result)

    def _check(self, result: StepResult, progress: _Progress) -> None:
        problem = alarms.divergence(result.loss_d, result.loss_g)
        if problem:
            self.log.write(step=self.step, alarm=problem)
            raise alarms.TrainingDiverged(
                f"step {self.step}: {problem}. The last checkpoint, {self.checkpoint_path}, is "
                "from before"
            )
        self._alarm(self._stuck(result.loss_d), progress)

    def _alarm(self, problem: str | None, progress: _Progress) -> None:
        if problem:
            self.log.write(step=self.step, alarm=problem)
            progress.print(f"ALARM at step {self.step}: {problem}")

    def _finish_epoch(self, progress: _Progress) -> None:
        """Pictures and scores of an epoch, then a checkpoint: `sampler.epoch` has counted it."""
        epoch = self.sampler.epoch
        pictures = sample(self.average.module, self.fixed_latent.to(self.device))
        save_png(grid(pictures), self.out / "samples" / f"epoch_{epoch:03d}.png", zoom=2)
        real = self.data.batch(np.arange(min(len(self.data), 1000)))
        self._alarm(alarms.collapse(pictures, real), progress)
        scores: dict[str, Any] = {}
        if self.evaluate is not None:
            scores = self.evaluate(self.generate(self.evaluation_latent))
            self._alarm(alarms.missing_classes(scores), progress)
        self.log.write(step=self.step, epoch=epoch, **scores)
        numbers = ", ".join(
            f"{name} {scores[name]:.3f}" for name in ("fid", "inception_score", "kl")
            if name in scores
        )  # fmt: skip
        progress.print(f"epoch {epoch} done" + (f": {numbers}" if numbers else ""))
        self.save()

    def generate(self, latent: Tensor) -> np.ndarray:
        """Images of the averaged generator for `latent` vectors, in evaluation mode."""
        return sample(self.average.module, latent.to(self.device))

    def _draw(self) -> None:
        """The GIF of all grids, and the curves."""
        pictures = sorted((self.out / "samples").glob("epoch_*.png"))
        if pictures:
            save_gif(pictures, self.out / "samples.gif")
        steps = [e for e in read_json_lines(self.out / "log.jsonl") if "loss_d" in e]
        if steps:
            curves = {"D": [e["loss_d"] for e in steps], "G": [e["loss_g"] for e in steps]}
            plot_curves(curves, self.out / "losses.png")

    def _progress(self, epochs: int) -> _Progress:
        done = self.step * self.settings.batch_size
        return _Progress(epochs * len(self.sampler) * self.settings.batch_size, done)


class _Progress:
    """A bar with losses, images per second and the time left (with tqdm), else a line at times."""

    def __init__(self, total: int, done: int):
        self.total, self.done, self.first = total, done, done
        self.start = self.last = time.monotonic()
        self._bar = None
        with contextlib.suppress(ImportError):
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, initial=done, unit="img", dynamic_ncols=True,
                mininterval=0.5 if sys.stderr.isatty() else 15,
            )  # fmt: skip

    def update(self, images: int, result: StepResult) -> None:
        self.done += images
        losses = f"loss D {result.loss_d:.3f} G {result.loss_g:.3f}"
        if self._bar is not None:
            self._bar.set_postfix_str(losses, refresh=False)
            self._bar.update(images)
        elif time.monotonic() - self.last > 15:
            self.last = time.monotonic()
            rate = (self.done - self.first) / (self.last - self.start)
            left = (self.total - self.done) / rate
            speed = f"{rate:.0f} img/s, {left:.0f} s left"
            self.print(f"{self.done}/{self.total} img, {speed}, {losses}")

    def print(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line)
        else:
            print(line, flush=True)

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *exception) -> None:
        if self._bar is not None:
            self._bar.close()


@contextlib.contextmanager
def _stop_signals(trainer: Trainer) -> Iterator[None]:
    """Ctrl-C (and SIGTERM) let the step end, so that what is saved is whole; a second Ctrl-C
    stops at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number, frame):
        if trainer._stop and number == signal.SIGINT:
            raise KeyboardInterrupt
        trainer._stop = True

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
