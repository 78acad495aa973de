"""`negbuild pairs`: same or different, hard or random, never across splits, the same for the same seed."""

import csv
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negbuild.manifest import read_manifest
from negbuild.model import Fingerprint
from negbuild.pairing import NEAREST, Draw, Subject, draw_triplets, pairs_of

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]


def fingerprint(bits: int) -> Fingerprint:
    """Return a fingerprint of which the first so many bits are set, in every orientation."""
    code = ((1 << bits) - 1).to_bytes(24, "little")
    return Fingerprint(code * 8, 9.0)


@st.composite
def datasets(draw: st.DrawFn) -> list[Subject]:
    subjects = []
    for number in range(draw(st.integers(2, 24))):
        label = draw(st.sampled_from(["alice", "bob", None]))
        split = draw(st.sampled_from(["train", "valid"]))
        subjects.append(Subject(f"{split}/{number}", split, label, f"o{number}"))
        if split == "train":
            subjects += [
                Subject(f"{split}/{number}_aug{copy}", split, label, f"o{number}", is_original=False)
                for copy in range(draw(st.integers(0, 3)))
            ]
    return subjects


@given(datasets(), st.integers(1, 12), st.integers(0, 3), st.one_of(st.none(), st.integers(1, 3)))
@settings(deadline=None)
def test_triplets_hold_what_they_say(subjects: list[Subject], each: int, seed: int, originals: int | None) -> None:
    prints = {one.original: fingerprint(number % 190) for number, one in enumerate(subjects) if one.is_original}
    draw = Draw(originals, each, seed)
    triplets = draw_triplets(subjects, prints, draw)
    of = {one.file: one for one in subjects}
    for one in triplets:
        anchor, same, other = of[one.anchor], of[one.same], of[one.other]
        assert {anchor.split, same.split, other.split} == {one.split}
        assert anchor.label is not None
        assert anchor.label == same.label != other.label
        assert anchor.original != same.original
    for (split, label), number in Counter((one.split, one.label) for one in subjects if one.is_original).items():
        mine = [one for one in triplets if one.split == split and of[one.anchor].label == label]
        others = any(one.split == split and one.label != label for one in subjects)
        expected = min(number, originals or number) * each if label and number > 1 and others else 0
        assert len(mine) == expected
        assert sum(one.kind == "hard" for one in mine) == expected // each * -(-each // 2)
    assert draw_triplets(list(reversed(subjects)), prints, draw) == triplets
    pairs = pairs_of(triplets)
    assert len({frozenset((one.file_one, one.file_other)) for one in pairs}) == len(pairs)
    assert all(one.same == (of[one.file_one].label == of[one.file_other].label) for one in pairs)
    assert all((one.kind == "same") == bool(one.same) for one in pairs)


def test_a_hard_negative_is_one_of_the_nearest_of_another_class() -> None:
    subjects = [Subject(f"a{n}", "train", "a", f"a{n}") for n in range(4)]
    subjects += [Subject(f"n{n}", "train", None, f"n{n}") for n in range(60)]
    prints = {one.original: fingerprint(int(one.original[1:])) for one in subjects}
    hard = [one for one in draw_triplets(subjects, prints, Draw(each=40)) if one.kind == "hard"]
    assert len(hard) == 80
    for one in hard:
        near = sorted(range(60), key=lambda bits: (abs(bits - int(one.anchor[1:])), f"n{bits}"))
        assert abs(int(one.other[1:]) - int(one.anchor[1:])) <= abs(near[NEAREST - 1] - int(one.anchor[1:]))
    random = {one.other for one in draw_triplets(subjects, prints, Draw(each=40)) if one.kind == "random"}
    assert len(random) > 30


