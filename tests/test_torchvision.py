"""Images and loaders beside PyTorch's and torchvision's own, where both are installed: signatures,
values bit by bit, refusals."""

from __future__ import annotations

import inspect
import io
import os
import warnings

import numpy as np
import pytest
from image_files import GREY, RGB, mnist_bytes, pixels, write_cifar

import tinygan
from tinygan.utils import data
from tinygan.vision import datasets, transforms, utils
from tinygan.vision.transforms import functional as TF

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install torch")
torchvision = pytest.importorskip("torchvision", reason="needs torchvision")
Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")

THEIRS = {
    data: torch.utils.data, datasets: torchvision.datasets, utils: torchvision.utils,
    transforms: torchvision.transforms, TF: torchvision.transforms.functional,
}  # fmt: skip
PUBLIC = [
    (module, name)
    for module in THEIRS
    for name in module.__all__
    if callable(getattr(module, name)) and name not in ("CelebA", "LSUN")
]


def parameters(function) -> list[tuple]:
    """Names, kinds and defaults; of a default that is an object its (public) type alone."""
    found = []
    for one in inspect.signature(function).parameters.values():
        default = one.default
        if not isinstance(default, (int, float, str, tuple, type(None))):
            kinds = [kind.__name__ for kind in type(default).__mro__]
            public = next(name for name in kinds if not name.startswith("_"))
            default = getattr(default, "value", public)
        found.append((one.name, one.kind, default))
    return found


@pytest.mark.parametrize(("module", "name"), PUBLIC, ids=[name for _, name in PUBLIC])
def test_names_orders_and_defaults_are_theirs(module, name):
    ours, theirs = getattr(module, name), getattr(THEIRS[module], name)
    expected = parameters(theirs)
    if name == "Sampler":  # has taken data_source for years, which programs still pass
        expected = [("data_source", inspect.Parameter.POSITIONAL_OR_KEYWORD, None)]
    assert parameters(ours) == expected


# Transforms

PICTURES = {
    "RGB": Image.fromarray(RGB),
    "L": Image.fromarray(GREY),
    "1": Image.fromarray(GREY > 99),
    "P": Image.fromarray(RGB).convert("P"),
    "RGBA": Image.fromarray(RGB).convert("RGBA"),
    "I": Image.fromarray(GREY.astype(np.int32) * 1000 - 9),
    "F": Image.fromarray(GREY.astype(np.float32) / 7),
}
COLOURS = ("RGB", "L")
ON_PICTURES = [
    # (transform by name, arguments, options, modes of pictures)
    *(("Resize", (size,), options, ("RGB", "L", "1", "P", "RGBA", "I", "F"))
      for size, options in [
          (9, {}), ([3], {}), ((4, 9), {}), (20, {"max_size": 22}), (3, {"interpolation": 3}),
          (9, {"antialias": None}), (5, {}),
      ]),
    *(("Resize", ((9, 3), mode), {}, COLOURS) for mode in
      ("nearest", "nearest-exact", "bilinear", "bicubic", "box", "hamming", "lanczos")),
    *(("CenterCrop", (size,), {}, tuple(PICTURES))
      for size in (3, 4, (6, 5), (2, 5), (9, 8), (3, 9), (9, 2), [7])),
    *(("Pad", (padding, fill, mode), {}, ("RGB", "L", "1", "P", "RGBA"))
      for padding in (1, [2], (1, 2), (1, 0, 3, 2)) for fill in (0, 5)
      for mode in ("constant", "edge", "reflect", "symmetric")),
    ("Pad", (1, (1, 2, 3)), {}, ("RGB",)),
    *(("Grayscale", (channels,), {}, ("RGB", "L", "P", "RGBA")) for channels in (1, 3)),
    *((f"Random{way}Flip", (p,), {}, tuple(PICTURES))
      for way in ("Horizontal", "Vertical") for p in (0, 1)),
    ("RandomGrayscale", (1,), {}, COLOURS),
    *(("RandomCrop", ((6, 5), *more), {}, COLOURS) for more in [(), (0,)]),
    *(("RandomCrop", ((8, 9), padding, False, 3, mode), {}, COLOURS)
      for padding in [(2, 1)] for mode in ("constant", "edge", "reflect")),
    *(("RandomRotation", ((angle, angle), interpolation), {"expand": expand, "fill": fill}, COLOURS)
      for angle in (30, 90, -45.5) for interpolation in ("nearest", "bilinear", "bicubic")
      for expand in (False, True) for fill in (0, 9)),
    ("RandomRotation", ((30, 30),), {"center": (1, 2)}, COLOURS),
    ("RandomRotation", ((30, 30),), {"fill": (1, 2, 3)}, ("RGB",)),
    *(("ColorJitter", (), {name: (x, x)}, COLOURS)
      for name in ("brightness", "contrast", "saturation") for x in (0.0, 0.3, 1.7)),
    *(("ColorJitter", (), {"hue": (x, x)}, COLOURS) for x in (-0.5, -0.1, 0.25, 0.5)),
    ("ToTensor", (), {}, tuple(PICTURES)),
    ("PILToTensor", (), {}, tuple(PICTURES)),
]  # fmt: skip


