"""The part of the catalog that knows which images look alike: fingerprints, sketches, pairs, the copies set aside."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple

from negbuild.database import Database
from negbuild.model import Drop, Fingerprint, PackedSketch, Pair

_PAGE = 512  # rows
_PAIR = "INTO pairs VALUES (?, ?, ?, ?, ?, ?, ?)"


class Likeness:
    """The rows about likeness; every method is one transaction."""

    def __init__(self, file: Database) -> None:
        """Keep them in this file."""
        self._file = file
        self.close = file.close

    def fingerprints(self, version: str) -> list[tuple[str, Fingerprint]]:
        """Fingerprints of one version, in the order the images came, which is the order they were written in."""
        return self._file.read(
            lambda sha256, codes, texture: (sha256, Fingerprint(codes, texture)),
            "SELECT sha256, codes, texture FROM fingerprints WHERE version = ? ORDER BY rowid",
            version,
        )

    def plain_count(self, version: str, texture: float) -> int:
        """How many fingerprints of one version have less texture than this."""
        return self._file.value("SELECT count(*) FROM fingerprints WHERE version = ? AND texture < ?", version, texture)

    def renew_fingerprints(self, batch: Iterable[tuple[str, Fingerprint]], pairs: Iterable[Pair], version: str) -> None:
        """Write all fingerprints and pairs anew; nothing is confirmed any more."""
        values = [(sha256, version, print_.codes, print_.texture) for sha256, print_ in batch]
        with self._file.transaction():
            for table in ("fingerprints", "pairs", "confirmed", "refused"):
                self._file.run(f"DELETE FROM {table}")  # noqa: S608  these names
            self._file.run("INSERT INTO fingerprints VALUES (?, ?, ?, ?)", values)
            self._write_pairs(pairs)

    def pairs(self) -> list[Pair]:
        """All pairs of images that look alike."""
        return self._file.read(
            lambda older, newer, distance, orientation, twins, reason, alignment: Pair(
                older, newer, distance, orientation, twins == 1, reason, alignment
            ),
            "SELECT older, newer, distance, orientation, twins, reason, alignment FROM pairs ORDER BY older, newer",
        )

    def sketches(self, version: str) -> Iterator[list[tuple[str, PackedSketch]]]:
        """Sketches of one version, as plain values, some at a time: all take 1 kB for each image. Some may lack one."""
        sql = "SELECT sha256, rough, aspect, textured FROM sketches WHERE version = ? AND rowid BETWEEN ? AND ?"
        last = self._file.value("SELECT coalesce(max(rowid), 0) FROM sketches")
        for first in range(1, last + 1, _PAGE):
            yield self._file.read(lambda sha256, *packed: (sha256, packed), sql, version, first, first + _PAGE - 1)

    def keep_sketches(self, batch: Mapping[str, PackedSketch], version: str) -> None:
        """Keep sketches, as plain values, in the place of those of another version."""
        with self._file.transaction():
            self._write_sketches(batch, version)

    def _write_sketches(self, batch: Mapping[str, PackedSketch], version: str) -> None:
        rows = ((sha256, version, *packed) for sha256, packed in batch.items())
        self._file.run("INSERT OR REPLACE INTO sketches VALUES (?, ?, ?, ?, ?)", rows)

    def confirmed(self, version: str) -> set[str]:
        """Images whose pairs with all that came before were looked at pixel by pixel, by that version of looking."""
        return set(self._file.read(str, "SELECT sha256 FROM confirmed WHERE version = ?", version))

    def confirm(
        self, batch: Iterable[str], pairs: Iterable[Pair], refused: Mapping[int, int], version: str, *, afresh: bool
    ) -> None:
        """Write what came of looking: images, their pairs, and how many others were refused at which distance.

        `afresh` forgets what another version found, its pairs too: far apart, nobody would look at them again.
        """
        with self._file.transaction():
            if afresh:
                self._file.run("DELETE FROM pairs WHERE reason <> ''")
                self._file.run("DELETE FROM confirmed")
                self._file.run("DELETE FROM refused")
            self._file.run("INSERT OR REPLACE INTO confirmed VALUES (?, ?)", ((sha256, version) for sha256 in batch))
            # REPLACE: what was told by fingerprints alone was looked at since.
            self._file.run(f"INSERT OR REPLACE {_PAIR}", map(astuple, pairs))
            self._file.run(
                "INSERT INTO refused VALUES (?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number",
                refused.items(),
            )

    def refused(self) -> Counter[int]:
        """How many pairs of other content there are, by distance in bits."""
        rows = self._file.read(lambda distance, number: (distance, number), "SELECT distance, number FROM refused")
        return Counter(dict(rows))

    def drops(self) -> list[Drop]:
        """Return the copies that are set aside."""
        return self._file.read(Drop, "SELECT sha256, keeper, distance FROM drops ORDER BY sha256")

    def replace_drops(self, drops: Iterable[Drop]) -> None:
        """Set these copies aside, and no others."""
        with self._file.transaction():
            self._file.run("DELETE FROM drops")
            self._file.run("INSERT INTO drops VALUES (?, ?, ?)", map(astuple, drops))

    def _write_pairs(self, pairs: Iterable[Pair]) -> None:
        self._file.run(f"INSERT {_PAIR}", map(astuple, pairs))
