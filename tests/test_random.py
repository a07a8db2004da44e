"""Random numbers: NumPy's stream bit for bit, at every position, on every device."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import tinygan
import tinygan.functional as F
from tinygan import Generator, nn
from tinygan.devices import device_of, to_device
from tinygan.kernels.emulator.cases import draw
from tinygan.kernels.random import advance, uniform
from tinygan.kernels.random.cases import SHAPES
from tinygan.kernels.random.cpu import move_on, place, position
from tinygan.nn import init
from tinygan.training.stabilisers import AUGMENTATIONS

FLOATS = ["float32", "float64"]
# Counts of draws one after the other: they leave halves behind, end within blocks, skip many.
COUNTS = [(0, "f4"), (3, "f4"), (1, "f8"), (2, "f8"), (1, "f4"), (1, "f4"), (0, "f8"), (5, "f8"),
          (8, "f4"), (7, "f4"), (29, "f8"), (9, "f4"), (16, "f4"), (23, "f4"), (24, "f4"),
          (1000, "f4"), (11, "f8"), (12, "f8"), (1001, "f4"), (2, "f4"), (4, "f8"), (513, "f8"),
          (1, "f4"), (30, "f4")]  # fmt: skip
# Of the counter, the lowest 64 bits first: the next blocks carry over into all others.
LAST = [2**64 - 3, 2**64 - 1, 2**64 - 1, 2**64 - 1]


def bits_of(array) -> bytes:
    return to_device(array, "cpu").tobytes()


def at_counter(counter) -> Generator:
    generator = Generator(3)
    generator.set_state({**generator.get_state(), "counter": counter})
    return generator


def numpys(generator: Generator) -> Generator:
    """The same position again, to be drawn from by NumPy alone."""
    other = Generator(0)
    other.set_state(generator.get_state())
    return other


# The stream


@pytest.mark.parametrize("counter", [[0, 0, 0, 0], LAST])
def test_uniform_numbers_are_numpys_at_every_position(counter, device):
    generator = at_counter(counter)
    reference = numpys(generator)
    for count, dtype in COUNTS:
        found = generator.uniform((count,), dtype, device)
        expected = reference.numpy.random(count, dtype=dtype)
        assert device_of(found) == tinygan.zeros(1, device=device).device
        assert found.dtype == dtype and bits_of(found) == expected.tobytes()
        assert generator.get_state() == reference.get_state()  # as if NumPy had drawn: buffer, ...


def test_devices_continue_each_others_stream(device):
    generator, reference = Generator(5), np.random.Generator(np.random.Philox(5))
    found = [
        generator.uniform((count,), "f4", on)
        for count, on in ((7, device), (4, "cpu"), (50, device), (3, "cpu"), (1, device))
    ]
    numbers = np.concatenate([to_device(part, "cpu") for part in found])
    assert numbers.tobytes() == reference.random(65, dtype=np.float32).tobytes()


def test_normal_numbers_are_made_of_the_uniform_stream(device):
    for dtype, bound in (("f4", 2e-6), ("f8", 1e-14)):
        generator, reference = Generator(8), np.random.Generator(np.random.Philox(8))
        generator.uniform((3,), "f4")
        reference.random(3, dtype=np.float32)
        for count in (0, 1, 2, 37, 800):
            found = to_device(generator.normal((count,), dtype, device), "cpu")
            r = reference.random(2 * count, dtype=dtype).astype(np.float64)
            expected = np.sqrt(-2 * np.log(1 - r[::2])) * np.cos(2 * np.pi * r[1::2])
            assert found.dtype == dtype and found.shape == (count,)
            # Rounded angles of up to 2 pi, times radii of up to 5: a few units in the last place.
            np.testing.assert_allclose(found, expected, rtol=0, atol=bound)
        assert generator.uniform((5,), "f8").tolist() == reference.random(5).tolist()


def test_shapes_are_kept(device):
    for draw_from in (Generator(1).uniform, Generator(1).normal):
        assert draw_from((2, 0, 3), "f4", device).shape == (2, 0, 3)
        assert draw_from((), "f4", device).shape == ()
        assert draw_from((2, 3), "f8", device).shape == (2, 3)


def test_a_position_is_saved_on_one_device_and_restored_on_another(device):
    generator = Generator(7)
    generator.uniform((11,), "f4", device)
    state = json.loads(json.dumps(generator.get_state()))
    expected = bits_of(generator.uniform((9,), "f4"))
    other = Generator(0)
    other.set_state(state)
    assert bits_of(other.uniform((9,), "f4", device)) == expected


@pytest.mark.parametrize("method", ["uniform", "normal"])
def test_bad_arguments_are_named_and_draw_nothing(method, device):
    generator = Generator(2)
    before = generator.get_state()
    call = getattr(generator, method)
    for dtype in ("int64", "float16", "bool"):
        with pytest.raises(TypeError, match=f"{method}: dtype must be float32 or .*, got {dtype}"):
            call((2,), dtype, device)
    with pytest.raises(ValueError, match=rf"{method}: sizes must not be .*, got \(2, -1\)"):
        call((2, -1), "float32", device)
    with pytest.raises(ValueError, match="device must be 'cpu', 'cuda' or"):
        call((2,), "float32", "gpu")
    assert generator.get_state() == before


def test_rand_and_randn_name_bad_arguments(device):
    with pytest.raises(TypeError, match="uniform: dtype must be float32 or float64, got int64"):
        tinygan.rand(2, dtype="int64", device=device)
    with pytest.raises(ValueError, match=r"normal: sizes must not be negative, got \(-2,\)"):
        tinygan.randn(-2, device=device)


# The distribution


def test_moments_and_tails_of_normal_numbers(device):
    count = 1_000_000 if device == "cpu" else 100_000
    for dtype in FLOATS:
        z = to_device(Generator(11).normal((count,), dtype, device), "cpu").astype(np.float64)
        error = 5 / math.sqrt(count)  # five standard errors of a mean of variance 1
        # E z^k = 0, 1, 0, 3, with the variances 1, 2, 15, 96.
        for k, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
            assert abs((z**k).mean() - mean) < error * math.sqrt(variance)
        for limit in (0.5, 1, 2, 3, 4):
            p = math.erfc(limit / math.sqrt(2))
            assert abs((abs(z) > limit).mean() - p) < error * math.sqrt(p)
        assert abs((z[1:] * z[:-1]).mean()) < error  # neighbours do not know of each other


def test_the_extremes_are_finite():
    """r = 0 and the largest number below 1, whatever the other of the pair is."""
    from tinygan.kernels.random.cpu import box_muller

    for dtype, reach in ((np.float32, 5.8), (np.float64, 8.6)):
        below = np.nextafter(dtype(1), dtype(0))
        z = box_muller(np.array([0, 0, below, 0, below, 0.5, 0, below], dtype))
        assert z.dtype == dtype and np.isfinite(z).all()
        assert reach - 0.1 < z[1] < reach and z[2] == -z[1] and z[0] == z[3] == 0


# The ladders: the bits, where the tests of all ladders compare numbers


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("rung", uniform.rungs[1:], ids=lambda rung: f"{rung.device}-{rung.name}")
def test_uniform_rungs_give_the_bits_of_the_reference(rung, dtype, rung_device):
    for name, case in SHAPES.items():
        (state, count, kind), _ = draw(uniform, case, dtype)
        found = rung(to_device(state, rung_device), count, kind)
        assert bits_of(found) == uniform.reference(state, count, kind).tobytes(), name


def test_the_reference_is_the_published_philox():
    """Test vectors of Random123 (Salmon 2011), philox4x64 of 10 rounds: kat_vectors."""
    from tinygan.kernels.random.reference import philox

    ones = 2**64 - 1
    assert philox([0, 0], [0] * 4) == [
        0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B
    ]  # fmt: skip
    assert philox([ones] * 2, [ones] * 4) == [
        0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0
    ]  # fmt: skip


@pytest.mark.parametrize("counter", [[0, 0, 0, 0], LAST])
def test_a_state_moves_on_as_numpys_does(counter, device):
    """Drawing on from a state in the device's memory, as a recorded graph of kernels does."""
    generator = at_counter(counter)
    bits = numpys(generator)._bits
    state = to_device(position(bits), device)
    for count, dtype in COUNTS:
        kind = np.dtype(dtype)
        expected = np.random.Generator(bits).random(count, dtype=kind)
        assert bits_of(uniform(state, count, kind)) == expected.tobytes()
        assert advance(state, count, kind) is state
        assert to_device(state, "cpu").tolist() == position(bits).tolist()


