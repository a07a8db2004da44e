"""`parallel`: a compiled kernel as many tasks on all cores, handed out without Python.

A step of a small GAN calls some hundred kernels of less than a millisecond. Threads that sleep
between them and need Python to be told what to do next cost a tenth of a millisecond each time: as
much as the work itself. Here a thread that has nothing to do waits inside compiled code for a
moment, watching the memory where the next job is announced, and takes its tasks from there. If that
takes longer it offers its core to whoever wants it: another process, or a thread of this one that
has a task and no core.

    @parallel
    def double(task, x):                  # one task; compiled, as by `jit`
        x[task] = 2 * x[task]

    double(8, x)                          # double(0, x) ... double(7, x), on all threads

Let loops over values begin at 0, on a slice of the array if need be: an index that begins elsewhere
may be negative for all that the compiler knows, and the loop does not become vector instructions.

A task's result must not depend on the thread that runs it or on the time, and no two tasks may
write to the same place: then results do not depend on the number of threads.

The board, an array of integers that all threads see, announces one job: the address of its code and
of its arguments, the number of tasks, and the next one to be taken. A worker that sees a new job
enters it (BUSY + 1), looks again whether it is still open, takes tasks while there are any, and
leaves (BUSY - 1). The caller takes tasks too; then it closes the job and waits until BUSY is 0:
no thread reads the arguments any more, which lie on its stack.
"""

from __future__ import annotations

import atexit
import collections
import ctypes
import inspect
import os
import threading
import types as python_types

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import threads
from .jit import OPTIONS, jit

# Places on the board, one cache line (8 integers) each: threads that wait do not slow down others.
JOB, NEXT, BUSY, CODE, ARGUMENTS, COUNT, FAILED, STOP, PLACES = range(0, 9 * 8, 8)
# A thread that waits keeps its core for this many looks at the board, some 50 microseconds: as long
# as Python takes between two kernels. From then on it offers the core to others after each look.
KEEP = 2_000
# Looks at the board before a worker goes to sleep: some milliseconds, when nobody wants the core. A
# thread that is woken begins on the core of the one that woke it, and may stay there for the whole
# job.
WATCH = 12_000
ONE_TASK = 0  # instead of the number of a job
_INT = ir.IntType(64)


def _new_board() -> np.ndarray:
    return np.zeros(PLACES, np.int64)


