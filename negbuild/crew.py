"""Threads that take several jobs at a time where many wait: each hand-over costs a good part of checking a picture."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

Result = TypeVar("Result")
_Job = tuple[Callable[[], Any], asyncio.Future[Any]]

_MOST_AT_A_TIME = 8


class Crew:
    """Does jobs in threads, first come, first served; belongs to one event loop."""

    def __init__(self, executor: Executor, threads: int) -> None:
        """Use so many threads of an executor."""
        self._executor, self._threads, self._idle = executor, threads, threads
        self._waiting: deque[_Job] = deque()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Jobs that no thread has taken yet."""
        return len(self._waiting)

    async def do(self, work: Callable[[], Result]) -> Result:
        """Do one job; raises what it raises."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        self._hand_out()
        return await done

    def close(self) -> None:
        """Begin no more jobs: the executor is about to end."""
        self._closed = True
        for _, done in self._waiting:
            done.cancel()

    def _hand_out(self) -> None:
        while self._idle and self._waiting and not self._closed:
            # Nobody takes more than a part of what waits, so that a long job keeps few others waiting.
            share = min(_MOST_AT_A_TIME, 1 + len(self._waiting) // (2 * self._threads))
            jobs = [self._waiting.popleft() for _ in range(share)]
            self._idle -= 1
            work = asyncio.get_running_loop().run_in_executor(self._executor, _outcomes, jobs)
            work.add_done_callback(self._take_back)

    def _take_back(self, work: "asyncio.Future[list[tuple[asyncio.Future[Any], Any]]]") -> None:
        self._idle += 1
        self._hand_out()
        for done, outcome in [] if work.cancelled() else work.result():
            if done.cancelled():
                continue
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)


def _outcomes(jobs: list[_Job]) -> list[tuple[asyncio.Future[Any], Any]]:
    """Do jobs that are still wanted, one after the other: what each gives or raises."""
    outcomes: list[tuple[asyncio.Future[Any], Any]] = []
    for work, done in jobs:
        if done.cancelled():
            continue
        try:
            outcomes.append((done, work()))
        except Exception as error:  # noqa: BLE001  raised where the job was given
            outcomes.append((done, error))
    return outcomes
