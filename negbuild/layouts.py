"""Which class folder a picture goes to, in each layout of one and the same plan. Pure.

multiclass  each known category is a class, all negatives are one more
binary      all known pictures against all negatives
one-class   train holds known pictures only; the other splits hold both (anomaly detectors)
two-stage   two trees: `gate/` is binary, `classes/` holds the known categories alone
webdataset  multiclass, as tar files
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise

from negbuild.errors import UsageError
from negbuild.model import Role, Split

POSITIVE_CLASS = "positive"
"""The class of all known pictures, where they are only told from the negatives."""

GATE, CLASSES_TREE = "gate", "classes"
"""Folders of the two trees of two stages."""

_FEWEST_CLASSES = 2


class Layout(StrEnum):
    """How the plan becomes folders; `classes` is the second tree of `two-stage`, and cannot be asked for alone."""

    MULTICLASS = "multiclass"
    BINARY = "binary"
    ONE_CLASS = "one-class"
    TWO_STAGE = "two-stage"
    WEBDATASET = "webdataset"
    CLASSES = "classes"

    @property
    def trees(self) -> dict[str, "Layout"]:
        """Layout of each tree that is written, by its folder within the dataset; "" is the dataset itself."""
        return {GATE: Layout.BINARY, CLASSES_TREE: Layout.CLASSES} if self is Layout.TWO_STAGE else {"": self}


LAYOUTS = tuple(layout for layout in Layout if layout is not Layout.CLASSES)
"""Those that can be asked for."""


def require_classes(layout: Layout, known: Iterable[str]) -> None:
    """Raise UsageError where the second of two stages would have nothing to tell apart."""
    names = sorted(set(known))
    if layout is Layout.TWO_STAGE and len(names) < _FEWEST_CLASSES:
        raise UsageError(
            f"layout {layout}: the second stage has one class alone, {', '.join(names)}; "
            f"add another known category, or choose --layout {Layout.BINARY}"
        )


def holds(layout: Layout, split: Split, role: Role) -> bool:
    """Whether pictures of this role in this split have a place in the layout."""
    if layout is Layout.CLASSES:
        return role is Role.KNOWN and split is not Split.UNSEEN
    return role is Role.KNOWN or (layout, split) != (Layout.ONE_CLASS, Split.TRAIN)


def class_names(layout: Layout, known: Iterable[str]) -> dict[str, str]:
    """Class of each known category; negatives are NEGATIVE_CLASS in every layout that has them."""
    return dict.fromkeys(known, POSITIVE_CLASS) if layout is Layout.BINARY else class_folders(known)


def class_folders(known: Iterable[str]) -> dict[str, str]:
    """Folder of each known category; the negative class is beside them and sorts first.

    Loaders sort either by character or with numbers by value; where the two differ, digits get leading zeros.
    """
    names = sorted(set(known))
    if all(_by_value(one) < _by_value(next_) for one, next_ in pairwise(names)):  # ties are as bad as another order
        return {name: name for name in names}
    width = max(len(digits) for name in names for digits in re.findall(r"\d+", name))
    folders: dict[str, str] = {}
    for name in names:
        folder = re.sub(r"\d+", lambda run: run[0].zfill(width), name)
        while folder in folders.values():  # class2 and class02
            folder += "x"
        folders[name] = folder
    return folders


def _by_value(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def class_indices(names: Iterable[str]) -> dict[str, int]:
    """Index of each class, as every loader gives it: sorted, so that NEGATIVE_CLASS is 0 wherever it is."""
    return {name: index for index, name in enumerate(sorted({*names}))}
