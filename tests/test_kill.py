"""A hundred SIGKILLs at random moments: nothing stored is lost, nothing is stored half, nothing moves."""

import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

KILLS = 25  # of each of the four runs


class Server(Protocol):
    url: str
    routes: dict[str, Any]


class Project:
    """A workspace that is worked on by real processes."""

    def __init__(self, root: Path, env: dict[str, str]) -> None:
        self.root, self.env = root, env

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "negbuild", *arguments],
            cwd=self.root,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> float:
        """Run to the end; return the seconds it took."""
        began = time.monotonic()
        process = self.start(*arguments)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return time.monotonic() - began

    def kill(self, moment: float, *arguments: str) -> bool:
        """Start and kill after `moment` seconds; return whether it was still at work."""
        process = self.start(*arguments)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        assert process.returncode in {0, -9}
        return process.returncode == -9

    def rows(self, sql: str) -> list[Any]:
        catalog = sqlite3.connect(self.root / "catalog.sqlite")
        try:
            return catalog.execute(sql).fetchall()
        finally:
            catalog.close()

    def assignments(self) -> dict[str, str]:
        return dict(self.rows("SELECT sha256, split FROM assignments"))

    def check_at_any_moment(self) -> None:
        """True whenever nobody is at work, right after a kill included."""
        (candidates,), (images,), (skips,) = (
            self.rows(f"SELECT count(*) FROM {what}")[0]
            for what in ("candidates", "images", "candidates WHERE reason IS NOT NULL")
        )
        assert candidates == images + skips
        files = [path for path in (self.root / "images").rglob("*") if path.is_file()]
        placed = {path.stem for path in files if path.parent.name != "incoming"}
        held = {sha256 for (sha256,) in self.rows("SELECT sha256 FROM images")}
        assert placed <= held  # nothing lies in the store that the catalog does not know
        assert held <= {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}  # and nothing held is lost

    def check_store(self) -> None:
        """True after a run that came to its end."""
        self.check_at_any_moment()
        files = {path.stem: path for path in (self.root / "images").rglob("*") if path.is_file()}
        assert files.keys() == {sha256 for (sha256,) in self.rows("SELECT sha256 FROM images")}
        for sha256, path in files.items():
            assert path.parent.name == sha256[:2]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        assert self.rows("SELECT count(*) FROM fingerprints") == self.rows("SELECT count(*) FROM images")
        leftovers = [path.name for path in self.root.iterdir() if "negbuild-" in path.name]
        assert leftovers == []


class Flowers:
    """Answers every query with twenty pictures of its own, faults and copies among them."""

    def __init__(self, server: Server, photo: Callable[..., bytes], reply: Callable[..., Any]) -> None:
        self._server, self._photo, self._reply = server, photo, reply
        server.routes["/v1/images/"] = self._search

    def _search(self, query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        records = []
        for number in range(20):
            name = f"{query['q']}-{number}"
            self._server.routes[f"/{name}.jpg"] = self._picture(int(query["q"]) * 20 + number)
            records.append({"id": name, "url": f"{self._server.url}/{name}.jpg", "license": "cc0"})
        return self._reply(json.dumps({"page_count": 1, "results": records}).encode())

    def _picture(self, seed: int) -> Any:  # noqa: ANN401
        match seed % 10:
            case 3:
                return self._reply(b"", 404)
            case 4:
                return self._reply(b"<html>")
            case 5:
                return self._reply(self._photo(seed - 5))
            case 6:
                return self._reply(self._photo(seed - 5, kind="PNG"))
        return self._reply(self._photo(seed))


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_a_run_goes_on_as_if_nothing_had_been(
    seed: int,
    tmp_path: Path,
    server: Server,
    photo: Callable[..., bytes],
    reply: Callable[..., Any],
    environment: Callable[..., dict[str, str]],
) -> None:
    Flowers(server, photo, reply)
    chance = random.Random(seed)
    project = Project(tmp_path, environment(NEGBUILD_OPENVERSE_URL=server.url))
    (tmp_path / "photos").mkdir()
    for number in range(12):
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(photo(10_000 + number))
    project.run("add", "photos", "--category", "hotdog", "--role", "known")

    def command(verb: str, query: int) -> list[str]:
        wanted = ["-q", str(query), "--category", "flower", "--allow-private", "-n", "12"]
        return [verb, *wanted] if verb == "crawl" else [verb]

    seconds = {verb: project.run(*command(verb, 0)) for verb in ("crawl", "dedup", "split")}
    killed = query = 0
    while killed < KILLS:
        query += 1
        verb = chance.choice(sorted(seconds))
        before = project.assignments()
        killed += project.kill(chance.uniform(0.2, 1.05) * seconds[verb], *command(verb, query))
        project.check_at_any_moment()
        seconds[verb] = project.run(*command(verb, query))
        project.check_store()
        assert before.items() <= project.assignments().items()
    project.run("dedup")
    project.run("split")
    project.run("verify", "dataset")
