"""Bokeh's server for the pages: on this machine alone, behind a random token."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinygan.lab.plane import Plane
from tinygan.lab.runs import find_runs
from tinygan.lab.setup import Setup
from tinygan.printing import say

ADDRESS = "127.0.0.1"
REFUSED = "403: the address of the lab is the one that its terminal shows, with the token in it."


def require_bokeh() -> None:
    """
    Raises:
        ImportError: it is missing or broken.
    """
    try:
        import bokeh.server.server  # noqa: F401
    except Exception as problem:  # a broken package raises whatever it likes
        raise ImportError(
            f"the pages need Bokeh: pip install 'tinygan[lab]' ({problem})"
        ) from problem


def check_port(port: int) -> None:
    """
    Raises:
        ValueError: there is no such port.
        OSError: it is taken, or not for this user.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"port must be from 0 to 65535, got {port}")
    with socket.socket() as probe:
        if os.name == "posix":  # as the server does: a port whose last user is gone is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as problem:
            raise OSError(
                f"port {port} cannot be had ({problem.strerror or problem}): leave out --port, or "
                "name another one"
            ) from problem


def make_server(runs: Sequence[str | os.PathLike] = (), port: int = 0, token: str = "") -> Any:
    """A Bokeh server for the pages that has not been started; its address is `address(server)`.

    The token is the first part of every path, of pages, scripts and websockets alike: whoever does
    not know it gets a refusal from all of the server. Scripts and styles come from the server too,
    whatever Bokeh's environment variables say.

    Raises:
        ImportError, ValueError, OSError: as `tinygan.lab.serve`.
    """
    found = find_runs([Path(run) for run in runs])
    require_bokeh()
    check_port(port)
    from bokeh.server.server import Server
    from bokeh.settings import settings
    from tornado.web import RequestHandler

    from tinygan.lab.page_generator import generator_page
    from tinygan.lab.page_plane import plane_page
    from tinygan.lab.page_run import run_page

    class Refusal(RequestHandler):
        def prepare(self) -> None:
            self.set_status(403)
            self.set_header("Content-Type", "text/plain")
            self.finish(REFUSED)

    settings.resources = "server"
    # A page that was closed is no fault, nor is a request that is refused.
    for name in ("bokeh.server.views.ws", "tornado.access"):
        logging.getLogger(name).setLevel(logging.ERROR)
    prefix = "/" + (token or secrets.token_urlsafe(16))
    pages = {
        "/": lambda document: plane_page(document, prefix),
        "/run": lambda document: run_page(document, prefix, found),
        "/generator": lambda document: generator_page(document, prefix, found),
    }
    server = Server(
        pages, address=ADDRESS, port=port, prefix=prefix, ico_path="none",
        default_handler_class=Refusal, use_index=False,
    )  # fmt: skip
    settings.allowed_ws_origin = [f"{ADDRESS}:{server.port}"]
    return server


def address(server: Any) -> str:
    """The URL of the first page, with the token."""
    return f"http://{ADDRESS}:{server.port}{server.prefix}/"


def run(runs: Sequence[str | os.PathLike], port: int, open_browser: bool) -> None:
    """See `tinygan.lab.serve`."""
    server = make_server(runs, port)
    plane = Plane(Setup())  # compiles what the first page needs
    plane.advance(1)
    plane.look()
    loop = server.io_loop

    def stop(number: int, frame: Any) -> None:
        loop.add_callback_from_signal(loop.stop)

    before = {}
    if threading.current_thread() is threading.main_thread():  # no other can be told of a signal
        before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.start()
        say(f"The lab is at {address(server)}  (this machine alone; Ctrl-C ends it)")
        if open_browser:
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(address(server))
        loop.start()
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
        server.stop()
        say("The lab has ended.")
