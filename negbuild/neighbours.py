"""The exact join of fingerprints: all pairs within a distance, in any orientation, by comparing every pair.

Fingerprints go in, pairs come out. An index structure would have to look nearly everywhere at the radii of interest,
so everything is compared, in threads, a block of new ones with a stretch of old ones at a time; numpy does it
(`stretches.py`), or numba (`compiled.py`) where it is installed (the extra `fast`) and there is enough to do. How far
two pictures are apart does not hang on which came first.

Equal fingerprints are compared once. Each later one is paired with the first of its equals, at distance 0; its other
pairs are those of the first. All that is reported are pairs that comparing everything would report, and groups closed
over them are the same groups; without equals they are all the pairs.
"""

import os
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from negbuild.fingerprint import BITS, ORIENTATIONS
from negbuild.model import Fingerprint, Progress, no_progress
from negbuild.stretches import NO_HITS, Hits, Stretch, compare, laid_out

Near = NDArray[np.int64]
"""Shape (n, 4): neighbours as rows, see `Neighbour`."""

Compare = Callable[[Stretch, Stretch, int], Hits]

_CORES = os.cpu_count() or 1
_A_PAIR = len(ORIENTATIONS)  # comparisons
_WORTH_A_THREAD = 10_000_000  # comparisons: some 20 ms
_BLOCK = 1024
_STRETCH = 16384
WORTH_COMPILING = 400_000_000
"""Comparisons for which it pays to load numba (0.5 s) and, once, to compile (4 s): all pairs of 10,000 pictures."""


class Neighbour(NamedTuple):
    """Two places in the order of adding, how many of 192 bits differ, and the orientation of the newer one."""

    older: int
    newer: int
    distance: int
    orientation: int


class Index:
    """Fingerprints in the order they came; each new one is compared with all before it."""

    def __init__(self, radius: int) -> None:
        """Report pairs at most `radius` bits apart (0 to 192)."""
        self._radius, self._expected, self._held = _checked(radius), 0, _Different()

    def __len__(self) -> int:
        return self._held.places

    def hold(self, batch: Sequence[Fingerprint]) -> None:
        """Take fingerprints in that need no comparing: their pairs are known."""
        self._held.take(batch)

    def expect(self, number: int) -> None:
        """Know that so many more, or fewer, may be added: it tells what is worth loading before the first of them."""
        self._expected = max(0, self._expected + number)

    def add(self, batch: Sequence[Fingerprint]) -> list[Neighbour]:
        """Take fingerprints in; return their neighbours among all that came before, each other included."""
        return list(map(Neighbour._make, self.near(batch).tolist()))

    def near(self, batch: Sequence[Fingerprint]) -> Near:
        """Do the same, and return them as rows, by newer and older one."""
        self._expected = max(0, self._expected - len(batch))
        self._held.expected = _A_PAIR * self._expected * len(self._held.first)
        return np.concatenate([NO_HITS, *_arriving(self._held, batch, self._radius, no_progress)])


def join(batch: Sequence[Fingerprint], radius: int, progress: Progress = no_progress) -> Iterator[Neighbour]:
    """Give all pairs of a set at most `radius` bits apart, by newer and older one, as they are found.

    The pairs are those of `Index.add`; places count in `batch`. Progress counts its fingerprints.
    """
    found = _arriving(_Different(), batch, _checked(radius), progress)
    return (Neighbour._make(row) for rows in found for row in rows.tolist())


def between(
    batch: Sequence[Fingerprint], others: Sequence[Fingerprint], radius: int, progress: Progress = no_progress
) -> Iterator[Neighbour]:
    """Give the pairs of one set against another at most `radius` bits apart, by place in `batch` and in `others`.

    `newer` is a place in `batch`, and `older` one in `others`, where the first of equals stands for all of them. In
    `batch` each of equals has its pairs. Progress counts the different fingerprints of `batch`.
    """
    return Against(others, radius).near(batch, progress)


def _checked(radius: int) -> int:
    if not 0 <= radius <= BITS:
        raise ValueError(f"radius {radius}: not between 0 and {BITS}")
    return radius


class _Different:
    """The different ones among fingerprints, numbered in the order they first came."""

    def __init__(self) -> None:
        self.places = 0
        self.comparisons = self.expected = 0
        """Those made until now, and those that may still be made."""
        self.first = array("q")
        """The place of the first of each."""
        self.stretches: list[Stretch] = []
        """All of them, their numbers rising from stretch to stretch."""
        self._numbers: dict[bytes, int] = {}
        self._last: list[Fingerprint] = []  # of the stretch that may grow

    def take(self, batch: Sequence[Fingerprint]) -> list[int]:
        """Give fingerprints their numbers; a new one is that of the first of its equals."""
        numbers, fresh = [], []
        for place, print_ in enumerate(batch, self.places):
            number = self._numbers.setdefault(print_.codes, len(self.first))
            if number == len(self.first):
                self.first.append(place)
                fresh.append(print_)
            numbers.append(number)
        self.places += len(batch)
        if fresh:
            self._append(fresh)
        return numbers

    def _append(self, fresh: Sequence[Fingerprint]) -> None:
        if self._last:
            self.stretches.pop()
        growing = [*self._last, *fresh]
        for start in range(0, len(growing), _STRETCH):
            self._last = growing[start : start + _STRETCH]
            number = len(self.first) - len(growing) + start
            self.stretches.append(laid_out(self._last, np.arange(number, number + len(self._last))))
        if len(self._last) == _STRETCH:
            self._last = []


