"""Games of other forms in the one loop: their losses by hand, their resumption bit by bit."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from test_training import assert_same_run, records

import tinygan
from tinygan.data import Dataset, synthetic_digits
from tinygan.models import CycleGAN, Pix2Pix, StarGAN
from tinygan.training import GameTrainer, Settings
from tinygan.training.cycle import CycleGame, History
from tinygan.training.domain import DomainGame
from tinygan.training.log import read_json_lines
from tinygan.training.translation import PairGame, jittered, pairs

SETTINGS = Settings(batch_size=4, average_decay=0.9, seed=3, decay=(1, 2))


def digits(count, seed):
    """Of 16 x 16 pixels, with labels 0, 1 and 2."""
    data = synthetic_digits(count, seed)
    images = np.ascontiguousarray(data.images[:, :, 6:22, 6:22])
    return Dataset(images, data.labels % 3, f"digits {seed}")


def negative(data):
    return Dataset(255 - data.images, data.labels, "negative")


def pair_game(**options):
    x, test = digits(12, 1), digits(5, 2)
    model = Pix2Pix(16, 1, 1, width=4, width_d=4, strided=1)
    return PairGame(model, pairs(x, negative(x)), SETTINGS, pairs(test, negative(test)), **options)


def cycle_game(**options):
    test = digits(5, 3)
    model = CycleGAN(1, 1, width=2, width_d=2, blocks=1, strided=1)
    return CycleGame(model, digits(12, 1), negative(digits(9, 2)), SETTINGS,
                     pairs(test, negative(test)), history=3, **options)  # fmt: skip


def domain_game(**options):
    model = StarGAN(16, 1, 3, width=2, width_d=2, blocks=1)
    return DomainGame(model, digits(12, 1), SETTINGS, digits(5, 2), d_steps=2, **options)


GAMES = {"pix2pix": partial(pair_game, jitter=2), "cyclegan": partial(cycle_game, jitter=2),
         "stargan": partial(domain_game, jitter=2)}  # fmt: skip
each_game = pytest.mark.parametrize("make", GAMES.values(), ids=GAMES)


def make_trainer(make, out, **options):
    tinygan.manual_seed(SETTINGS.seed)
    return GameTrainer(make(), out, **options)


@each_game
def test_a_stopped_run_ends_with_the_same_bits(make, tmp_path):
    make_trainer(make, tmp_path / "whole").train(2)
    make_trainer(make, tmp_path / "parts").train(1)
    tinygan.rand(1000)  # the stream is somewhere else when the second part starts
    make_trainer(make, tmp_path / "parts", resume=True).train(2)
    assert_same_run(records(tmp_path / "whole"), records(tmp_path / "parts"))
    steps = [e for e in read_json_lines(tmp_path / "parts" / "log.jsonl") if "loss_d" in e]
    assert [e["step"] for e in steps] == [1, 2, 3, 4, 5, 6]
    assert all(np.isfinite(list(e.values())).all() for e in steps)
    assert (tmp_path / "parts" / "samples.gif").exists()


@each_game
def test_samples_reach_the_scores(make, tmp_path):
    seen = []

    def evaluate(samples):
        seen.append({name: array.shape for name, array in samples.items()})
        return {"count": len(seen)}

    trainer = make_trainer(make, tmp_path, evaluate=evaluate)
    trainer.train(1)
    assert len(seen) == 1 and all(shape[0] == 5 for shape in seen[0].values())
    assert read_json_lines(tmp_path / "log.jsonl")[-1]["count"] == 1
    assert trainer.game.pictures().min() >= -1


def test_a_checkpoint_is_of_all_data(tmp_path):
    make_trainer(cycle_game, tmp_path).train(1)
    game = cycle_game()
    game.others = (negative(digits(9, 7)), game.held_out)
    with pytest.raises(ValueError, match="of a run on other data"):
        GameTrainer(game, tmp_path, resume=True)


def test_jitter_moves_whole_pairs_and_depends_on_the_step_alone(rng):
    images = rng.uniform(-1, 1, (40, 2, 6, 5)).astype(np.float32)
    moved = jittered(images, 2, 7, 3)
    assert np.array_equal(moved, jittered(images, 2, 7, 3))
    assert not np.array_equal(moved, jittered(images, 2, 8, 3))
    assert jittered(images, 0, 7, 3) is images
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    found = set()
    for image, around in zip(moved, padded, strict=True):
        fits = [(i, j) for i in range(5) for j in range(5)
                if np.array_equal(around[:, i : i + 6, j : j + 5], image)]  # fmt: skip
        assert fits  # both channels, by the same way
        found.update(fits)
    assert len(found) > 12  # of 25 ways, each equally likely: 40 draws find fewer once in 10^5


@pytest.mark.parametrize("make", [pair_game, cycle_game, domain_game])
def test_images_are_not_moved_out_of_sight(make):
    with pytest.raises(ValueError, match=r"jitter must be from 0 to less than .* 16, got 16"):
        make(jitter=16)


def softplus(x):
    return np.logaddexp(0, x)


def apart(net, *inputs):
    """A copy's output on arrays, in training mode."""
    import copy

    return copy.deepcopy(net)(*(tinygan.tensor(x) for x in inputs)).detach().numpy()


