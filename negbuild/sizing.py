"""How many negatives are used, and which: sized by the positives, capped per category, by seed. Pure functions.

Every category has the same right to a place: what is asked for is shared out evenly, and what a small category cannot
fill the larger ones get (max-min fairness). Within its share a category keeps the pictures that were in use before.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

from negbuild.errors import UsageError
from negbuild.model import Split

_NUMBER = r"\d{1,9}"
_DECIMAL = r"\d{1,9}(?:\.\d{1,9})?"


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of pictures, or a multiple of another number; `text` is how a person wrote it."""

    text: str
    value: Fraction
    relative: bool

    def of(self, whole: int) -> int:
        """Pictures that this is, where `whole` is what a multiple is taken of; rounded down."""
        return int(self.value * whole) if self.relative else int(self.value)


@dataclass(frozen=True, slots=True)
class Size:
    """How many negatives are wanted in all, and how many of one category at most; None: as many as there are."""

    negatives: Amount | None = None
    cap: Amount | None = None

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return self.negatives is not None or self.cap is not None


ANY_SIZE = Size()


@dataclass(frozen=True, slots=True)
class Eligible:
    """A negative that may be used: where its group lies already, if anywhere, and whether it was in use before."""

    sha256: str
    category: str
    split: Split | None
    placed: bool
    in_use: bool


def parse_negatives(text: str) -> Amount:
    """Read `300`, or `1.5x` of the positives; raises UsageError where it is anything else."""
    if (wanted := _amount(text, "x", Fraction(1))) is None:
        raise UsageError(
            f"negatives {text}: needs a number above 0 such as 300, or a multiple of the positives such as 1.5x"
        )
    return wanted


def parse_cap(text: str) -> Amount:
    """Read `200`, or `30%` of the negatives; raises UsageError where it is anything else."""
    cap = _amount(text, "%", Fraction(1, 100))
    if cap is None or (cap.relative and cap.value > 1):
        raise UsageError(f"cap {text}: needs a number above 0 such as 200, or a part of the negatives such as 30%")
    return cap


def _amount(text: str, unit: str, worth: Fraction) -> Amount | None:
    written = text.strip()
    relative = written.endswith(unit)
    number = written.removesuffix(unit).rstrip()
    if not number.isascii() or not re.fullmatch(_DECIMAL if relative else _NUMBER, number) or not Fraction(number):
        return None
    return Amount(written, Fraction(number) * (worth if relative else 1), relative)


def quotas(stock: Mapping[str, int], positives: int, size: Size) -> dict[str, int]:
    """Pictures of each negative category that are used, where `stock` counts those there are.

    A cap in percent is one of the negatives that are used, so that it lowers their number until it holds. Raises
    UsageError where it cannot hold.
    """
    total = sum(stock.values())
    aim = min(total, size.negatives.of(positives)) if size.negatives else total
    while True:
        most = size.cap.of(aim) if size.cap else aim
        fitting = min(aim, sum(min(number, most) for number in stock.values()))
        if fitting == aim:
            break
        aim = fitting
    if size.cap and size.cap.relative and stock and size.cap.value * len(stock) < 1:
        least = -(-100 // len(stock))
        raise UsageError(
            f"cap {size.cap.text}: {len(stock)} negative {'category' if len(stock) == 1 else 'categories'} cannot each "
            f'stay within it; use --cap {least}%, or run: negbuild crawl --query "city street" -n 200'
        )
    return _shared_out(aim, stock)  # evenly: nobody has more than `most`


def _shared_out(aim: int, stock: Mapping[str, int]) -> dict[str, int]:
    shares: dict[str, int] = {}
    for place, name in enumerate(sorted(stock, key=lambda name: (stock[name], name))):
        shares[name] = min(stock[name], aim // (len(stock) - place))
        aim -= shares[name]
    return shares


def surplus(
    negatives: Collection[Eligible],
    quota: Mapping[str, int],
    targets: Mapping[tuple[str, Split], int],
    seed: int,
) -> set[str]:
    """Name the negatives that are not used, given the quota of each category and what of it each split should have.

    Those in use before come first, then those that have a place, both as the splits need them; then new ones, by seed.
    """
    ranks: Counter[tuple[str, Split | None]] = Counter()
    order = []
    for tier, draw, one in sorted(((_tier(one), _draw(seed, one.sha256), one) for one in negatives), key=_first_two):
        place = (one.category, one.split)
        enough = one.placed and one.split is not None and ranks[place] >= targets.get((one.category, one.split), 0)
        ranks[place] += 1
        order.append((tier, enough, draw, one))
    taken: Counter[str] = Counter()
    left_out = set()
    for *_, one in sorted(order, key=lambda entry: entry[:3]):
        if taken[one.category] < quota[one.category]:
            taken[one.category] += 1
        else:
            left_out.add(one.sha256)
    return left_out


def _tier(one: Eligible) -> int:
    return 0 if one.in_use else 1 if one.placed else 2


def _draw(seed: int, sha256: str) -> str:
    return hashlib.sha256(f"{seed}:{sha256}".encode()).hexdigest()


def _first_two(entry: tuple[int, str, Eligible]) -> tuple[int, str]:
    return entry[:2]
