"""Groups to splits: stratified, append-stable, and never dividing a group. A pure function of its input.

Rules, in this order:
1. What a person dropped or is unsure of, an unused copy, a picture whose label is in dispute, a copy of what is kept
   out and a placeholder are left out.
2. A group that touches an unseen category goes to the holdout: its unknown pictures are left out. Where it touches a
   known category too, the scarce known pictures stay and the unseen ones are left out.
3. A group that was placed before stays. Where a new twin bridges two splits, the stricter one wins.
4. Of the negatives as many are used as are asked for: `sizing` says which, and the others are left out.
5. What is left goes where its category lacks most of its share; shares are rounded by largest remainder, and what
   rounding takes from one negative category it gives to the next.
6. No class has fewer independent pictures in any split than a stated minimum; if need be, training gives some up.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from negbuild.errors import UsageError
from negbuild.model import NEGATIVE_CLASS, Role, Split
from negbuild.shares import RATIO_SPLITS, Shares, targets
from negbuild.sizing import ANY_SIZE, Eligible, Size, quotas, surplus

_STRICTNESS = {split: rank for rank, split in enumerate(Split)}


class Omission(StrEnum):
    """Why an image is held and yet in no split."""

    DROPPED = "dropped in review"
    UNSURE = "unsure in review"
    DOUBTFUL = "a copy of one dropped or unsure in review"
    COPY = "a copy of one in use"
    CONFLICT = "a copy with another label"
    NEAR_UNSEEN = "like an unseen picture"
    NEAR_KNOWN = "unseen and like a known picture"
    SURPLUS = "more negatives than asked for"
    KEPT_OUT = "a copy of a picture kept out"
    PLACEHOLDER = "a placeholder that stands for many pictures"


@dataclass(frozen=True, slots=True)
class Item:
    """An image to place: its key, category and role, the group it may not be parted from, or why it is left out."""

    sha256: str
    category: str
    role: Role
    group: str
    omission: Omission | None = None

    @property
    def class_name(self) -> str:
        """Folder of the image in a split."""
        return NEGATIVE_CLASS if self.role.negative else self.category


@dataclass(frozen=True, slots=True)
class Move:
    """An image that a bridge between two groups, or a new role, took from one split to another."""

    sha256: str
    before: Split
    after: Split


@dataclass(frozen=True, slots=True)
class TopUp:
    """A class that has the minimum of pictures in a split, where the ratio alone would be due fewer."""

    class_name: str
    split: Split
    due: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a split beside its ratio: the least of a class in each split, and how many negatives."""

    minimum: int = 1
    size: Size = ANY_SIZE


@dataclass(frozen=True, slots=True)
class Plan:
    """Where each image goes: `splits` for those in use, `omitted` for the others; `moves` against the plan before.

    `placed` also covers the copies that are not in use, so that a later change of keeper moves nothing. Those left out
    for other reasons keep the place they had.
    """

    splits: dict[str, Split]
    omitted: dict[str, Omission]
    moves: list[Move]
    placed: dict[str, Split]
    topped_up: list[TopUp] = field(default_factory=list)


def plan_split(
    items: Iterable[Item],
    ratio: Shares,
    seed: int,
    previous: Mapping[str, Split],
    unused: Collection[str] = (),
    wanted: Wanted = Wanted(),
) -> Plan:
    """Place every image; `previous` is `Plan.placed` of the plan before, `unused` what of it was more than asked for.

    Raises UsageError where there are fewer than two classes, or too few groups to fill every split.
    """
    groups = _grouped(items)
    omitted = _omitted(groups)
    used = _without(groups, omitted)
    _require_two_classes([item for group in used.values() for item in group])
    fixed = {key: split for key, group in used.items() if (split := _fixed(group, groups[key], previous))}
    if wanted.size:
        eligible = _eligible(used, fixed, previous, unused)
        positives = sum(item.role is Role.KNOWN for group in used.values() for item in group)
        omitted |= dict.fromkeys(_surplus(eligible, positives, ratio, seed, wanted), Omission.SURPLUS)
        used = _without(used, omitted)
    where, topped_up = _fill(used, fixed, ratio, seed, wanted.minimum)
    placed = {
        item.sha256: where[key]
        for key in used
        for item in groups[key]
        if omitted.get(item.sha256, Omission.COPY) is Omission.COPY
    }
    splits = {item.sha256: where[key] for key, group in used.items() for item in group}
    moves = [
        Move(sha, before, after) for sha, after in splits.items() if (before := previous.get(sha, after)) is not after
    ]
    return Plan(splits, omitted, moves, placed, topped_up)


