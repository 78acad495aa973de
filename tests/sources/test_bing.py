"""Bing's image search as it was recorded, and a server that pages as it does, crawled through the command line."""

import html
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pytest

from negbuild.errors import Blocked, FormChanged, NothingFound, QuotaExhausted, SourceError, Unreachable
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import Answer, find_source

Scripted = Callable[[Answer], Any]
Photo = Callable[..., bytes]
Negbuild = Callable[..., Any]
Record = dict[str, str]

QUERY = "cat & dog+100%/ä"
KINDS = ("png", "webp", "jpeg", "")


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


class Bing:
    """A server that shows 35 results a page, each with its landing page, and says where the next page begins."""

    def __init__(self, server: Server, reply: Callable[..., Any], photo: Photo) -> None:
        self._server, self._reply, self._photo = server, reply, photo
        self.records: list[Record] = []
        self.asked: list[dict[str, str]] = []
        self.instead: dict[int, Any] = {}  # answers to the pages that begin with this result
        self.says_where_to_go_on = True
        server.routes["/images/async"] = self._page

    @property
    def env(self) -> dict[str, str]:
        return {"NEGBUILD_BING_URL": self._server.url}

    def add(self, number: int) -> None:
        """Publish one picture, in turn as png, webp, jpeg, and at an address that does not say."""
        kind = KINDS[number % len(KINDS)]
        path = f"/files/{number}" + (f".{kind}" if kind else "")
        self._server.routes[path] = self._reply(self._photo(number, kind=kind.upper() or "JPEG"))
        url = f"{self._server.url}{path}?sig=a%2Fb&n={number}"
        self.records.append(
            {"purl": f"https://pages.example/{number}?a=1&b=2", "murl": url, "md5": "", "t": f'Picture "{number}"'}
        )

    def _page(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        self.asked.append(query)
        first = int(query["first"])
        if first in self.instead:
            return self.instead[first]
        shown = self.records[first - 1 :][: int(query["count"])]
        more = first - 1 + len(shown) < len(self.records)
        where = f"/images/async?q={quote(query['q'])}&amp;first={first + len(shown)}&amp;count=35" if more else ""
        return self._reply(page_of(shown, where if self.says_where_to_go_on else None).encode())


def page_of(records: list[Record], where: str | None = None) -> str:
    links = (
        f'<li><a class="iusc" m="{html.escape(json.dumps(one))}" href="/images/search?view=detailV2&amp;exph=120&amp;'
        'expw=160"></a></li>'
        for one in records
    )
    attribute = "" if where is None else f' data-nextUrl="{where}"'
    return f'<div class="dgControl"{attribute}><ul class="dgControl_list">{"".join(links)}</ul></div>'


@pytest.fixture
def bing(server: Server, reply: Callable[..., Any], photo: Photo) -> Bing:
    return Bing(server, reply, photo)


def ask(web: Any, **wish: Any) -> list[Candidate]:  # noqa: ANN401
    search = Search(**{"text": QUERY, "base_url": "http://bing.example", **wish})
    return list(find_source("bing").search(search, web))


def held(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "catalog.sqlite") as catalog:
        return catalog.execute(
            "SELECT url, page, title, license, candidates.width, format FROM candidates JOIN images USING (sha256) "
            "WHERE reason IS NULL"
        ).fetchall()


def test_all_47_results_of_a_recorded_page_are_read(fixtures: Path, scripted: Scripted) -> None:
    text = (fixtures / "bing" / "images_search.html").read_text(encoding="utf-8")
    said = [json.loads(html.unescape(one)) for one in re.findall(r'class="iusc"[^>]*? m="([^"]*)"', text)]
    assert len(said) == 47
    web = scripted(Answer(200, text))
    found = {one.url: one for one in ask(web)}
    assert found.keys() == {one["murl"] for one in said}
    assert [params["first"] for _, params, _ in web.asked] == [1, 36]  # a page that was there before is the last one
    assert sum(not re.search(r"\.jpe?g$", url) for url in found) == 18
    assert all(one.page.startswith("https://") and one.license == UNKNOWN_LICENSE for one in found.values())
    assert next(iter(found.values())) == Candidate(
        source="bing",
        source_id="https://vectorseek.com/wp-content/uploads/2023/03/Golang-Gopher-Logo-Vector.jpg",
        url="https://vectorseek.com/wp-content/uploads/2023/03/Golang-Gopher-Logo-Vector.jpg",
        page="https://vectorseek.com/vector_logo/golang-gopher-logo-vector/",
        title="Golang Gopher Logo PNG (Transparent) SVG AI \u2013 Free Download",
        width=1000,
        height=1000,
    )


def test_a_recorded_result_without_an_extension_is_read(fixtures: Path, scripted: Scripted) -> None:
    text = (fixtures / "bing" / "async_one_result.html").read_text(encoding="utf-8")
    (found,) = ask(scripted(Answer(200, text)))
    assert found.url == "https://pic.wenwen.soso.com/pqpic/wenwenpic/0/20200905072601-1377158880_png_3442_2972_201696/0"
    assert (found.page, found.width, found.height) == ("https://wenwen.sogou.com/z/q825286701.htm", 3442, 2972)
    assert found.title == "用wps怎么画这样的折线图"


NOTHING = (
    "bing: shows no results, which is also how it hides a refusal; open "
    "http://bing.example/images/search?q=cat+%26+dog%2B100%25%2F%C3%A4 in a browser, or use --source searxng or "
    "openverse"
)
CAPTCHA = "bing: lets no program in now (it asks for a captcha); try later, or --source searxng or openverse"
CHALLENGE = "<html><body><h1>One last step</h1>Please solve the challenge below to continue</body></html>"


def test_a_recorded_page_without_results_is_an_error(fixtures: Path, scripted: Scripted) -> None:
    text = (fixtures / "bing" / "web_no_results.html").read_text(encoding="utf-8")
    with pytest.raises(NothingFound) as caught:
        ask(scripted(Answer(200, text)))
    assert str(caught.value) == NOTHING


CHANGED = (
    "bing: the answer has another form than expected (no results that can be read); look at NEGBUILD_BING_URL if you "
    "set it, else upgrade negbuild or try another --source"
)


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (Answer(200, ""), NothingFound, NOTHING),
        (Answer(200, CHALLENGE), Blocked, CAPTCHA),
        (Answer(403, CHALLENGE), Blocked, CAPTCHA),
        (Answer(403, ""), Blocked, "bing: refuses to answer (403); try later, or another --source"),
        (Answer(429, ""), QuotaExhausted, "bing: grants no more calls for now (429); run the same command later"),
        (Answer(503, ""), Unreachable, "bing: fails by itself (503); run the same command later"),
        (Answer(200, '{"value": []}'), FormChanged, CHANGED),
        (Answer(200, '<div><a class="iusc" data-m="{}"></a></div>'), FormChanged, CHANGED),
        (Answer(200, '<div><a class="iusc" m="[1]"></a></div>'), FormChanged, CHANGED),
    ],
)
def test_what_is_no_page_of_results_is_a_named_error(
    scripted: Scripted, answer: Answer, kind: type[SourceError], message: str
) -> None:
    with pytest.raises(kind) as caught:
        ask(scripted(answer))
    assert str(caught.value) == message


