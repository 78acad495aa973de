"""Crawls against the real programs: MediaWiki for `wikimedia`, searx for `searxng`."""

import html
import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
Make = Callable[..., Any]
Searx = Callable[..., str]


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


def held(folder: Path, columns: str) -> list[tuple[Any, ...]]:
    """Read of every picture held what the catalog says of the candidate that brought it, by its title."""
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as catalog:
        query = f"SELECT {columns} FROM candidates JOIN images USING (sha256) WHERE reason IS NULL ORDER BY title"
        return catalog.execute(query).fetchall()


def test_a_whole_category_of_the_wiki_is_held_page_by_page(wiki: str, negbuild: Negbuild, tmp_path: Path) -> None:
    env = {"NEGBUILD_WIKIMEDIA_URL": wiki}
    command = ("crawl", "-s", "wikimedia", "-q", "harbour", "-n", 99, "--allow-private", "--json")
    done = negbuild(*command, env=env)
    assert done.code == 3, done.err  # 67 files, on two pages: an svg and a pdf are no candidates
    assert (done.json["unique"], done.json["copies"], done.json["tried"]) == (62, 0, 65)
    assert done.json["skips"] == {"duplicate": 1, "gone": 1, "under the minimum side": 1}

    rows = held(tmp_path, "title, page, author, license, license_url, images.width, images.height")
    assert len(rows) == 62
    assert not any("Meadow" in row[0] for row in rows)
    by_sa, by = (f"https://creativecommons.org/licenses/{name}" for name in ("by-sa/4.0", "by/2.0"))
    assert Counter(row[3:5] for row in rows) == {("CC-BY-SA-4.0", by_sa): 33, ("CC-BY-2.0", by): 29}
    assert Counter(row[2] for row in rows) == {"Ann Ölund": 56, "Zoë & Co.": 5, "Unknown": 1}
    assert Counter(row[5:7] for row in rows) == {
        (640, 480): 55,
        (960, 720): 5,
        (200, 150): 2,
    }  # thumbnails of the large
    pages = {row[0]: row[1].removeprefix(f"{wiki}/w/index.php/") for row in rows}
    assert pages["Harbour 59 (large).jpg"] == "File:Harbour_59_(large).jpg"
    assert pages["Zoë's harbour, drawn 1891?.png"] == "File:Zo%C3%AB%27s_harbour,_drawn_1891%3F.png"

    again = negbuild(*command, env=env)
    assert (again.code, again.json["tried"], again.json["unique"]) == (3, 0, 62)


def test_only_pictures_of_the_licence_wanted_are_fetched_from_the_wiki(wiki: str, negbuild: Negbuild) -> None:
    command = ("crawl", "-s", "wikimedia", "-q", "harbour", "-n", 99, "--license", "by-sa", "--allow-private", "--json")
    done = negbuild(*command, "--url", wiki)
    assert (done.code, done.json["unique"]) == (3, 33), done.err
    assert done.json["skips"] == {"another licence": 31, "duplicate": 1}


def test_the_wiki_gives_exactly_as_many_as_wanted(wiki: str, negbuild: Negbuild) -> None:
    command = ("crawl", "-s", "wikimedia", "-q", "harbour", "--allow-private", "--json", "--url", wiki)
    assert negbuild(*command, "-n", 20).json["unique"] == 20
    more = negbuild(*command, "-n", 60)
    assert (more.code, more.json["unique"], more.json["new"]) == (0, 60, 40)


def test_a_wiki_without_such_pictures_is_exit_3(wiki: str, negbuild: Negbuild) -> None:
    done = negbuild("crawl", "-s", "wikimedia", "-q", "zeppelin", "-n", 1, "--url", wiki)
    assert done.code == 3
    assert done.err.splitlines()[-1] == (
        'negbuild: wikimedia "zeppelin": 0 of 1 pictures, there are no more; try another --query or --source'
    )


