"""What the client asks, how often and with what pauses, as the servers that it asks see it."""

import asyncio
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import pytest
import trustme

from negbuild import calls, download
from negbuild.download import Fetched
from negbuild.errors import SourceError, Unreachable
from negbuild.hosts import Hosts
from negbuild.manners import Manners
from negbuild.model import NO_VALIDATORS, Skip, SkipReason, Validators
from negbuild.web import Web

Reply = Callable[..., Any]
PATIENT = Manners(allow_private=True, obey_opt_outs=False, deadline=20, longest_wait=20)
OBEDIENT = Manners(allow_private=True, deadline=20, longest_wait=20)
PAST = "Sun, 06 Nov 1994 08:49:37 GMT"


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]
    heads: list[tuple[str, dict[str, str]]]

    def close(self) -> None: ...


@pytest.fixture
def elsewhere(server: Server) -> Iterator[Server]:
    """Another host."""
    other: Server = type(server)()
    yield other
    other.close()


def fetch(
    *urls: str, manners: Manners = PATIENT, known: Validators = NO_VALIDATORS, hosts: Hosts | None = None
) -> list[Fetched | Skip]:
    async def all_of_them() -> list[Fetched | Skip]:
        async with Web(manners, hosts) as web:
            return await asyncio.gather(*(web.fetch(url, known) for url in urls))

    return asyncio.run(all_of_them())


def reasons(outcomes: list[Fetched | Skip]) -> list[SkipReason | None]:
    return [one.reason if isinstance(one, Skip) else None for one in outcomes]


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> float:
    """Make each random pause as long as the other, and short: a wait that nobody asked for is no longer than that."""
    for module in (calls, download):
        monkeypatch.setattr(module, "backoff", lambda _attempt: 0.15)
    return 0.15


def timed(answer: Any, at: list[float]) -> Callable[..., Any]:  # noqa: ANN401
    """Answer like that, and note when."""

    def route(_query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        at.append(time.monotonic())
        return answer

    return route


def gaps(at: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(at)]


# Pauses


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}, {"Retry-After": PAST}], ids=["none", "0", "past"])
@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_a_picture_is_tried_again_after_a_pause_whatever_the_host_asks(
    server: Server, reply: Reply, steady: float, status: int, headers: dict[str, str]
) -> None:
    at: list[float] = []
    server.routes["/a.jpg"] = timed(reply(b"", status, headers), at)
    assert reasons(fetch(f"{server.url}/a.jpg")) == [SkipReason.THROTTLED]
    assert len(at) == 5
    assert min(gaps(at)) >= steady


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}, {"Retry-After": PAST}], ids=["none", "0", "past"])
@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_a_call_is_made_again_after_a_pause_whatever_the_service_asks(
    server: Server, reply: Reply, steady: float, status: int, headers: dict[str, str]
) -> None:
    at: list[float] = []
    server.routes["/api"] = timed(reply(b"", status, headers), at)
    assert Web(PATIENT).get(f"{server.url}/api").status == status
    assert len(at) == 5
    assert min(gaps(at)) >= steady


@pytest.mark.parametrize("asked", ["0", PAST])
def test_a_list_is_asked_for_again_after_a_pause_whatever_its_host_asks(
    server: Server, reply: Reply, steady: float, asked: str
) -> None:
    at: list[float] = []
    busy, there = timed(reply(b"", 503, {"Retry-After": asked}), at), timed(reply(b"a\nb"), at)
    server.routes["/list"] = lambda query, before: (busy if before < 2 else there)(query, before)
    assert list(Web(PATIENT).lines(f"{server.url}/list")) == ["a", "b"]
    assert min(gaps(at)) >= steady


def test_an_answer_that_asks_for_no_wait_is_one(server: Server, reply: Reply) -> None:
    server.routes["/api"] = reply(b"here", headers={"Retry-After": "0"})
    assert Web(PATIENT).get(f"{server.url}/api").text == "here"
    assert server.asked["/api"] == 1


@pytest.mark.usefixtures("steady")
def test_a_longer_wait_that_is_asked_for_is_waited_for(server: Server, reply: Reply) -> None:
    at: list[float] = []
    busy, there = timed(reply(b"", 503, {"Retry-After": "1"}), at), timed(reply(b"here"), at)
    server.routes["/a.jpg"] = server.routes["/api"] = lambda query, before: (there if before else busy)(query, before)
    assert reasons(fetch(f"{server.url}/a.jpg")) == [None]
    assert Web(PATIENT).get(f"{server.url}/api").text == "here"
    assert len(at) == 4
    assert min(gaps(at)[::2]) >= 1


