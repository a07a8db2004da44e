"""How a launch ends that does not come to its end: by Ctrl-C, an assertion, a crash."""

from __future__ import annotations

import subprocess
import sys

import needs
import numpy as np
import pytest

from tinygan.kernels.emulator import KernelFault, Module

needs.cpp_compiler()

SPINS = ["volatile int go = 1; while (go) {}", "float v = 0; while (true) v = expf(v) - x[0];",
         "while (true) out[threadIdx.x] = x[threadIdx.x];", "while (true) __syncthreads();",
         "while (true) x[__shfl_sync(~0u, 1, 0)];", 'while (true) printf("");',
         "while (true) __threadfence();", "while (true) atomicAdd(out, 1.0f);"]  # fmt: skip
INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
from tinygan.kernels.emulator import Module

head = "__global__ void kernel_%d(const float* x, float* out) { %s }"
texts = [*eval(sys.argv[1]), "out[threadIdx.x] = 2 * x[threadIdx.x];"]
names = [f"kernel_{i}" for i in range(len(texts))]
x, out = np.ones(32, np.float32), np.zeros(32, np.float32)
signal.signal(signal.SIGINT, signal.default_int_handler)
for checked in (False, True):
    kernels = Module("\\n".join(map(head.__mod__, enumerate(texts))), names, checked=checked)
    for name in names[:-1]:
        start = time.monotonic()
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            kernels.launch(name, (1,), (32,), [x, out])
        except KeyboardInterrupt:
            print("ended" if time.monotonic() - start < 20 else "late")
        time.sleep(0.01)  # where a second KeyboardInterrupt would come
    kernels.launch(names[-1], (1,), (32,), [x, out])
    print(out.sum())
"""


def test_control_c_ends_a_kernel_that_does_not_end():
    """In a process of its own, which can be ended if this fails."""
    command = [sys.executable, "-c", INTERRUPTED, repr(SPINS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.stderr == ""
    assert done.stdout.split() == 2 * [*["ended"] * len(SPINS), "64.0"]


ENDS = {  # what a kernel does: the fault, on line 3
    "assert(x[0] > 1.0f);": r"assert at end\.cu:3: x\[0\] > 1\.0f, thread \(0,0,0\)",
    "__trap();": r"trap at end\.cu:3: __trap\(\) was called",
    "abort();": r"crash: abort\(\) was called, thread \(0,0,0\) of block \(0,0,0\)",
    "std::vector<int>().at(3);": r"crash: the host's library has called abort\(\), thread",
    "out[0] = deep(100000000);": r"stack overflow at end\.cu:\d: more than 256 KiB of local",
    "volatile int a[30000]; out[0] = a[x[0] < 9 ? 5 : 0] + deep(9999999);":
        r"stack overflow at end\.cu:\d",
    "__builtin_trap();": r"crash at end\.cu:3: the end of a path",
}  # fmt: skip


@pytest.mark.parametrize("checked", [False, True])
def test_what_would_end_the_process_is_a_fault(checked, capfd):
    lines = ["#include <vector>", "__device__ int deep(int n) {",
             "  volatile int a[64];", "  a[n % 64] = n;",
             "  return n ? deep(n - 1) + a[3] : 0; }"]  # fmt: skip
    for i, statement in enumerate([*ENDS, ""]):
        lines += [f'#line 2 "end.cu"\n__global__ void kernel_{i}(const float* x, float* out) {{',
                  f"  {statement}\n  out[threadIdx.x] = x[0]; }}"]  # fmt: skip
    names = [f"kernel_{i}" for i in range(len(ENDS) + 1)]
    kernels = Module("\n".join(lines), names, name="end.cu", checked=checked)
    x = np.ones(1, np.float32)
    for name, message in zip(names, ENDS.values(), strict=False):
        for _ in range(2):  # the second time, too
            with pytest.raises(KernelFault, match=f"^{name}: {message}"):
                kernels.launch(name, (1,), (2,), [x, np.zeros(2, np.float32)])
    out = np.zeros(2, np.float32)
    kernels.launch(names[-1], (1,), (2,), [x, out])
    assert (out == 1).all()
    capfd.readouterr()  # what the library has said about its own end


def test_assertions_that_hold_and_those_that_are_switched_off():
    text = "__global__ void kernel(float* out) { assert(out[0] == 0.0f); out[0] = 1.0f; }"
    out = np.zeros(1, np.float32)
    kernel = Module(text, ["kernel"])
    kernel.launch("kernel", (1,), (1,), [out])
    with pytest.raises(KernelFault, match="assert"):
        kernel.launch("kernel", (1,), (1,), [out])
    Module(text, ["kernel"], options=["-DNDEBUG"]).launch("kernel", (1,), (1,), [out])
    Module("#include <assert.h>\n#include <cstdlib>\n" + text, ["kernel"])


def test_what_is_printed_is_there_after_the_launch(capfd):
    text = """
    __global__ void kernel(int n) {
      printf("%d of %d\\n", threadIdx.x, n);
      if (threadIdx.x == 0) printf("%s %5.2f\\n", "text", 2.5);
    }"""
    Module(text, ["kernel"], checked=True).launch("kernel", (1,), (2,), [np.int32(7)])
    assert capfd.readouterr().out == "0 of 7\ntext  2.50\n1 of 7\n"
