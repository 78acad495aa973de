"""What hosts ask of a crawl, and that a bad one holds up nobody else: the real command line, real servers."""

import json
import math
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.download import ATTEMPTS
from negbuild.errors import SourceError
from negbuild.manners import Manners
from negbuild.model import Role, Search, SkipReason
from negbuild.order import Order
from negbuild.source import Allowance, find_source
from negbuild.stages.crawl import CrawlResult, crawl
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]

    def close(self) -> None: ...


@pytest.fixture
def listed(tmp_path: Path, negbuild: Negbuild) -> Callable[..., Any]:
    """Crawl a list of addresses: `listed([...], 5, *options)`."""

    def run(urls: list[str], number: int, *options: object) -> Any:  # noqa: ANN401
        (tmp_path / "list.txt").write_text("\n".join(urls))
        common = ("-s", "urls", "--path", "list.txt", "--category", "c", "--allow-private", "--json")
        return negbuild("crawl", *common, "-n", number, *options)

    return run


def rows(root: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(root / "catalog.sqlite")) as catalog:
        found = catalog.execute(sql).fetchall()
        catalog.commit()
        return found


def test_a_host_that_hangs_and_one_that_rests_hold_up_nobody(
    listed: Callable[..., Any], server: Server, hanging: str, photo: Photo, reply: Callable[..., Any]
) -> None:
    resting = server.url.replace("127.0.0.1", "localhost")
    server.routes["/busy.jpg"] = reply(b"", 429, {"Retry-After": "30"})
    urls = [f"{hanging}/{number}.jpg" for number in range(20)] + [f"{resting}/busy.jpg"] * 2
    for number in range(30):
        server.routes[f"/{number}.jpg"] = reply(photo(number))
        urls.append(f"{server.url}/{number}.jpg")
    began = time.monotonic()
    done = listed(urls, 30)
    assert (done.code, done.json["unique"]) == (0, 30)
    assert time.monotonic() - began < 8
    assert done.json["pending"] > 0  # not tried, and not forgotten


def test_a_host_that_only_fails_is_left_alone_until_later(
    listed: Callable[..., Any],
    negbuild: Negbuild,
    server: Server,
    photo: Photo,
    reply: Callable[..., Any],
    tmp_path: Path,
) -> None:
    for number in range(40):
        server.routes[f"/{number}.jpg"] = reply(status=0)
    server.routes["/robots.txt"] = reply(status=0)
    failed = listed([f"{server.url}/{number}.jpg" for number in range(40)], 40)
    assert failed.code == 3
    assert failed.json["skips"]["host down"] > 20
    asked = sum(server.asked.values())
    assert asked < 20
    waiting = negbuild("crawl", "--retry", "--allow-private", "--json").json
    assert waiting["later"] > 20
    assert failed.err.splitlines()[-1].endswith("; try what failed for now again later with: negbuild crawl --retry")
    rows(tmp_path, "UPDATE candidates SET retry_at = 0")
    server.routes["/robots.txt"] = reply(b"", 404)
    for number in range(40):
        server.routes[f"/{number}.jpg"] = reply(photo(number))
    again = negbuild("crawl", "--retry", "--allow-private", "--json").json
    assert (again["tried"], again["new"], again["failed"], again["later"]) == (40, 40, {}, 0)
    counts = negbuild("status", "--json").json
    assert counts["candidates"] == counts["images"] + sum(counts["skips"].values()) == 40


class Ailing:
    """A host that answers 503 until it was left alone for a while."""

    def __init__(self, server: Server, reply: Callable[..., Any], photo: Photo, cure: float) -> None:
        self.at: list[float] = []
        self.cured_at = math.inf
        for number in range(40):
            server.routes[f"/{number}.jpg"] = partial(self._answer, reply, photo(number), cure)
        self.urls = [f"{server.url}/{number}.jpg" for number in range(40)]

    def _answer(self, reply: Callable[..., Any], body: bytes, cure: float, _query: object, _before: int) -> Any:  # noqa: ANN401
        now = time.monotonic()
        if self.at and now - self.at[-1] >= cure:
            self.cured_at = min(self.cured_at, now)
        self.at.append(now)
        return reply(body) if self.cured_at < math.inf else reply(b"", 503)


