"""Groups to splits: stratified, append-stable, and never dividing a group. A pure function of its input.

Rules, in this order:
1. An unused copy and a picture whose label is in dispute are left out.
2. A group that touches an unseen category goes to the holdout: its unknown pictures are left out. Where it touches a
   known category too, the scarce known pictures stay and the unseen ones are left out.
3. A group that was placed before stays. Where a new twin bridges two splits, the stricter one wins.
4. What is left goes where its category lacks most of its share; shares are rounded by largest remainder, and what
   rounding takes from one negative category it gives to the next.
5. No class is left without a picture in any split; if need be, training gives one up.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from negbuild.errors import UsageError
from negbuild.model import NEGATIVE_CLASS, Role, Split

RATIO_SPLITS = (Split.TRAIN, Split.VALID, Split.TEST)
_STRICTNESS = {split: rank for rank, split in enumerate(Split)}

Shares = tuple[int, int, int]


class Omission(StrEnum):
    """Why an image is held and yet in no split."""

    COPY = "a copy of one in use"
    CONFLICT = "a copy with another label"
    NEAR_UNSEEN = "like an unseen picture"
    NEAR_KNOWN = "unseen and like a known picture"


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
class Plan:
    """Where each image goes: `splits` for those in use, `omitted` for the others; `moves` against the plan before.

    `placed` also covers the copies that are not in use, so that a later change of keeper moves nothing. Those left out
    for other reasons keep the place they had.
    """

    splits: dict[str, Split]
    omitted: dict[str, Omission]
    moves: list[Move]
    placed: dict[str, Split]


def parse_ratio(text: str) -> Shares:
    """Read `70/15/15`: percent of train, valid and test; raises UsageError where it is anything else."""
    try:
        train, valid, test = (int(part) for part in text.split("/"))
    except ValueError:
        raise UsageError(f"ratio {text}: needs three parts, train/valid/test, such as 70/15/15") from None
    if train + valid + test != 100 or min(train, valid, test) < 1:  # noqa: PLR2004  percent
        raise UsageError(f"ratio {text}: the parts must be at least 1 and add up to 100, such as 70/15/15")
    return train, valid, test


def plan_split(items: Iterable[Item], ratio: Shares, seed: int, previous: Mapping[str, Split]) -> Plan:
    """Place every image; `previous` is `Plan.placed` of the plan before.

    Raises UsageError where there are fewer than two classes, or too few groups to fill every split.
    """
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.sha256):
        groups[item.group].append(item)
    omitted = {sha: why for group in groups.values() for sha, why in _omissions(group).items()}
    used = {key: [item for item in group if item.sha256 not in omitted] for key, group in sorted(groups.items())}
    used = {key: group for key, group in used.items() if group}
    _require_two_classes([item for group in used.values() for item in group])

    fixed = {key: split for key, group in used.items() if (split := _fixed(group, groups[key], previous))}
    where = _fill(used, fixed, ratio, seed)
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
    return Plan(splits, omitted, moves, placed)


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


def _fill(groups: Mapping[str, list[Item]], fixed: Mapping[str, Split], ratio: Shares, seed: int) -> dict[str, Split]:
    """Place the free groups, larger ones first, each where its categories lack most."""
    where = dict(fixed)
    lacking = _targets(
        Counter(item.category for group in groups.values() for item in group if item.role is Role.UNKNOWN),
        Counter(item.category for group in groups.values() for item in group if item.role is Role.KNOWN),
        ratio,
    )
    for key, split in fixed.items():
        if split is not Split.UNSEEN:
            lacking.subtract((item.category, split) for item in groups[key])

    def order(key: str) -> tuple[int, str]:
        return -len(groups[key]), hashlib.sha256(f"{seed}:{key}".encode()).hexdigest()

    for key in sorted(groups.keys() - fixed.keys(), key=order):
        where[key] = max(RATIO_SPLITS, key=lambda split: sum(lacking[i.category, split] for i in groups[key]))
        lacking.subtract((item.category, where[key]) for item in groups[key])
    _fill_empty(groups, where, free=groups.keys() - fixed.keys())
    return where


def _targets(unknown: Counter[str], known: Counter[str], ratio: Shares) -> Counter[tuple[str, Split]]:
    """Pictures that each category should have in each split."""
    targets: Counter[tuple[str, Split]] = Counter()
    carried = [0, 0, 0]  # hundredths of a picture
    for category, count in [*sorted(known.items()), *sorted(unknown.items())]:
        shares, rest = _apportion(count, ratio, carried if category in unknown else [0, 0, 0])
        carried = rest if category in unknown else carried
        targets.update({(category, split): share for split, share in zip(RATIO_SPLITS, shares, strict=True)})
    return targets


def _apportion(count: int, ratio: Shares, carried: list[int]) -> tuple[list[int], list[int]]:
    """Largest remainder: whole shares that add up to count, and the hundredths that rounding owes each part."""
    quotas = [count * part + debt for part, debt in zip(ratio, carried, strict=True)]
    shares = [max(0, quota // 100) for quota in quotas]
    while sum(shares) < count:
        owed = [quota - 100 * share for quota, share in zip(quotas, shares, strict=True)]
        shares[owed.index(max(owed))] += 1
    while sum(shares) > count:
        owed = [quota - 100 * share if share else 10**9 for quota, share in zip(quotas, shares, strict=True)]
        shares[owed.index(min(owed))] -= 1
    return shares, [quota - 100 * share for quota, share in zip(quotas, shares, strict=True)]


def _fill_empty(groups: Mapping[str, list[Item]], where: dict[str, Split], free: Collection[str]) -> None:
    """Give every class a picture in every split, taking the smallest free group from the fullest split."""
    classes = sorted({item.class_name for key in where for item in groups[key]})
    for name in classes:
        own = [
            key
            for key in sorted(groups)
            if where[key] is not Split.UNSEEN and any(item.class_name == name for item in groups[key])
        ]
        for split in RATIO_SPLITS:
            count = Counter(where[key] for key in own)
            if count[split]:
                continue
            spare = [
                key for key in own if count[where[key]] > 1 and len({item.class_name for item in groups[key]}) == 1
            ]
            # Only a bridge can empty a split that was filled; then training gives what cannot be had otherwise.
            spare = [key for key in spare if key in free] or [key for key in spare if where[key] is Split.TRAIN]
            if not spare:
                raise _too_few(name, len(own))
            where[max(spare, key=lambda key: (count[where[key]], -len(groups[key])))] = split


def _too_few(name: str, groups: int) -> UsageError:
    subject = "negatives" if name == NEGATIVE_CLASS else name
    return UsageError(
        f"{subject}: {groups} independent picture{'s' if groups != 1 else ''} cannot fill train, valid and test "
        "(copies and look-alikes count once); add more"
    )
