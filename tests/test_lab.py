"""The lab without a browser: the GAN on a plane, its settings, and what it counts."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import tinygan
from tinygan.lab.plane import ARROWS, REACH, SHOWN, Plane, mean_gap
from tinygan.lab.setup import FIELDS, Setup, changed, field_default, from_json, from_query
from tinygan.lab.targets import (
    EXTENT,
    TARGETS,
    Bins,
    along,
    parse_strokes,
    smooth,
    strokes_text,
    target,
)

SMALL = Setup(width=8, batch_size=16)


# Targets


@pytest.mark.parametrize("name", TARGETS)
def test_the_bins_hold_the_samples_of_their_target(name):
    """Mass by the formula against counts: two ways to the same numbers."""
    mixture, modes = target(name, 0.08)
    bins, rng = Bins(mixture), np.random.default_rng(0)
    counted = bins.share(mixture.sample(200_000, rng))
    assert bins.mass.sum() == pytest.approx(1)
    assert np.abs(bins.mass - counted).sum() < 0.06
    assert (modes is not None) == (name in ("ring", "grid"))
    assert bins.jsd(counted) < 0.002
    fresh = bins.jsd(bins.share(mixture.sample(4096, rng)))
    assert bins.jsd_floor(4096) == pytest.approx(fresh, rel=0.2)


def test_the_bins_know_up_from_right():
    bins = Bins(target("ring").mixture)
    share = bins.share(np.array([[EXTENT, -EXTENT], [9.0, -9.0]], np.float32))
    assert share[0, -1] == 1
    x, y = bins.centres.reshape(48, 48, 2)[0, -1]
    assert (x, y) == pytest.approx((EXTENT * 47 / 48, -EXTENT * 47 / 48))


def test_jsd_of_what_never_meets_is_log_2():
    bins = Bins(target("line").mixture)
    assert bins.jsd(bins.mass) == 0
    nowhere = np.zeros_like(bins.mass)
    nowhere[-1, 0] = 1
    assert bins.jsd(nowhere) == pytest.approx(math.log(2), abs=1e-6)


def test_the_best_d_is_a_half_where_both_are_the_same():
    bins = Bins(target("moons").mixture)
    best = bins.best(bins.mass)
    assert np.nanmax(np.abs(best - 0.5)) < 1e-12
    assert np.isnan(best[0, 0])
    nowhere = np.zeros_like(bins.mass)
    nowhere[0, 0] = 1
    assert bins.best(nowhere)[0, 0] == pytest.approx(0)
    assert np.nanmax(bins.best(nowhere)) == 1


def test_smoothing_keeps_the_mass_and_spreads_it():
    x = np.zeros((5, 5))
    x[2, 2] = 16
    assert smooth(x)[1:4, 1:4].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    x[:] = 0
    x[0, 0] = 1
    assert smooth(x).sum() == 1


def test_points_along_curves_are_at_equal_distances():
    curves = [np.array([[0.0, 0], [1, 0]]), np.array([[0.0, 1], [0, 1], [0, 0.5]])]
    points = along(curves, 6)
    assert points.tolist() == [[0.125, 0], [0.375, 0], [0.625, 0], [0.875, 0], [0, 0.875],
                               [0, 0.625]]  # fmt: skip
    assert along([np.array([[0.5, 0.5]])], 6).tolist() == [[0.5, 0.5]]


def test_strokes_come_back_from_their_text():
    drawn = [np.array([[0.123, -0.5], [9, 0]]), np.empty((0, 2)), np.array([[np.nan, 0]])]
    assert strokes_text(drawn) == "0.12,-0.5 1.6,0"
    assert parse_strokes("0.12,-0.5 1.6,0")[0].tolist() == [[0.12, -0.5], [1.6, 0]]
    long = strokes_text([np.random.default_rng(0).uniform(-1, 1, (3000, 2))] * 30)
    assert len(parse_strokes(long)) == 20
    assert strokes_text([]) == ""


@pytest.mark.parametrize("text, message", [
    ("1,2,3", "the point '1,2,3'"), ("a,b", "'a,b'"), ("1,1 2,2", "within"), ("nan,0", "within"),
    (";", "got 0 of 0"), ("0,0 " * 401, "got 1 of 401"), ("0,0;" * 21, "got 21 of 21"),
])  # fmt: skip
def test_wrong_strokes(text, message):
    with pytest.raises(ValueError, match=message):
        parse_strokes(text)


# Settings


def test_a_setting_comes_back_from_link_and_file():
    setup = changed(Setup(), target="strokes", strokes="0,0 1,1; -1,.5", lr="1e-3", width=32.0,
                    loss="hinge", pack="2")  # fmt: skip
    assert (setup.lr, setup.width, setup.pack) == (0.001, 32, 2)
    assert from_query(setup.query()) == from_query(f"http://host/x/?{setup.query()}#y") == setup
    assert from_json(setup.json()) == setup
    assert Setup().query() == "" and from_query("") == Setup()


@pytest.mark.parametrize("query, message", [
    ("?target=star", "target must be one of line, ring"),
    ("width=many", "width must be a number, got 'many'"),
    ("width=1e9", "width must be from 1 to 256, got 1000000000"),
    ("width=2.5", "width must be of int, got 2.5"),
    ("lr=nan", "lr must be from 0 to 1, got nan"),
    ("seed=inf", "seed must be of int"),
    ("sped=2", "there is no setting 'sped'"),
    ("target=strokes&strokes=x", "strokes must look like"),
    ("just words", "name=value"),
    ("x=" + "y" * 20_000, "20000 characters"),
])  # fmt: skip
def test_wrong_links_get_a_sentence(query, message):
    with pytest.raises(ValueError, match=message):
        from_query(query)


@pytest.mark.parametrize("text", [
    "", "[1]", "{", "[" * 100_000, '{"tinygan": "run"}', '{"tinygan": "plane", "lr": null}',
    '{"tinygan": "plane", "seed": true}', '{"tinygan": "plane", "seed": 1' + "0" * 400 + "}",
    b"\xff\xfe", '{"tinygan": "plane", "target": ["ring"]}', '{"tinygan": "plane", "x": 1}',
])  # fmt: skip
def test_wrong_files_get_a_sentence(text):
    with pytest.raises(ValueError):
        from_json(text)


def test_every_field_is_a_setting_with_its_default_in_its_limits():
    assert {field.name for field in FIELDS} == set(json.loads(Setup().json())) - {"tinygan"}
    for field in FIELDS:
        default = field_default(field.name)
        if field.choices:
            assert default in field.choices
        elif field.most is not None:
            assert field.least <= default <= field.most


# Training and looking


def look_at(steps=3, **values):
    plane = Plane(changed(SMALL, **values))
    plane.advance(steps)
    return plane.look()


def test_what_there_is_to_see():
    look = look_at()
    assert look.step == 3 and np.isfinite([look.loss_d, look.loss_g]).all()
    assert look.data.shape == look.samples.shape == (SHOWN, 2)
    lengths = np.linalg.norm(look.heads - look.tails, axis=1)
    assert lengths.shape == (ARROWS,) and lengths.max() == pytest.approx(REACH, rel=1e-5)
    for image in (look.output, look.second, look.best):
        assert image.shape == (48, 48) and np.nanmin(image) >= 0 and np.nanmax(image) <= 1
    assert np.isnan(look.lattice).any(1).sum() == 22
    assert 0 < look.jsd <= math.log(2) + 1e-9
    assert 0 <= look.gap <= 1 and 0 <= look.second_gap <= 1


@pytest.mark.parametrize("values", [
    *({"loss": loss} for loss in tinygan.functional.GAN_LOSSES), {"model": "DeLiGAN"},
    {"model": "MoE-GAN"}, {"pack": 2}, {"pack": 4, "loss": "relativistic", "r2": 1},
    {"r2": 1.0}, {"gradient_penalty": 10.0}, {"latent_size": 1}, {"latent_size": 5},
    {"target": "strokes"}, {"d_steps": 3}, {"second_steps": 0}, {"penalty_every": 2},
], ids=str)  # fmt: skip
def test_every_choice_trains_and_makes_another_run(values):
    look, plain = look_at(**values), look_at()
    assert look.step == 3 and np.isfinite(look.samples).all()
    if values in ({"loss": "non-saturating"},):
        assert (look.samples == plain.samples).all()
    elif values == {"second_steps": 0}:
        assert (look.samples == plain.samples).all() and (look.second != plain.second).any()
    else:
        assert (look.samples != plain.samples).any()


def test_two_planes_do_not_disturb_each_other_nor_the_rest():
    alone = look_at(4)
    tinygan.manual_seed(3)
    before = tinygan.randn(2).tolist()
    tinygan.manual_seed(3)
    one, other = Plane(SMALL), Plane(changed(SMALL, gradient_penalty=1.0))
    for _ in range(4):
        one.advance(1)
        other.advance(1)
        other.look()
    assert tinygan.randn(2).tolist() == before
    assert (one.look().samples == alone.samples).all()


def test_a_change_of_rates_goes_on_and_a_change_of_nets_begins_again():
    plane = Plane(SMALL)
    plane.advance(2)
    assert not plane.change(changed(SMALL, lr=0.0, lr_d=0.01, target="line"))
    samples = plane.look().samples
    plane.advance(1)
    assert plane.step == 3 and (plane.look().samples == samples).all()  # G's rate is 0
    assert plane.change(changed(SMALL, width=9)) and plane.step == 0


def test_training_d_alone_leaves_g_and_brings_d_near_the_best_one():
    plane = Plane(changed(SMALL, width=32, r1=0.0, lr_d=0.01))
    before = plane.look()
    plane.advance_d(150)
    after = plane.look()
    assert after.step == 0 and (after.samples == before.samples).all()
    assert after.gap < before.gap / 2 and after.second_gap < before.second_gap / 2


def test_the_second_d_is_no_part_of_the_game():
    plane = Plane(changed(SMALL, second_steps=0))
    plane.advance(3)
    assert (plane.look().output == look_at().output).all()


def test_arrows_go_where_g_is_pulled():
    """A D that likes what lies to the right pulls all samples to the right, all alike."""
    plane = Plane(changed(SMALL, loss="wasserstein", layers=1))
    first, _, last = plane.model.discriminator
    for parameter in plane.model.discriminator.parameters():
        parameter.array[:] = 0
    first.weight.array[0, 0], first.bias.array[0], last.weight.array[0, 0] = 1, 50, 2
    look = plane.look()
    assert look.heads - look.tails == pytest.approx(np.tile([REACH, 0], (ARROWS, 1)), abs=1e-5)
    assert look.steepest == pytest.approx(2)


def test_the_gap_is_weighted_by_mass():
    d, best = np.array([[0.5, 1.0]]), np.array([[0.25, np.nan]])
    assert mean_gap(d, best, np.array([[0.1, 0.9]])) == pytest.approx(0.25)


def test_what_diverges_is_told_and_shown_as_it_was():
    plane = Plane(changed(SMALL, loss="log-probability"))
    plane.advance(1)
    seen = plane.look()
    for parameter in plane.model.discriminator.parameters():
        parameter.array[:] = 1e6
    plane.advance(5)
    assert "a loss is not finite" in plane.problem and plane.step <= 2
    assert plane.look() is seen
    plane.change(SMALL)
    assert plane.problem == "" and plane.step == 0
    plane.advance(1)
    assert plane.look().step == 1


def test_samples_that_are_not_finite_before_anything_was_seen():
    plane = Plane(SMALL)
    for parameter in plane.model.generator.parameters():
        parameter.array[:] = np.nan
    assert len(plane.look().samples) == 0 and "not finite" in plane.problem
