"""The polite client against a real server that is slow, rude, endless or lying."""

import asyncio
import gzip
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negbuild.addresses import is_public
from negbuild.download import Fetched
from negbuild.errors import SourceError
from negbuild.hosts import asked_wait
from negbuild.manners import Manners
from negbuild.model import Skip, SkipReason
from negbuild.web import Web

Reply = Callable[..., Any]
LOCAL = Manners(allow_private=True, max_bytes=1 << 20, deadline=2, longest_wait=3)


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


def fetch(*urls: str, manners: Manners = LOCAL) -> list[bytes | Skip]:
    async def all_of_them() -> list[bytes | Skip]:
        async with Web(manners) as web:
            fetched = await asyncio.gather(*(web.fetch(url) for url in urls))
            return [one if isinstance(one, Skip) else one.data for one in fetched]

    return asyncio.run(all_of_them())


def assert_data(fetched: Fetched | Skip, data: bytes) -> None:
    assert isinstance(fetched, Fetched)
    assert fetched.data == data


def reason(outcome: bytes | Skip) -> SkipReason:
    assert isinstance(outcome, Skip)
    return outcome.reason


def test_a_picture_comes_whole(server: Server, reply: Reply, photo: Callable[..., bytes]) -> None:
    server.routes["/a.jpg"] = reply(photo(1))
    assert fetch(f"{server.url}/a.jpg") == [photo(1)]


def test_an_address_arrives_as_it_was_written(server: Server, reply: Reply) -> None:
    for path in ("/a%2Fb%7E.jpg", "/%C3%A9.jpg", "/a%20b.jpg"):
        server.routes[path] = lambda query, _: reply(query.get("sig", "").encode())
    urls = [f"{server.url}/a%2Fb%7E.jpg?sig=x%2By", f"{server.url}/é.jpg?sig=1", f"{server.url}/a b.jpg?sig=2"]
    assert fetch(*urls) == [b"x+y", b"1", b"2"]


@pytest.mark.parametrize(
    ("status", "expected", "tries"),
    [
        (404, SkipReason.GONE, 1),
        (410, SkipReason.GONE, 1),
        (401, SkipReason.REFUSED, 1),
        (403, SkipReason.REFUSED, 1),
        (451, SkipReason.REFUSED, 1),
        (400, SkipReason.HTTP_ERROR, 1),
        (418, SkipReason.HTTP_ERROR, 1),
        (204, SkipReason.HTTP_ERROR, 1),
        (429, SkipReason.THROTTLED, 5),
        (500, SkipReason.THROTTLED, 5),
        (503, SkipReason.THROTTLED, 5),
    ],
)
def test_a_status_is_final_or_tried_again(
    server: Server, reply: Reply, status: int, expected: SkipReason, tries: int
) -> None:
    server.routes["/a.jpg"] = reply(b"", status)
    patient = Manners(allow_private=True, deadline=20, longest_wait=20)
    assert reason(fetch(f"{server.url}/a.jpg", manners=patient)[0]) is expected
    assert server.asked["/a.jpg"] == tries


def test_a_wait_that_a_host_asks_for_holds_for_all_its_pictures(server: Server, reply: Reply) -> None:
    server.routes["/busy.jpg"] = lambda _, before: reply(b"x") if before else reply(b"", 429, {"Retry-After": "1"})
    server.routes["/other.jpg"] = reply(b"y")

    async def one_after_the_other() -> float:
        async with Web(LOCAL) as web:
            busy = asyncio.create_task(web.fetch(f"{server.url}/busy.jpg"))
            await asyncio.sleep(0.3)
            began = time.monotonic()
            assert_data(await web.fetch(f"{server.url}/other.jpg"), b"y")
            waited = time.monotonic() - began
            assert_data(await busy, b"x")
            return waited

    assert asyncio.run(one_after_the_other()) > 0.4


def test_a_wait_that_is_too_long_is_not_waited_for(server: Server, reply: Reply) -> None:
    server.routes["/a.jpg"] = reply(b"", 429, {"Retry-After": "3600"})
    began = time.monotonic()
    assert reason(fetch(f"{server.url}/a.jpg")[0]) is SkipReason.THROTTLED
    assert time.monotonic() - began < 1
    assert server.asked["/a.jpg"] == 1


def test_redirects_are_followed_five_times(server: Server, reply: Reply) -> None:
    for step in range(10):
        server.routes[f"/{step}"] = reply(b"", 302, {"Location": f"/{step + 1}"})
    server.routes["/10"] = reply(b"there")
    assert fetch(f"{server.url}/5") == [b"there"]
    assert reason(fetch(f"{server.url}/4")[0]) is SkipReason.TOO_MANY_REDIRECTS


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("file:///etc/passwd", SkipReason.BAD_URL),
        ("ftp://127.0.0.1/a.jpg", SkipReason.BAD_URL),
        ("http://[::1", SkipReason.BAD_URL),
        ("http://127.0.0.1:99999/", SkipReason.BAD_URL),
        ("data:image/png;base64,AAAA", SkipReason.BAD_URL),
    ],
)
def test_an_address_that_is_none_is_refused_directly_and_behind_a_redirect(
    server: Server, reply: Reply, target: str, expected: SkipReason
) -> None:
    server.routes["/there"] = reply(b"", 301, {"Location": target})
    assert [reason(one) for one in fetch(target, f"{server.url}/there")] == [expected, expected]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0x7f000001",
        "2130706433",
        "127.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[::ffff:0:7f00:1]",
        "[::ffff:0:169.254.1.1]",
        "[2002:7f00:1::]",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "224.0.0.1",
    ],
)
def test_a_private_address_is_never_asked(host: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.05)
        port = listener.getsockname()[1]
        outcome = fetch(f"http://{host}:{port}/", manners=Manners(deadline=2, longest_wait=0))[0]
        # The client itself refuses some odd spellings of an IPv4 address as no address at all.
        assert reason(outcome) in {SkipReason.PRIVATE_ADDRESS, SkipReason.BAD_URL}
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "1.1.1.1"])
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