def add(root: Path, category: str, role: str, pictures: list[bytes]) -> None:
    folder = root.parent / category
    folder.mkdir()
    for number, data in enumerate(pictures):
        (folder / f"{number}.jpg").write_bytes(data)
    command = ["add", folder, "--category", category, "--role", role, "--workspace", root]
    subprocess.run([sys.executable, "-m", "negbuild", *map(str, command)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def made(photo: Photo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a workspace with a dataset: two signers with copies of their signatures, and others."""
    root = tmp_path_factory.mktemp("pairs") / "work"
    for first, (category, role, number) in enumerate(
        (("alice", "known", 12), ("bob", "known", 6), ("street", "unknown", 12))
    ):
        add(root, category, role, [photo(100 * first + seed) for seed in range(number)])
    for command in (["augment", "--category", "alice", "--factor", "3"], ["split"]):
        subprocess.run([sys.executable, "-m", "negbuild", *command, "-w", root], check=True, capture_output=True)
    return root


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "work")


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_pairs_over_a_dataset(negbuild: Negbuild, work: Path, tmp_path: Path) -> None:
    done = negbuild("pairs", work / "dataset", "--each", 6)
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].split() == ["split", "same", "other,", "hard", "other,", "random"]
    assert f"{work}/pairs/pairs.csv, and" in done.out
    assert done.out.splitlines()[-1] == "one original, and no pair: bob in test, bob in valid"
    pairs, triplets = (lines(work / "pairs" / name) for name in ("pairs.csv", "triplets.csv"))
    rows = {row.file: row for row in read_manifest(work / "dataset")}
    assert list(pairs[0]) == ["file_one", "file_other", "same", "split", "kind"]
    for pair in pairs:
        one, other = rows[pair["file_one"]], rows[pair["file_other"]]
        assert one.split == other.split == pair["split"]
        assert (one.category == other.category) == (pair["same"] == "1")
        assert (one.parent or one.sha256) != (other.parent or other.sha256)
    assert {pair["kind"] for pair in pairs} == {"same", "hard", "random"}
    assert any(rows[one["anchor"]].parent for one in triplets)  # augmented copies stand in for their originals
    assert Counter(one["split"] for one in triplets)["train"] == (8 + 4) * 6
    first = (work / "pairs" / "pairs.csv").read_bytes()
    negbuild("pairs", work / "dataset", "--each", 6)
    assert (work / "pairs" / "pairs.csv").read_bytes() == first
    negbuild("pairs", work / "dataset", "--each", 6, "--seed", 1, "--out", tmp_path / "other")
    assert (tmp_path / "other" / "pairs.csv").read_bytes() != first
    negbuild("pairs", work / "dataset", "--each", 6, "--originals", 2, "--out", tmp_path / "few")
    assert Counter(one["split"] for one in lines(tmp_path / "few" / "triplets.csv"))["train"] == 2 * 2 * 6
    assert negbuild("verify", work / "dataset").code == 0  # nothing was put into the dataset


def test_pairs_over_the_plan_name_the_pictures_as_they_came(negbuild: Negbuild, work: Path) -> None:
    done = negbuild("pairs", "-w", work)
    assert done.code == 0, done.err
    pairs = lines(work / "pairs" / "pairs.csv")
    assert pairs
    assert all((work / pair[name]).is_file() for pair in pairs for name in ("file_one", "file_other"))


def test_faults_are_one_line(negbuild: Negbuild, work: Path, tmp_path: Path, photo: Photo) -> None:
    def fault(*arguments: object) -> tuple[int, str]:
        done = negbuild("pairs", *arguments)
        return done.code, done.err

    assert fault("gone") == (
        2,
        "negbuild: gone: no dataset that negbuild wrote (manifest.csv is missing); run: negbuild split\n",
    )
    assert fault("-w", tmp_path) == (
        2,
        f"negbuild: {tmp_path}: not a negbuild workspace; run: negbuild init {tmp_path}\n",
    )
    fresh = tmp_path / "fresh" / "work"
    fresh.parent.mkdir()
    add(fresh, "one", "known", [photo(1)])
    assert fault("-w", fresh) == (2, f"negbuild: {fresh}: nothing is planned yet; run: negbuild split\n")
    (tmp_path / "file").write_text("")
    code, err = fault(work / "dataset", "--out", tmp_path / "file")
    assert (code, err.endswith("choose another --out\n")) == (2, True)
    victim = next((work / "dataset" / "train" / "alice").iterdir())
    victim.unlink()
    rows = {row.file for row in read_manifest(work / "dataset") if not row.parent}
    if victim.relative_to(work / "dataset").as_posix() in rows:
        assert fault(work / "dataset")[0] == 2


def test_a_disk_that_fills_up_leaves_both_files_as_they_were(
    negbuild: Negbuild, work: Path, tmp_path: Path, disk: Callable[[str], Path]
) -> None:
    assert negbuild("pairs", work / "dataset", "--out", tmp_path / "beside").code == 0
    pages = {path.name: -(-path.stat().st_size // 4096) for path in (tmp_path / "beside").iterdir()}
    room = 2 * pages["pairs.csv"] + pages["triplets.csv"] - 1
    out = disk(f"size={4 * room}k") / "pairs"
    assert negbuild("pairs", work / "dataset", "--out", out).code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    done = negbuild("pairs", work / "dataset", "--out", out, "--seed", 1)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"negbuild: {out}: no space left; make room and run the same command again\n"
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_fingerprints_of_the_test_are_as_far_apart_as_they_say() -> None:
    one, other = (np.frombuffer(fingerprint(bits).codes, dtype=np.uint8) for bits in (3, 10))
    assert int(np.bitwise_count(one ^ other).sum()) == 7 * 8
