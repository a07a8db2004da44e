"""CUDA's functions in the emulator: NVRTC judges their types, float64 and exact numbers their
values."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import cuda_functions as table
import needs
import pytest

from tinygan.kernels.cuda import nvrtc
from tinygan.kernels.emulator import Module, build

needs.cpp_compiler()

SMALL = {"half": ("__half", "cuda_fp16.h"), "bfloat16": ("__nv_bfloat16", "cuda_bf16.h")}
SAME = """
template <class A, class B> struct same { enum { value = 0 }; };
template <class A> struct same<A, A> { enum { value = 1 }; };
template <class T> __device__ T make();
"""


def types_text(accepted, refused, variables, head=""):
    """A text whose assertions fail where a call has another type, or is taken and should not be.

    What must not compile is asked by overloads: the first of the two is there if the call is."""
    lines = [head, SAME, "__global__ void kernel() {"]
    lines += [f"  {kind} {name};" for name, kind in variables.items()]
    lines += [f'  static_assert(same<decltype({call}), {kind}>::value, "{call}: {kind}");'
              for call, kind in accepted.items() if '"' not in call]  # fmt: skip
    tests = []
    for number, call in enumerate(refused):
        words = re.split(r"\b(\w+)\b(?!\()", call)
        used = [v for v in variables if v in words]
        made = "".join(f"make<{w.upper()}&>()" if w in used else w for w in words)
        classes = ", ".join(f"class {v.upper()}" for v in used)
        head_of_test = f"template <{classes}> __device__"
        tests += [f"{head_of_test} auto takes_{number}(int) -> decltype(({made}), int());",
                  f"{head_of_test} char takes_{number}(long);"]  # fmt: skip
        kinds = ", ".join(variables[v] for v in used)
        lines.append(f"  static_assert(sizeof(takes_{number}<{kinds}>(0)) == 1, "
                     f'"{call} is refused");')  # fmt: skip
    return "\n".join([head, SAME, *tests, *lines[2:], "}"])


def in_both(text, options=()):
    Module(text, ["kernel"], checked=False)
    try:
        nvrtc.compiler()
    except nvrtc.NvrtcError as error:
        pytest.skip(str(error))
    nvrtc.compile_text(text, ["kernel"], "sm_80", options=options)


def test_types_are_those_of_nvrtc():
    in_both(types_text(table.accepted(), table.refused(), table.VARIABLES))


def test_each_call_that_nvrtc_refuses_is_an_error_here():
    """On its line. (g++ only warns of some ambiguous calls, and not where it asks for a type.)"""
    calls = table.refused()
    variables = " ".join(f"{kind} {name};" for name, kind in table.VARIABLES.items())
    lines = ["__global__ void kernel() {", variables, *(f"{call};" for call in calls), "}"]
    text = "\n".join(lines)
    with pytest.raises(build.EmulatorError) as caught:
        Module(text, ["kernel"], name="refused.cu")
    found = set(re.findall(r"refused\.cu:(\d+):\d+: error", str(caught.value)))
    assert [call for i, call in enumerate(calls) if str(i + 3) not in found] == []


def test_a_wrong_type_is_seen():
    for row in ({"abs(f)": "double"}, {"exp(f)": "double"}):
        with pytest.raises(build.EmulatorError, match=r"static assertion failed: \w+\(f\): double"):
            in_both(types_text(row, [], table.VARIABLES))
    with pytest.raises(build.EmulatorError, match=r"static assertion failed: exp\(f\) is refused"):
        in_both(types_text({}, ["exp(f)"], table.VARIABLES))


def folder_with(header):
    """Of NVIDIA's own headers, which NVRTC's package does not have."""
    roots = [Path("/usr/local/cuda/include"), *Path("/usr/local").glob("cuda-*/include")]
    spec = importlib.util.find_spec("nvidia")
    for root in (spec.submodule_search_locations or []) if spec else []:
        roots += [*Path(root).glob("*/include")]
    return next((root for root in roots if (root / header).is_file()), None)


@pytest.mark.parametrize("name", SMALL)
def test_types_of_small_floats(name):
    T, header = SMALL[name]
    variables = table.VARIABLES | {v: kind.format(T=T) for v, kind in table.HALF.items()}
    accepted = {call.format(T=T): kind.format(T=T)
                for call, kind in table.half_accepted(name).items()}  # fmt: skip
    refused = [call.format(T=T) for call in table.HALF_REFUSED]
    text = types_text(accepted, refused, variables, f"#include <{header}>")
    folder = folder_with(header)
    Module(text, ["kernel"])
    if folder is None:
        pytest.skip(f"NVIDIA's own {header} is not installed")
    in_both(text, [f"-I{folder}"])


def test_the_table_has_all_functions():
    """What the emulator's headers define is in the table, so that NVRTC has judged it."""
    text = "".join(f'#include "{name}"\n' for name in ("cuda_emulator.h", "cuda_fp16.h"))
    command = [build.compiler(), *build.COMMON, "-E", "-C", "-x", "c++", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    own, inside, defined = False, False, set()
    for line in done.stdout.splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        if marker:
            own = str(build.HERE) in marker[1]
            continue
        if "namespace emulator" in line:
            inside = "//" not in line  # where it is closed, a comment says so
        if own and not inside:
            code = line.split("//")[0]
            defined |= set(re.findall(r"\b(?!operator)(\w+) ?\((?=[^()]*\)[^;(){}]*\{)", code))
    calls = [*table.accepted(), *table.half_accepted("half")]
    known = {name for call in calls for name in re.findall(r"(\w+)\(", call)}
    known |= {"abort", "__assert_fail", "__half", "__half2", "of_bits", "rounded"}
    known |= {"if", "for", "alignas", "char", "short", "long", "unsigned", "y", "z"}  # no functions
    vectors = {name for name in defined if name.startswith(("make_", "emulator_"))}
    assert len(defined - vectors) > 500
    assert defined - vectors - known == set()
