"""What the options of a crawl mean, and which are refused: the real command line against a real server."""

import os
import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol

import pytest

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
Reply = Callable[..., Any]
LIST = ("crawl", "-s", "urls", "--path", "list.txt", "--category", "c", "--allow-private")
RETRY = ("crawl", "--retry", "--allow-private")


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


@pytest.fixture
def failed(tmp_path: Path, negbuild: Negbuild, server: Server, photo: Photo, reply: Reply) -> list[str]:
    """Two addresses that failed for now and would be held if they were tried, of which one is due."""
    urls = [f"{server.url}/{name}.jpg" for name in ("due", "later")]
    (tmp_path / "list.txt").write_text("\n".join(urls))
    busy = reply(b"", 429, {"Retry-After": "3600"})
    server.routes |= {"/due.jpg": busy, "/later.jpg": busy}
    negbuild(*LIST, "-n", 2)
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        catalog.execute("UPDATE candidates SET retry_at = 0 WHERE url LIKE '%due%'")
        catalog.commit()
    server.routes |= {"/due.jpg": reply(photo(1)), "/later.jpg": reply(photo(2))}
    server.asked.clear()
    return urls


def contents(root: Path) -> list[str]:
    with closing(sqlite3.connect(root / "catalog.sqlite")) as catalog:
        return list(catalog.iterdump())


# Trying again


def test_looking_what_would_be_tried_again_asks_nobody_and_writes_nothing(
    negbuild: Negbuild, failed: list[str], server: Server, tmp_path: Path
) -> None:
    before = contents(tmp_path)
    dry = negbuild(*RETRY, "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert dry.out.startswith("would try 1 candidate again\nnot due yet: 1, the first of them at 20")
    assert failed[0] in dry.out
    assert failed[1] not in dry.out
    addresses = negbuild(*RETRY, "--urls-only")
    assert (addresses.code, addresses.out, addresses.err) == (0, f"{failed[0]}\n", "")
    told = negbuild(*RETRY, "--dry-run", "--json").json
    assert ([one["url"] for one in told["candidates"]], told["later"]) == (failed[:1], 1)
    assert (contents(tmp_path), sum(server.asked.values())) == (before, 0)
    again = negbuild(*RETRY, "--json").json
    assert (again["tried"], again["new"], again["later"]) == (1, 1, 1)


def test_what_came_from_a_source_that_is_gone_is_told_and_the_rest_tried_again(
    negbuild: Negbuild, failed: list[str], server: Server, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        catalog.execute("UPDATE candidates SET retry_at = 0")
        catalog.execute("UPDATE candidates SET source = 'mine' WHERE url = ?", (failed[0],))
        catalog.commit()
    assert negbuild(*RETRY, "--urls-only").out == f"{failed[1]}\n"
    done = negbuild(*RETRY, "--json")
    assert (done.code, done.json["tried"], done.json["new"]) == (0, 1, 1)
    assert done.err.startswith("negbuild: source mine: unknown; there are ")
    assert done.err.endswith("; failed candidates of it are not tried again: 1\n")
    assert server.asked["/due.jpg"] == 0


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("-s", "nosuch", "-q", "x", "-n", 7), "--query, --source, --number"),
        (("--path", "list.txt", "--category", "c", "--role", "unseen"), "--path, --category, --role"),
        (("--license", "by", "--exclude", "x", "--unsafe", "--refresh"), "--license, --exclude, --unsafe, --refresh"),
        (("--url", "http://a.example", "-o", "a=b", "--seed", 3, "--dry-run"), "--url, --option, --seed"),
    ],
)
def test_what_trying_again_does_not_go_by_is_refused(
    negbuild: Negbuild, server: Server, options: tuple[object, ...], named: str
) -> None:
    done = negbuild(*RETRY, *options)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"negbuild: --retry takes up what failed in any crawl: leave {named} out\n"
    assert sum(server.asked.values()) == 0


