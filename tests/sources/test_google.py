"""Google's image search as it was recorded, and a server that pages as it does, crawled through the command line."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.errors import Blocked, FormChanged, NothingFound, QuotaExhausted, SourceError, Unreachable
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import Answer, find_source

Scripted = Callable[[Answer], Any]
Photo = Callable[..., bytes]
Negbuild = Callable[..., Any]

QUERY = "cat & dog+100%/ä"
KINDS = ("png", "webp", "jpeg", "")


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


class Google:
    """A server that shows its results in scripts; where `pages` is false, it shows the first page again and again."""

    def __init__(self, server: Server, reply: Callable[..., Any], photo: Photo) -> None:
        self._server, self._reply, self._photo = server, reply, photo
        self._records: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.page_size = 35
        self.pages = True
        self.instead: dict[int, Any] = {}  # answers to the pages that start there
        server.routes["/search"] = self._page

    @property
    def env(self) -> dict[str, str]:
        return {"NEGBUILD_GOOGLE_URL": self._server.url}

    def add(self, number: int) -> None:
        """Publish one picture, in turn as png, webp, jpeg, and at an address that does not say."""
        kind = KINDS[number % len(KINDS)]
        path = f"/files/{number}" + (f".{kind}" if kind else "")
        self._server.routes[path] = self._reply(self._photo(number, kind=kind.upper() or "JPEG"))
        pair = [f"{self._server.url}{path}?sig=a%2Fb&n={number}", 120, 160]
        page = {"2003": [None, "x", f"https://pages.example/{number}?a=1&b=2", f"Picture {number}"]}
        small = [f"https://encrypted-tbn0.gstatic.com/images?q=tbn:{number}", 60, 80]
        self._records.append(json.dumps([0, str(number), small, pair, None, 0, page], separators=(",", ":")))

    def _page(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        self.asked.append(query)
        start = int(query["start"])
        if start in self.instead:
            return self.instead[start]
        start = start if self.pages else 0
        shown = ",".join(self._records[start : start + self.page_size]).replace("&", "\\u0026").replace("=", "\\u003d")
        body = (
            f"<html><noscript>/httpservice/retry/enablejs</noscript><body><script>f([{shown}])</script></body></html>"
        )
        return self._reply(body.encode())


@pytest.fixture
def google(server: Server, reply: Callable[..., Any], photo: Photo) -> Google:
    return Google(server, reply, photo)


def ask(web: Any, **wish: Any) -> list[Candidate]:  # noqa: ANN401
    search = Search(**{"text": QUERY, "base_url": "http://google.example", **wish})
    return list(find_source("google").search(search, web))


def recorded(fixtures: Path, file: str) -> str:
    return (fixtures / "google" / file).read_text(encoding="utf-8", errors="replace")


def held(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "catalog.sqlite") as catalog:
        return catalog.execute(
            "SELECT url, page, title, license, candidates.width, format FROM candidates JOIN images USING (sha256) "
            "WHERE reason IS NULL"
        ).fetchall()


def test_the_recorded_answer_of_2016_is_read(fixtures: Path, scripted: Scripted) -> None:
    assert ask(scripted(Answer(200, recorded(fixtures, "images_async_2016.json")))) == [
        Candidate(
            source="google",
            source_id="https://upload.wikimedia.org/wikipedia/commons/e/e4/Us_south_census.png",
            url="https://upload.wikimedia.org/wikipedia/commons/e/e4/Us_south_census.png",
            page="https://en.wikipedia.org/wiki/Southern_United_States",
            title="Southern United States - Wikipedia, the free encyclopedia",
            width=566,
            height=365,
        ),
        Candidate(
            source="google",
            source_id="https://upload.wikimedia.org/wikipedia/commons/thumb/8/84/South_plate.svg/2000px-South_plate.svg.png",
            url="https://upload.wikimedia.org/wikipedia/commons/thumb/8/84/South_plate.svg/2000px-South_plate.svg.png",
            page="https://commons.wikimedia.org/wiki/File:South_plate.svg",
            title="File:South plate.svg - Wikimedia Commons",
            width=2000,
            height=1002,
        ),
    ]


def test_more_is_read_of_the_recorded_page_of_2017_than_icrawler_reads(fixtures: Path, scripted: Scripted) -> None:
    from icrawler.builtin.google import GoogleParser

    text = recorded(fixtures, "web_with_image_box.html")
    found = {one.url: one for one in ask(scripted(Answer(200, text)))}
    theirs = [one["file_url"] for one in GoogleParser(1, None, None).parse(type("R", (), {"content": text.encode()}))]
    assert len(theirs) == 8
    assert all(any(url.startswith(one) for url in found) for one in theirs)  # theirs are cut off after .png
    assert len(found) == 10
    assert all(one.page.startswith("http") and one.page != one.url and one.title for one in found.values())
    whole = "/e/e4/Douzaine_de_donuts.png/revision/latest?cb=20150905210407&path-prefix=fr"
    (donuts,) = (one for one in found.values() if one.url.endswith(whole))
    assert donuts.page == "http://fr.les-simpson-springfield.wikia.com/wiki/Donut"
    assert donuts.title == "Donut | Wiki Les Simpson : Springfield | Fandom powered by Wikia"
    assert (donuts.width, donuts.height, donuts.license) == (246, 178, UNKNOWN_LICENSE)


def refused(why: str) -> str:
    return f"google: lets no program in now ({why}); try later, or --source searxng or openverse"


CAPTCHA, CONSENT, SCRIPTS = map(
    refused, ("it asks for a captcha", "it asks for consent to cookies", "it asks for JavaScript")
)
CONSENT_PAGE = '<body><form action="https://consent.google.com/save" method="POST">Before you continue</form></body>'


@pytest.mark.parametrize(
    ("file", "status", "message"),
    [
        ("error_captcha.html", 429, CAPTCHA),
        ("error_captcha.html", 200, CAPTCHA),
        ("error_soft_block.html", 200, SCRIPTS),
    ],
)
def test_recorded_blocks_are_named(fixtures: Path, scripted: Scripted, file: str, status: int, message: str) -> None:
    with pytest.raises(Blocked) as caught:
        ask(scripted(Answer(status, recorded(fixtures, file))))
    assert str(caught.value) == message


NOTHING = (
    "google: shows no results, which is also how it hides a refusal; open "
    "http://google.example/search?tbm=isch&q=cat+%26+dog%2B100%25%2F%C3%A4 in a browser, or use --source searxng or "
    "openverse"
)


def changed(what: str) -> str:
    return (
        f"google: the answer has another form than expected ({what}); look at NEGBUILD_GOOGLE_URL if you set it, else "
        "upgrade negbuild or try another --source"
    )


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (Answer(200, "<body><div>did not match any image results</div></body>"), NothingFound, NOTHING),
        (Answer(200, '["rg_s",["dom","<div></div>"]]'), NothingFound, NOTHING),
        (Answer(200, CONSENT_PAGE), Blocked, CONSENT),
        (Answer(429, "", "http://google.example/sorry/index?continue=x"), Blocked, CAPTCHA),
        (Answer(429, ""), QuotaExhausted, "google: grants no more calls for now (429); run the same command later"),
        (Answer(403, ""), Blocked, "google: refuses to answer (403); try later, or another --source"),
        (Answer(500, ""), Unreachable, "google: fails by itself (500); run the same command later"),
        (Answer(200, '{"items": []}'), FormChanged, changed("no results in it")),
        (Answer(200, "[1, 2"), FormChanged, changed("no results in it")),
        (
            Answer(200, '<body><img src="https://encrypted-tbn0.gstatic.com/images?q=tbn:1"></body>'),
            FormChanged,
            changed("small pictures, and no addresses of their originals"),
        ),
    ],
)
def test_what_is_no_page_of_results_is_a_named_error(
    scripted: Scripted, answer: Answer, kind: type[SourceError], message: str
) -> None:
    with pytest.raises(kind) as caught:
        ask(scripted(answer))
    assert str(caught.value) == message


def test_it_asks_for_safe_results_unless_told_otherwise_and_with_every_choice_of_its_options(
    scripted: Scripted,
) -> None:
    web = scripted(Answer(200, '<a href="/imgres?imgurl=https://a.example/1&amp;imgrefurl=https://a.example/">'))
    ask(web)
    ask(web, safe=False, options={"size": ">2mp", "color": "red"})
    assert web.asked[0][0] == "http://google.example/search"
    assert web.asked[0][1] == {"q": QUERY, "ijn": "0", "start": "0", "tbm": "isch", "safe": "active"}
    assert (web.asked[1][1]["safe"], web.asked[1][1]["tbs"]) == ("off", "isz:lt,islt:2mp,ic:specific,isc:red")
    choices = [(option.name, choice) for option in find_source("google").options for choice in option.choices]
    assert len(choices) == 46
    for name, choice in choices:
        ask(web, options={name: choice})
        assert web.asked[-1][1].get("tbs", "") or choice == "anytime"


def test_sixty_pictures_of_all_kinds_are_held_with_their_pages(
    negbuild: Negbuild, google: Google, tmp_path: Path
) -> None:
    for number in range(70):
        google.add(number)
    command = ("crawl", "--source", "google", "-q", QUERY, "-n", 60, "--category", "pets", "--allow-private", "--json")
    done = negbuild(*command, env=google.env)
    assert (done.code, done.json["unique"], done.json["skips"]) == (0, 60, {}), done.err
    rows = held(tmp_path)
    numbers = {int(url.rpartition("=")[2]) for url, *_ in rows}
    assert len(numbers) == 60
    assert {(page, title, license_, width) for _, page, title, license_, width, _ in rows} == {
        (f"https://pages.example/{number}?a=1&b=2", f"Picture {number}", "unknown", 160) for number in numbers
    }
    assert {form for *_, form in rows} == {"PNG", "WEBP", "JPEG"}
    assert [(one["q"], one["start"]) for one in google.asked][:2] == [(QUERY, "0"), (QUERY, "35")]


@pytest.mark.parametrize(("pages", "held_in_the_end"), [(True, 38), (False, 35)])
def test_the_end_of_the_results_is_an_end_and_no_error_of_the_source(
    negbuild: Negbuild, google: Google, *, pages: bool, held_in_the_end: int
) -> None:
    for number in range(38):
        google.add(number)
    google.pages = pages
    done = negbuild("crawl", "--source", "google", "-q", "cat", "-n", 50, "--allow-private", env=google.env)
    assert done.code == 3
    beginning = f'negbuild: google "cat": {held_in_the_end} of 50 pictures, there are no more; '
    assert done.err.splitlines()[-1].startswith(beginning)
    assert [one["start"] for one in google.asked] == ["0", "35"]


def test_a_captcha_on_the_second_page_is_exit_4_and_loses_nothing(
    negbuild: Negbuild, google: Google, server: Server, reply: Callable[..., Any], tmp_path: Path
) -> None:
    for number in range(70):
        google.add(number)
    google.instead[35] = reply(b"", 302, {"Location": "/sorry/index?continue=x"})
    server.routes["/sorry/index"] = reply(b'<form id="captcha-form"></form>')
    done = negbuild("crawl", "--source", "google", "-q", "cat", "-n", 60, "--allow-private", env=google.env)
    assert done.code == 4
    assert done.err.splitlines()[-1] == f"negbuild: {CAPTCHA}; 35 of 60 pictures are held"
    assert len(held(tmp_path)) == 35
    assert len(google.asked) == 2


@pytest.mark.parametrize(
    ("body", "location", "message"),
    [
        (b"", "https://consent.google.com/ml?continue=https://www.google.com/search", CONSENT),
        (b"", "https://ipv4.google.example/sorry/index?q=x", CAPTCHA),
        (CONSENT_PAGE.encode(), "", CONSENT),
        (b"<body>/httpservice/retry/enablejs?sei=x</body>", "", SCRIPTS),
        (b"<body>nothing</body>", "", NOTHING),
    ],
)
def test_nothing_at_all_is_exit_4_and_never_a_success(
    negbuild: Negbuild,
    google: Google,
    server: Server,
    reply: Callable[..., Any],
    body: bytes,
    location: str,
    message: str,
) -> None:
    google.instead[0] = reply(body, 302, {"Location": location}) if location else reply(body)
    command = ("crawl", "--source", "google", "-q", QUERY, "-n", 5, "--category", "pets", "--allow-private")
    done = negbuild(*command, env=google.env)
    assert done.code == 4
    assert done.err.splitlines()[-1] == f"negbuild: {message.replace('http://google.example', server.url)}"


def test_a_service_that_moved_elsewhere_says_where(
    negbuild: Negbuild, google: Google, server: Server, reply: Callable[..., Any]
) -> None:
    google.instead[0] = reply(b"", 302, {"Location": "https://www.google.example/search?q=cat"})
    done = negbuild("crawl", "--source", "google", "-q", "cat", "-n", 5, "--allow-private", env=google.env)
    assert done.code == 4
    host = server.url.removeprefix("http://")
    assert f"{host}: has moved to www.google.example; set its address" in done.err.splitlines()[-1]