def left_out(items: Iterable[Item]) -> dict[str, Omission]:
    """Name the images that no plan uses, however many are asked for."""
    return _omitted(_grouped(items))


def _omitted(groups: Mapping[str, list[Item]]) -> dict[str, Omission]:
    return {sha: why for group in groups.values() for sha, why in _omissions(group).items()}


def _grouped(items: Iterable[Item]) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.sha256):
        groups[item.group].append(item)
    return dict(sorted(groups.items()))


def _without(groups: Mapping[str, list[Item]], omitted: Collection[str]) -> dict[str, list[Item]]:
    rest = {key: [item for item in group if item.sha256 not in omitted] for key, group in groups.items()}
    return {key: group for key, group in rest.items() if group}


def _omissions(group: list[Item]) -> dict[str, Omission]:
    omitted = {item.sha256: item.omission for item in group if item.omission}
    rest = [item for item in group if item.omission is None]
    roles = {item.role for item in rest}
    if {Role.KNOWN, Role.UNSEEN} <= roles:
        omitted |= {item.sha256: Omission.NEAR_KNOWN for item in rest if item.role is Role.UNSEEN}
    elif {Role.UNKNOWN, Role.UNSEEN} <= roles:
        omitted |= {item.sha256: Omission.NEAR_UNSEEN for item in rest if item.role is Role.UNKNOWN}
    return omitted


def _require_two_classes(items: list[Item]) -> None:
    trained = {item.class_name for item in items if item.role is not Role.UNSEEN}
    if not trained - {NEGATIVE_CLASS}:
        raise UsageError(
            "split: no known pictures, and a classifier needs something to recognise; "
            "run: negbuild add PATH --category NAME --role known"
        )
    if NEGATIVE_CLASS not in trained:
        raise UsageError(
            f"split: {', '.join(sorted(trained))} without negatives to train on, and a classifier trained on one class "
            'says yes to everything; run: negbuild crawl --query "street food" -n 200'
        )


def _fixed(used: list[Item], whole: list[Item], previous: Mapping[str, Split]) -> Split | None:
    """Split that a group must go to, if it is not free."""
    if any(item.role is Role.UNSEEN for item in used):
        return Split.UNSEEN
    before = {previous[item.sha256] for item in whole if item.sha256 in previous} & set(RATIO_SPLITS)
    return max(before, key=_STRICTNESS.__getitem__, default=None)


def _eligible(
    groups: Mapping[str, list[Item]],
    fixed: Mapping[str, Split],
    previous: Mapping[str, Split],
    unused: Collection[str],
) -> list[Eligible]:
    placed = {sha for sha, split in previous.items() if split is not Split.UNSEEN}
    in_use = placed.difference(unused)
    return [
        Eligible(item.sha256, item.category, fixed.get(key), item.sha256 in placed, item.sha256 in in_use)
        for key, group in groups.items()
        for item in group
        if item.role is Role.UNKNOWN
    ]


def _surplus(eligible: list[Eligible], positives: int, ratio: Shares, seed: int, wanted: Wanted) -> set[str]:
    """Name the negatives that are more than what is asked for."""
    stock = Counter(one.category for one in eligible)
    quota = quotas(stock, positives, wanted.size)
    number, least = sum(quota.values()), len(RATIO_SPLITS) * wanted.minimum
    if number < min(least, stock.total()):
        asked = {"--negatives": wanted.size.negatives, "--cap": wanted.size.cap}
        given = " and ".join(f"{option} {amount.text}" for option, amount in asked.items() if amount)
        raise UsageError(f"split: {given} leaves {number} negatives, train, valid and test need {least}; ask for more")
    return surplus(eligible, quota, targets(Counter(quota), Counter(), ratio), seed)


