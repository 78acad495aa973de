"""Ask a source for candidates, and hold the pictures they lead to: exactly as many as wanted, or a reason."""

import time
from collections import Counter, defaultdict
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from negbuild.addresses import host_of
from negbuild.catalog import Catalog
from negbuild.crawler import Crawler
from negbuild.errors import SourceError, UsageError
from negbuild.intake import Intake
from negbuild.manners import Manners
from negbuild.model import Candidate, Progress, Search, Skip, SkipReason, no_progress
from negbuild.names import category_name
from negbuild.order import Order
from negbuild.picture import DEFAULT_LIMITS, Limits
from negbuild.sifter import Fetch, Sifter
from negbuild.source import Source, find_source
from negbuild.web import Web
from negbuild.workspace import Workspace


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """What a crawl brought: `unique` images in all runs of this order, of which `new` in this one; skips by reason.

    `tried` counts the candidates of this run, `copies` the new images that are twins of another one; `pending` were
    named and not tried yet. `refusal` is what the source said when it stopped answering; `categories` maps each name as
    it was given to the name it is held under;
    `made_workspace` says that there was none before.
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
    order = _addressed(order, source)
    made = workspace.make()
    with workspace.writing() as catalog:
        crawler = Crawler(catalog, Intake(catalog, workspace.store), source, order, _towards(source, order, manners))
        crawler.run(None, progress)
        new = crawler.unique - crawler.before
        return CrawlResult(
            unique=crawler.unique,
            new=new,
            copies=crawler.images - new,
            tried=crawler.tried,
            pending=catalog.pending_hosts(*crawler.key).total(),
            skips=catalog.skip_reasons(*crawler.key),
            refusal=crawler.refusal,
            categories=crawler.categories,
            made_workspace=made,
        )


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
    with workspace.writing() as catalog:
        intake, roles = Intake(catalog, workspace.store), catalog.categories()
        due: defaultdict[tuple[str, str, str], list[Candidate]] = defaultdict(list)
        for candidate, query, retry_at in catalog.failed_for_now():
            if retry_at <= time.time():
                due[candidate.source, query, candidate.category].append(candidate)
        tried = new = images = 0
        for (name, query, category), candidates in due.items():
            source = find_source(name)
            order = Order(Search(query, base_url=source.address()), category, roles[category], limits)
            crawler = Crawler(catalog, intake, source, order, _towards(source, order, manners))
            crawler.run(iter(candidates), progress)
            tried, images = tried + crawler.tried, images + crawler.images
            new += crawler.unique - crawler.before
            if crawler.refusal:
                raise crawler.refusal
        left = catalog.failed_for_now()
        later = [retry_at for _, _, retry_at in left if retry_at > time.time()]
        failed = Counter[SkipReason]()
        for count in catalog.counts():
            if count.reason and count.reason.transient:
                failed[count.reason] += count.number
    return RetryResult(tried, new, images - new, dict(failed.most_common()), len(later), min(later, default=None))


@dataclass(frozen=True, slots=True)
class Preview:
    """What a crawl would do: fetch `candidates`; `known` were tried before, `skips` are not wanted, by reason."""

    candidates: list[Candidate]
    known: int
    skips: dict[SkipReason, int]
    refusal: SourceError | None


def preview(workspace: Workspace, source: Source, order: Order, *, manners: Manners | None = None) -> Preview:
    """Name what a crawl would fetch, up to as many as are still missing; fetch nothing and write nothing."""
    _check(workspace, source, order)
    order = _addressed(order, source)
    manners = _towards(source, order, manners)
    with ExitStack() as stack:
        catalog = stack.enter_context(workspace.reading() if workspace.exists else closing(Catalog(Path(":memory:"))))
        sifter = Sifter(catalog, source, order, manners)
        web = stack.enter_context(closing(Web(manners)))
        missing = order.search.limit
        if missing is not None:
            category = order.category and category_name(order.category)
            missing -= catalog.unique_count(source.name, order.search.text, category)
        found: list[Candidate] = []
        known, skips, refusal = 0, Counter[SkipReason](), None
        try:
            for named in source.search(order.search, web) if missing is None or missing > 0 else ():
                candidate, decision = sifter.look_at(named)
                if isinstance(decision, Fetch):
                    found.append(candidate)
                elif isinstance(decision, Skip):
                    skips[decision.reason] += 1
                else:
                    known += 1
                if len(found) == missing:
                    break
        except SourceError as error:
            refusal = error
    return Preview(found, known, dict(skips.most_common()), refusal)


def _addressed(order: Order, source: Source) -> Order:
    """Return the order with the address of the service: the one a person gave, else what the source says."""
    return replace(order, search=replace(order.search, base_url=order.search.base_url or source.address()))


def _towards(source: Source, order: Order, manners: Manners | None) -> Manners:
    """Manners for one source: its limits of a picture, its documented hosts, and what it grants without a key."""
    address = order.search.base_url
    service, official = host_of(address), address == source.base_url
    return replace(
        manners or Manners(),
        max_bytes=order.limits.max_bytes,
        documented=frozenset({service, *source.documented} if service else ()),
        allowances={service: source.allowances} if official and source.allowances else {},
    )


def _check(workspace: Workspace, source: Source, order: Order) -> None:
    source.check(order.search)
    if path := order.search.path:
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        if workspace.root.resolve().is_relative_to(path.resolve()):
            raise UsageError(f"{path}: holds the workspace itself; move the pictures into a folder of their own")
    if problem := source.missing():
        raise SourceError(f"source {source.name}: {problem}")