@pytest.mark.usefixtures("steady")
def test_a_time_to_try_again_is_noted_where_the_host_or_its_failures_say_one(server: Server, reply: Reply) -> None:
    server.routes |= {"/busy": reply(b"", 503), "/rests": reply(b"", 503, {"Retry-After": "600"})}
    (busy,) = fetch(f"{server.url}/busy")
    (rests,) = fetch(f"{server.url}/rests")
    (down, *_) = fetch(*["http://127.0.0.1:1/"] * 9)
    assert reasons([busy, rests, down]) == [SkipReason.THROTTLED, SkipReason.THROTTLED, SkipReason.UNREACHABLE]
    assert isinstance(busy, Skip)
    assert isinstance(rests, Skip)
    assert isinstance(down, Skip)
    assert busy.retry_at is None  # tried again whenever a person wants
    assert rests.retry_at == pytest.approx(time.time() + 600, abs=10)
    assert down.retry_at == pytest.approx(time.time() + 30, abs=5)


# Redirects to a host that is busy


def test_where_the_host_behind_a_redirect_rests_for_long_the_first_one_is_asked_once(
    server: Server, elsewhere: Server, reply: Reply
) -> None:
    paths = [f"/{number}.jpg" for number in range(12)]
    for path in paths:
        server.routes[path] = reply(b"", 302, {"Location": f"{elsewhere.url}{path}"})
        elsewhere.routes[path] = reply(b"", 429, {"Retry-After": "600"})
    outcomes = fetch(*(f"{server.url}{path}" for path in paths))
    assert reasons(outcomes) == [SkipReason.THROTTLED] * 12
    assert [server.asked[path] for path in paths] == [1] * 12
    for outcome in outcomes:
        assert isinstance(outcome, Skip)
        assert outcome.retry_at == pytest.approx(time.time() + 600, abs=10)


@pytest.mark.usefixtures("steady")
def test_a_rest_of_the_host_behind_a_redirect_is_waited_for_before_the_first_one_is_asked_again(
    server: Server, elsewhere: Server, reply: Reply
) -> None:
    at: list[float] = []
    server.routes["/a.jpg"] = timed(reply(b"", 302, {"Location": f"{elsewhere.url}/a.jpg"}), at)
    busy = reply(b"", 429, {"Retry-After": "1"})
    elsewhere.routes["/a.jpg"] = lambda _query, before: reply(b"here") if before else busy
    assert reasons(fetch(f"{server.url}/a.jpg")) == [None]
    assert len(at) == 2
    assert gaps(at)[0] >= 1


# robots.txt and X-Robots-Tag


def test_a_robots_txt_with_a_byte_order_mark_is_obeyed(server: Server, reply: Reply) -> None:
    server.routes |= {"/robots.txt": reply(b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /a"), "/a": reply(), "/b": reply()}
    assert reasons(fetch(f"{server.url}/a", f"{server.url}/b", manners=OBEDIENT)) == [SkipReason.ROBOTS, None]


@pytest.mark.usefixtures("steady")
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {"Content-Encoding": "gzip"}),
        (200, {"Content-Encoding": "x-gzip"}),
        (302, {"Location": "ftp://example.org/robots.txt"}),
        (302, {"Location": "http://user:secret@example.org/robots.txt"}),
        (302, {"Location": "http://[::1"}),
        (302, {"Location": "http://127.0.0.1:1/robots.txt"}),
        (302, {"Location": "http://no-such-name.invalid/robots.txt"}),
        (429, {}),
        (503, {}),
    ],
)
def test_whatever_way_a_robots_txt_fails_the_picture_fails_for_now(
    server: Server, reply: Reply, status: int, headers: dict[str, str]
) -> None:
    server.routes |= {"/robots.txt": reply(b"abc", status, headers), "/a": reply()}
    (outcome,) = fetch(f"{server.url}/a", manners=OBEDIENT)
    assert isinstance(outcome, Skip)
    assert (outcome.reason, outcome.reason.transient) == (SkipReason.ROBOTS_UNREACHABLE, True)
    assert outcome.detail.startswith(f"{server.url}/robots.txt: ")
    assert "secret" not in outcome.detail
    assert server.asked["/a"] == 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_a_robots_txt_that_is_not_there_allows_everything_also_behind_a_redirect(
    server: Server, elsewhere: Server, reply: Reply, status: int
) -> None:
    server.routes |= {"/robots.txt": reply(b"", 302, {"Location": f"{elsewhere.url}/robots.txt"}), "/a": reply()}
    elsewhere.routes["/robots.txt"] = reply(b"", status)
    assert reasons(fetch(f"{server.url}/a", manners=OBEDIENT)) == [None]


