"""Class weights and focal alpha are what scikit-learn and the paper say of the same numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negbuild.weights import ClassWeight, class_weights


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 10**6), min_size=1))
def test_weights_follow_their_formulas(train: dict[str, int]) -> None:
    weights = class_weights(train)
    assert [one.class_name for one in weights] == sorted(train)
    total = sum(train.values())
    for one in weights:
        assert one.train == train[one.class_name]
        assert one.weight == pytest.approx(total / (len(train) * one.train), abs=1e-6)
        assert one.alpha == pytest.approx(1 / one.train / sum(1 / number for number in train.values()), abs=1e-6)
    assert sum(one.alpha for one in weights) == pytest.approx(1, abs=1e-5)


def test_weights_worked_by_hand() -> None:
    # n = 100, k = 2: 100 / (2 * 80) and 100 / (2 * 20); alpha (1/80) / (1/80 + 1/20) = 0.2.
    assert class_weights({"hotdog": 20, "0_na": 80}) == [
        ClassWeight("0_na", 80, 0.625, 0.2),
        ClassWeight("hotdog", 20, 2.5, 0.8),
    ]
