"""Openverse as it answers callers without a key."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.errors import FormChanged, QuotaExhausted, SourceError, UsageError
from negbuild.ledger import Ledger
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.order import LICENSES
from negbuild.source import Allowance, Answer, find_source

Scripted = Callable[[Answer], Any]
OPENVERSE = find_source("openverse")


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


def answered(*records: object, pages: object = 1) -> Answer:
    return Answer(200, json.dumps({"page_count": pages, "results": records}))


def record(number: int = 1, **fields: object) -> dict[str, object]:
    return {"id": str(number), "url": f"http://a.example/{number}.jpg", **fields}


def named(web: Any, **wishes: Any) -> list[Candidate]:  # noqa: ANN401
    return list(OPENVERSE.search(Search(text="x", base_url="http://example.invalid", **wishes), web))


def test_openverse_grants_20_calls_a_minute_and_200_a_day() -> None:
    assert set(OPENVERSE.allowances) == {Allowance(20, 60), Allowance(200, 24 * 60 * 60)}


def test_openverse_asks_what_it_may_without_a_key(scripted: Scripted) -> None:
    web = scripted(answered(record(), pages=99))
    found = list(OPENVERSE.search(Search(text="q" * 500, base_url="http://example.invalid"), web))
    assert len(web.asked) == 12  # 12 pages of 20 are 240 results, and no more are shown
    assert web.asked[-1][1] == {"q": "q" * 200, "page": 12, "page_size": 20, "mature": "false", "filter_dead": "true"}
    assert len(found) == 1  # however often a page repeats it


@pytest.mark.parametrize(
    ("wish", "asked"),
    [
        ({"licenses": ("by", "cc-by-sa-4.0")}, {"license": "by,by-sa"}),
        ({"licenses": ("by-sa-2.0", "by-sa-4.0")}, {"license": "by-sa"}),  # versions cannot be asked for
        ({"licenses": ("cc-pdm-1.0", "cc0-1.0")}, {"license": "pdm,cc0"}),
        ({"licenses": ("commercial",)}, {"license_type": "commercial"}),
        ({"licenses": ("derivatives", "commercial")}, {"license_type": "modification,commercial"}),
        ({"licenses": ("by", "derivatives")}, {"license": "by", "license_type": "modification"}),
        ({"safe": False}, {"mature": "true"}),
        ({"options": {"category": "photograph"}}, {"category": "photograph"}),
        ({"options": {"source": "flickr, wikimedia"}}, {"source": "flickr,wikimedia"}),
        ({"options": {"size": "large", "aspect_ratio": "wide"}}, {"size": "large", "aspect_ratio": "wide"}),
    ],
)
def test_openverse_asks_for_what_is_wished(wish: dict[str, Any], asked: dict[str, str], scripted: Scripted) -> None:
    web = scripted(answered())
    assert named(web, **wish) == []
    usual = {"q": "x", "page": 1, "page_size": 20, "mature": "false", "filter_dead": "true"}
    assert web.asked[0][1] == {**usual, **asked}


def test_every_licence_of_negbuild_is_one_that_openverse_knows(scripted: Scripted) -> None:
    web = scripted(answered())
    named(web, licenses=LICENSES)
    known = {"by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd", "cc0", "pdm", "sampling+", "nc-sampling+"}
    assert set(web.asked[0][1]["license"].split(",")) <= known  # any other is refused with 400


@pytest.mark.parametrize(
    ("option", "fault"),
    [
        ({"category": "oil"}, "category=oil: choose from photograph, illustration, digitized_artwork"),
        ({"size": "1024"}, "size=1024: choose from small, medium, large"),
        ({"colour": "red"}, "no option colour; it has source, category, size, aspect_ratio"),
    ],
)
def test_an_option_that_openverse_does_not_have_is_refused(option: dict[str, str], fault: str) -> None:
    with pytest.raises(UsageError) as refused:
        OPENVERSE.check(Search(text="x", options=option))
    assert str(refused.value) == f"source openverse: {fault}"


def test_a_collection_that_openverse_does_not_know_is_said(scripted: Scripted) -> None:
    web = scripted(answered(record(1, source="rawpixel")))
    with pytest.raises(SourceError) as refused:
        named(web, options={"source": "flikr"})
    assert str(refused.value) == (
        "openverse: answers with pictures of rawpixel, not of flikr; "
        "the names of its collections are at https://api.openverse.org/v1/images/stats/"
    )
    both = scripted(answered(record(1, source="flickr"), record(2, source="wikimedia"), record(3)))
    assert len(named(both, options={"source": "Flickr,wikimedia"})) == 3


def test_odd_records_are_left_out_and_odd_fields_are_empty(scripted: Scripted) -> None:
    odd = [
        record(1, id=None),
        record(2, url=""),
        record(3, url=["http://a.example/3.jpg"]),
        record(4, url="ftp://a.example/4.jpg"),
        record(5, title={"a": 1}, creator=["b"], width="wide", height=-3, license=None),
        record(6, width="640", height=10**30, license="by"),
        record(7, id=77, license="by", license_version="2.0"),
    ]
    found = named(scripted(answered(*odd)))
    assert [one.source_id for one in found] == ["5", "6", "77"]
    assert (found[0].title, found[0].author, found[0].width, found[0].height) == ("", "", None, None)
    assert (found[0].license, found[0].license_url) == (UNKNOWN_LICENSE, "")
    assert (found[1].license, found[1].license_url) == ("by", "https://creativecommons.org/licenses/")
    assert (found[1].width, found[1].height) == (640, None)
    assert (found[2].license, found[2].license_url) == ("CC-BY-2.0", "https://creativecommons.org/licenses/by/2.0/")
    assert found[2].page == "https://openverse.org/image/77"  # where the record names no page


FORM = (
    "openverse: the answer has another form than expected ({}); look at NEGBUILD_OPENVERSE_URL if you set it, "
    "else upgrade negbuild or try another --source"
)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (answered("not a record"), "no results in it"),
        (answered(record(), None), "no results in it"),
        (Answer(200, '{"page_count": 1, "results": {"a": 1}}'), "no results in it"),
        (Answer(200, '{"page_count": 1}'), "no results in it"),
        (Answer(200, "[]"), "no results in it"),
        (answered(record(), pages=None), "no page_count in it"),
        (answered(record(), pages="3"), "no page_count in it"),
        (answered(record(1, url=None), {}), "no picture with an address in it"),
    ],
)
def test_an_answer_of_another_form_is_said(answer: Answer, seen: str, scripted: Scripted) -> None:
    with pytest.raises(FormChanged) as refused:
        named(scripted(answer))
    assert str(refused.value) == FORM.format(seen)


RECORDED = {
    "doc_search_200.json": ("4bc43a04-ef46-4544-a0c1-63c63f56e276", "CC0-1.0", "Tim Sullivan"),
    "search_page3_first_result.json": ("046ef304-98ad-4ca7-864b-6a4a09320e8d", "CC-BY-2.0", "Acabashi"),
}


@pytest.mark.parametrize("file", RECORDED)
def test_recorded_answers_of_openverse_become_candidates(fixtures: Path, file: str, scripted: Scripted) -> None:
    web = scripted(Answer(200, (fixtures / "openverse" / file).read_text(encoding="utf-8")))
    found = next(OPENVERSE.search(Search(text="x", base_url="http://example.invalid"), web))
    assert (found.source_id, found.license, found.author) == RECORDED[file]


def test_the_whole_recorded_page_of_the_predecessor_reads_too(fixtures: Path, scripted: Scripted) -> None:
    text = (fixtures / "openverse" / "cc_search_2019.json").read_text(encoding="utf-8")
    results = len(json.loads(text)["results"])
    candidates = OPENVERSE.search(Search(text="x", base_url="http://example.invalid"), scripted(Answer(200, text)))
    found = [next(candidates) for _ in range(results)]
    assert all(one.page.startswith("https://www.flickr.com/") for one in found)
    assert {one.license for one in found} <= {"CC-BY-2.0", "CC-BY-SA-2.0", "CC-BY-NC-2.0", "CC-BY-NC-ND-2.0"}


def test_no_results_are_no_error(fixtures: Path, scripted: Scripted) -> None:
    web = scripted(Answer(200, (fixtures / "openverse" / "search_no_results.json").read_text(encoding="utf-8")))
    assert list(OPENVERSE.search(Search(text="x", base_url="http://example.invalid"), web)) == []


@pytest.mark.parametrize(
    ("file", "status", "kind", "message"),
    [
        (
            "error_429.json",
            429,
            QuotaExhausted,
            "grants no more calls for now (429, Request was throttled. Expected available in 3600 seconds); "
            "run the same command later",
        ),
        (
            "doc_error_400.json",
            400,
            SourceError,
            "does not understand the request (400, Invalid input given for fields. 'license' -> License 'PDMNBCG' "
            "does not exist); try another --query or --source",
        ),
        (
            "doc_error_404.json",
            404,
            SourceError,
            "does not understand the request (404, Not found); try another --query or --source",
        ),
    ],
)
def test_recorded_errors_of_openverse_are_named(
    fixtures: Path, file: str, status: int, kind: type[SourceError], message: str, scripted: Scripted
) -> None:
    web = scripted(Answer(status, (fixtures / "openverse" / file).read_text(encoding="utf-8")))
    with pytest.raises(SourceError) as refused:
        named(web)
    assert type(refused.value) is kind
    assert str(refused.value) == f"openverse: {message}"


def test_a_reason_of_several_lines_is_told_in_one(scripted: Scripted) -> None:
    with pytest.raises(SourceError) as refused:
        named(scripted(Answer(400, json.dumps({"detail": "one\n\ntwo\r\n" + "three " * 50}))))
    assert "(400, one two three" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 250


def test_a_crawl_of_wished_licences_asks_for_them_and_holds_no_others(
    negbuild: Callable[..., Any], server: Server, reply: Callable[..., Any], photo: Callable[..., bytes], tmp_path: Path
) -> None:
    questions: list[dict[str, str]] = []

    def search(query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        questions.append(query)
        records = []
        for number in range(20 * int(query["page"]), 20 * int(query["page"]) + 20):
            server.routes[f"/{number}.jpg"] = reply(photo(number))
            license_ = "by-nc" if number % 5 == 0 else "by"  # the service is not obeyed blindly
            fields = {"creator": f"Author {number}", "license": license_, "license_version": "4.0"}
            place = {"url": f"{server.url}/{number}.jpg", "foreign_landing_url": f"https://photos.example/{number}"}
            records.append({"id": str(number), **place, **fields})
        return reply(json.dumps({"page_count": 2, "results": records}).encode())

    server.routes["/v1/images/"] = search
    wish = ("--license", "commercial,by", "-o", "category=photograph", "-o", "source=flickr")
    crawl = ("crawl", "-s", "openverse", "-q", "flower", "-n", 30, "--allow-private", "--json")
    done = negbuild(*crawl, *wish, env={"NEGBUILD_OPENVERSE_URL": server.url})
    assert (done.code, done.json["unique"]) == (0, 30), done.err
    assert questions == [
        {
            "q": "flower",
            "page": page,
            "page_size": "20",
            "mature": "false",
            "filter_dead": "true",
            "license": "by",
            "license_type": "commercial",
            "category": "photograph",
            "source": "flickr",
        }
        for page in ("1", "2")
    ]
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        rows = catalog.execute("SELECT source_id, author, page, license FROM candidates WHERE sha256 IS NOT NULL")
        held = {number: rest for number, *rest in rows}
    assert len(held) == 30
    for number, told in held.items():
        assert told == [f"Author {number}", f"https://photos.example/{number}", "CC-BY-4.0"]


ASK = """
import sys
from dataclasses import replace
from pathlib import Path
from negbuild import Order, Role, Search, Workspace, crawl, find_source
from negbuild.manners import Manners

