"""What each picture of a written split is to a classifier: class index, one-hot target, role and category."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from negbuild.errors import UsageError
from negbuild.manifest import Row, written_rows
from negbuild.model import NEGATIVE_CLASS, Split


class Target(StrEnum):
    """What a classifier is asked to give for a picture; the README says which loss wants which."""

    INDEX = "index"  # of the class; 0 is the negative class
    ONE_HOT = "one-hot"  # one output a class, the negative class first
    KNOWN = "known"  # one output a known class: a negative is all zeros

    @classmethod
    def _missing_(cls, value: object) -> "Target":
        raise UsageError(f"target {value}: unknown; there are {', '.join(cls)}")


@dataclass(frozen=True, slots=True)
class LabelledSplit:
    """The rows of one split in the order of the manifest, and the classes of the whole dataset, `0_na` first."""

    root: Path
    classes: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def known_classes(self) -> tuple[str, ...]:
        """The classes to recognise, in the order of their outputs."""
        return self.classes[1:]

    @property
    def indices(self) -> list[int]:
        """Class index of each row."""
        return [self.classes.index(row.class_name) for row in self.rows]

    @property
    def paths(self) -> list[Path]:
        """File of each row."""
        return [self.root / row.file for row in self.rows]

    def targets(self, target: Target) -> NDArray[np.int64] | NDArray[np.float32]:
        """Give the target of each row: (N,) int64 for `INDEX`, else (N, outputs) float32 of zeros and ones."""
        indices = np.array(self.indices, dtype=np.int64)
        if target is Target.INDEX:
            return indices
        one_hot = np.eye(len(self.classes), dtype=np.float32)[indices]
        return one_hot if target is Target.ONE_HOT else one_hot[:, 1:]


def read_split(root: Path, split: str) -> LabelledSplit:
    """Read one split of a dataset that negbuild wrote, from its manifest; no picture is opened.

    Raises UsageError where there is no such dataset or split, or the dataset has no negative class.
    """
    rows = written_rows(root)
    splits = [one for one in Split if any(row.split == one for row in rows)]
    if split not in splits:
        raise UsageError(f"{root}: has no split {split}; there are {', '.join(splits)}")
    classes = tuple(sorted({row.class_name for row in rows}))
    if NEGATIVE_CLASS not in classes:
        raise UsageError(f"{root}: has no class {NEGATIVE_CLASS}; any ImageFolder loader reads it")
    return LabelledSplit(root, classes, tuple(row for row in rows if row.split == split))