def _arriving(held: _Different, batch: Sequence[Fingerprint], radius: int, progress: Progress) -> Iterator[Near]:
    """Pairs of each of `batch` with all before it, those held included, some at a time."""
    before = held.places
    numbers, places = np.array(held.take(batch), dtype=np.int64), before + np.arange(len(batch))
    first = np.array(held.first, dtype=np.int64)
    fresh = first[numbers] == places
    stretches = list(held.stretches)
    due = _A_PAIR * int(numbers[fresh].sum())
    held.comparisons += due
    way = _way_to_compare(held.comparisons + held.expected)

    def block(part: slice) -> Near:
        some = fresh[part]
        later, zeros = places[part][~some], np.zeros((2, int((~some).sum())), dtype=np.int64)
        equal = np.stack([first[numbers[part]][~some], later, *zeros], axis=1)
        if not some.any():
            return equal
        newer = laid_out([batch[place - before] for place in places[part][some].tolist()], numbers[part][some])
        until = newer.numbers.max()
        hits = _near(way, (one for one in stretches if one.numbers.min() < until), newer, radius)
        hits = hits[hits[:, 0] < hits[:, 1]]
        hits[:, :2] = first[hits[:, :2]]
        return _in_order(np.concatenate([hits, equal]))

    yield from _in_blocks(block, len(batch), due, progress)


class Against:
    """Fingerprints that others are compared with, time and again, and that these never join."""

    def __init__(self, others: Sequence[Fingerprint], radius: int, groups: Sequence[str] = ()) -> None:
        """Report pairs at most `radius` bits apart (0 to 192); of equals the first in each of the groups of others."""
        self._radius = _checked(radius)
        self._held = _Different()
        firsts: dict[int, dict[str, int]] = defaultdict(dict)
        for place, number in enumerate(self._held.take(others)):
            firsts[number].setdefault(groups[place] if groups else "", place)
        self._firsts = {number: tuple(of_group.values()) for number, of_group in firsts.items()}

    def near(self, batch: Sequence[Fingerprint], progress: Progress = no_progress) -> Iterator[Neighbour]:
        """Give the pairs of `batch` against the others; see `between`."""
        asked = _Different()
        numbers = asked.take(batch)
        different = [batch[place] for place in asked.first]
        due = _A_PAIR * len(different) * len(self._held.first)
        self._held.comparisons += due
        way = _way_to_compare(self._held.comparisons)

        def block(part: slice) -> Near:
            newer = laid_out(different[part], np.arange(len(different))[part])
            return _in_order(_near(way, self._held.stretches, newer, self._radius))

        hits = np.concatenate([NO_HITS, *_in_blocks(block, len(different), due, progress)])
        ends = np.searchsorted(hits[:, 1], np.arange(len(different) + 1)).tolist()
        for place, row in enumerate(numbers):
            for number, _, distance, orientation in hits[ends[row] : ends[row + 1]].tolist():
                for first in self._firsts[number]:
                    yield Neighbour(first, place, distance, orientation)


def _near(way: Compare, stretches: Iterable[Stretch], newer: Stretch, radius: int) -> Near:
    """Compare some new ones with all the old ones; both are told by their numbers."""
    found = [NO_HITS]
    for older in stretches:
        hits = way(older, newer, radius)
        hits[:, 0], hits[:, 1] = older.numbers[hits[:, 0]], newer.numbers[hits[:, 1]]
        found.append(hits)
    return np.concatenate(found)


def _in_order(near: Near) -> Near:
    return np.asarray(near[np.lexsort((near[:, 0], near[:, 1]))])


def _in_blocks(block: Callable[[slice], Near], count: int, due: int, progress: Progress) -> Iterator[Near]:
    """Call for some rows at a time, in as many threads as there are cores, and never far ahead of who takes them.

    Each core gets a part of a few rows, where the comparisons that are due are worth a thread.
    """
    size = min(_BLOCK, -(-count // _CORES)) if due >= _WORTH_A_THREAD else _BLOCK
    parts = [slice(start, min(start + size, count)) for start in range(0, count, size)]
    for part, near in zip(parts, _in_threads(block, parts), strict=True):
        progress(part.stop, count)
        yield near


def _in_threads(block: Callable[[slice], Near], parts: Sequence[slice]) -> Iterator[Near]:
    if len(parts) <= 1:
        yield from map(block, parts)
        return
    waiting: deque[Future[Near]] = deque()
    threads = ThreadPoolExecutor(_CORES)
    try:
        for part in parts:
            waiting.append(threads.submit(block, part))
            if len(waiting) > 2 * _CORES:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # also where nobody wants the rest
        threads.shutdown(cancel_futures=True)


def _way_to_compare(comparisons: int) -> Compare:
    """Choose by the work alone, until now, at hand and expected: both ways give the same hits."""
    if comparisons < WORTH_COMPILING:
        return compare
    try:
        from negbuild.compiled import compare as compiled
    except ImportError:  # not installed, or not made for this numpy
        return compare
    return compiled
