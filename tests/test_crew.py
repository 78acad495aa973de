"""Jobs come back to who gave them, whatever became of their neighbours; threads take several only where many wait."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

import pytest

from negbuild.crew import Crew

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Counting(ThreadPoolExecutor):
    """Two threads; knows how many jobs each hand-over had."""

    def __init__(self) -> None:
        super().__init__(2)
        self.shares: list[int] = []

    def submit(self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Result]:
        [share] = args
        assert isinstance(share, list)
        self.shares.append(len(share))
        return super().submit(fn, *args, **kwargs)


def halved(number: int) -> int:
    if number % 2:
        raise ValueError(number)
    return number // 2


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def crew(executor: Executor) -> Crew:
    return Crew(executor, 2)


def test_each_job_gets_what_it_gives_or_raises() -> None:
    async def main() -> None:
        with Counting() as executor:
            one = crew(executor)
            found = await asyncio.gather(*(one.do(partial(halved, n)) for n in range(500)), return_exceptions=True)
            assert [n if isinstance(n, int) else n.args for n in found] == [
                (n,) if n % 2 else n // 2 for n in range(500)
            ]
            assert sum(executor.shares) == 500
            assert max(executor.shares) == 8
            assert len(executor.shares) < 100

    run(main())


def test_where_few_wait_each_thread_takes_one() -> None:
    async def main() -> None:
        with Counting() as executor:
            one, go = crew(executor), threading.Event()
            slow = [asyncio.create_task(one.do(go.wait)) for _ in range(4)]
            await asyncio.sleep(0.05)
            go.set()
            assert await asyncio.gather(*slow) == [True] * 4
            assert executor.shares == [1] * 4

    run(main())


def test_job_that_nobody_waits_for_any_more_is_not_begun() -> None:
    async def main() -> None:
        with Counting() as executor:
            one, go, begun = crew(executor), threading.Event(), [0]

            def count() -> None:
                begun[0] += 1

            blockers = [asyncio.create_task(one.do(go.wait)) for _ in range(2)]
            unwanted = [asyncio.create_task(one.do(count)) for _ in range(40)]
            wanted = asyncio.create_task(one.do(count))
            await asyncio.sleep(0.05)
            for task in unwanted:
                task.cancel()
            await asyncio.sleep(0)
            go.set()
            await asyncio.gather(wanted, *blockers)
            assert begun == [1]
            with pytest.raises(asyncio.CancelledError):
                await unwanted[0]

    run(main())
