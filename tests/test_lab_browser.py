"""The lab's pages in a browser: pytest -m browser (needs Chromium, and pip install playwright)."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinygan.lab.setup import FIELDS

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
LABELS = {field.name: field.label for field in FIELDS}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run as a Trainer writes it, two epochs long."""
    pytest.importorskip("PIL", reason="needs Pillow: pip install pillow")
    from PIL import Image

    folder = tmp_path_factory.mktemp("runs") / "live"
    (folder / "samples").mkdir(parents=True)
    lines = [{"step": k, "loss_d": 1 / k, "loss_g": 1.0} for k in range(1, 30)]
    lines += [{"step": 29, "epoch": k, "fid": 10.0 / k} for k in (1, 2)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for epoch in (1, 2):
        Image.new("RGB", (60, 60), (90 * epoch, 0, 0)).save(
            folder / "samples" / f"epoch_00{epoch}.png"
        )
    return folder


@pytest.fixture(scope="module")
def address(run_folder):
    """Of a lab that runs in a process of its own, which must end without having said anything."""
    pytest.importorskip("bokeh", reason="needs Bokeh: pip install 'tinygan[lab]'")
    command = [sys.executable, "-m", "tinygan", "lab", "--no-browser", str(run_folder)]
    program = subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    line = program.stdout.readline()
    yield re.search(r"http://\S+/", line)[0]
    program.send_signal(signal.SIGINT)
    _, error = program.communicate(timeout=30)
    said = [line for line in error.splitlines() if "compiling kernels" not in line]
    assert (program.returncode, said) == (0, [])


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright: pip install playwright"
    )
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("needs Chromium: none of " + ", ".join(NAMES) + " is installed")
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def open_page(browser, address):
    """Opens a page of the lab; at the end no page may have thrown an error or asked another host.
    """
    made, errors, requests = [], [], []

    def opened(path="", width=1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.on("websocket", lambda socket: requests.append(socket.url))
        made.append(page)
        page.goto(address + path)
        page.wait_for_function("window.Bokeh?.documents.length && Bokeh.documents[0].is_idle")
        return page

    yield opened
    for page in made:
        page.close()
    assert errors == []
    host = address.split("/")[2]
    assert all(re.match(rf"(http|ws)://{host}/|data:|blob:http://{host}/", url)
               for url in requests), requests  # fmt: skip


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def press(page, name, times=1):
    for _ in range(times):
        button(page, name).click()


def status(page):
    return page.get_by_text(re.compile(r"^Step [\d,]+ ·")).inner_text()


def step_of(page):
    return int(re.match(r"Step ([\d,]+)", status(page))[1].replace(",", ""))


def until(page, condition, seconds=20):
    """Waits until the condition holds, and fails where it never does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come"
        page.wait_for_timeout(50)


def paused(page):
    press(page, "Pause")
    button(page, "Run").wait_for()
    press(page, "Start again")
    until(page, lambda: step_of(page) == 0)


def three_steps(page):
    """What is to be seen three steps after a new beginning."""
    press(page, "Start again")
    until(page, lambda: step_of(page) == 0)
    press(page, "One step", 3)
    until(page, lambda: step_of(page) == 3)
    page.wait_for_timeout(150)
    texts = page.get_by_text(re.compile(r"^(Step|The theory\.)")).all_inner_texts()
    return texts, page.get_by_role("region", name="A GAN on a plane").screenshot()


def put(page, name, value):
    """Gives a value to a control as a person does."""
    for role in ("combobox", "textbox"):
        control = page.get_by_role(role, name=LABELS[name], exact=True)
        if control.count():
            break
    if role == "combobox":
        control.select_option(value)
    else:
        control.fill(value)
        control.press("Enter")
        control.blur()


def test_every_control_does_something_to_be_seen(open_page):
    page = open_page()
    paused(page)
    seen = three_steps(page)
    values = {
        "spread": "0.1", "target": "strokes", "strokes": "-1,0 1,0", "model": "DeLiGAN",
        "components": "3", "latent_size": "4", "width": "20", "layers": "3", "seed": "5",
        "loss": "least-squares", "r1": "3", "r2": "2", "gradient_penalty": "1", "lr": "0.01",
        "penalty_every": "2", "lr_d": "0.02", "beta1": "0.5", "batch_size": "64", "d_steps": "2",
        "second_steps": "5", "pack": "2",
    }  # fmt: skip
    assert set(values) | {"speed"} == set(LABELS)
    for name, value in values.items():
        put(page, name, value)
        until(page, lambda name=name: f"{name}=" in page.url)
        now = three_steps(page)
        assert now != seen, name
        seen = now
    put(page, "speed", "7")
    until(page, lambda: "speed=7" in page.url)
    press(page, "Start again")
    press(page, "Run")
    until(page, lambda: step_of(page) >= 14)
    press(page, "Pause")
    assert step_of(page) > 0


def test_the_buttons_and_the_choices_of_pictures(open_page):
    page = open_page()
    until(page, lambda: step_of(page) > 3)  # it runs by itself
    paused(page)
    picture = page.get_by_role("region", name="A GAN on a plane")
    seen = picture.screenshot()
    for layer in ("D", "data", "samples", "latent grid", "gradient"):
        button(page, layer).click()
        until(page, lambda seen=seen: picture.screenshot() != seen)
        seen = picture.screenshot()
    for side in ("the second D", "D − D*", "D* = p / (p + q)"):
        page.get_by_role("combobox", name="The picture beside it").select_option(side)
        until(page, lambda seen=seen: picture.screenshot() != seen)
        seen = picture.screenshot()
    loss = status(page)
    press(page, "D alone, 100 steps")
    until(page, lambda: status(page) != loss)
    assert step_of(page) == 0 and "D's loss" in status(page)


def test_a_setting_is_kept_in_address_and_file_and_opened_again(open_page, tmp_path):
    page = open_page("?target=moons&width=16")
    assert page.get_by_role("combobox", name="Target").input_value() == "moons"
    press(page, "Pause")
    put(page, "lr", "0.005")
    until(page, lambda: "lr=0.005" in page.url)
    link = page.url
    with page.expect_download() as download:
        press(page, "Save as a file")
    file = tmp_path / "setting.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["lr"] == 0.005
    other = open_page("?target=%3Cimg%20src%3Dx%3E")
    assert "target must be one of" in other.get_by_role("alert").inner_text()
    other.locator("input[type=file]").set_input_files(file)
    until(other, lambda: "lr=0.005" in other.url)
    third = open_page()
    field = third.get_by_role("textbox", name=re.compile("Open a link"))
    field.fill(link)
    field.press("Enter")
    until(third, lambda: "lr=0.005" in third.url and "target=moons" in third.url)
    field.fill("?width=wide")
    field.press("Enter")
    until(third, lambda: "must be a number" in third.get_by_role("alert").inner_text())
    assert third.get_by_role("textbox", name=LABELS["width"]).input_value() == "16"


def test_strokes_of_the_mouse_become_the_data(open_page):
    page = open_page("?target=strokes")
    press(page, "Pause")
    box = page.locator("canvas").first.bounding_box()
    for height in (0.4, 0.6):
        page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + height * box["height"])
        page.mouse.down()
        for k in range(10):
            page.mouse.move(box["x"] + (0.3 + 0.04 * k) * box["width"],
                            box["y"] + height * box["height"])  # fmt: skip
        page.mouse.up()
    until(page, lambda: "%3B" in page.url)  # two strokes
    text = page.get_by_role("textbox", name=LABELS["strokes"]).input_value()
    assert text.count(";") == 1 and all(-1 < float(x) < 1 for x in re.findall(r"[-.\d]+", text))
    press(page, "Clear the strokes")
    until(page, lambda: "strokes=" not in page.url.replace("target=strokes", ""))


def test_two_hundred_quick_changes_break_nothing(open_page):
    page = open_page("?width=8&batch_size=16")
    rng = random.Random(0)
    choices = {field.name: [str(c) for c in field.choices] for field in FIELDS if field.choices}
    numbers = {"spread": ["0.1", "-1", "x", "0.2", "9"], "lr": ["0", "0.01", "1", "nan", "2"],
               "r1": ["0", "1", "1e9", ".5"], "width": ["1", "8", "0", "12", "9999"],
               "seed": ["1", "2", "-5", "3"]}  # fmt: skip
    for _ in range(200):
        name = rng.choice([*choices, *numbers])
        if name in choices:
            page.get_by_role("combobox", name=LABELS[name], exact=True).select_option(
                rng.choice(choices[name])
            )
        else:
            control = page.get_by_role("textbox", name=LABELS[name], exact=True)
            control.fill(rng.choice(numbers[name]))
            control.press("Enter")
    put(page, "lr", "0.002")
    put(page, "loss", "non-saturating")
    page.wait_for_timeout(500)
    press(page, "Start again")
    if button(page, "Run").count():
        press(page, "Run")
    until(page, lambda: 0 < step_of(page) < 50, 60)


def test_two_pages_do_not_disturb_each_other(open_page):
    alone = open_page("?target=line")
    paused(alone)
    expected, _ = three_steps(alone)
    other = open_page("?target=grid&gradient_penalty=1")  # runs meanwhile
    again, _ = three_steps(alone)
    assert again == expected
    assert "target=line" in alone.url
    until(other, lambda: step_of(other) > 3)
    assert other.get_by_role("combobox", name="Target").input_value() == "grid"


def test_without_the_token_nothing_is_served(browser, address, open_page):
    page = browser.new_page()
    server = "/".join(address.split("/")[:3])
    for path in ("/", "/run", "/static/js/bokeh.min.js", "/x" + address.split("/")[3] + "/"):
        answer = page.goto(server + path)
        assert answer.status == 403 and "terminal" in page.content()
    page.close()
    ask = """url => new Promise(done => { const socket = new WebSocket(url, ["bokeh", "x"]);
             socket.onopen = () => done("open"); socket.onerror = () => done("refused") })"""
    inside = open_page("run")
    assert inside.evaluate(ask, server.replace("http", "ws") + "/ws") == "refused"


FOCUS = """() => { let e = document.activeElement;
    while (e && e.shadowRoot && e.shadowRoot.activeElement) e = e.shadowRoot.activeElement;
    const label = e.labels && e.labels[0];
    const host = e.getRootNode().host;  // of a figure
    const named = e.matches(".bk-events") ? host.getRootNode().host || host : e;
    return (named.getAttribute("aria-label") || (label ? label.innerText : e.innerText)).trim() }
"""


def test_the_keyboard_reaches_all_and_works(open_page):
    page = open_page()
    order = []
    for _ in range(90):
        page.keyboard.press("Tab")
        order.append(page.evaluate(FOCUS).replace("\n", " "))
    wanted = ["A GAN on a plane", "A run", "A generator", "Pause", "One step",
              "D alone, 100 steps", "Start again", "D", "data", "samples", "latent grid",
              "gradient", "The picture beside it", "Data", "Target", "Spread", "Nets", "Model",
              "Latent numbers", "Units of a layer", "Game", "Loss", "R1 penalty", "Steps",
              "Rate of G", "Keep and share", "Save as a file"]  # fmt: skip
    places = [order.index(name) for name in wanted]
    assert places == sorted(places), order
    assert "" not in order[: places[-1]], order
    button(page, "Pause").focus()
    page.keyboard.press("Space")
    button(page, "Run").wait_for()
    page.get_by_role("combobox", name="Target").focus()
    page.keyboard.press("ArrowDown")
    until(page, lambda: "target=grid" in page.url)
    page.get_by_role("textbox", name=LABELS["d_steps"]).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    until(page, lambda: "d_steps=2" in page.url)


@pytest.mark.parametrize("path", ["", "run", "generator"])
@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_wider_than_the_window(open_page, path, width):
    page = open_page(path, width)
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_live_run_is_followed(open_page, run_folder):
    page = open_page("run")
    count = page.get_by_text(re.compile(r"\d+ steps in the log"))
    before = int(re.search(r"(\d+) steps", count.inner_text())[1])
    with open(run_folder / "log.jsonl", "a") as file:
        file.write('{"step": 30, "loss_d": 1, "loss_g": 1}\n{"step": 31, "lo')
    until(page, lambda: f"{before + 1} steps" in count.inner_text())
    with open(run_folder / "log.jsonl", "a") as file:
        file.write("\n")
    until(page, lambda: page.get_by_text("1 damaged lines").count() == 1)
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowLeft")
    until(page, lambda: page.get_by_text("after epoch 1", exact=False).count() == 1)
    page.get_by_role("combobox", name="Beside it").select_option("live")
    until(page, lambda: page.get_by_text(re.compile(r"\d+ steps in the log")).count() == 2)
