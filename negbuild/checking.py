"""Checks a picture and reduces it to what is hashed; and passes what came of it from process to process."""

from typing import Any, NamedTuple

import numpy as np

from negbuild.fingerprint import Grids, grids
from negbuild.model import Image, Skip
from negbuild.picture import Inspection, Limits, inspect

Packed = tuple[type[Image | Skip], list[Any], list[tuple[bytes, tuple[int, int]]]]
"""Plain values: the records themselves would take five times as long from process to process."""


class Checked(NamedTuple):
    """What came of a picture: its record and what it is hashed from, or why it is not held."""

    outcome: Image | Skip
    grids: Grids | None = None


def check(data: bytes, limits: Limits) -> Checked:
    """Check the bytes of one picture."""
    found = inspect(data, limits)
    return Checked(found.image, grids(found.thumbnail)) if isinstance(found, Inspection) else Checked(found)


def check_packed(data: bytes, limits: tuple[Any, ...]) -> Packed:
    """Check the bytes of one picture for another process; `limits` are the fields of `Limits`, in order."""
    outcome, reduced = check(data, Limits(*limits))
    fields = [getattr(outcome, name) for name in outcome.__slots__]
    return type(outcome), fields, [(grid.tobytes(), grid.shape) for grid in reduced or ()]


def unpacked(packed: Packed) -> Checked:
    """Put together what another process found."""
    kind, fields, parts = packed
    read = [np.frombuffer(levels, np.uint8).reshape(shape) for levels, shape in parts]
    return Checked(kind(*fields), Grids(*read) if read else None)
