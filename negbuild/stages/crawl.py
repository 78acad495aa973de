"""Ask a source for candidates, and hold the pictures they lead to: exactly as many as wanted, or a reason."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from negbuild.catalog import Catalog
from negbuild.errors import SourceError, UsageError
from negbuild.intake import Arrival, Intake
from negbuild.model import Candidate, Earlier, Progress, Role, Search, Skip, SkipReason, no_progress
from negbuild.names import category_name
from negbuild.picture import Limits, inspect
from negbuild.source import Source, Takes
from negbuild.web import Manners, Web
from negbuild.workspace import Workspace

_AT_ONCE = 32  # pictures under way; per host there are fewer, see Manners
_BATCH = 16  # pictures recorded in one transaction
_LONGEST_UNSETTLED = 0.5  # seconds that a picture may wait for others to be recorded with


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted: the search, the category (None: as the source groups them) and role, the limits of a picture."""

    search: Search
    category: str | None
    role: Role
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """What a crawl brought: `unique` images in all runs of this order, of which `new` in this one; skips by reason.

    `tried` counts the candidates of this run, `copies` the new images that are twins of another one. `refusal` is what
    the source said when it stopped answering; `categories` maps each name as it was given to the name it is held under;
    `made_workspace` says that there was none before.
    """

    unique: int
    new: int
    copies: int
    tried: int
    skips: dict[SkipReason, int]
    refusal: SourceError | None
    categories: dict[str, str]
    made_workspace: bool


def crawl(
    workspace: Workspace,
    source: Source,
    order: Order,
    *,
    manners: Manners | None = None,
    progress: Progress = no_progress,
) -> CrawlResult:
    """Hold pictures of one source until `order.search.limit` unique ones are there, or the source has no more.

    Raises UsageError where the order does not suit the source, SourceError where the source is not ready.
    """
    _check(workspace, source, order)
    order = replace(order, search=replace(order.search, base_url=source.address()))
    manners = replace(manners or Manners(), max_bytes=order.limits.max_bytes)
    made = workspace.make()
    with workspace.writing() as catalog:
        run = _Run(catalog, Intake(catalog, workspace.store, order.search.text), source, order, progress)
        asyncio.run(run.to_the_end(manners))
        return run.result(made_workspace=made)


def _check(workspace: Workspace, source: Source, order: Order) -> None:
    if source.takes is Takes.QUERY and not order.search.text.strip():
        raise UsageError(
            f"source {source.name}: needs a query; run: negbuild crawl --source {source.name} --query {source.example}"
        )
    if source.takes is Takes.NOTHING and order.search.text:
        raise UsageError(f"source {source.name}: takes no query, its pictures are what they are; leave --query out")
    if source.takes is Takes.PATH and order.search.path is None:
        raise UsageError(f"source {source.name}: takes a path; run: negbuild add PATH --category NAME --role known")
    if path := order.search.path:
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        if workspace.root.resolve().is_relative_to(path.resolve()):
            raise UsageError(f"{path}: holds the workspace itself; move the pictures into a folder of their own")
    if problem := source.missing():
        raise SourceError(f"source {source.name}: {problem}")


