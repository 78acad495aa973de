"""Where "none of these" begins: thresholds, chosen on validation pictures of known and unknown categories only.

Scores as in `negbuild.metrics`: a picture is accepted where its score is at least the threshold.
"""

from dataclasses import dataclass

import numpy as np

from negbuild.metrics import Flags, Scores, least


@dataclass(frozen=True, slots=True)
class Band:
    """Below `lower` the answer is none of these, from `upper` on a known class, and in between nobody can say.

    Of the answers on either side, at most a share is `wrong` on the pictures that it was chosen on.
    """

    lower: float
    upper: float
    wrong: float


def balanced(known: Scores, right: Flags, unknown: Scores) -> float:
    """Threshold that maximises the mean of two shares: known accepted and right, unknown rejected.

    It lies in the middle of the gap between two scores; of equally good gaps it takes the widest, then the highest.
    Raises ValueError where there are no known or no unknown pictures.
    """
    if not len(known) or not len(unknown):
        raise ValueError("a balance needs known and unknown pictures")
    cuts = _cuts(known, unknown)
    gain = _at_least(known[right], cuts) / len(known) - _at_least(unknown, cuts) / len(unknown)
    # Sums of fractions that are equal may differ in their last digit.
    best = np.flatnonzero(gain >= gain.max() - 1e-12)
    chosen = best[np.lexsort((-best, -_gaps(cuts)[best]))[0]]
    return _within(cuts, chosen)


def for_known_accuracy(known: Scores, right: Flags, share: float) -> float:
    """Highest threshold at which at least a `share` of the known pictures is accepted and right.

    Raises ValueError where no threshold reaches it; `int(right.sum())` of them is the most there can be.
    """
    wanted = least(share, len(known))
    falling = np.sort(known[right])[::-1]
    if wanted > len(falling):
        raise ValueError(f"{len(falling)} of {len(known)} known pictures are right at any threshold")
    return float(falling[wanted - 1])


def band(known: Scores, right: Flags, unknown: Scores, wrong: float) -> Band:
    """Narrowest band outside of which at most a share of answers is `wrong`, on either side by itself.

    Wrong are, from `upper` on, unknown pictures and known ones of another class; below `lower`, known ones. Narrowest
    is what leaves the fewest pictures without an answer, then what has the fewest wrong answers, then what ends in the
    widest gap, then the highest. Where one threshold does it, both are equal.
    """
    cuts = _cuts(known, unknown)
    answered = _at_least(known, cuts) + _at_least(unknown, cuts)
    wrong_above = answered - _at_least(known[right], cuts)
    below = len(known) + len(unknown) - answered
    wrong_below = len(known) - _at_least(known, cuts)
    uppers = np.flatnonzero(wrong_above <= wrong * answered + 1e-9)  # the last cut accepts nothing: always there
    lowers = np.flatnonzero(wrong_below <= wrong * below + 1e-9)  # the first one rejects nothing
    nearest = lowers[np.searchsorted(lowers, uppers, side="right") - 1]
    open_ = answered[nearest] - answered[uppers]
    mistakes = wrong_above[uppers] + wrong_below[nearest]
    chosen = np.lexsort((-uppers, -_gaps(cuts)[uppers], mistakes, open_))[0]
    return Band(_within(cuts, nearest[chosen]), _within(cuts, uppers[chosen]), wrong)


def _cuts(known: Scores, unknown: Scores) -> Scores:
    """Every threshold that tells pictures apart, rising: each distinct score, and one that accepts nothing."""
    scores = np.unique(np.concatenate([known, unknown]))
    with np.errstate(over="ignore"):  # above the largest number is infinity
        return np.append(scores, np.nextafter(scores[-1], np.inf))


def _at_least(scores: Scores, cuts: Scores) -> Scores:
    return (len(scores) - np.searchsorted(np.sort(scores), cuts, side="left")).astype(np.float64)


def _gaps(cuts: Scores) -> Scores:
    """How far each cut is above the one before."""
    with np.errstate(over="ignore"):
        return np.diff(cuts, prepend=cuts[0])


def _within(cuts: Scores, chosen: np.intp) -> float:
    """Middle of the gap below a cut: it accepts what the cut accepts, and is as far from either side."""
    if chosen == 0:
        return float(cuts[0])
    middle = cuts[chosen - 1] / 2 + cuts[chosen] / 2
    return float(middle if cuts[chosen - 1] < middle < np.inf else cuts[chosen])  # neighbours have nothing in between
