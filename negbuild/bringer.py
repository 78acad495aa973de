"""Brings one candidate: fetches or reads its bytes, checks them, and reduces the picture to what is hashed."""

from functools import partial

from negbuild.checkers import Checkers
from negbuild.frontier import Entry
from negbuild.intake import Arrival
from negbuild.model import NO_VALIDATORS, Candidate, Skip, SkipReason, Validators
from negbuild.picture import Limits
from negbuild.source import Source
from negbuild.web import Web


class Bringer:
    """Fetches in the event loop, and has pictures checked meanwhile."""

    def __init__(self, source: Source, web: Web, limits: Limits, checkers: Checkers) -> None:
        self._source, self._web, self._limits, self._checkers = source, web, limits, checkers

    async def bring(self, entry: Entry) -> Arrival:
        """Bring one candidate; of a picture that is refused, no bytes are kept."""
        candidate = entry.candidate
        if self._source.read:
            data = await self._checkers.do(partial(self._read, candidate))
            return Arrival(candidate, data) if isinstance(data, Skip) else await self._checked(candidate, data)
        fetched = await self._web.fetch(candidate.url, entry.known)
        if isinstance(fetched, Skip):
            return Arrival(candidate, fetched)
        if fetched.unchanged and entry.before:
            return Arrival(candidate, entry.before, validators=entry.known)
        arrival = await self._checked(candidate, fetched.data, fetched.validators)
        if isinstance(arrival.outcome, Skip):
            self._web.release(len(fetched.data))
        return arrival

    def _read(self, candidate: Candidate) -> bytes | Skip:
        assert self._source.read is not None
        try:
            return self._source.read(candidate, self._limits.max_bytes)
        except OSError as error:
            return Skip(SkipReason.UNREADABLE, error.strerror or str(error))

    async def _checked(self, candidate: Candidate, data: bytes, validators: Validators = NO_VALIDATORS) -> Arrival:
        found = await self._checkers.check(data, sketch=self._source.read is not None)
        kept = b"" if isinstance(found.outcome, Skip) else data
        return Arrival(candidate, found.outcome, kept, found.grids, validators, found.sketch)