@pytest.fixture
def cool_off(monkeypatch: pytest.MonkeyPatch) -> float:
    """Make the first cool-off of a host that is down three seconds, and the pauses between tries next to none."""
    monkeypatch.setattr("negbuild.hosts._COOL_OFF", 3.0)
    monkeypatch.setattr("negbuild.download.backoff", lambda _attempt: 0.01)
    return 3.0


def crawled(root: Path, urls: list[str]) -> CrawlResult:
    (root / "list.txt").write_text("\n".join(urls))
    order = Order(Search(path=root / "list.txt", limit=len(urls)), "c", Role.UNKNOWN)
    return crawl(Workspace(root), find_source("urls"), order, manners=Manners(allow_private=True))


def test_a_host_that_fails_for_a_moment_loses_no_picture_and_holds_up_nobody(
    tmp_path: Path, server: Server, photo: Photo, reply: Callable[..., Any], cool_off: float
) -> None:
    ailing = Ailing(server, reply, photo, 0.9 * cool_off)
    with closing(type(server)()) as other:
        last: list[float] = []

        def well(number: int, _query: object, _before: int) -> Any:  # noqa: ANN401
            last.append(time.monotonic())
            return reply(photo(100 + number))

        for number in range(20):
            other.routes[f"/{number}.jpg"] = partial(well, number)
        good = [f"{other.url}/{number}.jpg" for number in range(20)]
        result = crawled(tmp_path, ailing.urls + good)
    assert (result.unique, result.skips) == (60, {})
    assert len(last) == 20
    assert last[-1] < ailing.cured_at


