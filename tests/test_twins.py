"""Copies are found and look-alikes are not called copies; the best copy is kept, and only ever for its own copies."""

import random
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from negbuild.fingerprint import ORIENTATIONS, fingerprints, grids
from negbuild.keepers import Circles, choose_keepers, label_of, standing
from negbuild.model import Candidate, Drop, Fingerprint, Held, Image, Pair, Role
from negbuild.omissions import chained, conflicts, outvoted
from negbuild.picture import Inspection, inspect
from negbuild.suspicion import Grade, suspicions
from negbuild.twins import (
    GROUP_RADIUS,
    PLAIN_TEXTURE,
    TWIN_RADIUS,
    TWIN_TEXTURE,
    Comparer,
    close_groups,
    shared,
)

Photo = Callable[..., bytes]
Transpose = Pillow.Transpose


def encode(image: Pillow.Image, kind: str = "PNG", quality: int = 90) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, quality=quality)
    return buffer.getvalue()


def opened(data: bytes) -> Pillow.Image:
    return Pillow.open(BytesIO(data)).convert("RGB")


def print_of(data: bytes) -> Fingerprint:
    inspection = inspect(data)
    assert isinstance(inspection, Inspection), inspection
    return fingerprints([grids(inspection.thumbnail)])[0]


def pairs_of(*pictures: bytes) -> list[Pair]:
    return Comparer().add([(str(number), print_of(data)) for number, data in enumerate(pictures)])


# --- pairs


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("change", "undone_by"),
    [
        (lambda image: encode(image, "JPEG", 30), "as is"),
        (lambda image: encode(image, "WEBP", 40), "as is"),
        (lambda image: encode(image.resize((200, 150))), "as is"),
        (lambda image: encode(image.resize((990, 700))), "as is"),
        (lambda image: encode(image.convert("L")), "as is"),
        (lambda image: encode(image.transpose(Transpose.FLIP_LEFT_RIGHT)), "mirror"),
        (lambda image: encode(image.transpose(Transpose.FLIP_TOP_BOTTOM)), "flip"),
        (lambda image: encode(image.transpose(Transpose.ROTATE_180)), "half turn"),
        (lambda image: encode(image.transpose(Transpose.TRANSPOSE)), "transpose"),
        (lambda image: encode(image.transpose(Transpose.ROTATE_90)), "quarter right"),
        (lambda image: encode(image.transpose(Transpose.ROTATE_270)), "quarter left"),
        (lambda image: encode(image.transpose(Transpose.TRANSVERSE)), "transverse"),
        (
            lambda image: encode(image.transpose(Transpose.ROTATE_90).resize((150, 200)), "JPEG", 40),
            "quarter right",
        ),
    ],
    ids=[
        "JPEG 30",
        "WebP 40",
        "half the size",
        "larger",
        "grey",
        "mirrored",
        "flipped",
        "half turn",
        "transposed",
        "turned left",
        "turned right",
        "transverse",
        "turned left, smaller, JPEG 40",
    ],
)
def test_copy_is_a_twin(photo: Photo, seed: int, change: Callable[[Pillow.Image], bytes], undone_by: str) -> None:
    original = photo(seed, (400, 300))
    [pair] = pairs_of(original, change(opened(original)))
    assert (pair.older, pair.newer, pair.twins) == ("0", "1", True)
    assert ORIENTATIONS[pair.orientation] == undone_by


def test_unrelated_pictures_are_no_pair(photo: Photo) -> None:
    assert pairs_of(*(photo(seed) for seed in range(40))) == []


def test_pair_spans_batches(photo: Photo) -> None:
    comparer = Comparer()
    assert comparer.add([("a", print_of(photo(1))), ("b", print_of(photo(2)))]) == []
    assert comparer.add([]) == []
    [pair] = comparer.add([("c", print_of(photo(3))), ("d", print_of(photo(2, quality=40)))])
    assert (pair.older, pair.newer, pair.twins) == ("b", "d", True)


def faded(data: bytes, strength: float) -> bytes:
    image = opened(data)
    return encode(Pillow.blend(Pillow.new("RGB", image.size, "grey"), image, strength))


def test_plain_pictures_are_never_paired(photo: Photo) -> None:
    plain = faded(photo(1), 0.09)
    assert 0.5 < print_of(plain).texture < PLAIN_TEXTURE
    assert pairs_of(plain, plain, photo(1)) == []


def test_picture_of_little_texture_looks_alike_and_is_no_twin(photo: Photo) -> None:
    dull = faded(photo(1), 0.25)
    assert PLAIN_TEXTURE < print_of(dull).texture < TWIN_TEXTURE
    [pair] = pairs_of(dull, dull)
    assert (pair.distance, pair.twins) == (0, False)
    assert [pair.twins for pair in pairs_of(photo(1), dull)] == [False]


