"""Errands under way at once: none waits for another one's hosts, nothing is fetched twice, shares hold."""

import json
import math
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negbuild import checkers, crawler, workers
from negbuild.errands import Errand, Quota, Shares
from negbuild.frontier import LONGEST, Claims, Entry, Frontier
from negbuild.manners import Manners
from negbuild.model import Candidate, Role
from negbuild.model import Search as Wanted
from negbuild.order import Order
from negbuild.places import Places
from negbuild.source import Allowance, find_source
from negbuild.stages.crawl import crawl_all
from negbuild.workspace import Workspace
from tests.conftest import Reply, Server, cli_environment

Photo = Callable[..., bytes]
Negbuild = Callable[..., Any]

PATIENCE = 15.0  # seconds, of what never happens where an errand waits for another one


class Search:
    """Openverse, where each query finds certain pictures; they are on the same server."""

    def __init__(self, server: Server, photo: Photo) -> None:
        self.server, self._photo = server, photo
        self.found: dict[str, list[str]] = {}
        self.delays: dict[str, float] = {}
        self.pages: list[tuple[str, int]] = []
        server.routes["/v1/images/"] = self._answer

    def finds(self, query: str, *paths: str) -> None:
        self.found[query] = list(paths)
        for path in paths:
            self.server.routes.setdefault(path, Reply(self._photo(len(self.server.routes))))

    def _answer(self, query: dict[str, str], _before: int) -> Reply:
        text, page = query["q"], int(query["page"])
        self.pages.append((text, page))
        paths = self.found[text]
        records = [
            {"id": f"{text}-{path}", "url": urljoin(self.server.url, path), "license": "by"}
            for path in paths[20 * (page - 1) : 20 * page]
        ]
        body = json.dumps({"page_count": -(-len(paths) // 20), "results": records}).encode()
        return Reply(body, delay=self.delays.get(text, 0.0))


@pytest.fixture
def search(server: Server, photo: Photo) -> Search:
    return Search(server, photo)


def command(*arguments: object) -> tuple[object, ...]:
    return ("crawl", *arguments, "--allow-private", "--contact", "me@example.org")


def numbered(query: str, number: int) -> list[str]:
    return [f"/{query}/{one}.jpg" for one in range(number)]


class Gate:
    """An answer that waits until something else was asked for."""

    def __init__(self, server: Server) -> None:
        self._server, self._open = server, threading.Event()
        self.opened: list[bool] = []

    def waits(self, path: str) -> None:
        self._change(path, lambda: self.opened.append(self._open.wait(PATIENCE)))

    def opens(self, path: str) -> None:
        self._change(path, self._open.set)

    def _change(self, path: str, first: Callable[[], object]) -> None:
        route = self._server.routes[path]

        def answer(query: dict[str, str], before: int) -> Reply:
            first()
            return route if isinstance(route, Reply) else route(query, before)

        self._server.routes[path] = answer


def test_a_service_that_does_not_answer_holds_up_no_other_source(
    negbuild: Negbuild, search: Search, server: Server, photo: Photo
) -> None:
    search.finds("salad", *numbered("salad", 5))
    records = [{"id": str(one), "author": "A", "width": 160, "height": 120, "url": "https://a.b"} for one in range(5)]
    server.routes["/v2/list"] = Reply(json.dumps(records).encode())
    server.routes |= {f"/id/{one}/160/120.jpg": Reply(photo(100 + one)) for one in range(5)}
    gate = Gate(server)
    gate.waits("/v1/images/")
    gate.opens("/id/4/160/120.jpg")
    both = command("-s", "openverse", "-s", "picsum", "-q", "salad", "-n", 10)
    done = negbuild(*both, env={"NEGBUILD_OPENVERSE_URL": server.url, "NEGBUILD_PICSUM_URL": server.url})
    assert done.code == 0
    assert gate.opened == [True]  # Picsum's last picture was asked for while Openverse was silent


def test_a_picture_that_does_not_come_holds_up_no_other_query(
    negbuild: Negbuild, search: Search, server: Server
) -> None:
    search.finds("salad", *numbered("salad", 3))
    search.finds("street", *numbered("street", 3))
    gate = Gate(server)
    gate.waits("/salad/0.jpg")
    gate.opens("/street/2.jpg")
    done = negbuild(*command("-q", "salad", "-q", "street", "-n", 6), env={"NEGBUILD_OPENVERSE_URL": server.url})
    assert done.code == 0
    assert gate.opened == [True]


def test_what_failed_in_one_crawl_is_tried_again_beside_that_of_another(
    negbuild: Negbuild, search: Search, server: Server, tmp_path: Path
) -> None:
    search.finds("salad", *numbered("salad", 2))
    search.finds("street", *numbered("street", 2))
    there = dict(server.routes)
    busy = Reply(status=429, headers={"Retry-After": "600"})
    server.routes |= dict.fromkeys((*numbered("salad", 2), *numbered("street", 2)), busy)
    elsewhere = server.url.replace("127.0.0.1", "localhost")  # the service
    failed = negbuild(*command("-q", "salad", "-q", "street", "-n", 4), env={"NEGBUILD_OPENVERSE_URL": elsewhere})
    assert failed.code == 3
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        catalog.execute("UPDATE candidates SET retry_at = 0")
        catalog.commit()
    server.routes.update(there)
    gate = Gate(server)
    gate.waits("/salad/0.jpg")
    gate.opens("/street/1.jpg")
    again = negbuild("crawl", "--retry", "--allow-private", "--json")
    assert (again.code, again.json["tried"], again.json["new"]) == (0, 4, 4)
    assert gate.opened == [True]


def test_an_address_that_two_queries_find_is_fetched_once_and_is_of_both(
    negbuild: Negbuild, search: Search, server: Server
) -> None:
    shared = numbered("shared", 30)
    search.finds("salad", *shared, *numbered("salad", 10))
    search.finds("street", *shared[::-1], *numbered("street", 10))
    for path in shared:
        reply = server.routes[path]
        assert isinstance(reply, Reply)
        server.routes[path] = Reply(reply.body, delay=0.02)
    done = negbuild(
        *command("-q", "salad", "-q", "street", "-n", 50, "--json"), env={"NEGBUILD_OPENVERSE_URL": server.url}
    )
    assert (done.code, done.json["unique"]) == (0, 50)
    assert {server.asked[path] for path in [*shared, *numbered("salad", 10), *numbered("street", 10)]} == {1}
    names = {share["query"]: share["skips"].get("duplicate", 0) for share in done.json["shares"]}
    assert sum(names.values()) == 30  # each is one more origin in the other query


def test_a_search_ends_only_when_it_is_known_what_came_of_its_candidates_elsewhere(
    negbuild: Negbuild, search: Search, server: Server, photo: Photo
) -> None:
    search.finds("salad", "/both.jpg")
    search.finds("street", "/both.jpg")
    server.routes["/both.jpg"] = Reply(photo(1), delay=1.0)
    done = negbuild(
        *command("-q", "salad", "-q", "street", "-n", 2, "--json"), env={"NEGBUILD_OPENVERSE_URL": server.url}
    )
    assert (done.code, done.json["unique"], done.json["pending"]) == (3, 1, 0)
    assert (server.asked["/both.jpg"], done.json["skips"]) == (1, {"duplicate": 1})


def test_what_a_search_needs_no_more_the_others_may_have(
    negbuild: Negbuild, search: Search, server: Server, photo: Photo
) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    slow = [f"/slow/{number}.jpg" for number in range(5)]
    search.finds("salad", *slow, *(f"{elsewhere}{path}" for path in numbered("salad", 4)))
    search.finds("street", slow[-1])
    search.delays["street"] = 4.0  # by then the fifth one waits for the others of its host, and enough came elsewhere
    for path in slow[:-1]:
        server.routes[path] = Reply(photo(0), delay=6.0)
    for path in numbered("salad", 4):
        server.routes[path] = Reply(photo(50 + len(server.routes)))
    done = negbuild(
        *command("-q", "salad", "-q", "street", "-n", 2, "--json"),
        env={"NEGBUILD_OPENVERSE_URL": elsewhere},
        timeout=40,
    )
    assert (done.code, [share["unique"] for share in done.json["shares"]]) == (0, [1, 1])
    assert server.asked[slow[-1]] == 1


def test_what_came_too_late_is_not_asked_for_again(
    negbuild: Negbuild, search: Search, server: Server, photo: Photo
) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    late = [f"/late/{number}.jpg" for number in range(3)]
    search.finds("salad", *late, *(f"{elsewhere}{path}" for path in numbered("salad", 2)))
    search.finds("street", "/late/2.jpg")
    search.delays["street"] = 7.0  # by then they have come, when enough had come from elsewhere
    server.routes |= {path: Reply(photo(50), delay=4.0) for path in late[:1]}
    server.routes |= {path: Reply(status=404, delay=4.0) for path in late[1:]}
    server.routes |= {path: Reply(photo(60 + place)) for place, path in enumerate(numbered("salad", 2))}
    done = negbuild(
        *command("-q", "salad", "-q", "street", "-n", 2, "--json"),
        env={"NEGBUILD_OPENVERSE_URL": elsewhere},
        timeout=40,
    )
    assert (done.code, [share["unique"] for share in done.json["shares"]]) == (0, [2, 0])
    assert [server.asked[path] for path in late] == [1, 1, 1]


def test_what_one_brings_for_the_others_is_not_listed_anew(negbuild: Negbuild, search: Search, server: Server) -> None:
    search.finds("salad", *numbered("salad", 2))
    search.finds("street", *numbered("street", 18))
    done = negbuild(
        *command("-q", "salad", "-q", "street", "-n", 16, "--json"), env={"NEGBUILD_OPENVERSE_URL": server.url}
    )
    assert [share["unique"] for share in done.json["shares"]] == [2, 14]
    assert sorted(search.pages) == [("salad", 1), ("street", 1)]


def test_many_queries_have_no_more_connections_to_a_host_than_one(
    negbuild: Negbuild, search: Search, server: Server
) -> None:
    queries = [f"query{number}" for number in range(12)]
    now, most, lock = Counter[str](), Counter[str](), threading.Lock()
    for query in queries:
        search.finds(query, *numbered(query, 4))

    def slow(reply: Reply) -> Callable[[dict[str, str], int], Reply]:
        def answer(_query: dict[str, str], _before: int) -> Reply:
            with lock:
                now["pictures"] += 1
                most["pictures"] = max(most["pictures"], now["pictures"])
            threading.Event().wait(0.05)
            with lock:
                now["pictures"] -= 1
            return reply

        return answer

    for path, route in list(server.routes.items()):
        if isinstance(route, Reply) and path.endswith(".jpg"):
            server.routes[path] = slow(route)
    asked = [part for query in queries for part in ("-q", query)]
    elsewhere = server.url.replace("127.0.0.1", "localhost")  # the service: its calls are not counted
    done = negbuild(*command(*asked, "-n", 48, "--json"), env={"NEGBUILD_OPENVERSE_URL": elsewhere})
    assert (done.code, done.json["unique"]) == (0, 48)
    assert 2 <= most["pictures"] <= 4


def test_what_hangs_at_a_host_for_one_search_keeps_no_other_from_asking_for_more(
    negbuild: Negbuild, search: Search, server: Server
) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    search.finds("salad", *numbered("salad", 4))
    search.finds("street", *numbered("street", 4), *(f"{elsewhere}{path}" for path in numbered("elsewhere", 4)))
    search.delays["street"] = 1.0  # by then all connections that the host grants are taken
    there = {path: server.routes[path] for path in numbered("street", 1)}
    server.routes |= dict.fromkeys(numbered("elsewhere", 4), there["/street/0.jpg"])
    gate = Gate(server)
    for path in numbered("salad", 4):
        gate.waits(path)
    gate.opens("/elsewhere/0.jpg")
    done = negbuild(*command("-q", "salad", "-q", "street", "-n", 8), env={"NEGBUILD_OPENVERSE_URL": elsewhere})
    assert done.code == 0
    assert gate.opened == [True] * 4


def test_no_candidate_times_out_behind_those_of_other_searches(
    search: Search, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    monkeypatch.setenv("NEGBUILD_OPENVERSE_URL", elsewhere)
    asking = []
    for number in range(8):
        search.finds(f"query{number}", *numbered(f"query{number}", 4))
        order = Order(Wanted(f"query{number}", limit=32), f"query{number}", Role.UNKNOWN)
        asking.append(Errand(find_source("openverse"), order))
    server.routes["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 0.25")
    done = crawl_all(Workspace(tmp_path), asking, 32, manners=Manners(allow_private=True, deadline=1, longest_wait=2))
    assert (done.unique, done.skips) == (32, {})


def test_hosts_that_hang_for_one_search_leave_places_for_the_others(
    search: Search, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawler, "_AT_ONCE", 4)
    monkeypatch.setattr(crawler, "_RESERVED", 2)
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    monkeypatch.setenv("NEGBUILD_OPENVERSE_URL", elsewhere)
    search.finds("salad", *numbered("salad", 4))
    search.finds("street", *numbered("street", 2))
    search.found["street"] = [elsewhere + path for path in numbered("street", 2)]
    search.delays["street"] = 3.0  # by then all those of the other one are on their way, and known to hang
    gate = Gate(server)
    for path in numbered("salad", 4):
        gate.waits(path)
    gate.opens("/street/0.jpg")
    asking = [Errand(find_source("openverse"), Order(Wanted(text), text, Role.UNKNOWN)) for text in search.found]
    done = crawl_all(Workspace(tmp_path), asking, 8, manners=Manners(allow_private=True))
    assert (done.unique, gate.opened) == (6, [True] * 4)


def test_what_is_fetched_and_what_is_drawn_here_is_checked_by_the_same_processes(
    search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def start() -> "subprocess.Popen[bytes]":
        started.append(start_process())
        return started[-1]

    start_process = workers.start
    monkeypatch.setattr(checkers, "PROCESSES", 2)
    monkeypatch.setattr(checkers, "SURELY_WORTHWHILE", 8)
    monkeypatch.setattr(workers, "start", start)
    monkeypatch.setenv("NEGBUILD_OPENVERSE_URL", search.server.url)
    search.finds("salad", *numbered("salad", 12))
    asking = [
        Errand(find_source(name), Order(Wanted(text), name, Role.UNKNOWN))
        for name, text in (("openverse", "salad"), ("noise", ""))
    ]
    done = crawl_all(Workspace(tmp_path), asking, 24, manners=Manners(allow_private=True))
    assert (done.unique, len(started)) == (24, 2)
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        sketched = "SELECT count(*) FROM sketches JOIN candidates USING (sha256) WHERE source = 'noise'"
        assert catalog.execute(sketched).fetchone() == (12,)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def open_files() -> Iterator[str]:
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # another thread has closed it meanwhile
            yield str(link.readlink())


def test_many_searches_hold_open_no_more_files_than_a_few(
    search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGBUILD_LEDGER", str(tmp_path / "calls.sqlite"))
    monkeypatch.delenv("NEGBUILD_OPENVERSE_URL", raising=False)
    service = replace(find_source("openverse"), base_url=search.server.url, allowances=(Allowance(100, 3600),))
    opened = list[int]()

    def count(_done: int, _total: int | None) -> None:
        opened.append(sum("calls.sqlite" in name for name in open_files()))

    for number in range(30):
        search.finds(f"query{number}", f"/{number}.jpg")
    asking = [Errand(service, Order(Wanted(text, limit=30), text, Role.UNKNOWN)) for text in search.found]
    done = crawl_all(Workspace(tmp_path), asking, 30, manners=Manners(allow_private=True), progress=count)
    assert done.unique == 30
    assert 0 < max(opened) <= 3  # the file, and what SQLite keeps beside it


def test_ctrl_c_ends_all_of_them_and_says_so_once(search: Search, server: Server, tmp_path: Path) -> None:
    search.finds("salad", *numbered("salad", 40))
    search.finds("street", *numbered("street", 40))
    last = threading.Event()

    def answer(reply: Reply) -> Callable[[dict[str, str], int], Reply]:
        def slowly(_query: dict[str, str], _before: int) -> Reply:
            if sum(server.asked[path] for path in numbered("street", 40)) > 3:
                last.set()
            threading.Event().wait(0.3)
            return reply

        return slowly

    for path, route in list(server.routes.items()):
        if isinstance(route, Reply):
            server.routes[path] = answer(route)
    running = subprocess.Popen(
        [sys.executable, "-m", "negbuild", *map(str, command("-q", "salad", "-q", "street", "-n", 80))],
        cwd=tmp_path,
        env=cli_environment(NEGBUILD_OPENVERSE_URL=server.url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert last.wait(60)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert said.count("finishing what is under way") == 1
    assert "Traceback" not in said
    asked = sum(server.asked[path] for path in (*numbered("salad", 40), *numbered("street", 40)))
    held = len(list((tmp_path / "images").rglob("*.jpg")))
    assert held == asked < 80  # what was under way ended well, and nothing was begun after it


def entry(number: int, host: str, category: str) -> Entry:
    return Entry(Candidate("s", f"{category}{number}", f"http://{host}/{number}", category=category), host)


def four_at_once(_host: str, under_way: int) -> float:
    return 0.0 if under_way < 4 else math.inf


def test_who_rests_leaves_what_waits_to_the_others_and_finds_it_on_the_disk() -> None:
    claims: Claims = {}
    one, other = (Frontier(four_at_once, Counter(), spill=True, claims=claims) for _ in range(2))
    one.add([entry(number, "a", "c") for number in range(6)])
    other.add([entry(number, "a", "d") for number in range(6)])
    begun = [one.next(), one.next()]
    assert (other.left, other.behind, other.next()) == (0, 6, None)
    one.rest()
    assert (one.left, one.waiting, one.on_disk) == (4, 0, 4)
    assert [candidate.url for candidate in other.freed()] == [f"http://a/{number}" for number in range(2, 6)]
    assert other.behind == 2  # these are under way
    for taken in begun:
        assert taken
        one.landed(taken)
        one.settled(taken)
    assert [candidate.url for candidate in other.freed()] == ["http://a/0", "http://a/1"]
    assert one.dry(8) == [("a", 0)]
    rows = {number: entry(number, "a", "c").candidate for number in range(2, 6)}
    assert one.read("a", rows, last=True) == list(rows.values())
    assert claims == {}


def test_a_place_that_is_free_is_offered_to_whoever_waits_longest() -> None:
    places = Places(four_at_once)
    told: list[str] = []
    one, other = (lambda host, name=name: told.append(f"{name} {host}") for name in ("one", "other"))
    for host in "aaaab":
        assert places.wait(host, one) == 0
        places.take(host)
    assert [places.wait("a", who) for who in (other, one, other)] == [math.inf] * 3
    places.leave("b")
    for _ in range(3):
        places.leave("a")
    assert told == ["other a", "one a"]
    assert (places.total, places.wait("a", one)) == (1, 0)


class Pretended:
    """What a crawler does with a frontier, a dictionary in the place of the catalog's table."""

    def __init__(self, place: int, claims: Claims, chance: random.Random) -> None:
        self.frontier = Frontier(four_at_once, Counter(), spill=True, claims=claims)
        self.under_way: list[Entry] = []
        self._chance = chance
        some = chance.sample(range(2 * LONGEST), chance.randint(1, 2 * LONGEST))
        self.rows = {row: entry(number, f"h{number % 2}", f"c{place}") for row, number in enumerate(some, 1)}
        self.sift([one.candidate for one in self.rows.values()])

    def sift(self, candidates: list[Candidate], *, spill: bool = True) -> None:
        left = {one.candidate: one for one in self.rows.values()}  # what is done needs no fetching
        self.frontier.add([left[candidate] for candidate in candidates if candidate in left], spill=spill)

    def rest(self) -> None:
        given_up = [self.under_way.pop()] if self.under_way and self._chance.random() < 0.5 else []
        for one in given_up:
            self.frontier.landed(one)
        self.frontier.rest(given_up)

    def go_on(self) -> None:
        if taken := self.frontier.next():
            self.under_way.append(taken)
            return
        for host, after in self.frontier.dry(2):
            page = {row: one.candidate for row, one in self.rows.items() if one.host == host and row > after}
            self.sift(self.frontier.read(host, page, last=True), spill=False)
        if self.under_way:
            done = self.under_way.pop(self._chance.randrange(len(self.under_way)))
            self.frontier.landed(done)
            self.frontier.settled(done)
            del self.rows[next(row for row, one in self.rows.items() if one == done)]


@given(st.integers(0, 10**6))
def test_whoever_rests_none_is_lost_and_no_address_is_asked_for_by_two_at_once(seed: int) -> None:
    chance = random.Random(seed)
    claims: Claims = {}
    errands = [Pretended(place, claims, chance) for place in range(3)]
    for _ in range(100_000):
        if not any(errand.rows for errand in errands):
            break
        errand = chance.choice(errands)
        errand.sift(errand.frontier.freed())
        if chance.random() < 0.05:
            errand.rest()
        else:
            errand.go_on()
        addresses = [one.candidate.url for errand in errands for one in errand.under_way]
        assert len(addresses) == len(set(addresses))
    assert not any(errand.rows or errand.frontier.behind for errand in errands)
    assert claims == {}


def test_shares_are_never_exceeded_and_reached_where_enough_is_there() -> None:
    for seed in range(10_000):  # a share that shrinks meanwhile is exceeded in one of two thousand
        chance = random.Random(seed)
        able = [chance.randint(0, 30) for _ in range(chance.randint(1, 6))]
        held = [chance.choice([0, 0, chance.randint(0, 10)]) for _ in able]
        wanted = sum(held) + chance.randint(1, 60)
        told: list[int] = []
        shares = Shares(wanted, held, lambda done, _total, told=told: told.append(done))  # type: ignore[misc]
        quotas = [Quota(shares, place) for place in range(len(able))]
        recording: dict[int, int] = {}  # what each decided to record, and has not told yet
        while recording or not shares.reached:
            free = [place for place, quota in enumerate(quotas) if quota.lacks and place not in recording]
            place = chance.choice([*free, *recording])
            left = held[place] + able[place] - quotas[place].held
            if place in recording:
                quotas[place].add(recording.pop(place))
            elif left:
                recording[place] = chance.randint(1, min(left, quotas[place].missing or 0))
            else:
                quotas[place].end()
        assert sum(quota.held for quota in quotas) == min(wanted, sum(held) + sum(able)), (wanted, held, able)
        assert told == sorted(told)
