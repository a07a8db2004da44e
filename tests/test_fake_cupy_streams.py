"""The fake CuPy's streams, events and captures follow CUDA's rules."""

from __future__ import annotations

import contextlib
import time

import needs
import numpy as np
import pytest
from emulated import in_thread

from tinygan.kernels.emulator import fake_cupy

needs.emulator()


@pytest.fixture
def cupy():
    with fake_cupy.installed() as module:
        yield module


def test_events_have_times_once_they_were_waited_for(cupy):
    cuda = cupy.cuda
    first, second, never = cuda.Event(), cuda.Event(), cuda.Event()
    with pytest.raises(cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidResourceHandle"):
        cuda.get_elapsed_time(first, never)
    first.record()
    time.sleep(0.02)
    second.record()
    assert not first.done and not second.done and never.done
    with pytest.raises(cuda.runtime.CUDARuntimeError, match="cudaErrorNotReady"):
        cuda.get_elapsed_time(first, second)
    second.synchronize()
    assert first.done and second.done
    assert 20 <= cuda.get_elapsed_time(first, second) < 20_000
    untimed = cuda.Event(disable_timing=True)
    untimed.record()
    untimed.synchronize()
    with pytest.raises(cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidResourceHandle"):
        cuda.get_elapsed_time(first, untimed)
    with pytest.raises(ValueError, match="Timing must be disabled for interprocess events"):
        cuda.Event(interprocess=True)


def test_a_graph_repeats_the_work_of_its_stream(cupy, rng):
    stream, x = cupy.cuda.Stream(non_blocking=True), cupy.zeros(3)
    other = cupy.zeros(3)
    with stream:
        stream.begin_capture()
        assert stream.is_capturing() and not cupy.cuda.Stream.null.is_capturing()
        y = x * 2 + 1
        z = cupy.where(y > 3, y, -y)[::-1]
        x += 1
        total = z.sum()
        with cupy.cuda.Stream(non_blocking=True):  # is not captured
            other += 1
        graph = stream.end_capture()
    assert not stream.is_capturing()
    assert x.tolist() == [0, 0, 0] and other.tolist() == [1, 1, 1]
    x[...] = cupy.asarray([0.0, 1.0, 2.0])
    for step in range(3):
        graph.launch()
        values = 2 * (np.arange(3) + step) + 1
        expected = np.where(values > 3, values, -values)[::-1]
        np.testing.assert_array_equal(z.get(), expected)
        assert float(total) == expected.sum()
    graph.upload()
    graph.launch(stream=stream)
    np.testing.assert_array_equal(x.get(), np.arange(3) + 4)
    assert other.tolist() == [1, 1, 1]


def test_a_graph_can_be_a_part_of_another(cupy):
    x, stream = cupy.zeros(2), cupy.cuda.Stream(non_blocking=True)
    graphs, made = [], []
    for _ in range(2):
        with stream:
            stream.begin_capture()
            if graphs:
                graphs[0].launch()
            made.append(x * 3)
            x += 1
            graphs.append(stream.end_capture())
        assert x.tolist() == [0, 0]
        graphs[0].launch()
        assert made[0].tolist() == [0, 0]
        x -= 1
    x += 5
    graphs[0].launch()
    assert made[0].tolist() == [15, 15] and x.tolist() == [6, 6]
    with stream:
        stream.begin_capture()
        graphs[1].launch()
        whole = stream.end_capture()
    assert made[0].tolist() == [15, 15] and x.tolist() == [6, 6]
    whole.launch()
    assert made[0].tolist() == [18, 18] and made[1].tolist() == [21, 21] and x.tolist() == [8, 8]


def test_other_threads_work_on_while_one_captures(cupy):
    """The current stream is each thread's own."""
    stream, x, y = cupy.cuda.Stream(non_blocking=True), cupy.zeros(2), cupy.zeros(2)

    def work():
        assert cupy.cuda.get_current_stream() is cupy.cuda.Stream.null
        y.__iadd__(cupy.asarray([1.0, 2.0]))
        return y.tolist()

    with stream:
        stream.begin_capture()
        x += 1
        assert in_thread(work) == [1, 2]
        assert cupy.cuda.get_current_stream() is stream
        graph = stream.end_capture()
    assert y.tolist() == [1, 2] and x.tolist() == [0, 0]
    graph.launch()
    assert y.tolist() == [1, 2] and x.tolist() == [1, 1]
    with stream:
        stream.begin_capture(cupy.cuda.runtime.streamCaptureModeThreadLocal)
        assert in_thread(work) == [2, 4]
        stopped = in_thread(stream.end_capture)
        assert stopped.status == 908
        stream.end_capture()


def test_what_a_capture_refuses(cupy):
    stream, x, mask = cupy.cuda.Stream(non_blocking=True), cupy.ones(3), cupy.ones(3, "?")
    d2h, h2d = "so D2H transfers are disallowed", "so H2D transfers are disallowed"
    with stream:
        stream.begin_capture()
        for call, message in (
            (x.get, d2h), (x[0].item, d2h), (x.tolist, d2h), (lambda: float(x[0]), d2h),
            (lambda: bool(x[0]), d2h), (x.nonzero, d2h), (lambda: x[mask], d2h),
            (lambda: x.__setitem__(mask, 1), d2h), (lambda: cupy.where(mask), d2h),
            (lambda: cupy.asarray([1.0]), h2d), (lambda: cupy.array(np.ones(2)), h2d),
            (lambda: x.set(np.ones(3)), h2d), (lambda: x[[0, 1]], h2d), (lambda: repr(x), d2h),
        ):  # fmt: skip
            with pytest.raises(RuntimeError, match=message):
                call()
        with pytest.raises(NotImplementedError, match="cuBLAS API during stream capture"):
            cupy.ones((2, 2)) @ cupy.ones((2, 2))
        y = cupy.asarray(2.0) * x  # a number becomes an argument
        graph = stream.end_capture()  # CuPy itself refused: nothing is lost
    graph.launch()
    assert y.tolist() == [2, 2, 2]


@pytest.mark.parametrize("call", [
    lambda cupy, stream: stream.synchronize(), lambda cupy, stream: stream.done,
    lambda cupy, stream: cupy.cuda.Device().synchronize(),
    lambda cupy, stream: stream.add_callback(print, 1),
    lambda cupy, stream: cupy.cuda.runtime.deviceSynchronize(),
])  # fmt: skip
def test_waiting_for_a_capture_ends_it(cupy, call):
    stream, x = cupy.cuda.Stream(non_blocking=True), cupy.zeros(2)
    with stream:
        stream.begin_capture()
        x += 1
        with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="CaptureUnsupported") as found:
            call(cupy, stream)
        assert found.value.status == 900
        with pytest.raises(RuntimeError, match="an error has invalidated the capture"):
            stream.is_capturing()
        with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="CaptureInvalidated"):
            x += 1
        with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="CaptureInvalidated"):
            stream.end_capture()
    assert x.tolist() == [0, 0] and not stream.is_capturing()


