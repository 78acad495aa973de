"""The join finds the pairs that comparing everything with everything finds, whatever the batches."""

import random
from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negbuild.model import Fingerprint
from negbuild.neighbours import Index, Neighbour

CODE = 24
ORIENTATIONS = 8


def fingerprint(codes: Sequence[int]) -> Fingerprint:
    return Fingerprint(b"".join(code.to_bytes(CODE) for code in codes), 10.0)


def brute_force(batch: Sequence[Fingerprint], radius: int) -> set[Neighbour]:
    """Compare every orientation of each fingerprint with every earlier one, in plain integers."""
    codes = [[int.from_bytes(one.codes[CODE * o : CODE * o + CODE]) for o in range(ORIENTATIONS)] for one in batch]
    found = set()
    for newer, turned in enumerate(codes):
        for older in range(newer):
            upright = codes[older][0]
            distances = [(upright ^ code).bit_count() for code in turned]
            distance = min(distances)
            if distance <= radius:
                found.add(Neighbour(older, newer, distance, distances.index(distance)))
    return found


def relatives(seed: int, count: int) -> list[Fingerprint]:
    """Make fingerprints at random, every second of them a slightly changed and turned copy of an earlier one."""
    dice = random.Random(seed)
    family: list[list[int]] = []
    for number in range(count):
        codes = [dice.getrandbits(8 * CODE) for _ in range(ORIENTATIONS)]
        if number % 2:
            flipped = sum(1 << bit for bit in dice.sample(range(8 * CODE), dice.randrange(60)))
            codes[dice.randrange(ORIENTATIONS)] = dice.choice(family)[0] ^ flipped
        family.append(codes)
    return [fingerprint(codes) for codes in family]


@pytest.mark.parametrize("radius", [0, 1, 16, 32, 63, 75, 96, 192])
def test_join_is_the_brute_force(radius: int) -> None:
    batch = relatives(radius, 90)
    found = Index(radius).add(batch)
    assert set(found) == brute_force(batch, radius)
    assert len(set(found)) == len(found)
    assert radius < 16 or found


def test_index_grows_beyond_what_it_was_made_for() -> None:
    family = relatives(7, 2600)
    index = Index(16)
    found: list[Neighbour] = []
    for start, end in ((0, 1000), (1000, 1024), (1024, 1025), (1025, 2600)):
        found += index.add(family[start:end])
        assert len(index) == end
    assert found == Index(16).add(family)
    assert {pair for pair in found if pair.newer < 700} == brute_force(family[:700], 16)
    # Pairs that span the growth: the family after it against itself, with the places moved.
    late = [pair for pair in found if pair.older >= 1900]
    shifted = {Neighbour(pair.older - 1900, pair.newer - 1900, pair.distance, pair.orientation) for pair in late}
    assert shifted == brute_force(family[1900:], 16)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), radius=st.integers(0, 192), sizes=st.lists(st.integers(0, 7), max_size=8))
def test_batches_make_no_difference(seed: int, radius: int, sizes: list[int]) -> None:
    family = relatives(seed, sum(sizes))
    index = Index(radius)
    found = []
    for size, end in zip(sizes, accumulate(sizes), strict=True):
        found += index.add(family[end - size : end])
    assert found == Index(radius).add(family)
    assert set(found) == brute_force(family, radius)


def test_first_of_equally_near_orientations_is_named() -> None:
    older = fingerprint([0] + [2**192 - 1] * 7)
    newer = fingerprint([7, 3, 1, 1, 2, 1, 3, 7])
    assert Index(5).add([older, newer]) == [Neighbour(0, 1, 1, 2)]


def test_nothing_comes_of_an_empty_batch() -> None:
    index = Index(192)
    assert index.add([]) == []
    assert len(index) == 0


@pytest.mark.parametrize("radius", [-1, 193])
def test_radius_counts_bits_of_192(radius: int) -> None:
    with pytest.raises(ValueError, match=rf"^radius {radius}: not between 0 and 192$"):
        Index(radius)
