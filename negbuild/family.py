"""Originals and their children: what a child is, who gets the next one, and where it may stand. Pure functions."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from negbuild.model import Image, Role, Split

if TYPE_CHECKING:  # the catalog, which every command opens, needs none of what writes and proves datasets
    from negbuild.imagefolder import Place
    from negbuild.manifest import Row
    from negbuild.proof import Certificate

_AS_LARGE = 0.98


@dataclass(frozen=True, slots=True)
class Child:
    """A picture made from one that is held, which it shares split, label, origin and licence with.

    `copy` is its number among the children of its parent, from 1; `seed` drew it after the `recipe` (JSON, with the
    attempt and the library's version). `background` is the image that it was pasted on, if any.
    """

    image: Image
    parent: str
    copy: int
    seed: int
    recipe: str
    background: str | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """How many pictures of one category a dataset has to train on: as they came, and made from these."""

    category: str
    originals: int
    children: int


@dataclass(frozen=True, slots=True)
class ChildCount:
    """The families with children, and the children left out of a dataset.

    Of `apart` the parent, or what they were pasted on, is no longer in train; `alike` came out like one of another
    split. `smaller` ones are in it, and smaller than their parents are written, which could give a class away.
    """

    families: list[Family] = field(default_factory=list)
    apart: int = 0
    alike: int = 0
    smaller: int = 0


def spread(copies: Mapping[str, int], wanted: int) -> list[tuple[str, int]]:
    """Name the next children as (parent, copy), always of the parent with the fewest copies; ties go by SHA-256."""
    queue = [(number, sha256) for sha256, number in copies.items()]
    heapq.heapify(queue)
    named = []
    for _ in range(wanted if queue else 0):
        number, sha256 = queue[0]
        named.append((sha256, number + 1))
        heapq.heapreplace(queue, (number + 1, sha256))
    return named


def choose_background(parent: str, copy: int, seed: int, backgrounds: Iterable[str]) -> str:
    """Draw one by the highest random weight (Thaler and Ravishankar 1998): new ones change only what falls to them."""

    def weight(sha256: str) -> bytes:
        return hashlib.sha256(f"{parent}:{copy}:{seed}:{sha256}".encode()).digest()

    return max(backgrounds, key=weight)


def with_children(laid: "Sequence[Place]", children: Iterable[Child]) -> "list[Place]":
    """Lay children beside their parents in train; others may stand nowhere.

    A child needs its parent in train, and what it was pasted on too, as a negative that training sees.
    """
    parents = {place.held.image.sha256: place for place in laid if place.split is Split.TRAIN}
    grounds = {sha256 for sha256, place in parents.items() if place.held.role is Role.UNKNOWN}
    return [
        *laid,
        *(
            replace(parents[child.parent], child=child)
            for child in children
            if child.parent in parents and (child.background is None or child.background in grounds)
        ),
    ]


def leaking(rows: "Iterable[Row]", certificate: "Certificate") -> "list[Row]":
    """Name the children that are as good as copies of a picture in another split: drawn by chance, not by descent."""
    files = {file for leak in certificate.leaks for file in (leak.one, leak.other)}
    return [row for row in rows if row.parent and row.file in files]


def count_children(rows: "Sequence[Row]", *, apart: int, alike: int) -> ChildCount:
    """Count originals and children by category."""
    train = [row for row in rows if row.split == Split.TRAIN]
    sides = {row.sha256: max(row.width, row.height) for row in train}
    originals, children = (
        Counter(row.category for row in train if bool(row.parent) is is_child) for is_child in (False, True)
    )
    return ChildCount(
        [Family(category, originals[category], number) for category, number in sorted(children.items())],
        apart,
        alike,
        sum(
            max(row.width, row.height) < _AS_LARGE * sides[row.parent]
            for row in train
            if row.parent and not row.background
        ),
    )
