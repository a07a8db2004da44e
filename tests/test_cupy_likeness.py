"""The fake CuPy beside the real one, where that is installed: names, parameters, constants,
messages. No GPU is needed; nothing is computed.

The real one is looked at in a process of its own: in this one it may not be imported beside the
fake.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import subprocess
import sys
from typing import Any

import pytest

from tinygan.kernels.emulator import fake_cupy
from tinygan.kernels.emulator.fake_cupy import errors

if importlib.util.find_spec("cupy") is None:
    pytest.skip("needs CuPy: pip install cupy-cuda12x", allow_module_level=True)

FAKE = fake_cupy._module()
CLASSES = (
    "ndarray", "ufunc", "RawKernel", "RawModule", "cuda.Device", "cuda.Stream", "cuda.Event",
    "cuda.Graph", "cuda.MemoryPool", "cuda.MemoryPointer", "cuda.BaseMemory", "cuda.Memory",
    "cuda.UnownedMemory",
)  # fmt: skip
MODULES = ("", "cuda", "cuda.runtime", "cuda.driver", "cuda.memory", "cuda.stream", "cuda.device",
           "cuda.graph")  # fmt: skip
CONSTANTS = (
    "inf", "nan", "pi", "e", "newaxis", "ndarray.__array_priority__", "ndarray.__module__",
    "ndarray.__hash__", "cuda.Device.__hash__", "cuda.runtime.streamLegacy",
    "cuda.runtime.streamPerThread", "cuda.runtime.streamDefault", "cuda.runtime.streamNonBlocking",
    "cuda.runtime.streamCaptureModeGlobal", "cuda.runtime.streamCaptureModeThreadLocal",
    "cuda.runtime.streamCaptureModeRelaxed",
)  # fmt: skip
CONSTRUCTED: list[tuple[str, list, dict]] = [
    ("RawModule", [], {}),
    ("RawModule", [], {"code": "", "path": ""}),
    ("RawModule", [], {"path": "x.cubin", "name_expressions": ["f"]}),
    ("RawModule", [], {"code": "", "backend": "nvcc", "name_expressions": ["f"]}),
    ("RawModule", [], {"code": "", "options": ["-DX"]}),
    ("RawModule", [], {"code": "", "unknown": 1}),
    ("RawModule", ["text"], {}),
    ("RawKernel", ["text"], {}),
    ("RawKernel", ["text", "name", [], "nvrtc"], {}),
    ("RawKernel", ["text", "name", "nvrtc"], {}),
    ("RawKernel", ["text", 3], {}),
    ("cuda.Graph", [], {}),
    ("cuda.Event", [], {"interprocess": True}),
]
# Which say nothing of what a user may pass, or are made by CuPy alone; and matmul, a generalised
# ufunc with options for subsets of dimensions that tinygan never has.
UNREADABLE = {"ndarray", "ufunc", "matmul"}
# What both compute where there is a GPU; x is 3 by 4 of float32, y of float64, z 2 by 3 by 4.
COMPUTED = (
    "x.T + y.T", "x.T * 2", "cupy.where(x.T > 4, x.T, 0.0)", "cupy.clip(x.T, 1, 5)", "x.T.copy()",
    "cupy.copy(x.T)", "x.T.astype('f8')", "z.transpose(2, 0, 1).astype('f8')", "x.T.astype('f4')",
    "cupy.empty_like(z.transpose(2, 0, 1)).strides", "cupy.zeros_like(z.transpose(1, 2, 0))",
    "cupy.ones_like(x.T, dtype='i4')", "cupy.full_like(x[:, ::2], 3)", "x.T.sum(0)",
    "z.transpose(2, 1, 0).sum(1)", "z.T.max(0, keepdims=True)", "z.mean()", "x.argmax(1)",
    "cupy.concatenate([x.T, x.T])", "cupy.stack([x.T, x.T], 1)",
    "x.T.take(cupy.asarray([9, -9]), 0)", "x[cupy.asarray([4, -5])]", "x.T[x.T > 4]", "x.ravel()",
    "x.T.ravel()", "x.T.reshape(2, 6)", "x[1, 2]", "x[1]", "x[::-1, ::2]", "x.T",
    "cupy.ascontiguousarray(x.T)", "cupy.moveaxis(z, 0, 2)", "cupy.broadcast_to(x, (2, 3, 4))",
    "cupy.asarray(x.get().T)", "cupy.asarray(z.get().transpose(2, 0, 1))",
    "cupy.asarray(x.get()[:, ::2])", "x == None", "x != ...", "x**2", "x**0.5",
    "cupy.arange(3) / 2", "x + np.float64(1)", "x.astype('i4') + 1.5", "x.astype('?') + 1",
    "x @ x.T", "x.T @ x", "cupy.tensordot(x, x, ([0], [0]))", "cupy.tile(x.T, 2)",
    "cupy.roll(x.T, 1)", "x.T.repeat(2, 1)", "cupy.pad(x.T, 1)", "x.T.cumsum(0)", "x.T.round()",
    "cupy.take_along_axis(x, x.argsort(1), 1)", "copy.deepcopy(x.T)",
    "pickle.loads(pickle.dumps(x.T))", "x.T.flatten()", "z.squeeze()", "x.get(order='A').strides",
    "x.T.get().strides", "x.T.get(order='A').strides", "x.T.flags.fnc", "x.data.ptr % 256",
    "x[1:].base is x", "x.base", "cupy.empty((0, 3)).data.ptr", "hash(x)", "x + np.ones(4)",
    "x + np.array(1.0)", "x + [1]", "np.asarray(x)", "x.__iadd__(y)", "[1][x[0, 0]]",
    "x.astype('i4').__iadd__(1.5)", "cupy.add(x, 1, out=y)", "cupy.add(y, 1, out=x.astype('i4'))",
    "cupy.copyto(x, np.ones(4))", "x.__setitem__(0, np.ones(4))", "cupy.exp.at(x, 0)", "bool(x)",
    "x[cupy.ones(2)]", "x[3]", "x.nonzero()", "cupy.add.at(x.astype('i2'), cupy.asarray([0]), 1)",
    "cupy.cuda.Stream.null.begin_capture()",
    "cupy.cuda.Stream(null=True) == cupy.cuda.Stream.null", "cupy.cuda.Device(999).use()",
    "captured(lambda: x.get())", "captured(lambda: cupy.asarray([1.0]))",
    "captured(lambda: x[x > 1])", "captured(lambda: float(x[0, 0]))", "captured(lambda: x @ x.T)",
    "captured(lambda: cupy.asarray(2.0) * x)", "captured(cupy.cuda.Device().synchronize)",
    "captured(lambda: cupy.cuda.get_current_stream().synchronize())",
)  # fmt: skip
OBSERVE = r"""
import copy, pickle, warnings
import numpy as np

