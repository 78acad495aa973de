"""Near and far are told without looking at a picture; what is held out stays; folds hold every category out once."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negbuild.advice import advise
from negbuild.errors import UsageError
from negbuild.model import Candidate, Held, Image, Role
from negbuild.unseen import HeldOut, Nearness, Stock, choose_unseen, kin, spread_folds, take_stock, words_of

FAR, OPEN, NEAR = Nearness


def stock(name: str, nearness: Nearness = OPEN, pictures: int = 100, role: Role = Role.UNKNOWN) -> Stock:
    return Stock(name, role, pictures, words_of(name), nearness, "so it is")


@st.composite
def any_stocks(draw: st.DrawFn, least: int = 0) -> list[Stock]:
    names = draw(st.lists(st.sampled_from("abcdefghijkl"), unique=True, min_size=least))
    return [
        stock(
            f"{name}{name}{name}",
            draw(st.sampled_from(Nearness)),
            draw(st.integers(1, 200)),
            draw(st.sampled_from([Role.UNKNOWN] * 3 + [Role.UNSEEN, Role.KNOWN])),
        )
        for name in names
    ]


def held(category: str, role: Role, *, source: str = "openverse", query: str = "", title: str = "") -> Held:
    return Held(
        Image("0" * 64, "JPEG", 9, 9, 9), category, role, Candidate(source, "1", "http://a/1", title=title), query
    )


# --- what tells near from far


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hot dogs", {"hot", "dog", "hotdog"}),
        ("street_food-2", {"street", "food", "streetfood"}),
        ("a photo of glass", {"glass", "aphoto", "photoof", "ofglass"}),
        ("热狗", {"热狗"}),
        ("", set()),
        ("IMG_1234.jpg", {"imgjpg"}),
    ],
)
def test_words_are_compared_in_the_singular_and_joined(text: str, words: set[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("negatives", "nearness", "why"),
    [
        ([held("bun", Role.UNKNOWN, query="hot dog bun")], NEAR, "shares the word hotdog with hotdog"),
        ([held("hotdogs_drawn", Role.UNKNOWN, source="noise")], NEAR, "shares the word hotdog with hotdog"),
        ([held("stand", Role.UNKNOWN, query="stand")], OPEN, "a search that may bring near and far pictures"),
        ([held("scenery", Role.UNKNOWN, source="picsum")], FAR, "picsum gives far pictures only"),
        (
            [held("scenery", Role.UNKNOWN, source=source) for source in ("picsum", "noise")],
            FAR,
            "noise and picsum give far pictures only",
        ),
        (
            [held("scenery", Role.UNKNOWN, source=source) for source in ("picsum", "openverse")],
            OPEN,
            "a search that may bring near and far pictures",
        ),
        (
            [held("food", Role.UNKNOWN, title="Hot dog stand")] * 3 + [held("food", Role.UNKNOWN, title="Hot")] * 97,
            NEAR,
            "3 of its 100 titles name hotdog",
        ),
        (
            [held("food", Role.UNKNOWN, title="Hot dog stand")] + [held("food", Role.UNKNOWN, title="Dog")] * 9,
            OPEN,
            "a search that may bring near and far pictures",
        ),
    ],
)
def test_how_near_a_category_is(negatives: list[Held], nearness: Nearness, why: str) -> None:
    known = held("hotdog", Role.KNOWN, source="folder", query="my photos")
    first, second = sorted(take_stock([known, *negatives], {"picsum", "noise"}), key=lambda one: one.role.negative)
    assert (first.name, second.nearness, second.why) == ("hotdog", nearness, why)
    assert second.pictures == len(negatives)


def test_categories_that_share_a_word_are_kin() -> None:
    street, food, dog = stock("city_street"), stock("street_food"), stock("dog")
    assert kin(street, [street, food, dog]) == {"street_food": "street"}
    assert kin(dog, [street, food, dog]) == {}


# --- auto


def test_one_near_and_one_far_category_are_held_out() -> None:
    stocks = [stock("hotdog", NEAR, role=Role.KNOWN), stock("bun", NEAR), stock("dog"), stock("car"), stock("sky", FAR)]
    assert choose_unseen(stocks) == [HeldOut("bun", 100, NEAR, "so it is"), HeldOut("sky", 100, FAR, "so it is")]


@pytest.mark.parametrize(
    ("negatives", "chosen"),
    [
        # Enough pictures come first, then nearness, then no word in common, then a middling size, then the name.
        ([stock("a1", NEAR, 29), stock("bbb", NEAR, 30), stock("ccc"), stock("ddd", FAR)], ["bbb", "ddd"]),
        ([stock("a1", NEAR, 5), stock("bbb", OPEN, 30), stock("ccc", FAR), stock("ddd", FAR)], ["bbb", "ccc"]),
        (
            [stock("food"), stock("street_food"), stock("salad"), stock("car"), stock("sky", FAR)],
            ["car", "sky"],
        ),
        ([stock("aaa", OPEN, 900), stock("bbb", OPEN, 40), stock("ccc", OPEN, 200), stock("ddd")], ["ccc", "ddd"]),
        ([stock("aaa"), stock("bbb"), stock("ccc"), stock("ddd")], ["aaa", "bbb"]),
        ([stock("aaa", FAR), stock("bbb", FAR), stock("ccc", FAR), stock("ddd", FAR)], ["aaa", "bbb"]),
        # What a person held out already counts, and is completed.
        ([stock("own", FAR, role=Role.UNSEEN), stock("aaa", NEAR), stock("bbb"), stock("ccc")], ["aaa"]),
        ([stock("own", NEAR, role=Role.UNSEEN), stock("aaa", NEAR), stock("bbb"), stock("ccc", FAR)], ["ccc"]),
        ([stock("own", role=Role.UNSEEN), stock("aaa", NEAR), stock("bbb"), stock("ccc", FAR)], ["aaa"]),
        ([stock("own", role=Role.UNSEEN), stock("aaa"), stock("bbb"), stock("ccc", FAR)], ["ccc"]),
        ([*(stock(n, FAR, role=Role.UNSEEN) for n in "xy"), stock("aaa"), stock("bbb"), stock("ccc")], ["aaa"]),
        ([*(stock(n, NEAR, role=Role.UNSEEN) for n in "xy"), stock("aaa"), stock("bbb"), stock("ccc")], ["aaa"]),
        ([*(stock(n, role=Role.UNSEEN) for n in "xy"), stock("aaa", NEAR), stock("bbb"), stock("ccc", FAR)], []),
        ([*(stock(n, role=Role.UNSEEN) for n in "xy"), stock("aaa")], []),
    ],
)
def test_which_categories_are_held_out(negatives: list[Stock], chosen: list[str]) -> None:
    assert [one.category for one in choose_unseen(negatives)] == chosen
    assert [one.category for one in choose_unseen(negatives[::-1])] == chosen


@pytest.mark.parametrize(
    ("negatives", "message"),
    [
        (
            [],
            "unseen auto: 0 negative categories in training cannot give 2 and keep 2, 4 more needed; "
            'run: negbuild crawl --query "city street" -n 200',
        ),
        (
            [stock("aaa")],
            "unseen auto: 1 negative category in training cannot give 2 and keep 2, 3 more needed; "
            'run: negbuild crawl --query "city street" -n 200',
        ),
        (
            [stock("aaa"), stock("bbb"), stock("ccc")],
            "unseen auto: 3 negative categories in training cannot give 2 and keep 2, 1 more needed; "
            'run: negbuild crawl --query "city street" -n 200',
        ),
        (
            [stock("own", role=Role.UNSEEN), stock("aaa"), stock("bbb")],
            "unseen auto: 2 negative categories in training cannot give 1 and keep 2, 1 more needed; "
            'run: negbuild crawl --query "city street" -n 200',
        ),
    ],
)
def test_too_few_categories_are_said(negatives: list[Stock], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        choose_unseen(negatives)


def after(stocks: Sequence[Stock]) -> list[Stock]:
    """Hold out what the rule chooses."""
    chosen = {one.category for one in choose_unseen(stocks)}
    return [replace(one, role=Role.UNSEEN) if one.name in chosen else one for one in stocks]


@given(any_stocks(), any_stocks())
def test_what_is_held_out_stays_and_what_trains_too(stocks: list[Stock], more: list[Stock]) -> None:
    try:
        chosen = after(stocks)
    except UsageError:
        return
    assert after(chosen) == chosen
    trained = [one for one in chosen if one.role is Role.UNKNOWN]
    unseen = [one for one in chosen if one.role is Role.UNSEEN]
    assert len(unseen) >= 2
    assert len(trained) >= 2 or chosen == stocks
    # Categories that come later take none of those in training, unless the holdout is of one kind only.
    new = [replace(one, name=f"later{one.name}") for one in more if one.role is Role.UNKNOWN]
    kinds = {one.nearness for one in unseen}
    if kinds not in ({NEAR}, {FAR}):
        assert after([*chosen, *new]) == [*chosen, *new]


# --- folds


@given(any_stocks(), st.integers(2, 12), st.integers(0, 9), st.data())
def test_every_negative_category_has_one_fold_and_no_fold_is_empty(
    stocks: list[Stock], folds: int, seed: int, data: st.DataObject
) -> None:
    negatives = [one for one in stocks if one.role.negative]
    if len(negatives) < folds:
        with pytest.raises(UsageError, match=f"^unseen-folds {folds}: {len(negatives)} negative categor"):
            spread_folds(stocks, folds, seed, {})
        return
    given_folds = spread_folds(stocks, folds, seed, {})
    assert given_folds.keys() == {one.name for one in negatives}
    assert set(given_folds.values()) == set(range(1, folds + 1))
    assert spread_folds(data.draw(st.permutations(stocks)), folds, seed, {}) == given_folds
    # As even as can be: no two folds differ by two of the nearest kind, and later categories move none.
    for nearness in Nearness:
        counts = Counter(given_folds[one.name] for one in negatives if one.nearness is nearness)
        assert max(counts.values(), default=0) - min(counts[fold] for fold in range(1, folds + 1)) <= 1
    later = [stock("later", data.draw(st.sampled_from(Nearness)), data.draw(st.integers(1, 500)))]
    assert spread_folds(stocks + later, folds, seed, given_folds).items() >= given_folds.items()


def test_folds_are_of_even_size() -> None:
    stocks = [stock(name, OPEN, pictures) for name, pictures in zip("abcdef", (90, 80, 70, 30, 20, 10), strict=True)]
    given_folds = spread_folds(stocks, 3, 0, {})
    sizes = Counter({fold: sum(one.pictures for one in stocks if given_folds[one.name] == fold) for fold in (1, 2, 3)})
    assert sizes == {1: 100, 2: 100, 3: 100}


def test_a_fold_whose_category_is_gone_is_made_anew() -> None:
    stocks = [stock("aaa"), stock("bbb"), stock("ccc")]
    assert set(spread_folds(stocks, 2, 0, {"aaa": 1, "bbb": 1, "ccc": 1, "gone": 2}).values()) == {1, 2}


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (
            3,
            "unseen-folds 5: 3 negative categories cannot fill so many; use --unseen-folds 3, or "
            'run: negbuild crawl --query "city street" -n 200',
        ),
        (
            1,
            'unseen-folds 5: 1 negative category cannot fill so many; run: negbuild crawl --query "city street" -n 200',
        ),
    ],
)
def test_more_folds_than_categories_are_refused(count: int, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        spread_folds([stock(name) for name in "abc"[:count]], 5, 0, {})


# --- advice

WELL = [stock(name) for name in ("car", "dog", "salad", "sandwich", "tree")]


@pytest.mark.parametrize(
    ("stocks", "lines"),
    [
        ([*WELL, stock("bun", NEAR, 30, Role.UNSEEN)], []),
        (WELL, ["hold out a near and a far category: negbuild split --unseen auto"]),
        (
            [*WELL, stock("bun", NEAR, 6, Role.UNSEEN)],
            ["unseen bun has only 6 pictures: no mistake in so many still allows 39 %"],
        ),
        (
            [*WELL, stock("sky", FAR, 30, Role.UNSEEN)],
            ["only far categories are unseen, the easy case: hold out one that resembles the known ones, too"],
        ),
        (
            [*WELL, stock("hot_dogs", NEAR, 30, Role.UNSEEN)],
            ["unseen hot_dogs shares the word dog with dog, which training sees"],
        ),
        (
            [*WELL, stock("street", OPEN, 300), stock("bun", NEAR, 30, Role.UNSEEN)],
            ["street makes up 38 % of the negatives: --cap 30% limits it"],
        ),
        (
            [stock("car"), stock("dog", OPEN, 40), stock("bun", NEAR, 1, Role.UNSEEN)],
            [
                "2 negative categories in training: with fewer than 5 it learns these alone",
                "car makes up 71 % of the negatives: crawl other categories too",
                "unseen bun has only 1 picture: no mistake in so many still allows 79 %",
            ],
        ),
    ],
)
def test_what_is_weak_is_said_and_nothing_else(stocks: list[Stock], lines: list[str]) -> None:
    assert advise(stocks) == lines
