"""`negbuild dedup PATH`: copies and leaks in anybody's folder, through the real command line, and nothing changed."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from negbuild.album import Album, read_album
from negbuild.errors import NegbuildError
from negbuild.workers import Workers

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]


def altered(data: bytes, alter: Callable[[Image.Image], Image.Image]) -> bytes:
    buffer = io.BytesIO()
    alter(Image.open(io.BytesIO(data))).convert("RGB").save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


@pytest.fixture
def dataset(tmp_path: Path, photo: Photo) -> dict[str, bytes]:
    """Somebody's ImageFolder, with three pictures of the test in the training set."""
    files = {f"train/dog/{number}.jpg": photo(number) for number in range(6)}
    files |= {f"train/cat/{number}.jpg": photo(number) for number in range(10, 16)}
    files |= {f"test/dog/{number}.jpg": photo(number) for number in range(20, 24)}
    files["test/dog/equal.jpg"] = files["train/dog/0.jpg"]
    files["test/dog/mirrored.jpg"] = altered(files["train/dog/1.jpg"], ImageOps.mirror)
    files["test/dog/other.jpg"] = altered(files["train/cat/10.jpg"], lambda image: image.resize((120, 90)))
    files["train/dog/twice.jpg"] = files["train/dog/2.jpg"]
    files["train/dog/note.txt"] = b"no picture"
    files["train/dog/broken.jpg"] = photo(1)[:500]
    for name, data in files.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(data)
    return files


def test_what_leaks_is_named_first_and_nothing_is_changed(
    negbuild: Negbuild, dataset: dict[str, bytes], tmp_path: Path
) -> None:
    done = negbuild("dedup", "data")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[:4] == [
        "data: 20 pictures, 4 pairs of twins",
        "leaks: 3 pairs across splits; pictures with a twin in another: 3 of 13 in train, 3 of 7 in test",
        "labels: 1 pair of twins in folders of different names",
        "not compared 1: 1 truncated",
    ]
    assert lines[4].endswith("leak, other label)")
    assert all("test/" in line and "train/" in line for line in lines[4:7])
    assert any("mirror, " in line for line in lines[4:7])
    assert "twice.jpg = train/dog/2.jpg (0 bits apart)" in lines[7]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path / "data").as_posix(): path.read_bytes() for path in files} == dataset


def test_an_archive_is_told_the_same(negbuild: Negbuild, dataset: dict[str, bytes], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for name, data in dataset.items():
            archive.writestr(name, data)
    folder, packed = (negbuild("dedup", place, "--json").json for place in ("data", "data.zip"))
    assert {frozenset((one["one"], one["other"])) for one in folder["twins"]} == {
        frozenset((one["one"], one["other"])) for one in packed["twins"]
    }
    assert folder["leaked"] == packed["leaked"] == {"train": 3, "test": 3}


def test_a_folder_without_splits_has_twins_and_no_leaks(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(15):
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(photo(1))
    done = negbuild("dedup", "photos")
    assert done.out.splitlines()[0] == "photos: 15 pictures, 14 pairs of twins"
    assert done.out.splitlines()[-1] == "  and 4 more; add --list for all"
    assert "leak" not in done.out
    assert len(negbuild("dedup", "photos", "--list").out.splitlines()) == 15


def test_a_dataset_of_ours_has_none(negbuild: Negbuild) -> None:
    assert negbuild("demo").code == 0
    found = negbuild("dedup", "negbuild-demo/dataset", "--json").json
    assert found["leaked"] == {}
    assert not [one for one in found["twins"] if one["leak"]]
    assert found["splits"]["unseen"] > 0


def test_what_is_not_there_is_one_line(negbuild: Negbuild) -> None:
    done = negbuild("dedup", "nowhere")
    assert (done.code, done.err) == (2, "negbuild: nowhere: no such file or folder\n")


def test_copies_are_listed_put_back_and_set_aside_again(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(6):
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(photo(number))
        smaller = altered(photo(number), lambda image: image.resize((120, 90)))
        (tmp_path / "photos" / f"{number}_small.jpg").write_bytes(smaller)
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    listed = negbuild("dedup", "--list")
    assert "6 copies set aside" in listed.out
    assert [line.split()[:2] for line in listed.out.splitlines()[-6:]] == [
        [f"dog/{number}_small.jpg", f"dog/{number}.jpg"] for number in range(6)
    ]
    first = negbuild("dedup", "--json").json
    assert len(first["dropped"]) == 6
    undone = negbuild("dedup", "--undo")
    assert undone.out == "6 copies put back; `negbuild dedup` sets them aside again\n"
    assert negbuild("status", "--json").json["categories"][0]["copies"] == 0
    assert negbuild("dedup", "--json").json == first
    assert negbuild("dedup", "--undo", "--json").json == {"put_back": 6}
    both = negbuild("dedup", "photos", "--undo")
    assert (both.code, both.err) == (
        2,
        "negbuild dedup: --undo is for the pictures of a workspace; leave PATH out; run: negbuild dedup --help\n",
    )


def test_processes_read_what_this_one_reads(dataset: dict[str, bytes], tmp_path: Path) -> None:
    def seen(album: Album) -> tuple[object, ...]:
        return album.names, album.prints, album.skips, album.sketches

    with Workers(0) as workers:
        album = read_album(tmp_path / "data", call=workers.call)
        assert seen(album) == seen(read_album(tmp_path / "data"))
        assert sum(map(len, album.names.values())) == len(dataset) - 2
        for sha256 in album.names:
            assert (album.look_of(sha256, workers.call).grey == album.look_of(sha256).grey).all()


def test_a_picture_that_changes_meanwhile_is_told(dataset: dict[str, bytes], tmp_path: Path) -> None:
    album = read_album(tmp_path / "data")
    name, changed = "test/dog/20.jpg", dataset["test/dog/21.jpg"]
    (tmp_path / "data" / name).write_bytes(changed)
    sha256 = next(sha256 for sha256, names in album.names.items() if name in names)
    with pytest.raises(NegbuildError, match=rf"^{name}: has changed while it was looked at; run the command again$"):
        album.look_of(sha256)


def test_a_pair_is_named_once_though_one_of_it_has_equals(tmp_path: Path, photo: Photo, negbuild: Negbuild) -> None:
    with Image.open(io.BytesIO(photo(1, (320, 240)))) as image:
        image.save(tmp_path / "a.jpg", quality=85)
        image.resize((200, 150)).save(tmp_path / "b.jpg", quality=60)
        image.save(tmp_path / "c.jpg", quality=85, comment=b"the same pixels, and other bytes")
    found = negbuild("dedup", str(tmp_path), "--json").json["twins"]
    assert sorted(tuple(sorted((pair["one"], pair["other"]))) for pair in found) == [
        ("a.jpg", "b.jpg"),
        ("a.jpg", "c.jpg"),
    ]
