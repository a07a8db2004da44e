"""GAWWN: its data, its nets, its game."""

from __future__ import annotations

import re

import numpy as np
import pytest
from test_training import assert_same_run, records
from test_training_games import apart, softplus

import tinygan
from tinygan.autograd import grad
from tinygan.data import CaptionedDigits, captioned_digits
from tinygan.data.boxes import box_overlap, crop_ink, ink_boxes
from tinygan.data.captions import COMBINATIONS, HELD_OUT, VALUES, VOCABULARY, WORDS, encode
from tinygan.models import GAWWN
from tinygan.models.boxes import grid_of, into_boxes, out_of_boxes
from tinygan.training import GameTrainer, Settings
from tinygan.training.captions import CaptionGame, draw
from tinygan.training.log import read_json_lines

# The data.


@pytest.fixture(scope="module")
def data():
    return captioned_digits(300, 5)


def combinations(data):
    return np.ravel_multi_index(data.values.T, VALUES)


def test_what_there_is(data):
    assert data.data.images.shape == (300, 1, 40, 40) and len(data) == len(data.sentences) == 300
    assert (data.data.labels == data.values[:, 0]).all()
    assert data.tokens.shape == (300, 12) and data.boxes.dtype == np.float32
    assert len(set(data.sentences)) > 250  # of 110 combinations in many wordings
    again = captioned_digits(270, 5)
    np.testing.assert_array_equal(again.data.images[:250], data.data.images[:250])
    assert again.sentences[:250] == data.sentences[:250]
    assert not np.array_equal(captioned_digits(250, 6).data.images, again.data.images[:250])


def test_a_sentence_says_the_values_and_no_others(data):
    for sentence, values in zip(data.sentences, data.values, strict=True):
        text = f" {re.sub('[^a-z0-9]+', ' ', sentence)} "
        for (name, ways), value in zip(WORDS.items(), values, strict=True):
            said = [k for k, way in enumerate(ways) if any(f" {words} " in text for words in way)]
            assert said == [value], (sentence, name)


def test_boxes_are_around_the_ink_by_a_loop(data):
    for image, box in zip(data.data.images[:40, 0], data.boxes, strict=False):
        places = [(x, y) for y in range(40) for x in range(40) if image[y, x] >= 64]
        xs, ys = zip(*places, strict=True)
        expected = np.array([min(xs), min(ys), max(xs) + 1, max(ys) + 1])
        assert box * 40 == pytest.approx(expected, abs=1e-4)
    assert (ink_boxes(np.zeros((2, 1, 8, 8), np.uint8)) == 0).all()


def test_values_are_in_the_ink(data):
    longer = (data.boxes[:, 2:] - data.boxes[:, :2]).max(1)
    large, thick = data.values[:, 1] == 1, data.values[:, 2] == 1
    assert longer[~large].max() < 0.44 < longer[large].min()
    crops = crop_ink(data.data.images).astype(np.float64)
    assert crops[thick].sum((1, 2, 3)).mean() > 1.5 * crops[~thick].sum((1, 2, 3)).mean()
    ones = data.values[:, 0] == 1  # of which the slant is all of the moment
    x, y = np.arange(28) - 13.5, 13.5 - np.arange(28)[:, None]
    lean = (crops[:, 0] * x * y).sum((1, 2)) / (crops[:, 0] * y * y).sum((1, 2))
    means = [lean[ones & (data.values[:, 3] == k)].mean() for k in range(3)]
    assert means[0] < -0.2 and abs(means[1]) < 0.12 and means[2] > 0.2


def test_held_out_words_never_stand_together_in_training():
    train, new, every = (captioned_digits(400, 1, split=split)
                         for split in ("train", "held-out", "all"))  # fmt: skip
    assert set(combinations(train)) == set(range(COMBINATIONS)) - set(HELD_OUT)
    assert set(combinations(new)) == set(HELD_OUT) and len(set(HELD_OUT)) == 10
    assert set(combinations(every)) == set(range(COMBINATIONS))
    assert sorted(set(new.values[:, 0])) == list(range(10))
    for part in (1, 2, 3):  # every other word occurs among them
        assert len(set(new.values[:, part])) == VALUES[part]


def test_sentences_become_tokens():
    row = encode(["A small, thin Seven: leaning left"])[0]
    assert [VOCABULARY[token] for token in row[:6]] == [
        "a", "small", "thin", "seven", "leaning", "left"
    ] and (row[6:] == 0).all()  # fmt: skip