def with_modes(library, arguments):
    """The arguments, with the library's own objects for the names of interpolations."""
    modes = {mode.value: mode for mode in library.InterpolationMode}
    return [modes.get(a, a) if isinstance(a, str) else a for a in arguments]


def found(value) -> tuple:
    """Mode, shape, dtype and bytes of a picture or a tensor."""
    if isinstance(value, Image.Image):
        array = np.asarray(value)
        palette = value.getpalette() if value.mode == "P" else None
        return value.mode, array.shape, str(array.dtype), array.tobytes(), palette
    array = value.numpy()
    return "tensor", array.shape, str(array.dtype), np.ascontiguousarray(array).tobytes(), None


@pytest.mark.parametrize("case", ON_PICTURES, ids=lambda case: f"{case[0]}{case[1]}{case[2]}")
def test_transforms_of_pictures_are_theirs(case):
    name, arguments, options, modes = case
    for mode in modes:
        results = []
        for library in (transforms, torchvision.transforms):
            transform = getattr(library, name)(*with_modes(library, arguments), **options)
            results.append(found(transform(PICTURES[mode].copy())))
        assert results[0] == results[1], mode


ON_TENSORS = [
    *(("CenterCrop", (size,)) for size in (3, 4, (6, 5), (2, 5), (9, 8), (3, 9), (9, 2))),
    *(("Pad", (padding, 5, mode)) for padding in (1, (1, 2), (1, 0, 3, 2))
      for mode in ("constant", "edge", "reflect", "symmetric")),
    ("Grayscale", (1,)), ("Grayscale", (3,)), ("RandomHorizontalFlip", (1,)),
    ("RandomVerticalFlip", (1,)), ("RandomCrop", ((6, 5),)), ("RandomCrop", ((8, 9), (2, 1))),
]  # fmt: skip


@pytest.mark.parametrize("case", ON_TENSORS, ids=lambda case: f"{case[0]}{case[1]}")
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_transforms_of_tensors_are_theirs(case, dtype):
    name, arguments = case
    array = np.ascontiguousarray(RGB.transpose(2, 0, 1)).astype(dtype)
    array = array if dtype == "uint8" else array / array.dtype.type(255)
    for x in (array, np.stack([array, array[:, ::-1]])):
        ours = getattr(transforms, name)(*arguments)(tinygan.tensor(x))
        theirs = getattr(torchvision.transforms, name)(*arguments)(torch.from_numpy(x))
        assert found(ours) == found(theirs)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(("mean", "std"), [((0.5,), (0.5,)), ((0.4, 0.5, 0.6), (0.2, 0.3, 3))])
