"""The join finds the pairs that comparing everything with everything finds, whatever the batches."""

import random
import time
from collections.abc import Iterable, Sequence
from itertools import accumulate, combinations, pairwise

import faiss
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from negbuild import compiled, neighbours, stretches
from negbuild.fingerprint import UNDOING
from negbuild.model import Fingerprint
from negbuild.neighbours import Index, Neighbour, between, join
from negbuild.stretches import TWO_WORDS, Hits, Stretch, laid_out
from negbuild.twins import close_groups

CODE = 24
ORIENTATIONS = 8

# The ways to compare are set once for a test and not for each of its examples.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["numpy", "numba"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything holds with either way to compare, which the amount of work chooses otherwise."""
    monkeypatch.setattr(neighbours, "WORTH_COMPILING", 0 if request.param == "numba" else 10**30)
    monkeypatch.setattr(neighbours, "_STRETCH", 512)  # so that there are several
    return str(request.param)


def fingerprint(codes: Sequence[int]) -> Fingerprint:
    return Fingerprint(b"".join(code.to_bytes(CODE) for code in codes), 10.0)


def brute_force(batch: Sequence[Fingerprint], radius: int) -> set[Neighbour]:
    """Compare all pairs in plain integers: of two, the one whose code is the greater is turned."""
    codes = [[int.from_bytes(one.codes[CODE * o : CODE * o + CODE]) for o in range(ORIENTATIONS)] for one in batch]
    found = set()
    for newer in range(len(codes)):
        for older in range(newer):
            turns_newer = codes[older][0] <= codes[newer][0]
            as_is, turned = (older, newer) if turns_newer else (newer, older)
            distances = [(codes[as_is][0] ^ code).bit_count() for code in codes[turned]]
            distance = min(distances)
            orientation = distances.index(distance)
            if distance <= radius:
                found.add(Neighbour(older, newer, distance, orientation if turns_newer else UNDOING[orientation]))
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


@relaxed
@given(seed=st.integers(0, 2**32), radius=st.integers(0, 192), sizes=st.lists(st.integers(0, 7), max_size=8))
def test_batches_make_no_difference(seed: int, radius: int, sizes: list[int]) -> None:
    family = relatives(seed, sum(sizes))
    index = Index(radius)
    found = []
    for size, end in zip(sizes, accumulate(sizes), strict=True):
        found += index.add(family[end - size : end])
    assert found == Index(radius).add(family)
    assert set(found) == brute_force(family, radius)


@pytest.mark.parametrize("stretch", [1, 7, 16, 60, 61])
@pytest.mark.parametrize("batch", [1, 5, 16, 60])
def test_stretches_have_no_borders(stretch: int, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_STRETCH", stretch)
    family, index, found = relatives(stretch, 60), Index(75), list[Neighbour]()
    for start in range(0, 60, batch):
        found += index.add(family[start : start + batch])
    assert set(found) == brute_force(family, 75)
    assert found == sorted(found, key=lambda pair: (pair.newer, pair.older))
    between_them = list(between(family[40:], family[:40], 75))
    assert [pair._replace(newer=pair.newer + 40) for pair in between_them] == [
        pair for pair in found if pair.older < 40 <= pair.newer
    ]


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
    said = rf"^radius {radius}: not between 0 and 192$"
    with pytest.raises(ValueError, match=said):
        Index(radius)
    with pytest.raises(ValueError, match=said):
        join([], radius)
    with pytest.raises(ValueError, match=said):
        between([], [], radius)


# --- the same answers by every way


def test_numba_compares_where_it_is_chosen(way: str) -> None:
    family = relatives(1, 2)
    assert neighbours._way_to_compare(1) is (compiled.compare if way == "numba" else stretches.compare)  # noqa: SLF001
    assert set(join(family, 60)) == brute_force(family, 60)


def test_much_work_in_small_batches_is_worth_compiling_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "WORTH_COMPILING", 8 * 105)  # all pairs of 15, or 7 with 15
    asked: list[int] = []

    def compare(older: Stretch, newer: Stretch, radius: int) -> Hits:
        asked.append(len(newer.keys))
        return stretches.compare(older, newer, radius)

    monkeypatch.setattr(compiled, "compare", compare)
    family = relatives(3, 20)
    index, worth = Index(60), []
    for start in range(0, 20, 5):
        index.add(family[start : start + 5])
        worth.append(len(asked))
    assert worth == [0, 0, 1, 2]
    expecting = Index(60)
    expecting.hold(family[:15])
    expecting.expect(6)
    expecting.add(family[15:16])
    assert len(asked) == 2, "not worth it: 15 comparisons are due, and 5 times 15 more"
    expecting.expect(3)
    expecting.expect(-1)
    expecting.add(family[16:18])
    assert len(asked) == 3
    expecting = Index(60)
    expecting.hold(family[:15])
    expecting.expect(-9)
    expecting.expect(7)
    expecting.add(family[15:16])
    assert len(asked) == 4, "less than none cannot be expected"


