"""Which split and which class a file of a dataset lies in, told by the names of its folders. Pure functions."""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

from negbuild.model import Split

NAMES = {
    **dict.fromkeys(("train", "training", "trainval"), Split.TRAIN),
    **dict.fromkeys(("valid", "val", "validation", "dev"), Split.VALID),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), Split.TEST),
    **dict.fromkeys(("unseen", "holdout"), Split.UNSEEN),
}
"""What the folders of splits are called by the tools that write them."""

# With a year, a domain (trainA) or words after it: train2017, testset, test-dev; not what merely begins so, as trains.
_NAMED = re.compile(rf"(?i:({'|'.join(NAMES)})(?:set)?)(?:[\W\d_].*|[AB])?", re.DOTALL)
_FOLD = re.compile(r"(?i:(?:k[\W_]?)?folds?)[\W_]*\d+")


class Place(NamedTuple):
    """Where a file lies: its split, if a folder names one, its class, and the fold of a cross-validation above both."""

    split: Split | None
    label: str
    fold: str

    def leaks_to(self, other: "Place") -> bool:
        """Whether a picture must not lie in both; a holdout shows the known pictures of the test again."""
        splits = {self.split, other.split}
        return self.fold == other.fold and len(splits) > 1 and None not in splits and splits != _SHARED


_SHARED = {Split.TEST, Split.UNSEEN}


def places(files: Sequence[str]) -> dict[str, Place]:
    """Say where each file lies; of several folders that name a split the outermost counts.

    A folder that holds everything divides nothing, whatever its name is: `test_data/train` is a split for training.
    """
    found = {file: _place(file, 0) for file in files}
    if depth := _common_depth(files):
        below = {file: _place(file, depth) for file in files}
        if len({place.split for place in below.values()} - {None}) > 1:
            return below
    return found


def _common_depth(files: Sequence[str]) -> int:
    """Count the folders that all files lie in."""
    folders = [_folders(file) for file in files]
    first, last = min(folders, default=()), max(folders, default=())
    differing = (depth for depth, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return next(differing, min(len(first), len(last)))


def _place(file: str, depth: int) -> Place:
    folders = _folders(file)
    where = next((place for place in range(depth, len(folders)) if named_split(folders[place])), None)
    if where is None:
        return Place(None, folders[-1] if folders else "", "")
    # Where a split is no folder of classes, they are those above it, if any: images/train, and dog/train.
    classes = folders[:-1] if where == len(folders) - 1 else folders
    fold = next((name for name in folders[:where] if _FOLD.fullmatch(name)), "")
    return Place(named_split(folders[where]), classes[-1] if classes else "", fold)


def _folders(file: str) -> tuple[str, ...]:
    return PurePosixPath(file).parts[:-1]


@lru_cache(maxsize=2**12)  # most files share their folders
def named_split(folder: str) -> Split | None:
    """Say which split a folder is by its name, if it is one."""
    named = _NAMED.fullmatch(folder)
    return NAMES[named[1].lower()] if named else None
