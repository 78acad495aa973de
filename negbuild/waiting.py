"""The part of the catalog that knows which candidates wait to be tried: for the first time, or again."""

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from functools import partial
from operator import attrgetter

from negbuild.addresses import host_of
from negbuild.database import Database
from negbuild.model import Candidate, SkipReason

PENDING_PAGE = 256
"""Rows of candidates not tried yet that are read at once."""

Crawled = tuple[str, str, str]
"""How a candidate was crawled: its source, query and category."""

ORIGIN = tuple(field.name for field in fields(Candidate))
"""Columns that say where a candidate comes from, in the order of its fields."""
origin_of = attrgetter(*ORIGIN)
_COLUMNS = ", ".join(ORIGIN)
DONE = "DELETE FROM pending WHERE source = ? AND source_id = ? AND category = ?"
"""Strikes a candidate that needs not be tried any more."""
_TRIED_BEFORE = "AND (source, source_id, category) IN (SELECT source, source_id, category FROM candidates)"
_FAILED_FOR_NOW = json.dumps([reason for reason in SkipReason if reason.transient])


class Waiting:
    """The rows about them; every method is one transaction."""

    _file: Database

    def expect(self, batch: Sequence[Candidate], query: str) -> None:
        """Write candidates that were named and will be tried; those that another query left are this one's now."""
        rows = ((*origin_of(candidate), query, host_of(candidate.url)) for candidate in batch)
        with self._file.transaction():
            others = ((one.source, one.source_id, one.category, query) for one in batch)
            self._file.run(f"{DONE} AND query <> ?", others)
            self._file.run(f"INSERT OR IGNORE INTO pending {values_of(*ORIGIN, 'query', 'host')}", rows)

    def pending_hosts(self, source: str, query: str, category: str | None) -> Counter[str]:
        """Candidates of one crawl (for one category, or all) that were named and not tried yet, counted by host."""
        sql = "SELECT host, count(*) FROM pending WHERE source = ? AND query = ? AND category = coalesce(?, category) "
        rows = self._file.read(lambda host, number: (host, number), sql + "GROUP BY host", source, query, category)
        return Counter(dict(rows))

    def pending(
        self, key: tuple[str, str, str | None], host: str, after: int, *, tried: bool
    ) -> tuple[dict[int, Candidate], bool]:
        """Read PENDING_PAGE of them (`tried`: that failed before) of one host, by number of row, all above `after`.

        And whether there are no more.
        """
        rows = self._file.read(
            lambda number, *origin: (number, Candidate(*origin)),
            f"SELECT id, {_COLUMNS} FROM pending WHERE source = ? AND query = ? AND category = coalesce(?, category) "  # noqa: S608  names of fields
            f"AND host = ? AND id > ? {_TRIED_BEFORE if tried else ''} ORDER BY id LIMIT {PENDING_PAGE}",
            *(*key, host, after),
        )
        return dict(rows), len(rows) < PENDING_PAGE

    def forget_pending(self, batch: Iterable[Candidate]) -> None:
        """Strike candidates that need not be tried any more."""
        with self._file.transaction():
            self._file.run(DONE, ((one.source, one.source_id, one.category) for one in batch))

    def pending_count(self) -> int:
        """How many candidates were named and not tried yet."""
        return self._file.value("SELECT count(*) FROM pending")

    def due(self, now: float) -> "dict[Crawled, array[int]]":
        """Numbers of the rows of what failed for now and may be tried at a Unix time, by how it was crawled.

        Of millions no more than a number each is held.
        """
        found: defaultdict[Crawled, array[int]] = defaultdict(partial(array, "q"))
        self._file.read(
            lambda number, *crawled: found[crawled].append(number),
            "SELECT id, source, query, category FROM candidates WHERE coalesce(retry_at, 0) <= ? "
            "AND reason IN (SELECT value FROM json_each(?)) ORDER BY id",
            *(now, _FAILED_FOR_NOW),
        )
        return dict(found)

    def tried(self, numbers: Sequence[int]) -> Iterator[Candidate]:
        """Read candidates that were tried, by the numbers of their rows, as they are asked for.

        What is tried again meanwhile has another number by then, and is passed over.
        """
        for start in range(0, len(numbers), PENDING_PAGE):
            yield from self._file.read(
                Candidate,
                f"SELECT {_COLUMNS} FROM candidates WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",  # noqa: S608  names of fields
                json.dumps(list(numbers[start : start + PENDING_PAGE])),
            )

    def due_later(self, now: float) -> tuple[int, int | None]:
        """How many failed for now and may not be tried yet, and the Unix time at which the first of them may."""
        ((number, first),) = self._file.read(
            lambda number, first: (number, first),
            "SELECT count(*), min(retry_at) FROM candidates WHERE retry_at > ? "
            "AND reason IN (SELECT value FROM json_each(?))",
            *(now, _FAILED_FOR_NOW),
        )
        return number, first


def values_of(*columns: str) -> str:
    """Write the end of an INSERT: the columns, and a mark for the value of each."""
    quoted = ", ".join(f'"{column}"' for column in columns)
    return f"({quoted}) VALUES ({_marks(columns)})"


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
