"""Say which pictures of a folder are copies of each other, and which of them leak from one split into another."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import attrgetter
from pathlib import Path, PurePosixPath

from negbuild.album import Album, read_album
from negbuild.fingerprint import ORIENTATIONS
from negbuild.keepers import equals
from negbuild.looks import Views
from negbuild.model import Pair, Progress, SkipReason, Split, no_progress
from negbuild.twins import PLAIN_TEXTURE, confirmed_pairs
from negbuild.workers import Workers

# What the folders of splits are called by the tools that write them.
_SPLITS = {
    **dict.fromkeys(("train", "training"), Split.TRAIN),
    **dict.fromkeys(("valid", "val", "validation", "dev"), Split.VALID),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), Split.TEST),
    **dict.fromkeys(("unseen", "holdout"), Split.UNSEEN),
}


@dataclass(frozen=True, slots=True)
class Twins:
    """Two files that are copies of each other: `orientation` is what was done to the other one, `distance` in bits.

    `leak` says that they lie in different splits, `disputed` that they lie in different classes.
    """

    one: str
    other: str
    distance: int
    orientation: str
    leak: bool
    disputed: bool


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What a folder holds: pictures, those too plain to compare, twins, and what could not be read, by reason.

    `splits` counts the pictures of each split, where the folder has splits; `leaked` those that have a twin in another.
    """

    pictures: int
    plain: int
    twins: list[Twins]
    skips: dict[SkipReason, int]
    splits: dict[Split, int]
    leaked: dict[Split, int]


def audit(path: Path, *, progress: Progress = no_progress) -> AuditResult:
    """Compare all pictures of a folder or archive with each other, and change nothing.

    Raises UsageError where there is none.
    """
    with Workers() as workers:
        album = read_album(path, progress, workers.call)
        views = Views(partial(album.look_of, call=workers.call), lambda: [album.sketches.items()])
        pairs = [
            pair for some in confirmed_pairs([], album.prints, views, progress, workers.call) for pair in some.pairs
        ]
    names = [name for same in album.names.values() for name in same]
    has_splits = len({_split(name) for name in names} - {None}) > 1
    twins = sorted(_twins(album, pairs, has_splits=has_splits), key=attrgetter("one", "other"))
    leaked = {name for pair in twins if pair.leak for name in (pair.one, pair.other)}
    return AuditResult(
        pictures=len(names),
        plain=sum(print_.texture < PLAIN_TEXTURE for _, print_ in album.prints),
        twins=twins,
        skips=dict(Counter(skip.reason for skip in album.skips.values()).most_common()),
        splits=_counts(names) if has_splits else {},
        leaked=_counts(sorted(leaked)),
    )


def _counts(names: Sequence[str]) -> dict[Split, int]:
    counts = Counter(_split(name) for name in names)
    return {split: counts[split] for split in Split if counts[split]}


@lru_cache(maxsize=2**16)  # asked for each pair of a file
def _split(name: str) -> Split | None:
    """Split that a file belongs to, told by the outermost folder."""
    parts = PurePosixPath(name).parts
    return _SPLITS.get(parts[0].lower()) if len(parts) > 1 else None


def _twins(album: Album, pairs: Sequence[Pair], *, has_splits: bool) -> Iterator[Twins]:
    """Name the files of each pair; of files that are equal each is named with one of the others."""
    alike, names = equals(album.names, pairs), dict[str, list[str]]()
    for sha256, same in album.names.items():
        names.setdefault(alike[sha256], []).extend(same)
    for same in names.values():
        yield from _named(same, same, 0, ORIENTATIONS[0], has_splits=has_splits)
    told = set[tuple[str, str]]()
    for pair in pairs:
        older, newer = alike[pair.older], alike[pair.newer]
        if pair.twins and older != newer and {(older, newer), (newer, older)}.isdisjoint(told):
            told.add((older, newer))
            orientation = ORIENTATIONS[pair.orientation]
            yield from _named(names[older], names[newer], pair.distance, orientation, has_splits=has_splits)


def _named(
    ones: Sequence[str], others: Sequence[str], distance: int, orientation: str, *, has_splits: bool
) -> Iterator[Twins]:
    for place, other in enumerate(others):
        candidates = ones[:place] if ones is others else ones
        if not candidates:
            continue
        # Of several with equal bytes, one in another split tells the most.
        one = next((one for one in candidates if _split(one) is not _split(other)), candidates[0])
        leak = has_splits and _leaks(_split(one), _split(other))
        yield Twins(one, other, distance, orientation, leak, _class(one) != _class(other))


def _leaks(one: Split | None, other: Split | None) -> bool:
    """Whether two splits must not share a picture; a holdout shows the known pictures of the test again."""
    return None not in {one, other} and one is not other and {one, other} != {Split.TEST, Split.UNSEEN}


def _class(name: str) -> str:
    return PurePosixPath(name).parent.name
