"""What can be said of a dataset that negbuild did not write, from its files alone; and what cannot. Pure.

A folder of folders of pictures: either its folders are splits, by their names, or it is one split and they are classes.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from negbuild.evidence import Evidence, Picture
from negbuild.inventory import Inventory
from negbuild.loaders import natural_key
from negbuild.model import Split
from negbuild.shortcuts import Sample
from negbuild.split_folders import NAMES, named_split, places

_FORMATS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
    **dict.fromkeys((".jp2", ".j2k"), "JPEG2000"),
    **{f".{kind.lower()}": kind for kind in ("PNG", "GIF", "BMP", "WEBP", "AVIF")},
}
"""Format that each extension stands for."""

_LITTER = {"thumbs.db", "desktop.ini"}
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}

UNPROVABLE = (
    "whether a category of the holdout was seen in training: no file says which category a picture is of",
    "whether what belongs together (one video, one page, one person) lies in one split: no file says what does",
    "where pictures come from, and under which licence",
    "whether pictures show what their class says",
)
"""What no look at the files alone can prove."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A dataset of somebody else: its names, its splits ("" where it has none), and what was seen of its pictures."""

    inventory: Inventory
    splits: Sequence[str]
    evidence: Mapping[str, Evidence]


def splits_of(inventory: Inventory) -> list[str]:
    """Folders that are splits, in the order in which they are used; one without a name where the folder has none."""
    found = {name: split for name in inventory.tree.folders if "/" not in name and (split := named_split(name))}
    if len(set(found.values())) == 1:  # then "test tube" may well be a class
        found = {name: split for name, split in found.items() if name.lower() in NAMES}
    order = list(Split)
    named = sorted(found, key=lambda name: (order.index(found[name]), name))
    return named if {*found.values()} - {Split.UNSEEN} else [""]


def deeper_splits(inventory: Inventory) -> list[str]:
    """Say it where folders further down name splits, which no loader finds there."""
    where = {file: place.split for file, place in places(inventory.tree.files).items() if place.split}
    if len(set(where.values())) < 2:  # noqa: PLR2004  as of a class that is called "test tube"
        return []
    first = PurePosixPath(next(iter(where))).parent
    return [f"splits lie further down, as {first}: they are read as classes; verify the folder that holds them"]


def needed_in_training(splits: Sequence[str]) -> list[str]:
    """Name the splits that loaders look for before anybody asks for a test."""
    return [split for split in splits if named_split(split) in {Split.TRAIN, Split.VALID}]


def picture_files(inventory: Inventory, splits: Sequence[str]) -> list[str]:
    """Files within splits that pass for pictures by their names."""
    return [file for file in _within(inventory, splits) if PurePosixPath(file).suffix.lower() in _FORMATS]


def _within(inventory: Inventory, splits: Sequence[str]) -> list[str]:
    starts = tuple(f"{split}/" if split else "" for split in splits)
    return [file for file in inventory.tree.files if file.startswith(starts)]


def names(one: Foreign) -> Iterator[str]:
    """Name files and folders whose names are read differently, or that do not belong in a dataset."""
    for file in _within(one.inventory, one.splits):
        name = PurePosixPath(file).name
        if name.startswith(".") or name.lower() in _LITTER:
            yield f"{file}: is a hidden file or litter"
        elif file not in one.evidence:
            if "/" in file:
                yield f"{file}: is no picture"
        elif (seen := one.evidence[file].picture) and not _is_named_well(file, seen):
            yield f"{file}: is {seen.format} by its bytes"
    yield from (f"{link}: is a link" for link in one.inventory.links)
    yield from (f"{folder}: is empty" for folder in one.inventory.empty)
    for split in one.splits:
        yield from _class_names(split, _classes(one.inventory, split))


def _is_named_well(file: str, picture: Picture) -> bool:
    kind = "JPEG" if picture.format == "MPO" else picture.format  # several views in one JPEG
    return _FORMATS[PurePosixPath(file).suffix.lower()] == kind


