"""Compiled tasks on all threads: each exactly once, whoever else runs; errors are told."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest

from tinygan.kernels.cpu import parallel as module
from tinygan.kernels.cpu import threads
from tinygan.kernels.cpu.parallel import parallel


@pytest.fixture
def pool(monkeypatch):
    """Sets the number of threads, of any number of CPUs, and gives it back at the end."""
    before = threads.get_num_threads()
    monkeypatch.setattr(threads, "usable_cpus", lambda: 64)
    yield threads.set_num_threads
    monkeypatch.undo()
    threads.set_num_threads(before)


@parallel
def add_products(task, sums, numbers):
    sums[task] += task * numbers[0] + numbers[1]


@parallel
def fill(task, array, value):
    array[task] = value


@parallel
def meet(task, arrived, looks):
    """Waits until all others have come, which takes as many threads as tasks."""
    arrived[task] = 1
    for _ in range(looks):
        together = 0
        for i in range(arrived.size):
            together += module._look(module._address_of(arrived), i)
        if together == arrived.size:
            arrived[task] = 1
            return
    arrived[task] = -(1 << 20)


@parallel
def allocate(task, sizes):
    sizes[task] = np.empty(sizes[task], np.float64).size


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("tasks", [0, 1, 2, 7, 1000])
def test_every_task_is_run_once(count, tasks, pool):
    pool(count)
    for _ in range(20):
        sums = np.zeros(tasks)
        add_products(tasks, sums, (3, 0.5))
        assert (sums == 3 * np.arange(tasks) + 0.5).all()


def test_jobs_one_after_the_other_see_their_own_arguments(pool):
    pool(3)
    for value in range(3000):
        array = np.zeros(value % 13 + 1)
        fill(array.size, array, value)
        assert (array == value).all()


@pytest.mark.parametrize("count", [2, 3])
def test_tasks_run_in_as_many_threads_as_were_asked_for(count, pool):
    pool(count)
    for pause in (0, 0.05, 0):  # the second time, the workers have gone to sleep
        time.sleep(pause)
        for _ in range(100):  # a worker that was just going to sleep may miss one job
            arrived = np.zeros(count, np.int64)
            meet(count, arrived, 20_000_000 // count if pause else 2_000_000)
            if (arrived == 1).all():
                break
        assert (arrived == 1).all()


def test_a_second_caller_at_the_same_time_gets_its_own_results(pool):
    pool(3)
    wrong = []

    def call(seed):
        for i in range(500):
            array = np.zeros(20)
            fill(20, array, seed + i)
            if not (array == seed + i).all():
                wrong.append(seed + i)

    callers = [threading.Thread(target=call, args=(1000 * i,)) for i in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


@pytest.mark.parametrize("count", [1, 3])
def test_a_failing_task_is_told_after_all_others_have_ended(count, pool):
    pool(count)
    sizes = np.array([5, 1 << 60, 7, 8, 9])
    with pytest.raises(MemoryError, match="a task of allocate failed"):
        allocate(5, sizes)
    sizes[1] = 6
    allocate(5, sizes)  # the pool goes on
    assert sizes.tolist() == [5, 6, 7, 8, 9]


def workers_alive_are(count):
    for _ in range(200):
        alive = sum(thread.name.startswith("tinygan-") for thread in threading.enumerate())
        if alive == count:
            return True
        time.sleep(0.01)
    return False


def test_a_changed_number_of_threads_ends_the_old_ones(pool):
    for count in (4, 2, 1, 3):
        pool(count)
        fill(2, np.zeros(2), 1.0)
        assert workers_alive_are(count - 1)


def test_no_more_threads_are_started_than_there_are_cpus(pool, monkeypatch):
    for cpus, expected in ((2, 1), (1, 0), (4, 3)):
        monkeypatch.setattr(threads, "usable_cpus", lambda cpus=cpus: cpus)
        pool(64)
        assert threads.get_num_threads() == 64
        array = np.zeros(50)
        fill(50, array, 1.0)
        assert (array == 1).all() and workers_alive_are(expected)


def test_a_thread_that_waits_long_offers_its_core(monkeypatch):
    """The system is asked for that after KEEP looks, and not before."""
    calls = []
    count = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: calls.append(1) or 0)
    address = ctypes.cast(count, ctypes.c_void_p).value
    before = llvm.address_of_symbol("tinygan_yield")
    llvm.add_symbol("tinygan_yield", address)
    try:
        wait = numba.njit(module._wait.py_func)
        for looks in (0, module.KEEP - 1):
            wait(looks)
        assert calls == []
        wait(module.KEEP)
        assert calls == [1]
    finally:
        llvm.add_symbol("tinygan_yield", before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_its_own_workers(pool):
    pool(2)
    fill(50, np.zeros(50), 1.0)

    def child():
        array = np.zeros(50)
        fill(50, array, 3.0)
        os._exit(0 if (array == 3).all() else 1)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == 0


def test_a_program_ends_while_workers_wait():
    code = (
        "import numpy as np\n"
        "from tinygan.kernels.cpu import threads\n"
        "from tinygan.kernels.activation.cpu import leaky_relu_threads\n"
        "threads.set_num_threads(4)\n"
        "leaky_relu_threads(np.ones(1 << 18, np.float32), 0.2)\n"
        "print('done')\n"
    )
    for _ in range(3):
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
        )
        assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr
