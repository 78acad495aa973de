"""Which pictures are looked at first, and how honest the reasons are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negbuild.lighttable.table import why
from negbuild.model import Candidate, Fingerprint, Held, Image, Pair, Role
from negbuild.neighbours import join
from negbuild.ruling import Verdict
from negbuild.suspicion import Grade, Near, nearest_known, queue, suspicions


def held(sha: str, role: str = "unknown", category: str = "street", title: str = "", query: str = "") -> Held:
    return Held(
        Image(sha, "JPEG", 100, 100, 1000), category, Role(role), Candidate("folder", sha, "", title=title), query
    )


def test_copies_lead_then_looks_then_names_then_distance() -> None:
    images = {
        "plain": held("plain"),
        "far": held("far"),
        "near": held("near"),
        "named": held("named", title="Two hot dogs on a bun"),
        "alike": held("alike"),
        "copy": held("copy"),
        "known": held("known", "known", "hotdog"),
        "unseen": held("unseen", "unseen", "dog"),
        "double": held("double"),
    }
    pairs = [
        Pair("copy", "known", 20, 0, twins=True),
        Pair("alike", "known", 30, 0, twins=False),
        Pair("unseen", "double", 2, 0, twins=True),  # two negatives: the plan sees to that
    ]
    near = {"far": Near("known", 80), "near": Near("known", 50), "named": Near("known", 75)}
    found = suspicions(images, pairs, near)
    assert queue(images, found) == ["copy", "known", "alike", "named", "near", "far", "plain", "unseen", "double"]
    assert [found[sha].grade for sha in ("copy", "known", "alike", "named", "near", "double")] == [
        Grade.CONTRARY,
        Grade.CONTRARY,
        Grade.ALIKE,
        Grade.NAMED,
        Grade.NONE,
        Grade.NONE,
    ]
    assert {sha: why(one) for sha, one in found.items()} == {
        "copy": "a copy of a picture with another label, 20 of 192 bits apart",
        "known": "a copy of a picture with another label, 20 of 192 bits apart",
        "alike": "looks like a known picture, 30 of 192 bits apart",
        "named": "its title or query says hotdog",
        "near": "nothing found; the nearest known picture is 50 of 192 bits apart, which says little",
        "far": "nothing found; the nearest known picture is 80 of 192 bits apart, which says little",
        "plain": "",
        "unseen": "",
        "double": "",
    }


def test_a_copy_of_a_copy_with_another_label_is_suspicious_until_what_lies_between_is_decided() -> None:
    images = {
        "a": held("a", "known", "hotdog"),
        "b": held("b"),
        "c": held("c"),
        "d": held("d"),  # looks like c, and is no copy
        "e": held("e", "known", "hotdog"),
    }
    pairs = [Pair(one, other, 3, 0, twins=True) for one, other in ("ab", "bc", "ae")] + [
        Pair("c", "d", 3, 0, twins=False)
    ]

    def contrary() -> dict[str, str]:
        found = suspicions(images, pairs, {"c": Near("a", 60)})
        return {sha: why(one) for sha, one in found.items() if one.grade is Grade.CONTRARY}

    direct = "a copy of a picture with another label, 3 of 192 bits apart"
    far = "a copy of a copy of a picture with another label, or further along such a chain"
    said = {"a": direct, "b": direct, "c": f"{far}; the nearest known picture is 60 of 192 bits apart", "e": far}
    assert contrary() == said
    for verdict in ("keep", "drop", "unsure", "duplicate"):
        images["b"] = replace(images["b"], verdict=Verdict(verdict))
        assert contrary() == {"a": direct, "b": direct, "e": far}  # b is still at the end of the chain to e


@pytest.mark.parametrize(
    ("category", "title", "said"),
    [
        ("hotdog", "hotdog", True),
        ("hotdog", "HOT-DOG stand", True),
        ("hotdog", "hot dogs", True),
        ("hot_dog", "A hotdog!", True),
        ("hotdog", "shot dogma", False),  # letters alone are no words
        ("hotdog", "a dog, hot", False),
        ("fox", "two foxes", True),
        ("würst", "Würst", True),
        ("hotdog", "", False),
    ],
)
def test_a_name_is_found_as_words(category: str, title: str, said: bool) -> None:
    images = {"k": held("k", "known", category), "n": held("n", title=title)}
    assert (suspicions(images, [], {})["n"].words == (category,)) is said
    images["n"] = held("n", query=title)
    assert (suspicions(images, [], {})["n"].words == (category,)) is said


def test_the_end_of_a_title_and_the_begin_of_a_query_make_no_name() -> None:
    images = {"k": held("k", "known", "hotdog"), "n": held("n", title="so hot", query="dog")}
    assert suspicions(images, [], {})["n"].words == ()


@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 9))
def test_the_nearest_known_picture_is_that_of_the_exact_join(seed: int, known: int, others: int) -> None:
    random = np.random.default_rng(seed)
    prints = [
        (str(number), Fingerprint(random.integers(0, 256, 192, dtype=np.uint8).tobytes(), 9.0))
        for number in range(known + others)
    ]
    keys = {str(number) for number in range(known)}
    found = nearest_known(prints, keys)
    least: dict[str, int] = {}
    for one in join([print_ for _, print_ in prints], 192):
        if one.older < known <= one.newer:
            least[str(one.newer)] = min(one.distance, least.get(str(one.newer), 192))
    assert {sha: near.distance for sha, near in found.items()} == least
    assert {near.sha256 for near in found.values()} <= keys


def test_pictures_with_nothing_in_them_have_no_nearest_one() -> None:
    prints = [
        ("k", Fingerprint(bytes(192), 9.0)),
        ("sky", Fingerprint(bytes(192), 0.5)),
        ("n", Fingerprint(bytes(192), 9.0)),
    ]
    assert nearest_known(prints, {"k"}) == {"n": Near("k", 0)}
    assert nearest_known(prints, {"k"}, only=["sky"]) == {}
    assert nearest_known(prints, set()) == {}
