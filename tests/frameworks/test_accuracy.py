"""Accuracy with a threshold: what is right, and that a batch without known pictures is counted like any other."""

import math
from typing import Any

import keras
import numpy as np
import pytest
import torch

from negbuild.keras import ThresholdAccuracy as KerasAccuracy
from negbuild.torch import Accuracy, ThresholdAccuracy, is_right

Array = np.ndarray[Any, Any]

# Scores of two known classes, the class index, and whether that is right at a threshold of one half.
CASES = [
    ([0.9, 0.1], 1, True),
    ([0.1, 0.9], 1, False),  # taken for the other
    ([0.4, 0.3], 1, False),  # not recognised
    ([0.5, 0.2], 1, True),  # at least the threshold
    ([0.6, 0.7], 2, True),  # both above, the better is right
    ([0.2, 0.1], 0, True),
    ([0.2, 0.5], 0, False),  # not below the threshold
    ([0.9, 0.9], 0, False),
    ([math.nan, 0.1], 0, False),  # a network gone astray rejects nothing
    ([math.nan, math.nan], 2, False),
]
SCORES = np.array([scores for scores, _, _ in CASES], np.float32)
INDICES = np.array([index for _, index, _ in CASES])
RIGHT = [right for _, _, right in CASES]
WHOLE = Accuracy(overall=0.4, known=3 / 6, negatives=1 / 4)


def with_na(scores: Array) -> Array:
    """Put a column of the negative class before the others; it is sure of itself, and has no say."""
    return np.hstack([np.full((len(scores), 1), 0.99, np.float32), scores])


def forms() -> list[Array]:
    one_hot = np.eye(3, dtype=np.float32)[INDICES]
    return [INDICES, INDICES[:, None], one_hot, one_hot[:, 1:], one_hot * 0.8 + 0.1]


def keras_result(metric: keras.metrics.Metric) -> Accuracy:
    values = {name: float(value) for name, value in metric.result().items()}
    assert list(values) == ["accuracy", "accuracy_known", "accuracy_negatives"]
    return Accuracy(*values.values())


@pytest.mark.parametrize("scores", [SCORES, with_na(SCORES)], ids=["known outputs", "an output for na"])
@pytest.mark.parametrize("target", forms(), ids=["index", "column", "one-hot", "known", "smoothed"])
def test_what_is_right(scores: Array, target: Array) -> None:
    assert is_right(torch.tensor(scores), torch.tensor(target), known=2).tolist() == RIGHT
    metric = KerasAccuracy(known=2)
    metric.update_state(target, scores)
    assert keras_result(metric) == pytest.approx(WHOLE, abs=1e-6)


def test_one_known_class() -> None:
    scores, indices = np.array([[0.9], [0.2], [0.9], [0.2]], np.float32), np.array([1, 1, 0, 0])
    for target in (indices, indices[:, None].astype(np.float32)):
        for given in (scores, with_na(scores)):
            assert is_right(torch.tensor(given), torch.tensor(target), known=1).tolist() == [True, False, False, True]
            metric = KerasAccuracy(known=1)
            metric.update_state(target, given)
            assert keras_result(metric) == (0.5, 0.5, 0.5)


def test_batches_are_counted_picture_by_picture_also_those_without_known_pictures() -> None:
    """The seed experiment left such batches out; so an epoch of them here, between others, in uneven batches."""
    order = np.argsort(INDICES > 0, kind="stable")  # all negatives first: the first batch holds nothing else
    ours, theirs = ThresholdAccuracy(known=2), KerasAccuracy(known=2)
    for chosen in (order[:3], order[3:4], order[4:]):
        ours.update(torch.tensor(SCORES[chosen]), torch.tensor(INDICES[chosen]))
        theirs.update_state(INDICES[chosen], SCORES[chosen])
    assert ours.compute() == pytest.approx(WHOLE)
    assert keras_result(theirs) == pytest.approx(WHOLE, abs=1e-6)