def test_a_few_new_ones_are_shared_out_between_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_CORES", 3)
    family, sizes = relatives(4, 40), []

    def compare(older: Stretch, newer: Stretch, radius: int) -> Hits:
        sizes.append(len(newer.keys))
        return stretches.compare(older, newer, radius)

    monkeypatch.setattr(neighbours, "_way_to_compare", lambda _comparisons: compare)
    shared = Index(60)
    shared.hold(family[:30])
    monkeypatch.setattr(neighbours, "_WORTH_A_THREAD", 8 * (30 * 10 + 45))
    found = shared.add(family[30:])
    assert sorted(sizes) == [2, 4, 4]
    monkeypatch.setattr(neighbours, "_WORTH_A_THREAD", 8 * (30 * 10 + 45) + 1)
    alone = Index(60)
    alone.hold(family[:30])
    assert alone.add(family[30:]) == found
    assert sorted(sizes) == [2, 4, 4, 10]


@pytest.mark.parametrize("radius", [0, 16, TWO_WORDS - 1, TWO_WORDS, TWO_WORDS + 1, 48, 60, 80, 192])
def test_numba_finds_what_numpy_finds(radius: int) -> None:
    """One and many, beyond the 1,024 that numba takes at a time, the same ones among both, more hits than expected."""
    family = relatives(radius, 6000)
    for older, newer in (
        (family, family[5960:]),
        (family[:40], family[20:3000]),
        (family[:1], family),
        (family, family[:1]),
    ):
        two = laid_out(older, np.arange(len(older))), laid_out(newer, np.arange(len(newer)))
        found = [way(*two, radius) for way in (compiled.compare, stretches.compare)]
        by_numba, by_numpy = (hits[np.lexsort((hits[:, 1], hits[:, 0]))] for hits in found)
        assert by_numba.tolist() == by_numpy.tolist()
        assert len(by_numpy) == len(older) * len(newer) or radius < 192
        assert len(by_numpy)  # each with itself at least


@relaxed
@given(seed=st.integers(0, 2**32), radius=st.integers(0, 192))
def test_join_is_what_faiss_finds(seed: int, radius: int) -> None:
    family = relatives(seed, 40)
    turned = np.frombuffer(b"".join(one.codes for one in family), dtype=np.uint8).reshape(-1, ORIENTATIONS, CODE)
    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryFlat(8 * CODE)
    index.add(np.ascontiguousarray(turned[:, 0]))
    ends, distances, uprights = index.range_search(turned.reshape(-1, CODE), radius + 1)  # below, and not at most
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for query, (start, end) in enumerate(pairwise(ends.tolist())):
        one, orientation = divmod(query, ORIENTATIONS)
        for other, distance in zip(uprights[start:end].tolist(), distances[start:end].tolist(), strict=True):
            if (family[other].codes[:CODE], other) < (family[one].codes[:CODE], one):
                best[other, one] = min((int(distance), orientation), best.get((other, one), (193, 0)))
    expected = [
        Neighbour(one, other, distance, orientation)
        if one < other
        else Neighbour(other, one, distance, UNDOING[orientation])
        for (one, other), (distance, orientation) in best.items()
    ]
    assert list(join(family, radius)) == sorted(expected, key=lambda pair: (pair.newer, pair.older))


@relaxed
@given(seed=st.integers(0, 2**32), radius=st.integers(0, 192), size=st.integers(0, 30))
def test_join_is_the_index_filled_at_once(seed: int, radius: int, size: int) -> None:
    family = with_equals(seed, size)
    assert list(join(family, radius)) == Index(radius).add(family)


