"""The loop, its records, its alarms, and the promise that a stopped run loses nothing."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from states import arrays_of

import tinygan
import tinygan.functional as F
from tinygan.data import Dataset, synthetic_digits
from tinygan.models import DCGAN
from tinygan.ops.adversarial import GAN_LOSSES, gan_loss
from tinygan.optim import Adam
from tinygan.training import (
    Settings,
    Trainer,
    TrainingDiverged,
    alarms,
    gan_step,
    generator_step,
    load_generator,
    sample,
)
from tinygan.training.log import read_json_lines

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = Settings(batch_size=16, average_decay=0.9, seed=3)


def make_trainer(out, resume=False, evaluate=None, settings=SETTINGS, data=None, callbacks=()):
    tinygan.manual_seed(settings.seed)
    data = synthetic_digits(96, seed=1) if data is None else data
    model = DCGAN(width=4, pack=settings.pack)
    return Trainer(model, data, out, settings, evaluate=evaluate, resume=resume,
                   callbacks=callbacks)  # fmt: skip


def records(out):
    """All that a run leaves and that does not depend on the clock."""
    with np.load(out / "checkpoint.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    log = (out / "log.jsonl").read_text()
    pictures = {path.name: path.read_bytes() for path in (out / "samples").iterdir()}
    return arrays, log, pictures


def assert_same_run(first, second):
    (arrays, log, pictures), (other_arrays, other_log, other_pictures) = first, second
    assert arrays.keys() == other_arrays.keys()
    for name in arrays:
        assert np.array_equal(arrays[name], other_arrays[name]), name
    assert log == other_log
    assert pictures == other_pictures


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """Three epochs of six steps, never stopped."""
    out = tmp_path_factory.mktemp("whole")
    assert make_trainer(out).train(3)
    return out


def test_a_run_leaves_its_records(whole_run):
    log = read_json_lines(whole_run / "log.jsonl")
    steps = [entry for entry in log if "loss_d" in entry]
    assert [entry["step"] for entry in steps] == list(range(1, 19))
    assert all(math.isfinite(entry["loss_d"]) and entry["loss_g"] > 0 for entry in steps)
    assert [entry["epoch"] for entry in log if "epoch" in entry] == [1, 2, 3]
    assert sorted(os.listdir(whole_run / "samples")) == [f"epoch_00{i}.png" for i in (1, 2, 3)]
    assert {"samples.gif", "losses.png"} <= set(os.listdir(whole_run))
    run = json.loads((whole_run / "run.json").read_text())
    assert run["settings"] == {
        "batch_size": 16, "lr": 2e-4, "beta1": 0.5, "beta2": 0.999, "lr_d": None, "decay": None,
        "loss": "non-saturating", "real_label": 1.0, "r1": 0.0, "r2": 0.0,
        "gradient_penalty": 0.0, "penalty_every": 1, "augment": [], "noise": None, "pack": 1,
        "average_decay": 0.9, "seed": 3, "data": "synthetic", "model": DCGAN(width=4).options,
    }  # fmt: skip
    assert run["data"] == {"name": "synthetic", "images": 96, "shape": [1, 28, 28]}
    assert run["versions"]["numpy"] == np.__version__
    assert run["machine"]["device"] == "cpu"
    assert [start["step"] for start in run["starts"]] == [0]


def test_the_same_seed_gives_the_same_bits(whole_run, tmp_path):
    make_trainer(tmp_path).train(3)
    assert_same_run(records(whole_run), records(tmp_path))


def test_two_epochs_and_one_more_equal_three(whole_run, tmp_path):
    make_trainer(tmp_path).train(2)
    tinygan.rand(1000)  # the stream is somewhere else when the second part starts
    make_trainer(tmp_path, resume=True).train(3)
    assert_same_run(records(whole_run), records(tmp_path))
    run = json.loads((tmp_path / "run.json").read_text())
    assert [start["step"] for start in run["starts"]] == [0, 12]


def test_stabilisers_too_resume_with_the_same_bits(tmp_path):
    settings = Settings(
        batch_size=16, lr_d=4e-4, decay=(1, 3), real_label=0.9, r1=1.0, penalty_every=2,
        augment=("translation", "cutout", "brightness"), noise=(0.1, 2), pack=2, seed=3,
    )  # fmt: skip
    make_trainer(tmp_path / "whole", settings=settings).train(2)
    make_trainer(tmp_path / "parts", settings=settings).train(1)
    make_trainer(tmp_path / "parts", settings=settings, resume=True).train(2)
    assert_same_run(records(tmp_path / "whole"), records(tmp_path / "parts"))
    resumed = make_trainer(tmp_path / "parts", settings=settings, resume=True)
    optimizer = resumed.game.optimizers["optimizer_d"]
    assert optimizer.lr == pytest.approx(4e-4 * (3 - 12 / 6) / 2)  # of the thirteenth step


def test_labels_resume_with_the_same_bits(tmp_path):
    settings = Settings(batch_size=16, average_decay=0.9, seed=3)
    data = synthetic_digits(64, seed=1)

    def make(out, resume=False):
        tinygan.manual_seed(3)
        model = DCGAN(width=4, classes=10)
        return Trainer(model, data, out, settings, samples=30, resume=resume)

    make(tmp_path / "whole").train(2)
    make(tmp_path / "parts").train(1)
    whole, again = make(tmp_path / "whole", resume=True), make(tmp_path / "parts", resume=True)
    again.train(2)
    assert_same_run(records(tmp_path / "whole"), records(tmp_path / "parts"))
    assert whole.evaluation_samples().shape == (30, 1, 28, 28)
    np.testing.assert_array_equal(whole.game.fixed_labels.array, np.arange(64) % 10)
    # A digit follows its label: other labels, other images.
    other = tinygan.tensor((whole.game.fixed_labels.array + 1) % 10)
    first = whole.generate(whole.game.fixed_latent, whole.game.fixed_labels)
    assert not np.allclose(first, whole.generate(whole.game.fixed_latent, other))
    with pytest.raises(ValueError, match="data: the model is class-conditional, plain has no lab"):
        Trainer(DCGAN(classes=10), Dataset(data.images, None, "plain"), tmp_path / "x", settings)
    with pytest.raises(ValueError, match="sample: got 3 labels for 64 latent vectors"):
        whole.generate(whole.game.fixed_latent, tinygan.tensor([1, 2, 3]))


def test_reports_come_when_asked_for_and_at_the_end(tmp_path):
    tinygan.manual_seed(3)
    data = synthetic_digits(96, seed=1)
    Trainer(DCGAN(width=4), data, tmp_path, SETTINGS, report_every=2).train(3)
    assert sorted(os.listdir(tmp_path / "samples")) == ["epoch_002.png", "epoch_003.png"]
    with pytest.raises(ValueError, match="report_every must be at least 1, got 0"):
        Trainer(DCGAN(width=4), data, tmp_path / "new", SETTINGS, report_every=0)


CHILD = """
    import sys, time
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    from test_training import make_trainer
    from tinygan.training import game, trainer
    trainer.STEPS_PER_CHECKPOINT = 2
    step = game.gan_step  # slowed down: there must be time to stop it
    play = lambda *args, **options: (time.sleep(0.03), step(*args, **options))[1]
    game.gan_step = play
    out = Path({out!r})
    sys.exit(0 if make_trainer(out, resume=(out / "checkpoint.npz").exists()).train(3) else 7)
