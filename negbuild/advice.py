"""What a person should know of the categories before training on a split. Pure functions."""

from collections.abc import Sequence

from negbuild.model import Role
from negbuild.unseen import ENOUGH, Nearness, Stock, kin

_DIVERSE = 5  # negative categories
_FOR_AUTO = 4  # of them: two to hold out, two to train on
_DOMINANT = 0.3  # of the negatives


def advise(stocks: Sequence[Stock]) -> list[str]:
    """Say what is weak about the categories in use, each in a line; what is well is not mentioned."""
    negatives = [one for one in stocks if one.role is Role.UNKNOWN]
    unseen = [one for one in stocks if one.role is Role.UNSEEN]
    return [*_about_training(negatives), *_about_holdout(unseen, negatives)]


def _about_training(negatives: Sequence[Stock]) -> list[str]:
    total = sum(one.pictures for one in negatives)
    lines = []
    if len(negatives) < _DIVERSE:
        names = "category" if len(negatives) == 1 else "categories"
        lines.append(f"{len(negatives)} negative {names} in training: with fewer than {_DIVERSE} it learns these alone")
    for one in negatives:
        if len(negatives) > 1 and one.pictures > _DOMINANT * total:
            share = round(100 * one.pictures / total)
            then = "--cap 30% limits it" if len(negatives) * _DOMINANT >= 1 else "crawl other categories too"
            lines.append(f"{one.name} makes up {share} % of the negatives: {then}")
    return lines


def _about_holdout(unseen: Sequence[Stock], negatives: Sequence[Stock]) -> list[str]:
    if not unseen:
        enough = len(negatives) >= _FOR_AUTO
        return ["hold out a near and a far category: negbuild split --unseen auto"] if enough else []
    lines = []
    for one in unseen:
        if one.pictures < ENOUGH:
            still = f"no mistake in so many still allows {round(100 * _allowed(one.pictures))} %"
            lines.append(f"unseen {one.name} has only {one.pictures} picture{'s' if one.pictures > 1 else ''}: {still}")
    if all(one.nearness is Nearness.FAR for one in unseen):
        lines.append("only far categories are unseen, the easy case: hold out one that resembles the known ones, too")
    for one in unseen:
        for other, word in sorted(kin(one, negatives).items()):
            lines.append(f"unseen {one.name} shares the word {word} with {other}, which training sees")
    return lines


def _allowed(number: int) -> float:
    """Upper end of the 95 % interval of a rate of which none was seen in so many (Wilson 1927)."""
    return 1.96**2 / (number + 1.96**2)
