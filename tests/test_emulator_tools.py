"""What a student runs of the emulator: single kernels, and kernels with something taken out."""

from __future__ import annotations

import re

import needs
import pytest

from tinygan.kernels.cuda import source as cuda
from tinygan.kernels.emulator import EmulatorError, cases, fake_cupy, mutants
from tinygan.kernels.emulator import __main__ as command

needs.cpp_compiler()

SOURCES = {source.name: source for source in cuda.sources()}


@pytest.fixture
def shell(monkeypatch, capsys):
    """shell(arguments) -> exit status and what was printed."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["emulator", *map(str, arguments)])
        return command.main(), capsys.readouterr().out

    return call


def test_every_source_is_launched_by_cases_that_are_small_enough_to_check():
    by_source = cases.by_source()
    assert set(by_source) == set(SOURCES)
    for name, found in by_source.items():
        checked = [case for case in found if case.flops <= cases.MOST_CHECKED_FLOPS]
        assert len(checked) >= 3, name
        launched = {kernel for case in checked for file, kernel in case.kernels if file == name}
        kernels = {kernel for kernel in SOURCES[name].kernels if "double" not in kernel}
        assert launched >= kernels, name


def test_a_kernel_is_run_and_checked(shell):
    status, text = shell("reduction/2", "--check", "--order", "random")
    assert status == 0
    assert text.count("  ok ") >= 4 and "FAULT" not in text and "WRONG" not in text


def test_a_changed_kernel_is_caught_with_its_line(shell, tmp_path, monkeypatch):
    original = (cuda.HERE / "swap_inner/2_tiles.cu").read_text()
    changed = tmp_path / "mine.cu"
    changed.write_text(original.replace("__syncthreads();", ""))
    line = next(i for i, text in enumerate(original.splitlines(), 1) if "] = tile[" in text)
    monkeypatch.setattr(SOURCES["swap_inner/2_tiles.cu"], "text", "")  # restored by pytest
    monkeypatch.setattr(SOURCES["swap_inner/2_tiles.cu"], "_ready", {})
    status, text = shell("swap_inner/2_tiles.cu", "--check", "--text", changed)
    assert status == 1
    assert f"uninitialised at mine.cu:{line}" in text


def test_traffic_shows_what_the_column_more_is_for(shell, tmp_path, monkeypatch):
    """Without it, all 32 lanes find their values in one bank."""
    status, text = shell("swap_inner/2_tiles.cu", "--traffic")
    assert status == 0
    assert re.search(r"2_tiles\.cu:\d+ +shared read +\d+ +\d+ +1\.00\n", text)
    changed = tmp_path / "mine.cu"
    original = (cuda.HERE / "swap_inner/2_tiles.cu").read_text()
    changed.write_text(original.replace("[side + 1]", "[side]"))
    monkeypatch.setattr(SOURCES["swap_inner/2_tiles.cu"], "text", "")
    monkeypatch.setattr(SOURCES["swap_inner/2_tiles.cu"], "_ready", {})
    status, text = shell("swap_inner/2_tiles.cu", "--traffic", "--text", changed)
    ratio = float(re.search(r"mine\.cu:\d+ +shared read +\d+ +\d+ +([\d.]+)\n", text)[1])
    assert status == 0 and ratio > 4


def test_without_a_name_the_kernels_are_listed(shell):
    status, text = shell()
    assert status == 0 and text.count(".cu: ") == len(SOURCES)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  if (i >= a || j >= b) return;",
         ["  if (false || j >= b) return;", "  if (i >= a || false) return;"]),
        ("  if (threadIdx.y == 0 && j < c) {",
         ["  if (true && j < c) {", "  if (threadIdx.y == 0 && true) {"]),
        ("  for (long i = 0; i < n; i++) if (x[i] < y) f();",
         ["  for (long i = 0; i < n; i++) if (true) f();"]),
        ("  long last = min(first + rows, max(m, 1));", ["  long last = first + rows;"]),
        ("  __syncthreads();  // where a < b", ["  ;  // where a < b"]),
        ("  return {k, 0, k < shape.k};", ["  return {k, 0, true};"]),
        ("template <typename T> struct A { static_cast<int>(a); };", []),
    ],
)  # fmt: skip
def test_what_is_taken_out(line, expected):
    assert [mutant.changed for mutant in mutants.line_mutants("a.cu", 1, line)] == expected


def test_every_barrier_is_taken_out():
    in_files = sum(
        len(re.findall(r"^[^/\n]*__syncthreads\(\);", path.read_text(), re.MULTILINE))
        for pattern in ("*.cu", "*.cuh")
        for path in cuda.HERE.rglob(pattern)
    )
    taken = {mutant for source in SOURCES.values() for mutant in mutants.text_mutants(source.text)
             if mutant.line[mutant.position :].startswith("__syncthreads")}  # fmt: skip
    assert len(taken) == in_files > 5


def test_kernels_without_a_change_are_no_mutants():
    for name in ("reduction/2_parts.cu", "matmul/3_tiles.cu"):
        with fake_cupy.installed(checked=True):
            assert mutants.killed_by(SOURCES[name], SOURCES[name].text) is None


@pytest.mark.parametrize(
    "names", [["average", "swap_inner/2"], pytest.param([], id="all", marks=pytest.mark.exhaustive)]
)
def test_every_barrier_and_every_bound_is_missed(names):
    """Where one is taken out, some case of some rung fails; or it is said why none can."""
    found = list(mutants.killers(*names))
    assert found
    for mutant, noticed in found:
        assert (noticed is None) == (mutant.excuse is not None), (mutant, noticed)


def test_every_excuse_is_needed():
    known = {(mutant.file, mutant.line.strip(), mutant.put_in) for mutant in mutants.all_mutants()}
    assert set(mutants.EQUIVALENT) <= known


@pytest.fixture
def mutants_command(monkeypatch, capsys):
    """mutants_command(arguments) -> exit status, what was printed, and what as an error."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["mutants", *arguments])
        try:
            status = mutants.main()
        except SystemExit as stopped:
            status = stopped.code
        return status, *capsys.readouterr()

    return call


