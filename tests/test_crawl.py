"""`negbuild crawl` against a server that speaks the services' answers, through the real command line."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

Photo = Callable[..., bytes]
Negbuild = Callable[..., Any]


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]
    agents: set[str]


class Openverse:
    """Lays a collection out on the server, the way the service pages it."""

    def __init__(self, server: Server, reply: Callable[..., Any]) -> None:
        self._server, self._reply = server, reply
        self._records: list[dict[str, object]] = []
        self.calls: list[dict[str, str]] = []
        server.routes["/v1/images/"] = self._search

    @property
    def env(self) -> dict[str, str]:
        return {"NEGBUILD_OPENVERSE_URL": self._server.url}

    def add(self, name: str, *answer: Any, **record: object) -> None:  # noqa: ANN401  a reply, or what makes one
        """Publish one picture: its answer is bytes, a reply, or what makes a reply."""
        if answer:
            route = answer[0]
            self._server.routes[f"/photos/{name}"] = self._reply(route) if isinstance(route, bytes) else route
        self._records.append(
            {
                "id": f"id-{name}",
                "url": f"{self._server.url}/photos/{name}",
                "foreign_landing_url": f"https://photos.example/{name}",
                "title": f"Picture {name}",
                "creator": f"Author of {name}",
                "creator_url": "https://photos.example/author",
                "license": "by",
                "license_version": "2.0",
                "license_url": "https://creativecommons.org/licenses/by/2.0/",
                "width": 160,
                "height": 120,
                **record,
            }
        )

    def _search(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        self.calls.append(query)
        page, size = int(query["page"]), int(query["page_size"])
        if size > 20:
            return self._reply(b'{"detail": "Authentication required."}', 401)
        body = {
            "result_count": len(self._records),
            "page_count": -(-len(self._records) // size),
            "page_size": size,
            "page": page,
            "results": self._records[(page - 1) * size : page * size],
        }
        return self._reply(json.dumps(body).encode(), headers={"Content-Type": "application/json"})


@pytest.fixture
def openverse(server: Server, reply: Callable[..., Any]) -> Openverse:
    return Openverse(server, reply)


def _flowers(openverse: Openverse, photo: Photo, reply: Callable[..., Any]) -> None:
    """48 good pictures among dead links, pages posing as pictures, throttled ones and copies."""
    for number in range(48):
        openverse.add(f"good{number}.jpg", photo(number))
        if number % 6 == 0:
            openverse.add(f"dead{number}.jpg", reply(b"gone", 404))
            openverse.add(f"page{number}.jpg", b"<!doctype html><title>Not found</title>")
            openverse.add(f"same{number}.jpg", photo(number))  # the same bytes at another address
            openverse.add(f"small{number}.jpg", photo(number, kind="PNG"))  # a re-encoded copy

    def busy_once(_query: dict[str, str], before: int) -> Any:  # noqa: ANN401
        return reply(photo(1000)) if before else reply(b"", 429, {"Retry-After": "1"})

    openverse.add("busy.jpg", busy_once)


def test_forty_unique_pictures_through_every_fault_and_nothing_fetched_again(
    negbuild: Negbuild, openverse: Openverse, server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    _flowers(openverse, photo, reply)
    command = ("crawl", "--query", "flower", "--source", "openverse", "-n", 40, "--allow-private", "--json")
    done = negbuild(*command, env=openverse.env)
    assert done.code == 0, done.err
    assert done.json["unique"] == 40
    skips = done.json["skips"]
    assert skips["gone"] >= 6
    assert skips["not an image"] >= 6
    assert skips["duplicate"] >= 6
    assert done.json["copies"] >= 6  # re-encoded copies are held, and do not count

    counts = negbuild("status", "--json").json
    assert counts["candidates"] == counts["images"] + sum(counts["skips"].values())
    assert counts["images"] == 40 + done.json["copies"]

    asked, calls = dict(server.asked), len(openverse.calls)
    again = negbuild(*command, env=openverse.env)
    assert again.code == 0
    assert again.json["unique"] == 40
    assert again.json["tried"] == 0
    assert (dict(server.asked), len(openverse.calls)) == (asked, calls)
    assert set(server.asked.values()) <= {1, len(openverse.calls)}  # nothing was asked for twice


def test_throttled_pictures_are_waited_for(
    negbuild: Negbuild, openverse: Openverse, server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    def busy_once(_query: dict[str, str], before: int) -> Any:  # noqa: ANN401
        return reply(photo(1)) if before else reply(b"", 429, {"Retry-After": "2"})

    openverse.add("busy.jpg", busy_once)
    began = time.monotonic()
    done = negbuild("crawl", "-q", "flower", "-n", 1, "--allow-private", "--json", env=openverse.env)
    assert done.json["unique"] == 1
    assert server.asked["/photos/busy.jpg"] == 2
    assert time.monotonic() - began >= 2


def test_a_dry_source_gives_what_it_has_and_exit_3_with_the_reasons(
    negbuild: Negbuild, openverse: Openverse, photo: Photo, reply: Callable[..., Any]
) -> None:
    openverse.add("one.jpg", photo(1))
    openverse.add("dead.jpg", reply(b"", 410))
    done = negbuild("crawl", "-q", "flower", "-n", 5, "--allow-private", env=openverse.env)
    assert done.code == 3
    assert done.out.splitlines()[1:] == ["", "skipped  reason", "      1  gone"]
    assert done.err.splitlines()[-1] == (
        'negbuild: openverse "flower": 1 of 5 pictures, there are no more; try another --query or --source'
    )
    assert negbuild("status", "--json").json["images"] == 1


def test_a_search_result_never_leads_to_a_private_address(
    negbuild: Negbuild, openverse: Openverse, server: Server, photo: Photo
) -> None:
    openverse.add("one.jpg", photo(1))
    done = negbuild("crawl", "-q", "flower", "-n", 1, "--json", env=openverse.env)
    assert (done.code, done.json["skips"]) == (3, {"private address": 1})
    assert done.err.endswith("there are no more; add --allow-private if this is your own network\n")
    assert server.asked["/photos/one.jpg"] == 0
    allowed = negbuild("crawl", "-q", "flower", "-n", 1, "--json", "--allow-private", env=openverse.env)
    assert (allowed.code, allowed.json["unique"], allowed.json["skips"]) == (0, 1, {})


def test_an_exhausted_allowance_is_exit_4_and_keeps_what_came(
    negbuild: Negbuild, openverse: Openverse, server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")  # the service wants a rest, the pictures' host does not
    for number in range(25):
        openverse.add(f"{number}.jpg", photo(number), url=f"{elsewhere}/photos/{number}.jpg")
    search = server.routes["/v1/images/"]

    def throttled(query: dict[str, str], before: int) -> Any:  # noqa: ANN401
        if query["page"] == "2":
            return reply(b'{"detail":"Request was throttled. Expected available in 3600 seconds."}', 429)
        return search(query, before)

    server.routes["/v1/images/"] = throttled
    done = negbuild("crawl", "-q", "flower", "-n", 25, "--allow-private", env=openverse.env)
    assert done.code == 4
    assert done.err.splitlines()[-1] == (
        "negbuild: openverse: grants no more calls for now (429, Request was throttled. Expected available in "
        "3600 seconds); run the same command later; 20 of 25 pictures are held"
    )
    assert server.asked["/v1/images/"] == 2  # a wait of an hour is not waited for, and not asked away
    server.routes["/v1/images/"] = search
    later = negbuild("crawl", "-q", "flower", "-n", 25, "--allow-private", "--json", env=openverse.env)
    assert (later.code, later.json["new"]) == (0, 5)


def test_a_service_that_is_not_there_is_exit_4(negbuild: Negbuild) -> None:
    gone = {"NEGBUILD_OPENVERSE_URL": "http://127.0.0.1:9"}
    done = negbuild("crawl", "-q", "flower", "-n", 1, env=gone)
    assert done.code == 4
    assert done.err.splitlines()[-1] == (
        "negbuild: openverse: 127.0.0.1:9: cannot be reached (connection refused); run the same command later"
    )


def test_failures_that_pass_are_tried_again_by_the_next_run(
    negbuild: Negbuild, openverse: Openverse, server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    openverse.add("flaky.jpg", reply(b"", 503))
    openverse.add("dead.jpg", reply(b"", 404))
    command = ("crawl", "-q", "flower", "-n", 1, "--allow-private", "--json")
    first = negbuild(*command, env=openverse.env)
    assert (first.code, first.json["skips"]) == (3, {"gone": 1, "throttled": 1})
    server.routes["/photos/flaky.jpg"] = reply(photo(1))
    second = negbuild(*command, env=openverse.env)
    assert (second.code, second.json["unique"], second.json["skips"]) == (0, 1, {"gone": 1})
    assert server.asked["/photos/dead.jpg"] == 1
    counts = negbuild("status", "--json").json
    assert counts["candidates"] == counts["images"] + sum(counts["skips"].values()) == 2


def test_author_licence_and_page_travel_into_the_manifest(
    negbuild: Negbuild, openverse: Openverse, photo: Photo, tmp_path: Path
) -> None:
    for number in range(8):
        openverse.add(f"{number}.jpg", photo(number), creator='Zoë, "Z"', title="Line\nbreak")
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(8):
        (photos / f"{number}.jpg").write_bytes(photo(100 + number))
    assert negbuild("add", "photos", "--category", "hotdog", "--role", "known").code == 0
    assert negbuild("crawl", "-q", "flower", "-n", 8, "--allow-private", env=openverse.env).code == 0
    assert negbuild("split").code == 0
    rows = (tmp_path / "dataset" / "manifest.csv").read_text(encoding="utf-8")
    assert rows.count("CC-BY-2.0,https://creativecommons.org/licenses/by/2.0/") == 8
    assert rows.count("https://photos.example/") == 16  # page and author of each
    assert negbuild("verify", "dataset").code == 0


def test_a_picture_found_again_for_another_category_is_not_fetched_again_and_counts_for_the_stricter(
    negbuild: Negbuild, openverse: Openverse, server: Server, photo: Photo
) -> None:
    for number in range(6):
        openverse.add(f"{number}.jpg", photo(number))
    common = ("--allow-private", "--json", "-n", 6)
    negbuild("crawl", "-q", "animal", *common, env=openverse.env)
    second = negbuild("crawl", "-q", "dog", "--role", "unseen", *common, env=openverse.env)
    assert (second.code, second.json["unique"], second.json["skips"]) == (3, 0, {"duplicate": 6})
    assert all(server.asked[f"/photos/{number}.jpg"] == 1 for number in range(6))
    done = negbuild("split")
    assert done.code == 2  # every picture of `animal` is one of `dog` too: nothing is left to train on


def test_what_is_gone_for_one_category_is_not_asked_for_again_by_another(
    negbuild: Negbuild, openverse: Openverse, server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    openverse.add("1.jpg", reply(b"", 404))
    common = ("--allow-private", "--json", "-n", 1)
    assert negbuild("crawl", "-q", "animal", *common, env=openverse.env).json["skips"] == {"gone": 1}
    server.routes["/photos/1.jpg"] = reply(photo(1))
    assert negbuild("crawl", "-q", "dog", *common, env=openverse.env).json["skips"] == {"gone": 1}
    assert server.asked["/photos/1.jpg"] == 1
    counts = negbuild("status", "--json").json
    assert counts["candidates"] == counts["images"] + sum(counts["skips"].values()) == 2


def test_the_agent_names_itself_and_whom_to_write_to(
    negbuild: Negbuild, openverse: Openverse, server: Server, photo: Photo
) -> None:
    openverse.add("1.jpg", photo(1))
    openverse.add("2.jpg", photo(2))
    quiet = negbuild("crawl", "-q", "flower", "-n", 1, "--allow-private", env=openverse.env)
    assert "nobody to write to" in quiet.err
    named = ("crawl", "-q", "flower", "-n", 2, "--allow-private", "--contact", "me@example.org")
    assert "nobody" not in negbuild(*named, env=openverse.env).err
    assert server.agents == {
        "negbuild/0.1.0 (builds image datasets; no contact given)",
        "negbuild/0.1.0 (builds image datasets; contact: me@example.org)",
    }


def test_an_odd_category_is_made_safe_and_said(negbuild: Negbuild, openverse: Openverse, photo: Photo) -> None:
    openverse.add("1.jpg", photo(1))
    done = negbuild("crawl", "-q", "test tube", "-n", 1, "--allow-private", env=openverse.env)
    assert done.code == 0
    assert "negbuild: category 'test tube' is held as testtube" in done.err.splitlines()


def test_picsum_draws_without_repeats_and_says_when_the_pool_is_empty(
    negbuild: Negbuild, server: Server, photo: Photo, reply: Callable[..., Any]
) -> None:
    pool = [
        {"id": str(number), "author": "A", "width": 400, "height": 300, "url": f"https://unsplash.com/{number}"}
        for number in range(105)
    ]

    def listed(query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        page, limit = int(query["page"]), int(query["limit"])
        return reply(json.dumps(pool[(page - 1) * limit : page * limit]).encode())

    server.routes["/v2/list"] = listed
    for number in range(105):
        server.routes[f"/id/{number}/400/300.jpg"] = reply(b"", 302, {"Location": f"/files/{number}.jpg"})
        server.routes[f"/files/{number}.jpg"] = reply(photo(number))
    env = {"NEGBUILD_PICSUM_URL": server.url}
    done = negbuild("crawl", "--source", "picsum", "-n", 104, "--allow-private", "--json", env=env)
    assert (done.code, done.json["unique"], done.json["tried"]) == (0, 104, 104)
    more = negbuild("crawl", "--source", "picsum", "-n", 200, "--allow-private", "--json", env=env)
    assert (more.code, more.json["unique"]) == (3, 105)
    asked = [count for path, count in server.asked.items() if path.startswith("/files/")]
    assert asked == [1] * 105


def test_control_c_ends_with_130_and_the_next_run_goes_on(
    negbuild: Negbuild,
    openverse: Openverse,
    server: Server,
    photo: Photo,
    reply: Callable[..., Any],
    tmp_path: Path,
    environment: Callable[..., dict[str, str]],
) -> None:
    for number in range(60):
        openverse.add(f"{number}.jpg", reply(photo(number), delay=0.2))
    command = ["crawl", "-q", "flower", "-n", "60", "--allow-private"]
    running = subprocess.Popen(
        [sys.executable, "-m", "negbuild", *command],
        cwd=tmp_path,
        env=environment(**openverse.env),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    while server.asked["/photos/12.jpg"] == 0:
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130, said
    assert said.splitlines()[-1] == "negbuild: interrupted; run the same command again to go on"
    held = negbuild("status", "--json").json["images"]
    assert 0 < held < 60
    again = negbuild(*command, "--json", env=openverse.env)
    assert (again.code, again.json["unique"], again.json["new"]) == (0, 60, 60 - held)