def test_what_trying_again_goes_by_is_taken(negbuild: Negbuild, failed: list[str], server: Server) -> None:
    limits = ("--min-size", 50, "--max-mbytes", 1, "--max-mpixels", 1, "--first-frame")
    done = negbuild(*RETRY, *limits, "--contact", "me", "--ignore-opt-outs", "--workspace", ".", "--json")
    assert (done.code, done.json["new"]) == (0, 1)
    assert server.asked["/due.jpg"] == 1
    assert failed


@pytest.mark.parametrize("contact", ["me\nX-Other: 1", "\u5199@example.org", "me\x01", "\udcff"])
def test_a_contact_that_no_header_can_hold_is_refused(
    negbuild: Negbuild, server: Server, tmp_path: Path, photo: Photo, reply: Reply, contact: str
) -> None:
    """Otherwise no request could be sent, and each host would be said to fail."""
    server.routes["/1.jpg"] = reply(photo(1))
    (tmp_path / "list.txt").write_text(f"{server.url}/1.jpg")
    done = negbuild(*LIST, "-n", 1, env={"NEGBUILD_CONTACT": contact})
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("negbuild: contact ")
    assert done.err.endswith(": cannot be sent; write it in Latin letters on one line: you@example.org\n")
    assert negbuild(*LIST, "-n", 1, env={"NEGBUILD_CONTACT": "J\u00fcrgen <me@example.org>\n"}).code == 0


# Looking first


def test_looking_first_names_an_address_once_however_often_it_is_listed(
    negbuild: Negbuild, server: Server, tmp_path: Path
) -> None:
    one, two = f"{server.url}/0.jpg", f"{server.url}/1.jpg"
    (tmp_path / "list.txt").write_text("\n".join([one, f"{one}#x", one, f"{one}?utm_source=x", two]))
    assert negbuild(*LIST, "-n", 4, "--urls-only").out.splitlines() == [one, two]
    assert negbuild(*LIST, "-n", 4, "--dry-run").out.startswith('urls "list": would try 2 candidates, 0 were tried')
    assert negbuild(*LIST, "-n", 4, "--urls-only", "--exclude", "127.0.0.1").out == ""


# Secrets


SECRET = "s3cr3tpw"


def leaks(root: Path) -> list[str]:
    """Files of a folder, beside the lists of the test, that hold the password."""
    return [
        path.name
        for path in root.rglob("*")
        if path.is_file() and path.name not in {"list.csv", "list.txt"} and SECRET.encode() in path.read_bytes()
    ]


def test_a_password_in_what_a_list_says_is_kept_nowhere(
    negbuild: Negbuild, server: Server, photo: Photo, reply: Reply, tmp_path: Path
) -> None:
    for number in range(14):
        server.routes[f"/{number}.jpg"] = reply(photo(number))
    secret = f"https://user:{SECRET}@example.org"
    pages = [f'{server.url}/{number}.jpg,{secret}/p{number},"at {secret}/c",{secret}/l' for number in range(14)]
    unclosed = f'"http://user:{SECRET}@example.org/never closed\n' + "x,y,,\n" * 120
    bad = [f"http:// user:{SECRET}@example.org /a.jpg,,,", f"http://user:{SECRET}@example.org:99999/a.jpg,,,"]
    quoted = [f"http://user:a/{SECRET}#@example.org/a.jpg,,,"]
    (tmp_path / "list.csv").write_text("\n".join(["url,page_url,caption,license", *pages, *bad, *quoted, unclosed]))
    done = negbuild(*LIST[:4], "list.csv", *LIST[5:], "--json", "-n", 14)
    assert done.json["unique"] == 14
    more = negbuild(*LIST[:4], "list.csv", *LIST[5:], "-n", 300)
    assert more.code == 3
    seen = negbuild(*LIST[:4], "list.csv", *LIST[5:], "-n", 300, "--category", "d", "--dry-run")
    assert SECRET not in done.out + done.err + more.out + more.err + seen.out + seen.err
    assert leaks(tmp_path) == []
    own = tmp_path / "own" / "thing"
    own.mkdir(parents=True)
    for number in range(14):
        (own / f"{number}.jpg").write_bytes(photo(100 + number))
    negbuild("add", "own", "--role", "known")
    assert negbuild("split").code == 0
    assert "https://example.org/p1" in (tmp_path / "dataset" / "manifest.csv").read_text()
    assert leaks(tmp_path) == []


