"""The written tree: every loader reads the same classes, every picture looks alike, and its records travel with it."""

import csv
import io
import json
import os
import re
import socket
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from negbuild.encoding import Look
from negbuild.errors import NegbuildError
from negbuild.imagefolder import Place, entries, places, write_records, write_tree
from negbuild.layouts import Layout, class_folders
from negbuild.manifest import Row, comparable_files, read_manifest
from negbuild.model import Candidate, Held, Image, Role, Search, Split
from negbuild.normalised import NormalisedStore
from negbuild.order import Order
from negbuild.source import find_source
from negbuild.stages.crawl import crawl
from negbuild.stages.split import SplitOptions, split
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
TRAINED = (Split.TRAIN, Split.VALID, Split.TEST)
ODD_NAMES = [
    ["hotdog"],
    ["class1", "class2", "class10"],
    ["class2", "class02", "class10"],
    ["v1_2", "v1_10", "v10"],
    ["a1b10", "a1b9", "a10b1"],
    ["ab", "a_b", "a1", "a"],
    ["u732b", "zebra", "unnamed", "xnul"],
    ["x9", "x09", "x009", "x10"],
    ["class1", "class01"],
    ["a1", "a01_"],
]


def held(number: int, category: str, role: Role = Role.KNOWN, **origin: Any) -> Held:  # noqa: ANN401
    image = Image(f"{number:012x}{number:052x}", "JPEG", 160, 120, 1000)
    candidate = Candidate("web", f"id{number}", f"https://x.example/{number}", category=category, **origin)
    return Held(image, category, role, candidate, "a query")


def laid_out(known: Sequence[str]) -> list[Place]:
    """Lay out one picture of each known category and of two negatives, in every split that holds it."""
    entries = [(held(0, name), [*TRAINED, Split.UNSEEN]) for name in known]
    entries += [(held(0, "street", Role.UNKNOWN), [*TRAINED]), (held(0, "dog", Role.UNSEEN), [Split.UNSEEN])]
    return [
        Place(split, replace(one, image=replace(one.image, sha256=f"{number:012x}{'0' * 52}")), f"group{number}")
        for number, (one, splits) in enumerate(entries)
        for split in splits
    ]


def write(root: Path, laid: Sequence[Place], data: bytes, look: Look | None = None) -> list[Row]:
    """Write a tree with its records, every picture the same."""
    store = NormalisedStore(root.parent / "cache" / "normalised", look or Look())
    pictures = store.pictures((place.held.image for place in laid), lambda _: data)
    rows = write_tree(root, entries(laid, pictures, Layout.MULTICLASS))
    write_records(root, rows, {})
    return rows


def indices(names: Sequence[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(names)}


def natural_key(name: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name.lower())]


def torchvision(root: Path, part: str) -> dict[str, int]:
    return indices(sorted(entry.name for entry in os.scandir(root / part) if entry.is_dir()))


def keras(root: Path, part: str) -> dict[str, int]:
    return indices([name for name in sorted(os.listdir(root / part)) if (root / part / name).is_dir()])  # noqa: PTH208


def timm(root: Path, part: str) -> dict[str, int]:
    """Sorts a set: what its key takes for equal comes in any order, here in the wrong one."""
    labels = {path.parent.name for path in (root / part).rglob("*.jpg")}
    return indices(sorted(sorted(labels, reverse=True), key=natural_key))


def hugging_face(root: Path, _part: str) -> dict[str, int]:
    return indices(sorted({path.parent.name for path in root.glob("*/*/*.jpg")}))


def fastai(root: Path, _part: str) -> dict[str, int]:
    files = [path for part in ("train", "valid") for path in (root / part).rglob("*.jpg")]
    return indices(sorted({path.parent.name for path in files}))