class Upstream:
    """What searx' engines ask: Flickr, Openverse and Bing, in the forms that those answer in."""

    def __init__(self, server: Server, reply: Make) -> None:
        self.url = server.url
        self.server = server
        self._reply = reply
        self.pictures: dict[str, list[str]] = {"flickr": [], "openverse": [], "bing": []}
        server.routes["/services/rest/"] = self._flickr
        server.routes["/v1/images/"] = self._openverse
        server.routes["/images/search"] = self._bing

    def add(self, engine: str, name: str, answer: Any) -> None:  # noqa: ANN401  a reply
        self.server.routes[f"/pictures/{name}"] = answer
        self.pictures[engine].append(name)

    def fail(self, answer: Any) -> None:  # noqa: ANN401  a reply
        """Answer all engines with the same failure."""
        self.server.routes |= dict.fromkeys(("/services/rest/", "/v1/images/", "/images/search"), answer)

    def _flickr(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        size, page = int(query["per_page"]), int(query["page"])
        photos = [
            {
                "id": name,
                "owner": "someone",
                "ownername": f"Author of {name}",
                "title": f"Flickr {name}",
                "description": {"_content": ""},
                "url_o": f"{self.url}/pictures/{name}",
            }
            for name in self.pictures["flickr"][(page - 1) * size : page * size]
        ]
        return self._reply(json.dumps({"photos": {"page": page, "photo": photos}, "stat": "ok"}).encode())

    def _openverse(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        size, page = int(query["page_size"]), int(query["page"])
        results = [
            {
                "title": f"Openverse {name}",
                "foreign_landing_url": f"https://museum.example/{name}",
                "url": f"{self.url}/pictures/{name}",
            }
            for name in self.pictures["openverse"][(page - 1) * size : page * size]
        ]
        return self._reply(json.dumps({"results": results}).encode())

    def _bing(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        first, size = int(query["first"]) - 1, int(query["count"])
        parts = []
        for name in self.pictures["bing"][first : first + size]:
            urls = {
                "purl": f"https://site.example/{name}",
                "murl": f"{self.url}/pictures/{name}",
                "turl": "",
                "t": name,
            }
            parts.append(
                f'<div class="imgpt"><a m="{html.escape(json.dumps(urls))}"></a>'
                '<div class="img_info"><span>160 x 120 · jpeg</span><a>site.example</a></div></div>'
            )
        return self._reply(f"<html><body>{''.join(parts)}</body></html>".encode())


@pytest.fixture
def upstream(server: Server, reply: Make) -> Upstream:
    return Upstream(server, reply)


@pytest.fixture
def full_upstream(upstream: Upstream, reply: Make, photo: Photo) -> Upstream:
    """54 good pictures, on up to two pages of each engine, and four that are none."""
    for number in range(20):
        upstream.add("flickr", f"f{number:02}", reply(photo(number)))
    for number in range(20, 24):
        upstream.add("openverse", f"o{number}", reply(photo(number)))
    for number in range(24, 54):
        upstream.add("bing", f"b{number}", reply(photo(number)))
    upstream.add("openverse", "dead", reply(b"gone", 404))
    upstream.add("openverse", "page", reply(b"<!doctype html><title>No hotlinks</title>"))
    upstream.add("openverse", "half", reply(photo(60)[: len(photo(60)) // 2]))
    upstream.add("openverse", "mine", reply(b"forbidden", 403))
    return upstream


CRAWL = ("crawl", "-s", "searxng", "-q", "kite", "-n", 60, "--allow-private")
GOOD_SKIPS = {"gone": 1, "not an image": 1, "refused": 1, "truncated": 1}


def test_the_pages_of_three_engines_are_held_through_searx(
    searx: Searx, full_upstream: Upstream, negbuild: Negbuild, tmp_path: Path
) -> None:
    env = {"NEGBUILD_SEARXNG_URL": searx(full_upstream.url, "html", "json")}
    done = negbuild(*CRAWL, "--json", env=env)
    assert done.code == 3, done.err
    assert (done.json["unique"], done.json["tried"], done.json["skips"]) == (54, 58, GOOD_SKIPS)
    assert full_upstream.server.asked["/services/rest/"] == 3  # two pages, and one without anything new

    rows = held(tmp_path, "title, page, author, license, candidates.width, candidates.height, url")
    url = f"{full_upstream.url}/pictures"
    flickr = [row for row in rows if row[0].startswith("Flickr")]
    assert (len(flickr), flickr[7]) == (
        20,
        (
            "Flickr f07",
            "https://www.flickr.com/photos/someone/f07",
            "Author of f07",
            "unknown",
            None,
            None,
            f"{url}/f07",
        ),
    )
    openverse = [row for row in rows if row[0].startswith("Openverse")]
    assert (len(openverse), openverse[0]) == (
        4,
        ("Openverse o20", "https://museum.example/o20", "", "unknown", None, None, f"{url}/o20"),
    )
    bing = [row for row in rows if row[0].startswith("b")]
    assert (len(bing), bing[-1]) == (30, ("b53", "https://site.example/b53", "", "unknown", 160, 120, f"{url}/b53"))


def test_an_engine_that_fails_leaves_the_pictures_of_the_others(
    searx: Searx, full_upstream: Upstream, negbuild: Negbuild, reply: Make
) -> None:
    full_upstream.server.routes["/services/rest/"] = reply(b"", 429)
    full_upstream.server.routes["/v1/images/"] = reply(b"", 500)
    done = negbuild(*CRAWL, "--json", "--url", searx(full_upstream.url, "html", "json"))
    assert (done.code, done.json["unique"], done.json["skips"]) == (3, 30, {}), done.err


def test_one_engine_is_asked_alone(searx: Searx, full_upstream: Upstream, negbuild: Negbuild) -> None:
    done = negbuild(*CRAWL, "--json", "-o", "engines=flickr", "--url", searx(full_upstream.url, "html", "json"))
    assert (done.code, done.json["unique"]) == (3, 20), done.err
    assert full_upstream.server.asked["/images/search"] == full_upstream.server.asked["/v1/images/"] == 0


@pytest.mark.parametrize(
    ("how", "fault", "reason"),
    [
        ({"status": 429}, "its engines grant no more calls for now", "too many requests"),
        ({"status": 403}, "its engines refuse to answer it", "blocked"),
        ({"status": 500}, "its engines do not answer it", "HTTP error"),
        ({"delay": 3.0}, "its engines do not answer it", "timeout"),
        ({"body": b""}, "its engines answer in a form that it cannot read", "unexpected crash"),
    ],
)
def test_engines_that_all_fail_are_exit_4_with_their_reasons(
    searx: Searx, upstream: Upstream, negbuild: Negbuild, reply: Make, how: dict[str, Any], fault: str, reason: str
) -> None:
    upstream.fail(reply(**how))
    done = negbuild(*CRAWL, "--url", searx(upstream.url, "html", "json"))
    assert done.code == 4
    said = done.err.splitlines()[-1].replace("HTTP timeout", "timeout")  # whichever of its two clocks rings first
    assert said == (
        f"negbuild: searxng: {fault} (bing images: {reason}, flickr: {reason}, openverse: {reason}); "
        "try later, or others with --option engines=NAME"
    )


def test_engines_that_find_nothing_are_exit_4(searx: Searx, upstream: Upstream, negbuild: Negbuild) -> None:
    done = negbuild(*CRAWL, "--url", searx(upstream.url, "html", "json"))
    assert done.code == 4
    assert done.err.splitlines()[-1] == (
        'negbuild: searxng: found nothing for "kite"; try another --query or other engines'
    )


def test_an_instance_without_json_is_exit_4_with_the_lines_that_switch_it_on(
    searx: Searx, full_upstream: Upstream, negbuild: Negbuild
) -> None:
    done = negbuild(*CRAWL, "--url", searx(full_upstream.url, "html"))
    assert done.code == 4
    assert done.err.splitlines()[-1] == (
        "negbuild: searxng: the instance answers no programs, JSON is switched off (403); put two lines into its "
        'settings.yml and restart it: "search:", and below it "  formats: [html, json]"'
    )
    assert full_upstream.server.asked["/services/rest/"] == 0