def observe(cupy, expression):
    def captured(call):
        stream = cupy.cuda.Stream(non_blocking=True)
        with stream:
            stream.begin_capture()
            try:
                call()
            except Exception as error:
                said = type(error).__name__, str(error).split(" (")[0]
            else:
                said = "nothing"
            try:
                stream.end_capture()
            except Exception as error:
                said = said, type(error).__name__, str(error)
        return said

    x = cupy.arange(12, dtype="f4").reshape(3, 4).copy()
    y, z = cupy.ones((3, 4)), cupy.arange(24, dtype="f4").reshape(2, 3, 4).copy()
    try:
        found = eval(expression, {**globals(), **locals()})
    except Exception as error:
        kinds = (TypeError, ValueError, IndexError, NotImplementedError, RuntimeError)
        return next(kind.__name__ for kind in kinds if isinstance(error, kind))
    found = list(found) if isinstance(found, tuple) else [found]
    return [[str(a.dtype), a.shape, a.strides, a.base is None, a.get().tolist()]
            if isinstance(a, cupy.ndarray) else repr(a) for a in found]
"""
REAL = OBSERVE + r"""
import inspect, json, re, sys, warnings
warnings.simplefilter("ignore")
import cupy
import cupy.cuda.graph

def find(path):
    found = cupy
    for name in filter(None, path.split(".")):
        found = getattr(found, name)
    return found