@intrinsic
def _address_of(typing_context, array):
    """The address of the array's first element."""

    def generate(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(data, _INT)

    return types.intp(array), generate


def _atomic(operation):
    """An intrinsic (board, place, value) -> what was there before."""

    @intrinsic
    def atomic(typing_context, board, place, value):
        def generate(context, builder, signature, args):
            board, place, value = args
            pointer = builder.inttoptr(
                builder.add(board, builder.mul(place, _INT(8))), _INT.as_pointer()
            )
            return builder.atomic_rmw(operation, pointer, value, "seq_cst")

        return types.intp(types.intp, types.intp, types.intp), generate

    return atomic


_exchange = _atomic("xchg")
_add = _atomic("add")


@intrinsic
def _look(typing_context, board, place):
    """The value at a place, from memory each time."""

    def generate(context, builder, signature, args):
        board, place = args
        pointer = builder.inttoptr(
            builder.add(board, builder.mul(place, _INT(8))), _INT.as_pointer()
        )
        return builder.load_atomic(pointer, "seq_cst", 8)

    return types.intp(types.intp, types.intp), generate


@intrinsic
def _pause(typing_context):
    """Tells the core that this thread only waits, where it can be told."""

    def generate(context, builder, signature, args):
        machine = builder.module.triple.split("-")[0]
        if machine.startswith(("x86", "i386", "i686")):
            name = "llvm.x86.sse2.pause"
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
        elif machine.startswith(("aarch64", "arm64")):
            kind = ir.FunctionType(ir.VoidType(), [ir.IntType(32)])
            hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.hint")
            builder.call(hint, [ir.IntType(32)(1)])  # yield
        return context.get_dummy_value()

    return types.void(), generate


def _find_yield() -> bool:
    """Gives the operating system's "let another thread run" a name for compiled code."""
    try:
        if os.name == "nt":
            function = ctypes.WinDLL("kernel32").SwitchToThread  # type: ignore[attr-defined]
        else:
            function = ctypes.CDLL(None).sched_yield
    except (OSError, AttributeError):
        return False
    address = ctypes.cast(function, ctypes.c_void_p).value
    if address:
        llvm.add_symbol("tinygan_yield", address)
    return bool(address)


_HAS_YIELD = _find_yield()


@intrinsic
def _yield(typing_context):
    """Lets another thread run on this core, if one wants to."""

    def generate(context, builder, signature, args):
        if _HAS_YIELD:
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "tinygan_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def _call(typing_context, code, arguments, task):
    """Runs one task of a job; not 0 if it failed (which takes lack of memory)."""

    def generate(context, builder, signature, args):
        code, arguments, task = args
        kind = ir.FunctionType(_INT, [_INT, _INT])
        return builder.call(builder.inttoptr(code, kind.as_pointer()), [arguments, task])

    return types.intp(types.intp, types.intp, types.intp), generate


@intrinsic
def _job(typing_context):
    """(address of code, address of arguments) for `_call`, in a function that `parallel` wrote.

    The code calls this very function again, with the same arguments, which it finds on this stack,
    but for the first three: they say which task to run, and that it is one task.
    """

    def generate(context, builder, signature, args):
        function = builder.function
        result, error, *arguments = function.args  # in Numba's calling convention
        kinds = [argument.type for argument in arguments]
        space = cgutils.alloca_once(builder, ir.LiteralStructType(kinds))
        for i, argument in enumerate(arguments):
            builder.store(argument, cgutils.gep_inbounds(builder, space, 0, i))

        kind = ir.FunctionType(_INT, [_INT, _INT])
        code = ir.Function(builder.module, kind, f"{function.name}.task")
        code.linkage = "internal"
        inside = ir.IRBuilder(code.append_basic_block())
        place, task = code.args
        place = inside.inttoptr(place, space.type)
        again = [
            inside.load(cgutils.gep_inbounds(inside, place, 0, i)) for i in range(3, len(kinds))
        ]
        places = [inside.alloca(pointer.type.pointee) for pointer in (result, error)]
        status = inside.call(function, [*places, task, _INT(1), _INT(ONE_TASK), *again])
        inside.ret(inside.zext(inside.icmp_signed("!=", status, status.type(0)), _INT))
        addresses = [builder.ptrtoint(pointer, _INT) for pointer in (code, space)]
        return context.make_tuple(builder, signature.return_type, addresses)

    return types.UniTuple(types.intp, 2)(), generate


@jit
def _address(board):
    return _address_of(board)


@jit
def _wait(looks):
    """Between two looks at the board, after so many."""
    if looks < KEEP:
        _pause()
    else:
        _yield()


@jit
def _take_tasks(board):
    code, arguments = _look(board, CODE), _look(board, ARGUMENTS)
    count = _look(board, COUNT)
    task = _add(board, NEXT, 1)
    while task < count:
        if _call(code, arguments, task) != 0:
            _exchange(board, FAILED, 1)
        task = _add(board, NEXT, 1)


@jit
def _watch(board, seen, looks):
    """A worker: takes part in jobs until there was none for a while. The last job that it saw."""
    waited = 0
    while waited < looks and _look(board, STOP) == 0:
        job = _look(board, JOB)
        if job != 0 and job != seen:
            _add(board, BUSY, 1)
            if _look(board, JOB) == job:
                _take_tasks(board)
            _add(board, BUSY, -1)
            seen = job
            waited = 0
        else:
            _wait(waited)
            waited += 1
    return seen


@jit
def _run(board, job, first, count, code, arguments):
    _exchange(board, FAILED, 0)
    _exchange(board, CODE, code)
    _exchange(board, ARGUMENTS, arguments)
    _exchange(board, COUNT, count)
    _exchange(board, NEXT, first)
    _exchange(board, JOB, job)
    _take_tasks(board)
    _exchange(board, JOB, 0)
    looks = 0
    while _look(board, BUSY) != 0:
        _wait(looks)
        looks += 1
    return _look(board, FAILED)


class _Team:
    """The workers of one setting of the number of threads, and their board."""

    def __init__(self, workers: int):
        self.workers = workers
        self.board = _new_board()
        self.lock = threading.Lock()  # one job at a time
        self.job = 0
        self.sleeping: collections.deque[threading.Lock] = collections.deque()
        # Compiled here and not by a worker, whose compiling the end of a short program cuts off: it
        # would not be kept, and come again the next time.
        _watch(_address(self.board), 0, 0)
        for index in range(workers):
            name = f"tinygan-{index}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        alarm = threading.Lock()
        alarm.acquire()
        address, seen = _address(self.board), 0
        while True:
            seen = _watch(address, seen, WATCH)
            self.sleeping.append(alarm)
            if self.board[STOP]:
                return
            alarm.acquire()

    def wake(self) -> None:
        """A worker that just then goes to sleep misses one job, which others do without it."""
        while self.sleeping:
            self.sleeping.pop().release()

    def stop(self) -> None:
        self.board[STOP] = 1
        self.wake()


_team: _Team | None = None


def _current_team() -> _Team:
    global _team
    workers = threads.team_size() - 1
    if _team is None or _team.workers != workers:
        if _team is not None:
            _team.stop()
        _team = _Team(workers)
    return _team


def _forget_team() -> None:
    global _team
    _team = None  # a forked child has none of its parent's threads


@atexit.register
def _stop_team() -> None:
    if _team is not None:
        _team.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_team)


