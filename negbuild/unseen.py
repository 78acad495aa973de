"""Which negative categories are held out: near and far ones, told without looking at a picture. Pure functions.

What is known of a category is its name, what it was searched by, the sources that brought it, and the titles of its
pictures. It is near where it shares a word with a known category or its titles name one, far where all its sources
give far pictures only (picsum, noise), and open otherwise: a person searched for it, for reasons of their own.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from negbuild.errors import UsageError
from negbuild.model import Held, Role

ENOUGH = 30
"""Pictures of an unseen category below which its rejection rate says little."""

_TRAINED = 2  # negative categories that training keeps at least
_NAMING = 0.01  # of the titles, and two of them: fewer may be chance
_SHORT = 2  # letters of Latin words that tell nothing: of, in, my
_COMMON = frozenset(
    {"and", "for", "from", "image", "img", "jpg", "new", "not", "old", "photo", "picture", "the", "with"}
)


class Nearness(IntEnum):
    """How near the pictures of a category can be expected to come to the known ones."""

    FAR = 0
    OPEN = 1
    NEAR = 2


@dataclass(frozen=True, slots=True)
class Stock:
    """A category without its pictures: how many there are, its words, how near it is, and what tells that."""

    name: str
    role: Role
    pictures: int
    words: frozenset[str]
    nearness: Nearness
    why: str


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A category that the rule holds out, whether as a near or a far one, and what is known of it."""

    category: str
    pictures: int
    wanted: Nearness
    why: str


def words_of(text: str) -> frozenset[str]:
    """Words of a name, query or title, in the singular; neighbours are joined too, as in hot dog and hotdog."""
    parts = _parts(text)
    telling = {word for word in parts if word not in _COMMON and (len(word) > _SHORT or not word.isascii())}
    return frozenset(telling | {one + other for one, other in pairwise(parts)})


def _parts(text: str) -> list[str]:
    return [_singular(word) for word in re.findall(r"[^\W\d_]+", text.lower())]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > _SHORT + 1 and word.endswith("s") and not word.endswith("ss") else word


def take_stock(held: Iterable[Held], far_sources: Collection[str]) -> list[Stock]:
    """Sum up the categories, by name; `far_sources` are those that give far pictures only."""
    pictures: dict[str, list[Held]] = defaultdict(list)
    for one in held:
        pictures[one.category].append(one)
    words = {name: words_of(name).union(*map(words_of, {one.query for one in own})) for name, own in pictures.items()}
    known = {name: words[name] for name, own in sorted(pictures.items()) if own[0].role is Role.KNOWN}
    return [
        Stock(name, own[0].role, len(own), words[name], *_nearness(own, words[name], known, far_sources))
        for name, own in sorted(pictures.items())
    ]


def _nearness(
    own: Sequence[Held], words: frozenset[str], known: Mapping[str, frozenset[str]], far_sources: Collection[str]
) -> tuple[Nearness, str]:
    sources = sorted({one.origin.source for one in own})
    for name, its in known.items():
        if shared := words & its:
            return Nearness.NEAR, f"shares the word {min(shared)} with {name}"
    named = _named((one.origin.title for one in own), known)
    for name, number in named.most_common(1):
        if number > max(1, _NAMING * len(own)):
            return Nearness.NEAR, f"{number:,} of its {len(own):,} titles name {name}"
    if all(source in far_sources for source in sources):
        return Nearness.FAR, f"{' and '.join(sources)} {'give' if len(sources) > 1 else 'gives'} far pictures only"
    return Nearness.OPEN, "a search that may bring near and far pictures"


def _named(titles: Iterable[str], known: Iterable[str]) -> Counter[str]:
    """Count the titles that name each known category: all words of its name, or these as one."""
    needles = [(name, needle) for name in known for needle in _spellings(name)]
    telling = frozenset().union(*(needle for _, needle in needles))
    found: Counter[str] = Counter()
    for words in map(words_of, titles):
        if not words.isdisjoint(telling):
            found.update({name for name, needle in needles if needle <= words})
    return found


def _spellings(name: str) -> list[frozenset[str]]:
    parts = _parts(name)
    return [frozenset(parts), frozenset({"".join(parts)})]