def test_an_address_without_a_host_is_refused() -> None:
    assert reason(fetch("http://")[0]) is SkipReason.BAD_URL


def test_an_address_of_numbers_is_asked_however_it_is_spelled(server: Server, reply: Reply) -> None:
    server.routes["/a.jpg"] = reply(b"picture")
    port = server.url.rpartition(":")[2]
    hosts = ("2130706433", "0x7f000001", "017700000001", "127.1", "127.0.0.1.", "\uff11\uff12\uff17.1")
    assert fetch(*(f"http://{host}:{port}/a.jpg" for host in hosts)) == [b"picture"] * len(hosts)
    assert server.asked["/robots.txt"] == 1  # all of them are one host


def test_a_body_over_the_cap_is_cut_off_also_when_it_is_packed(server: Server, reply: Reply) -> None:
    server.routes["/big"] = reply(bytes(2 << 20))
    server.routes["/bomb"] = reply(gzip.compress(bytes(64 << 20)), headers={"Content-Encoding": "gzip"})
    outcomes = fetch(f"{server.url}/big", f"{server.url}/bomb")
    assert [reason(one) for one in outcomes] == [SkipReason.TOO_MANY_BYTES] * 2


def test_a_body_cut_short_and_a_closed_connection_are_unreachable_for_now(server: Server, reply: Reply) -> None:
    server.routes["/short"] = reply(b"abc", headers={"Content-Length": "1000", "Connection": "close"})
    server.routes["/rude"] = reply(status=0)
    for outcome in fetch(f"{server.url}/short", f"{server.url}/rude"):
        assert reason(outcome) in {SkipReason.UNREACHABLE, SkipReason.TIMEOUT}
        assert reason(outcome).transient


def test_a_host_that_never_answers_meets_the_deadline(server: Server, reply: Reply) -> None:
    server.routes["/slow"] = reply(b"late", delay=30)
    began = time.monotonic()
    outcome = fetch(f"{server.url}/slow", manners=Manners(allow_private=True, deadline=0.3, longest_wait=1))[0]
    assert reason(outcome) is SkipReason.TIMEOUT
    assert time.monotonic() - began < 5


def test_a_host_gets_no_more_than_its_share_of_connections(server: Server, reply: Reply) -> None:
    now, most = 0, 0

    def counted(_query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        nonlocal now, most
        now += 1
        most = max(most, now)
        time.sleep(0.05)
        now -= 1
        return reply(b"x")

    for number in range(20):
        server.routes[f"/{number}"] = counted
    assert fetch(*(f"{server.url}/{number}" for number in range(20))) == [b"x"] * 20
    assert most <= LOCAL.pace.connections


def test_an_api_call_waits_as_asked_and_gives_the_answer(server: Server, reply: Reply) -> None:
    busy = reply(b'{"detail":"Request was throttled. Expected available in 1 seconds."}', 429)
    server.routes["/api"] = lambda query, before: reply(query["q"].encode()) if before else busy
    web = Web(LOCAL)
    began = time.monotonic()
    answer = web.get(f"{server.url}/api", {"q": "cat & dog"})
    assert (answer.status, answer.text) == (200, "cat & dog")
    assert time.monotonic() - began >= 1


def test_an_api_that_nobody_serves_is_a_source_error() -> None:
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:9: cannot be reached \(connection refused\)"):
        Web(LOCAL).get("http://127.0.0.1:9/api")


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    assert asked_wait("120", "") == 120
    later = datetime.now(UTC) + timedelta(seconds=60)
    wait = asked_wait(format_datetime(later, usegmt=True), "")
    assert wait is not None
    assert 55 < wait <= 60
    assert asked_wait(format_datetime(later - timedelta(days=1), usegmt=True), "") == 0
    assert asked_wait(None, "Request was throttled. Expected available in 3600 seconds.") == 3600
    assert asked_wait(None, "nothing of the kind") is None
    assert asked_wait("soon", "") is None
    assert asked_wait("-5", "") is None


@given(st.text())
def test_any_retry_after_is_read_or_ignored(value: str) -> None:
    wait = asked_wait(value, "")
    assert wait is None or wait >= 0


def test_the_recorded_throttling_of_openverse_is_understood(fixtures: Any) -> None:  # noqa: ANN401
    assert asked_wait(None, (fixtures / "openverse" / "error_429.json").read_text()) == 3600
