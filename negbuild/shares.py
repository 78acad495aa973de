"""The ratio of train, valid and test, and whole pictures shared out by it. Pure functions."""

from collections import Counter
from collections.abc import Mapping

from negbuild.errors import UsageError
from negbuild.model import Split

RATIO_SPLITS = (Split.TRAIN, Split.VALID, Split.TEST)

Shares = tuple[int, int, int]
"""Percent of train, valid and test."""


def parse_ratio(text: str) -> Shares:
    """Read `70/15/15`: percent of train, valid and test; raises UsageError where it is anything else."""
    try:
        train, valid, test = (int(part) for part in text.split("/"))
    except ValueError:
        raise UsageError(f"ratio {text}: needs three parts, train/valid/test, such as 70/15/15") from None
    if train + valid + test != 100 or min(train, valid, test) < 1:  # noqa: PLR2004  percent
        raise UsageError(f"ratio {text}: the parts must be at least 1 and add up to 100, such as 70/15/15")
    return train, valid, test


def targets(unknown: Mapping[str, int], known: Mapping[str, int], ratio: Shares) -> Counter[tuple[str, Split]]:
    """Pictures that each category should have in each split.

    By largest remainder for each category; what rounding takes from one negative category it gives to the next.
    """
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
