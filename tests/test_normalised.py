"""The normalised store: encoded once, linked, and never trusted without being read."""

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from negbuild.encoding import Look
from negbuild.errors import StorageFull
from negbuild.layouts import Layout
from negbuild.manifest import read_manifest
from negbuild.model import Image, Role, Search
from negbuild.normalised import NormalisedStore
from negbuild.order import Order
from negbuild.source import find_source
from negbuild.stages.crawl import crawl
from negbuild.stages.split import SplitOptions, split
from negbuild.stages.verify import verify
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]


@pytest.fixture(scope="module")
def made(photo: Photo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("normalised")
    seeds = iter(range(100))
    for category, role in (("hotdog", Role.KNOWN), ("street", Role.UNKNOWN), ("dog", Role.UNSEEN)):
        (root / category).mkdir()
        for number in range(6):
            (root / category / f"{number}.jpg").write_bytes(photo(next(seeds)))
        order = Order(Search(path=root / category), category, role)
        crawl(Workspace(root / "work"), find_source("folder"), order)
    return root / "work"


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    """Copy a workspace with 18 pictures, nothing encoded yet."""
    return shutil.copytree(made, tmp_path / "work")


def dataset(work: Path, out: Path | None = None, **options: Any) -> Path:  # noqa: ANN401  those of a split
    return split(Workspace(work), out or work / "dataset", SplitOptions(**options)).dataset


def pictures(root: Path) -> dict[str, Path]:
    """Files of a dataset by name."""
    return {path.relative_to(root).as_posix(): path for path in sorted(root.glob("*/*/*"))}


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def stored(work: Path) -> dict[str, Path]:
    """Files of the store by the SHA-256 of the picture as it came."""
    return {path.stem: path for path in (work / "cache" / "normalised").glob("*/??/*")}


def inodes(work: Path) -> dict[str, int]:
    return {name: path.stat().st_ino for name, path in stored(work).items()}


def edit_in_place(path: Path) -> None:
    """Change bytes as a program does that opens a file for writing, whatever its mode."""
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[-100] ^= 0xFF
    with path.open("r+b") as file:
        file.write(data)


# --- once


def test_a_picture_is_encoded_once_and_every_tree_is_links_to_it(work: Path) -> None:
    one = dataset(work)
    before = inodes(work)
    assert len(before) == 18
    other = dataset(work, work / "deep" / "other")
    assert inodes(work) == before
    for path in [*pictures(one).values(), *pictures(other).values()]:
        assert path.stat().st_ino in before.values()
    assert tree(one) == tree(other)
    assert verify(one).holds


def test_each_look_is_stored_by_itself(work: Path) -> None:
    small, large = dataset(work, look=Look(64)), dataset(work, work / "large")
    assert {max(row.width, row.height) for row in read_manifest(small)} == {64}
    assert {max(row.width, row.height) for row in read_manifest(large)} == {160}
    folders = {path.name.rpartition("-")[0] for path in (work / "cache" / "normalised").iterdir()}
    assert folders == {"64px-q90", "512px-q90"}
    kept = dataset(work, work / "kept", look=Look(originals=True))
    assert {row.sha256 for row in read_manifest(kept)} == {row.file_sha256 for row in read_manifest(kept)}
    assert verify(large).holds


def test_what_another_encoder_made_is_removed(work: Path) -> None:
    dataset(work)
    (folder,) = (work / "cache" / "normalised").iterdir()
    stale = folder.rename(folder.with_name("512px-q90-00000000"))
    other = folder.with_name("64px-q90-00000000")
    other.mkdir()
    before = tree(dataset(work))
    assert not stale.exists()
    assert other.exists()
    assert len(stored(work)) == 18
    assert tree(dataset(work)) == before


def test_the_cache_may_be_deleted_at_any_time(work: Path) -> None:
    before = tree(dataset(work))
    tag = (work / "cache" / "CACHEDIR.TAG").read_text()
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55")
    shutil.rmtree(work / "cache")
    assert tree(work / "dataset") == before  # its files live on
    assert tree(dataset(work)) == before


# --- files that were changed


def test_a_file_of_a_dataset_cannot_be_written_to_by_accident(work: Path) -> None:
    for path in pictures(dataset(work)).values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o444


@pytest.mark.parametrize("times", ["new", "kept"])
def test_a_file_that_was_changed_in_place_is_encoded_anew(work: Path, times: str) -> None:
    """Through a dataset the store changes too, and nothing but the bytes may show it."""
    before = tree(dataset(work))
    file, path = next(iter(pictures(work / "dataset").items()))
    was = path.stat()
    edit_in_place(path)
    if times == "kept":
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert path.stat().st_size == was.st_size
    broken = {problem for check in verify(work / "dataset").checks for problem in check.problems}
    assert any(file in problem for problem in broken)
    other = dataset(work, work / "other")
    assert tree(other) == before
    assert path.read_bytes() != before[file]  # a person's edit is left to that person
    assert tree(dataset(work)) == before
    assert verify(work / "dataset").holds


@pytest.mark.parametrize("fault", ["missing", "empty", "cut", "a folder"])
def test_a_stored_file_that_is_not_what_it_was_is_encoded_anew(work: Path, fault: str) -> None:
    before = tree(dataset(work))
    shutil.rmtree(work / "dataset")
    path = next(iter(stored(work).values()))
    data = path.read_bytes()
    path.unlink()
    if fault == "empty":
        path.write_bytes(b"")
    elif fault == "cut":
        path.write_bytes(data[:-10])
    elif fault == "a folder":
        shutil.rmtree(path.parent)
    assert tree(dataset(work)) == before


@pytest.mark.parametrize("damage", ["cut", "garbage", "binary", "gone", "empty", "other values"])
def test_an_index_that_is_damaged_costs_time_and_no_byte(work: Path, damage: str) -> None:
    before = tree(dataset(work))
    (index,) = (work / "cache" / "normalised").glob("*/index.txt")
    text = index.read_text()
    lines = text.splitlines()
    if damage == "gone":
        index.unlink()
    elif damage == "binary":
        index.write_bytes(b"\xff\0\n\n" + text.encode())
    else:
        sha256, extension, file_sha256, *rest = lines[0].split(" ")
        changed = {
            "cut": text[:-20],
            "garbage": "nothing of ours\n" + text,
            "empty": "",
            "other values": "\n".join([" ".join([sha256, extension, file_sha256[::-1], *rest]), *lines[1:], ""]),
        }
        index.write_text(changed[damage])
    for _ in range(2):
        assert tree(dataset(work)) == before
        for line in index.read_text(errors="replace").splitlines()[2:]:
            assert len(line.split(" ")) == 7
    assert verify(work / "dataset").holds


# --- copies


@pytest.fixture
def elsewhere(work: Path) -> Iterator[Path]:
    """A folder on another file system."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == work.stat().st_dev:
        pytest.skip("there is one file system here, or nobody knows where another is")
    folder = Path(tempfile.mkdtemp(dir=memory, prefix="negbuild-test-"))
    yield folder
    shutil.rmtree(folder)


def test_another_file_system_gets_copies_with_the_same_bytes(negbuild: Negbuild, work: Path, elsewhere: Path) -> None:
    assert negbuild("split", "-w", work).code == 0
    done = negbuild("split", "-w", work, "--out", elsewhere / "dataset")
    assert (done.code, done.err.splitlines()[0]) == (0, f"next: negbuild verify {elsewhere}/dataset")
    assert tree(elsewhere / "dataset") == tree(work / "dataset")
    assert {path.stat().st_nlink for path in pictures(elsewhere / "dataset").values()} == {1}
    assert negbuild("verify", elsewhere / "dataset").code == 0


def test_copies_share_nothing_with_the_workspace(negbuild: Negbuild, work: Path) -> None:
    linked = tree(dataset(work))
    assert negbuild("split", "-w", work, "--out", "copied", "--copies").code == 0
    copied = work.parent / "copied"
    assert tree(copied) == linked
    for path in pictures(copied).values():
        assert path.stat().st_nlink == 1
        assert path.stat().st_mode & stat.S_IWUSR
    edit_in_place(next(iter(pictures(copied).values())))
    assert tree(work / "dataset") == linked


# --- a full disk, a kill


def test_a_full_disk_says_where_and_leaves_nothing_half(work: Path, disk: Callable[[str], Path]) -> None:
    small = disk("size=64k")
    workspace = Workspace(work)
    with workspace.reading() as catalog:
        images = [held.image for held in catalog.images().values()]
    store = NormalisedStore(small / "cache" / "normalised", Look())
    with pytest.raises(StorageFull, match=f"^{small}/cache/normalised: no space left; make room"):
        store.pictures(images, workspace.store.read)
    subprocess.run(["mount", "-o", "remount,size=4m", small], check=True)
    found = store.pictures(images, workspace.store.read)
    assert len(found) == 18
    for one in found.values():
        assert hashlib.sha256(one.path.read_bytes()).hexdigest() == one.sha256


KILLED = """\
import os, signal, sys
from pathlib import Path
from negbuild.stages.split import SplitOptions, split
from negbuild.workspace import Workspace
from negbuild import normalised
normalised._BATCH = 4
left = int(sys.argv[2])
def watch(done, total):
    if done == left:
        os.kill(os.getpid(), signal.SIGKILL)
work = Path(sys.argv[1])
split(Workspace(work), work / "dataset", SplitOptions(), progress=watch)
"""


@pytest.mark.parametrize("after", [1, 7, 18])
def test_a_kill_in_the_middle_loses_a_batch_at_most(work: Path, after: int) -> None:
    whole = shutil.copytree(work, work.with_name("whole"))
    expected = tree(dataset(whole))
    dataset(work, work / "first")  # nothing waits to be compared any more: progress counts what is encoded
    shutil.rmtree(work / "first")
    shutil.rmtree(work / "cache")
    done = subprocess.run([sys.executable, "-c", KILLED, work, str(after)], check=False)
    assert done.returncode == -signal.SIGKILL
    indexed = [path.read_text() for path in (work / "cache" / "normalised").glob("*/index.txt")]
    assert sum(text.count("\n") for text in indexed) == (after - 1) // 4 * 4
    before = inodes(work)
    assert tree(dataset(work)) == expected
    kept = [sha256 for sha256, inode in inodes(work).items() if before.get(sha256) == inode]
    assert len(kept) >= (after - 1) // 4 * 4
    assert list((work / "cache" / "normalised").glob("*/incoming/*")) == []
    assert not [path.name for path in work.iterdir() if path.name.startswith(".")]


# --- what is proven is not proven again, and nothing else is taken for proven


def certificates(work: Path) -> list[Path]:
    return list((work / "cache" / "normalised").glob("*/certificates/*.json"))


def test_a_certificate_is_kept_for_the_very_same_files_and_splits(work: Path) -> None:
    dataset(work)
    (kept,) = certificates(work)
    claim = json.loads(kept.read_text())
    kept.chmod(0o644)
    kept.write_text(json.dumps({**claim, "compared": 1}))
    dataset(work)
    assert json.loads((work / "dataset" / "certificate.json").read_text())["compared"] == 1  # it was not made again
    assert not verify(work / "dataset").holds  # which trusts no one
    dataset(work, ratio=(50, 25, 25), seed=1, out=work / "same")  # a plan is kept: the same splits
    assert len(certificates(work)) == 1
    kept.write_text("{}")
    dataset(work)
    assert json.loads((work / "dataset" / "certificate.json").read_text()) == claim
    assert verify(work / "dataset").holds


def test_other_files_are_proven_anew_and_other_names_are_not(work: Path, photo: Photo) -> None:
    before = dataset(work)
    binary = dataset(work, work / "binary", layout=Layout.BINARY)
    assert len(certificates(work)) == 1
    assert (binary / "certificate.json").read_bytes() == (before / "certificate.json").read_bytes()
    dataset(work, work / "one-class", layout=Layout.ONE_CLASS)  # without the negatives of training
    assert len(certificates(work)) == 2
    (work.parent / "more").mkdir()
    (work.parent / "more" / "1.jpg").write_bytes(photo(1000))
    crawl(Workspace(work), find_source("folder"), Order(Search(path=work.parent / "more"), "street", Role.UNKNOWN))
    dataset(work)
    assert len(certificates(work)) == 3
    assert verify(before).holds


def test_an_image_is_asked_for_once_however_often_it_is_placed(work: Path) -> None:
    workspace = Workspace(work)
    with workspace.reading() as catalog:
        image = next(iter(catalog.images().values())).image
    asked: list[Image] = []

    def read(one: Image) -> bytes:
        asked.append(one)
        return workspace.store.read(one)

    store = NormalisedStore(work / "cache" / "normalised", Look())
    first = store.pictures([image, image], read)
    assert store.pictures([image], read) == first
    assert asked == [image]
