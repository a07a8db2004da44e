"""The training loop: readable, resumable, and watching itself."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygan.data import BatchSampler, Dataset
from tinygan.devices import Generator, check_device, generator
from tinygan.packages import require
from tinygan.tensor import Tensor
from tinygan.training import alarms, checks
from tinygan.training.callbacks import Callback
from tinygan.training.checkpoint import load_checkpoint, save_checkpoint
from tinygan.training.claim import Claim
from tinygan.training.game import Game, LatentGame, Model
from tinygan.training.identity import check_identity, data_identity
from tinygan.training.log import score_numbers
from tinygan.training.progress import Progress, stop_signals
from tinygan.training.records import Records, print_line
from tinygan.training.settings import Settings

STEPS_PER_CHECKPOINT = 200


class GameTrainer:
    """Trains the nets of a `Game` and keeps its records in the folder `out`.

    ``checkpoint.npz`` has everything to go on from; ``log.jsonl`` the losses and scores;
    ``run.json`` the settings; ``samples/`` a grid of pictures after each report, ``samples.gif``
    all of them, ``losses.png`` the curves, ``report.html`` all of it on one page.

    A run that was stopped at any moment, and is resumed, ends with the same bits as one that was
    not: the checkpoint holds all parts of the game, the random stream, the place in the data, a
    digest of the data and the length of the log.

    An epoch is saved before anything is made of it. A picture, a score or a line of the log that
    fails is a warning: the run goes on, and makes up for it as soon as it can, at the latest when
    it is resumed. Scores of an epoch that failed come again if no other epoch has begun.

    The folder belongs to one process from the moment at which the trainer is made (`claim.py`), to
    the end of the process or `close`; a later trainer of the same process takes it over.

    Args:
        game: seeded before it was made, with ``tinygan.manual_seed(settings.seed)``.
        out: a folder, made when missing.
        evaluate: called at each report with what ``game.samples()`` returns, of most games images
            (n, c, h, w) in [-1, 1]; returns scores for the log: a dict of names and numbers, lists
            of numbers or strings. NaN is null there.
        report_every: epochs from one report (picture, scores, alarms) to the next.
        resume: go on from the checkpoint in `out`.
        callbacks: are told what happens; see `Callback`.

    Raises:
        ValueError: `out` holds a run and `resume` is False, or holds none and it is True; the
            checkpoint does not fit, or is of other data; fewer images than a batch.
        TypeError: an argument of another kind.
        ImportError: Pillow or matplotlib is missing, which the pictures need.
        FolderInUse: `out` belongs to another process; the message says to which one.
        OSError: the checkpoint cannot be read, or `out` not be written to.
    """

    def __init__(
        self, game: Game, out: str | Path, *, evaluate: Callable[..., dict[str, Any]] | None = None,
        report_every: int = 1, resume: bool = False, callbacks: Sequence[Callback] = (),
    ):  # fmt: skip
        checks.check_data(game.data, game.settings)
        checks.check_callables(evaluate=evaluate)
        checks.check_callbacks(callbacks)
        checks.check_whole("Trainer", "report_every", report_every, 1)
        require("Trainer", "PIL.Image", "matplotlib.figure")  # for its pictures
        self.game, self.data, self.settings = game, game.data, game.settings
        self.evaluate, self.report_every, self.out = evaluate, report_every, Path(out)
        self.callbacks = tuple(callbacks)
        self.sampler = BatchSampler(len(self.data), self.settings.batch_size, self.settings.seed)
        self.schedules = [self.settings.schedule(optimizer, len(self.sampler))
                          for optimizer in game.optimizers.values()]  # fmt: skip
        self.step, self._stuck, self.stopping = 0, alarms.StuckDiscriminator(game.loss), False
        self.records = Records(self.out)
        self._reported = 0  # the last epoch whose report is complete
        self._saved: tuple[Any, ...] = ()  # what was saved last
        self._within_step = False
        self._identity = data_identity(self.data, *game.others)
        if resume and not self.checkpoint_path.exists():
            raise ValueError(f"out: {self.out} holds no run to resume (no {self.checkpoint_path})")
        self.claim = Claim(self.out)
        try:
            self._begin(resume)
        except BaseException:
            self.close()
            raise

    def _begin(self, resume: bool) -> None:
        """Goes on from the checkpoint, or opens the records of a new run."""
        if self.checkpoint_path.exists() and not resume:
            raise ValueError(
                f"out: {self.out} holds a run already; resume it, or choose another folder"
            )
        self.records.remove_strays(self.checkpoint_path.name)
        if resume:
            self._load()
        else:
            self.records.begin(STEPS_PER_CHECKPOINT)
        self.records.describe(self._facts(), {
            "name": self.data.name, "images": len(self.data), "shape": self._identity["shape"][1:]
        }, self.game.device, self.step)  # fmt: skip

    def close(self) -> None:
        """Gives the folder free for other processes, as the end of this one does."""
        self.claim.release()

    # Checkpoints

    @property
    def checkpoint_path(self) -> Path:
        return self.out / "checkpoint.npz"

    @property
    def _parts(self) -> dict[str, Any]:
        return {**self.game.parts, "sampler": self.sampler}

    def _facts(self) -> dict[str, Any]:
        return {**self.settings.facts(), "data": self.data.name, "model": self.game.options}

    def save(self) -> None:
        """Writes the checkpoint, atomically.

        Raises:
            FolderInUse: the folder has been taken over.
            OSError: the checkpoint cannot be written; the last one is still there.
        """
        self.claim.check()
        extra = {
            "settings": self._facts(),
            "step": self.step,
            "stuck_steps": self._stuck.steps,
            "random_state": generator.get_state(),
            "data": self._identity,
            "reported": self._reported,
            **self.records.state(),
        }
        try:
            save_checkpoint(self.checkpoint_path, self._parts, extra)
        except OSError as error:
            last = f"the last one, of step {self._saved[0]}, is" if self._saved else "there is none"
            raise OSError(
                error.errno, f"{error.strerror}: no checkpoint of step {self.step} could be "
                f"written ({last} there). {_remedy(error.errno)} and resume the run",
                error.filename,
            ) from error  # fmt: skip
        self._saved = self._state()

    def _state(self) -> tuple[Any, ...]:
        """What tells whether a new checkpoint would differ from the last one."""
        return self.step, self.sampler.epoch, self._reported, self.records.unwritten

    def _load(self) -> None:
        path = self.checkpoint_path
        extra = load_checkpoint(path, self._parts, self._facts(), self._accept)
        self.step, self._stuck.steps = extra["step"], extra["stuck_steps"]
        for schedule in self.schedules:
            # The optimizer's rate is the schedule's already; it is no factor beside it.
            schedule.load_state_dict({"last_epoch": self.step, "base_lrs": schedule.base_lrs})
        generator.set_state(extra["random_state"])
        self._reported = extra.get("reported", self.sampler.epoch)
        self.records.resume(extra)
        # Lines that had not been written are now: then the checkpoint is to be written again.
        self._saved = (self.step,) if extra.get("log_pending") else self._state()
        self._within_step = False

    def _accept(self, extra: dict[str, Any]) -> None:
        """Raises an error if `extra` of a checkpoint does not fit; nothing has been changed yet."""
        check_identity(extra.get("data"), self._identity)
        counts = [extra["step"], extra["stuck_steps"], extra["log_position"],
                  extra.get("reported", 0)]  # fmt: skip
        if any(type(count) is not int or count < 0 for count in counts):
            raise TypeError(f"counts must be integers from 0 on, got {counts}")
        Records(self.out).check(extra)
        Generator().set_state(extra["random_state"])

    # The loop

    def train(self, epochs: int) -> bool:
        """Trains until `epochs` epochs are done in all; False when Ctrl-C, SIGTERM or SIGHUP ended
        it earlier. It can be called again, and goes on.

        Raises:
            ValueError, TypeError: `epochs` is no integer of at least 1.
            TrainingDiverged: a loss is not finite.
            FolderInUse: the folder has been taken over.
            OSError: a checkpoint cannot be written.
        """
        checks.check_whole("Trainer.train", "epochs", epochs, 1)
        self.claim.check()
        if self._within_step:  # an exception came in the middle of it
            if not self.checkpoint_path.exists():
                raise RuntimeError(
                    "train: the last call ended within a step, and there is no checkpoint to go "
                    "back to; make a new Trainer"
                )
            self._load()
        self.stopping = False
        with stop_signals(self), self._progress(epochs) as progress:
            self.records.show = progress.print
            self._tell("on_start")
            try:
                self._train(epochs, progress)
                self._tell("on_end")
            finally:
                self.records.show = print_line
        return not self.stopping

    def _train(self, epochs: int, progress: Progress) -> None:
        if self._report_is_due(epochs):  # it failed, or the run was killed before it was complete
            self._report()
        while self.sampler.epoch < epochs and not self.stopping:
            for indices in self.sampler:
                self._train_on(indices, progress)
                if self.stopping:
                    break
                if self.step % STEPS_PER_CHECKPOINT == 0:
                    self.save()
            else:
                if self._report_is_due(epochs):
                    self.save()  # first: all that is made of an epoch may fail
                    self._report()
        self.records.catch_up()
        if not self._report_is_due(epochs) and self._state() != self._saved:
            self.save()
        self.records.draw()

    def _tell(self, event: str, *arguments: Any) -> None:
        """Calls a method of all callbacks; none of them can end the run by an error."""
        for callback in self.callbacks:
            with self.records.may_fail(f"{type(callback).__name__}.{event}"):
                getattr(callback, event)(self, *arguments)

    def _report_is_due(self, epochs: int) -> bool:
        epoch = self.sampler.epoch
        wanted = epoch % self.report_every == 0 or epoch == epochs
        return wanted and self.sampler.cursor == 0 and epoch > self._reported

    def _train_on(self, indices: np.ndarray, progress: Progress) -> None:
        self._within_step = True
        numbers = self.game.step(indices, self.step)
        self.step += 1
        for schedule in self.schedules:
            schedule.step()
        self.claim.check()
        rounded = {name: round(value, 6) for name, value in numbers.items()}
        self.records.write(step=self.step, **rounded)
        self._check(numbers["loss_d"], numbers["loss_g"])
        self._within_step = False
        self._tell("on_step", rounded)
        with self.records.may_fail("showing the progress"):
            progress.update(len(indices), numbers["loss_d"], numbers["loss_g"])

    def _check(self, loss_d: float, loss_g: float) -> None:
        problem = alarms.divergence(loss_d, loss_g)
        if problem:
            self.records.write(step=self.step, alarm=problem)
            self._tell("on_alarm", problem)
            raise alarms.TrainingDiverged(
                f"step {self.step}: {problem}. The last checkpoint, {self.checkpoint_path}, is "
                "from before"
            )
        self._alarm(self._stuck(loss_d))

    def _alarm(self, problem: str | None) -> None:
        if problem:
            self.records.write(step=self.step, alarm=problem)
            self.records.say(f"ALARM at step {self.step}: {problem}")
            self._tell("on_alarm", problem)

    def _report(self) -> None:
        """Pictures and scores of the epoch that `sampler.epoch` has counted, whose checkpoint is
        written; then another checkpoint, unless something failed that can be done again."""
        epoch, records, failed, pictures = self.sampler.epoch, self.records, {}, None
        records.forget_unsaved()  # what an earlier attempt wrote
        with records.may_fail(f"the picture of epoch {epoch}") as picture:
            pictures = self.game.pictures()
            records.add_picture(f"epoch_{epoch:03d}.png", pictures, self.game.columns)
            compared = self.game.for_collapse(pictures)
            if compared is not None:
                self._alarm(alarms.collapse(*compared, self.step))
        scores: dict[str, Any] = {}
        with records.may_fail(f"evaluate, after epoch {epoch},") as evaluation:
            if self.evaluate is not None:
                scores = score_numbers(self.evaluate(self.game.samples()))
                count = self.game.sample_count
                self._alarm(
                    alarms.missing_classes(scores, self.step, count, self.data.labels)
                )
        if evaluation.problem:
            failed = {"failed": evaluation.problem}
        records.write(step=self.step, epoch=epoch, **scores, **failed)
        numbers = ", ".join(
            f"{name} {scores[name]:.3f}" for name in ("fid", "inception_score", "kl")
            if isinstance(scores.get(name), (int, float))
        )  # fmt: skip
        records.say(f"epoch {epoch} done" + (f": {numbers}" if numbers else ""))
        self._tell("on_report", epoch, pictures, scores)
        if not (picture.problem or evaluation.problem):
            self._reported = epoch
            self.save()

    def _progress(self, epochs: int) -> Progress:
        done = self.step * self.settings.batch_size
        return Progress(epochs * len(self.sampler) * self.settings.batch_size, done)


class Trainer(GameTrainer):
    """Trains a GAN of images: a `LatentGame`. See `GameTrainer`.

    Args:
        model: seeded before it was made, with ``tinygan.manual_seed(settings.seed)``.
        data: the training images.
        samples: how many `evaluate` is called with; of the same latent vectors each time.
        regulariser: is added to G's loss in each step.

    Raises:
        ValueError: also of a class-conditional model and data without labels or with more classes;
            nets for images of another shape.
    """

    game: LatentGame

    def __init__(
        self, model: Model, data: Dataset, out: str | Path, settings: Settings, *,
        device: str = "cpu", evaluate: Callable[[np.ndarray], dict[str, Any]] | None = None,
        samples: int = 10_000, regulariser: Callable[[], Tensor] | None = None,
        report_every: int = 1, resume: bool = False, callbacks: Sequence[Callback] = (),
    ):  # fmt: skip
        checks.check_model(model)
        checks.check_data(data, settings)
        checks.check_callables(evaluate=evaluate, regulariser=regulariser)
        checks.check_whole("Trainer", "samples", samples, 1)
        checks.check_whole("Trainer", "report_every", report_every, 1)
        game = LatentGame(model, data, settings, check_device(device), samples, regulariser)
        super().__init__(game, out, evaluate=evaluate, report_every=report_every, resume=resume,
                         callbacks=callbacks)  # fmt: skip
        self.model = model

    def generate(self, latent: Tensor, labels: Tensor | None = None) -> np.ndarray:
        """Images of the averaged generator for `latent` vectors, in evaluation mode."""
        return self.game.generate(latent, labels)

    def evaluation_samples(self) -> np.ndarray:
        """The samples that scores are computed from: of the same latent vectors each time."""
        return self.game.samples()


def _remedy(number: int | None) -> str:
    """What to do about an error of the system, as the beginning of a sentence."""
    if number in (errno.ENOSPC, getattr(errno, "EDQUOT", None), errno.EFBIG):
        return "Free some space"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Make the folder writable"
    return "Check the disk"
