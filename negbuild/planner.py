"""The split plan of a workspace: between the catalog and the pure deciders, for every stage that needs it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from negbuild.catalog import Catalog
from negbuild.confirmation import confirm_copies
from negbuild.errors import UsageError
from negbuild.model import Held, Pair, Progress, Role, no_progress
from negbuild.plan import Item, Omission, Plan, Shares, plan_split
from negbuild.store import Store
from negbuild.twins import close_groups, label_of, shared


@dataclass(frozen=True, slots=True)
class Planned:
    """Everything held, the group of each image, and the plan."""

    held: dict[str, Held]
    groups: dict[str, str]
    plan: Plan


def group_images(catalog: Catalog, held: Mapping[str, Held]) -> dict[str, str]:
    """Group of each image: look-alikes closed over, and pictures of one origin."""
    alike = [(pair.older, pair.newer) for pair in catalog.pairs()]
    return close_groups(held, alike + shared(catalog.origins()))


def conflicts(catalog: Catalog, held: Mapping[str, Held]) -> list[Pair]:
    """Twins that carry different labels, or of which only one is unseen: for a person to decide."""
    return [
        pair for pair in catalog.pairs() if pair.twins and _standing(held[pair.older]) != _standing(held[pair.newer])
    ]


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
    _check_unseen(catalog.categories(), unseen)
    confirm_copies(catalog, store, progress)
    held = catalog.images(unseen)
    groups = group_images(catalog, held)
    left_out = _conflicting(catalog, held) | _spare(catalog, held)
    items = [Item(sha256, one.category, one.role, groups[sha256], left_out.get(sha256)) for sha256, one in held.items()]
    plan = plan_split(items, ratio, seed, catalog.assignments())
    catalog.save_plan(plan.placed, unseen)
    return Planned(held, groups, plan)


def _check_unseen(categories: Mapping[str, Role], unseen: Collection[str]) -> None:
    for category in unseen:
        if category not in categories:
            have = ", ".join(name for name, role in categories.items() if role.negative) or "none yet"
            raise UsageError(f"category {category}: not in this workspace; negative categories: {have}")
        if categories[category] is Role.KNOWN:
            raise UsageError(f"category {category}: is known, and only a negative category can be held out")


def _standing(held: Held) -> tuple[Role, str]:
    return held.role, label_of(held)


def _spare(catalog: Catalog, held: Mapping[str, Held]) -> dict[str, Omission]:
    """Name the copies of which another is used; a category that was held out since needs its own back."""
    return {
        drop.sha256: Omission.COPY
        for drop in catalog.drops()
        if _standing(held[drop.sha256]) == _standing(held[drop.keeper])
    }


def _conflicting(catalog: Catalog, held: Mapping[str, Held]) -> dict[str, Omission]:
    """Images that cannot be labelled: the negative copies of known ones, and copies under two known labels."""
    omitted = dict.fromkeys(catalog.disputed(), Omission.CONFLICT)
    for pair in conflicts(catalog, held):
        both = [held[pair.older], held[pair.newer]]
        known = [one for one in both if one.role is Role.KNOWN]
        loose = [one for one in both if one.role.negative] if len(known) == 1 else known
        omitted |= {one.image.sha256: Omission.CONFLICT for one in loose}
    return omitted
