"""The split keeps groups whole, shares fair, classes present, the unseen unseen, and what was placed in its place."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negbuild.errors import UsageError
from negbuild.model import NEGATIVE_CLASS, Role, Split
from negbuild.plan import Item, Move, Omission, Plan, Shares, parse_ratio, plan_split

TRAIN, VALID, TEST, UNSEEN = Split
RATIO = (70, 15, 15)
ROLES = {
    "burger": Role.KNOWN,
    "hotdog": Role.KNOWN,
    "salad": Role.UNKNOWN,
    "street": Role.UNKNOWN,
    "dog": Role.UNSEEN,
}


def item(name: str, category: str, group: str = "", omission: Omission | None = None) -> Item:
    return Item(name, category, ROLES[category], group or name, omission)


def singles(category: str, count: int, start: int = 0) -> list[Item]:
    return [item(f"{category}{number:03}", category) for number in range(start, start + count)]


def plan(
    items: Iterable[Item], seed: int = 0, previous: Mapping[str, Split] | None = None, ratio: Shares = RATIO
) -> Plan:
    return plan_split(items, ratio, seed, previous or {})


# Enough single pictures of each class that no split has to stay without one.
BASE = singles("burger", 4) + singles("hotdog", 4) + singles("street", 4)

RATIOS = st.integers(1, 98).flatmap(
    lambda train: st.integers(1, 99 - train).map(lambda valid: (train, valid, 100 - train - valid))
)


@st.composite
def any_items(draw: st.DrawFn, categories: tuple[str, ...] = tuple(ROLES)) -> list[Item]:
    """Draw pictures of any categories in any groups, some of them left out before."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(categories),
                st.integers(0, 12),
                st.sampled_from([None, None, None, Omission.COPY, Omission.CONFLICT]),
            ),
            max_size=30,
        )
    )
    return [item(f"drawn{n:02}", category, f"group{group}", why) for n, (category, group, why) in enumerate(drawn)]


def by_group(items: Iterable[Item]) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = defaultdict(list)
    for one in items:
        groups[one.group].append(one)
    return groups


def counts(items: Iterable[Item], splits: Mapping[str, Split]) -> dict[str, list[int]]:
    """Count the pictures of each category in train, valid and test."""
    found: dict[str, list[int]] = {}
    for one in items:
        if splits.get(one.sha256) in {TRAIN, VALID, TEST}:
            found.setdefault(one.category, [0, 0, 0])[[TRAIN, VALID, TEST].index(splits[one.sha256])] += 1
    return found


# --- what always holds


@settings(deadline=None)
@given(any_items(), RATIOS, st.integers(0, 9))
def test_every_picture_is_placed_or_left_out_for_a_reason(items: list[Item], ratio: Shares, seed: int) -> None:
    everything = BASE + items
    made = plan(everything, seed, ratio=ratio)
    assert made.splits.keys() | made.omitted.keys() == {one.sha256 for one in everything}
    assert not made.splits.keys() & made.omitted.keys()
    expected = {one.sha256: one.omission for one in everything if one.omission}
    for group in by_group(one for one in everything if not one.omission).values():
        roles = {one.role for one in group}
        for one in group:
            if one.role is Role.UNSEEN and Role.KNOWN in roles:
                expected[one.sha256] = Omission.NEAR_KNOWN
            if one.role is Role.UNKNOWN and Role.UNSEEN in roles and Role.KNOWN not in roles:
                expected[one.sha256] = Omission.NEAR_UNSEEN
    assert made.omitted == expected


@settings(deadline=None)
@given(any_items(), RATIOS, st.integers(0, 9))
def test_no_group_is_divided(items: list[Item], ratio: Shares, seed: int) -> None:
    made = plan(BASE + items, seed, ratio=ratio)
    for key, group in by_group(items).items():
        assert len({made.splits[one.sha256] for one in group if one.sha256 in made.splits}) <= 1, key
        assert len({made.placed[one.sha256] for one in group if one.sha256 in made.placed}) <= 1, key


@settings(deadline=None)
@given(any_items(), RATIOS, st.integers(0, 9))
def test_unseen_pictures_and_only_they_are_in_the_holdout(items: list[Item], ratio: Shares, seed: int) -> None:
    made = plan(BASE + items, seed, ratio=ratio)
    for one in BASE + items:
        if one.sha256 in made.splits:
            assert (made.splits[one.sha256] is UNSEEN) == (one.role is Role.UNSEEN)