def test_an_address_is_fetched_though_it_was_listed_with_a_password_before(
    negbuild: Negbuild, server: Server, photo: Photo, reply: Reply, tmp_path: Path
) -> None:
    url = f"{server.url}/1.jpg"
    server.routes["/1.jpg"] = reply(photo(1))
    (tmp_path / "list.txt").write_text(url.replace("//", f"//user:{SECRET}@") + f"\n{url}\n")
    done = negbuild(*LIST, "-n", 1, "--json")
    assert (done.code, done.json["unique"], leaks(tmp_path)) == (0, 1, [])


@pytest.mark.parametrize(
    "answer",
    [
        (b"abc", 200, {"Content-Encoding": "gzip"}),
        (b"abc", 200, {"X-Long": "a" * 20_000}),
        (b"", 302, {"Location": f"http://exa mple.org/?sig={SECRET}"}),
        (b"", 302, {"Location": f"http://-bad-..-/?sig={SECRET}"}),
        (b"", 302, {"Location": f"http://[bad/?sig={SECRET}"}),
    ],
)
def test_the_signature_of_an_address_that_a_host_led_to_is_not_kept(
    negbuild: Negbuild, server: Server, reply: Reply, tmp_path: Path, answer: tuple[Any, ...]
) -> None:
    (tmp_path / "list.txt").write_text(f"{server.url}/1.jpg")
    server.routes["/1.jpg"] = reply(b"", 302, {"Location": f"/signed.jpg?X-Amz-Signature={SECRET}"})
    server.routes["/signed.jpg"] = reply(*answer)
    done = negbuild(*LIST, "-n", 1)
    assert (done.code, leaks(tmp_path)) == (3, [])
    assert SECRET not in done.out + done.err


