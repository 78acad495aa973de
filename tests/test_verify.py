"""`negbuild verify`: a good dataset holds, and each way to spoil one breaks the promise that is meant, and no other."""

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from negbuild import proof
from negbuild.imagefolder import write_records
from negbuild.manifest import Row, comparable_files, csv_text, read_manifest
from negbuild.model import Role, Search
from negbuild.order import Order
from negbuild.source import find_source
from negbuild.stages.crawl import crawl
from negbuild.stages.split import SplitOptions, split
from negbuild.stages.verify import verify
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
Edit = Callable[[Pillow.Image], bytes]

READABLE = "the manifest can be read"
SHAPE = "the tree is split/class/file, the same classes in every split, none empty"
INDICES = "every loader reads the same classes, indices and pictures, 0_na first"
MANIFEST = "manifest and files agree, byte for byte"
PICTURES = "every picture decodes: RGB, upright, one frame, as large as stated"
RECORDS_AGREE = "attribution, settings and README say what the manifest says"
UNSEEN = "unseen categories are in the holdout and nowhere else"
GROUPS = "no group is divided between splits"
TWINS = "no two twins lie in different splits"


@pytest.fixture(scope="module")
def good(photo: Photo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a dataset of two known, two unknown and one unseen category; copy it before you spoil it."""
    root = tmp_path_factory.mktemp("verify")
    counts = {"hotdog": ("known", 8), "bun": ("known", 4), "salad": ("unknown", 4), "street": ("unknown", 4)}
    seeds = iter(range(100))
    for category, (role, count) in {**counts, "dog": ("unseen", 3)}.items():
        (root / category).mkdir()
        for number in range(count):
            (root / category / f"{number}.jpg").write_bytes(photo(next(seeds)))
        order = Order(Search(path=root / category), category, Role(role))
        crawl(Workspace(root / "work"), find_source("folder"), order)
    split(Workspace(root / "work"), root / "dataset", SplitOptions(ratio=(50, 25, 25), copies=True))  # to be spoilt
    return root / "dataset"


@pytest.fixture
def dataset(good: Path, tmp_path: Path) -> Path:
    return shutil.copytree(good, tmp_path / "dataset")


# --- ways to spoil a dataset


def some(root: Path, folder: str, category: str = "") -> Path:
    """First picture of a class folder (of one category)."""
    return min((root / folder).glob(f"{category}*.jpg"))


def row_of(root: Path, path: Path) -> Row:
    return next(row for row in read_manifest(root) if row.file == path.relative_to(root).as_posix())


def write_rows(root: Path, rows: list[Row]) -> None:
    with (root / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(asdict(rows[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def change_rows(root: Path, change: Callable[[Row], Row | None]) -> None:
    write_rows(root, [new for row in read_manifest(root) if (new := change(row))])


def seal(root: Path) -> None:
    """Make everything that is computed agree again, as somebody does who knows the format: only the fault is left."""
    rows = []
    for row in read_manifest(root):
        data = (root / row.file).read_bytes()
        rows.append(replace(row, file_sha256=hashlib.sha256(data).hexdigest()))
    kept = {name: (root / name).read_bytes() for name in ("classes.txt", "class_indices.json")}
    settings = json.loads((root / "negbuild.lock.json").read_text())
    settings["categories"].update({row.category: row.role for row in rows})
    write_records(root, rows, settings)
    for name, data in kept.items():
        (root / name).write_bytes(data)
    certificate = proof.certify(root, comparable_files(rows))
    (root / "certificate.json").write_text(json.dumps(asdict(certificate)))


def transfer(root: Path, path: Path, folder: str, *, keep: bool = False, edit: Edit | None = None, **row: Any) -> Path:  # noqa: ANN401
    """Move (or copy) a picture with its row into another folder, so that nothing but the place is wrong."""
    old = row_of(root, path)
    split_, class_name = folder.split("/")
    sha256 = hashlib.sha256(path.name.encode()).hexdigest() if keep else old.sha256
    new = replace(old, split=split_, class_name=class_name, sha256=sha256, **row)
    new = replace(new, file=f"{folder}/{new.category}_{sha256[:12]}.jpg")
    data = path.read_bytes()
    if edit:
        with Pillow.open(io.BytesIO(data)) as image:
            data = edit(image)
        with Pillow.open(io.BytesIO(data)) as image:
            new = replace(new, width=image.width, height=image.height)
    if not keep:
        path.unlink()
    (root / new.file).write_bytes(data)
    write_rows(root, [*(row for row in read_manifest(root) if keep or row != old), new])
    seal(root)
    return root / new.file


def copied(path: Path, to: Path) -> Path:
    return Path(shutil.copy(path, to))


def rename_class(root: Path, old: str, new: str) -> None:
    for folder in root.glob(f"*/{old}"):
        folder.rename(folder.with_name(new))
    change_rows(
        root,
        lambda row: (
            replace(row, class_name=new, file=row.file.replace(f"/{old}/", f"/{new}/"))
            if row.class_name == old
            else row
        ),
    )
    names = sorted(path.name for path in (root / "train").iterdir())
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in names))
    (root / "class_indices.json").write_text(json.dumps({name: index for index, name in enumerate(names)}))
    seal(root)


def jpeg(image: Pillow.Image, **options: Any) -> bytes:  # noqa: ANN401  Pillow's own
    buffer = io.BytesIO()
    image.save(buffer, options.pop("format", "JPEG"), **options)
    return buffer.getvalue()


def in_place(root: Path, edit: Edit) -> Path:
    """Replace a picture by an edited one, all records in agreement."""
    path = some(root, "train/hotdog")
    with Pillow.open(path) as image:
        image.load()
        path.write_bytes(edit(image))
    seal(root)
    return path


Spoil = Callable[[Path], Path | None]
SPOILT: dict[str, tuple[set[str], Spoil]] = {}


def breaks(*promises: str) -> Callable[[Spoil], Spoil]:
    """Register a way to spoil a dataset; it returns the file that the report must name."""

    def register(spoil: Spoil) -> Spoil:
        SPOILT[spoil.__name__.strip("_")] = (set(promises), spoil)
        return spoil

    return register


@breaks(MANIFEST)
def _a_byte_flipped(root: Path) -> Path:
    path = some(root, "test/0_na")
    data = bytearray(path.read_bytes())
    data[14] ^= 1  # the density in the JFIF header: no pixel changes
    path.write_bytes(data)
    return path


@breaks(MANIFEST, TWINS)
def _a_picture_removed(root: Path) -> Path:
    path = some(root, "train/0_na")
    path.unlink()
    return path


@breaks(MANIFEST)
def _a_picture_added(root: Path) -> Path:
    return copied(some(root, "train/0_na"), root / "train" / "0_na" / "salad_0123456789ab.jpg")


@breaks(MANIFEST, TWINS)
def _a_picture_renamed(root: Path) -> Path:
    path = some(root, "train/0_na")
    return path.rename(path.with_name("salad_0123456789ab.jpg"))


@breaks(MANIFEST, TWINS)
def _a_picture_moved_to_another_split(root: Path) -> Path:
    path = some(root, "test/0_na")
    return path.rename(root / "train" / "0_na" / path.name)


@breaks(TWINS)
def _a_copy_in_another_split(root: Path) -> Path:
    return transfer(root, some(root, "test/0_na"), "train/0_na", keep=True, group="another")


@breaks(TWINS)
def _a_known_copy_in_another_split(root: Path) -> Path:
    return transfer(root, some(root, "test/hotdog"), "valid/hotdog", keep=True, group="another")


@breaks(TWINS)
def _a_copy_under_another_class_and_role(root: Path) -> Path:
    path = some(root, "train/hotdog")
    return transfer(root, path, "test/0_na", keep=True, group="another", category="salad", role="unknown")


@breaks(TWINS)
def _a_mirrored_copy_in_another_split(root: Path) -> Path:
    def edit(image: Pillow.Image) -> bytes:
        return jpeg(ImageOps.mirror(image), quality=80)

    return transfer(root, some(root, "train/0_na"), "valid/0_na", keep=True, group="another", edit=edit)


@breaks(TWINS)
def _a_turned_copy_in_the_holdout(root: Path) -> Path:
    def edit(image: Pillow.Image) -> bytes:
        return jpeg(image.transpose(Pillow.Transpose.ROTATE_90), quality=80)

    return transfer(
        root,
        some(root, "train/0_na"),
        "unseen/0_na",
        keep=True,
        group="another",
        edit=edit,
        category="dog",
        role="unseen",
    )


@breaks(TWINS)
def _a_smaller_poorer_copy_in_another_split(root: Path) -> Path:
    def edit(image: Pillow.Image) -> bytes:
        return jpeg(image.resize((80, 60)), quality=40)

    return transfer(root, some(root, "test/bun"), "train/bun", keep=True, group="another", edit=edit)


@breaks(TWINS, GROUPS)
def _a_copy_in_another_split_and_the_same_group(root: Path) -> Path:
    return transfer(root, some(root, "test/0_na"), "train/0_na", keep=True)


@breaks(GROUPS)
def _two_pictures_of_a_group_in_two_splits(root: Path) -> None:
    groups = [row_of(root, some(root, folder)).group for folder in ("train/0_na", "test/0_na")]
    change_rows(root, lambda row: replace(row, group=groups[1]) if row.group == groups[0] else row)


@breaks(UNSEEN)
def _an_unseen_picture_in_train(root: Path) -> Path:
    return transfer(root, some(root, "unseen/0_na"), "train/0_na")


@breaks(UNSEEN, RECORDS_AGREE)
def _an_unseen_picture_in_valid_under_another_role(root: Path) -> None:
    transfer(root, some(root, "unseen/0_na"), "valid/0_na", role="unknown")


@breaks(UNSEEN, TWINS, GROUPS)
def _an_unseen_picture_in_train_as_well(root: Path) -> Path:
    return transfer(root, some(root, "unseen/0_na"), "train/0_na", keep=True)


@breaks(UNSEEN)
def _a_picture_of_training_in_the_holdout(root: Path) -> Path:
    return transfer(root, some(root, "train/0_na"), "unseen/0_na")


@breaks(UNSEEN)
def _a_known_picture_among_the_negatives(root: Path) -> Path:
    return transfer(root, some(root, "train/hotdog"), "train/0_na")


@breaks(UNSEEN)
def _a_negative_among_the_known_pictures(root: Path) -> Path:
    return transfer(root, some(root, "train/0_na"), "train/hotdog")


@breaks(UNSEEN, RECORDS_AGREE)
def _a_known_picture_of_test_that_the_holdout_lacks(root: Path) -> None:
    assert len(list((root / "unseen" / "hotdog").iterdir())) > 1
    path = some(root, "unseen/hotdog")
    change_rows(root, lambda row: None if row.file == path.relative_to(root).as_posix() else row)
    path.unlink()


@breaks(UNSEEN)
def _a_known_picture_of_train_in_the_holdout(root: Path) -> None:
    transfer(root, some(root, "train/hotdog"), "unseen/hotdog", keep=True, group="another")


@breaks(SHAPE, INDICES, MANIFEST, TWINS)
def _a_class_folder_removed(root: Path) -> Path:
    shutil.rmtree(root / "valid" / "hotdog")
    return root / "valid" / "hotdog"


@breaks(SHAPE, INDICES, RECORDS_AGREE)
def _a_class_folder_removed_with_its_rows(root: Path) -> Path:
    shutil.rmtree(root / "unseen" / "hotdog")
    shutil.rmtree(root / "unseen" / "bun")
    change_rows(root, lambda row: None if (row.split, row.role) == ("unseen", "known") else row)
    return root / "unseen" / "hotdog"


@breaks(SHAPE, MANIFEST, TWINS)
def _a_split_removed(root: Path) -> Path:
    shutil.rmtree(root / "valid")
    return root / "valid"


@breaks(SHAPE, INDICES)
def _an_empty_class_folder_added(root: Path) -> Path:
    (root / "train" / "cake").mkdir()
    return root / "train" / "cake"


@breaks(SHAPE, INDICES, MANIFEST)
def _a_class_folder_added(root: Path) -> Path:
    (root / "train" / "cake").mkdir()
    shutil.copy(some(root, "train/0_na"), root / "train" / "cake" / "cake_0123456789ab.jpg")
    return root / "test" / "cake"


@breaks(SHAPE, INDICES, MANIFEST, TWINS)
def _a_class_folder_emptied(root: Path) -> Path:
    for path in (root / "test" / "hotdog").iterdir():
        path.unlink()
    return root / "test" / "hotdog"


@breaks(INDICES)
def _classes_that_sort_in_two_ways(root: Path) -> None:
    rename_class(root, "hotdog", "class10")
    rename_class(root, "bun", "class2")


@breaks(INDICES)
def _classes_that_differ_in_a_zero(root: Path) -> None:
    """Their numbers are equal to timm, which then sorts them at random."""
    rename_class(root, "hotdog", "class01")
    rename_class(root, "bun", "class1")


@breaks(INDICES, UNSEEN)
def _a_negative_class_that_is_not_the_first(root: Path) -> None:
    rename_class(root, "0_na", "negative")


@breaks(INDICES)
def _class_indices_swapped(root: Path) -> Path:
    (root / "class_indices.json").write_text('{"0_na": 0, "hotdog": 1, "bun": 2}')
    return root / "class_indices.json"


@breaks(INDICES)
def _class_indices_that_are_no_json(root: Path) -> Path:
    (root / "class_indices.json").write_text("{")
    return root / "class_indices.json"


@breaks(INDICES)
def _class_names_in_another_order(root: Path) -> Path:
    (root / "classes.txt").write_text("0_na\nhotdog\nbun\n")
    return root / "classes.txt"


@breaks(INDICES)
def _a_class_name_missing(root: Path) -> Path:
    (root / "classes.txt").write_text("0_na\nbun\n")
    return root / "classes.txt"


@breaks(INDICES)
def _class_names_that_are_no_text(root: Path) -> Path:
    (root / "classes.txt").write_bytes(b"0_na\nbun\nhotd\xf6g\n")
    return root / "classes.txt"


@breaks(MANIFEST, RECORDS_AGREE)
def _a_row_twice(root: Path) -> Path:
    rows = read_manifest(root)
    write_rows(root, [*rows, rows[0]])
    seal(root)
    return root / rows[0].file


@breaks(MANIFEST)
def _a_row_removed(root: Path) -> Path:
    rows = read_manifest(root)
    write_rows(root, rows[1:])
    seal(root)
    return root / rows[0].file


@breaks(MANIFEST, TWINS, RECORDS_AGREE)
def _all_rows_removed(root: Path) -> None:
    manifest = root / "manifest.csv"
    manifest.write_text(manifest.read_text().splitlines()[0] + "\n")


@breaks(MANIFEST)
def _a_row_of_another_picture(root: Path) -> Path:
    path = some(root, "train/0_na")
    change_rows(
        root, lambda row: replace(row, sha256="f" * 64) if row.file == path.relative_to(root).as_posix() else row
    )
    return path


@breaks(MANIFEST)
def _a_row_of_another_category(root: Path) -> Path:
    path = some(root, "train/0_na", "salad")
    change_rows(
        root, lambda row: replace(row, category="street") if row.file == path.relative_to(root).as_posix() else row
    )
    return path


@breaks(READABLE)
def _a_column_renamed(root: Path) -> Path:
    manifest = root / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("license_url", "licence_url", 1))
    return manifest


@breaks(READABLE)
def _a_column_removed(root: Path) -> Path:
    manifest = root / "manifest.csv"
    manifest.write_text("".join(line.rpartition(",")[0] + "\n" for line in manifest.read_text().splitlines()))
    return manifest


@breaks(READABLE)
def _a_row_without_its_licence(root: Path) -> Path:
    manifest = root / "manifest.csv"
    head, first, *rest = manifest.read_text().splitlines()
    manifest.write_text("\n".join([head, first.rpartition(",")[0].rpartition(",")[0], *rest, ""]))
    return manifest


@breaks(READABLE)
def _a_manifest_that_is_no_text(root: Path) -> Path:
    manifest = root / "manifest.csv"
    manifest.write_bytes(manifest.read_bytes().replace(b"0.jpg", b"\xe9.jpg"))
    return manifest


@breaks(READABLE)
def _a_manifest_with_an_open_quote(root: Path) -> Path:
    manifest = root / "manifest.csv"
    manifest.write_text(manifest.read_text() + '"')
    return manifest


@breaks(READABLE)
def _a_manifest_with_a_stray_quote(root: Path) -> Path:
    manifest = root / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("train/", '"train"/', 1))
    return manifest


@breaks(READABLE)
def _a_manifest_that_is_empty(root: Path) -> Path:
    (root / "manifest.csv").write_text("")
    return root / "manifest.csv"


@breaks(PICTURES)
def _a_cmyk_picture(root: Path) -> Path:
    return in_place(root, lambda image: jpeg(image.convert("CMYK")))


@breaks(PICTURES)
def _a_grey_picture(root: Path) -> Path:
    return in_place(root, lambda image: jpeg(image.convert("L")))


@breaks(PICTURES)
def _a_png_that_calls_itself_jpg(root: Path) -> Path:
    return in_place(root, lambda image: jpeg(image, format="PNG"))


@breaks(PICTURES)
def _a_picture_that_lies_on_its_side(root: Path) -> Path:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return in_place(root, lambda image: jpeg(image, exif=exif))


@breaks(PICTURES)
def _a_picture_that_says_where_it_was_taken(root: Path) -> Path:
    exif = Pillow.Exif()
    exif[0x010E] = "at home"
    return in_place(root, lambda image: jpeg(image, exif=exif))


@breaks(PICTURES)
def _a_picture_of_two_frames(root: Path) -> Path:
    def edit(image: Pillow.Image) -> bytes:
        return jpeg(image, format="MPO", save_all=True, append_images=[image.copy()])

    return in_place(root, edit)


@breaks(PICTURES)
def _a_picture_of_another_size(root: Path) -> Path:
    return in_place(root, lambda image: jpeg(image.resize((80, 60))))


@breaks(PICTURES, TWINS)
def _a_picture_cut_short(root: Path) -> Path:
    path = some(root, "train/0_na")
    path.write_bytes(path.read_bytes()[:-500])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    change_rows(
        root, lambda row: replace(row, file_sha256=digest) if row.file == path.relative_to(root).as_posix() else row
    )
    return path


@breaks(PICTURES, TWINS)
def _a_page_that_calls_itself_jpg(root: Path) -> Path:
    path = some(root, "train/0_na")
    path.write_text("<html>")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    change_rows(
        root, lambda row: replace(row, file_sha256=digest) if row.file == path.relative_to(root).as_posix() else row
    )
    return path


def _certificate(root: Path, **values: object) -> Path:
    path = root / "certificate.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return path


@breaks(TWINS)
def _a_wider_margin(root: Path) -> Path:
    return _certificate(root, margin=99)


@breaks(TWINS)
def _a_better_histogram(root: Path) -> Path:
    return _certificate(root, nearest={"184-191": 34})


@breaks(TWINS)
def _another_threshold(root: Path) -> Path:
    return _certificate(root, threshold=8)


@breaks(TWINS)
def _a_statement_that_says_more(root: Path) -> Path:
    return _certificate(root, statement="there are no copies anywhere")


@breaks(TWINS)
def _a_certificate_that_is_no_json(root: Path) -> Path:
    (root / "certificate.json").write_text("proven")
    return root / "certificate.json"


@breaks(SHAPE, TWINS)
def _no_certificate(root: Path) -> Path:
    (root / "certificate.json").unlink()
    return root / "certificate.json"


@breaks(SHAPE)
def _no_attribution(root: Path) -> Path:
    (root / "ATTRIBUTION.csv").unlink()
    return root / "ATTRIBUTION.csv"


@breaks(SHAPE, INDICES, MANIFEST)
def _a_hidden_file(root: Path) -> Path:
    (root / "train" / ".hidden.jpg").write_bytes(b"")
    return root / "train" / ".hidden.jpg"


@breaks(SHAPE, INDICES, MANIFEST)
def _a_table_that_a_loader_takes_for_labels(root: Path) -> Path:
    (root / "train" / "metadata.csv").write_text("file_name,label\n")
    return root / "train" / "metadata.csv"


@breaks(SHAPE, INDICES, MANIFEST)
def _a_picture_in_a_nested_folder(root: Path) -> Path:
    (root / "train" / "hotdog" / "more").mkdir()
    return copied(some(root, "train/hotdog"), root / "train" / "hotdog" / "more")


@breaks(SHAPE)
def _an_empty_nested_folder(root: Path) -> Path:
    (root / "train" / "hotdog" / "more").mkdir()
    return root / "train" / "hotdog" / "more"


@breaks(SHAPE, MANIFEST)
def _a_file_name_with_a_space(root: Path) -> Path:
    return copied(some(root, "train/hotdog"), root / "train" / "hotdog" / "hot dog_0123456789ab.jpg")


@breaks(SHAPE)
def _a_link_in_place_of_a_picture(root: Path) -> Path:
    path = some(root, "train/hotdog")
    path.rename(root.parent / "elsewhere.jpg")
    path.symlink_to(root.parent / "elsewhere.jpg")
    return path


@breaks(SHAPE, INDICES)
def _a_link_in_place_of_a_class_folder(root: Path) -> Path:
    path = root / "train" / "hotdog"
    path.rename(root.parent / "elsewhere")
    path.symlink_to(root.parent / "elsewhere")
    return path


# --- augmented copies, and records that say other things


CHILDREN = "augmented copies are in train, as their parents are"


def augmented(root: Path, parent: Path, folder: str = "train/hotdog", **row: Any) -> Path:  # noqa: ANN401
    """Write an augmented copy of a picture as `augment` and `split` do, every record in agreement."""
    old = row_of(root, parent)
    split_, class_name = folder.split("/")
    with Pillow.open(parent) as image:
        data = jpeg(ImageOps.mirror(image), quality=90)
    sha256 = hashlib.sha256(data).hexdigest()
    file = f"{folder}/{old.category}_{sha256[:12]}_aug001.jpg"
    new = replace(old, file=file, split=split_, class_name=class_name, sha256=sha256, parent=old.sha256, seed="7")
    (root / file).write_bytes(data)
    write_rows(root, [*read_manifest(root), replace(new, **row)])
    seal(root)
    return root / file


@breaks()
def _nothing_by_an_augmented_copy(root: Path) -> None:
    augmented(root, some(root, "train/hotdog"))


@breaks()
def _nothing_by_an_augmented_copy_whose_parent_is_left_out(root: Path) -> None:
    parent = some(root, "train/hotdog")
    augmented(root, parent)
    change_rows(root, lambda row: None if root / row.file == parent else row)
    parent.unlink()
    seal(root)


@breaks(CHILDREN)
def _an_augmented_copy_in_test(root: Path) -> Path:
    parent = some(root, "test/bun")
    for row in read_manifest(root):
        if row.sha256 == row_of(root, parent).sha256 and row.split == "unseen":
            augmented(root, root / row.file, "unseen/bun")
    return augmented(root, parent, "test/bun")


@breaks(CHILDREN, GROUPS, TWINS)
def _an_augmented_copy_of_a_picture_of_test(root: Path) -> Path:
    return augmented(root, some(root, "test/hotdog"))


@breaks(CHILDREN)
def _an_augmented_copy_with_another_licence(root: Path) -> Path:
    return augmented(root, some(root, "train/hotdog"), license="CC-BY-4.0")


@breaks(CHILDREN)
def _an_augmented_copy_of_another_group(root: Path) -> Path:
    return augmented(root, some(root, "train/hotdog"), group="another")


@breaks(CHILDREN)
def _an_augmented_copy_that_hides_its_parent(root: Path) -> Path:
    path = augmented(root, some(root, "train/hotdog"))
    change_rows(root, lambda row: replace(row, parent=""))
    seal(root)
    return path


@breaks(RECORDS_AGREE)
def _another_author_in_the_attribution(root: Path) -> Path:
    path = root / "ATTRIBUTION.csv"
    lines = path.read_text().splitlines(keepends=True)
    fields = lines[1].split(",")
    fields[2] = "Somebody Else"
    path.write_text("".join([lines[0], ",".join(fields), *lines[2:]]))
    return root / fields[0]


@breaks(RECORDS_AGREE)
def _changes_that_the_attribution_keeps_quiet(root: Path) -> Path:
    path = root / "ATTRIBUTION.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(
        "".join([lines[0], lines[1].replace("resized, re-encoded", "none").replace('"none"', "none"), *lines[2:]])
    )
    return root / lines[1].split(",")[0]


@breaks(RECORDS_AGREE)
def _a_line_missing_in_the_attribution(root: Path) -> Path:
    path = root / "ATTRIBUTION.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    return root / lines[-1].split(",")[0]


@breaks(RECORDS_AGREE)
def _a_line_of_no_file_in_the_attribution(root: Path) -> Path:
    with (root / "ATTRIBUTION.csv").open("a") as stream:
        stream.write("train/hotdog/nothing.jpg,,,,unknown,,resized\n")
    return root / "train/hotdog/nothing.jpg"


@breaks(RECORDS_AGREE)
def _an_attribution_without_columns(root: Path) -> Path:
    (root / "ATTRIBUTION.csv").write_text("file\nx\n")
    return root / "ATTRIBUTION.csv"


@breaks(RECORDS_AGREE)
def _another_role_in_the_settings(root: Path) -> Path:
    path = root / "negbuild.lock.json"
    path.write_text(path.read_text().replace('"dog": "unseen"', '"dog": "unknown"'))
    return path


@breaks(RECORDS_AGREE)
def _settings_that_are_no_json(root: Path) -> Path:
    (root / "negbuild.lock.json").write_text("{")
    return root / "negbuild.lock.json"


@breaks(RECORDS_AGREE)
def _another_weight_of_a_class(root: Path) -> Path:
    path = root / "class_weights.json"
    record = json.loads(path.read_text())
    record["class_weight"]["hotdog"] *= 2
    path.write_text(json.dumps(record))
    return path


@breaks(RECORDS_AGREE)
def _weights_that_are_no_json(root: Path) -> Path:
    (root / "class_weights.json").write_text("")
    return root / "class_weights.json"


@breaks(RECORDS_AGREE)
def _a_readme_without_a_class(root: Path) -> Path:
    path = root / "README.md"
    path.write_text(path.read_text().replace("hotdog", "sausage"))
    return path


@breaks(RECORDS_AGREE, INDICES)
def _a_readme_without_the_holdout(root: Path) -> Path:
    path = root / "README.md"
    path.write_text(path.read_text().replace('      - split: unseen\n        path: "unseen/**"\n', ""))
    return path


@breaks(RECORDS_AGREE, INDICES)
def _a_readme_that_names_no_splits(root: Path) -> Path:
    (root / "README.md").write_text("0_na, bun, hotdog, unknown")
    return root / "README.md"


@breaks(MANIFEST)
def _two_known_categories_exchanged(root: Path) -> None:
    transfer(root, some(root, "train/hotdog"), "train/bun")


@pytest.mark.parametrize("name", SPOILT)
def test_what_spoils_a_dataset_breaks_the_promise_meant(dataset: Path, name: str) -> None:
    promises, spoil = SPOILT[name]
    named = spoil(dataset)
    result = verify(dataset)
    broken = {check.promise: check.problems for check in result.checks if check.problems}
    assert set(broken) == promises
    assert result.holds == (not promises)
    if named:
        file = named.relative_to(dataset).as_posix()
        assert any(file in problem for problems in broken.values() for problem in problems)


def test_what_was_sealed_again_unchanged_still_holds(dataset: Path) -> None:
    """The helpers above break nothing by themselves."""
    seal(dataset)
    assert verify(dataset).holds
    rename_class(dataset, "hotdog", "sausage")
    assert verify(dataset).holds
    transfer(dataset, some(dataset, "valid/0_na"), "train/0_na")
    assert verify(dataset).holds


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_title_of_several_lines_is_the_same_in_every_record(dataset: Path, end: str) -> None:
    rows = read_manifest(dataset)
    said = [replace(row, title=f"one{end}two", author=f"Ann{end}Bo") for row in rows]
    (dataset / "manifest.csv").write_bytes(csv_text(Row, said).encode())
    seal(dataset)
    assert verify(dataset).holds


# --- through the command line


def snapshot(root: Path) -> Iterator[tuple[str, int, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield str(path), path.stat().st_mtime_ns, path.read_bytes()


def test_a_good_dataset_holds_wherever_it_lies_and_is_not_touched(negbuild: Negbuild, dataset: Path) -> None:
    before = list(snapshot(dataset))
    done = negbuild("verify", dataset)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [line[:8] for line in lines if line[:1] != " "][:-1] == ["holds   "] * 8
    assert lines[2:6] == [
        "          train: 10 pictures, 0_na is 0 (4), bun is 1 (2), hotdog is 2 (4)",
        "          valid: 5 pictures, 0_na is 0 (2), bun is 1 (1), hotdog is 2 (2)",
        "          test: 5 pictures, 0_na is 0 (2), bun is 1 (1), hotdog is 2 (2)",
        "          unseen: 6 pictures, 0_na is 0 (3), bun is 1 (1), hotdog is 2 (2)",
    ]
    assert done.out.splitlines()[-1].startswith("certificate: no two compared pictures in different splits are within")
    assert list(snapshot(dataset)) == before


def test_the_result_as_json(negbuild: Negbuild, dataset: Path) -> None:
    done = negbuild("verify", dataset, "--json")
    assert done.code == 0
    assert [check["promise"] for check in done.json["checks"]] == [
        SHAPE,
        INDICES,
        MANIFEST,
        PICTURES,
        RECORDS_AGREE,
        UNSEEN,
        GROUPS,
        TWINS,
    ]
    assert not [check for check in done.json["checks"] if check["problems"]]
    assert done.json["certificate"] == json.loads((dataset / "certificate.json").read_text())
    assert done.json["certificate"]["compared"] == 23
    assert done.json["certificate"]["leaks"] == []


def test_a_broken_promise_is_exit_5_and_names_the_file(negbuild: Negbuild, dataset: Path) -> None:
    leak = _a_mirrored_copy_in_another_split(dataset)
    assert leak is not None
    done = negbuild("verify", dataset)
    assert (done.code, done.err) == (5, f"negbuild: {dataset}: 1 of 8 promises are broken\n")
    assert f"broken  {TWINS}" in done.out.splitlines()
    assert leak.relative_to(dataset).as_posix() in done.out
    as_json = negbuild("verify", dataset, "--json")
    assert as_json.code == 5
    (problem,) = as_json.json["checks"][-1]["problems"]
    assert leak.relative_to(dataset).as_posix() in problem
    assert len(as_json.json["certificate"]["leaks"]) == 1


def test_a_manifest_that_cannot_be_read_is_exit_5(negbuild: Negbuild, dataset: Path) -> None:
    _a_manifest_that_is_no_text(dataset)
    done = negbuild("verify", dataset)
    assert (done.code, done.err) == (5, f"negbuild: {dataset}: 1 of 1 promises are broken\n")


def test_many_problems_are_counted_and_a_few_shown(negbuild: Negbuild, dataset: Path) -> None:
    for number in range(30):
        (dataset / f"file{number:02}").touch()
    lines = negbuild("verify", dataset).out.splitlines()
    assert lines.count("          and 25 more") == 2
    assert sum("file0" in line for line in lines) == 10


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("nowhere", "nowhere: no such folder; run: negbuild split --out nowhere"),
        ("file", "file: is a file; unpack it, and name the folder"),
        ("folder", "folder: holds no folders of pictures, one for each class; run: negbuild verify --help"),
        ("half", "half: holds no folders of pictures, one for each class; run: negbuild verify --help"),
    ],
)
def test_what_is_no_dataset_is_exit_2(negbuild: Negbuild, tmp_path: Path, name: str, line: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "half" / "manifest.csv").mkdir(parents=True)
    done = negbuild("verify", name)
    assert (done.code, done.out, done.err) == (2, "", f"negbuild: {line}\n")


# --- layouts


def laid_out(root: Path, layout: str, place: Callable[[Row], str | None]) -> Path:
    """Lay a multiclass dataset out in another way: the class folder of each row, or None to leave it out."""
    rows = []
    for row in read_manifest(root):
        class_name = place(row)
        if class_name is None:
            (root / row.file).unlink()
            continue
        file = f"{row.split}/{class_name}/{Path(row.file).name}"
        (root / file).parent.mkdir(exist_ok=True)
        (root / row.file).rename(root / file)
        rows.append(replace(row, file=file, class_name=class_name))
    for folder in sorted(root.glob("*/*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    if not any((root / "unseen").iterdir()):
        (root / "unseen").rmdir()
    settings = json.loads((root / "negbuild.lock.json").read_text())
    write_records(root, rows, {**settings, "layout": layout})
    write_rows(root, rows)
    seal(root)
    return root


def as_binary(row: Row) -> str:
    return "positive" if row.role == "known" else "0_na"


def as_one_class(row: Row) -> str | None:
    return None if row.split == "train" and row.role != "known" else row.class_name


def as_classes(row: Row) -> str | None:
    return row.class_name if row.role == "known" and row.split != "unseen" else None


def broken(root: Path) -> set[str]:
    return {check.promise for check in verify(root).checks if check.problems}


@pytest.mark.parametrize(
    ("layout", "place"), [("binary", as_binary), ("one-class", as_one_class), ("classes", as_classes)]
)
def test_each_layout_is_held_to_its_own_promise(dataset: Path, layout: str, place: Callable[[Row], str | None]) -> None:
    rows = read_manifest(dataset)
    root = laid_out(dataset, layout, place)
    result = verify(root)
    assert result.layout == layout
    assert {check.promise: check.problems for check in result.checks if check.problems} == {}
    kept = [row for row in rows if place(row)]
    assert (
        sum(sum(reading.pictures.values()) for reading in result.splits) == len(kept) < len(rows) + (layout == "binary")
    )
    # The same tree under another name breaks the promise of that.
    settings = json.loads((root / "negbuild.lock.json").read_text())
    for other in {"multiclass", "binary", "one-class", "classes"} - {layout}:
        (root / "negbuild.lock.json").write_text(json.dumps({**settings, "layout": other}))
        assert not verify(root).holds or (layout, other) == ("binary", "multiclass"), other


def test_one_class_says_that_train_has_no_negatives(dataset: Path) -> None:
    root = laid_out(dataset, "one-class", as_one_class)
    shape, indices, *_ = verify(root).checks
    assert shape.promise == f"{SHAPE}; train has no 0_na"
    assert indices.details[0] == "train: 6 pictures, bun is 0 (2), hotdog is 1 (4)"
    assert indices.details[1].startswith("valid: 5 pictures, 0_na is 0 (2), ")
    shutil.rmtree(root / "test" / "0_na")
    assert f"{SHAPE}; train has no 0_na" in broken(root)


def test_a_negative_in_train_breaks_one_class(dataset: Path) -> None:
    root = laid_out(dataset, "one-class", as_one_class)
    (root / "train" / "0_na").mkdir()
    transfer(root, some(root, "valid/0_na"), "train/0_na")
    problems = [problem for check in verify(root).checks for problem in check.problems]
    assert "train/0_na: has no place in layout one-class" in problems


def test_a_holdout_breaks_the_second_stage(dataset: Path) -> None:
    root = laid_out(dataset, "classes", lambda row: row.class_name if row.role == "known" else None)
    problems = [problem for check in verify(root).checks for problem in check.problems]
    assert "unseen: has no place in layout classes" in problems


def test_a_class_of_its_own_breaks_binary(dataset: Path) -> None:
    root = laid_out(dataset, "binary", as_binary)
    rename_class(root, "positive", "hotdog")
    assert broken(root) == {SHAPE}


def test_a_layout_that_is_not_known_is_exit_5(negbuild: Negbuild, dataset: Path) -> None:
    path = dataset / "negbuild.lock.json"
    path.write_text(path.read_text().replace("multiclass", "spiral"))
    done = negbuild("verify", dataset)
    assert (done.code, done.err) == (5, f"negbuild: {dataset}: 1 of 1 promises are broken\n")
    assert "negbuild.lock.json: layout spiral; upgrade negbuild" in done.out


def test_a_tree_that_says_it_lies_in_tar_files_is_exit_5(negbuild: Negbuild, dataset: Path) -> None:
    path = dataset / "negbuild.lock.json"
    path.write_text(path.read_text().replace("multiclass", "webdataset"))
    done = negbuild("verify", dataset)
    assert done.code == 5
    assert f"{read_manifest(dataset)[0].file}: missing" in done.out


def test_a_row_for_what_is_no_picture_is_exit_5(negbuild: Negbuild, dataset: Path) -> None:
    rows = read_manifest(dataset)
    write_rows(dataset, [*rows, replace(rows[0], file="README.md")])
    done = negbuild("verify", dataset)
    assert done.code == 5
    assert "README.md: missing" in done.out


@pytest.fixture
def pair(good: Path, tmp_path: Path) -> Path:
    """Two trees of one plan: a binary gate, and the classes behind it."""
    for name, layout, place in (("gate", "binary", as_binary), ("classes", "classes", as_classes)):
        laid_out(shutil.copytree(good, tmp_path / "pair" / name), layout, place)
    (tmp_path / "pair" / "negbuild.lock.json").write_text('{"layout": "two-stage", "trees": ["gate", "classes"]}')
    (tmp_path / "pair" / "README.md").write_text("Two stages.")
    return tmp_path / "pair"


def test_trees_of_two_stages_are_what_their_names_say_and_no_links(
    negbuild: Negbuild, pair: Path, tmp_path: Path
) -> None:
    (pair / "gate").rename(pair / "classes.was")
    (pair / "classes").rename(tmp_path / "elsewhere")
    (pair / "classes.was").rename(pair / "classes")
    (pair / "gate").symlink_to(tmp_path / "elsewhere")
    done = negbuild("verify", pair)
    assert done.code == 5
    assert done.out.splitlines()[:4] == [
        "broken  a picture is in the same split of every tree",
        "          gate: is a link",
        "          gate: is classes, and should be binary",
        "          classes: is binary, and should be classes",
    ]


def test_both_trees_of_two_stages_are_verified(negbuild: Negbuild, pair: Path) -> None:
    done = negbuild("verify", pair)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "holds   a picture is in the same split of every tree"
    assert [line for line in lines if line.endswith(")") and line[:1].isalpha() and "/ (" in line] == [
        "gate/ (binary)",
        "classes/ (classes)",
    ]
    assert sum(line.startswith("certificate: ") for line in lines) == 2
    path = some(pair, "gate/train/positive")
    path.write_bytes(path.read_bytes() + b"x")
    done = negbuild("verify", pair)
    assert (done.code, done.err) == (5, f"negbuild: {pair}: 1 of 17 promises are broken\n")


def test_a_picture_in_two_splits_of_two_trees(pair: Path) -> None:
    root = pair / "classes"
    transfer(root, some(root, "train/hotdog"), "test/hotdog")
    result = verify(pair)
    assert [check.promise for check in result.all_checks if check.problems] == [result.checks[0].promise]
    assert "is in test of" in result.checks[0].problems[0] or "is in train of gate" in result.checks[0].problems[0]


def test_a_tree_that_is_missing_and_a_card(negbuild: Negbuild, pair: Path) -> None:
    shutil.rmtree(pair / "classes")
    (pair / "README.md").unlink()
    done = negbuild("verify", pair)
    assert (done.code, done.out.splitlines()[1:3]) == (
        5,
        ["          classes: missing", "          README.md: missing"],
    )