def test_a_crop_has_the_ink_in_the_middle(data):
    crops = crop_ink(data.data.images[:60])
    boxes = ink_boxes(crops)
    assert abs((boxes[:, 2:] - boxes[:, :2]).max(1) - 20).max() <= 2  # edges are soft
    assert abs((boxes[:, 2:] + boxes[:, :2]) / 2 - 14).max() <= 1
    assert not crop_ink(np.zeros((1, 1, 40, 40), np.uint8)).any()


def test_overlap_of_boxes():
    first = np.array([[0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 0, 0]], float)
    second = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [2, 2, 3, 3], [0, 0, 0, 0]], float)
    assert box_overlap(first, second) == pytest.approx([1, 1 / 7, 0, 0])


# The nets.

BOXES = np.array([[0.1, 0.2, 0.6, 0.95], [0.5, 0.0, 1.0, 0.3]], np.float32)


def test_a_grid_has_the_text_in_the_box_and_zeros_outside():
    grid = grid_of(tinygan.tensor([[2.0], [3.0]]), tinygan.tensor(BOXES), 10).numpy()
    rows, columns = np.zeros(10), np.zeros(10)
    columns[1:6], rows[2:9], rows[9] = 1, 1, 0.5
    assert grid[0, 0] == pytest.approx(2 * rows[:, None] * columns, abs=1e-5)
    assert grid[1, 0, :3, 5:] == pytest.approx(3, abs=1e-5) and grid[1].sum() == pytest.approx(45)


def linear(row, place):
    """A row of cells, at 0.5, 1.5, ..., read between two of them."""
    return np.interp(place, np.arange(len(row)) + 0.5, row)


def test_a_square_is_put_into_its_box_by_loops(rng):
    """A box of more cells than the square has: each is read between two."""
    square = rng.normal(size=(1, 1, 4, 4))
    box = np.array([[0.2, 0.4, 0.8, 1.0]])
    filled = into_boxes(tinygan.tensor(square), tinygan.tensor(box), 10).numpy()[0, 0]
    for y in range(10):
        for x in range(10):
            px, py = (((v + 0.5) / 10 - low) / 0.6 * 4 for v, low in ((x, 0.2), (y, 0.4)))
            inside = 0 < px < 4 and 0 < py < 4
            value = linear([linear(row, px) for row in square[0, 0]], py) if inside else 0.0
            assert filled[y, x] == pytest.approx(value, abs=1e-9)  # float64


def test_a_box_is_cut_out_by_loops(rng):
    """A box of fewer cells than the square has."""
    maps = rng.normal(size=(1, 1, 10, 10))
    box = np.array([[0.1, 0.3, 0.45, 0.6]])
    square = out_of_boxes(tinygan.tensor(maps), tinygan.tensor(box), 5).numpy()[0, 0]
    for y in range(5):
        for x in range(5):
            px, py = 10 * (0.1 + (x + 0.5) / 5 * 0.35), 10 * (0.3 + (y + 0.5) / 5 * 0.3)
            value = linear([linear(row, px) for row in maps[0, 0]], py)
            assert square[y, x] == pytest.approx(value, abs=1e-9)


def test_where_cells_are_squeezed_their_mean_comes_out(rng):
    """Two thirds of a cell to a square's cell: no cell is passed over, and a constant stays."""
    box = tinygan.tensor(np.array([[0.0, 0.0, 1.0, 0.2]]))
    constant = tinygan.tensor(np.full((1, 1, 8, 8), 3.0))
    assert out_of_boxes(constant, box, 5).numpy() == pytest.approx(3.0)
    assert into_boxes(constant, box, 10).numpy()[0, 0, :2] == pytest.approx(3.0)
    x = tinygan.tensor(rng.normal(size=(1, 1, 8, 8)), requires_grad=True)
    (gradient,) = grad(into_boxes(x, box, 10).sum(), x)
    assert (gradient.numpy() > 0).all()


def model(**options):
    return GAWWN(len(VOCABULARY), 40, latent_size=5, width=2, text_size=6, **options)


@pytest.mark.parametrize("box_path", [True, False])
def test_shapes(box_path, data, device):
    net = model(box_path=box_path)
    net.generator.to(device), net.discriminator.to(device)
    tokens, boxes = (tinygan.tensor(x[:3], device=device) for x in (data.tokens, data.boxes))
    images = net.generator(net.latent(3).to(device), tokens, boxes)
    assert images.shape == (3, 1, 40, 40) and 0 < images.abs().amax().item() <= 1
    assert net.discriminator(images, tokens, boxes).shape == (3, 1)
    assert type(net)(**net.options).options == net.options


