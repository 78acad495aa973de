"""Names that resolve late, badly or never: they hold up nobody else, blame nobody, and end with the run."""

import asyncio
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild import network
from negbuild.errors import NetworkDown
from negbuild.hosts import Hosts
from negbuild.lookups import Lookups
from negbuild.loop import loop_factory
from negbuild.manners import Manners
from negbuild.model import Skip, SkipReason
from negbuild.web import Web

# A name service that Python loads when it starts: what a name begins with says what becomes of it.
NAME_SERVICE = """
import socket, time
usual = socket.getaddrinfo
def getaddrinfo(host, *how, **more):
    name = host if isinstance(host, str) else ""
    if name.endswith(".test"):
        if name.startswith("slow"):
            time.sleep(40)
        if name.startswith("late"):
            time.sleep(6)
        if name.startswith(("slow", "again")):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        host = "127.0.0.1"
    return usual(host, *how, **more)
socket.getaddrinfo = getaddrinfo
"""
COMMAND = ("crawl", "-s", "urls", "--path", "list.txt", "--category", "c", "--allow-private", "--json")
Replies = Callable[..., Any]


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


class Names:
    """Crawls of names that only this name service knows; each name has a picture of its own."""

    def __init__(self, root: Path, server: Server, photo: Callable[..., bytes], reply: Replies) -> None:
        self.root, self._server, self._photo, self._reply = root, server, photo, reply
        self.times: list[float] = []
        (root / "service").mkdir()
        (root / "service" / "sitecustomize.py").write_text(NAME_SERVICE)
        self.path = os.pathsep.join(filter(None, [str(root / "service"), os.environ.get("PYTHONPATH")]))

    def write_list(self, *names: str) -> None:
        for number, name in enumerate(names):
            self._server.routes[f"/{name}.jpg"] = partial(self._give, self._reply(self._photo(number)))
        port = self._server.url.rpartition(":")[2]
        (self.root / "list.txt").write_text("\n".join(f"http://{name}.test:{port}/{name}.jpg" for name in names))

    def _give(self, picture: object, *_: object) -> object:
        self.times.append(time.monotonic())
        return picture

    def asked(self) -> set[str]:
        return {path[1:-4] for path, number in self._server.asked.items() if number and path.endswith(".jpg")}

    def count(self, table: str) -> int:
        with closing(sqlite3.connect(self.root / "catalog.sqlite")) as catalog:
            found: int = catalog.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            return found


@pytest.fixture
def names(tmp_path: Path, server: Server, photo: Callable[..., bytes], reply: Replies) -> Names:
    return Names(tmp_path, server, photo, reply)


def good(number: int, first: int = 0) -> list[str]:
    return [f"good{one}" for one in range(first, first + number)]


@pytest.mark.parametrize("slow", [2, 4, 40])
def test_names_that_resolve_slowly_hold_up_no_other(slow: int, names: Names, negbuild: Callable[..., Any]) -> None:
    names.write_list(*good(10), *(f"slow{one}" for one in range(slow)), *good(30, 10))
    done = negbuild(*COMMAND, "-n", 40, env={"PYTHONPATH": names.path})
    assert (done.code, done.json["unique"]) == (0, 40), done.err
    assert names.times[-1] - names.times[0] < 10  # before the time of any slow one is over
    assert names.asked() == {*good(40)}


@pytest.mark.parametrize(("wanted", "code"), [(1, 0), (20, 0), (21, 3)])
def test_one_name_that_cannot_be_resolved_is_no_fault_of_our_network(
    wanted: int, code: int, names: Names, negbuild: Callable[..., Any]
) -> None:
    names.write_list("again", *good(20))
    done = negbuild(*COMMAND, "-n", wanted, env={"PYTHONPATH": names.path})
    assert (done.code, done.json["unique"]) == (code, min(wanted, 20)), done.err
    if wanted > 20:
        assert done.json["skips"] == {"unreachable": 1}
    else:
        assert names.count("candidates") + names.count("pending") >= wanted


def test_a_name_that_takes_its_time_may_yet_show_that_our_network_works(
    names: Names, negbuild: Callable[..., Any]
) -> None:
    names.write_list("again", "late")
    done = negbuild(*COMMAND, "-n", 2, env={"PYTHONPATH": names.path})
    assert (done.code, done.json["unique"], done.json["skips"]) == (3, 1, {"unreachable": 1})


@pytest.mark.parametrize("bad", [["again"], ["again0", "again1", "again2", "slow0", "slow1"]])
def test_where_no_name_can_be_resolved_nothing_is_said_about_any_picture(
    bad: list[str], names: Names, negbuild: Callable[..., Any]
) -> None:
    names.write_list(*bad)
    done = negbuild(*COMMAND, "-n", len(bad), env={"PYTHONPATH": names.path})
    assert done.code == 4, done.err
    *_, last = done.err.splitlines()
    assert last.startswith("negbuild: network: cannot be used (")
    assert (names.count("candidates"), names.count("pending")) == (0, len(bad))


def test_where_no_name_can_be_resolved_no_search_waits_for_what_another_one_asked_for(
    names: Names, negbuild: Callable[..., Any]
) -> None:
    names.write_list("again")
    done = negbuild(*COMMAND, "-q", "one", "-q", "other", "-n", 2, env={"PYTHONPATH": names.path}, timeout=40)
    assert done.code == 4, done.err
    assert "negbuild: network: cannot be used (" in done.err


