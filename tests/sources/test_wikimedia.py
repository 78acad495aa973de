"""Wikimedia Commons: what it is asked, what its pages, licences and errors become, and a crawl of a wiki like it."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.errors import Blocked, FormChanged, QuotaExhausted, SourceError, Unreachable
from negbuild.manners import Manners
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import Answer, find_source
from negbuild.web import Web

Scripted = Callable[[Answer], Any]
Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
LANDING = "https://commons.example/wiki/File:Mill.jpg"


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


def page(number: int = 1, **info: object) -> dict[str, Any]:
    fields = {
        "url": f"https://upload.example/{number}.jpg",
        "descriptionurl": LANDING,
        "mime": "image/jpeg",
        "width": 4000,
        "height": 3000,
        **info,
    }
    return {"pageid": number, "ns": 6, "title": f"File:Mill {number}.jpg", "index": number, "imageinfo": [fields]}


def answer(*pages: dict[str, Any], **more: object) -> Answer:
    return Answer(200, json.dumps({"batchcomplete": True, "query": {"pages": pages}, **more}))


def found(web: Any, **search: Any) -> list[Candidate]:  # noqa: ANN401
    given = {"text": "mill", "base_url": "https://commons.example", **search}
    return list(find_source("wikimedia").search(Search(**given), web))


def test_one_call_asks_for_everything(scripted: Scripted) -> None:
    web = scripted(answer())
    assert found(web, text="old mill", base_url="https://commons.wikimedia.org", options={"width": "500"}) == []
    assert web.asked == [
        (
            "https://commons.wikimedia.org/w/api.php",
            {
                "action": "query",
                "format": "json",
                "formatversion": 2,
                "generator": "search",
                "gsrsearch": "filetype:bitmap old mill",
                "gsrnamespace": 6,
                "gsrlimit": 50,
                "prop": "imageinfo",
                "iiprop": "url|size|mime|extmetadata",
                "iiextmetadatafilter": "Artist|License|LicenseShortName|LicenseUrl",
                "iiurlwidth": "500",
                "maxlag": 5,
            },
            {},
        )
    ]


@pytest.mark.parametrize(
    ("base_url", "asked"),
    [
        ("https://test-commons.wikimedia.org", "filetype:bitmap mill"),
        ("http://127.0.0.1:9100", "mill"),  # a wiki without that search engine would look for the word
        ("https://wikimedia.org.example", "mill"),
    ],
)
def test_only_a_wiki_that_knows_kinds_of_files_is_asked_for_one(base_url: str, asked: str, scripted: Scripted) -> None:
    web = scripted(answer())
    found(web, base_url=base_url)
    assert (web.asked[0][1]["gsrsearch"], web.asked[0][1]["iiurlwidth"]) == (asked, "960")


def test_recorded_answers_that_continue_one_another_are_put_together(
    fixtures: Path, server: Server, reply: Callable[..., Any]
) -> None:
    bodies = [(fixtures / "wikimedia" / f"images_continue_{number}.json").read_bytes() for number in (1, 2, 3)]
    asked: list[dict[str, str]] = []

    def commons(query: dict[str, str], before: int) -> Any:  # noqa: ANN401  a reply
        asked.append(query)
        return reply([*bodies, b'{"batchcomplete": ""}'][before])

    server.routes["/w/api.php"] = commons
    candidates = found(Web(Manners()), base_url=server.url)
    assert len(asked) == 4
    assert "continue" not in asked[0]
    for query, body in zip(asked[1:], bodies, strict=True):
        assert query == {**asked[0], **json.loads(body)["continue"]}
    assert len(candidates) == 9  # each of them once, in spite of three answers
    by_id = {one.source_id: one for one in candidates}
    assert by_id["44672185"] == Candidate(
        source="wikimedia",
        source_id="44672185",
        url="https://upload.wikimedia.org/wikipedia/commons/e/e9/2002-04-02_Hauptstra%C3%9Fe%2C_Heidelberg_IMG_0404.jpg",
        page="https://commons.wikimedia.org/wiki/File:2002-04-02_Hauptstra%C3%9Fe,_Heidelberg_IMG_0404.jpg",
        title="2002-04-02 Hauptstraße, Heidelberg IMG 0404.jpg",
        author="Eckhard Henkel",
        author_url="https://commons.wikimedia.org/wiki/User:Hasenl%C3%A4ufer",
        license="CC-BY-SA-3.0",
        license_url="https://creativecommons.org/licenses/by-sa/3.0/de/deed.en",
        width=1563,
        height=1172,
    )
    nasa = by_id["18263872"]
    assert (nasa.author, nasa.author_url) == (
        "The original uploader was Elvezio at Italian Wikipedia.",
        "https://en.wikipedia.org/wiki/it:User:Elvezio",
    )
    assert (nasa.license, nasa.license_url) == ("public domain", nasa.page)
    munch = by_id["44672212"]
    assert (munch.author, munch.title) == ("Edvard Munch", "Edvard Munch - Night in Nice (1891).jpg")
    licenses = [one.license for one in candidates]
    assert [licenses.count(one) for one in ("CC-BY-SA-3.0", "CC-BY-SA-4.0", "public domain")] == [1, 5, 3]


def test_a_file_that_moves_on_to_the_next_answer_is_named_once(server: Server, reply: Callable[..., Any]) -> None:
    answers = [
        answer(page(1), page(2), **{"continue": {"gsroffset": 2, "continue": "gsroffset||"}}),
        answer(page(2), page(3)),
    ]
    server.routes["/w/api.php"] = lambda _query, before: reply(answers[before].text.encode())
    assert [one.source_id for one in found(Web(Manners()), base_url=server.url)] == ["1", "2", "3"]


def test_a_recorded_page_without_its_file_is_passed_over(fixtures: Path, scripted: Scripted) -> None:
    empty = json.loads((fixtures / "wikimedia" / "missing_imageinfo.json").read_text(encoding="utf-8"))
    assert [one.source_id for one in found(scripted(answer(empty, page(2))))] == ["2"]


def test_the_recorded_lag_is_named(fixtures: Path, scripted: Scripted) -> None:
    with pytest.raises(Unreachable) as caught:
        found(scripted(Answer(200, (fixtures / "wikimedia" / "error_maxlag.json").read_text(encoding="utf-8"))))
    assert str(caught.value) == (
        "wikimedia: fails by itself (maxlag, Waiting for 10.192.16.41: 0.10323 seconds lagged); run the same command "
        "later"
    )


THUMB = {"thumburl": "https://upload.example/thumb/1.jpg", "thumbwidth": 960, "thumbheight": 720}


@pytest.mark.parametrize(
    ("info", "picture"),
    [
        (THUMB, ("https://upload.example/thumb/1.jpg", 960, 720)),
        (
            {**THUMB, "width": 960, "height": 720},
            ("https://upload.example/1.jpg", 960, 720),
        ),  # the whole file is no larger
        ({}, ("https://upload.example/1.jpg", 4000, 3000)),
    ],
)
def test_a_thumbnail_is_taken_where_it_is_smaller(
    info: dict[str, Any], picture: tuple[str, int, int], scripted: Scripted
) -> None:
    (one,) = found(scripted(answer(page(1, **info))))
    assert (one.url, one.width, one.height) == picture


def test_only_bitmaps_are_taken(scripted: Scripted) -> None:
    kinds = ["jpeg", "svg+xml", "png", "vnd.djvu", "webp", "x-xcf", "gif", "tiff"]
    pages = [page(number, mime=f"image/{kind}") for number, kind in enumerate(kinds)]
    pages += [page(20, mime="application/pdf"), page(21, mime="video/webm"), page(22, url=None)]
    assert [kinds[int(one.source_id)] for one in found(scripted(answer(*pages)))] == [
        "jpeg",
        "png",
        "webp",
        "gif",
        "tiff",
    ]


CREATIVE_COMMONS = "https://creativecommons.org"


@pytest.mark.parametrize(
    ("code", "short", "address", "license_", "license_url"),
    [
        ("cc-by-sa-4.0", "CC BY-SA 4.0", f"{CREATIVE_COMMONS}/licenses/by-sa/4.0", "CC-BY-SA-4.0", None),
        ("cc-by-2.5", "", "", "CC-BY-2.5", f"{CREATIVE_COMMONS}/licenses/by/2.5/"),
        ("", "CC BY-SA 3.0 de", "", "CC-BY-SA-3.0", f"{CREATIVE_COMMONS}/licenses/by-sa/3.0/"),
        ("", "CC-BY-NC-SA-3.0", "", "CC-BY-NC-SA-3.0", f"{CREATIVE_COMMONS}/licenses/by-nc-sa/3.0/"),
        ("", "Attribution", f"{CREATIVE_COMMONS}/licenses/by-nd/2.0/", "CC-BY-ND-2.0", None),
        ("cc-by-sa-4.0,3.0,2.5", "CC BY-SA 4.0-3.0-2.5", "", "CC-BY-SA-4.0", f"{CREATIVE_COMMONS}/licenses/by-sa/4.0/"),
        ("cc0", "CC0", f"{CREATIVE_COMMONS}/publicdomain/zero/1.0/deed.en", "CC0-1.0", None),
        ("", "CC0", "", "CC0-1.0", f"{CREATIVE_COMMONS}/publicdomain/zero/1.0/"),
        ("pd", "Public domain", f"{CREATIVE_COMMONS}/publicdomain/mark/1.0/", "CC-PDM-1.0", None),
        ("pd", "Public domain", "", "public domain", LANDING),
        ("", "Public domain", "http://rights.example/old", "public domain", None),
        ("gfdl", "GFDL", "//www.gnu.org/copyleft/fdl.html", "GFDL", "https://www.gnu.org/copyleft/fdl.html"),
        ("", "Copyrighted free use", "javascript:alert(1)", "Copyrighted free use", LANDING),
        ("", "", "", UNKNOWN_LICENSE, ""),
    ],
)
def test_a_licence_becomes_its_spdx_identifier_or_stays_what_it_is(
    code: str, short: str, address: str, license_: str, license_url: str | None, scripted: Scripted
) -> None:
    said = {"License": {"value": code}, "LicenseShortName": {"value": short}, "LicenseUrl": {"value": address}}
    (one,) = found(scripted(answer(page(1, extmetadata=said))))
    assert (one.license, one.license_url) == (license_, address if license_url is None else license_url)


@pytest.mark.parametrize(
    ("artist", "author", "author_url"),
    [
        ("<a href='/wiki/User:A'>A&nbsp;B</a>", "A B", "https://commons.example/wiki/User:A"),
        ("<p>A</p><p>B<br/>C</p>", "A B C", ""),
        ("A <span style='display: none'>hidden <br><i>deep</i> <a href='//h.example'>x</a></span>B</span>", "A B", ""),
        ("A <span style='display:none'><p>hidden</span>B", "A B", ""),
        ("<style>.a{}</style>A <a href='mailto:a@b.example'>B</a>", "A B", ""),
        ("A <a href='//[bad'>B</a>", "A B", ""),
        (7, "7", ""),
        (None, "", ""),
    ],
)
def test_an_author_is_text_with_an_address(artist: object, author: str, author_url: str, scripted: Scripted) -> None:
    (one,) = found(scripted(answer(page(1, extmetadata={"Artist": {"value": artist}}))))
    assert (one.author, one.author_url) == (author, author_url)


def test_an_address_without_a_scheme_is_one_of_https(scripted: Scripted) -> None:
    said = {"Artist": {"value": "<a href='//commons.example/wiki/User:A'>A</a>"}}
    (one,) = found(scripted(answer(page(1, extmetadata=said, descriptionurl="http://127.0.0.1/wiki/File:1.jpg"))))
    assert one.author_url == "https://commons.example/wiki/User:A"


def test_html_that_no_parser_knows_costs_no_picture(scripted: Scripted) -> None:
    (one,) = found(scripted(answer(page(1, extmetadata={"Artist": {"value": "Ann <![unheard[ of"}}))))
    assert one.author.startswith("Ann")


@pytest.mark.parametrize("extmetadata", [[], {}, None])
def test_a_wiki_that_states_no_licences_gives_unknown_ones(extmetadata: object, scripted: Scripted) -> None:
    (one,) = found(scripted(answer(page(1, extmetadata=extmetadata, descriptionurl=None))))
    assert (one.license, one.license_url) == (UNKNOWN_LICENSE, "")
    assert one.page == "https://commons.example/w/index.php?curid=1"


LATER = "run the same command later"
OTHERWISE = "try another --query or --source"
FORM = (
    "wikimedia: the answer has another form than expected ({}); look at NEGBUILD_WIKIMEDIA_URL if you set it, else "
    "upgrade negbuild or try another --source"
)
AGENT = "Please set a user-agent and respect our robot policy https://w.wiki/4wJS. See also T400119."
WHOM = (
    "wikimedia: wants to know whom to write to ({}, Please set a user-agent and respect our robot policy "
    "https://w.wiki/4wJS. See also T400119); add --contact ADDRESS to the same command"
)


def error(code: str, info: str) -> str:
    return json.dumps({"error": {"code": code, "info": info, "docref": "See the documentation"}})


FAILURES: list[tuple[int, str, type[SourceError], str]] = [
    (200, error("readonly", "Locked."), Unreachable, f"wikimedia: fails by itself (readonly, Locked); {LATER}"),
    (
        500,
        error("internal_api_error_DBQueryError", "[abc] Caught\nexception"),
        Unreachable,
        f"wikimedia: fails by itself (internal_api_error_DBQueryError, [abc] Caught exception); {LATER}",
    ),
    (
        200,
        error("ratelimited", "You've exceeded your rate limit."),
        QuotaExhausted,
        f"wikimedia: grants no more calls for now (ratelimited, You've exceeded your rate limit); {LATER}",
    ),
    (
        200,
        error("search-error", "Query too long"),
        SourceError,
        f"wikimedia: does not understand the request (search-error, Query too long); {OTHERWISE}",
    ),
    (403, AGENT, Blocked, WHOM.format(403)),
    (429, f"<html><style>p{{}}</style><p>{AGENT}</p></html>", Blocked, WHOM.format(429)),
    (429, "Too many", QuotaExhausted, f"wikimedia: grants no more calls for now (429, Too many); {LATER}"),
    (403, "Forbidden", Blocked, "wikimedia: refuses to answer (403, Forbidden); try later, or another --source"),
    (500, answer(page(1)).text, Unreachable, f"wikimedia: fails by itself (500); {LATER}"),
    (503, "<h1>Wikimedia Error</h1>", Unreachable, f"wikimedia: fails by itself (503, Wikimedia Error); {LATER}"),
    (200, "<!DOCTYPE html><title>Log in</title>", FormChanged, FORM.format("Log in")),
    (200, '{"a": 1}', FormChanged, FORM.format("no results in it")),
    (200, '{"query": []}', FormChanged, FORM.format("no results in it")),
    (200, '{"query": {"pages": [7]}}', FormChanged, FORM.format("no results in it")),
    (200, '{"query": {"pages": 7}}', FormChanged, FORM.format("no results in it")),
    (200, '{"batchcomplete": true, "continue": "x"}', FormChanged, FORM.format("it goes on where it began")),
    (200, '{"continue": {"gsroffset": 50}}', FormChanged, FORM.format("it goes on where it began")),
    (200, answer({"pageid": 4, "imageinfo": {"a": 1}}).text, FormChanged, FORM.format("the imageinfo of page 4")),
    (200, answer({"pageid": 4, "imageinfo": 7}).text, FormChanged, FORM.format("the imageinfo of page 4")),
    (200, answer({"pageid": 4, "imageinfo": ["a"]}).text, FormChanged, FORM.format("the imageinfo of page 4")),
    (200, answer(page(4, extmetadata={"Artist": "A"})).text, FormChanged, FORM.format("the imageinfo of page 4")),
    (200, answer(page(4, thumburl="https://x")).text, FormChanged, FORM.format("the imageinfo of page 4")),
]


@pytest.mark.parametrize(("status", "text", "kind", "message"), FAILURES)
def test_what_goes_wrong_is_named(
    status: int, text: str, kind: type[SourceError], message: str, scripted: Scripted
) -> None:
    with pytest.raises(SourceError) as caught:
        found(scripted(Answer(status, text)))
    assert (type(caught.value), str(caught.value)) == (kind, message)


class Commons:
    """A wiki on the server that answers in parts: 5 pages at a time, the files of the later ones in a second answer."""

    def __init__(self, server: Server, reply: Callable[..., Any]) -> None:
        self.env = {"NEGBUILD_WIKIMEDIA_URL": server.url}
        self.calls: list[dict[str, str]] = []
        self._server, self._reply = server, reply
        self._infos: list[dict[str, Any]] = []
        server.routes["/w/api.php"] = self.answer

    def add(self, data: bytes, **info: object) -> None:
        """Publish one file: its thumbnail is `data`, and the file itself not to be had."""
        number = len(self._infos) + 1
        self._server.routes[f"/thumb/{number}.jpg"] = self._reply(data)
        fields = {
            "url": f"{self._server.url}/whole/{number}.jpg",
            "thumburl": f"{self._server.url}/thumb/{number}.jpg",
            "thumbwidth": 160,
            "thumbheight": 120,
            "width": 1600,
            "height": 1200,
            "mime": "image/jpeg",
            "descriptionurl": f"https://commons.example/wiki/File:{number}.jpg",
            "extmetadata": {
                "Artist": {"value": f'<a href="//commons.example/wiki/User:{number}">Author of {number}</a>'},
                "License": {"value": "cc-by-sa-4.0"},
                "LicenseShortName": {"value": "CC BY-SA 4.0"},
                "LicenseUrl": {"value": "https://creativecommons.org/licenses/by-sa/4.0"},
            },
        }
        self._infos.append({**fields, **info})

    def answer(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401  a reply
        self.calls.append(query)
        first = int(query.get("gsroffset", 0))
        numbers = range(first + 1, min(first + 5, len(self._infos)) + 1)
        second = "iicontinue" in query
        pages = [{"pageid": one, "ns": 6, "title": f"File:{one}.jpg", "index": one} for one in reversed(numbers)]
        for one in pages:
            if (int(str(one["pageid"])) % 5 > 2) is second:
                one["imageinfo"] = [self._infos[int(str(one["pageid"])) - 1]]
        body: dict[str, Any] = {"query": {"pages": pages}} if pages else {}
        if not second and pages:
            body["continue"] = {"iicontinue": "x", "continue": "gsroffset||"}
            body["continue"] |= {"gsroffset": first} if first else {}
        else:
            body["batchcomplete"] = True
            if first + 5 < len(self._infos):
                body["continue"] = {"gsroffset": first + 5, "continue": "gsroffset||"}
        return self._reply(json.dumps(body).encode(), headers={"Content-Type": "application/json"})


@pytest.fixture
def commons(server: Server, reply: Callable[..., Any]) -> Commons:
    return Commons(server, reply)


COMMAND = ("crawl", "--source", "wikimedia", "--query", "mill", "--allow-private")


def catalogued(tmp_path: Path) -> list[tuple[Any, ...]]:
    """Read what is known of every candidate that brought a picture, from the catalog."""
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        return catalog.execute(
            "SELECT source_id, page, title, author, author_url, license, license_url, width, height FROM candidates "
            "WHERE reason IS NULL ORDER BY CAST(source_id AS INTEGER)"
        ).fetchall()


def test_a_wiki_is_crawled_to_its_end_with_author_licence_and_page_of_every_picture(
    negbuild: Negbuild, commons: Commons, server: Server, photo: Photo, tmp_path: Path
) -> None:
    for number in range(1, 13):
        commons.add(photo(number), **({"mime": "image/svg+xml"} if number == 7 else {}))
    done = negbuild(*COMMAND, "-n", 20, "--option", "width=250", "--json", env=commons.env)
    assert (done.code, done.json["unique"], done.json["skips"]) == (3, 11, {})
    assert catalogued(tmp_path) == [
        (
            str(number),
            f"https://commons.example/wiki/File:{number}.jpg",
            f"{number}.jpg",
            f"Author of {number}",
            f"https://commons.example/wiki/User:{number}",
            "CC-BY-SA-4.0",
            "https://creativecommons.org/licenses/by-sa/4.0",
            160,
            120,
        )
        for number in range(1, 13)
        if number != 7
    ]
    assert [(call.get("gsroffset"), call.get("iicontinue")) for call in commons.calls] == [
        (None, None),
        (None, "x"),
        ("5", None),
        ("5", "x"),
        ("10", None),
        ("10", "x"),
    ]
    assert {call["iiurlwidth"] for call in commons.calls} == {"250"}
    assert not any(asked for path, asked in server.asked.items() if path.startswith("/whole"))


def test_the_best_results_are_taken_first(negbuild: Negbuild, commons: Commons, photo: Photo, tmp_path: Path) -> None:
    for number in range(1, 13):
        commons.add(photo(number))
    assert negbuild(*COMMAND, "-n", 4, env=commons.env).code == 0
    assert [row[0] for row in catalogued(tmp_path)] == ["1", "2", "3", "4"]


def test_only_licences_wished_for_are_fetched(
    negbuild: Negbuild, commons: Commons, photo: Photo, tmp_path: Path
) -> None:
    commons.add(photo(1), extmetadata=[])
    commons.add(photo(2))
    done = negbuild(*COMMAND, "-n", 2, "--license", "by-sa", "--json", env=commons.env)
    assert (done.code, done.json["skips"]) == (3, {"another licence": 1})
    assert [row[0] for row in catalogued(tmp_path)] == ["2"]


def test_a_wiki_that_lags_behind_is_asked_again_when_it_wishes(
    negbuild: Negbuild, commons: Commons, server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    commons.add(photo(1))

    def lags_once(query: dict[str, str], before: int) -> Any:  # noqa: ANN401  a reply
        lagged = reply(error("maxlag", "Waiting for db1: 6 seconds lagged.").encode(), headers={"Retry-After": "1"})
        return commons.answer(query, before) if before else lagged

    server.routes["/w/api.php"] = lags_once
    began = time.monotonic()
    done = negbuild(*COMMAND, "-n", 1, "--json", env=commons.env)
    assert (done.code, done.json["unique"]) == (0, 1)
    assert time.monotonic() - began >= 1
    assert len(commons.calls) == 2


@pytest.mark.parametrize(
    ("status", "text", "line", "calls"),
    [
        (
            200,
            error("maxlag", "Waiting for db1: 6 seconds lagged."),
            f"wikimedia: fails by itself (maxlag, Waiting for db1: 6 seconds lagged); {LATER}",
            5,
        ),
        (429, AGENT, WHOM.format(429), 5),
    ],
)
def test_a_wiki_that_stays_busy_ends_the_crawl(
    status: int, text: str, line: str, calls: int, negbuild: Negbuild, server: Server, reply: Callable[..., Any]
) -> None:
    server.routes["/w/api.php"] = reply(text.encode(), status, {"Retry-After": "1"})
    done = negbuild(*COMMAND, "-n", 1, env={"NEGBUILD_WIKIMEDIA_URL": server.url})
    assert (done.code, done.err.splitlines()[-1]) == (4, f"negbuild: {line}")
    assert server.asked["/w/api.php"] == calls


@pytest.mark.parametrize(
    ("status", "text", "line"),
    [
        (
            200,
            error("search-error", "Broken."),
            f"wikimedia: does not understand the request (search-error, Broken); {OTHERWISE}",
        ),
        (
            200,
            error("ratelimited", "Slow down."),
            f"wikimedia: grants no more calls for now (ratelimited, Slow down); {LATER}",
        ),
        (403, AGENT, WHOM.format(403)),
        (200, "<!DOCTYPE html><title>Log in</title>", FORM.format("Log in")),
        (200, '{"results": []}', FORM.format("no results in it")),
    ],
)
def test_a_refusal_is_exit_4_and_one_line(
    status: int, text: str, line: str, negbuild: Negbuild, server: Server, reply: Callable[..., Any]
) -> None:
    server.routes["/w/api.php"] = reply(text.encode(), status)
    done = negbuild(*COMMAND, "-n", 1, env={"NEGBUILD_WIKIMEDIA_URL": server.url})
    assert (done.code, done.err.splitlines()[-1]) == (4, f"negbuild: {line}")
    assert server.asked["/w/api.php"] == 1


def test_pictures_come_from_a_documented_host() -> None:
    assert find_source("wikimedia").documented == ("upload.wikimedia.org",)


def test_a_width_that_thumbnails_do_not_come_in_is_refused_before_anything_is_asked(
    negbuild: Negbuild, server: Server
) -> None:
    done = negbuild(*COMMAND, "-n", 1, "--option", "width=800", env={"NEGBUILD_WIKIMEDIA_URL": server.url})
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "negbuild: source wikimedia: width=800: choose from 250, 330, 500, 960, 1280, 1920, 3840",
    )
    assert not sum(server.asked.values())
