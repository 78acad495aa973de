"""Who is asked for what, and how many pictures fall to each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negbuild.errands import errands, even_shares
from negbuild.errors import UsageError
from negbuild.model import Role, Search
from negbuild.order import Order


def asked(
    names: list[str],
    queries: list[str],
    category: str | None = None,
    **search: Any,  # noqa: ANN401  fields of Search
) -> list[tuple[str, str, str | None]]:
    made = errands(names, queries, Order(Search(**search), category, Role.UNKNOWN))
    return [(one.source.name, one.order.search.text, one.order.category) for one in made]


def test_each_source_is_asked_each_query_once() -> None:
    assert asked(["openverse", "wikimedia", "openverse"], ["salad", " salad", "", "street"]) == [
        ("openverse", "salad", "salad"),
        ("openverse", "street", "street"),
        ("wikimedia", "salad", "salad"),
        ("wikimedia", "street", "street"),
    ]


def test_a_category_that_is_given_is_that_of_all() -> None:
    assert {category for _, _, category in asked(["openverse", "picsum"], ["a", "b"], "food")} == {"food"}


def test_a_source_that_takes_no_query_is_asked_once_beside_others() -> None:
    assert asked(["openverse", "picsum"], ["a", "b"])[-1] == ("picsum", "", "picsum")
    assert asked(["picsum"], ["a"]) == [("picsum", "a", "a")]  # which its check refuses
    with pytest.raises(UsageError, match="takes no query"):
        errands(["picsum"], ["a"], Order(Search(), None, Role.UNKNOWN))[0].check(None)  # type: ignore[arg-type]


def test_a_list_stands_under_its_own_name_unless_one_was_given() -> None:
    assert asked(["urls"], [], path=Path("lists/dogs.csv")) == [("urls", "dogs", "dogs")]
    assert asked(["urls"], ["wolves"], path=Path("lists/dogs.csv")) == [("urls", "wolves", "wolves")]
    assert asked(["openverse", "urls"], ["a"], path=Path("dogs.csv"))[-1] == ("urls", "dogs", "dogs")


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({}, ["openverse"]),
        ({"FLICKR_API_KEY": "k"}, ["openverse"]),
        ({"FLICKR_API_KEY": "k", "FLICKR_API_SECRET": "s"}, ["openverse", "flickr"]),
    ],
)
def test_openverse_is_asked_and_flickr_too_once_its_key_is_set(
    environment: Mapping[str, str], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("FLICKR_API_KEY", "FLICKR_API_SECRET"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert [name for name, _, _ in asked([], ["a"])] == names


def test_an_option_goes_to_those_that_have_it_and_one_that_nobody_has_is_refused() -> None:
    order = Order(Search(options={"category": "photograph"}), None, Role.UNKNOWN)
    made = errands(["openverse", "picsum"], ["a"], order)
    assert [one.order.search.options for one in made] == [{"category": "photograph"}, {}]
    with pytest.raises(UsageError, match="source openverse: no option colour; it has "):
        errands(["openverse", "picsum"], ["a"], Order(Search(options={"colour": "red"}), None, Role.UNKNOWN))


def test_one_address_is_for_one_source() -> None:
    with pytest.raises(UsageError, match="is for one --source; set NEGBUILD_<SOURCE>_URL for several"):
        asked(["openverse", "picsum"], ["a"], base_url="http://a.example")


@pytest.mark.parametrize(
    ("wanted", "held", "able", "shares"),
    [
        (10, [0, 0, 0], {0, 1, 2}, [4, 3, 3]),
        (10, [8, 0, 0], {0, 1, 2}, [8, 1, 1]),
        (10, [0, 2, 0], {0, 2}, [4, 2, 4]),
        (3, [5, 0], {0, 1}, [5, 0]),
        (9, [1, 2], set(), [1, 2]),
    ],
)
def test_shares_are_even_around_what_is_held(wanted: int, held: list[int], able: set[int], shares: list[int]) -> None:
    assert even_shares(wanted, held, able) == shares


@given(st.integers(0, 1000), st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=1, max_size=8))
def test_shares_add_up_take_nothing_away_and_differ_by_one_at_most(wanted: int, parts: list[tuple[int, bool]]) -> None:
    held = [number for number, _ in parts]
    able = {index for index, (_, one) in enumerate(parts) if one}
    shares = even_shares(wanted, held, able)
    assert all(share >= before for share, before in zip(shares, held, strict=True))
    assert all(shares[index] == held[index] for index in range(len(parts)) if index not in able)
    if able:
        assert sum(shares) == max(wanted, sum(held))
    raised = [shares[index] for index in able if shares[index] > held[index]]
    assert not raised or max(raised) - min(raised) <= 1
    assert not raised or all(shares[index] >= max(raised) - 1 for index in able)


def test_what_folders_hold_keeps_the_categories_they_have(tmp_path: Path) -> None:
    assert asked(["folder"], [], path=tmp_path / "photos") == [("folder", "photos", None)]
    assert asked(["folder"], [], "dog", path=tmp_path / "photos") == [("folder", "photos", "dog")]


def test_other_options_of_a_source_without_queries_are_another_category() -> None:
    assert asked(["noise"], [], options={"kind": "texture", "size": "128"}) == [("noise", "", "noise_texture_128")]
