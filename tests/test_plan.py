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
from negbuild.plan import Item, Move, Omission, Plan, TopUp, Wanted, plan_split
from negbuild.shares import Shares, parse_ratio
from negbuild.sizing import Size, parse_cap, parse_negatives, quotas

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


# --- the minimum


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 12), RATIOS)
def test_every_class_has_its_minimum_in_every_split(hotdogs: int, streets: int, minimum: int, ratio: Shares) -> None:
    items = singles("hotdog", hotdogs) + singles("street", streets)
    if min(hotdogs, streets) < 3 * minimum:
        with pytest.raises(UsageError, match="independent picture"):
            plan_split(items, ratio, 0, {}, wanted=Wanted(minimum))
        return
    made = plan_split(items, ratio, 0, {}, wanted=Wanted(minimum))
    for category, count in (("hotdog", hotdogs), ("street", streets)):
        due = largest_remainder(count, ratio)
        found = counts(items, made.splits)[category]
        assert min(found) >= minimum
        # Nobody has less than the ratio gives it, but who gave some up, and that down to the minimum at most.
        if min(due) >= minimum:
            assert found == due
        name = NEGATIVE_CLASS if category == "street" else category
        said = {one.split: one.due for one in made.topped_up if one.class_name == name}
        assert said == {
            split: number for split, number in zip((TRAIN, VALID, TEST), due, strict=True) if number < minimum
        }
    again = plan_split(items, ratio, 5, made.placed, wanted=Wanted(minimum))
    assert (again.splits, again.moves, again.topped_up) == (made.splits, [], made.topped_up)


def test_minimum_counts_look_alikes_once() -> None:
    alike = [item(f"alike{number}", "hotdog", f"g{number // 10}") for number in range(50)]
    made = plan_split(alike + singles("street", 30), (98, 1, 1), 0, {}, wanted=Wanted(1))
    assert all(
        len({one.group for one in alike if made.splits[one.sha256] is split}) >= 1 for split in (TRAIN, VALID, TEST)
    )
    message = (
        "hotdog: 5 independent pictures cannot put 2 into each of train, valid and test (copies and look-alikes count "
        "once); add more, or lower --min-per-class"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        plan_split(alike + singles("street", 30), RATIO, 0, {}, wanted=Wanted(2))


def test_a_higher_minimum_is_met_out_of_training_and_said() -> None:
    items = singles("hotdog", 40) + singles("street", 40)
    before = plan(items)
    after = plan_split(items, RATIO, 0, before.placed, wanted=Wanted(8))
    assert counts(items, after.splits) == {"hotdog": [24, 8, 8], "street": [24, 8, 8]}
    assert len(after.moves) == 8
    assert {one.before for one in after.moves} == {TRAIN}
    assert after.topped_up == [TopUp(name, split, 6) for name in (NEGATIVE_CLASS, "hotdog") for split in (TEST, VALID)]


# --- as many negatives as are asked for


def sized(negatives: str = "", cap: str = "") -> Wanted:
    return Wanted(1, Size(parse_negatives(negatives) if negatives else None, parse_cap(cap) if cap else None))


def in_use(made: Plan) -> set[str]:
    return set(made.splits)


def unused(made: Plan) -> set[str]:
    return {sha for sha, why in made.omitted.items() if why is Omission.SURPLUS}


def test_negatives_are_sized_by_the_positives_and_shared_by_the_ratio() -> None:
    items = singles("hotdog", 20) + singles("salad", 30) + singles("street", 100) + singles("dog", 50)
    made = plan_split(items, RATIO, 0, {}, wanted=sized("2x"))
    assert counts(items, made.splits) == {"hotdog": [14, 3, 3], "salad": [14, 3, 3], "street": [14, 3, 3]}
    assert len(unused(made)) == 90
    assert sum(split is UNSEEN for split in made.splits.values()) == 50
    capped = plan_split(items, RATIO, 0, {}, wanted=sized(cap="30"))
    assert counts(items, capped.splits) == {"hotdog": [14, 3, 3], "salad": [21, 5, 4], "street": [21, 4, 5]}


@settings(deadline=None)
@given(any_items(), st.sampled_from(["1x", "0.5x", "7", "1.5x"]), st.sampled_from(["", "50%", "4"]), RATIOS)
def test_sized_negatives_come_to_what_was_asked_for(items: list[Item], negatives: str, cap: str, ratio: Shares) -> None:
    everything = BASE + singles("salad", 4) + items
    whole = plan(everything, ratio=ratio)
    wanted = sized(negatives, cap)
    made = plan_split(everything, ratio, 0, {}, wanted=wanted)
    by_sha = {one.sha256: one for one in everything}
    stock = Counter(by_sha[sha].category for sha in whole.splits if by_sha[sha].role is Role.UNKNOWN)
    used = Counter(by_sha[sha].category for sha in made.splits if by_sha[sha].role is Role.UNKNOWN)
    positives = sum(by_sha[sha].role is Role.KNOWN for sha in whole.splits)
    assert used == quotas(stock, positives, wanted.size)
    assert unused(made) == {sha for sha in whole.splits if sha not in made.splits}
    assert all(by_sha[sha].role is Role.UNKNOWN for sha in unused(made))
    for group in by_group(items).values():
        assert len({made.splits[one.sha256] for one in group if one.sha256 in made.splits}) <= 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12), st.integers(0, 12), st.integers(0, 3)), max_size=4))
