"""Negatives are sized by the positives, capped per category, and what was in use stays as far as the size allows."""

import re
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from negbuild.errors import UsageError
from negbuild.model import Split
from negbuild.sizing import Amount, Eligible, Size, parse_cap, parse_negatives, quotas, surplus

STOCK = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 60), min_size=1)
NEGATIVES = st.one_of(
    st.none(),
    st.integers(1, 200).map(lambda number: parse_negatives(str(number))),
    st.integers(1, 400).map(lambda tenths: parse_negatives(f"{tenths / 10}x")),
)
CAPS = st.one_of(
    st.none(),
    st.integers(1, 60).map(lambda number: parse_cap(str(number))),
    st.integers(1, 100).map(lambda percent: parse_cap(f"{percent}%")),
)

# --- what a person writes


@pytest.mark.parametrize(
    ("text", "of_200"), [("1.5x", 300), ("2x", 400), ("0.333x", 66), (" 1 x ", 200), ("300", 300), ("1", 1)]
)
def test_a_number_of_negatives_is_read(text: str, of_200: int) -> None:
    assert parse_negatives(text).of(200) == of_200


@pytest.mark.parametrize(("text", "of_200"), [("30%", 60), ("33.4 %", 66), ("100%", 200), ("50", 50)])
def test_a_cap_is_read(text: str, of_200: int) -> None:
    assert parse_cap(text).of(200) == of_200


@pytest.mark.parametrize(
    "text",
    ["", "x", "0", "0x", "0.0x", "-1", "-1x", "1.5", "1,5x", "1e3", "1.5y", "1.5xx", "30%", "nan", "\u0661", "9" * 99],
)
def test_what_is_no_number_of_negatives_is_refused(text: str) -> None:
    message = f"negatives {text}: needs a number above 0 such as 300, or a multiple of the positives such as 1.5x"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        parse_negatives(text)


@pytest.mark.parametrize("text", ["", "%", "0", "0%", "101%", "100.1%", "-30%", "1.5", "1.5x", "30%%", "inf"])
def test_what_is_no_cap_is_refused(text: str) -> None:
    message = f"cap {text}: needs a number above 0 such as 200, or a part of the negatives such as 30%"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        parse_cap(text)


# --- how many of each category


@given(STOCK, st.integers(1, 100), NEGATIVES, CAPS)
def test_quotas_are_as_large_as_the_size_allows(
    stock: dict[str, int], positives: int, negatives: Amount | None, cap: Amount | None
) -> None:
    assume(not (cap and cap.relative and cap.value * len(stock) < 1))
    quota = quotas(stock, positives, Size(negatives, cap))
    total = sum(quota.values())
    most = cap.of(total) if cap else total
    assert quota.keys() == stock.keys()
    assert all(0 <= quota[name] <= min(stock[name], most) for name in stock)
    wanted = min(sum(stock.values()), negatives.of(positives)) if negatives else sum(stock.values())
    assert total <= wanted
    # No larger number would do: each is more than what the categories give under its own cap.
    for larger in range(total + 1, wanted + 1):
        allowed = cap.of(larger) if cap else larger
        assert sum(min(number, allowed) for number in stock.values()) < larger
    # Nobody has more than another who could have one more.
    for name, number in stock.items():
        if quota[name] < min(number, most):
            assert max(quota.values()) <= quota[name] + 1


def test_nothing_asked_for_leaves_nothing_out() -> None:
    assert quotas({"a": 5, "b": 500}, 1, Size()) == {"a": 5, "b": 500}
    assert not Size()
    assert Size(cap=parse_cap("5"))