def test_plain_pictures_do_not_shift_the_names_of_others(photo: Photo) -> None:
    plain = print_of(faded(photo(5), 0.09))
    batch = [("x", plain), ("a", print_of(photo(1))), ("y", plain), ("b", print_of(photo(1, quality=50)))]
    assert [(pair.older, pair.newer) for pair in Comparer().add(batch)] == [("a", "b")]


def apart(bits: int, texture: float) -> tuple[Fingerprint, Fingerprint]:
    """Make two fingerprints that differ in so many bits upright, and in nearly all elsewhere."""
    far = b"\xff" * 7 * 24
    other = ((1 << bits) - 1).to_bytes(24)
    return Fingerprint(bytes(24) + far, 50.0), Fingerprint(other + far, texture)


@pytest.mark.parametrize(
    ("bits", "texture", "twins"),
    [
        (0, TWIN_TEXTURE, True),
        (TWIN_RADIUS, TWIN_TEXTURE, True),
        (TWIN_RADIUS, TWIN_TEXTURE - 0.001, False),
        (TWIN_RADIUS + 1, 50.0, False),
        (GROUP_RADIUS, PLAIN_TEXTURE, False),
        (GROUP_RADIUS, 50.0, False),
        (GROUP_RADIUS + 1, 50.0, None),
        (0, PLAIN_TEXTURE - 0.001, None),
    ],
)
def test_lines_are_drawn_where_they_are_stated(bits: int, texture: float, twins: bool | None) -> None:
    one, other = apart(bits, texture)
    for first, second in ((one, other), (other, one)):
        pairs = Comparer().add([("a", first), ("b", second)])
        assert [pair.twins for pair in pairs] == ([] if twins is None else [twins])


# --- keepers


def held(name: str, pixels: int = 100, size: int = 1000, category: str = "hotdog", role: Role = Role.KNOWN) -> Held:
    origin = Candidate("folder", name, f"file:///{name}")
    return Held(Image(name, "JPEG", pixels, 100, size), category, role, origin, "")


def twins(*names: str, distance: int = 3) -> list[Pair]:
    return [Pair(older, newer, distance, 0, twins=True) for older, newer in zip(names[::2], names[1::2], strict=True)]


def dropped(images: Iterable[Held], pairs: Sequence[Pair]) -> dict[str, str]:
    drops = choose_keepers({one.image.sha256: one for one in images}, pairs)
    return {drop.sha256: drop.keeper for drop in drops}


@pytest.mark.parametrize(
    ("older", "newer", "keeper"),
    [
        (held("a", pixels=100, size=9), held("b", pixels=101, size=1), "b"),
        (held("a", pixels=101, size=1), held("b", pixels=100, size=9), "a"),
        (held("a", size=8), held("b", size=9), "b"),
        (held("a", size=9), held("b", size=8), "a"),
        (held("b"), held("a"), "b"),
    ],
    ids=["more pixels", "more pixels, older", "more bytes", "more bytes, older", "older"],
)
def test_better_copy_is_kept(older: Held, newer: Held, keeper: str) -> None:
    loser = ({older.image.sha256, newer.image.sha256} - {keeper}).pop()
    names = older.image.sha256, newer.image.sha256
    assert choose_keepers(dict(zip(names, (older, newer), strict=True)), twins(*names)) == [Drop(loser, keeper, 3)]


@pytest.mark.parametrize("worst", ["a", "b", "c"])
@pytest.mark.parametrize("best", ["a", "b", "c"])
def test_nothing_is_dropped_for_the_twin_of_its_twin(best: str, worst: str) -> None:
    sizes = {"a": 5, "b": 5, "c": 5} | {worst: 1} | {best: 9}
    drops = dropped([held(name, size=size) for name, size in sizes.items()], twins("a", "b", "b", "c"))
    assert ("a", "c") not in drops.items()
    assert ("c", "a") not in drops.items()
    assert drops
    assert best not in drops


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_each_dropped_copy_has_a_better_twin_that_is_kept(seed: int) -> None:
    dice = random.Random(seed)
    names = [f"{number:02}" for number in range(dice.randint(2, 9))]
    roles = [("hotdog", Role.KNOWN), ("burger", Role.KNOWN), ("street", Role.UNKNOWN), ("dog", Role.UNSEEN)]
    images = {
        name: held(name, dice.randint(1, 2), dice.randint(1, 2), *dice.choice(roles[: dice.randint(1, 4)]))
        for name in names
    }
    pairs = [
        Pair(one, other, dice.randint(1, 32), 0, twins=dice.random() < 0.7)
        for one, other in combinations(names, 2)
        if dice.random() < 0.4
    ]
    edges = {
        frozenset((pair.older, pair.newer)): pair.distance
        for pair in pairs
        if pair.twins
        and images[pair.older].role is images[pair.newer].role
        and label_of(images[pair.older]) == label_of(images[pair.newer])
    }
    drops = {drop.sha256: drop for drop in choose_keepers(images, pairs)}

    def worth(name: str) -> tuple[int, int, int]:
        return images[name].image.width, images[name].image.size, -names.index(name)

    for name, drop in drops.items():
        assert drop.keeper not in drops
        assert edges[frozenset((name, drop.keeper))] == drop.distance
        assert worth(drop.keeper) > worth(name)
    for edge in edges:
        assert edge & drops.keys(), f"{edge}: two copies, both kept"


