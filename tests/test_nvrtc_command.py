"""The command of the compile gate, with and without NVIDIA's compiler."""

from __future__ import annotations

import pytest

from tinygan.kernels.cuda import nvrtc


@pytest.fixture
def shell(monkeypatch, capsys):
    """shell(arguments) -> exit status, what was printed, and what as an error."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["nvrtc", *arguments])
        try:
            status = nvrtc.main()
        except SystemExit as stopped:
            status = stopped.code
        return status, *capsys.readouterr()

    return call


@pytest.mark.parametrize("arguments", [[], ["--first-step"], ["swap_inner"]])
def test_without_the_compiler_a_sentence_says_what_to_install(shell, monkeypatch, arguments):
    monkeypatch.setattr(nvrtc, "_installed", lambda pattern: [])
    nvrtc.compiler.cache_clear()
    status, out, said = shell(*arguments)
    assert (status, out) == (2, "")
    assert said == "NVRTC is not installed: pip install nvidia-cuda-nvrtc\n"


@pytest.mark.parametrize("names", [["nosuch"], ["swap_inner/2_tiles.cu", "nosuch"]])
def test_a_name_of_no_file_is_an_error(shell, names):
    status, out, said = shell(*names)
    assert (status, out) == (2, "")
    assert "'nosuch'" in said and "swap_inner/2_tiles.cu" in said
