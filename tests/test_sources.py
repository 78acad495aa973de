"""`negbuild sources`: what there is, what is missing, and what works."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.source import find_source, source_names

Negbuild = Callable[..., Any]
Replies = Callable[..., Any]
ALL = {
    *("baidu", "bing", "flickr", "folder", "google", "inaturalist", "noise", "openimages", "openverse", "picsum"),
    *("samples", "searxng", "urls", "video", "wikimedia"),
}


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


@pytest.fixture
def openverse(server: Server, reply: Replies) -> dict[str, str]:
    record = {"id": "1", "url": f"{server.url}/1.jpg", "license": "cc0", "license_version": "1.0"}
    server.routes["/v1/images/"] = reply(json.dumps({"page_count": 1, "results": [record]}).encode())
    return {"NEGBUILD_OPENVERSE_URL": server.url}


def test_every_source_says_what_it_is_good_for_what_it_takes_and_what_is_missing(negbuild: Negbuild) -> None:
    done = negbuild("sources", "--json")
    listed = {one["name"]: one for one in done.json}
    assert set(listed) == ALL
    for one in listed.values():
        assert one["gives"], one
        assert one["bounds"], one
        assert one["works"] is None
    assert listed["openverse"]["keyless"]
    assert not listed["openverse"]["missing"]
    assert not listed["flickr"]["keyless"]
    assert "FLICKR_API_KEY" in listed["flickr"]["missing"]
    assert "NEGBUILD_SEARXNG_URL" in listed["searxng"]["missing"]
    for name in ("bing", "google", "baidu"):
        assert "best effort" in listed[name]["terms"]
    head, *lines = negbuild("sources").out.splitlines()
    assert head.split("  ")[0] == "source"
    assert [line.split()[0] for line in lines] == sorted(ALL)


def test_a_key_that_is_set_makes_a_source_ready_and_is_not_shown(negbuild: Negbuild) -> None:
    done = negbuild("sources", "flickr", env={"FLICKR_API_KEY": "my-key", "FLICKR_API_SECRET": "my-secret"})
    assert done.code == 0
    assert "  ready     ready\n" in done.out
    assert "my-key" not in done.out
    assert "my-secret" not in done.out


def test_an_address_that_is_set_to_nothing_is_not_set(negbuild: Negbuild) -> None:
    told = negbuild("sources", "openverse", "--json", env={"NEGBUILD_OPENVERSE_URL": ""}).json
    assert told[0]["address"] == find_source("openverse").base_url != ""


def test_one_source_is_told_whole_with_the_options_that_only_it_has(negbuild: Negbuild) -> None:
    for name in source_names():
        done = negbuild("sources", name)
        source = find_source(name)
        assert done.out.startswith(f"{name}: {source.summary.strip()}")
        for option in source.options:
            assert f"--option {option.name}=...: {option.summary}" in done.out
    assert negbuild("sources", "flickrr").code == 2


def test_a_check_asks_one_small_question_of_each(negbuild: Negbuild, openverse: dict[str, str], server: Any) -> None:  # noqa: ANN401
    done = negbuild("sources", "--check", "openverse", "samples", "flickr", "--json", env=openverse)
    states = {one["name"]: (one["works"], one["found"]) for one in done.json}
    assert done.code == 0
    assert states == {"openverse": (True, "works"), "samples": (None, ""), "flickr": (None, "")}
    assert sum(server.asked.values()) == 1


@pytest.mark.parametrize(
    ("body", "status", "verdict"),
    [
        (b'{"page_count": 1, "results": []}', 200, "found nothing"),
        (b"<html>new form</html>", 200, "page form changed"),
        (b"{}", 403, "blocked"),
        (b"{}", 401, "key refused"),
        (b'{"detail": "Expected available in 3600 seconds."}', 429, "quota used up"),
        (b"", 0, "unreachable"),
    ],
)
def test_a_check_says_what_is_wrong_and_exits_with_4(
    negbuild: Negbuild,
    openverse: dict[str, str],
    server: Server,
    reply: Replies,
    body: bytes,
    status: int,
    verdict: str,
) -> None:
    server.routes["/v1/images/"] = reply(body, status)
    done = negbuild("sources", "--check", "openverse", "samples", env=openverse)
    assert done.code == 4
    assert done.err.splitlines()[-1] == (
        "negbuild: openverse: failed the check, as the table says; use another --source meanwhile"
    )
    (line,) = (line for line in done.out.splitlines() if line.startswith("openverse"))
    assert verdict in line


def test_ctrl_c_ends_a_check_though_a_service_hangs(
    openverse: dict[str, str], server: Server, reply: Replies, environment: Callable[..., Any], tmp_path: Path
) -> None:
    server.routes["/v1/images/"] = reply(b"{}", delay=60)
    checking = subprocess.Popen(
        [sys.executable, "-m", "negbuild", "sources", "--check", "openverse"],
        cwd=tmp_path,
        env=environment(**openverse),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while server.asked["/v1/images/"] == 0:
        time.sleep(0.02)
    checking.send_signal(signal.SIGINT)
    began = time.monotonic()
    try:
        _, said = checking.communicate(timeout=10)
    finally:
        checking.kill()
    assert time.monotonic() - began < 3
    assert (checking.returncode, said.count("Traceback")) == (130, 0), said
