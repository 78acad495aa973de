"""Flickr, asked through flickrapi: its calls, its 4,000 results a search, its errors, and a key that stays secret."""

import hmac
import json
import re
import sqlite3
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote

import pytest

from negbuild.errors import Blocked, FormChanged, KeyRefused, QuotaExhausted, SourceError, Unreachable
from negbuild.manners import Manners
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.order import GROUPS, LICENSES, allows
from negbuild.source import Answer, find_source
from negbuild.web import Web

Scripted = Callable[[Answer], Any]
FLICKR = find_source("flickr")
KEY, SECRET = "0123456789abcdef0123456789abcdef", "fedcba9876543210"
KEYS = {"FLICKR_API_KEY": KEY, "FLICKR_API_SECRET": SECRET}
REST = "/services/rest/"


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in KEYS.items():
        monkeypatch.setenv(variable, value)


def photo_of(number: int, **fields: object) -> dict[str, object]:
    url = f"https://live.staticflickr.com/1/{number}_a_b.jpg"
    return {"id": str(number), "owner": "1@N00", "license": "4", "url_l": url, **fields}


def answered(*photos: object, total: object = None) -> Answer:
    listed = {"page": 1, "total": len(photos) if total is None else total, "photo": photos}
    return Answer(200, json.dumps({"photos": listed, "stat": "ok"}))


def named(web: Any, **wishes: Any) -> list[Candidate]:  # noqa: ANN401
    return list(FLICKR.search(Search(text="x", base_url="http://example.invalid", **wishes), web))


