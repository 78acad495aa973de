"""A SQLite file that stays whole: opened, migrated, read and written in transactions. The only `import sqlite3`.

Every transaction is all or nothing: a kill at any moment leaves the file before or after it, never between.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TypeVar

from negbuild.errors import CatalogError, StorageFull, WorkspaceBusy, typed

Row = TypeVar("Row")
Run = Callable[[str], object]
"""Executes one SQL statement."""

_TIGHT = 2**16  # bytes free: below it SQLite fails in many ways, for one reason
_PRIMARY = 0xFF  # what is above says in which way, as SQLITE_READONLY_DIRECTORY does
_NOT_OPEN = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
_PATIENCE = 10.0  # seconds that another process may take for its transaction


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file is: the number that marks it as negbuild's, and the ordered steps that make its tables.

    The number of steps taken is the file's `user_version`. `functions` are those of Python that the SQL may call.
    """

    application_id: int
    migrations: Sequence[Callable[[Run], None]]
    functions: Sequence[tuple[str, int, Callable[..., str]]] = ()


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


class Database:
    """One file; several threads may use it: what one reads waits for the transaction of another."""

    def __init__(self, path: Path, layout: Layout) -> None:
        """Open the file at `path`, made if it is not there, and bring its tables up to date.

        Raises CatalogError where it is damaged, not negbuild's, or written by a newer negbuild.
        """
        self._path = path
        self._turn = RLock()
        with _explained(path):
            self._connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
            try:
                self._migrate(layout)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _migrate(self, layout: Layout) -> None:
        version = self.value("PRAGMA user_version")
        tables = self.value("SELECT count(*) FROM sqlite_master")
        if tables and self.value("PRAGMA application_id") != layout.application_id:
            raise CatalogError(f"{self._path}: not a negbuild catalog; choose another folder")
        if version > len(layout.migrations):
            raise CatalogError(
                f"{self._path}: written by a newer negbuild (schema {version}, this one knows "
                f"{len(layout.migrations)}); upgrade negbuild"
            )
        for name, parameters, function in layout.functions:
            self._connection.create_function(name, parameters, function, deterministic=True)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")  # what is reported as held survives a power cut
        self._connection.execute("PRAGMA foreign_keys = ON")
        if version == len(layout.migrations):
            return
        with self.transaction():
            version = self.value("PRAGMA user_version")  # another process may have been quicker
            for migration in layout.migrations[version:]:
                migration(self._connection.execute)
            self._connection.execute(f"PRAGMA application_id = {layout.application_id}")
            self._connection.execute(f"PRAGMA user_version = {len(layout.migrations)}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside one transaction, which other processes wait for."""
        with self._turn, _explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk has rolled back by itself
                    self._connection.execute("ROLLBACK")
                raise

    def read(self, make: Callable[..., Row], sql: str, *values: object) -> list[Row]:
        """Read rows, each made into a value; one that cannot be is damage."""
        with self._turn, _explained(self._path):
            return [make(*row) for row in self._connection.execute(sql, values)]

    def value(self, sql: str, *values: object) -> int:
        """Read one number."""
        return self.read(int, sql, *values)[0]

    def outside_changes(self) -> int:
        """Return a number that is another one whenever another connection wrote to the file meanwhile."""
        return self.value("PRAGMA data_version")

    def run(self, sql: str, rows: Iterable[Sequence[object]] = ((),)) -> None:
        """Execute one statement for each row of values, inside a transaction."""
        self._connection.executemany(sql, rows)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says, and values that cannot be, into an error with a next step."""
    try:
        yield
    except (sqlite3.DatabaseError, ValueError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        code = None if code is None else code & _PRIMARY
        if code == sqlite3.SQLITE_BUSY:
            raise WorkspaceBusy(f"{path.parent}: another negbuild is working here; wait for it, or stop it") from error
        if code == sqlite3.SQLITE_FULL or (code is not None and shutil.disk_usage(path.parent).free < _TIGHT):
            raise StorageFull(f"{path}: no space left; make room and run the same command again") from error
        if code in _NOT_OPEN and not os.access(path.parent, os.W_OK):
            raise CatalogError(
                f"{path.parent}: is read-only, and even to look, negbuild writes there; "
                "copy it, and use --workspace COPY"
            ) from error
        if code in _NOT_OPEN and path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise CatalogError(f"{path}: may not be read and written by you; run: chmod u+rw {typed(path)}") from error
        raise CatalogError(
            f"{path}: cannot be used ({error}); put back a copy of it, or start in a new folder"
        ) from error
