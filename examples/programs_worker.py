"""Runs one program of compare_programs.py with one library, in a process of its own.

    python examples/programs_worker.py torch compare SETTINGS script.py arguments ...

SETTINGS is a JSON object: `rounds` and `seconds` after which the program is ended, the file `log`
that its output goes to, `threads`, and whether drawn numbers are `nudged`. A **round** lies between
two steps of the optimizer that stepped first. Both libraries are changed through their public
names, by the same lines:

- `compare`: `make_equal` takes every random number, PyTorch's initial weights among them, from
  NumPy; the clock stands still; and a mark in the output shows where each round begins.
- `time`: nothing but DataLoader's processes is changed. After each block of rounds that a line of
  the input asks for, a line of the output says how long it took; between them, the program sleeps.
- `whole`: the same, from the first line of the program to the last.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import random
import runpy
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROUND = "\x1e"  # written into the program's output where a round begins
WARM_UP = 2  # rounds that compile, and touch memory for the first time
LAYERS = ("Linear", "Bilinear", "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d",
          "Embedding", "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")  # fmt: skip

clock = time.perf_counter


class Streams(dict[str, np.random.Generator]):
    """A random stream for each function that draws: where one library draws once more, or in
    another order, from one of them, the others do not notice.

    Attributes:
        resting: while it is true, the methods that fill a tensor leave it as it is.
        nudged: whether half of the numbers that are drawn, or come from linspace, at random, are
            replaced by the next float32.
    """

    resting = False
    nudged = False

    def __missing__(self, name: str) -> np.random.Generator:
        return self.setdefault(name, np.random.default_rng(zlib.crc32(name.encode())))

    def rounded(self, values: Any) -> np.ndarray:
        """Drawn numbers as float32."""
        values = np.asarray(values, np.float32)
        if not self.nudged:
            return values
        chosen = self["nudged"].random(values.shape) < 0.5
        return np.where(chosen, np.nextafter(values, np.float32(np.inf)), values)


def make_equal(torch: Any, nudged: bool) -> None:
    """Random numbers, initial weights, dropout's masks and the order of samples are NumPy's."""
    streams = Streams()
    streams.nudged = nudged
    random.seed(0)
    np.random.seed(0)  # the programs' own draws
    time.time = lambda: 0.0
    torch.__version__ = "the same"  # which programs print
    _equal_makers(torch, streams)
    _equal_filling(torch, streams)
    _equal_layers(torch, streams)
    _equal_data(torch, streams)


def _equal_makers(torch: Any, streams: Streams) -> None:
    """torch.randn and the others that make a tensor."""

    def made(values, dtype=None, requires_grad=False, device=None, **others):
        x = torch.tensor(values if values.dtype == np.int64 else streams.rounded(values))
        return (x if dtype is None else x.to(dtype)).requires_grad_(requires_grad)

    def maker(name: str, draw: Callable) -> None:
        def make(*size, **options):
            size = options.pop("size", size)
            size = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
            return made(np.asarray(draw(streams[name], tuple(size))), **options)

        setattr(torch, name, make)
        setattr(torch, f"{name}_like", lambda x, **options: make(*x.shape, **options))

    maker("randn", lambda stream, size: stream.standard_normal(size))
    maker("rand", lambda stream, size: stream.random(size))

    def randint(low, high=None, size=None, **options):
        if not isinstance(high, int):
            low, high, size = 0, low, high if size is None else size
        return made(np.asarray(streams["randint"].integers(low, high, tuple(size))), **options)

    def normal(mean=0.0, std=1.0, size=None, **options):
        shape = np.broadcast_shapes(*(getattr(x, "shape", ()) for x in (mean, std)))
        values = streams["normal"].standard_normal(shape if size is None else tuple(size))
        return made(values, **options) * std + mean

    def multinomial(input, num_samples, replacement=False, **options):
        rows = input.detach().cpu().double().numpy().reshape(-1, input.shape[-1])
        rows = [streams["multinomial"].choice(row.size, num_samples, replacement, row / row.sum())
                for row in rows]  # fmt: skip
        return torch.tensor(np.array(rows)).reshape(*input.shape[:-1], num_samples)

    torch.randint, torch.normal, torch.multinomial = randint, normal, multinomial
    torch.randperm = lambda n, **options: made(streams["randperm"].permutation(n))
    torch.bernoulli = lambda p, **options: (torch.rand(*p.shape) < p).to(p.dtype)
    spaced = torch.linspace
    if streams.nudged:  # programs without random draws have their numbers from here
        torch.linspace = lambda *args, **options: made(spaced(*args, **options).numpy())


def _equal_filling(torch: Any, streams: Streams) -> None:
    """x.normal_() and the others that fill a tensor, and those of torch.nn.init."""
    tensor_class = type(torch.zeros(1))
    init: Any = sys.modules[torch.nn.init.normal_.__module__]  # which the library uses itself

    def fill(x, draw):
        if streams.resting:
            return x
        with torch.no_grad():
            values, dtype = draw(tuple(x.shape)), x.detach().numpy().dtype
            values = streams.rounded(values) if dtype == np.float32 else np.asarray(values, dtype)
            return x.copy_(torch.tensor(values))

    def normal_(x, mean=0.0, std=1.0, generator=None):
        return fill(x, lambda shape: streams["normal_"].normal(mean, std, shape))

    def uniform_(x, a=0.0, b=1.0, generator=None):
        return fill(x, lambda shape: streams["uniform_"].uniform(a, b, shape))

    def random_(x, low=0, high=None, generator=None):
        if x.ndim == 0:
            return x.zero_()  # by which PyTorch's DataLoader draws a seed
        low, high = (0, low) if high is None else (low, high)
        return fill(x, lambda shape: streams["random_"].integers(low, high, shape))

    def bernoulli_(x, p=0.5, generator=None):
        return fill(x, lambda shape: streams["bernoulli_"].random(shape) < p)

    for function in (normal_, uniform_, random_, bernoulli_):
        setattr(tensor_class, function.__name__, function)
    init.normal_, init.uniform_ = normal_, uniform_

    def by_fans(draw: Callable, deviation: Callable) -> Callable:
        def function(x, *arguments, **options):
            window = math.prod(x.shape[2:])
            std = deviation(x.shape[1] * window, x.shape[0] * window, *arguments, **options)
            return draw(x, std)

        return function

    def xavier(fan_in, fan_out, gain=1.0):
        return gain * math.sqrt(2 / (fan_in + fan_out))

    def kaiming(fan_in, fan_out, a=0, mode="fan_in", nonlinearity="leaky_relu"):
        gain = init.calculate_gain(nonlinearity, a)
        return gain / math.sqrt(fan_in if mode == "fan_in" else fan_out)

    def orthogonal_(x, gain=1.0):
        def draw(shape):
            drawn = streams["orthogonal_"].standard_normal((math.prod(shape[1:]), shape[0]))
            left, _, right = np.linalg.svd(drawn, full_matrices=False)
            return gain * (left @ right).T.reshape(shape)

        return fill(x, draw)

    def normal_by_fans(x, std):
        return normal_(x, 0.0, std)

    def uniform_by_fans(x, std):
        return uniform_(x, -std * math.sqrt(3), std * math.sqrt(3))

    for name, deviation in (("xavier", xavier), ("kaiming", kaiming)):
        setattr(init, f"{name}_normal_", by_fans(normal_by_fans, deviation))
        setattr(init, f"{name}_uniform_", by_fans(uniform_by_fans, deviation))
    init.orthogonal_ = orthogonal_


def _equal_layers(torch: Any, streams: Streams) -> None:
    """Initial weights, of PyTorch's distributions, and dropout's masks."""
    nn, functional = torch.nn, torch.nn.functional
    known = {getattr(nn, name): name for name in LAYERS if hasattr(nn, name)}

    def with_equal_weights(layer: Any, first: Callable) -> Callable:
        def __init__(self, *arguments, **options):
            streams.resting = True
            first(self, *arguments, **options)
            streams.resting = False
            if next(c for c in type(self).__mro__ if c in known) is not layer:
                return  # the constructor of the class derived from it comes to this line, too
            fan_in = getattr(self, "hidden_size", 0) or math.prod(self.weight.shape[1:])
            for p in self.parameters():
                if known[layer] == "Embedding":
                    values = streams["layers"].standard_normal(tuple(p.shape))
                else:
                    values = streams["layers"].uniform(-1, 1, tuple(p.shape)) / math.sqrt(fan_in)
                p.data.copy_(torch.tensor(streams.rounded(values)))

        return __init__

    for layer, first in [(layer, layer.__init__) for layer in known]:
        layer.__init__ = with_equal_weights(layer, first)

    def dropped(x, p, training, shape):
        if not training or p == 0:
            return x
        kept = streams["dropout"].random(shape) >= p
        return x * torch.tensor((kept / (1 - p)).astype(np.float32))

    def dropout(input, p=0.5, training=True, inplace=False):
        return dropped(input, p, training, tuple(input.shape))

    def dropout2d(input, p=0.5, training=True, inplace=False):
        shape = (*input.shape[:2], *(1 for _ in input.shape[2:]))
        return dropped(input, p, training, shape)

    functional.dropout, functional.dropout2d = dropout, dropout2d
    nn.Dropout.forward = lambda self, x: dropout(x, self.p, self.training)
    nn.Dropout2d.forward = lambda self, x: dropout2d(x, self.p, self.training)


def _equal_data(torch: Any, streams: Streams) -> None:
    """The order of a DataLoader's samples, and random transforms of PIL images."""
    torch.utils.data.RandomSampler.__iter__ = lambda self: iter(
        streams["order"].permutation(len(self.data_source)).tolist()
    )
    with contextlib.suppress(ImportError):
        from PIL import ImageOps

        transforms = importlib.import_module("torchvision.transforms")

        def crop(self, image):
            height, width = (self.size, self.size) if isinstance(self.size, int) else self.size
            image = ImageOps.expand(image, getattr(self, "padding", None) or 0)
            left = int(streams["crop"].integers(image.width - width + 1))
            top = int(streams["crop"].integers(image.height - height + 1))
            return image.crop((left, top, left + width, top + height))

        def flip(self, image):
            return ImageOps.mirror(image) if streams["flip"].random() < self.p else image

        transforms.RandomCrop.__call__ = crop
        transforms.RandomHorizontalFlip.__call__ = flip