class Flickr:
    """The service: it shows the first 4,000 photos of a search, and the same ones again after them."""

    def __init__(self, server: Server, reply: Callable[..., Any], uploads: Mapping[int, int]) -> None:
        self._server, self._reply, self._uploads = server, reply, uploads
        self.calls: list[dict[str, str]] = []
        self.knows_dates = True
        server.routes[REST] = self._search

    def _search(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        self.calls.append(query)
        start, end = int(query.get("min_upload_date", 0)), int(query.get("max_upload_date", 2**40))
        found = [number for number, at in self._uploads.items() if not self.knows_dates or start <= at <= end]
        size = int(query["per_page"])
        assert size <= 500
        first = (int(query["page"]) - 1) * size % 4000
        shown = [self._photo(number) for number in found[:4000][first : first + size]]
        body = {"photos": {"page": query["page"], "total": str(len(found)), "photo": shown}, "stat": "ok"}
        return self._reply(json.dumps(body).encode(), headers={"Content-Type": "application/json"})

    def _photo(self, number: int) -> dict[str, object]:
        names = {"ownername": f"Author {number}", "path_alias": f"alias{number}", "license": str(number % 17)}
        return photo_of(number, url_l=f"{self._server.url}/{number}.jpg", title=f"Photo {number}", **names)

    def named(self) -> Iterator[Candidate]:
        with closing(Web(Manners())) as web:
            yield from FLICKR.search(Search(text="x", base_url=self._server.url), web)


# What is asked.


def test_the_first_call_asks_for_all_that_is_needed_of_a_photo(scripted: Scripted) -> None:
    web = scripted(answered())
    assert named(web) == []
    ((url, form, _headers),) = web.asked
    assert url == "http://example.invalid/services/rest/"
    assert form == {
        "method": "flickr.photos.search",
        "format": "json",
        "nojsoncallback": "1",
        "text": "x",
        "sort": "relevance",
        "media": "photos",
        "content_type": "1",
        "content_types": "0",
        "safe_search": "1",
        "extras": "license,owner_name,path_alias,o_dims,url_n,url_m,url_z,url_c,url_l,url_h,url_k,url_o",
        "per_page": "500",
        "page": "1",
    }


@pytest.mark.parametrize(
    ("wish", "asked"),
    [
        ({"safe": False}, {"safe_search": "3"}),
        ({"limit": 1}, {"per_page": "250"}),
        ({"limit": 250}, {"per_page": "250"}),
        ({"limit": 251}, {"per_page": "500"}),
        ({"licenses": ("by",)}, {"license": "4,11"}),
        ({"licenses": ("cc-by-4.0", "cc0", "pdm")}, {"license": "9,10,11"}),
        ({"licenses": ("commercial", "derivatives")}, {"license": "4,5,9,10,11,12,7,8"}),
        ({"licenses": ("by-nc", "by-nd", "commercial")}, {"license": "6,13"}),
    ],
)
def test_a_wish_is_passed_on(wish: dict[str, Any], asked: dict[str, str], scripted: Scripted) -> None:
    web = scripted(answered())
    named(web, **wish)
    assert asked.items() <= web.asked[0][1].items()


SPDX = ["", "by-nc-sa-2.0", "by-nc-2.0", "by-nc-nd-2.0", "by-2.0", "by-sa-2.0", "by-nd-2.0", "", "", "cc0-1.0"]
SPDX += ["pdm-1.0", "by-4.0", "by-sa-4.0", "by-nd-4.0", "by-nc-4.0", "by-nc-sa-4.0", "by-nc-nd-4.0"]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_licences_are_asked_for_as_they_are_allowed_later(size: int, scripted: Scripted) -> None:
    for wish in combinations((*LICENSES, *GROUPS, "by-2.0", "cc-by-nc-4.0"), size):
        web = scripted(answered())
        wanted = {str(number) for number, name in enumerate(SPDX) if name and allows(f"cc-{name}", wish)}
        if wanted:
            named(web, licenses=wish)
            # 7 and 8 are free as well, and not of Creative Commons
            assert set(web.asked[0][1]["license"].split(",")) - {"7", "8"} == wanted, wish


def test_a_wish_that_no_licence_of_flickr_meets_is_said_before_anything_is_asked(scripted: Scripted) -> None:
    web = scripted(answered())
    with pytest.raises(SourceError) as refused:
        named(web, licenses=("by-nc", "commercial"))
    assert str(refused.value) == (
        "flickr: none of its licences is by-nc and commercial; try another --license or --source"
    )
    assert web.asked == []


def signed_by(url: str, form: Mapping[str, str], header: str, secret: str) -> bool:
    """Whether a call bears the signature of RFC 5849, section 3.4, computed here from its text."""
    fields = {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', header)}
    signature = b64decode(fields.pop("oauth_signature"))
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in {**form, **fields}.items())
    text = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join(quote(part, safe="~") for part in ("POST", url, text))
    return hmac.compare_digest(signature, hmac.digest(f"{secret}&".encode(), base.encode(), "sha1"))


def test_calls_are_signed_and_hold_neither_key_nor_secret_outside_the_signature(scripted: Scripted) -> None:
    web = scripted(answered())
    list(FLICKR.search(Search(text="crème & 50% +1", base_url="http://example.invalid"), web))
    ((url, form, headers),) = web.asked
    assert form["text"] == "crème & 50% +1"
    assert signed_by(url, form, headers["Authorization"], SECRET)
    assert not signed_by(url, form, headers["Authorization"], "another")
    assert f'oauth_consumer_key="{KEY}"' in headers["Authorization"]
    assert SECRET not in headers["Authorization"]
    assert KEY not in url + json.dumps(form)


def test_a_signature_that_was_used_up_by_another_try_is_renewed_once(server: Server, reply: Callable[..., Any]) -> None:
    used = reply(b"oauth_problem=nonce_used", 401)
    empty = reply(b'{"photos": {"total": 0, "photo": []}, "stat": "ok"}')
    server.routes[REST] = lambda _query, before: empty if before else used
    with closing(Web(Manners())) as web:
        assert list(FLICKR.search(Search(text="x", base_url=server.url), web)) == []
        assert server.asked[REST] == 2
        server.routes[REST] = used
        with pytest.raises(KeyRefused, match=r"^flickr: the key is refused \(98, nonce_used\)"):
            next(FLICKR.search(Search(text="x", base_url=server.url), web))
    assert server.asked[REST] == 4


# What becomes of the answers.


@pytest.mark.parametrize(
    ("size", "there", "taken"),
    [
        ("large", "nmzclhko", "l"),
        ("large", "nmzhko", "z"),  # the next smaller one
        ("large", "hko", "h"),  # else the next larger one
        ("original", "nmzclhk", "k"),
        ("small", "clo", "c"),
        ("medium640", "no", "n"),
    ],
)
def test_the_size_asked_for_is_taken_or_the_next_one(size: str, there: str, taken: str, scripted: Scripted) -> None:
    sizes = {f"url_{one}": f"https://live.staticflickr.com/{one}.jpg" for one in there}
    sides = {f"{side}_{one}": 100 + ord(one) for one in there for side in ("width", "height")}
    web = scripted(answered({"id": "1", "owner": "1@N00", **sizes, **sides}))
    (found,) = named(web, options={"size": size})
    assert (found.url, found.width) == (f"https://live.staticflickr.com/{taken}.jpg", 100 + ord(taken))


def test_every_licence_of_flickr_has_its_name_and_address(scripted: Scripted) -> None:
    found = named(scripted(answered(*(photo_of(number, license=number) for number in range(18)))))
    others = {0: "All Rights Reserved", 7: "No known copyright restrictions", 8: "United States Government Work"}
    names = [others.get(number) or f"CC-{name.upper()}".replace("CC-CC0", "CC0") for number, name in enumerate(SPDX)]
    assert [one.license for one in found] == [*names, UNKNOWN_LICENSE]
    assert all(one.license_url.startswith("https://") for one in found[:-1])
    assert found[-1].license_url == ""


def test_photos_without_an_address_and_the_placeholder_are_left_out(scripted: Scripted) -> None:
    gone = "https://s.yimg.com/pw/images/en-us/photo_unavailable.png"
    odd = [photo_of(2, url_l=gone), photo_of(3, url_l=None), photo_of(4, id=None), photo_of(5, url_l=gone, url_m=gone)]
    found = named(scripted(answered(photo_of(1), *odd)))
    assert [one.source_id for one in found] == ["1"]


REFUSED = "the key is refused ({}); look at FLICKR_API_KEY and FLICKR_API_SECRET"
FAILS = "fails by itself ({}); run the same command later"
NOT_UNDERSTOOD = "does not understand the request ({}); try another --query or --source"
FORM = (
    "the answer has another form than expected ({}); look at NEGBUILD_FLICKR_URL if you set it, "
    "else upgrade negbuild or try another --source"
)
INVALID = "100, Invalid API Key (Key has invalid format)"
ABSENT = "201, Sorry, the Flickr API service is not currently available"

RECORDED: dict[str, tuple[type[SourceError], str]] = {
    "error_100.json": (KeyRefused, REFUSED.format(INVALID)),
    "error_100.xml": (KeyRefused, REFUSED.format(INVALID)),
    "error_201.xml": (Unreachable, FAILS.format(ABSENT)),
    "error_201_json_sent_as_xml.txt": (Unreachable, FAILS.format(ABSENT)),
    "photos_search_page1.xml": (FormChanged, FORM.format("no results in it")),  # JSON was asked for
    "photos_search_page5.xml": (FormChanged, FORM.format("no results in it")),
}


@pytest.mark.parametrize("file", RECORDED)
def test_recorded_errors_are_named(fixtures: Path, file: str, scripted: Scripted) -> None:
    kind, message = RECORDED[file]
    with pytest.raises(SourceError) as refused:
        named(scripted(Answer(200, (fixtures / "flickr" / file).read_text(encoding="utf-8"))))
    assert type(refused.value) is kind
    assert str(refused.value) == f"flickr: {message}"


def test_the_recorded_results_become_candidates(fixtures: Path, scripted: Scripted) -> None:
    text = (fixtures / "flickr" / "photos_search.json").read_text(encoding="utf-8")
    web = scripted(Answer(200, text))
    found = named(web)
    assert len(found) == len({one.source_id for one in found}) == 30
    assert len(web.asked) == 1
    assert found[0] == Candidate(
        source="flickr",
        source_id="49514337848",
        url="https://live.staticflickr.com/65535/49514337848_bbdbb5f761_b.jpg",
        page="https://www.flickr.com/photos/7478087@N06/49514337848",
        title="Warsy (église) • 7433",
        author="markustrois",
        author_url="https://www.flickr.com/people/7478087@N06/",
        license="CC-BY-NC-SA-2.0",
        license_url="https://creativecommons.org/licenses/by-nc-sa/2.0/",
        width=660,
        height=1024,
    )
    without_large = {str(one["id"]): one["url_m"] for one in json.loads(text)["photos"]["photo"] if "url_l" not in one}
    assert len(without_large) == 2
    assert {one.source_id: one.url for one in found if one.source_id in without_large} == without_large


def test_the_recorded_empty_answer_is_no_error_although_it_is_wrapped(fixtures: Path, scripted: Scripted) -> None:
    text = (fixtures / "flickr" / "photos_search_empty.jsonp.txt").read_text(encoding="utf-8")
    assert named(scripted(Answer(200, text))) == []


def test_the_recorded_photo_comes_from_a_documented_host(fixtures: Path) -> None:
    first = (fixtures / "flickr" / "static_photo.headers.txt").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(tuple(f"GET https://{host}/" for host in FLICKR.documented))


def test_no_recorded_answer_is_forgotten(fixtures: Path) -> None:
    read = {"photos_search.json", "photos_search_empty.jsonp.txt", "static_photo.headers.txt", *RECORDED}
    files = {path.name for path in (fixtures / "flickr").iterdir()}
    assert files - read == {"README.md", *(f"{file}.headers" for file in RECORDED if file != "error_100.json")}


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (Answer(200, '{"stat":"fail","code":"105","message":"No\\nmore."}'), Unreachable, FAILS.format("105, No more")),
        (Answer(200, '{"stat":"fail","code":10,"message":"no search"}'), Unreachable, FAILS.format("10, no search")),
        (Answer(200, '{"stat":"fail","code":96,"message":"Bad"}'), KeyRefused, REFUSED.format("96, Bad")),
        (Answer(200, '{"stat":"fail","code":3,"message":"Empty"}'), SourceError, NOT_UNDERSTOOD.format("3, Empty")),
        (Answer(200, '{"stat":"fail"}'), SourceError, NOT_UNDERSTOOD.format("None, None")),
        (Answer(401, f"oauth_problem=unknown&debug_sbs=POST%26{KEY}"), KeyRefused, REFUSED.format("98, unknown")),
        (Answer(403, "<html>"), Blocked, "refuses to answer (403); try later, or another --source"),
        (Answer(429, "slow"), QuotaExhausted, "grants no more calls for now (429); run the same command later"),
        (Answer(503, ""), Unreachable, "fails by itself (503); run the same command later"),
        (Answer(200, "<html>"), FormChanged, FORM.format("no results in it")),
        (Answer(200, "[]"), FormChanged, FORM.format("no results in it")),
        (Answer(200, '{"stat":"ok"}'), FormChanged, FORM.format("no results in it")),
        (Answer(200, '{"stat":"ok","photos":{"total":1}}'), FormChanged, FORM.format("no results in it")),
        (answered("no record"), FormChanged, FORM.format("no results in it")),
        (answered(photo_of(1), total="many"), FormChanged, FORM.format("no total in it")),
        (answered(photo_of(1, url_l=None)), FormChanged, FORM.format("no photo with an address in it")),
    ],
)  # fmt: skip
def test_other_answers_are_named_errors(
    answer: Answer, kind: type[SourceError], message: str, scripted: Scripted
) -> None:
    with pytest.raises(SourceError) as refused:
        named(scripted(answer))
    assert type(refused.value) is kind
    assert str(refused.value) == f"flickr: {message}"