@pytest.mark.parametrize("box_path", [True, False])
def test_both_nets_depend_on_text_and_box(box_path, data):
    net = model(box_path=box_path)
    tokens, boxes = (tinygan.tensor(x[:2]) for x in (data.tokens, data.boxes))
    for part, x in ((net.generator.eval(), net.latent(1)),
                    (net.discriminator, tinygan.randn(1, 1, 40, 40))):  # fmt: skip
        one, other_text, other_box = (part(x, tokens[i : i + 1], boxes[j : j + 1]).detach().numpy()
                                      for i, j in ((0, 0), (1, 0), (0, 1)))  # fmt: skip
        assert abs(one - other_text).max() > 1e-6 and abs(one - other_box).max() > 1e-6


def test_the_local_path_of_d_reads_the_text_in_the_box(data):
    net = model().discriminator
    net.global_path[-1].weight.data.fill_(0.0)
    tokens, boxes = (tinygan.tensor(x[:2]) for x in (data.tokens, data.boxes))
    x = tinygan.randn(1, 1, 40, 40)
    one, other = (net(x, tokens[i : i + 1], boxes[:1]).item() for i in (0, 1))
    assert abs(one - other) > 1e-6


def test_the_local_path_ends_at_the_box(data):
    """What it draws reaches the pixels of the box, and up to four around by the cell that the box
    ends in and the 3x3 and 4x4 kernels that follow."""
    net = model().generator.eval()
    tokens = tinygan.tensor(data.tokens[:1])
    boxes = tinygan.tensor(np.array([[0.3, 0.4, 0.6, 0.9]], np.float32))
    z = tinygan.randn(1, 5)
    before = net(z, tokens, boxes).detach().numpy()
    net.local_path[0].weight.data.fill_(0.0)
    changed = (net(z, tokens, boxes).detach().numpy() != before)[0, 0]
    assert changed.any()
    left, top, right, bottom = ink_boxes(changed[None, None] * np.uint8(255))[0]
    assert left >= 12 - 4 and right <= 24 + 4 and top >= 16 - 4 and bottom <= 36 + 4


def test_text_fills_do_not_count_and_each_word_does(data):
    net = model().generator.text
    tokens = data.tokens[:1]
    longer = np.pad(tokens, ((0, 0), (0, 5)))
    first, second = (net(tinygan.tensor(x)).detach().numpy() for x in (tokens, longer))
    np.testing.assert_array_equal(first, second)
    other = tokens.copy()
    other[0, 1] = VOCABULARY.index("nine") if other[0, 1] != VOCABULARY.index("nine") else 1
    assert not np.allclose(net(tinygan.tensor(other)).detach().numpy(), first)


# The game.

SETTINGS = Settings(batch_size=4, average_decay=0.9, seed=3, r1=1.0, penalty_every=2)


def game(settings=SETTINGS, **options):
    train, held_out = captioned_digits(12, 1), captioned_digits(5, 2, split="held-out")
    return CaptionGame(model(**options), train, settings, held_out)


def make_trainer(out, **options):
    tinygan.manual_seed(SETTINGS.seed)
    return GameTrainer(game(), out, **options)


def test_a_stopped_run_ends_with_the_same_bits(tmp_path):
    make_trainer(tmp_path / "whole").train(2)
    make_trainer(tmp_path / "parts").train(1)
    tinygan.rand(1000)  # the stream is somewhere else when the second part starts
    make_trainer(tmp_path / "parts", resume=True).train(2)
    assert_same_run(records(tmp_path / "whole"), records(tmp_path / "parts"))
    steps = [e for e in read_json_lines(tmp_path / "parts" / "log.jsonl") if "loss_d" in e]
    assert [e["step"] for e in steps] == [1, 2, 3, 4, 5, 6]
    assert (tmp_path / "parts" / "samples.gif").exists()


def test_samples_reach_the_scores(tmp_path):
    seen = []
    make_trainer(tmp_path, evaluate=lambda images: seen.append(images.shape) or {"a": 1}).train(1)
    assert seen == [(5, 1, 40, 40)]


def test_wrong_texts_are_of_other_images_and_near_misses():
    data = captioned_digits(96, 1)
    played = CaptionGame(model(), data, Settings(batch_size=32), captioned_digits(5, 2))
    shared = 0
    for indices in np.random.default_rng(0).permutation(96).reshape(3, 32):
        places = played.partners(indices, near=True)
        assert sorted(places) == list(range(32)) and (places != np.arange(32)).all()
        assert (played.partners(indices, near=False) == np.roll(np.arange(32), -1)).all()
        looks = data.values[indices, 1:]
        shared += (looks == looks[places]).all(1).sum()
        kinds = len(np.unique(looks, axis=0))
        assert (looks == looks[places]).all(1).sum() >= 32 - kinds
    assert shared > 48  # of 96; of random pairs, one in twelve


