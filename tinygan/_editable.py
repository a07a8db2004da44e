"""How ``pip install -e .`` makes a checkout importable. Read by setuptools alone (pyproject.toml).

The checkout's folder is put on the path. What setuptools would do otherwise, because `kernels/` is
installed under another name, is a finder that Python asks last: a script that is started from the
folder that contains a checkout named ``tinygan`` would import that folder, which is no package.
"""

from setuptools.command.editable_wheel import editable_wheel


class EditableWheel(editable_wheel):
    def initialize_options(self) -> None:
        super().initialize_options()
        self.mode = "compat"
