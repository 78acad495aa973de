"""`Web.lines`, which reads the lists of sources: every way that a long text comes over a real connection."""

import gzip
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any, Protocol

import pytest

from negbuild import calls
from negbuild import lines as text
from negbuild.errors import SourceError, Unreachable
from negbuild.hosts import Pace
from negbuild.manners import Manners
from negbuild.web import Web


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


Reply = Callable[..., Any]
LINES = [f"{number},Zoë,🌭" for number in range(30_000)]
TEXT = "\n".join(LINES).encode()


def read(url: str, manners: Manners | None = None) -> list[str]:
    return list(Web(manners or Manners()).lines(url))


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        (b"\xef\xbb\xbfa\nb", ["a", "b"]),
        (b"a\xff\nb\xf0\x9f", ["a\ufffd", "b\ufffd"]),
        (b"\x1f", ["\x1f"]),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_come_without_their_ends(
    server: Server, reply: Reply, body: bytes, lines: list[str], pack: Callable[[bytes], bytes]
) -> None:
    server.routes["/list"] = reply(pack(body))
    assert read(f"{server.url}/list") == lines


PACKINGS: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress}
TWO = gzip.compress(TEXT[:300]) + gzip.compress(TEXT[300:997])
PADDED = gzip.compress(TEXT[:1000]) + b"\0" * 70_000 + gzip.compress(TEXT[1000:])
MEMBERS = b"".join(gzip.compress(TEXT[place : place + 5000]) for place in range(0, len(TEXT), 5000))


@pytest.mark.parametrize("body", [TEXT, gzip.compress(TEXT), MEMBERS, PADDED], ids=["plain", "gzip", "many", "padded"])
@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
def test_a_long_text_is_the_same_however_it_is_packed(server: Server, reply: Reply, body: bytes, encoding: str) -> None:
    pack = PACKINGS[encoding]
    server.routes["/list"] = reply(pack(body), headers={"Content-Encoding": encoding} if encoding else {})
    assert read(f"{server.url}/list") == LINES


@pytest.mark.parametrize(
    "body", [b"\xef\xbb\xbf" + TEXT[:997], gzip.compress(TEXT[:300]) + gzip.compress(TEXT[300:997])]
)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_text_that_comes_byte_by_byte_is_the_same(
    server: Server, reply: Reply, monkeypatch: pytest.MonkeyPatch, body: bytes, size: int
) -> None:
    monkeypatch.setattr(calls, "_CHUNK", size)
    monkeypatch.setattr(text, "_PIECE", size)
    server.routes["/list"] = reply(body)
    assert read(f"{server.url}/list") == TEXT[:997].decode("utf-8", "replace").split("\n")


def test_what_unpacks_to_a_thousand_times_its_size_is_never_held(server: Server, reply: Reply) -> None:
    server.routes["/line"] = reply(gzip.compress(b"x" * 30_000_000))
    server.routes["/lines"] = reply(gzip.compress(b"x\n" * 5_000_000))
    tracemalloc.start()
    with pytest.raises(SourceError, match=r"/line has a line of over 1,048,576 characters; is it a text$"):
        read(f"{server.url}/line")
    lines = Web(Manners()).lines(f"{server.url}/lines")
    assert sum(1 for line in islice(lines, 300_000) if line == "x") == 300_000
    del lines
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 16_000_000


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (gzip.compress(TEXT)[:-20], "it ends too early"),
        (gzip.compress(TEXT)[:-8], "it ends too early"),
        (gzip.compress(TEXT)[:5000] + b"no gzip" + gzip.compress(TEXT)[5007:], "Error -3 while decompressing"),
        (gzip.compress(TEXT) + b"and more", "Error -3 while decompressing"),
    ],
)
def test_a_gzip_that_is_damaged_is_told_and_not_taken_for_a_shorter_one(
    server: Server, reply: Reply, body: bytes, fault: str
) -> None:
    server.routes["/list"] = reply(body)
    with pytest.raises(SourceError, match=rf"^127\.0\.0\.1:\d+: http://.*/list cannot be read \({fault}"):
        read(f"{server.url}/list")


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_list_that_is_not_given_is_told_at_once(server: Server, reply: Reply, status: int) -> None:
    server.routes["/list"] = reply(b"no", status)
    with pytest.raises(SourceError, match=rf"answered {status} for http://.*/list; is the address right$"):
        read(f"{server.url}/list")
    assert server.asked["/list"] == 1


