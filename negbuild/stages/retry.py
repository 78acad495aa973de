"""Take up what failed for now in any crawl of the workspace, or say what would be taken up."""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from negbuild import fleet
from negbuild.catalog import Catalog
from negbuild.crawler import Crawler
from negbuild.engine import Engine
from negbuild.errands import Errand, Quota, Shares
from negbuild.errors import UsageError
from negbuild.frontier import Once
from negbuild.intake import Intake
from negbuild.manners import Manners
from negbuild.model import Candidate, Progress, Search, SkipReason, no_progress
from negbuild.order import Order
from negbuild.picture import DEFAULT_LIMITS, Limits
from negbuild.sifter import Fetch, Sifter
from negbuild.source import find_source
from negbuild.workspace import Workspace

_log = logging.getLogger("negbuild")


@dataclass(frozen=True, slots=True)
class RetryResult:
    """What trying again brought: of `tried` candidates `new` unique images and `copies`; `failed` did so again.

    `later` are not due yet; the first of them is at `next_at` (Unix time).
    """

    tried: int
    new: int
    copies: int
    failed: dict[SkipReason, int]
    later: int
    next_at: int | None


def retry(
    workspace: Workspace,
    limits: Limits = DEFAULT_LIMITS,
    *,
    manners: Manners | None = None,
    progress: Progress = no_progress,
) -> RetryResult:
    """Take up what failed for now in any crawl of the workspace, and nothing else, as far as its hosts allow by now."""
    manners = replace(manners or Manners(), max_bytes=limits.max_bytes)
    with workspace.writing() as catalog:
        engine = Engine(catalog, Intake(catalog, workspace.store), manners)
        due = list(_due(catalog, limits))
        shares = Shares(None, [0] * len(due), progress)
        crawlers = [
            Crawler(
                engine,
                errand,
                Quota(shares, place),
                manners=replace(manners, documented=catalog.services(errand.source.name)),
                candidates=candidates,
            )
            for place, (errand, candidates) in enumerate(due)
        ]
        fleet.run(engine, crawlers, shares)
        for refusal in filter(None, (crawler.refusal for crawler in crawlers)):
            raise refusal
        tried, images = sum(one.tried for one in crawlers), sum(one.images for one in crawlers)
        new = sum(shares.held)
        later = catalog.due_later(time.time())
        failed = Counter[SkipReason]()
        for count in catalog.counts():
            if count.reason and count.reason.transient:
                failed[count.reason] += count.number
    return RetryResult(tried, new, images - new, dict(failed.most_common()), *later)


@dataclass(frozen=True, slots=True)
class RetryPreview:
    """What trying again would do: fetch `candidates`; `later` are not due yet, the first of them at `next_at`."""

    candidates: list[Candidate]
    later: int
    next_at: int | None


def preview_retry(
    workspace: Workspace, limits: Limits = DEFAULT_LIMITS, *, manners: Manners | None = None
) -> RetryPreview:
    """Name what `retry` would try now; ask nobody and write nothing."""
    manners = manners or Manners()
    with workspace.reading() as catalog:
        found, once = [], Once()
        for errand, candidates in _due(catalog, limits):
            sifter = Sifter(catalog, errand.source, errand.order, errand.manners(manners))
            looked_at = map(sifter.look_at, candidates)
            found += [one for one, decision in looked_at if isinstance(decision, Fetch) and once.is_new(one)]
        return RetryPreview(found, *catalog.due_later(time.time()))


def _due(catalog: Catalog, limits: Limits) -> Iterator[tuple[Errand, Iterator[Candidate]]]:
    """Give what failed and may be tried by now as it was crawled: by source, query and category."""
    roles = catalog.categories()
    for (name, query, category), numbers in catalog.due(time.time()).items():
        try:
            source = find_source(name)
        except UsageError as error:  # it came with a package that is gone
            _log.warning("%s; failed candidates of it are not tried again: %d", error, len(numbers))
            continue
        yield Errand(source, Order(Search(query), category, roles[category], limits)), catalog.tried(numbers)
