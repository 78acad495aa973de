"""Open-set metrics over scores: what is known against what is not, without any threshold of one's own.

Everywhere: `known` (n,) holds one score a known picture, its highest over the known classes; `right` (n,) whether that
highest one is its own class; `others` (m,) the same score of pictures that are none of them. A picture is accepted at a
threshold where its score is at least that. Only the order of scores counts, so any real numbers do, and equal scores
are accepted together. n and m are at least 1; an empty one raises ValueError.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What a falling threshold gives: a point where nothing is accepted, then one for each distinct score.

    `accepted` is the share of others that is accepted (false positives), `correct` that of known pictures that is
    accepted and, on an OSCR curve, given the right class. Both rise from 0; shapes (k,).
    """

    accepted: Scores
    correct: Scores


def oscr(known: Scores, right: Flags, others: Scores) -> Curve:
    """Open-set classification rate: correct classification against false acceptance.

    Dhamija, Günther and Boult, Reducing network agnostophobia, NeurIPS 2018, section 4.1.
    """
    _filled(known, others)
    falling = np.unique(np.concatenate([known, others]))[::-1]

    def rate(scores: Scores, of: int) -> Scores:
        at_least = len(scores) - np.searchsorted(np.sort(scores), falling, side="left")
        return np.concatenate([[0.0], at_least / of])

    return Curve(rate(others, len(others)), rate(known[right], len(known)))


def roc(known: Scores, others: Scores) -> Curve:
    """Receiver operating characteristic: known pictures accepted, whatever their class, against false acceptance."""
    return oscr(known, np.ones(len(known), bool), others)


def area(curve: Curve) -> float:
    """Area below a curve by trapezoids, which counts half of a tie; below an OSCR curve it is the AUOSCR."""
    return float(np.trapezoid(curve.correct, curve.accepted))


def auroc(known: Scores, others: Scores) -> float:
    """Chance that a known picture scores above another one, ties counting half; 0.5 tells nothing apart.

    It is the Mann-Whitney statistic, counted exactly. Hanley and McNeil, Radiology 143 (1982).
    """
    _filled(known, others)
    ranked = np.sort(others)
    below = int(np.searchsorted(ranked, known, side="left").sum())
    not_above = int(np.searchsorted(ranked, known, side="right").sum())
    return (below + not_above) / (2 * len(known) * len(others))


def average_precision(known: Scores, others: Scores) -> float:
    """Area below precision over recall of the known pictures, as a sum of steps (AUPR-in).

    It depends on how many others there are, so that only numbers of one dataset can be compared.
    """
    curve = roc(known, others)
    taken = curve.correct * len(known)
    precision = taken[1:] / (taken[1:] + curve.accepted[1:] * len(others))
    return float(np.sum(np.diff(curve.correct) * precision))


def accepted_at(known: Scores, others: Scores, share: float = 0.95) -> float:
    """Share of others accepted at the highest threshold that accepts at least a `share` of the known pictures.

    Known is the positive side here: FPR at 95 % TPR in the direction "others taken for known". Part of the literature
    under that name means the opposite (known ones flagged when 95 % of the others are caught).
    """
    _filled(known, others)
    threshold = np.sort(known)[::-1][least(share, len(known)) - 1]
    return float(np.mean(others >= threshold))


def correct_at(curve: Curve, accepted: float) -> float:
    """Highest `correct` of a curve where at most a share of others is `accepted` (CCR at FPR); no interpolation.

    Dhamija, Günther and Boult, NeurIPS 2018. With m others, nothing between 0 and 1/m can be told apart.
    """
    last = int(np.searchsorted(curve.accepted, accepted * (1 + 1e-12), side="right")) - 1
    return float(curve.correct[last])


def confusion(truth: Sequence[int] | Indices, answer: Sequence[int] | Indices, size: tuple[int, int]) -> Indices:
    """Count pictures by truth (row) and answer (column)."""
    counts = np.zeros(size, np.intp)
    np.add.at(counts, (np.asarray(truth, np.intp), np.asarray(answer, np.intp)), 1)
    return counts


def least(share: float, of: int) -> int:
    """Fewest pictures, one at least, that are a share `of` so many; 0.95 of 20 is 19, whatever floats say."""
    return max(1, math.ceil(round(share * of, 9)))


def _filled(known: Scores, others: Scores) -> None:
    if not len(known) or not len(others):
        raise ValueError("no scores")
