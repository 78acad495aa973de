"""The split plan of a workspace: between the catalog and the pure deciders, for every stage that needs it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from negbuild.catalog import Catalog
from negbuild.confirmation import confirm_copies
from negbuild.errors import UsageError
from negbuild.fingerprint import VERSION
from negbuild.model import Held, Progress, Role, Split, no_progress
from negbuild.omissions import omissions
from negbuild.plan import Item, Move, Omission, Plan, Wanted, left_out, plan_split
from negbuild.provenance import FEWEST_ADDRESSES, bursts, placeholders
from negbuild.shares import Shares
from negbuild.source import Gives, find_source
from negbuild.store import Store
from negbuild.twins import close_groups, shared
from negbuild.unseen import HeldOut, Stock, choose_unseen, spread_folds, take_stock

AUTO = "auto"
"""In place of a category to hold out: those that a rule chooses."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a plan should be: its ratio and seed, categories to hold out and to train on again, and its numbers.

    `keeps_size`: whatever the numbers, what the last plan used and did not use stays remembered.
    """

    ratio: Shares
    seed: int = 0
    unseen: Collection[str] = ()
    seen: Collection[str] = ()
    wanted: Wanted = field(default_factory=Wanted)
    keeps_size: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """Everything held, the group of each image, the plan, and the categories that a rule held out."""

    held: dict[str, Held]
    groups: dict[str, str]
    plan: Plan
    held_out: Sequence[HeldOut] = ()


@dataclass(frozen=True, slots=True)
class FoldPlans:
    """A plan for each fold, the fold in which each negative category is unseen, and what bridges moved in all folds."""

    plans: list[Planned]
    folds: dict[str, int]
    stocks: list[Stock]
    moves: list[Move]


def group_images(catalog: Catalog, held: Iterable[str]) -> dict[str, str]:
    """Group of each image, closed over all ties."""
    return close_groups(held, ties(catalog, placeholders(catalog.sightings(FEWEST_ADDRESSES))))


def ties(catalog: Catalog, stand_ins: Mapping[str, int]) -> list[tuple[str, str]]:
    """Pairs of images that belong together: look-alikes, pictures of one origin, and bursts of one author.

    A placeholder ties nothing together: the pictures it stands for have nothing in common.
    """
    tied = [(pair.older, pair.newer) for pair in catalog.pairs()]
    if signed := catalog.signed_sightings():
        tied += bursts(signed, dict(catalog.fingerprints(VERSION)))
    tied += shared(origin for origin in catalog.origins() if origin[0] not in stand_ins)
    return [tie for tie in tied if stand_ins.keys().isdisjoint(tie)]


def plan_workspace(
    catalog: Catalog,
    store: Store,
    ratio: Shares,
    seed: int,
    unseen: Collection[str] = (),
    progress: Progress = no_progress,
) -> Planned:
    """Plan the split of all images held, and remember it; the same plan whichever stage asks.

    Progress counts the images that came since copies were looked for the last time.

    The categories `unseen` are held out from now on. Raises UsageError, with nothing changed, where that or the split
    cannot be.
    """
    return plan_dataset(catalog, store, Request(ratio, seed, unseen, keeps_size=True), progress)


def plan_dataset(catalog: Catalog, store: Store, request: Request, progress: Progress = no_progress) -> Planned:
    """Plan the split of all images held as it is requested, and remember it.

    Raises UsageError, with nothing changed, where it cannot be.
    """
    categories = catalog.categories()
    auto = AUTO in request.unseen and AUTO not in categories
    named = [category for category in request.unseen if category != AUTO or not auto]
    _check_roles(categories, named, request.seen, auto=auto)
    confirm_copies(catalog, store, progress)
    chosen = _choose(catalog, named, request.seen) if auto else []
    unseen = [*named, *(one.category for one in chosen)]
    held = catalog.images(unseen, request.seen)
    groups = group_images(catalog, held)
    previous, unused = _remembered(catalog, held)
    items = _items(catalog, held, groups)
    plan = plan_split(items, request.ratio, request.seed, previous, unused, request.wanted)
    surplus = {sha256 for sha256, why in plan.omitted.items() if why is Omission.SURPLUS}
    if request.keeps_size:  # new negatives come after those in use, where not all are
        new = {sha for sha in plan.placed.keys() - previous.keys() if held[sha].role is Role.UNKNOWN}
        surplus = unused | new if unused else set()
    catalog.save_plan(plan.placed, unseen, request.seen, sorted(surplus))
    return Planned(held, groups, plan, chosen)


def plan_folds(
    catalog: Catalog, store: Store, request: Request, number: int, progress: Progress = no_progress
) -> FoldPlans:
    """Plan so many datasets, in which every negative category is unseen once, and remember them.

    The roles of the workspace stay as they are, and so does its own plan, which the folds follow: a picture lies in the
    same split in every fold in which its category is not the unseen one. Raises UsageError where there are too few
    categories.
    """
    confirm_copies(catalog, store, progress)
    negatives = [name for name, role in catalog.categories().items() if role.negative]
    held = catalog.images(seen=negatives)
    groups = group_images(catalog, held)
    items = _items(catalog, held, groups)
    stocks = _stocks(held, items)
    folds = spread_folds(stocks, number, request.seed, catalog.folds(number))
    assigned = {sha: split for sha, split in catalog.assignments().items() if split is not Split.UNSEEN}
    before = catalog.fold_places() | assigned
    base = plan_split(items, request.ratio, request.seed, before, wanted=Wanted(request.wanted.minimum))
    unused = catalog.unused()
    plans = []
    for fold in range(1, number + 1):
        its = catalog.images([name for name in folds if folds[name] == fold], negatives)
        seen = {sha: split for sha, split in base.placed.items() if its[sha].role is not Role.UNSEEN}
        plan = plan_split(_items(catalog, its, groups), request.ratio, request.seed, seen, unused, request.wanted)
        plans.append(Planned(its, groups, plan))
    catalog.save_folds(base.placed, number, folds)
    return FoldPlans(plans, folds, stocks, base.moves)


def unwritten(catalog: Catalog, held: Mapping[str, Held]) -> set[str]:
    """Name the images that a split leaves out, as far as can be told without planning: more than asked for, too."""
    items = _items(catalog, held, group_images(catalog, held))
    return left_out(items).keys() | catalog.unused()


def stock_in_use(planned: Planned) -> list[Stock]:
    """Sum up the categories of the pictures in use."""
    used = [planned.held[sha256] for sha256 in planned.plan.splits]
    return take_stock(used, _far_sources(used))


def _choose(catalog: Catalog, unseen: Collection[str], seen: Collection[str]) -> list[HeldOut]:
    held = catalog.images(unseen, seen)
    return choose_unseen(_stocks(held, _items(catalog, held, dict.fromkeys(held, ""))))


def _stocks(held: Mapping[str, Held], items: Iterable[Item]) -> list[Stock]:
    usable = [held[item.sha256] for item in items if item.omission is None]
    return take_stock(usable, _far_sources(usable))


def _far_sources(held: Iterable[Held]) -> set[str]:
    """Name the sources of these pictures that give far ones only, as they say themselves."""
    return {name for name in {one.origin.source for one in held} if _gives_far_only(name)}


def _gives_far_only(name: str) -> bool:
    try:
        gives = find_source(name).gives
    except UsageError:  # a source of somebody else's that is not installed any more
        return False
    return bool(gives) and Gives.NEAR not in gives


def _items(catalog: Catalog, held: Mapping[str, Held], groups: Mapping[str, str]) -> list[Item]:
    why = omissions(catalog, held)
    return [Item(sha256, one.category, one.role, groups[sha256], why.get(sha256)) for sha256, one in held.items()]


def _remembered(catalog: Catalog, held: Mapping[str, Held]) -> tuple[dict[str, Split], set[str]]:
    """Where images were put before, by folds at least, and which of them the last plan did not use."""
    assigned = catalog.assignments()
    by_folds = {
        sha: split
        for sha, split in catalog.fold_places().items()
        if sha not in assigned and held[sha].role is not Role.UNSEEN
    }
    return by_folds | assigned, catalog.unused() | by_folds.keys()


def _check_roles(categories: Mapping[str, Role], unseen: Collection[str], seen: Collection[str], *, auto: bool) -> None:
    for category in (*unseen, *seen):
        if category not in categories:
            have = ", ".join(name for name, role in categories.items() if role.negative) or "none yet"
            raise UsageError(f"category {category}: not in this workspace; negative categories: {have}")
        if categories[category] is Role.KNOWN:
            raise UsageError(f"category {category}: is known, and only a negative category can be held out")
    for category in seen:
        if category in unseen or auto:
            raise UsageError(f"category {category}: cannot be held out and seen at once; leave --unseen or --seen out")
        if categories[category] is Role.UNKNOWN:
            raise UsageError(f"category {category}: is not held out, training sees it already; leave --seen out")
