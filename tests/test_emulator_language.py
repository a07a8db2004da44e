"""Declarations and options as NVRTC takes them: dynamic shared memory, variables of the text."""

from __future__ import annotations

import re

import needs
import numpy as np
import pytest

from tinygan.kernels.cuda import nvrtc
from tinygan.kernels.emulator import EmulatorError, KernelFault, Module, build, language

needs.cpp_compiler()


def nvrtc_or_none():
    try:
        nvrtc.compiler()
        return nvrtc.compile_text
    except nvrtc.NvrtcError:
        return None


SHARED = {  # how dynamic shared memory is declared: an element of it, which is set to 3
    "extern __shared__ float s[];": "s[1]",
    "extern __shared__ unsigned char s[];": "s[4]",
    "extern __shared__ volatile float s[];": "s[1]",
    "extern volatile __shared__ float s[];": "s[1]",
    "__shared__ extern float s[];": "s[1]",
    "extern __shared__ float4 s[];": "s[1].x",
    "extern __shared__ unsigned long long s[];": "s[1]",
    "extern __shared__ __align__(16) float s[];": "s[1]",
    "extern __align__(16) __shared__ float s[];": "s[1]",
    "extern __shared__ float __align__(16) s[];": "s[1]",
    "extern __shared__ float s[] __align__(16);": "s[1]",
    "extern __shared__ float s alignas(16) [];": "s[1]",
    "alignas(16) extern __shared__ float s[];": "s[1]",
    "extern __shared__ float __attribute__((aligned(16))) s[];": "s[1]",
    "extern __shared__ float a[], s[];": "s[1]",
    "extern __shared__ float s[][8];": "s[1][2]",
    "extern __shared__ float s[64];": "s[1]",
    "extern __shared__ float s;": "s",
    "extern __shared__ float2 *a, s[];": "s[1].y",
    "extern __shared__ pair<int, float> s[];": "s[1].second",
    "extern __shared__ // of a block\n  float\n  s[];": "s[1]",
}


def test_dynamic_shared_memory_is_declared_as_nvrtc_takes_it():
    lines = ["template <class A, class B> struct pair { A first; B second; };",
             "extern __shared__ int global[];"]  # fmt: skip
    names = ["global_one"]
    lines.append("__global__ void global_one(float* out) { global[1] = 3; out[0] = global[1]; }")
    for i, (declaration, element) in enumerate(SHARED.items()):
        names.append(f"kernel_{i}")
        declaration, element = (re.sub(r"\b([as])\b", rf"\g<1>{i}", part)
                                for part in (declaration, element))  # fmt: skip
        lines.append(f"__global__ void kernel_{i}(float* out) {{ {declaration}\n"
                     f"  {element} = 3;\n  out[0] = {element}; }}")  # fmt: skip
    text = "\n".join(lines)
    kernels = Module(text, names, checked=True)
    for name in names:
        out = np.zeros(1, np.float32)
        kernels.launch(name, (2,), (1,), [out], shared_bytes=256)
        assert out[0] == 3, name
        if name != "kernel_17":  # the one that touches the very first bytes
            with pytest.raises(KernelFault, match="out of bounds"):
                kernels.launch(name, (1,), (1,), [out], shared_bytes=2)
    if compile_text := nvrtc_or_none():
        compile_text(text, names, "sm_80")


def test_other_declarations_are_refused_with_what_is_expected():
    for wrong in ("extern __shared__ float (*s)[];", "extern __shared__ float (&s)[4];"):
        with pytest.raises(EmulatorError, match=r"^a\.cu:2: dynamic shared .* got 'float"):
            build.host_text(f"__global__ void kernel() {{\n  {wrong} }}", "a.cu", [])
    for wrong in ("static int n[4] = {1};", "static unsigned n, m = f(3);", "volatile static T n;"):
        with pytest.raises(EmulatorError, match=r"^a\.cu:2: a static variable .* write __device__"):
            build.host_text(f"__global__ void kernel() {{\n  {wrong} }}", "a.cu", [])


VARIABLES = """
__constant__ float table[4];
static __constant__ int whole[3] = {1, 2, 3};  // __constant__ int no[3];
const __constant__ double wide = 0.5;
__constant__ const float odd[2] = {5.0f, 6.0f}, even[] = {7.0f, 8.0f};
extern "C" __constant__ __align__(16) float aligned[6];
namespace { __constant__ float2 pairs[2][2] = {{{1, 2}, {3, 4}}}; }
__device__ unsigned count = 4;
__device__ volatile float result[2];
static __device__ const float fixed[2] = {9.0f, 10.0f};
constexpr __constant__ float ten = 10.0f;
struct Three { static constexpr int value = 3; static __device__ int get() { return value; } };
static __device__ int three() { static const int n = Three::value; return n; }
struct Shape { int n; __device__ int size() const { return n; } };
__constant__ Shape shape;
__device__ float square(float x) { return x * x; }
template <int n> __device__ inline float times(float x) { return n * x; }
"""
KERNEL = """
__global__ void kernel(float* out, int i) {
  const float4 four = *reinterpret_cast<const float4*>(aligned);
  out[0] = table[i] + whole[i] + wide + odd[1] + even[1] + four.x + pairs[0][1].y + fixed[i];
  out[1] = ten + shape.size() + square(3.0f) + times<2>(1.0f);
  out[2] = count++;
  result[1] = 2.0f;
  out[3] = result[1];
}
"""


