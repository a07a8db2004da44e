"""Makes ``tinygan.kernels`` the package in ``../kernels`` (checkout) or ``./kernels`` (installed).

The kernels live in a top-level folder of the repository, but a top-level *module* of that name
would collide with another project on PyPI. A wheel therefore installs the folder as
``tinygan/kernels``; in a checkout this file points there. A module with a ``__path__`` is a
package, so ``import tinygan.kernels.matmul`` works in both cases.
"""

from pathlib import Path

_here = Path(__file__).resolve().parent
_candidates = [_here / "kernels", _here.parent / "kernels"]
__path__ = [str(folder) for folder in _candidates if (folder / "ladder.py").is_file()][:1]
if not __path__:
    raise ImportError(f"tinygan's kernels were not found in any of {[*map(str, _candidates)]}")