@pytest.mark.parametrize("best", range(4))
def test_the_first_of_equals_stands_for_all_of_them(best: int) -> None:
    """Whichever is the best of three equals and of what twins the first of them, it alone is kept."""
    pairs = [
        Pair("a", "b", 0, 0, twins=True),
        Pair("a", "c", 0, 0, twins=True),
        Pair("a", "d", 9, 2, twins=True),
    ]
    images = {name: held(name, size=9 if number == best else 5) for number, name in enumerate("abcd")}
    keeper = "abcd"[best]
    assert choose_keepers(images, pairs) == [
        Drop(name, keeper, 9 if "d" in {name, keeper} else 0) for name in "abcd" if name != keeper
    ]


def test_a_chain_of_copies_ties_to_another_label_and_looks_alone_do_not() -> None:
    known = [held("a"), held("z")]
    images = {one.image.sha256: one for one in known}
    images |= {name: held(name, category="street", role=Role.UNKNOWN) for name in "bcdefg"}
    pairs = [
        *twins("a", "b", "b", "c", "c", "d"),
        Pair("c", "e", 0, 0, twins=True),  # the first of equals stands for all of them
        Pair("d", "f", 3, 0, twins=False),
        *twins("f", "g"),
    ]
    circles = Circles(images, pairs)
    assert {sha: list(circles.tied(sha)) for sha in "bcdefgz"} == {sha: ["a"] * (sha in "bcde") for sha in "bcdefgz"}
    assert [images[end].role for end in circles.tied("a")] == [Role.UNKNOWN]


@pytest.mark.parametrize("seed", range(50))
def test_conflicts_are_the_same_whichever_of_equals_came_first(seed: int) -> None:
    draw = random.Random(seed)
    kinds = [("hotdog", Role.KNOWN), ("burger", Role.KNOWN), ("street", Role.UNKNOWN), ("dog", Role.UNSEEN)]
    images = [held(name, category=kind[0], role=kind[1]) for name in "abcdefghij" for kind in [draw.choice(kinds)]]
    likeness = {one.image.sha256: draw.randrange(4) for one in images}  # equals are of one number; 0 and 1 are twins

    def found() -> tuple[set[tuple[frozenset[str], int]], set[str]]:
        draw.shuffle(images)
        firsts: dict[int, str] = {}
        pairs = []
        for one in images:
            sha = one.image.sha256
            first = firsts.setdefault(likeness[sha], sha)
            if first != sha:
                pairs.append(Pair(first, sha, 0, 0, twins=True))
            elif likeness[sha] < 2 and {0, 1} <= firsts.keys():
                pairs.append(Pair(firsts[1 - likeness[sha]], sha, 5, 0, twins=True))
        in_order = {one.image.sha256: one for one in images}
        told = [(frozenset((pair.older, pair.newer)), pair.distance) for pair in conflicts(in_order, pairs)]
        assert len(set(told)) == len(told)
        return set(told), set(chained(in_order, pairs))

    first, tied = found()
    assert [found() for _ in range(5)] == [(first, tied)] * 5
    by_name = {one.image.sha256: one for one in images}
    contrary = {
        name
        for name, other in permutations(by_name, 2)
        if standing(by_name[name]) != standing(by_name[other])
        and (likeness[name] == likeness[other] or {likeness[name], likeness[other]} == {0, 1})
    }
    assert {name for two, _ in first for name in two} == contrary