def test_a_result_that_speaks_of_captchas_is_a_result(scripted: Scripted) -> None:
    record = {"murl": "https://a.example/captcha.png", "t": "Solve the challenge: captcha"}
    assert [one.url for one in ask(scripted(Answer(200, page_of([record]))))] == ["https://a.example/captcha.png"]


def test_it_asks_for_safe_results_unless_told_otherwise_and_with_every_choice_of_its_options(
    scripted: Scripted,
) -> None:
    web = scripted(Answer(200, page_of([{"murl": "https://a.example/1"}], "")))
    ask(web)
    ask(web, safe=False, options={"size": "large", "color": "red"})
    assert web.asked[0][0] == "http://bing.example/images/async"
    assert web.asked[0][1] == {"q": QUERY, "count": 35, "async": 1, "first": 1, "adlt": "strict"}
    assert (web.asked[1][1]["adlt"], web.asked[1][1]["qft"]) == (
        "off",
        "+filterui:imagesize-large+filterui:color2-FGcls_RED",
    )
    choices = [(option.name, choice) for option in find_source("bing").options for choice in option.choices]
    assert len(choices) == 38
    for name, choice in choices:
        ask(web, options={name: choice})
        assert web.asked[-1][1]["qft"].startswith("+filterui:")


def test_sixty_pictures_of_all_kinds_are_held_with_their_pages(negbuild: Negbuild, bing: Bing, tmp_path: Path) -> None:
    for number in range(70):
        bing.add(number)
    done = negbuild(
        "crawl",
        "--source",
        "bing",
        "-q",
        QUERY,
        "-n",
        60,
        "--category",
        "pets",
        "--allow-private",
        "--json",
        env=bing.env,
    )
    assert (done.code, done.json["unique"], done.json["skips"]) == (0, 60, {}), done.err
    rows = held(tmp_path)
    assert {(page, title, license_, width) for _, page, title, license_, width, _ in rows} <= {
        (one["purl"], one["t"], "unknown", 160) for one in bing.records
    }
    assert {url for url, *_ in rows} <= {one["murl"] for one in bing.records}
    assert {form for *_, form in rows} == {"PNG", "WEBP", "JPEG"}
    assert len({page for _, page, *_ in rows}) == 60
    assert [(one["q"], one["first"]) for one in bing.asked][:2] == [(QUERY, "1"), (QUERY, "36")]