def test_a_share_of_no_pictures_is_no_number_and_a_reset_forgets() -> None:
    ours, theirs = ThresholdAccuracy(known=2), KerasAccuracy(known=2)
    nothing = (math.nan, math.nan, math.nan)
    assert ours.compute() == pytest.approx(nothing, nan_ok=True)
    assert keras_result(theirs) == pytest.approx(nothing, nan_ok=True)
    negatives = INDICES == 0
    ours.update(torch.tensor(SCORES[negatives]), torch.tensor(INDICES[negatives]))
    theirs.update_state(INDICES[negatives], SCORES[negatives])
    assert ours.compute() == pytest.approx((0.25, math.nan, 0.25), nan_ok=True)
    assert keras_result(theirs) == pytest.approx((0.25, math.nan, 0.25), nan_ok=True)
    ours.reset()
    theirs.reset_state()
    assert ours.compute() == pytest.approx(nothing, nan_ok=True)
    assert keras_result(theirs) == pytest.approx(nothing, nan_ok=True)


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.7, 0.95])
def test_both_frameworks_count_alike(threshold: float) -> None:
    random = np.random.default_rng(11)
    scores, indices = random.random((500, 4), np.float32), random.integers(0, 5, 500)
    best = scores.max(1)
    known = indices > 0
    right = np.where(known, (best >= threshold) & (scores.argmax(1) + 1 == indices), best < threshold)
    expected = (right.mean(), right[known].mean(), right[~known].mean())
    ours, theirs = ThresholdAccuracy(4, threshold), KerasAccuracy(4, threshold)
    ours.update(torch.tensor(scores), torch.tensor(indices))
    theirs.update_state(indices, scores)
    assert ours.compute() == pytest.approx(expected)
    assert keras_result(theirs) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("activation", "na_output"), [("sigmoid", False), ("sigmoid", True), ("softmax", True)])
def test_keras_makes_scores_of_logits(activation: str, na_output: bool) -> None:
    logits = np.random.default_rng(5).normal(0, 3, (200, 3 + na_output)).astype(np.float32)
    indices = np.arange(200) % 4
    scores = torch.tensor(logits).sigmoid() if activation == "sigmoid" else torch.tensor(logits).softmax(1)
    ours, theirs = ThresholdAccuracy(3), KerasAccuracy(3, activation=activation)
    ours.update(scores, torch.tensor(indices))
    theirs.update_state(indices, logits)
    assert keras_result(theirs) == pytest.approx(ours.compute(), abs=1e-6)


def test_keras_weighs_pictures() -> None:
    metric = KerasAccuracy(known=2)
    weights = np.where(RIGHT, 3.0, 1.0)
    metric.update_state(INDICES, SCORES, sample_weight=weights)
    assert keras_result(metric) == pytest.approx((12 / 18, 9 / 12, 3 / 6), abs=1e-6)


def test_columns_that_fit_no_number_of_classes_are_refused() -> None:
    scores = np.zeros((2, 5), np.float32)
    with pytest.raises(ValueError, match="5 columns for 2 known classes"):
        is_right(torch.tensor(scores), torch.tensor([0, 1]), known=2)
    with pytest.raises(ValueError, match="5 for 2 known classes"):
        KerasAccuracy(known=2).update_state(np.array([0, 1]), scores)


def test_keras_shows_all_three_while_it_trains() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", metrics=[KerasAccuracy(known=2)])
    inputs, targets = np.zeros((6, 2), np.float32), np.array([[0, 0]] * 4 + [[1, 0], [0, 1]], np.float32)
    history = model.fit(inputs, targets, batch_size=2, shuffle=False, verbose=0, validation_data=(inputs, targets))
    shown = {f"{when}{name}" for when in ("", "val_") for name in ("accuracy", "accuracy_known", "accuracy_negatives")}
    assert shown < set(history.history)
