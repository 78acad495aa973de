"""Whether the records beside a dataset say what its manifest says: credits, settings, weights, README. Pure."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from negbuild.attribution import credits_of
from negbuild.cards import plain_text
from negbuild.loaders import Configs
from negbuild.manifest import ATTRIBUTION, CLASS_WEIGHTS, FOLDS, LOCK, README, Row
from negbuild.model import Role, Split
from negbuild.weights import class_weights, weights_record

_CREDITED = ("title", "author", "page", "license", "license_url", "changes")
_NAMES = {"valid": "validation"}  # what a split is called at Hugging Face, where it has another name


def attribution(text: str, rows: Sequence[Row]) -> Iterator[str]:
    """Name pictures that ATTRIBUTION.csv credits otherwise than the manifest does, or not once."""
    try:
        lines = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error as error:
        yield f"{ATTRIBUTION}: cannot be read ({error})"
        return
    missing = [column for column in ("file", *_CREDITED) if any(line.get(column) is None for line in lines)]
    if missing or not lines:
        yield f"{ATTRIBUTION}: has no {', '.join(missing) or 'lines'}"
        return
    listed = Counter(line["file"] for line in lines)
    credits_ = {line["file"]: line for line in lines}
    for credit in credits_of(rows):
        if listed[credit.file] != 1:
            yield f"{credit.file}: in {listed[credit.file]} lines of {ATTRIBUTION}"
            continue
        other = [column for column in _CREDITED if credits_[credit.file][column] != getattr(credit, column)]
        if other:
            yield f"{credit.file}: {ATTRIBUTION} has another {', '.join(other)}"
    yield from (f"{file}: in {ATTRIBUTION} alone" for file in sorted(listed.keys() - {row.file for row in rows}))


def settings(text: str, rows: Sequence[Row]) -> Iterator[str]:
    """Name categories to which negbuild.lock.json gives another role than the manifest, or none."""
    lock = read_lock(text)
    if lock is None:
        yield f"{LOCK}: cannot be read"
        return
    roles = lock.get("categories")
    stated = roles if isinstance(roles, dict) else {}
    for category, role in sorted({(row.category, row.role) for row in rows}):
        if stated.get(category) != role:
            yield f"{LOCK}: category {category} is {stated.get(category, 'not in it')}, and {role} in the manifest"


def weights(text: str, rows: Iterable[Row]) -> Iterator[str]:
    """Say where class_weights.json weighs the classes otherwise than by their files in training."""
    train = Counter(row.class_name for row in rows if row.split == Split.TRAIN)
    try:
        stated = json.loads(text)
    except ValueError:
        yield f"{CLASS_WEIGHTS}: cannot be read"
        return
    if stated != json.loads(json.dumps(weights_record(class_weights(train)))):
        yield f"{CLASS_WEIGHTS}: does not weigh the classes by the pictures of train"


def across(trees: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Name pictures that lie in different splits of the trees of one dataset; each has a holdout of its own."""
    places: dict[str, tuple[str, str]] = {}
    for tree, rows in trees.items():
        for row in (row for row in rows if row.split != Split.UNSEEN):
            split, where = places.setdefault(row.sha256, (row.split, tree))
            if split != row.split:
                yield f"{tree}/{row.file}: is in {split} of {where}"


def folds(text: str, trees: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Name negative categories that are unseen in a fold where folds.csv does not say so, or are not where it does."""
    try:
        lines = list(csv.DictReader(io.StringIO(text), strict=True))
        stated = {(f"fold{line['fold']}", line["category"]) for line in lines}
    except (csv.Error, KeyError):
        yield f"{FOLDS}: cannot be read"
        return
    yield from (f"{tree}: in {FOLDS} alone" for tree in sorted({tree for tree, _ in stated} - trees.keys()))
    found = {(tree, row.category, row.role) for tree, rows in trees.items() for row in rows if row.role != Role.KNOWN}
    for tree, category, role in sorted(found):
        if (role == Role.UNSEEN) != ((tree, category) in stated):
            yield f"{tree}: {category} is {role}, and {FOLDS} says otherwise"


def configuration(text: str, configs: Configs | None, rows: Sequence[Row]) -> Iterator[str]:
    """Name splits, classes and licences that README.md leaves out, or names although there are none."""
    expected = {split: _NAMES.get(split, split) for split in sorted({row.split for row in rows})}
    if configs is None:
        yield f"{README}: names no splits for Hugging Face"
    elif dict(configs.folders) != expected:
        yield f"{README}: has the splits {_listed(configs.folders)}, not {_listed(expected)}"
    elif not configs.keeps_labels:
        yield f"{README}: does not keep the labels of a tree with one class"
    for what, values in (("class", [row.class_name for row in rows]), ("licence", [row.license for row in rows])):
        yield from (
            f"{README}: does not name {what} {value}"
            for value in sorted({*values})
            if value not in text and plain_text(value) not in text
        )


def _listed(folders: Mapping[str, str]) -> str:
    return ", ".join(f"{name} in {folder}/" for folder, name in sorted(folders.items())) or "none"


def read_lock(text: str) -> Mapping[str, object] | None:
    """Read negbuild.lock.json; None where it is no JSON object."""
    try:
        lock = json.loads(text)
    except ValueError:
        return None
    return lock if isinstance(lock, dict) else None
