"""Declarations and options: the emulator takes what NVIDIA's run-time compiler takes."""

from __future__ import annotations

import needs
import numpy as np
import pytest

from tinygan.kernels.cuda import nvrtc
from tinygan.kernels.emulator import EmulatorError, Module

needs.cpp_compiler()

# Declarations of a variable s of shared memory, of which element [1] is written and read.
SHARED = [
    "extern __shared__ float s[];",
    "extern __shared__ unsigned char s[];",
    "extern __shared__ unsigned long long s[];",
    "extern __shared__ volatile float s[];",
    "extern volatile __shared__ float s[];",
    "volatile extern __shared__ float s[];",
    "__shared__ extern float s[];",
    "extern __shared__ __align__(16) unsigned char s[];",
    "extern __shared__ unsigned char __align__(16) s[];",
    "extern __align__(16) __shared__ unsigned char s[];",
    "alignas(16) extern __shared__ unsigned char s[];",
    "extern __shared__ unsigned char s alignas(16) [];",
    "extern __shared__ float s[] __attribute__((aligned(16)));",
    "extern __shared__ /* of the launch */ float\n s[ /* no size */ ];",
    "extern __shared__ float s[32];",
    "extern __shared__ int t[], s[];",
    "extern __shared__ float t[]; extern __shared__ float s[];",
    "__shared__ alignas(16) float s[4];",
    "alignas(16) __shared__ float s[4];",
    "__shared__ float __align__(16) s[4];",
    "static __shared__ float s[4];",
    "volatile __shared__ float s[4];",
]
# Others, each with a statement that gives out[0] the value 2.
OTHERS = [
    "extern __shared__ float4 s[]; s[1].y = 2; out[0] = s[1].y;",
    "extern __shared__ float s[][4]; s[1][2] = 2; out[0] = s[1][2];",
    "extern __shared__ float* s[]; s[1] = out; *s[1] = 2;",
    "extern __shared__ Pair<float, int> s[]; s[1].a = 2; out[0] = s[1].a;",
    "extern __shared__ struct One s[]; s[1].a = 2; out[0] = s[1].a;",
    "extern __shared__ float s; s = 2; out[0] = s;",
    "extern __shared__ float s[]; auto f = [&](int i) { return s[i]; }; s[1] = 2; out[0] = f(1);",
    "extern __shared__ float s[]; extern __shared__ unsigned t[]; s[1] = 2; "
    "out[0] = t[1] == 0x40000000u ? 2 : 1;",
    "extern __shared__ const float s[]; out[0] = s == nullptr ? 1 : 2;",
    "whole[1] = 2; out[0] = whole[1];",
    "inside::whole[1] = 2; out[0] = inside::whole[1];",
]
SHARED_TEXT = (
    "template <class A, class B> struct Pair { A a; B b; };\nstruct One { int a; };\n"
    "extern __shared__ float whole[];\nnamespace inside { extern __shared__ float whole[]; }\n"
)


def shared_text() -> tuple[str, list[str]]:
    """All of them; each in a namespace, as one name has one type in all of CUDA's."""
    bodies = [f"{each} s[1] = 2; out[0] = s[1];" for each in SHARED] + OTHERS
    text, names = SHARED_TEXT, []
    for i, body in enumerate(bodies):
        text += f"namespace n{i} {{ __global__ void kernel(float* out) {{ {body} }} }}\n"
        names.append(f"n{i}::kernel")
    text += "template <class T> __global__ void of(float* out) {\n"
    text += "  extern __shared__ T s[];\n  s[1] = 2; out[0] = s[1];\n}\n"
    return text, [*names, "of<double>"]


@pytest.mark.parametrize("checked", [False, True])
def test_shared_memory_is_declared_in_all_of_cudas_ways(checked):
    text, kernels = shared_text()
    module = Module(text, kernels, checked=checked)
    for kernel in kernels:
        out = np.zeros(1, np.float32)
        module.launch(kernel, (1,), (1,), [out], shared_bytes=64)
        assert out[0] == 2, kernel


def test_nvrtc_takes_them_too():
    needs.nvrtc()
    nvrtc.compile_text(*shared_text(), "sm_80")


def test_a_declaration_that_cannot_be_read_is_refused_with_its_line():
    text = """
    // extern __shared__ in a comment is nothing
    __global__ void kernel(float* out) {
      extern __shared__ float s[]{};
    }"""
    with pytest.raises(EmulatorError, match=r"odd\.cu:4: .*extern __shared__ T name\[\];"):
        Module(text, ["kernel"], name="odd.cu")


VALUE = """
#ifndef X
#define X 3
#endif
__global__ void kernel(float* out) { out[0] = X; }"""
OPTIONS = {
    ("-DX=1",): 1, ("-D", "X=1"): 1, ("-D X=1",): 1, ("--define-macro=X=1",): 1,
    ("--define-macro", "X=1"): 1, ("-DX",): 1, ("-DX=1", "-UX"): 3, ("-DX=1", "-U", "X"): 3,
    ("-DX=1", "--undefine-macro=X"): 3, ("-DX=1", "--undefine-macro", "X"): 3,
    ("-I", "/", "-DX=1"): 1, ("-I/", "-DX=1"): 1, ("--include-path=/", "-DX=1"): 1,
    ("--include-path", "/", "-DX=1"): 1, ("--std=c++14", "-DX=1"): 1, ("-std=c++17", "-DX=1"): 1,
    ("-std=c++20", "-DX=__cplusplus>201703"): 1, ("--use_fast_math", "-DX=1"): 1,
    ("-lineinfo", "-DX=1"): 1, ("--maxrregcount=32", "-DX=1"): 1,
    ("--maxrregcount", "32", "-DX=1"): 1, ("-Xptxas", "-v", "-DX=1"): 1,
    ("-default-device", "-DX=1"): 1, ("--fmad=false", "-DX=1"): 1, ("-G", "-DX=1"): 1,
    ("-w", "-DX=1"): 1,
}  # fmt: skip



def test_options_mean_what_they_mean_to_nvrtc():
    for options, expected in OPTIONS.items():
        out = np.zeros(1, np.float32)
        Module(VALUE, ["kernel"], options=options).launch("kernel", (1,), (1,), [out])
        assert out[0] == expected, options


def test_nvrtc_takes_the_same_options():
    needs.nvrtc()
    for options in OPTIONS:
        if "-G" in options:
            continue  # NVRTC takes it, and then compiles everything after it differently
        nvrtc.compile_text(VALUE, ["kernel"], "sm_80", options=options)
