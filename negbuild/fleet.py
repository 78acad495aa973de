"""Crawlers under way at once: no errand waits for the slow hosts of another one."""

import asyncio
from collections.abc import Collection, Sequence
from itertools import islice

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
    on_the_web = [crawler for crawler in crawlers if not crawler.local]
    locally = [crawler for crawler in crawlers if crawler.local]
    under_way: dict[asyncio.Task[None], Crawler] = {}
    async with engine:
        try:
            while under_way or not shares.reached:
                due = [
                    *_due(on_the_web, _TOGETHER - _busy(under_way.values(), local=False)),
                    *_due(locally, _TOGETHER_LOCALLY - _busy(under_way.values(), local=True)),
                ]
                under_way |= {asyncio.create_task(crawler.run()): crawler for crawler in due}
                engine.busy = _busy(under_way.values(), local=False)
                done, _ = await asyncio.wait(under_way, timeout=_TICK, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                    if isinstance(under_way.pop(task).refusal, NetworkDown):
                        for crawler in [*on_the_web, *locally]:  # that says nothing good of the turn of these
                            crawler.quota.end()
        except Exception:
            engine.failed = True
            raise
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)


def _busy(under_way: Collection[Crawler], *, local: bool) -> int:
    """Count those that are not waiting for the others."""
    return sum(crawler.quota.lacks for crawler in under_way if crawler.local is local)


def _due(waiting: list[Crawler], room: int) -> list[Crawler]:
    """Take those that are to begin now, in their order."""
    due = list(islice((crawler for crawler in waiting if crawler.quota.lacks), max(0, room)))
    for crawler in due:
        waiting.remove(crawler)
    return due
