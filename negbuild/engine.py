"""What the errands of one run share: one writer, one client, who checks pictures, and what is known of hosts."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Self

from negbuild.catalog import Catalog
from negbuild.checkers import Checkers
from negbuild.frontier import Claims
from negbuild.hosts import Hosts
from negbuild.intake import Intake
from negbuild.manners import Manners
from negbuild.picture import Limits
from negbuild.places import Places
from negbuild.web import Web

_log = logging.getLogger("negbuild")


class Engine:
    """What crawlers run on; use it as an asynchronous context manager."""

    def __init__(self, catalog: Catalog, intake: Intake, manners: Manners) -> None:
        """Behave like that on the web; the manners of an errand may differ in what they say of its service."""
        self.catalog, self.intake, self.manners = catalog, intake, manners
        self.web = Web(manners, Hosts(manners.pace))
        self.recorder = ThreadPoolExecutor(1, "recorder")
        """The one thread that writes to the catalog."""
        self.claims: Claims = {}
        self.places = Places(self.web.wait)
        """What is under way, of all errands."""
        self.busy = 0
        """Errands that are not waiting for the others."""
        self.failed = False
        """Whether one of them ended in an error: then nothing that is under way is waited for."""
        self._checkers: dict[Limits, Checkers] = {}
        self._open = AsyncExitStack()
        self._landing = False

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self.web)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def checkers(self, limits: Limits) -> Checkers:
        """Return who checks pictures by these limits; errands with the same ones share them."""
        if limits not in self._checkers:
            made = self._checkers[limits] = Checkers(limits)
            await self._open.enter_async_context(made)
        return self._checkers[limits]

    def land(self) -> None:
        """Wait for no host any more, and say so once."""
        if not self._landing:
            self._landing = True
            _log.warning("finishing what is under way; press Ctrl-C again to stop at once")
            self.web.wind_down()


class Recorder:
    """Has one errand's jobs done in the recording thread, one at a time."""

    def __init__(self, engine: Engine, wake: Callable[[], object]) -> None:
        """Call `wake` whenever a job is done."""
        self._thread, self._wake = engine.recorder, wake
        self._job: asyncio.Future[Any] | None = None
        self.failure: Exception | None = None
        """What a job raised, or taking what came of it."""

    @property
    def idle(self) -> bool:
        """Whether it can be given a job."""
        return self._job is None

    def give(self, work: Callable[..., Any], *given: object, then: Callable[[Any], None]) -> None:
        """Have a job done; `then` takes what comes of it before that of any later job, of whichever errand."""
        self._job = asyncio.get_running_loop().run_in_executor(self._thread, work, *given)
        self._job.add_done_callback(partial(self._done, then))

    async def wait(self) -> None:
        """Wait until it is idle."""
        if self._job:
            await asyncio.wait([self._job])

    def _done(self, then: Callable[[Any], None], job: "asyncio.Future[Any]") -> None:
        self._job = None
        self._wake()
        try:
            then(job.result())
        except Exception as error:  # noqa: BLE001  raised again where it is waited for
            self.failure = error