def test_the_default_stream_and_a_blocking_one_that_captures(cupy):
    """The default stream waits for blocking streams, and so breaks their captures."""
    error = cupy.cuda.runtime.CUDARuntimeError
    with pytest.raises(RuntimeError, match="cannot capture on the default"):
        cupy.cuda.Stream.null.begin_capture()
    stream, x = cupy.cuda.Stream(), cupy.zeros(2)
    for call in (lambda: x.__iadd__(1), lambda: cupy.cuda.Event().record(), lambda: x.get()):
        stream.begin_capture()
        with pytest.raises(error, match="cudaErrorStreamCaptureImplicit"):
            call()
        with pytest.raises(error, match="CaptureInvalidated"):
            stream.end_capture()
    with pytest.raises(error, match="cudaErrorIllegalState"):
        stream.end_capture()
    stream.begin_capture()
    with pytest.raises(error, match="cudaErrorIllegalState"):
        stream.begin_capture()
    stream.end_capture()


def test_events_carry_a_capture_to_other_streams(cupy):
    cuda, x, y = cupy.cuda, cupy.zeros(2), cupy.zeros(2)
    one, two = (cuda.Stream(non_blocking=True) for _ in range(2))
    outside = one.record()
    one.begin_capture()
    fork = one.record()
    two.wait_event(fork)
    assert two.is_capturing()
    with two:
        y += 1
    with one:
        x += 2
    for unsafe in (fork.synchronize, lambda: fork.done, lambda: cuda.get_elapsed_time(fork, fork)):
        with pytest.raises(cuda.runtime.CUDARuntimeError, match="cudaErrorCapturedEvent"):
            unsafe()
    with pytest.raises(cuda.runtime.CUDARuntimeError, match="cudaErrorStreamCaptureUnmatched"):
        two.end_capture()
    with pytest.raises(cuda.runtime.CUDARuntimeError):
        one.end_capture()
    assert not two.is_capturing() and x.tolist() == y.tolist() == [0, 0]
    for joined in (False, True):
        one.begin_capture()
        two.wait_event(one.record())
        with two:
            y += 1
            join = two.record()
        if not joined:
            with pytest.raises(cuda.runtime.CUDARuntimeError, match="CaptureUnjoined"):
                one.end_capture()
            continue
        one.wait_event(join)
        graph = one.end_capture()
    graph.launch()
    assert y.tolist() == [1, 1] and not two.is_capturing()
    one.begin_capture()
    with pytest.raises(cuda.runtime.CUDARuntimeError, match="CaptureIsolation"):
        one.wait_event(outside)
    with pytest.raises(cuda.runtime.CUDARuntimeError):
        one.end_capture()
    one.begin_capture()
    two.begin_capture()
    with pytest.raises(cuda.runtime.CUDARuntimeError, match="CaptureMerge"):
        two.wait_event(one.record())
    one.end_capture()
    with pytest.raises(cuda.runtime.CUDARuntimeError, match="CaptureInvalidated"):
        two.end_capture()


