"""The source of one's own pictures: folders and archives alike, nothing outside of them, no fault unsaid."""

import io
import os
import re
import stat
import struct
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from negbuild.errors import UsageError
from negbuild.manners import Manners
from negbuild.model import Candidate, Role, Search, SkipReason
from negbuild.order import Order
from negbuild.picture import Limits
from negbuild.source import find_source
from negbuild.stages.audit import audit
from negbuild.stages.crawl import CrawlResult, crawl
from negbuild.web import Web
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
Pack = Callable[[Path, Mapping[str, bytes]], Path]

FOLDER = find_source("folder")
WEB = Web(Manners())  # these pictures are on the disk: nothing is asked


def search(path: Path) -> list[Candidate]:
    return list(FOLDER.search(Search(path=path), WEB))


def read(candidate: Candidate, max_bytes: int = 10**9) -> bytes:
    assert FOLDER.read is not None
    return FOLDER.read(candidate, max_bytes)


def add(path: Path, limits: Limits | None = None, category: str | None = "hotdog") -> CrawlResult:
    """Add to a workspace beside `path`."""
    order = Order(Search(path=path), category, Role.KNOWN, limits or Limits())
    return crawl(Workspace(path.parent / "work"), FOLDER, order)


def folder(place: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


def zipped(place: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    path = place.with_name(place.name + ".zip")
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(kind: str) -> Pack:
    def pack(place: Path, files: Mapping[str, bytes]) -> Path:
        path = place.with_name(f"{place.name}.tar{kind and '.'}{kind}")
        with tarfile.open(path, f"w:{kind}") as archive:  # type: ignore[call-overload]
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return path

    return pack


PACKS: dict[str, Pack] = {
    "folder": folder,
    "zip": zipped,
    "tar": tarred(""),
    "tar.gz": tarred("gz"),
    "tar.xz": tarred("xz"),
    "tar.bz2": tarred("bz2"),
}
ARCHIVES = {name: pack for name, pack in PACKS.items() if name != "folder"}
every_pack = pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
every_archive = pytest.mark.parametrize("pack", ARCHIVES.values(), ids=ARCHIVES)


# --- what is named


@every_pack
def test_a_folder_and_an_archive_of_it_are_the_same(tmp_path: Path, photo: Photo, pack: Pack) -> None:
    files = {"a.jpg": photo(1), "hot dogs/b.PNG": photo(2, kind="PNG"), "train/hotdog/c.jpeg": photo(3)}
    found = search(pack(tmp_path / "photos", files))
    assert [(one.title, one.category) for one in found] == [
        ("a.jpg", "photos"),
        ("b.PNG", "hot dogs"),
        ("c.jpeg", "hotdog"),
    ]
    assert [read(one) for one in found] == list(files.values())
    assert {one.source for one in found} == {"folder"}
    assert len({one.source_id for one in found}) == 3
    assert {(one.page, one.author, one.license) for one in found} == {("", "", "unknown")}


def test_each_folder_of_an_imagefolder_is_a_category(tmp_path: Path, photo: Photo) -> None:
    names = ["train/hotdog/1.jpg", "train/bun/2.jpg", "test/hotdog/3.jpg", "4.jpg", "train/animals/dog/5.jpg"]
    folder(tmp_path / "My Photos", {name: photo(number) for number, name in enumerate(names)})
    result = add(tmp_path / "My Photos", category=None)
    assert result.categories == {"hotdog": "hotdog", "bun": "bun", "My Photos": "my_photos", "dog": "dog"}
    with Workspace(tmp_path / "work").reading() as catalog:
        held = [one.category for one in catalog.images().values()]
    assert sorted(held) == ["bun", "dog", "hotdog", "hotdog", "my_photos"]


@every_pack
def test_pictures_without_a_folder_of_their_own_are_named_after_the_whole(
    tmp_path: Path, photo: Photo, pack: Pack
) -> None:
    assert [one.category for one in search(pack(tmp_path / "v1.2 of mine", {"1.jpg": photo(1)}))] == ["v1.2 of mine"]


@pytest.mark.parametrize("name", ["photos.tgz", "photos.TBZ2", "photos.data"])
def test_an_archive_is_told_by_what_is_in_it(tmp_path: Path, photo: Photo, name: str) -> None:
    packed = tarred("gz")(tmp_path / "photos", {"dog/1.jpg": photo(1)}).rename(tmp_path / name)
    assert [(one.title, one.category) for one in search(packed)] == [("1.jpg", "dog")]


def test_crawl_holds_as_many_as_are_wanted(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    folder(tmp_path / "photos", {f"dog/{number}.jpg": photo(number) for number in range(9)})
    for wanted, new in ((4, 4), (6, 2)):
        done = negbuild("crawl", "--source", "folder", "--path", "photos", "-n", wanted, "--json")
        assert (done.code, done.json["unique"], done.json["new"]) == (0, wanted, new)
    done = negbuild("crawl", "--source", "folder", "--path", "photos", "-n", 12)
    assert (done.code, 'photos": 9 of 12 pictures, there are no more' in done.err) == (3, True)
    done = negbuild("crawl", "--source", "folder")
    assert done.code == 2
    assert done.err == ("negbuild: source folder: needs a path; run: negbuild crawl --source folder --path photos\n")


@every_pack
@pytest.mark.parametrize(
    "name",
    [
        "Würstchen mit Brötchen.jpg",
        "猫/\N{HOT DOG}.jpg",
        "50% off #1.jpg",
        "what?.jpg",
        "a&b=c;d+e.jpg",
        "100%25.jpg",
        "file:x.jpg",
        "'quoted' \"twice\".jpg",
        "tab\tand\nline.jpg",
        "back\\slash.jpg",
        " spaces /in front.jpg",
        "#/%/?.jpg",
    ],
)
def test_odd_names_are_names(tmp_path: Path, photo: Photo, pack: Pack, name: str) -> None:
    files = {name: photo(1), "plain.jpg": photo(2)}
    found = {one.title: read(one) for one in search(pack(tmp_path / "odd #1 %41 ü?", files))}
    assert found == {name.rpartition("/")[2]: files[name], "plain.jpg": files["plain.jpg"]}


def test_a_name_that_is_no_utf_8_is_held_like_any_other(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    """Old disks and archives hold names in Latin-1."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, name in enumerate((b"caf\xe9.jpg", b"\xe9t\xe9/1.jpg")):
        file = Path(os.fsdecode(os.fsencode(photos) + b"/" + name))
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(photo(number))
    with tarfile.open(tmp_path / "old.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        member = tarfile.TarInfo("Brötchen.jpg")
        member.size = len(photo(2))
        archive.addfile(member, io.BytesIO(photo(2)))
    for path, unique in (("photos", 2), ("old.tar", 1)):
        done = negbuild("add", path, "--category", "hotdog", "--role", "known", "--json")
        assert done.code == 0
        assert (done.json["new"], done.json["skips"]) == (unique, {})
    assert negbuild("status", "--json").json["images"] == 3


@every_pack
def test_only_pictures_are_named_and_hidden_ones_are_not(tmp_path: Path, photo: Photo, pack: Pack) -> None:
    files = {
        "b.jpg": photo(1),
        "notes.txt": b"buy mustard",
        "archive.zip": b"PK",
        "no_ending": photo(2),
        ".hidden.jpg": photo(3),
        ".trash/1.jpg": photo(4),
        "__MACOSX/b.jpg": b"resource fork",
        "__MACOSX/._b.jpg": b"resource fork",
        "deep/.git/1.jpg": photo(5),
        "._b.jpg": b"resource fork",
        "@eaDir/b.jpg/SYNOPHOTO_THUMB_M.jpg": photo(6),
        "$RECYCLE.BIN/$R1.jpg": photo(7),
        "__c.jpg": photo(8),
        "phone.heic": b"\0\0\0\x18ftypheic",
        "drawing.svg": b"<svg/>",
    }
    path = pack(tmp_path / "photos", files)
    assert sorted(one.title for one in search(path)) == ["__c.jpg", "b.jpg", "drawing.svg", "phone.heic"]
    result = add(path)
    assert (result.unique, result.skips) == (2, {SkipReason.NOT_AN_IMAGE: 2})


def test_a_folder_below_a_hidden_one_is_read_when_it_is_asked_for(tmp_path: Path, photo: Photo) -> None:
    place = folder(tmp_path / ".cache" / "photos", {"1.jpg": photo(1)})
    assert [one.title for one in search(place)] == ["1.jpg"]


@every_pack
def test_the_order_is_that_of_the_names_or_of_the_archive(tmp_path: Path, photo: Photo, pack: Pack) -> None:
    names = ["c.jpg", "a/2.jpg", "b.jpg", "a/1.jpg"]
    path = pack(tmp_path / "photos", {name: photo(number) for number, name in enumerate(names)})
    expected = ["b.jpg", "c.jpg", "1.jpg", "2.jpg"] if path.is_dir() else ["c.jpg", "2.jpg", "b.jpg", "1.jpg"]
    assert [one.title for one in search(path)] == expected


def test_a_path_is_needed_and_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^folder: takes a path; run: negbuild add PATH"):
        list(FOLDER.search(Search(), WEB))
    with pytest.raises(UsageError, match=r"/gone: no such file or folder$"):
        search(tmp_path / "gone")


# --- nothing outside


@every_archive
def test_a_member_that_points_out_of_the_archive_is_never_read(tmp_path: Path, photo: Photo, pack: Pack) -> None:
    names = ["../x.jpg", "/abs.jpg", "a/../../x.jpg", "..", "a/..", "//host/x.jpg", "ok/1.jpg"]
    (tmp_path / "inner").mkdir()
    path = pack(tmp_path / "inner" / "photos", {name: photo(number) for number, name in enumerate(names)})
    before = sorted(tmp_path.rglob("*"))
    assert [(one.title, one.category) for one in search(path)] == [("1.jpg", "ok")]
    assert add(path).unique == 1
    made = {one.relative_to(tmp_path).parts[:2] for one in tmp_path.rglob("*") if one not in before}
    assert made == {("inner", "work")}


def test_links_in_a_tar_are_no_pictures(tmp_path: Path, photo: Photo) -> None:
    secret = folder(tmp_path / "private", {"secret.jpg": photo(1)}) / "secret.jpg"
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            member = tarfile.TarInfo(f"link{kind!r}.jpg")
            member.type, member.linkname = kind, str(secret)
            archive.addfile(member)
    assert search(tmp_path / "photos.tar") == []


def test_a_link_in_a_zip_is_the_text_that_it_is(tmp_path: Path, photo: Photo) -> None:
    secret = folder(tmp_path / "private", {"secret.jpg": photo(1)}) / "secret.jpg"
    link = zipfile.ZipInfo("link.jpg")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr(link, str(secret))
    assert add(tmp_path / "photos.zip").skips == {SkipReason.NOT_AN_IMAGE: 1}


def test_in_a_folder_links_to_files_are_read_and_links_to_folders_are_not_followed(
    tmp_path: Path, photo: Photo
) -> None:
    elsewhere = folder(tmp_path / "elsewhere", {"1.jpg": photo(1), "2.jpg": photo(2)})
    photos = folder(tmp_path / "photos", {"0.jpg": photo(0)})
    (photos / "linked.jpg").symlink_to(elsewhere / "1.jpg")
    (photos / "linked").symlink_to(elsewhere)
    (photos / "loop").symlink_to(photos)
    (photos / "dangling.jpg").symlink_to("gone")
    result = add(photos)
    assert (result.unique, result.skips) == (2, {SkipReason.UNREADABLE: 1})


def test_a_folder_inside_that_cannot_be_read_is_told(tmp_path: Path, photo: Photo) -> None:
    """Every user may read folders, except where their path is longer than the system allows."""
    photos = folder(tmp_path / "photos", {"a/1.jpg": photo(1), "z/2.jpg": photo(2)})
    deep = os.open(photos / "a", os.O_RDONLY)
    for _ in range(17):
        os.mkdir("d" * 250, dir_fd=deep)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    with pytest.raises(UsageError, match=r"cannot be read \(File name too long\)$"):
        add(photos, category=None)
    with pytest.raises(UsageError, match=r"cannot be read \(File name too long\)$"):
        audit(photos)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path, photo: Photo) -> None:
    photos = folder(tmp_path / "photos", {"1.jpg": photo(1)})
    os.mkfifo(photos / "pipe.jpg")
    (photos / "loop.jpg").symlink_to("loop.jpg")
    result = add(photos)
    assert (result.unique, result.skips) == (1, {SkipReason.UNREADABLE: 2})


@pytest.mark.parametrize("workspace", ["photos", "photos/work", "photos/deep/er", "link/work", "photos/deep/../work"])
def test_a_folder_that_holds_the_workspace_is_refused(tmp_path: Path, photo: Photo, workspace: str) -> None:
    photos = folder(tmp_path / "photos", {"1.jpg": photo(1), "deep/2.jpg": photo(2)})
    (tmp_path / "link").symlink_to("photos")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError) as caught:
        crawl(Workspace(tmp_path / workspace), FOLDER, Order(Search(path=photos), "hotdog", Role.KNOWN))
    assert str(caught.value) == f"{photos}: holds the workspace itself; move the pictures into a folder of their own"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("workspace", ["photos-work", ".", "other"])
def test_a_folder_beside_or_inside_the_workspace_is_added(tmp_path: Path, photo: Photo, workspace: str) -> None:
    order = Order(Search(path=folder(tmp_path / "photos", {"1.jpg": photo(1)})), "hotdog", Role.KNOWN)
    assert crawl(Workspace(tmp_path / workspace), FOLDER, order).unique == 1


# --- again, edited, none at all


@every_pack
def test_the_same_again_holds_nothing_new(tmp_path: Path, photo: Photo, pack: Pack) -> None:
    path = pack(tmp_path / "photos", {"1.jpg": photo(1), "2.jpg": photo(2), "again.jpg": photo(1), "3.jpg": b"<html>"})
    first = add(path)
    assert (first.unique, first.new, first.tried) == (2, 2, 4)
    assert first.skips == {SkipReason.DUPLICATE: 1, SkipReason.NOT_AN_IMAGE: 1}
    again = add(path)
    assert (again.unique, again.new, again.tried, again.skips) == (2, 0, 0, first.skips)


def test_a_file_that_was_edited_is_another_picture(tmp_path: Path, photo: Photo) -> None:
    photos = folder(tmp_path / "photos", {"1.jpg": photo(1), "2.jpg": photo(2)})
    add(photos)
    (photos / "1.jpg").write_bytes(photo(3))
    os.utime(photos / "1.jpg", (10**9, 10**9))
    result = add(photos)
    assert (result.unique, result.new, result.tried) == (3, 1, 1)
    with Workspace(tmp_path / "work").reading() as catalog:
        assert len(catalog.images()) == 3  # the one before is still held


def test_a_file_that_was_only_touched_is_the_same_picture(tmp_path: Path, photo: Photo) -> None:
    photos = folder(tmp_path / "photos", {"1.jpg": photo(1)})
    add(photos)
    os.utime(photos / "1.jpg", (10**9, 10**9))
    result = add(photos)
    assert (result.unique, result.new, result.skips) == (1, 0, {SkipReason.DUPLICATE: 1})


def test_a_picture_that_could_not_be_read_is_tried_again(tmp_path: Path, photo: Photo) -> None:
    photos = folder(tmp_path / "photos", {"1.jpg": photo(1)})
    (photos / "2.jpg").symlink_to(tmp_path / "later.jpg")
    assert add(photos).skips == {SkipReason.UNREADABLE: 1}
    (tmp_path / "later.jpg").write_bytes(photo(2))
    os.utime(tmp_path / "later.jpg", (0, 0))  # as the missing one was taken for: the same candidate
    result = add(photos)
    assert (result.unique, result.new, result.skips) == (2, 1, {})


@pytest.mark.parametrize("pack", [folder, zipped, tarred("gz")], ids=["folder", "zip", "tar.gz"])
def test_what_holds_no_pictures_is_exit_3(negbuild: Negbuild, tmp_path: Path, pack: Pack) -> None:
    path = pack(tmp_path / "nothing", {"notes.txt": b"buy mustard"})
    done = negbuild("add", path, "--category", "hotdog", "--role", "known")
    assert (done.code, done.err.splitlines()[-1]) == (3, f"negbuild: {path}: holds no pictures")


@pytest.mark.parametrize("category", [["--category", "hotdog"], []])
def test_a_folder_without_pictures_is_exit_3_beside_pictures_too(
    negbuild: Negbuild, tmp_path: Path, photo: Photo, category: list[str]
) -> None:
    folder(tmp_path / "photos", {"1.jpg": photo(1), "2.jpg": photo(2)})
    (tmp_path / "empty").mkdir()
    assert negbuild("add", "photos", "--category", "hotdog", "--role", "known").code == 0
    assert negbuild("add", "photos", "--category", "hotdog", "--role", "known").code == 0  # again: nothing new
    done = negbuild("add", "empty", "--role", "known", *category)
    assert (done.code, done.err) == (3, "negbuild: empty: holds no pictures\n")


def test_what_is_said_of_a_folder_is_of_that_folder(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    folder(tmp_path / "one", {"1.jpg": photo(1), "2.jpg": photo(2)})
    folder(tmp_path / "other", {"3.jpg": photo(3)})
    for path, count in (("one", 2), ("other", 1)):
        done = negbuild("add", path, "--category", "hotdog", "--role", "known", "--json")
        assert (done.json["unique"], done.json["new"]) == (count, count)


# --- caps


@every_pack
def test_a_file_over_the_byte_cap_is_not_read_to_its_end(tmp_path: Path, photo: Photo, pack: Pack) -> None:
    path = pack(tmp_path / "photos", {"big.jpg": bytes(5_000_000), "small.jpg": photo(1)})
    big, small = search(path)
    assert len(read(big, 1000)) == 1001
    assert read(small, 10**6) == photo(1)
    result = add(path, Limits(max_bytes=1_000_000))
    assert (result.unique, result.skips) == (1, {SkipReason.TOO_MANY_BYTES: 1})


@pytest.mark.parametrize(
    "strict", [Limits(min_side=200), Limits(max_bytes=1000), Limits(max_pixels=10_000)], ids=["side", "bytes", "pixels"]
)
def test_a_limit_that_was_loosened_since_gives_another_try(tmp_path: Path, photo: Photo, strict: Limits) -> None:
    photos = folder(tmp_path / "photos", {"1.jpg": photo(1)})
    refused = add(photos, strict)
    assert (refused.unique, sum(refused.skips.values())) == (0, 1)
    loosened = add(photos)
    assert (loosened.unique, loosened.new, loosened.skips) == (1, 1, {})


@every_archive
def test_members_are_read_in_any_order_and_by_many_at_once(tmp_path: Path, photo: Photo, pack: Pack) -> None:
    files = {f"{number}.jpg": photo(number, size=(64, 64)) * 5 for number in range(30)}
    found = search(pack(tmp_path / "photos", files))
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(read, [*reversed(found), *found]))
    assert got == [*reversed(files.values()), *files.values()]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_no_more_of_a_zip_is_expanded_than_is_read(tmp_path: Path, method: int) -> None:
    """A few hundred bytes can hold gigabytes, and one piece of bzip2 all of them."""
    (one,) = search(zipped(tmp_path / "photos", {"bomb.jpg": bytes(2**27)}, method))
    tracemalloc.start()
    try:
        assert read(one, 2**20) == bytes(2**20 + 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000


def test_a_tar_that_expands_without_end_is_refused(tmp_path: Path) -> None:
    path = tarred("xz")(tmp_path / "photos", {"bomb.jpg": bytes(2**26)})
    with pytest.raises(UsageError) as caught:
        add(path)
    assert str(caught.value) == f"{path}: expands as no pictures do; unpack it yourself, and add the folder"


def test_of_members_with_one_name_the_last_is_meant(tmp_path: Path, photo: Photo) -> None:
    """Files are added to an archive anew where they were changed."""
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for number, name in enumerate(["1.jpg", "2.jpg", "1.jpg"]):
            member = tarfile.TarInfo(name)
            member.size = len(photo(number))
            tar.addfile(member, io.BytesIO(photo(number)))
    found = search(tmp_path / "a.tar")
    assert [read(one) for one in found] == [photo(2), photo(1)]


def test_a_large_archive_is_read_as_quickly_at_its_start_as_at_its_end(tmp_path: Path) -> None:
    found = search(tarred("")(tmp_path / "photos", {f"{number}.jpg": b"x" for number in range(20_000)}))

    def seconds(some: list[Candidate]) -> float:
        start = time.perf_counter()
        assert {read(one) for one in some} == {b"x"}
        return time.perf_counter() - start

    assert seconds(found[:200]) < 10 * seconds(found[-200:])


# --- damage


def patched(path: Path, name: str, offset: int, central: int, value: int) -> None:
    """Write a 16-bit field of a zip member, into its local header and the central directory (APPNOTE 4.3)."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start, directory = archive.getinfo(name).header_offset, archive.start_dir
    entry = data.rindex(name.encode(), directory) - 46
    struct.pack_into("<H", data, start + offset, value)
    struct.pack_into("<H", data, entry + central, value)
    path.write_bytes(data)


@pytest.mark.parametrize(("field", "value"), [((6, 8), 1), ((8, 10), 97)], ids=["encrypted", "unknown method"])
def test_a_zip_member_that_cannot_be_opened_is_a_skip(
    tmp_path: Path, photo: Photo, field: tuple[int, int], value: int
) -> None:
    path = zipped(tmp_path / "photos", {"1.jpg": photo(1), "bad.jpg": photo(2), "3.jpg": photo(3)})
    patched(path, "bad.jpg", *field, value)
    result = add(path)
    assert (result.unique, result.skips) == (2, {SkipReason.UNREADABLE: 1})


@pytest.mark.parametrize(
    "method",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
    ids=["store", "deflate", "bzip2", "lzma"],
)
def test_a_damaged_zip_member_is_a_skip(tmp_path: Path, photo: Photo, method: int) -> None:
    path = zipped(tmp_path / "photos", {"1.jpg": photo(1), "bad.jpg": photo(2), "3.jpg": photo(3)}, method)
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("bad.jpg")
    data = bytearray(path.read_bytes())
    middle = member.header_offset + 30 + len("bad.jpg") + member.compress_size // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    result = add(path)
    assert (result.unique, result.skips) == (2, {SkipReason.UNREADABLE: 1})


def _cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def _garbage_head(data: bytes) -> bytes:
    return b"\xa5" * 600 + data[600:]


def _garbage_inside(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + b"\xa5" * 600 + data[middle + 600 :]


def _text(_data: bytes) -> bytes:
    return b"no archive at all\n" * 50


def _empty(_data: bytes) -> bytes:
    return b""


DAMAGES = (_cut, _garbage_head, _garbage_inside, _text, _empty)


@every_archive
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_archive_is_told_and_never_passed_over(
    tmp_path: Path, photo: Photo, pack: Pack, damage: Callable[[bytes], bytes]
) -> None:
    """All of its pictures become images or skips, or the archive is refused in one line."""
    path = pack(tmp_path / "photos", {f"{number}.jpg": photo(number) for number in range(6)})
    path.write_bytes(damage(path.read_bytes()))
    try:
        result = add(path)
        told = result.unique + sum(result.skips.values()) == 6
    except UsageError as error:
        told = re.fullmatch(f"{re.escape(str(path))}: .+", str(error)) is not None  # one line
    assert told


def test_a_tar_whose_headers_went_wrong_is_no_shorter_archive(tmp_path: Path, photo: Photo) -> None:
    """A compressed one has a checksum; in a plain one the reader just stops."""
    files = {f"{number}.jpg": photo(number) for number in range(3)}
    path = tarred("")(tmp_path / "photos", files)
    data = bytearray(path.read_bytes())
    second = 512 + -(-len(files["0.jpg"]) // 512) * 512
    assert data[second : second + 5] == b"1.jpg"
    data[second : second + 100] = b"\xa5" * 100
    path.write_bytes(data)
    with pytest.raises(UsageError, match=f"^{re.escape(str(path))}: "):
        add(path)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("gone", "gone: no such file or folder"),
        ("notes.txt", "{}/notes.txt: neither a folder, nor a zip or tar archive that can be read"),
        ("photo.jpg", "{}/photo.jpg: neither a folder, nor a zip or tar archive that can be read"),
    ],
)
def test_what_is_neither_folder_nor_archive_is_told_in_one_line(
    negbuild: Negbuild, tmp_path: Path, photo: Photo, name: str, line: str
) -> None:
    (tmp_path / "notes.txt").write_text("buy mustard")
    (tmp_path / "photo.jpg").write_bytes(photo(1))
    done = negbuild("add", name, "--category", "hotdog", "--role", "known")
    assert (done.code, done.out, done.err) == (2, "", f"negbuild: {line.format(tmp_path)}\n")


def _names(candidates: Iterable[Candidate]) -> list[str]:
    return [one.title for one in candidates]


def test_an_archive_that_was_replaced_is_read_anew(tmp_path: Path, photo: Photo) -> None:
    path = zipped(tmp_path / "photos", {"1.jpg": photo(1)})
    (before,) = search(path)
    zipped(tmp_path / "photos", {"2.jpg": photo(2)})
    os.utime(path, (10**9, 10**9))
    assert _names(search(path)) == ["2.jpg"]
    with pytest.raises(OSError, match=r"1\.jpg"):
        read(before)


def test_an_archive_that_is_gone_or_broken_by_now_is_no_end_of_a_crawl(tmp_path: Path, photo: Photo) -> None:
    path = zipped(tmp_path / "photos", {"1.jpg": photo(1)})
    (before,) = search(path)
    path.unlink()
    with pytest.raises(OSError, match=r"photos\.zip: cannot be read \(No such file"):
        read(before)
    path.write_text("no archive at all")
    with pytest.raises(OSError, match=r"photos\.zip: neither a folder"):
        read(before)
