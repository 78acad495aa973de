"""Find copies among all images and keep the best of each; nothing is deleted."""

from collections import Counter
from dataclasses import dataclass

from negbuild.intake import current_fingerprints
from negbuild.model import Drop
from negbuild.planner import conflicts, group_images
from negbuild.twins import PLAIN_TEXTURE, choose_keepers
from negbuild.workspace import Workspace


@dataclass(frozen=True, slots=True)
class DedupResult:
    """Counts after dedup: images, pairs of twins, groups of two or more, conflicts across labels, plain images.

    `dropped` are the copies that are not used, `distances` counts all pairs that look alike by their distance in bits.
    """

    images: int
    twins: int
    groups: int
    conflicts: int
    plain: int
    dropped: list[Drop]
    distances: dict[int, int]


def undo(workspace: Workspace) -> int:
    """Put back every copy that was set aside; return how many that were."""
    with workspace.writing() as catalog:
        drops = catalog.drops()
        catalog.replace_drops([])
        return len(drops)


def dedup(workspace: Workspace) -> DedupResult:
    """Set aside every copy of which a better one is held; run again, it starts afresh and comes to the same."""
    with workspace.writing() as catalog:
        prints = current_fingerprints(catalog, workspace.store)
        held, pairs = catalog.images(), catalog.pairs()
        dropped = choose_keepers(held, pairs)
        catalog.replace_drops(dropped)
        sizes = Counter(group_images(catalog, held).values())
        return DedupResult(
            images=len(held),
            twins=sum(pair.twins for pair in pairs),
            groups=sum(size > 1 for size in sizes.values()),
            conflicts=len(conflicts(catalog, held)) + len(catalog.disputed()),
            plain=sum(print_.texture < PLAIN_TEXTURE for _, print_ in prints),
            dropped=dropped,
            distances=dict(sorted(Counter(pair.distance for pair in pairs).items())),
        )