def test_the_delay_of_a_robots_txt_is_kept_between_pictures(server: Server, reply: Reply) -> None:
    at: list[float] = []
    server.routes |= {"/robots.txt": reply(b"User-agent: *\nCrawl-delay: 0.3"), "/a": timed(reply(), at)}
    assert reasons(fetch(*[f"{server.url}/a"] * 4, manners=OBEDIENT)) == [None] * 4
    assert at[-1] - at[0] >= 0.7  # 0.9 s as the client sees it


def test_a_tag_on_a_redirect_is_obeyed(server: Server, reply: Reply) -> None:
    server.routes |= {"/a": reply(b"", 302, {"Location": "/b", "X-Robots-Tag": "noai"}), "/b": reply(b"here")}
    assert reasons(fetch(f"{server.url}/a", manners=OBEDIENT)) == [SkipReason.NOAI]
    assert server.asked["/b"] == 0
    assert reasons(fetch(f"{server.url}/a")) == [None]
    server.routes["/gone"] = reply(b"", 404, {"X-Robots-Tag": "noindex"})  # as hosts mark all pages of errors
    assert reasons(fetch(f"{server.url}/gone", manners=OBEDIENT)) == [SkipReason.GONE]


# What is sent


def test_pictures_are_asked_for_without_cookies(server: Server, reply: Reply) -> None:
    cookie = {"Set-Cookie": "seen=1; Path=/"}
    server.routes |= {"/a": reply(b"", 302, {"Location": "/b", **cookie}), "/b": reply(b"x", headers=cookie)}

    async def one_after_the_other() -> None:
        async with Web(OBEDIENT) as web:
            for _ in range(2):
                assert isinstance(await web.fetch(f"{server.url}/a"), Fetched)

    asyncio.run(one_after_the_other())
    assert [path for path, _ in server.heads] == ["/robots.txt", "/a", "/b", "/a", "/b"]
    assert not [head for _, head in server.heads if "Cookie" in head]


def test_the_version_that_is_known_is_sent_with_the_request_for_the_picture(server: Server, reply: Reply) -> None:
    server.routes["/a"] = reply(b"", 304)
    (same,) = fetch(f"{server.url}/a", manners=OBEDIENT, known=Validators('"v1"', PAST))
    assert isinstance(same, Fetched)
    assert same.unchanged
    sent = {path: (head.get("If-None-Match"), head.get("If-Modified-Since")) for path, head in server.heads}
    assert sent == {"/robots.txt": (None, None), "/a": ('"v1"', PAST)}
    server.routes["/b"] = reply(b"x")
    assert reasons(fetch(f"{server.url}/b", manners=OBEDIENT)) == [None]
    assert not {"If-None-Match", "If-Modified-Since"} & set(server.heads[-1][1])


# Calls and pictures together


def test_a_host_that_calls_may_not_ask_is_not_asked_for_pictures_either_and_the_other_way_round(
    server: Server, elsewhere: Server, reply: Reply
) -> None:
    busy = reply(b"", 429, {"Retry-After": "600"})
    server.routes |= {"/api": busy, "/a.jpg": reply(b"x")}
    elsewhere.routes |= {"/a.jpg": busy, "/api": reply(b"x")}

    async def both() -> None:
        async with Web(PATIENT) as web:
            assert web.get(f"{server.url}/api").status == 429
            outcomes = [await web.fetch(f"{host.url}/a.jpg") for host in (server, elsewhere)]
            assert reasons(outcomes) == [SkipReason.THROTTLED] * 2
            with pytest.raises(Unreachable, match=r"not asked now \(throttled"):
                web.get(f"{elsewhere.url}/api")

    asyncio.run(both())
    assert (server.asked["/a.jpg"], elsewhere.asked["/api"]) == (0, 0)


# Limits


def test_the_limits_are_those_that_the_readme_states() -> None:
    is_set = Manners()
    assert (is_set.max_bytes, is_set.deadline, is_set.silence, is_set.min_speed) == (32 * 2**20, 60, 10, 1024)
    assert (is_set.longest_wait, is_set.connect, is_set.obey_opt_outs, is_set.use_proxy) == (90, 10, True, False)
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    assert "more than 32 MiB a picture after unpacking, 60 s a try, 10 s of silence, less than 1 KiB/s" in readme
    assert "waits up to 90 s" in readme