class _Run:
    """One crawl under way: candidates are named in one thread, fetched in the event loop, checked in threads."""

    def __init__(self, catalog: Catalog, intake: Intake, source: Source, order: Order, progress: Progress) -> None:
        self._catalog, self._intake = catalog, intake
        self._source, self._order, self._progress = source, order, progress
        self._categories: dict[str, str] = {}
        category = None if order.category is None else self._declared(order.category)
        self._key = (source.name, order.search.text, category)
        self._before = catalog.unique_count(*self._key)
        self._unique = self._before
        self._tried = self._images = 0
        self._refusal: SourceError | None = None
        self._under_way: dict[asyncio.Task[Arrival], tuple[str, str]] = {}

    def result(self, *, made_workspace: bool) -> CrawlResult:
        new = self._unique - self._before
        return CrawlResult(
            unique=self._unique,
            new=new,
            copies=self._images - new,
            tried=self._tried,
            skips=self._catalog.skip_reasons(*self._key),
            refusal=self._refusal,
            categories=self._categories,
            made_workspace=made_workspace,
        )

    async def to_the_end(self, manners: Manners) -> None:
        self._progress(self._unique, self._order.search.limit)
        if self._has_room():
            async with Web(manners) as web:
                try:
                    await self._gather(web, manners, self._source.search(self._order.search, web))
                finally:  # interrupted: what is whole is recorded, the rest is let go before the client closes
                    for task in self._under_way:
                        task.cancel()
                    await asyncio.gather(*self._under_way, return_exceptions=True)
                    self._settle([task for task in self._under_way if not (task.cancelled() or task.exception())])

    def _has_room(self) -> bool:
        """Whether one more picture may be started; never more than are wanted, so that none is held in excess."""
        limit = self._order.search.limit
        return len(self._under_way) < _AT_ONCE and (limit is None or self._unique + len(self._under_way) < limit)

    async def _gather(self, web: Web, manners: Manners, candidates: Iterator[Candidate]) -> None:
        naming: asyncio.Task[Candidate | None] | None = None
        exhausted = False
        settled_at = time.monotonic()
        while True:
            if naming is None and not exhausted and self._has_room():
                naming = asyncio.create_task(asyncio.to_thread(next, candidates, None))
            arrived = [task for task in self._under_way if task.done()]
            waiting = {*self._under_way, *([naming] if naming else [])} - {*arrived}
            late = time.monotonic() - settled_at > _LONGEST_UNSETTLED
            if arrived and (late or not waiting or len(arrived) >= _BATCH):
                self._settle(arrived)
                settled_at = time.monotonic()
                continue
            if not waiting:
                return
            await asyncio.wait(waiting, timeout=_LONGEST_UNSETTLED, return_when=asyncio.FIRST_COMPLETED)
            if naming and naming.done():
                exhausted = not self._take(web, manners, naming)
                naming = None

    def _take(self, web: Web, manners: Manners, naming: asyncio.Task[Candidate | None]) -> bool:
        """Start on the candidate just named, if it is worth it; return whether there may be more."""
        try:
            named = naming.result()
        except SourceError as error:
            self._refusal = error
            return False
        if named is None:
            return False
        category = self._declared(named.category if self._order.category is None else self._order.category)
        candidate = replace(named, category=category)
        if (candidate.source_id, category) in self._under_way.values():
            return True
        earlier = self._catalog.earlier(candidate)
        if earlier and earlier.sha256 and not earlier.here:
            self._tried += 1
            self._intake.add_origin(candidate, earlier.sha256)
        elif earlier is None or not earlier.here or self._worth_another_try(earlier, manners):
            task = asyncio.create_task(self._arrive(web, candidate))
            self._under_way[task] = (candidate.source_id, category)
        return True

    def _declared(self, given: str) -> str:
        """Return the name that a category is held under, declared with the role of the order."""
        if given not in self._categories:
            name = category_name(given)
            self._catalog.declare(name, self._order.role)
            self._categories[given] = name
        return self._categories[given]

    def _worth_another_try(self, earlier: Earlier, manners: Manners) -> bool:
        """Whether a skip may end otherwise now: the fault was passing, or a limit was loosened since."""
        limits, before = self._order.limits, earlier.limit or 0
        loosened = {
            SkipReason.PRIVATE_ADDRESS: manners.allow_private,
            SkipReason.ANIMATED: limits.first_frame,
            SkipReason.TOO_SMALL: limits.min_side < before,
            SkipReason.TOO_MANY_BYTES: limits.max_bytes > before,
            SkipReason.TOO_MANY_PIXELS: limits.max_pixels > before,
        }
        return earlier.reason is not None and loosened.get(earlier.reason, earlier.reason.transient)

    async def _arrive(self, web: Web, candidate: Candidate) -> Arrival:
        if self._source.read:
            data = await asyncio.to_thread(self._read, candidate)
        else:
            data = await web.fetch(candidate.url)
        if isinstance(data, Skip):
            return Arrival(candidate, data)
        return Arrival(candidate, await asyncio.to_thread(inspect, data, self._order.limits), data)

    def _read(self, candidate: Candidate) -> bytes | Skip:
        assert self._source.read is not None
        try:
            return self._source.read(candidate, self._order.limits.max_bytes)
        except OSError as error:
            return Skip(SkipReason.UNREADABLE, error.strerror or str(error))

    def _settle(self, tasks: list[asyncio.Task[Arrival]]) -> None:
        """Record what arrived; a failure to record is an error of the whole run."""
        arrivals = [task.result() for task in tasks]
        for task in tasks:
            del self._under_way[task]
        self._tried += len(arrivals)
        taken = self._intake.settle(arrivals)
        self._images += taken.images
        self._unique += taken.unique
        if arrivals:
            self._progress(self._unique, self._order.search.limit)