def test_who_is_up_against_whom_among_many_equals_is_no_matter_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """5,000 placeholders, half of them in a category that is held out: 12 million pairs took half a minute."""
    kinds = [("street", Role.UNKNOWN), ("dog", Role.UNSEEN)]
    images = {str(n): held(str(n), category=kinds[n % 2][0], role=kinds[n % 2][1]) for n in range(5000)}
    pairs = [Pair("0", str(n), 0, 0, twins=True) for n in range(1, 5000)]
    circles = Circles(images, pairs)
    assert sum(len(list(circles.opposed(sha))) for sha in images) == 5000
    monkeypatch.setattr(Circles, "rivals", lambda *_: pytest.fail("all with all"))
    assert outvoted(images, pairs) == set()
    assert {one.grade for one in suspicions(images, pairs, {}).values()} == {Grade.NONE}


def test_conflicts_of_many_equals_are_as_many_as_these() -> None:
    images = {str(n): held(str(n), category=("hotdog", "burger")[n % 2]) for n in range(2000)}
    pairs = [Pair("0", str(n), 0, 0, twins=True) for n in range(1, 2000)]
    assert len(conflicts(images, pairs)) == 1999


def test_equals_under_two_labels_replace_each_other_under_each() -> None:
    images = [held("a"), *(held(name, category="street", role=Role.UNKNOWN) for name in "bc")]
    assert dropped(images, [Pair("a", name, 0, 0, twins=True) for name in "bc"]) == {"c": "b"}


def test_what_is_held_finds_what_comes() -> None:
    family = [(str(number), Fingerprint(bytes([number]) * 192, 9.0)) for number in (1, 1, 3)]
    comparer = Comparer()
    comparer.hold(family[:2])
    assert (
        comparer.add(family[2:])
        == [pair for pair in Comparer().add(family) if pair.newer == "3"]
        == [Pair("1", "3", 24, 0, twins=False)]
    )


@pytest.mark.parametrize(
    ("one", "other", "replace"),
    [
        (("hotdog", Role.KNOWN), ("hotdog", Role.KNOWN), True),
        (("hotdog", Role.KNOWN), ("burger", Role.KNOWN), False),
        (("street", Role.UNKNOWN), ("salad", Role.UNKNOWN), True),
        (("dog", Role.UNSEEN), ("car", Role.UNSEEN), True),
        (("hotdog", Role.KNOWN), ("street", Role.UNKNOWN), False),
        (("street", Role.UNKNOWN), ("dog", Role.UNSEEN), False),
        (("hotdog", Role.KNOWN), ("dog", Role.UNSEEN), False),
    ],
)
def test_only_one_label_and_role_replace_each_other(
    one: tuple[str, Role], other: tuple[str, Role], replace: bool
) -> None:
    images = [held("a", category=one[0], role=one[1]), held("b", category=other[0], role=other[1])]
    assert dropped(images, twins("a", "b")) == ({"b": "a"} if replace else {})


def test_look_alikes_are_both_kept() -> None:
    assert dropped([held("a"), held("b")], [Pair("a", "b", 20, 0, twins=False)]) == {}


def test_negatives_carry_no_label() -> None:
    labels = [label_of(held("a", category="street", role=role)) for role in Role]
    assert labels == ["street", "", ""]


# --- groups


def naive_groups(keys: list[str], edges: list[tuple[str, str]]) -> dict[str, str]:
    """Let the smaller name spread along the edges until nothing changes."""
    group = {key: key for key in keys}
    changed = True
    while changed:
        changed = False
        for one, other in edges:
            least = min(group[one], group[other])
            changed = changed or not group[one] == group[other] == least
            group[one] = group[other] = least
    return group


@settings(deadline=None)
@given(st.data())
def test_groups_are_the_closure_in_any_order(data: st.DataObject) -> None:
    keys = [f"k{number}" for number in range(data.draw(st.integers(1, 12)))]
    edges = data.draw(st.lists(st.tuples(st.sampled_from(keys), st.sampled_from(keys)), max_size=14))
    expected = naive_groups(keys, edges)
    assert close_groups(keys, edges) == expected
    shuffled = [(other, one) for one, other in data.draw(st.permutations(edges))]
    assert close_groups(data.draw(st.permutations(keys)), shuffled) == expected


def test_long_chain_is_one_group() -> None:
    keys = [f"{number:05}" for number in np.random.default_rng(1).permutation(20_000)]
    assert set(close_groups(keys, pairwise(keys)).values()) == {"00000"}


def test_keys_with_a_trait_in_common_are_chained() -> None:
    traits = [("a", "page 1"), ("b", "page 2"), ("c", "page 1"), ("d", "page 1"), ("b", "page 3"), ("e", "page 3")]
    assert shared(traits) == [("a", "c"), ("c", "d"), ("b", "e")]
    assert shared([]) == []
