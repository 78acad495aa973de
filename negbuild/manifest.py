"""The records of a dataset by name, and its manifest: one row a file, written and read back."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negbuild.errors import UsageError, typed
from negbuild.model import Role, Split

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MANIFEST = "manifest.csv"
CERTIFICATE = "certificate.json"
LOCK = "negbuild.lock.json"
CLASS_INDICES = "class_indices.json"
CLASSES = "classes.txt"
ATTRIBUTION = "ATTRIBUTION.csv"
README = "README.md"
CLASS_WEIGHTS = "class_weights.json"
RECORDS = (MANIFEST, CERTIFICATE, LOCK, CLASS_INDICES, CLASSES, CLASS_WEIGHTS, ATTRIBUTION, README)
FOLDS = "folds.csv"
"""Above the trees of folds: which category is unseen in which of them."""

SHARD = ".tar"
"""Where a file of the manifest lies in one of these, its first folder is the name of that."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of manifest.csv: a file of the tree, and all that is known of its picture.

    `sha256` is that of the picture as it came, `file_sha256` that of the file; sizes are of the file, in pixels. An
    augmented copy names its `parent`, and the `background` it was pasted on, if any, by the SHA-256 of these, and the
    `seed` that drew it; others have none of them.
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
    background: str
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


def csv_text(kind: "type[DataclassInstance]", rows: "Iterable[DataclassInstance]") -> str:
    """Write rows of one kind as CSV with its fields as columns, lines ending in LF."""
    buffer = io.StringIO()
    # Lines end in CR LF, so that either of them within a value is quoted; what is outside of quotes becomes LF.
    writer = csv.writer(buffer)
    columns = [field.name for field in fields(kind)]
    lines = []
    for values in (columns, *map(attrgetter(*columns), rows)):
        writer.writerow(values)
        lines.append(buffer.getvalue().removesuffix("\r\n"))
        buffer.seek(0)
        buffer.truncate()
    return "\n".join([*lines, ""])


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


def check_folder(root: Path) -> None:
    """Raise UsageError, with the next step, where there is no folder."""
    if root.is_file():
        raise UsageError(f"{root}: is a file; unpack it, and name the folder")
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder; run: negbuild split --out {typed(root)}")


def written_rows(root: Path) -> list[Row]:
    """Read manifest.csv back; raises UsageError, with what to run, where negbuild wrote none that can be read."""
    if not (root / MANIFEST).is_file():
        raise UsageError(f"{root}: no dataset that negbuild wrote ({MANIFEST} is missing); run: negbuild split")
    try:
        return read_manifest(root)
    except (ValueError, TypeError) as error:  # UnicodeDecodeError is one of the first
        raise UsageError(f"{root}: {MANIFEST} cannot be read ({error}); run: negbuild verify {typed(root)}") from error


def readable_rows(root: Path) -> list[Row]:
    """Read manifest.csv back; none where it cannot be read."""
    try:
        return read_manifest(root)
    except (OSError, ValueError, TypeError):
        return []


def comparable_files(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Files by split; the known pictures of the holdout are those of test, and are left to it."""
    files: dict[str, list[str]] = {}
    for row in rows:
        if (row.split, row.role) != (Split.UNSEEN, Role.KNOWN):
            files.setdefault(row.split, []).append(row.file)
    return files


def written_files(root: Path) -> set[str]:
    """Name all files, relative to `root`, of the dataset that negbuild wrote there.

    Raises OSError, ValueError or TypeError where there is none, or its records cannot be read.
    """
    lock = json.loads((root / LOCK).read_text(encoding="utf-8"))
    if trees := [str(tree) for tree in lock.get("trees", [])] if isinstance(lock, dict) else []:
        beside = {LOCK, README} | ({FOLDS} if (root / FOLDS).is_file() else set())
        return beside | {f"{tree}/{file}" for tree in trees for file in written_files(root / tree)}
    files = (row.file for row in read_manifest(root))
    return {*RECORDS, *(name if name.endswith(SHARD) else file for file in files if (name := file.split("/")[0]))}


def write_json(path: Path, value: object) -> None:
    """Write JSON the same way every time."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write text the same way on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")