def _fill(
    groups: Mapping[str, list[Item]], fixed: Mapping[str, Split], ratio: Shares, seed: int, minimum: int
) -> tuple[dict[str, Split], list[TopUp]]:
    """Place the free groups, larger ones first, each where its categories lack most; then see to the minimum."""
    where = {key: split for key, split in fixed.items() if key in groups}
    classes = {item.category: item.class_name for group in groups.values() for item in group}
    lacking = targets(
        Counter(item.category for group in groups.values() for item in group if item.role is Role.UNKNOWN),
        Counter(item.category for group in groups.values() for item in group if item.role is Role.KNOWN),
        ratio,
    )
    due: Counter[tuple[str, Split]] = Counter()
    for (category, split), number in lacking.items():
        due[classes[category], split] += number
    for key, split in where.items():
        if split is not Split.UNSEEN:
            lacking.subtract((item.category, split) for item in groups[key])

    def order(key: str) -> tuple[int, str]:
        return -len(groups[key]), hashlib.sha256(f"{seed}:{key}".encode()).hexdigest()

    free = groups.keys() - where.keys()
    for key in sorted(free, key=order):
        where[key] = max(RATIO_SPLITS, key=lambda split: sum(lacking[i.category, split] for i in groups[key]))
        lacking.subtract((item.category, where[key]) for item in groups[key])
    _fill_up(groups, where, free, minimum)
    topped_up = [TopUp(*place, number) for place, number in sorted(due.items()) if number < minimum]
    return where, topped_up


def _fill_up(groups: Mapping[str, list[Item]], where: dict[str, Split], free: Collection[str], minimum: int) -> None:
    """Give every class its minimum of groups in every split, the smallest free ones out of the fullest split."""
    for name, own in sorted(_by_class(groups, where).items()):
        count = Counter(where[key] for key in own)
        if all(count[split] >= minimum for split in RATIO_SPLITS):
            continue
        alone = [key for key in own if all(item.class_name == name for item in groups[key])]
        alone.sort(key=lambda key: (len(groups[key]), key), reverse=True)
        loose = {split: [key for key in alone if where[key] is split and key in free] for split in RATIO_SPLITS}
        # Only a bridge or a higher minimum can leave a split short that was filled before; then training gives what
        # cannot be had otherwise.
        trained = {Split.TRAIN: [key for key in alone if where[key] is Split.TRAIN and key not in free]}
        for split in RATIO_SPLITS:
            while count[split] < minimum:
                giver, pool = _giver(loose, trained, count, minimum)
                if giver is None:
                    raise _too_few(name, len(own), minimum)
                where[pool.pop()] = split
                count.update({split: 1, giver: -1})


def _by_class(groups: Mapping[str, list[Item]], where: Mapping[str, Split]) -> dict[str, list[str]]:
    classes: dict[str, list[str]] = defaultdict(list)
    for key, split in where.items():
        if split is not Split.UNSEEN:
            for name in {item.class_name for item in groups[key]}:
                classes[name].append(key)
    return classes


def _giver(
    loose: Mapping[Split, list[str]], trained: Mapping[Split, list[str]], count: Mapping[Split, int], minimum: int
) -> tuple[Split | None, list[str]]:
    """Name the fullest split that can spare a group, and its groups, the smallest last."""
    for pools in (loose, trained):
        able = [split for split in pools if pools[split] and count[split] > minimum]
        if able:
            fullest = max(able, key=lambda split: count[split])
            return fullest, pools[fullest]
    return None, []


def _too_few(name: str, groups: int, minimum: int) -> UsageError:
    subject = "negatives" if name == NEGATIVE_CLASS else name
    pictures = f"{subject}: {groups} independent picture{'s' if groups != 1 else ''}"
    if minimum == 1:
        return UsageError(f"{pictures} cannot fill train, valid and test (copies and look-alikes count once); add more")
    return UsageError(
        f"{pictures} cannot put {minimum} into each of train, valid and test (copies and look-alikes count once); "
        "add more, or lower --min-per-class"
    )
