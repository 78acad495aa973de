"""Who checks pictures: a few threads and, once pictures have to wait, a process for each processor.

Threads stand in each other's way: they need the one interpreter between any two steps of a picture.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import astuple
from functools import partial
from itertools import islice
from typing import Any, Self, cast

from negbuild import worker, workers
from negbuild.checking import Checked, Packed, check, check_packed, unpacked
from negbuild.crew import Crew
from negbuild.picture import Limits
from negbuild.workers import PROCESSES, SURELY_WORTHWHILE, WORTHWHILE

_log = logging.getLogger("negbuild")

_THREADS = (os.cpu_count() or 1) + 1  # one waits for the interpreter while the others decode
_AHEAD = 8  # pictures given to a process at a time, so that it never waits for the next
_PARTS = 2  # of a call, written at once: the process is to wake once
_ANSWERS = 2**16  # bytes of them that are read at a time


class Checkers:
    """Checks pictures; belongs to one event loop. Use it as an asynchronous context manager."""

    def __init__(self, limits: Limits) -> None:
        """Hold pictures to these limits."""
        self._limits = limits
        self._threads = ThreadPoolExecutor(_THREADS, "checker")
        self._crew = Crew(self._threads, _THREADS)
        self.do = self._crew.do
        """Does anything else in one of the threads."""
        self._checked = self._expected = 0
        self._started: list[_Process] | None = None
        self.employed: list[_Process] = []
        """The processes that check pictures now."""
        self._waiting: deque[tuple[bytes, bool, asyncio.Future[Checked]]] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self._started or []:
            process.end()
        self._crew.close()
        self._threads.shutdown()

    def expect(self, number: int) -> None:
        """Say that so many more pictures may come: the processes start while the first of them are on their way."""
        self._expected += number
        if self._started is None and self._expected >= SURELY_WORTHWHILE:
            self._start()

    async def check(self, data: bytes, *, sketch: bool = False) -> Checked:
        """Check one picture; `sketch` it in any case, or only if there is time.

        What is not sketched is decoded again when copies are looked for.
        """
        self._checked += 1
        if self._started is None and self._crew.waiting and self._checked > WORTHWHILE:
            self._start()
        if self.employed:
            done: asyncio.Future[Checked] = asyncio.get_running_loop().create_future()
            self._waiting.append((data, sketch, done))
            self._hand_out()
            with suppress(ChildProcessError):  # that somebody ended: a thread takes its place
                return await done
        sketch = sketch or not (self._crew.waiting or self.employed)
        return await self.do(partial(check, data, self._limits, sketch=sketch))

    def _start(self) -> None:
        self._started = []
        try:
            for _ in range(PROCESSES):
                self._started.append(_Process(astuple(self._limits), self._hand_out))
        except (OSError, NotImplementedError) as error:
            _log.debug("checking without a process: %s", error)

    def _hand_out(self) -> None:
        self.employed = [process for process in self._started or [] if process.ready and not process.ended]
        while self._waiting:
            idlest = min(self.employed, key=lambda process: process.under_way, default=None)
            if idlest and idlest.under_way >= _AHEAD:
                return
            data, sketch, done = self._waiting.popleft()
            if done.done():  # nobody waits for it any more
                continue
            if idlest:
                idlest.ask(data, done, sketch=sketch)
            else:
                done.set_exception(ChildProcessError())


class _Process:
    """A process that checks pictures, in the order they came; of those it leaves undone, ChildProcessError tells.

    Its pipes are written to and read from here: the transports of uvloop close a file twice, and the second time it may
    be one that another thread has just opened.
    """

    def __init__(self, limits: tuple[Any, ...], news: Callable[[], None]) -> None:
        """Start it; `limits` are those of `check_packed`, `news` is called when it can take more, or has ended.

        Raises OSError where there can be none, NotImplementedError where the event loop reads no pipes (Windows).
        """
        self.ready = self.ended = False
        self._limits, self._news = limits, news
        self._asked: deque[asyncio.Future[Checked]] = deque()
        self._unsent: deque[memoryview] = deque()
        self._heard = bytearray()
        self._loop = asyncio.get_running_loop()
        self._process = workers.start()
        assert self._process.stdin
        assert self._process.stdout
        self._calls, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()
        try:
            self._loop.add_reader(self._answers, self._hear)
        except NotImplementedError:
            workers.end(self._process)
            raise
        os.set_blocking(self._calls, False)
        nobody: asyncio.Future[Checked] = self._loop.create_future()
        nobody.cancel()
        self.ask(b"", nobody, sketch=False)  # its answer says that it is ready

    @property
    def under_way(self) -> int:
        """Pictures it has been given."""
        return len(self._asked)

    def ask(self, data: bytes, done: asyncio.Future[Checked], *, sketch: bool) -> None:
        """Have a picture checked, and sketched if that is wished."""
        idle = not self._unsent
        self._unsent.extend(map(memoryview, worker.call_on(data, check_packed, self._limits, sketch)))
        self._asked.append(done)
        if idle:
            self._send()

    def end(self) -> None:
        """End it, and give up what is under way."""
        if self.ended:
            return
        self.ended = True
        self._loop.remove_reader(self._answers)
        self._loop.remove_writer(self._calls)
        workers.end(self._process)
        self._unsent.clear()
        for done in self._asked:
            if not done.done():
                done.set_exception(ChildProcessError())
        self._asked.clear()
        self._news()

    def _send(self) -> None:
        """Write as much as it can take now, and the rest when it can take more."""
        with suppress(BrokenPipeError):  # it has ended: what it said before is read first
            while self._unsent:
                try:
                    sent = os.writev(self._calls, list(islice(self._unsent, _PARTS)))
                except BlockingIOError:
                    self._loop.add_writer(self._calls, self._send)
                    return
                while self._unsent and sent >= len(self._unsent[0]):
                    sent -= len(self._unsent.popleft())
                if sent:
                    self._unsent[0] = self._unsent[0][sent:]
        self._loop.remove_writer(self._calls)

    def _hear(self) -> None:
        """Read what it says."""
        heard = os.read(self._answers, _ANSWERS)
        if not heard:
            self.end()
            return
        self._heard += heard
        while len(self._heard) >= (end := worker.HEAD + worker.length(self._heard)):
            message, done = self._heard[worker.HEAD : end], self._asked.popleft()
            del self._heard[:end]
            self.ready = True
            if done.done():
                continue
            try:
                done.set_result(unpacked(cast("Packed", worker.answer(message))))
            except Exception as error:  # noqa: BLE001  raised where the picture is waited for
                done.set_exception(error)
        self._news()
