"""What negbuild promises of a dataset it wrote, each promise as a check that names what breaks it. Pure.

Each layout has its own rules:

multiclass  every split holds the negative class and each known class
binary      every split holds the negative class and `positive`
one-class   train holds the known classes only, the other splits hold both
classes     known classes only, no holdout: the second stage behind a binary gate
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from negbuild.agreement import SplitReading
from negbuild.evidence import Evidence
from negbuild.inventory import Inventory
from negbuild.manifest import RECORDS, Row
from negbuild.model import NEGATIVE_CLASS, Role, Split

_FILE = re.compile(r"(train|valid|test|unseen)/([a-z0-9_]+)/([a-z][a-z0-9_]*_[0-9a-f]{12}(?:_aug\d{3,})?)\.(?:jpg|png)")
_AUGMENTED = re.compile(r"_aug\d{3,}\.")
_FORMATS = {".jpg": "JPEG", ".png": "PNG"}
_POSITIVE = "positive"
_INHERITED: dict[str, Callable[[Row], object]] = {
    "class": lambda row: row.class_name,
    "category": lambda row: row.category,
    "group": lambda row: row.group,
    "source": lambda row: (row.source, row.source_id, row.page),
    "author": lambda row: (row.author, row.author_url),
    "licence": lambda row: (row.license, row.license_url),
}
"""What a copy has from its parent, whatever was done to its pixels."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a layout puts where: splits that must be, splits without the negative class, and splits that must not be."""

    without_negatives: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    only_classes: frozenset[str] = frozenset()

    @property
    def apart(self) -> frozenset[str]:
        """Splits whose classes are not those of the others."""
        return self.without_negatives if len(self.without_negatives) < len(Split) else frozenset()

    def classes(self, split: str, everywhere: set[str]) -> set[str]:
        """Classes that a split must hold, of those that the tree has."""
        return everywhere - {NEGATIVE_CLASS} if split in self.without_negatives else everywhere


LAYOUTS: dict[str, Rules] = {
    "multiclass": Rules(),
    "binary": Rules(only_classes=frozenset({NEGATIVE_CLASS, _POSITIVE})),
    "one-class": Rules(without_negatives=frozenset({Split.TRAIN})),
    "classes": Rules(without_negatives=frozenset(map(str, Split)), forbidden=frozenset({Split.UNSEEN})),
}
"""Layouts that are trees of folders, by the name that the settings give them."""


@dataclass(frozen=True, slots=True)
class Written:
    """A dataset as it lies there: its names, what its manifest says, what was seen of each file, and its layout."""

    inventory: Inventory
    rows: Sequence[Row]
    evidence: Mapping[str, Evidence]
    layout: str

    @property
    def rules(self) -> Rules:
        """Rules of its layout."""
        return LAYOUTS[self.layout]


def shape_promise(layout: str) -> str:
    """Say what `shape` looks at."""
    negatives = {
        "one-class": f"; train has no {NEGATIVE_CLASS}",
        "classes": f"; no {NEGATIVE_CLASS} and no holdout",
    }
    return f"the tree is split/class/file, the same classes in every split, none empty{negatives.get(layout, '')}"


def shape(one: Written) -> Iterator[str]:
    """Name what makes the tree another than split/class/file, with the classes of its layout in every split."""
    classes: dict[str, set[str]] = defaultdict(set)
    for file in one.inventory.tree.files:
        if match := _FILE.fullmatch(file):
            classes[match[1]].add(match[2])
        elif file not in RECORDS:
            yield f"{file}: does not belong here"
    yield from (f"{name}: missing" for name in RECORDS if name not in one.inventory.tree.files)
    yield from (f"{split}: missing" for split in ("train", "valid", "test") if split not in classes)
    everywhere = set().union(*classes.values())
    for split, present in sorted(classes.items()):
        expected = one.rules.classes(split, everywhere)
        yield from (f"{split}/{name}: missing or empty" for name in sorted(expected - present))
        yield from (f"{split}/{name}: has no place in layout {one.layout}" for name in sorted(present - expected))
        if split in one.rules.forbidden:
            yield f"{split}: has no place in layout {one.layout}"
    for name in sorted(everywhere - one.rules.only_classes) if one.rules.only_classes else ():
        yield f"{name}: is no class of layout {one.layout}"
    yield from (f"{name}: a link or an empty folder" for name in sorted({*one.inventory.links, *one.inventory.empty}))


def indices(one: Written, readings: Sequence[SplitReading], stated: object, lines: Sequence[str]) -> Iterator[str]:
    """Name where loaders differ, or class_indices.json (as `stated`) and the lines of classes.txt say another thing."""
    for reading in readings:
        yield from reading.problems
        if reading.split in one.rules.apart:
            continue
        if reading.indices != stated or list(reading.indices) != list(lines):
            yield f"{reading.split}: class_indices.json or classes.txt states other classes"
        if reading.split not in one.rules.without_negatives and reading.indices.get(NEGATIVE_CLASS) != 0:
            yield f"{reading.split}: {NEGATIVE_CLASS} is not the first class"


