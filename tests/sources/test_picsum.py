"""Picsum, whose whole list is drawn from by seed."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.errors import Blocked, FormChanged, QuotaExhausted, SourceError, Unreachable, UsageError
from negbuild.model import Candidate, Search
from negbuild.source import Answer, find_source

Scripted = Callable[[Answer], Any]
PICSUM = find_source("picsum")


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


def listed(*records: object) -> Answer:
    return Answer(200, json.dumps(records))


def record(number: int, **fields: object) -> dict[str, object]:
    page = f"https://unsplash.com/photos/{number}"
    return {"id": str(number), "width": 4000, "height": 3000, "author": f"Author {number}", "url": page, **fields}


def named(web: Any, **wishes: Any) -> list[Candidate]:  # noqa: ANN401
    return list(PICSUM.search(Search(base_url="http://example.invalid", **wishes), web))


def test_picsum_draws_by_seed_without_replacement(scripted: Scripted) -> None:
    answer = listed(*map(record, range(50)), record(7), record(8))

    def ids(seed: int) -> list[str]:
        return [one.source_id for one in named(scripted(answer), seed=seed)]

    assert ids(1) == ids(1) != ids(2)
    assert sorted(ids(1), key=int) == [str(number) for number in range(50)]


@pytest.mark.parametrize(
    ("options", "shown"), [({}, "1024/768"), ({"size": "256"}, "256/192"), ({"size": "4096"}, "4000/3000")]
)
def test_a_picture_is_as_large_as_asked_for_and_never_enlarged(
    options: dict[str, str], shown: str, scripted: Scripted
) -> None:
    found = named(scripted(listed(record(1))), options=options)
    assert [one.url for one in found] == [f"http://example.invalid/id/1/{shown}.jpg"]


def test_a_size_that_picsum_does_not_offer_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        PICSUM.check(Search(options={"size": "huge"}))
    assert str(refused.value) == "source picsum: size=huge: choose from 256, 512, 1024, 2048, 4096"


def test_odd_records_are_left_out(scripted: Scripted) -> None:
    odd = [
        record(1, id=None),
        record(2, width=0),
        record(3, height=None),
        record(4, width="wide"),
        record(5, width=10**30),
        record(6, width="400", height="300", author=None, url=None),
        record(7, id="../7", width=9000, height=1),
        {"id": "8"},
    ]
    found = {one.source_id: one for one in named(scripted(listed(*odd)))}
    assert sorted(found) == ["../7", "6"]
    assert found["6"].url == "http://example.invalid/id/6/400/300.jpg"
    assert found["6"].page == "http://example.invalid/id/6/info"
    assert (found["6"].author, found["6"].width, found["6"].height) == ("", 400, 300)
    assert found["../7"].url == "http://example.invalid/id/..%2F7/1024/1.jpg"  # one pixel is the least that there is


FORM = (
    "the answer has another form than expected ({}); look at NEGBUILD_PICSUM_URL if you set it, "
    "else upgrade negbuild or try another --source"
)


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (listed("0"), FormChanged, FORM.format("no results in it")),
        (listed(record(1), None), FormChanged, FORM.format("no results in it")),
        (Answer(200, '{"id": "0"}'), FormChanged, FORM.format("no results in it")),
        (Answer(200, "<!doctype html>"), FormChanged, FORM.format("no results in it")),
        (listed(), FormChanged, FORM.format("no pictures in the list")),
        (listed({"id": "1"}), FormChanged, FORM.format("no pictures in the list")),
        (Answer(403, "<html>"), Blocked, "refuses to answer (403); try later, or another --source"),
        (Answer(429, ""), QuotaExhausted, "grants no more calls for now (429); run the same command later"),
        (Answer(503, "busy"), Unreachable, "fails by itself (503); run the same command later"),
    ],
)
def test_what_is_no_list_is_a_named_error(
    answer: Answer, kind: type[SourceError], message: str, scripted: Scripted
) -> None:
    with pytest.raises(SourceError) as refused:
        named(scripted(answer))
    assert type(refused.value) is kind
    assert str(refused.value) == f"picsum: {message}"


def test_more_than_the_list_has_is_said_with_the_number_there_is(
    negbuild: Callable[..., Any], server: Server, reply: Callable[..., Any], photo: Callable[..., bytes], tmp_path: Path
) -> None:
    server.routes["/v2/list"] = reply(json.dumps([record(number) for number in range(12)]).encode())
    for number in range(12):
        server.routes[f"/id/{number}/512/384.jpg"] = reply(b"", 302, {"Location": f"/files/{number}.jpg?hmac=a"})
        server.routes[f"/files/{number}.jpg"] = reply(photo(number))
    crawl = ("crawl", "--source", "picsum", "-o", "size=512", "-n", 20, "--allow-private")
    done = negbuild(*crawl, env={"NEGBUILD_PICSUM_URL": server.url})
    assert done.code == 3
    assert done.err.splitlines()[-1].startswith("negbuild: picsum: 12 of 20 pictures, there are no more")
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        held = set(catalog.execute("SELECT source_id, author, page, license, license_url FROM candidates"))
    terms = ("Unsplash License", "https://unsplash.com/license")
    assert held == {(str(n), f"Author {n}", f"https://unsplash.com/photos/{n}", *terms) for n in range(12)}


def test_a_list_that_is_refused_is_exit_4_in_one_line(
    negbuild: Callable[..., Any], server: Server, reply: Callable[..., Any]
) -> None:
    server.routes["/v2/list"] = reply(b"<html>", 403)
    done = negbuild(
        "crawl", "-s", "picsum", "-n", 5, "--contact", "a@b.example", env={"NEGBUILD_PICSUM_URL": server.url}
    )
    assert (done.code, done.err.splitlines()[-1]) == (
        4,
        "negbuild: picsum: refuses to answer (403); try later, or another --source",
    )
