"""Pairs of copies counted: by what told them, and by how far apart they are. Pure functions."""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol


class Told(Protocol):
    """A pair of copies, however it is named."""

    @property
    def reason(self) -> str:
        """What told it: one of a few reasons, and after a colon what was seen in this case."""

    @property
    def distance(self) -> int:
        """How many bits the two are apart."""


def by_reason(pairs: Iterable[Told]) -> dict[str, int]:
    """Count pairs by what told them, the most frequent first."""
    return dict(Counter(pair.reason.partition(":")[0] for pair in pairs).most_common())


def by_distance(pairs: Iterable[Told]) -> dict[int, int]:
    """Count pairs by their distance in bits."""
    return dict(sorted(Counter(pair.distance for pair in pairs).items()))
