"""Baidu's image search as it was recorded, and a server that pages as it does, crawled through the command line."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import pytest

from negbuild.errors import Blocked, FormChanged, NothingFound, QuotaExhausted, SourceError, Unreachable
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import Answer, find_source

Scripted = Callable[[Answer], Any]
Photo = Callable[..., bytes]
Negbuild = Callable[..., Any]

QUERY = "猫 & 狗+100%/ä"
KINDS = ("png", "webp", "jpeg", "")
FORBIDDEN = json.dumps({"antiFlag": 1, "message": "Forbid spider access", "bfe_log_id": "1"})


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


class Baidu:
    """A server that answers nobody without the cookie of its front page; the pictures lie elsewhere."""

    def __init__(self, files: Server, reply: Callable[..., Any], photo: Photo) -> None:
        self._files, self._reply, self._photo = files, reply, photo
        self._records: list[dict[str, object]] = []
        self.asked: list[str] = []
        self.instead: dict[str, str] = {}  # answers to the pages that start there: JSON, HTML, or an address
        self.says_how_many = True
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def env(self) -> dict[str, str]:
        return {"NEGBUILD_BAIDU_URL": self.url}

    def add(self, number: int) -> None:
        """Publish one picture, in turn as png, webp, jpeg, and at an address that does not say."""
        kind = KINDS[number % len(KINDS)]
        path = f"/files/{number}" + (f".{kind}" if kind else "")
        self._files.routes[path] = self._reply(self._photo(number, kind=kind.upper() or "JPEG"))
        self._records.append(
            {
                "objURL": f"{self._files.url}{path}?sig=a%2Fb&n={number}",
                "fromURL": f"https://pages.example/{number}",
                "fromPageTitle": f"<strong>Picture</strong> {number}",
                "width": 160,
                "height": 120,
            }
        )

    def _answer(self, start: str, cookie: str) -> str:
        if "BAIDUID=known" not in cookie:
            return FORBIDDEN
        if start in self.instead:
            return self.instead[start]
        shown = self._records[int(start) : int(start) + 30]
        listed = {"listNum": len(self._records)} if self.says_how_many else {}
        return json.dumps({**listed, "data": [*shown, {}]})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        baidu = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                baidu.asked.append(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                text = "<html></html>"
                if parts.path == "/search/acjson":
                    text = baidu._answer(query["pn"], self.headers.get("Cookie", ""))
                self.send_response(302 if text.startswith("https://") else 200)
                if text.startswith("https://"):
                    self.send_header("Location", text)
                if parts.path == "/":
                    self.send_header("Set-Cookie", "BAIDUID=known; Path=/")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base class's name
                """Say nothing."""

        return Handler


@pytest.fixture
def baidu(server: Server, reply: Callable[..., Any], photo: Photo) -> Iterator[Baidu]:
    running = Baidu(server, reply, photo)
    yield running
    running.close()


def ask(web: Any, **wish: Any) -> list[Candidate]:  # noqa: ANN401
    search = Search(**{"text": QUERY, "base_url": "http://baidu.example", **wish})
    return list(find_source("baidu").search(search, web))


def recorded(fixtures: Path, file: str) -> str:
    return (fixtures / "baidu" / file).read_text(encoding="utf-8")


def held(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "catalog.sqlite") as catalog:
        return catalog.execute(
            "SELECT url, page, title, license, candidates.width, format FROM candidates JOIN images USING (sha256) "
            "WHERE reason IS NULL"
        ).fetchall()


def test_the_recorded_page_is_read_whole_and_its_addresses_deciphered(fixtures: Path, scripted: Scripted) -> None:
    web = scripted(Answer(200, recorded(fixtures, "acjson_page.json")))
    found = ask(web)
    assert len(found) == 30
    assert [params.get("pn") for _, params, _ in web.asked] == [None, 0, 30]  # a page that was there before is the last
    assert found[0] == Candidate(
        source="baidu",
        source_id=(
            "http://c.hiphotos.baidu.com/baike/s%3D220/sign=480e73a4f1d3572c62e29bdeba126352/"
            "2934349b033b5bb58b3504b335d3d539b700bc98.jpg"
        ),
        url=(
            "http://c.hiphotos.baidu.com/baike/s%3D220/sign=480e73a4f1d3572c62e29bdeba126352/"
            "2934349b033b5bb58b3504b335d3d539b700bc98.jpg"
        ),
        page="http://baike.baidu.com/subview/104539/12107092.htm?fr=aladdin",
        title="丰臣秀吉",
        width=220,
        height=177,
    )
    # What is not encrypted is written in lower case throughout, so that it may lead nowhere.
    assert found[3].url.endswith("/e7b5af2aee6c4eed00495c1484058364da03a4392d48d-H3xwgh_fw236")
    assert not any("bdimg.com" in one.url or "<" in one.title for one in found)  # none is Baidu's small copy
    assert all(one.page.startswith("http") and one.page != one.url for one in found)
    assert {one.license for one in found} == {UNKNOWN_LICENSE}


def test_the_empty_record_at_the_end_of_a_recorded_answer_is_no_result(fixtures: Path, scripted: Scripted) -> None:
    (found,) = ask(scripted(Answer(200, recorded(fixtures, "acjson_rn1.json"))))
    assert found.url == ("http://5b0988e595225.cdn.sohucs.com/images/20180127/fcdbe837f93e40e9aa4eebaf2aa10ecd.jpeg")
    assert found.page == "http://mt.sohu.com/business/d20180127/219361004_753232.shtml"
    assert (found.title, found.width, found.height) == ("图14 员工离职率对比折线图", 998, 554)


def refused(why: str) -> str:
    return f"baidu: lets no program in now ({why}); try later, or --source searxng or openverse"


CAPTCHA, SPIDER = refused("it asks for a captcha"), refused("it says Forbid spider access")


@pytest.mark.parametrize(("file", "message"), [("error_antispider.json", SPIDER), ("error_captcha.html", CAPTCHA)])
def test_recorded_blocks_are_named(fixtures: Path, scripted: Scripted, file: str, message: str) -> None:
    with pytest.raises(Blocked) as caught:
        ask(scripted(Answer(200, recorded(fixtures, file))))
    assert str(caught.value) == message


NOTHING = (
    "baidu: shows no results, which is also how it hides a refusal; open "
    "http://baidu.example/search/index?tn=baiduimage&word=%E7%8C%AB+%26+%E7%8B%97%2B100%25%2F%C3%A4 in a browser, or "
    "use --source searxng or openverse"
)


def changed(what: str) -> str:
    return (
        f"baidu: the answer has another form than expected ({what}); look at NEGBUILD_BAIDU_URL if you set it, else "
        "upgrade negbuild or try another --source"
    )


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (Answer(200, '{"data": [{}]}'), NothingFound, NOTHING),
        (Answer(200, '{"data": []}'), NothingFound, NOTHING),
        (Answer(429, ""), QuotaExhausted, "baidu: grants no more calls for now (429); run the same command later"),
        (Answer(403, ""), Blocked, "baidu: refuses to answer (403); try later, or another --source"),
        (Answer(500, ""), Unreachable, "baidu: fails by itself (500); run the same command later"),
        (Answer(200, '{"data": {}}'), FormChanged, changed("no results in it")),
        (Answer(200, "[]"), FormChanged, changed("no results in it")),
        (Answer(200, "<html>"), FormChanged, changed("no results in it")),
        (Answer(200, '{"data": [{"objURL": "ippr_z2"}, {}]}'), FormChanged, changed("results without addresses")),
    ],
)
def test_what_is_no_page_of_results_is_a_named_error(
    scripted: Scripted, answer: Answer, kind: type[SourceError], message: str
) -> None:
    with pytest.raises(kind) as caught:
        ask(scripted(answer))
    assert str(caught.value) == message


def test_nothing_is_asked_for_without_the_cookie_of_the_front_page(scripted: Scripted) -> None:
    web = scripted(Answer(403, ""))
    with pytest.raises(Blocked):
        ask(web)
    assert [url for url, _, _ in web.asked] == ["http://baidu.example/"]


def test_it_asks_with_every_choice_of_its_options(scripted: Scripted) -> None:
    web = scripted(Answer(200, '{"listNum": 1, "data": [{"objURL": "https://a.example/1"}, {}]}'))
    ask(web)
    plain = {"tn": "resultjson_com", "ipn": "rj", "word": QUERY, "rn": 30, "pn": 0}
    assert [url for url, _, _ in web.asked] == ["http://baidu.example/", "http://baidu.example/search/acjson"]
    assert web.asked[1][1] == plain
    ask(web, options={"size": "large", "color": "red", "type": "face"})
    assert web.asked[-1][1] == plain | {"z": "3", "ic": "1", "s": "0", "lm": "0", "st": "-1", "face": "1"}
    choices = [(option.name, choice) for option in find_source("baidu").options for choice in option.choices]
    assert len(choices) == 22
    for name, choice in choices:
        ask(web, options={name: choice})
        assert len(web.asked[-1][1]) > len(plain)


def test_fifty_pictures_of_all_kinds_are_held_with_their_pages(
    negbuild: Negbuild, baidu: Baidu, tmp_path: Path
) -> None:
    for number in range(60):
        baidu.add(number)
    command = ("crawl", "--source", "baidu", "-q", QUERY, "-n", 50, "--category", "pets", "--allow-private", "--json")
    done = negbuild(*command, env=baidu.env)
    assert (done.code, done.json["unique"], done.json["skips"]) == (0, 50, {}), done.err
    rows = held(tmp_path)
    numbers = {int(url.rpartition("=")[2]) for url, *_ in rows}
    assert len(numbers) == 50
    assert {(page, title, license_, width) for _, page, title, license_, width, _ in rows} == {
        (f"https://pages.example/{number}", f"Picture {number}", "unknown", 160) for number in numbers
    }
    assert {form for *_, form in rows} == {"PNG", "WEBP", "JPEG"}
    asked = [parse_qs(urlsplit(one).query) for one in baidu.asked]
    assert [(one.get("word"), one.get("pn")) for one in asked] == [
        (None, None),  # the front page, whose cookie the others need
        ([QUERY], ["0"]),
        ([QUERY], ["30"]),
    ]


@pytest.mark.parametrize("says", [True, False])
def test_the_end_of_the_results_is_an_end_and_no_error_of_the_source(
    negbuild: Negbuild, baidu: Baidu, *, says: bool
) -> None:
    for number in range(38):
        baidu.add(number)
    baidu.says_how_many = says
    done = negbuild("crawl", "--source", "baidu", "-q", "猫", "-n", 50, "--allow-private", env=baidu.env)
    assert done.code == 3
    assert done.err.splitlines()[-1].startswith('negbuild: baidu "猫": 38 of 50 pictures, there are no more; ')
    assert len(baidu.asked) == (3 if says else 4)


WAPPASS = "https://wappass.baidu.com/static/captcha/tuxing_v2.html?ak=1"


@pytest.mark.parametrize(("block", "message"), [(FORBIDDEN, SPIDER), (WAPPASS, CAPTCHA)])
def test_a_block_on_the_second_page_is_exit_4_and_loses_nothing(
    negbuild: Negbuild, baidu: Baidu, tmp_path: Path, block: str, message: str
) -> None:
    for number in range(60):
        baidu.add(number)
    baidu.instead["30"] = block
    done = negbuild("crawl", "--source", "baidu", "-q", "cat", "-n", 50, "--allow-private", env=baidu.env)
    assert done.code == 4
    assert done.err.splitlines()[-1] == f"negbuild: {message}; 30 of 50 pictures are held"
    assert len(held(tmp_path)) == 30


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (FORBIDDEN, SPIDER),
        (WAPPASS, CAPTCHA),
        ("<html><title>百度安全验证</title></html>", CAPTCHA),
        ('{"data": [{}]}', NOTHING),
    ],
)
def test_nothing_at_all_is_exit_4_and_never_a_success(
    negbuild: Negbuild, baidu: Baidu, page: str, message: str
) -> None:
    baidu.instead["0"] = page
    command = ("crawl", "--source", "baidu", "-q", QUERY, "-n", 5, "--category", "pets", "--allow-private")
    done = negbuild(*command, env=baidu.env)
    assert done.code == 4
    assert done.err.splitlines()[-1] == f"negbuild: {message.replace('http://baidu.example', baidu.url)}"