def choose_unseen(stocks: Sequence[Stock]) -> list[HeldOut]:
    """Name the categories to hold out, beside those that are: one near and one far, as far as there are such.

    Of equals the one comes first that has enough pictures, shares no word with another negative category, and is of
    middling size. What is held out stays; where one near and one far category are, nothing is added. Raises UsageError
    where fewer than two negative categories would be left for training.
    """
    unseen = [one for one in stocks if one.role is Role.UNSEEN]
    free = [one for one in stocks if one.role is Role.UNKNOWN]
    wanted = _wanted(unseen, free)
    spare = len(free) - _TRAINED
    if spare < len(wanted):
        if len(unseen) > 1:
            return []
        raise UsageError(
            f"unseen auto: {len(free)} negative {'category' if len(free) == 1 else 'categories'} in training cannot "
            f"give {len(wanted)} and keep {_TRAINED}, {len(wanted) - spare} more needed; "
            'run: negbuild crawl --query "city street" -n 200'
        )
    chosen: list[HeldOut] = []
    for nearness in wanted:
        one = _best(nearness, [one for one in free if one.name not in {held.category for held in chosen}])
        chosen.append(HeldOut(one.name, one.pictures, nearness, one.why))
    return chosen


def _wanted(unseen: Sequence[Stock], free: Sequence[Stock]) -> list[Nearness]:
    """Kinds that the holdout lacks."""
    held = [one.nearness for one in unseen]
    offered = {one.nearness for one in free}
    if not held:
        return [Nearness.NEAR, Nearness.FAR]
    if len(held) == 1:
        far = held[0] is Nearness.FAR or (held[0] is Nearness.OPEN and Nearness.NEAR in offered)
        return [Nearness.NEAR if far else Nearness.FAR]
    if max(held) is Nearness.FAR and max(offered, default=Nearness.FAR) > Nearness.FAR:
        return [Nearness.NEAR]
    if min(held) is Nearness.NEAR and min(offered, default=Nearness.NEAR) < Nearness.NEAR:
        return [Nearness.FAR]
    return []


def _best(wanted: Nearness, free: Sequence[Stock]) -> Stock:
    """Choose the category that comes nearest to what is wanted."""
    if wanted is Nearness.NEAR:
        suitable = [one for one in free if one.nearness > Nearness.FAR]
    else:
        suitable = [one for one in free if one.nearness < Nearness.NEAR]
    middle = sorted(one.pictures for one in free)[len(free) // 2]
    return min(
        suitable or free,
        key=lambda one: (
            one.pictures < ENOUGH,
            abs(one.nearness - wanted),
            bool(kin(one, free)),
            abs(one.pictures - middle),
            one.name,
        ),
    )


def kin(one: Stock, others: Iterable[Stock]) -> dict[str, str]:
    """Name the other categories that share a word with this one, and the word."""
    return {
        other.name: min(shared) for other in others if other.name != one.name and (shared := one.words & other.words)
    }


def spread_folds(stocks: Sequence[Stock], folds: int, seed: int, before: Mapping[str, int]) -> dict[str, int]:
    """Give every negative category the one fold, from 1, in which it is unseen; `before` holds what was given already.

    The near ones are spread first, then the others, larger ones first: each goes to the fold that has the fewest of its
    kind, and of these to the one with the fewest pictures. Raises UsageError where there are fewer categories than
    folds.
    """
    negatives = [one for one in stocks if one.role.negative]
    if len(negatives) < folds:
        fewer = f"use --unseen-folds {len(negatives)}, or " if len(negatives) > 1 else ""
        raise UsageError(
            f"unseen-folds {folds}: {len(negatives)} negative {'category' if len(negatives) == 1 else 'categories'} "
            f'cannot fill so many; {fewer}run: negbuild crawl --query "city street" -n 200'
        )
    given = {one.name: before.get(one.name, 0) for one in negatives}
    kept = [one for one in negatives if given[one.name] in range(1, folds + 1)]
    new = [one for one in negatives if given[one.name] not in range(1, folds + 1)]
    kinds = Counter((given[one.name], one.nearness) for one in kept)
    sizes: Counter[int] = Counter()
    for one in kept:
        sizes[given[one.name]] += one.pictures

    def order(one: Stock) -> tuple[int, int, str]:
        return -one.nearness, -one.pictures, hashlib.sha256(f"{seed}:{one.name}".encode()).hexdigest()

    for one in sorted(new, key=order):
        fold = min((kinds[fold, one.nearness], sizes[fold], fold) for fold in range(1, folds + 1))[-1]
        given[one.name] = fold
        kinds[fold, one.nearness] += 1
        sizes[fold] += one.pictures
    if len(set(given.values())) < folds:  # a category is gone, and its fold would hold nothing
        return spread_folds(stocks, folds, seed, {})
    return given