@pytest.mark.parametrize("known", ODD_NAMES, ids=" ".join)
def test_every_loader_gives_the_stated_indices_in_every_split(photo: Photo, tmp_path: Path, known: list[str]) -> None:
    root = tmp_path / "tree"
    write(root, laid_out(known), photo(1))
    stated = json.loads((root / "class_indices.json").read_text())
    assert stated["0_na"] == 0
    assert len(stated) == len(known) + 1
    assert (root / "classes.txt").read_text().splitlines() == list(stated)
    for part in ("train", "valid", "test", "unseen"):
        for loader in (torchvision, keras, timm, hugging_face, fastai):
            assert loader(root, part) == stated, (loader.__name__, part)


@given(st.sets(st.from_regex(r"[ab][01_]{1,3}|[a-z][a-z0-9_]{0,5}", fullmatch=True), min_size=2))
def test_each_category_has_a_folder_of_its_own_in_one_order_for_all(known: set[str]) -> None:
    folders = class_folders(known)
    assert folders.keys() == known
    assert len(set(folders.values())) == len(known)
    names = ["0_na", *folders.values()]
    assert sorted(names) == sorted(sorted(names, reverse=True), key=natural_key)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in folders.values())


def test_names_in_one_order_already_stay_as_they_are() -> None:
    for known in (["hotdog", "bun"], ["class1", "class2"], ["class01", "class10"]):
        assert class_folders(known) == {name: name for name in known}
    assert class_folders(["class2", "class10"]) == {"class2": "class02", "class10": "class10"}


NASTY = [
    "Rock, paper",
    'the "best" one',
    '"',
    "two\nlines",
    "two\r\nlines",
    "old Mac\rlines",
    "  spaces  ",
    "Café 猫 \N{HOT DOG}",
    "line\N{LINE SEPARATOR}separator",
    "=1+1",
    "long" * 50_000,
    "'; DROP TABLE",
    "a\tb",
    "\N{ZERO WIDTH NO-BREAK SPACE}mark",
    "",
]


