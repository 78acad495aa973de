"""What the help texts, the README and the examples say can be done, is done here."""

import csv
import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import click
import pytest

import negbuild as package
from negbuild.cli import cli
from negbuild.manifest import read_manifest
from negbuild.model import NEGATIVE_CLASS, Role

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


class Server(Protocol):
    url: str
    routes: dict[str, Any]


def example_lines() -> list[str]:
    lines = []
    for command in cli.commands.values():
        _, _, examples = (command.help or "").partition("Example:\n")
        found = [line.strip() for line in examples.splitlines() if line.strip()]
        assert found, f"{command.name} has no example"
        lines += found
    return lines


@pytest.fixture
def services(server: Server, photo: Callable[..., bytes], reply: Callable[..., Any]) -> dict[str, str]:
    """Serve enough pictures for every example."""

    def picture(number: int) -> Callable[..., Any]:
        return lambda _query, _before: reply(photo(number, (96, 80)))

    for number in range(1400):  # the second half for any other query
        server.routes[f"/photos/{number}.jpg"] = picture(number)
        server.routes[f"/id/{number}/96/80.jpg"] = picture(5000 + number)

    def search(query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        first = (int(query["page"]) - 1) * 20 + 700 * (query["q"] != "street food")
        records = [
            {"id": str(number), "url": f"{server.url}/photos/{number}.jpg", "license": "cc0"}
            for number in range(first, first + 20)
        ]
        return reply(json.dumps({"page_count": 20, "results": records}).encode())

    def listed(query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        first = (int(query["page"]) - 1) * 100
        records = [
            {"id": str(number), "author": "A", "width": 96, "height": 80, "url": "https://unsplash.com/1"}
            for number in range(first, min(700, first + 100))
        ]
        return reply(json.dumps(records).encode())

    server.routes |= {"/v1/images/": search, "/v2/list": listed}
    return {"NEGBUILD_OPENVERSE_URL": server.url, "NEGBUILD_PICSUM_URL": server.url}


def predict(dataset: Path, predictions: Path) -> None:
    """Write what a classifier might say of a dataset: surest of what is known, less sure of what it never saw."""
    rows = read_manifest(dataset)
    known = sorted({row.class_name for row in rows} - {NEGATIVE_CLASS})
    sure = {Role.KNOWN: 0.9, Role.UNKNOWN: 0.1, Role.UNSEEN: 0.5}
    with predictions.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(
            [["file", *known]]
            + [
                [row.file, *(sure[Role(row.role)] * (name in {row.class_name, known[0]}) for name in known)]
                for row in rows
            ]
        )


def test_every_example_of_the_help_runs(
    negbuild: Callable[..., Any],
    reviewing: Callable[..., Any],
    services: dict[str, str],
    photo: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    for folder, first in (("photos", 10_000), ("dogs", 20_000), ("testset", 30_000)):
        (tmp_path / folder).mkdir()
        for number in range(12):
            (tmp_path / folder / f"{number}.jpg").write_bytes(photo(first + number))
    assert negbuild("add", "dogs", "--category", "dog", "--role", "unseen").code == 0
    for line in example_lines():
        program, *arguments = shlex.split(line)
        assert program == "negbuild"
        if arguments[0] == "crawl":
            arguments.append("--allow-private")
        if arguments[0] == "evaluate":
            predict(tmp_path / "dataset", tmp_path / "predictions.csv")
        if arguments[0] == "review":  # goes on until it is ended
            done = reviewing(*arguments[1:], env={"BROWSER": "true"}).end()
        else:
            done = negbuild(*arguments, env=services)
        assert done.code == 0, f"{line}: {done.err}"


def test_every_command_and_option_is_documented() -> None:
    commands = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name, command in cli.commands.items():
        assert f"[`negbuild {name}`](docs/commands.md#negbuild-{name})" in README
        section = commands.partition(f"## negbuild {name}\n")[2].partition("## ")[0]
        assert section, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help
                assert parameter.opts[0] in section


def test_the_first_ten_lines_say_what_it_is_and_for_whom() -> None:
    head = " ".join(README.splitlines()[:11])
    for words in ("builds the other half of the dataset", "Keras and PyTorch", "It is for people with"):
        assert words in head


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)|src=\"([^\"]+)\"", page.read_text(encoding="utf-8"))
    for target in (one or other for one, other in targets):
        assert "://" in target or "{" in target or (page.parent / target).is_file(), target  # { is code of the page's


def test_the_example_from_python_builds_a_verified_dataset(tmp_path: Path) -> None:
    script = ROOT / "examples" / "from_python.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path / "project"], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "verified"
    assert (tmp_path / "project" / "dataset" / "manifest.csv").is_file()


def test_the_demo_goes_the_whole_way_and_again(negbuild: Callable[..., Any], tmp_path: Path) -> None:
    first = negbuild("demo", timeout=60)
    assert first.code == 0, first.err
    for words in (
        "├── train/",
        "└── unseen/",
        "pairs of twins",
        "certificate: no two compared pictures in different splits are within 16 bits",
        "Now with your own photos:",
    ):
        assert words in first.out
    assert "broken" not in first.out
    tree = {path: path.read_bytes() for path in (tmp_path / "negbuild-demo" / "dataset").rglob("*") if path.is_file()}
    assert negbuild("demo", timeout=60).code == 0
    assert tree == {path: path.read_bytes() for path in tree}


def test_the_public_names_are_those_of_all() -> None:
    for name in package.__all__:
        home = getattr(package, name).__module__
        assert home.startswith("negbuild.")
        assert getattr(importlib.import_module(home), name) is getattr(package, name)
    with pytest.raises(AttributeError, match="has no attribute 'crawll'"):
        _ = package.crawll