@pytest.mark.parametrize(
    ("stock", "negatives", "cap", "expected"),
    [
        ({"a": 100, "b": 100, "c": 10}, "1x", None, {"a": 45, "b": 45, "c": 10}),
        ({"a": 100, "b": 100, "c": 10}, "101", None, {"a": 45, "b": 46, "c": 10}),
        ({"a": 100, "b": 10, "c": 10, "d": 10}, None, "30%", {"a": 12, "b": 10, "c": 10, "d": 10}),
        ({"a": 100, "b": 10, "c": 10, "d": 10}, None, "20", {"a": 20, "b": 10, "c": 10, "d": 10}),
        ({"a": 100, "b": 100}, "1x", "50%", {"a": 50, "b": 50}),
    ],
)
def test_quotas_worked_by_hand(
    stock: dict[str, int], negatives: str | None, cap: str | None, expected: dict[str, int]
) -> None:
    size = Size(parse_negatives(negatives) if negatives else None, parse_cap(cap) if cap else None)
    assert quotas(stock, 100, size) == expected


@pytest.mark.parametrize(
    ("count", "cap", "message"),
    [
        (
            3,
            "30%",
            "cap 30%: 3 negative categories cannot each stay within it; use --cap 34%, or run: negbuild crawl "
            '--query "city street" -n 200',
        ),
        (
            1,
            "99.9%",
            "cap 99.9%: 1 negative category cannot each stay within it; use --cap 100%, or run: negbuild crawl "
            '--query "city street" -n 200',
        ),
    ],
)
def test_a_cap_that_no_number_keeps_is_refused_with_one_that_works(count: int, cap: str, message: str) -> None:
    stock = {f"category{number}": 10 + number for number in range(count)}
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        quotas(stock, 10, Size(cap=parse_cap(cap)))
    (works,) = re.findall(r"--cap (\d+%)", message)
    assert sum(quotas(stock, 10, Size(cap=parse_cap(works))).values()) > 0


# --- which of them


@st.composite
def eligible(draw: st.DrawFn) -> list[Eligible]:
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.sampled_from([None, Split.TRAIN, Split.VALID, Split.TEST]),
                st.booleans(),
                st.booleans(),
            ),
            max_size=60,
        )
    )
    return [
        Eligible(f"{number:02}", category, split, bool(split) and placed, bool(split) and placed and in_use)
        for number, (category, split, placed, in_use) in enumerate(drawn)
    ]


@given(eligible(), st.data())
def test_exactly_the_quota_is_used_and_the_old_go_first(negatives: list[Eligible], data: st.DataObject) -> None:
    counts = Counter(one.category for one in negatives)
    quota = {name: data.draw(st.integers(0, number)) for name, number in counts.items()}
    left_out = surplus(negatives, quota, {}, 3)
    assert left_out == surplus(data.draw(st.permutations(negatives)), quota, {}, 3)
    for name, number in quota.items():
        own = [one for one in negatives if one.category == name]
        used = [one for one in own if one.sha256 not in left_out]
        out = [one for one in own if one.sha256 in left_out]
        assert len(used) == number
        assert not (any(one.in_use for one in out) and any(not one.in_use for one in used))
        assert not (any(one.placed for one in out) and any(not one.placed for one in used))


def test_what_leaves_leaves_every_split_in_its_share() -> None:
    splits = [Split.TRAIN] * 70 + [Split.VALID] * 15 + [Split.TEST] * 15
    negatives = [Eligible(f"{number:03}", "a", split, True, True) for number, split in enumerate(splits)]
    targets = {("a", Split.TRAIN): 28, ("a", Split.VALID): 6, ("a", Split.TEST): 6}
    for seed in range(3):
        left_out = surplus(negatives, {"a": 40}, targets, seed)
        kept = Counter(one.split for one in negatives if one.sha256 not in left_out)
        assert kept == {Split.TRAIN: 28, Split.VALID: 6, Split.TEST: 6}
    assert surplus(negatives, {"a": 40}, targets, 0) != surplus(negatives, {"a": 40}, targets, 1)


def test_an_amount_keeps_the_words_of_the_person() -> None:
    assert parse_negatives(" 1.5x") == Amount("1.5x", Fraction(3, 2), relative=True)
    assert parse_cap("30%") == Amount("30%", Fraction(3, 10), relative=True)
