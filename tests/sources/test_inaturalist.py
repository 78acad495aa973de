"""iNaturalist: what it is asked, what observations become, and a crawl of a service that pages like it."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.errors import FormChanged, KeyRefused, NothingFound, QuotaExhausted, SourceError, Unreachable
from negbuild.model import Candidate, Search
from negbuild.source import Answer, find_source

Scripted = Callable[[Answer], Any]
Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
EVERY = "cc0,cc-by,cc-by-nc,cc-by-sa,cc-by-nd,cc-by-nc-sa,cc-by-nc-nd"


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


def observation(number: int, *photos: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"id": number, "photos": list(photos), "user": {"login": "ann"}, "species_guess": "Monarch", **fields}


def photograph(number: int, **fields: object) -> dict[str, Any]:
    return {"id": number, "license_code": "cc-by", "url": f"https://open.example/photos/{number}/square.jpg", **fields}


def answer(*observations: dict[str, Any], total: int | None = None) -> Answer:
    number = len(observations) if total is None else total
    return Answer(200, json.dumps({"total_results": number, "page": 1, "per_page": 200, "results": observations}))


def found(web: Any, **search: Any) -> list[Candidate]:  # noqa: ANN401
    given = {"text": "Danaus", "base_url": "https://api.example", **search}
    return list(find_source("inaturalist").search(Search(**given), web))


def asked(scripted: Scripted, **search: Any) -> dict[str, Any]:  # noqa: ANN401
    web = scripted(answer())
    assert found(web, **search) == []
    ((address, question, headers),) = web.asked
    assert (address, headers) == ("https://api.example/v1/observations", {})
    return dict(question)


def test_one_call_asks_for_everything(scripted: Scripted) -> None:
    assert asked(scripted) == {
        "taxon_name": "Danaus",
        "photos": "true",
        "photo_license": EVERY,
        "quality_grade": "research",
        "per_page": 200,
        "order_by": "id",
        "order": "desc",
    }


def test_options_change_what_is_asked(scripted: Scripted) -> None:
    question = asked(scripted, options={"by": "text", "quality": "any", "rights": "any"}, limit=5)
    assert question == {
        "q": "Danaus",
        "photos": "true",
        "quality_grade": "any",
        "per_page": 30,
        "order_by": "id",
        "order": "desc",
    }


@pytest.mark.parametrize(
    ("wish", "licenses"),
    [
        (("by",), "cc-by"),
        (("cc-by-4.0", "cc0-1.0", "pdm"), "cc0,cc-by"),
        (("commercial",), "cc0,cc-by,cc-by-sa,cc-by-nd"),
        (("commercial", "derivatives"), "cc0,cc-by,cc-by-sa"),
        (("by-nc", "by-nc-nd", "by-sa", "derivatives"), "cc-by-nc,cc-by-sa"),
    ],
)
def test_licences_wished_for_are_asked_for(wish: tuple[str, ...], licenses: str, scripted: Scripted) -> None:
    assert asked(scripted, licenses=wish)["photo_license"] == licenses
    assert asked(scripted, licenses=wish, options={"rights": "any"})["photo_license"] == licenses


def test_a_licence_that_nobody_there_gives_is_told_instead_of_searched_for(scripted: Scripted) -> None:
    web = scripted(answer())
    with pytest.raises(NothingFound) as caught:
        found(web, licenses=("pdm", "commercial"))
    assert str(caught.value) == (
        "inaturalist: has nothing under pdm, commercial; choose --license from cc0, by, by-nc, by-sa, by-nd, by-nc-sa, "
        "by-nc-nd"
    )
    assert web.asked == []


def test_the_recorded_answer_becomes_a_candidate(fixtures: Path, scripted: Scripted) -> None:
    web = scripted(Answer(200, (fixtures / "inaturalist" / "observations_v1.json").read_text(encoding="utf-8")))
    source = find_source("inaturalist")
    candidates = source.search(Search(text="Danaus plexippus", base_url="https://api.example"), web)
    assert next(candidates) == Candidate(
        source="inaturalist",
        source_id="92152429",
        url="https://static.inaturalist.org/photos/92152429/large.jpg?1598551272",
        page="https://www.inaturalist.org/observations/57754375",
        title="Monarch",
        author="samroom",
        author_url="https://www.inaturalist.org/people/samroom",
        license="CC-BY-NC-4.0",
        license_url="https://creativecommons.org/licenses/by-nc/4.0/",
        width=1024,
        height=1024,
    )
    # One of two, it says: so it is asked for what lies below, and when it repeats itself, that is told.
    with pytest.raises(FormChanged, match="its pages do not go on"):
        next(candidates)
    assert [question.get("id_below") for _, question, _ in web.asked] == [None, 57754375]


def test_the_recorded_answer_without_results_is_no_error(fixtures: Path, scripted: Scripted) -> None:
    web = scripted(Answer(200, (fixtures / "inaturalist" / "observations_none.json").read_text(encoding="utf-8")))
    assert found(web) == []


FORM = (
    "inaturalist: the answer has another form than expected ({}); look at NEGBUILD_INATURALIST_URL if you set it, else "
    "upgrade negbuild or try another --source"
)
NO_RESULTS, NO_PHOTOS = FORM.format("no results in it"), FORM.format("an observation without number or photographs")
KEY = "inaturalist: the key is refused (401, invalid_client); look at `negbuild sources`, or try another --source"


@pytest.mark.parametrize(
    ("file", "status", "kind", "message"),
    [("error_401.json", 401, KeyRefused, KEY), ("observations_v0.json", 200, FormChanged, NO_RESULTS)],
)
def test_recorded_answers_of_other_kinds_are_named(
    fixtures: Path, file: str, status: int, kind: type[SourceError], message: str, scripted: Scripted
) -> None:
    with pytest.raises(SourceError) as caught:
        found(scripted(Answer(status, (fixtures / "inaturalist" / file).read_text(encoding="utf-8"))))
    assert (type(caught.value), str(caught.value)) == (kind, message)


def test_an_observation_of_the_older_interface_is_told_among_newer_ones(fixtures: Path, scripted: Scripted) -> None:
    older = json.loads((fixtures / "inaturalist" / "observations_v0.json").read_text(encoding="utf-8"))
    with pytest.raises(FormChanged, match="an observation without number or photographs"):
        found(scripted(answer(*older)))


LATER = "run the same command later"


@pytest.mark.parametrize(
    ("status", "text", "kind", "message"),
    [
        (
            429,
            '{"error": "Too Many Requests", "status": 429}',
            QuotaExhausted,
            f"inaturalist: grants no more calls for now (429, Too Many Requests); {LATER}",
        ),
        (
            422,
            '{"error": "Unknown place", "status": 422}',
            SourceError,
            "inaturalist: does not understand the request (422, Unknown place); try another --query or --source",
        ),
        (500, '{"error": "Error"}', Unreachable, f"inaturalist: fails by itself (500, Error); {LATER}"),
        (200, '{"error": "Not now."}', FormChanged, FORM.format("Not now")),
        (200, '{"results": []}', FormChanged, NO_RESULTS),
        (200, '{"total_results": 1, "results": {}}', FormChanged, NO_RESULTS),
        (200, '{"total_results": 1, "results": [7]}', FormChanged, NO_PHOTOS),
        (200, answer({"id": "a", "photos": []}).text, FormChanged, NO_PHOTOS),
        (200, answer({"id": 1}).text, FormChanged, NO_PHOTOS),
        (200, answer(observation(1, {"id": 2, "license_code": "cc0"})).text, FormChanged, NO_PHOTOS),
    ],
)
def test_what_goes_wrong_is_named(
    status: int, text: str, kind: type[SourceError], message: str, scripted: Scripted
) -> None:
    with pytest.raises(SourceError) as caught:
        found(scripted(Answer(status, text)))
    assert (type(caught.value), str(caught.value)) == (kind, message)


SQUARE = "https://open.example/photos/5/square"


@pytest.mark.parametrize(
    ("size", "original", "url", "picture"),
    [
        ("large", (4000, 2000), f"{SQUARE}.jpg", (f"{SQUARE[:-6]}large.jpg", 1024, 512)),
        ("large", (300, 400), f"{SQUARE}.JPG?17", (f"{SQUARE[:-6]}large.JPG?17", 300, 400)),
        ("medium", (1000, 2000), f"{SQUARE}.png", (f"{SQUARE[:-6]}medium.png", 250, 500)),
        ("original", (2048, 1536), f"{SQUARE}?17", (f"{SQUARE[:-6]}original?17", 2048, 1536)),
        ("large", None, SQUARE, (f"{SQUARE[:-6]}large", None, None)),
        ("large", (0, 0), SQUARE, (f"{SQUARE[:-6]}large", None, None)),
        (
            "large",
            (640, 480),
            "https://farm.example/square.d/7_s.jpg",
            ("https://farm.example/square.d/7_s.jpg", None, None),
        ),
    ],
)
def test_a_photograph_is_taken_in_the_size_wished_for(
    size: str, original: tuple[int, int] | None, url: str, picture: tuple[str, int, int], scripted: Scripted
) -> None:
    dimensions = {"width": original[0], "height": original[1]} if original else None
    web = scripted(answer(observation(1, photograph(5, url=url, original_dimensions=dimensions))))
    (one,) = found(web, options={"size": size})
    assert (one.url, one.width, one.height) == picture


def test_large_is_taken_where_no_size_is_wished_for(scripted: Scripted) -> None:
    (one,) = found(scripted(answer(observation(1, photograph(5)))))
    assert one.url == f"{SQUARE[:-6]}large.jpg"


PHOTOS = (
    photograph(1, license_code=None),
    photograph(2, url=None),
    photograph(3, license_code="cc-by-nc"),
    photograph(4, url="https://www.example/assets/copyright-infringement-square.png"),
    photograph(5),
    photograph(6, license_code="pd"),
)


@pytest.mark.parametrize(
    ("options", "licenses", "numbers"),
    [
        ({}, (), ["3"]),
        ({"photos": "all"}, (), ["3", "5"]),
        ({"photos": "all"}, ("by",), ["5"]),
        ({}, ("by",), ["5"]),  # the observation has one, so it is found: but its first photograph is another's
        ({"rights": "any"}, (), ["1"]),
        ({"rights": "any", "photos": "all"}, (), ["1", "3", "5", "6"]),
        ({"rights": "any", "photos": "all"}, ("by-nc",), ["3"]),
    ],
)
def test_of_an_observation_the_photographs_wished_for_are_taken(
    options: dict[str, str], licenses: tuple[str, ...], numbers: list[str], scripted: Scripted
) -> None:
    candidates = found(scripted(answer(observation(9, *PHOTOS))), options=options, licenses=licenses)
    assert [one.source_id for one in candidates] == numbers
    assert {one.page for one in candidates} == {"https://www.inaturalist.org/observations/9"}  # hence one group


@pytest.mark.parametrize(
    ("code", "license_", "license_url"),
    [
        ("cc0", "CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("CC-BY-NC-ND", "CC-BY-NC-ND-4.0", "https://creativecommons.org/licenses/by-nc-nd/4.0/"),
        (None, "All Rights Reserved", "https://www.inaturalist.org/pages/terms"),
        ("gfdl", "GFDL", "https://www.inaturalist.org/pages/terms"),
    ],
)
def test_a_licence_becomes_its_spdx_identifier_or_stays_what_it_is(
    code: str | None, license_: str, license_url: str, scripted: Scripted
) -> None:
    web = scripted(answer(observation(1, photograph(5, license_code=code))))
    (one,) = found(web, options={"rights": "any"})
    assert (one.license, one.license_url) == (license_, license_url)


def test_fields_that_nobody_filled_stay_empty(scripted: Scripted) -> None:
    one, other = found(
        scripted(
            answer(
                observation(2, photograph(5), user=None, species_guess=None, taxon=None),
                observation(1, photograph(6, attribution="(c) Bo Å, some rights reserved (CC BY)"), user={"id": 1}),
            )
        )
    )
    assert (one.title, one.author, one.author_url) == ("", "", "")
    assert (other.author, other.author_url) == ("Bo Å", "")


class Naturalists:
    """A service of observations on the server: 5 at a time, those below a number, as their photographs are licensed."""

    def __init__(self, server: Server, reply: Callable[..., Any]) -> None:
        self.env = {"NEGBUILD_INATURALIST_URL": server.url}
        self.calls: list[dict[str, str]] = []
        self._server, self._reply = server, reply
        self._observations: list[dict[str, Any]] = []
        server.routes["/v1/observations"] = self._answer

    def add(self, *pictures: bytes, code: str | None = "cc-by") -> None:
        """Publish an observation with its photographs, of which only the large size is to be had."""
        number = 1000 + len(self._observations)
        photos = []
        for place, data in enumerate(pictures):
            name = f"/photos/{number}{place}"
            self._server.routes[f"{name}/large.jpg"] = self._reply(data)
            dimensions = {"width": 2048, "height": 1536}
            url = f"{self._server.url}{name}/square.jpg?{number}"
            photos.append(photograph(number * 10 + place, url=url, license_code=code, original_dimensions=dimensions))
        fields = {"uri": f"https://observations.example/{number}", "user": {"login": "ann", "name": "Ann Ø"}}
        self._observations.append(observation(number, *photos, **fields))

    def _answer(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401  a reply
        self.calls.append(query)
        if query["taxon_name"] != "Danaus":
            return self._reply(answer().text.encode())
        licenses = query["photo_license"].split(",")
        matching = [
            one
            for one in reversed(self._observations)
            if one["id"] < int(query.get("id_below", 10_000)) and one["photos"][0]["license_code"] in licenses
        ]
        return self._reply(answer(*matching[:5], total=len(matching)).text.encode())


@pytest.fixture
def naturalists(server: Server, reply: Callable[..., Any]) -> Naturalists:
    return Naturalists(server, reply)


COMMAND = ("crawl", "--source", "inaturalist", "--allow-private", "--query")


def catalogued(tmp_path: Path) -> list[tuple[Any, ...]]:
    """Read what is known of every candidate that brought a picture, from the catalog."""
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        return catalog.execute(
            "SELECT source_id, page, title, author, author_url, license, license_url, width, height FROM candidates "
            "WHERE reason IS NULL ORDER BY CAST(source_id AS INTEGER)"
        ).fetchall()


def test_all_observations_are_crawled_with_author_licence_and_page_of_every_picture(
    negbuild: Negbuild, naturalists: Naturalists, photo: Photo, tmp_path: Path
) -> None:
    for number in range(12):
        naturalists.add(photo(number), photo(100 + number), code=None if number == 7 else "cc-by-sa")
    done = negbuild(*COMMAND, "Danaus", "-n", 20, "--json", env=naturalists.env)
    assert (done.code, done.json["unique"], done.json["skips"]) == (3, 11, {})
    assert catalogued(tmp_path) == [
        (
            f"{number}0",
            f"https://observations.example/{number}",
            "Monarch",
            "Ann Ø",
            "https://www.inaturalist.org/people/ann",
            "CC-BY-SA-4.0",
            "https://creativecommons.org/licenses/by-sa/4.0/",
            1024,
            768,
        )
        for number in range(1000, 1012)
        if number != 1007
    ]
    assert [call.get("id_below") for call in naturalists.calls] == [None, "1006", "1001"]
    assert {call["photo_license"] for call in naturalists.calls} == {EVERY}


def test_all_photographs_of_an_observation_are_held_if_wished_for(
    negbuild: Negbuild, naturalists: Naturalists, photo: Photo, tmp_path: Path
) -> None:
    for number in range(3):
        naturalists.add(photo(number), photo(100 + number))
    done = negbuild(*COMMAND, "Danaus", "-n", 6, "--option", "photos=all", env=naturalists.env)
    assert done.code == 0, done.err
    pages = [row[1] for row in catalogued(tmp_path)]
    assert pages == [f"https://observations.example/{number}" for number in (1000, 1000, 1001, 1001, 1002, 1002)]


def test_a_name_that_nobody_gave_is_exit_3(negbuild: Negbuild, naturalists: Naturalists, photo: Photo) -> None:
    naturalists.add(photo(1))
    done = negbuild(*COMMAND, "Dnaus", "-n", 2, env=naturalists.env)
    assert (done.code, done.err.splitlines()[-1]) == (
        3,
        'negbuild: inaturalist "Dnaus": 0 of 2 pictures, there are no more; try another --query or --source',
    )


def test_a_licence_that_is_not_to_be_had_is_exit_4(negbuild: Negbuild, naturalists: Naturalists, photo: Photo) -> None:
    naturalists.add(photo(1))
    done = negbuild(*COMMAND, "Danaus", "-n", 2, "--license", "pdm", env=naturalists.env)
    assert (done.code, done.err.splitlines()[-1]) == (
        4,
        "negbuild: inaturalist: has nothing under pdm; choose --license from cc0, by, by-nc, by-sa, by-nd, by-nc-sa, "
        "by-nc-nd",
    )
    assert naturalists.calls == []


@pytest.mark.parametrize("setting", ["by=name", "photos=two", "quality=casual", "rights=none", "size=square"])
def test_an_option_with_another_value_is_refused_before_anything_is_asked(
    setting: str, negbuild: Negbuild, naturalists: Naturalists
) -> None:
    done = negbuild(*COMMAND, "Danaus", "-n", 1, "--option", setting, env=naturalists.env)
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith(f"negbuild: source inaturalist: {setting}: choose from ")
    assert naturalists.calls == []


@pytest.mark.parametrize(
    ("status", "text", "line"),
    [
        (401, '{"error": "invalid_client", "error_description": "Client authentication failed."}', KEY),
        (
            429,
            '{"error": "Too Many Requests", "status": 429}',
            f"inaturalist: grants no more calls for now (429, Too Many Requests); {LATER}",
        ),
        (
            403,
            "<h1>Normal throttling</h1>",
            "inaturalist: refuses to answer (403); try later, or another --source",
        ),
        (200, "<!DOCTYPE html><title>iNaturalist</title>", NO_RESULTS),
        (200, "[]", NO_RESULTS),
    ],
)
def test_a_refusal_is_exit_4_and_one_line(
    status: int, text: str, line: str, negbuild: Negbuild, server: Server, reply: Callable[..., Any]
) -> None:
    server.routes["/v1/observations"] = reply(text.encode(), status, {"Retry-After": "0"} if status == 429 else {})
    done = negbuild(*COMMAND, "Danaus", "-n", 1, env={"NEGBUILD_INATURALIST_URL": server.url})
    assert (done.code, done.err.splitlines()[-1]) == (4, f"negbuild: {line}")
    assert server.asked["/v1/observations"] == (5 if status == 429 else 1)


def test_it_is_asked_once_a_second_and_no_more_than_it_grants() -> None:
    from negbuild.hosts import KNOWN_PACES

    source, pace = find_source("inaturalist"), KNOWN_PACES["api.inaturalist.org"]
    assert (pace.connections, pace.interval) == (1, 1.0)
    assert [(one.calls, one.seconds) for one in source.allowances] == [(60, 60), (10_000, 86_400)]


def test_pictures_come_from_documented_hosts() -> None:
    hosts = ("inaturalist-open-data.s3.amazonaws.com", "static.inaturalist.org")
    assert find_source("inaturalist").documented == hosts
