"""The hostile web as a table: what comes, and the exact reason that is recorded for it."""

import asyncio
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol

import pytest
import trustme

from negbuild import download
from negbuild.connection import Room
from negbuild.download import Fetched
from negbuild.manners import Manners
from negbuild.model import Skip, SkipReason
from negbuild.web import Web

STRICT = Manners(deadline=3, silence=1, longest_wait=1)
LOCAL = Manners(allow_private=True, max_bytes=1 << 20, deadline=15, silence=0.4, longest_wait=1, min_speed=1000)
OK = b"HTTP/1.1 200 OK\r\n"


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


def fetch(url: str, manners: Manners) -> Fetched | Skip:
    async def one() -> Fetched | Skip:
        async with Web(manners) as web:
            return await web.fetch(url)

    return asyncio.run(one())


def reason(url: str, manners: Manners = LOCAL) -> SkipReason | None:
    outcome = fetch(url, manners)
    return outcome.reason if isinstance(outcome, Skip) else None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("file:///etc/passwd", SkipReason.BAD_URL),
        ("ftp://example.org/a.jpg", SkipReason.BAD_URL),
        ("data:image/png;base64,AAAA", SkipReason.BAD_URL),
        ("javascript:alert(1)", SkipReason.BAD_URL),
        ("gopher://127.0.0.1:70/", SkipReason.BAD_URL),
        ("//example.org/a.jpg", SkipReason.BAD_URL),
        ("http://", SkipReason.BAD_URL),
        ("http:///a.jpg", SkipReason.BAD_URL),
        ("http://[::1", SkipReason.BAD_URL),
        ("http://example.org:99999/", SkipReason.BAD_URL),
        ("http://example.org:port/", SkipReason.BAD_URL),
        ("http://example.org:0/", SkipReason.BAD_URL),
        ("http://example.org/\x01.jpg", SkipReason.BAD_URL),
        ("http://example..org/", SkipReason.BAD_URL),
        ("http://.example.org/", SkipReason.BAD_URL),
        ("http://" + "a" * 64 + ".example/", SkipReason.BAD_URL),
        ("http://exam\xadple.org/", SkipReason.BAD_URL),
        ("http://example.org\u200b/a.jpg", SkipReason.BAD_URL),
        ("http://127.0.0.1\\.example.org/", SkipReason.BAD_URL),
        ("http://example.org/" + "a" * 9000, SkipReason.BAD_URL),
        ("http://user:secret@example.org/a.jpg", SkipReason.CREDENTIALS),
        ("http://user@example.org/a.jpg", SkipReason.CREDENTIALS),
        ("http://127.0.0.1/", SkipReason.PRIVATE_ADDRESS),
        ("http://localhost/", SkipReason.PRIVATE_ADDRESS),
        ("http://0x7f000001/", SkipReason.PRIVATE_ADDRESS),
        ("http://2130706433/", SkipReason.PRIVATE_ADDRESS),
        ("http://017700000001/", SkipReason.PRIVATE_ADDRESS),
        ("http://127.1/", SkipReason.PRIVATE_ADDRESS),
        ("http://0/", SkipReason.PRIVATE_ADDRESS),
        ("http://0.0.0.0/", SkipReason.PRIVATE_ADDRESS),
        ("http://[::]/", SkipReason.PRIVATE_ADDRESS),
        ("http://[::1]/", SkipReason.PRIVATE_ADDRESS),
        ("http://[::ffff:127.0.0.1]/", SkipReason.PRIVATE_ADDRESS),
        ("http://[::7f00:1]/", SkipReason.PRIVATE_ADDRESS),
        ("http://[64:ff9b::7f00:1]/", SkipReason.PRIVATE_ADDRESS),
        ("http://[64:ff9b:1::1]/", SkipReason.PRIVATE_ADDRESS),
        ("http://[::ffff:0:127.0.0.1]/", SkipReason.PRIVATE_ADDRESS),
        ("http://[2002:7f00:1::]/", SkipReason.PRIVATE_ADDRESS),
        ("http://10.1.2.3/", SkipReason.PRIVATE_ADDRESS),
        ("http://172.16.0.1/", SkipReason.PRIVATE_ADDRESS),
        ("http://192.168.0.1/", SkipReason.PRIVATE_ADDRESS),
        ("http://169.254.169.254/latest/meta-data/", SkipReason.PRIVATE_ADDRESS),
        ("http://100.64.0.1/", SkipReason.PRIVATE_ADDRESS),
        ("http://198.18.0.1/", SkipReason.PRIVATE_ADDRESS),
        ("http://224.0.0.1/", SkipReason.PRIVATE_ADDRESS),
        ("http://255.255.255.255/", SkipReason.PRIVATE_ADDRESS),
        ("http://[fe80::1]/", SkipReason.PRIVATE_ADDRESS),
        ("http://[fd00::1]/", SkipReason.PRIVATE_ADDRESS),
        ("http://[fec0::1]/", SkipReason.PRIVATE_ADDRESS),
        ("http://[ff02::1]/", SkipReason.PRIVATE_ADDRESS),
    ],
)
def test_an_address_that_may_not_be_asked(url: str, expected: SkipReason) -> None:
    assert reason(url, STRICT) is expected