def manifest(one: Written) -> Iterator[str]:
    """Name files and rows that do not agree, byte for byte."""
    listed = Counter(row.file for row in one.rows)
    yield from (f"{file}: {count} rows in manifest.csv" for file, count in listed.items() if count > 1)
    pictures = {file for file in one.inventory.tree.files if file not in RECORDS}
    yield from (f"{file}: not in manifest.csv" for file in sorted(pictures - listed.keys()))
    yield from (f"{file}: missing" for file in sorted(listed.keys() - pictures))
    for row in one.rows:
        if row.file in pictures:
            if one.evidence[row.file].sha256 != row.file_sha256:
                yield f"{row.file}: its bytes are not those that were written"
            if not _is_in_place(row):
                yield f"{row.file}: its row states another place"
    yield from _mixed(one)


def _is_in_place(row: Row) -> bool:
    start = f"{row.split}/{row.class_name}/{row.category}_"
    return any(row.file.startswith(start + sha256[:12]) for sha256 in (row.sha256, row.parent) if sha256)


def _mixed(one: Written) -> Iterator[str]:
    """Name known categories that lie in several classes, and classes that hold several of them."""
    pairs = {
        (row.category, row.class_name)
        for row in one.rows
        if row.role == Role.KNOWN and row.class_name != NEGATIVE_CLASS
    }
    homes = Counter(category for category, _ in pairs)
    yield from (f"category {category}: in {count} classes" for category, count in sorted(homes.items()) if count > 1)
    if _POSITIVE not in one.rules.only_classes:
        held = Counter(name for _, name in pairs)
        yield from (f"class {name}: holds {count} categories" for name, count in sorted(held.items()) if count > 1)


def pictures(one: Written) -> Iterator[str]:
    """Name pictures that do not decode, or are not what every loader reads and the manifest states."""
    for row in one.rows:
        seen = one.evidence.get(row.file)
        if not seen:  # no picture lies there, and the manifest is told so
            continue
        if not seen.picture:
            yield f"{row.file}: does not decode ({seen.fault})"
            continue
        expected = _FORMATS.get(f".{row.file.rpartition('.')[2]}", "JPEG"), "RGB", 1, 0, (row.width, row.height)
        found = seen.picture
        is_ = found.format, found.mode, found.frames, found.exif, (found.width, found.height)
        if is_ != expected:
            yield f"{row.file}: is {is_}, not {expected}"


def unseen(one: Written) -> Iterator[str]:
    """Name pictures of the holdout that training knows, and the reverse; and labels that no role has."""
    trained = {row.category for row in one.rows if row.split != Split.UNSEEN}
    for row in one.rows:
        if row.role == Role.UNSEEN and row.split != Split.UNSEEN:
            yield f"{row.file}: an unseen picture outside the holdout"
        elif row.role == Role.UNKNOWN and row.split == Split.UNSEEN:
            yield f"{row.file}: a category of training in the holdout"
        elif row.role == Role.UNSEEN and row.category in trained:
            yield f"{row.file}: its category is in another split too"
        if (row.role == Role.KNOWN) == (row.class_name == NEGATIVE_CLASS):
            yield f"{row.file}: role {row.role} in class {row.class_name}"
    known = {
        split: {row.file_sha256 for row in one.rows if row.split == split and row.role == Role.KNOWN}
        for split in (Split.TEST, Split.UNSEEN)
    }
    if known[Split.UNSEEN] and known[Split.UNSEEN] != known[Split.TEST]:
        yield "unseen: its known pictures are not those of test"


def groups(one: Written) -> Iterator[str]:
    """Name groups that are divided between splits."""
    splits: dict[str, set[str]] = defaultdict(set)
    for row in one.rows:
        splits[row.group].add(Split.TEST if row.role == Role.KNOWN and row.split == Split.UNSEEN else row.split)
    yield from (f"group {group}: in {', '.join(sorted(of))}" for group, of in sorted(splits.items()) if len(of) > 1)


def children(one: Written) -> Iterator[str]:
    """Name augmented copies that lie elsewhere than in train, or are other than their parent in anything but pixels.

    A parent need not be in the tree: its copies stand for it.
    """
    parents = {row.sha256: row for row in one.rows if not row.parent}
    for row in one.rows:
        if not row.parent:
            if _AUGMENTED.search(row.file):
                yield f"{row.file}: named like an augmented copy, and has no parent"
            continue
        if row.split != Split.TRAIN:
            yield f"{row.file}: an augmented copy outside train"
        if parent := parents.get(row.parent):
            if parent.split != Split.TRAIN:
                yield f"{row.file}: its parent {parent.file} is not in train"
            other = [name for name, of in _INHERITED.items() if of(row) != of(parent)]
            if other:
                yield f"{row.file}: has another {', '.join(other)} than its parent {parent.file}"
        ground = parents.get(row.background)
        if row.background and (ground is None or (ground.split, ground.role) != (Split.TRAIN, Role.UNKNOWN)):
            yield f"{row.file}: pasted on what is no negative of train"


def has_children(rows: Sequence[Row]) -> bool:
    """Whether there are augmented copies, or what is named like one."""
    return any(row.parent or _AUGMENTED.search(row.file) for row in rows)
