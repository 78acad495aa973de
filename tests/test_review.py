"""The server of the review page, asked without a browser: whom it serves, what it refuses, and how it ends."""

import http.client
import json
import os
import signal
import stat
import time
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image as Pillow

from negbuild.ruling import Ruling, Verdict
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]


class Asker:
    """Asks one review, as a browser would unless told otherwise."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.host, self.root, self.port = parts.netloc, parts.path, parts.port or 0

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | object = None,
        *,
        absolute: bool = False,
        headers: Mapping[str, str | None] | None = None,
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent: dict[str, str | None] = {"Host": self.host}
        if method != "GET":
            sent |= {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
        sent |= headers or {}
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        connection.putrequest(method, path if absolute else self.root + path, skip_host=True)
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        if data is not None:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        answer = connection.getresponse()
        self.headers = answer.headers
        found = answer.status, answer.read()
        connection.close()
        return found

    def json(self, path: str, body: object = None) -> Any:  # noqa: ANN401
        status, data = self("GET", path) if body is None else self("POST", path, body)
        assert status == 200, data
        return json.loads(data)


def names_of(layout: Any) -> list[str]:  # noqa: ANN401
    return [layout["names"][start : start + 16] for start in range(0, len(layout["names"]), 16)]


@pytest.fixture
def project(tmp_path: Path, photo: Photo, negbuild: Negbuild) -> Path:
    for category, role, first in (("hotdog", "known", 0), ("street", "unknown", 100)):
        folder = tmp_path / category
        folder.mkdir()
        for number in range(6):
            (folder / f"{number}.jpg").write_bytes(photo(first + number))
        assert negbuild("add", folder, "--category", category, "--role", role).code == 0
    return tmp_path


@pytest.fixture
def asker(project: Path, reviewing: Callable[..., Any]) -> Asker:
    assert project
    return Asker(reviewing().address)


def state(folder: Path) -> tuple[Any, ...]:
    """Everything a request could change, thumbnails excepted."""
    with Workspace(folder).judging() as catalog:
        log = catalog.verdicts_since(0)
    return log.last, log.rulings, sorted(path for path in folder.rglob("*") if "thumbnails" not in path.parts)


HELD, GONE = "{held}", "0123456789abcdef"
DROP = {"names": [HELD], "verdict": "drop", "since": 0}
EVIL = {"Origin": "http://evil.example"}

Refused = tuple[str, int, str, str, Any, dict[str, str | None]]

REFUSED: list[Refused] = [
    ("another token", 403, "GET", "/{wrong}/layout", None, {}),
    ("a token cut short", 403, "GET", "/{short}/layout", None, {}),
    ("no token", 403, "GET", "/", None, {}),
    ("no token, known file", 403, "GET", "/review.js", None, {}),
    ("a name that was pointed here", 403, "GET", "layout", None, {"Host": "evil.example:{port}"}),
    ("another port", 403, "GET", "layout", None, {"Host": "127.0.0.1:1"}),
    ("no host", 400, "GET", "layout", None, {"Host": None}),
    ("a longer name", 403, "GET", "layout", None, {"Host": "127.0.0.1:{port}.evil.example"}),
    ("a foreign origin that looks", 403, "GET", "layout", None, {**EVIL}),
    ("a foreign origin that decides", 403, "POST", "verdicts", DROP, {**EVIL}),
    ("another port that decides", 403, "POST", "verdicts", DROP, {"Origin": "http://127.0.0.1:1"}),
    ("https of the same name", 403, "POST", "undo", {"since": 0}, {"Origin": "https://127.0.0.1:{port}"}),
    ("a sandboxed page", 403, "POST", "undo", {"since": 0}, {"Origin": "null"}),
    ("no origin", 403, "POST", "undo", {"since": 0}, {"Origin": None}),
    ("a form", 415, "POST", "verdicts", DROP, {"Content-Type": "text/plain"}),
    ("a path outside the store", 404, "GET", "thumbnail/..%2f..%2fcatalog.sqlite", None, {}),
    ("a path outside, plainly", 404, "GET", "thumbnail/../../../../etc/passwd", None, {}),
    ("a static file that is none", 404, "GET", "..%2fserver.py", None, {}),
    ("a picture that is not held", 404, "GET", f"picture/{GONE}", None, {}),
    ("details that are not held", 404, "GET", f"details/{GONE}", None, {}),
    ("a verdict on nothing held", 404, "POST", "verdicts", {**DROP, "names": [GONE]}, {}),
    ("one of two not held", 404, "POST", "verdicts", {**DROP, "names": [HELD, GONE]}, {}),
    ("no such verdict", 400, "POST", "verdicts", {**DROP, "verdict": "burn"}, {}),
    ("a verdict that is no text", 400, "POST", "verdicts", {**DROP, "verdict": ["drop"]}, {}),
    ("names that are none", 400, "POST", "verdicts", {**DROP, "names": "all"}, {}),
    ("a move to no category", 400, "POST", "verdicts", {**DROP, "verdict": "move", "category": "moon"}, {}),
    ("a move to a negative", 400, "POST", "verdicts", {**DROP, "verdict": "move", "category": "street"}, {}),
    ("a move to half a character", 400, "POST", "verdicts", {**DROP, "verdict": "move", "category": "\ud800"}, {}),
    ("no gzip", 400, "POST", "undo", b"{}", {"Content-Encoding": "gzip"}),
    ("no row", 400, "GET", "changes?since=-1", None, {}),
    ("a row too far", 400, "GET", "changes?since=99999999999999999999", None, {}),
    ("no JSON", 400, "POST", "undo", b"{", {}),
    ("JSON without end", 400, "POST", "undo", b"[" * 100_000, {}),
    ("no object", 400, "POST", "undo", [1], {}),
    ("a body too large", 413, "POST", "verdicts", b" " * 5_000_000, {}),
    ("a decision by link", 405, "GET", "verdicts?verdict=drop", None, {}),
    ("another method", 405, "PUT", "layout", {}, {"Origin": "http://127.0.0.1:{port}"}),
]


def test_what_is_refused_changes_nothing(asker: Asker, project: Path) -> None:
    held = names_of(asker.json("layout"))[0]
    token = asker.root.strip("/")
    words = {"wrong": token[:-1] + ("A" if token[-1] != "A" else "B"), "short": token[:-1], "port": str(asker.port)}
    found = {}
    for name, _, method, path, body, headers in REFUSED:
        before = state(project)
        if isinstance(body, dict):
            body = json.loads(json.dumps(body).replace(HELD, held))  # noqa: PLW2901
        sent = {key: value and value.replace("{port}", words["port"]) for key, value in headers.items()}
        absolute = path.startswith("/")
        found[name], answer = asker(
            method, path.format(**words) if absolute else path, body, absolute=absolute, headers=sent
        )
        assert token.encode() not in answer, name
        assert state(project) == before, name
    assert found == {name: expected for name, expected, *_ in REFUSED}


def test_a_wrong_verdict_is_answered_with_all_there_are(asker: Asker) -> None:
    held = names_of(asker.json("layout"))[0]
    _, answer = asker("POST", "verdicts", {**DROP, "names": [held], "verdict": "burn"})
    assert answer == b"verdict: must be one of keep, drop, unsure, move, duplicate\n"


def test_a_picture_whose_file_is_gone_is_not_found_and_nothing_else_breaks(asker: Asker, project: Path) -> None:
    first, second, *_ = names_of(asker.json("layout"))
    (file,) = (project / "images").rglob(f"{first}*")
    file.unlink()
    assert asker("GET", f"thumbnail/{first}")[0] == asker("GET", f"picture/{first}")[0] == 404
    assert asker("GET", f"thumbnail/{second}")[0] == 200


def test_every_answer_is_for_this_page_alone(asker: Asker) -> None:
    name = names_of(asker.json("layout"))[0]
    for path in ("", "review.js", "review.css", "layout", f"thumbnail/{name}", f"picture/{GONE}"):
        asker("GET", path)
        policy = asker.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; img-src 'self'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert asker.headers["X-Content-Type-Options"] == "nosniff"
        assert asker.headers["Referrer-Policy"] == "no-referrer"
        assert asker.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in asker.headers
    assert asker("GET", "layout", headers={"Host": f"localhost:{asker.port}"})[0] == 200


def test_it_listens_on_this_machine_alone(asker: Asker) -> None:
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    assert f"0100007F:{asker.port:04X}" in listening
    assert f"00000000:{asker.port:04X}" not in listening


def test_thumbnails_are_made_once_and_made_again_where_they_are_deleted(asker: Asker, project: Path) -> None:
    name = names_of(asker.json("layout"))[0]
    status, made = asker("GET", f"thumbnail/{name}")
    assert status == 200
    assert asker.headers["Content-Type"] == "image/jpeg"
    with Pillow.open(BytesIO(made)) as picture:
        assert max(picture.size) <= 256
    (file,) = (project / "thumbnails").rglob("*.jpg")
    when = file.stat().st_mtime_ns
    assert asker("GET", f"thumbnail/{name}")[1] == made
    assert file.stat().st_mtime_ns == when
    file.unlink()
    file.parent.rmdir()
    assert asker("GET", f"thumbnail/{name}")[1] == made
    assert list((project / "thumbnails").rglob("*.jpg")) == [file]


def test_links_of_strangers_are_links_of_the_web_only(asker: Asker, project: Path) -> None:
    with Workspace(project).writing() as catalog:
        catalog._file.run(  # noqa: SLF001  what a hostile source could have written
            "UPDATE candidates SET page = 'javascript:alert(1)', author_url = 'data:text/html,x', title = '<img src=x>'"
        )
    name = names_of(asker.json("layout"))[0]
    details = asker.json(f"details/{name}")
    assert (details["page"], details["author_url"], details["title"]) == ("", "", "<img src=x>")


def test_a_verdict_is_in_the_log_before_the_browser_hears_of_it_and_survives_a_kill(
    project: Path, reviewing: Callable[..., Any]
) -> None:
    running = reviewing()
    asker = Asker(running.address)
    names = names_of(asker.json("layout"))
    acknowledged = []
    for name in names[:7]:
        answer = asker.json("verdicts", {"names": [name], "verdict": "drop", "since": 0})
        assert [name, "d", ""] in answer["changes"]
        acknowledged.append(name)
    running.end(signal.SIGKILL)
    assert running.process.returncode == -signal.SIGKILL
    with Workspace(project).judging() as catalog:
        assert sorted(sha[:16] for sha in catalog.rulings()) == sorted(acknowledged)
    again = Asker(reviewing().address)
    assert {name for name, letter, _ in again.json("changes?since=0")["changes"] if letter == "d"} == set(acknowledged)
    for left in range(6, -1, -1):  # what another run decided is undone here
        again.json("undo", {"since": 0})
        with Workspace(project).judging() as catalog:
            assert len(catalog.rulings()) == left
    assert again.json("undo", {"since": 0})["undo"] is False


def test_it_sees_what_other_commands_write_meanwhile(
    asker: Asker, project: Path, negbuild: Negbuild, photo: Photo
) -> None:
    assert asker.json("changes?since=0")["pictures"] == 12
    (project / "more").mkdir()
    (project / "more" / "0.jpg").write_bytes(photo(777))
    assert negbuild("add", "more", "--category", "dog", "--role", "unseen").code == 0  # while the page is open
    assert asker.json("changes?since=0")["pictures"] == 13
    layout = asker.json("layout")
    assert len(names_of(layout)) == 13
    assert "dog" in layout["categories"]
    with Workspace(project).judging() as catalog:
        catalog.decide({next(iter(catalog.images())): Ruling(Verdict.KEEP)})
    assert [change[1] for change in asker.json("changes?since=0")["changes"]] == ["k"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_as_it_should_and_says_what_is_decided(
    project: Path, reviewing: Callable[..., Any], how: signal.Signals
) -> None:
    assert project
    running = reviewing()
    asker = Asker(running.address)
    names = names_of(asker.json("layout"))
    asker.json("verdicts", {"names": names[:2], "verdict": "keep", "since": 0})
    done = running.end(how)
    assert (done.code, done.out) == (0, "2 of 12 pictures decided: 2 keep\n")
    assert done.err.endswith("next: negbuild split\n")


def test_json_says_the_same(project: Path, reviewing: Callable[..., Any]) -> None:
    assert project
    assert reviewing("--json").end().json == {"pictures": 12, "decided": 0, "verdicts": {}}


def test_faults_have_one_line_and_a_code(project: Path, reviewing: Callable[..., Any], negbuild: Negbuild) -> None:
    port = Asker(reviewing().address).port
    done = negbuild("review", "--no-open", "--port", port)
    assert (done.code, done.err) == (
        2,
        f"negbuild: port {port}: cannot be used (address already in use); choose another --port\n",
    )
    done = negbuild("review", "--no-open", "-w", "nowhere")
    assert (done.code, done.err) == (2, "negbuild: nowhere: not a negbuild workspace; run: negbuild init nowhere\n")
    assert negbuild("init", "empty").code == 0
    done = negbuild("review", "--no-open", "-w", "empty")
    assert (done.code, done.err) == (
        2,
        "negbuild: empty: holds no pictures to review; run: negbuild add PATH --category NAME --role known\n",
    )
    assert project


def test_the_browser_is_opened_at_an_address_that_works_once(project: Path, reviewing: Callable[..., Any]) -> None:
    browser, opened = project / "browser", project / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n', encoding="utf-8")
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    running = reviewing(env={"BROWSER": f"{browser} %s", "PATH": os.environ["PATH"]})
    asker = Asker(running.address)
    until = time.monotonic() + 20
    while not opened.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    once = opened.read_text(encoding="utf-8").strip()
    assert asker.root.strip("/") not in once  # others can read the arguments of a program
    path = urlsplit(once).path
    assert asker("GET", path, absolute=True)[0] == 303
    assert asker.headers["Location"] == asker.root
    assert asker("GET", path, absolute=True)[0] == 403