def test_a_busy_host_is_asked_again_as_it_wishes(server: Server, reply: Reply) -> None:
    server.routes["/list"] = lambda _query, before: reply(TEXT) if before else reply(b"", 503, {"Retry-After": "1"})
    began = time.monotonic()
    assert read(f"{server.url}/list") == LINES
    assert time.monotonic() - began >= 1
    server.routes["/busy"] = reply(b"", 429, {"Retry-After": "3600"})
    with pytest.raises(Unreachable, match=r"answered 429 for http://.*/busy; run the same command later$"):
        read(f"{server.url}/busy")
    assert server.asked["/busy"] == 1


class Breaking:
    """A server that says how long its list is, and closes after a part of it; it knows ranges, or it does not.

    With `short` it gives ranges of a part each and says so; a `careless` one gives them of whatever it has by now.
    """

    def __init__(
        self,
        *,
        part: int,
        etags: list[str],
        ranges: bool = True,
        shift: int = 0,
        short: bool = False,
        careless: bool = False,
    ) -> None:
        self.ranges: list[str | None] = []
        breaking = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                wanted = self.headers["Range"]
                etag = etags[min(len(breaking.ranges), len(etags) - 1)]
                breaking.ranges.append(wanted)
                fits = ranges and wanted and (careless or self.headers["If-Range"] == etag)
                begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if fits else 0
                end = min(begin + part, len(TEXT)) if fits and short else len(TEXT)
                self.send_response(206 if fits else 200)
                if fits:
                    self.send_header("Content-Range", f"bytes {begin + shift}-{end - 1}/{len(TEXT)}")
                self.send_header("Content-Length", str(end - begin))
                if etag:
                    self.send_header("ETag", etag)
                self.end_headers()
                self.wfile.write(TEXT[begin : begin + part])
                self.close_connection = True

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base class's name
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/list"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def breaking() -> Iterator[Callable[..., Breaking]]:
    running: list[Breaking] = []

    def start(**how: Any) -> Breaking:  # noqa: ANN401
        running.append(Breaking(**how))
        return running[-1]

    yield start
    for one in running:
        one.close()


def test_where_a_connection_breaks_the_rest_is_asked_for(breaking: Callable[..., Breaking]) -> None:
    service = breaking(part=len(TEXT) // 3 + 1, etags=['"1"'])
    assert read(service.url) == LINES
    begins = [int(one.removeprefix("bytes=").removesuffix("-")) for one in service.ranges[1:] if one]
    assert len(begins) == len(service.ranges) - 1 >= 2
    assert begins == sorted(set(begins))
    assert begins[0] > 0


def test_where_a_host_gives_less_of_the_rest_than_was_asked_for_the_list_does_not_end(
    breaking: Callable[..., Breaking],
) -> None:
    service = breaking(part=len(TEXT) // 7, etags=['"1"'], short=True)
    assert read(service.url) == LINES
    assert 7 <= len(service.ranges) <= 9


@pytest.mark.parametrize("careless", [False, True])
def test_a_list_that_changed_meanwhile_is_not_mixed_with_the_old_one(
    breaking: Callable[..., Breaking], careless: bool
) -> None:
    service = breaking(part=200_000, etags=['"1"', '"2"'], careless=careless)
    with pytest.raises(SourceError, match=r"has changed while it was read; run the same command again$"):
        read(service.url)


def test_another_range_than_was_asked_for_is_not_taken_for_the_rest(breaking: Callable[..., Breaking]) -> None:
    service = breaking(part=200_000, etags=['"1"'], shift=-1)
    with pytest.raises(SourceError, match=r"has changed while it was read; run the same command again$"):
        read(service.url)


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_a_list_whose_version_nobody_can_tell_is_given_up(breaking: Callable[..., Breaking], etag: str) -> None:
    service = breaking(part=200_000, etags=[etag])
    with pytest.raises(Unreachable, match=r"/list broke off \(\w+\); run the same command later$"):
        read(service.url)
    assert service.ranges == [None]


def test_nobody_answering_is_told() -> None:
    with pytest.raises(Unreachable, match=r"^127\.0\.0\.1:9: cannot be reached \(connection refused\)"):
        read("http://127.0.0.1:9/list")


def test_pictures_of_the_same_host_are_fetched_while_its_list_is_read(server: Server, reply: Reply) -> None:
    server.routes["/list"], server.routes["/other"] = reply(TEXT), reply(b"here")
    web = Web(Manners(pace=Pace(1)))
    lines = web.lines(f"{server.url}/list")
    next(lines)
    assert web.wait(server.url.removeprefix("http://"), 0) == 0
    assert web.get(f"{server.url}/other").text == "here"


def test_the_end_of_a_run_ends_the_reading(server: Server, reply: Reply) -> None:
    server.routes["/list"] = reply(TEXT)
    web = Web(Manners())
    lines = web.lines(f"{server.url}/list")
    next(lines)
    web.wind_down()
    with pytest.raises(SourceError, match="the run is ending"):
        list(lines)