@settings(deadline=None)
@given(any_items(), RATIOS, st.integers(0, 9))
def test_every_class_is_in_every_split(items: list[Item], ratio: Shares, seed: int) -> None:
    made = plan(BASE + items, seed, ratio=ratio)
    present = {(one.class_name, made.splits.get(one.sha256)) for one in BASE + items}
    assert present >= {(name, split) for name in ("burger", "hotdog", NEGATIVE_CLASS) for split in (TRAIN, VALID, TEST)}


@settings(deadline=None)
@given(any_items(), any_items(("hotdog", "street")), RATIOS)
def test_where_a_class_cannot_be_in_every_split_nothing_is(items: list[Item], few: list[Item], ratio: Shares) -> None:
    everything = items + [replace(one, sha256=f"few{one.sha256}", group=f"few{one.group}") for one in few]
    try:
        made = plan(everything, ratio=ratio)
    except UsageError:
        return
    used = [one for one in everything if one.sha256 in made.splits and one.role is not Role.UNSEEN]
    classes = {one.class_name for one in used}
    assert len(classes) > 1
    assert {(one.class_name, made.splits[one.sha256]) for one in used} == set(product(classes, (TRAIN, VALID, TEST)))


@settings(deadline=None)
@given(any_items(), st.data())
def test_order_of_the_input_makes_no_difference(items: list[Item], data: st.DataObject) -> None:
    everything = BASE + items
    splits = st.sampled_from([TRAIN, VALID, TEST])
    previous = {one.sha256: data.draw(splits) for one in items if one.role is not Role.UNSEEN}
    shuffled = data.draw(st.permutations(everything))
    backwards = dict(reversed(previous.items()))
    assert plan(shuffled, 3, backwards) == plan(everything, 3, previous)


def test_seed_chooses_the_pictures_and_not_the_numbers() -> None:
    items = singles("hotdog", 40) + singles("street", 40)
    plans = [plan(items, seed).splits for seed in range(5)]
    assert len({tuple(sorted(splits.items())) for splits in plans}) == 5
    assert all(counts(items, splits) == {"hotdog": [28, 6, 6], "street": [28, 6, 6]} for splits in plans)


# --- shares


def largest_remainder(count: int, ratio: Shares) -> list[int]:
    """Round shares down, and give what is left to the largest remainders (Hamilton); the first of equals wins."""
    shares = [count * part // 100 for part in ratio]
    order = sorted(range(3), key=lambda place: -(count * ratio[place] % 100))
    for place in order[: count - sum(shares)]:
        shares[place] += 1
    return shares


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), RATIOS)
def test_single_pictures_are_shared_by_largest_remainder(
    burgers: int, hotdogs: int, streets: int, ratio: Shares
) -> None:
    # So many that every split is due a picture of every class.
    least = 100 // min(ratio) + 1
    sizes = {"burger": least + burgers, "hotdog": least + hotdogs, "street": least + streets}
    items = list(chain.from_iterable(singles(category, count) for category, count in sizes.items()))
    expected = {category: largest_remainder(count, ratio) for category, count in sizes.items()}
    assert counts(items, plan(items, ratio=ratio).splits) == expected


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=30, max_size=60), st.sampled_from([RATIO, (80, 10, 10), (20, 33, 47)]))
def test_negatives_of_many_small_categories_add_up_to_the_ratio(sizes: list[int], ratio: Shares) -> None:
    negatives = [
        Item(f"{number}/{place}", f"category{number}", Role.UNKNOWN, f"{number}/{place}")
        for number, size in enumerate(sizes)
        for place in range(size)
    ]
    made = plan(singles("hotdog", 100) + negatives, ratio=ratio)
    total = Counter(made.splits[one.sha256] for one in negatives)
    for split, part in zip((TRAIN, VALID, TEST), ratio, strict=True):
        assert abs(total[split] - len(negatives) * part / 100) <= 1
    for category, found in counts(negatives, made.splits).items():
        size = sizes[int(category.removeprefix("category"))]
        assert max(abs(count - size * part / 100) for count, part in zip(found, ratio, strict=True)) < 2


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=30), st.lists(st.integers(1, 6), min_size=1, max_size=30))
def test_groups_miss_the_ratio_by_no_more_than_the_largest(hotdogs: list[int], streets: list[int]) -> None:
    # Filled up with single pictures to where every split is due more than the largest group.
    drawn = {
        category: sizes + [1] * (50 - sum(sizes)) for category, sizes in (("hotdog", hotdogs), ("street", streets))
    }
    items = [
        item(f"{category}/{group}/{number}", category, f"{category}/{group}")
        for category, sizes in drawn.items()
        for group, size in enumerate(sizes)
        for number in range(size)
    ]
    found = counts(items, plan(items).splits)
    for category, sizes in drawn.items():
        for count, part in zip(found[category], RATIO, strict=True):
            assert abs(count - sum(sizes) * part / 100) <= max(sizes) + 1


