"""The part of the catalog that knows what people decided: an append-only log of verdicts, keyed by SHA-256.

The last row of an image counts. Every row belongs to a step: what was decided at once, on however many images. Undo
appends a step that restores what stood before the last step that is not undone yet, redo one that restores what stood
before an undo; so the log itself is the history, and outlives whoever wrote it.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from negbuild.database import Database
from negbuild.model import Held, Role
from negbuild.ruling import Ruling, Verdict

_PAGE = 1000  # steps that are read at once, looking back

_BEFORE = (
    "SELECT these.sha256, coalesce(former.verdict, ''), coalesce(former.category, '') FROM verdicts AS these "
    "LEFT JOIN verdicts AS former ON former.id = ("
    "SELECT max(v.id) FROM verdicts AS v WHERE v.sha256 = these.sha256 AND v.id < these.id) "
    "WHERE these.step = ? ORDER BY these.id"
)


@dataclass(frozen=True, slots=True)
class Changes:
    """What the log says since some row of it: the last word on each image, and the number of the last row."""

    last: int
    rulings: dict[str, Ruling]


_NONE = Ruling(Verdict.UNDECIDED)


class Verdicts:
    """The rows about verdicts; every method is one transaction, and needs no other right to write."""

    _file: Database

    def rulings(self) -> dict[str, Ruling]:
        """Return what is decided by now, by SHA-256; of images that are not held, too."""
        every = self.verdicts_since(0).rulings
        return {sha256: ruling for sha256, ruling in every.items() if ruling.verdict}

    def verdicts_since(self, row: int) -> Changes:
        """Return what was decided since that row of the log, undecided again included."""
        last = self.last_verdict()
        rows = self._file.read(
            lambda sha256, verdict, category: (sha256, Ruling(Verdict(verdict), category)),
            "SELECT sha256, verdict, category FROM verdicts WHERE id > ? AND id <= ? ORDER BY id",
            *(row, last),
        )
        return Changes(last, dict(rows))

    def last_verdict(self) -> int:
        """Return the number of the last row of the log."""
        return self._file.value("SELECT coalesce(max(id), 0) FROM verdicts")

    def outside_changes(self) -> int:
        """Return a number that is another one whenever another process wrote to the catalog meanwhile."""
        return self._file.outside_changes()

    def decide(self, rulings: Mapping[str, Ruling]) -> None:
        """Write one step; images that have this very verdict already are no part of it."""
        with self._file.transaction():
            present = self._standing(rulings)
            news = {sha256: ruling for sha256, ruling in rulings.items() if present.get(sha256, _NONE) != ruling}
            self._append(news, "set")

    def undo_step(self) -> list[str]:
        """Take back the last step that is not taken back yet; return its images: none where there is none."""
        return self._restore("undo")

    def redo_step(self) -> list[str]:
        """Take back the last undo, if nothing was decided since; return its images."""
        return self._restore("redo")

    def reach(self) -> tuple[bool, bool]:
        """Whether there is anything to undo, and to redo."""
        return self._last_undoable() is not None, self._last_redoable() is not None

    def _standing(self, some: Collection[str]) -> dict[str, Ruling]:
        sql = "SELECT verdict, category FROM verdicts WHERE sha256 = ? ORDER BY id DESC LIMIT 1"
        found = {
            sha256: self._file.read(lambda verdict, category: Ruling(Verdict(verdict), category), sql, sha256)
            for sha256 in some
        }
        return {sha256: rows[0] for sha256, rows in found.items() if rows}

    def _restore(self, kind: str) -> list[str]:
        with self._file.transaction():
            step = self._last_undoable() if kind == "undo" else self._last_redoable()
            if step is None:
                return []
            rows = self._file.read(
                lambda sha256, verdict, category: (sha256, Ruling(Verdict(verdict), category)), _BEFORE, step
            )
            self._append(dict(rows), kind)
            return [sha256 for sha256, _ in rows]

    def _append(self, rulings: Mapping[str, Ruling], kind: str) -> None:
        step, now = self._file.value("SELECT coalesce(max(step), 0) + 1 FROM verdicts"), time.time()
        self._file.run(
            "INSERT INTO verdicts (sha256, verdict, category, at, step, kind) VALUES (?, ?, ?, ?, ?, ?)",
            ((sha256, ruling.verdict, ruling.category, now, step, kind) for sha256, ruling in rulings.items()),
        )

    def _last_undoable(self) -> int | None:
        """Find the last step that stands: each undo takes one away, a redo brings one back as a step of its own."""
        undone = 0
        for step, kind in self._steps_back():
            if kind == "undo":
                undone += 1
            elif undone:
                undone -= 1
            else:
                return step
        return None

    def _last_redoable(self) -> int | None:
        """Find the last undo that nothing was decided after, and that no redo took back."""
        redone = 0
        for step, kind in self._steps_back():
            if kind == "set":
                return None
            if kind == "redo":
                redone += 1
            elif redone:
                redone -= 1
            else:
                return step
        return None

    def _steps_back(self) -> Iterator[tuple[int, str]]:
        sql = "SELECT DISTINCT step, kind FROM verdicts WHERE step < ? ORDER BY step DESC LIMIT ?"
        below = self._file.value("SELECT coalesce(max(step), 0) + 1 FROM verdicts")
        while page := self._file.read(lambda step, kind: (step, kind), sql, below, _PAGE):
            yield from page
            below = page[-1][0]

    def _judged(self, held: Mapping[str, Held]) -> dict[str, Held]:
        """Give images their verdicts, and those that were moved the category they belong to."""
        rulings = self.rulings()
        return {sha256: _judged(one, rulings[sha256]) if sha256 in rulings else one for sha256, one in held.items()}


def _judged(held: Held, ruling: Ruling) -> Held:
    if ruling.verdict is Verdict.MOVE:
        return replace(held, verdict=ruling.verdict, category=ruling.category, role=Role.KNOWN)
    return replace(held, verdict=ruling.verdict)
