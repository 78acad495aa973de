"""One crawl under way: named in one thread, fetched in the event loop, checked beside it, recorded in one thread.

Only the recording thread writes to the catalog. What a kill interrupts was either recorded whole, or will be named,
fetched and recorded again.
"""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import takewhile
from typing import Any

from negbuild.bringer import Bringer
from negbuild.catalog import Catalog
from negbuild.checkers import Checkers
from negbuild.errands import Errand
from negbuild.errors import NetworkDown, SourceError
from negbuild.frontier import Counted, Entry, Frontier
from negbuild.hosts import Hosts
from negbuild.intake import Arrival, Intake, Taken
from negbuild.loop import loop_factory
from negbuild.manners import Manners
from negbuild.model import Candidate, Image, Progress
from negbuild.naming import MOST_IN_VAIN, Naming
from negbuild.sifter import Sifted, Sifter
from negbuild.web import Web

_log = logging.getLogger("negbuild")

_AT_ONCE = 192  # candidates under way, those at hosts that hang included; their bytes have a limit of their own
_AT_ONCE_LOCALLY = 32
_BATCH = 128  # pictures recorded in one transaction
_LONGEST_UNSETTLED = 0.25  # seconds that a picture may wait for others to be recorded with
_AHEAD = 512  # candidates named before their turn
_AT_A_TIME = 32  # candidates that a source is asked for, unless fewer are missing: few, where most wait for bad hosts
_SIFTED = 2 * _BATCH  # candidates at a time: as many as may be recorded meanwhile
_MOST_ON_DISK = 50_000  # candidates named and left waiting for their hosts
_LAST_LANDINGS = 5.0  # seconds that pictures under way have, once the run is to end
_TICK = 0.1
_DRY_HOSTS = 8


