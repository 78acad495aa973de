"""`negbuild augment`: only train grows, the same children whatever comes, and nothing half-made; real commands."""

import csv
import hashlib
import io
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from negbuild.family import Child
from negbuild.manifest import Row, read_manifest
from negbuild.model import Image
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]


def add(root: Path, category: str, role: str, pictures: dict[str, bytes]) -> None:
    """Add pictures to the workspace `root`, made if it is not there."""
    folder = root.parent / f"{root.name}-{category}"
    folder.mkdir(exist_ok=True)
    for name, data in pictures.items():
        (folder / name).write_bytes(data)
    command = ["add", folder, "--category", category, "--role", role, "--workspace", root]
    subprocess.run([sys.executable, "-m", "negbuild", *map(str, command)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def made(photo: Photo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a workspace: 10 hotdogs, 10 streets, 8 salads, 4 dogs that are unseen."""
    root = tmp_path_factory.mktemp("augment") / "work"
    seeds = iter(range(1000))
    for category, role, count in (
        ("hotdog", "known", 10),
        ("street", "unknown", 10),
        ("salad", "unknown", 8),
        ("dog", "unseen", 4),
    ):
        add(root, category, role, {f"{number}.jpg": photo(next(seeds)) for number in range(count)})
    return root


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    for category in ("hotdog", "street"):
        shutil.copytree(made.parent / f"work-{category}", tmp_path / f"work-{category}")
    return shutil.copytree(made, tmp_path / "work")


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def rows(root: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(root / "catalog.sqlite")) as catalog:
        return catalog.execute(sql).fetchall()


def change(root: Path, sql: str) -> None:
    with closing(sqlite3.connect(root / "catalog.sqlite")) as catalog:
        catalog.execute(sql)
        catalog.commit()


def children(root: Path) -> dict[tuple[str, int], tuple[str, int, str, str | None]]:
    """All children: (parent, copy) to (sha256, seed, recipe, background)."""
    found = rows(root, "SELECT parent, copy, sha256, seed, recipe, background FROM children")
    return {(parent, copy): rest for parent, copy, *rest in found}


def counts(manifest: list[Row]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for row in manifest:
        key = (row.split, row.class_name)
        found[key] = found.get(key, 0) + 1
    return found


# --- only train grows


def test_only_train_grows_and_the_children_stand_beside_their_parents(negbuild: Negbuild, work: Path) -> None:
    assert negbuild("split", "-w", work).code == 0
    before = tree(work / "dataset")
    plain = read_manifest(work / "dataset")
    done = negbuild("augment", "-w", work, "--category", "hotdog", "--to", 30)
    assert (done.code, done.out) == (
        0,
        "hotdog: 7 originals in train, 30 with copies (23 of them new, at most 4 of one original)\n"
        "7 originals whose licence nobody stated\n",
    )
    told = negbuild("split", "-w", work)
    assert "hotdog: 7 originals in train, 30 with copies" in told.out.splitlines()
    after = tree(work / "dataset")
    pictures = {file: data for file, data in before.items() if file.endswith(".jpg")}
    assert pictures == {file: after[file] for file in pictures}
    grown = sorted(file for file in after if file not in before)
    assert len(grown) == 23
    parents = {row.sha256[:12]: row for row in plain}
    for file in grown:
        folder, _, name = file.rpartition("/")
        category, of, copy = name.removesuffix(".jpg").split("_")
        assert (folder, category, copy[:3]) == ("train/hotdog", "hotdog", "aug")
        assert parents[of].split == "train"
    manifest = read_manifest(work / "dataset")
    by_picture = {row.sha256: row for row in manifest if not row.parent}
    for row in manifest:
        if row.parent:
            parent = by_picture[row.parent]
            assert (row.group, row.license, row.source, row.role) == (
                *(parent.group, parent.license, parent.source, parent.role),
            )
            assert int(row.seed) >= 0
        else:
            assert row.seed == row.background == ""
    with (work / "dataset" / "ATTRIBUTION.csv").open(newline="") as stream:
        changes = {line["file"]: line["changes"] for line in csv.DictReader(stream)}
    assert {changes[file] for file in grown} == {"augmented, resized, re-encoded"}
    assert {changes[file] for file in pictures} == {"resized, re-encoded"}
    proven = negbuild("verify", work / "dataset")
    assert proven.code == 0, proven.out
    assert "holds   augmented copies are in train, as their parents are" in proven.out.splitlines()


def test_split_after_augment_and_augment_after_split_give_the_same_tree(
    negbuild: Negbuild, made: Path, tmp_path: Path
) -> None:
    one, other = (shutil.copytree(made, tmp_path / name) for name in ("one", "other"))
    augment = ("augment", "--category", "hotdog", "--factor", 3)
    for root, commands in ((one, [augment, ("split",)]), (other, [("split",), augment, ("split",)])):
        for command in commands:
            assert negbuild(*command, "-w", root).code == 0
    assert tree(one / "dataset") == tree(other / "dataset")


def test_status_counts_children_apart(negbuild: Negbuild, work: Path) -> None:
    assert "augmented" not in negbuild("status", "-w", work).out
    negbuild("augment", "-w", work, "--category", "hotdog", "--factor", 3)
    lines = negbuild("status", "-w", work).out.splitlines()
    assert lines[0].split() == ["category", "role", "pictures", "augmented", "copies", "from"]
    assert lines[1].split()[:5] == ["hotdog", "known", "10", "+14", "0"]
    assert "32 candidates = 32 images + 0 skips" in lines


def test_dedup_and_the_plan_do_not_see_children_as_pictures(negbuild: Negbuild, work: Path) -> None:
    negbuild("augment", "-w", work, "--category", "hotdog", "--to", 40)
    made = children(work)
    planned = rows(work, "SELECT * FROM assignments")
    assert negbuild("dedup", "-w", work, "--json").json["dropped"] == []
    assert children(work) == made
    negbuild("split", "-w", work)
    assert rows(work, "SELECT * FROM assignments") == planned


# --- the same children


def test_children_are_the_same_with_one_worker_and_with_two_and_after_originals_came(
    negbuild: Negbuild, made: Path, photo: Photo, tmp_path: Path
) -> None:
    one, two, more = (shutil.copytree(made, tmp_path / name / "work") for name in ("one", "two", "more"))
    options = ("--category", "hotdog", "--to", 30, "--preset", "strong")
    for root, workers in ((one, 1), (two, 2)):
        assert negbuild("augment", "-w", root, *options, "--workers", workers).code == 0
    assert children(one) == children(two)
    assert {file: data for file, data in tree(one).items() if file.startswith("images/")} == {
        file: data for file, data in tree(two).items() if file.startswith("images/")
    }
    add(more, "hotdog", "known", {f"later{number}.jpg": photo(500 + number) for number in range(6)})
    assert negbuild("augment", "-w", more, *options).code == 0
    shared = children(one).keys() & children(more).keys()
    assert len(shared) > 5
    assert {key: children(one)[key] for key in shared} == {key: children(more)[key] for key in shared}
    for sha256, seed, recipe, _ in children(one).values():
        assert hashlib.sha256((one / "images" / sha256[:2] / f"{sha256}.jpg").read_bytes()).hexdigest() == sha256
        told = json.loads(recipe)
        assert (told["name"], told["seed"], told["side"]) == ("strong", 0, 512)
        assert told["library"].startswith("albumentations 2.0.8, opencv ")
        assert seed > 0
    per_parent = [sum(parent == of for of, _ in children(one)) for parent, _ in children(one)]
    assert max(per_parent) - min(per_parent) <= 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--category hotdgo", "category hotdgo: not in this workspace; there are "),
        ("--category hotdog --to 9", "--undo only strikes copies: leave --to out"),
    ],
)
def test_nothing_is_struck_by_mistake(negbuild: Negbuild, work: Path, options: str, told: str) -> None:
    negbuild("augment", "-w", work, "--category", "hotdog", "--to", 9)
    before = children(work)
    done = negbuild("augment", "-w", work, "--undo", *options.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"negbuild: {told}")
    assert children(work) == before


def test_another_seed_draws_others_and_going_on_adds_to_what_is_there(negbuild: Negbuild, work: Path) -> None:
    options = ("augment", "-w", work, "--category", "hotdog")
    negbuild(*options, "--to", 14)
    first = children(work)
    done = negbuild(*options, "--to", 21)
    assert "21 with copies (7 of them new" in done.out
    assert first.items() <= children(work).items()
    assert "0 of them new" in negbuild(*options, "--to", 21).out
    at_once = children(work)
    assert negbuild("augment", "-w", work, "--undo").out == "14 copies struck\n"
    assert not rows(work, "SELECT * FROM children")
    stored = {path.stem for path in (work / "images").rglob("*.jpg")}
    assert stored == {sha256 for (sha256,) in rows(work, "SELECT sha256 FROM images")}
    negbuild(*options, "--to", 21)
    assert children(work) == at_once
    negbuild("augment", "-w", work, "--undo", "--category", "hotdog")
    negbuild(*options, "--to", 21, "--seed", 1)
    assert not {one[0] for one in children(work).values()} & {one[0] for one in at_once.values()}


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_goes_on_and_comes_to_the_same(
    negbuild: Negbuild, made: Path, tmp_path: Path, kind: signal.Signals, environment: Callable[..., dict[str, str]]
) -> None:
    whole, stopped = (shutil.copytree(made, tmp_path / name) for name in ("whole", "stopped"))
    command = ("augment", "--category", "hotdog", "--to", "330")
    assert negbuild(*command, "-w", whole).code == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "negbuild", *command, "-w", stopped],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not rows(stopped, "SELECT count(*) FROM children")[0][0]:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(kind)
    _, said = process.communicate(timeout=30)
    if kind is signal.SIGINT:
        assert process.returncode == 130
        assert said.splitlines()[-1] == "negbuild: interrupted; run the same command again to go on"
    before = rows(stopped, "SELECT count(*) FROM children")[0][0]
    assert 0 < before < 323
    held = {sha256 for (sha256,) in rows(stopped, "SELECT sha256 FROM images UNION SELECT sha256 FROM children")}
    files = {path.stem: path for path in (stopped / "images").rglob("*.jpg") if path.parent.name != "incoming"}
    assert files.keys() <= held
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == sha256 for sha256, path in files.items())
    assert negbuild(*command, "-w", stopped).code == 0
    assert children(stopped) == children(whole)
    assert tree(stopped / "images") == tree(whole / "images")


def test_a_copy_that_is_lost_from_the_store_is_made_again(negbuild: Negbuild, work: Path) -> None:
    command = ("augment", "-w", work, "--category", "hotdog", "--to", 14)
    assert negbuild(*command).code == 0
    (sha256,) = rows(work, "SELECT sha256 FROM children LIMIT 1")[0]
    (file,) = (work / "images").glob(f"??/{sha256}.*")
    whole = file.read_bytes()
    file.unlink()
    assert negbuild("split", "-w", work).err.splitlines() == [
        f"negbuild: picture {sha256}: made by augment, is lost from the store; run: negbuild augment --undo, and "
        "augment again"
    ]
    assert negbuild("augment", "-w", work, "--undo").code == 0
    assert negbuild(*command).code == 0
    assert file.read_bytes() == whole
    assert negbuild("split", "-w", work).code == 0


# --- licences, limits, and what is told


def test_pictures_whose_licence_forbids_changes_have_no_children(negbuild: Negbuild, work: Path) -> None:
    negbuild("split", "-w", work)
    train = [
        sha256
        for (sha256,) in rows(
            work,
            "SELECT sha256 FROM assignments JOIN candidates USING (sha256) "
            "WHERE category = 'hotdog' AND split = 'train'",
        )
    ]
    change(work, f"UPDATE candidates SET license = 'CC-BY-ND-2.0' WHERE sha256 IN ('{train[0]}', '{train[1]}')")
    change(work, f"UPDATE candidates SET license = 'CC-BY-4.0' WHERE sha256 = '{train[2]}'")
    done = negbuild("augment", "-w", work, "--category", "hotdog", "--factor", 3)
    assert done.out.splitlines() == [
        "hotdog: 7 originals in train, 21 with copies (14 of them new, at most 3 of one original)",
        "left as they are: 2 originals, whose licence forbids changed copies",
        "4 originals whose licence nobody stated",
    ]
    assert {parent for parent, _ in children(work)} == set(train[2:])
    change(work, "UPDATE candidates SET license = 'by-nc-nd'")
    done = negbuild("augment", "-w", work, "--category", "hotdog", "--to", 100)
    assert (done.code, done.err) == (
        2,
        "negbuild: category hotdog: the licences of all 7 pictures in train forbid changed copies; add others\n",
    )


def test_more_than_twenty_copies_of_one_are_warned_of(negbuild: Negbuild, work: Path) -> None:
    quiet = negbuild("augment", "-w", work, "--category", "hotdog", "--factor", 21)
    assert quiet.err == "next: negbuild split\n"
    done = negbuild("augment", "-w", work, "--category", "hotdog", "--factor", 22)
    assert done.code == 0
    assert done.err.splitlines()[:2] == [
        "negbuild: 21 copies of one original: beyond 20 they hardly help, they show nothing new; 7 originals stay 7",
        "negbuild: with few originals, learn to compare instead of to classify (verification, metric learning): run: "
        "negbuild pairs; or add originals",
    ]


def test_a_pipeline_that_gives_no_more_says_so(negbuild: Negbuild, work: Path, tmp_path: Path) -> None:
    (tmp_path / "flip.yaml").write_text("- HorizontalFlip: {p: 1}\n")
    done = negbuild("augment", "-w", work, "--category", "hotdog", "--to", 30, "--pipeline", "flip.yaml")
    assert done.code == 3
    assert "14 with copies (7 of them new, at most 1 of one original)" in done.out
    assert done.err.splitlines()[-1] == (
        "negbuild: category hotdog: 16 copies came out flat or as good as identical each time; choose another --preset "
        "or --pipeline, or fewer with --to"
    )
    assert sorted(copy for _, copy in children(work)) == [1] * 7


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            "--category hotdog --to 3",
            "negbuild: category hotdog: has 7 originals in train, and --to 3 is fewer; copies are only added, such as "
            "with --to 14",
        ),
        (
            "--category cat --to 9",
            "negbuild: category cat: not in this workspace; there are dog, hotdog, salad, street",
        ),
        (
            "--category dog --to 9",
            "negbuild: category dog: is unseen, and nothing that training sees may come from it",
        ),
        ("--category hotdog", "negbuild augment: needs either --to or --factor; run: negbuild augment --help"),
        (
            "--category hotdog --to 9 --factor 2",
            "negbuild augment: needs either --to or --factor; run: negbuild augment --help",
        ),
        ("--to 9", "negbuild augment: Missing option '--category'; run: negbuild augment --help"),
        (
            "--category hotdog --to 9 --pipeline gone.yaml",
            "negbuild: gone.yaml: cannot be read (No such file or directory)",
        ),
        ("--category hotdog --to 9 --pipeline odd.yaml", "negbuild: odd.yaml: is no text in UTF-8"),
        (
            "--category hotdog --to 9 --pipeline old.yaml",
            "negbuild: old.yaml: GaussNoise has no argument var_limit in albumentations 2.0.8; it takes mean_range, "
            "noise_scale_factor, p, per_channel, std_range",
        ),
        (
            "--category hotdog --to 9 --pipeline old.yaml --preset logo",
            "negbuild augment: --pipeline takes the place of --preset; leave one of them out; run: "
            "negbuild augment --help",
        ),
        (
            "--category hotdog --to 9 --paste",
            "negbuild: category hotdog: no picture in train has a transparent background or a mask, so that nothing "
            "can be pasted; add such PNGs, or give --masks FOLDER",
        ),
        (
            "--category hotdog --to 9 --masks gone",
            "negbuild augment: --masks says what to cut out; add --paste; run: negbuild augment --help",
        ),
        (
            "--category hotdog --to 9 --paste --masks gone",
            "negbuild: gone: no folder of masks (No such file or directory)",
        ),
        ("--category hotdog --preview x.gif", "negbuild: x.gif: a preview is a .png or an .html"),
        (
            "--category hotdog --preview gone/x.png",
            "negbuild: gone/x.png: cannot be written (No such file or directory)",
        ),
    ],
)
def test_a_fault_is_one_line_and_makes_nothing(
    negbuild: Negbuild, work: Path, tmp_path: Path, options: str, line: str
) -> None:
    (tmp_path / "old.yaml").write_text("- GaussNoise: {var_limit: [10, 50]}\n")
    (tmp_path / "odd.yaml").write_bytes(b"\xff\xfe")
    done = negbuild("augment", "-w", work, *options.split())
    assert (done.code, done.err, done.out) == (2, f"{line}\n", "")
    assert children(work) == {}


def test_a_category_without_pictures_in_train_is_told(negbuild: Negbuild, work: Path, photo: Photo) -> None:
    add(work, "pizza", "known", {f"{number}.jpg": photo(900 + number) for number in range(3)})
    negbuild("split", "-w", work)
    change(
        work,
        "UPDATE assignments SET split = 'test' "
        "WHERE sha256 IN (SELECT sha256 FROM candidates WHERE category = 'pizza')",
    )
    change(work, "DELETE FROM candidates WHERE category = 'pizza'")
    done = negbuild("augment", "-w", work, "--category", "pizza", "--to", 9)
    assert (done.code, done.err) == (
        2,
        "negbuild: category pizza: has no pictures in train; run: negbuild add PATH --category pizza --role known\n",
    )


def test_the_library_that_is_missing_is_named_with_the_command(negbuild: Negbuild, work: Path, tmp_path: Path) -> None:
    for library in ("albumentations", "cv2"):
        text = f"raise ModuleNotFoundError(\"No module named '{library}'\", name='{library}')\n"
        (tmp_path / f"{library}.py").write_text(text)
    done = negbuild("augment", "-w", work, "--category", "hotdog", "--to", 9)
    assert (done.code, done.err) == (
        2,
        "negbuild: augment: needs a library more (albumentations is not installed); run: pip install "
        '"negbuild[augment]"\n',
    )
    assert rows(work, "SELECT * FROM assignments") == []
    assert negbuild("augment", "--help").code == 0
    assert negbuild("split", "-w", work).code == 0


# --- a look before


@pytest.mark.parametrize("name", ["sheet.png", "sheet.html"])
def test_a_preview_is_one_file_and_nothing_else(negbuild: Negbuild, work: Path, tmp_path: Path, name: str) -> None:
    before = {file: data for file, data in tree(work).items() if not file.startswith("catalog.sqlite-")}
    done = negbuild("augment", "-w", work, "--category", "hotdog", "--preview", name)
    line = "6 originals to the left, and 30 copies of them; nothing was added to the workspace"
    assert (done.code, done.out) == (0, f"{name}: {line}\n")
    assert {file: data for file, data in tree(work).items() if not file.startswith("catalog.sqlite-")} == before
    data = (tmp_path / name).read_bytes()
    if name.endswith("png"):
        with Pillow.open(io.BytesIO(data)) as sheet:
            assert sheet.size == (6 * 166 + 18, 24 + 6 * 184)
    else:
        assert data.count(b"data:image/jpeg;base64,") == 36
    negbuild("augment", "-w", work, "--category", "hotdog", "--preview", name)
    assert (tmp_path / name).read_bytes() == data


# --- paste


def cut_out(photo: bytes) -> bytes:
    """Cut a round thing out of a photograph, without its background."""
    with Pillow.open(io.BytesIO(photo)) as opened:
        picture, alpha = opened.convert("RGBA"), Pillow.new("L", opened.size)
    ImageDraw.Draw(alpha).ellipse([10, 5, 150, 115], 255)
    picture.putalpha(alpha)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_things_are_pasted_on_negatives_of_train_and_so_are_pieces_of_negatives(
    negbuild: Negbuild, work: Path, photo: Photo
) -> None:
    add(work, "badge", "known", {f"{number}.png": cut_out(photo(700 + number)) for number in range(9)})
    done = negbuild("augment", "-w", work, "--category", "badge", "--factor", 4, "--paste", "--preset", "logo")
    assert done.code == 0, done.err
    result = negbuild("augment", "-w", work, "--category", "badge", "--factor", 4, "--paste", "--json").json
    assert result["pasted"] == result["children"] > 0
    assert (result["made"], result["others"], result["uncut"]) == (0, 0, 0)
    splits = dict(rows(work, "SELECT * FROM assignments"))
    of = dict(rows(work, "SELECT sha256, category FROM candidates"))
    found = children(work)
    things = {key: one for key, one in found.items() if of[key[0]] == "badge"}
    others = {key: one for key, one in found.items() if of[key[0]] != "badge"}
    assert len(things) == len(others) == result["pasted"]
    for (parent, _), (_, _, _, background) in found.items():
        assert background is not None
        assert background != parent
        assert splits[parent] == splits[background] == "train"
        assert of[background] in {"street", "salad"}
    assert len({one[3] for one in found.values()}) > 5  # not one background for all
    assert negbuild("split", "-w", work).code == 0
    manifest = read_manifest(work / "dataset")
    assert sum(bool(row.background) for row in manifest) == len(found)
    with (work / "dataset" / "ATTRIBUTION.csv").open(newline="") as stream:
        changes = [line["changes"] for line in csv.DictReader(stream) if "_aug" in line["file"]]
    assert all(
        one.startswith("pasted on train/0_na/") and one.endswith("augmented, resized, re-encoded") for one in changes
    )
    assert negbuild("verify", work / "dataset").code == 0

    # What was pasted on a category that is held out since is in no split any more.
    told = negbuild("split", "-w", work, "--unseen", "salad")
    assert told.code == 0
    grounds = {
        row.sha256 for row in read_manifest(work / "dataset") if row.category == "street" and row.split == "train"
    }
    kept = [row for row in read_manifest(work / "dataset") if row.background]
    assert 0 < len(kept) < len(found)
    assert {row.background for row in kept} <= grounds
    gone = f"augmented copies left out: {len(found) - len(kept)}, what they were made from is not in train any more"
    assert gone in told.out.splitlines()
    assert negbuild("verify", work / "dataset").code == 0


def test_a_mask_cuts_out_too_and_is_found_by_the_name_of_its_picture(
    negbuild: Negbuild, work: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    mask = Pillow.new("L", (160, 120))
    ImageDraw.Draw(mask).ellipse([40, 30, 120, 90], 255)
    for number in range(10):
        mask.save(masks / (f"{number}_mask.png" if number % 2 else f"{number}.png"))
    done = negbuild(
        "augment", "-w", work, "--category", "hotdog", "--factor", 2, "--paste", "--masks", "masks", "--json"
    )
    assert done.code == 0, done.err
    assert (done.json["pasted"], done.json["others"]) == (7, 7)
    assert done.json["uncut"] == 0
    (masks / "0.png").write_bytes(b"no picture")
    negbuild("augment", "-w", work, "--undo")
    done = negbuild("augment", "-w", work, "--category", "hotdog", "--factor", 2, "--paste", "--masks", "masks")
    assert done.code in {0, 2}
    if done.code == 2:  # its picture is in train
        assert "it or its mask cannot be read" in done.err


# --- what a split leaves out


def test_a_child_like_a_picture_of_another_split_is_left_out(negbuild: Negbuild, work: Path) -> None:
    negbuild("augment", "-w", work, "--category", "hotdog", "--factor", 2)
    splits = rows(
        work, "SELECT sha256, split FROM assignments JOIN candidates USING (sha256) WHERE category = 'hotdog'"
    )
    valid = next(sha256 for sha256, split in splits if split == "valid")
    parent = next(sha256 for sha256, split in splits if split == "train")
    workspace = Workspace(work)
    with workspace.writing() as catalog:
        held = catalog.images()[valid].image
        with Pillow.open(workspace.store.path(held)) as picture:
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=70)
            image = Image(hashlib.sha256(buffer.getvalue()).hexdigest(), "JPEG", *picture.size, len(buffer.getvalue()))
        workspace.store.receive({image: buffer.getvalue()})
        catalog.add_children([Child(image, parent, 2, 1, "{}")])
        workspace.store.publish([image])
    told = negbuild("split", "-w", work)
    assert told.code == 0, told.err
    assert "augmented copies left out: 1, too like a picture of another split" in told.out.splitlines()
    assert "hotdog: 7 originals in train, 14 with copies" in told.out.splitlines()
    assert negbuild("verify", work / "dataset").code == 0


def test_children_that_are_smaller_than_their_originals_are_told(negbuild: Negbuild, work: Path) -> None:
    negbuild("augment", "-w", work, "--category", "hotdog", "--factor", 2, "--size", 100)
    told = negbuild("split", "-w", work).out.splitlines()
    assert any(
        line.startswith("7 augmented copies are smaller than the originals; run: negbuild augment") for line in told
    )
    assert not any(
        "copies are smaller" in line for line in negbuild("split", "-w", work, "--size", 100).out.splitlines()
    )


def test_verify_finds_a_child_that_is_where_it_may_not_be(negbuild: Negbuild, work: Path) -> None:
    negbuild("augment", "-w", work, "--category", "hotdog", "--factor", 2)
    negbuild("split", "-w", work)
    dataset = work / "dataset"
    text = (dataset / "manifest.csv").read_text()
    row = next(row for row in read_manifest(dataset) if row.parent)
    moved = row.file.replace("train/", "valid/")
    (dataset / row.file).rename(dataset / moved)
    line = next(line for line in text.splitlines() if line.startswith(f"{row.file},"))
    (dataset / "manifest.csv").write_text(
        text.replace(line, line.replace(row.file, moved).replace(",train,", ",valid,")), newline=""
    )
    done = negbuild("verify", dataset)
    assert done.code == 5
    assert f"          {moved}: an augmented copy outside train" in done.out.splitlines()
