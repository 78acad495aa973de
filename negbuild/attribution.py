"""Whose pictures a dataset holds, and what was done to them. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

from negbuild.manifest import Row


@dataclass(frozen=True, slots=True)
class Credit:
    """One line of ATTRIBUTION.csv: title, author, source, licence, and whether it was changed (CC BY 4.0, 3.a)."""

    file: str
    title: str
    author: str
    page: str
    license: str
    license_url: str
    changes: str


def credits_of(rows: Sequence[Row]) -> list[Credit]:
    """Credit every file of a manifest."""
    grounds = {row.sha256: row for row in rows}

    def credit(row: Row) -> Credit:
        changes = _changes(row, grounds.get(row.background))
        return Credit(row.file, row.title, row.author, row.page, row.license, row.license_url, changes)

    return [credit(row) for row in rows]


def _changes(row: Row, ground: Row | None) -> str:
    """Say what was done to a picture; one that was pasted names whose picture it lies on."""
    changes = ["augmented"] if row.parent else []
    if ground:
        whose = ", ".join(filter(None, (ground.title, ground.author, ground.page, ground.license)))
        changes.insert(0, f"pasted on {ground.file} ({whose})")
    if row.sha256 != row.file_sha256:
        changes.append("resized, re-encoded")
    return ", ".join(changes) or "none"
