"""What the benchmarks crawl: nginx for throughput, and many slow hosts of our own for patience; all on loopback.

`python servers.py FOLDER` serves the pictures of FOLDER from the slow hosts, and says on which port. Each of them is an
Openverse, too, that finds `FOUND` pictures for each query that is a number, and before these one on a host that hangs.
"""

import asyncio
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

NGINX_HOSTS = [f"127.0.1.{number}" for number in range(1, 17)]
GOOD_HOSTS = [f"127.0.2.{number}" for number in range(1, 201)]
HANGING_HOSTS = [f"127.0.3.{number}" for number in range(1, 4)]
THROTTLING_HOSTS = [f"127.0.4.{number}" for number in range(1, 3)]

FOUND = 50

_LATENCY = 0.05  # seconds before each answer of a slow host
_RETRY_AFTER = 30  # seconds
_LONGEST_START = 10.0  # seconds

_NGINX = """\
{user}worker_processes 1;
daemon off;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    log_format moment $msec;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    open_file_cache max=10000;
    types {{ image/jpeg jpg; }}
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
{listen}
        root {root};
        {log}
    }}
}}
"""


class BenchError(Exception):
    """A benchmark cannot run; the message says what to do."""


@contextmanager
def nginx(folder: Path, pictures: Path, *, log: Path | None = None) -> Iterator[int]:
    """Serve the folder `pictures` on `NGINX_HOSTS`; yields the port. `log` gets the Unix time of each answer."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise BenchError("nginx: not found; install it (Debian: apt-get install nginx-light)")
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port(NGINX_HOSTS[0])
    (folder / "nginx.conf").write_text(
        _NGINX.format(
            # Started by root, the worker becomes "nobody", who may not enter everybody's folders.
            user=f"user {pwd.getpwuid(os.geteuid()).pw_name};\n" if os.geteuid() == 0 else "",
            listen="\n".join(f"        listen {host}:{port};" for host in NGINX_HOSTS),
            root=f'"{pictures.resolve()}"',
            log=f'access_log "{log.resolve()}" moment;' if log else "",
        )
    )
    command = [program, "-e", "stderr", "-p", str(folder.resolve()), "-c", "nginx.conf"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            _wait_until_listening(process, port)
            yield port
        finally:
            process.terminate()


@contextmanager
def slow_hosts(pictures: Path) -> Iterator[int]:
    """Serve the folder `pictures` on the good hosts, in a process of its own; yields the port."""
    command = [sys.executable, __file__, str(pictures)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            if not said:
                raise BenchError("slow hosts: did not start; see the error above")
            yield int(said)
        finally:
            process.terminate()


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int) -> None:
    end = time.monotonic() + _LONGEST_START
    while time.monotonic() < end:
        if process.poll() is not None:
            assert process.stderr is not None
            raise BenchError(f"nginx: did not start: {process.stderr.read().decode().strip().splitlines()[-1]}")
        with socket.socket() as probe:
            if probe.connect_ex((NGINX_HOSTS[-1], port)) == 0:
                return
        time.sleep(0.02)
    raise BenchError(f"nginx: not listening after {_LONGEST_START:.0f} s; look into .bench/nginx/error.log")


class _SlowHost(asyncio.Protocol):
    """One connection; which host it is follows from the address that was called."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self._answers = answers
        self._request = b""
        self._transport: asyncio.Transport
        self._host, self._port = "", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._host, self._port = transport.get_extra_info("sockname")

    def data_received(self, data: bytes) -> None:
        self._request += data
        while b"\r\n\r\n" in self._request:
            head, _, self._request = self._request.partition(b"\r\n\r\n")
            if self._host not in HANGING_HOSTS:
                asyncio.get_running_loop().call_later(_LATENCY, self._transport.write, self._answer(head))

    def _answer(self, head: bytes) -> bytes:
        path = head.split(b" ", 2)[1].decode("ascii")
        if self._host in THROTTLING_HOSTS:
            return _answer("429 Too Many Requests", b"", f"Retry-After: {_RETRY_AFTER}\r\n")
        if path.startswith("/v1/images/"):
            return _answer("200 OK", _found(path, self._port))
        return self._answers.get(path) or _answer("404 Not Found", b"")


def _answer(status: str, body: bytes, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _found(path: str, port: int) -> bytes:
    """Answer a search as Openverse does, a page at a time."""
    asked = parse_qs(urlsplit(path).query)
    number, page, size = (int(asked[name][0]) for name in ("q", "page", "page_size"))
    hosts = [HANGING_HOSTS[number % len(HANGING_HOSTS)], *GOOD_HOSTS[:FOUND]]
    urls = [f"http://{host}:{port}/{number * FOUND + place:05d}.jpg" for place, host in enumerate(hosts)]
    results = [{"id": url, "url": url, "license": "by"} for url in urls[size * (page - 1) : size * page]]
    return json.dumps({"page_count": -(-len(urls) // size), "results": results}).encode()


def _answers(folder: Path) -> dict[str, bytes]:
    """Whole answers, by path."""
    kind = "Content-Type: image/jpeg\r\n"
    return {f"/{path.name}": _answer("200 OK", path.read_bytes(), kind) for path in folder.glob("*.jpg")}


async def _serve(answers: dict[str, bytes]) -> None:
    port = _free_port(GOOD_HOSTS[0])
    hosts = [*GOOD_HOSTS, *HANGING_HOSTS, *THROTTLING_HOSTS]
    server = await asyncio.get_running_loop().create_server(lambda: _SlowHost(answers), hosts, port, backlog=1024)
    print(port, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(_answers(Path(sys.argv[1]))))