def test_unsafe_calls_depend_on_the_mode(cupy):
    cuda = cupy.cuda
    modes = [cuda.runtime.streamCaptureModeRelaxed, cuda.runtime.streamCaptureModeThreadLocal,
             cuda.runtime.streamCaptureModeGlobal]  # fmt: skip
    errors = []
    for mode in modes:
        for where in (lambda call: call(), in_thread):
            stream, pool = cuda.Stream(non_blocking=True), cuda.MemoryPool()
            stream.begin_capture(mode)
            try:
                errors.append(isinstance(where(lambda: pool.malloc(100)), RuntimeError))  # noqa: B023
            except cuda.runtime.CUDARuntimeError as error:
                errors.append(error.status == 900)
            with contextlib.suppress(cuda.runtime.CUDARuntimeError):
                stream.end_capture()
    assert errors == [False, False, True, False, True, True]


def test_functions_of_the_host_are_called_by_the_graph(cupy):
    stream, seen = cupy.cuda.Stream(non_blocking=True), []
    stream.launch_host_func(seen.append, 1)
    stream.add_callback(lambda *args: seen.append(args), 2)
    assert seen == [1, (stream, 0, 2)]
    stream.begin_capture()
    stream.launch_host_func(seen.append, 3)
    graph = stream.end_capture()
    assert len(seen) == 2
    graph.launch()
    assert seen[2:] == [3]
    with pytest.raises(NotImplementedError, match="must be created via stream capture"):
        cupy.cuda.Graph()


def test_streams(cupy):
    cuda = cupy.cuda
    null = cuda.Stream.null
    assert null == cuda.Stream(null=True) and null.ptr == 0 and hash(null) == 0
    first, second = cuda.Stream(), cuda.Stream(non_blocking=True, priority=-99)
    assert first != second and first.priority == 0 and second.priority == -5
    assert second.is_non_blocking and not first.is_non_blocking
    with first:
        with second:
            assert cuda.get_current_stream() is second
            assert in_thread(cuda.get_current_stream) is null
        assert cuda.get_current_stream() is first
        second.use()
        assert cuda.get_current_stream() is second
    assert cuda.get_current_stream() is null
    assert second.use() is second and cuda.get_current_stream() is second
    null.use()
    with second:
        cupy.ones(3)
    assert not second.done and first.done
    second.synchronize()
    assert second.done
    untimed = cuda.Event(disable_timing=True)
    second.record(untimed)
    assert not untimed.done
    cuda.Device().synchronize()
    assert untimed.done and second.done