def test_key_and_secret_are_in_no_error_and_no_candidate(scripted: Scripted) -> None:
    echo = f"{KEY} {SECRET}"
    (found,) = named(scripted(answered(photo_of(1, title=echo, ownername=echo, url_l=f"https://a.example/{KEY}"))))
    assert (found.title, found.author, found.url) == ("*** ***", "*** ***", "https://a.example/***")
    for text in (f'{{"stat":"fail","code":100,"message":"{echo}"}}', f'<err code="100" msg="{echo}" />'):
        with pytest.raises(KeyRefused, match=r"^flickr: the key is refused \(100, \*\*\* \*\*\*\)"):
            named(scripted(Answer(200, text)))


# Past the 4,000 results of one search.


def test_every_photo_of_a_large_search_is_named_once(server: Server, reply: Callable[..., Any]) -> None:
    uploads = {number: 1_338_500_000 + number // 60 for number in range(6000)}  # within 100 seconds
    uploads |= {number: 1_100_000_000 + 100_000 * (number - 6000) for number in range(6000, 8501)}  # eight years
    flickr = Flickr(server, reply, uploads)
    found = [one.source_id for one in flickr.named()]
    assert len(found) == len(uploads) == 8501
    assert set(found) == {str(number) for number in uploads}
    assert found[:4000] == [str(number) for number in list(uploads)[:4000]]  # the most relevant ones first
    assert all(int(call["page"]) * int(call["per_page"]) <= 4000 for call in flickr.calls)
    assert [call for call in flickr.calls[:8] if "min_upload_date" in call] == []
    assert len(flickr.calls) < 8 + 2 * 24 + 17 + 8  # pages, two halves 24 times down to 50 seconds, pages of those


def test_no_more_is_asked_for_than_is_taken(server: Server, reply: Callable[..., Any]) -> None:
    flickr = Flickr(server, reply, {number: 1_338_500_000 + 60 * number for number in range(9000)})
    candidates = flickr.named()
    for calls in (1, 2, 8):
        while len(flickr.calls) < calls:
            next(candidates)
    for _ in range(499):
        next(candidates)
    assert len(flickr.calls) == 8  # 4,000 photos, and no question about times of upload
    next(candidates)
    assert "min_upload_date" in flickr.calls[8]


def test_a_search_of_less_is_not_sliced(server: Server, reply: Callable[..., Any]) -> None:
    flickr = Flickr(server, reply, {number: 1_338_500_000 + number for number in range(1200)})
    assert len(list(flickr.named())) == 1200
    assert [call["page"] for call in flickr.calls] == ["1", "2", "3"]


def test_a_page_without_photos_is_the_last_one_whatever_the_total_says(scripted: Scripted) -> None:
    web = scripted(answered(total=3000))
    assert named(web) == []
    assert len(web.asked) == 1


def test_a_service_that_knows_of_no_dates_is_left_alone_soon(server: Server, reply: Callable[..., Any]) -> None:
    flickr = Flickr(server, reply, {number: 1_338_500_000 + number for number in range(5000)})
    flickr.knows_dates = False
    assert len(list(flickr.named())) == 4000
    assert len(flickr.calls) < 60


def test_more_photos_in_one_second_than_are_shown_are_an_end(server: Server, reply: Callable[..., Any]) -> None:
    flickr = Flickr(server, reply, dict.fromkeys(range(5000), 1_338_500_000))
    assert len(list(flickr.named())) == 4000
    assert len(flickr.calls) < 80  # 30 times two halves, and the pages of that second


# Through the command line.


def in_catalog(root: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(root / "catalog.sqlite")) as catalog:
        return catalog.execute(sql).fetchall()


def test_pictures_are_held_with_author_page_and_licence(
    negbuild: Callable[..., Any], server: Server, reply: Callable[..., Any], photo: Callable[..., bytes], tmp_path: Path
) -> None:
    flickr = Flickr(server, reply, dict.fromkeys(range(34), 1_338_500_000))
    for number in range(34):
        server.routes[f"/{number}.jpg"] = reply(photo(number))
    env = {**KEYS, "NEGBUILD_FLICKR_URL": server.url}
    crawl = ("crawl", "-s", "flickr", "-q", "flower", "--allow-private", "--json", "-n")
    done = negbuild(*crawl, 30, env=env)
    assert (done.code, done.json["unique"]) == (0, 30), done.err
    assert len(flickr.calls) == 1
    told = "source_id, title, author, author_url, page, license"
    rows = in_catalog(tmp_path, f"SELECT {told} FROM candidates WHERE sha256 IS NOT NULL")
    assert len(rows) == 30
    names = [f"CC-{name.upper()}".replace("CC-CC0", "CC0") for name in SPDX]
    names[0], names[7:9] = "All Rights Reserved", ["No known copyright restrictions", "United States Government Work"]
    for number, *rest in rows:
        page = f"https://www.flickr.com/photos/alias{number}/{number}"
        author = (f"Author {number}", "https://www.flickr.com/people/1@N00/")
        assert rest == [f"Photo {number}", *author, page, names[int(number) % 17]]


def test_a_key_that_is_refused_is_exit_4_in_one_line_and_never_shown_nor_kept(
    negbuild: Callable[..., Any], server: Server, reply: Callable[..., Any], photo: Callable[..., bytes], tmp_path: Path
) -> None:
    echo = f"Seen {KEY} and {SECRET}"

    def search(query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        if query["page"] == "1":
            photos = [photo_of(n, title=echo, ownername=echo, url_l=f"{server.url}/{n}.jpg?{KEY}") for n in range(3)]
            return reply(answered(*photos, total=600).text.encode())
        return reply(json.dumps({"stat": "fail", "code": 100, "message": f"Invalid API Key\n{echo}"}).encode())

    server.routes[REST] = search
    for number in range(3):
        server.routes[f"/{number}.jpg"] = reply(photo(number))
    crawl = ("crawl", "-s", "flickr", "-q", "flower", "-n", 9, "--allow-private", "--contact", "a@b.example")
    assert negbuild("init").code == 0  # so that there is no other news
    done = negbuild(*crawl, env={**KEYS, "NEGBUILD_FLICKR_URL": server.url, "HOME": str(tmp_path)})
    assert done.code == 4
    assert done.err.splitlines() == [
        "negbuild: flickr: the key is refused (100, Invalid API Key Seen *** and ***); "
        "look at FLICKR_API_KEY and FLICKR_API_SECRET; 3 of 9 pictures are held"
    ]
    assert in_catalog(tmp_path, "SELECT DISTINCT title FROM candidates") == [("Seen *** and ***",)]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 5  # the settings, the catalog, three pictures
    assert not (tmp_path / ".flickr").exists()  # where flickrapi keeps tokens unless told not to
    for kept in (*files, done.out.encode(), done.err.encode()):
        assert KEY.encode() not in kept
        assert SECRET.encode() not in kept


def test_a_signature_that_is_refused_is_exit_4_without_the_text_that_holds_the_key(
    negbuild: Callable[..., Any], server: Server, reply: Callable[..., Any]
) -> None:
    server.routes[REST] = reply(
        f"oauth_problem=signature_invalid&debug_sbs=POST&oauth_consumer_key={KEY}".encode(), 401
    )
    env = {**KEYS, "NEGBUILD_FLICKR_URL": server.url}
    assert negbuild("init").code == 0
    done = negbuild("crawl", "-s", "flickr", "-q", "x", "-n", 1, "--contact", "a@b.example", env=env)
    assert (done.code, done.err) == (
        4,
        "negbuild: flickr: the key is refused (98, signature_invalid); look at FLICKR_API_KEY and FLICKR_API_SECRET\n",
    )


# What it needs.


@pytest.mark.parametrize(
    ("unset", "said"),
    [
        (["FLICKR_API_KEY"], "set FLICKR_API_KEY; "),
        (["FLICKR_API_SECRET"], "set FLICKR_API_SECRET; "),
        (["FLICKR_API_KEY", "FLICKR_API_SECRET"], "set FLICKR_API_KEY and FLICKR_API_SECRET; "),
    ],
)
def test_what_must_be_set_is_said_by_name(
    unset: list[str], said: str, monkeypatch: pytest.MonkeyPatch, scripted: Scripted
) -> None:
    assert FLICKR.missing() == ""
    for variable in unset:
        monkeypatch.setenv(variable, "")
    problem = f"{said}keys are made at https://www.flickr.com/services/apps/create"
    assert FLICKR.missing() == problem
    with pytest.raises(SourceError, match=re.escape(f"flickr: {problem}")):
        named(scripted(answered()))


def test_a_crawl_without_a_key_is_exit_4_and_says_what_to_set(negbuild: Callable[..., Any]) -> None:
    done = negbuild("crawl", "-s", "flickr", "-q", "flower", "-n", 1, env={**KEYS, "FLICKR_API_SECRET": ""})
    assert (done.code, done.err.splitlines()[-1]) == (
        4,
        "negbuild: source flickr: set FLICKR_API_SECRET; keys are made at https://www.flickr.com/services/apps/create",
    )


def test_flickrapi_is_not_loaded_to_see_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    see = (
        "import sys; from negbuild.source import find_source; assert find_source('flickr').missing() == '';"
        "assert not {'flickrapi', 'requests'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", see], check=True)
    monkeypatch.setitem(sys.modules, "flickrapi", None)  # as where it is not installed
    assert FLICKR.missing() == 'needs flickrapi; run: pip install "negbuild[flickr]"'