def test_variables_of_a_text():
    kernel = Module(VARIABLES + KERNEL, ["kernel"], checked=True)
    kernel.constant("table").view(np.float32)[:] = 100
    kernel.constant("aligned").view(np.float32)[:] = 1000
    kernel.constant("shape").view(np.int32)[:] = 7
    for count in (4, 5):
        out = np.zeros(4, np.float32)
        kernel.launch("kernel", (1,), (1,), [out, np.int32(1)])
        np.testing.assert_array_equal(out, [1130.5, 28, count, 2])
    assert kernel.constant("count").view(np.uint32)[0] == 6
    # Another module of the same text has its own.
    other = Module(VARIABLES + KERNEL, ["kernel"], checked=True)
    assert other.constant("count").view(np.uint32)[0] == 4
    assert not other.constant("table").any()
    with pytest.raises(KeyError):
        kernel.constant("missing")
    if compile_text := nvrtc_or_none():
        compile_text(VARIABLES + KERNEL, ["kernel"], "sm_80")
    _, found = language.for_host(VARIABLES, "a.cu")
    assert [v.name for v in found if not v.constant] == ["count", "result"]


@pytest.mark.parametrize(
    ("index", "message"),
    [(4, "read of 4 bytes, 0 bytes past the end of __constant__ second (16 bytes), thread"),
     (-1, "read of 4 bytes, 4 bytes before __constant__ second (16 bytes), thread"),
     (70, "read of 4 bytes, 264 bytes past the end of __constant__ second (16 bytes), thread"),
     (3, None)],
)  # fmt: skip
def test_an_index_past_a_constant_is_out_of_bounds_even_if_others_follow(index, message):
    text = """
    __constant__ float first[64];
    __constant__ float second[4];
    __constant__ float third[64];
    __global__ void kernel(float* out, int i) {
      out[0] = first[1] + third[63];
      out[1] = second[i];
    }"""
    kernel = Module(text, ["kernel"], name="a.cu", checked=True)
    arguments = [np.zeros(2, np.float32), np.int32(index)]
    if message is None:
        kernel.launch("kernel", (1,), (1,), arguments)
        return
    with pytest.raises(KernelFault, match=r"out of bounds at a\.cu:7") as caught:
        kernel.launch("kernel", (1,), (1,), arguments)
    assert caught.value.message.startswith(message)


def test_an_index_past_an_array_names_it_and_the_index():
    text = "__global__ void kernel(const double* x, float* y, int i) { y[i] = x[1]; }"
    kernel = Module(text, ["kernel"], checked=True)
    for index, message in [
        (8, "write of 4 bytes, 0 bytes past the end of parameter 1 (32 bytes), index 8"),
        (-3, "write of 4 bytes, 12 bytes before parameter 1 (32 bytes), index -3"),
    ]:
        with pytest.raises(KernelFault) as caught:
            kernel.launch("kernel", (1,), (1,), [np.ones(2), np.zeros(8, np.float32),
                                                 np.int32(index)])  # fmt: skip
        assert caught.value.message.startswith(message)


@pytest.mark.parametrize("head", ["", "template <typename T>"])
def test_an_index_around_shared_memory_is_out_of_bounds(head):
    """Nothing of the compiler's or the linker's lies beside what the text declares."""
    kind, name = ("T", "kernel<float>") if head else ("float", "kernel")
    text = f"""{head} __global__ void kernel({kind}* out, int i) {{
      __shared__ {kind} s[13];
      s[threadIdx.x] = 1;
      if (threadIdx.x == 0) s[i] = 2;
      __syncthreads();
      out[threadIdx.x] = s[threadIdx.x];
    }}"""
    kernel = Module(text, [name], name="a.cu", checked=True)
    for index in (-1, -4, -8, -12, -13, -16, -1000, 13, 14, 15, 16, 17, 1000):
        where = (f"{-4 * index} bytes before" if index < 0 else
                 f"{4 * index - 52} bytes past the end of")  # fmt: skip
        with pytest.raises(KernelFault, match=r"out of bounds at a\.cu:4") as caught:
            kernel.launch(name, (1,), (13,), [np.zeros(13, np.float32), np.int32(index)])
        message = f"write of 4 bytes, {where} shared memory (52 bytes), thread (0,0,0)"
        assert caught.value.message.startswith(message)
    out = np.zeros(13, np.float32)
    kernel.launch(name, (1,), (13,), [out, np.int32(0)])
    np.testing.assert_array_equal(out, [2] + 12 * [1])


