"""Reading what CIFAR's files hold, Python's pickle format, without running them.

A pickle is a program for a machine with a stack, which can call any function. This is such a
machine that knows the instructions for data alone: numbers, strings, lists, tuples, dictionaries
and uint8 arrays. Everything else ends the reading. (Format: the comments of Python's pickletools.)
"""

from __future__ import annotations

import pickletools
from typing import Any

import numpy as np

from tinygan.data import DataFormatError


class _Name:
    """One of the names that a pickled array mentions. None of them is imported or called."""

    def __init__(self, role: str):
        self.role = role


class _Array:
    """An array whose values follow."""

    values: np.ndarray | None = None


_ROLES = {
    "numpy.core.multiarray _reconstruct": "array",
    "numpy._core.multiarray _reconstruct": "array",
    "numpy ndarray": "class",
    "numpy dtype": "dtype",
}
_VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE",
    "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(content: bytes, name: str) -> Any:
    """The data in a pickle; a byte string of Python 2 is a str of the same numbers.

    Raises:
        DataFormatError: it is damaged, or has something else than data; the message names `name`.
    """
    try:
        return _without_arrays(_Machine().run(content))
    except _Refused as refused:
        raise DataFormatError(f"{name}: {refused}; it is not read") from None
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise DataFormatError(f"{name}: not a whole pickle of data ({error})") from error


class _Refused(Exception):
    """What the pickle wants is no data."""


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "STOP":
                (result,) = self.stack
                return result
            self.step(opcode.name, argument)
        raise ValueError("it has no end")

    def step(self, op: str, argument: Any) -> None:
        stack = self.stack
        if op in _VALUES:
            stack.append(argument)
        elif op in _CONSTANTS:
            stack.append(_CONSTANTS[op])
        elif op in _TUPLES:
            stack.append(tuple(self.pop(_TUPLES[op])))
        elif op == "MARK":
            self.marks.append(len(stack))
        elif op == "TUPLE":
            stack.append(tuple(self.pop_to_mark()))
        elif op == "EMPTY_LIST":
            stack.append([])
        elif op == "EMPTY_DICT":
            stack.append({})
        elif op in ("APPEND", "APPENDS"):
            values = self.pop(1) if op == "APPEND" else self.pop_to_mark()
            self.top(list).extend(values)
        elif op in ("SETITEM", "SETITEMS"):
            values = self.pop(2) if op == "SETITEM" else self.pop_to_mark()
            keys = values[::2]
            if not all(isinstance(key, (str, bytes, int)) for key in keys):
                raise ValueError("a key is neither a string nor a number")
            self.top(dict).update(zip(keys, values[1::2], strict=True))
        elif op in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if op == "MEMOIZE" else argument] = stack[-1]
        elif op in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif op == "GLOBAL":
            stack.append(_named(argument))
        elif op == "STACK_GLOBAL":
            stack.append(_named(" ".join(self.pop(2))))
        elif op == "REDUCE":
            stack.append(_called(*self.pop(2)))
        elif op == "BUILD":
            _build(self.top(object, 2), self.pop(1)[0])
        elif op not in ("PROTO", "FRAME"):
            raise _Refused(f"it has the pickle instruction {op}, which data do not need")

    def pop(self, count: int) -> list[Any]:
        """The last `count` values, of those after the last mark."""
        start = len(self.stack) - count
        if start < (self.marks[-1] if self.marks else 0):
            raise ValueError("a value is missing")
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def pop_to_mark(self) -> list[Any]:
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def top(self, kind: type, depth: int = 1) -> Any:
        value = self.stack[-depth]
        if not isinstance(value, kind):
            raise ValueError(f"expected a {kind.__name__}, got a {type(value).__name__}")
        return value


def _named(name: str) -> _Name:
    if name not in _ROLES:
        raise _Refused(f"it asks for {name.replace(' ', '.')}, which could run anything")
    return _Name(_ROLES[name])


def _called(function: Any, arguments: Any) -> Any:
    """The two calls that a pickled array consists of: an empty one, and its dtype."""
    role = function.role if isinstance(function, _Name) else type(function).__name__
    if role == "array":
        return _Array()
    if role == "dtype" and arguments[0] == "u1":
        return _Name("uint8")
    raise _Refused(f"it calls a {role}, but only uint8 arrays are read")


def _build(target: Any, state: Any) -> None:
    if isinstance(target, _Name) and target.role == "uint8":
        return  # the byte order, of which a byte has none
    if not isinstance(target, _Array):
        raise _Refused(f"it sets the state of a {type(target).__name__}")
    _, shape, dtype, by_columns, content = state
    if not isinstance(dtype, _Name) or dtype.role != "uint8":
        raise _Refused("it has an array that is not of uint8")
    content = content.encode("latin-1") if isinstance(content, str) else content
    values = np.frombuffer(content, np.uint8)
    target.values = values.reshape(shape, order="F" if by_columns else "C")


def _without_arrays(value: Any) -> Any:
    """The value of a pickle's outermost dictionary, its arrays in the place of their stand-ins."""
    if not isinstance(value, dict):
        raise ValueError(f"expected a dictionary, got a {type(value).__name__}")
    result = {}
    for key, item in value.items():
        if isinstance(item, _Name) or (isinstance(item, _Array) and item.values is None):
            raise _Refused("it has a part of an array where data should be")
        name = key.decode("latin-1") if isinstance(key, bytes) else key
        result[name] = item.values if isinstance(item, _Array) else item
    return result