@pytest.mark.parametrize("says", [True, False])
def test_the_end_of_the_results_is_an_end_and_no_error_of_the_source(
    negbuild: Negbuild, bing: Bing, *, says: bool
) -> None:
    for number in range(38):
        bing.add(number)
    bing.says_where_to_go_on = says
    done = negbuild("crawl", "--source", "bing", "-q", "cat", "-n", 50, "--allow-private", env=bing.env)
    assert done.code == 3
    assert done.err.splitlines()[-1].startswith('negbuild: bing "cat": 38 of 50 pictures, there are no more; ')
    assert [one["first"] for one in bing.asked] == (["1", "36"] if says else ["1", "36", "71"])


def test_a_block_on_the_second_page_is_exit_4_and_loses_nothing(
    negbuild: Negbuild, bing: Bing, reply: Callable[..., Any], tmp_path: Path
) -> None:
    for number in range(70):
        bing.add(number)
    bing.instead[36] = reply(CHALLENGE.encode())
    done = negbuild("crawl", "--source", "bing", "-q", "cat", "-n", 60, "--allow-private", env=bing.env)
    assert done.code == 4
    assert done.err.splitlines()[-1] == f"negbuild: {CAPTCHA}; 35 of 60 pictures are held"
    assert len(held(tmp_path)) == 35
    assert len(bing.asked) == 2


@pytest.mark.parametrize(("page", "message"), [(page_of([], ""), NOTHING), (CHALLENGE, CAPTCHA)])
def test_nothing_at_all_is_exit_4_and_never_a_success(
    negbuild: Negbuild, bing: Bing, server: Server, reply: Callable[..., Any], page: str, message: str
) -> None:
    bing.instead[1] = reply(page.encode())
    done = negbuild(
        "crawl", "--source", "bing", "-q", QUERY, "-n", 5, "--category", "pets", "--allow-private", env=bing.env
    )
    assert done.code == 4
    assert done.err.splitlines()[-1] == f"negbuild: {message.replace('http://bing.example', server.url)}"