@pytest.mark.usefixtures("cool_off")
def test_a_host_that_fails_after_its_cool_off_too_is_down(
    tmp_path: Path, server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    ailing = Ailing(server, reply, photo, 3600)
    result = crawled(tmp_path, ailing.urls)
    assert result.unique == 0
    assert result.skips[SkipReason.HOST_DOWN] >= 30
    assert len(ailing.at) <= 16  # eight that open the breaker, and those that were under way, before and after


def test_a_retry_asks_for_nothing_that_is_gone(
    listed: Callable[..., Any],
    negbuild: Negbuild,
    server: Server,
    photo: Photo,
    reply: Callable[..., Any],
    tmp_path: Path,
) -> None:
    server.routes |= {"/gone.jpg": reply(b"", 404), "/busy.jpg": reply(b"", 429, {"Retry-After": "3600"})}
    listed([f"{server.url}/gone.jpg", f"{server.url}/busy.jpg"], 2)
    rows(tmp_path, "UPDATE candidates SET retry_at = 0")
    server.routes |= {"/gone.jpg": reply(photo(1)), "/busy.jpg": reply(photo(2))}
    again = negbuild("crawl", "--retry", "--allow-private", "--json").json
    assert (again["tried"], again["new"]) == (1, 1)
    assert server.asked["/gone.jpg"] == 1


def test_a_retry_asks_for_an_address_once_however_often_it_is_listed(
    listed: Callable[..., Any],
    negbuild: Negbuild,
    server: Server,
    photo: Photo,
    reply: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Under two spellings, and for two categories: whether it fails again or not."""
    retry = ("crawl", "--retry", "--allow-private")
    server.routes["/a.jpg"] = reply(b"", 429, {"Retry-After": "3600"})
    urls = [f"{server.url}/a.jpg", f"{server.url}/a.jpg#top"]
    listed(urls, 2)
    rows(tmp_path, "UPDATE candidates SET retry_at = 0")
    listed(urls, 2, "--category", "d")
    for answer, tried, skips in (
        (reply(b"", 429, {"Retry-After": "3600"}), 4, {"throttled": 4}),
        (reply(photo(1)), 4, {"duplicate": 3}),
    ):
        rows(tmp_path, "UPDATE candidates SET retry_at = 0")
        server.routes["/a.jpg"] = answer
        server.asked.clear()
        assert negbuild(*retry, "--urls-only").out == f"{urls[0]}\n"
        assert negbuild(*retry, "--json").json["tried"] == tried
        assert server.asked["/a.jpg"] == 1
        assert negbuild("status", "--json").json["skips"] == skips


def test_one_that_fails_is_tried_once_in_a_run_however_often_it_is_named(
    listed: Callable[..., Any], server: Server, photo: Photo, reply: Callable[..., Any], tmp_path: Path
) -> None:
    """Neither what failed for now, nor what `--refresh` asks for again."""
    server.routes |= {"/busy.jpg": reply(b"", 503, {"Retry-After": "0"}), "/page.jpg": reply(b"<html>")}
    urls = []
    for number in range(8):
        server.routes[f"/{number}.jpg"] = reply(photo(number))
        urls += [f"{server.url}/{name}.jpg" for name in ("busy", "page", number)]
    assert listed(urls, 20).json["skips"] == {"not an image": 1, "throttled": 1}
    once = server.asked["/busy.jpg"]
    assert (once <= ATTEMPTS, server.asked["/page.jpg"]) == (True, 1)
    rows(tmp_path, "UPDATE candidates SET retry_at = 0")  # by chance the host had to rest
    assert listed(urls, 20, "--refresh").json["tried"] == 2
    assert (server.asked["/busy.jpg"] <= once + ATTEMPTS, server.asked["/page.jpg"]) == (True, 2)


def test_a_retry_knows_the_service_that_was_given_for_a_source(
    negbuild: Negbuild, server: Server, photo: Photo, reply: Callable[..., Any], tmp_path: Path
) -> None:
    """Its robots.txt, which speaks to others, is not asked for its own pictures: not the first time, nor later."""
    found = {"page_count": 1, "results": [{"id": "a", "url": f"{server.url}/a.jpg"}]}
    server.routes["/v1/images/"] = reply(json.dumps(found).encode())
    server.routes["/robots.txt"] = reply(b"User-agent: *\nDisallow: /")
    server.routes["/a.jpg"] = reply(b"", 429, {"Retry-After": "600"})
    address = server.url.replace("http://", "http://name:secret@")
    done = negbuild("crawl", "-s", "openverse", "--url", address, "-q", "word", "-n", 1, "--allow-private", "--json")
    assert done.json["skips"] == {"throttled": 1}, done.err
    assert b"secret" not in (tmp_path / "catalog.sqlite").read_bytes()
    server.routes["/a.jpg"] = reply(photo(1))
    rows(tmp_path, "UPDATE candidates SET retry_at = 0")
    again = negbuild("crawl", "--retry", "--allow-private", "--json")
    assert (again.json["new"], server.asked["/robots.txt"]) == (1, 0), again.err


def test_robots_and_tags_are_obeyed_with_a_reason_each(
    listed: Callable[..., Any], server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    server.routes["/robots.txt"] = reply(b"User-agent: *\nDisallow: /private/\n\nUser-agent: other\nDisallow: /")
    tags = ["noai", "noimageai", "noindex", "noimageindex", "noml", "negbuild: noai", "otherbot: noai", "max-snippet:5"]
    paths = ["/private/1.jpg", *(f"/{number}.jpg" for number in range(len(tags)))]
    server.routes["/private/1.jpg"] = reply(photo(100))
    for number, tag in enumerate(tags):
        server.routes[f"/{number}.jpg"] = reply(photo(number), headers={"X-Robots-Tag": tag})
    urls = [f"{server.url}{path}" for path in paths]
    done = listed(urls, 9)
    assert done.json["unique"] == 2
    expected = {"robots.txt": 1, "noai": 2, "noimageai": 1, "noindex": 1, "noimageindex": 1, "noml": 1}
    assert done.json["skips"] == expected
    assert server.asked["/robots.txt"] == 1
    assert server.asked["/private/1.jpg"] == 0
    assert listed(urls, 9, "--ignore-opt-outs").json["unique"] == 9


def test_a_header_that_is_no_utf_8_ends_no_crawl(
    listed: Callable[..., Any], server: Server, photo: Photo, reply: Callable[..., Any], tmp_path: Path
) -> None:
    latin = "caf\xe9"  # sent in Latin-1, as the test's server sends every header
    server.routes |= {
        "/held.jpg": reply(photo(1), headers={"ETag": f'"{latin}"', "Last-Modified": latin}),
        "/page.jpg": reply(b"<html>", headers={"ETag": f'"{latin}"', "Last-Modified": latin}),
        "/tag.jpg": reply(photo(2), headers={"X-Robots-Tag": f"noai {latin}"}),
        "/gone.jpg": reply(b"", 302, {"Location": f"/photo_unavailable_{latin}.png"}),
        "/moved.jpg": reply(b"", 302, {"Location": f"/{latin}.jpg"}),
        "/caf%E9.jpg": reply(photo(3)),
    }
    urls = [f"{server.url}/{name}.jpg" for name in ("held", "page", "tag", "gone", "moved")]
    done = listed(urls, 5)
    assert (done.code, done.json["unique"]) == (3, 2), done.err
    assert done.json["skips"] == {"gone": 1, "noai": 1, "not an image": 1}
    details = rows(tmp_path, "SELECT detail FROM candidates WHERE reason IN ('gone', 'noai') ORDER BY reason")
    assert details == [("in its place: photo_unavailable_caf%E9.png",), ("X-Robots-Tag: noai caf%E9",)]


def test_no_library_tells_the_address_of_a_call(
    negbuild: Negbuild, server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    found = {"page_count": 1, "results": [{"id": "a", "url": f"{server.url}/a.jpg"}]}
    server.routes["/v1/images/"] = reply(json.dumps(found).encode(), headers={"An odd name": "x"})
    server.routes["/a.jpg"] = reply(photo(1))
    done = negbuild("crawl", "-s", "openverse", "--url", server.url, "-q", "word", "-n", 1, "--allow-private")
    assert done.code == 0, done.err
    assert "word" not in done.err
    assert "urllib3" not in done.err


def test_the_same_address_is_fetched_once_however_it_is_written(
    listed: Callable[..., Any], server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    server.routes["/a.jpg"] = reply(photo(1), delay=0.3)
    done = listed([f"{server.url}/a.jpg", f"{server.url}/a.jpg#top", f"{server.url}/%61.jpg?utm_source=x"], 3)
    assert (done.code, done.json["unique"], done.json["skips"]) == (3, 1, {"duplicate": 2})
    assert server.asked["/a.jpg"] == 1


def test_what_is_not_wanted_is_not_fetched_and_comes_back_when_it_is(
    listed: Callable[..., Any], server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    paths = ["/hot-dog.jpg", "/cathedral.jpg", "/dogs.jpg"]
    server.routes |= {path: reply(photo(number)) for number, path in enumerate(paths)}
    urls = [f"{server.url}{path}" for path in paths]
    done = listed(urls, 3, "--exclude", "hot dog", "--exclude", "dog", "--exclude", "cat")
    assert (done.json["unique"], done.json["skips"]) == (1, {"excluded": 2})
    assert server.asked["/hot-dog.jpg"] == server.asked["/dogs.jpg"] == 0
    assert listed(urls, 3).json["unique"] == 3
    assert listed(urls, 4, "--license", "cc0").json["unique"] == 3


def test_looking_first_fetches_and_writes_nothing(
    listed: Callable[..., Any], negbuild: Negbuild, server: Server, tmp_path: Path
) -> None:
    urls = [f"{server.url}/{number}.jpg" for number in range(5)]
    seen = listed(urls, 3, "--dry-run").json
    assert [one["url"] for one in seen["candidates"]] == urls[:3]
    plain = negbuild("crawl", "-s", "urls", "--path", "list.txt", "--allow-private", "--urls-only", "-n", 2)
    assert plain.out.splitlines() == urls[:2]
    assert not (tmp_path / "catalog.sqlite").exists()
    assert sum(server.asked.values()) == 0


def test_looking_first_leaves_a_service_alone_that_asks_for_it_whatever_else_is_to_be_searched(
    negbuild: Negbuild, server: Server, reply: Callable[..., Any]
) -> None:
    server.routes["/v1/images/"] = reply(b"{}", 429, {"Retry-After": "3600"})
    queries = [option for word in ("one", "two", "three") for option in ("-q", word)]
    done = negbuild("crawl", "-s", "openverse", "--url", server.url, *queries, "-n", 30, "--dry-run")
    assert (done.code, server.asked["/v1/images/"]) == (4, 1), done.err


def test_what_changed_is_asked_for_conditionally(
    listed: Callable[..., Any], server: Server, photo: Photo, reply: Callable[..., Any], tmp_path: Path
) -> None:
    server.routes["/a.jpg"] = reply(b"<html>soon</html>", headers={"ETag": '"1"'})
    assert listed([f"{server.url}/a.jpg"], 1).json["skips"] == {"not an image": 1}
    assert rows(tmp_path, "SELECT etag FROM candidates") == [('"1"',)]
    assert listed([f"{server.url}/a.jpg"], 1).json["tried"] == 0
    server.routes["/a.jpg"] = reply(b"", 304)
    same = listed([f"{server.url}/a.jpg"], 1, "--refresh").json
    assert (same["tried"], same["skips"]) == (1, {"not an image": 1})
    server.routes["/a.jpg"] = reply(photo(1))
    assert listed([f"{server.url}/a.jpg"], 1, "--refresh").json["unique"] == 1


@pytest.mark.parametrize("number", [1, 2])
def test_control_c_finishes_what_is_under_way_and_a_second_one_does_not(
    number: int,
    tmp_path: Path,
    server: Server,
    photo: Photo,
    reply: Callable[..., Any],
    environment: Callable[..., Any],
) -> None:
    delay = 1.0 if number == 1 else 30.0
    for one in range(4):
        server.routes[f"/{one}.jpg"] = reply(photo(one), delay=delay)
    (tmp_path / "list.txt").write_text("\n".join(f"{server.url}/{one}.jpg" for one in range(20)))
    command = ["crawl", "-s", "urls", "--path", "list.txt", "--category", "c", "--allow-private", "-n", "20"]
    running = subprocess.Popen(
        [sys.executable, "-m", "negbuild", *command], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    )
    while server.asked["/3.jpg"] == 0:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    if number == 2:
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = running.communicate(timeout=20)
    assert time.monotonic() - began < (6 if number == 1 else 2)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert rows(tmp_path, "SELECT count(*) FROM images") == [(4 if number == 1 else 0,)]
    assert rows(tmp_path, "SELECT count(*) FROM pending")[0][0] >= 16


def test_an_allowance_is_counted_across_workspaces(
    tmp_path: Path, server: Server, photo: Photo, reply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        page = int(query["page"])
        server.routes[f"/{page}.jpg"] = reply(photo(page))
        record = {"id": str(page), "url": f"{server.url}/{page}.jpg"}
        return reply(json.dumps({"page_count": 9, "results": [record]}).encode())

    server.routes["/v1/images/"] = search
    monkeypatch.setenv("NEGBUILD_LEDGER", str(tmp_path / "calls.sqlite"))
    monkeypatch.delenv("NEGBUILD_OPENVERSE_URL", raising=False)
    granted = (Allowance(3, 3600), Allowance(2, 1))
    service = replace(find_source("openverse"), base_url=server.url, allowances=granted)
    order = Order(Search("x", limit=9), "x", Role.UNKNOWN)
    began = time.monotonic()
    first = crawl(Workspace(tmp_path / "one"), service, order, manners=Manners(allow_private=True))
    assert time.monotonic() - began >= 1  # two a second
    assert first.unique == 3
    assert isinstance(first.refusal, SourceError)
    assert "grants 3 calls in 60 minutes and 2 calls in 1 seconds, and they are used up" in str(first.refusal)
    second = crawl(Workspace(tmp_path / "two"), service, order, manners=Manners(allow_private=True))
    assert second.unique == 0
    assert server.asked["/v1/images/"] == 3