service = replace(find_source("openverse"), base_url=sys.argv[1])  # what it grants stays what it is
order = Order(Search("flower", limit=100), "flower", Role.UNKNOWN)
result = crawl(Workspace(Path(sys.argv[2])), service, order, manners=Manners(allow_private=True))
print(result.unique, result.refusal)
"""


def test_the_calls_of_a_day_are_counted_beyond_a_restart(
    tmp_path: Path,
    server: Server,
    reply: Callable[..., Any],
    photo: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def page(query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        server.routes[f"/{query['page']}.jpg"] = reply(photo(int(query["page"])))
        record = {"id": query["page"], "url": f"{server.url}/{query['page']}.jpg"}
        return reply(json.dumps({"page_count": 12, "results": [record]}).encode())

    server.routes["/v1/images/"] = page
    environment = {**os.environ, "NEGBUILD_LEDGER": str(tmp_path / "calls.sqlite")}
    environment.pop("NEGBUILD_OPENVERSE_URL", None)

    def ask(workspace: str) -> str:
        command = [sys.executable, "-c", ASK, server.url, str(tmp_path / workspace)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    host = server.url.removeprefix("http://")
    monkeypatch.setenv("NEGBUILD_LEDGER", environment["NEGBUILD_LEDGER"])
    Ledger().close()
    with closing(sqlite3.connect(tmp_path / "calls.sqlite")) as ledger, ledger:
        ledger.executemany("INSERT INTO calls VALUES (?, ?)", [(host, time.time() - 3600)] * 198)
    used_up = (
        f"openverse: {host}: grants 20 calls in 60 seconds and 200 calls in 24 hours, and they are used up; "
        "run the same command in 23 hours\n"
    )
    assert ask("one") == f"2 {used_up}"
    assert ask("one") == f"2 {used_up}"
    assert ask("two") == f"0 {used_up}"
    assert server.asked["/v1/images/"] == 2