def test_the_older_name_of_gzip_is_read(server: Server, reply: Reply) -> None:
    for path, body in {"/a": gzip.compress(b"here"), "/bomb": gzip.compress(bytes(64 << 20)), "/bad": b"abc"}.items():
        server.routes[path] = reply(body, headers={"Content-Encoding": "X-gzip"})
    manners = Manners(allow_private=True, max_bytes=1 << 20, longest_wait=1)
    picture, bomb, bad = fetch(*(f"{server.url}{path}" for path in ("/a", "/bomb", "/bad")), manners=manners)
    assert isinstance(picture, Fetched)
    assert picture.data == b"here"
    assert reasons([bomb, bad]) == [SkipReason.TOO_MANY_BYTES, SkipReason.MALFORMED]


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_the_answer_to_a_call_has_a_limit_also_after_unpacking(
    server: Server, reply: Reply, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(calls, "_MOST_BYTES", 100_000)
    pack, headers = (gzip.compress, {"Content-Encoding": encoding}) if encoding else (bytes, {})
    server.routes |= {"/most": reply(pack(bytes(100_000)), headers=headers)}
    server.routes |= {"/more": reply(pack(bytes(100_001)), headers=headers)}
    assert len(Web(PATIENT).get(f"{server.url}/most").text) == 100_000
    with pytest.raises(SourceError, match=r"answers with more than 100,000 bytes$"):
        Web(PATIENT).get(f"{server.url}/more")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        *[(f"application/json; charset={name}", "“café”".encode()) for name in ("utf8mb4", "binary", "base64", "idna")],
        *[(kind, "“café”".encode()) for kind in ("application/json", "text/json", "text/html", "")],
        ("text/html; charset=windows-1252", "“café”".encode("cp1252")),
        ("text/html;Charset=GB2312", "“café”".encode("gb18030")),
    ],
)
def test_the_answer_to_a_call_is_decoded_whatever_its_type_says(
    server: Server, reply: Reply, kind: str, body: bytes
) -> None:
    server.routes["/api"] = reply(body, headers={"Content-Type": kind})
    assert Web(PATIENT).get(f"{server.url}/api").text == "“café”"


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Transfer-Encoding": "chunked"}, b"-5\r\nabcde"),
        (302, {"Location": "http://[::1"}, b""),
    ],
    ids=["chunk", "bracket"],
)
def test_a_call_that_is_answered_wrongly_is_a_source_error(
    server: Server, reply: Reply, steady: float, status: int, headers: dict[str, str], body: bytes
) -> None:
    server.routes["/api"] = reply(body, status, {**headers, "Connection": "close"})
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"cannot be reached \(\w+\); run the same command later$"):
        Web(PATIENT).get(f"{server.url}/api")
    with pytest.raises(Unreachable, match=r"not asked now|cannot be reached"):
        list(Web(PATIENT).lines(f"{server.url}/api"))
    assert time.monotonic() - began >= steady


@pytest.mark.usefixtures("steady")
def test_an_address_whose_name_is_too_long_is_a_source_error() -> None:
    web = Web(PATIENT)
    for url in (f"http://{'a' * 64}.example/", "http://a..example/"):
        with pytest.raises(Unreachable, match=r"cannot be reached \(LocationParseError\)"):
            web.get(url)
        with pytest.raises(Unreachable, match=r"not asked now"):
            list(web.lines(url))


def test_words_among_the_results_ask_for_no_wait(server: Server, reply: Reply) -> None:
    server.routes["/api"] = reply(b'{"title": "Expected available in 99999 seconds."}')
    web = Web(PATIENT)
    assert [web.get(f"{server.url}/api").status for _ in range(2)] == [200, 200]
    assert server.asked["/api"] == 2


