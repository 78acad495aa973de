"""What a classifier's predictions are worth once things come that it does not know: one arm of an experiment, judged.

The protocol is that of Palechor, Bhoumik and Günther (Large-scale open-set classification protocols for ImageNet, WACV
2023): known, unknown (trained as negatives) and unseen categories are judged apart, and nothing is chosen on unseen.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from negbuild import metrics
from negbuild.intervals import Share, share
from negbuild.metrics import Flags, Indices
from negbuild.model import Role, Split
from negbuild.predictions import Predictions
from negbuild.thresholds import Band

NONE = "none of these"
"""The answer where no known class is accepted."""
HOME = {Role.KNOWN: Split.TEST, Role.UNKNOWN: Split.TEST, Role.UNSEEN: Split.UNSEEN}
"""Split that each role is judged in."""
FALSE_ACCEPTANCES = (0.01, 0.05, 0.1)
"""Shares of other pictures taken for known at which the share of known ones that are right is told."""
ENOUGH = 10
"""False acceptances that a rate must stand for, before it says anything."""


class Rule(StrEnum):
    """How a threshold was chosen."""

    BALANCED = "best balance of known right and unknown rejected"
    KNOWN_ACCURACY = "highest that keeps a share of known right"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A picture is accepted where its highest known score is at least `value`; the shares are those of valid.

    `known` is accepted and right, `unknown` rejected; None where valid has no such pictures.
    """

    value: float
    rule: Rule
    known: Share | None
    unknown: Share | None


@dataclass(frozen=True, slots=True)
class Result:
    """Pictures of one role or category that are answered right, and the wrong answers, the most frequent first."""

    role: Role
    name: str
    right: Share
    instead: dict[str, int]


@dataclass(frozen=True, slots=True)
class CorrectAt:
    """Share of known pictures right where at most a share of others is accepted; `enough` of these to believe it."""

    accepted: float
    correct: float
    enough: bool


@dataclass(frozen=True, slots=True)
class Separation:
    """How the scores of known pictures and those of another role lie apart, whatever the threshold.

    `accepted_at_95_known` is the share of others taken for known when 95 % of the known ones are accepted.
    """

    role: Role
    auroc: float
    average_precision: float
    accepted_at_95_known: float
    auoscr: float
    correct_at: list[CorrectAt]


@dataclass(frozen=True, slots=True)
class BandResult:
    """Pictures of one role with a right answer outside the band, with a wrong one, and with none (`unanswered`)."""

    role: Role
    right: Share
    wrong: Share
    unanswered: Share


@dataclass(frozen=True, slots=True)
class Arm:
    """All that is measured of one predictions file.

    `roles` and `categories` are judged at the threshold; `argmax` by the highest score of all, that of the negative
    class among them (empty: it has no column). `closed_set` is the accuracy on known pictures by the highest known
    score (None: with one known class there is nothing to confuse). `confusion` has a row each known class, unknown and
    unseen, and a column each known class and none of these.
    """

    name: str
    classes: list[str]
    ignored: int
    threshold: Threshold
    closed_set: Share | None
    roles: list[Result]
    categories: list[Result]
    argmax: list[Result]
    separations: list[Separation]
    band: Band | None
    band_results: list[BandResult]
    confusion: list[list[int]]

    @property
    def worst(self) -> Result | None:
        """Unseen category of which the smallest share is rejected, the first by name of equal ones."""
        unseen = [one for one in self.categories if one.role is Role.UNSEEN]
        return min(unseen, key=lambda one: one.right.value, default=None)

    @property
    def category_mean(self) -> float | None:
        """Mean share rejected over unseen categories, where a large one counts as much as a small one."""
        unseen = [one.right.value for one in self.categories if one.role is Role.UNSEEN]
        return sum(unseen) / len(unseen) if unseen else None

    def result(self, role: Role) -> Result | None:
        """All pictures of a role at the threshold, if there are any."""
        return next((one for one in self.roles if one.role is role), None)


def judge(name: str, predictions: Predictions, threshold: Threshold, band: Band | None) -> Arm:
    """Measure one classifier on test and unseen."""
    answer = np.where(predictions.confidence >= threshold.value, predictions.answer, -1)
    return Arm(
        name=name,
        classes=predictions.classes,
        ignored=predictions.ignored,
        threshold=threshold,
        closed_set=_closed_set(predictions),
        roles=list(_by_role(predictions, answer)),
        categories=list(_by_category(predictions, answer)),
        argmax=list(_by_highest(predictions)),
        separations=list(_separations(predictions)),
        band=band,
        band_results=list(_band_results(predictions, band)) if band else [],
        confusion=_confusion(predictions, answer),
    )