def test_sized_negatives_stay_in_use_as_the_workspace_grows(growth: list[tuple[int, int, int, int]]) -> None:
    items = list(BASE)
    made = plan_split(items, RATIO, 0, {}, wanted=sized("1x"))
    remembered = dict(made.placed)
    for round_, (hotdogs, streets, salads, seed) in enumerate(growth, 1):
        for category, number in (("hotdog", hotdogs), ("street", streets), ("salad", salads)):
            items += singles(category, number, start=100 * round_)
        after = plan_split(items, RATIO, seed, remembered, unused(made), sized("1x"))
        assert after.moves == []
        by_sha = {one.sha256: one for one in items}
        for category in ("street", "salad"):
            before_in_use = {sha for sha in in_use(made) if by_sha[sha].category == category}
            now = {sha for sha in in_use(after) if by_sha[sha].category == category}
            assert before_in_use <= now or now < before_in_use
        again = plan_split(items, RATIO, seed + 1, remembered | after.placed, unused(after), sized("1x"))
        assert again.splits == after.splits
        remembered |= after.placed
        made = after


def test_fewer_negatives_leave_every_split_and_come_back_to_it() -> None:
    items = singles("hotdog", 40) + singles("street", 100)
    whole = plan(items)
    fewer = plan_split(items, RATIO, 3, whole.placed, wanted=sized("1x"))
    assert counts(items, fewer.splits)["street"] == [28, 6, 6]
    assert fewer.moves == []
    back = plan_split(items, RATIO, 4, whole.placed | fewer.placed, unused(fewer))
    assert back.splits == whole.splits


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            sized("2"),
            "split: --negatives 2 leaves 2 negatives, train, valid and test need 3; ask for more",
        ),
        (
            sized("0.1x"),
            "split: --negatives 0.1x leaves 0 negatives, train, valid and test need 3; ask for more",
        ),
        (
            sized(cap="30%"),
            "cap 30%: 2 negative categories cannot each stay within it; use --cap 50%, or run: negbuild crawl "
            '--query "city street" -n 200',
        ),
    ],
)
def test_a_size_that_leaves_too_few_is_said(wanted: Wanted, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        plan_split(singles("hotdog", 4) + singles("street", 9) + singles("salad", 9), RATIO, 0, {}, wanted=wanted)


# --- what was placed before


@settings(deadline=None)
@given(st.lists(any_items(), min_size=1, max_size=4), RATIOS, st.integers(0, 9))
def test_whatever_grows_in_whatever_order_moves_nothing_but_over_bridges(
    growth: list[list[Item]], ratio: Shares, seed: int
) -> None:
    """Ratios within one group, no group divided, nothing old moved, and the same plan again."""
    items, remembered = list(BASE), dict[str, Split]()
    before = plan(items, seed, ratio=ratio)
    remembered |= before.placed
    for round_, more in enumerate(growth):
        items += [replace(one, sha256=f"{one.sha256}-{round_}") for one in more]
        after = plan(items, seed + round_, remembered, ratio)
        assert after == plan(items[::-1], seed + round_, dict(sorted(remembered.items())), ratio)
        groups = by_group(items)
        for move in after.moves:
            (group,) = (own for own in groups.values() if move.sha256 in {one.sha256 for one in own})
            places = {remembered[one.sha256] for one in group if one.sha256 in remembered}
            assert len(places) > 1 or move.before is TRAIN  # a bridge, or a class that one emptied
            assert [TRAIN, VALID, TEST].index(move.before) < [TRAIN, VALID, TEST].index(move.after)
        moved = {move.sha256 for move in after.moves}
        for sha, split in after.splits.items():
            assert sha in moved or remembered.get(sha, split) is split
        for own in groups.values():
            assert len({after.splits[one.sha256] for one in own if one.sha256 in after.splits}) <= 1
        remembered |= after.placed


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
