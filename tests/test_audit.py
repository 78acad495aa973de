"""`negbuild dedup PATH`: copies and leaks in anybody's folder, through the real command line, and nothing changed."""

import io
import random
import re
import zipfile
from collections.abc import Callable
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from negbuild.album import Album, read_album
from negbuild.errors import NegbuildError
from negbuild.keepers import equals
from negbuild.model import Pair
from negbuild.split_folders import places
from negbuild.stages.audit import twins_of
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
        "data: 20 pictures, 4 pairs of twins (2 same bytes, 2 same pixels)",
        "leaks: 3 pairs across splits; pictures with a twin in another: 3 of 13 in train, 3 of 7 in test",
        "labels: 1 pair of twins in folders of different names",
        "not compared 1: 1 truncated",
    ]
    assert lines[4].endswith("leak, other label)")
    assert all("test/" in line and "train/" in line for line in lines[4:7])
    assert any("mirror, " in line for line in lines[4:7])
    assert "twice.jpg = train/dog/2.jpg (0 bits apart)" in lines[7]
    assert lines[8:10] == ["", "bits apart  copies  others"]
    assert re.fullmatch(r"copies reach \d+ bits(, other pictures begin at \d+: .*)?", lines[-1])
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
    lines = done.out.splitlines()
    assert lines[:2] == [
        "photos: 15 pictures, 14 pairs of twins (14 same bytes)",
        "splits: none recognised, so nothing is said of leaks; a folder names one as train, training, trainval, valid, "
        "val, validation, dev, test, testing, eval, evaluation, unseen, holdout, also with more after it: train2017, "
        "test-dev",
    ]
    assert lines[12:] == [
        "  and 4 more; add --list for all",
        "",
        "bits apart  copies  others",
        "0-7             14       -",
        "copies reach 0 bits",
    ]
    assert "leaks:" not in done.out
    assert len(negbuild("dedup", "photos", "--list").out.splitlines()) == 20


LEAKING = [
    ("ds/train/dog/1.jpg", "ds/test/dog/1.jpg", "train", "test"),
    ("images/train/1.jpg", "images/val/1.jpg", "train", "valid"),
    ("train/images/1.jpg", "valid/images/1.jpg", "train", "valid"),
    ("train2017/1.jpg", "val2017/1.jpg", "train", "valid"),
    ("Training_Set/dog/1.jpg", "TEST-dev/dog/1.jpg", "train", "test"),
    ("val_2017/dog/1.jpg", "test2017/dog/1.jpg", "valid", "test"),
    ("dog/train/1.jpg", "dog/holdout/1.jpg", "train", "unseen"),
    ("train/test/1.jpg", "val/test/1.jpg", "train", "valid"),
    ("test_data/train/dog/1.jpg", "test_data/valid/dog/1.jpg", "train", "valid"),
]


@pytest.mark.parametrize(("one", "other", "split", "other_split"), LEAKING)
@pytest.mark.parametrize("packed", [False, True])
def test_splits_are_recognised_as_tools_lay_them_out(
    negbuild: Negbuild,
    tmp_path: Path,
    photo: Photo,
    one: str,
    other: str,
    split: str,
    other_split: str,
    *,
    packed: bool,
) -> None:
    path = lay(tmp_path, {one: photo(1), other: altered(photo(1), ImageOps.mirror)}, packed=packed)
    done = negbuild("dedup", path)
    assert done.out.splitlines()[1] == (
        f"leaks: 1 pair across splits; pictures with a twin in another: 1 of 1 in {split}, 1 of 1 in {other_split}"
    )
    assert "label" not in done.out
    found = negbuild("dedup", path, "--json").json
    assert found["leaked"] == found["splits"] == {split: 1, other_split: 1}


def lay(tmp_path: Path, files: dict[str, bytes], *, packed: bool = False) -> str:
    with zipfile.ZipFile(tmp_path / "theirs.zip", "w") as archive:
        for name, data in files.items():
            (tmp_path / "theirs" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "theirs" / name).write_bytes(data)
            archive.writestr(name, data)
    return "theirs.zip" if packed else "theirs"


