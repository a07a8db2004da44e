"""The PTX wrappers as the compiler translates them, and whole kernels from their PTX.

NVRTC makes PTX of a CUDA text, kernels/emulator/ptx translates that to C++, and the emulator runs
it. Nothing here was run by a GPU.
"""

from __future__ import annotations

import functools
import re
from unittest import mock

import needs
import numpy as np
import ptx_instructions
import ptx_wrappers
import pytest

from tinygan.kernels.cuda import nvrtc
from tinygan.kernels.cuda.memory import to_device
from tinygan.kernels.cuda.source import sources
from tinygan.kernels.emulator import KernelFault, Module, cases, fake_cupy, ptx
from tinygan.kernels.emulator import __main__ as command
from tinygan.kernels.emulator.module import ORDERS
from tinygan.kernels.emulator.ptx import PtxError, PtxModule
from tinygan.kernels.ladder import convert, relative_error

needs.emulator()
needs.nvrtc()
exhaustive = pytest.mark.exhaustive


# ------------------------------------------------------------------------------- the wrappers


@functools.cache
def wrappers(checked):
    return PtxModule(
        ptx_wrappers.wrappers() + ptx_wrappers.KERNELS, ptx_wrappers.NAMES, checked=checked
    )


@pytest.mark.parametrize("kernel", ptx_wrappers.NAMES)
def test_a_wrapper_does_what_it_says(kernel, rng):
    """`groups` reads what has not arrived yet: that is a fault where accesses are checked."""
    ptx_wrappers.check(wrappers("groups" not in kernel), kernel, rng)


def test_what_has_not_arrived_is_a_fault_at_the_line_that_reads_it(rng):
    with pytest.raises(KernelFault, match="before its copy was waited for") as error:
        ptx_wrappers.check(wrappers(True), "groups<1>", rng)
    text = ptx_wrappers.wrappers() + ptx_wrappers.KERNELS
    line = int(error.value.place.removeprefix("kernel.cu:"))
    assert "buffer[i][threadIdx.x]" in text.splitlines()[line - 1]


_D = "{%0, %1, %2, %3}"
# (the wrapper, a piece of its text, what is there instead, a kernel that shows it)
WRONG = [
    ("cp_async", "16, %2;", "16;", "copy<16>"),
    ("cp_async", "16, %2;", "16, 16;", "copy<16>"),
    ("cp_async", "[%1], %2, %3;", "[%1], %2;", "copy<8>"),
    ("cp_async", "[%1], %2, %3;", "[%1], %2, %2;", "copy<4>"),
    ("cp_async", "valid ? bytes : 0", "valid ? bytes / 2 : 0", "copy<16>"),
    ("cp_async", "valid ? bytes : 0", "valid ? 0 : bytes", "copy<4>"),
    ("cp_async", "[%1], 16", "[%1 + 4], 16", "copy<16>"),
    ("shared_address", "__cvta_generic_to_shared", "reinterpret_cast<size_t>", "copy<4>"),
    ("cp_async_commit", "cp.async.commit_group;", "", "copy<8>"),
    ("cp_async_wait", "wait_group %0", "wait_group 0", "groups<1>"),
    ("cp_async_wait", "wait_group %0", "wait_group 1", "groups<0>"),
    ("cp_async_wait", "wait_group %0", "wait_all", "groups<2>"),
    ("ldmatrix", ".x4.", ".x4.trans.", "load<false>"),
    ("ldmatrix", _D, "{%0, %2, %1, %3}", "load<false>"),
    ("ldmatrix_transposed", ".trans", "", "load<true>"),
    ("ldmatrix_transposed", _D, "{%1, %0, %2, %3}", "load<true>"),
    ("to_tf32", "cvt.rna.tf32.f32", "mov.b32", "pack<0>"),
    ("to_tf32", "cvt.rna.tf32.f32 %0, %1;", "and.b32 %0, %1, 0xffffe000;", "pack<0>"),
    ("to_tf32", "cvt.rna.tf32.f32 %0, %1;",
     "{.reg .b32 x; mov.b32 x, %1; add.u32 x, x, 0xfff; and.b32 %0, x, 0xffffe000;}", "pack<0>"),
    ("pack_bf16", "%1, %2;", "%2, %1;", "pack<1>"),
    ("pack_bf16", ".rn.", ".rz.", "pack<1>"),
    ("pack_bf16", "bf16x2", "f16x2", "pack<1>"),
    ("pack_f16", "%1, %2;", "%2, %1;", "pack<2>"),
    ("pack_f16", ".rn.", ".rz.", "pack<2>"),
    ("pack_f16", "f16x2", "bf16x2", "pack<2>"),
    *((f"mma_{kind}", old, new, f"multiply<{i}>")
      for i, kind in enumerate(("tf32", "bf16", "f16"))
      for old, new in (
          ("%4, %5, %6, %7", "%4, %6, %5, %7"), ("%4, %5, %6, %7", "%5, %4, %7, %6"),
          ("{%8, %9}", "{%9, %8}"), ("{%8, %9}", "{%8, %8}"), (f"{_D};", "{%0, %2, %1, %3};"),
          (f'"{_D},', '"{%2, %3, %0, %1},'), ('"+f"', '"=f"'), ("mma.sync", "// mma.sync"))),
    ("mma_bf16", ".bf16.bf16", ".f16.f16", "multiply<1>"),
    ("mma_f16", ".f16.f16", ".bf16.bf16", "multiply<2>"),
]  # fmt: skip
# What NVIDIA's assembler would not take: (the wrapper, a piece of its text, instead, the complaint)
REFUSED = [
    ("cp_async", "[%0], [%1], 16", "[%1], [%0], 16", r"a register of \.b32, where \.u64"),
    ("cp_async", "cp.async.ca", "cp.async.cg", r"cp\.async\.cg does not copy 4 bytes"),
    ("cp_async", "cp.async.cg.shared.global", "cp.async.cg.shared", "not known"),
    ("cp_async_wait", "wait_group %0", "wait_group", "1 operands are expected, got 0"),
    ("ldmatrix", ".x4.", ".x2.", "should be 2 registers"),
    ("ldmatrix", "{%0, %1, %2, %3}, [%4]", "{%0, %1, %2, %3}, %4", "no address"),
    ("to_tf32", ".rna.", ".rn.", "not known"),
    ("to_tf32", "cvt.rna.tf32.f32 %0, %1", "cvt.rna.tf32.f32 %0", "2 operands are expected"),
    ("pack_bf16", ", %2", "", "3 operands are expected, got 2"),
    ("mma_tf32", "m16n8k8", "m16n8k16", "no such shape with these types"),
    ("mma_bf16", "m16n8k16", "m16n8k8", "no such shape with these types"),
    ("mma_f16", "{%8, %9}", "{%8}", "should be 2 registers"),
    ("mma_f16", ".f16.f16.f32", ".f16.f16.f16", "not known"),
]  # fmt: skip


