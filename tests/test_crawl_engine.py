"""What a crawl promises, each promise shown by the real command line against real servers."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.crawler import Crawler
from negbuild.errors import SourceError
from negbuild.frontier import LONGEST
from negbuild.intake import Intake
from negbuild.manners import Manners
from negbuild.model import Candidate, Role, Search
from negbuild.naming import MOST_IN_VAIN
from negbuild.order import Order
from negbuild.source import Allowance, Source, Takes, Web, find_source
from negbuild.stages.crawl import crawl
from negbuild.waiting import PENDING_PAGE
from negbuild.workspace import Workspace
from tests.conftest import hanging_host

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
Replies = Callable[..., Any]
SEARCH = "/v1/images/"
LIST = ("crawl", "-s", "urls", "--path", "list.txt", "--category", "c", "--allow-private", "--json")
SEARCHED = ("crawl", "-q", "flower", "--allow-private", "--json")
RETRY = ("crawl", "--retry", "--allow-private", "--json")


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]

    def close(self) -> None: ...


@dataclass
class Site:
    """The test's folder, the server of its pictures, and the service that names them."""

    root: Path
    server: Server
    photo: Photo
    reply: Replies
    negbuild: Negbuild
    environment: Callable[..., dict[str, str]]
    records: list[dict[str, object]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)

    def put(self, *paths: str, delay: float = 0.0) -> list[str]:
        """Publish an unrelated picture under each path; return the addresses."""
        before = len(self.server.routes)
        for number, path in enumerate(paths, before):
            self.server.routes[path] = self.reply(self.photo(number), delay=delay)
        return [f"{self.server.url}{path}" for path in paths]

    def write_list(self, *urls: str) -> None:
        (self.root / "list.txt").write_text("\n".join(urls), encoding="utf-8")

    def publish(self, name: str, **record: object) -> None:
        """Let the service name a picture."""
        self.server.routes.setdefault(SEARCH, self.search)
        url = f"{self.server.url}/{name}.jpg"
        self.records.append({"id": name, "url": url, "license": "by", "license_version": "4.0", **record})

    def search(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        self.queries.append(query)
        page, size = int(query["page"]), int(query["page_size"])
        shown = self.records[(page - 1) * size : page * size]
        body = {"page_count": -(-len(self.records) // size), "results": shown}
        return self.reply(json.dumps(body).encode())

    def run(self, *arguments: object) -> Any:  # noqa: ANN401
        return self.negbuild(*arguments, env={"NEGBUILD_OPENVERSE_URL": self.server.url})

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "negbuild", *map(str, arguments)],
            cwd=self.root,
            env=self.environment(NEGBUILD_OPENVERSE_URL=self.server.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def rows(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.root / "catalog.sqlite")) as catalog:
            found = catalog.execute(sql).fetchall()
            catalog.commit()
            return found

    def names(self, table: str) -> set[str]:
        """Last parts of the addresses in a table."""
        return {url.rpartition("/")[2] for (url,) in self.rows(f"SELECT url FROM {table}")}

    def asked(self) -> dict[str, int]:
        """How often each picture was asked for."""
        return {path: number for path, number in self.server.asked.items() if number and path.endswith(".jpg")}

    def files(self) -> set[str]:
        return {path.name for path in self.root.rglob("*")}

    def check_counts(self) -> None:
        counts = self.negbuild("status", "--json").json
        assert counts["candidates"] == counts["images"] + sum(counts["skips"].values())


@pytest.fixture
def site(
    tmp_path: Path,
    server: Server,
    photo: Photo,
    reply: Replies,
    negbuild: Negbuild,
    environment: Callable[..., dict[str, str]],
) -> Site:
    return Site(tmp_path, server, photo, reply, negbuild, environment)


@pytest.fixture
def elsewhere(server: Server) -> Iterator[Server]:
    """Another host."""
    other: Server = type(server)()
    yield other
    other.close()


def numbered(number: int, first: int = 0) -> list[str]:
    return [f"/{one}.jpg" for one in range(first, first + number)]


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


# Hosts


def test_a_host_that_hangs_and_one_that_rests_do_not_hold_up_the_good_ones(
    site: Site, elsewhere: Server, hanging: str
) -> None:
    elsewhere.routes = {path: site.reply(b"", 429, {"Retry-After": "30"}) for path in numbered(5)}
    bad = [f"{host}{path}" for path in numbered(5) for host in (hanging, elsewhere.url)]
    site.write_list(*bad, *site.put(*numbered(40)))
    at: list[float] = []

    def timed(picture: Any, *_: object) -> Any:  # noqa: ANN401
        at.append(time.monotonic())
        return picture

    site.server.routes |= {path: partial(timed, site.server.routes[path]) for path in numbered(40)}
    done = site.run(*LIST, "-n", 40)
    assert (done.code, done.json["unique"]) == (0, 40)
    assert at[-1] - at[0] < 8  # before the host that hangs is given up


def test_a_whole_host_rests_when_one_of_its_pictures_asks_for_it_and_another_goes_on(
    site: Site, elsewhere: Server
) -> None:
    at: list[float] = []

    def timed(_query: dict[str, str], before: int) -> Any:  # noqa: ANN401
        at.append(time.monotonic())
        return site.reply(site.photo(500 + before * 1000 + len(at)))

    def busy(query: dict[str, str], before: int) -> Any:  # noqa: ANN401
        first = timed(query, before)
        return first if before else site.reply(b"", 429, {"Retry-After": "2"})

    elsewhere.routes = {"/busy.jpg": busy, **dict.fromkeys(numbered(8), timed)}
    slow = site.put(*numbered(16), delay=0.2)
    site.write_list(f"{elsewhere.url}/busy.jpg", *slow, *(f"{elsewhere.url}{path}" for path in numbered(8)))
    running = site.start(*LIST, "-n", 25)
    until(lambda: bool(at))
    until(lambda: len(site.asked()) == 16)
    assert time.monotonic() - at[0] < 2  # ... while this host rests
    out, said = running.communicate(timeout=30)
    assert (running.returncode, json.loads(out)["unique"]) == (0, 25), said
    assert elsewhere.asked["/busy.jpg"] == 2
    assert len(at) == 10
    # Those that were on their way with the first one had been asked for; all others waited for two seconds.
    assert sum(one - at[0] < 1.9 for one in at) <= 4


def test_a_host_that_fails_again_and_again_is_left_alone_and_retried_when_it_is_due(site: Site) -> None:
    site.write_list(*site.put(*numbered(60)))
    good = dict(site.server.routes)
    site.server.routes |= dict.fromkeys([*numbered(60), "/robots.txt"], site.reply(status=0))
    failed = site.run(*LIST, "-n", 60)
    assert failed.code == 3
    assert failed.json["skips"]["host down"] >= 40
    asked = sum(site.server.asked.values())
    assert asked < 20  # for 60 pictures

    site.server.routes |= good
    del site.server.routes["/robots.txt"]
    site.rows(f"UPDATE candidates SET retry_at = {time.time() + 600:.0f}")
    early = site.run(*RETRY)
    assert (early.code, early.json["tried"], early.json["later"]) == (0, 0, 60)
    assert "not due yet: 60, the first of them at " in site.run(*RETRY[:-1]).out
    assert sum(site.server.asked.values()) == asked

    site.rows("UPDATE candidates SET retry_at = 0")
    due = site.run(*RETRY)
    assert (due.code, due.json["tried"], due.json["new"]) == (0, 60, 60)
    assert (due.json["failed"], due.json["later"], due.json["next_at"]) == ({}, 0, None)
    site.check_counts()


def test_a_retry_takes_up_what_failed_for_now_and_nothing_else(site: Site, elsewhere: Server) -> None:
    urls = site.put("/held.jpg", "/gone.jpg", "/page.jpg", "/busy.jpg", "/late.jpg")
    good = dict(site.server.routes)
    site.server.routes |= {
        "/gone.jpg": site.reply(b"", 404),
        "/page.jpg": site.reply(b"<html>"),
        "/busy.jpg": site.reply(b"", 503, {"Retry-After": "600"}),
    }
    elsewhere.routes = {path: site.reply(site.photo(1), delay=30) for path in numbered(6)}
    site.write_list(*urls[:4], *(f"{elsewhere.url}{path}" for path in numbered(6)))
    running = site.start(*LIST, "-n", 9)
    until(lambda: (site.root / "catalog.sqlite").exists() and sum(elsewhere.asked.values()) > 3)
    until(lambda: len(site.rows("SELECT 1 FROM candidates")) == 4)
    until(lambda: len(site.names("pending")) == 6)  # the tenth is named once others have failed
    running.kill()
    running.communicate()
    assert site.names("pending") == {f"{number}.jpg" for number in range(6)}

    site.server.routes |= good
    site.rows("UPDATE candidates SET retry_at = 0 WHERE retry_at IS NOT NULL")
    asked, slow = site.asked(), dict(elsewhere.asked)
    again = site.run(*RETRY)
    assert (again.code, again.json["tried"], again.json["new"]) == (0, 1, 1)
    assert site.asked() == {**asked, "/busy.jpg": asked["/busy.jpg"] + 1}
    assert dict(elsewhere.asked) == slow
    site.check_counts()


def test_a_retry_of_many_leaves_alone_what_was_never_tried_on_their_host(site: Site) -> None:
    failed, left = site.put(*numbered(2 * LONGEST)), site.put(*numbered(LONGEST, first=1000))
    good = dict(site.server.routes)
    site.server.routes |= dict.fromkeys(numbered(2 * LONGEST), site.reply(b"", 429, {"Retry-After": "600"}))
    site.write_list(*failed)
    assert site.run(*LIST, "-n", len(failed)).json["skips"] == {"throttled": len(failed)}
    site.server.routes |= good | dict.fromkeys(numbered(LONGEST, first=1000), site.reply(site.photo(1), delay=30))
    site.write_list(*left)
    running = site.start(*LIST, "-n", len(left))
    until(lambda: len(site.names("pending")) == len(left))
    until(lambda: all(site.server.asked[path] for path in numbered(4, first=1000)))  # as many as a host is asked for
    running.kill()
    running.communicate()
    asked = site.asked()

    site.rows("UPDATE candidates SET retry_at = 0")
    again = site.run(*RETRY)
    assert (again.code, again.json["tried"], again.json["new"]) == (0, len(failed), len(failed))
    assert len(site.names("pending")) == len(left)
    assert all(site.asked().get(path) == asked.get(path) for path in numbered(LONGEST, first=1000))


def test_a_name_that_does_not_exist_is_failed_for_now(site: Site) -> None:
    site.write_list("http://no-such-name.invalid/1.jpg", *site.put("/1.jpg"))
    done = site.run(*LIST, "-n", 2)
    assert (done.code, done.json["unique"], done.json["skips"]) == (3, 1, {"no such host": 1})
    waiting = site.run(*RETRY).json
    assert waiting["later"] + waiting["tried"] == 1


def test_without_a_network_nothing_is_said_about_any_picture(
    site: Site, environment: Callable[..., dict[str, str]]
) -> None:
    apart = ["unshare", "-rn"]
    if not shutil.which("unshare") or subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.fail("no network apart") if os.environ.get("CI") else pytest.skip("no network apart")
    site.write_list(*(f"http://pictures{number % 3}.example/{number}.jpg" for number in range(9)))
    command = [sys.executable, "-m", "negbuild", *(part for part in LIST if part != "--allow-private"), "-n", "9"]
    for _ in range(2):  # again later is no different
        done = subprocess.run(
            [*apart, *command], cwd=site.root, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 4, done.stderr
        *_, last = done.stderr.splitlines()
        assert last.startswith("negbuild: network: cannot be used (")
        assert last.endswith("); run the same command later")
        assert site.rows("SELECT count(*) FROM candidates") == [(0,)]
        assert len(site.names("pending")) == 9


# Going on


def test_after_a_kill_nothing_recorded_is_fetched_again_and_what_was_named_is_taken_up_without_naming_it(
    site: Site,
) -> None:
    site.put(*numbered(100), delay=0.1)
    for number in range(100):
        site.publish(str(number))
    running = site.start(*SEARCHED, "-n", 60)
    until(lambda: len(site.asked()) > 25)
    running.kill()
    running.communicate()
    recorded = site.names("candidates")
    assert recorded
    pending = site.names("pending")
    assert len(recorded | pending) >= 60
    assert not recorded & pending
    before = site.asked()
    site.records.clear()  # the service knows none of them any more

    done = site.run(*SEARCHED, "-n", 60)
    assert (done.code, done.json["unique"], done.json["new"]) == (0, 60, 60 - len(recorded))
    after = site.asked()
    assert all(after[f"/{name}"] == before[f"/{name}"] == 1 for name in recorded)
    assert len(site.names("images JOIN candidates USING (sha256)")) == 60
    site.check_counts()


def test_after_a_kill_a_list_is_finished_and_nothing_recorded_fetched_again(site: Site) -> None:
    site.write_list(*site.put(*numbered(90), delay=0.05))
    running = site.start(*LIST, "-n", 90)
    until(lambda: len(site.asked()) > 30)
    running.kill()
    running.communicate()
    recorded = site.names("candidates")
    assert recorded
    done = site.run(*LIST, "-n", 90)
    assert (done.code, done.json["unique"]) == (0, 90)
    assert {site.asked()[f"/{name}"] for name in recorded} == {1}
    assert site.names("pending") == set()
    site.check_counts()


def test_after_a_kill_a_run_ends_though_most_of_what_was_named_is_no_longer_wanted(site: Site) -> None:
    wanted = site.put(*numbered(6), delay=1)
    site.write_list(*wanted, *(f"{site.server.url}/draft/{number}.jpg" for number in range(2 * PENDING_PAGE)))
    running = site.start(*LIST, "-n", 3 * PENDING_PAGE)
    until(lambda: len(site.asked()) > 0 and site.rows("SELECT count(*) FROM pending")[0][0] > 2 * PENDING_PAGE)
    running.kill()
    running.communicate()
    done = site.negbuild(*LIST, "-n", 7, "--exclude", "draft", timeout=30)
    assert (done.code, done.json["unique"], done.json["pending"]) == (3, 6, 0)


def test_what_one_list_left_is_tried_for_another_that_names_it(site: Site) -> None:
    urls = site.put(*numbered(3 * LONGEST), delay=0.02)
    site.write_list(*urls)
    running = site.start(*LIST, "-n", len(urls))
    until(lambda: len(site.asked()) > 0 and len(site.names("pending")) > 2 * LONGEST)
    running.kill()
    running.communicate()
    held = len(site.names("candidates"))
    (site.root / "list.txt").rename(site.root / "other.txt")
    other = [part.replace("list.txt", "other.txt") for part in LIST]
    done = site.run(*other, "-n", len(urls) - held)
    assert (done.code, done.json["unique"], done.json["pending"]) == (0, len(urls) - held, 0)
    assert site.names("pending") == set()


def test_an_interrupt_finishes_what_is_in_flight(site: Site) -> None:
    site.write_list(*site.put(*numbered(40), delay=0.5))
    running = site.start(*LIST, "-n", 40)
    until(lambda: len(site.asked()) >= 4)
    running.send_signal(signal.SIGINT)
    began, asked = time.monotonic(), set(site.asked())
    _, said = running.communicate(timeout=20)
    assert time.monotonic() - began < 6
    assert running.returncode == 130, said
    assert asked <= {f"/{name}" for name in site.names("candidates")}
    assert {f"/{name}" for name in site.names("candidates")} == set(site.asked())  # and nothing new was begun
    assert len(site.names("pending")) == 40 - len(site.asked())


def test_a_second_interrupt_ends_at_once(site: Site) -> None:
    site.write_list(*site.put(*numbered(8), delay=30))
    running = site.start(*LIST, "-n", 8)
    until(lambda: len(site.asked()) >= 4)
    running.send_signal(signal.SIGINT)
    assert running.stderr
    assert running.stderr.readline() == "negbuild: finishing what is under way; press Ctrl-C again to stop at once\n"
    running.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = running.communicate(timeout=20)
    assert time.monotonic() - began < 2
    assert running.returncode == 130, said
    assert said.strip() == "negbuild: interrupted; run the same command again to go on"
    assert len(site.names("pending")) == 8


def test_an_interrupt_does_not_wait_for_a_slow_service(site: Site) -> None:
    site.server.routes[SEARCH] = site.reply(b"{}", delay=25)
    running = site.start(*SEARCHED, "-n", 5)
    until(lambda: site.server.asked[SEARCH] == 1)
    running.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = running.communicate(timeout=20)
    assert time.monotonic() - began < 6
    assert running.returncode == 130, said
    assert "Traceback" not in said


# History


def test_one_address_under_two_names_is_fetched_once_and_counts_once(site: Site) -> None:
    site.put("/1.jpg", "/2.jpg")
    for name, path in (("one", "1"), ("other", "1"), ("third", "2")):
        site.publish(name, url=f"{site.server.url}/{path}.jpg")
    done = site.run(*SEARCHED, "-n", 3)
    assert (done.code, done.json["unique"], done.json["skips"]) == (3, 2, {"duplicate": 1})
    site.publish("later", url=f"{site.server.url}/2.jpg#part")
    assert site.run(*SEARCHED, "-n", 3).json["skips"] == {"duplicate": 2}
    assert site.asked() == {"/1.jpg": 1, "/2.jpg": 1}
    site.check_counts()


def test_equal_bytes_and_copies_do_not_count(site: Site) -> None:
    site.write_list(*site.put("/1.jpg", "/same.jpg", "/copy.jpg", "/2.jpg"))
    site.server.routes |= {
        "/1.jpg": site.reply(site.photo(700)),
        "/same.jpg": site.reply(site.photo(700)),
        "/copy.jpg": site.reply(site.photo(700, kind="PNG")),
    }
    done = site.run(*LIST, "-n", 4)
    assert (done.code, done.json["unique"], done.json["copies"]) == (3, 2, 1)
    assert done.json["skips"] == {"duplicate": 1}
    site.check_counts()


def test_a_larger_number_later_adds_the_difference_and_asks_for_nothing_twice(site: Site) -> None:
    site.write_list(*site.put(*numbered(20)))
    assert site.run(*LIST, "-n", 5).json["unique"] == 5
    held = site.names("candidates WHERE reason IS NULL")
    more = site.run(*LIST, "-n", 8)
    assert (more.code, more.json["unique"], more.json["new"]) == (0, 8, 3)
    assert len(site.names("candidates WHERE reason IS NULL") - held) == 3
    assert site.asked() == {f"/{name}": 1 for name in site.names("candidates")}


@pytest.mark.parametrize(
    ("options", "reason", "kept"),
    [
        (("--exclude", "hot dog"), "excluded", {"by", "nc", "small"}),
        (("--exclude", "dogs.example"), "excluded", {"by", "nc", "small"}),
        (("--license", "by,cc0"), "another licence", {"by", "dog", "small"}),
        (("--license", "commercial"), "another licence", {"by", "dog", "small"}),
        (("--min-size", "100"), "under the minimum side", {"by", "nc", "dog"}),
    ],
)
def test_what_is_not_wanted_is_not_fetched_and_comes_when_it_is_wanted_again(
    site: Site, options: tuple[str, ...], reason: str, kept: set[str]
) -> None:
    site.put("/by.jpg", "/nc.jpg", "/dog.jpg", "/small.jpg")
    site.publish("by", width=160, height=120)
    site.publish("nc", license="by-nc")
    site.publish("dog", title="Two hot-dogs", foreign_landing_url="https://www.dogs.example/1")
    site.publish("small", license="cc0", license_version="1.0", width=99, height=120)
    done = site.run(*SEARCHED, "-n", 4, *options)
    assert (done.code, done.json["unique"], done.json["skips"]) == (3, 3, {reason: 1})
    assert site.asked() == {f"/{name}.jpg": 1 for name in kept}
    back = site.run(*SEARCHED, "-n", 4)
    assert (back.code, back.json["unique"], back.json["new"], back.json["skips"]) == (0, 4, 1, {})
    assert set(site.asked().values()) == {1}


def test_an_unknown_licence_is_a_wrong_request(site: Site) -> None:
    done = site.run(*SEARCHED, "-n", 1, "--license", "by,gpl")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("negbuild: licence gpl: not known; choose from cc0, pdm, by,")
    assert site.files() == set()


def test_the_service_is_asked_for_what_is_safe_unless_told_otherwise(site: Site) -> None:
    site.put("/1.jpg")
    site.publish("1")
    site.run(*SEARCHED, "-n", 1)
    site.run(*SEARCHED, "-n", 2, "--unsafe")
    assert [query["mature"] for query in site.queries] == ["false", "true"]


# Looking first, and running dry


def test_looking_first_fetches_no_picture_and_writes_nothing(site: Site) -> None:
    site.put(*numbered(30))
    for number in range(30):
        site.publish(str(number))
    dry = site.run(*SEARCHED, "-n", 25, "--dry-run")
    assert (dry.code, len(dry.json["candidates"])) == (0, 25)
    addresses = site.run(*SEARCHED[:-1], "-n", 25, "--urls-only")
    assert addresses.out == "".join(f"{site.server.url}{path}\n" for path in numbered(25))
    assert addresses.err == ""
    named = site.run(*SEARCHED, "-n", 2, "--urls-only").json["candidates"]
    assert [(one["source"], one["source_id"], one["license"]) for one in named] == [
        ("openverse", "0", "CC-BY-4.0"),
        ("openverse", "1", "CC-BY-4.0"),
    ]
    assert site.asked() == {}
    assert site.files() == set()


def test_looking_first_knows_what_is_held_and_changes_no_row(site: Site) -> None:
    site.write_list(*site.put(*numbered(6)))
    site.run(*LIST, "-n", 4)
    tables = ("SELECT * FROM candidates", "SELECT * FROM pending", "SELECT * FROM categories")
    before, asked = [site.rows(sql) for sql in tables], site.asked()
    seen = site.run(*LIST, "-n", 6, "--dry-run", "--exclude", "5")
    assert [one["url"] for one in seen.json["candidates"]] == [f"{site.server.url}/4.jpg"]
    assert (seen.json["known"], seen.json["skips"]) == (4, {"excluded": 1})
    assert [site.rows(sql) for sql in tables] == before
    assert site.asked() == asked


def test_a_list_that_ends_too_early_says_why_each_was_skipped(site: Site) -> None:
    site.write_list(*site.put("/1.jpg", "/2.jpg", "/3.jpg"), f"{site.server.url}/no.jpg", "ftp://x.example/1.jpg")
    site.server.routes |= {"/2.jpg": site.reply(b"<html>"), "/3.jpg": site.reply(b"", 403)}
    done = site.run(*LIST, "-n", 5)
    assert done.code == 3
    assert list(done.json["skips"]) == ["gone", "not an http address", "not an image", "refused"]
    site.server.routes["/4.jpg"] = site.reply(b"", 410)
    site.write_list(*(site.server.url + path for path in ("/1.jpg", "/2.jpg", "/3.jpg", "/no.jpg", "/4.jpg")))
    told = site.run(*LIST[:-1], "-n", 5)
    assert told.code == 3
    assert told.out.splitlines()[1:] == [
        "",
        "skipped  reason",
        "      2  gone",
        "      1  not an http address",
        "      1  not an image",
        "      1  refused",
    ]
    for said in (done.err, told.err):
        fault = 'negbuild: urls "list": 1 of 5 pictures, there are no more; try another --query or --source'
        assert said.splitlines()[-1] == fault


# What a service grants


def order(number: int) -> Order:
    return Order(Search("flower", limit=number), "c", Role.UNKNOWN)


def test_a_used_up_allowance_is_refused_with_its_time_in_every_workspace(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGBUILD_LEDGER", str(site.root / "calls.sqlite"))
    monkeypatch.delenv("NEGBUILD_OPENVERSE_URL", raising=False)
    site.put(*numbered(100))
    for number in range(100):
        site.publish(str(number))
    service = replace(find_source("openverse"), base_url=site.server.url, allowances=(Allowance(3, 3600),))
    manners = Manners(allow_private=True)
    first = crawl(Workspace(site.root / "one"), service, order(80), manners=manners)
    assert first.unique == 60
    assert isinstance(first.refusal, SourceError)
    host = site.server.url.removeprefix("http://")
    assert str(first.refusal) == (
        f"openverse: {host}: grants 3 calls in 60 minutes, and they are used up; run the same command in 60 minutes"
    )
    began = time.monotonic()
    second = crawl(Workspace(site.root / "two"), service, order(80), manners=manners)
    assert time.monotonic() - began < 2
    assert (second.unique, second.tried) == (0, 0)
    assert "used up" in str(second.refusal)
    assert len(site.queries) == 3

    # Whoever asks a service of their own is granted what that grants.
    monkeypatch.setenv("NEGBUILD_OPENVERSE_URL", site.server.url)
    mirror = replace(service, base_url="https://api.openverse.example")
    assert crawl(Workspace(site.root / "two"), mirror, order(80), manners=manners).unique == 80
    assert len(site.queries) > 3 + 3


def test_a_short_allowance_is_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEGBUILD_LEDGER", str(site.root / "calls.sqlite"))
    monkeypatch.delenv("NEGBUILD_OPENVERSE_URL", raising=False)
    site.put(*numbered(60))
    for number in range(60):
        site.publish(str(number))
    service = replace(find_source("openverse"), base_url=site.server.url, allowances=(Allowance(2, 1),))
    began = time.monotonic()
    result = crawl(Workspace(site.root / "one"), service, order(60), manners=Manners(allow_private=True))
    assert (result.unique, result.refusal) == (60, None)
    assert time.monotonic() - began >= 1
    assert len(site.queries) == 3


# What is never kept, and how much is held in memory


def kept(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.glob("catalog.sqlite*"))


def test_the_value_of_a_secret_is_not_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "very-secret-value")
    urls = site.put(*numbered(3))

    def search(_search: Search, _web: Web) -> Iterator[Candidate]:
        for number, url in enumerate(urls):
            page = "https://pages.example/?key=very-secret-value"
            yield Candidate("keyed", str(number), f"{url}?key=very-secret-value", page)

    source = Source("keyed", "", search, Takes.NOTHING, secrets=("MY_KEY",))
    workspace = Workspace(site.root / "w")
    result = crawl(workspace, source, Order(Search(limit=4), "c", Role.UNKNOWN), manners=Manners(allow_private=True))
    assert result.tried == 3
    assert b"key=***" in kept(workspace.root)
    assert b"very-secret-value" not in kept(workspace.root)


@pytest.mark.parametrize("number", [7, 40])  # with 48 all that may be under way hangs
def test_hosts_that_hang_with_full_queues_do_not_hold_up_the_good_ones(site: Site, number: int) -> None:
    with ExitStack() as stack:
        bad = [stack.enter_context(hanging_host()) for _ in range(number)]
        queues = [f"{host}{path}" for path in numbered(LONGEST) for host in bad]
        site.write_list(*queues, *site.put(*numbered(150)))
        done = site.run(*LIST, "-n", 150, "--ignore-opt-outs")
    # None of the bad hosts was given up by then: that takes much longer.
    assert (done.code, done.json["unique"], done.json["skips"]) == (0, 150, {})


def test_hosts_that_rest_with_full_queues_do_not_hold_up_the_good_ones(site: Site) -> None:
    with ExitStack() as stack:
        busy = [stack.enter_context(closing(type(site.server)())) for _ in range(16)]
        for host in busy:
            host.routes = {path: site.reply(b"", 429, {"Retry-After": "20"}) for path in numbered(LONGEST)}
        queues = [f"{host.url}{path}" for path in numbered(LONGEST) for host in busy]
        site.write_list(*queues, *site.put(*numbered(150)))
        began = time.monotonic()
        done = site.run(*LIST, "-n", 150, "--ignore-opt-outs")
    assert time.monotonic() - began < 20
    assert (done.code, done.json["unique"], done.json["skips"]) == (0, 150, {})


def test_a_service_is_not_asked_for_ever_where_all_its_pictures_lie_on_a_host_that_is_down(site: Site) -> None:
    named, nobody = 0, "http://127.0.0.1:1"

    def search(_search: Search, _web: Web) -> Iterator[Candidate]:
        nonlocal named
        for named in range(1, 5_000):
            yield Candidate("named", str(named), f"{nobody}/{named}")

    source = Source("named", "", search, Takes.NOTHING, base_url=site.server.url)
    order, manners = Order(Search(limit=10), "c", Role.UNKNOWN), Manners(allow_private=True)
    result = crawl(Workspace(site.root / "w"), source, order, manners=manners)
    assert re.fullmatch(
        r"source named: the last [5-7]\d\d pictures lie on hosts that are down or busy; "
        "try them later with: negbuild crawl --retry",
        str(result.refusal),
    )
    assert MOST_IN_VAIN <= named < 3 * MOST_IN_VAIN


def test_a_list_is_read_on_where_a_host_that_is_down_has_very_many_of_its_addresses(site: Site) -> None:
    lost = [f"http://127.0.0.1:1{path}" for path in numbered(2 * MOST_IN_VAIN)]
    site.write_list(*lost, *site.put(*numbered(3)))
    began = time.monotonic()
    done = site.run(*LIST, "-n", 3)
    assert (done.code, done.json["unique"]) == (0, 3)
    assert time.monotonic() - began < 30  # each is refused at once where its robots.txt found nobody again and again
    assert done.json["skips"]["host down"] > MOST_IN_VAIN


def test_there_is_always_something_to_fetch_however_long_recording_takes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle, settle, start = [], Intake.settle, Crawler._start  # noqa: SLF001  called whenever something happened

    def slow(*arguments: Any) -> Any:  # noqa: ANN401
        time.sleep(0.3)  # the next pictures have waited too long by then
        return settle(*arguments)

    def watched(crawler: Any) -> None:  # noqa: ANN401
        start(crawler)
        idle.append(bool(crawler._named) and not crawler._tasks and not crawler._sifting)  # noqa: SLF001  no other sign

    monkeypatch.setattr(Intake, "settle", slow)
    monkeypatch.setattr(Crawler, "_start", watched)
    with ExitStack() as stack:
        hosts = [stack.enter_context(closing(type(site.server)())) for _ in range(12)]  # each has a queue in memory
        for host in hosts:
            host.routes = {f"/{place}": site.reply(b"", 404, delay=0.1) for place in range(100)}

        def search(_search: Search, _web: Web) -> Iterator[Candidate]:
            return (
                Candidate("lazy", f"{place} {host.url}", f"{host.url}/{place}")
                for place in range(100)
                for host in hosts
            )

        order = Order(Search(limit=1200), "c", Role.UNKNOWN)
        workspace, manners = Workspace(site.root / "w"), Manners(allow_private=True)
        result = crawl(workspace, Source("lazy", "", search, Takes.NOTHING), order, manners=manners)
    assert (result.tried, sum(idle)) == (1200, 0)


@pytest.mark.parametrize("number", [1, 10, 25])
def test_a_source_names_no_more_than_is_missing(site: Site, number: int) -> None:
    urls, named = site.put(*numbered(60)), []

    def search(_search: Search, _web: Web) -> Iterator[Candidate]:
        for place, url in enumerate(urls):
            named.append(url)
            yield Candidate("lazy", str(place), url)

    order = Order(Search(limit=number), "c", Role.UNKNOWN)
    workspace, manners = Workspace(site.root / "w"), Manners(allow_private=True)
    result = crawl(workspace, Source("lazy", "", search, Takes.NOTHING), order, manners=manners)
    assert (result.new, len(named)) == (number, number)


def test_an_address_with_a_password_is_skipped_and_the_password_not_kept(site: Site) -> None:
    (url,) = site.put("/1.jpg")
    site.write_list(
        url.replace("//", "//user:pa55word@"), f"{site.server.url}/2.jpg".replace("//", "//user2:pa55word@")
    )
    done = site.run(*LIST, "-n", 2)
    assert (done.code, done.json["skips"]) == (3, {"a password in the address": 2})
    assert site.asked() == {}
    assert b"pa55word" not in kept(site.root)
    assert "pa55word" not in done.out + done.err


def test_a_long_list_takes_no_more_memory_than_a_short_one(site: Site) -> None:
    first = site.put(*numbered(3))
    most: list[int] = []
    for length in (1_000, 200_000):
        site.write_list(*first, *(f"{site.server.url}/more/{number}.jpg" for number in range(length)))
        command = [sys.executable, "-m", "negbuild", *LIST, "-n", "3", "--workspace", str(length)]
        child = os.posix_spawn(
            sys.executable,
            [*command[:-1], str(site.root / f"w{length}"), "--path", str(site.root / "list.txt")],
            site.environment(),
            file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
        )
        _, status, usage = os.wait4(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        most.append(usage.ru_maxrss)  # KiB
    assert most[1] - most[0] < 40 * 1024