"""


def start_child(out):
    code = textwrap.dedent(CHILD.format(tests=str(ROOT / "tests"), out=str(out)))
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for_lines(child, log, count):
    """Until the log has `count` lines, or the child has ended."""
    deadline = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < deadline:
        if log.exists() and log.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.0005)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_run_killed_again_and_again_ends_with_the_same_bits(whole_run, tmp_path):
    for count in (1, 6, 11, 15):
        child = start_child(tmp_path)
        wait_for_lines(child, tmp_path / "log.jsonl", count)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    assert start_child(tmp_path).wait() == 0
    assert_same_run(records(whole_run), records(tmp_path))


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_interrupt_saves_after_the_step_and_resumes(whole_run, tmp_path):
    child = start_child(tmp_path)
    wait_for_lines(child, tmp_path / "log.jsonl", 3)
    child.send_signal(signal.SIGINT)
    assert child.wait() == 7
    steps = [e["step"] for e in read_json_lines(tmp_path / "log.jsonl") if "loss_d" in e]
    assert 3 <= len(steps) < 18
    assert start_child(tmp_path).wait() == 0
    assert_same_run(records(whole_run), records(tmp_path))


def test_a_run_is_never_overwritten_and_never_invented(whole_run, tmp_path):
    with pytest.raises(ValueError, match="holds a run already; resume it"):
        make_trainer(whole_run)
    with pytest.raises(ValueError, match="holds no run to resume"):
        make_trainer(tmp_path, resume=True)


def test_resuming_with_other_settings_names_them(whole_run):
    before = (whole_run / "log.jsonl").read_bytes()
    other = Settings(batch_size=16, average_decay=0.9, seed=3, lr=1e-3)
    with pytest.raises(ValueError, match=r"lr: 0.0002 in the checkpoint, 0.001 now"):
        make_trainer(whole_run, resume=True, settings=other)
    assert (whole_run / "log.jsonl").read_bytes() == before


def test_scores_are_logged_and_missing_classes_raise_an_alarm(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(alarms, "FEWEST_STEPS", 6)

    def evaluate(images):
        assert images.shape == (10_000, 1, 28, 28)
        assert np.isfinite(images).all()
        return {"fid": 1.5, "histogram": [0.0, 0.99] + [0.01 / 8] * 8}

    make_trainer(tmp_path, evaluate=evaluate).train(1)
    log = read_json_lines(tmp_path / "log.jsonl")
    assert next(entry for entry in log if "epoch" in entry)["fid"] == 1.5
    (alarm,) = (entry["alarm"] for entry in log if "class 1" in entry.get("alarm", ""))
    assert "only 1 of 10 classes are generated, class 1 in 99 % of the samples" in alarm
    assert "ALARM at step 6" in capsys.readouterr().out


# NumPy warns of the NaN that this test puts in.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path):
    run = make_trainer(tmp_path)
    run.train(1)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    run = make_trainer(tmp_path, resume=True)
    run.model.discriminator[0].weight.array[0, 0, 0, 0] = np.nan
    with pytest.raises(TrainingDiverged, match=r"step 7: a loss is not finite \(D nan"):
        run.train(2)
    assert (tmp_path / "checkpoint.npz").read_bytes() == before


@pytest.mark.parametrize("loss", sorted(GAN_LOSSES.keys() - {"wasserstein"}))
def test_stuck_discriminator_is_named_after_enough_steps(loss):
    watch = alarms.StuckDiscriminator(gan_loss(loss))
    results = [watch(0.001) for _ in range(alarms.STUCK_STEPS)]
    assert results[:-1] == [None] * (alarms.STUCK_STEPS - 1)
    assert "D tells all samples from real images" in results[-1]
    assert watch(2 * math.log(2)) is None  # the equilibrium
    assert watch.steps == 0


def test_divergence_is_named():
    assert alarms.divergence(0.5, 2.0) is None
    for losses in [(math.nan, 1.0), (1.0, math.inf)]:
        assert "learning rate that is too high" in alarms.divergence(*losses)


def test_samples_do_not_depend_on_batch_mates(device):
    model = DCGAN(width=4)
    model.generator.to(device)
    model.generator(model.latent(32).to(device))  # running statistics that are not the initial ones
    latent = model.latent(9).to(device)
    before = arrays_of(model.generator)
    state = tinygan.devices.generator.get_state()
    together = sample(model.generator, latent)
    alone = np.concatenate([sample(model.generator, latent[i : i + 1]) for i in range(9)])
    split = sample(model.generator, latent, batch_size=4)
    assert np.isfinite(together).all()
    assert np.array_equal(together, alone)
    assert np.array_equal(together, split)
    assert all(module.training for module in model.generator.modules())
    after = arrays_of(model.generator)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert tinygan.devices.generator.get_state() == state


def test_step_trains_each_net_by_its_own_loss(device):
    """Against the same step spelled out without sharing or freezing anything."""
    tinygan.manual_seed(1)
    model = DCGAN(width=4)
    tinygan.manual_seed(1)
    plain = DCGAN(width=4)
    real, latent = tinygan.rand(8, 1, 28, 28).to(device) * 2 - 1, model.latent(8).to(device)
    loss = F.gan_loss("non-saturating")
    nets = [net.to(device) for m in (model, plain) for net in (m.generator, m.discriminator)]
    optimizers = [Adam(net.parameters(), 1e-3, (0.5, 0.999)) for net in nets]
    result = gan_step(nets[0], nets[1], optimizers[0], optimizers[1], loss, real, latent).item()

    g, d = nets[2:]
    loss_d = loss.discriminator(d(real), d(g(latent).detach()))
    loss_d.backward()
    optimizers[3].step()
    g.load_state_dict({**arrays_of(g), **{  # the second call of G moved the statistics again
        name: value for name, value in arrays_of(nets[0]).items() if "running" in name
    }})  # fmt: skip
    loss_g = loss.generator(d(g(latent)))
    loss_g.backward()
    optimizers[2].step()
    assert result.loss_d == pytest.approx(loss_d.item(), rel=1e-6)
    assert result.loss_g == pytest.approx(loss_g.item(), rel=1e-6)
    for ours, theirs in ((nets[0], g), (nets[1], d)):
        for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            # Adam's first step is lr * sign(gradient): rounding can flip the sign of a zero.
            close = np.abs((a - b).detach().cpu().numpy()) < 1e-6
            assert close.mean() > 0.999, name
    assert all(p.requires_grad for p in nets[1].parameters())


def test_a_relativistic_step_compares_with_the_same_real_images(device):
    """Against the formulas, with nets whose outputs do not depend on the rest of the batch."""
    tinygan.manual_seed(2)
    d = tinygan.nn.Linear(3, 1).to(device)
    g = tinygan.nn.Linear(2, 3).to(device)
    real, latent = tinygan.randn(5, 3).to(device), tinygan.randn(5, 2).to(device)
    still = [tinygan.optim.SGD(net.parameters(), 0.0) for net in (g, d)]
    loss = F.gan_loss("relativistic")
    result = gan_step(g, d, *still, loss, real, latent)
    difference = (d(real) - d(g(latent))).detach()
    assert result.loss_d.item() == pytest.approx(F.softplus(-difference).mean().item(), rel=1e-5)
    assert result.loss_g.item() == pytest.approx(F.softplus(difference).mean().item(), rel=1e-5)
    (expected,) = tinygan.grad(F.softplus(d(real) - d(g(latent))).mean(), g.weight)
    np.testing.assert_allclose(g.weight.grad.tolist(), expected.tolist(), rtol=1e-5, atol=1e-7)
    with pytest.raises(ValueError, match="a relativistic loss needs real images, got none"):
        generator_step(d, still[0], loss, g(latent))


def test_generator_of_a_checkpoint_is_the_average(whole_run):
    run = make_trainer(whole_run, resume=True)
    fresh = DCGAN(width=4).generator
    load_generator(whole_run / "checkpoint.npz", fresh)
    latent = run.model.latent(3)
    assert np.array_equal(sample(fresh, latent), run.generate(latent))
    assert not np.array_equal(sample(fresh, latent), sample(run.model.generator, latent))
    with pytest.raises(ValueError, match=r"shape of 0.weight: \(256, 100\) given"):
        load_generator(whole_run / "checkpoint.npz", DCGAN(width=8).generator)


def test_too_few_images_for_a_batch(tmp_path):
    images = np.zeros((3, 1, 28, 28), np.uint8)
    with pytest.raises(ValueError, match="3 images, fewer than the 16 of a batch"):
        make_trainer(tmp_path, data=Dataset(images, None, "few"))