def _classes(inventory: Inventory, split: str) -> list[str]:
    start = f"{split}/" if split else ""
    inner = (folder.removeprefix(start) for folder in inventory.tree.folders if folder.startswith(start))
    return sorted(name for name in inner if name and "/" not in name)


def _class_names(split: str, classes: Sequence[str]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name in classes:
        place = f"{split}/{name}" if split else name
        if other := seen.get(name.casefold()):
            yield f"{place}: is the same folder as {other} where case does not count"
        seen[name.casefold()] = name
        if not name.isascii():
            yield f"{place}: sorts differently where accents are written in another way"
        if name.casefold() in _RESERVED:
            yield f"{place}: cannot be a folder on Windows"
    if sorted(classes, key=natural_key) != list(classes):
        yield f"{split or 'classes'}: sort differently where case does not count, or numbers count by their value"


def decoding(one: Foreign) -> Iterator[str]:
    """Name pictures that do not decode."""
    yield from (f"{file}: does not decode ({seen.fault})" for file, seen in one.evidence.items() if not seen.picture)


def plainness(one: Foreign) -> Iterator[str]:
    """Name pictures that loaders show differently: other than RGB, turned by a note only, or moving."""
    for file, seen in one.evidence.items():
        if seen.picture and (faults := list(_oddities(seen.picture))):
            yield f"{file}: {', '.join(faults)}"


def _oddities(picture: Picture) -> Iterator[str]:
    if picture.mode != "RGB":
        yield f"is {picture.mode}, not RGB"
    if picture.orientation not in {0, 1}:
        yield "is turned by its EXIF orientation alone"
    if picture.frames > 1 and picture.format != "MPO":
        yield f"has {picture.frames} frames"


def disputes(one: Foreign) -> Iterator[str]:
    """Name files with the same bytes in different classes."""
    yield from (
        f"{' and '.join(same[:2])}: the same bytes in different classes"
        for same in _equals(one)
        if len({_class(one, file) for file in same}) > 1
    )


def repetitions(one: Foreign) -> int:
    """Count files that repeat another of their split and class, byte for byte."""
    return sum(len(same) - len({PurePosixPath(file).parent for file in same}) for same in _equals(one))


def _equals(one: Foreign) -> list[list[str]]:
    same: dict[str, list[str]] = defaultdict(list)
    for file, seen in one.evidence.items():
        if seen.picture:
            same[seen.sha256].append(file)
    return [files for files in same.values() if len(files) > 1]


def _class(one: Foreign, file: str) -> str:
    split = split_of(file, one.splits)
    return file.removeprefix(f"{split}/" if split else "").partition("/")[0]


def split_of(file: str, splits: Sequence[str]) -> str:
    """Split that a file lies in."""
    top = file.partition("/")[0]
    return top if top in splits else ""


def comparable(one: Foreign) -> dict[str, list[str]]:
    """Pictures by split; a holdout may show pictures of the test again, byte for byte."""
    named = {split: named_split(split) for split in one.splits}
    where = {file: split_of(file, one.splits) for file in one.evidence}
    tested = {seen.sha256 for file, seen in one.evidence.items() if named[where[file]] is Split.TEST}
    files: dict[str, list[str]] = {named[split] or "": [] for split in one.splits}
    for file, seen in one.evidence.items():
        split = named[where[file]]
        if seen.sketch and not (split is Split.UNSEEN and seen.sha256 in tested):
            files[split or ""].append(file)
    return files


def samples_of(one: Foreign) -> list[Sample]:
    """Measure the pictures of the split that is learned from, for shortcuts; equal files are one group."""
    first = one.splits[0]
    return [
        sample(_class(one, file), seen.sha256, seen.size, seen.picture)
        for file, seen in one.evidence.items()
        if seen.picture and split_of(file, one.splits) == first
    ]


def sample(label: str, group: str, size: int, picture: Picture) -> Sample:
    """Take from a picture what may be a shortcut."""
    return Sample(
        label,
        group,
        picture.format,
        picture.width,
        picture.height,
        size,
        picture.quality,
        picture.red,
        picture.green,
        picture.blue,
        picture.colour,
    )