def load_in_this_process(torch: Any) -> None:
    """DataLoader starts no processes: tinygan's never does, and random numbers are drawn in one."""
    loader = torch.utils.data.DataLoader
    first = loader.__init__

    def __init__(self, *arguments, num_workers=0, prefetch_factor=None, persistent_workers=False,
                 **options):  # fmt: skip
        first(self, *arguments, **options)

    loader.__init__ = __init__


class Ended(SystemExit):
    """Enough rounds were run."""


class Rounds:
    """Counts the rounds of a program, and ends it."""

    def __init__(self, torch: Any, at_round: Callable[[int], None]):
        self.count = 0  # of rounds that are complete
        self._first: Any = None
        self._at_round = at_round
        optim = torch.optim
        names = ("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "LBFGS", "NAdam",
                 "RAdam", "RMSprop", "Rprop", "SGD")  # fmt: skip
        classes = [getattr(optim, name) for name in names if hasattr(optim, name)]
        for one, step in [(one, one.step) for one in classes]:
            one.step = self._counted(step)

    def _counted(self, step: Callable) -> Callable:
        def counted(optimizer, *arguments, **options):
            if self._first is None:
                self._first = optimizer
            elif self._first is optimizer:
                self.count += 1
                self._at_round(self.count)
            return step(optimizer, *arguments, **options)

        return counted