@pytest.mark.parametrize(("presses", "most"), [(1, 6.5), (2, 2)])
def test_control_c_waits_for_no_name(
    presses: int, most: float, names: Names, environment: Callable[..., dict[str, str]]
) -> None:
    names.write_list("good", "slow0", "slow1", "slow2")
    running = subprocess.Popen(
        [sys.executable, "-m", "negbuild", *COMMAND, "-n", "4"],
        cwd=names.root,
        env=environment(PYTHONPATH=names.path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not names.asked():
        time.sleep(0.02)
    for press in range(presses):
        time.sleep(0.5 * press)
        running.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = running.communicate(timeout=60)
    assert time.monotonic() - began < most
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert names.count("candidates") + names.count("pending") == 4


def answering(answers: dict[str, list[str]], asked: Counter[str]) -> Callable[..., list[Any]]:
    """Stand in for getaddrinfo; a name without an address is to be asked for later."""
    usual = socket.getaddrinfo

    def getaddrinfo(host: Any, *how: Any, **more: Any) -> list[Any]:  # noqa: ANN401  socket's own
        if host not in answers:
            return usual(host, *how, **more)
        asked[host] += 1
        if not answers[host]:
            raise socket.gaierror(socket.EAI_AGAIN, "later")
        return [found for address in answers[host] for found in usual(address, *how, **more)]

    return getaddrinfo


@pytest.mark.parametrize("addresses", [["127.0.0.1", "8.8.8.8"], ["8.8.8.8", "127.0.0.1"], ["8.8.8.8", "10.0.0.1"]])
def test_a_name_of_which_any_address_is_private_is_refused(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering({"both.test": addresses}, Counter()))

    async def fetch() -> object:
        async with Web(Manners(deadline=5, connect=1, silence=1, longest_wait=1)) as web:
            return await web.fetch("http://both.test/a.jpg")

    outcome = asyncio.run(fetch())
    assert isinstance(outcome, Skip)
    assert outcome.reason is SkipReason.PRIVATE_ADDRESS


def test_where_only_bad_names_are_left_a_good_one_is_looked_up_again(
    server: Server, reply: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.routes["/a.jpg"] = reply(b"a")
    port = server.url.rpartition(":")[2]
    answers, asked = {"good.test": ["127.0.0.1"], "again0.test": [], "again1.test": []}, Counter[str]()
    monkeypatch.setattr(socket, "getaddrinfo", answering(answers, asked))
    monkeypatch.setattr(network, "_DOUBT", 0.2)
    manners = Manners(allow_private=True, obey_opt_outs=False)

    async def crawl() -> None:
        async with Web(manners, Hosts(manners.pace)) as web:
            assert not isinstance(await web.fetch(f"http://good.test:{port}/a.jpg"), Skip)
            monkeypatch.setattr(network, "_LATELY", 0.3)
            await asyncio.sleep(0.4)
            outcome = await web.fetch("http://again0.test/a.jpg")
            assert isinstance(outcome, Skip)
            assert outcome.reason is SkipReason.UNREACHABLE
            assert asked["good.test"] > 1
            answers["good.test"] = []
            await asyncio.sleep(0.4)
            with pytest.raises(NetworkDown, match="cannot be used"):
                await web.fetch("http://again1.test/a.jpg")

    asyncio.run(crawl())


def test_a_name_is_looked_up_once_for_all_who_wait_and_a_late_answer_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer, usual = Counter[str](), threading.Event(), socket.getaddrinfo

    def getaddrinfo(host: str, *how: Any, **more: Any) -> list[Any]:  # noqa: ANN401  socket's own
        asked[host] += 1
        answer.wait(20)
        return usual("127.0.0.1", *how, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    async def look_up() -> None:
        lookups = Lookups(0.3)
        both = await asyncio.gather(*(lookups.find("slow.test") for _ in range(9)), return_exceptions=True)
        assert {type(one) for one in both} == {socket.gaierror}
        later = asyncio.create_task(lookups.find("slow.test"))
        await asyncio.sleep(0.05)
        answer.set()
        assert [address.host for address in await later] == ["127.0.0.1"]

    asyncio.run(look_up())
    assert asked == {"slow.test": 1}


def test_lookups_have_a_limit_and_the_next_begins_when_one_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, lock, usual = 0, 0, threading.Lock(), socket.getaddrinfo

    def getaddrinfo(_host: str, *how: Any, **more: Any) -> list[Any]:  # noqa: ANN401  socket's own
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.3)
        with lock:
            at_once -= 1
        return usual("127.0.0.1", *how, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr("negbuild.lookups._MOST", 8)

    async def look_up() -> list[Any]:
        lookups = Lookups(5)
        return await asyncio.gather(*(lookups.find(f"{number}.test") for number in range(20)))

    assert len(asyncio.run(look_up())) == 20
    assert most == 8


def test_a_connection_to_an_address_waits_for_no_lookup() -> None:
    async def connect() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            client.setblocking(False)
            connecting: Any = asyncio.get_running_loop().sock_connect(client, listener.getsockname())
            with suppress(StopIteration):
                connecting.send(None)
            listener.settimeout(2)
            accepted, came_from = listener.accept()  # it has begun already, while the loop stands still
            assert came_from == client.getsockname()
            accepted.close()
            connecting.close()

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(connect())
