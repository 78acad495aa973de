"""How sure a counted share is."""

import math
from dataclasses import dataclass

_Z = 1.959963984540054
"""Standard normal deviation that leaves 2.5 % on either side."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many hits `of` so many pictures: the share, and the 95 % interval it is known to (each 0 to 1)."""

    hits: int
    of: int
    value: float
    low: float
    high: float


def share(hits: int, of: int) -> Share:
    """Count a share with its Wilson score interval at 95 %, without continuity correction.

    Pictures count as independent draws; the interval says nothing about categories that were not tried. Raises
    ValueError where there are no pictures. Wilson, Probable inference, the law of succession, and statistical
    inference, Journal of the American Statistical Association 22 (1927).
    """
    if not 0 <= hits <= of or not of:
        raise ValueError(f"{hits} of {of} is no share")
    value, square = hits / of, _Z * _Z
    middle = (value + square / (2 * of)) / (1 + square / of)
    half = _Z / (1 + square / of) * math.sqrt(value * (1 - value) / of + square / (4 * of * of))
    # At either end the interval reaches it exactly, which rounding would miss.
    low = 0.0 if hits == 0 else middle - half
    high = 1.0 if hits == of else middle + half
    return Share(hits, of, value, low, high)
