"""Real pictures, a real HTTP server and the real command line, for all tests."""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: each test has a core of its own at most

import numpy as np
import pytest
from PIL import Image

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell: the commands under test would inherit that, and tests press Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT.parent / "shared" / "fixtures"


def without(need: str) -> None:
    """Skip a test for want of something that CI always has, and must not skip."""
    if os.environ.get("CI"):
        pytest.fail(need)
    pytest.skip(need)


def draw_photo(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Draw a picture with structure at several scales; another seed gives an unrelated one."""
    random = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)).resize(
                size, Image.Resampling.BICUBIC
            ),
            dtype=np.float64,
        )
        * weight
        for cells, weight in ((4, 0.5), (11, 0.3), (40, 0.2))
    ]
    return Image.fromarray(np.clip(sum(layers), 0, 255).astype(np.uint8))


def encode(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:  # noqa: ANN401  Pillow's own
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def photo() -> Callable[..., bytes]:
    """Make the bytes of a photograph: `photo(seed, size=(w, h), kind="JPEG", **options of Pillow's save)`."""

    def make(seed: int, size: tuple[int, int] = (160, 120), kind: str = "JPEG", **options: Any) -> bytes:  # noqa: ANN401
        return encode(draw_photo(seed, size), kind, **options)

    return make


@dataclass(frozen=True)
class Finished:
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401  whatever the command prints
        return json.loads(self.out)


Negbuild = Callable[..., Finished]


def cli_environment(**extra: str) -> dict[str, str]:
    """Environment of a command: nothing of the person's settings, warnings as errors."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEGBUILD_", "FLICKR_"))}
    return {**kept, "PYTHONWARNINGS": "error", **extra}


@pytest.fixture
def negbuild(tmp_path: Path) -> Negbuild:
    """Run the real command line in a process of its own, in the test's folder: `negbuild("split", "--json")`."""

    def run(*arguments: object, env: Mapping[str, str] | None = None, timeout: float = 120) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "negbuild", *map(str, arguments)],
            cwd=tmp_path,
            env=cli_environment(**(env or {})),
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@dataclass
class Review:
    """A `negbuild review` under way."""

    address: str
    process: subprocess.Popen[str]

    def end(self, how: int = signal.SIGINT) -> Finished:
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=30)
        assert "Traceback" not in err, err
        return Finished(self.process.returncode, out, err)


@pytest.fixture
def reviewing(tmp_path: Path) -> Iterator[Callable[..., Review]]:
    """Start the real `negbuild review`, wait until it says its address, and end it with the test.

    It opens no browser, unless an environment names one.
    """
    begun: list[Review] = []

    def begin(*arguments: object, env: Mapping[str, str] | None = None) -> Review:
        process = subprocess.Popen(
            [sys.executable, "-m", "negbuild", "review", *map(str, arguments), *([] if env else ["--no-open"])],
            cwd=tmp_path,
            env=cli_environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr
        said = process.stderr.readline()
        assert said.startswith("review: http://127.0.0.1:"), said + process.stderr.read()
        begun.append(Review(said.split()[1], process))
        return begun[-1]

    yield begin
    for one in begun:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


@dataclass(frozen=True)
class Reply:
    """What the server answers; `status` 0 closes the connection without a word."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0


Route = Reply | Callable[[dict[str, str], int], Reply]
"""A reply, or what makes one from the query's parameters and how often this path was asked before."""


class Server:
    """A real HTTP server on loopback; `routes` maps paths to replies, `asked` counts requests by path."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.asked: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.heads: list[tuple[str, dict[str, str]]] = []  # path and headers of each request
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.socket.listen(128)  # of more than 5 at once the rest would come a second later, or three, or seven
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def reply(self, path: str, agent: str) -> Reply:
        parts = urlsplit(path)
        with self._lock:
            before = self.asked[parts.path]
            self.asked[parts.path] += 1
            self.agents.add(agent)
        route = self.routes.get(parts.path, Reply(b"nothing here", 404))
        return route if isinstance(route, Reply) else route(dict(parse_qsl(parts.query)), before)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self) -> None:
                server.heads.append((self.path, dict(self.headers)))
                reply = server.reply(self.path, self.headers.get("User-Agent", ""))
                if reply.delay:
                    threading.Event().wait(reply.delay)
                if not reply.status:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.path += ("&" if "?" in self.path else "?") + form
                self.do_GET()

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base class's name
                """Say nothing."""

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError):  # the client was killed, or had enough
                    self.close_connection = True

        return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@contextmanager
def hanging_host() -> Iterator[str]:
    """Accept connections, and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for one in held:
            one.close()


@pytest.fixture
def hanging() -> Iterator[str]:
    with hanging_host() as url:
        yield url


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """Recorded answers of the true services, where they are at hand; CI always has them."""
    if not FIXTURES.is_dir():
        without("the recorded answers are not part of this checkout")
    return FIXTURES


@pytest.fixture(scope="session")
def reply() -> type[Reply]:
    """Make an answer of the server: `reply(body, status, headers, delay)`."""
    return Reply


@pytest.fixture(scope="session")
def environment() -> Callable[..., dict[str, str]]:
    """Make the environment of a command: nothing of the person's settings, warnings as errors."""
    return cli_environment


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a file system of its own: `disk("size=64k")`. That takes rights which CI has, and not every person."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = []

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            without("mounting a file system takes more rights")
        mounted.append(folder)
        return folder

    yield mount
    for place in mounted:
        subprocess.run(["umount", place], check=True)
