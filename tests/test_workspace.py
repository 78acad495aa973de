"""The folder of a project: made once, never made of somebody else's folder, and its settings found in their order."""

import os
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from negbuild.errors import UsageError
from negbuild.model import Role
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder; None stands for a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


def test_a_second_init_changes_nothing_and_says_so(negbuild: Negbuild, tmp_path: Path) -> None:
    first = negbuild("init", "hotdogs")
    assert (first.code, first.out) == (0, "hotdogs: a new workspace\n")
    (tmp_path / "hotdogs" / "negbuild.toml").write_text('contact = "me"\n')
    before = contents(tmp_path)
    assert {"hotdogs/catalog.sqlite", "hotdogs/images", "hotdogs/negbuild.toml"} <= before.keys()
    again = negbuild("init", "hotdogs")
    assert (again.code, again.out) == (0, "hotdogs: is a workspace already\n")
    assert contents(tmp_path) == before


def test_a_workspace_goes_into_a_folder_that_holds_other_things(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert Workspace(tmp_path).make()
    assert Workspace(tmp_path).exists
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("killed_after", ["images/incoming", "negbuild.toml", "catalog.lock", "catalog.sqlite"])
def test_a_killed_init_is_finished_by_the_next_one(tmp_path: Path, killed_after: str) -> None:
    whole, half = tmp_path / "whole", tmp_path / "half"
    Workspace(whole).make()
    (half / "images" / "incoming").mkdir(parents=True)
    for name in ("negbuild.toml", "catalog.lock", "catalog.sqlite"):
        if killed_after == "images/incoming":
            break
        (half / name).touch()  # SQLite makes an empty file first
        if name == killed_after:
            break
    Workspace(half).make()
    with Workspace(half).writing() as catalog:
        assert catalog.counts() == []
    assert contents(half).keys() == contents(whole).keys()


def _pictures(here: Path) -> None:
    (here / "images").mkdir()
    (here / "images" / "mine.jpg").write_text("mine")


def _foreign_catalog(here: Path) -> None:
    foreign = sqlite3.connect(here / "catalog.sqlite")
    foreign.execute("CREATE TABLE thing (name TEXT)")
    foreign.commit()
    foreign.close()


@pytest.mark.parametrize(
    ("lay", "where", "code", "line"),
    [
        (_pictures, ".", 2, "images: is not empty, and not negbuild's; run: negbuild init NEW_FOLDER"),
        (_foreign_catalog, ".", 1, "catalog.sqlite: not a negbuild catalog; choose another folder"),
        (lambda here: (here / "images").touch(), ".", 2, "images/incoming: cannot be made (Not a directory)"),
        (lambda here: (here / "file").touch(), "file", 2, "file: is a file; choose a folder"),
        (lambda here: (here / "file").touch(), "file/x", 2, "file/x: cannot be made (Not a directory)"),
        (lambda here: (here / "file").touch(), "file/x/y", 2, "file/x/y: cannot be made (Not a directory)"),
        (lambda here: (here / "link").symlink_to("gone"), "link", 2, "link: cannot be made (File exists)"),
    ],
)
def test_what_cannot_be_a_workspace_is_left_as_it_was(
    negbuild: Negbuild, tmp_path: Path, lay: Callable[[Path], object], where: str, code: int, line: str
) -> None:
    lay(tmp_path)
    before = contents(tmp_path)
    done = negbuild("init", where)
    assert (done.code, done.out, done.err) == (code, "", f"negbuild: {line}\n")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", ["init", "status", "dedup", "split"])
def test_an_emptied_catalog_beside_pictures_is_not_begun_anew(
    negbuild: Negbuild, tmp_path: Path, command: str, photo: Callable[..., bytes]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(photo(1))
    assert negbuild("add", "photos", "--category", "street", "--role", "unknown").code == 0
    os.truncate(tmp_path / "catalog.sqlite", 0)
    before = contents(tmp_path)
    done = negbuild(command)
    told = "catalog.sqlite: is empty, and images/ is not; put back a copy of it, or start in a new folder"
    assert (done.code, done.out, done.err) == (1, "", f"negbuild: {told}\n")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", ["status", "dedup", "split"])
@pytest.mark.parametrize("where", ["nowhere", "empty", "file", "file/x"])
def test_only_a_workspace_is_worked_on(negbuild: Negbuild, tmp_path: Path, command: str, where: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    before = contents(tmp_path)
    done = negbuild(command, "--workspace", where)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"negbuild: {where}: not a negbuild workspace; run: negbuild init {where}\n"
    assert contents(tmp_path) == before


@pytest.fixture
def read_only(disk: Callable[[str], Path]) -> Path:
    """Mount a file system that nobody may write to, with a workspace on it."""
    folder = disk("size=4m")
    Workspace(folder / "project").make()
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    return folder


@pytest.mark.parametrize(
    "command", ["init {}/new", "add photos --role known -w {}/new", "dedup -w {}/project", "split -w {}/project"]
)
def test_a_folder_that_cannot_be_written_to_is_told_in_one_line(
    negbuild: Negbuild, tmp_path: Path, read_only: Path, command: str
) -> None:
    (tmp_path / "photos").mkdir()
    done = negbuild(*command.format(read_only).split())
    assert done.code in {1, 2}
    assert done.err.startswith(f"negbuild: {read_only}/")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("written", "environment", "expected"),
    [
        ("", None, ""),
        ('ratio = "60/20/20"', None, "60/20/20"),
        ('ratio = "60/20/20"', "80/10/10", "80/10/10"),
        ('ratio = "60/20/20"', "", ""),
        ("ratio = 7", None, "7"),
        ('\ufeffratio = "60/20/20"', None, "60/20/20"),
        ('# ratio = "60/20/20"', None, ""),
    ],
)
def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, environment: str | None, expected: str
) -> None:
    monkeypatch.delenv("NEGBUILD_RATIO", raising=False)
    if environment is not None:
        monkeypatch.setenv("NEGBUILD_RATIO", environment)
    (tmp_path / "negbuild.toml").write_text(written)
    assert Workspace(tmp_path).setting("ratio") == expected


def test_a_setting_of_a_workspace_without_the_file_is_empty(tmp_path: Path) -> None:
    assert Workspace(tmp_path).setting("contact") == ""


def test_the_file_that_init_writes_sets_nothing(tmp_path: Path) -> None:
    Workspace(tmp_path).make()
    assert [Workspace(tmp_path).setting(name) for name in ("contact", "ratio")] == ["", ""]


def _no_toml(file: Path) -> None:
    file.write_text("ratio =")


def _no_text(file: Path) -> None:
    file.write_bytes(b'contact = "\xff"')


@pytest.mark.parametrize("lay", [_no_toml, _no_text, Path.mkdir])
def test_settings_that_cannot_be_read_are_told(tmp_path: Path, lay: Callable[[Path], object]) -> None:
    lay(tmp_path / "negbuild.toml")
    with pytest.raises(UsageError, match=r"negbuild\.toml: cannot be read \(.+\)$"):
        Workspace(tmp_path).setting("ratio")


@pytest.mark.parametrize("command", ["split", "crawl --source picsum"])
def test_a_broken_file_of_settings_stops_a_command_before_it_does_anything(
    negbuild: Negbuild, tmp_path: Path, command: str
) -> None:
    Workspace(tmp_path).make()
    (tmp_path / "negbuild.toml").write_text("ratio = ?\n")
    before = contents(tmp_path)
    done = negbuild(*command.split())
    assert (done.code, done.out) == (2, "")
    assert done.err == "negbuild: negbuild.toml: cannot be read (Invalid value (at line 1, column 9))\n"
    assert contents(tmp_path) == before


def test_the_workspace_is_the_option_else_the_variable_else_the_current_folder(
    negbuild: Negbuild, tmp_path: Path
) -> None:
    for name in ("option", "variable"):
        Workspace(tmp_path / name).make()
        with Workspace(tmp_path / name).writing() as catalog:
            catalog.declare(name, Role.KNOWN)
    env = {"NEGBUILD_WORKSPACE": "variable"}

    def seen(*arguments: str, env: dict[str, str]) -> list[str]:
        return [one["name"] for one in negbuild("status", "--json", *arguments, env=env).json["categories"]]

    assert seen("--workspace", "option", env=env) == ["option"]
    assert seen(env=env) == ["variable"]
    assert negbuild("status").err == "negbuild: .: not a negbuild workspace; run: negbuild init .\n"
