"""The lab's server and pages, without a browser: Bokeh makes the documents, and a client asks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tinygan import cli
from tinygan.lab import server as lab_server
from tinygan.lab.setup import BY_NAME, Setup, field_default

pytest.importorskip("bokeh", reason="needs Bokeh: pip install 'tinygan[lab]'")
from bokeh.document import Document

from tinygan.lab.page_plane import PlanePage

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "a-token"


@pytest.fixture(scope="module")
def port():
    """A running server, in a thread of its own."""
    ready, found = threading.Event(), {}

    def serve():
        asyncio.set_event_loop(asyncio.new_event_loop())
        server = lab_server.make_server([], 0, TOKEN)
        server.start()
        found.update(server=server, loop=server.io_loop, port=server.port)
        server.io_loop.add_callback(ready.set)
        server.io_loop.start()
        server.stop()
        server.io_loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(30)
    yield found["port"]
    found["loop"].add_callback(found["loop"].stop)
    thread.join()


def ask(port, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()


HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "MTIzNDU2Nzg5MDEyMzQ1Ng=="}  # fmt: skip


@pytest.mark.parametrize("path", [
    "/", "/run", "/ws", "/static/js/bokeh.min.js", "/wrong-token/", "/wrong-token/ws",
    f"/{TOKEN}x/", "/a%2Dtoke/", "/?token=" + TOKEN, f"//{TOKEN}/", "/metadata",
])  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_the_token_everything_is_refused(port, path, method):
    assert ask(port, path, method) == (403, lab_server.REFUSED)
    assert ask(port, path, **HANDSHAKE)[0] == 403


def test_a_websocket_from_another_page_is_refused(port):
    own = {**HANDSHAKE, "Origin": "http://example.org"}
    assert ask(port, f"/{TOKEN}/ws", **own)[0] == 403


def test_the_server_listens_on_this_machine_alone(port):
    with socket.socket() as other:
        other.settimeout(5)
        other.connect(("127.0.0.1", port))
    for name in {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port)}:
        if not name.startswith("127.") and ":" not in name:
            with pytest.raises(OSError), socket.create_connection((name, port), 5):
                pass


@pytest.mark.parametrize("page", ["", "run", "generator"])
def test_a_page_refers_to_its_own_server_alone(port, page):
    status, text = ask(port, f"/{TOKEN}/{page}")
    assert status == 200
    sources = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert any(source.startswith(f"/{TOKEN}/static/js/bokeh.min.js") for source in sources)
    assert all(source.startswith((f"/{TOKEN}/", "data:,")) for source in sources), sources
    assert "http://" not in re.sub(r"<script[^>]*json.*?</script>", "", text, flags=re.DOTALL)
    script = next(source for source in sources if source.endswith(".js") or ".js?" in source)
    assert ask(port, script)[0] == 200


def test_an_environment_for_other_hosts_changes_nothing(port, monkeypatch):
    monkeypatch.setenv("BOKEH_RESOURCES", "cdn")
    assert "cdn" not in ask(port, f"/{TOKEN}/")[1]


def test_a_wrong_link_gets_a_sentence_and_the_page(port):
    status, text = ask(port, f"/{TOKEN}/?target=%3Cb%3E&loss=hinge")
    assert status == 200 and "Traceback" not in text and "<b>" not in text


# The page of the plane as a document


@pytest.fixture
def page():
    made = PlanePage(Document(), "/token")
    made.running = False
    return made


def test_each_control_changes_its_setting_and_a_wrong_value_says_so(page):
    other = {"target": "moons", "strokes": "0,0 1,1", "model": "DeLiGAN", "loss": "hinge"}
    for name, field in BY_NAME.items():
        default = field_default(name)
        value = other.get(name)
        if value is None:
            value = field.choices[-1] if field.choices else default + field.least
            value += 0 if field.choices or field.least else 1 if isinstance(default, int) else 0.125
        page.controls[name].value = str(value) if field.choices else value
        assert getattr(page.plane.setup, name) == value, page.message.text
        assert not page.message.visible
    page.controls["width"].value = 0
    assert "width must be from 1 to 256, got 0. Nothing was changed" in page.message.text
    assert page.message.visible and page.plane.setup.width == 65
    page.controls["lr"].value = None
    assert "lr must be a number" in page.message.text


def test_a_change_is_in_the_address_and_the_file(page):
    page.controls["target"].value = "line"
    assert page.text.data["query"] == ["target=line"]
    assert json.loads(page.text.data["json"][0])["target"] == "line"


def test_links_and_files_are_opened_or_refused(page):
    page.link.value = "http://127.0.0.1:1/other/?target=grid&width=8"
    assert page.plane.setup == Setup(target="grid", width=8)
    assert page.controls["target"].value == "grid" and page.controls["width"].value == 8
    page.link.value = "?width=<i>"
    assert "got &#x27;&lt;i&gt;&#x27;" in page.message.text and page.plane.setup.width == 8
    page._on_file("bm8=")  # as the browser sends a file
    assert "no JSON" in page.message.text and page.plane.setup.width == 8
    page._on_file(base64.b64encode(Setup(width=9).json().encode()).decode())
    assert page.plane.setup == Setup(width=9) and not page.message.visible


def test_drawn_strokes_become_the_target(page):
    page.controls["target"].value = "strokes"
    assert page.figures.plane.toolbar.active_drag is page.pen
    page.figures.strokes.data = {"xs": [[0.0, 0.5], [1]], "ys": [[0.0, 0.25], [1]]}
    page._drawn -= 1
    page.tick()
    assert page.plane.setup.strokes == "0,0 0.5,0.25; 1,1" == page.controls["strokes"].value
    page._on_control("strokes", "")
    assert page.figures.strokes.data == {"xs": [], "ys": []}


def test_running_waits_for_the_browser(page):
    page._on_run()
    page.tick()
    assert page.plane.step == 0  # nobody has the page yet
    page._on_ready()
    for _ in range(6):
        page.tick()
    assert page.plane.step == 3 * page.plane.setup.speed - page.plane.setup.speed
    page.seen.data = {"count": [page._sent]}
    page.tick()
    assert page.plane.step == 3 * page.plane.setup.speed


def test_d_alone_makes_a_hundred_steps_while_the_page_answers(page, monkeypatch):
    made = []
    monkeypatch.setattr("tinygan.lab.page_plane.BUDGET", -1.0)  # a tick for each step
    monkeypatch.setattr(page.plane, "advance_d", made.append)
    page._on_ready()
    page._on_only_d()
    for _ in range(105):
        page.tick()
        page.seen.data = {"count": [page._sent]}
    assert made == [1] * 100 and page.plane.step == 0


def test_the_curves_have_every_picture_once(page):
    page._on_run()
    page._on_ready()
    for _ in range(12):
        page.tick()
        page.seen.data = {"count": [page._sent]}
    page.show()
    assert page.figures.history.data["step"] == [2 * k for k in range(1, 13)]
    page._on_again()
    assert page.figures.history.data["step"] == [] and page.plane.step == 0


def test_what_cannot_go_on_is_told(page):
    page.plane.problem = "Step 7: a <loss> is not finite."
    page.show()
    assert "a &lt;loss&gt; is not finite" in page.message.text


# The command


def test_errors_are_one_line(capsys, monkeypatch):
    def refused(*words):
        with pytest.raises(SystemExit) as end:
            cli.main(["lab", *words])
        error = capsys.readouterr().err
        assert end.value.code == 2 and error.count("\n") == 1
        return error

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert f"port {number} cannot be had" in refused("--no-browser", "--port", str(number))
    assert "nowhere holds no run" in refused("nowhere")
    monkeypatch.setitem(sys.modules, "bokeh.server.server", None)
    assert "pip install 'tinygan[lab]'" in refused()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal there")
def test_ctrl_c_ends_it_in_silence():
    program = subprocess.Popen(
        [sys.executable, "-m", "tinygan", "lab", "--no-browser"], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout is not None
    line = program.stdout.readline()
    assert re.match(r"The lab is at http://127\.0\.0\.1:\d+/[\w-]{20,}/ ", line)
    program.send_signal(signal.SIGINT)
    out, error = program.communicate(timeout=30)
    assert (program.returncode, out, error) == (0, "The lab has ended.\n", "")


def test_importing_the_lab_does_not_import_bokeh():
    code = ("import sys, tinygan.commands.lab, tinygan.lab.plane, tinygan.lab.runs, "
            "tinygan.lab.server; print('bokeh' in sys.modules)")  # fmt: skip
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout == "False\n", found.stderr