class Crawler:
    """One crawl; `unique`, `new` and what else came of it can be read at the end."""

    def __init__(self, catalog: Catalog, intake: Intake, errand: Errand, manners: Manners, hosts: Hosts) -> None:
        """Get ready for one errand; `hosts` is what is known of hosts by now, and learns from this crawl."""
        self._catalog, self._intake, self._errand = catalog, intake, errand
        self._source, self._order = source, order = errand.source, errand.order
        self._manners = errand.manners(manners)
        self._sifter = Sifter(catalog, source, order, self._manners)
        category = None if order.category is None else self._sifter.declared(order.category)
        self.key = (source.name, order.search.text, category)
        self.before = self.unique = catalog.unique_count(*self.key)
        self.tried = self.images = 0
        self._again = False  # what failed before is tried, and nothing else
        self.refusal: SourceError | None = None
        self._limit = order.search.limit
        self._at_once = _AT_ONCE_LOCALLY if source.read else _AT_ONCE
        self._checkers, self._web = Checkers(order.limits, sketch=bool(source.read)), Web(self._manners, hosts)
        self._bring = Bringer(source, self._web, order.limits, self._checkers).bring
        self._wake = asyncio.Event()
        self._progress: Progress
        self._naming: Naming
        self._frontier: Frontier
        self._named: deque[Candidate] = deque()
        self._from_disk: list[Candidate] = []
        self._tasks: dict[asyncio.Task[Arrival], Entry] = {}
        self._stuck = Counted()  # at hosts that will not answer soon
        self._recording = 0  # pictures that are being recorded
        self._sifting, self._sifted_last = 0, False  # candidates that are sifted now; else they were the last job
        self._arrived: deque[tuple[Entry, Arrival]] = deque()
        self._arrived_at = 0.0
        self._job: tuple[asyncio.Future[Any], Callable[[Any], None]] | None = None
        self._failure: BaseException | None = None
        self._recorder = ThreadPoolExecutor(1, "recorder")

    @property
    def categories(self) -> dict[str, str]:
        """Each category as it was given, and the name it is held under."""
        return self._sifter.categories

    def run(self, candidates: Iterator[Candidate] | None, progress: Progress) -> None:
        """Hold pictures until there are as many as ordered, or no more; `candidates` stand in for the source's own."""
        self._progress, self._again = progress, candidates is not None
        progress(self.unique, self._limit)
        with self._recorder:
            if not self._is_enough():
                with asyncio.Runner(loop_factory=loop_factory()) as runner:
                    runner.run(self._to_the_end(candidates))

    async def _to_the_end(self, candidates: Iterator[Candidate] | None) -> None:
        loop = asyncio.get_running_loop()
        local = self._source.read is not None
        async with self._checkers, self._web:
            left: Counter[str] = Counter()
            if not local and candidates is None:
                left = await loop.run_in_executor(self._recorder, self._catalog.pending_hosts, *self.key)
            self._frontier = Frontier((lambda *_: 0.0) if local else self._web.wait, left, spill=not local)
            named = self._errand.candidates(self._web) if candidates is None else candidates
            service = self._source.name if candidates is None and self._errand.base_url else ""
            self._naming = Naming(named, lambda: loop.call_soon_threadsafe(self._wake.set), service)
            ticking = asyncio.create_task(self._tick())
            try:
                await self._pump()
            except asyncio.CancelledError:
                await self._land()
                raise
            finally:
                self._naming.stop()
                ticking.cancel()
                await self._settle_the_rest()

    async def _pump(self) -> None:
        """Do what can be done, then sleep until something happened, until there is nothing left to do."""
        while True:
            self._wake.clear()
            if self._failure:
                raise self._failure
            self._named.extend(self._naming.take())
            self._go_on_recording()
            self.refusal = self.refusal or self._naming.refusal
            if self._is_over():
                return
            self._start()
            self._naming.want(self._wanted())
            await self._wake.wait()

    def _is_over(self) -> bool:
        if self._job:
            return False
        if isinstance(self.refusal, NetworkDown):
            return not self._arrived
        if self._is_enough():
            return True
        waiting = self._tasks or self._arrived or self._named or self._from_disk
        return self._naming.over and not waiting and not self._frontier.left

    def _go_on_recording(self) -> None:
        """Take what the recording thread has done, and give it its next work: one job at a time."""
        if self._job and self._job[0].done():
            (done, take), self._job = self._job, None
            take(done.result())
        if self._job:
            return
        if not self._sifted_last and self._sift():  # in turn with recording: nothing to fetch would stop everything
            return
        if batch := self._batch_due():
            self._sifted_last = False
            arrivals, settled = [arrival for _, arrival in batch], partial(self._settled, batch)
            self._give(self._intake.settle, arrivals, self._order.search.text, then=settled)
        elif not self._sift() and self._room() > 0 and (dry := self._frontier.dry(_DRY_HOSTS)):
            self._give(self._read_pending, dry, then=self._take_pending)

    def _give(self, work: Callable[..., Any], *given: object, then: Callable[[Any], None]) -> None:
        job = asyncio.get_running_loop().run_in_executor(self._recorder, work, *given)
        job.add_done_callback(lambda _: self._wake.set())
        self._job = (job, then)

    def _batch_due(self) -> list[tuple[Entry, Arrival]]:
        """Take arrivals to record now; never more pictures than are wanted."""
        late = self._arrived and time.monotonic() - self._arrived_at > _LONGEST_UNSETTLED
        if not (late or len(self._arrived) >= _BATCH or (self._arrived and not self._tasks)):
            return []
        batch: list[tuple[Entry, Arrival]] = []
        pictures = 0
        while self._arrived and len(batch) < 2 * _BATCH:
            picture = isinstance(self._arrived[0][1].outcome, Image)
            if picture and self._limit is not None and pictures >= self._limit - self.unique:
                break
            pictures += picture
            batch.append(self._arrived.popleft())
        self._arrived_at = time.monotonic()
        self._recording = pictures
        return batch

    def _settled(self, batch: list[tuple[Entry, Arrival]], taken: Taken) -> None:
        self._recording = 0
        self._naming.note(arrival.outcome for _, arrival in batch)
        for entry, arrival in batch:
            if not self._source.read:
                self._web.release(len(arrival.data))
            self._named.extendleft(self._frontier.settled(entry))
        self.tried += len(batch)
        self.images += taken.images
        self.unique += taken.unique
        self._progress(self.unique, self._limit)

    def _sift(self) -> bool:
        """Have some candidates sifted, if there are any."""
        from_disk, self._from_disk = self._from_disk, []
        some = from_disk or [self._named.popleft() for _ in range(min(len(self._named), _SIFTED))]
        if some:
            self._sifting, self._sifted_last = len(some), True
            self._give(self._sifter.sift, some, self._intake, then=partial(self._sifted, spill=not from_disk))
        return bool(some)

    def _sifted(self, sifted: Sifted, *, spill: bool) -> None:
        self._sifting = 0
        self.tried += sifted.recorded
        self._frontier.add(sifted.entries, spill=spill)
        self._checkers.expect(len(sifted.entries))

    def _read_pending(self, hosts: list[tuple[str, int]]) -> list[tuple[str, dict[int, Candidate], bool]]:
        return [(host, *self._catalog.pending(self.key, host, after, tried=self._again)) for host, after in hosts]

    def _take_pending(self, pages: list[tuple[str, dict[int, Candidate], bool]]) -> None:
        for host, rows, last in pages:
            self._from_disk += self._frontier.read(host, rows, last=last)

    def _missing(self) -> int | None:
        """Pictures still wanted if all that is under way, and not stuck, comes to something; None: all there are."""
        if self._limit is None:
            return None
        coming = len(self._tasks) - self._stuck.under_way + len(self._arrived) + self._recording
        return self._limit - self.unique - coming

    def _start(self) -> None:
        missing = self._missing()
        while len(self._tasks) < self._at_once and (missing is None or missing > 0):
            entry = self._frontier.next()
            if entry is None:
                return
            task = asyncio.create_task(self._bring(entry))
            self._tasks[task] = entry
            task.add_done_callback(self._landed)
            missing = None if missing is None else missing - 1

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
        self._wake.set()
        # Files are taken in the order of their names, so that the same files make the same workspace.
        for one in takewhile(asyncio.Task.done, list(self._tasks)) if self._source.read else [task]:
            self._take_in(one)

    def _take_in(self, task: "asyncio.Task[Arrival]") -> None:
        entry = self._tasks.pop(task)
        self._frontier.landed(entry)
        if task.cancelled():
            return
        if error := task.exception():
            if isinstance(error, NetworkDown):
                self.refusal = error
            else:
                self._failure = error
            return
        if not self._arrived:
            self._arrived_at = time.monotonic()
        self._arrived.append((entry, task.result()))

    async def _tick(self) -> None:
        """Look at what changes without an event: hosts that rested, hosts that hang, pictures that waited."""
        while True:
            await asyncio.sleep(_TICK)
            self._frontier.tick()
            if self._source.read is None:
                hosts = {entry.host for entry in self._tasks.values()}
                self._stuck = self._frontier.count(host for host in hosts if not self._web.well(host))
            self._wake.set()

    async def _land(self) -> None:
        """Give what is under way a moment to end well; a second Ctrl-C ends that too."""
        _log.warning("finishing what is under way; press Ctrl-C again to stop at once")
        self._naming.stop()
        self._web.wind_down()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_LANDINGS)

    async def _settle_the_rest(self) -> None:
        """Let go what is under way, and record what is whole; the rest stays pending."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._job or (self._arrived and not self._is_enough()):
            if self._job:
                await asyncio.wait([self._job[0]])
            self._go_on_recording()

    def _is_enough(self) -> bool:
        return self._limit is not None and self.unique >= self._limit