def edited(wrapper, old, new):
    """The text of ptx.cuh with a change in one wrapper."""
    text = ptx_wrappers.wrappers()
    begin = re.search(rf"\b{wrapper}\(", text).start()
    end = text.index("\n}", begin)
    body = text[begin:end]
    assert old in body, f"{wrapper} has no {old!r}: it reads {body}"
    return text[:begin] + body.replace(old, new) + text[end:]


def module_of(changes, checked):
    """A module with a namespace for each change: "wrong_3::copy<16>"."""
    parts, names = [], []
    for i, (*change, kernel) in enumerate(changes):
        parts.append(f"namespace wrong_{i} {{ {edited(*change)} {ptx_wrappers.KERNELS} }}")
        names.append(f"wrong_{i}::{kernel}")
    return PtxModule("\n".join(parts), names, checked=checked)


@functools.cache
def wrong(checked):
    return module_of(WRONG, checked)


@pytest.mark.parametrize("number", range(len(WRONG)), ids=lambda i: " ".join(WRONG[i]))
def test_a_wrong_asm_text_is_found(number, rng):
    kernel = f"wrong_{number}::{WRONG[number][-1]}"
    with pytest.raises((AssertionError, KernelFault)):
        ptx_wrappers.check(wrong("groups" not in kernel), kernel, rng)


@pytest.mark.parametrize(("wrapper", "old", "new", "message"), REFUSED)
def test_an_asm_text_that_cannot_be_assembled_is_refused(wrapper, old, new, message):
    kernels = [name for name in ptx_wrappers.NAMES if name != "groups<2>"]
    with pytest.raises(PtxError, match=rf"^line \d+ of the PTX: .*{message}"):
        PtxModule(edited(wrapper, old, new) + ptx_wrappers.KERNELS, kernels)


def test_constant_memory_is_refused():
    """Its values would come from the host."""
    text = """
    __constant__ float factor;
    __global__ void kernel(float* x) { x[0] *= factor; }"""
    with pytest.raises(PtxError, match="factor: constant memory is not known"):
        PtxModule(text, ["kernel"])


