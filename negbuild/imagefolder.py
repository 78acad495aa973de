"""The dataset tree: split/class/file for every loader, and the records beside it."""

import errno
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from negbuild.attribution import Credit, credits_of
from negbuild.cards import card
from negbuild.errors import NegbuildError
from negbuild.layouts import Layout, class_indices, class_names, holds
from negbuild.manifest import (
    ATTRIBUTION,
    CLASS_INDICES,
    CLASS_WEIGHTS,
    CLASSES,
    LOCK,
    MANIFEST,
    README,
    Row,
    csv_text,
    write_json,
    write_text,
)
from negbuild.model import NEGATIVE_CLASS, Held, Image, Role, Split
from negbuild.normalised import NormalisedPicture
from negbuild.weights import ClassWeight, class_weights, weights_record

if TYPE_CHECKING:
    from negbuild.family import Child

# Another file system, one without links or that forbids them, too many links to one file.
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}

_TOGETHER = 64  # files that one thread writes before it takes others


@dataclass(frozen=True, slots=True)
class Place:
    """Where one image goes in the tree; or a child of it, which shares all but its pixels with it."""

    split: Split
    held: Held
    group: str
    child: "Child | None" = None

    @property
    def image(self) -> Image:
        """The bytes that go there."""
        return self.child.image if self.child else self.held.image

    @property
    def stem(self) -> str:
        """Name of the file, without its extension."""
        copy = f"_aug{self.child.copy:03}" if self.child else ""
        return f"{self.held.category}_{self.held.image.sha256[:12]}{copy}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture of a layout: its place and class, its key (the name without extension), and how it is written."""

    place: Place
    class_name: str
    key: str
    picture: NormalisedPicture


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


def entries(laid: Sequence[Place], pictures: Mapping[str, NormalisedPicture], layout: Layout) -> list[Entry]:
    """Give all places that the layout has their classes and keys, sorted; pictures are found by SHA-256.

    Raises NegbuildError where two pictures of a split would have one key.
    """
    classes = class_names(layout, {place.held.category for place in laid if place.held.role is Role.KNOWN})
    found: dict[tuple[str, str, str], Entry] = {}
    for place in laid:
        held = place.held
        if not holds(layout, place.split, held.role):
            continue
        name = NEGATIVE_CLASS if held.role.negative else classes[held.category]
        entry = Entry(place, name, place.stem, pictures[place.image.sha256])
        if found.setdefault((place.split, name, entry.key), entry) is not entry:
            raise NegbuildError(f"{tree_file(entry)}: two pictures share the first 48 bits of their SHA-256")
    return [entry for _, entry in sorted(found.items())]


def tree_file(entry: Entry) -> str:
    """Name of a picture in the tree; its extension agrees with its bytes."""
    return f"{entry.place.split}/{entry.class_name}/{entry.key}{entry.picture.path.suffix}"


def write_tree(root: Path, written: Sequence[Entry], *, copies: bool = False) -> list[Row]:
    """Write all pictures below `root`; return their manifest rows, sorted by file.

    Files are hard links to the normalised pictures, and copies of them where the file system has no links, or where
    `copies` are asked for.
    """
    for folder in {f"{entry.place.split}/{entry.class_name}" for entry in written}:
        (root / folder).mkdir(parents=True, exist_ok=True)

    def write(part: Sequence[Entry]) -> list[Row]:
        rows = [row_of(entry, tree_file(entry)) for entry in part]
        for entry, row in zip(part, rows, strict=True):
            _put(entry.picture.path, f"{root}/{row.file}", copies=copies)
        return rows

    parts = [written[start : start + _TOGETHER] for start in range(0, len(written), _TOGETHER)]
    with ThreadPoolExecutor() as threads:
        return sorted((row for rows in threads.map(write, parts) for row in rows), key=lambda row: row.file)


def _put(picture: Path, file: str, *, copies: bool) -> None:
    if not copies:
        try:
            os.link(picture, file)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        else:
            return
    shutil.copyfile(picture, file)  # without its mode: what shares no bytes may be written to


def row_of(entry: Entry, file: str) -> Row:
    """Say all that is known of a picture that was written to `file`."""
    place, picture = entry.place, entry.picture
    held, origin, child = place.held, place.held.origin, place.child
    return Row(
        file=file,
        split=place.split,
        class_name=entry.class_name,
        category=held.category,
        role=held.role,
        sha256=place.image.sha256,
        file_sha256=picture.sha256,
        group=place.group[:12],
        parent=child.parent if child else "",
        background=(child.background or "") if child else "",
        width=picture.width,
        height=picture.height,
        source=origin.source,
        source_id="" if origin.url.startswith("file:") else origin.source_id,  # paths of a machine stay on it
        query=held.query,
        seed=str(child.seed) if child else "",
        page=origin.page,
        title=origin.title,
        author=origin.author,
        author_url=origin.author_url,
        license=origin.license,
        license_url=origin.license_url,
    )


def weights_of(rows: Iterable[Row]) -> list[ClassWeight]:
    """Weigh the classes by their files in training."""
    return class_weights(Counter(row.class_name for row in rows if row.split == Split.TRAIN))


def write_records(root: Path, rows: Sequence[Row], settings: Mapping[str, object]) -> None:
    """Write manifest, class lists, attribution, dataset card and settings beside the splits."""
    indices = class_indices(row.class_name for row in rows)
    write_text(root / MANIFEST, csv_text(Row, rows))
    write_text(root / CLASSES, "".join(f"{name}\n" for name in indices))
    write_json(root / CLASS_INDICES, indices)
    write_json(root / CLASS_WEIGHTS, weights_record(weights_of(rows)))
    write_json(root / LOCK, settings)
    write_text(root / ATTRIBUTION, csv_text(Credit, credits_of(rows)))
    write_text(root / README, card(rows, Layout(str(settings.get("layout", Layout.MULTICLASS)))))