def test_a_step_of_pix2pix_by_its_formula():
    tinygan.manual_seed(1)
    game = pair_game()
    for part in game.generator.modules():
        if type(part).__name__ == "Dropout":
            part.p = 0.0
    indices = np.array([0, 3, 5, 7])
    both = game.data.batch(indices)
    x, y = both[:, :1], both[:, 1:]
    made = apart(game.generator, x)
    real, fake = apart(game.discriminator, y, x), apart(game.discriminator, made, x)
    numbers = game.step(indices, 0)
    # float32 sums of some hundred numbers of order 1
    half = (softplus(-real).mean() + softplus(fake).mean()) / 2
    assert numbers["loss_d"] == pytest.approx(half, rel=1e-4)
    assert numbers["l1"] == pytest.approx(np.abs(made - y).mean(), rel=1e-4)
    after = softplus(-apart(game.discriminator, made, x)).mean()  # of the new D
    assert numbers["loss_g"] == pytest.approx(after, rel=1e-3)


def test_pix2pix_without_adversary_is_a_regression():
    tinygan.manual_seed(1)
    game = pair_game(adversarial=False)
    before = game.discriminator.state_dict()["net.0.weight"].numpy().copy()
    first = [game.step(np.arange(4), i) for i in range(20)]
    assert first[-1]["l1"] < first[0]["l1"] and first[-1]["loss_g"] == 0
    assert np.array_equal(game.discriminator.state_dict()["net.0.weight"].numpy(), before)


def test_a_step_of_cyclegan_by_its_formula():
    tinygan.manual_seed(1)
    game = cycle_game()
    indices = np.array([1, 2, 3, 4])
    a = game.data.batch(indices)
    from tinygan.data import BatchSampler

    b = game.data_b.batch(next(iter(BatchSampler(9, 4, SETTINGS.seed + 3))))
    model = game.model
    made_b, made_a = apart(model.to_b, a), apart(model.to_a, b)
    cycle = (np.abs(apart(model.to_a, made_b) - a).mean()
             + np.abs(apart(model.to_b, made_a) - b).mean())  # fmt: skip
    pleased = (((apart(model.judge_b, made_b) - 1) ** 2).mean()
               + ((apart(model.judge_a, made_a) - 1) ** 2).mean())  # fmt: skip
    numbers = game.step(indices, 0)
    assert numbers["cycle"] == pytest.approx(cycle, rel=1e-4)
    assert numbers["loss_g"] == pytest.approx(pleased, rel=1e-4)


def test_a_history_gives_back_older_images():
    history = History(2, seed=0)
    images = [tinygan.full((1, 1, 2, 2), float(i)) for i in range(40)]
    out = [history.exchange(image)[0, 0, 0, 0].item() for image in images]
    assert out[:2] == [0, 1] and all(value <= i for i, value in enumerate(out))
    older = sum(value < i for i, value in enumerate(out[2:], 2))
    assert 8 <= older <= 30  # half of 38: within four deviations
    assert len(set(out[2:])) == len(out) - 2  # each comes out once, but the two that were new
    other = History(2, seed=5)
    other.load_state_dict(history.state_dict())
    again = [h.exchange(images[7])[0, 0, 0, 0].item() for h in (history, other)]
    assert again[0] == again[1]
    assert History(0).exchange(images[3]).numpy()[0, 0, 0, 0] == 3


def test_g_of_stargan_learns_in_every_second_step_here():
    tinygan.manual_seed(1)
    game = domain_game()
    weight = game.generator.state_dict()["net.0.weight"].numpy
    start = weight().copy()
    first = game.step(np.arange(4), 0)
    assert np.array_equal(weight(), start) and first["loss_g"] == 0
    second = game.step(np.arange(4), 1)
    assert not np.array_equal(weight(), start) and second["reconstruction"] > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pairs(digits(4, 1), digits(5, 1)), r"x has images \(4, 1, 16, 16\), y has"),
        (lambda: pair_game(l1=0, adversarial=False), "l1 must be >= 0, and > 0 without"),
        (lambda: PairGame(Pix2Pix(16, 3, 1), pair_game().data, SETTINGS, pair_game().data),
         "data has images of 2 channels; x and y of the model have 4"),
        (lambda: DomainGame(StarGAN(16, 1, 2), digits(9, 1), SETTINGS, digits(9, 1)),
         "data has labels from 0 to 2, the model is for 2 domains"),
        (lambda: CycleGame(CycleGAN(3, 1), digits(9, 1), digits(9, 1), SETTINGS, digits(9, 1)),
         "data has images of 1 channels, the model is for 3"),
        (lambda: History(-1), "size must be >= 0, got -1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