@pytest.mark.parametrize("size", [255, 256, 257, 511, 513, 1200])
def test_blocks_have_no_borders(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_BLOCK", 256)
    family = relatives(size, size)
    found = list(join(family, 75))
    assert set(found) == brute_force(family, 75)
    assert found == sorted(found, key=lambda pair: (pair.newer, pair.older))


def test_join_goes_on_while_it_is_taken() -> None:
    told: list[tuple[int, int | None]] = []
    pairs = join(relatives(3, 5000), 40, lambda done, total: told.append((done, total)))
    assert told == []
    next(pairs)
    assert told == [(1024, 5000)]
    assert len(list(pairs)) > 1000
    assert [done for done, _ in told] == [*range(1024, 5000, 1024), 5000]


def test_nobody_has_to_take_the_rest() -> None:
    pairs = join(relatives(3, 5000), 40)
    first = next(pairs)
    del pairs
    assert first == Index(40).add(relatives(3, 256))[0]


# --- equal fingerprints


def with_equals(seed: int, count: int) -> list[Fingerprint]:
    """Relatives, many of them met again later."""
    dice = random.Random(seed)
    family = relatives(seed, count)
    return [one if dice.random() < 0.5 else family[dice.randrange(place + 1)] for place, one in enumerate(family)]


def groups(count: int, pairs: Iterable[Neighbour]) -> dict[str, str]:
    return close_groups(map(str, range(count)), [(str(pair.older), str(pair.newer)) for pair in pairs])


@relaxed
@given(seed=st.integers(0, 2**32), radius=st.integers(0, 192), size=st.integers(0, 30))
def test_equals_are_told_by_their_first(seed: int, radius: int, size: int) -> None:
    family = with_equals(seed, size)
    found = Index(radius).add(family)
    everything = brute_force(family, radius)
    first = [family.index(one) for one in family]
    assert set(found) <= everything
    assert len(set(found)) == len(found)
    assert groups(size, found) == groups(size, everything)
    # Nobody is paired with a later equal; every later equal is paired with the first; the first have all their pairs.
    assert all(first[pair.older] == pair.older for pair in found)
    assert {pair for pair in found if first[pair.newer] == pair.older} == {
        Neighbour(first[place], place, 0, 0) for place in range(size) if first[place] != place
    }
    assert {pair for pair in found if first[pair.newer] == pair.newer} == {
        pair for pair in everything if first[pair.older] == pair.older and first[pair.newer] == pair.newer
    }


def test_equal_placeholders_cost_nothing() -> None:
    """To compare 200,000 with each other takes 20 seconds of a processor where it is quickest."""
    placeholder, *others = relatives(5, 40)
    began = time.process_time()
    found = list(join([*others, *[placeholder] * 200_000], 16))
    assert time.process_time() - began < 10
    assert found[-199_999:] == [Neighbour(39, place, 0, 0) for place in range(40, 200_039)]


# --- what need not be compared, and one set against another


@relaxed
@given(seed=st.integers(0, 2**32), radius=st.integers(0, 192), held=st.integers(0, 20), added=st.integers(0, 20))
def test_what_is_held_is_not_compared_again(seed: int, radius: int, held: int, added: int) -> None:
    family = with_equals(seed, held + added)
    index = Index(radius)
    index.hold(family[:held])
    assert len(index) == held
    found = index.add(family[held:])
    assert found == [pair for pair in Index(radius).add(family) if pair.newer >= held]


@relaxed
@given(seed=st.integers(0, 2**32), radius=st.integers(0, 192), size=st.integers(0, 30), others=st.integers(0, 30))
def test_one_set_against_another_is_the_brute_force(seed: int, radius: int, size: int, others: int) -> None:
    family = with_equals(seed, size + others)
    protected, batch = family[:others], family[others:]
    # Each of the batch alone after all of the others; the first of equal others stands for them.
    expected = [
        Neighbour(pair.older, place, pair.distance, pair.orientation)
        for place, one in enumerate(batch)
        for pair in sorted(brute_force([*protected, one], radius))
        if pair.newer == others and protected.index(protected[pair.older]) == pair.older
    ]
    assert list(between(batch, protected, radius)) == expected


def test_one_set_against_another_in_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_BLOCK", 256)
    family = relatives(11, 1600)
    batch, others = [*family[900:], *family[900:]], family[:900]
    told: list[tuple[int, int | None]] = []
    found = list(between(batch, others, 70, lambda done, total: told.append((done, total))))
    expected = [pair for pair in Index(70).add(family) if pair.older < 900 <= pair.newer]
    assert found == [pair._replace(newer=pair.newer - shift) for shift in (900, 200) for pair in expected]
    assert told == [(256, 700), (512, 700), (700, 700)]


# --- order


@relaxed
@given(seed=st.integers(0, 2**32), radius=st.integers(0, 100), size=st.integers(0, 30))
def test_order_makes_no_difference(seed: int, radius: int, size: int) -> None:
    """Orientations need not undo each other to the bit, as those of real pictures do not: turning rounds."""
    family = with_equals(seed, size)
    order = random.Random(seed).sample(range(size), size)
    straight, mixed = list(join(family, radius)), list(join([family[place] for place in order], radius))
    back = [pair._replace(older=order[pair.older], newer=order[pair.newer]) for pair in mixed]
    assert groups(size, back) == groups(size, straight)
    if all(one.codes[:CODE] != other.codes[:CODE] for one, other in combinations(family, 2)):
        assert set(map(whichever_came_first, back)) == set(map(whichever_came_first, straight))


def whichever_came_first(pair: Neighbour) -> Neighbour:
    if pair.older < pair.newer:
        return pair
    return Neighbour(pair.newer, pair.older, pair.distance, UNDOING[pair.orientation])
