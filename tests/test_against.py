"""What is kept out by the real command line: copies of a test set enter no split, and never count for a crawl."""

import csv
import io
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from negbuild import protection
from negbuild.alignment import JOIN_RADIUS
from negbuild.catalog import Catalog
from negbuild.fingerprint import VERSION, fingerprints, grids
from negbuild.looks import VERSION as SKETCHES
from negbuild.neighbours import between
from negbuild.picture import Inspection, inspect
from negbuild.protection import keep_out
from negbuild.workers import Workers

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
SIZE = (320, 240)


def mirrored(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return encoded(ImageOps.mirror(image))


def cropped(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        across, down = image.width // 14, image.height // 14
        return encoded(image.crop((across, down, image.width - across, image.height - down)))


def encoded(image: Image.Image, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=60)
    return buffer.getvalue()


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def manifest(tmp_path: Path) -> set[str]:
    with (tmp_path / "dataset" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return {row["title"] for row in csv.DictReader(file)}


def execute(tmp_path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog, catalog:
        return catalog.execute(sql).fetchall()


@pytest.fixture
def project(tmp_path: Path, photo: Photo, negbuild: Negbuild) -> Path:
    """A workspace of 10 known and 20 unknown pictures, and a test set with copies of four of them, and one stranger."""
    fill(tmp_path / "hotdog", {f"h{seed}.jpg": photo(seed, SIZE) for seed in range(10)})
    fill(tmp_path / "street", {f"s{seed}.jpg": photo(seed, SIZE) for seed in range(100, 120)})
    files = {
        "hotdog/mirror.jpg": mirrored(photo(3, SIZE)),
        "hotdog/crop.jpg": cropped(photo(4, SIZE)),
        "other/crop.jpg": mirrored(cropped(photo(105, SIZE))),
        "other/same.jpg": photo(106, SIZE),
        "other/stranger.jpg": photo(999, SIZE),
        "other/broken.jpg": photo(998, SIZE)[:2000],
        "other/flat.jpg": encoded(Image.new("L", SIZE, 128)),
    }
    fill(tmp_path / "testset", files)
    assert negbuild("add", "hotdog", "--category", "hotdog", "--role", "known").code == 0
    assert negbuild("add", "street", "--category", "street", "--role", "unknown").code == 0
    return tmp_path


def test_copies_of_a_test_set_are_kept_out_of_both_halves_of_a_dataset(project: Path, negbuild: Negbuild) -> None:
    told = negbuild("dedup", "--against", "testset", "--list")
    assert (told.code, told.err) == (0, "next: negbuild split\n")
    lines = told.out.splitlines()[2:]
    assert lines[:2] == [
        f"kept out: 5 pictures of {project / 'testset'}: 4 pictures held are copies of one, and in no split",
        "1 file of what is to be kept out cannot be read as a picture",
    ]
    assert [line.split()[:2] for line in lines[4:]] == [
        ["hotdog/h3.jpg", "testset/hotdog/mirror.jpg"],
        ["hotdog/h4.jpg", "testset/hotdog/crop.jpg"],
        ["street/s105.jpg", "testset/other/crop.jpg"],
        ["street/s106.jpg", "testset/other/same.jpg"],
    ]
    assert min(int(lines[place].split()[-1]) for place in (5, 6)) > 16  # only their pixels tell
    done = negbuild("split", "--json")
    assert done.json["omitted"] == {"a copy of a picture kept out": 4}
    assert manifest(project) == {
        *(f"h{seed}.jpg" for seed in range(10) if seed not in {3, 4}),
        *(f"s{seed}.jpg" for seed in range(100, 120) if seed not in {105, 106}),
    }
    assert negbuild("verify", "dataset").code == 0
    status = negbuild("status").out.splitlines()
    assert "kept out: 5 pictures of 1 place; 4 pictures held are copies of one" in status


def test_the_protection_holds_for_what_comes_later_and_needs_the_folder_no_more(
    project: Path, negbuild: Negbuild, photo: Photo
) -> None:
    assert negbuild("dedup", "--against", "testset").code == 0
    shutil.rmtree(project / "testset")
    files = {"new.jpg": cropped(photo(999, SIZE)), **{f"n{seed}.jpg": photo(seed, SIZE) for seed in range(200, 205)}}
    fill(project / "more", files)
    assert negbuild("add", "more", "--category", "street", "--role", "unknown").code == 0
    assert negbuild("split", "--json").json["omitted"] == {"a copy of a picture kept out": 5}
    assert manifest(project) >= {"n200.jpg", "n204.jpg"}
    assert "new.jpg" not in manifest(project)


def test_a_copy_of_what_is_kept_out_never_counts_for_a_crawl(project: Path, negbuild: Negbuild, photo: Photo) -> None:
    assert negbuild("dedup", "--against", "testset").code == 0
    files = {f"a{seed}.jpg": photo(seed, SIZE) for seed in range(200, 206)}
    files |= {"0.jpg": mirrored(photo(999, SIZE)), "1.jpg": photo(106, SIZE), "2.jpg": encoded(small(photo(105, SIZE)))}
    fill(project / "web", files)
    done = negbuild("crawl", "-s", "folder", "--path", "web", "-n", 6, "--category", "web", "--json")
    assert (done.code, done.json["unique"], done.json["copies"]) == (0, 6, 2)
    # What only its pixels tell is found out by dedup, and brought anew.
    assert execute(project, "SELECT count(*) FROM guarded WHERE reason = ''") == [(1,)]
    again = negbuild("crawl", "-s", "folder", "--path", "web", "-n", 7, "--category", "web", "--json")
    assert (again.code, again.json["unique"]) == (3, 6)


def small(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.resize((160, 120))


def test_what_was_looked_at_once_is_not_looked_at_again(project: Path, negbuild: Negbuild, photo: Photo) -> None:
    first = negbuild("dedup", "--against", "testset", "--json").json
    for file in (project / "images").rglob("*.*"):
        file.unlink()  # nothing can be looked at any more
    again = negbuild("dedup", "--against", "testset", "--json")
    assert (again.code, again.json) == (0, first)
    fill(project / "newer", {"new.jpg": photo(997, SIZE)})  # near none of what is held
    more = negbuild("dedup", "--against", "newer", "--json").json
    assert more["guards"] == {str(project / "testset"): 5, str(project / "newer"): 1}
    assert more["kept_out"] == first["kept_out"]
    assert execute(project, "SELECT DISTINCT guard FROM guard_checks") == [(6,)]
    assert execute(project, "SELECT count(*) FROM guard_sketches") == [(6,)]  # made as its bytes were read


def test_fingerprints_of_an_older_negbuild_are_made_anew_without_the_folder(project: Path, negbuild: Negbuild) -> None:
    first = negbuild("dedup", "--against", "testset", "--json").json
    shutil.rmtree(project / "testset")
    execute(project, "UPDATE guards SET version = 'older', codes = zeroblob(192), texture = 0")
    execute(project, "DELETE FROM guarded")
    execute(project, "UPDATE guard_checks SET version = 'older'")
    assert negbuild("dedup", "--json").json["kept_out"] == first["kept_out"]
    assert execute(project, "SELECT DISTINCT version FROM guards") == [(VERSION,)]


def test_processes_keep_out_what_this_one_keeps_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = []
    for number, patience in enumerate((0, 1000)):
        monkeypatch.setattr(protection, "Workers", partial(Workers, patience))
        with closing(Catalog(project / f"{number}.sqlite")) as catalog:
            assert keep_out(catalog, project / "testset") == 1
            thumbnails = [catalog.guard_thumbnail(guard.number) for guard in catalog.guards(VERSION)]
            tables.append((catalog.guards(VERSION), thumbnails, catalog.guard_sketches(SKETCHES)))
    assert tables[0] == tables[1]
    assert len(tables[0][2]) == 5


def test_sketches_of_what_is_kept_out_are_made_once(project: Path, negbuild: Negbuild, photo: Photo) -> None:
    first = negbuild("dedup", "--against", "testset", "--json").json
    execute(project, "UPDATE guards SET thumbnail = x''")  # of which none can be made any more
    alike = [photo(seed, SIZE) for seed in (407, 580)]
    stranger, *prints = fingerprints([grids(thumbnail(data)) for data in (photo(999, SIZE), *alike)])
    assert [near.newer for near in between(prints, [stranger], JOIN_RADIUS)] == [0, 1]
    fill(project / "alike", {f"{place}.jpg": data for place, data in enumerate(alike)})
    assert negbuild("add", "alike", "--category", "alike", "--role", "unknown").code == 0
    again = negbuild("dedup", "--json")
    assert (again.code, again.json["images"], again.json["kept_out"]) == (0, 32, first["kept_out"])


def thumbnail(data: bytes) -> Image.Image:
    inspection = inspect(data)
    assert isinstance(inspection, Inspection)
    return inspection.thumbnail


def test_sketches_of_an_older_negbuild_are_made_anew_where_they_are_needed(project: Path, negbuild: Negbuild) -> None:
    first = negbuild("dedup", "--against", "testset", "--json").json
    sketches = execute(project, "SELECT * FROM guard_sketches ORDER BY guard")
    assert len(sketches) == 5
    execute(project, "UPDATE guard_sketches SET version = 'older', rough = x''")
    execute(project, "DELETE FROM sketches")
    execute(project, "DELETE FROM guard_checks")
    assert negbuild("dedup", "--json").json["kept_out"] == first["kept_out"]
    anew = execute(project, "SELECT * FROM guard_sketches WHERE version <> 'older' ORDER BY guard")
    assert 4 <= len(anew) <= 5
    assert set(anew) <= set(sketches)
    assert execute(project, "SELECT count(*) >= 4 FROM sketches") == [(1,)]


def test_what_was_kept_out_can_be_let_in_again(project: Path, negbuild: Negbuild) -> None:
    assert negbuild("dedup", "--against", "testset").code == 0
    shutil.rmtree(project / "testset")
    done = negbuild("dedup", "--forget-against", "testset")
    line = f"{project / 'testset'}: 5 pictures kept out no more, 4 held are free for splits\n"
    assert (done.code, done.out, done.err) == (0, line, "next: negbuild dedup\n")
    fill(project / "one", {"same.jpg": (project / "hotdog" / "h1.jpg").read_bytes()})
    assert negbuild("dedup", "--against", "one").code == 0
    line = f"{project / 'one'}: 1 picture kept out no more, 1 held is free for splits\n"
    assert negbuild("dedup", "--forget-against", "one").out == line
    assert negbuild("split", "--json").json["omitted"] == {}
    assert execute(project, "SELECT (SELECT count(*) FROM guarded), (SELECT count(*) FROM guard_sketches)") == [(0, 0)]


def test_what_two_places_keep_out_stays_out_while_one_of_them_does(
    project: Path, negbuild: Negbuild, photo: Photo
) -> None:
    plain = Image.linear_gradient("L").resize(SIZE).point(lambda level: 120 + level // 25)  # only its pixels tell
    fill(project / "plain", {"plain.png": encoded(plain, "PNG")})
    assert negbuild("add", "plain", "--category", "street", "--role", "unknown", "--json").json["unique"] == 1
    crop, brighter = cropped(photo(105, SIZE)), encoded(enlarged(photo(106, SIZE)))
    fill(project / "one", {"mirror.jpg": mirrored(photo(3, SIZE)), "crop.jpg": crop, "larger.jpg": brighter})
    fill(
        project / "two", {"same.jpg": mirrored(photo(3, SIZE)), "crop.jpg": crop + b"\0", "other.jpg": photo(106, SIZE)}
    )
    fill(project / "one", {"plain.bmp": encoded(plain.convert("RGB"), "BMP")})
    fill(project / "two", {"plain.bmp": encoded(plain.convert("RGB"), "BMP") + b"\0"})
    for place, other in ("one", "two"), ("two", "one"):
        assert len(negbuild("dedup", "--against", place, "--against", other, "--json").json["kept_out"]) == 4
        done = negbuild("dedup", "--forget-against", place)
        assert done.out == f"{project / place}: 4 pictures kept out no more, 0 held are free for splits\n"
        assert {one["place"] for one in negbuild("dedup", "--json").json["kept_out"]} == {str(project / other)}
        assert negbuild("split", "--json").json["omitted"] == {"a copy of a picture kept out": 4}
        done = negbuild("dedup", "--forget-against", other)
        assert done.out == f"{project / other}: 4 pictures kept out no more, 4 held are free for splits\n"


def test_names_that_are_no_text_are_kept_out_too(project: Path, negbuild: Negbuild, photo: Photo) -> None:
    folder = project / "old\udcff"  # as file systems of before UTF-8 have them
    fill(folder, {"caf\udce9.jpg": mirrored(photo(3, SIZE))})
    done = negbuild("dedup", "--against", folder, "--list")
    assert done.code == 0
    assert f"kept out: 1 picture of {project}/old\\udcff: 1 picture held is a copy of one" in done.out
    assert "old\\udcff/caf\\udce9.jpg" in done.out.splitlines()[-1]
    assert negbuild("dedup", "--against", folder, "--json").json["guards"] == {f"{project}/old\\udcff": 1}
    assert negbuild("dedup", "--forget-against", folder).code == 0
    fill(folder, {"another.jpg": photo(500, SIZE)})
    assert negbuild("add", folder, "--category", "old", "--role", "unknown", "--json").json["unique"] == 1


@pytest.mark.usefixtures("project")
def test_putting_copies_back_does_not_let_in_what_is_kept_out(negbuild: Negbuild) -> None:
    assert negbuild("dedup", "--against", "testset").code == 0
    assert negbuild("dedup", "--undo").code == 0
    assert negbuild("split", "--json").json["omitted"] == {"a copy of a picture kept out": 4}


def test_a_copy_of_an_image_kept_out_is_no_copy_of_one_in_use(project: Path, negbuild: Negbuild, photo: Photo) -> None:
    larger = encoded(enlarged(photo(106, SIZE)))  # better than what is kept out, of which it is a copy too
    fill(project / "more", {"large.jpg": larger, "other.jpg": photo(300, SIZE)})
    assert negbuild("add", "more", "--category", "street", "--role", "unknown").code == 0
    done = negbuild("dedup", "--against", "testset", "--json").json
    assert {one["title"] for one in done["kept_out"]} == {"h3.jpg", "h4.jpg", "s105.jpg", "s106.jpg", "large.jpg"}
    assert done["dropped"] == []


def enlarged(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.resize((640, 480), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--against", "nowhere"), "negbuild: nowhere: no such file or folder\n"),
        (
            ("--against", "empty"),
            "negbuild: empty: holds no picture to keep out; choose a folder or archive of pictures\n",
        ),
        (
            ("--against", "texts"),
            "negbuild: texts: holds no picture to keep out; choose a folder or archive of pictures\n",
        ),
        (
            ("--against", "images"),
            "negbuild: images: holds this workspace's own pictures; choose the folder of another dataset\n",
        ),
        *(
            (
                ("--against", "testset", "--against", place),
                f"negbuild: {place}: holds this workspace's own pictures; choose the folder of another dataset\n",
            )
            for place in (".", "..", "images/incoming", "cache", "street/../images/..")
        ),
        (("--against", "testset", "--against", "nowhere"), "negbuild: nowhere: no such file or folder\n"),
        (
            ("--against", "testset", "--against", "texts"),
            "negbuild: texts: holds no picture to keep out; choose a folder or archive of pictures\n",
        ),
        (
            ("--forget-against", "nowhere"),
            "negbuild: nowhere: is not kept out (nothing is kept out); run: negbuild dedup --list\n",
        ),
        (
            ("street", "--against", "hotdog"),
            "negbuild dedup: --against is for the pictures of a workspace; leave PATH out; "
            "run: negbuild dedup --help\n",
        ),
        (
            ("--undo", "--against", "hotdog"),
            "negbuild dedup: --undo, --against and --forget-against exclude each other; give one of them; "
            "run: negbuild dedup --help\n",
        ),
    ],
)
def test_what_cannot_be_kept_out_is_an_error_with_a_next_step(
    project: Path, negbuild: Negbuild, arguments: tuple[str, ...], message: str
) -> None:
    (project / "empty").mkdir()
    fill(project / "texts", {"a.jpg": b"not a picture", "b.txt": b"a note"})
    done = negbuild("dedup", *arguments)
    assert (done.code, done.out, done.err) == (2, "", message)
    assert execute(project, "SELECT count(*) FROM guards") == [(0,)]


def test_what_was_kept_out_before_stays_where_another_place_cannot_be(project: Path, negbuild: Negbuild) -> None:
    assert negbuild("dedup", "--against", "testset").code == 0
    fill(project / "texts", {"a.jpg": b"not a picture"})
    assert negbuild("dedup", "--against", "testset", "--against", "street", "--against", "texts").code == 2
    assert negbuild("dedup", "--against", "street", "--against", "texts/a.jpg").code == 2  # no archive either
    assert negbuild("dedup", "--json").json["guards"] == {str(project / "testset"): 5}


def test_pictures_on_another_disk_are_still_those_of_the_workspace(project: Path, negbuild: Negbuild) -> None:
    (project / "disk").mkdir()
    (project / "images").rename(project / "disk" / "pictures")
    (project / "images").symlink_to(project / "disk" / "pictures")
    for place in ("disk", "disk/pictures", "images", "."):
        done = negbuild("dedup", "--against", place)
        message = f"negbuild: {place}: holds this workspace's own pictures; choose the folder of another dataset\n"
        assert (done.code, done.err) == (2, message)
