"""The store around every moment at which a run can be killed, and on a disk without room."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from negbuild import store as store_module
from negbuild.errors import StorageFull
from negbuild.model import Image
from negbuild.picture import Inspection, inspect
from negbuild.store import Store

Photo = Callable[..., bytes]
Batch = dict[Image, bytes]


@pytest.fixture(scope="module")
def batch(photo: Photo) -> Batch:
    """Three pictures with their records."""
    made: Batch = {}
    for seed in range(3):
        data = photo(seed)
        inspected = inspect(data)
        assert isinstance(inspected, Inspection)
        made[inspected.image] = data
    return made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "images")
    made.make()
    return made


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def in_place(batch: Batch) -> set[str]:
    return {f"images/{image.sha256[:2]}/{image.sha256}.jpg" for image in batch}


def rows(batch: Batch) -> Callable[[str], Image | None]:
    """Look images up as a catalog that has committed these rows does."""
    return {image.sha256: image for image in batch}.get


def test_a_picture_is_at_its_place_only_once_its_row_may_exist(store: Store, tmp_path: Path, batch: Batch) -> None:
    store.receive(batch)
    assert files(tmp_path) == {f"images/incoming/{image.sha256}.jpg" for image in batch}
    store.publish(batch)
    assert files(tmp_path) == in_place(batch)
    assert {image: store.read(image) for image in batch} == batch
    assert [store.path(image) for image in batch] == [
        tmp_path / "images" / image.sha256[:2] / f"{image.sha256}.jpg" for image in batch
    ]


@pytest.mark.parametrize(
    ("kind", "extension"),
    [("JPEG", "jpg"), ("MPO", "jpg"), ("PNG", "png"), ("TIFF", "tif"), ("JPEG2000", "jp2"), ("WEBP", "webp")],
)
def test_the_extension_is_that_of_the_sniffed_format(store: Store, kind: str, extension: str) -> None:
    assert store.path(Image("ab" * 32, kind, 1, 1, 1)).name == f"{'ab' * 32}.{extension}"


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Files and folders flushed to the disk, in order: the number of each, and its size at that moment."""
    seen: list[tuple[int, int]] = []
    flush = os.fsync

    def watched(handle: int) -> None:
        flush(handle)
        seen.append((os.fstat(handle).st_ino, os.fstat(handle).st_size))

    monkeypatch.setattr(os, "fsync", watched)
    return seen


def test_bytes_and_then_their_names_are_on_the_disk_before_a_row_is(
    store: Store, tmp_path: Path, batch: Batch, flushed: list[tuple[int, int]]
) -> None:
    store.receive(batch)
    incoming = tmp_path / "images" / "incoming"
    whole = {((incoming / f"{image.sha256}.jpg").stat().st_ino, len(data)) for image, data in batch.items()}
    assert set(flushed[:-1]) == whole
    assert flushed[-1][0] == incoming.stat().st_ino


def test_a_move_that_a_power_cut_undoes_is_made_again(store: Store, tmp_path: Path, batch: Batch) -> None:
    store.receive(batch)
    store.publish(batch)
    for image in batch:  # a move is not flushed: the disk may know it by its old name
        store.path(image).replace(tmp_path / "images" / "incoming" / store.path(image).name)
    store.recover(rows(batch))
    assert files(tmp_path) == in_place(batch)


@pytest.mark.parametrize("published", range(4))
def test_a_kill_after_the_rows_is_finished(store: Store, tmp_path: Path, batch: Batch, published: int) -> None:
    store.receive(batch)
    store.publish(list(batch)[:published])
    store.recover(rows(batch))
    assert files(tmp_path) == in_place(batch)
    assert {image: store.read(image) for image in batch} == batch


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_kill_before_the_rows_leaves_nothing(store: Store, tmp_path: Path, batch: Batch, kept: int) -> None:
    held = dict(list(batch.items())[:kept])
    store.receive(held)
    store.publish(held)
    store.receive({image: data for image, data in batch.items() if image not in held})
    store.recover(rows(held))
    assert files(tmp_path) == in_place(held)


def test_what_a_kill_left_half_written_is_removed(store: Store, tmp_path: Path, batch: Batch) -> None:
    image, data = next(iter(batch.items()))
    half = tmp_path / "images" / "incoming" / f"{image.sha256}.jpg"
    for size in (0, 1, len(data) - 1):
        half.write_bytes(data[:size])
        store.recover(rows({}))
        assert files(tmp_path) == set()


def test_a_half_written_file_never_replaces_a_whole_one(store: Store, tmp_path: Path, batch: Batch) -> None:
    image, data = next(iter(batch.items()))
    store.receive({image: data})
    store.publish([image])
    (tmp_path / "images" / "incoming" / f"{image.sha256}.jpg").write_bytes(data[:-1])
    store.recover(rows(batch))
    assert files(tmp_path) == in_place({image: data})
    assert store.read(image) == data


def test_recovering_twice_is_recovering_once(store: Store, tmp_path: Path, batch: Batch) -> None:
    store.receive(batch)
    store.recover(rows(batch))
    store.recover(rows(batch))
    assert files(tmp_path) == in_place(batch)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the system refuse to write beyond `size` bytes of a file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_leaves_no_half_file(store: Store, tmp_path: Path, batch: Batch) -> None:
    smallest, *_, largest = sorted(batch, key=lambda image: image.size)
    assert smallest.size < largest.size
    with (
        largest_file(smallest.size),
        pytest.raises(StorageFull, match=r"/images: no space left; make room and run the same command again$"),
    ):
        store.receive({image: batch[image] for image in (smallest, largest)})
    assert files(tmp_path) == {f"images/incoming/{smallest.sha256}.jpg"}  # whole, and cleared by the next run
    assert (tmp_path / "images" / "incoming" / f"{smallest.sha256}.jpg").read_bytes() == batch[smallest]


def test_a_disk_that_is_full_when_pictures_move_is_told_and_they_move_later(
    disk: Callable[[str], Path], batch: Batch
) -> None:
    small = disk("size=1m,nr_inodes=8")
    store = Store(small / "images")
    store.make()
    store.receive(batch)  # 6 of 8 files and folders now
    with pytest.raises(StorageFull, match=r"/images: no space left; make room"):
        store.publish(batch)
    with pytest.raises(StorageFull, match=r"/images: no space left; make room"):
        store.recover(rows(batch))
    subprocess.run(["mount", "-o", "remount,nr_inodes=20", small], check=True)
    store.recover(rows(batch))
    assert files(small) == in_place(batch)
    assert {image: store.read(image) for image in batch} == batch


@pytest.mark.skipif(sys.platform != "linux", reason="others flush file by file")
def test_many_pictures_are_flushed_together_before_a_row_is(
    store: Store, tmp_path: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    many: Batch = {}
    for seed in range(store_module.MANY):
        inspected = inspect(photo(seed))
        assert isinstance(inspected, Inspection)
        many[inspected.image] = photo(seed)
    seen: list[set[str]] = []
    flush = store_module.flush_all

    def watched(path: Path) -> None:
        seen.append(files(tmp_path))
        flush(path)

    monkeypatch.setattr(store_module, "flush_all", watched)
    store.receive(many)
    assert seen == [{f"images/incoming/{image.sha256}.jpg" for image in many}]


def test_a_folder_that_cannot_be_flushed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store_module.flush_all(tmp_path / "nowhere")
