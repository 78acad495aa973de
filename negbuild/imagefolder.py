"""The dataset tree: split/class/file for every loader, and the records beside it. Writes it, and names its parts."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL.Image import Image

from negbuild.errors import NegbuildError
from negbuild.model import NEGATIVE_CLASS, Held, Progress, Role, Split, no_progress
from negbuild.picture import jpeg_bytes, normalised

MANIFEST = "manifest.csv"
CERTIFICATE = "certificate.json"
LOCK = "negbuild.lock.json"
CLASS_INDICES = "class_indices.json"
CLASSES = "classes.txt"
ATTRIBUTION = "ATTRIBUTION.csv"
README = "README.md"
RECORDS = (MANIFEST, CERTIFICATE, LOCK, CLASS_INDICES, CLASSES, ATTRIBUTION, README)


@dataclass(frozen=True, slots=True)
class Look:
    """How every picture is written, whatever it was: longer side at most in pixels, and JPEG quality."""

    longer_side: int = 512
    quality: int = 90


@dataclass(frozen=True, slots=True)
class Row:
    """One line of manifest.csv: a file of the tree, and all that is known of its picture.

    `sha256` is that of the picture as it came, `file_sha256` that of the file; sizes are of the file, in pixels. An
    augmented copy names its `parent` by the SHA-256 of that, and the `seed` it was drawn with; others have neither.
    """

    file: str
    split: str
    class_name: str
    category: str
    role: str
    sha256: str
    file_sha256: str
    group: str
    parent: str
    width: int
    height: int
    source: str
    source_id: str
    query: str
    seed: str
    page: str
    title: str
    author: str
    author_url: str
    license: str
    license_url: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where one image goes in the tree."""

    split: Split
    held: Held
    group: str


def class_folders(known: Iterable[str]) -> dict[str, str]:
    """Folder of each known category; the negative class is beside them and sorts first.

    Loaders sort either by character or with numbers by value; where the two differ, digits get leading zeros.
    """
    names = sorted(set(known))

    def by_value(name: str) -> list[tuple[int, str]]:
        return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]

    if all(by_value(one) < by_value(next_) for one, next_ in pairwise(names)):  # ties are as bad as another order
        return {name: name for name in names}
    width = max(len(digits) for name in names for digits in re.findall(r"\d+", name))
    folders: dict[str, str] = {}
    for name in names:
        folder = re.sub(r"\d+", lambda run: run[0].zfill(width), name)
        while folder in folders.values():  # class2 and class02
            folder += "x"
        folders[name] = folder
    return folders


def places(held: Mapping[str, Held], groups: Mapping[str, str], splits: Mapping[str, Split]) -> list[Place]:
    """Lay the plan out: the holdout also gets the known pictures of test, so that it can be read by itself."""
    laid = [Place(split, held[sha256], groups[sha256]) for sha256, split in sorted(splits.items())]
    if any(place.split is Split.UNSEEN for place in laid):
        laid += [
            Place(Split.UNSEEN, place.held, place.group)
            for place in laid
            if place.split is Split.TEST and place.held.role is Role.KNOWN
        ]
    return laid


def write_pictures(
    root: Path, laid: Sequence[Place], read: Callable[[Held], bytes], look: Look, progress: Progress = no_progress
) -> list[Row]:
    """Write all pictures below `root`, through one normalisation; return their manifest rows, sorted by file."""
    folders = class_folders(place.held.category for place in laid if place.held.role is Role.KNOWN)

    def write(place: Place) -> Row:
        name = NEGATIVE_CLASS if place.held.role.negative else folders[place.held.category]
        sha256 = place.held.image.sha256
        file = f"{place.split}/{name}/{place.held.category}_{sha256[:12]}.jpg"
        picture = _picture(place.held, read, look)
        data = jpeg_bytes(picture, look.quality)
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        try:
            with (root / file).open("xb") as stream:
                stream.write(data)
        except FileExistsError:
            raise NegbuildError(f"{file}: two pictures share the first 48 bits of their SHA-256") from None
        return _row(place, file, name, hashlib.sha256(data).hexdigest(), picture.size)

    rows = []
    with ThreadPoolExecutor() as threads:
        for row in threads.map(write, laid):
            rows.append(row)
            progress(len(rows), len(laid))
    return sorted(rows, key=lambda row: row.file)


def _picture(held: Held, read: Callable[[Held], bytes], look: Look) -> Image:
    try:
        return normalised(read(held), look.longer_side)
    except (OSError, SyntaxError, ValueError) as error:
        raise NegbuildError(
            f"picture {held.image.sha256}: is lost or damaged in the store ({error}); put images/ back from a copy"
        ) from error