@pytest.mark.parametrize("dtype", FLOATS)
def test_moving_on_takes_no_longer_for_more(dtype, device):
    """NumPy's `advance` counts blocks, and empties the buffer."""
    kind = np.dtype(dtype)
    per_block = 32 // kind.itemsize
    bits, reference = np.random.Philox(9), np.random.Philox(9)
    state = to_device(position(bits), device)
    move_on(bits, 10**15 * per_block, kind)
    advance(state, 10**15 * per_block, kind)
    reference.advance(10**15)
    assert to_device(state, "cpu").tolist() == position(bits).tolist()
    assert bits.random_raw(9).tolist() == reference.random_raw(9).tolist()


def test_places_are_found_again():
    bits, other = np.random.Philox(4), np.random.Philox(0)
    for count, dtype in COUNTS[1:]:
        np.random.Generator(bits).random(count, dtype=dtype)
        place(other, position(bits))
        a, b = Generator(0), Generator(0)
        a.numpy, b.numpy = np.random.Generator(bits), np.random.Generator(other)
        assert a.get_state() == b.get_state()


# Who draws


def test_initial_weights_are_the_ziggurats(device):
    """Seeds keep the models that they have always made."""
    reference = np.random.Generator(np.random.Philox(6))
    tinygan.manual_seed(6)
    weight = init.normal_(tinygan.zeros(3, 5, device=device), 1.0, 0.5)
    expected = reference.standard_normal((3, 5), dtype=np.float32) * np.float32(0.5) + 1
    assert weight.cpu().numpy().tolist() == expected.tolist()
    direction = nn.spectral_norm(nn.Linear(3, 2)).u
    assert direction.shape == (2,)
    tinygan.manual_seed(6)
    truncated = init.truncated_normal_(tinygan.zeros(1000, device=device)).cpu().numpy()
    drawn = np.random.Generator(np.random.Philox(6)).standard_normal(1000, dtype=np.float32)
    kept = abs(drawn) <= 2
    assert truncated[kept].tolist() == drawn[kept].tolist() and not kept.all()


def test_dropout_drops_the_same_on_every_device(device):
    x = tinygan.ones(7, 11)
    tinygan.manual_seed(1)
    expected = F.dropout(x, 0.3).numpy()
    tinygan.manual_seed(1)
    found = F.dropout(x.to(device), 0.3)
    assert found.cpu().numpy().tolist() == expected.tolist()
    assert set(expected.ravel().tolist()) == {0.0, float(np.float32(1 / 0.7))}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_are_the_same_on_every_device(name, device):
    images = tinygan.rand(5, 2, 8, 12, generator=Generator(1)) + 1.0
    expected = AUGMENTATIONS[name](images, Generator(2)).numpy()
    found = AUGMENTATIONS[name](images.to(device), Generator(2))
    assert found.device == images.to(device).device
    assert found.cpu().numpy().tolist() == expected.tolist()
    assert not np.array_equal(expected, images.numpy())