def test_a_service_with_a_name_of_other_letters_is_the_same_host_behind_a_redirect(
    server: Server, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.url.rpartition(":")[2]
    found = socket.getaddrinfo

    def local(host: str, *rest: Any, **named: Any) -> Any:  # noqa: ANN401  as the library's own
        return found("127.0.0.1" if host == "xn--bcher-kva.example" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", local)
    server.routes |= {"/api": reply(b"", 302, {"Location": "/api/"}), "/api/": reply(b"here")}
    assert Web(PATIENT).get(f"http://b\u00fccher.example:{port}/api").text == "here"


@pytest.mark.parametrize(("status", "kept"), [(301, False), (302, False), (303, False), (307, True), (308, True)])
def test_a_form_is_sent_again_where_the_redirect_keeps_the_method(
    server: Server, reply: Reply, status: int, kept: bool
) -> None:
    server.routes |= {
        "/api": reply(b"", status, {"Location": "/moved"}),
        "/moved": lambda query, _before: reply(str(query).encode()),
    }
    assert Web(PATIENT).post(f"{server.url}/api", {"a": "b"}).text == str({"a": "b"} if kept else {})


def test_a_call_follows_a_redirect_that_is_written_in_utf_8(server: Server, reply: Reply) -> None:
    server.routes |= {
        "/api": reply(b"", 302, {"Location": "/café".encode().decode("latin-1")}),
        "/caf%C3%A9": reply(b"here"),
    }
    assert Web(PATIENT).get(f"{server.url}/api").text == "here"


@pytest.fixture
def dripping() -> Iterator[Callable[[bytes, bytes], str]]:
    """Answer with some of a head, then with the rest a byte at a time, for three seconds: `dripping(head, rest)`."""
    listeners = []

    def serve(head: bytes, rest: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def talk(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + head)
                for place in range(60):
                    connection.sendall(rest[place : place + 1])
                    time.sleep(0.05)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/api"

    yield serve
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        (b"Content-Length: 65000\r\n\r\n", b"x" * 60),
        (b"Connection: close\r\n\r\n", b"x" * 60),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"x" * 60),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10),
        (b"Content-Encoding: gzip\r\nContent-Length: 65000\r\n\r\n", gzip.compress(bytes(range(256)))),
        (b"X-Long: ", b"x" * 60),
        (b"", b"X: y\r\n" * 10),
    ],
    ids=["length", "closed", "chunk", "chunks", "gzip", "header", "headers"],
)
@pytest.mark.parametrize("ask", [Web.get, lambda web, url: list(web.lines(url))], ids=["call", "list"])
def test_an_answer_that_drips_meets_the_deadline(
    dripping: Callable[[bytes, bytes], str],
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[Web, str], object],
    head: bytes,
    rest: bytes,
) -> None:
    monkeypatch.setattr(calls, "ATTEMPTS", 1)
    began = time.monotonic()
    with pytest.raises(Unreachable):
        ask(Web(Manners(deadline=0.5)), dripping(head, rest))
    assert 0.5 <= time.monotonic() - began < 2.5


@pytest.mark.parametrize("safe", [False, True], ids=["http", "https"])
def test_a_call_that_is_given_up_leaves_no_connection_to_the_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, safe: bool
) -> None:
    monkeypatch.setattr(calls, "ATTEMPTS", 1)
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("NO_PROXY", "localhost")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> bytes:
            accepted, _ = listener.accept()
            with context.wrap_socket(accepted, server_side=True) if safe else accepted as connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                connection.settimeout(2)  # until it is closed
                with suppress(ConnectionError, ssl.SSLError):
                    return connection.recv(1)
            return b""

        url = f"http{'s' * safe}://localhost:{listener.getsockname()[1]}/api"
        with ThreadPoolExecutor(1) as pool:
            talked = pool.submit(talk)
            with pytest.raises(Unreachable, match="Timeout"):
                Web(Manners(deadline=0.5, use_proxy=True)).get(url)  # with what the environment says of certificates
            assert talked.result() == b""


def test_a_call_that_is_made_in_time_is_not_ended_later(server: Server, reply: Reply) -> None:
    server.routes["/api"] = reply(b"here")
    web = Web(Manners(deadline=0.2))
    for _ in range(3):  # over the same connection
        assert web.get(f"{server.url}/api").text == "here"
        time.sleep(0.15)
    assert Web(Manners(deadline=30)).get(f"{server.url}/api").text == "here"
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):  # nobody goes on looking at the clock
            thread.join(5)
            assert not thread.is_alive()


def test_calls_ignore_proxies_of_the_environment_unless_asked(
    server: Server, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "ATTEMPTS", 1)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    server.routes["/api"] = reply(b"here")
    assert Web(PATIENT).get(f"{server.url}/api").text == "here"
    with pytest.raises(Unreachable):
        Web(Manners(use_proxy=True)).get(f"{server.url}/api")
    assert server.asked["/api"] == 1
