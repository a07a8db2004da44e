"""Every .cu compiles for every architecture, without spills and within its recorded limits."""

from __future__ import annotations

import json

import pytest

from tinygan.kernels import nvrtc
from tinygan.kernels.cuda import HERE, sources

try:
    nvrtc.compiler()
except nvrtc.NvrtcError as error:
    pytest.skip(str(error), allow_module_level=True)

RECORD = json.loads(nvrtc.RECORD.read_text())


@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_a_source_compiles_within_its_limits(source, architecture):
    cubin, resources = nvrtc.compile_text(
        source.text, source.kernels, architecture, name=source.name, options=source.options
    )
    assert cubin[:4] == b"\x7fELF"
    assert set(resources) == set(source.kernels)
    for kernel, needs in resources.items():
        assert needs.spills == 0, kernel
        registers, shared, stack, _ = RECORD[source.name][kernel][architecture]
        # Another compiler may need a few registers more; twice as many is another kernel.
        assert needs.registers <= registers + 16 and needs.registers <= 255, kernel
        assert needs.shared <= shared and needs.stack <= stack, kernel


def test_every_cu_file_is_a_source_and_recorded():
    files = {str(path.relative_to(HERE)) for path in HERE.rglob("*.cu")}
    assert {source.name for source in sources()} == files == set(RECORD)


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
    _, resources = nvrtc.compile_text(text, ["k"], "sm_80")
    assert resources["k"].spills > 0