def parameters(found):
    try:
        known = inspect.signature(found).parameters.values()
        return [(p.name, str(p.kind), None if p.default is p.empty else repr(p.default))
                for p in known]
    except (TypeError, ValueError):
        pass
    first = (found.__doc__ or "").split("\n\n")[0].replace("\n", " ")  # Cython's, with types
    inside = re.match(r"[\w.]+\((.*)\)( -> .*)?$", first)
    if not inside:
        return None
    rows = []
    for part in filter(None, re.split(r",\s*(?![^(]*\))", inside[1])):
        name, _, default = part.partition("=")
        if name.strip().split()[-1] not in ("*", "/"):
            rows.append((name.split()[-1].lstrip("*"), None, default.strip() or None))
    return rows

def error(path, args, options):
    try:
        find(path)(*[tuple(x) if x == [] else x for x in args], **options)
    except Exception as raised:
        return type(raised).__name__, str(raised)

asked = json.loads(sys.stdin.read())
answer = {"signatures": {}, "missing": []}
for path in asked["names"]:
    try:
        found = find(path)
    except AttributeError:
        answer["missing"].append(path)
        continue
    if callable(found):
        answer["signatures"][path] = parameters(found)
answer["constants"] = {path: repr(find(path)) for path in asked["constants"]}
answer["ufuncs"] = [n for n in dir(cupy) if isinstance(getattr(cupy, n), cupy.ufunc)]
answer["errors"] = [error(*each) for each in asked["constructed"]]
answer["runtime"] = {n: str(cupy.cuda.runtime.CUDARuntimeError(n)) for n in asked["numbers"]}
answer["allocator"] = str(cupy.cuda.memory.OutOfMemoryError(10_000, 2000, 5000))
answer["unlimited"] = str(cupy.cuda.memory.OutOfMemoryError(10_000, 2000))
try:
    answer["gpu"] = cupy.cuda.runtime.getDeviceCount() > 0
except cupy.cuda.runtime.CUDARuntimeError:
    answer["gpu"] = False
if answer["gpu"]:
    known = cupy.cuda.runtime.getDeviceProperties(0)
    answer["properties"] = {key: type(value).__name__ for key, value in known.items()}
    answer["attributes"] = list(cupy.cuda.Device(0).attributes)
    answer["observed"] = [observe(cupy, each) for each in asked["computed"]]
answer["version"] = cupy.__version__
json.dump(answer, sys.stdout)
"""


def find(path: str) -> Any:
    found = FAKE
    for name in filter(None, path.split(".")):
        found = getattr(found, name)
    return found


def names() -> list[str]:
    """All public names of the fake, with those of its classes, and the operators of its arrays."""
    found = [f"{module}.{name}".lstrip(".") for module in MODULES for name in vars(find(module))
             if not name.startswith("_")]  # fmt: skip
    own = {"__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__hash__",
           "__static_attributes__", "__firstlineno__", "__qualname__"}  # fmt: skip
    for path in CLASSES:
        found += [f"{path}.{name}" for name in vars(find(path))
                  if name not in own and (name.startswith("__") or not name.startswith("_"))]
    return found


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    asked = {"names": names(), "constants": CONSTANTS, "constructed": CONSTRUCTED,
             "computed": COMPUTED, "numbers": list(errors._MESSAGES)}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", REAL], input=json.dumps(asked), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    if tuple(map(int, answer["version"].split(".")[:2])) < (14, 2):
        pytest.skip(f"needs CuPy 14.2, this is {answer['version']}")
    return answer


def test_it_has_no_names_of_its_own(real):
    attributes_of_instances = {"ufunc.nargs", "cuda.BaseMemory.ptr"}
    assert set(real["missing"]) - attributes_of_instances == set()


def rows(path: str) -> list[tuple[str, str, str | None]]:
    known = inspect.signature(find(path)).parameters.values()
    return [(p.name, str(p.kind), None if p.default is p.empty else repr(p.default)) for p in known]


def plain(rows: list, with_kinds: bool) -> list:
    """Names and defaults; `self` is there for some of Cython's functions only."""
    return [(name, kind if with_kinds else None, default and default.replace('"', "'"))
            for name, kind, default in rows if name != "self"]  # fmt: skip


