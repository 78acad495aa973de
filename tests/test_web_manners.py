"""What the client asks, how often and with what pauses, as the servers that it asks see it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Protocol

import pytest

from negbuild import calls, download
from negbuild.download import Fetched
from negbuild.hosts import Hosts
from negbuild.manners import Manners
from negbuild.model import NO_VALIDATORS, Skip, SkipReason, Validators
from negbuild.web import Web

Reply = Callable[..., Any]
PATIENT = Manners(allow_private=True, obey_opt_outs=False, deadline=20, longest_wait=20)
PAST = "Sun, 06 Nov 1994 08:49:37 GMT"


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]

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
