"""Several sources and queries in one command: even shares, and one that fails does not stop the rest."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

Photo = Callable[..., bytes]
Negbuild = Callable[..., Any]
Replies = Callable[..., Any]


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


class Services:
    """Openverse, where each query finds so many pictures, and Picsum with a list of so many."""

    def __init__(self, server: Server, photo: Photo, reply: Replies) -> None:
        self.server, self._photo, self._reply = server, photo, reply
        self.found: dict[str, int] = {}
        self.env = {"NEGBUILD_OPENVERSE_URL": server.url, "NEGBUILD_PICSUM_URL": server.url}
        server.routes["/v1/images/"] = self._search

    def find(self, query: str, number: int) -> None:
        first = 1000 * (1 + len(self.found))
        self.found[query] = number
        for one in range(number):
            self.server.routes[f"/{query}/{one}.jpg"] = self._reply(self._photo(first + one))

    def list_pictures(self, number: int) -> None:
        records = [
            {"id": str(one), "author": "A", "width": 160, "height": 120, "url": "https://unsplash.com/1"}
            for one in range(number)
        ]
        self.server.routes["/v2/list"] = self._reply(json.dumps(records).encode())
        for one in range(number):
            self.server.routes[f"/id/{one}/160/120.jpg"] = self._reply(self._photo(one))

    def _search(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        page, text = int(query["page"]), query["q"]
        if text not in self.found:
            return self._reply(b'{"detail": "Not for you."}', 403)
        records = [
            {"id": f"{text}-{one}", "url": f"{self.server.url}/{text}/{one}.jpg", "license": "by"}
            for one in range((page - 1) * 20, min(page * 20, self.found[text]))
        ]
        pages = -(-self.found[text] // 20)
        return self._reply(json.dumps({"page_count": pages, "results": records}).encode())


@pytest.fixture
def services(server: Server, photo: Photo, reply: Replies) -> Services:
    return Services(server, photo, reply)


def crawl(*arguments: object) -> tuple[object, ...]:
    return ("crawl", *arguments, "--allow-private", "--contact", "me@example.org")


def shares(done: Any) -> list[tuple[str, str, int]]:  # noqa: ANN401
    return [(one["source"], one["query"], one["unique"]) for one in done.json["shares"]]


SEVERAL = ("-s", "openverse", "-s", "picsum", "-q", "salad", "-q", "street")


def test_the_number_is_shared_evenly_and_reached_again_by_the_next_run(
    negbuild: Negbuild, services: Services, tmp_path: Path
) -> None:
    services.find("salad", 45)
    services.find("street", 45)
    services.list_pictures(45)
    done = negbuild(*crawl(*SEVERAL, "-n", 31, "--json"), env=services.env)
    assert (done.code, done.json["unique"], done.json["new"]) == (0, 31, 31)
    assert shares(done) == [("openverse", "salad", 11), ("openverse", "street", 10), ("picsum", "", 10)]
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        rows = catalog.execute("SELECT category, count(*) FROM candidates WHERE reason IS NULL GROUP BY 1").fetchall()
    assert dict(rows) == {"salad": 11, "street": 10, "picsum": 10}

    calls = services.server.asked["/v1/images/"]
    again = negbuild(*crawl(*SEVERAL, "-n", 31, "--json"), env=services.env)
    assert (again.code, again.json["unique"], again.json["new"], again.json["tried"]) == (0, 31, 0, 0)
    assert services.server.asked["/v1/images/"] == calls  # what is held is not asked for
    more = negbuild(*crawl(*SEVERAL, "-n", 60, "--json"), env=services.env)
    assert shares(more) == [("openverse", "salad", 20), ("openverse", "street", 20), ("picsum", "", 20)]


def test_what_one_cannot_bring_the_others_do(negbuild: Negbuild, services: Services) -> None:
    services.find("salad", 4)
    services.find("street", 45)
    services.list_pictures(45)
    done = negbuild(*crawl(*SEVERAL, "-n", 40), env=services.env)
    assert done.code == 0
    first, *others = done.out.splitlines()
    assert first == "3 searches: 40 unique pictures in 3 categories (unknown), 40 of them new"
    assert [line.split() for line in others[1:]] == [
        ["source", "query", "pictures", "new", "skipped"],
        ["openverse", "salad", "4", "4", "-"],
        ["openverse", "street", "18", "18", "-"],
        ["picsum", "18", "18", "-"],
    ]
    assert sum(services.server.asked[f"/salad/{one}.jpg"] for one in range(4)) == 4


def test_a_source_that_fails_does_not_stop_the_rest(negbuild: Negbuild, services: Services) -> None:
    services.list_pictures(45)
    done = negbuild(*crawl(*SEVERAL, "-n", 30), env=services.env)
    assert done.code == 0
    refusal = "negbuild: openverse: refuses to answer (403, Not for you); try later, or another --source"
    assert done.err.splitlines().count(refusal) == 1  # for both queries


def test_too_few_is_exit_3_where_others_delivered_and_4_where_nobody_did(
    negbuild: Negbuild, services: Services
) -> None:
    services.list_pictures(12)
    some = negbuild(*crawl(*SEVERAL, "-n", 30), env=services.env)
    assert some.code == 3
    assert some.err.splitlines()[-2:] == [
        "negbuild: openverse: refuses to answer (403, Not for you); try later, or another --source",
        "negbuild: 3 searches: 12 of 30 pictures, openverse gave no more, nor did the others; try another --query or "
        "--source",
    ]
    del services.server.routes["/v2/list"]
    none = negbuild(*crawl(*SEVERAL, "-n", 30, "-w", "other"), env=services.env)
    assert none.code == 4
    assert none.err.splitlines()[-1].startswith("negbuild: openverse: refuses to answer (403, Not for you)")
    assert any(line.startswith("negbuild: picsum: ") for line in none.err.splitlines())


def test_a_source_that_is_not_ready_is_told_and_the_rest_goes_on(negbuild: Negbuild, services: Services) -> None:
    services.find("salad", 45)
    done = negbuild(*crawl("-s", "flickr", "-s", "openverse", "-q", "salad", "-n", 12), env=services.env)
    assert done.code == 0
    assert any(line.startswith("negbuild: source flickr: ") for line in done.err.splitlines())
    alone = negbuild(*crawl("-s", "flickr", "-q", "salad", "-w", "other"), env=services.env)
    assert alone.code == 4
    assert "FLICKR_API_KEY" in alone.err


def test_a_rest_that_a_host_asks_of_one_search_holds_for_the_others(
    negbuild: Negbuild, services: Services, reply: Replies
) -> None:
    services.find("salad", 9)
    services.find("street", 9)
    pictures = [f"/{query}/{one}.jpg" for query in services.found for one in range(9)]
    services.server.routes |= {picture: reply(b"", 429, {"Retry-After": "600"}) for picture in pictures}
    elsewhere = services.server.url.replace("127.0.0.1", "localhost")  # the service; its pictures are on 127.0.0.1
    several = ("-q", "salad", "-q", "street", "-n", 18, "--json")
    done = negbuild(*crawl(*several), env={"NEGBUILD_OPENVERSE_URL": elsewhere})
    assert (done.code, done.json["skips"]) == (3, {"throttled": 18})
    assert sum(services.server.asked[picture] for picture in pictures) <= 4  # those that were asked at once


def test_a_preview_of_several_names_an_even_share_of_each(negbuild: Negbuild, services: Services) -> None:
    services.find("salad", 4)
    services.list_pictures(45)
    urls = negbuild(*crawl("-s", "openverse", "-s", "picsum", "-q", "salad", "-n", 20, "--urls-only"), env=services.env)
    assert urls.code == 0
    assert sum("/salad/" in line for line in urls.out.splitlines()) == 4
    assert len(urls.out.splitlines()) == 20
    lost = negbuild(*crawl(*SEVERAL, "-n", 20, "--dry-run"), env=services.env)
    assert lost.code == 0
    assert "negbuild: openverse: refuses to answer (403, Not for you)" in lost.err  # for street
    assert not services.server.asked["/salad/0.jpg"]
