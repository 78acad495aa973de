"""Brings one candidate: fetches or reads its bytes, checks them, and reduces the picture to what is hashed."""

from functools import partial

from negbuild.crew import Crew
from negbuild.fingerprint import grids
from negbuild.frontier import Entry
from negbuild.intake import Arrival
from negbuild.model import NO_VALIDATORS, Candidate, Skip, SkipReason, Validators
from negbuild.picture import Limits, inspect
from negbuild.source import Source
from negbuild.web import Web


class Bringer:
    """Fetches in the event loop, and checks in threads, so that the two overlap."""

    def __init__(self, source: Source, web: Web, limits: Limits, checkers: Crew) -> None:
        self._source, self._web, self._limits, self._checkers = source, web, limits, checkers

    async def bring(self, entry: Entry) -> Arrival:
        """Bring one candidate; of a picture that is refused, no bytes are kept."""
        candidate = entry.candidate
        if self._source.read:
            return await self._checkers.do(partial(self._read, candidate))
        fetched = await self._web.fetch(candidate.url, entry.known)
        if isinstance(fetched, Skip):
            return Arrival(candidate, fetched)
        if fetched.unchanged and entry.before:
            return Arrival(candidate, entry.before, validators=entry.known)
        arrival = await self._checkers.do(partial(self._checked, candidate, fetched.data, fetched.validators))
        if isinstance(arrival.outcome, Skip):
            self._web.release(len(fetched.data))
        return arrival

    def _read(self, candidate: Candidate) -> Arrival:
        assert self._source.read is not None
        try:
            return self._checked(candidate, self._source.read(candidate, self._limits.max_bytes))
        except OSError as error:
            return Arrival(candidate, Skip(SkipReason.UNREADABLE, error.strerror or str(error)))

    def _checked(self, candidate: Candidate, data: bytes, validators: Validators = NO_VALIDATORS) -> Arrival:
        found = inspect(data, self._limits)
        if isinstance(found, Skip):
            return Arrival(candidate, found, validators=validators)
        return Arrival(candidate, found.image, data, grids(found.thumbnail), validators)
