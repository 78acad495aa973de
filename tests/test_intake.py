"""Arrivals become images and skips; fingerprints of another version are made anew."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from negbuild import neighbours, stretches
from negbuild.errors import CatalogError
from negbuild.fingerprint import grids
from negbuild.intake import Arrival, Intake
from negbuild.model import Candidate, Role, Skip, SkipReason
from negbuild.picture import Inspection, inspect
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]


def rows(root: Path, sql: str) -> list[Any]:
    catalog = sqlite3.connect(root / "catalog.sqlite")
    try:
        found = catalog.execute(sql).fetchall()
        catalog.commit()
    finally:
        catalog.close()
    return found


def test_fingerprints_of_another_version_are_made_anew_with_their_pairs(
    negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(6):
        (photos / f"{number}.jpg").write_bytes(photo(number))
        (photos / f"{number} again.png").write_bytes(photo(number, kind="PNG"))
    (photos / "small.jpg").write_bytes(photo(100, (40, 30)))
    film = [Image.open(photos / f"{number}.jpg").convert("P") for number in (3, 4)]
    film[0].save(photos / "film.gif", save_all=True, append_images=film[1:])
    assert negbuild("add", "photos", "--role", "known", "--min-size", 20, "--first-frame").code == 0
    everything = "SELECT sha256, version, codes, texture FROM fingerprints ORDER BY sha256"
    first = negbuild("dedup", "--json").json
    prints, pairs = rows(tmp_path, everything), rows(tmp_path, "SELECT * FROM pairs ORDER BY older, newer")
    assert (len(prints), len(pairs)) == (14, 7)

    rows(tmp_path, "UPDATE fingerprints SET version = 'older', codes = zeroblob(192)")
    rows(tmp_path, "DELETE FROM pairs")
    assert negbuild("dedup", "--json").json == first
    assert rows(tmp_path, everything) == prints
    assert rows(tmp_path, "SELECT * FROM pairs ORDER BY older, newer") == pairs


def test_a_picture_that_was_damaged_in_the_store_or_lost_is_told_when_it_is_needed(
    negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(photo(1))
    negbuild("add", "photos", "--role", "known")
    (stored,) = (tmp_path / "images").glob("??/*.jpg")
    stored.write_bytes(photo(1)[:-500])
    rows(tmp_path, "UPDATE fingerprints SET version = 'older'")
    done = negbuild("dedup")
    assert (done.code, done.err) == (
        1,
        f"negbuild: picture {stored.stem}: is damaged in the store; put images/ back from a copy\n",
    )
    stored.unlink()
    done = negbuild("dedup")
    assert (done.code, done.err) == (
        1,
        f"negbuild: picture {stored.stem}: is lost from the store; put images/ back from a copy\n",
    )


def test_what_arrives_without_a_picture_is_no_longer_expected(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def way(comparisons: int) -> neighbours.Compare:
        asked.append(comparisons)
        return stretches.compare

    monkeypatch.setattr(neighbours, "_way_to_compare", way)
    workspace = Workspace(tmp_path)
    workspace.make()

    def arrival(number: int) -> Arrival:
        candidate = Candidate("folder", str(number), f"file:///{number}.jpg", category="dog")
        if number < 90:
            return Arrival(candidate, Skip(SkipReason.NOT_AN_IMAGE))
        inspection = inspect(photo(number))
        assert isinstance(inspection, Inspection)
        return Arrival(candidate, inspection.image, photo(number), grids(inspection.thumbnail))

    with workspace.writing() as catalog:
        catalog.declare("dog", Role.UNKNOWN)
        intake = Intake(catalog, workspace.store)
        intake.expect(100)
        intake.settle([arrival(90)], "")
        intake.settle([arrival(number) for number in (*range(90), 91)], "")
    assert max(asked) == 8 * (1 + 8), "two pictures are compared, and each of the eight that are left with the first"


def test_a_run_that_ends_before_its_rows_are_written_leaves_nothing(photo: Photo, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.make()
    inspection = inspect(photo(1))
    assert isinstance(inspection, Inspection)
    with workspace.writing() as catalog:
        catalog.declare("dog", Role.UNKNOWN)
        intake = Intake(catalog, workspace.store)
        rows(tmp_path, "DROP TABLE fingerprints")  # stands for whatever ends the transaction
        candidate = Candidate("folder", "1", "file:///1.jpg", category="dog")
        with pytest.raises(CatalogError):
            intake.settle([Arrival(candidate, inspection.image, photo(1), grids(inspection.thumbnail))], "")
    files = [path.parent.name for path in (tmp_path / "images").rglob("*.jpg")]
    assert files == ["incoming"]
    with workspace.writing() as catalog:
        assert catalog.images() == {}
    assert [path for path in (tmp_path / "images").rglob("*") if path.is_file()] == []
