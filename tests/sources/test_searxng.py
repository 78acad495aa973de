"""A SearXNG of one's own: what it answers, what it says when its engines fail, and how it is found."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.errors import Blocked, FormChanged, NothingFound, QuotaExhausted, SourceError, Unreachable
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import Answer, find_source

Scripted = Callable[[Answer], Any]
Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
THERE = "http://127.0.0.1:9091/img"
AGAIN = "try later, or others with --option engines=NAME"
TWO_LINES = (
    "searxng: the instance answers no programs, JSON is switched off (403); put two lines into its settings.yml and "
    'restart it: "search:", and below it "  formats: [html, json]"'
)


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


class Instance:
    """A SearXNG on the server: `pages` of results, or of failures, and what it was asked."""

    def __init__(self, server: Server, reply: Callable[..., Any]) -> None:
        self.env = {"NEGBUILD_SEARXNG_URL": server.url}
        self.pages: list[list[dict[str, Any]]] = []
        self.failed: dict[int, list[list[str]]] = {}
        self.asked: list[dict[str, str]] = []
        self._reply = reply
        server.routes["/search"] = self._search

    def _search(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401  a reply
        self.asked.append(query)
        page = int(query["pageno"])
        results = self.pages[page - 1] if page <= len(self.pages) else []
        body = {"query": query["q"], "results": results, "unresponsive_engines": self.failed.get(page, [])}
        return self._reply(json.dumps(body).encode(), headers={"Content-Type": "application/json"})


@pytest.fixture
def instance(server: Server, reply: Callable[..., Any]) -> Instance:
    return Instance(server, reply)


def result(img_src: str, **fields: object) -> dict[str, Any]:
    return {"url": "https://pages.example/", "title": "A kite", "img_src": img_src, "engine": "flickr", **fields}


def found(web: Any, **search: Any) -> list[Candidate]:  # noqa: ANN401
    return list(find_source("searxng").search(Search(**{"text": "cat", "base_url": "http://s.example", **search}), web))


def recorded(fixtures: Path, file: str) -> Answer:
    """Read one answer with the status that it came with."""
    folder = fixtures / "searxng"
    head = folder / f"{file}.headers"
    status = int(head.read_text(encoding="utf-8").split()[1])
    return Answer(status, (folder / file).read_text(encoding="utf-8"))


def test_the_recorded_first_page_becomes_candidates_of_five_engines(fixtures: Path, scripted: Scripted) -> None:
    web = scripted(recorded(fixtures, "images_page1.json"))
    by_id = {one.source_id: one for one in found(web)}
    assert len(by_id) == 73  # of 78 results, 5 name a picture once more
    assert len(web.asked) == 2  # the second page brings nothing new
    assert all(one.license == UNKNOWN_LICENSE and not one.license_url for one in by_id.values())
    assert by_id[f"{THERE}/4ca60271aeab5339.jpg"] == Candidate(
        source="searxng",
        source_id=f"{THERE}/4ca60271aeab5339.jpg",
        url=f"{THERE}/4ca60271aeab5339.jpg",
        page="https://www.flickr.com/photos/opimentas/3417626589",
        title="RIO VERDÃO (VERDÃO RIVER)",
    )
    commons = by_id[f"{THERE}/ea66e656f35f4901.jpg"]
    assert (commons.width, commons.height, commons.title) == (1440, 1440, "Minchinmavida Volcano")
    bing = by_id[f"{THERE}/2c8e634fc5a68de9.jpg"]
    assert (bing.width, bing.height) == (1000, 1000)
    assert bing.page == "https://vectorseek.com/vector_logo/golang-gopher-logo-vector/"
    assert by_id[f"{THERE}/3556150e581ec5ef.jpg"].author == "markustrois"
    no_page = by_id[f"{THERE}/29c7ac1093e75df0.jpg"]  # the instance gives an address without a host
    assert (no_page.page, no_page.title) == (no_page.url, "a man holding a small dog in his hands")
    second_time = by_id[f"{THERE}/48e736e7ff58cb9b.jpg"]  # named without a page first
    assert second_time.page.startswith("https://www.redbubble.com/i/poster/")
    assert sum(one.page == one.url for one in by_id.values()) == 10  # 3 of unsplash, 7 of bing


def test_the_recorded_second_page_becomes_candidates(fixtures: Path, scripted: Scripted) -> None:
    one, *others = found(scripted(recorded(fixtures, "images_page2.json")))
    assert len(others) == 14
    assert (one.title, one.author) == ("2012-WFM-159", "Claude Lafontaine")
    assert (one.url, one.page) == (
        f"{THERE}/e7562a5cf78709ac.jpg",
        "https://www.flickr.com/photos/129621946@N07/49514277178",
    )


def everywhere(reason: str) -> str:
    engines = ("bing images", "flickr", "openverse", "unsplash", "wikicommons.images")
    return ", ".join(f"{engine}: {reason}" for engine in engines)


RECORDED_FAILURES = {
    "images_none.json": (NothingFound, 'found nothing for "cat"; try another --query or other engines'),
    "images_upstream_429.json": (
        QuotaExhausted,
        f"its engines grant no more calls for now ({everywhere('too many requests')}); {AGAIN}",
    ),
    "images_upstream_403.json": (Blocked, f"its engines refuse to answer it ({everywhere('access denied')}); {AGAIN}"),
    "images_upstream_500.json": (Unreachable, f"its engines do not answer it ({everywhere('HTTP error')}); {AGAIN}"),
    "images_upstream_timeout.json": (Unreachable, f"its engines do not answer it ({everywhere('timeout')}); {AGAIN}"),
    "images_upstream_garbage.json": (
        FormChanged,
        "its engines answer in a form that it cannot read (flickr: parsing error, openverse: parsing error, unsplash: "
        f"parsing error, wikicommons.images: parsing error); {AGAIN}",
    ),
    "error_no_query.json": (
        SourceError,
        "does not understand the request (400, No query); try another --query or --source",
    ),
    "error_bad_pageno.json": (
        SourceError,
        "does not understand the request (400, Invalid value abc for parameter pageno); try another --query or "
        "--source",
    ),
    "error_bad_safesearch.json": (
        SourceError,
        "does not understand the request (400, Invalid value 9 for parameter safesearch); try another --query or "
        "--source",
    ),
    "error_403_json_not_enabled.html": (Blocked, TWO_LINES.removeprefix("searxng: ")),
}


@pytest.mark.parametrize("file", RECORDED_FAILURES)
def test_recorded_failures_are_named(fixtures: Path, file: str, scripted: Scripted) -> None:
    kind, message = RECORDED_FAILURES[file]
    with pytest.raises(SourceError) as caught:
        found(scripted(recorded(fixtures, file)))
    assert (type(caught.value), str(caught.value)) == (kind, f"searxng: {message}")


def test_every_recorded_answer_is_tested(fixtures: Path) -> None:
    files = {path.name for path in (fixtures / "searxng").iterdir() if path.suffix in {".json", ".html"}}
    assert files == {"images_page1.json", "images_page2.json", *RECORDED_FAILURES}


@pytest.mark.parametrize(
    ("failed", "kind"),
    [
        ([["a", "timeout"], ["b", "too many requests"], ["c", "too many requests"]], QuotaExhausted),
        ([["a", "CAPTCHA"], ["b", "timeout"]], Blocked),  # as many of both: the first
        ([["b", "CAPTCHA"], ["a", "timeout"]], Unreachable),  # the first by name: searx 1.1 lists them in any order
        ([["a", "Suspended: access denied"]], Blocked),
        ([["a", "blocked"]], Blocked),  # these three are searx 1.1's words
        ([["a", "CAPTCHA required"]], Blocked),
        ([["a", "unexpected crash division by zero"]], FormChanged),
        ([["a", "what it never said before"]], Unreachable),
    ],
)
def test_failures_of_several_kinds_are_told_as_the_commonest(
    scripted: Scripted, failed: list[list[str]], kind: type[SourceError]
) -> None:
    with pytest.raises(SourceError) as caught:
        found(scripted(Answer(200, json.dumps({"results": [], "unresponsive_engines": failed}))))
    assert type(caught.value) is kind
    assert f"({', '.join(f'{name}: {reason}' for name, reason in sorted(failed))})" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (200, "<!doctype html><title>SearXNG</title>", FormChanged),  # a format that it does not know
        (200, '{"results": [], "unresponsive_engines": {}}', FormChanged),
        (200, '{"results": [], "unresponsive_engines": [["flickr"]]}', FormChanged),
        (200, '{"results": ["a"], "unresponsive_engines": []}', FormChanged),
        (200, '{"results": [{"url": "https://a.example/"}], "unresponsive_engines": []}', FormChanged),
        (403, "<html><h1>403 Forbidden</h1><hr>nginx</html>", Blocked),  # a proxy's, not the instance's
        (429, "<!doctype html><title>429 Too Many Requests</title>", QuotaExhausted),  # its own limiter
        (500, '{"error": "search error"}', Unreachable),
    ],
)
def test_other_answers_are_named_too(scripted: Scripted, status: int, text: str, kind: type[SourceError]) -> None:
    with pytest.raises(SourceError, match=r"^searxng: ") as caught:
        found(scripted(Answer(status, text)))
    assert type(caught.value) is kind
    assert "settings.yml" not in str(caught.value)


def test_addresses_are_made_whole_and_results_without_one_are_left_out(scripted: Scripted) -> None:
    odd = [
        result("/own/1.jpg", url="http:///nowhere", title=None, resolution="0 x 0"),
        result("//cdn.example/2.jpg", url=None, resolution="999999999999 x 1"),
        *(result(address) for address in ("data:image/gif;base64,R0lGOD", "ftp://a.example/3.jpg", "http://[a/4.jpg")),
        {"url": "https://pages.example/", "title": "Without a picture"},
    ]
    web = scripted(Answer(200, json.dumps({"results": odd, "unresponsive_engines": []})))
    assert [(one.url, one.page, one.title) for one in found(web, base_url="http://s.example/sub")] == [
        ("http://s.example/own/1.jpg", "http://s.example/own/1.jpg", ""),
        ("https://cdn.example/2.jpg", "https://cdn.example/2.jpg", "A kite"),
    ]
    one = found(web)[0]
    assert (one.width, one.height) == (None, None)


def test_what_is_asked(scripted: Scripted) -> None:
    web = scripted(Answer(200, json.dumps({"results": [result("https://a.example/1")], "unresponsive_engines": []})))
    found(web)
    found(web, safe=False, options={"engines": "flickr,bing images", "language": "de", "time_range": "year"})
    found(web, options={"pages": "1"})
    url, question, headers = web.asked[0]
    assert (url, headers) == ("http://s.example/search", {})
    both = {"q": "cat", "format": "json", "pageno": 1, "locale": "en"}
    assert question == {**both, "categories": "images", "safesearch": 2}
    assert web.asked[1][1] == {**question, "pageno": 2}
    own = {"engines": "flickr,bing images", "language": "de", "time_range": "year"}
    assert web.asked[2][1] == {**both, **own, "safesearch": 0}
    assert len(web.asked) == 2 + 2 + 1  # a page without anything new is the last one


def test_an_end_is_set_to_engines_that_never_run_dry(instance: Instance, negbuild: Negbuild) -> None:
    instance.pages = [[result(f"data:{page}"), result(f"ftp://a.example/{page}")] for page in range(1, 90)]
    assert negbuild("crawl", "-s", "searxng", "-q", "kite", "-n", 1, env=instance.env).code == 4
    assert len(instance.asked) == 1  # nothing that can be fetched
    instance.asked.clear()
    instance.pages = [[result(f"http://127.0.0.1:9/{page}.jpg", title="hot dog")] for page in range(1, 90)]
    done = negbuild("crawl", "-s", "searxng", "-q", "kite", "-n", 1, "--exclude", "hot dog", "--json", env=instance.env)
    assert (done.code, done.json["skips"]) == (3, {"excluded": 20})
    assert len(instance.asked) == 20


def test_pictures_are_held_with_their_page_and_author(
    instance: Instance,
    server: Server,
    reply: Callable[..., Any],
    negbuild: Negbuild,
    photo: Photo,
    tmp_path: Path,
) -> None:
    for number in range(9):
        server.routes[f"/{number}.jpg"] = reply(photo(number))
    results = [
        result(f"{server.url}/{number}.jpg", author=f"Author {number}", url=f"https://pages.example/{number}")
        for number in range(9)
    ]
    instance.pages = [results[:4], [*results[2:7]], results[7:]]  # engines repeat themselves
    command = ("crawl", "-s", "searxng", "-q", "kite", "-n", 9, "--allow-private", "--json")
    done = negbuild(*command, env=instance.env)
    assert (done.code, done.json["unique"], done.json["skips"]) == (0, 9, {}), done.err
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        rows = catalog.execute(
            "SELECT source, source_id, page, title, author, license, license_url FROM candidates "
            "WHERE sha256 IS NOT NULL ORDER BY source_id"
        ).fetchall()
    assert rows == [
        (
            "searxng",
            f"{server.url}/{number}.jpg",
            f"https://pages.example/{number}",
            "A kite",
            f"Author {number}",
            "unknown",
            "",
        )
        for number in range(9)
    ]
    asked = len(instance.asked)
    assert negbuild(*command, "--url", server.url).json["tried"] == 0  # without the variable: --url does as well
    assert len(instance.asked) == asked


def test_engines_that_stop_midway_are_told_and_what_came_is_kept(
    instance: Instance, server: Server, reply: Callable[..., Any], negbuild: Negbuild, photo: Photo
) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    for number in range(2):
        server.routes[f"/{number}.jpg"] = reply(photo(number))
    instance.pages = [[result(f"{elsewhere}/0.jpg")], [result(f"{elsewhere}/1.jpg", engine="bing images")]]
    never = ["duckduckgo images", "timeout"]  # gave nothing on any page: no reason to call the others' end a failure
    instance.failed = {1: [never], 2: [never], 3: [never, ["flickr", "too many requests"]]}
    command = ("crawl", "-s", "searxng", "-q", "kite", "-n", 5, "--allow-private")
    done = negbuild(*command, env=instance.env)
    assert done.code == 4
    assert done.err.splitlines()[-1] == (
        f"negbuild: searxng: its engines grant no more calls for now (flickr: too many requests); {AGAIN}; "
        "2 of 5 pictures are held"
    )
    instance.failed = {1: [never], 2: [never], 3: [never]}
    assert negbuild(*command, env=instance.env).code == 3


def test_engines_that_the_instance_does_not_know_are_told(instance: Instance, negbuild: Negbuild) -> None:
    instance.pages = [[{"url": "https://texts.example/", "title": "About kites", "content": "Text", "engine": "wiki"}]]
    command = ("crawl", "-s", "searxng", "-q", "kite", "-n", 1, "-o", "engines=flikr")
    done = negbuild(*command, env=instance.env)
    assert done.code == 4
    where = f"{instance.env['NEGBUILD_SEARXNG_URL']}/preferences"
    assert done.err.splitlines()[-1] == f"negbuild: searxng: no image engines there (flikr); see {where}"
    assert instance.asked[0]["engines"] == "flikr"


def test_json_that_is_switched_off_is_exit_4_with_the_lines_that_switch_it_on(
    server: Server, reply: Callable[..., Any], negbuild: Negbuild
) -> None:
    page = b"<title>403 Forbidden</title><p>You don&#39;t have the permission to access the requested resource."
    server.routes["/search"] = reply(page, 403, {"Content-Type": "text/html"})
    done = negbuild("crawl", "-s", "searxng", "-q", "kite", "-n", 1, "--url", server.url)
    assert done.code == 4
    assert done.err.splitlines()[-1] == f"negbuild: {TWO_LINES}"


def test_without_an_instance_the_setting_is_named(negbuild: Negbuild, scripted: Scripted) -> None:
    how = "no instance given; set NEGBUILD_SEARXNG_URL or use --url http://127.0.0.1:8888"
    done = negbuild("crawl", "-s", "searxng", "-q", "kite", "-n", 1)
    assert (done.code, done.err) == (4, f"negbuild: source searxng: {how}\n")
    with pytest.raises(SourceError, match=f"^searxng: {how}$"):
        found(scripted(Answer(200, "")), base_url="")
    ready = {one["name"]: one["missing"] for one in negbuild("sources", "--json").json}
    assert ready["searxng"] == how
    env = {"NEGBUILD_SEARXNG_URL": "http://127.0.0.1:8888"}
    ready = {one["name"]: one["missing"] for one in negbuild("sources", "--json", env=env).json}
    assert ready["searxng"] == ""


@pytest.mark.parametrize("setting", ["time_range=decade", "pages=0", "safesearch=0"])
def test_settings_that_nobody_knows_are_refused(negbuild: Negbuild, setting: str) -> None:
    done = negbuild("crawl", "-s", "searxng", "-q", "kite", "-o", setting, "--url", "http://127.0.0.1:9")
    assert done.code == 2