def test_group_of_two_classes_counts_for_both() -> None:
    mixed = [
        item(f"{group}/{category}", category, f"mixed{group}")
        for group in range(20)
        for category in ("hotdog", "street")
    ]
    assert counts(mixed, plan(mixed).splits) == {"hotdog": [14, 3, 3], "street": [14, 3, 3]}


@pytest.mark.parametrize("count", [3, 4, 5, 6])
def test_few_pictures_reach_every_split(count: int) -> None:
    items = singles("hotdog", count) + singles("street", 100)
    found = counts(items, plan(items, ratio=(98, 1, 1)).splits)
    assert found["hotdog"] == [count - 2, 1, 1]


def test_large_groups_come_first_so_that_single_pictures_even_them_out() -> None:
    sizes = [12, 9, 7, 5, 3] + [1] * 64
    items = [item(f"{group}/{n}", "hotdog", f"g{group}") for group, size in enumerate(sizes) for n in range(size)]
    for seed in range(5):
        assert counts(items, plan(items + singles("street", 20), seed).splits) == {"hotdog": [70, 15, 15]}


def test_empty_split_gets_the_smallest_group() -> None:
    family = [item(f"family{number}", "hotdog", "family") for number in range(50)]
    made = plan(family + singles("hotdog", 3) + singles("street", 100), ratio=(98, 1, 1))
    assert {made.splits[one.sha256] for one in family} == {TRAIN}
    assert {made.splits[one.sha256] for one in singles("hotdog", 3)} == {TRAIN, VALID, TEST}


# --- what was placed before


@settings(deadline=None)
@given(any_items(("burger", "hotdog", "salad", "street")), any_items(("burger", "hotdog", "street")), RATIOS)
def test_pictures_that_are_added_move_nothing(first: list[Item], second: list[Item], ratio: Shares) -> None:
    first = BASE + first
    more = [replace(one, sha256=f"more{one.sha256}") for one in second] + singles("hotdog", 5, start=50)
    before = plan(first, ratio=ratio)
    after = plan(first + more, seed=7, previous=before.placed)
    assert after.moves == []
    assert {sha: after.splits[sha] for sha in before.splits} == before.splits
    assert {sha: after.placed[sha] for sha in before.placed} == before.placed


def test_added_pictures_go_where_the_ratio_lacks_them() -> None:
    first = singles("hotdog", 20) + singles("street", 20)
    before = plan(first)
    grown = first + singles("hotdog", 20, start=20)
    after = plan(grown, previous=before.placed)
    assert counts(grown, after.splits) == {"hotdog": [28, 6, 6], "street": [14, 3, 3]}


def test_change_of_keeper_moves_nothing() -> None:
    others = singles("hotdog", 20) + singles("street", 20)
    one, other = item("one", "hotdog", "pair"), item("other", "hotdog", "pair")
    before = plan([*others, one, replace(other, omission=Omission.COPY)])
    after = plan([*others, replace(one, omission=Omission.COPY), other], seed=5, previous=before.placed)
    assert after.splits["other"] == before.splits["one"]
    assert after.moves == []


def test_group_of_two_classes_is_not_taken_from_one_for_the_other() -> None:
    items = singles("hotdog", 2) + singles("street", 2) + [item("a", "hotdog", "mixed"), item("b", "street", "mixed")]
    previous = {"hotdog000": TEST, "hotdog001": TRAIN, "street000": TRAIN, "street001": VALID}
    splits = plan(items, previous=previous).splits
    assert splits["a"] is splits["b"]
    assert {split for sha, split in splits.items() if sha.startswith(("hotdog", "a"))} == {TRAIN, VALID, TEST}
    assert {split for sha, split in splits.items() if sha.startswith(("street", "b"))} == {TRAIN, VALID, TEST}