def test_parameters_and_defaults_are_the_same(real):
    compared, different = 0, {}
    ufuncs = set(real["ufuncs"])
    for path, theirs in real["signatures"].items():
        if theirs is None or path in UNREADABLE or path in ufuncs or "__" in path:
            continue
        if inspect.isclass(find(path)) and path not in CLASSES:  # NumPy's
            continue
        try:
            ours = rows(path)
        except ValueError:
            continue
        with_kinds = all(kind is not None for _, kind, _ in theirs)
        theirs, ours = plain(theirs, with_kinds), plain(ours, with_kinds)
        compared += 1
        if theirs != ours:
            different[path] = theirs, ours
    assert different == {}
    assert compared > 150


def test_constants_are_the_same(real):
    assert {path: repr(find(path)) for path in CONSTANTS} == real["constants"]


def test_the_same_names_are_ufuncs(real):
    ours = {name for name, value in vars(FAKE).items() if isinstance(value, FAKE.ufunc)}
    assert ours <= set(real["ufuncs"]) and len(ours) > 40
    functions = {name for name in vars(FAKE) if name in real["ufuncs"]}
    assert functions == ours


def test_constructors_refuse_the_same(real):
    for (path, args, options), theirs in zip(CONSTRUCTED, real["errors"], strict=True):
        try:
            find(path)(*[tuple(x) if x == [] else x for x in args], **options)
        except Exception as raised:
            assert type(raised).__name__ == theirs[0], (path, args, options, theirs, raised)
            if theirs[0] != "TypeError" or "Exactly" in theirs[1]:
                assert str(raised) == theirs[1]
        else:
            assert theirs is None, (path, args, options, theirs)


def test_messages_are_the_same(real):
    for number, message in real["runtime"].items():
        if int(number) != 500:  # of the driver alone
            assert str(FAKE.cuda.runtime.CUDARuntimeError(int(number))) == message
    lack = FAKE.cuda.memory.OutOfMemoryError
    assert str(lack(10_000, 2000, 5000)) == real["allocator"]
    assert str(lack(10_000, 2000)) == real["unlimited"]


def test_a_gpu_has_these_properties(real):
    if not real["gpu"]:
        pytest.skip("needs a GPU")
    ours = FAKE.cuda.runtime.getDeviceProperties(0)
    known = {key: type(value).__name__ for key, value in ours.items()}
    assert known == {key: real["properties"].get(key) for key in known}
    assert set(FAKE.cuda.Device(0).attributes) <= set(real["attributes"])


def test_the_same_is_computed(real):
    """With the same dtypes, orders of memory and kinds of errors."""
    if not real["gpu"]:
        pytest.skip("needs a GPU")
    space: dict[str, Any] = {}
    exec(OBSERVE, space)
    ours = json.loads(json.dumps([space["observe"](FAKE, each) for each in COMPUTED]))
    pairs = zip(COMPUTED, real["observed"], ours, strict=True)
    assert {name: (theirs, mine) for name, theirs, mine in pairs if theirs != mine} == {}
