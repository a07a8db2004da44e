"""Every .cu compiles for every architecture, without spills and within its recorded limits."""

from __future__ import annotations

import functools
import json

import pytest

from tinygan.kernels.cuda import nvrtc
from tinygan.kernels.cuda.source import HERE, sources
from tinygan.kernels.cuda.tensor_cores import KINDS, SIDES, pipeline_bytes
from tinygan.kernels.emulator.fake_cupy.device import LIMITS

try:
    nvrtc.compiler()
except nvrtc.NvrtcError as error:
    pytest.skip(str(error), allow_module_level=True)

RECORD = json.loads(nvrtc.RECORD.read_text())


exhaustive = pytest.mark.exhaustive
# The quick tests compile the first and the last kernel of each file, for the oldest architecture.
QUICK = nvrtc.ARCHITECTURES[0]
CHOICES = [
    pytest.param(source, architecture, few, id=f"{source.name}-{architecture}-{label}",
                 marks=() if few else exhaustive)
    for source in sources()
    for architecture in nvrtc.ARCHITECTURES
    for few, label in ((True, "few"), (False, "all"))
    if not few or architecture == QUICK
]  # fmt: skip


def chosen(source, few):
    ends = dict.fromkeys([source.kernels[0], source.kernels[-1]])
    return list(ends) if few else source.kernels


@functools.cache
def compiled(source, architecture, few):
    return nvrtc.compile_text(
        source.text, chosen(source, few), architecture, name=source.name, options=source.options
    )


@pytest.mark.parametrize(("source", "architecture", "few"), CHOICES)
def test_a_source_compiles_within_its_limits(source, architecture, few):
    cubin, resources, _ = compiled(source, architecture, few)
    assert cubin[:4] == b"\x7fELF"
    assert few or set(resources) == set(source.kernels)
    for kernel in chosen(source, few):
        needs = resources[kernel]
        assert needs.spills == 0, kernel
        registers, shared, stack, _ = RECORD[source.name][kernel][architecture]
        # Another compiler may need a few registers more; twice as many is another kernel.
        assert needs.registers <= registers + 16 and needs.registers <= 255, kernel
        assert needs.shared <= shared and needs.stack <= stack, kernel


# Of the instruction for each kind of factors.
TENSOR_CORES = {
    "tf32": "HMMA.1688.F32.TF32", "bf16": "HMMA.16816.F32.BF16", "f16": "HMMA.16816.F32",
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "architecture", "few"),
    [choice for choice in CHOICES if choice.values[1] in ("sm_80", "sm_90")
     and choice.values[0].name.endswith(("tensor_cores.cu", "pipeline.cu"))],
)  # fmt: skip
def test_rungs_on_tensor_cores_use_them_and_copy_16_bytes_at_a_time(source, architecture, few):
    """What the text asks for by inline PTX is in the machine code; and pairs are stored as one."""
    try:
        nvrtc.nvdisasm()
    except nvrtc.NvrtcError as error:
        pytest.skip(str(error))
    instructions = nvrtc.instructions(compiled(source, architecture, few))
    assert any("Kind::" in kernel for kernel in instructions)
    for kernel, counts in instructions.items():
        kind = next((kind for kind in TENSOR_CORES if f"Kind::{kind}" in kernel), None)
        if kind is None:
            continue
        assert counts[TENSOR_CORES[kind]] >= 8, kernel
        pipeline = "pipeline" in source.name
        if pipeline:
            assert counts["LDGSTS.E.BYPASS.128"] >= 4, kernel
            # The gradient of a weight may also lie in the order in which pairs are no neighbours.
            ones = 32 if "weight_grad" in kernel else 0
            assert counts["STG.E.64"] >= 16 and counts["STG.E"] in (ones, 2 * ones), kernel
        if (not pipeline and "chains" not in kernel) or (kind == "tf32" and "true" in kernel):
            assert counts["LDSM.16.M88.4"] >= 4, kernel


def test_every_cu_file_is_a_source_and_recorded():
    files = {str(path.relative_to(HERE)) for path in HERE.rglob("*.cu")}
    assert {source.name for source in sources()} == files == set(RECORD)


def test_every_block_fits_in_the_shared_memory_of_every_architecture():
    """What the compiler sets aside, and what the pipelines ask for at their launch. RTX cards
    (sm_86, sm_89, sm_120) have less than half of what an H100 has."""
    asked = max(
        pipeline_bytes(kind, side, a, b)
        for kind in KINDS for side in SIDES for a in (True, False) for b in (True, False)
    )  # fmt: skip
    assert asked > 48 * 1024  # so that it must be asked for
    for name, kernels in RECORD.items():
        dynamic = asked if "pipeline" in name else 0
        for kernel, by_architecture in kernels.items():
            for (major, minor), (kilobytes, *_) in LIMITS.items():
                recorded = [int(a[3:]) for a in by_architecture if int(a[3:]) <= 10 * major + minor]
                static = by_architecture[f"sm_{max(recorded)}"][1]
                assert static + dynamic <= 1024 * kilobytes, (name, kernel, major, minor)


def test_what_does_not_compile_says_where():
    with pytest.raises(nvrtc.NvrtcError, match=r"wrong\.cu\(2\): error"):
        nvrtc.compile_text("__global__ void k() {\n  nothing();\n}", ["k"], "sm_80",
                           name="wrong.cu")  # fmt: skip


def test_spills_are_seen():
    """A kernel with far more values than the 32 registers that it may have."""
    text = """
    __global__ void __launch_bounds__(1024, 2) k(const float* x, float* y, int n) {
      float v[64];
      for (int i = 0; i < 64; i++) v[i] = x[i * n + threadIdx.x];
      __syncthreads();
      for (int i = 0; i < 64; i++) y[i * n + threadIdx.x] = v[63 - i] * v[(7 * i + 3) % 64];
    }"""
    _, resources, _ = nvrtc.compile_text(text, ["k"], "sm_80")
    assert resources["k"].spills > 0
