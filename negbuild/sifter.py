"""What each candidate that was named still needs: to be fetched, only to be recorded, or nothing at all."""

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from negbuild.addresses import host_of, refusal, shown
from negbuild.catalog import Catalog
from negbuild.frontier import Entry
from negbuild.intake import Intake
from negbuild.manners import Manners
from negbuild.model import NO_VALIDATORS, Candidate, Earlier, Skip, SkipReason, Validators
from negbuild.names import category_name
from negbuild.order import Order
from negbuild.source import Source

Decision = Validators | Skip | str | None
"""What a candidate needs: fetching (if it changed), a skip, the image it is one more origin of, or nothing at all."""


class Sifted(NamedTuple):
    """The candidates to fetch, and how many were recorded without that."""

    entries: list[Entry]
    recorded: int


class Sifter:
    """Knows the catalog and the order; must be used in the thread that records."""

    def __init__(self, catalog: Catalog, source: Source, order: Order, manners: Manners) -> None:
        self._catalog = catalog
        self._source, self._order, self._manners = source, order, manners
        self._local = source.read is not None
        self.categories: dict[str, str] = {}

    def declared(self, given: str) -> str:
        """Return the name that a category is held under, declared with the role of the order."""
        if given not in self.categories:
            name = category_name(given)
            self._catalog.declare(name, self._order.role)
            self.categories[given] = name
        return self.categories[given]

    def sift(self, named: Iterable[Candidate], intake: Intake) -> Sifted:
        """Decide on candidates; those to fetch are recorded as pending, those that need no fetching as they are."""
        entries: list[Entry] = []
        known: list[tuple[Candidate, Skip | str]] = []
        passed: list[Candidate] = []
        for one in named:
            self.declared(self._given(one))
            candidate, decision = self.look_at(one)
            if isinstance(decision, Validators):
                entries.append(Entry(candidate, "" if self._local else host_of(candidate.url), decision))
            elif decision is None:
                passed.append(candidate)
            else:
                known.append((_without_password(candidate), decision))
        intake.record(known, self._order.search.text)
        if not self._local:
            self._catalog.expect([entry.candidate for entry in entries], self._order.search.text)
            self._catalog.forget_pending(passed)
        return Sifted(entries, len(known))

    def look_at(self, named: Candidate) -> tuple[Candidate, Decision]:
        """Decide on one candidate, under the name that its category is held by and without the source's secrets."""
        given = self._given(named)
        category = self.categories.get(given) or category_name(given)
        url, page = self._source.masked(named.url), self._source.masked(named.page)
        candidate = replace(named, category=category, url=url, page=page)
        return candidate, self._decide(candidate)

    def _given(self, named: Candidate) -> str:
        return named.category if self._order.category is None else self._order.category

    def _decide(self, candidate: Candidate) -> Decision:
        earlier = self._catalog.earlier(candidate)
        if earlier and earlier.here and not self._again(earlier):
            return None
        if refused := self._order.refusal(candidate):
            return refused
        if not self._local and (refused := refusal(candidate.url, allow_private=self._manners.allow_private)):
            return refused
        if earlier is None or (earlier.here and self._order.refresh):
            return earlier.validators if earlier else NO_VALIDATORS
        if earlier.sha256:
            return earlier.sha256
        return NO_VALIDATORS if self._again(earlier) else earlier.skip

    def _again(self, earlier: Earlier) -> bool:
        """Whether a skip may end otherwise now: the fault was passing, or what refused it was loosened since."""
        if self._order.refresh:
            return True
        skip = earlier.skip
        if skip is None or (earlier.sha256 and earlier.here):
            return False
        limits, before = self._order.limits, skip.limit or 0
        loosened = {
            SkipReason.EXCLUDED: True,  # looked at again by the order
            SkipReason.LICENSE: True,
            SkipReason.PRIVATE_ADDRESS: self._manners.allow_private,
            SkipReason.ANIMATED: limits.first_frame,
            SkipReason.TOO_SMALL: limits.min_side < before,
            SkipReason.TOO_MANY_BYTES: limits.max_bytes > before,
            SkipReason.TOO_MANY_PIXELS: limits.max_pixels > before,
        }
        if skip.reason.opt_out:
            return not self._manners.obey_opt_outs
        if skip.reason.transient:
            return (skip.retry_at or 0) <= time.time()
        return loosened.get(skip.reason, False)


def _without_password(candidate: Candidate) -> Candidate:
    if "@" not in candidate.url:
        return candidate
    return replace(candidate, url=shown(candidate.url), source_id=shown(candidate.source_id))
