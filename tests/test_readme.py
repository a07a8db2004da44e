"""What the README shows must work as it stands."""

import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def blocks(document, language):
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_tour_runs_and_prints_what_it_says(capsys):
    (tour,) = blocks("README.md", "python")
    exec(compile(tour, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    promised = re.findall(r"# (tensor\(.*\))", tour)
    assert len(promised) == 2
    for line in promised:
        assert line in printed
    assert "Conv2d(1, 8, kernel_size=(4, 4)" in printed
    assert "BinaryCrossEntropy" not in printed
    assert "Softplus" in printed  # the printed graph


def test_the_op_of_the_contributing_page_is_right():
    """Its class and function, checked as the page tells contributors to check theirs."""
    import tinygan
    from tinygan import gradcheck, gradgradcheck, ops
    from tinygan.autograd import Function
    from tinygan.device import array_module
    from tinygan.ops.math import floating
    from tinygan.tensor import Tensor

    (page,) = (block for block in blocks("CONTRIBUTING.md", "python") if "class ELU" in block)
    code = textwrap.dedent(page)
    names = dict(Function=Function, Tensor=Tensor, array_module=array_module, exp=ops.exp,
                 clip=ops.clip, where=ops.where, floating=floating)  # fmt: skip
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    x = tinygan.tensor([[-1.5, -0.2, 0.3], [2.0, -3.0, 1.1]], dtype="float64", requires_grad=True)
    assert gradcheck(lambda x: names["elu"](x, 1.3), x)
    assert gradgradcheck(lambda x: names["elu"](x, 1.3), x)


def test_the_cuda_page_quotes_kernels_as_they_are():
    kernels = "\n".join(path.read_text("utf-8") for path in (ROOT / "kernels").rglob("*.cu*"))
    quoted = blocks("docs/cuda.md", "cpp")
    assert quoted
    for block in quoted:
        assert block in kernels, block


@pytest.mark.parametrize(
    "document",
    ["README.md", "CONTRIBUTING.md", "kernels/README.md"]
    + [f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")],
)
def test_links_lead_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(\s*([^)#\s]+)\s*\)", text)
    for target in targets:
        if not target.startswith("http"):
            assert ((ROOT / document).parent / target).exists(), target