@pytest.mark.parametrize(
    ("one", "other", "recognised"),
    [
        ("trains/1.jpg", "testaments/1.jpg", "none"),
        ("valley/1.jpg", "devices/1.jpg", "none"),
        ("dog/train.jpg", "dog/test.jpg", "none"),  # files, no folders
        ("train/test/1.jpg", "train/dog/1.jpg", "only train"),
        ("photos/train/1.jpg", "photos/plane/1.jpg", "only train"),  # a class, most likely
    ],
)
def test_what_is_no_split_leaks_nothing(
    negbuild: Negbuild, tmp_path: Path, photo: Photo, one: str, other: str, recognised: str
) -> None:
    lines = negbuild("dedup", lay(tmp_path, {one: photo(1), other: photo(1)})).out.splitlines()
    assert lines[0] == "theirs: 2 pictures, 1 pair of twins (1 same bytes)"
    assert lines[1].startswith(f"splits: {recognised} recognised, so nothing is said of leaks; a folder names one as ")
    assert not [line for line in lines if "leaks:" in line or ", leak" in line]


def test_pictures_beside_the_splits_are_counted(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    files = {"train/dog/1.jpg": photo(1), "test/dog/2.jpg": photo(2), "extra/dog/1.jpg": photo(1)}
    lines = negbuild("dedup", lay(tmp_path, files)).out.splitlines()
    assert lines[1].startswith("leaks: 0 pairs across splits; ")
    assert lines[2].startswith("splits: 1 picture in none that is recognised; a folder names one as train, ")


def test_a_picture_may_train_in_one_fold_and_test_in_another(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    files = {"fold1/train/1.jpg": photo(1), "fold_2/test/1.jpg": photo(1), "fold1/test/2.jpg": photo(2)}
    assert negbuild("dedup", lay(tmp_path, files), "--json").json["leaked"] == {}
    files["fold1/valid/1.jpg"] = photo(1)
    assert negbuild("dedup", lay(tmp_path, files), "--json").json["leaked"] == {"train": 1, "valid": 1}


def test_pairs_are_counted_by_reason_and_distance(
    negbuild: Negbuild, dataset: dict[str, bytes], tmp_path: Path
) -> None:
    with Image.open(io.BytesIO(dataset["train/cat/11.jpg"])) as image:
        image.save(tmp_path / "data" / "train" / "cat" / "equal.bmp")  # the same pixels, and other bytes
    found = negbuild("dedup", "data", "--json").json
    reasons = {Path(pair["other"]).name: pair["reason"].partition(":")[0] for pair in found["twins"]}
    reasons |= {Path(pair["one"]).name: pair["reason"].partition(":")[0] for pair in found["twins"]}
    assert reasons["twice.jpg"] == reasons["equal.jpg"] == "same bytes"
    assert reasons["mirrored.jpg"] == reasons["equal.bmp"] == "same pixels"
    assert found["reasons"] == {"same pixels": 3, "same bytes": 2}
    assert sum(found["distances"].values()) == len(found["twins"]) == 5
    assert found["distances"]["0"] >= 3
    assert sum(found["others"].values()) > 0


@pytest.mark.parametrize("arguments", [(), ("--hash", "phash")])
def test_a_place_without_a_picture_is_an_error_and_one_with_unreadable_ones_is_not(
    negbuild: Negbuild, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "note.txt").write_bytes(b"no picture")
    done = negbuild("dedup", "notes", *arguments)
    message = "negbuild: notes: holds no picture to compare; choose a folder or archive of pictures\n"
    assert (done.code, done.out, done.err) == (2, "", message)
    (tmp_path / "notes" / "broken.jpg").write_bytes(b"no picture")
    done = negbuild("dedup", "notes", *arguments)
    assert (done.code, done.err) == (0, "")
    assert "not compared 1: 1 not an image" in done.out.splitlines()


def test_one_bit_is_one_bit(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    (tmp_path / "data").mkdir()
    for number in range(20):
        data = photo(number)
        (tmp_path / "data" / f"{number}.jpg").write_bytes(data)
        (tmp_path / "data" / f"small_{number}.jpg").write_bytes(altered(data, lambda image: image.resize((120, 90))))
    for pair in negbuild("dedup", "data", "--json").json["twins"]:
        if pair["distance"] != 1:
            (tmp_path / "data" / pair["other"]).unlink()
    lines = negbuild("dedup", "data", "--list").out.splitlines()
    pairs = [line for line in lines if " = " in line]
    assert pairs
    assert all(line.endswith("(1 bit apart)") for line in pairs)
    assert lines[-1].startswith("copies reach 1 bit")
    assert not lines[-1].startswith("copies reach 1 bits")


def test_a_dataset_of_ours_has_none(negbuild: Negbuild) -> None:
    assert negbuild("demo").code == 0
    found = negbuild("dedup", "negbuild-demo/dataset", "--json").json
    assert found["leaked"] == {}
    assert not [one for one in found["twins"] if one["leak"]]
    assert found["splits"]["unseen"] > 0


def test_what_is_not_there_is_one_line(negbuild: Negbuild) -> None:
    done = negbuild("dedup", "nowhere")
    assert (done.code, done.err) == (2, "negbuild: nowhere: no such file or folder\n")


def test_one_copy_is_put_back_as_one(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(photo(1))
    (tmp_path / "photos" / "2.jpg").write_bytes(photo(1, quality=50))
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    assert negbuild("dedup").code == 0
    assert negbuild("dedup", "--undo").out == "1 copy put back; `negbuild dedup` sets it aside again\n"


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
    assert negbuild("dedup", "--undo").out == "no copy was set aside\n"
    both = negbuild("dedup", "photos", "--undo")
    assert (both.code, both.err) == (
        2,
        "negbuild dedup: --undo is for the pictures of a workspace; leave PATH out; run: negbuild dedup --help\n",
    )


@pytest.mark.parametrize("held", [False, True])
def test_names_that_are_no_text_are_listed_so_that_one_can_read_them(
    negbuild: Negbuild, tmp_path: Path, photo: Photo, *, held: bool
) -> None:
    shown = {"a\nb": "a\\nb", "\x1b[2J": "\\x1b[2J", "\u202egpj": "\\u202egpj", "热狗\u3000🌭": "热狗\u3000🌭"}
    if not held:  # the catalog holds text alone
        shown["\udcff"] = "\\udcff"
    (tmp_path / "photos").mkdir()
    for quality, name in enumerate(shown, 80):
        (tmp_path / "photos" / f"{name}.jpg").write_bytes(photo(1, quality=quality))
    if held:
        assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    # As in most places; where the locale is C, Python writes anything.
    done = negbuild("dedup", *(() if held else ("photos",)), "--list", env={"PYTHONIOENCODING": "utf-8:strict"})
    assert done.code == 0
    assert [name for name in shown.values() if f"{name}.jpg" not in done.out] == []


@pytest.mark.parametrize("arguments", [("--undo",), ("--forget-against", "photos")])
def test_a_list_of_what_is_undone_is_refused(
    negbuild: Negbuild, tmp_path: Path, photo: Photo, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(photo(1))
    (tmp_path / "photos" / "2.jpg").write_bytes(altered(photo(1), lambda image: image.resize((120, 90))))
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    assert len(negbuild("dedup", "--json").json["dropped"]) == 1
    done = negbuild("dedup", *arguments, "--list")
    message = f"negbuild dedup: {arguments[0]} and --list exclude each other; give one of them; "
    assert (done.code, done.out, done.err) == (2, "", f"{message}run: negbuild dedup --help\n")
    assert negbuild("status", "--json").json["categories"][0]["copies"] == 1  # nothing was put back


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


def test_every_picture_that_leaks_is_counted_and_in_a_pair_that_says_so(
    tmp_path: Path, photo: Photo, negbuild: Negbuild
) -> None:
    smaller = altered(photo(2), lambda image: image.resize((120, 90)))
    files = {f"test/dog/{number}.jpg": photo(1) for number in range(3)} | {"train/dog/x.jpg": photo(1)}
    files |= {"train/dog/1.jpg": photo(2), "train/dog/2.jpg": photo(2), "test/dog/small.jpg": smaller}
    found = negbuild("dedup", lay(tmp_path, files), "--json").json
    assert found["leaked"] == found["splits"] == {"train": 3, "test": 4}
    leaks = [pair for pair in found["twins"] if pair["leak"]]
    assert {name for pair in leaks for name in (pair["one"], pair["other"])} == files.keys()


@pytest.mark.parametrize("seed", range(200))
def test_what_leaks_does_not_hang_on_the_names_of_files(seed: int) -> None:
    draw = random.Random(seed)
    album = Album()
    for key in "abcdef"[: draw.randint(2, 6)]:
        folders = draw.choices(["train", "test", "unseen", "extra", "fold1/train", "fold1/test"], k=draw.randint(1, 3))
        album.names[key] = [f"{folder}/dog/{key}{number}.jpg" for number, folder in enumerate(folders)]
    pairs = [
        Pair(older, newer, draw.choice([0, 5]), 0, twins=True)
        for older, newer in combinations(album.names, 2)
        if draw.random() < 0.4
    ]
    where = places([name for same in album.names.values() for name in same])
    told = list(twins_of(album, pairs, where))
    alike = equals(album.names, pairs)
    near = {frozenset((alike[pair.older], alike[pair.newer])) for pair in pairs} | {frozenset((key,)) for key in alike}
    of = {name: alike[key] for key, same in album.names.items() for name in same}
    twins = [(one, other) for one, other in combinations(of, 2) if frozenset((of[one], of[other])) in near]
    leaks = [(one, other) for one, other in twins if where[one].leaks_to(where[other])]
    assert {name for pair in told if pair.leak for name in (pair.one, pair.other)} == {*chain(*leaks)}
    assert {name for pair in told for name in (pair.one, pair.other)} == {*chain(*twins)}
    assert len({frozenset((pair.one, pair.other)) for pair in told}) == len(told)


def test_copies_of_one_name_are_told_apart(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    small = altered(photo(1), lambda image: image.resize((120, 90)))
    for place, data in (("a/one/img.jpg", photo(1)), ("b/one/img.jpg", small), ("b/two/1.jpg", photo(2))):
        (tmp_path / "photos" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / place).write_bytes(data)
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("img.jpg", altered(photo(1), lambda image: image.resize((100, 75))))
        archive.writestr("2.jpg", altered(photo(2), lambda image: image.resize((100, 75))))
    for path in ("photos", "more.zip"):
        assert negbuild("add", path, "--category", "dog", "--role", "known").code == 0
    listed = negbuild("dedup", "--list").out.splitlines()[-3:]
    packed = f"dog/{tmp_path.name}/more.zip/img.jpg"
    assert {tuple(line.split()[:2]) for line in listed} == {
        ("dog/b/one/img.jpg", "dog/a/one/img.jpg"),
        (packed, "dog/a/one/img.jpg"),
        ("dog/2.jpg", "dog/1.jpg"),
    }


def test_what_lies_behind_links_is_compared_as_loaders_read_it(
    negbuild: Negbuild, tmp_path: Path, photo: Photo
) -> None:
    lay(tmp_path, {"disk/a/dog/1.jpg": photo(1), "disk/b/dog/2.jpg": photo(1), "data/train/cat/3.jpg": photo(3)})
    data = tmp_path / "theirs" / "data"
    (data / "train" / "dog").symlink_to("../../disk/a/dog")
    (data / "test").symlink_to(tmp_path / "theirs" / "disk" / "b")
    for name, target in (("self", "."), ("up", ".."), ("train/cat/again", "../../train"), ("gone", "nowhere")):
        (data / name).symlink_to(target)
    (tmp_path / "theirs" / "disk" / "b" / "back").symlink_to(data)  # within itself only behind another link
    found = negbuild("dedup", data, "--json").json
    assert found["splits"] == {"train": 2, "test": 1}
    assert [(pair["one"], pair["other"], pair["leak"]) for pair in found["twins"]] == [
        ("test/dog/2.jpg", "train/dog/1.jpg", True)
    ]


def test_what_lies_behind_links_is_kept_out(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    lay(tmp_path, {"photos/1.jpg": photo(1), "photos/2.jpg": photo(2), "disk/copy.jpg": photo(1)})
    (tmp_path / "testset").mkdir()
    (tmp_path / "testset" / "dog").symlink_to("../theirs/disk")
    assert negbuild("add", "theirs/photos", "--category", "dog", "--role", "known").code == 0
    (kept,) = negbuild("dedup", "--against", "testset", "--json").json["kept_out"]
    assert (kept["title"], kept["name"]) == ("1.jpg", "dog/copy.jpg")