@pytest.mark.parametrize("text", NASTY, ids=lambda text: ascii(text[:20]))
def test_the_manifest_gives_back_what_was_written(photo: Photo, tmp_path: Path, text: str) -> None:
    origin: dict[str, Any] = {
        "title": text,
        "author": text,
        "author_url": text,
        "page": text,
        "license": text,
        "license_url": text,
    }
    laid = [Place(Split.TRAIN, replace(held(1, "hotdog", **origin), query=text), "group")]
    root = tmp_path / "tree"
    rows = write(root, laid, photo(1))
    assert read_manifest(root) == rows
    (row,) = rows
    assert {row.title, row.author, row.author_url, row.page, row.license, row.license_url, row.query} == {text}
    with (root / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as stream:
        (credit,) = csv.DictReader(stream, strict=True)
    assert (credit["file"], credit["title"], credit["author"]) == (row.file, text, text)


def _column_gone(text: str) -> str:
    return text.replace(",license_url\n", "\n", 1)


def _columns_swapped(text: str) -> str:
    return text.replace("title,author,", "author,title,", 1)


def _row_cut(text: str) -> str:
    return text.replace(",CC0-1.0,https://x.example/cc0", "", 1)


def _field_too_many(text: str) -> str:
    return text[:-1] + ",more\n"


def _no_number(text: str) -> str:
    return text.replace(",160,120,", ",160,tall,", 1)


def _open_quote(text: str) -> str:
    return text.replace("https://x.example/cc0", '"https://x.example/cc0', 1)


def _letter_after_quote(text: str) -> str:
    return text.replace("train/", '"train"/', 1)


@pytest.mark.parametrize(
    "change",
    [_column_gone, _columns_swapped, _row_cut, _field_too_many, _no_number, _open_quote, _letter_after_quote],
)
def test_a_manifest_of_another_shape_is_refused(photo: Photo, tmp_path: Path, change: Callable[[str], str]) -> None:
    origin: dict[str, Any] = {"license": "CC0-1.0", "license_url": "https://x.example/cc0"}
    laid = [Place(Split.TRAIN, held(number, "hotdog", **origin), "group") for number in (1, 2)]
    write(tmp_path / "tree", laid, photo(1))
    manifest = tmp_path / "tree" / "manifest.csv"
    before = manifest.read_text()
    manifest.write_text(change(before))
    assert manifest.read_text() != before
    with pytest.raises((ValueError, TypeError)):
        read_manifest(tmp_path / "tree")


@pytest.fixture(scope="module")
def dataset(photo: Photo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Split photos of every kind: lying on their side, with metadata, large and small, of several formats."""
    root = tmp_path_factory.mktemp("imagefolder")
    exif = Pillow.Exif()
    exif[0x010E] = "taken at home"
    exif[0x0112] = 6
    options: list[dict[str, object]] = [
        {"exif": exif},
        {"kind": "PNG"},
        {"size": (1200, 300), "quality": 30},
        {"kind": "WEBP"},
        {"size": (70, 70), "subsampling": 0, "progressive": True, "comment": b"made by somebody"},
    ]
    workspace = Workspace(root / "work")
    for first, (category, role) in enumerate((("hotdog", "known"), ("street", "unknown"), ("dog", "unseen"))):
        folder = root / category
        folder.mkdir()
        for seed in range(10):
            chosen = options[seed % len(options)]
            (folder / f"IMG {seed}.jpg").write_bytes(photo(100 * first + seed, **chosen))
        crawl(workspace, find_source("folder"), Order(Search(path=folder), None, Role(role)))
    split(workspace, root / "dataset", SplitOptions())
    return root / "dataset"


def test_nothing_of_the_machine_is_in_the_tree(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    private = tmp_path / "home-of-somebody" / "private pictures"
    (private / "hotdog").mkdir(parents=True)
    exif = Pillow.Exif()
    exif[0x010E] = f"taken at {private}"
    for seed in range(6):
        (private / "hotdog" / f"IMG {seed}.jpg").write_bytes(photo(seed, exif=exif, comment=b"made by somebody"))
    with zipfile.ZipFile(private / "street.zip", "w") as archive:
        for seed in range(6, 12):
            archive.writestr(f"deep/down/IMG {seed}.jpg", photo(seed))
    for name, role in (("hotdog", "known"), ("street.zip", "unknown")):
        assert negbuild("add", private / name, "--role", role, "-w", private / "work").code == 0
    assert negbuild("split", "-w", private / "work", "--out", "out").code == 0
    telling = [str(tmp_path), "home-of-somebody", "private pictures", "file:", "made by", "taken at", "deep/down"]
    telling += [socket.gethostname()] if len(socket.gethostname()) > 3 else []
    for path in (tmp_path / "out").rglob("*"):
        assert not [word for word in telling if word in path.relative_to(tmp_path).as_posix()]
        if path.is_file():
            assert not [word for word in telling if word.encode() in path.read_bytes()], path
    rows = read_manifest(tmp_path / "out")
    assert {(row.source, row.source_id, row.page, row.license) for row in rows} == {("folder", "", "", "unknown")}
    assert {row.title for row in rows} == {f"IMG {seed}.jpg" for seed in range(12)}
    assert not [row for row in rows if "/" in row.query]


def test_every_picture_went_through_one_normalisation(dataset: Path) -> None:
    looks = set()
    for path in dataset.glob("*/*/*"):
        with Pillow.open(path) as image:
            assert max(image.size) <= 512
            tables = tuple(tuple(table) for table in image.quantization.values())  # type: ignore[attr-defined]
            layers = tuple(image.layer)  # type: ignore[attr-defined]
            looks.add((image.format, image.mode, tables, layers, tuple(sorted(image.info)), len(image.getexif())))
    (look,) = looks
    assert look[:2] == ("JPEG", "RGB")
    assert [layer[1:3] for layer in look[3]] == [(2, 2), (1, 1), (1, 1)]  # 4:2:0
    assert (look[4], look[5]) == (("jfif", "jfif_density", "jfif_unit", "jfif_version"), 0)


def test_a_picture_is_upright_and_keeps_its_shape(dataset: Path) -> None:
    by_title = {(row.category, row.title): (row.width, row.height) for row in read_manifest(dataset)}
    assert by_title["hotdog", "IMG 0.jpg"] == (120, 160)  # turned as its EXIF says
    assert by_title["hotdog", "IMG 2.jpg"] == (512, 128)
    assert by_title["hotdog", "IMG 4.jpg"] == (70, 70)  # never enlarged


def test_file_names_say_category_and_picture_and_nothing_a_loader_trips_over(dataset: Path) -> None:
    rows = read_manifest(dataset)
    assert {path.relative_to(dataset).as_posix() for path in dataset.glob("*/**/*.*")} == {row.file for row in rows}
    for row in rows:
        name = "hotdog" if row.category == "hotdog" else "0_na"
        assert row.file == f"{row.split}/{name}/{row.category}_{row.sha256[:12]}.jpg"
        assert re.fullmatch(r"(train|valid|test|unseen)/[a-z0-9_]+/[a-z0-9_]+_[0-9a-f]{12}\.jpg", row.file)
    beside = {path.name for path in dataset.iterdir() if path.is_file()}
    assert beside == {
        "manifest.csv",
        "class_indices.json",
        "class_weights.json",
        "classes.txt",
        "certificate.json",
        "ATTRIBUTION.csv",
        "README.md",
        "negbuild.lock.json",
    }


def test_every_file_is_attributed(dataset: Path) -> None:
    with (dataset / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as stream:
        credits_ = list(csv.DictReader(stream, strict=True))
    rows = read_manifest(dataset)
    assert [credit["file"] for credit in credits_] == [row.file for row in rows]
    assert len(rows) == len(list(dataset.glob("*/*/*.jpg"))) > 30
    assert {credit["license"] for credit in credits_} == {"unknown"}
    assert all(credit["changes"] for credit in credits_)


def front_matter(card: str) -> Any:  # noqa: ANN401  whatever YAML holds
    """Read what programs read of a dataset card."""
    empty, yaml_text, _ = card.split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(yaml_text)


def test_the_card_names_every_split_for_the_loader_that_reads_it(dataset: Path) -> None:
    card = front_matter((dataset / "README.md").read_text(encoding="utf-8"))
    files = {"train": "train/**", "validation": "valid/**", "test": "test/**", "unseen": "unseen/**"}
    assert card["configs"] == [
        {
            "config_name": "default",
            "drop_labels": False,  # a manifest beside the pictures is not their metadata
            "data_files": [{"split": split, "path": path} for split, path in files.items()],
        }
    ]
    assert (card["license"], card["license_link"]) == ("other", "ATTRIBUTION.csv")
    assert (card["task_categories"], card["size_categories"]) == (["image-classification"], ["n<1K"])


def test_the_card_says_what_is_in_it_and_where_it_comes_from(dataset: Path) -> None:
    card = (dataset / "README.md").read_text(encoding="utf-8")
    headings = [line for line in card.splitlines() if line.startswith("#")]
    assert headings == [
        "# hotdog, or none of these",
        "## Summary",
        "## Structure",
        "## Curation",
        "## Source data",
        "## Licensing",
        "## Known limits",
    ]
    rows = read_manifest(dataset)
    assert f"{len({row.sha256 for row in rows})} pictures in {len(rows)} files" in card
    for part in Split:
        own = [row.class_name for row in rows if row.split == part]
        assert f"| `{part}` | {own.count('0_na')} | {own.count('hotdog')} |" in card
    assert "only in `unseen`: `dog`." in card
    assert "| folder | - | street | 10 |" in card
    assert "| unknown | 30 |" in card


def test_what_a_source_says_is_no_markup_in_the_card(photo: Photo, tmp_path: Path) -> None:
    text = "<script>|`a` [link](x)\n# head"
    origin: dict[str, Any] = {"license": text}
    laid = [Place(Split.TRAIN, replace(held(1, "hotdog", **origin), query=text), "group")]
    write(tmp_path / "tree", laid, photo(1))
    card = (tmp_path / "tree" / "README.md").read_text()
    plain = r"\<script\>\|\`a\` \[link\]\(x\) \# head"
    assert f"| web | {plain} | hotdog | 1 |" in card
    assert f"| {plain} | 1 |" in card


@pytest.mark.parametrize(
    ("license_", "said"),
    [
        ("CC-BY-NC-4.0", "not for commercial use"),
        ("by-nd", "may not be passed on changed"),
        ("CC-BY-SA-2.0", "carries the same licence"),
        ("unknown", "nobody has granted anything"),
        ("CC0-1.0", ""),
    ],
)
def test_the_card_names_what_a_licence_asks_for(photo: Photo, tmp_path: Path, license_: str, said: str) -> None:
    write(tmp_path / "tree", [Place(Split.TRAIN, held(1, "hotdog", license=license_), "group")], photo(1))
    licensing = (tmp_path / "tree" / "README.md").read_text().split("## Licensing")[1].split("## Known")[0]
    duties = ["commercial", "passed on changed", "same licence", "granted anything"]
    assert sum(duty in licensing for duty in duties) == (1 if said else 0)
    assert said in licensing


def test_a_dataset_without_unseen_categories_names_three_splits(photo: Photo, tmp_path: Path) -> None:
    laid = [place for place in laid_out(["hotdog"]) if place.split is not Split.UNSEEN]
    write(tmp_path / "tree", laid, photo(1))
    (config,) = front_matter((tmp_path / "tree" / "README.md").read_text())["configs"]
    assert [one["path"] for one in config["data_files"]] == ["train/**", "valid/**", "test/**"]


def test_the_holdout_gets_the_known_pictures_of_test_and_leaves_them_to_test() -> None:
    known, unknown, unseen = held(1, "hotdog"), held(2, "street", Role.UNKNOWN), held(3, "dog", Role.UNSEEN)
    everything = {one.image.sha256: one for one in (known, unknown, unseen)}
    groups = dict.fromkeys(everything, "group")
    where = dict(zip(everything, (Split.TEST, Split.TEST, Split.UNSEEN), strict=True))
    assert [(place.split, place.held) for place in places(everything, groups, where)] == [
        (Split.TEST, known),
        (Split.TEST, unknown),
        (Split.UNSEEN, unseen),
        (Split.UNSEEN, known),
    ]
    del where[unseen.image.sha256]
    assert [place.split for place in places(everything, groups, where)] == [Split.TEST, Split.TEST]


def test_a_file_of_two_splits_is_compared_as_one_of_test(photo: Photo, tmp_path: Path) -> None:
    rows = write(tmp_path / "tree", laid_out(["hotdog"]), photo(1))
    files = comparable_files(rows)
    assert {split: len(names) for split, names in files.items()} == {"train": 2, "valid": 2, "test": 2, "unseen": 1}
    assert files["unseen"][0].startswith("unseen/0_na/dog_")


def test_two_pictures_never_share_a_file(photo: Photo, tmp_path: Path) -> None:
    one = held(1, "hotdog")
    other = replace(one, image=replace(one.image, sha256=one.image.sha256[:12] + "f" * 52))
    laid = [Place(Split.TRAIN, one, "a"), Place(Split.TRAIN, other, "b")]
    with pytest.raises(NegbuildError, match=r"^train/hotdog/hotdog_000000000001\.jpg: two pictures share"):
        write(tmp_path / "tree", laid, photo(1))


def test_the_rows_say_what_the_files_are(photo: Photo, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    rows = write(root, laid_out(["hotdog"]), photo(1, size=(900, 600)), Look(longer_side=300))
    assert rows == sorted(rows, key=lambda row: row.file)
    for row in rows:
        data = (root / row.file).read_bytes()
        with Pillow.open(io.BytesIO(data)) as image:
            assert (row.width, row.height) == image.size == (300, 200)
        assert row.role == {"hotdog": "known", "street": "unknown", "dog": "unseen"}[row.category]
        assert row.group == f"group{int(row.sha256[:12], 16)}"
    assert isinstance(rows[0], Row)
