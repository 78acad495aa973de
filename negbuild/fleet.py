"""Crawlers under way at once: no errand waits for the slow hosts of another one."""

import asyncio
from collections.abc import Sequence

from negbuild.crawler import Crawler
from negbuild.engine import Engine
from negbuild.errands import Shares
from negbuild.errors import NetworkDown
from negbuild.loop import loop_factory

_TOGETHER = 8  # errands that ask the web; each is asked for candidates in a thread of its own
_TOGETHER_LOCALLY = 1  # in their order, so that the same files make the same workspace
_TICK = 0.1  # seconds


def run(engine: Engine, crawlers: Sequence[Crawler], shares: Shares) -> None:
    """Run crawlers until they have their shares, or no more to bring."""
    with engine.recorder:
        if not shares.reached:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(_run(engine, crawlers, shares))


async def _run(engine: Engine, crawlers: Sequence[Crawler], shares: Shares) -> None:
    waiting = list(crawlers)
    under_way: dict[asyncio.Task[None], Crawler] = {}
    async with engine:
        try:
            while under_way or not shares.reached:
                for crawler in _next(engine, waiting, list(under_way.values())):
                    waiting.remove(crawler)
                    under_way[asyncio.create_task(crawler.run())] = crawler
                done, _ = await asyncio.wait(under_way, timeout=_TICK, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                    if isinstance(under_way.pop(task).refusal, NetworkDown):
                        while waiting:  # that says nothing good of the turn of these
                            waiting.pop().quota.end()
        except Exception:
            engine.failed = True
            raise
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)


def _next(engine: Engine, waiting: Sequence[Crawler], under_way: Sequence[Crawler]) -> list[Crawler]:
    """Choose who is to start now, in their order; those that wait for the others take nobody's place."""
    busy = [crawler.local for crawler in under_way if crawler.quota.lacks]
    rooms = {True: _TOGETHER_LOCALLY - sum(busy), False: _TOGETHER - len(busy) + sum(busy)}
    chosen: list[Crawler] = []
    for crawler in waiting:
        if crawler.quota.lacks and rooms[crawler.local] > 0:
            rooms[crawler.local] -= 1
            chosen.append(crawler)
    engine.busy = _TOGETHER - rooms[False]
    return chosen
