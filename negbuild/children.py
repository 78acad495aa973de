"""The part of the catalog that knows the children of images: what `augment` made."""

from collections.abc import Iterable

from negbuild.database import Database
from negbuild.family import Child
from negbuild.model import Image

_COLUMNS = "parent, copy, seed, recipe, background, sha256, format, width, height, size"


class Children:
    """The rows about children; every method is one transaction."""

    _file: Database

    def children(self) -> list[Child]:
        """All children, those of one parent together and in order."""
        return self._file.read(
            lambda parent, copy, seed, recipe, background, *image: Child(
                Image(*image), parent, copy, seed, recipe, background
            ),
            f"SELECT {_COLUMNS} FROM children ORDER BY parent, copy",  # noqa: S608  names of columns
        )

    def add_children(self, batch: Iterable[Child]) -> None:
        """Write children whose bytes the store has received."""
        rows = [
            (
                *(one.parent, one.copy, one.seed, one.recipe, one.background),
                *(one.image.sha256, one.image.format, one.image.width, one.image.height, one.image.size),
            )
            for one in batch
        ]
        with self._file.transaction():
            self._file.run(f"INSERT INTO children ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608

    def remove_children(self, batch: Iterable[Child]) -> None:
        """Strike children; anybody can make them again."""
        with self._file.transaction():
            self._file.run("DELETE FROM children WHERE sha256 = ?", [(one.image.sha256,) for one in batch])

    def stored(self, sha256: str) -> Image | None:
        """Image or child with these bytes, if there is one: whatever may lie in the store."""
        found = self._file.read(
            Image,
            "SELECT sha256, format, width, height, size FROM images WHERE sha256 = ? "
            "UNION ALL SELECT sha256, format, width, height, size FROM children WHERE sha256 = ?",
            *(sha256, sha256),
        )
        return found[0] if found else None
