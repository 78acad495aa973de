"""Ask sources for candidates, and hold the pictures they lead to: exactly as many as wanted, or a reason."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from negbuild import fleet
from negbuild.addresses import host_of
from negbuild.catalog import Catalog
from negbuild.crawler import Crawler
from negbuild.engine import Engine
from negbuild.errands import Errand, Quota, Shares
from negbuild.errors import SourceError
from negbuild.frontier import Once
from negbuild.hosts import Hosts
from negbuild.intake import Intake
from negbuild.manners import Manners
from negbuild.model import Candidate, Progress, Skip, SkipReason, no_progress
from negbuild.order import Order
from negbuild.sifter import Fetch, Sifter
from negbuild.source import Source
from negbuild.web import Web
from negbuild.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Share:
    """What one source brought for one query: the fields of `CrawlResult`, for this errand alone."""

    source: str
    query: str
    unique: int
    new: int
    copies: int
    tried: int
    pending: int
    skips: dict[SkipReason, int]
    refusal: SourceError | None


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """What a crawl brought: `unique` images in all runs of this order, of which `new` in this one; skips by reason.

    `tried` counts the candidates of this run, `copies` the new images that are twins of another one; `pending` were
    named and not tried yet. `refusal` is what a source said when it stopped answering; `categories` maps each name as
    it was given to the name it is held under; `made_workspace` says that there was none before. `shares` has the same
    for each source and query.
    """

    unique: int
    new: int
    copies: int
    tried: int
    pending: int
    skips: dict[SkipReason, int]
    refusal: SourceError | None
    categories: dict[str, str]
    made_workspace: bool
    shares: list[Share] = field(default_factory=list)


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
    return crawl_all(workspace, [Errand(source, order)], order.search.limit, manners=manners, progress=progress)


def crawl_all(
    workspace: Workspace,
    errands: Sequence[Errand],
    wanted: int | None,
    *,
    manners: Manners | None = None,
    progress: Progress = no_progress,
) -> CrawlResult:
    """Hold `wanted` unique pictures of several errands, each as large a share as the others, as far as it can.

    What one cannot bring, the others do; None: all there are. Raises UsageError where an order does not suit its
    source, SourceError where no source is ready.
    """
    for errand in errands:
        errand.check(workspace)
    unready = [errand.not_ready() for errand in errands]
    if problem := all(unready) and unready[0]:
        raise problem
    made = workspace.make()
    with workspace.writing() as catalog:
        for errand in errands:
            if not errand.official:
                catalog.add_service(errand.source.name, host_of(errand.base_url))
        manners = replace(manners or Manners(), max_bytes=max(errand.order.limits.max_bytes for errand in errands))
        engine = Engine(catalog, Intake(catalog, workspace.store), manners)
        numbers = Shares(wanted, [catalog.unique_count(*errand.key) for errand in errands], progress)
        parts = [
            problem or Crawler(engine, _limited(errand, wanted), Quota(numbers, place))
            for place, (errand, problem) in enumerate(zip(errands, unready, strict=True))
        ]
        crawlers = [part for part in parts if isinstance(part, Crawler)]
        for place, part in enumerate(parts):
            if isinstance(part, SourceError):
                numbers.end(place)
        progress(sum(numbers.held), wanted)
        fleet.run(engine, crawlers, numbers)
        shares = [_share(catalog, errand, part) for errand, part in zip(errands, parts, strict=True)]
    return _sum(shares, {given: held for one in crawlers for given, held in one.categories.items()}, made=made)


def _limited(errand: Errand, wanted: int | None) -> Errand:
    return replace(errand, order=replace(errand.order, search=replace(errand.order.search, limit=wanted)))


def _share(catalog: Catalog, errand: Errand, part: Crawler | SourceError) -> Share:
    """Say what an errand brought; one that was not ready brought nothing."""
    if isinstance(part, SourceError):
        key, unique, new, images, tried = errand.key, catalog.unique_count(*errand.key), 0, 0, 0
    else:
        key, unique, new = part.key, part.quota.held, part.quota.held - part.quota.before
        images, tried = part.images, part.tried
    return Share(
        source=errand.source.name,
        query=errand.order.search.text,
        unique=unique,
        new=new,
        copies=images - new,
        tried=tried,
        pending=catalog.pending_hosts(*key).total(),
        skips=catalog.skip_reasons(*key),
        refusal=part if isinstance(part, SourceError) else part.refusal,
    )


def _sum(shares: list[Share], categories: dict[str, str], *, made: bool) -> CrawlResult:
    skips = sum((Counter(share.skips) for share in shares), Counter())
    return CrawlResult(
        unique=sum(share.unique for share in shares),
        new=sum(share.new for share in shares),
        copies=sum(share.copies for share in shares),
        tried=sum(share.tried for share in shares),
        pending=sum(share.pending for share in shares),
        skips=dict(skips.most_common()),
        refusal=next((share.refusal for share in shares if share.refusal), None),
        categories=categories,
        made_workspace=made,
        shares=shares,
    )


@dataclass(frozen=True, slots=True)
class Preview:
    """What a crawl would do: fetch `candidates`; `known` were tried before, `skips` are not wanted, by reason.

    `refusals` are what sources said when they stopped answering.
    """

    candidates: list[Candidate]
    known: int
    skips: dict[SkipReason, int]
    refusals: list[SourceError]


def preview(workspace: Workspace, errands: Sequence[Errand], wanted: int, *, manners: Manners | None = None) -> Preview:
    """Name what a crawl would fetch, up to as many as are still missing; fetch nothing and write nothing."""
    for errand in errands:
        errand.check(workspace)
    manners = manners or Manners()
    hosts = Hosts(manners.pace)
    found: list[Candidate] = []
    known, skips, refusals, once = 0, Counter[SkipReason](), [], Once()
    with ExitStack() as stack:
        catalog = stack.enter_context(workspace.reading() if workspace.exists else closing(Catalog(Path(":memory:"))))
        missing = wanted - sum(catalog.unique_count(*errand.key) for errand in errands)
        for turn, errand in enumerate(errands):
            share = len(found) + (missing - len(found)) // (len(errands) - turn)
            web = stack.enter_context(closing(Web(errand.manners(manners), hosts)))
            sifter = Sifter(catalog, errand.source, errand.order, errand.manners(manners))
            try:
                if problem := errand.not_ready():
                    raise problem
                for named in errand.candidates(web) if share > len(found) else ():
                    candidate, decision = sifter.look_at(named)
                    if isinstance(decision, Fetch):
                        found += [candidate] if once.is_new(candidate) else []
                    elif isinstance(decision, Skip):
                        skips[decision.reason] += 1
                    else:
                        known += 1
                    if len(found) >= share:
                        break
            except SourceError as error:
                refusals.append(error)
    return Preview(found, known, dict(skips.most_common()), refusals)
