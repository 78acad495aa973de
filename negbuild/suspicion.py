"""Which pictures a person should look at first: negatives that may show the positive. Pure functions, no model.

This orders a queue and proves nothing. A fingerprint finds the same photograph again, not another one of the same
thing; the words are those of a title. So what leads are copies of known pictures, then what looks like one (at most
`twins.GROUP_RADIUS` bits apart), then what is named like one, and the rest by distance, which beyond that radius is
little better than chance.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from negbuild.fingerprint import BITS, Codes, unpack
from negbuild.keepers import Circles, label_of
from negbuild.model import Fingerprint, Held, Pair, Role
from negbuild.stretches import keys_of
from negbuild.twins import GROUP_RADIUS, PLAIN_TEXTURE

_MOST_WORDS = 4  # that a name written as one word may be split into
_ENDINGS = ("", "s", "es")
_BATCH = 2**19  # orientations times known pictures compared at once: 0.5 MB each for a few arrays


class Grade(IntEnum):
    """How suspicious a picture is, the worst first."""

    CONTRARY = 0
    """A copy of a picture with another label, or tied to one over copies of copies."""
    ALIKE = 1
    """Looks like a known picture."""
    NAMED = 2
    """Its title or query has the name of a known category."""
    NONE = 3


@dataclass(frozen=True, slots=True)
class Near:
    """The known picture that is nearest to a negative one, and how many of 192 bits they are apart."""

    sha256: str
    distance: int


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Why a picture is suspicious: its grade, the nearest known picture, as far as that was compared, and words.

    `chained` says that none of its own copies has another label, but a copy of these.
    """

    grade: Grade
    near: Near | None = None
    words: tuple[str, ...] = ()
    chained: bool = False


def suspicions(images: Mapping[str, Held], pairs: Sequence[Pair], near: Mapping[str, Near]) -> dict[str, Suspicion]:
    """Say of each image how suspicious it is; `near` is what `nearest_known` found, and may be incomplete."""
    names = sorted({held.category for held in images.values() if held.role is Role.KNOWN})
    known = _Known(
        names=[(name, "".join(_words(name))) for name in names],
        circles=Circles(images, pairs),
        near=dict(_from_pairs(images, pairs)) | dict(near),
    )
    return {sha: _suspicion(sha, images, known) for sha in images}


def queue(images: Iterable[str], found: Mapping[str, Suspicion]) -> list[str]:
    """Order images: the most suspicious first, of equals the one that was first before."""

    def place(sha: str) -> tuple[int, int]:
        near = found[sha].near
        return found[sha].grade, near.distance if near else BITS + 1

    return sorted(images, key=place)


def nearest_known(
    prints: Sequence[tuple[str, Fingerprint]], known: Collection[str], only: Collection[str] | None = None
) -> dict[str, Near]:
    """Find for each image that is not known (or for `only` these) the known one whose fingerprint is nearest.

    The distance is that in the best of the 8 orientations, as `neighbours` tells it. Pictures with too little texture
    are left out.
    """
    textured = [(sha, one.codes) for sha, one in prints if one.texture >= PLAIN_TEXTURE]
    positives = [(sha, codes) for sha, codes in textured if sha in known]
    others = [(sha, codes) for sha, codes in textured if sha not in known and (only is None or sha in only)]
    if not positives or not others:
        return {}
    ones, one_keys = _codes(positives), _keys(positives)
    found: dict[str, Near] = {}
    step = max(1, _BATCH // (8 * len(positives)))
    for start in range(0, len(others), step):
        batch = others[start : start + step]
        codes = _codes(batch)
        turning_it = _least(codes[:, :, None], ones[None, None, :, 0])
        turning_known = _least(codes[:, 0, None, None], ones.transpose(1, 0, 2)[None])
        best = np.where(one_keys <= _keys(batch)[:, None], turning_it, turning_known)
        for (sha, _), row in zip(batch, best, strict=True):
            place = int(row.argmin())
            found[sha] = Near(positives[place][0], int(row[place]))
    return found


def _codes(batch: Iterable[tuple[str, bytes]]) -> Codes:
    return unpack([Fingerprint(codes, 0.0) for _, codes in batch])


def _least(one: Codes, other: Codes) -> NDArray[np.uint8]:
    """Differing bits of each and each other, in the best orientation, which is the second of the axes."""
    apart = reduce(np.add, (np.bitwise_count(one[..., word] ^ other[..., word]) for word in range(3)))
    return np.asarray(apart.min(axis=1))


def _keys(batch: Iterable[tuple[str, bytes]]) -> NDArray[np.bytes_]:
    return keys_of(codes for _, codes in batch)


def _from_pairs(images: Mapping[str, Held], pairs: Iterable[Pair]) -> Iterator[tuple[str, Near]]:
    """Give what the catalog knows already, the farther ones first."""
    for pair in sorted(pairs, key=lambda pair: -pair.distance):
        for one, other in ((pair.older, pair.newer), (pair.newer, pair.older)):
            if images[one].role.negative and images[other].role is Role.KNOWN:
                yield one, Near(other, pair.distance)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known: names of categories with their letters, twins, and the nearest known pictures."""

    names: Sequence[tuple[str, str]]
    circles: Circles
    near: Mapping[str, Near]


def _suspicion(sha: str, images: Mapping[str, Held], known: _Known) -> Suspicion:
    label = label_of(images[sha])
    rivals = [Near(*rival) for rival in known.circles.opposed(sha) if label_of(images[rival[0]]) != label]
    if rivals:
        return Suspicion(Grade.CONTRARY, min(rivals, key=lambda rival: rival.distance))
    near = known.near.get(sha)
    if any(label_of(images[end]) != label for end in known.circles.tied(sha)):
        return Suspicion(Grade.CONTRARY, near, chained=True)
    if label:
        return Suspicion(Grade.NONE)
    words = _named(images[sha], known.names)
    if near and near.distance <= GROUP_RADIUS:
        return Suspicion(Grade.ALIKE, near, words)
    return Suspicion(Grade.NAMED if words else Grade.NONE, near, words)


def _named(held: Held, names: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    said = [_words(held.origin.title), _words(held.query)]
    return tuple(name for name, letters in names if any(_say(words, letters) for words in said))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def _say(words: Sequence[str], letters: str) -> bool:
    """Whether words have a name, written as one word or as several, in the singular or the English plural."""
    if not letters or letters not in "".join(words):
        return False
    forms = {letters + ending for ending in _ENDINGS}
    return any(
        "".join(words[start : start + length]) in forms
        for start in range(len(words))
        for length in range(1, _MOST_WORDS + 1)
    )
