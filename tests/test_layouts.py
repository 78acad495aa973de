"""Every layout comes of one and the same plan, says which it is, and is whole or not there."""

import csv
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from negbuild.errors import UsageError
from negbuild.layouts import LAYOUTS, Layout, class_names, holds, require_classes
from negbuild.manifest import RECORDS, Row, csv_text, read_manifest, written_files
from negbuild.model import Role, Search, Split
from negbuild.order import Order
from negbuild.source import find_source
from negbuild.stages.crawl import crawl
from negbuild.stages.split import SplitOptions, split
from negbuild.stages.verify import verify
from negbuild.webdataset import Shards
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]

CATEGORIES = {
    "hotdog": (Role.KNOWN, 8),
    "positive": (Role.KNOWN, 5),  # the name of a class of another layout
    "salad": (Role.UNKNOWN, 8),
    "street": (Role.UNKNOWN, 12),
    "dog": (Role.UNSEEN, 6),
}


@pytest.fixture(scope="module")
def made(photo: Photo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("layouts")
    seeds = iter(range(100))
    for category, (role, count) in CATEGORIES.items():
        (root / category).mkdir()
        for number in range(count):
            kind = {"kind": "PNG"} if number % 3 == 0 else {}
            (root / category / f"{number}.jpg").write_bytes(photo(next(seeds), **kind))
        order = Order(Search(path=root / category), category, role)
        crawl(Workspace(root / "work"), find_source("folder"), order)
    split(Workspace(root / "work"), root / "work" / "dataset", SplitOptions())
    return root / "work"


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    """Copy a workspace that was split as multiclass."""
    return shutil.copytree(made, tmp_path / "work")


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def written(work: Path, layout: Layout, **options: Any) -> Path:  # noqa: ANN401  those of a split
    return split(Workspace(work), work / layout, SplitOptions(layout=layout, **options)).dataset


def plan(rows: list[Row]) -> set[tuple[str, str]]:
    return {(row.split, row.sha256) for row in rows}


def lock(root: Path) -> Any:  # noqa: ANN401  what JSON holds
    return json.loads((root / "negbuild.lock.json").read_text())


def stated(root: Path) -> dict[str, int]:
    indices: dict[str, int] = json.loads((root / "class_indices.json").read_text())
    assert (root / "classes.txt").read_text().splitlines() == list(indices)
    assert list(indices.values()) == list(range(len(indices)))
    return indices


def folders(root: Path, part: str) -> set[str]:
    return {path.name for path in (root / part).iterdir()}


# --- what goes where


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout is not Layout.TWO_STAGE])
def test_every_layout_is_of_one_plan_and_says_which_it_is(work: Path, layout: Layout) -> None:
    everything = read_manifest(work / "dataset")
    rows = read_manifest(written(work, layout))
    assert plan(rows) == plan([row for row in everything if holds(layout, Split(row.split), Role(row.role))])
    same = {(row.split, row.sha256): (row.group, row.category, row.file_sha256) for row in everything}
    assert all((row.group, row.category, row.file_sha256) == same[row.split, row.sha256] for row in rows)
    assert lock(work / layout)["layout"] == layout
    assert set(tree(work / layout)) == written_files(work / layout)


def test_binary_tells_known_from_all_else(work: Path) -> None:
    root = written(work, Layout.BINARY)
    assert stated(root) == {"0_na": 0, "positive": 1}
    for part in ("train", "valid", "test", "unseen"):
        assert folders(root, part) == {"0_na", "positive"}
    for row in read_manifest(root):
        assert row.class_name == ("0_na" if row.role != "known" else "positive")
        assert row.file == f"{row.split}/{row.class_name}/{row.category}_{row.sha256[:12]}.jpg"