@pytest.mark.parametrize("place", [VALID, TEST])
def test_copy_keeps_its_place_when_its_keeper_is_gone(place: Split) -> None:
    pair = [item("one", "hotdog", "pair"), item("other", "hotdog", "pair", Omission.COPY)]
    others = singles("hotdog", 40) + singles("street", 40)
    before = plan(others + pair, previous={"one": place})
    # Were it free, this ratio would send it to training.
    after = plan([*others, item("other", "hotdog")], previous=before.placed, ratio=(98, 1, 1))
    assert after.splits["other"] is place


@pytest.mark.parametrize(
    ("places", "stricter"),
    [
        ((TRAIN, VALID), VALID),
        ((TRAIN, TEST), TEST),
        ((VALID, TEST), TEST),
        ((TRAIN, VALID, TEST), TEST),
        ((VALID, VALID, TRAIN), VALID),
    ],
)
def test_bridge_leads_to_the_stricter_split(places: tuple[Split, ...], stricter: Split) -> None:
    bridged = [item(f"bridged{number}", "hotdog", "bridge") for number in range(len(places))]
    for order in (places, places[::-1]):
        previous = {one.sha256: place for one, place in zip(bridged, order, strict=True)}
        items = [*BASE, *bridged, item("new", "hotdog", "bridge")]
        made = plan(items, previous=previous)
        assert made == plan(items[::-1], previous=previous)
        assert {made.splits[one.sha256] for one in bridged} == {made.splits["new"]} == {stricter}
        assert made.moves == [Move(sha, place, stricter) for sha, place in previous.items() if place is not stricter]


def test_copy_out_of_use_bridges_as_well() -> None:
    previous = {"used": TRAIN, "copy": TEST}
    pair = [item("used", "hotdog", "pair"), item("copy", "hotdog", "pair", Omission.COPY)]
    made = plan([*BASE, *pair], previous=previous)
    assert made.splits["used"] is TEST
    assert made.moves == [Move("used", TRAIN, TEST)]


def test_bridge_that_empties_a_split_is_made_up_for_from_training() -> None:
    previous = {"hotdog000": TRAIN, "hotdog001": TRAIN, "one": VALID, "other": TEST}
    pair = [item("one", "hotdog", "bridge"), item("other", "hotdog", "bridge")]
    made = plan(singles("hotdog", 2) + pair + singles("street", 20), previous=previous)
    assert counts(singles("hotdog", 2) + pair, made.splits) == {"hotdog": [1, 1, 2]}
    assert Move("one", VALID, TEST) in made.moves
    assert len(made.moves) == 2


# --- the unseen


def test_category_that_becomes_unseen_leaves_training() -> None:
    others = singles("hotdog", 20) + singles("street", 20)
    dogs = [replace(one, role=Role.UNKNOWN) for one in singles("dog", 20)]
    before = plan(others + dogs)
    after = plan(others + singles("dog", 20), previous=before.placed)
    assert {after.splits[one.sha256] for one in dogs} == {UNSEEN}
    assert after.moves == [Move(one.sha256, before.splits[one.sha256], UNSEEN) for one in dogs]


def test_unknown_look_alike_of_an_unseen_picture_is_left_out() -> None:
    made = plan([*BASE, item("a", "street", "g"), item("b", "dog", "g")], previous={"a": TRAIN})
    assert made.omitted == {"a": Omission.NEAR_UNSEEN}
    assert made.splits["b"] is UNSEEN
    assert made.moves == []


def test_known_look_alike_of_an_unseen_picture_stays() -> None:
    group = [item("a", "hotdog", "g"), item("b", "dog", "g"), item("c", "street", "g")]
    made = plan([*BASE, *group], previous={"a": VALID, "b": UNSEEN})
    assert made.omitted == {"b": Omission.NEAR_KNOWN}
    assert (made.splits["a"], made.splits["c"]) == (VALID, VALID)


