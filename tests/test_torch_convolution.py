"""Convolutions of any groups, dilation, stride, padding and sizes, beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import tinygan
import tinygan.functional as F
from tinygan import nn

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
TF = torch.nn.functional

DRAWS = 40  # on the CPU; about half of them are no convolution, which both must refuse


def draw(rng, transposed):
    """Arguments of a convolution: shapes of input, weight and bias, and the options."""
    groups = int(rng.choice([1, 2, 5]))
    c, k = (int(rng.choice([1, 1, 2, 3])) for _ in range(2))
    pair = lambda low, high: tuple(map(int, rng.integers(low, high + 1, 2)))  # noqa: E731
    size, kernel, options = pair(1, 9), pair(1, 4), dict(stride=pair(1, 4), padding=pair(0, 3))
    options.update(dilation=pair(1, 4), groups=groups)
    if not transposed:
        return (2, groups * c, *size), (groups * k, c, *kernel), (groups * k,), options
    largest = zip(options["stride"], options["dilation"], strict=True)
    options["output_padding"] = tuple(int(rng.integers(0, max(each))) for each in largest)
    return (2, groups * k, *size), (groups * k, c, *kernel), (groups * c,), options


def derivatives(y, inputs, cotangent, grad):
    """The output, its gradients, and gradients of a function of those."""
    first = grad(y, inputs, cotangent, create_graph=True)
    second = grad(sum((g * g).sum() for g in first), inputs[:2])  # linear in the bias
    return [y, *first, *second]


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_any_convolution(name, device, rng):
    computed = set()
    for _ in range(DRAWS if device == "cpu" else DRAWS // 4):
        *shapes, options = draw(rng, name == "conv_transpose2d")
        arrays = [rng.standard_normal(shape) for shape in shapes]
        theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
        ours = [tinygan.tensor(array, device=device, requires_grad=True) for array in arrays]
        try:
            expected = getattr(TF, name)(*theirs, **options)
        except RuntimeError:
            with pytest.raises(ValueError, match=f"^{name}: "):
                getattr(F, name)(*ours, **options)
            continue
        cotangent = rng.standard_normal(expected.shape)
        computed.add((options["groups"] > 1, options["dilation"] != (1, 1)))
        y = getattr(F, name)(*ours, **options)
        found = derivatives(y, ours, tinygan.tensor(cotangent, device=device), tinygan.grad)
        wanted = derivatives(expected, theirs, torch.tensor(cotangent), torch.autograd.grad)
        for a, b in zip(found, wanted, strict=True):
            # Sums of at most some hundred terms of size 1, thrice: roundings of 1e-16 each.
            np.testing.assert_allclose(
                a.detach().cpu().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-10,
                err_msg=str((shapes, options)),
            )  # fmt: skip
    assert {(True, True), (False, True)} <= computed


def same_values(a, b):
    # One convolution of few terms: some roundings of float32.
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_the_size_of_a_transposed_convolution_is_chosen_in_forward(rng):
    theirs = torch.nn.ConvTranspose2d(2, 3, 3, 2, 1)
    ours = nn.ConvTranspose2d(2, 3, 3, 2, 1)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    array = rng.standard_normal((1, 2, 4, 5)).astype(np.float32)
    x, expected_x = tinygan.tensor(array), torch.tensor(array)
    for size in ((8, 9), (7, 10), (1, 3, 8, 10)):
        same_values(ours(x, size), theirs(expected_x, list(size)))
        same_values(ours(x, output_size=size), theirs(expected_x, output_size=list(size)))
    with pytest.raises(ValueError, match=r"output_size \(9, 9\) is not between \(7, 9\)"):
        ours(x, (9, 9))


@pytest.mark.parametrize("make", [
    lambda m: m.Conv2d(2, 4, 3), lambda m: m.Conv2d(4, 6, (3, 2), 2, (1, 2), 2, 2, False),
    lambda m: m.ConvTranspose2d(4, 6, 4, 2, 1, 1, 2), lambda m: m.Conv2d(1, 2, 3, padding="valid"),
    lambda m: m.Conv1d(4, 6, 3, 2, 1, groups=2), lambda m: m.MaxPool2d(2),
    lambda m: m.MaxPool2d(3, 1, 1), lambda m: m.AvgPool2d((2, 1), 3),
])  # fmt: skip
def test_attributes_are_those_of_torch(make):
    ours, theirs = make(nn), make(torch.nn)
    for name in ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation",
                 "groups", "output_padding", "padding_mode", "ceil_mode"):  # fmt: skip
        if hasattr(ours, name) and getattr(ours, name) != ():
            assert getattr(ours, name) == getattr(theirs, name), name
    assert repr(ours).split("  #")[0].replace("'", "") == repr(theirs)
    for name in ("weight", "bias"):
        a, b = getattr(ours, name, None), getattr(theirs, name, None)
        assert (a is None) == (b is None) and (a is None or a.shape == tuple(b.shape))


def test_one_image_through_a_sequence(device, rng):
    """Layers that are computed as one op for a batch take one image, too."""
    net = nn.Sequential(nn.Conv2d(2, 3, 3, groups=1), nn.ReLU(), nn.MaxPool2d(2)).to(device)
    x = tinygan.tensor(rng.standard_normal((2, 6, 7)), "float32", device)
    assert net(x).tolist() == net(x.reshape(1, 2, 6, 7))[0].tolist()


def test_a_sequence_of_layers_with_groups_and_dilation(device, rng):
    """Fused or one after the other, in float32 and, on GPUs, in tf32."""
    net = nn.Sequential(
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=2), nn.BatchNorm2d(8), nn.LeakyReLU(0.2),
        nn.Conv2d(8, 8, 3, groups=2), nn.ReLU(),
        nn.ConvTranspose2d(8, 4, 3, dilation=2), nn.BatchNorm2d(4), nn.ReLU(),
    ).to(device)  # fmt: skip
    x = tinygan.tensor(rng.standard_normal((3, 8, 6, 5)), "float32", device, requires_grad=True)
    wanted = [x, *net.parameters()]

    def gradients(y):
        return [each.detach().cpu().numpy() for each in (y, *tinygan.grad((y * y).sum(), wanted))]

    for precision in ("highest", "high"):
        tinygan.set_float32_matmul_precision(precision)
        try:
            apart = x
            for layer in net:
                apart = layer(apart)
            expected, found = gradients(apart), gradients(net(x))
        finally:
            tinygan.set_float32_matmul_precision("highest")
        # The bias before a batch norm has the gradient 0: rounding of sums of some 100 terms.
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: in_channels must be a multiple of groups, "
         "got 3 and 2"),
        (lambda: nn.ConvTranspose2d(4, 3, 3, groups=2), "ConvTranspose2d: out_channels must be a "
         "multiple of groups, got 3 and 2"),
        (lambda: nn.Conv2d(3, 4, 3, groups=0), "Conv2d: groups must be a positive integer, got 0"),
        (lambda: nn.Conv2d(3, 4, 3, 1, 1, 0), "Conv2d: dilation must be an integer >= 1"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "Conv2d: padding_mode must be 'zeros' "
         "or 'reflect' or 'replicate' or 'circular', got 'mirror'"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), "ConvTranspose2d: "
         "padding_mode must be 'zeros', got 'reflect'"),
    ],
)  # fmt: skip
def test_wrong_layers(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("Conv2d", {"kernel_size": (3, 5), "padding": (1, 2), "stride": 2}, (2, 3, 7, 6)),
        ("Conv2d", {"kernel_size": 4, "padding": "same", "dilation": (1, 2)}, (2, 3, 8, 9)),
        ("Conv2d", {"kernel_size": 3, "padding": "valid"}, (3, 7, 6)),
        ("Conv1d", {"kernel_size": 3, "padding": 2, "dilation": 2}, (2, 3, 8)),
        ("Conv1d", {"kernel_size": 4, "padding": "same"}, (2, 3, 8)),
    ],
)
def test_what_pads_with_pixels_is_pytorchs(name, options, shape, mode, rng):
    theirs = getattr(torch.nn, name)(3, 4, padding_mode=mode, **options)
    ours = getattr(nn, name)(3, 4, padding_mode=mode, **options)
    ours.load_state_dict(theirs.state_dict())
    array = rng.standard_normal(shape).astype(np.float32)
    x, expected_x = (library.tensor(array, requires_grad=True) for library in (tinygan, torch))
    nets = nn.Sequential(ours, nn.ReLU()), torch.nn.Sequential(theirs, torch.nn.ReLU())
    y, expected = nets[0](x), nets[1](expected_x)
    y.square().sum().backward()
    expected.square().sum().backward()
    for a, b in ((y, expected), (x.grad, expected_x.grad), (ours.weight.grad, theirs.weight.grad)):
        # Sums of up to some hundred products of order 1 in float32.
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-4)
    assert repr(ours).partition("  #")[0] == repr(theirs)