def test_one_class_trains_on_known_pictures_alone(work: Path) -> None:
    result = split(Workspace(work), work / "out", SplitOptions(layout=Layout.ONE_CLASS))
    assert stated(result.dataset) == {"0_na": 0, "hotdog": 1, "positive": 2}
    assert folders(result.dataset, "train") == {"hotdog", "positive"}
    for part in ("valid", "test", "unseen"):
        assert folders(result.dataset, part) == {"0_na", "hotdog", "positive"}
    everything = read_manifest(work / "dataset")
    assert result.unplaced == sum((row.split, row.role) == ("train", "unknown") for row in everything) > 10


def test_two_stages_are_two_trees_of_one_plan(work: Path) -> None:
    everything = read_manifest(work / "dataset")
    root = written(work, Layout.TWO_STAGE)
    gate, classes = read_manifest(root / "gate"), read_manifest(root / "classes")
    assert plan(gate) == plan(everything)
    assert plan(classes) == plan([row for row in everything if row.role == "known" and row.split != "unseen"])
    assert stated(root / "gate") == {"0_na": 0, "positive": 1}
    assert stated(root / "classes") == {"hotdog": 0, "positive": 1}
    assert sorted(path.name for path in (root / "classes").iterdir() if path.is_dir()) == ["test", "train", "valid"]
    assert [lock(root / part)["layout"] for part in (".", "gate", "classes")] == ["two-stage", "binary", "classes"]
    assert lock(root)["trees"] == ["gate", "classes"]
    assert {path.name for path in root.iterdir()} == {"gate", "classes", "README.md", "negbuild.lock.json"}
    assert set(tree(root)) == written_files(root)
    shared = {row.sha256: root / "gate" / row.file for row in gate}
    assert all((root / "classes" / row.file).samefile(shared[row.sha256]) for row in classes)


