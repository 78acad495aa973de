"""Find copies among all images and keep the best of each; nothing is deleted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from negbuild.catalog import Catalog
from negbuild.confirmation import confirm_copies
from negbuild.errors import UsageError
from negbuild.fingerprint import VERSION
from negbuild.keepers import choose_keepers
from negbuild.model import Drop, Held, Pair, Progress, no_progress
from negbuild.omissions import chained, conflicts, disputed, outvoted, unwanted
from negbuild.planner import ties
from negbuild.protection import keep_all_out, let_in
from negbuild.provenance import FEWEST_ADDRESSES, placeholders
from negbuild.tally import by_distance, by_reason
from negbuild.titles import titles
from negbuild.twins import PLAIN_TEXTURE, close_groups
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
class Conflict:
    """Two copies with different labels, or one picture brought for two: category and title of both, and their distance.

    There is none where only a chain of copies ties the two. A person decides which label is right.
    """

    category: str
    title: str
    other_category: str
    other_title: str
    distance: int | None


@dataclass(frozen=True, slots=True)
class KeptOut:
    """A picture held that is a copy of one kept out: category and title, and where that one lies."""

    category: str
    title: str
    place: str
    name: str
    distance: int
    reason: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A picture that a host hands out in the place of others: category and title, and under how many addresses."""

    category: str
    title: str
    addresses: int


@dataclass(frozen=True, slots=True)
class DedupResult:
    """Counts after dedup: images, pairs of twins, groups of two or more, conflicts across labels, plain images.

    `dropped` are the copies that are not used, `copies` the same for people, `conflict_pairs` the conflicts. `reasons`
    counts the pairs of twins by what told them, `distances` by their distance in bits; `others` counts pairs that were
    looked at and are none. `guards` counts the pictures of each place that is kept out, `unreadable` what could not be
    read of those given now.
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
    guards: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0
    kept_out: list[KeptOut] = field(default_factory=list)
    placeholders: list[Placeholder] = field(default_factory=list)
    conflict_pairs: list[Conflict] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class UndoResult:
    """How many copies were put back."""

    put_back: int


@dataclass(frozen=True, slots=True)
class ForgetResult:
    """How many pictures of a place are kept out no more, and how many images were left out for their sake alone."""

    place: str
    guards: int
    let_in: int


def undo(workspace: Workspace) -> UndoResult:
    """Put back every copy that was set aside."""
    with workspace.writing() as catalog:
        drops = catalog.drops()
        catalog.replace_drops([])
        return UndoResult(len(drops))


def forget(workspace: Workspace, path: Path) -> ForgetResult:
    """Let in again what `dedup` was told to keep out; raises UsageError where that is nothing."""
    with workspace.writing() as catalog:
        guards, guarded = catalog.guard_places(), len(catalog.guarded())
        place = let_in(catalog, path)
        return ForgetResult(place, guards[place], guarded - len(catalog.guarded()))


def dedup(workspace: Workspace, against: Sequence[Path] = (), *, progress: Progress = no_progress) -> DedupResult:
    """Set aside every copy of which a better one is held; run again, it starts afresh and comes to the same.

    The pictures of the folders and archives `against` are kept out from now on: a copy of one is in no split. Raises
    UsageError where there are none.
    """
    _refuse_own(workspace, against)
    with workspace.writing() as catalog:
        unreadable = keep_all_out(catalog, against, progress)
        confirm_copies(catalog, workspace.store, progress)
        # Each of these reads all of a large catalog.
        stand_ins, brought = placeholders(catalog.sightings(FEWEST_ADDRESSES)), catalog.disputed()
        pairs, barred = catalog.pairs(), unwanted(catalog, stand_ins)
        concerned = {sha256 for pair in pairs for sha256 in (pair.older, pair.newer)}
        held = catalog.images(among=concerned.union(barred, brought))  # a few of very many, as a rule
        dropped = choose_keepers(held, pairs, barred.keys() | outvoted(held, pairs))  # what conflicts is for review
        catalog.replace_drops(dropped)
        twins = [pair for pair in pairs if pair.twins]
        names = titles(held)
        conflict_pairs = list(_conflicts(brought, held, pairs, names))
        return DedupResult(
            images=catalog.image_count(),
            twins=len(twins),
            groups=_groups(ties(catalog, stand_ins)),
            conflicts=len(conflict_pairs),
            plain=catalog.plain_count(VERSION, PLAIN_TEXTURE),
            dropped=dropped,
            copies=[_copy(drop, held, names) for drop in dropped],
            reasons=by_reason(twins),
            distances=by_distance(twins),
            others=dict(sorted(catalog.refused().items())),
            guards=catalog.guard_places(),
            unreadable=unreadable,
            kept_out=_kept_out(catalog, held, names),
            placeholders=[
                Placeholder(held[sha256].category, names[sha256], number) for sha256, number in stand_ins.items()
            ],
            conflict_pairs=conflict_pairs,
        )


def _refuse_own(workspace: Workspace, against: Sequence[Path]) -> None:
    """Refuse places that hold pictures of the workspace itself: all of them would be kept out."""
    for path in against:
        place = path.resolve()
        if any(one.is_relative_to(place) or place.is_relative_to(one) for one in workspace.own_pictures()):
            raise UsageError(f"{path}: holds this workspace's own pictures; choose the folder of another dataset")


def _groups(tied: Sequence[tuple[str, str]]) -> int:
    """Count the groups of two or more."""
    return len(set(close_groups((sha256 for tie in tied for sha256 in tie), tied).values()))


def _kept_out(catalog: Catalog, held: Mapping[str, Held], names: Mapping[str, str]) -> list[KeptOut]:
    guards = {guard.number: guard for guard in catalog.guards(VERSION)}
    near = {one.sha256: one for one in catalog.guarded()}
    return [
        KeptOut(image.category, names[sha256], guard.place, guard.name, near[sha256].distance, near[sha256].reason)
        for sha256, image in held.items()
        if sha256 in near and (guard := guards[near[sha256].guard])
    ]


def _copy(drop: Drop, held: Mapping[str, Held], names: Mapping[str, str]) -> Copy:
    copy, keeper = held[drop.sha256].category, held[drop.keeper].category
    return Copy(copy, names[drop.sha256], keeper, names[drop.keeper], drop.distance)


def _conflicts(
    brought: Mapping[str, tuple[str, str]],
    held: Mapping[str, Held],
    pairs: Sequence[Pair],
    names: Mapping[str, str],
) -> Iterator[Conflict]:
    for pair in conflicts(held, pairs):
        one, other = held[pair.older].category, held[pair.newer].category
        yield Conflict(one, names[pair.older], other, names[pair.newer], pair.distance)
    for sha256, end in chained(held, pairs).items():
        yield Conflict(held[sha256].category, names[sha256], held[end].category, names[end], None)
    for sha256 in sorted(disputed(brought, held)):
        one = held[sha256].category
        rival = next(name for name in brought[sha256] if name != one)
        yield Conflict(one, names[sha256], rival, names[sha256], 0)
