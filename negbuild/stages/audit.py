"""Say which pictures of a folder are copies of each other, and which of them leak from one split into another."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from operator import attrgetter, ne
from pathlib import Path

from negbuild.album import Album, nothing_in, read_album
from negbuild.fingerprint import ORIENTATIONS
from negbuild.keepers import equals
from negbuild.looks import Views
from negbuild.model import Pair, Progress, SkipReason, Split, no_progress
from negbuild.pixels import DECODING_AT_ONCE, equal_pairs, exact, shared_sizes, size
from negbuild.protection import SAME_BYTES
from negbuild.split_folders import Place, places
from negbuild.tally import by_distance, by_reason
from negbuild.twins import PLAIN_TEXTURE, confirmed_pairs
from negbuild.workers import Workers


@dataclass(frozen=True, slots=True)
class Twins:
    """Two files that are copies of each other: `orientation` is what was done to the other one, `distance` in bits.

    `leak` says that they lie in different splits, `disputed` that they lie in different classes, `reason` what told
    that they are copies.
    """

    one: str
    other: str
    distance: int
    orientation: str
    leak: bool
    disputed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What a folder holds: pictures, those too plain to compare, twins, and what could not be read, by reason.

    `splits` counts the pictures of each split that a folder names; `leaked` those that have a twin in another.
    `reasons` counts the twins by what told them, `distances` by their distance in bits; `others` counts pairs that were
    looked at and are none.
    """

    pictures: int
    plain: int
    twins: list[Twins]
    skips: dict[SkipReason, int]
    splits: dict[Split, int]
    leaked: dict[Split, int]
    reasons: dict[str, int]
    distances: dict[int, int]
    others: dict[int, int]


def audit(path: Path, *, progress: Progress = no_progress) -> AuditResult:
    """Compare all pictures of a folder or archive with each other, and change nothing.

    Raises UsageError where there is none.
    """
    pairs, others = list[Pair](), Counter[int]()
    with Workers() as workers:
        album = read_album(path, progress, workers.call)
        if not album.names and not album.skips:
            raise nothing_in(path, "compare")
        views = Views(partial(album.look_of, call=workers.call), lambda: [album.sketches.items()])
        for some in confirmed_pairs([], album.prints, views, progress, workers.call):
            pairs += some.pairs
            others.update(some.refused)
    pairs += _equals(album)
    where = places([name for same in album.names.values() for name in same])
    twins = sorted(twins_of(album, pairs, where), key=attrgetter("one", "other"))
    leaked = {name for pair in twins if pair.leak for name in (pair.one, pair.other)}
    return AuditResult(
        pictures=len(where),
        plain=sum(print_.texture < PLAIN_TEXTURE for _, print_ in album.prints),
        twins=twins,
        skips=dict(Counter(skip.reason for skip in album.skips.values()).most_common()),
        splits=_counts(where.values()),
        leaked=_counts(where[name] for name in leaked),
        reasons=by_reason(twins),
        distances=by_distance(twins),
        others=dict(sorted(others.items())),
    )


def _equals(album: Album) -> list[Pair]:
    """Pair the pictures that are too plain for fingerprints, and equal in every pixel."""
    alike = shared_sizes(album.plain, album.plain)
    read = [sha256 for sha256, image in album.plain.items() if size(image) in alike]
    with ThreadPoolExecutor(DECODING_AT_ONCE) as threads:
        made = dict(zip(read, threads.map(album.pixels_of, read), strict=True))
    return equal_pairs(exact(album.prints), made)


def _counts(where: Iterable[Place]) -> dict[Split, int]:
    counts = Counter(place.split for place in where)
    return {split: counts[split] for split in Split if counts[split]}


def twins_of(album: Album, pairs: Sequence[Pair], where: Mapping[str, Place]) -> Iterator[Twins]:
    """Name the files of each pair; of files that are equal each is named with one of the others."""
    alike, names = equals(album.names, pairs), dict[str, list[str]]()
    bytes_of = {name: sha256 for sha256, same in album.names.items() for name in same}
    for name, sha256 in bytes_of.items():
        names.setdefault(alike[sha256], []).append(name)
    within, apart = dict[str, str](), dict[frozenset[str], Pair]()
    for pair in pairs:
        ends = frozenset((alike[pair.older], alike[pair.newer]))
        if pair.twins and len(ends) == 1:
            within[pair.newer] = pair.reason
            within.setdefault(pair.older, pair.reason)
        elif pair.twins:
            apart.setdefault(ends, pair)
    leaking = set[str]()
    for same in names.values():
        for one, other in _named(same, same, where, leaking):
            sha256 = bytes_of[other]
            yield _twin(one, other, where, 0, 0, SAME_BYTES if bytes_of[one] == sha256 else within[sha256])
    for pair in apart.values():
        for one, other in _named(names[alike[pair.older]], names[alike[pair.newer]], where, leaking):
            yield _twin(one, other, where, pair.distance, pair.orientation, pair.reason)


def _named(
    ones: Sequence[str], others: Sequence[str], where: Mapping[str, Place], leaking: set[str]
) -> Iterator[tuple[str, str]]:
    """Pair each of the others with one, a file among its equals too; of several that are equal a leak tells the most.

    Each that leaks is in a pair that says so: `leaking` are those that are.
    """
    firsts, others_firsts = _firsts(ones, where), _firsts(others, where)
    named = []
    for other in others:
        before = list(takewhile(partial(ne, other), firsts))  # all of them, but for a first one itself
        if before:
            named.append((next((one for one in before if where[one].leaks_to(where[other])), before[0]), other))
    for one, other in named:
        if where[one].leaks_to(where[other]):
            leaking.update((one, other))
    yield from named
    for one in ones:
        leak = next((other for other in others_firsts if where[one].leaks_to(where[other])), None)
        if leak and one not in leaking:
            leaking.update((one, leak))
            yield one, leak


def _firsts(files: Iterable[str], where: Mapping[str, Place]) -> list[str]:
    """Give the first file of each place from which there may be a leak."""
    firsts: dict[tuple[Split | None, str], str] = {}
    for file in files:
        firsts.setdefault((where[file].split, where[file].fold), file)
    return list(firsts.values())


def _twin(one: str, other: str, where: Mapping[str, Place], distance: int, orientation: int, reason: str) -> Twins:
    leak, disputed = where[one].leaks_to(where[other]), where[one].label != where[other].label
    return Twins(one, other, distance, ORIENTATIONS[orientation], leak, disputed, reason)
