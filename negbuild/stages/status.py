"""What a workspace holds, in numbers."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from negbuild.model import Role, SkipReason, Split
from negbuild.omissions import due_for_review, in_use
from negbuild.provenance import FEWEST_ADDRESSES, placeholders
from negbuild.ruling import Verdict
from negbuild.workspace import Workspace


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """One category: its role, its images by the source that brought them, its unused copies, its children."""

    name: str
    role: Role
    images: int
    copies: int
    sources: dict[str, int]
    children: int = 0


@dataclass(frozen=True, slots=True)
class StatusResult:
    """Counts of a workspace. Candidates are images plus skips, always; `splits` is what the last plan uses.

    `pending` were named by a source, and not tried yet. `guards` counts the pictures of each place that is kept out,
    `guarded` the images that are copies of them, `placeholders` those that stand for many pictures.
    `verdicts` counts what a person decided, of so many that are `reviewable`: copies set aside need no decision.
    """

    candidates: int
    pending: int
    images: int
    skips: dict[SkipReason, int]
    categories: list[CategoryCount]
    splits: dict[Split, int]
    guards: dict[str, int] = field(default_factory=dict)
    guarded: int = 0
    placeholders: int = 0
    reviewable: int = 0
    verdicts: dict[Verdict, int] = field(default_factory=dict)


def status(workspace: Workspace) -> StatusResult:
    """Count what is held; other processes may write meanwhile."""
    with workspace.reading() as catalog:
        counts, held = catalog.counts(), catalog.images()
        aside = {drop.sha256 for drop in catalog.drops()}
        splits = Counter(in_use(catalog, held).values())
        children = Counter(held[child.parent].category for child in catalog.children())
        roles = catalog.categories()
        pending = catalog.pending_count()
        guards, guarded = catalog.guard_places(), len(catalog.guarded())
        stand_ins = placeholders(catalog.sightings(FEWEST_ADDRESSES))
    skips: Counter[SkipReason] = Counter()
    for count in counts:
        if count.reason is not None:
            skips[count.reason] += count.number
    dropped = Counter(held[sha256].category for sha256 in aside)
    sources: dict[str, Counter[str]] = defaultdict(Counter)
    for one in held.values():  # where a picture counts: for the strictest role, or where a person moved it
        sources[one.category][one.origin.source] += 1
    decided = Counter(one.verdict for one in held.values())
    return StatusResult(
        candidates=sum(count.number for count in counts),
        pending=pending,
        images=len(held),
        skips=dict(skips.most_common()),
        categories=[
            CategoryCount(name, role, sources[name].total(), dropped[name], dict(sources[name]), children[name])
            for name, role in sorted(roles.items(), key=lambda entry: (list(Role).index(entry[1]), entry[0]))
        ],
        splits={split: splits[split] for split in Split if splits[split]},
        guards=guards,
        guarded=guarded,
        placeholders=len(stand_ins),
        reviewable=len(due_for_review(held, aside)),
        verdicts={verdict: decided[verdict] for verdict in Verdict if verdict and decided[verdict]},
    )