def threshold_of(predictions: Predictions, value: float, rule: Rule) -> Threshold:
    """State a threshold together with what it does on valid."""
    answer = np.where(predictions.confidence >= value, predictions.answer, -1)
    right = answer == predictions.truth

    def of(role: Role) -> Share | None:
        mask = predictions.of(Split.VALID, role)
        return _share(right, mask) if mask.any() else None

    return Threshold(value, rule, of(Role.KNOWN), of(Role.UNKNOWN))


def _share(hits: Flags, mask: Flags) -> Share:
    return share(int(np.count_nonzero(hits & mask)), int(np.count_nonzero(mask)))


def _present(predictions: Predictions) -> Iterator[tuple[Role, Flags]]:
    """Roles that there are pictures of, in the split where each is judged."""
    for role, split in HOME.items():
        mask = predictions.of(split, role)
        if mask.any():
            yield role, mask


def _closed_set(predictions: Predictions) -> Share | None:
    if len(predictions.classes) == 1:
        return None
    return _share(predictions.answer == predictions.truth, predictions.of(Split.TEST, Role.KNOWN))


def _by_highest(predictions: Predictions) -> Iterator[Result]:
    """Answer by the highest of all scores; the negative class wins a tie, since it comes first."""
    if predictions.negative is not None:
        accepted = predictions.confidence > predictions.negative
        yield from _by_role(predictions, np.where(accepted, predictions.answer, -1))


def _by_role(predictions: Predictions, answer: Indices) -> Iterator[Result]:
    for role, mask in _present(predictions):
        yield _result(predictions, answer, mask, role, str(role))


def _by_category(predictions: Predictions, answer: Indices) -> Iterator[Result]:
    categories = np.array([row.category for row in predictions.rows])
    for role, mask in _present(predictions):
        for name in np.unique(categories[mask]):
            yield _result(predictions, answer, mask & (categories == name), role, str(name))


def _result(predictions: Predictions, answer: Indices, mask: Flags, role: Role, name: str) -> Result:
    right = answer == predictions.truth
    names = [*predictions.classes, NONE]  # -1 is the last
    instead = Counter(names[index] for index in answer[mask & ~right])
    return Result(role, name, _share(right, mask), dict(sorted(instead.items(), key=lambda one: (-one[1], one[0]))))


def _separations(predictions: Predictions) -> Iterator[Separation]:
    confidence, right = predictions.confidence, predictions.answer == predictions.truth
    is_known = predictions.of(Split.TEST, Role.KNOWN)
    known = confidence[is_known]
    for role, mask in _present(predictions):
        if role is Role.KNOWN:
            continue
        others = confidence[mask]
        curve = metrics.oscr(known, right[is_known], others)
        yield Separation(
            role=role,
            auroc=metrics.auroc(known, others),
            average_precision=metrics.average_precision(known, others),
            accepted_at_95_known=metrics.accepted_at(known, others),
            auoscr=metrics.area(curve),
            correct_at=[
                CorrectAt(rate, metrics.correct_at(curve, rate), enough=rate * len(others) >= ENOUGH)
                for rate in FALSE_ACCEPTANCES
            ],
        )


def _band_results(predictions: Predictions, band: Band) -> Iterator[BandResult]:
    confidence = predictions.confidence
    unanswered = (confidence >= band.lower) & (confidence < band.upper)
    right = np.where(confidence >= band.upper, predictions.answer, -1) == predictions.truth
    for role, mask in _present(predictions):
        yield BandResult(
            role,
            right=_share(right & ~unanswered, mask),
            wrong=_share(~right & ~unanswered, mask),
            unanswered=_share(unanswered, mask),
        )


def _confusion(predictions: Predictions, answer: Indices) -> list[list[int]]:
    known = len(predictions.classes)
    rows = {Role.UNKNOWN: known, Role.UNSEEN: known + 1}
    counts = np.zeros((known + 2, known + 1), np.intp)
    for role, mask in _present(predictions):
        truth = np.full(int(mask.sum()), rows[role]) if role in rows else predictions.truth[mask]
        columns = np.where(answer[mask] < 0, known, answer[mask])
        counts += metrics.confusion(truth, columns, counts.shape)
    return [[int(count) for count in row] for row in counts]
