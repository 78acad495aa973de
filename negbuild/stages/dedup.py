"""Find copies among all images and keep the best of each; nothing is deleted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from negbuild.confirmation import confirm_copies
from negbuild.fingerprint import VERSION
from negbuild.model import Drop, Held, Progress, no_progress
from negbuild.planner import conflicts, group_images
from negbuild.twins import PLAIN_TEXTURE, choose_keepers
from negbuild.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that is not used, and the better one that is: category and title of both, and how far they are apart."""

    category: str
    title: str
    keeper_category: str
    keeper_title: str
    distance: int


@dataclass(frozen=True, slots=True)
class DedupResult:
    """Counts after dedup: images, pairs of twins, groups of two or more, conflicts across labels, plain images.

    `dropped` are the copies that are not used, `copies` the same for people. `reasons` counts the pairs of twins by
    what told them, `distances` by their distance in bits; `others` counts pairs that were looked at and are none.
    """

    images: int
    twins: int
    groups: int
    conflicts: int
    plain: int
    dropped: list[Drop]
    copies: list[Copy]
    reasons: dict[str, int]
    distances: dict[int, int]
    others: dict[int, int]


@dataclass(frozen=True, slots=True)
class UndoResult:
    """How many copies were put back."""

    put_back: int


def undo(workspace: Workspace) -> UndoResult:
    """Put back every copy that was set aside."""
    with workspace.writing() as catalog:
        drops = catalog.drops()
        catalog.replace_drops([])
        return UndoResult(len(drops))


def dedup(workspace: Workspace, *, progress: Progress = no_progress) -> DedupResult:
    """Set aside every copy of which a better one is held; run again, it starts afresh and comes to the same."""
    with workspace.writing() as catalog:
        confirm_copies(catalog, workspace.store, progress)
        held, pairs = catalog.images(), catalog.pairs()
        dropped = choose_keepers(held, pairs)
        catalog.replace_drops(dropped)
        sizes = Counter(group_images(catalog, held).values())
        twins = [pair for pair in pairs if pair.twins]
        return DedupResult(
            images=len(held),
            twins=len(twins),
            groups=sum(size > 1 for size in sizes.values()),
            conflicts=len(conflicts(catalog, held)) + len(catalog.disputed()),
            plain=sum(print_.texture < PLAIN_TEXTURE for _, print_ in catalog.fingerprints(VERSION)),
            dropped=dropped,
            copies=[_copy(drop, held) for drop in dropped],
            reasons=dict(Counter(pair.reason.partition(":")[0] for pair in twins).most_common()),
            distances=dict(sorted(Counter(pair.distance for pair in twins).items())),
            others=dict(sorted(catalog.refused().items())),
        )


def _copy(drop: Drop, held: Mapping[str, Held]) -> Copy:
    copy, keeper = held[drop.sha256], held[drop.keeper]
    return Copy(copy.category, _title(copy), keeper.category, _title(keeper), drop.distance)


def _title(held: Held) -> str:
    return held.origin.title or held.origin.source_id