def test_what_the_client_says_of_an_answer_that_is_none_is_kept_without_the_address(
    negbuild: Negbuild, server: Server, reply: Reply, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = listening.accept()
                    with caller:
                        caller.recv(65536)
                        caller.sendall(b"nonsense\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        place = f"http://127.0.0.1:{listening.getsockname()[1]}/1.jpg?sig={SECRET}"
        server.routes["/1.jpg"] = reply(b"", 302, {"Location": place})
        (tmp_path / "list.txt").write_text(f"{server.url}/1.jpg")
        done = negbuild(*LIST, "-n", 1, "--ignore-opt-outs", "--json")
        listening.shutdown(socket.SHUT_RDWR)
    assert done.json["skips"] == {"malformed answer": 1}
    assert leaks(tmp_path) == []
    assert any("Bad status line" in line for line in contents(tmp_path))


@pytest.mark.parametrize("user", [f"user:{SECRET}", SECRET])
def test_the_password_of_a_service_is_not_shown(negbuild: Negbuild, server: Server, user: str, tmp_path: Path) -> None:
    address = server.url.replace("//", f"//{user}@")
    environment = {"NEGBUILD_OPENIMAGES_URL": address}
    done = negbuild("crawl", "-s", "openimages", "-q", "Dog", "-n", 1, "--allow-private", env=environment)
    assert done.code == 4
    assert f"answered 404 for {server.url}" in done.err
    told = negbuild("sources", "openimages", env=environment)
    assert f"{server.url} (NEGBUILD_OPENIMAGES_URL)" in told.out
    listed = negbuild("sources", "openimages", "--json", env=environment)
    two = negbuild("crawl", "-s", "openverse", "-s", "searxng", "-q", "x", "--url", address)
    assert two.code == 2
    assert SECRET not in done.out + done.err + told.out + listed.out + two.err
    assert leaks(tmp_path) == []


# What makes no sense


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-mbytes", "nan"), "Invalid value for '--max-mbytes': nan is not in the range 0<x<=1,000,000"),
        (("--max-mbytes", "0"), "Invalid value for '--max-mbytes': 0 is not in the range 0<x<=1,000,000"),
        (("--max-mpixels", "inf"), "Invalid value for '--max-mpixels': inf is not in the range 0<x<=1,000,000"),
        (("--max-mpixels", "-1"), "Invalid value for '--max-mpixels': -1 is not in the range 0<x<=1,000,000"),
        (("--min-size", "-5"), "Invalid value for '--min-size': -5 is not in the range x>=0"),
        (("--license", ","), "--license ,: names no licence; choose from cc0, pdm, by, by-sa, by-nc, by-nd, "),
        (("--exclude", "!!!"), "--exclude !!!: holds no word; give a word, or a site such as example.org"),
    ],
)
def test_what_is_no_size_licence_or_word_is_refused(
    negbuild: Negbuild, options: tuple[str, str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text("http://127.0.0.1:1/1.jpg")
    done = negbuild(*LIST, *options)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert done.err.partition(": ")[2].startswith(said)
    assert [path.name for path in tmp_path.iterdir()] == ["list.txt"]


def test_words_sites_and_licences_are_understood_as_people_write_them(
    negbuild: Negbuild, server: Server, photo: Photo, reply: Reply, tmp_path: Path
) -> None:
    for number in range(3):
        server.routes[f"/{number}.jpg"] = reply(photo(number))
    rows = [("CC BY 4.0", "\u4e00\u4e2a\u70ed\u72d7\u7167\u7247"), ("CC BY-NC 4.0", "tree"), ("CC0 1.0", "cafe\u0301")]
    table = [f"{server.url}/{number}.jpg,{license_},{title}" for number, (license_, title) in enumerate(rows)]
    (tmp_path / "list.csv").write_text("\n".join(["url,license,caption", *table]), encoding="utf-8")
    listed = (*LIST[:4], "list.csv", *LIST[5:], "-n", 3)

    def left_out(*options: str) -> Any:  # noqa: ANN401
        return negbuild(*listed, "--dry-run", "--json", *options).json["skips"]

    assert left_out("--license", "by,cc0") == {"another licence": 1}
    assert left_out("--license", "cc by 4.0, CC0-1.0") == {"another licence": 1}
    assert left_out("--exclude", "\u70ed\u72d7", "--exclude", "CAF\u00c9") == {"excluded": 2}
    assert left_out("--exclude", f" {server.url}/ ") == {"excluded": 3}
    assert left_out("--exclude", server.url.removeprefix("http://")) == {"excluded": 3}


# Where it cannot even begin


@pytest.mark.parametrize("place", ["/proc/nope/calls.sqlite", "garbage", "folder"])
def test_calls_that_cannot_be_counted_are_not_made_and_the_next_step_is_named(
    negbuild: Negbuild, tmp_path: Path, place: str
) -> None:
    (tmp_path / "garbage").write_text("not sqlite" * 200)
    (tmp_path / "folder").mkdir()
    path = tmp_path / place
    done = negbuild("crawl", "-s", "openverse", "-q", "x", "-n", 2, env={"NEGBUILD_LEDGER": str(path)})
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    said = done.err.strip()
    assert said.startswith(f"negbuild: {path}: calls to services cannot be counted here (")
    assert said.endswith("; remove it, or set NEGBUILD_LEDGER to a file that can be made")


def test_ctrl_c_while_it_is_still_loading_ends_as_any_other(negbuild: Negbuild, tmp_path: Path) -> None:
    early = tmp_path / "early"
    early.mkdir()
    (early / "click.py").write_text("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)")
    path = os.pathsep.join(filter(None, [str(early), os.environ.get("PYTHONPATH")]))
    done = negbuild("status", env={"PYTHONPATH": path})
    assert (done.code, done.out) == (130, "")
    assert done.err == "negbuild: interrupted; run the same command again to go on\n"