def test_a_build_that_fails_notices_no_mutant(monkeypatch, mutants_command):
    monkeypatch.setenv("CXX", "/bin/false")  # the workers' compiler
    status, out, said = mutants_command("swap_inner")
    assert (status, out) == (2, "")
    assert "/bin/false failed" in said


def test_a_text_that_does_not_compile_is_not_noticed():
    source = SOURCES["swap_inner/2_tiles.cu"]
    with fake_cupy.installed(checked=True), pytest.raises(EmulatorError, match="missing_name"):
        mutants.killed_by(source, source.text.replace("__syncthreads();", "missing_name();"))


def test_a_kernel_that_fails_with_nothing_changed_is_refused(monkeypatch, mutants_command):
    monkeypatch.setattr(mutants, "_fault_of_the_unchanged", _always_wrong)
    status, out, said = mutants_command("swap_inner/2")
    assert (status, out) == (2, "")
    assert said == "swap_inner/2_tiles.cu fails with nothing changed: an error\n"


def _always_wrong(name):
    return "an error"


@pytest.mark.parametrize("names", [["nosuch"], ["swap_inner", "nosuch"]])
def test_a_name_of_no_file_is_an_error(mutants_command, names):
    status, out, said = mutants_command(*names)
    assert (status, out) == (2, "")
    assert "'nosuch'" in said and "swap_inner/2_tiles.cu" in said


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "No such file"), ("folder", "s a directory"), (b"\x7fELF\xff\xfe", "not text in UTF-8"),
     (b'#include "nosuch.cuh"\n', "mine.cu:1: no file nosuch.cuh")],
)  # fmt: skip
def test_a_text_that_cannot_be_read_is_an_error(shell, capsys, tmp_path, content, expected):
    path = tmp_path / "mine.cu"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        shell("swap_inner/2_tiles.cu", "--text", path)
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert f"--text {path}" in said and expected in said
