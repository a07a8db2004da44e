"""Reading IDX files, finding the MNIST family on disk, and downloading it from a local server."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import tinygan.data
from tinygan.data import (
    DataFormatError,
    DataUnavailableError,
    cache_dir,
    fashion_mnist,
    mnist,
    read_idx,
)
from tinygan.data import download as download_module
from tinygan.data.mnist_family import FASHION_MNIST, MNIST

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def idx_bytes(array: np.ndarray, kind: int = 8) -> bytes:
    header = bytes([0, 0, kind, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def write_pair(folder: Path, seed: int, n: int = 7) -> np.ndarray:
    """A small training set in ``folder``; returns its images (n, 28, 28)."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n, 28, 28), np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / IMAGES).write_bytes(gzip.compress(idx_bytes(images)))
    (folder / LABELS).write_bytes(gzip.compress(idx_bytes(random.integers(0, 10, n))))
    return images


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """No data and no cache but the test's own, and no proxy between it and its server."""
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGAN_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "*")


# --- the IDX format ---------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(11,), (3, 5), (4, 28, 28), (0,)])
@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_read_idx_returns_what_was_written(tmp_path, shape, compress):
    values = np.random.default_rng(len(shape)).integers(0, 256, shape, np.uint8)
    path = tmp_path / "values"
    path.write_bytes(compress(idx_bytes(values)))
    found = read_idx(path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, values)


