"""The part of the catalog that knows where pictures go: the split plan, and that of the folds."""

from collections.abc import Collection, Iterable, Mapping

from negbuild.database import Database
from negbuild.model import Role, Split


class Placement:
    """The rows about splits; every method is one transaction."""

    _file: Database

    def assignments(self) -> dict[str, Split]:
        """Where the last plan put each image."""
        return dict(self._file.read(lambda sha, split: (sha, Split(split)), "SELECT sha256, split FROM assignments"))

    def unused(self) -> set[str]:
        """Negatives that the last plan had no use for."""
        return set(self._file.read(str, "SELECT sha256 FROM unused"))

    def save_plan(
        self,
        placed: Mapping[str, Split],
        unseen: Collection[str],
        seen: Collection[str] = (),
        unused: Iterable[str] = (),
    ) -> None:
        """Remember where each image goes (others keep their place), and which categories are held out from now on.

        Those in `seen` are unknown again; `unused` are the negatives that there is no use for.
        """
        roles = [(Role.UNSEEN, name) for name in unseen] + [(Role.UNKNOWN, name) for name in seen]
        with self._file.transaction():
            self._file.run("INSERT OR REPLACE INTO assignments VALUES (?, ?)", placed.items())
            self._file.run("UPDATE categories SET role = ? WHERE name = ?", roles)
            self._file.run("DELETE FROM unused")
            self._file.run("INSERT INTO unused VALUES (?)", ((sha256,) for sha256 in unused))

    def fold_places(self) -> dict[str, Split]:
        """Where each image goes in the folds in which its category is not the unseen one."""
        return dict(self._file.read(lambda sha, split: (sha, Split(split)), "SELECT sha256, split FROM fold_places"))

    def folds(self, number: int) -> dict[str, int]:
        """In which of so many folds each category is unseen."""
        return dict(
            self._file.read(
                lambda category, fold: (category, fold), "SELECT category, fold FROM folds WHERE number = ?", number
            )
        )

    def save_folds(self, placed: Mapping[str, Split], number: int, folds: Mapping[str, int]) -> None:
        """Remember where each image goes in folds, and in which of so many folds each category is unseen."""
        rows: Iterable[tuple[int, str, int]] = ((number, category, fold) for category, fold in folds.items())
        with self._file.transaction():
            self._file.run("INSERT OR REPLACE INTO fold_places VALUES (?, ?)", placed.items())
            self._file.run("DELETE FROM folds WHERE number = ?", [(number,)])
            self._file.run("INSERT INTO folds VALUES (?, ?, ?)", rows)