def test_each_tree_has_records_of_its_own(work: Path) -> None:
    root = written(work, Layout.TWO_STAGE)
    for part in ("gate", "classes"):
        assert {path.name for path in (root / part).iterdir() if path.is_file()} == set(RECORDS)
        with (root / part / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as stream:
            credited = [credit["file"] for credit in csv.DictReader(stream)]
        assert credited == [row.file for row in read_manifest(root / part)]
    compared = [json.loads((root / part / "certificate.json").read_text())["compared"] for part in ("gate", "classes")]
    assert compared == [39, 13]


@pytest.mark.parametrize("known", [["hotdog"], []])
def test_a_second_stage_with_nothing_to_tell_apart_is_refused(known: list[str]) -> None:
    with pytest.raises(UsageError) as refusal:
        require_classes(Layout.TWO_STAGE, known)
    assert str(refusal.value) == (
        f"layout two-stage: the second stage has one class alone, {', '.join(known)}; add another known category, or "
        "choose --layout binary"
    )
    require_classes(Layout.BINARY, known)


def test_a_second_stage_with_one_class_changes_nothing(negbuild: Negbuild, photo: Photo, tmp_path: Path) -> None:
    for first, (category, role) in enumerate((("hotdog", "known"), ("street", "unknown"))):
        (tmp_path / category).mkdir()
        for seed in range(6):
            (tmp_path / category / f"{seed}.jpg").write_bytes(photo(6 * first + seed))
        assert negbuild("add", category, "--role", role, "-w", "work").code == 0
    before = tree(tmp_path)
    done = negbuild("split", "-w", "work", "--layout", "two-stage")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith("negbuild: layout two-stage: the second stage has one class alone, hotdog; ")
    after = tree(tmp_path)
    assert {name for name in after.keys() ^ before.keys() if "catalog" not in name} == set()


@pytest.mark.parametrize("layout", list(Layout))
def test_known_categories_have_classes_in_every_layout(layout: Layout) -> None:
    names = class_names(layout, ["class2", "class10", "positive"])
    expected = {"class2": "class02", "class10": "class10", "positive": "positive"}
    assert names == (dict.fromkeys(expected, "positive") if layout is Layout.BINARY else expected)


# --- the command


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_command_writes_each_layout_and_draws_it(negbuild: Negbuild, work: Path, layout: Layout) -> None:
    done = negbuild("split", "-w", work, "--layout", layout, "--out", "out")
    assert done.code == 0
    assert done.err == "next: negbuild verify out\n"
    drawn = [line for line in done.out.splitlines() if re.search("[├└]", line)]
    parts = {line.split("── ")[1].split("/")[0].split("-0")[0] for line in drawn}
    assert {"train", "valid", "test", "unseen"} <= parts
    assert ("gate" in parts) == (layout is Layout.TWO_STAGE)
    negatives = [line for line in drawn if "train" in line and "0_na" in line]
    assert len(negatives) == (0 if layout is Layout.ONE_CLASS else 1)
    same = negbuild("split", "-w", work, "--layout", layout, "--out", "again", "--json").json
    assert same["layout"] == layout
    assert (same["classes"] is None) == (layout is not Layout.TWO_STAGE)
    assert tree(work.parent / "out") == tree(work.parent / "again")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_each_layout_wrote_is_verified(negbuild: Negbuild, work: Path, layout: Layout) -> None:
    for options in ([], ["--originals"]):
        assert negbuild("split", "-w", work, "--layout", layout, "--out", "out", *options).code == 0
        for part in ("out", *(["out/gate", "out/classes"] if layout is Layout.TWO_STAGE else [])):
            done = negbuild("verify", part)
            assert (done.code, done.err) == (0, ""), done.out


def test_a_layout_that_is_none_is_refused_in_one_line(negbuild: Negbuild, work: Path) -> None:
    done = negbuild("split", "-w", work, "--layout", "classes")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    for name in LAYOUTS:
        assert f"'{name}'" in done.err


def test_files_that_need_no_change_are_kept_on_request(negbuild: Negbuild, work: Path) -> None:
    done = negbuild("split", "-w", work, "--originals", "--out", "out", "--json").json
    rows = read_manifest(work.parent / "out")
    assert {row.file.rpartition(".")[2] for row in rows} == {"jpg", "png"}
    assert done["kept"] == len({row.sha256 for row in rows}) == sum(count for _, count in CATEGORIES.values())
    for row in rows:
        assert row.sha256 == row.file_sha256
        assert (
            (work.parent / "out" / row.file)
            .read_bytes()
            .startswith(b"\x89PNG" if row.file.endswith(".png") else b"\xff\xd8\xff")
        )
    assert lock(work.parent / "out")["originals"] is True
    with (work.parent / "out" / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as stream:
        assert {credit["changes"] for credit in csv.DictReader(stream)} == {"none"}
    lines = negbuild("split", "-w", work, "--originals", "--out", "out").out.splitlines()
    assert "kept as they came: 39 pictures" in lines


# --- whole or not there


@pytest.mark.parametrize("before", LAYOUTS)
@pytest.mark.parametrize("after", [Layout.MULTICLASS, Layout.TWO_STAGE, Layout.WEBDATASET])
def test_one_layout_takes_the_place_of_another(work: Path, before: Layout, after: Layout) -> None:
    fresh = tree(written(work, after))
    out = work / "out"
    split(Workspace(work), out, SplitOptions(layout=before, shard_size=9))
    split(Workspace(work), out, SplitOptions(layout=after))
    assert tree(out) == fresh


@pytest.mark.parametrize(
    ("layout", "foreign"),
    [
        (Layout.TWO_STAGE, "notes.txt"),
        (Layout.TWO_STAGE, "gate/notes.txt"),
        (Layout.TWO_STAGE, "classes/train/hotdog/mine.jpg"),
        (Layout.TWO_STAGE, "train/hotdog/mine.jpg"),
        (Layout.WEBDATASET, "train-000099.tar"),
        (Layout.WEBDATASET, "train/mine.jpg"),
        (Layout.BINARY, "gate/manifest.csv"),
    ],
)
def test_a_file_put_into_any_layout_survives(work: Path, layout: Layout, foreign: str) -> None:
    out = written(work, layout)
    (out / foreign).parent.mkdir(parents=True, exist_ok=True)
    (out / foreign).write_text("mine")
    before = tree(out)
    with pytest.raises(UsageError) as refusal:
        split(Workspace(work), out, SplitOptions())
    assert str(refusal.value) == (
        f"{out}: holds files that negbuild did not write, such as {foreign}; choose another --out"
    )
    assert tree(out) == before


@pytest.mark.parametrize(
    "text", ["[]", '{"trees": ["../dataset"]}', '{"trees": 7}', '{"trees": ["gate"]}', "{", "\udcff"]
)
def test_a_lock_that_is_not_ours_lets_nothing_be_replaced(work: Path, text: str) -> None:
    out = written(work, Layout.TWO_STAGE)
    (out / "negbuild.lock.json").write_text(text, errors="surrogateescape")
    before = tree(out)
    with pytest.raises(UsageError, match="holds files that negbuild did not write"):
        split(Workspace(work), out, SplitOptions())
    assert tree(out) == before


KILLED = """\
import os, signal, sys
from pathlib import Path
from negbuild.layouts import Layout
from negbuild.stages import split as stage
from negbuild.workspace import Workspace
whole = stage.write_records
def write_records(root, *others):
    if root.name == sys.argv[2]:
        os.kill(os.getpid(), int(sys.argv[3]))
    whole(root, *others)
stage.write_records = write_records
work = Path(sys.argv[1])
stage.split(Workspace(work), work / "out", stage.SplitOptions(layout=Layout.TWO_STAGE))
"""


@pytest.mark.parametrize("tree_name", ["gate", "classes"])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_two_stages_that_are_interrupted_leave_the_earlier_dataset(
    work: Path, tree_name: str, by: signal.Signals
) -> None:
    fresh = tree(written(work, Layout.TWO_STAGE))
    before = tree(split(Workspace(work), work / "out", SplitOptions()).dataset)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, work, tree_name, str(int(by))], capture_output=True, check=False
    )
    assert done.returncode == -by
    assert tree(work / "out") == before
    drafts = [path.name for path in work.iterdir() if path.name.startswith(".")]
    assert drafts == ([".out.negbuild-draft"] if by is signal.SIGKILL else [])
    assert tree(split(Workspace(work), work / "out", SplitOptions(layout=Layout.TWO_STAGE)).dataset) == fresh
    assert not [path.name for path in work.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("layout", [Layout.TWO_STAGE, Layout.WEBDATASET])
def test_a_disk_that_fills_up_leaves_the_earlier_dataset(
    negbuild: Negbuild, work: Path, disk: Callable[[str], Path], layout: Layout
) -> None:
    out = disk("size=1m") / "out"
    assert negbuild("split", "-w", work, "--out", out).code == 0
    before = tree(out)
    used = sum(len(data) for data in before.values())
    subprocess.run(["mount", "-o", f"remount,size={used * 2 // 1024}k", out.parent], check=True)
    done = negbuild("split", "-w", work, "--out", out, "--layout", layout)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"negbuild: {out}: no space left; make room and run the same command again\n"
    assert tree(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


# --- tar files


# The library leaves files open until the process ends, so it has one of its own.
LIBRARY = """\
import json, sys
import webdataset
for sample in webdataset.WebDataset(sys.argv[1], shardshuffle=False, empty_check=True).decode("pil"):
    shard, key = sample["__url__"].rpartition("/")[2], sample["__key__"]
    print(json.dumps([shard, key, sample["cls"], sample["json"], sample["jpg"].size]))
"""


def test_the_library_reads_every_sample_with_its_class_and_row(work: Path) -> None:
    root = written(work, Layout.WEBDATASET, shard_size=7)
    rows = {row.file: row for row in read_manifest(root)}
    indices, seen = stated(root), Counter[str]()
    for part in Split:
        count = sum(row.split == part for row in rows.values())
        shards = sorted(path.name for path in root.glob(f"{part}-*.tar"))
        assert shards == [f"{part}-{number:06}.tar" for number in range(-(-count // 7))]
        urls = str(root / f"{part}-{{000000..{len(shards) - 1:06}}}.tar")
        told = subprocess.run([sys.executable, "-c", LIBRARY, urls], capture_output=True, text=True, check=True).stdout
        for shard, key, index, stated_row, size in map(json.loads, told.splitlines()):
            row = rows[f"{shard}/{key}.jpg"]
            assert index == indices[row.class_name]
            assert stated_row == asdict(row)
            assert size == [row.width, row.height]
            assert "." not in key
            seen[row.file] += 1
    assert seen == Counter(rows.keys())
    assert set(tree(root)) == written_files(root)


def test_tar_files_hold_the_bytes_of_the_tree_and_nothing_of_the_machine(work: Path) -> None:
    data = {
        (row.split, row.sha256): (work / "dataset" / row.file).read_bytes() for row in read_manifest(work / "dataset")
    }
    root = written(work, Layout.WEBDATASET, look=SplitOptions().look)
    shards = Shards(root)
    for row in read_manifest(root):
        assert shards.read(row.file) == data[row.split, row.sha256]
    for path in root.glob("*.tar"):
        with tarfile.open(path) as tar:
            for member in tar:
                assert member.isreg()
                said = (member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode)
                assert said == (0, 0, 0, "", "", 0o644)


def test_samples_are_mixed_by_the_seed_and_shards_are_even(work: Path) -> None:
    orders = {}
    for seed in (0, 1):
        root = split(
            Workspace(work), work / f"seed{seed}", SplitOptions(layout=Layout.WEBDATASET, seed=seed, shard_size=10)
        ).dataset
        names = [name for name in Shards(root).files if name.startswith("train-") and name.endswith(".jpg")]
        sizes = Counter(name.split("/")[0] for name in names)
        assert max(sizes.values()) - min(sizes.values()) <= 1
        assert len(sizes) == -(-len(names) // 10)
        orders[seed] = [name.split("/")[1] for name in names]
    assert sorted(orders[0]) == sorted(orders[1])  # the plan is kept
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0])


@pytest.mark.parametrize("fault", ["cut", "no tar", "twice", "link", "folder"])
def test_a_shard_that_is_broken_is_not_read(work: Path, fault: str) -> None:
    root = written(work, Layout.WEBDATASET)
    path = root / "train-000000.tar"
    if fault == "cut":
        os.truncate(path, path.stat().st_size // 2 // 512 * 512 + 100)
    elif fault == "no tar":
        path.write_bytes(b"no tar at all" * 100)
    else:
        with tarfile.open(path, "a") as tar:
            member = tar.getmembers()[0] if fault == "twice" else tarfile.TarInfo("another.jpg")
            member.type = {"twice": tarfile.REGTYPE, "link": tarfile.SYMTYPE, "folder": tarfile.DIRTYPE}[fault]
            member.size = 0
            tar.addfile(member)

    def read_all() -> None:
        shards = Shards(root)
        for file in shards.files:
            shards.read(file)

    with pytest.raises((OSError, tarfile.TarError, ValueError)):
        read_all()


# --- what verify finds


def problems(root: Path) -> dict[str, list[str]]:
    """What is broken, by promise."""
    return {check.promise: check.problems for check in verify(root).all_checks if check.problems}


def change_lock(root: Path, **values: object) -> None:
    (root / "negbuild.lock.json").write_text(json.dumps({**lock(root), **values}))


def _negative_in_one_class_training(work: Path) -> tuple[Path, str]:
    root = written(work, Layout.MULTICLASS)
    change_lock(root, layout="one-class")
    return root, "has no place in layout one-class"


def _one_class_that_says_multiclass(work: Path) -> tuple[Path, str]:
    root = written(work, Layout.ONE_CLASS)
    change_lock(root, layout="multiclass")
    return root, "train/0_na: missing or empty"


def _lock_without_layout(work: Path) -> tuple[Path, str]:
    root = written(work, Layout.BINARY)
    change_lock(root, layout="another")
    return root, "negbuild.lock.json: layout another; upgrade negbuild"


def _picture_of_a_stage_in_another_split(work: Path) -> tuple[Path, str]:
    root = written(work, Layout.TWO_STAGE)
    other = split(Workspace(_planned_otherwise(work)), work / "other", SplitOptions(layout=Layout.TWO_STAGE)).dataset
    shutil.rmtree(root / "classes")
    (other / "classes").rename(root / "classes")
    return root, " of gate"


def _planned_otherwise(work: Path) -> Path:
    copy = shutil.copytree(work, work / "copy", ignore=shutil.ignore_patterns("two-stage", "cache"))
    with closing(sqlite3.connect(copy / "catalog.sqlite")) as catalog, catalog:
        catalog.execute("DELETE FROM assignments")
    split(Workspace(copy), copy / "dataset", SplitOptions(seed=1))
    return copy


def _note_above_two_stages(work: Path) -> tuple[Path, str]:
    root = written(work, Layout.TWO_STAGE)
    (root / "notes.txt").write_text("mine")
    return root, "notes.txt: does not belong here"


def _byte_in_the_gate(work: Path) -> tuple[Path, str]:
    root = written(work, Layout.TWO_STAGE, copies=True)
    row = read_manifest(root / "gate")[0]
    path = root / "gate" / row.file
    path.write_bytes(path.read_bytes()[:-2] + b"\0\0")
    return root, f"{row.file}: its bytes are not those that were written"


def _negatives_in_the_second_stage(work: Path) -> tuple[Path, str]:
    root = written(work, Layout.MULTICLASS)
    change_lock(root, layout="classes")
    return root, "has no place in layout classes"


SPOILT = [
    _negative_in_one_class_training,
    _one_class_that_says_multiclass,
    _lock_without_layout,
    _picture_of_a_stage_in_another_split,
    _note_above_two_stages,
    _byte_in_the_gate,
    _negatives_in_the_second_stage,
]


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__.strip("_"))
def test_what_breaks_the_promises_of_a_layout_is_named(work: Path, spoil: Callable[[Path], tuple[Path, str]]) -> None:
    root, named = spoil(work)
    found = [problem for own in problems(root).values() for problem in own]
    assert any(named in problem for problem in found), found


Members = dict[str, bytes]


def repack(path: Path, change: Callable[[Members], Members]) -> None:
    """Write a tar file anew with other members."""
    with tarfile.open(path) as tar:
        members = {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in change(members).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def first(members: Members, kind: str) -> str:
    return next(name for name in members if name.endswith(kind))


SAMPLES = "the tar files hold samples of picture, class and row, numbered from 0, and nothing lies beside them"
STATED = "every sample states its class and its row, and every split has every class"
BYTES = "manifest and tar files agree, byte for byte"
DECODES = "every picture decodes: RGB, upright, one frame, as large as stated"
AGREE = "attribution, settings and README say what the manifest says"
UNSEEN = "unseen categories are in the holdout and nowhere else"
TWINS = "no two twins lie in different splits"

REPACKED: dict[str, tuple[set[str], Callable[[Members], Members]]] = {
    "a byte of a picture": ({BYTES}, lambda all_: all_ | {(name := first(all_, ".jpg")): _flipped(all_[name])}),
    "a picture cut off": (
        {BYTES, DECODES, TWINS},
        lambda all_: all_ | {(name := first(all_, ".jpg")): all_[name][:300]},
    ),
    "another class": ({STATED}, lambda all_: all_ | {first(all_, ".cls"): b"7"}),
    "another row": ({STATED}, lambda all_: all_ | {first(all_, ".json"): b"{}"}),
    "no row": ({SAMPLES}, lambda all_: {name: data for name, data in all_.items() if name != first(all_, ".json")}),
    "no sample": ({BYTES, TWINS}, lambda all_: dict([*all_.items()][3:])),
    "no picture": (
        {SAMPLES, BYTES, TWINS},
        lambda all_: {name: data for name, data in all_.items() if name != first(all_, ".jpg")},
    ),
    "another order": ({SAMPLES}, lambda all_: dict(sorted(all_.items(), key=lambda one: one[0].split(".")[::-1]))),
    "a file that is none of a sample": ({SAMPLES, BYTES}, lambda all_: all_ | {"notes.txt": b"mine"}),
    "a sample without a row in the manifest": (
        {BYTES},
        lambda all_: (
            all_ | {f"salad_0123456789ab{kind}": all_[first(all_, kind)] for kind in (".jpg", ".cls", ".json")}
        ),
    ),
    "nothing": ({SAMPLES, BYTES, TWINS}, lambda _: {}),
}


def _flipped(data: bytes) -> bytes:
    return data[:14] + bytes([data[14] ^ 1]) + data[15:]  # the density in the JFIF header: no pixel changes


@pytest.mark.parametrize("fault", REPACKED)
def test_each_fault_of_tar_files_breaks_the_promise_that_is_meant(work: Path, fault: str) -> None:
    root = written(work, Layout.WEBDATASET, shard_size=10)
    assert verify(root).holds
    broken, change = REPACKED[fault]
    repack(root / "train-000001.tar", change)
    assert set(problems(root)) == broken


def _link(path: Path) -> None:
    path.symlink_to(path.rename(path.parent.with_suffix(".far")))


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + path.with_name("train-000000.tar").read_bytes())


BESIDE: dict[str, tuple[set[str], Callable[[Path], object]]] = {
    "a shard missing": ({SAMPLES, BYTES, TWINS}, lambda root: (root / "train-000000.tar").unlink()),
    "a foreign file": ({SAMPLES}, lambda root: (root / "notes.txt").write_text("mine")),
    "a folder": ({SAMPLES}, lambda root: (root / "train").mkdir()),
    "a record missing": ({SAMPLES}, lambda root: (root / "ATTRIBUTION.csv").unlink()),
    "classes in another order": ({STATED}, lambda root: (root / "classes.txt").write_text("hotdog\n0_na\n")),
    "no class indices": ({SAMPLES, STATED}, lambda root: (root / "class_indices.json").unlink()),
    "other weights": ({AGREE}, lambda root: (root / "class_weights.json").write_text("{}")),
    "another certificate": ({TWINS}, lambda root: (root / "certificate.json").write_text("{}")),
    "a link to a tar file": ({SAMPLES}, lambda root: _link(root / "test-000000.tar")),
    "a tar file behind the end of one": ({SAMPLES}, lambda root: _append(root / "test-000000.tar")),
    "no tar file": ({SAMPLES}, lambda root: (root / "train-000000.tar").write_bytes(b"no tar")),
}


@pytest.mark.parametrize("fault", BESIDE)
def test_each_fault_beside_tar_files_breaks_the_promise_that_is_meant(work: Path, fault: str) -> None:
    root = written(work, Layout.WEBDATASET, shard_size=10)
    broken, spoil = BESIDE[fault]
    spoil(root)
    assert set(problems(root)) == broken


def test_a_copy_across_tar_files_of_two_splits_is_found(work: Path) -> None:
    """A picture of train is put into the place of one of test, with all records in agreement."""
    root = written(work, Layout.WEBDATASET)
    shards = Shards(root)
    rows = read_manifest(root)
    source = next(row for row in rows if row.split == "train" and row.category == "street")
    target = next(row for row in rows if row.split == "test" and row.category == "street")
    data = shards.read(source.file)
    new = replace(target, file_sha256=source.file_sha256, width=source.width, height=source.height)
    (root / "manifest.csv").write_text(csv_text(Row, [new if row == target else row for row in rows]))
    shard, name = target.file.split("/")
    key = name.removesuffix(".jpg")
    repack(root / shard, lambda all_: all_ | {name: data, f"{key}.json": json.dumps(asdict(new)).encode()})
    found = problems(root)
    assert set(found) == {TWINS}
    assert source.file in found[TWINS][0]
    assert target.file in found[TWINS][0]