@pytest.mark.parametrize("why", [Omission.COPY, Omission.CONFLICT])
def test_unseen_picture_that_is_left_out_holds_nothing_back(why: Omission) -> None:
    made = plan([*BASE, item("a", "street", "g"), item("b", "dog", "g", why)])
    assert made.omitted == {"b": why}
    assert made.splits["a"] in {TRAIN, VALID, TEST}


def test_picture_that_was_in_no_split_is_not_said_to_move() -> None:
    pair = [item("a", "street", "g"), item("b", "dog", "g")]
    before = plan(BASE + pair)
    assert "a" in before.omitted
    # A known look-alike turns the group from the holdout to the classes.
    after = plan([*BASE, *pair, item("c", "hotdog", "g")], previous=before.placed)
    assert after.splits["a"] is after.splits["c"]
    assert after.moves == []


def test_look_alike_that_comes_back_is_where_it_was() -> None:
    pair = [item("a", "street", "g"), item("b", "dog", "g")]
    for place in (TRAIN, VALID, TEST):
        # What the catalog remembers: each plan overwrites what the one before said of the same pictures.
        remembered = {"a": place} | plan(BASE + pair, previous={"a": place}).placed
        alone = plan([*BASE, item("a", "street", "g")], previous=remembered)
        assert alone.splits["a"] is place


# --- what cannot be


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            [],
            "split: no known pictures, and a classifier needs something to recognise; "
            "run: negbuild add PATH --category NAME --role known",
        ),
        (
            singles("street", 9) + singles("dog", 9),
            "split: no known pictures, and a classifier needs something to recognise; "
            "run: negbuild add PATH --category NAME --role known",
        ),
        (
            singles("hotdog", 9),
            "split: hotdog without negatives to train on, and a classifier trained on one class says yes to "
            'everything; run: negbuild crawl --query "street food" -n 200',
        ),
        (
            singles("hotdog", 9) + singles("burger", 9) + singles("dog", 9),
            "split: burger, hotdog without negatives to train on, and a classifier trained on one class says yes to "
            'everything; run: negbuild crawl --query "street food" -n 200',
        ),
        (
            singles("hotdog", 2) + singles("street", 9),
            "hotdog: 2 independent pictures cannot fill train, valid and test (copies and look-alikes count once); "
            "add more",
        ),
        (
            singles("hotdog", 9) + singles("street", 1) + singles("dog", 9),
            "negatives: 1 independent picture cannot fill train, valid and test (copies and look-alikes count once); "
            "add more",
        ),
        (
            [item(f"look-alike{number}", "hotdog", f"g{number % 2}") for number in range(9)] + singles("street", 9),
            "hotdog: 2 independent pictures cannot fill train, valid and test (copies and look-alikes count once); "
            "add more",
        ),
        (
            [*singles("hotdog", 2), item("copy", "hotdog", "", Omission.COPY), *singles("street", 9)],
            "hotdog: 2 independent pictures cannot fill train, valid and test (copies and look-alikes count once); "
            "add more",
        ),
    ],
    ids=[
        "nothing",
        "no known",
        "no negatives",
        "no negatives but unseen ones",
        "two known",
        "one negative",
        "two groups",
        "two and a copy",
    ],
)
def test_what_cannot_be_split_is_said(items: list[Item], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        plan(items)


@pytest.mark.parametrize(
    ("text", "ratio"), [("70/15/15", (70, 15, 15)), ("98/1/1", (98, 1, 1)), (" 80 / 10 / 10 ", (80, 10, 10))]
)
def test_ratio_is_read(text: str, ratio: Shares) -> None:
    assert parse_ratio(text) == ratio


@pytest.mark.parametrize("text", ["", "70", "70/30", "70/15/15/0", "70:15:15", "a/b/c", "70.0/15/15", "70//30"])
def test_ratio_of_other_than_three_numbers_is_refused(text: str) -> None:
    message = f"ratio {text}: needs three parts, train/valid/test, such as 70/15/15"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        parse_ratio(text)


@pytest.mark.parametrize("text", ["70/15/16", "70/15/14", "100/0/0", "85/15/0", "0/50/50", "110/-5/-5", "7/1/2"])
def test_ratio_that_is_no_percentage_is_refused(text: str) -> None:
    message = f"ratio {text}: the parts must be at least 1 and add up to 100, such as 70/15/15"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        parse_ratio(text)
