"""Dedup that is interrupted or killed: the catalog stays whole, and the next run comes to the same."""

import io
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
SIZE = (128, 96)
PICTURES = 300  # more than one batch of 256

STOPPED = """\
import os, sys
from negbuild import cli
from negbuild.catalog import Catalog
place, how = sys.argv[1], int(sys.argv[2])
batches = []
confirm, run = Catalog.confirm, cli.run
def confirmed(catalog, *given, **options):
    batches.append(given)
    if place == "within" and len(batches) == 2:
        write = catalog._file.run
        def half(sql, *rows):
            write(sql, *rows)
            if "refused" in sql:  # the last of its statements
                os.kill(os.getpid(), how)
        catalog._file.run = half
    confirm(catalog, *given, **options)
    if place == "after":
        os.kill(os.getpid(), how)
Catalog.confirm = confirmed
cli.main(["dedup"])
"""
"""Stops `negbuild dedup` after the first batch was confirmed, or within the transaction of the second one."""


@pytest.fixture(scope="module")
def project(photo: Photo, environment: Callable[..., dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a workspace whose copies lie in both batches, and across them; copy it before you use it."""
    root = tmp_path_factory.mktemp("dedup")
    (root / "photos").mkdir()
    for number in range(PICTURES):
        data = photo(number % 250, SIZE)
        if number >= 250:
            with Image.open(io.BytesIO(data)) as image:
                buffer = io.BytesIO()
                image.crop((3, 2, 125, 94)).save(buffer, "JPEG", quality=80)
                data = buffer.getvalue()
        (root / "photos" / f"{number:03}.jpg").write_bytes(data)
    subprocess.run(
        [sys.executable, "-m", "negbuild", "add", "photos", "--role", "known", "-w", "work"],
        cwd=root,
        env=environment(),
        capture_output=True,
        check=True,
    )
    return root / "work"


def rows(work: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(work / "catalog.sqlite")) as catalog:
        return catalog.execute(sql).fetchall()


def found(work: Path) -> dict[str, list[Any]]:
    """All that dedup writes."""
    tables = ("pairs", "confirmed", "refused", "drops", "sketches", "fingerprints")
    return {table: sorted(rows(work, f"SELECT * FROM {table}")) for table in tables}


@pytest.fixture(scope="module")
def whole(project: Path, environment: Callable[..., dict[str, str]]) -> Path:
    """Run dedup to its end, elsewhere."""
    work = shutil.copytree(project, project.with_name("whole"))
    command = [sys.executable, "-m", "negbuild", "dedup", "-w", str(work)]
    subprocess.run(command, env=environment(), capture_output=True, check=True)
    return work


@pytest.mark.parametrize(
    ("how", "place"), [(signal.SIGINT, "after"), (signal.SIGKILL, "after"), (signal.SIGKILL, "within")]
)
def test_dedup_that_is_stopped_goes_on_and_comes_to_the_same(
    negbuild: Negbuild,
    project: Path,
    whole: Path,
    tmp_path: Path,
    environment: Callable[..., dict[str, str]],
    how: signal.Signals,
    place: str,
) -> None:
    work = shutil.copytree(project, tmp_path / "work")
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, place, str(int(how))],
        cwd=work,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if how is signal.SIGINT:
        assert (done.returncode, done.stdout) == (130, "")
        assert done.stderr.strip() == "negbuild: interrupted; run the same command again to go on"
    else:
        assert done.returncode == -signal.SIGKILL
    assert rows(work, "PRAGMA integrity_check") == [("ok",)]
    assert rows(work, "SELECT count(*) FROM confirmed") == [(256,)]
    half, all_of_it = found(work), found(whole)
    assert set(half["confirmed"]) < set(all_of_it["confirmed"])
    first = {sha256 for sha256, *_ in half["confirmed"]}
    looked_at = [pair for pair in half["pairs"] if pair[5]]
    assert looked_at == [pair for pair in all_of_it["pairs"] if {pair[0], pair[1]} <= first]
    assert 0 < len(looked_at) < len(all_of_it["pairs"])
    assert half["drops"] == []

    again = negbuild("dedup", "--json", "-w", work)
    assert again.code == 0
    assert found(work) == all_of_it
    assert len(again.json["dropped"]) == PICTURES - 250