def test_an_unknown_instruction_is_named_with_its_line():
    text = """
    __global__ void kernel(unsigned* x) {
      asm volatile("brev.b32 %0, %0;" : "+r"(x[0]));
    }"""
    with pytest.raises(PtxError) as error:
        PtxModule(text, ["kernel"])
    found = re.match(r"line (\d+) of the PTX: this instruction is not known: brev\.b32 %r",
                     str(error.value))  # fmt: skip
    assert found, error.value
    code = nvrtc.compile_ptx(text, ["kernel"]).text.splitlines()
    assert "brev.b32" in code[int(found[1]) - 1]


# --------------------------------------------------------------------------- other instructions


@functools.cache
def instructions():
    """The arguments, and for each row of the table the 8 bytes that its instruction wrote."""
    n = 1024
    given = ptx_instructions.arguments(np.random.default_rng(0), n)
    out = np.zeros((len(ptx_instructions.ROWS), n), np.uint64)
    module = PtxModule(ptx_instructions.text(), ["kernel"])
    module.launch("kernel", (8,), (128,), [*given.values(), out, np.int32(n)])
    return given, out


@pytest.mark.parametrize(
    "number", range(len(ptx_instructions.ROWS)), ids=lambda i: ptx_instructions.ROWS[i][0]
)
def test_an_instruction_computes_what_the_manual_says(number):
    _, registers, function = ptx_instructions.ROWS[number]
    given, out = instructions()
    with np.errstate(all="ignore"):
        expected = function(*(given[c][k] for k, c in enumerate(registers[1:])))
    found = ptx_instructions.result(out[number], registers[0])
    if registers[0] in "fd":
        assert expected.dtype == found.dtype
        here = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found[here]), np.signbit(expected[here]))
    else:
        expected = expected.astype(expected.dtype.str.replace("|b1", "u4")).view(found.dtype)
    np.testing.assert_array_equal(found, expected)


SHUFFLES = """
__global__ void kernel(const unsigned* x, unsigned* out) {
  const int t = threadIdx.x;
  const unsigned all = 0xffffffff, v = x[t];
  out[t] = __shfl_sync(all, v, 5);
  out[32 + t] = __shfl_sync(all, v, t + 3, 8);
  out[64 + t] = __shfl_up_sync(all, v, 3, 16);
  out[96 + t] = __shfl_down_sync(all, v, 3, 16);
  out[128 + t] = __shfl_xor_sync(all, v, 5);
  out[160 + t] = __shfl_xor_sync(all, v, 5, 4);
}"""


def test_shuffles_are_those_of_the_emulator(rng):
    """Their arguments are turned into those of shfl.sync by the compiler's own header."""
    x = rng.integers(0, 2**32, 32, np.uint32)
    results = []
    for kind in (Module, PtxModule):
        out = np.zeros(192, np.uint32)
        kind(SHUFFLES, ["kernel"], checked=True).launch("kernel", (1,), (32,), [x, out])
        results.append(out)
    np.testing.assert_array_equal(*results)
    lanes = np.arange(32)
    down = np.where(lanes % 16 < 13, lanes + 3, lanes)
    np.testing.assert_array_equal(results[1][96:128], x[down])


FAULTS = f"""#line 1 "cuda/ptx.cuh"
{ptx_wrappers.wrappers()}
#line 1 "kernel.cu"
""" + """__global__ void copy(const int* x) {
  __shared__ int buffer[32];
  ptx::cp_async<4>(buffer + threadIdx.x, x + threadIdx.x + 1);
  ptx::cp_async_commit();
  ptx::cp_async_wait<0>();
}
__global__ void race(int* x) {
  __shared__ int buffer[32];
  buffer[threadIdx.x] = x[threadIdx.x];
  x[threadIdx.x] = buffer[31 - threadIdx.x];
}
__global__ void stray(int* x) { x[threadIdx.x + 1] = 0; }
__global__ void dynamic(int* x, int n) {
  extern __shared__ int numbers[];
  for (int i = threadIdx.x; i < n; i += 32) numbers[i] = x[i];
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += 32) x[i] = numbers[n - 1 - i];
}
__global__ void divergent(int* x) {
  if (threadIdx.x < 16) __syncwarp();
  x[threadIdx.x] = 1;
}
__global__ void unset(float* x) {
  float y;
  asm volatile("// %0 is not written" : "=f"(y));
  x[threadIdx.x] = y;
}"""


@functools.cache
def faults():
    names = ["copy", "race", "stray", "dynamic", "divergent", "unset"]
    return PtxModule(FAULTS, names, checked=True)


@pytest.mark.parametrize(
    ("kernel", "kind", "line"),
    [("copy", "out of bounds", 3), ("race", "race", 10), ("stray", "out of bounds", 12),
     ("divergent", "deadlock", 20)],
)
def test_the_emulator_watches_ptx_too(kernel, kind, line):
    """At the kernel's line, where it calls a wrapper of ptx.cuh."""
    with pytest.raises(KernelFault, match=kind) as error:
        faults().launch(kernel, (1,), (32,), [np.zeros(32, np.int32)])
    assert error.value.place == f"kernel.cu:{line}"


