"""A launch ends whatever its kernel does, and Python goes on: assertions, crashes, Ctrl-C."""

from __future__ import annotations

import subprocess
import sys

import needs
import numpy as np
import pytest

from tinygan.kernels.emulator import KernelFault, Module

needs.cpp_compiler()

ENDS = """
#include <exception>
__device__ __noinline__ float deep(const float* x, int n) {
  volatile float frame[64];
  frame[0] = n;
  return n ? deep(x, n - 1) + frame[0] : x[0];
}
__global__ void asserts(const float* x, float* out) {
  assert(x[threadIdx.x] <
         3.0f);
  out[threadIdx.x] = x[threadIdx.x];
}
__global__ void aborts(const float* x, float* out) {
  if (threadIdx.x == 3) abort();
}
__global__ void traps(const float* x, float* out) {
  if (threadIdx.x == 3) __trap();
}
__global__ void breaks(const float* x, float* out) {
  if (threadIdx.x == 3) __builtin_trap();
}
__global__ void terminates(const float* x, float* out) {
  if (threadIdx.x == 3) std::terminate();
}
__global__ void recurses(const float* x, float* out) {
  if (threadIdx.x == 3) out[0] = deep(x, 1 << 24);
}
__global__ void fills_its_stack(const float* x, float* out) {
  volatile float many[100000];  // touched by the first call
  if (threadIdx.x == 3) many[0] = x[0];
  if (threadIdx.x == 3) out[0] = many[0];
}
__global__ void goes_on(const float* x, float* out) { out[threadIdx.x] = 2.0f * x[threadIdx.x]; }
"""
KINDS = {
    "asserts": ("assert", "x[threadIdx.x] < 3.0f", 9),
    "aborts": ("crash", "abort()", None),
    "traps": ("trap", "__trap", 17),
    "breaks": ("crash", "impossible", 20),
    "terminates": ("crash", "abort()", None),
    "recurses": ("stack overflow", "256 KiB", None),
    "fills_its_stack": ("stack overflow", "256 KiB", 30),
}


@pytest.mark.parametrize("checked", [False, True])
def test_what_ends_a_kernel_is_a_fault_of_its_line_and_thread(checked):
    module = Module(ENDS, [*KINDS, "goes_on"], name="ends.cu", checked=checked)
    x, out = np.arange(8, dtype=np.float32), np.zeros(8, np.float32)
    for kernel, (kind, message, line) in KINDS.items():
        with pytest.raises(KernelFault) as caught:
            module.launch(kernel, (1,), (8,), [x, out])
        fault = caught.value
        assert fault.kind == kind and message in fault.message, fault
        thread = 0 if kernel == "fills_its_stack" else 3
        assert f"thread ({thread},0,0) of block (0,0,0)" in fault.message
        assert line is None or fault.place == f"ends.cu:{line}", fault
        module.launch("goes_on", (1,), (8,), [x, out])
        np.testing.assert_array_equal(out, 2 * x)


def test_assertions_vanish_where_they_are_turned_off():
    module = Module(ENDS, ["asserts"], options=("-DNDEBUG",))
    x, out = np.arange(8, dtype=np.float32), np.zeros(8, np.float32)
    module.launch("asserts", (1,), (8,), [x, out])
    np.testing.assert_array_equal(out, x)


# The kernel spins without a barrier, between barriers, in functions of the host's library, or is
# launched again and again. Prints "later" when a launch after the interrupted one was right.
INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
from tinygan.kernels.emulator import Module

text = '''
__global__ void spins(const float* x, float* out) {
  while (*(volatile const float*)x < 5.0f) {}
}
__global__ void meets(const float* x, float* out) {
  while (*(volatile const float*)x < 5.0f) __syncthreads();
}
__global__ void computes(const float* x, float* out) {
  float v = x[threadIdx.x];
  while (*(volatile const float*)x < 5.0f) v = cosf(v);
  out[threadIdx.x] = v;
}
__global__ void copies(const float* x, float* out) { out[threadIdx.x] = x[threadIdx.x]; }
'''
kernels = ["spins", "meets", "computes", "copies"]
x, out = np.ones(32, np.float32), np.zeros(32, np.float32)

def interrupt():
    time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)

def interrupted(launch):
    threading.Thread(target=interrupt).start()
    try:
        launch()
    except KeyboardInterrupt:
        return True

for checked in (False, True):
    module = Module(text, kernels, checked=checked)
    for kernel in kernels[:3]:
        assert interrupted(lambda: module.launch(kernel, (1,), (32,), [x, out])), kernel
        out[:] = 0
        module.launch("copies", (1,), (32,), [x, out])
        assert (out == 1).all()

def forever():
    while True:
        module.launch("copies", (1,), (32,), [x, out])
assert interrupted(forever)
time.sleep(0.01)  # a second interrupt would come here

signal.signal(signal.SIGINT, lambda *_: print("own handler"))
assert interrupted(lambda: module.launch("spins", (1,), (32,), [x, out]))
print("later")
"""


def test_ctrl_c_ends_a_launch_and_nothing_else():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True,
                          timeout=60)  # fmt: skip
    assert (done.returncode, done.stdout.split("\n")) == (0, ["own handler", "later", ""]), done
