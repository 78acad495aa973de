"""Metrics equal scikit-learn's where it has them, and what their definitions say, counted picture by picture."""

import math
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score, roc_curve

from negbuild import metrics
from negbuild.intervals import share
from negbuild.thresholds import balanced, band, for_known_accuracy

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Few different values, so that there are ties in most cases; any reals, so that nothing counts on 0 to 1.
_SCORE = st.one_of(st.integers(-2, 3).map(float), st.floats(-1e6, 1e6, allow_subnormal=False))
scores = st.lists(_SCORE, min_size=1, max_size=30).map(lambda values: np.array(values, np.float64))
flagged = st.lists(st.tuples(_SCORE, st.booleans()), min_size=1, max_size=30).map(
    lambda pairs: (np.array([score for score, _ in pairs]), np.array([flag for _, flag in pairs], bool))
)


def labelled(known: Scores, others: Scores) -> tuple[NDArray[np.int_], Scores]:
    return np.repeat([1, 0], [len(known), len(others)]), np.concatenate([known, others])


# --- beside scikit-learn


@given(scores, scores)
def test_auroc_is_that_of_scikit_learn(known: Scores, others: Scores) -> None:
    assert metrics.auroc(known, others) == pytest.approx(roc_auc_score(*labelled(known, others)), abs=1e-12)


@given(scores, scores)
def test_average_precision_is_that_of_scikit_learn(known: Scores, others: Scores) -> None:
    expected = average_precision_score(*labelled(known, others))
    assert metrics.average_precision(known, others) == pytest.approx(expected, abs=1e-12)


