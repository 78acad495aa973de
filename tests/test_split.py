"""`negbuild split`: the same tree every time, nothing moves, unseen is unseen, and the target is whole or untouched."""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from negbuild.errors import UsageError
from negbuild.layouts import Layout
from negbuild.manifest import read_manifest
from negbuild.model import Role, Search, SkipReason, Split
from negbuild.order import Order
from negbuild.picture import Inspection, inspect
from negbuild.plan import Omission, Wanted
from negbuild.sizing import Size, parse_cap, parse_negatives
from negbuild.source import find_source
from negbuild.stages.crawl import crawl
from negbuild.stages.dedup import dedup
from negbuild.stages.split import SplitOptions, split, split_folds
from negbuild.stages.verify import verify
from negbuild.twins import GROUP_RADIUS, TWIN_RADIUS, Comparer
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]

CATEGORIES = {"hotdog": (Role.KNOWN, 14), "salad": (Role.UNKNOWN, 12), "street": (Role.UNKNOWN, 10)}
UNSEEN = {"dog": (Role.UNSEEN, 6)}


def add(root: Path, category: str, role: Role, pictures: Iterable[bytes]) -> None:
    """Add pictures to the workspace `root`, made if it is not there."""
    pictures = list(pictures)
    folder = root.parent / f"{root.name}-{category}"
    folder.mkdir(exist_ok=True)
    first = len(list(folder.iterdir()))
    for number, data in enumerate(pictures, first):
        (folder / f"{number}.jpg").write_bytes(data)
    done = crawl(Workspace(root), find_source("folder"), Order(Search(path=folder), category, role))
    assert (done.tried, set(done.skips) - {SkipReason.DUPLICATE}) == (len(pictures), set())