@pytest.mark.parametrize(("box_path", "number"), [(True, 0), (True, 1), (False, 0)])
def test_a_step_by_its_formula(box_path, number):
    tinygan.manual_seed(1)
    played = game(Settings(batch_size=4, seed=3), box_path=box_path)
    indices = np.array([0, 3, 5, 7])
    real = played.data.batch(indices)
    tokens, boxes = played.captions.tokens[indices], played.captions.boxes[indices]
    tinygan.manual_seed(2)
    made = apart(played.generator, played.model.latent(4).numpy(), tokens, boxes)
    wrong = tokens[played.partners(indices, near=number == 0)]
    outputs = [softplus(sign * apart(played.discriminator, *inputs)).mean() for sign, inputs in (
        (-1, (real, tokens, boxes)), (1, (real, wrong, boxes)), (1, (made, tokens, boxes))
    )]  # fmt: skip
    tinygan.manual_seed(2)
    numbers = played.step(indices, number)
    # float32 sums of some hundred numbers of order 1
    assert numbers["loss_d"] == pytest.approx(outputs[0] + (outputs[1] + outputs[2]) / 2, rel=1e-4)
    assert numbers["loss_wrong"] == pytest.approx(outputs[1], rel=1e-4)
    after = softplus(-apart(played.discriminator, made, tokens, boxes)).mean()  # of the new D
    assert numbers["loss_g"] == pytest.approx(after, rel=1e-3)


def test_the_penalty_is_of_every_second_step():
    def after(number, r1):
        tinygan.manual_seed(1)
        played = game(Settings(batch_size=4, seed=3, r1=r1, penalty_every=2))
        played.step(np.arange(4), number)
        weights = [p.detach().numpy() for p in played.discriminator.parameters()]
        return np.concatenate([w.ravel() for w in weights])

    np.testing.assert_array_equal(after(1, 0.0), after(1, 10.0))
    assert not np.array_equal(after(0, 0.0), after(0, 10.0))


def test_drawing_is_independent_of_the_other_requests():
    net = model()
    held_out = captioned_digits(3, 2)
    latent = net.latent(3)
    all_at_once = draw(net.generator, latent, held_out.tokens, held_out.boxes)
    one = draw(net.generator, latent[1:2], held_out.tokens[1:2], held_out.boxes[1:2])
    np.testing.assert_allclose(all_at_once[1:2], one, atol=1e-5)  # sums in another order
    assert net.generator.training


def with_tokens(value):
    data = captioned_digits(8, 1)
    return CaptionedDigits(data.data, data.sentences, np.full_like(data.tokens, value),
                           data.boxes, data.values)  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: captioned_digits(0, 1), "n must be at least 1, got 0"),
        (lambda: captioned_digits(1, -1), "seed must be at least 0, got -1"),
        (lambda: captioned_digits(1, 1, 31), "size must be at least 32, got 31"),
        (lambda: captioned_digits(1, 1, split="test"), "one of train, held-out, all, got 'test'"),
        (lambda: encode(["a small dog"]), "has the word 'dog'; known are 0, 1, 2"),
        (lambda: encode([" ,"]), "has 0 words; expected 1 to 12"),
        (lambda: encode(["a " * 13]), "has 13 words; expected 1 to 12"),
        (lambda: GAWWN(0), "words must be positive, got 0"),
        (lambda: GAWWN(9, 44), "image_size must be a multiple of 8 from 16 on, got 44"),
        (lambda: model().generator(tinygan.zeros(2, 5), tinygan.tensor([[1], [2]]),
                                   tinygan.zeros(2, 3)), r"boxes has shape \(2, 3\), expected"),
        (lambda: model().generator(tinygan.zeros(1, 5), tinygan.tensor([1]),
                                   tinygan.zeros(1, 4)), r"expected tokens \(n, length\), got"),
        (lambda: draw(model().generator, tinygan.zeros(2, 5), np.ones((1, 3), np.int64),
                      np.zeros((2, 4), np.float32)), "got 2 latent vectors, 1 rows of tokens"),
        (lambda: CaptionGame(model(), captioned_digits(8, 1, 48), SETTINGS, captioned_digits(8, 1)),
         r"data has images \(1, 48, 48\), the model's are \(1, 40, 40\)"),
        (lambda: CaptionGame(model(), captioned_digits(8, 1), SETTINGS, with_tokens(99)),
         "held_out has tokens from 99 to 99, the model knows 48 words"),
        (lambda: game(Settings(batch_size=1)), "batch_size must be at least 2, got 1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_bare_string_is_no_list_of_sentences():
    with pytest.raises(TypeError, match="expected a list of sentences, got 'a small two'"):
        encode("a small two")
