"""The catalog: what a workspace knows, in one SQLite file. The only module that speaks SQL.

Every method is one transaction: a kill at any moment leaves the catalog before or after it, never between.
"""

import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import TypeVar

from negbuild.errors import CatalogError, StorageFull, UsageError, WorkspaceBusy
from negbuild.model import (
    Candidate,
    Count,
    Drop,
    Earlier,
    Fingerprint,
    Held,
    Image,
    Pair,
    Role,
    Settled,
    SkipReason,
    Split,
)
from negbuild.schema import MIGRATIONS

Row = TypeVar("Row")

_TIGHT = 2**16  # bytes free: below it SQLite fails in many ways, for one reason
_APPLICATION_ID = 0x6E656762  # "negb"
_PRECEDENCE = (Role.KNOWN, Role.UNSEEN, Role.UNKNOWN)
_ORIGIN = tuple(field.name for field in fields(Candidate))


@contextmanager
def writer_lock(path: Path) -> Iterator[None]:
    """Hold the right to write to a workspace; it ends with the process, however that ends.

    Raises WorkspaceBusy at once where another process has it.
    """
    with _explained(path):
        lock = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        with _explained(path):
            lock.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        lock.close()


class Catalog:
    """The rows of a workspace; open it with `Workspace.reading` or `Workspace.writing`."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`, made if it is not there, and bring its schema up to date.

        Raises CatalogError where it is damaged, not negbuild's, or written by a newer negbuild.
        """
        self._path = path
        with _explained(path):
            self._connection = sqlite3.connect(path, timeout=10, isolation_level=None)
            try:
                self._migrate()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _migrate(self) -> None:
        version = self._value("PRAGMA user_version")
        tables = self._value("SELECT count(*) FROM sqlite_master")
        if tables and self._value("PRAGMA application_id") != _APPLICATION_ID:
            raise CatalogError(f"{self._path}: not a negbuild catalog; choose another folder")
        if version > len(MIGRATIONS):
            raise CatalogError(
                f"{self._path}: written by a newer negbuild (schema {version}, this one knows {len(MIGRATIONS)}); "
                "upgrade negbuild"
            )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")  # what is reported as held survives a power cut
        self._connection.execute("PRAGMA foreign_keys = ON")
        if version == len(MIGRATIONS):
            return
        with self._transaction():
            version = self._value("PRAGMA user_version")  # another process may have been quicker
            for migration in MIGRATIONS[version:]:
                migration(self._connection.execute)
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk has rolled back by itself
                    self._connection.execute("ROLLBACK")
                raise

    def _read(self, make: Callable[..., Row], sql: str, *values: object) -> list[Row]:
        """Read rows, each made into a value; one that cannot be is damage."""
        with _explained(self._path):
            return [make(*row) for row in self._connection.execute(sql, values)]

    def _value(self, sql: str, *values: object) -> int:
        return self._read(int, sql, *values)[0]

    def categories(self) -> dict[str, Role]:
        """All categories and their roles, by name."""
        sql = "SELECT name, role FROM categories ORDER BY name"
        return dict(self._read(lambda name, role: (name, Role(role)), sql))

    def declare(self, category: str, role: Role) -> None:
        """Add a category, if it is not there yet; raises UsageError where it has another role."""
        present = self.categories().get(category)
        if present is None:
            with self._transaction():
                self._connection.execute("INSERT INTO categories VALUES (?, ?)", (category, role))
        elif present is not role:
            raise UsageError(
                f"category {category}: is {present} in this workspace and cannot be {role} too; "
                "choose another --category"
            )

    def earlier(self, candidate: Candidate) -> Earlier | None:
        """Find what came of this candidate before, for its own category if it was tried for that, else for another."""
        found = self._read(
            lambda here, reason, limit, sha256: Earlier(here == 1, reason and SkipReason(reason), limit, sha256),
            'SELECT category = ?, reason, "limit", sha256 FROM candidates WHERE source = ? AND source_id = ? '
            "ORDER BY category = ? DESC, sha256 IS NULL LIMIT 1",
            *(candidate.category, candidate.source, candidate.source_id, candidate.category),
        )
        return found[0] if found else None

    def find(self, sha256: str) -> Image | None:
        """Image with these bytes, if it is held."""
        found = self._read(Image, "SELECT sha256, format, width, height, size FROM images WHERE sha256 = ?", sha256)
        return found[0] if found else None

    def settle(self, batch: Iterable[Settled], pairs: Iterable[Pair], version: str) -> None:
        """Write tried candidates, the new images among them with their fingerprints, and the new pairs."""
        with self._transaction():
            for settled in batch:
                self._settle_one(settled, version)
            self._connection.executemany("INSERT INTO pairs VALUES (?, ?, ?, ?, ?)", map(astuple, pairs))

    def _settle_one(self, settled: Settled, version: str) -> None:
        outcome, sha256 = settled.outcome, settled.sha256
        if isinstance(outcome, Image):
            sha256, why = outcome.sha256, (None, "", None)
            self._connection.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?)", astuple(outcome))
        else:
            why = astuple(outcome)
        if settled.fingerprint:
            values = (sha256, version, settled.fingerprint.codes, settled.fingerprint.texture)
            self._connection.execute("INSERT INTO fingerprints VALUES (?, ?, ?, ?)", values)
        names = [*_ORIGIN, "query", "sha256", "reason", "detail", '"limit"']
        self._connection.execute(  # REPLACE: a candidate that failed for now was tried again
            f"INSERT OR REPLACE INTO candidates ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608  names of fields
            (*astuple(settled.candidate), settled.query, sha256, *why),
        )

    def unique_count(self, source: str, query: str, category: str | None) -> int:
        """Images that one crawl brought (for one category, or all) and that are no twins of an earlier image."""
        return self._value(
            "SELECT count(*) FROM candidates WHERE source = ? AND query = ? AND category = coalesce(?, category) "
            "AND reason IS NULL AND sha256 NOT IN (SELECT newer FROM pairs WHERE twins)",
            *(source, query, category),
        )

    def skip_reasons(self, source: str, query: str, category: str | None) -> dict[SkipReason, int]:
        """Skips of one crawl (for one category, or all) by reason, the most frequent first."""
        sql = (
            "SELECT reason, count(*) FROM candidates WHERE source = ? AND query = ? AND reason IS NOT NULL "
            "AND category = coalesce(?, category) GROUP BY reason ORDER BY count(*) DESC, reason"
        )
        return dict(self._read(lambda reason, number: (SkipReason(reason), number), sql, source, query, category))

    def counts(self) -> list[Count]:
        """All candidates, by category, source and outcome."""
        return self._read(
            lambda name, role, source, reason, number: Count(
                name, Role(role), source, reason and SkipReason(reason), number
            ),
            "SELECT name, role, source, reason, count(*) FROM categories JOIN candidates ON category = name "
            "GROUP BY name, source, reason ORDER BY role, name, source, reason",
        )

    def images(self, unseen: Collection[str] = ()) -> dict[str, Held]:
        """All images by SHA-256, in the order they came, as if the categories `unseen` had that role already.

        One that several categories brought counts for the strictest: known before unseen before unknown.
        """
        rows = self._read(
            lambda sha256, kind, width, height, size, category, role, query, *origin: Held(
                Image(sha256, kind, width, height, size),
                category,
                Role.UNSEEN if category in unseen else Role(role),
                Candidate(*origin),
                query,
            ),
            f"SELECT i.sha256, i.format, i.width, i.height, i.size, c.category, role, query, "  # noqa: S608  names of fields
            f"{', '.join('c.' + name for name in _ORIGIN)} FROM images i "
            "JOIN candidates c USING (sha256) JOIN categories ON c.category = name ORDER BY i.rowid, c.id",
        )
        held: dict[str, Held] = {}
        for one in rows:
            before = held.setdefault(one.image.sha256, one)
            if _PRECEDENCE.index(one.role) < _PRECEDENCE.index(before.role):
                held[one.image.sha256] = one
        return held

    def disputed(self) -> set[str]:
        """Images that were brought for more than one known category."""
        sql = (
            "SELECT sha256 FROM candidates JOIN categories ON category = name "
            "WHERE role = 'known' AND sha256 IS NOT NULL GROUP BY sha256 HAVING count(DISTINCT name) > 1"
        )
        return set(self._read(str, sql))

    def origins(self) -> list[tuple[str, str]]:
        """Each image with each place it came from: the page, or the address where there is no page."""
        return self._read(
            lambda sha256, place: (sha256, place),
            "SELECT DISTINCT sha256, CASE page WHEN '' THEN url ELSE page END AS place "
            "FROM candidates WHERE sha256 IS NOT NULL ORDER BY sha256, place",
        )

    def fingerprints(self, version: str) -> list[tuple[str, Fingerprint]]:
        """Fingerprints of one version, in the order the images came."""
        return self._read(
            lambda sha256, codes, texture: (sha256, Fingerprint(codes, texture)),
            "SELECT sha256, codes, texture FROM images JOIN fingerprints USING (sha256) WHERE version = ? "
            "ORDER BY images.rowid",
            version,
        )

    def renew_fingerprints(self, batch: Iterable[tuple[str, Fingerprint]], pairs: Iterable[Pair], version: str) -> None:
        """Write all fingerprints and pairs anew."""
        values = [(sha256, version, print_.codes, print_.texture) for sha256, print_ in batch]
        with self._transaction():
            self._connection.execute("DELETE FROM fingerprints")
            self._connection.execute("DELETE FROM pairs")
            self._connection.executemany("INSERT INTO fingerprints VALUES (?, ?, ?, ?)", values)
            self._connection.executemany("INSERT INTO pairs VALUES (?, ?, ?, ?, ?)", map(astuple, pairs))

    def pairs(self) -> list[Pair]:
        """All pairs of images that look alike."""
        return self._read(
            lambda older, newer, distance, orientation, twins: Pair(older, newer, distance, orientation, twins == 1),
            "SELECT older, newer, distance, orientation, twins FROM pairs ORDER BY older, newer",
        )

    def drops(self) -> list[Drop]:
        """Return the copies that are set aside."""
        return self._read(Drop, "SELECT sha256, keeper, distance FROM drops ORDER BY sha256")

    def replace_drops(self, drops: Iterable[Drop]) -> None:
        """Set these copies aside, and no others."""
        with self._transaction():
            self._connection.execute("DELETE FROM drops")
            self._connection.executemany("INSERT INTO drops VALUES (?, ?, ?)", map(astuple, drops))

    def assignments(self) -> dict[str, Split]:
        """Where the last plan put each image."""
        return dict(self._read(lambda sha, split: (sha, Split(split)), "SELECT sha256, split FROM assignments"))

    def save_plan(self, placed: Mapping[str, Split], unseen: Collection[str]) -> None:
        """Remember where each image goes (others keep their place), and which categories are held out from now on."""
        with self._transaction():
            self._connection.executemany("INSERT OR REPLACE INTO assignments VALUES (?, ?)", placed.items())
            self._connection.executemany(
                "UPDATE categories SET role = 'unseen' WHERE name = ?", [(name,) for name in unseen]
            )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says, and values that cannot be, into an error with a next step."""
    try:
        yield
    except (sqlite3.DatabaseError, ValueError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_BUSY:
            raise WorkspaceBusy(f"{path.parent}: another negbuild is working here; wait for it, or stop it") from error
        if code == sqlite3.SQLITE_FULL or (code is not None and shutil.disk_usage(path.parent).free < _TIGHT):
            raise StorageFull(f"{path}: no space left; make room and run the same command again") from error
        raise CatalogError(
            f"{path}: cannot be used ({error}); put back a copy of it, or start in a new folder"
        ) from error
