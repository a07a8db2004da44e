"""How CUDA kernels are compiled, looked up and launched from the host's side."""

from __future__ import annotations

import threading

import needs
import numpy as np
import pytest

from tinygan.kernels.cuda import source as sources
from tinygan.kernels.cuda.ahead import Ahead
from tinygan.kernels.emulator import fake_cupy

needs.emulator()
SOURCES = {source.name: source for source in sources.sources()}

# Work ahead


def test_work_ahead_is_done_by_threads_and_once():
    todo, done = Ahead(workers=3), []

    def work(number):
        done.append((number, threading.current_thread()))
        return number * number

    for number in (*range(20), *range(20)):
        todo.add(number, lambda number=number: work(number))
    assert [todo.take(n, lambda n=n: work(n)) for n in range(20)] == [n * n for n in range(20)]
    assert sorted(number for number, _ in done) == list(range(20))
    todo.add(0, lambda: work(7))  # what was taken is forgotten
    assert todo.take(0, lambda: work(7)) == 49


def test_what_no_thread_has_begun_is_done_by_who_wants_it():
    todo, hold, begun = Ahead(workers=1), threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert hold.wait(10)
        return "slow"

    todo.add("slow", slow)
    todo.add("next", threading.current_thread)
    assert begun.wait(10)
    assert todo.take("next", threading.current_thread) is threading.current_thread()
    hold.set()
    assert todo.take("slow", lambda: "again") == "slow"
    assert Ahead(workers=0).take("x", lambda: "here") == "here"


def test_a_failure_is_told_to_who_takes_it():
    todo = Ahead(workers=1)

    def fail():
        raise ValueError("does not compile")

    for _ in range(2):
        todo.add("a", fail)
        with pytest.raises(ValueError, match="does not compile"):
            todo.take("a", fail)


def test_at_the_end_what_has_begun_is_waited_for_and_the_rest_left():
    todo, hold, begun, done = Ahead(workers=1), threading.Event(), threading.Event(), []

    def slow():
        begun.set()
        assert hold.wait(10)
        done.append("slow")

    todo.add("slow", slow)
    todo.add("never", lambda: done.append("never"))
    assert begun.wait(10)
    threading.Timer(0.05, hold.set).start()
    todo.stop()
    assert done == ["slow"]


# Sources


class Compiler:
    """In CuPy's place: modules that note what they were asked to compile, and by which thread."""

    def __init__(self):
        self.modules, self.launches = [], []

    def RawModule(self, *, code, options, name_expressions):
        (kernel,) = name_expressions
        return Module(self, code, kernel)

    def kernels(self, code):
        return sorted(kernel for text, kernel, _ in self.modules if text == code)


class Module:
    def __init__(self, compiler, code, kernel):
        self.compiler, self.code, self.kernel = compiler, code, kernel

    def get_function(self, name):
        assert name == self.kernel
        return self

    def compile(self):
        self.compiler.modules.append((self.code, self.kernel, threading.current_thread()))

    def __call__(self, grid, block, args, *, shared_mem):
        self.compiler.launches.append((self.kernel, shared_mem))


@pytest.fixture
def compiler(monkeypatch):
    with fake_cupy.installed() as cupy:
        found = Compiler()
        monkeypatch.setattr(cupy, "RawModule", found.RawModule)
        for source in SOURCES.values():
            monkeypatch.setattr(source, "_ready", {})
        yield found


def launch(name, kernel, shared_bytes=0):
    SOURCES[name].launch(kernel, (1,), (32,), (np.int32(1),), shared_bytes)


def test_a_kernel_is_compiled_alone_and_looked_up_once(compiler):
    for _ in range(3):
        launch("matmul/1_naive.cu", "matmul<float>")
    launch("matmul/1_naive.cu", "matmul<double>")
    text = SOURCES["matmul/1_naive.cu"].text
    assert [module[:2] for module in compiler.modules] == [
        (text, "matmul<float>"), (text, "matmul<double>")
    ]  # fmt: skip
    assert [kernel for kernel, _ in compiler.launches] == 3 * ["matmul<float>"] + ["matmul<double>"]


def test_the_other_kernels_of_a_step_are_compiled_ahead(compiler, monkeypatch):
    monkeypatch.setattr(sources, "ahead", Ahead(workers=2))
    launch("random/2_blocks.cu", "uniform<float>")
    launch("random/2_blocks.cu", "uniform<float>")
    for thread in sources.ahead._threads:
        thread.join()
    assert {thread.name for *_, thread in compiler.modules} >= {"tinygan compiles"}
    texts = [(text, kernel) for text, kernel, _ in compiler.modules]
    assert len(texts) == len(set(texts)) > 30  # each once
    kernels = {name: compiler.kernels(source.text) for name, source in SOURCES.items()}
    assert kernels["adam/2_fused.cu"] == ["adam<float>", "advance"]
    assert kernels["random/2_blocks.cu"] == ["normal<float>", "uniform<float>"]
    assert kernels["conv2d/6_pipeline.cu"] == ["sum_parts<float>"]
    assert kernels["conv2d/1_naive.cu"] == kernels["bench/peaks/memory.cu"] == []
    before = len(texts)
    launch("matmul/5_tensor_cores.cu", "matmul<Kind::tf32>")
    for thread in sources.ahead._threads:
        thread.join()
    new = [kernel for _, kernel, _ in compiler.modules[before:]]
    assert len(new) > 15 and all("Kind::tf32" in kernel for kernel in new)


def test_what_a_gpu_cannot_do_is_said_before_it_is_compiled(compiler, monkeypatch):
    def gpu(major, minor, shared):
        limits = {"major": major, "minor": minor, "name": b"Tesla T4",
                  "sharedMemPerBlockOptin": shared}  # fmt: skip
        monkeypatch.setattr(sources, "properties", lambda: limits)

    gpu(7, 5, 64 * 1024)
    launch("matmul/4_registers.cu", "matmul<float, 64, 64>")
    with pytest.raises(RuntimeError, match=r"matmul/5_tensor_cores\.cu: matmul<Kind::bf16> needs "
                       r"compute capability 8\.0 or later, Tesla T4 has 7\.5"):  # fmt: skip
        launch("matmul/5_tensor_cores.cu", "matmul<Kind::bf16>")
    gpu(8, 6, 60 * 1024)
    with pytest.raises(RuntimeError, match="needs 69632 bytes of shared memory in a block, Tesla "
                       "T4 has 61440"):  # fmt: skip
        launch("conv2d/6_pipeline.cu", "conv2d<Kind::tf32, 128, true>", 69632)
    gpu(8, 6, 99 * 1024)
    launch("conv2d/6_pipeline.cu", "conv2d<Kind::tf32, 128, true>", 69632)
    assert compiler.launches == [
        ("matmul<float, 64, 64>", 0), ("conv2d<Kind::tf32, 128, true>", 69632)
    ]  # fmt: skip
