"""Which images are held and yet in no split, and why: between the catalog and the pure deciders."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from negbuild.catalog import Catalog
from negbuild.keepers import Circles, doubtful_copies, label_of, standing
from negbuild.model import Held, Pair, Split
from negbuild.plan import Omission
from negbuild.provenance import FEWEST_ADDRESSES, placeholders
from negbuild.ruling import Verdict


def omissions(catalog: Catalog, held: Mapping[str, Held]) -> dict[str, Omission]:
    """Name the images that are left out of every split before anything is planned."""
    out = outvoted(held, catalog.pairs())
    conflicting = dict.fromkeys(disputed(catalog.disputed(), held) | out, Omission.CONFLICT)
    left_out = conflicting | _spare(catalog, held, out) | _excluded(catalog, held)
    return left_out | unwanted(catalog, placeholders(catalog.sightings(FEWEST_ADDRESSES)))


def in_use(catalog: Catalog, held: Mapping[str, Held]) -> dict[str, Split]:
    """Where the last plan put the images that are used: not left out, also not since, nor more than asked for."""
    left_out = omissions(catalog, held).keys() | catalog.unused()
    placed = catalog.assignments()
    return {sha256: placed[sha256] for sha256 in held if sha256 in placed and sha256 not in left_out}


def due_for_review(held: Mapping[str, Held], aside: Collection[str]) -> list[Held]:
    """Images that a person decided on or may be asked about: copies set aside need no decision."""
    return [one for sha256, one in held.items() if sha256 not in aside or one.verdict]


def unwanted(catalog: Catalog, stand_ins: Iterable[str]) -> dict[str, Omission]:
    """Images that are in no split, whatever else is held: copies of what is kept out, and placeholders."""
    omitted = dict.fromkeys(stand_ins, Omission.PLACEHOLDER)
    return omitted | {one.sha256: Omission.KEPT_OUT for one in catalog.guarded()}


def conflicts(held: Mapping[str, Held], pairs: Sequence[Pair]) -> list[Pair]:
    """Twins with different labels, or of which only one is unseen: for a person to decide, and not decided yet."""
    age, found = {sha: place for place, sha in enumerate(held)}, []
    for two, distance in Circles(held, pairs).contrary(_undecided(held)).items():
        older, newer = sorted(two, key=age.__getitem__)
        found.append(Pair(older, newer, distance, orientation=0, twins=True))
    return sorted(found, key=lambda pair: (age[pair.newer], age[pair.older]))


def chained(held: Mapping[str, Held], pairs: Sequence[Pair]) -> dict[str, str]:
    """Map what waits for a person to decide, and is in no conflict of two twins, to an end of its chain of copies."""
    circles, undecided = Circles(held, pairs), _undecided(held)
    direct = {
        sha for two in circles.contrary(undecided) if len({label_of(held[sha]) for sha in two}) > 1 for sha in two
    }
    return {
        sha: end
        for sha, one in held.items()
        if sha not in direct
        for end in circles.tied(sha)
        if end in undecided and _yields(one, held[end])
    }


def outvoted(held: Mapping[str, Held], pairs: Sequence[Pair]) -> set[str]:
    """Images that cannot be labelled: the negative copies of known ones, and copies under two known labels.

    Where a person kept or moved one of the two, the other one is left out; who kept both wants both. They are one
    group, so that no split divides them. Over a chain of undecided copies known images do the same; a negative that a
    person kept does not, as it may show another part of what the known one shows.
    """
    circles = Circles(held, pairs)
    return {
        sha
        for sha, one in held.items()
        if any(_yields(one, held[rival]) for rival, _ in circles.opposed(sha))
        or any(_yields(one, held[end]) for end in circles.tied(sha) if not held[end].role.negative)
    }


def disputed(brought: Collection[str], held: Mapping[str, Held]) -> set[str]:
    """Images, of those brought for more than one known category, that are not decided on yet."""
    return _undecided(held).intersection(brought)


def _undecided(held: Mapping[str, Held]) -> set[str]:
    return {sha for sha, one in held.items() if one.verdict is Verdict.UNDECIDED}


def _spare(catalog: Catalog, held: Mapping[str, Held], out: Collection[str]) -> dict[str, Omission]:
    """Name the copies of which another is used; a category that was held out since needs its own back.

    So does one whose keeper a person called a duplicate, or is `out`, until copies are looked for again.
    """
    return {
        drop.sha256: Omission.COPY
        for drop in catalog.drops()
        if standing(held[drop.sha256]) == standing(held[drop.keeper])
        and not held[drop.keeper].verdict.excludes
        and drop.keeper not in out
    }


_EXCLUDED = {
    Verdict.DROP: Omission.DROPPED,
    Verdict.UNSURE: Omission.UNSURE,
    Verdict.DUPLICATE: Omission.COPY,
}


def _excluded(catalog: Catalog, held: Mapping[str, Held]) -> dict[str, Omission]:
    """Images that a person's verdict leaves out, and the undecided copies of what was dropped or is in doubt."""
    doubtful = dict.fromkeys(doubtful_copies(held, catalog.pairs()), Omission.DOUBTFUL)
    return doubtful | {sha: _EXCLUDED[one.verdict] for sha, one in held.items() if one.verdict.excludes}


def _yields(one: Held, rival: Held) -> bool:
    """Whether of two twins with different labels the first is left out.

    A negative does so even where its known twin is dropped: nobody said that it shows none of it.
    """
    if one.role.negative and rival.role.negative:  # which is in the way of the holdout, the plan decides by groups
        return False
    if one.verdict.affirms or rival.verdict.affirms:
        return not one.verdict.affirms
    return one.role.negative or (not rival.role.negative and rival.verdict not in _SETTLED)


_SETTLED = {Verdict.DROP, Verdict.DUPLICATE}