@pytest.fixture
def raw() -> Iterator[Callable[[bytes], str]]:
    """Answer every picture with exactly these bytes, then close: `raw(b"HTTP/1.1 ...")` gives its address."""
    listeners = []

    def serve(answer: bytes | Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def talk(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                asked = connection.recv(65536)
                if b"/robots.txt" in asked:
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                elif callable(answer):
                    answer(connection)
                else:
                    connection.sendall(answer)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/a.jpg"

    yield serve
    for listener in listeners:
        listener.close()


def drip(connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Length: 100000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"8000\r\n" + bytes(0x8000) + b"\r\n")


def silence(connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Length: 100\r\n\r\nabc")
    time.sleep(5)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", SkipReason.UNREACHABLE),
        (b"this is no HTTP\r\n\r\n", SkipReason.MALFORMED),
        (OK + b"X-Long: " + b"a" * 20_000 + b"\r\n\r\n", SkipReason.MALFORMED),
        (OK + b"".join(b"X-%d: 1\r\n" % n for n in range(300)) + b"\r\n", SkipReason.MALFORMED),
        (OK + b"Content-Length: no\r\n\r\n", SkipReason.MALFORMED),
        (OK + b"Content-Length: 99999999\r\n\r\n", SkipReason.TOO_MANY_BYTES),
        (OK + b"Content-Length: 1000\r\n\r\nabc", SkipReason.UNREACHABLE),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc", SkipReason.UNREACHABLE),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", SkipReason.MALFORMED),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", SkipReason.MALFORMED),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", SkipReason.HTTP_ERROR),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", SkipReason.HTTP_ERROR),
        (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\n\r\nabc", SkipReason.HTTP_ERROR),
        (drip, SkipReason.TOO_SLOW),
        (flood, SkipReason.TOO_MANY_BYTES),
        (silence, SkipReason.TIMEOUT),
    ],
)
def test_an_answer_that_is_none(raw: Callable[[Any], str], answer: Any, expected: SkipReason) -> None:  # noqa: ANN401
    assert reason(raw(answer)) is expected