@given(scores, scores)
def test_roc_curve_and_acceptance_at_95_are_those_of_scikit_learn(known: Scores, others: Scores) -> None:
    accepted, correct, _ = roc_curve(*labelled(known, others), drop_intermediate=False)
    curve = metrics.roc(known, others)
    np.testing.assert_allclose(curve.accepted, accepted, atol=1e-12)
    np.testing.assert_allclose(curve.correct, correct, atol=1e-12)
    at_95 = accepted[correct >= 0.95 - 1e-9].min()
    assert metrics.accepted_at(known, others) == pytest.approx(at_95, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_confusion_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, answer = zip(*pairs, strict=True)
    expected = confusion_matrix(truth, answer, labels=range(4))
    np.testing.assert_array_equal(metrics.confusion(truth, answer, (4, 4)), expected)


# --- beside the definitions


@given(flagged, scores)
def test_oscr_is_what_its_definition_counts_at_each_threshold(pair: tuple[Scores, Flags], others: Scores) -> None:
    known, right = pair
    curve = metrics.oscr(known, right, others)
    falling = sorted({*known, *others}, reverse=True)
    assert (curve.accepted[0], curve.correct[0]) == (0, 0)
    for place, threshold in enumerate(falling, 1):
        assert curve.accepted[place] == sum(other >= threshold for other in others) / len(others)
        taken = sum(bool(flag) and score >= threshold for score, flag in zip(known, right, strict=True))
        assert curve.correct[place] == taken / len(known)
    assert curve.correct[-1] == right.mean()  # the closed-set accuracy


@given(flagged, scores)
def test_auoscr_counts_pairs_and_is_bounded_by_auroc_and_accuracy(pair: tuple[Scores, Flags], others: Scores) -> None:
    known, right = pair
    pairs = [
        flag * ((score > other) + 0.5 * (score == other))
        for score, flag in zip(known, right, strict=True)
        for other in others
    ]
    auoscr = metrics.area(metrics.oscr(known, right, others))
    assert auoscr == pytest.approx(np.mean(pairs), abs=1e-12)
    assert 0 <= auoscr <= min(metrics.auroc(known, others), right.mean()) + 1e-12


@given(flagged, scores, st.sampled_from([0.0, 0.01, 0.1, 0.25, 1 / 3, 0.5, 1.0]))
def test_correct_at_is_the_best_that_accepts_no_more(pair: tuple[Scores, Flags], others: Scores, rate: float) -> None:
    known, right = pair
    best = max(
        (
            np.mean(right & (known >= threshold))
            for threshold in {*known, *others}
            if sum(others >= threshold) <= rate * len(others) + 1e-9
        ),
        default=0.0,
    )
    assert metrics.correct_at(metrics.oscr(known, right, others), rate) == best


@given(scores, scores)
def test_auroc_turns_round_with_its_sides_and_equals_the_area(known: Scores, others: Scores) -> None:
    assert metrics.auroc(known, others) + metrics.auroc(others, known) == pytest.approx(1, abs=1e-12)
    assert metrics.auroc(known, others) == pytest.approx(metrics.area(metrics.roc(known, others)), abs=1e-12)


def every_metric(known: Scores, right: Flags, others: Scores) -> list[float]:
    curve = metrics.oscr(known, right, others)
    return [
        metrics.auroc(known, others),
        metrics.average_precision(known, others),
        metrics.accepted_at(known, others),
        metrics.area(curve),
        *(metrics.correct_at(curve, rate) for rate in (0.01, 0.1, 0.5)),
    ]


@given(flagged, scores, st.randoms(use_true_random=False))
def test_only_the_order_of_scores_counts(pair: tuple[Scores, Flags], others: Scores, random: Random) -> None:
    known, right = pair
    levels = sorted({*known, *others})
    rising = np.cumsum([random.random() + 0.01 for _ in levels]) - 3
    to = dict(zip(levels, rising, strict=True))
    moved = [np.array([to[score] for score in some]) for some in (known, others)]
    before, after = every_metric(known, right, others), every_metric(moved[0], right, moved[1])
    assert before == after
    assert all(0 <= value <= 1 for value in before)


def test_a_case_worked_by_hand() -> None:
    known, right = np.array([0.9, 0.8, 0.8, 0.3]), np.array([True, True, False, True])
    others = np.array([0.8, 0.5, 0.2, 0.1])
    # Pairs won: 4 + 3.5 + 3.5 + 2 of 16; without the picture of the wrong class 4 + 3.5 + 2.
    assert metrics.auroc(known, others) == 13 / 16
    curve = metrics.oscr(known, right, others)
    assert list(curve.accepted) == [0, 0, 0.25, 0.5, 0.5, 0.75, 1]
    assert list(curve.correct) == [0, 0.25, 0.5, 0.5, 0.75, 0.75, 0.75]
    assert metrics.area(curve) == 9.5 / 16
    assert metrics.correct_at(curve, 0.3) == 0.5
    assert metrics.correct_at(curve, 0.1) == 0.25
    assert metrics.accepted_at(known, others, 0.75) == 0.25
    assert metrics.accepted_at(known, others, 0.76) == 0.5


@pytest.mark.parametrize("metric", [metrics.auroc, metrics.average_precision, metrics.accepted_at, metrics.roc])
def test_nothing_is_measured_on_nothing(metric: Callable[[Scores, Scores], object]) -> None:
    one, none = np.array([1.0]), np.array([])
    for known, others in ((one, none), (none, one)):
        with pytest.raises(ValueError, match="no scores"):
            metric(known, others)


@pytest.mark.parametrize(("part", "of", "number"), [(0.95, 20, 19), (0.95, 21, 20), (0.1, 30, 3), (0.0, 5, 1)])
def test_the_fewest_that_are_a_share(part: float, of: int, number: int) -> None:
    assert metrics.least(part, of) == number


# --- intervals


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [  # Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table I
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_of_the_literature(hits: int, of: int, low: float, high: float) -> None:
    found = share(hits, of)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(st.integers(1, 5000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_an_interval_ends_where_the_score_test_begins_to_reject(counts: tuple[int, int]) -> None:
    hits, of = counts
    found, mirrored = share(hits, of), share(of - hits, of)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low))
    for end in (found.low, found.high):
        if 0 < end < 1:
            assert abs(found.value - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / of), rel=1e-5)


@pytest.mark.parametrize(("hits", "of"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share_is_refused(hits: int, of: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        share(hits, of)


# --- thresholds


def balance(known: Scores, right: Flags, unknown: Scores, threshold: float) -> float:
    return float(np.mean(right & (known >= threshold)) + np.mean(unknown < threshold))


@given(flagged, scores)
def test_no_threshold_balances_better(pair: tuple[Scores, Flags], unknown: Scores) -> None:
    known, right = pair
    chosen = balance(known, right, unknown, balanced(known, right, unknown))
    for threshold in (*known, *unknown, np.inf):
        assert balance(known, right, unknown, threshold) <= chosen + 1e-9


def test_a_balanced_threshold_lies_in_the_middle_of_the_widest_gap() -> None:
    known, unknown = np.array([0.9, 0.7, 0.4]), np.array([0.1, 0.3, 0.65])
    every = np.ones(3, bool)
    # 0.3 to 0.4, and 0.65 to 0.7, and 0.65 to 0.9 with a known one lost: the first two are equally good.
    assert balanced(known, every, unknown) == pytest.approx(0.35)
    assert balanced(np.array([2.0]), every[:1], np.array([1.0])) == 1.5
    above = float(np.nextafter(1.0, 2.0))
    assert balanced(np.array([above]), every[:1], np.array([1.0])) == above  # nothing lies between these two
    assert balanced(np.array([0.0]), every[:1], np.array([1.0])) > 1  # useless: all is rejected, or nothing
    with pytest.raises(ValueError, match="needs known and unknown"):
        balanced(known, every, np.array([]))


@given(flagged, st.floats(0.01, 1))
def test_the_highest_threshold_that_keeps_a_share(pair: tuple[Scores, Flags], part: float) -> None:
    known, right = pair
    wanted = metrics.least(part, len(known))
    enough = [threshold for threshold in known if np.sum(right & (known >= threshold)) >= wanted]
    if enough:
        assert for_known_accuracy(known, right, part) == max(enough)
    else:
        with pytest.raises(ValueError, match=f"{right.sum()} of {len(known)} known pictures are right at any"):
            for_known_accuracy(known, right, part)


@given(flagged, scores, st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.9]))
def test_a_band_keeps_its_word_and_none_is_narrower(pair: tuple[Scores, Flags], unknown: Scores, wrong: float) -> None:
    known, right = pair

    def above(cut: float) -> bool:
        answers = int(np.sum(known >= cut)) + int(np.sum(unknown >= cut))
        return bool(answers - int(np.sum(right & (known >= cut))) <= wrong * answers + 1e-9)

    def below(cut: float) -> bool:
        return bool(np.sum(known < cut) <= wrong * (np.sum(known < cut) + np.sum(unknown < cut)) + 1e-9)

    def unanswered(lower: float, upper: float) -> int:
        return sum(int(np.sum((some >= lower) & (some < upper))) for some in (known, unknown))

    found = band(known, right, unknown, wrong)
    assert found.lower <= found.upper
    assert above(found.upper)
    assert below(found.lower)
    cuts = sorted({*known, *unknown, np.inf})
    narrowest = min(
        unanswered(lower, upper) for upper in cuts if above(upper) for lower in cuts if lower <= upper and below(lower)
    )
    assert unanswered(found.lower, found.upper) == narrowest


def test_a_band_worked_by_hand() -> None:
    known, unknown = np.array([0.9, 0.8, 0.6, 0.4]), np.array([0.7, 0.5, 0.2, 0.1])
    every = np.ones(4, bool)
    none_wrong = band(known, every, unknown, 0.0)
    assert [none_wrong.lower, none_wrong.upper] == pytest.approx([0.3, 0.75])
    quarter = band(known, every, unknown, 0.25)  # above: 3 of 4 are right; below: 1 of 4 is wrong
    assert quarter.lower == quarter.upper == pytest.approx(0.55)
    apart = band(known, every, unknown - 1, 0.0)
    assert apart.lower == apart.upper == pytest.approx(0.05)
