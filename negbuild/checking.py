"""Checks a picture and reduces it to what is hashed; and passes what came of it from process to process."""

from typing import Any, NamedTuple

from negbuild.fingerprint import Grids, grids
from negbuild.looks import look
from negbuild.model import Image, PackedSketch, Skip
from negbuild.picture import Limits, inspect

Packed = tuple[type[Image | Skip], list[Any], Grids | None, PackedSketch | None]
"""Plain values: the records themselves would take five times as long from process to process."""


class Checked(NamedTuple):
    """What came of a picture: why it is not held; or its record, what it is hashed from, and its sketch if wanted."""

    outcome: Image | Skip
    grids: Grids | None = None
    sketch: PackedSketch | None = None


def check(data: bytes, limits: Limits, *, sketch: bool = False) -> Checked:
    """Check the bytes of one picture."""
    found = inspect(data, limits)
    if isinstance(found, Skip):
        return Checked(found)
    return Checked(found.image, grids(found.thumbnail), look(found.thumbnail).sketch.packed() if sketch else None)


def check_packed(data: bytes, limits: tuple[Any, ...], sketch: bool) -> Packed:
    """Check the bytes of one picture for another process; `limits` are the fields of `Limits`, in order."""
    outcome, reduced, sketched = check(data, Limits(*limits), sketch=sketch)
    fields = [getattr(outcome, name) for name in outcome.__slots__]
    return type(outcome), fields, reduced, sketched


def unpacked(packed: Packed) -> Checked:
    """Put together what another process found."""
    kind, fields, reduced, sketch = packed
    return Checked(kind(*fields), reduced, sketch)
