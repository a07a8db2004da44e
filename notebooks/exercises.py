"""What the notebooks share: an exercise's verdict, with its solution in a fold below it.

An exercise is a function whose body is ``...``, or a CUDA kernel with a hole in it. Under its name
`checks.py` has a function that gets what the student wrote, calls `expect` with what must hold, and
returns a sentence for an answer that is right; `solutions.py` has the solution.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any

import marimo as mo


class NotYet(Exception):
    """What the student reads: a sentence that says what is missing."""


def expect(condition: Any, otherwise: str) -> None:
    """Raises `NotYet` with the sentence `otherwise` unless the condition holds."""
    if not condition:
        raise NotYet(otherwise)


@dataclass(frozen=True)
class Verdict:
    """Whether an exercise is right, and why it is or is not yet."""

    number: int
    right: bool
    reason: str
    student: Any
    answer: Any

    def __str__(self) -> str:
        return f"Exercise {self.number}: {'right' if self.right else 'not yet'}: {self.reason}"

    def _display_(self) -> Any:
        """What marimo shows of it: a green or a yellow box, and the solution in a fold. Above it,
        where `marimo run` hides the cells, what the student wrote."""
        word = "right" if self.right else "not yet"
        text = mo.md(f"**Exercise {self.number}: {word}.** {self.reason}")
        parts = [
            shown(self.student),
            mo.callout(text, kind="success" if self.right else "warn"),
            mo.accordion({"A solution": mo.md(_code(self.answer))}),
        ]
        return mo.vstack([part for part in parts if part is not None])


def check(number: int, name: str, student: Any, **context: Any) -> Verdict:
    """The verdict on what the student wrote; printed, too, where the notebook runs as a script.

    Args:
        number: of the exercise in its notebook.
        name: of its functions in `checks` and `solutions`.
        student: the student's function, or text.
        context: what the check needs besides.
    """
    import checks
    import solutions

    answer = getattr(solutions, name)
    try:
        right, reason = True, getattr(checks, name)(student, **context)
    except NotYet as problem:
        right, reason = False, str(problem)
    except Exception as problem:  # the student's code may raise whatever it likes
        right, reason = False, f"It raises `{type(problem).__name__}`: {quoted(str(problem))}"
    verdict = Verdict(number, right, reason, student, answer)
    if mo.app_meta().mode == "script":
        print(verdict)
    return verdict


def returned(result: Any) -> Any:
    """The result of a student's function, unless it is None, as of one that is not written yet."""
    expect(result is not None, "The function returns None: put your code where `...` is.")
    return result


def quoted(text: str) -> str:
    """A program's message as Markdown that shows it as it is."""
    return f"`{text}`" if "\n" not in text.strip() else f"\n\n```text\n{text.strip()}\n```"


def shown(definition: Any) -> Any:
    """The source of a function or class, where `marimo run` hides the cell that defines it."""
    return mo.md(_code(definition)) if mo.app_meta().mode == "run" else None


def _code(written: Any) -> str:
    """A function's or class's source, or a kernel's text as it is, as a block of Markdown."""
    if isinstance(written, str):
        return f"```cpp\n{textwrap.dedent(written).strip()}\n```"
    text = _class_source(written) if isinstance(written, type) else inspect.getsource(written)
    return f"```python\n{textwrap.dedent(text).strip()}\n```"


def _class_source(written: type) -> str:
    """The source of a class that a cell defines. `inspect` would look for it in the file of the
    class's module, which a cell is not; a method knows the text that it was compiled from."""
    method = next(value for value in vars(written).values() if inspect.isfunction(value))
    text = textwrap.dedent("".join(inspect.findsource(method)[0]))
    found = next(
        node for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef) and node.name == written.__name__
    )
    return "\n".join(text.splitlines()[found.lineno - 1 : found.end_lineno])