def test_normalize_is_theirs(mean, std, inplace, rng):
    for x in (rng.random((3, 4, 5)).astype("f"), rng.random((2, 3, 4, 5))):
        given = tinygan.tensor(x.copy()), torch.from_numpy(x.copy())
        results = [
            library.Normalize(mean, std, inplace)(y)
            for library, y in zip((transforms, torchvision.transforms), given, strict=True)
        ]
        assert found(results[0]) == found(results[1])
        assert found(given[0]) == found(given[1])


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int16", "int32"])
@pytest.mark.parametrize("shape", [(4, 3), (1, 4, 3), (3, 4, 3), (4, 4, 3), (2, 4, 3)])
def test_tensors_as_pictures_are_theirs(shape, dtype, rng):
    x = (rng.random(shape) * (1 if dtype == "float32" else 200)).astype(dtype)
    if dtype.startswith("int") and (len(shape) == 3 and shape[0] > 1):
        for library, make in ((TF, tinygan.tensor), (THEIRS[TF], torch.from_numpy)):
            with pytest.raises(TypeError):
                library.to_pil_image(make(x))
        return
    ours = TF.to_pil_image(tinygan.tensor(x))
    assert found(ours) == found(THEIRS[TF].to_pil_image(torch.from_numpy(x)))


FUNCTIONS = {
    "crop": [(1, 2, 3, 2), (-2, -3, 4, 5), (4, 3, 6, 6)],
    "resized_crop": [(1, 1, 4, 3, (7, 8)), (0, 0, 3, 3, 9)],
    "adjust_brightness": [(0.5,), (2.0,)], "adjust_contrast": [(0.5,), (2.0,)],
    "adjust_saturation": [(0.5,), (2.0,)], "adjust_hue": [(0.2,), (-0.4,)],
    "rotate": [(30,), (90,), (10.5,)], "to_grayscale": [(1,), (3,)],
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_theirs(name):
    for arguments in FUNCTIONS[name]:
        for mode in COLOURS:
            ours = getattr(TF, name)(PICTURES[mode], *arguments)
            assert found(ours) == found(getattr(THEIRS[TF], name)(PICTURES[mode], *arguments))


def test_sizes_are_theirs():
    for picture in PICTURES.values():
        for name in ("get_dimensions", "get_image_size", "get_image_num_channels"):
            assert getattr(TF, name)(picture) == getattr(THEIRS[TF], name)(picture)


REFUSED = [
    ("Resize", (4,), {"max_size": 4}), ("Resize", ((4, 4),), {"max_size": 5}),
    ("Resize", ((1, 2, 3),), {}), ("CenterCrop", ((1, 2, 3),), {}),
    ("RandomHorizontalFlip", (0.5,), {"q": 1}), ("Grayscale", (2,), {}), ("Lambda", (3,), {}),
    ("Pad", ((1, 2, 3),), {}), ("Pad", (1, 0, "wrap"), {}), ("RandomCrop", ((7, 2),), {}),
    ("RandomRotation", (-1,), {}), ("RandomRotation", ((1, 2, 3),), {}),
    ("ColorJitter", (), {"hue": 0.7}), ("ColorJitter", (-1,), {}), ("ColorJitter", ((2, 1),), {}),
    ("Normalize", ((0.5,), (0.5,)), {}),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}{case[1]}{case[2]}")
def test_what_they_refuse_is_refused(case):
    name, arguments, options = case
    for library in (transforms, torchvision.transforms):
        with pytest.raises((TypeError, ValueError)):
            getattr(library, name)(*arguments, **options)(PICTURES["RGB"])


# Grids

GRIDS = [
    {}, {"nrow": 2}, {"nrow": 9, "padding": 0}, {"padding": 3, "pad_value": 0.7},
    {"normalize": True}, {"normalize": True, "value_range": (-1, 0.5)},
    {"normalize": True, "scale_each": True},
    {"normalize": True, "scale_each": True, "value_range": (0, 1), "pad_value": 1, "nrow": 3},
]  # fmt: skip
SHAPES = [(5, 3, 4, 6), (5, 1, 4, 6), (1, 3, 4, 6), (3, 4, 6), (1, 4, 6), (4, 6), (2, 2, 4, 6)]


@pytest.mark.parametrize("options", GRIDS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_grids_are_theirs(shape, options, rng):
    for x in (rng.standard_normal(shape).astype("f"), rng.standard_normal(shape)):
        ours = utils.make_grid(tinygan.tensor(x), **options)
        assert found(ours) == found(torchvision.utils.make_grid(torch.from_numpy(x), **options))
    if len(shape) == 4 and shape[1] != 2:
        saved = [io.BytesIO(), io.BytesIO()]
        utils.save_image(list(tinygan.tensor(x)), saved[0], "png", **options)
        torchvision.utils.save_image(list(torch.from_numpy(x)), saved[1], "png", **options)
        assert (pixels(Image.open(saved[0])) == pixels(Image.open(saved[1]))).all()


# Data sets of files


def test_data_sets_of_files_are_theirs(tmp_path, monkeypatch):
    monkeypatch.delenv("TINYGAN_DATA", raising=False)
    for name in ("MNIST", "FashionMNIST"):
        folder = tmp_path / name / "raw"
        folder.mkdir(parents=True)
        for train in (True, False):
            for file, content in mnist_bytes(train, 7)[0].items():
                (folder / file).write_bytes(content)
        for train in (True, False):
            ours, theirs = (getattr(library, name)(tmp_path, train=train, transform=to_tensor())
                            for library, to_tensor in libraries())  # fmt: skip
            assert [(found(x), y) for x, y in ours] == [(found(x), y) for x, y in theirs]
            assert ours.classes == theirs.classes and ours.class_to_idx == theirs.class_to_idx
            assert ours.raw_folder == theirs.raw_folder and len(ours) == len(theirs)
            assert (ours.data.numpy() == theirs.data.numpy()).all()
            assert ours.targets.tolist() == theirs.targets.tolist()
    write_cifar(tmp_path)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)
    ours, theirs = (library.CIFAR10(str(tmp_path), transform=to_tensor())
                    for library, to_tensor in libraries())  # fmt: skip
    assert [(found(x), y) for x, y in ours] == [(found(x), y) for x, y in theirs]
    assert (ours.data == theirs.data).all() and ours.data.dtype == theirs.data.dtype
    assert ours.targets == theirs.targets and ours.class_to_idx == theirs.class_to_idx


def libraries():
    return (datasets, transforms.ToTensor), (torchvision.datasets, torchvision.transforms.ToTensor)


def holds_0(path) -> bool:
    return "0" in os.path.basename(path)


def test_folders_are_theirs(tmp_path):
    for place in ("b/2.png", "b/10.PNG", "a/deep/x.bmp", "a/0.png", "c/y.webp", "a/B/z.tif"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RGB if "b" in place else GREY).save(path)
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    ours, theirs = (library.ImageFolder(str(tmp_path), to_tensor(), lambda k: -k)
                    for library, to_tensor in libraries())  # fmt: skip
    for name in ("samples", "imgs", "targets", "classes", "class_to_idx"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert [(found(x), y) for x, y in ours] == [(found(x), y) for x, y in theirs]
    for options in ({"extensions": (".txt",)}, {"is_valid_file": holds_0}):
        ours, theirs = (
            library.DatasetFolder(tmp_path, len, allow_empty=True, **options)
            for library in (datasets, torchvision.datasets)
        )
        assert ours.samples == theirs.samples and list(ours) == list(theirs)
        with pytest.raises(FileNotFoundError):
            datasets.DatasetFolder(tmp_path, len, **options)
        with pytest.raises(FileNotFoundError):
            torchvision.datasets.DatasetFolder(tmp_path, len, **options)


def test_noise_has_their_shapes():
    for arguments in ((5, (3, 4, 6), 7), (2, (1, 4, 6), 2)):
        ours, theirs = (library.FakeData(*arguments) for library in (datasets, THEIRS[datasets]))
        assert len(ours) == len(theirs)
        assert ours[1][0].size == theirs[1][0].size and ours[1][0].mode == theirs[1][0].mode
        for dataset in (ours, theirs):
            with pytest.raises(IndexError):
                dataset[5]


# Loaders

LOADERS = [
    {}, {"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": None},
    {"batch_size": 4, "sampler": [6, 1, 1, 0, 5]}, {"batch_sampler": [[5], [2, 2, 0]]},
    {"batch_size": 3, "collate_fn": len}, {"batch_size": 20}, {"batch_size": 20, "drop_last": True},
    {"batch_size": 2, "num_workers": 0, "pin_memory": False, "timeout": 0},
]  # fmt: skip


def batches_of(library, make, options):
    """The batches of tensors and of a stream, with the loaders' lengths, as lists."""
    rows = np.arange(14.0).reshape(7, 2)
    pairs = library.TensorDataset(make(rows), make(np.arange(7)))
    joined = library.ConcatDataset([pairs, library.Subset(pairs, [3, 1])])
    result = []
    for dataset in (pairs, joined, library.Subset(pairs, range(6, -1, -1)), list("abcdefg")):
        loader = library.DataLoader(dataset, **options)
        result.append((len(loader), [plain(batch) for batch in loader]))
    return result


def plain(value):
    if hasattr(value, "tolist"):
        return str(value.dtype).removeprefix("torch."), value.tolist()
    return type(value).__name__, [plain(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("options", LOADERS, ids=str)
def test_loaders_deal_out_their_batches(options):
    ours = batches_of(data, tinygan.tensor, options)
    assert ours == batches_of(torch.utils.data, torch.from_numpy, options)


@pytest.mark.parametrize(
    "lengths", [[3, 7], [0.5, 0.5], [0.33, 0.33, 0.34], [0.1] * 10, [10], [0.75, 0.25], [0, 10]]
)
def test_random_splits_have_their_lengths(lengths):
    for size in (10,) if lengths[0] == int(lengths[0]) else (10, 11, 31):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours, theirs = (
                [len(part) for part in library.random_split(range(size), lengths)]
                for library in (data, torch.utils.data)
            )
        assert ours == theirs


LOADERS_REFUSED = [
    {"batch_size": 0}, {"batch_size": 1.5}, {"num_workers": -1}, {"timeout": -1},
    {"prefetch_factor": 2}, {"persistent_workers": True}, {"shuffle": True, "sampler": [1]},
    {"batch_sampler": [[1]], "shuffle": True}, {"batch_sampler": [[1]], "batch_size": 2},
    {"batch_sampler": [[1]], "drop_last": True}, {"batch_size": None, "drop_last": True},
]  # fmt: skip


@pytest.mark.parametrize("options", LOADERS_REFUSED, ids=str)
def test_loaders_refuse_what_theirs_refuse(options):
    for library in (data, torch.utils.data):
        with pytest.raises((ValueError, TypeError)):
            library.DataLoader(range(5), **options)


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.RandomSampler([]), lambda m: m.RandomSampler([1], num_samples=0),
        lambda m: m.RandomSampler([1], replacement=1), lambda m: m.BatchSampler([1], 0, False),
        lambda m: m.BatchSampler([1], 2, 3), lambda m: m.WeightedRandomSampler([1.0], 0),
        lambda m: m.WeightedRandomSampler([[1.0]], 1), lambda m: m.random_split(range(3), [1, 1]),
        lambda m: m.random_split(range(3), [0.5, 0.6]),
    ],
)  # fmt: skip
def test_samplers_refuse_what_theirs_refuse(make):
    for library in (data, torch.utils.data):
        with pytest.raises((ValueError, TypeError)):
            make(library)