def compare(torch: Any, settings: dict[str, Any]) -> Rounds:
    """Ends the program after the rounds that were asked for, or when its time is over."""
    make_equal(torch, settings.get("nudged", False))
    start = clock()

    def at_round(count: int) -> None:
        print(ROUND, end="", flush=True)
        if count >= settings["rounds"] or clock() - start > settings["seconds"]:
            raise Ended

    return Rounds(torch, at_round)


def timed(torch: Any, settings: dict[str, Any]) -> Rounds:
    """Reports each block of rounds, and sleeps until the next is asked for."""
    begun = [0, 0.0]  # at which round, and when, the block began

    def at_round(count: int) -> None:
        if count < WARM_UP:
            return
        now = clock()
        if count > WARM_UP:
            if now - begun[1] < settings["seconds"]:
                return
            say(rounds=count - begun[0], seconds=now - begun[1])
        else:
            say(ready=True)
        if not sys.stdin.readline().strip():
            raise Ended
        begun[:] = count, clock()

    return Rounds(torch, at_round)


def whole(torch: Any, settings: dict[str, Any]) -> Rounds:
    """Lets the program run to its end."""
    return Rounds(torch, lambda count: None)


MODES = {"compare": compare, "time": timed, "whole": whole}


def say(**facts: Any) -> None:
    """A line of JSON to the process that started this one."""
    print(json.dumps(facts), file=sys.__stdout__, flush=True)


def main() -> None:
    library, mode, text, script, *arguments = sys.argv[1:]
    settings = json.loads(text)
    if library == "tinygan":
        tinygan = importlib.import_module("tinygan")
        tinygan.set_num_threads(settings["threads"])
        importlib.import_module("tinygan.compat").install()
    torch = importlib.import_module("torch")
    for part in ("nn.functional", "optim", "utils.data", "autograd"):
        importlib.import_module(f"torch.{part}")
    if library == "torch":
        torch.set_num_threads(settings["threads"])
        cifar: Any = importlib.import_module("torchvision.datasets.cifar")
        cifar.check_integrity = lambda path, md5=None: os.path.isfile(path)  # of the stand-ins
    load_in_this_process(torch)
    rounds = MODES[mode](torch, settings)
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).resolve().parent)
    os.environ["MPLBACKEND"] = "agg"
    problem, cut, start = "", False, clock()
    with open(settings["log"], "w", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        try:
            runpy.run_path(script, run_name="__main__")
        except Ended:
            cut = True
        except SystemExit as end:
            problem = f"exit code {end.code}" if end.code else ""
        except BaseException as error:
            import traceback

            traceback.print_exc()
            problem = f"{type(error).__name__}: {error}"
    say(ended=True, cut=cut, rounds=rounds.count, seconds=clock() - start, problem=problem)


if __name__ == "__main__":
    main()