WHOLE = idx_bytes(np.arange(12).reshape(3, 4))
ZIPPED = gzip.compress(WHOLE, mtime=0)  # without the time, as the tests' names hold it


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.gz", ZIPPED[:-9], "damaged or cut-off gzip file"),
        ("a.gz", ZIPPED[:-8] + bytes(8), "damaged or cut-off gzip file"),
        ("a.gz", b"<html>not found</html>", "starts with 0x3c68; expected a gzip file"),
        ("a", b"\0\0", "2 bytes; expected an IDX header"),
        ("a", idx_bytes(np.zeros(4), kind=13), "magic number 0x00000d01; expected 0x000008"),
        ("a", b"PK\3\4" + WHOLE, "magic number 0x504b0304"),
        ("a", b"\0\0\x08\0" + WHOLE, "magic number 0x00000800"),
        ("a", WHOLE[:9], "9 bytes; its header alone takes 12"),
        ("a", WHOLE[:-1], r"11 bytes of values; expected 12 for the shape \(3, 4\)"),
        ("a", WHOLE + b"\0", r"more bytes of values; expected 12 for the shape \(3, 4\)"),
        ("a.gz", gzip.compress(WHOLE + b"\0", mtime=0), "more bytes of values; expected 12"),
        ("a.gz", gzip.compress(WHOLE[:-1], mtime=0), "11 bytes of values; expected 12"),
        ("a", b"\0\0\x08\x41" + b"\0\0\0\1" * 65 + b"\0", "65 dimensions; expected at most 64"),
        ("a", b"\0\0\x08\3" + b"\xff" * 12 + b"\0", "fewer than 17 bytes of values; expected 792"),
        ("a", b"\0\0\x08\4" + b"\0" * 4 + b"\xff" * 12, r"no array has the shape \(0, 4294967295"),
    ],
)
def test_read_idx_names_the_file_and_the_damage(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


BOMB = """
import resource, sys
from tinygan.data import DataFormatError, read_idx
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 2**24
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    read_idx(sys.argv[1])
except DataFormatError as error:
    print(error)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
@pytest.mark.parametrize(("shape", "message"), [((3, 4), "more bytes of values; expected 12"),
                                                ((2**31,), "fewer than")])  # fmt: skip
def test_a_small_file_gets_little_memory(tmp_path, shape, message):
    """200 MB of zeros in 200 kB, of which the header announces 12, or more than there can be."""
    path = tmp_path / "a.gz"
    header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + bytes(200_000_000)))
    result = subprocess.run(
        [sys.executable, "-c", BOMB, str(path)], capture_output=True, text=True
    )
    assert result.stdout.startswith(f"{path}: {message}"), result.stderr[-2000:]


# --- finding the files ------------------------------------------------------------------------


def test_mnist_is_searched_in_root_then_data_then_cache(tmp_path, monkeypatch):
    data = tmp_path / "data"
    monkeypatch.setenv("TINYGAN_DATA", str(data))
    order = [tmp_path / "root", data / "mnist", data, tmp_path / "cache" / "mnist"]
    images = [write_pair(folder, seed) for seed, folder in enumerate(order)]
    for folder, expected in zip(order, images, strict=True):
        found = mnist(root=tmp_path / "root", download=False)
        np.testing.assert_array_equal(found.images[:, 0], expected)
        (folder / LABELS).unlink()  # half a data set is not used
    with pytest.raises(DataUnavailableError, match="no folder holds") as caught:
        mnist(root=tmp_path / "root", download=False)
    assert all(str(folder) in str(caught.value) for folder in order)


def test_fashion_never_takes_the_files_of_mnist(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGAN_DATA", str(tmp_path))
    write_pair(tmp_path, seed=0)
    with pytest.raises(DataUnavailableError, match="fashion-mnist: no folder holds"):
        fashion_mnist(download=False)
    clothes = write_pair(tmp_path / "fashion-mnist", seed=1)
    found = fashion_mnist(download=False)
    np.testing.assert_array_equal(found.images[:, 0], clothes)
    assert found.name == "fashion-mnist"


def test_mnist_reads_plain_files_and_the_test_split(tmp_path):
    images = np.random.default_rng(3).integers(0, 256, (4, 28, 28), np.uint8)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(images))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(np.array([9, 0, 4, 1])))
    found = mnist("test", root=tmp_path)
    assert found.images.shape == (4, 1, 28, 28)
    assert found.labels is not None and found.labels.dtype == np.int64
    assert found.labels.tolist() == [9, 0, 4, 1]


@pytest.mark.parametrize("names", [
    "train-{}-idx{}-ubyte", "train-{}.idx{}-ubyte", "train-{}.idx{}-ubyte.gz",
    "train-{0}-idx{1}-ubyte/train-{0}-idx{1}-ubyte",
    "train-{0}.idx{1}-ubyte/train-{0}.idx{1}-ubyte",
])  # fmt: skip
@pytest.mark.parametrize("place", [".", "raw", "{}/raw"])
@pytest.mark.parametrize(("read", "own"), [(mnist, "MNIST"), (fashion_mnist, "FashionMNIST")])
def test_layouts_and_names_of_torchvision_and_kaggle(tmp_path, names, place, read, own):
    images = write_pair(tmp_path / "source", seed=4)
    for kind, dimensions, source in [("images", 3, IMAGES), ("labels", 1, LABELS)]:
        path = tmp_path / "root" / place.format(own) / names.format(kind, dimensions)
        path.parent.mkdir(parents=True, exist_ok=True)
        packed = (tmp_path / "source" / source).read_bytes()
        path.write_bytes(packed if path.suffix == ".gz" else gzip.decompress(packed))
    found = read(root=tmp_path / "root", download=False)
    np.testing.assert_array_equal(found.images[:, 0], images)


def test_the_folder_of_torchvision_holds_both_sets(tmp_path, monkeypatch):
    digits = write_pair(tmp_path / "MNIST" / "raw", seed=1)
    clothes = write_pair(tmp_path / "FashionMNIST" / "raw", seed=2)
    for root in (tmp_path, None):
        np.testing.assert_array_equal(mnist(root=root, download=False).images[:, 0], digits)
        np.testing.assert_array_equal(
            fashion_mnist(root=root, download=False).images[:, 0], clothes
        )
        monkeypatch.setenv("TINYGAN_DATA", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (LABELS, np.zeros(6), "holds 7 images, but .* 6 labels"),
        (LABELS, np.full(7, 10), "a label is 10; expected 0 to 9"),
        (LABELS, np.zeros((7, 1)), r"shape \(7, 1\); expected labels \(n,\)"),
        (IMAGES, np.zeros((7, 28, 27)), r"shape \(7, 28, 27\); expected images \(n, 28, 28\)"),
    ],
)
def test_mnist_refuses_files_that_do_not_fit(tmp_path, name, values, message):
    write_pair(tmp_path, seed=0)
    (tmp_path / name).write_bytes(gzip.compress(idx_bytes(values)))
    with pytest.raises(DataFormatError, match=message):
        mnist(root=tmp_path)


def test_mnist_refuses_wrong_arguments_before_looking(tmp_path):
    with pytest.raises(ValueError, match="split is 'valid'; expected 'train' or 'test'"):
        mnist("valid")
    with pytest.raises(NotADirectoryError, match=r"root is .*missing.*; expected an existing"):
        mnist(root=tmp_path / "missing")


def test_cache_dir_follows_the_environment(tmp_path, monkeypatch):
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("TINYGAN_CACHE")
    variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    monkeypatch.setenv(variable, str(tmp_path / "shared"))
    assert cache_dir() == tmp_path / "shared" / "tinygan"
    monkeypatch.delenv(variable)
    assert cache_dir() == Path.home() / ".cache" / "tinygan"


@pytest.mark.parametrize("collection", [MNIST, FASHION_MNIST])
def test_collections_are_complete(collection):
    assert sorted(collection.sha256) == sorted(MNIST.sha256)
    assert len({*MNIST.sha256.values(), *FASHION_MNIST.sha256.values()}) == 8
    assert all(len(bytes.fromhex(value)) == 32 for value in collection.sha256.values())
    assert all(mirror.endswith("/") for mirror in collection.mirrors)


# --- downloading ------------------------------------------------------------------------------


@pytest.fixture
def server():
    """A web server with ``bodies`` by path. ``announced`` overrides a Content-Length, and a body
    whose path is in ``held`` stops half-way until ``release`` is set."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            served.requests.append(self.path)
            if self.path not in served.bodies:
                self.send_error(404)
                return
            body = served.bodies[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(served.announced.get(self.path, len(body))))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            if self.path in served.held:
                served.release.wait(10)
                return
            self.wfile.write(body[len(body) // 2 :])

        def log_message(self, format, *arguments):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        bodies: dict[str, bytes]
        announced: dict[str, int]
        held: set[str]
        requests: list[str]
        release: threading.Event

    with Server(("127.0.0.1", 0), Handler) as served:
        served.bodies, served.announced, served.held, served.requests = {}, {}, set(), []
        served.release = threading.Event()
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        yield served
        served.release.set()
        served.shutdown()
        thread.join()


def address(server, folder: str) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{folder}/"


BODY = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(BODY).hexdigest()


def fetch(server, target: Path, *folders: str) -> Path:
    mirrors = [address(server, folder) for folder in folders]
    return download_module.fetch("file.gz", target, mirrors, SHA256)


def test_the_second_mirror_is_used_when_the_first_has_nothing(server, tmp_path):
    server.bodies["/b/file.gz"] = BODY
    path = fetch(server, tmp_path / "new", "a", "b")
    assert path == tmp_path / "new" / "file.gz"
    assert path.read_bytes() == BODY
    assert server.requests == ["/a/file.gz", "/b/file.gz"]
    assert list(path.parent.iterdir()) == [path]


def test_wrong_cut_off_and_missing_downloads_are_all_reported(server, tmp_path):
    wrong, cut = BODY[:-1] + b"?", BODY[:1000]
    server.bodies.update({"/wrong/file.gz": wrong, "/cut/file.gz": cut})
    server.announced["/cut/file.gz"] = len(BODY)
    with pytest.raises(DataUnavailableError, match="could not download file") as caught:
        fetch(server, tmp_path, "wrong", "cut", "none")
    assert str(caught.value).splitlines()[1:4] == [
        f"  {address(server, 'wrong')}file.gz: SHA-256 is {hashlib.sha256(wrong).hexdigest()}; "
        f"expected {SHA256}",
        f"  {address(server, 'cut')}file.gz: ended after 1000 bytes; expected 300000",
        f"  {address(server, 'none')}file.gz: HTTP Error 404: Not Found",
    ]
    assert f"put it into {tmp_path}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_one_sentence_says_so(tmp_path):
    """Nothing listens at a port that was just given back."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    mirrors = [f"http://127.0.0.1:{port}/{folder}/" for folder in "ab"]
    with pytest.raises(DataUnavailableError) as caught:
        download_module.fetch("file.gz", tmp_path, mirrors, SHA256)
    assert str(caught.value) == (
        f"could not download file.gz: the network is down, or none of {mirrors[0]}file.gz, "
        f"{mirrors[1]}file.gz can be reached; to supply it by hand, put it into {tmp_path}"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_mirror_that_does_not_answer_is_passed_over(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download_module, "TIMEOUT_SECONDS", 0.2)
    server.bodies.update({"/held/file.gz": BODY, "/good/file.gz": BODY})
    server.held.add("/held/file.gz")
    with pytest.raises(DataUnavailableError, match=r"held/file.gz: timed out"):
        fetch(server, tmp_path, "held")
    assert fetch(server, tmp_path, "held", "good").read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["file.gz"]


def test_progress_is_a_printed_line_without_tqdm(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    server.bodies["/a/file.gz"] = BODY
    fetch(server, tmp_path, "a")
    assert capsys.readouterr().err == "Downloading file.gz (0.3 MB)\n"


KILLED = """
import contextlib, sys
from pathlib import Path
from tinygan.data import download

@contextlib.contextmanager
def report(name, total):
    yield lambda size: print(size, flush=True)

download._progress = report
download.fetch("file.gz", Path(sys.argv[1]), [sys.argv[2]], sys.argv[3])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_download_leaves_no_file_and_the_next_one_cleans_up(server, tmp_path):
    server.bodies.update({"/held/file.gz": BODY, "/good/file.gz": BODY})
    server.held.add("/held/file.gz")
    root = Path(tinygan.data.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), address(server, "held"), SHA256],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0  # the first block is on disk
        process.send_signal(signal.SIGKILL)
    (partial,) = tmp_path.iterdir()
    assert partial.name.startswith(".file.gz.") and partial.name.endswith(".part")
    assert fetch(server, tmp_path, "good").read_bytes() == BODY
    assert partial.exists(), "a young partial file may belong to a running download"
    os.utime(partial, (0, 0))
    fetch(server, tmp_path, "good")
    assert [path.name for path in tmp_path.iterdir()] == ["file.gz"]


def test_mnist_downloads_once_into_the_cache(server, tmp_path, monkeypatch):
    images = write_pair(tmp_path / "source", seed=5)
    bodies = {name: (tmp_path / "source" / name).read_bytes() for name in (IMAGES, LABELS)}
    server.bodies.update({f"/m/{name}": body for name, body in bodies.items()})
    sums = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
    local = dataclasses.replace(MNIST, mirrors=(address(server, "m"),), sha256=sums)
    monkeypatch.setattr("tinygan.data.mnist_family.MNIST", local)
    for _ in range(2):
        np.testing.assert_array_equal(mnist().images[:, 0], images)
    assert server.requests == [f"/m/{IMAGES}", f"/m/{LABELS}"]
    assert sorted(path.name for path in (tmp_path / "cache" / "mnist").iterdir()) == sorted(sums)


# --- the real data set ------------------------------------------------------------------------

REAL = [Path(os.environ.get("TINYGAN_DATA", "/nowhere")) / folder for folder in MNIST.folders]
REAL = [folder for folder in REAL if (folder / IMAGES).is_file()]


@pytest.mark.skipif(not REAL, reason="TINYGAN_DATA is not set to a folder with MNIST")
def test_the_real_mnist():
    for name, expected in MNIST.sha256.items():
        assert hashlib.sha256((REAL[0] / name).read_bytes()).hexdigest() == expected
    train, test = mnist("train", root=REAL[0]), mnist("test", root=REAL[0])
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.labels is not None and test.labels is not None
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert train.images.mean() == pytest.approx(33.318, abs=1e-3)
