"""The lab: local pages on which a GAN can be watched and a run be read. (``tinygan lab``)

Three pages: a GAN on a plane that trains while you turn its settings; a run that `Trainer` has
written or is writing; the generator of a run.

They are served by Bokeh's server. Its state is Python's, one object for each browser page, so that
tinygan itself is the engine and nothing of it is written a second time in JavaScript; arrays go to
the browser as bytes, 25 times a second; a mouse draws into a figure (FreehandDrawTool); its
JavaScript comes with the package and from this machine; it is one `pip install` and has been kept
for ten years. Looked at and left: Panel (Bokeh's server with more on top, which these pages do not
need), Dash and Streamlit (a state that is sent, or a script that runs anew, with each change: not
made for 25 pictures a second), matplotlib's WebAgg (pictures without controls), Jupyter widgets (a
notebook's server, and its kernel, around the page).

`plane.py`, `nets.py`, `setup.py` and `targets.py` compute the GAN on a plane, `runs.py` reads the
records of a run, `generators.py` its generator: none of them knows Bokeh, and importing
`tinygan.lab` does not import it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

__all__ = ["serve"]


def serve(
    runs: Sequence[str | os.PathLike] = (), *, port: int = 0, open_browser: bool = True
) -> None:
    """Serves the pages on 127.0.0.1 until Ctrl-C; prints their address, which has a random token
    without which every request is refused.

    Args:
        runs: folders of runs, or folders that hold such folders.
        port: 0 for any that is free.
        open_browser: whether to open the first page.

    Raises:
        ImportError: Bokeh is missing; the message says how to install it.
        ValueError: a folder holds no run, or the port cannot be one.
        OSError: the port is taken.
    """
    from tinygan.lab.server import run

    run(runs, port, open_browser)