@pytest.mark.parametrize("order", ORDERS)
def test_dynamic_shared_memory(order, rng):
    x = rng.integers(0, 100, 1000).astype(np.int32)
    out = x.copy()
    faults().launch("dynamic", (1,), (32,), [out, np.int32(1000)], shared_bytes=4000, order=order)
    np.testing.assert_array_equal(out, x[::-1])
    with pytest.raises(KernelFault, match="out of bounds"):
        faults().launch("dynamic", (1,), (32,), [out, np.int32(1000)], shared_bytes=3996)


def test_a_register_that_nothing_has_written_is_nan():
    x = np.zeros(32, np.float32)
    faults().launch("unset", (1,), (32,), [x])
    assert np.isnan(x).all()


def test_arguments_are_compared_with_the_sizes_of_parameters():
    x = np.zeros(32, np.int32)
    with pytest.raises(TypeError, match=r"parameter 1 has 4 bytes, got .* of 8"):
        faults().launch("dynamic", (1,), (32,), [x, np.int64(3)])
    with pytest.raises(TypeError, match="dynamic has 2 parameters, got 1"):
        faults().launch("dynamic", (1,), (32,), [x])


# -------------------------------------------------------------------------------- whole kernels


def smallest(source, rung):
    """The case of a rung with the least work that is not empty."""
    return next(case for case in cases.by_source()[source]
                if case.rung.name == rung and case.flops and not case.large)  # fmt: skip


def result_of(case, run, order="forward"):
    """What a rung returns, computed with kernels that `run` installs."""
    args, options = cases.draw(case.ladder, case.ladder.shapes[case.case], "float32")
    with run(checked=True, order=order):
        return case.rung(*convert(args, to_device), **options).get()


TENSOR_CORES = [
    ("matmul/5_tensor_cores.cu", "tf32"), ("matmul/5_tensor_cores.cu", "bf16"),
    ("matmul/5_tensor_cores.cu", "fp16"), ("matmul/6_pipeline.cu", "tf32 pipeline"),
    ("matmul/6_pipeline.cu", "bf16 pipeline"), ("matmul/6_pipeline.cu", "fp16 pipeline"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "rung"), TENSOR_CORES)
def test_rungs_on_tensor_cores_give_from_ptx_what_the_emulator_gives(source, rung):
    """Bit by bit: both sum products in float64, in one order, and round once."""
    case = smallest(source, rung)
    expected = result_of(case, fake_cupy.installed)
    for order in ORDERS:
        np.testing.assert_array_equal(result_of(case, ptx.installed, order), expected)
    reference = cases.reference(case.ladder, case.case, "float32")
    assert 0 < relative_error(expected, reference) <= cases.bound(case.rung, "float32")


# Kernels with functions of the compiler's library, shuffles and structures among them.
QUICK = {"adam/2_fused.cu", "average/1_fused.cu", "reduction/2_parts.cu",
         "cross_entropy/2_block.cu"}  # fmt: skip


def _covering(source):
    """Cases that launch all of a file's kernels, the smaller first. Of those that differ in the
    kind of factors alone, one: each kind's wrappers are tested above, and g++ needs minutes."""
    seen: set = set()
    for case in cases.by_source()[source]:
        own = {re.sub(r"Kind::\w+", "Kind", kernel)
               for file, kernel in case.kernels if file == source}  # fmt: skip
        if case.flops and not own <= seen:
            seen |= own
            yield case


@pytest.mark.parametrize("dtype", list(cases.BOUND))
@pytest.mark.parametrize(
    "source", [pytest.param(s.name, marks=() if s.name in QUICK else exhaustive) for s in sources()]
)
def test_kernels_are_right_from_their_ptx(source, dtype):
    for case in _covering(source):
        if dtype == "float32" or case.rung.precision is None:
            with ptx.installed(checked=case.flops <= cases.MOST_CHECKED_FLOPS):
                assert case.error(dtype) <= cases.bound(case.rung, dtype), str(case)


def test_the_command_runs_ptx(monkeypatch, capsys):
    with mock.patch.object(nvrtc, "compile_ptx", wraps=nvrtc.compile_ptx) as compiled:
        monkeypatch.setattr("sys.argv", ["emulator", "add_all/1", "--ptx", "--check"])
        assert command.main() == 0
    assert [call.args[1] for call in compiled.call_args_list] == [["add_all<float>"]]
    text = capsys.readouterr().out
    assert text.count("  ok ") >= 3 and "FAULT" not in text and "WRONG" not in text
