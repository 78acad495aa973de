"""Who checks pictures: a few threads and, once pictures have to wait, a process for each processor.

Threads stand in each other's way: they need the one interpreter between any two steps of a picture.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple
from functools import partial
from typing import Self, cast

from negbuild import worker
from negbuild.checking import Checked, Packed, check, check_packed, unpacked
from negbuild.crew import Crew
from negbuild.picture import Limits

_log = logging.getLogger("negbuild")

_CORES = os.cpu_count() or 1
_THREADS = _CORES + 1  # one waits for the interpreter while the others decode
_AHEAD = 8  # pictures given to a process at a time, so that it never waits for the next

PROCESSES = min(_CORES, 4) if _CORES > 1 else 0
"""How many are started: more would wait for the event loop that feeds them."""

WORTHWHILE = 64
"""Pictures before the first process: starting it costs as much as checking them."""


class Checkers:
    """Checks pictures; belongs to one event loop. Use it as an asynchronous context manager."""

    def __init__(self, limits: Limits) -> None:
        """Hold pictures to these limits."""
        self._limits = limits
        self._threads = ThreadPoolExecutor(_THREADS, "checker")
        self._crew = Crew(self._threads, _THREADS)
        self.do = self._crew.do
        """Does anything else in one of the threads."""
        self._checked = 0
        self._starting: list[asyncio.Task[None]] = []
        self.employed: list[_Process] = []
        """The processes that check pictures now."""
        self._waiting: deque[tuple[bytes, asyncio.Future[Checked]]] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for start in self._starting:
            start.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        self._threads.shutdown()

    async def check(self, data: bytes) -> Checked:
        """Check one picture."""
        self._checked += 1
        if not self._starting and self._crew.waiting and self._checked > WORTHWHILE:
            self._starting = [asyncio.create_task(self._employ()) for _ in range(PROCESSES)]
        if self.employed:
            done: asyncio.Future[Checked] = asyncio.get_running_loop().create_future()
            self._waiting.append((data, done))
            self._hand_out()
            with suppress(ChildProcessError):  # that somebody ended: a thread takes its place
                return await done
        return await self.do(partial(check, data, self._limits))

    async def _employ(self) -> None:
        """Have pictures checked by one more process, as long as it lasts."""
        try:
            async with _running(self._limits, self._hand_out) as process:
                self.employed.append(process)
                self._hand_out()
                await process.ended.wait()
        except OSError as error:
            _log.debug("checking without a process: %s", error)

    def _hand_out(self) -> None:
        self.employed = [process for process in self.employed if not process.ended.is_set()]
        while self._waiting:
            idlest = min(self.employed, key=lambda process: process.under_way, default=None)
            if idlest and idlest.under_way >= _AHEAD:
                return
            data, done = self._waiting.popleft()
            if done.done():  # nobody waits for it any more
                continue
            if idlest:
                idlest.ask(data, done)
            else:
                done.set_exception(ChildProcessError())


@asynccontextmanager
async def _running(limits: Limits, answered: Callable[[], None]) -> AsyncIterator["_Process"]:
    """Run a process that checks pictures; `answered` is called when it can take more, or has ended."""
    _, process = await asyncio.get_running_loop().subprocess_exec(
        lambda: _Process(limits, answered),
        *worker.command(),
        stderr=None,
        env=worker.environment(),
        start_new_session=True,  # Ctrl-C is not for it
    )
    try:
        process.ask(b"", process.ready)
        with suppress(ChildProcessError):  # whether it runs is asked each time
            await process.ready
        yield process
    finally:
        await process.end()


class _Process(asyncio.SubprocessProtocol):
    """A process that checks pictures, in the order they came; of those it leaves undone, ChildProcessError tells."""

    def __init__(self, limits: Limits, answered: Callable[[], None]) -> None:
        self.ready: asyncio.Future[Checked] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()
        self._limits, self._answered = astuple(limits), answered
        self._asked: deque[asyncio.Future[Checked]] = deque()
        self._heard = bytearray()
        self._transport: asyncio.SubprocessTransport

    @property
    def under_way(self) -> int:
        """Pictures it has been given."""
        return len(self._asked)

    def ask(self, data: bytes, done: asyncio.Future[Checked]) -> None:
        """Have a picture checked."""
        self._asked.append(done)
        pipe = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))
        pipe.write(worker.call(check_packed, data, self._limits))

    async def end(self) -> None:
        """End it at once: it holds nothing that could be lost."""
        with suppress(ProcessLookupError):
            self._transport.kill()
        await self.ended.wait()
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; the event loop calls this and the next ones."""
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:  # noqa: ARG002  there is but one
        """Read what it says."""
        assert isinstance(data, bytes)
        self._heard += data
        while len(self._heard) >= (end := worker.HEAD + worker.length(self._heard)):
            message, done = self._heard[worker.HEAD : end], self._asked.popleft()
            del self._heard[:end]
            if done.done():
                continue
            try:
                done.set_result(unpacked(cast("Packed", worker.answer(message))))
            except Exception as error:  # noqa: BLE001  raised where the picture is waited for
                done.set_exception(error)
        self._answered()

    def process_exited(self) -> None:
        """Give up what is under way."""
        self.ended.set()
        for done in self._asked:
            if not done.done():
                done.set_exception(ChildProcessError())
        self._asked.clear()
        self._answered()