class parallel:
    """Compiles ``function(task, *arguments)``; the result is called as ``(tasks, *arguments)``.

    The arguments are arrays, numbers and tuples of them, by position. The call returns when all
    tasks are done. A second thread of Python that calls meanwhile does its own tasks alone.

    Raises:
        MemoryError: a task failed, which compiled kernels do for lack of memory only.
    """

    def __init__(self, function):
        self.__doc__, self.__name__ = function.__doc__, function.__name__
        names = ", ".join(list(inspect.signature(function).parameters)[1:])
        source = (
            f"def run(_first, _tasks, _number, _board, {names}):\n"
            f"    if _number == {ONE_TASK}:\n"
            f"        _kernel(_first, {names})\n"
            f"        return 0\n"
            f"    _code, _place = _job()\n"
            f"    return _run(_address_of(_board), _number, _first, _tasks, _code, _place)\n"
        )
        # Numba's cache files are named after the file, line and name of what they hold.
        code = compile(source, function.__code__.co_filename, "exec").co_consts[0]
        code = code.replace(co_firstlineno=function.__code__.co_firstlineno)
        kernel = numba.njit(inline="always", **OPTIONS)(function)
        seen = dict(_job=_job, _kernel=kernel, _run=_run, _address_of=_address_of)
        run = python_types.FunctionType(code, seen)
        run.__module__, run.__qualname__ = function.__module__, function.__qualname__
        self._run = jit(run)

    def __call__(self, tasks: int, *arguments) -> None:
        self.run_range(0, tasks, arguments)

    def run_range(self, first: int, tasks: int, arguments: tuple) -> None:
        """Runs the tasks `first` ... `tasks` - 1."""
        if tasks <= first:
            return
        team = _current_team()
        if tasks - first > 1 and team.workers and team.lock.acquire(blocking=False):
            try:
                team.wake()
                team.job += 1
                failed = self._run(first, tasks, team.job, team.board, *arguments)
            finally:
                team.lock.release()
        else:
            failed = self._run(first, tasks, 1, _new_board(), *arguments)
        if failed:
            raise MemoryError(f"a task of {self.__name__} failed")