def test_bytes_of_shared_memory_are_counted_from_its_first():
    text = """__global__ void kernel(float* out, int i) {
      __shared__ float s[16];
      if (threadIdx.x < 8) s[threadIdx.x] = 1;
      __syncthreads();
      out[threadIdx.x] = s[threadIdx.x + i];
    }"""
    kernel = Module(text, ["kernel"], checked=True)
    with pytest.raises(KernelFault) as caught:
        kernel.launch("kernel", (1,), (8,), [np.zeros(8, np.float32), np.int32(8)])
    assert caught.value.message.startswith("shared memory, byte 32 is read and was never written")


FIVE = ["-D", "X=5"]
OPTIONS = [  # as NVRTC takes them: as g++ does
    (("-D", "X=5"), FIVE), (("-DX=5",), FIVE), (("-D=X=5",), FIVE), (("-D X=5",), FIVE),
    (("--define-macro=X=5",), FIVE), (("--define-macro", "X=5"), FIVE),
    (("-U", "X", "-DX=5"), ["-U", "X", *FIVE]), (("-DX=5", "-UY"), [*FIVE, "-U", "Y"]),
    (("-DX=5", "--undefine-macro=Y"), [*FIVE, "-U", "Y"]),
    (("-DX=5", "--undefine-macro", "Y"), [*FIVE, "-U", "Y"]),
    (("-I", "FOLDER", "-DX=5"), ["-I", "FOLDER", *FIVE]),
    (("-IFOLDER", "-DX=5"), ["-I", "FOLDER", *FIVE]),
    (("--include-path=FOLDER", "-DX=5"), ["-I", "FOLDER", *FIVE]),
    (("--include-path", "FOLDER", "-DX=5"), ["-I", "FOLDER", *FIVE]),
    (("--pre-include=FOLDER/five.h",), ["-include", "FOLDER/five.h"]),
    (("-include", "FOLDER/five.h"), ["-include", "FOLDER/five.h"]),
    (("-DX=5", "-std=c++14"), [*FIVE, "-std=c++17"]),
    (("-DX=5", "--std=c++20"), [*FIVE, "-std=c++20"]),
    (("-DX=5", "--use_fast_math", "-lineinfo", "--maxrregcount=32"), FIVE),
]  # fmt: skip


def test_options_are_taken_as_nvrtc_takes_them(tmp_path):
    (tmp_path / "five.h").write_text("#define X 5\n")
    text = "__global__ void kernel(int* out) { out[0] = X; }"
    for given, expected in OPTIONS:
        options, made = ([part.replace("FOLDER", str(tmp_path)) for part in parts]
                         for parts in (given, expected))  # fmt: skip
        assert build.host_options(options) == made
        if compile_text := nvrtc_or_none():
            compile_text(text, ["kernel"], "sm_80", options=[o for o in options if "std" not in o])
    for options in (made, ["-I", str(tmp_path), "--pre-include=five.h", "--std=c++20"]):
        out = np.zeros(1, np.int32)
        Module(text, ["kernel"], options=options).launch("kernel", (1,), (1,), [out])
        assert out[0] == 5


def test_an_option_without_its_value_is_named():
    for options in (["-D"], ["-DX", "--include-path"], ["-U"]):
        with pytest.raises(EmulatorError, match=f"option '{options[-1]}' needs a value"):
            build.host_options(options)


def test_the_architecture_is_800_unless_an_option_says_so():
    text = "__global__ void kernel(int* out) { out[0] = __CUDA_ARCH__; }"
    for options, expected in (([], 800), (["-arch=sm_90"], 900),
                              (["--gpu-architecture=compute_120"], 1200)):  # fmt: skip
        out = np.zeros(1, np.int32)
        Module(text, ["kernel"], options=options).launch("kernel", (1,), (1,), [out])
        assert out[0] == expected


def test_macros_of_the_host_are_there_after_its_headers_only():
    """NVRTC knows none of them: a kernel that needs one must say where it is from."""
    for name in ("INFINITY", "NAN", "M_PI", "FLT_MAX", "INT_MAX", "CUDART_PI_F"):
        text = f"__global__ void kernel(double* out) {{ out[0] = {name}; }}"
        with pytest.raises(EmulatorError, match=name):
            Module(text, ["kernel"])
        if compile_text := nvrtc_or_none():
            with pytest.raises(nvrtc.NvrtcError, match=f'identifier "{name}" is undefined'):
                compile_text(text, ["kernel"], "sm_80")
    text = """
    #include <cmath>
    #include <cfloat>
    #include <math_constants.h>
    __global__ void kernel(double* out) {
      out[0] = INFINITY > 1.0f ? M_PI - CUDART_PI : NAN;
      out[1] = CUDART_INF_F > FLT_MAX;
    }"""
    out = np.ones(2)
    Module(text, ["kernel"]).launch("kernel", (1,), (1,), [out])
    np.testing.assert_array_equal(out, [0, 1])
