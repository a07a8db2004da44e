"""A reader of the pickles in PyTorch's files that runs none of their code.

A pickle is a program for a machine with a stack: its opcodes push numbers and strings, collect them
into lists, tuples and dicts, fetch any object of any module by name (GLOBAL) and call it (REDUCE).
``pickle.load`` obeys, so that a file can run what it likes. This machine has the opcodes that
PyTorch's files consist of. A name is looked up in a table of what those files may ask for. Where it
is not in there, the file is refused. Nothing is imported.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from typing import IO, Any

SAVE_STATE_DICT = "In PyTorch, save the tensors alone: torch.save(net.state_dict(), path)"


class Refused(ValueError):
    """The file asks for something that is not granted; the message is a sentence for the user."""


class Function:
    """What stands for a function or class of PyTorch's that a file may call."""

    def __init__(self, call: Callable):
        self.call = call


def read_pickle(
    file: IO[bytes],
    names: Mapping[str, object],
    persistent_load: Callable[[Any], object] | None = None,
) -> Any:
    """The object of the pickle that begins where `file` stands; `file` is left behind its end.

    Args:
        names: what "module.name" stands for: a `Function`, or any other object, which is handed on.
        persistent_load: returns the object for a persistent id, by which a pickle refers to
            something outside of itself.

    Raises:
        Refused: it holds an opcode or a name that is not known here, or calls another object.
        ValueError, TypeError, LookupError, AttributeError: it makes no sense.
    """
    machine = _Machine(names, persistent_load)
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "STOP":
            return machine.stack.pop()
        if opcode.name in _PUSHES_ITS_ARGUMENT:
            machine.push(argument)
        elif opcode.name in _ACTIONS:
            _ACTIONS[opcode.name](machine, argument)
        else:
            raise Refused(
                f"its pickle has the opcode {opcode.name}, which files of tensors do not need. "
                f"{SAVE_STATE_DICT}"
            )
    raise ValueError("the pickle has no end")


_PUSHES_ITS_ARGUMENT = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING",
}  # fmt: skip


class _Machine:
    """The stack, the stacks that marks have put aside, and the memo of objects used again.

    An opcode never copies what the stack holds, so that the memory needed is in proportion to the
    length of the pickle.
    """

    def __init__(self, names: Mapping[str, object], persistent_load):
        self.names, self.persistent_load = names, persistent_load
        self.stack: list = []
        self.below_marks: list[list] = []
        self.memo: dict[int, object] = {}

    def push(self, item: object) -> None:
        self.stack.append(item)

    def mark(self) -> None:
        self.below_marks.append(self.stack)
        self.stack = []

    def since_mark(self) -> list:
        """What was pushed since the last mark, which is removed."""
        items, self.stack = self.stack, self.below_marks.pop()
        return items

    def last(self, count: int) -> tuple:
        items = [self.stack.pop() for _ in range(count)]
        return tuple(reversed(items))

    def append(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise TypeError(f"items are appended to a {type(target).__name__}")
        target.extend(items)

    def set_items(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise TypeError(f"items are set in a {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Of other types the hash may be one of deep nesting, which C computes by recursion.
            if not isinstance(key, (str, int)):
                raise Refused(f"a dict has a key of type {type(key).__name__}, not str or int")
            target[key] = value

    def find(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if full not in self.names:
            raise Refused(
                f"it asks for {full!r}, which is not run: no state dict needs it. Is it a whole "
                f"module? {SAVE_STATE_DICT}"
            )
        self.push(self.names[full])

    def find_on_stack(self) -> None:
        module, name = self.last(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("a name that is no string")
        self.find(module, name)

    def reduce(self) -> None:
        function, arguments = self.last(2)
        if not isinstance(function, Function) or not isinstance(arguments, tuple):
            raise Refused(f"it calls an object of type {type(function).__name__}")
        self.push(function.call(*arguments))

    def build(self) -> None:
        """The attributes of an OrderedDict: PyTorch hangs the versions of its layers on a state
        dict. They are left out."""
        self.stack.pop()
        if type(self.stack[-1]) is not dict:
            raise Refused(f"it sets attributes of a {type(self.stack[-1]).__name__}")

    def load_persistent(self) -> None:
        if self.persistent_load is None:
            raise Refused("it refers to a storage where none is expected")
        self.push(self.persistent_load(self.stack.pop()))

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        self.push(self.memo[index])


_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "MARK": lambda machine, _: machine.mark(),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.push(machine.last(1)),
    "TUPLE2": lambda machine, _: machine.push(machine.last(2)),
    "TUPLE3": lambda machine, _: machine.push(machine.last(3)),
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.set_items(list(machine.last(2))),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "GLOBAL": lambda machine, argument: machine.find(*argument.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.find_on_stack(),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
    "BINPERSID": lambda machine, _: machine.load_persistent(),
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": lambda machine, _: machine.put(len(machine.memo)),
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
}