def _row(place: Place, file: str, class_name: str, file_sha256: str, size: tuple[int, int]) -> Row:
    held, origin = place.held, place.held.origin
    return Row(
        file=file,
        split=place.split,
        class_name=class_name,
        category=held.category,
        role=held.role,
        sha256=held.image.sha256,
        file_sha256=file_sha256,
        group=place.group[:12],
        parent="",
        width=size[0],
        height=size[1],
        source=origin.source,
        source_id="" if origin.url.startswith("file:") else origin.source_id,  # paths of a machine stay on it
        query=held.query,
        seed="",
        page=origin.page,
        title=origin.title,
        author=origin.author,
        author_url=origin.author_url,
        license=origin.license,
        license_url=origin.license_url,
    )


def write_records(root: Path, rows: Sequence[Row], settings: Mapping[str, object]) -> None:
    """Write manifest, class lists, attribution, loader configuration and settings beside the splits."""
    classes = sorted({row.class_name for row in rows})
    _write(root / MANIFEST, _csv(Row, rows))
    _write(root / CLASSES, "".join(f"{name}\n" for name in classes))
    write_json(root / CLASS_INDICES, {name: index for index, name in enumerate(classes)})
    write_json(root / LOCK, settings)
    _write(root / ATTRIBUTION, _csv(Credit, _credits(rows)))
    _write(root / README, _readme(rows, classes))


def write_json(path: Path, value: object) -> None:
    """Write JSON the same way every time."""
    _write(path, json.dumps(value, indent=2) + "\n")


def read_manifest(root: Path) -> list[Row]:
    """Read manifest.csv back; raises ValueError where its columns or values are not those of `Row`."""
    csv.field_size_limit(2**31 - 1)  # a service may give a title of any length
    with (root / MANIFEST).open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        try:
            lines: list[dict[str, Any]] = list(reader)
        except csv.Error as error:
            raise ValueError(f"line {reader.line_num}: {error}") from error
    if reader.fieldnames != [field.name for field in fields(Row)]:
        raise ValueError("other columns than negbuild writes")
    if any(None in line or None in line.values() for line in lines):
        raise ValueError("a row with more or fewer values than columns")
    return [Row(**{**line, "width": int(line["width"]), "height": int(line["height"])}) for line in lines]


def comparable_files(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Files by split; the known pictures of the holdout are those of test, and are left to it."""
    files: dict[str, list[str]] = {}
    for row in rows:
        if (row.split, row.role) != (Split.UNSEEN, Role.KNOWN):
            files.setdefault(row.split, []).append(row.file)
    return files


@dataclass(frozen=True, slots=True)
class Credit:
    """One line of ATTRIBUTION.csv: title, author, source, licence, and that it was changed (CC BY 4.0, 3.a)."""

    file: str
    title: str
    author: str
    page: str
    license: str
    license_url: str
    changes: str


def _credits(rows: Iterable[Row]) -> list[Credit]:
    return [
        Credit(row.file, row.title, row.author, row.page, row.license, row.license_url, "resized, re-encoded")
        for row in rows
    ]


def _csv(kind: type[Row] | type[Credit], rows: Iterable[Row | Credit]) -> str:
    def line(values: Iterable[object]) -> str:
        buffer = io.StringIO()
        csv.writer(buffer).writerow(values)  # ends in CR LF, so that either of them within a value is quoted
        return buffer.getvalue().removesuffix("\r\n") + "\n"

    return line(field.name for field in fields(kind)) + "".join(line(astuple(row)) for row in rows)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _readme(rows: Sequence[Row], classes: Sequence[str]) -> str:
    splits = [split for split in Split if any(row.split == split for row in rows)]
    names = {Split.VALID: "validation"}
    configs = "".join(f'      - split: {names.get(split, split)}\n        path: "{split}/**"\n' for split in splits)
    licenses = sorted({row.license for row in rows})
    return f"""\
---
license: other
task_categories:
  - image-classification
configs:
  - config_name: default
    drop_labels: false
    data_files:
{configs}---

Written by negbuild. Classes, in the order of their indices: {", ".join(classes)}. `{NEGATIVE_CLASS}` holds everything
that is none of the others; in `unseen/` it holds only categories that no other split has seen.

One row a picture in `{MANIFEST}`, its author and licence in `{ATTRIBUTION}` ({", ".join(licenses)}); settings in
`{LOCK}`; what is proven about copies between splits in `{CERTIFICATE}`. Check it all again with `negbuild verify`.
"""
