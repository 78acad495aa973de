"""Arrivals become images and skips; fingerprints of another version are made anew; what the store lost comes back."""

import hashlib
import pickle
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from negbuild import neighbours, stretches
from negbuild.errors import CatalogError, PictureLost
from negbuild.fingerprint import grids
from negbuild.intake import Arrival, Intake
from negbuild.model import Candidate, Role, Skip, SkipReason
from negbuild.picture import Inspection, inspect
from negbuild.store import Store
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
Server = Any
Reply = Any


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
    name = f"{stored.stem} (photos, {(tmp_path / 'photos' / '1.jpg').as_uri()})"
    stored.write_bytes(photo(1)[:-500])
    rows(tmp_path, "UPDATE fingerprints SET version = 'older'")
    done = negbuild("dedup")
    assert (done.code, done.err) == (
        1,
        f"negbuild: picture {name}: is damaged in the store (truncated); delete images/{stored.stem[:2]}/"
        f"{stored.stem}.*, then run negbuild add on a folder that has it, or put images/ back from a copy\n",
    )
    stored.unlink()
    done = negbuild("dedup")
    assert (done.code, done.err) == (
        1,
        f"negbuild: picture {name}: is lost from the store; run negbuild add on a folder that has it, or put images/ "
        "back from a copy\n",
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


# --- what the store has lost comes back with its bytes


def in_store(root: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes of every file in the store, and when it was written."""
    files = [path for path in (root / "images").rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


EVERYTHING = "SELECT * FROM candidates ORDER BY id"


@pytest.fixture
def held(negbuild: Negbuild, photo: Photo, tmp_path: Path) -> Path:
    """Make a workspace of 12 photographs; give the file in the store of one that dedup looks at, as it has a copy."""
    (tmp_path / "photos").mkdir()
    for number in range(11):
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(photo(number))
    (tmp_path / "photos" / "7 again.png").write_bytes(photo(7, kind="PNG"))
    assert negbuild("add", "photos", "--role", "known").code == 0
    sha256 = hashlib.sha256(photo(7)).hexdigest()
    return tmp_path / "images" / sha256[:2] / f"{sha256}.jpg"


def lose(file: Path) -> None:
    file.unlink()


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-500])


def empty_store(file: Path) -> None:
    shutil.rmtree(file.parent.parent)


@pytest.mark.parametrize("damage", [lose, truncate, empty_store])
@pytest.mark.parametrize("again", ["the same folder", "a copy of it", "an archive"])
def test_what_is_lost_comes_back_when_it_is_added_again(
    negbuild: Negbuild, held: Path, tmp_path: Path, damage: Callable[[Path], None], again: str
) -> None:
    before, recorded = in_store(tmp_path), rows(tmp_path, EVERYTHING)
    damage(held)
    rows(tmp_path, "DELETE FROM sketches")  # so that every picture is looked at
    lost = negbuild("dedup")
    assert (lost.code, "negbuild add on a folder that has it" in lost.err) == (1, True)

    if again == "a copy of it":
        shutil.copytree(tmp_path / "photos", tmp_path / "copy")
    if again == "an archive":
        shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "photos")
    path = {"a copy of it": "copy", "an archive": "packed.zip"}.get(again, "photos")
    done = negbuild("add", path, "--category", "photos", "--role", "known")
    assert (done.code, "0 of them new" in done.out) == (0, True)
    told = r"^negbuild: (\d+) pictures? that (?:was|were) lost from the store or damaged in it: written again$"
    assert sum(map(int, re.findall(told, done.err, re.MULTILINE))) == (12 if damage is empty_store else 1)

    now = in_store(tmp_path)
    assert {name: seen[0] for name, seen in now.items()} == {name: seen[0] for name, seen in before.items()}
    written = {name for name in now if now[name] != before[name]}
    assert written == (now.keys() if damage is empty_store else {held.relative_to(tmp_path).as_posix()})
    assert rows(tmp_path, EVERYTHING)[:12] == recorded
    assert len(rows(tmp_path, EVERYTHING)) == (12 if path == "photos" else 24)
    assert negbuild("dedup").code == 0
    done = negbuild("add", path, "--category", "photos", "--role", "known")
    assert (done.code, "written again" in done.err) == (0, False)
    assert in_store(tmp_path) == now


def test_a_file_that_only_looks_whole_comes_back_as_it_is_said(negbuild: Negbuild, held: Path, tmp_path: Path) -> None:
    whole = held.read_bytes()
    held.write_bytes(bytes(len(whole)))
    rows(tmp_path, "DELETE FROM sketches")
    assert f"delete images/{held.parent.name}/{held.stem}.*, then run negbuild add" in negbuild("dedup").err
    held.unlink()
    assert negbuild("add", "photos", "--role", "known").code == 0
    assert held.read_bytes() == whole
    assert negbuild("dedup").code == 0


def test_split_names_what_is_lost_and_goes_on_once_it_is_there_again(
    negbuild: Negbuild, photo: Photo, held: Path, tmp_path: Path
) -> None:
    (tmp_path / "street").mkdir()
    for number in range(100, 110):
        (tmp_path / "street" / f"{number}.jpg").write_bytes(photo(number))
    assert negbuild("add", "street", "--role", "unknown").code == 0
    truncate(held)
    assert f"picture {held.stem} (photos, file://" in negbuild("split").err
    held.unlink()
    lost = negbuild("split")
    assert (lost.code, f"picture {held.stem} (photos, file://" in lost.err) == (1, True)
    assert "is lost from the store; run negbuild add" in lost.err
    assert negbuild("add", "photos", "--role", "known").code == 0
    assert negbuild("split").code == 0
    assert negbuild("verify", "dataset").code == 0


def test_a_lost_picture_comes_back_though_its_fingerprint_is_of_another_version(
    negbuild: Negbuild, held: Path, tmp_path: Path
) -> None:
    found = negbuild("dedup", "--json").json
    rows(tmp_path, "UPDATE fingerprints SET version = 'older'")
    held.unlink()
    assert negbuild("dedup").code == 1
    assert negbuild("add", "photos", "--role", "known").code == 0
    assert negbuild("dedup", "--json").json == found


def test_what_does_not_bring_a_lost_picture_back_is_told_and_changes_no_row(
    negbuild: Negbuild, held: Path, tmp_path: Path
) -> None:
    recorded = rows(tmp_path, EVERYTHING)
    held.unlink()
    done = negbuild("add", "photos", "--role", "known", "--min-size", 300)
    assert f"picture {held.stem}: stays lost from the store: file://" in done.err
    assert done.err.splitlines()[0].endswith(".jpg: under the minimum side")
    assert not held.exists()
    assert rows(tmp_path, EVERYTHING) == recorded
    assert negbuild("add", "photos", "--role", "known").code == 0
    assert held.exists()


def test_a_crawl_that_meets_the_bytes_or_the_address_again_brings_a_lost_picture_back(
    negbuild: Negbuild, photo: Photo, tmp_path: Path, server: Server, reply: Reply
) -> None:
    for name in ("first", "second"):
        server.routes[f"/{name}.jpg"] = reply(photo(1))
        (tmp_path / f"{name}.txt").write_text(f"{server.url}/{name}.jpg\n")

    def crawl(name: str, category: str) -> None:
        order = ("crawl", "-s", "urls", "--path", f"{name}.txt", "--category", category, "-n", 1, "--allow-private")
        assert negbuild(*order).code in {0, 3}

    crawl("first", "street")
    (stored,) = (tmp_path / "images").glob("??/*.jpg")
    for name, category in (("second", "street"), ("first", "road")):
        stored.unlink()
        crawl(name, category)
        assert stored.read_bytes() == photo(1)
    asked = dict(server.asked)
    crawl("first", "lane")  # it is held: nobody is asked
    assert {name: number for name, number in server.asked.items() if "jpg" in name} == {
        name: number for name, number in asked.items() if "jpg" in name
    }
    assert len(rows(tmp_path, "SELECT * FROM images")) == 1
    assert rows(tmp_path, "SELECT category FROM candidates WHERE reason IS NULL") == [("street",)]


def arrival(data: bytes, name: str) -> Arrival:
    inspection = inspect(data)
    assert isinstance(inspection, Inspection)
    candidate = Candidate("folder", name, f"file:///{name}.jpg", category="dog")
    return Arrival(candidate, inspection.image, data, grids(inspection.thumbnail))


def test_a_run_that_is_killed_while_it_writes_a_lost_picture_again_loses_nothing(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    workspace.make()
    with workspace.writing() as catalog:
        catalog.declare("dog", Role.UNKNOWN)
        Intake(catalog, workspace.store).settle([arrival(photo(1), "1")], "")
    (stored,) = (tmp_path / "images").glob("??/*.jpg")
    truncate(stored)
    half = stored.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with workspace.writing() as catalog, monkeypatch.context() as patch:
        intake = Intake(catalog, workspace.store)
        patch.setattr(Store, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            intake.settle([arrival(photo(1), "copy"), arrival(photo(2), "2")], "")
    assert stored.read_bytes() == half  # a file is replaced by a whole one, in one step
    with workspace.writing() as catalog:
        assert len(catalog.images()) == 2
    assert stored.read_bytes() == photo(1)
    assert list((tmp_path / "images" / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    "lost", [PictureLost("ab"), PictureLost("ab", "flat"), PictureLost("ab", "", "dog, file:///a")]
)
def test_a_lost_picture_is_told_of_by_another_process_too(lost: PictureLost) -> None:
    assert str(pickle.loads(pickle.dumps(lost))) == str(lost)