@pytest.fixture(scope="module")
def made(photo: Photo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("split") / "work"
    seeds = iter(range(1000))
    for category, (role, count) in {**CATEGORIES, **UNSEEN}.items():
        add(root, category, role, [photo(next(seeds)) for _ in range(count)])
    return root


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    """Copy a workspace with 14 known, 22 unknown and 6 unseen pictures, nothing planned yet."""
    return shutil.copytree(made, tmp_path / "work")


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def everything(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def rows(root: Path, sql: str) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(root / "catalog.sqlite")) as catalog:
        return catalog.execute(sql).fetchall()


def remembered(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Roles and assignments."""
    return dict(rows(root, "SELECT * FROM categories")), dict(rows(root, "SELECT * FROM assignments"))


def altered(data: bytes) -> bytes:
    """Make a copy of a picture that no byte gives away: mirrored, smaller, encoded anew."""
    with Pillow.open(io.BytesIO(data)) as image:
        buffer = io.BytesIO()
        ImageOps.mirror(image).resize((120, 90)).save(buffer, "JPEG", quality=60)
    return buffer.getvalue()


# --- the same every time


def test_the_same_workspace_and_settings_give_the_same_bytes(negbuild: Negbuild, made: Path, tmp_path: Path) -> None:
    for name, hash_seed in (("one", "1"), ("other", "2")):
        shutil.copytree(made, tmp_path / name / "work")
        done = negbuild("split", "-w", tmp_path / name / "work", "--json", env={"PYTHONHASHSEED": hash_seed})
        assert (done.code, done.err) == (0, "")
        assert sum(count["number"] for count in done.json["counts"]) == 42 + 2
    one, other = (tree(tmp_path / name / "work" / "dataset") for name in ("one", "other"))
    assert one == other
    assert len(one) == 44 + 8


def test_writing_again_in_place_or_elsewhere_changes_no_byte(work: Path) -> None:
    split(Workspace(work), work / "dataset", SplitOptions())
    first = tree(work / "dataset")
    result = split(Workspace(work), work / "dataset", SplitOptions())
    split(Workspace(work), work / "deep" / "er" / "copy", SplitOptions())
    assert tree(work / "dataset") == tree(work / "deep" / "er" / "copy") == first
    assert result.moves == []


def test_another_seed_is_another_split(made: Path, tmp_path: Path) -> None:
    plans = []
    for seed in (0, 1):
        copy = shutil.copytree(made, tmp_path / f"work{seed}")
        split(Workspace(copy), copy / "dataset", SplitOptions(seed=seed))
        plans.append(remembered(copy)[1])
    assert plans[0] != plans[1]


def test_the_ratio_is_met_in_every_category(work: Path) -> None:
    counts = split(Workspace(work), work / "dataset", SplitOptions(ratio=(50, 30, 20))).counts
    numbers = {(count.split, count.role): count.number for count in counts}
    assert numbers == {
        ("train", "known"): 7,
        ("valid", "known"): 4,
        ("test", "known"): 3,
        ("unseen", "known"): 3,
        ("train", "unknown"): 11,
        ("valid", "unknown"): 7,
        ("test", "unknown"): 4,
        ("unseen", "unseen"): 6,
    }


# --- nothing moves, no group is parted


def test_pictures_that_come_later_move_none_that_were_there(work: Path, photo: Photo) -> None:
    split(Workspace(work), work / "dataset", SplitOptions())
    _, before = remembered(work)
    seeds = iter(range(2000, 3000))
    for round_ in range(3):
        add(work, "hotdog", Role.KNOWN, [photo(next(seeds)) for _ in range(3 + round_)])
        add(work, f"new{round_}", Role.UNKNOWN, [photo(next(seeds)) for _ in range(7)])
        add(work, "dog", Role.UNSEEN, [photo(next(seeds))])
        result = split(Workspace(work), work / "dataset", SplitOptions())
        _, after = remembered(work)
        assert {sha256: after[sha256] for sha256 in before} == before
        assert result.moves == []
        assert len(after) == len(before) + 3 + round_ + 7 + 1
        before = after
    shares = [sum(split == part for split in before.values()) for part in ("train", "valid", "test")]
    assert shares == [49, 10, 10]  # 69 pictures of training roles, 70/15/15 of each category


@pytest.mark.parametrize("category", ["hotdog", "street"])
def test_a_planted_copy_stays_with_its_original(work: Path, category: str) -> None:
    """All the originals are there; copies of some come at once, of others after the first split."""
    role = CATEGORIES[category][0]
    files = sorted((work / "images").glob("??/*.jpg"))
    own = {sha256 for sha256, name in rows(work, "SELECT sha256, category FROM candidates") if name == category}
    originals = [path for path in files if path.stem in own]
    add(work, category, role, [altered(path.read_bytes()) for path in originals[:4]])
    split(Workspace(work), work / "dataset", SplitOptions())
    _, before = remembered(work)
    add(work, category, role, [altered(path.read_bytes()) for path in originals[4:]])
    result = split(Workspace(work), work / "dataset", SplitOptions())
    assert result.moves == []
    groups: dict[str, list[tuple[str, str]]] = {}
    for row in read_manifest(work / "dataset"):
        if row.category == category and row.split != Split.UNSEEN:
            groups.setdefault(row.group, []).append((row.split, row.sha256))
    assert len(groups) == len(originals)
    for members in groups.values():
        assert len(members) == 2
        assert len({split for split, _ in members}) == 1
        assert all(before.get(sha256, split) == split for split, sha256 in members)
    assert {split for members in groups.values() for split, _ in members} == {"train", "valid", "test"}


def test_a_copy_that_dedup_set_aside_is_in_no_split(work: Path) -> None:
    original = min((work / "images").glob("??/*.jpg"))
    (category,) = (name for sha, name in rows(work, "SELECT sha256, category FROM candidates") if sha == original.stem)
    add(work, category, {**CATEGORIES, **UNSEEN}[category][0], [altered(original.read_bytes())])
    assert [drop.keeper for drop in dedup(Workspace(work)).dropped] == [original.stem]
    result = split(Workspace(work), work / "dataset", SplitOptions())
    assert result.omitted == {Omission.COPY: 1}
    assert {row.sha256 for row in read_manifest(work / "dataset")} == {
        path.stem for path in (work.parent / "work" / "images").glob("??/*.jpg")
    } - {drop.sha256 for drop in dedup(Workspace(work)).dropped}


# --- unseen is unseen


def categories(dataset: Path, folder: str) -> set[str]:
    return {path.name.rpartition("_")[0] for path in (dataset / folder).iterdir()}


def test_a_category_held_out_is_in_the_holdout_from_then_on(negbuild: Negbuild, work: Path) -> None:
    dataset = work / "dataset"
    assert negbuild("split", "-w", work).code == 0
    assert categories(dataset, "unseen/0_na") == {"dog"}
    _, before = remembered(work)
    assert negbuild("split", "-w", work, "--unseen", "Street").code == 0
    for options in ([], ["--unseen", "street"]):
        assert negbuild("split", "-w", work, *options).code == 0
        assert categories(dataset, "unseen/0_na") == {"dog", "street"}
        assert categories(dataset, "train/0_na") == categories(dataset, "test/0_na") == {"salad"}
        roles, after = remembered(work)
        assert roles == {"hotdog": "known", "salad": "unknown", "street": "unseen", "dog": "unseen"}
        moved = {sha256 for sha256, split in before.items() if after[sha256] != split}
        assert len(moved) == CATEGORIES["street"][1]
        assert {after[sha256] for sha256 in moved} == {"unseen"}
    assert verify(dataset).holds


def test_the_known_pictures_of_the_holdout_are_those_of_test(work: Path) -> None:
    split(Workspace(work), work / "dataset", SplitOptions())
    known = {part: tree(work / "dataset" / part / "hotdog") for part in ("test", "unseen", "train")}
    assert known["test"] == known["unseen"]
    assert len(known["test"]) == 2
    assert known["train"].keys().isdisjoint(known["test"])


def test_without_an_unseen_category_there_is_no_holdout_and_that_is_said(
    negbuild: Negbuild, tmp_path: Path, photo: Photo
) -> None:
    add(tmp_path / "work", "hotdog", Role.KNOWN, [photo(seed) for seed in range(4)])
    add(tmp_path / "work", "salad", Role.UNKNOWN, [photo(seed) for seed in range(4, 8)])
    done = negbuild("split", "-w", "work")
    assert done.code == 0
    assert "no unseen category: nothing measures what the classifier does with things it never saw" in done.out
    assert not (tmp_path / "work" / "dataset" / "unseen").exists()


@contextmanager
def refused(line: str) -> Iterator[None]:
    """Expect a request to be refused in exactly these words, with exit code 2."""
    with pytest.raises(UsageError) as caught:
        yield
    assert (str(caught.value), caught.value.exit_code) == (line, 2)


@pytest.mark.parametrize("planned", [False, True], ids=["before the first split", "after it"])
@pytest.mark.parametrize(
    ("unseen", "line"),
    [
        (["hotdog"], "category hotdog: is known, and only a negative category can be held out"),
        (["salad", "hotdog"], "category hotdog: is known, and only a negative category can be held out"),
        (["cat"], "category cat: not in this workspace; negative categories: dog, salad, street"),
        (["street", "cat"], "category cat: not in this workspace; negative categories: dog, salad, street"),
        (
            ["salad", "street"],
            "split: hotdog without negatives to train on, and a classifier trained on one class says yes to "
            'everything; run: negbuild crawl --query "street food" -n 200',
        ),
    ],
)
def test_what_cannot_be_held_out_changes_nothing(work: Path, unseen: list[str], line: str, planned: bool) -> None:
    if planned:
        split(Workspace(work), work / "dataset", SplitOptions())
    before = (remembered(work), everything(work), tree(work / "dataset"))
    with refused(line):
        split(Workspace(work), work / "dataset", SplitOptions(unseen=unseen))
    assert (remembered(work), everything(work), tree(work / "dataset")) == before


# --- what is left out, and counted


def alike(one: bytes, photo: Photo) -> bytes:
    """Make a picture that looks like another from afar without being its copy: it differs in everything small."""
    with Pillow.open(io.BytesIO(one)) as image, Pillow.open(io.BytesIO(photo(9999))) as other:
        for cells in range(12, 2, -1):
            coarse, others = (
                np.asarray(
                    picture.resize((cells, cells), Pillow.Resampling.BOX).resize(image.size, Pillow.Resampling.BICUBIC),
                    dtype=np.float64,
                )
                for picture in (image, other)
            )
            mixed = coarse + 1.5 * (np.asarray(other, dtype=np.float64) - others)
            buffer = io.BytesIO()
            Pillow.fromarray(np.clip(mixed, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
            if TWIN_RADIUS + 3 < (distance(one, buffer.getvalue()) or 0) < GROUP_RADIUS - 3:
                return buffer.getvalue()
    pytest.fail("no mixture is as alike as wanted")


def distance(one: bytes, other: bytes) -> int | None:
    from negbuild.fingerprint import fingerprints, grids

    inspected = [inspect(data) for data in (one, other)]
    assert all(isinstance(one, Inspection) for one in inspected)
    prints = fingerprints([grids(one.thumbnail) for one in inspected if isinstance(one, Inspection)])
    return next((pair.distance for pair in Comparer().add(list(zip("ab", prints, strict=True)))), None)


@pytest.mark.parametrize("kind", ["copy", "look-alike"])
@pytest.mark.parametrize(
    ("original", "other", "left_out", "why"),
    [
        ("dog", "salad", ["salad"], {"copy": Omission.NEAR_UNSEEN, "look-alike": Omission.NEAR_UNSEEN}),
        ("salad", "dog", ["salad"], {"copy": Omission.NEAR_UNSEEN, "look-alike": Omission.NEAR_UNSEEN}),
        ("hotdog", "dog", ["dog"], {"copy": Omission.CONFLICT, "look-alike": Omission.NEAR_KNOWN}),
        ("hotdog", "salad", ["salad"], {"copy": Omission.CONFLICT, "look-alike": None}),
        ("salad", "hotdog", ["salad"], {"copy": Omission.CONFLICT, "look-alike": None}),
        ("hotdog", "bun", ["bun", "hotdog"], {"copy": Omission.CONFLICT, "look-alike": None}),
    ],
)
def test_pictures_near_those_of_another_role_are_left_out_and_counted(
    work: Path, photo: Photo, original: str, other: str, left_out: list[str], why: dict[str, Omission | None], kind: str
) -> None:
    roles = {"bun": Role.KNOWN, **{name: role for name, (role, _) in {**CATEGORIES, **UNSEEN}.items()}}
    first, second = photo(5000), altered(photo(5000)) if kind == "copy" else alike(photo(5000), photo)
    add(work, "bun", Role.KNOWN, [photo(seed) for seed in range(5001, 5006)])
    add(work, original, roles[original], [first])
    add(work, other, roles[other], [second])
    result = split(Workspace(work), work / "dataset", SplitOptions())
    shas = {name: inspect(data) for name, data in ((original, first), (other, second))}
    gone = {
        name
        for name, inspected in shas.items()
        if isinstance(inspected, Inspection)
        and inspected.image.sha256 not in {row.sha256 for row in read_manifest(work / "dataset")}
    }
    reason = why[kind]
    assert gone == (set(left_out) if reason else set())
    assert result.omitted == ({reason: len(left_out)} if reason else {})
    assert verify(work / "dataset").holds


def test_one_picture_under_two_known_names_is_left_out(negbuild: Negbuild, work: Path, photo: Photo) -> None:
    add(work, "bun", Role.KNOWN, [photo(seed) for seed in range(5001, 5006)])
    for category in ("bun", "hotdog"):
        add(work, category, Role.KNOWN, [photo(5000)])
    (said,) = [line for line in negbuild("split", "-w", work).out.splitlines() if line.startswith("left out: ")]
    assert "1" in said
    assert Omission.CONFLICT in said
    assert negbuild("split", "-w", work, "--json").json["omitted"] == {Omission.CONFLICT: 1}
    assert photo(5000) not in tree(work / "dataset").values()


def test_the_bytes_of_a_known_picture_among_the_negatives_count_as_known(work: Path, photo: Photo) -> None:
    add(work, "hotdog", Role.KNOWN, [photo(5000)])
    add(work, "salad", Role.UNKNOWN, [photo(5000)])
    result = split(Workspace(work), work / "dataset", SplitOptions())
    assert result.omitted == {}
    known = sum(count.number for count in result.counts if count.role == "known" and count.split != "unseen")
    assert known == CATEGORIES["hotdog"][1] + 1


# --- the target


def _other_files(out: Path) -> None:
    out.mkdir()
    (out / "notes.txt").write_text("mine")


def _file(out: Path) -> None:
    out.write_text("mine")


def _link(out: Path) -> None:
    (out.parent / "elsewhere").mkdir()
    out.symlink_to("elsewhere")


def _dangling_link(out: Path) -> None:
    out.symlink_to("nowhere")


NO_FOLDER = "is no folder; choose another --out"
FOREIGN = "holds files that negbuild did not write, such as {}; choose another --out"


@pytest.mark.parametrize(
    ("lay", "fault"),
    [
        (_other_files, FOREIGN.format("notes.txt")),
        (_file, NO_FOLDER),
        (_link, NO_FOLDER),
        (_dangling_link, NO_FOLDER),
    ],
)
def test_a_target_that_is_not_ours_is_refused_and_left_alone(
    work: Path, lay: Callable[[Path], None], fault: str
) -> None:
    out = work.parent / "out"
    lay(out)
    before = (everything(work.parent), remembered(work), out.is_symlink())
    with refused(f"{out}: {fault}"):
        split(Workspace(work), out, SplitOptions(unseen=["street"]))
    assert (everything(work.parent), remembered(work), out.is_symlink()) == before


@pytest.mark.parametrize("foreign", ["notes.txt", "train/hotdog/mine.jpg", ".hidden", "train/mine/1.jpg", "link"])
def test_a_file_put_into_our_dataset_survives(work: Path, foreign: str) -> None:
    dataset = work / "dataset"
    split(Workspace(work), dataset, SplitOptions())
    (dataset / foreign).parent.mkdir(exist_ok=True)
    if foreign == "link":
        (dataset / foreign).symlink_to(work / "images")
    else:
        (dataset / foreign).write_text("mine")
    before = (everything(work), tree(dataset))
    with refused(f"{dataset}: {FOREIGN.format(foreign)}"):
        split(Workspace(work), dataset, SplitOptions())
    assert (everything(work), tree(dataset)) == before


@pytest.mark.parametrize("manifest", ['"', "other,columns\n", "", "\udcff"])
def test_a_dataset_whose_manifest_cannot_be_read_is_not_taken_for_ours(work: Path, manifest: str) -> None:
    split(Workspace(work), work / "dataset", SplitOptions())
    (work / "dataset" / "manifest.csv").write_text(manifest, errors="surrogateescape")
    before = tree(work / "dataset")
    with refused(f"{work}/dataset: {FOREIGN.format('ATTRIBUTION.csv')}"):
        split(Workspace(work), work / "dataset", SplitOptions())
    assert tree(work / "dataset") == before


@pytest.mark.parametrize("out", ["file/dataset", "file/deeper/dataset"])
def test_a_target_below_a_file_is_told_in_one_line(negbuild: Negbuild, work: Path, out: str) -> None:
    (work.parent / "file").write_text("mine")
    before = everything(work.parent)
    done = negbuild("split", "-w", work, "--out", out)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert everything(work.parent) == before


def test_the_current_folder_is_written_or_refused_and_never_half(work: Path) -> None:
    here = work.parent / "here"
    here.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "negbuild", "split", "-w", work, "--out", "."],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 2}
    if done.returncode:
        assert done.stderr.count("\n") == 1
        assert everything(here) == set()
    else:
        assert verify(here).holds
    assert {path.name for path in work.parent.iterdir() if path.name.startswith(".")} == set()


def test_an_old_dataset_is_replaced_and_never_mixed(work: Path, photo: Photo) -> None:
    dataset = work / "dataset"
    dataset.mkdir()  # empty: nobody's
    split(Workspace(work), dataset, SplitOptions())
    before = set(tree(dataset))
    add(work, "bun", Role.KNOWN, [photo(seed) for seed in range(5000, 5006)])
    add(work, "salad", Role.UNKNOWN, [altered(photo(seed)) for seed in range(5000, 5006)])
    split(Workspace(work), dataset, SplitOptions(unseen=["street"]))
    after = set(tree(dataset))
    assert before - after
    assert after - before
    assert verify(dataset).holds
    (work.parent / "another-hotdog").mkdir()
    another = shutil.copytree(work, work.parent / "another")
    shutil.rmtree(another / "dataset")
    split(Workspace(another), dataset, SplitOptions())  # of another workspace, but written by negbuild
    assert verify(dataset).holds


def test_a_dataset_takes_its_place_in_one_step(work: Path) -> None:
    """It is written beside the old one, which stays until the new one is renamed to its place."""
    dataset = work / "dataset"
    split(Workspace(work), dataset, SplitOptions())
    seen = set()

    def watch(_done: int, _total: int | None) -> None:
        seen.add((dataset.stat().st_ino, (work / ".dataset.negbuild-draft").stat().st_ino))

    before = dataset.stat().st_ino
    split(Workspace(work), dataset, SplitOptions(), progress=watch)
    assert seen == {(before, dataset.stat().st_ino)}


LEFTOVERS = [(draft, former, there) for draft in (0, 1) for former in (0, 1) for there in (0, 1)]


@pytest.mark.parametrize(("draft", "former", "there"), LEFTOVERS)
def test_what_a_killed_run_left_is_healed(work: Path, draft: int, former: int, there: int) -> None:
    """A kill leaves a half-written draft, or the dataset under its former name, with or without the new one."""
    dataset = work / "dataset"
    split(Workspace(work), dataset, SplitOptions())
    expected = tree(dataset)
    if former:
        shutil.copytree(dataset, work / ".dataset.negbuild-former")
    if not there:
        shutil.rmtree(dataset)
    if draft:
        (work / ".dataset.negbuild-draft" / "train" / "hotdog").mkdir(parents=True)
        (work / ".dataset.negbuild-draft" / "train" / "hotdog" / "half.jpg").write_bytes(b"\xff\xd8\xff")
    split(Workspace(work), dataset, SplitOptions())
    assert tree(dataset) == expected
    assert not [path.name for path in work.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("problem", ["target", "category"])
def test_a_refused_run_gives_a_dataset_back_that_a_kill_had_put_aside(
    work: Path, negbuild: Negbuild, problem: str
) -> None:
    dataset, former = work / "dataset", work / ".dataset.negbuild-former"
    split(Workspace(work), dataset, SplitOptions())
    expected = tree(dataset)
    dataset.rename(former)  # killed between two renames
    if problem == "target":
        _other_files(dataset)
    done = negbuild("split", "-w", work, *(["--unseen", "cat"] if problem == "category" else []))
    assert done.code == 2
    assert tree(former if problem == "target" else dataset) == expected


# --- no room, no picture


@pytest.fixture
def small_disk(disk: Callable[[str], Path]) -> Path:
    return disk("size=64k")


def test_a_disk_that_fills_up_leaves_nothing_half_written(negbuild: Negbuild, work: Path, small_disk: Path) -> None:
    done = negbuild("split", "-w", work, "--out", small_disk / "dataset")
    assert (done.code, done.out) == (1, "")
    assert done.err == f"negbuild: {small_disk}/dataset: no space left; make room and run the same command again\n"
    assert everything(small_disk) == set()
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    assert negbuild("split", "-w", work, "--out", small_disk / "dataset").code == 0
    assert verify(small_disk / "dataset").holds


def test_a_target_that_cannot_be_exchanged_is_told_in_one_line(
    negbuild: Negbuild, work: Path, small_disk: Path
) -> None:
    """A volume that is mounted at its place can be neither renamed nor replaced."""
    before = everything(work.parent)
    done = negbuild("split", "-w", work, "--out", small_disk)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"negbuild: {small_disk}: ")
    shutil.rmtree(work / "cache")
    assert everything(work.parent) == before


def test_a_picture_there_is_no_room_for_leaves_the_old_dataset_as_it_was(negbuild: Negbuild, work: Path) -> None:
    assert negbuild("split", "-w", work).code == 0
    before = (everything(work), tree(work / "dataset"))
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(noise).save(buffer, "JPEG", quality=95)
    add(work, "salad", Role.UNKNOWN, [buffer.getvalue()])
    # 128 KiB a file at most: room for all that is written but for this one picture.
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 256; exec "$@"', "sh", sys.executable, "-m", "negbuild", "split", "-w", work],
        env={**os.environ, "POSIXLY_CORRECT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == f"negbuild: {work}/cache/normalised: no space left; make room and run the same command again\n"
    )
    assert tree(work / "dataset") == before[1]
    assert everything(work / "dataset") == {name[8:] for name in before[0] if name.startswith("dataset/")}
    assert not [path.name for path in work.iterdir() if path.name.startswith(".")]
    assert negbuild("split", "-w", work).code == 0


@pytest.mark.parametrize("fault", ["missing", "cut"])
def test_a_stored_picture_that_was_lost_is_told_in_one_line(negbuild: Negbuild, work: Path, fault: str) -> None:
    lost = min((work / "images").glob("??/*.jpg"))
    if fault == "missing":
        lost.unlink()
    else:
        lost.write_bytes(lost.read_bytes()[:-200])
    done = negbuild("split", "-w", work)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert lost.stem[:12] in done.err
    assert not (work / "dataset").exists()


# --- how many negatives, and how few of a class


def used(root: Path, dataset: str = "dataset") -> set[str]:
    """Pictures of the dataset that are unknown."""
    return {row.sha256 for row in read_manifest(root / dataset) if row.role == Role.UNKNOWN}


def sized(negatives: str = "", cap: str = "", minimum: int = 1) -> Wanted:
    return Wanted(minimum, Size(parse_negatives(negatives) if negatives else None, parse_cap(cap) if cap else None))


def test_negatives_come_to_the_multiple_that_is_asked_for_and_stay(work: Path, photo: Photo) -> None:
    options = SplitOptions(wanted=sized("1x", "60%"))
    result = split(Workspace(work), work / "dataset", options)
    assert result.omitted == {Omission.SURPLUS: 8}
    first, before = used(work), tree(work / "dataset")
    assert Counter(row.category for row in read_manifest(work / "dataset") if row.sha256 in first) == {
        "salad": 7,
        "street": 7,
    }
    split(Workspace(work), work / "dataset", replace(options, seed=9))
    assert tree(work / "dataset").keys() == before.keys()
    add(work, "street", Role.UNKNOWN, [photo(seed) for seed in range(3000, 3010)])
    add(work, "hotdog", Role.KNOWN, [photo(seed) for seed in range(3010, 3014)])
    result = split(Workspace(work), work / "dataset", options)
    assert first < used(work)
    assert len(used(work)) == 18
    assert result.moves == []
    assert verify(work / "dataset").holds
    lock = json.loads((work / "dataset" / "negbuild.lock.json").read_text(encoding="utf-8"))
    assert (lock["negatives"], lock["cap"], lock["min_per_class"], lock["topped_up"]) == ("1x", "60%", 1, [])
    # Without a size all of them are used again, each where it was.
    _, places = remembered(work)
    result = split(Workspace(work), work / "dataset", SplitOptions())
    assert (result.omitted, result.moves) == ({}, [])
    assert {sha: remembered(work)[1][sha] for sha in places} == places


def test_class_weights_are_those_of_training_and_are_written(negbuild: Negbuild, work: Path) -> None:
    done = negbuild("split", "-w", work, "--json")
    record = json.loads((work / "dataset" / "class_weights.json").read_text(encoding="utf-8"))
    train = Counter(row.class_name for row in read_manifest(work / "dataset") if row.split == Split.TRAIN)
    assert record["pictures"] == train == {"0_na": 16, "hotdog": 10}
    assert list(record["class_weight"]) == ["0_na", "hotdog"]
    assert record["class_weight"] == {"0_na": 0.8125, "hotdog": 1.3}
    assert record["focal_alpha"] == {"0_na": 0.384615, "hotdog": 0.615385}
    assert record["ratio"] == {"0_na": 1.0, "hotdog": 1.6}
    assert [one["weight"] for one in done.json["weights"]] == [0.8125, 1.3]
    (work / "dataset" / "class_weights.json").unlink()
    assert negbuild("verify", work / "dataset").code == 5


def test_a_minimum_is_met_and_recorded(negbuild: Negbuild, work: Path) -> None:
    done = negbuild("split", "-w", work, "--min-per-class", 4)
    assert "topped up: hotdog in valid, where the ratio is due 2\n" in done.out
    again = negbuild("split", "-w", work, "--min-per-class", 4, "--json").json
    assert again["moves"] == []
    assert {one["split"]: one["number"] for one in again["counts"] if one["class_name"] == "hotdog"} == {
        "train": 6,
        "valid": 4,
        "test": 4,
        "unseen": 4,
    }
    lock = json.loads((work / "dataset" / "negbuild.lock.json").read_text(encoding="utf-8"))
    assert lock["min_per_class"] == 4
    assert lock["topped_up"] == [
        {"class_name": "0_na", "split": "test", "due": 3},
        {"class_name": "0_na", "split": "valid", "due": 3},
        {"class_name": "hotdog", "split": "test", "due": 2},
        {"class_name": "hotdog", "split": "valid", "due": 2},
    ]


# --- held out by rule, and back


def test_auto_holds_out_once_and_says_why(negbuild: Negbuild, work: Path, photo: Photo) -> None:
    for number, name in enumerate(("car", "hotdogs_drawn")):
        add(work, name, Role.UNKNOWN, [photo(seed) for seed in range(3000 + 10 * number, 3010 + 10 * number)])
    assert negbuild("crawl", "-s", "noise", "-n", 12, "-w", work).code == 0
    done = negbuild("split", "-w", work, "--unseen", "auto")
    assert done.code == 0
    assert [line for line in done.out.splitlines() if line.startswith("held out")] == [
        "held out as near: hotdogs_drawn (shares the word hotdog with hotdog)"
    ]
    assert {name for name, role in remembered(work)[0].items() if role == "unseen"} == {"dog", "hotdogs_drawn"}
    first = tree(work / "dataset")
    assert negbuild("split", "-w", work, "--unseen", "auto").code == 0
    assert tree(work / "dataset") == first
    assert verify(work / "dataset").holds


def test_a_category_that_is_seen_again_is_trained_on_and_that_is_said(negbuild: Negbuild, work: Path) -> None:
    split(Workspace(work), work / "dataset", SplitOptions())
    done = negbuild("split", "-w", work, "--seen", "dog")
    assert done.code == 0
    assert "moved out of the holdout into training's splits: 6 pictures\n" in done.out
    assert "dog is no holdout any more: what was measured on it before does not hold any more\n" in done.out
    assert remembered(work)[0]["dog"] == "unknown"
    assert "unseen" not in set(remembered(work)[1].values())
    assert verify(work / "dataset").holds


# --- folds


def test_every_negative_category_is_unseen_in_one_fold(negbuild: Negbuild, work: Path) -> None:
    split(Workspace(work), work / "dataset", SplitOptions())
    before = remembered(work)
    done = negbuild("split", "-w", work, "--unseen-folds", 3)
    assert (done.code, done.err) == (0, f"next: negbuild verify {work / 'folds'}\n")
    assert remembered(work) == before
    trees = {name: read_manifest(work / "folds" / name) for name in ("fold1", "fold2", "fold3")}
    unseen = {name: {row.category for row in rows_ if row.role == Role.UNSEEN} for name, rows_ in trees.items()}
    assert sorted(name for names in unseen.values() for name in names) == ["dog", "salad", "street"]
    assert all(len(names) == 1 for names in unseen.values())
    stated = (work / "folds" / "folds.csv").read_text(encoding="utf-8").splitlines()
    assert stated[0] == "fold,category,pictures,nearness"
    assert {(f"fold{line.split(',')[0]}", line.split(",")[1]) for line in stated[1:]} == {
        (name, category) for name, (category,) in unseen.items()
    }
    places: dict[str, set[str]] = {}
    for rows_ in trees.values():
        for row in rows_:
            if row.split != Split.UNSEEN:
                places.setdefault(row.sha256, set()).add(row.split)
    assert {len(splits) for splits in places.values()} == {1}  # known pictures too
    assert all(before[1][sha] in {*splits, "unseen"} for sha, splits in places.items())
    assert all(verify(work / "folds" / name).holds for name in trees)
    whole = verify(work / "folds")
    assert (whole.holds, list(whole.trees)) == (True, ["fold1", "fold2", "fold3"])
    (work / "folds" / "fold2" / "test" / "stray.jpg").write_bytes(b"")
    assert not verify(work / "folds").holds


def test_folds_that_hold_out_other_categories_than_they_say_are_told(work: Path) -> None:
    folds = split_folds(Workspace(work), work / "folds", SplitOptions(), 3).dataset
    shutil.rmtree(folds / "fold2")
    shutil.copytree(folds / "fold1", folds / "fold2")
    problems = [problem for check in verify(folds).checks for problem in check.problems]
    assert any(problem.startswith("fold2: ") for problem in problems)


def test_a_picture_in_two_splits_of_folds_in_tar_files_is_told(work: Path) -> None:
    tar_files = SplitOptions(layout=Layout.WEBDATASET)
    folds = split_folds(Workspace(work), work / "folds", tar_files, 3).dataset
    assert verify(folds).holds
    copy = shutil.copytree(work, work.parent / "copy", ignore=shutil.ignore_patterns("folds", "cache"))
    with closing(sqlite3.connect(copy / "catalog.sqlite")) as catalog, catalog:
        catalog.execute("DELETE FROM assignments")
        catalog.execute("DELETE FROM fold_places")
    split(Workspace(copy), copy / "dataset", SplitOptions(seed=1))
    shutil.rmtree(folds / "fold2")
    others = split_folds(Workspace(copy), copy / "folds", replace(tar_files, seed=1), 3).dataset
    (others / "fold2").rename(folds / "fold2")
    (promise,) = [check for check in verify(folds).checks if check.promise.startswith("a picture is in the same split")]
    assert promise.problems


def test_folds_are_the_same_every_time_and_pictures_that_come_later_move_none(work: Path, photo: Photo) -> None:
    split_folds(Workspace(work), work / "folds", SplitOptions(), 2)
    first = tree(work / "folds")
    split_folds(Workspace(work), work / "folds", SplitOptions(), 2)
    assert tree(work / "folds") == first
    add(work, "hotdog", Role.KNOWN, [photo(seed) for seed in range(3000, 3005)])
    add(work, "dog", Role.UNSEEN, [photo(seed) for seed in range(3005, 3015)])
    add(work, "car", Role.UNKNOWN, [photo(seed) for seed in range(3015, 3035)])
    split(Workspace(work), work / "dataset", SplitOptions())  # and a split between them
    result = split_folds(Workspace(work), work / "folds", SplitOptions(seed=4), 2)
    assert result.moves == []
    pictures = {file for file in first if file.endswith(".jpg")}
    assert pictures < tree(work / "folds").keys()
    split_places = {row.sha256: row.split for row in read_manifest(work / "dataset") if row.role != Role.UNSEEN}
    for name in ("fold1", "fold2"):
        for row in read_manifest(work / "folds" / name):
            if row.split != Split.UNSEEN and row.sha256 in split_places:
                assert split_places[row.sha256] in {row.split, Split.UNSEEN}


def test_folds_take_their_place_in_one_step_or_not_at_all(negbuild: Negbuild, work: Path) -> None:
    split_folds(Workspace(work), work / "folds", SplitOptions(), 3)
    before = (tree(work / "folds"), rows(work, "SELECT number, fold FROM folds ORDER BY 1, 2"))
    lost = max((work / "images").glob("??/*.jpg"))
    lost.write_bytes(lost.read_bytes()[:100])
    shutil.rmtree(work / "cache", ignore_errors=True)
    assert negbuild("split", "-w", work, "--unseen-folds", 2).code == 1
    assert tree(work / "folds") == before[0]
    assert not [path for path in work.iterdir() if path.name.startswith(".folds")]
    (work / "folds" / "fold2" / "mine.txt").write_text("mine")
    with refused(
        f"{work / 'folds'}: holds files that negbuild did not write, such as fold2/mine.txt; choose another --out"
    ):
        split_folds(Workspace(work), work / "folds", SplitOptions(), 3)


def test_sized_folds_are_sized_each(work: Path) -> None:
    result = split_folds(Workspace(work), work / "folds", SplitOptions(wanted=sized("0.5x")), 3)
    for number in (1, 2, 3):
        assert len(used(work, f"folds/fold{number}")) == 7
    assert [sum(one.omitted.values()) for one in result.results] == [
        28 - len({row.sha256 for row in read_manifest(work / f"folds/fold{n}") if row.role != Role.KNOWN})
        for n in (1, 2, 3)
    ]
    assert rows(work, "SELECT * FROM unused") == []


# --- what cannot be

_NO_NUMBER = "needs a number above 0 such as 300, or a multiple of the positives such as 1.5x"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ["--negatives", "lots"],
            "negatives lots: needs a number above 0 such as 300, or a multiple of the positives such as 1.5x",
        ),
        (
            ["--negatives", ""],
            "negatives : needs a number above 0 such as 300, or a multiple of the positives such as 1.5x",
        ),
        (
            ["--negatives", "-5"],
            "negatives -5: needs a number above 0 such as 300, or a multiple of the positives such as 1.5x",
        ),
        (["--negatives", "2"], "split: --negatives 2 leaves 2 negatives, train, valid and test need 3; ask for more"),
        (["--cap", "1.5x"], "cap 1.5x: needs a number above 0 such as 200, or a part of the negatives such as 30%"),
        (
            ["--cap", "30%"],
            "cap 30%: 2 negative categories cannot each stay within it; use --cap 50%, or "
            'run: negbuild crawl --query "city street" -n 200',
        ),
        (
            ["--min-per-class", "5"],
            "hotdog: 14 independent pictures cannot put 5 into each of train, valid and test (copies and look-alikes "
            "count once); add more, or lower --min-per-class",
        ),
        (["--unseen", "hotdog"], "category hotdog: is known, and only a negative category can be held out"),
        (
            ["--unseen", "salad", "--unseen", "street"],
            "split: hotdog without negatives to train on, and a classifier trained on one class says yes to "
            'everything; run: negbuild crawl --query "street food" -n 200',
        ),
        (
            ["--unseen", "auto"],
            "unseen auto: 2 negative categories in training cannot give 1 and keep 2, 1 more needed; "
            'run: negbuild crawl --query "city street" -n 200',
        ),
        (["--seen", "salad"], "category salad: is not held out, training sees it already; leave --seen out"),
        (["--seen", "cat"], "category cat: not in this workspace; negative categories: dog, salad, street"),
        (
            ["--seen", "dog", "--unseen", "auto"],
            "category dog: cannot be held out and seen at once; leave --unseen or --seen out",
        ),
        (
            ["--unseen-folds", "4"],
            "unseen-folds 4: 3 negative categories cannot fill so many; use --unseen-folds 3, or "
            'run: negbuild crawl --query "city street" -n 200',
        ),
        (
            ["--unseen-folds", "2", "--unseen", "dog"],
            "unseen-folds: holds every negative category out once; leave --unseen and --seen out",
        ),
    ],
)
def test_what_cannot_be_planned_is_one_line_and_changes_nothing(
    negbuild: Negbuild, work: Path, options: list[str], line: str
) -> None:
    split(Workspace(work), work / "dataset", SplitOptions())
    before = (remembered(work), everything(work), tree(work / "dataset"))
    done = negbuild("split", "-w", work, *options)
    assert (done.code, done.out, done.err) == (2, "", f"negbuild: {line}\n")
    assert (remembered(work), everything(work), tree(work / "dataset")) == before


def test_three_pictures_are_enough_for_a_class_and_two_are_not(
    negbuild: Negbuild, tmp_path: Path, photo: Photo
) -> None:
    add(tmp_path / "work", "hotdog", Role.KNOWN, [photo(seed) for seed in range(2)])
    add(tmp_path / "work", "salad", Role.UNKNOWN, [photo(seed) for seed in range(4, 14)])
    done = negbuild("split", "-w", "work")
    assert (done.code, done.err) == (
        2,
        "negbuild: hotdog: 2 independent pictures cannot fill train, valid and test (copies and look-alikes count "
        "once); add more\n",
    )
    add(tmp_path / "work", "hotdog", Role.KNOWN, [photo(2)])
    counts = negbuild("split", "-w", "work", "--json").json["counts"]
    assert [one["number"] for one in counts if one["class_name"] == "hotdog"] == [1, 1, 1]
