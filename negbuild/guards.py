"""The part of the catalog that knows which pictures of other places are kept out, and what is held of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from negbuild.database import Database
from negbuild.model import Fingerprint, PackedSketch


@dataclass(frozen=True, slots=True)
class Guard:
    """A picture that is kept out: where it lies, and what it is known by.

    `number` orders guards as they came; 0 until it is in the catalog. `pixels` is what `pixels.pixels` gives of one
    that is too plain for fingerprints; an older negbuild did not keep it.
    """

    place: str
    name: str
    sha256: str
    fingerprint: Fingerprint
    number: int = 0
    pixels: str = ""


@dataclass(frozen=True, slots=True)
class Guarded:
    """An image that is a copy of a guard: `distance` in bits of 192, and what told it ('': only fingerprints did)."""

    sha256: str
    guard: int
    distance: int
    reason: str = ""


class Guards:
    """The rows about what is kept out; every method is one transaction."""

    _file: Database

    def guards(self, version: str) -> list[Guard]:
        """All guards whose fingerprints are of this version, in the order they came."""
        return self._file.read(
            lambda number, place, name, sha256, codes, texture, pixels: Guard(
                place, name, sha256, Fingerprint(codes, texture), number, pixels
            ),
            "SELECT id, place, name, sha256, codes, texture, pixels FROM guards WHERE version = ? ORDER BY id",
            version,
        )

    def guard_places(self) -> dict[str, int]:
        """Each place that is kept out, and how many different pictures it holds."""
        sql = "SELECT place, count(*) FROM guards GROUP BY place ORDER BY min(id)"
        return dict(self._file.read(lambda place, number: (place, number), sql))

    def guard_thumbnail(self, number: int) -> bytes:
        """Grey thumbnail of a guard, PNG."""
        return self._file.read(bytes, "SELECT thumbnail FROM guards WHERE id = ?", number)[0]

    def outdated_guards(self, version: str) -> list[int]:
        """Guards whose fingerprints are of another version."""
        return self._file.read(int, "SELECT id FROM guards WHERE version <> ? ORDER BY id", version)

    def add_guards(self, batch: Iterable[tuple[Guard, bytes]], version: str) -> None:
        """Keep pictures out, each with its thumbnail; those that are kept out already stay as they are.

        One whose pixels are known only now is a new one, so that every image is looked at beside it.
        """
        rows = [
            (one.place, one.name, one.sha256, version, print_.codes, print_.texture, thumbnail, one.pixels)
            for one, thumbnail in batch
            if (print_ := one.fingerprint)
        ]
        late = [(sha256, place) for place, _, sha256, *_, pixels in rows if pixels]
        with self._file.transaction():
            self._file.run("DELETE FROM guards WHERE sha256 = ? AND place = ? AND pixels = ''", late)
            self._file.run(
                "INSERT OR IGNORE INTO guards (place, name, sha256, version, codes, texture, thumbnail, pixels) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def renew_guards(self, batch: Iterable[tuple[int, Fingerprint]], version: str) -> None:
        """Write fingerprints of guards anew."""
        rows = ((version, print_.codes, print_.texture, number) for number, print_ in batch)
        with self._file.transaction():
            self._file.run("UPDATE guards SET version = ?, codes = ?, texture = ? WHERE id = ?", rows)

    def guard_sketches(self, version: str) -> dict[int, PackedSketch]:
        """Sketches of guards of one version, as plain values; not of every guard."""
        sql = "SELECT guard, rough, aspect, textured FROM guard_sketches WHERE version = ?"
        return {number: tuple(packed) for number, *packed in self._file.read(lambda *row: row, sql, version)}

    def keep_guard_sketches(self, batch: Iterable[tuple[Guard, PackedSketch]], version: str) -> None:
        """Keep sketches of guards, as plain values, in the place of those of another version."""
        rows = ((version, *packed, guard.sha256, guard.place) for guard, packed in batch)
        with self._file.transaction():
            self._file.run(
                "INSERT OR REPLACE INTO guard_sketches "
                "SELECT id, ?, ?, ?, ? FROM guards WHERE sha256 = ? AND place = ?",
                rows,
            )

    def forget_guards(self, place: str) -> None:
        """Let the pictures of a place in again."""
        with self._file.transaction():
            self._file.run("DELETE FROM guards WHERE place = ?", [(place,)])

    def guard_checks(self, version: str) -> dict[str, int]:
        """Return the number of the last guard that each image was looked at with, by that version of looking."""
        sql = "SELECT sha256, guard FROM guard_checks WHERE version = ?"
        return dict(self._file.read(lambda sha256, number: (sha256, number), sql, version))

    def check_guards(
        self, batch: Iterable[str], guarded: Iterable[Guarded], numbers: tuple[int, int], version: str
    ) -> None:
        """Write what came of looking at images beside the guards from above the first of `numbers` to the second."""
        above, last = numbers
        images = list(batch)
        with self._file.transaction():
            self._file.run("DELETE FROM guarded WHERE sha256 = ? AND guard > ?", ((one, above) for one in images))
            self._file.run("INSERT OR REPLACE INTO guard_checks VALUES (?, ?, ?)", ((i, last, version) for i in images))
            self._write_guarded(guarded)

    def guarded(self) -> list[Guarded]:
        """Images that are copies of a guard, the nearest of their guards, in the order of their SHA-256."""
        rows = self._file.read(
            Guarded, "SELECT sha256, guard, distance, reason FROM guarded ORDER BY sha256, distance DESC, guard DESC"
        )
        return list({one.sha256: one for one in rows}.values())

    def guarded_counts(self) -> Counter[str]:
        """How many images are copies of a picture of each place."""
        sql = "SELECT place, count(DISTINCT guarded.sha256) FROM guarded JOIN guards ON guard = id GROUP BY place"
        return Counter(dict(self._file.read(lambda place, number: (place, number), sql)))

    def _write_guarded(self, guarded: Iterable[Guarded]) -> None:
        rows = ((one.sha256, one.guard, one.distance, one.reason) for one in guarded)
        self._file.run("INSERT OR REPLACE INTO guarded VALUES (?, ?, ?, ?)", rows)
