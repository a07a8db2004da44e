"""The parameters of kernels as the compiler lays them out, and what the host passes for them."""

from __future__ import annotations

import functools
from unittest import mock

import needs
import numpy as np
import pytest

from tinygan.kernels.cuda import nvrtc
from tinygan.kernels.cuda.memory import to_device
from tinygan.kernels.cuda.source import HERE, Source, expand, sources
from tinygan.kernels.emulator import cases, fake_cupy
from tinygan.kernels.emulator.ptx import PtxModule, layouts
from tinygan.kernels.ladder import convert

needs.emulator()
needs.nvrtc()


@functools.cache
def launches():
    """{(file, kernel): the arguments of a launch}, from the cases of all ladders in both dtypes.
    Nothing is run."""
    found = {}

    def note(source, kernel, grid, block, args, shared_bytes=0):
        found.setdefault((source.name, kernel), args)

    everything = {id(case): case for each in cases.by_source().values() for case in each}
    with mock.patch.object(Source, "launch", note), fake_cupy.installed():
        for case in everything.values():
            for dtype in cases.BOUND if case.rung.precision is None else ("float32",):
                args, options = cases.draw(case.ladder, case.ladder.shapes[case.case], dtype)
                with cases.large_tiles(case.large):
                    case.rung(*convert(args, to_device), **options)
    return found


def size_and_alignment(arg):
    """Of an address, a number or a structure: structures are aligned as their members."""
    if isinstance(arg, fake_cupy.ndarray):
        return 8, 8
    dtype = np.asarray(arg).dtype
    return dtype.itemsize, dtype.alignment


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_arguments_fit_the_parameters(source):
    """-G compiles without optimisation, a third of the time; parameters do not depend on it."""
    compiled = nvrtc.compile_ptx(
        source.text, source.kernels, name=source.name, options=[*source.options, "-G"]
    )
    found = layouts(compiled.text)
    for kernel in source.kernels:
        args = launches()[source.name, kernel]  # a KeyError: no case launches it
        parameters = found[compiled.symbols[kernel]]
        assert [(p.bytes, p.alignment) for p in parameters] == [
            size_and_alignment(arg) for arg in args
        ], kernel


# Kernels that write every member of a structure, as 8 bytes each.
PROBE = """
template <typename Bits, typename T>
__device__ void put(unsigned long long*& to, T value) {
  Bits bits;
  static_assert(sizeof bits == sizeof value);
  memcpy(&bits, &value, sizeof bits);
  *to++ = bits;
}
template <typename T> struct BitsOf { using type = unsigned; };
template <> struct BitsOf<double> { using type = unsigned long long; };
template <> struct BitsOf<long long> { using type = unsigned long long; };
"""
TABLE_PROBE = """
template <typename T>
__global__ void members(const __grid_constant__ Table<T> table, unsigned long long* to) {
  for (int i = 0; i < most_entries; i++) {
    for (auto* address : table.lists.entries[i].at) put<unsigned long long>(to, address);
    put<unsigned long long>(to, table.lists.entries[i].size);
    put<unsigned>(to, table.lists.entries[i].first_block);
    put<unsigned>(to, table.lists.entries[i].aligned);
  }
  put<unsigned>(to, table.lists.count);
"""
SHAPE_PROBE = "__global__ void members(Shape table, unsigned long long* to) {\n"
ADAM = ["beta1", "one_minus_beta1", "beta2", "one_minus_beta2", "eps"]
SHAPE = [*"nhwcpqkrs", "stride_h", "stride_w", "top", "left",
         *(f"weight_{name}" for name in "kcrs")]  # fmt: skip
# (file, kernel, which of its parameters, the structure's members besides the lists)
STRUCTURES = [
    *((f"{name}.cu", f"{name.split('/')[0]}<{dtype}>", 0, names)
      for name, names in (("adam/2_fused", ADAM), ("add_all/1_fused", []),
                          ("average/1_fused", ["decay"]))
      for dtype in ("float", "double")),
    ("conv2d/1_naive.cu", "conv2d<float>", 4, SHAPE),
]  # fmt: skip


@pytest.mark.parametrize(("file", "kernel", "number", "names"), STRUCTURES)
def test_a_structure_has_its_members_where_the_host_puts_them(file, kernel, number, names, rng):
    dtype = launches()[file, kernel][number].dtype
    assert set(dtype.names) - {"lists"} == set(names)
    table = rng.integers(1, 255, dtype.itemsize, np.uint8).view(dtype).reshape(())  # and padding
    expected = []
    if "lists" in dtype.names:
        for entry in table["lists"]["entries"]:
            expected += [bits(x) for x in entry["at"]]
            expected += [bits(entry[name]) for name in ("size", "first_block", "aligned")]
        expected.append(bits(table["lists"]["count"]))
    expected += [bits(table[name]) for name in names]
    out = np.zeros(len(expected), np.uint64)

    template = "<" + kernel.partition("<")[2] if "lists" in dtype.names else ""
    probe = PROBE + (TABLE_PROBE if template else SHAPE_PROBE)
    for name in names:
        probe += f"put<typename BitsOf<decltype(table.{name})>::type>(to, table.{name});\n"
    module = PtxModule(expand(HERE / file) + probe + "}", [f"members{template}"], name=file)
    module.launch(f"members{template}", (1,), (1,), [table, out])
    np.testing.assert_array_equal(out, np.array(expected, np.uint64))


def bits(number):
    return int(np.asarray(number).view(f"u{number.itemsize}")[()])
