"""One errand under way: named in one thread, fetched in the event loop, checked beside it, recorded in one thread.

Only the recording thread writes to the catalog. What a kill interrupts was either recorded whole, or will be named,
fetched and recorded again.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from itertools import takewhile
from typing import Any

from negbuild.arrivals import MOST_AT_ONCE, Arrivals
from negbuild.bringer import Bringer
from negbuild.checkers import Checkers
from negbuild.engine import Engine, Recorder
from negbuild.errands import Errand, Quota
from negbuild.errors import NetworkDown, SourceError
from negbuild.frontier import Counted, Entry, Frontier
from negbuild.intake import Arrival, Taken
from negbuild.manners import Manners
from negbuild.model import Candidate, Image
from negbuild.naming import MOST_IN_VAIN, Naming
from negbuild.sifter import Sifted, Sifter

_AT_ONCE = 192  # candidates under way, those at hosts that hang included; their bytes have a limit of their own
_RESERVED = 64  # further ones, for errands that have few: hosts that hang for one of them leave places for the others
_AT_ONCE_LOCALLY = 32
_AHEAD = 512  # candidates named before their turn
_AT_A_TIME = 32  # candidates that a source is asked for, unless fewer are missing: few, where most wait for bad hosts
_MOST_ON_DISK = 50_000  # candidates named and left waiting for their hosts
_LAST_LANDINGS = 5.0  # seconds that pictures under way have, once the run is to end
_TICK = 0.1
_DRY_HOSTS = 8


class Crawler:
    """One errand; how many candidates were `tried`, and what else came of it, can be read at the end."""

    def __init__(
        self,
        engine: Engine,
        errand: Errand,
        quota: Quota,
        *,
        manners: Manners | None = None,
        candidates: Iterator[Candidate] | None = None,
    ) -> None:
        """Get ready for an errand; `candidates` stand in for the source's own."""
        self._engine, self._errand, self.quota = engine, errand, quota
        self._source, self._order = source, order = errand.source, errand.order
        self.local = source.read is not None
        manners = errand.manners(manners or engine.manners)
        self._sifter = Sifter(engine.catalog, source, order, manners)
        category = None if order.category is None else self._sifter.declared(order.category)
        self.key = (source.name, order.search.text, category)
        self.tried = self.images = 0
        self._candidates = candidates
        self.refusal: SourceError | None = None
        self._web = engine.web.with_manners(manners)
        self._wake = asyncio.Event()
        self._checkers: Checkers
        self._bring: Callable[[Entry], Coroutine[Any, Any, Arrival]]
        self._naming: Naming
        self._frontier: Frontier
        self._named: deque[Candidate] = deque()
        self._from_disk: list[Candidate] = []
        self._tasks: dict[asyncio.Task[Arrival], Entry] = {}
        self._stuck = Counted()  # at hosts that will not answer soon
        self._recording = 0  # pictures that are being recorded
        self._sifting, self._sifted_last = 0, False  # candidates that are sifted now; else they were the last job
        self._arrived = Arrivals()
        self._recorder = Recorder(engine, self._wake.set)
        self._failure: BaseException | None = None

    @property
    def categories(self) -> dict[str, str]:
        """Each category as it was given, and the name it is held under."""
        return self._sifter.categories

    async def run(self) -> None:
        """Hold pictures until all errands have their shares, or this one has no more."""
        loop = asyncio.get_running_loop()
        engine, named = self._engine, self._candidates
        self._checkers = await engine.checkers(self._order.limits)
        self._bring = Bringer(self._source, self._web, self._order.limits, self._checkers).bring
        left: Counter[str] = Counter()
        if not self.local and named is None:
            left = await loop.run_in_executor(engine.recorder, engine.catalog.pending_hosts, *self.key)
        self._frontier = Frontier(self._wait, left, spill=not self.local, claims=None if self.local else engine.claims)
        async with self._web:
            service = self._source.name if named is None and self._errand.base_url else ""
            named = self._errand.candidates(self._web) if named is None else named
            self._naming = Naming(named, lambda: loop.call_soon_threadsafe(self._wake.set), service)
            ticking = asyncio.create_task(self._tick())
            try:
                await self._pump()
            except asyncio.CancelledError:
                if not engine.failed:
                    await self._land()
                raise
            finally:
                self._naming.stop()
                ticking.cancel()
                await self._settle_the_rest()

    def _wait(self, host: str, _under_way: int) -> float:
        return 0.0 if self.local else self._engine.places.wait(host, self._free)  # which counts those of all errands

    def _free(self, host: str) -> None:
        """Be told that there may be a place at a host."""
        self._frontier.turn(host)
        self._wake.set()

    async def _pump(self) -> None:
        """Do what can be done, then sleep until something happened, until there is nothing left to do."""
        while True:
            self._wake.clear()
            if failure := self._failure or self._recorder.failure:
                raise failure
            self._named.extendleft(self._frontier.freed())
            self._named.extend(self._naming.take())
            self._go_on_recording()
            self.refusal = self.refusal or self._naming.refusal
            if self._is_over():
                return
            if self.quota.missing == 0:
                self._rest()
            self._start()
            self._naming.want(self._wanted())
            await self._wake.wait()

    def _is_over(self) -> bool:
        if not self._recorder.idle:
            return False
        if isinstance(self.refusal, NetworkDown):
            return not self._arrived or self.quota.missing == 0
        if self.quota.missing == 0:
            return self.quota.is_last
        waiting = self._tasks or self._arrived or self._named or self._from_disk
        return self._naming.over and not waiting and not self._frontier.left and not self._frontier.behind

    def _rest(self) -> None:
        """Let the other errands have what waits here, until one of them ends short and more is wanted again."""
        if self.local or not self._recorder.idle:
            return
        given_up = self._arrived.set_aside(lambda one: self._web.is_crowded or self._frontier.is_awaited(one))
        for _, arrival in given_up:
            self._web.release(len(arrival.data))
        self._frontier.rest([entry for entry, _ in given_up])

    def _go_on_recording(self) -> None:
        """Give the recording thread its next work: one job at a time."""
        if not self._recorder.idle:
            return
        if not self._sifted_last and self._sift():  # in turn with recording: nothing to fetch would stop everything
            return
        if batch := self._arrived.due(self.quota.missing, last=not self._tasks):
            self._sifted_last = False
            arrivals, settled = [arrival for _, arrival in batch], partial(self._settled, batch)
            self._recording = sum(isinstance(arrival.outcome, Image) for arrival in arrivals)
            self._recorder.give(self._engine.intake.settle, arrivals, self._order.search.text, then=settled)
        elif not self._sift() and (dry := self._dry()):
            self._recorder.give(self._read_pending, dry, then=self._take_pending)

    def _settled(self, batch: list[tuple[Entry, Arrival]], taken: Taken) -> None:
        self._recording = 0
        self._naming.note(arrival.outcome for _, arrival in batch)
        for entry, arrival in batch:
            if not self.local:
                self._web.release(len(arrival.data))
            self._frontier.settled(entry)
        self.tried += len(batch)
        self.images += taken.images
        self.quota.add(taken.unique)

    def _sift(self) -> bool:
        """Have some candidates sifted, if there are any."""
        from_disk, self._from_disk = self._from_disk, []
        some = from_disk or [self._named.popleft() for _ in range(min(len(self._named), MOST_AT_ONCE))]
        if some:
            self._sifting, self._sifted_last = len(some), True
            sifted = partial(self._sifted, spill=not from_disk)
            self._recorder.give(self._sifter.sift, some, self._engine.intake, then=sifted)
        return bool(some)

    def _sifted(self, sifted: Sifted, *, spill: bool) -> None:
        self._sifting = 0
        self.tried += sifted.recorded
        self._frontier.add(sifted.entries, spill=spill)
        self._checkers.expect(len(sifted.entries))

    def _dry(self) -> list[tuple[str, int]]:
        """Take some hosts of which more is to be read from the disk, if it is to be fetched."""
        return self._frontier.dry(_DRY_HOSTS) if self.quota.missing != 0 and self._room() > 0 else []

    def _read_pending(self, hosts: list[tuple[str, int]]) -> list[tuple[str, dict[int, Candidate], bool]]:
        again = self._candidates is not None  # what failed before is tried, and nothing else
        return [(host, *self._engine.catalog.pending(self.key, host, after, tried=again)) for host, after in hosts]

    def _take_pending(self, pages: list[tuple[str, dict[int, Candidate], bool]]) -> None:
        for host, rows, last in pages:
            self._from_disk += self._frontier.read(host, rows, last=last)

    def _missing(self) -> int | None:
        """Pictures still wanted if all that is under way, and not stuck, comes to something; None: all there are."""
        wanted = self.quota.missing
        coming = len(self._tasks) - self._stuck.under_way + len(self._arrived) + self._recording
        return None if wanted is None else wanted - coming

    def _start(self) -> None:
        missing = self._missing()
        while self._may_start() and (missing is None or missing > 0):
            entry = self._frontier.next()
            if entry is None:
                return
            task = asyncio.create_task(self._bring(entry))
            self._tasks[task] = entry
            self._engine.places.take(entry.host)
            task.add_done_callback(self._landed)
            missing = None if missing is None else missing - 1

    def _may_start(self) -> bool:
        """Whether there is a place for one more: hosts that hang take some of this errand's, but not all of them."""
        if self.local:
            return len(self._tasks) < _AT_ONCE_LOCALLY
        total, busy = self._engine.places.total, max(1, self._engine.busy)
        if len(self._tasks) < _RESERVED // busy:
            return total < _AT_ONCE + _RESERVED
        return total < _AT_ONCE and len(self._tasks) - self._stuck.under_way < _AT_ONCE // busy

    def _room(self) -> int:
        """How many more candidates may wait in memory; a host that will not answer takes nobody's place."""
        return _AHEAD - self._frontier.waiting + self._stuck.waiting

    def _wanted(self) -> int:
        """Candidates that the source should name now; a few are not worth waking it for, unless they are the last."""
        if self._frontier.on_disk > _MOST_ON_DISK:
            return 0
        named, missing = len(self._named) + self._sifting, self._missing()
        wanted = self._room() - named
        if missing is not None:
            stuck = min(self._stuck.left, MOST_IN_VAIN) if self._naming.service else self._stuck.left
            missing -= self._frontier.left - stuck + named
        if missing is None or missing > wanted:
            return wanted if wanted >= _AT_A_TIME else 0
        return max(0, missing)

    def _landed(self, task: "asyncio.Task[Arrival]") -> None:
        # Files are taken in the order of their names, so that the same files make the same workspace.
        for one in takewhile(asyncio.Task.done, list(self._tasks)) if self.local else [task]:
            self._take_in(one)
        self._wake.set()

    def _take_in(self, task: "asyncio.Task[Arrival]") -> None:
        entry = self._tasks.pop(task)
        self._frontier.landed(entry)
        self._engine.places.leave(entry.host)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, NetworkDown):
            self.refusal = error
        elif error:
            self._failure = error
        elif not task.cancelled():
            self._arrived.add(entry, task.result())
            return
        self._frontier.settled(entry)

    async def _tick(self) -> None:
        """Look at what changes without an event: hosts that rested, hosts that hang, pictures that waited."""
        while True:
            await asyncio.sleep(_TICK)
            if not self.local:
                hosts = {entry.host for entry in self._tasks.values()} | self._frontier.resting
                self._stuck = self._frontier.count(host for host in hosts if not self._web.well(host))
            self._frontier.tick()
            self._wake.set()

    async def _land(self) -> None:
        """Give what is under way a moment to end well; a second Ctrl-C ends that too."""
        self._engine.land()
        self._naming.stop()
        self._web.wind_down()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_LANDINGS)

    async def _settle_the_rest(self) -> None:
        """Let go what is under way, and record what is whole; the rest stays pending."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        recorder = self._recorder
        while not recorder.failure and (not recorder.idle or (self._arrived and self.quota.missing != 0)):
            await recorder.wait()
            self._go_on_recording()
        self._frontier.rest([entry for entry, _ in self._arrived.surplus()])
        self.quota.end()
        if recorder.failure:
            raise recorder.failure
