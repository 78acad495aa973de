"""The catalog: what a workspace knows, in one SQLite file.

Every method is one transaction: a kill at any moment leaves the catalog before or after it, never between.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from negbuild.addresses import address_key
from negbuild.children import Children
from negbuild.database import Database, Layout
from negbuild.errors import UsageError
from negbuild.guards import Guarded, Guards
from negbuild.likeness import Likeness
from negbuild.looks import VERSION as SKETCHES
from negbuild.model import (
    Candidate,
    Count,
    Earlier,
    Held,
    Image,
    Pair,
    Role,
    Settled,
    Skip,
    SkipReason,
    Validators,
)
from negbuild.placement import Placement
from negbuild.provenance import Sighting
from negbuild.schema import MIGRATIONS
from negbuild.services import Services
from negbuild.verdicts import Verdicts
from negbuild.waiting import DONE, ORIGIN, Waiting, origin_of, values_of

_LAYOUT = Layout(0x6E656762, MIGRATIONS, [("address_key", 1, address_key)])  # "negb"
_PRECEDENCE = (Role.KNOWN, Role.UNSEEN, Role.UNKNOWN)
_TRIED = (*ORIGIN, "query", "sha256", "reason", "detail", "limit", "retry_at", "etag", "last_modified", "address")
_EARLIER = (
    'SELECT {here}, sha256, etag, last_modified, reason, detail, "limit", retry_at FROM candidates WHERE {that} '
    "ORDER BY {first} LIMIT 1"
)
_AT_ADDRESS = _EARLIER.format(that="address = ? AND address <> ''", first="sha256 IS NULL, id DESC", here="{here}")
_UNIQUE = (
    "WITH last AS (SELECT * FROM verdicts WHERE id IN (SELECT max(id) FROM verdicts GROUP BY sha256)) "
    "SELECT count(*) FROM candidates AS c LEFT JOIN last USING (sha256) "
    "WHERE c.source = ? AND c.query = ? AND c.category = coalesce(?, c.category) AND c.reason IS NULL "
    "AND coalesce(verdict, '') NOT IN ('drop', 'duplicate') "
    "AND (coalesce(verdict, '') <> 'move' OR last.category = c.category) "
    "AND c.sha256 NOT IN (SELECT newer FROM pairs WHERE twins "
    "AND older NOT IN (SELECT sha256 FROM last WHERE verdict = 'duplicate')) "
    "AND c.sha256 NOT IN (SELECT sha256 FROM guarded)"
)
_SEEN = "SELECT sha256 FROM candidates WHERE sha256 IS NOT NULL GROUP BY sha256 HAVING count(*) >= ?"
_SIGHTINGS = (
    "SELECT sha256, source, url, page, author, author_url FROM candidates "
    "WHERE sha256 IS NOT NULL AND {which} ORDER BY id"
)
_HAD_PICTURES = (
    "SELECT EXISTS (SELECT 1 FROM candidates WHERE category = ? AND sha256 IS NOT NULL) "
    "OR EXISTS (SELECT 1 FROM verdicts WHERE category = ?)"
)
_record = attrgetter(*(field.name for field in fields(Image)))


class Catalog(Waiting, Likeness, Guards, Placement, Children, Verdicts, Services):
    """The rows of a workspace; open it with `Workspace.reading` or `Workspace.writing`."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`, made if it is not there, and bring its schema up to date.

        Raises CatalogError where it is damaged, not negbuild's, or written by a newer negbuild.
        """
        super().__init__(Database(path, _LAYOUT))
        self._before = self._file.value("SELECT coalesce(max(id), 0) FROM candidates")

    def categories(self) -> dict[str, Role]:
        """All categories and their roles, by name."""
        sql = "SELECT name, role FROM categories ORDER BY name"
        return dict(self._file.read(lambda name, role: (name, Role(role)), sql))

    def declare(self, category: str, role: Role) -> None:
        """Add a category, or give another role to one that never had a picture; raises UsageError where one had."""
        present = self.categories().get(category)
        if present is role:
            return
        if present is not None and self._file.value(_HAD_PICTURES, category, category):
            raise UsageError(
                f"category {category}: is {present} in this workspace and cannot be {role} too; "
                "choose another --category"
            )
        with self._file.transaction():
            sql = "INSERT INTO categories VALUES (?, ?) ON CONFLICT DO UPDATE SET role = excluded.role"
            self._file.run(sql, [(category, role)])

    def earlier(self, candidate: Candidate) -> Earlier | None:
        """Find what came of this candidate before: for its own category, else for another, else under its address."""
        category = candidate.category
        by_id = _EARLIER.format(
            here="category = ?", that="source = ? AND source_id = ?", first="category = ? DESC, sha256 IS NULL"
        )
        found = self._file.read(_earlier, by_id, category, candidate.source, candidate.source_id, category)
        if not found and (address := address_key(candidate.url)):
            found = self._file.read(_earlier, _AT_ADDRESS.format(here="0"), address)
        return found[0] if found else None

    def lately(self, candidate: Candidate) -> Earlier | None:
        """Find the image held under the address of a candidate, else what came of it since the catalog was opened."""
        if not (address := address_key(candidate.url)):
            return None
        here = f"sha256 IS NOT NULL OR id > {self._before}, source = ? AND source_id = ? AND category = ?"
        found = self._file.read(
            lambda lately, *row: _earlier(*row) if lately else None,
            _AT_ADDRESS.format(here=here),
            *(candidate.source, candidate.source_id, candidate.category, address),
        )
        return found[0] if found else None

    def find(self, sha256: str) -> Image | None:
        """Image with these bytes, if it is held."""
        found = self._file.read(
            Image, "SELECT sha256, format, width, height, size FROM images WHERE sha256 = ?", sha256
        )
        return found[0] if found else None

    def settle(
        self, batch: Sequence[Settled], pairs: Iterable[Pair], version: str, guarded: Iterable[Guarded] = ()
    ) -> None:
        """Write tried candidates, the new images with all that is known of them, and which are copies of guards."""
        images = [settled.outcome for settled in batch if isinstance(settled.outcome, Image)]
        prints = [
            (_sha256(settled), version, settled.fingerprint.codes, settled.fingerprint.texture)
            for settled in batch
            if settled.fingerprint
        ]
        sketches = {one.outcome.sha256: one.sketch for one in batch if isinstance(one.outcome, Image) and one.sketch}
        with self._file.transaction():
            self._file.run("INSERT INTO images VALUES (?, ?, ?, ?, ?)", map(_record, images))
            self._file.run("INSERT INTO fingerprints VALUES (?, ?, ?, ?)", prints)
            self._write_sketches(sketches, SKETCHES)
            # REPLACE: a candidate that failed for now was tried again.
            self._file.run(f"INSERT OR REPLACE INTO candidates {values_of(*_TRIED)}", map(_tried, batch))
            self._file.run(
                DONE, ((one.candidate.source, one.candidate.source_id, one.candidate.category) for one in batch)
            )
            self._write_pairs(pairs)
            self._write_guarded(guarded)

    def unique_count(self, source: str, query: str, category: str | None) -> int:
        """Images that one crawl brought (for one category, or all) and that twin no earlier one and no guard.

        What a person dropped, called a duplicate or moved to another category does not count.
        """
        return self._file.value(_UNIQUE, source, query, category)

    def skip_reasons(self, source: str, query: str, category: str | None) -> dict[SkipReason, int]:
        """Skips of one crawl (for one category, or all) by reason, the most frequent first."""
        sql = (
            "SELECT reason, count(*) FROM candidates WHERE source = ? AND query = ? AND reason IS NOT NULL "
            "AND category = coalesce(?, category) GROUP BY reason ORDER BY count(*) DESC, reason"
        )
        return dict(self._file.read(lambda reason, number: (SkipReason(reason), number), sql, source, query, category))

    def counts(self) -> list[Count]:
        """All candidates, by category, source and outcome."""
        return self._file.read(
            lambda name, role, source, reason, number: Count(
                name, Role(role), source, reason and SkipReason(reason), number
            ),
            "SELECT name, role, source, reason, count(*) FROM categories JOIN candidates ON category = name "
            "GROUP BY name, source, reason ORDER BY role, name, source, reason",
        )

    def images(
        self, unseen: Collection[str] = (), seen: Collection[str] = (), *, among: Collection[str] | None = None
    ) -> dict[str, Held]:
        """All images by SHA-256, in the order they came, as if `unseen` categories were that, and `seen` ones unknown.

        One that several categories brought counts for the strictest: known before unseen before unknown. One that a
        person moved counts for the category it was moved to. Only those `among` some are read, if these are given.
        """
        some = "" if among is None else "WHERE i.sha256 IN (SELECT value FROM json_each(?)) "
        rows = self._file.read(
            lambda sha256, kind, width, height, size, category, role, query, *origin: Held(
                Image(sha256, kind, width, height, size),
                category,
                Role.UNSEEN if category in unseen else Role.UNKNOWN if category in seen else Role(role),
                Candidate(*origin),
                query,
            ),
            f"SELECT i.sha256, i.format, i.width, i.height, i.size, c.category, role, query, "  # noqa: S608  names of fields
            f"{', '.join('c.' + name for name in ORIGIN)} FROM images i "
            f"JOIN candidates c USING (sha256) JOIN categories ON c.category = name {some}ORDER BY i.rowid, c.id",
            *([] if among is None else [json.dumps(sorted(among))]),
        )
        held: dict[str, Held] = {}
        for one in rows:
            before = held.setdefault(one.image.sha256, one)
            if _PRECEDENCE.index(one.role) < _PRECEDENCE.index(before.role):
                held[one.image.sha256] = one
        return self._judged(held)

    def files(self) -> dict[str, Image]:
        """All images by SHA-256, in the order they came, without where they are from."""
        sql = "SELECT sha256, format, width, height, size FROM images ORDER BY rowid"
        return {image.sha256: image for image in self._file.read(Image, sql)}

    def image_count(self) -> int:
        """How many images are held."""
        return self._file.value("SELECT count(*) FROM images")

    def disputed(self) -> dict[str, tuple[str, str]]:
        """Images that were brought for more than one known category, each with two of these."""
        sql = (
            f"SELECT sha256, min(category), max(category) FROM candidates WHERE sha256 IN ({_SEEN}) "  # noqa: S608  a constant
            "AND category IN (SELECT name FROM categories WHERE role = 'known') "
            "GROUP BY sha256 HAVING count(DISTINCT category) > 1"
        )
        return dict(self._file.read(lambda sha256, one, other: (sha256, (one, other)), sql, 2))

    def origins(self) -> list[tuple[str, str]]:
        """Places that several images came from, each with one of these: the page, or the address if there is none."""
        return self._file.read(
            lambda sha256, place: (sha256, place),
            "WITH origins AS (SELECT sha256, CASE page WHEN '' THEN url ELSE page END AS place FROM candidates "
            "WHERE sha256 IS NOT NULL) SELECT DISTINCT sha256, place FROM origins WHERE place IN "
            "(SELECT place FROM origins GROUP BY place HAVING min(sha256) < max(sha256)) ORDER BY sha256, place",
        )

    def sightings(self, times: int) -> list[Sighting]:
        """Every place that an image was seen at, in the order they were tried; of those seen so many times or more."""
        return self._file.read(Sighting, _SIGHTINGS.format(which=f"sha256 IN ({_SEEN})"), times)

    def signed_sightings(self) -> list[Sighting]:
        """Every place that an image was seen at and that names its author, in the order they were tried."""
        return self._file.read(Sighting, _SIGHTINGS.format(which="author || author_url <> ''"))


def _sha256(settled: Settled) -> str | None:
    return settled.outcome.sha256 if isinstance(settled.outcome, Image) else settled.sha256


def _tried(settled: Settled) -> tuple[object, ...]:
    outcome, validators = settled.outcome, settled.validators
    why: tuple[object, ...] = (None, "", None, None)
    if isinstance(outcome, Skip):
        why = (outcome.reason, outcome.detail, outcome.limit, outcome.retry_at)
    version = (validators.etag, validators.last_modified, address_key(settled.candidate.url))
    return (*origin_of(settled.candidate), settled.query, _sha256(settled), *why, *version)


def _earlier(here: int, sha256: str | None, etag: str, modified: str, *why: Any) -> Earlier:  # noqa: ANN401  a row
    reason, detail, limit, retry_at = why
    skip = Skip(SkipReason(reason), detail, limit, retry_at) if reason else None
    return Earlier(here == 1, skip, sha256, Validators(etag, modified))
