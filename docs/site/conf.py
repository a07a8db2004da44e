"""The documentation site: sphinx-build -W --keep-going -c docs/site . build/site

Sphinx, because it imports tinygan and sees names as users do, most of which are made or exported
elsewhere than they are defined; MyST, because the pages stay plain Markdown; Furo, because its
pages ask no other host for anything.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "examples"), str(HERE)]

from reference import linkcode_resolve  # noqa: E402, F401 (an option of sphinx.ext.linkcode)

project = "tinygan"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.linkcode", "reference", "sources"]

# The repository is the source folder, so that links between documents are what they are on a host.
root_doc = "docs/README"
include_patterns = ["*.md", "docs/*.md", "docs/reference/*", "kernels/**.md"]
exclude_patterns = [".*", "**/.*", "build", "dist", "runs", "venv", "tests"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_heading_anchors = 4
myst_enable_extensions = ["html_image"]
highlight_language = "text"
smartquotes = False  # "same" is an argument more often than a quotation

autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries = False  # the sidebar of every page would be made of hundreds of names
autodoc_inherit_docstrings = False  # tinygan.device would say what str says

html_theme = "furo"
html_title = "tinygan"
html_show_copyright = False
html_static_path = ["static"]
html_additional_pages = {"index": "redirect.html"}
templates_path = ["templates"]

REFERENCE = "\n- [Reference](reference/index.md): all names with their docstrings and their source"


def add_contents(app, docname: str, source: list[str]) -> None:
    """The site's contents are the lists of docs/README.md: a part for each heading."""
    if docname != root_doc:
        return
    text = source[0].replace("\n- [All public names]", REFERENCE + "\n- [All public names]")
    parts = ""
    for caption, part in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", text, re.MULTILINE):
        pages = re.findall(r"^- \[(.+?)\]\((\S+)\.md\)", part, re.MULTILINE)
        entries = "\n".join(f"{title} <{page}>" for title, page in pages)
        parts += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"
    source[0] = text + parts


def setup(app) -> None:
    app.connect("source-read", add_contents)