def begin(head: bytes) -> Callable[[socket.socket], None]:
    """Begin a body, and send no more of it for long."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(OK + head + b"\r\n\r\n5\r\nabcde\r\n")
        time.sleep(5)

    return talk


@pytest.mark.parametrize("head", [b"Content-Length: 1000000", b"Transfer-Encoding: chunked", b"Connection: close"])
def test_a_body_that_does_not_come_holds_up_no_other_host(
    raw: Callable[[Any], str], server: Server, reply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(download, "_ROOM", 1 << 20)
    server.routes["/a.jpg"] = reply(b"x" * 1000)
    assert asyncio.run(seconds_beside(raw(begin(head)), f"{server.url}/a.jpg")) < 2


@pytest.mark.parametrize("length", ["1000000", "10000000000"])
def test_a_robots_txt_that_does_not_come_holds_up_no_other_host(
    raw: Callable[[Any], str], server: Server, reply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, length: str
) -> None:
    monkeypatch.setattr(download, "_ROOM", 1 << 20)
    server.routes["/robots.txt"] = reply(b"User-agent: *\n", headers={"Content-Length": length})
    assert asyncio.run(seconds_beside(f"{server.url}/a.jpg", raw(OK + b"Content-Length: 1\r\n\r\nx"))) < 2


async def seconds_beside(bad: str, good: str) -> float:
    """Fetch something while four requests hang in the middle of an answer, where they may be silent for four."""
    async with Web(Manners(allow_private=True, max_bytes=1 << 20, silence=4)) as web:
        hanging = [asyncio.create_task(web.fetch(f"{bad}?{number}")) for number in range(4)]
        await asyncio.sleep(0.5)
        began = time.monotonic()
        assert isinstance(await web.fetch(good), Fetched)
        taken = time.monotonic() - began
        assert not any(task.done() for task in hanging)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        return taken


def test_pictures_that_fill_the_memory_together_come_one_after_the_other() -> None:
    async def read(room: Room, held: list[int]) -> None:
        reader, size = object(), 0
        for _ in range(9):
            await room.take(10, reader)
            size += 10
            held[0] += 10
            assert held[0] <= 250
            await asyncio.sleep(0)
        room.leave(0, reader)
        await asyncio.sleep(0.001)  # while it is recorded
        held[0] -= size
        room.give(size)

    async def all_of_them() -> None:
        room, held = Room(250, 100), [0]
        async with asyncio.timeout(10):
            await asyncio.gather(*(read(room, held) for _ in range(40)))
        assert held == [0]
        assert await room.take(150, object()) == 0  # nothing was lost on the way

    asyncio.run(all_of_them())


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("file:///etc/passwd", SkipReason.BAD_URL),
        ("data:,x", SkipReason.BAD_URL),
        ("http://user:secret@example.org/", SkipReason.CREDENTIALS),
        ("http://[::1", SkipReason.BAD_URL),
        ("/again", SkipReason.TOO_MANY_REDIRECTS),
        ("http://127.0.0.1:1/", SkipReason.UNREACHABLE),
    ],
)
def test_a_redirect_is_looked_at_like_the_first_address(
    server: Server, reply: Callable[..., Any], target: str, expected: SkipReason
) -> None:
    server.routes["/again"] = reply(b"", 302, {"Location": target})
    assert reason(f"{server.url}/again") is expected


@pytest.mark.parametrize(
    "target", ["/en-us/photo_unavailable.png", "/pw/photo_unavailable_l.gif?x=1", "https://i.imgur.com/removed.png"]
)
def test_what_stands_in_the_place_of_a_picture_that_was_taken_away_is_gone(
    server: Server, reply: Callable[..., Any], target: str
) -> None:
    server.routes |= {"/1.jpg": reply(b"", 302, {"Location": target}), "/2.jpg": reply(b"", 302, {"Location": "/3"})}
    server.routes |= dict.fromkeys(("/en-us/photo_unavailable.png", "/pw/photo_unavailable_l.gif", "/3"), reply(b"x"))
    assert reason(f"{server.url}/1.jpg") is SkipReason.GONE
    assert reason(f"{server.url}/2.jpg") is None
    assert server.asked["/en-us/photo_unavailable.png"] == server.asked["/pw/photo_unavailable_l.gif"] == 0


def test_a_bomb_is_not_unpacked(server: Server, reply: Callable[..., Any]) -> None:
    server.routes["/a"] = reply(gzip.compress(bytes(64 << 20)), headers={"Content-Encoding": "gzip"})
    assert reason(f"{server.url}/a") is SkipReason.TOO_MANY_BYTES


@pytest.mark.parametrize(
    ("status", "expected"),
    [(503, SkipReason.ROBOTS_UNREACHABLE), (429, SkipReason.ROBOTS_UNREACHABLE), (404, None), (403, None)],
)
def test_a_robots_txt_that_does_not_come(
    server: Server, reply: Callable[..., Any], status: int, expected: SkipReason | None
) -> None:
    server.routes |= {"/robots.txt": reply(b"", status, {"Retry-After": "3600"}), "/a": reply(b"x")}
    assert reason(f"{server.url}/a") is expected


def test_a_robots_txt_is_read_up_to_500_kib(server: Server, reply: Callable[..., Any]) -> None:
    long = b"User-agent: *\nDisallow: /a\n" + b"#" * (1 << 20) + b"\nDisallow: /b\n"
    server.routes |= {"/robots.txt": reply(long), "/a": reply(b"x"), "/b": reply(b"x")}
    assert reason(f"{server.url}/a") is SkipReason.ROBOTS
    assert reason(f"{server.url}/b") is None


def test_a_certificate_that_nobody_vouches_for(raw: Callable[[Any], str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with suppress(OSError), context.wrap_socket(connection, server_side=True):
                        pass

        threading.Thread(target=accept, daemon=True).start()
        port = listener.getsockname()[1]
        assert reason(f"https://localhost:{port}/a.jpg") is SkipReason.BAD_CERTIFICATE
    assert reason(raw(OK).replace("http:", "https:")) is SkipReason.BAD_CERTIFICATE


def test_proxies_of_the_environment_are_ignored_unless_asked_for(
    server: Server, reply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.routes["/a"] = reply(b"x")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert reason(f"{server.url}/a") is None
    through = Manners(allow_private=True, use_proxy=True, deadline=15, longest_wait=1)
    assert reason(f"{server.url}/a", through) is SkipReason.UNREACHABLE
