"""What each candidate that was named still needs: to be fetched, only to be recorded, or nothing at all."""

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from negbuild.addresses import host_of, refusal, shown, without_passwords
from negbuild.catalog import Catalog
from negbuild.frontier import Entry
from negbuild.intake import Intake
from negbuild.manners import Manners
from negbuild.model import NO_VALIDATORS, Candidate, Skip, SkipReason, Validators
from negbuild.names import category_name
from negbuild.order import Order
from negbuild.source import Source

_UNTRIED = {SkipReason.EXCLUDED, SkipReason.LICENSE, SkipReason.CREDENTIALS}
"""Reasons that say nothing of what lies at the address."""


class Fetch(NamedTuple):
    """A candidate is to be fetched; if it was skipped `before`, only where it is not `known` in the same version."""

    known: Validators = NO_VALIDATORS
    before: Skip | None = None


class Recorded(NamedTuple):
    """A candidate is recorded already, with the SHA-256 of its image if it led to one."""

    sha256: str | None


Decision = Fetch | Skip | str | Recorded
"""What a candidate needs: fetching, a skip, the image that it is one more origin of, or nothing at all."""


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
            decision = self._unless_lost(candidate, decision, intake)
            if isinstance(decision, Fetch):
                entries.append(Entry(candidate, "" if self._local else host_of(candidate.url), *decision))
            elif isinstance(decision, Recorded):
                passed.append(candidate)
            else:
                known.append((candidate, decision))
        intake.record(known, self._order.search.text)
        intake.expect(len(entries))
        if not self._local:
            self._catalog.expect([entry.candidate for entry in entries], self._order.search.text)
            self._catalog.forget_pending(passed)
        return Sifted(entries, len(known))

    def look_at(self, named: Candidate) -> tuple[Candidate, Decision]:
        """Decide on one candidate, under the name that its category is held by and without the source's secrets."""
        given = self._given(named)
        category = self.categories.get(given) or category_name(given)
        url, page = self._source.masked(named.url), self._source.masked(named.page)
        refused = None if self._local else refusal(url, allow_private=self._manners.allow_private)
        candidate = _without_passwords(replace(named, category=category, url=url, page=page))
        if refused:  # what is asked for stays as it is: another address may be another picture
            candidate = replace(candidate, url=shown(url), source_id=shown(named.source_id))
        return candidate, self._decide(candidate, refused)

    def _given(self, named: Candidate) -> str:
        return named.category if self._order.category is None else self._order.category

    def _decide(self, candidate: Candidate, refused: Skip | None) -> Decision:
        earlier = self._catalog.earlier(candidate)
        skipped = earlier.skip if earlier and not earlier.sha256 else None
        again = skipped is not None and self._again(skipped)
        if earlier and earlier.here and not again:
            return Recorded(earlier.sha256)
        if refused := self._order.refusal(candidate) or refused:
            return refused
        if earlier is None or skipped is None:
            return (earlier and earlier.sha256) or Fetch()
        if not again:
            return skipped
        return self._lately(candidate) or (Fetch() if self._may_pass(skipped) else Fetch(earlier.validators, skipped))

    def _lately(self, candidate: Candidate) -> Decision | None:
        """Decide on a candidate that is due by what came of its address meanwhile: one try of it a run is enough."""
        lately = self._catalog.lately(candidate)
        if lately is None or (lately.skip and lately.skip.reason in _UNTRIED and not lately.sha256):
            return None
        return Recorded(lately.sha256) if lately.here else lately.sha256 or lately.skip

    def _unless_lost(self, candidate: Candidate, decision: Decision, intake: Intake) -> Decision:
        """Have a candidate fetched all the same where the store has lost the image that it led to.

        What is recorded for this very category is so for local files alone: they cost little to read. A crawl asks no
        host again for what it has recorded; most have as many as are wanted by then, and would not come here anyway.
        """
        if isinstance(decision, str) and intake.lost(decision):
            return Fetch()
        if isinstance(decision, Recorded) and self._local and decision.sha256 and intake.lost(decision.sha256):
            intake.seek(candidate, decision.sha256)
            return Fetch()
        return decision

    def _again(self, skip: Skip) -> bool:
        """Whether what was skipped is asked for again: it may pass now, or a person wants all looked at once more."""
        due = (skip.retry_at or 0) <= time.time()
        return (due and self._order.refresh) or self._may_pass(skip)

    def _may_pass(self, skip: Skip) -> bool:
        """Whether the fault may have passed, or what refused the picture was loosened since."""
        if skip.reason.transient:
            return (skip.retry_at or 0) <= time.time()
        if skip.reason.opt_out:
            return not self._manners.obey_opt_outs
        limits, before = self._order.limits, skip.limit or 0
        loosened = {
            SkipReason.EXCLUDED: True,  # the order looks at it again
            SkipReason.LICENSE: True,
            SkipReason.CREDENTIALS: True,  # the same address without a password is another one
            SkipReason.PRIVATE_ADDRESS: self._manners.allow_private,
            SkipReason.ANIMATED: limits.first_frame,
            SkipReason.TOO_SMALL: limits.min_side < before,
            SkipReason.TOO_MANY_BYTES: limits.max_bytes > before,
            SkipReason.TOO_MANY_PIXELS: limits.max_pixels > before,
        }
        return loosened.get(skip.reason, False)


def _without_passwords(candidate: Candidate) -> Candidate:
    """Clean what a source says beside the address: some of it is shown to everybody who gets the dataset."""
    cleaned: dict[str, Any] = {name: shown(getattr(candidate, name)) for name in ("page", "author_url", "license_url")}
    cleaned |= {name: without_passwords(getattr(candidate, name)) for name in ("title", "author", "license")}
    return replace(candidate, **cleaned) if any("@" in getattr(candidate, name) for name in cleaned) else candidate
