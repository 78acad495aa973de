"""The exact join of fingerprints: all pairs within a distance, in any orientation, by comparing every pair.

Fingerprints go in, pairs come out. An index structure would have to look nearly everywhere at the radii of interest,
so everything is compared, in threads, a block of new ones with a stretch of old ones at a time; numpy does it, or
`compiled.py` where numba is installed (the extra `fast`) and there is enough to do.

Equal fingerprints are compared once. Each later one is paired with the first of its equals, at distance 0; its other
pairs are those of the first. The distance of two pictures depends a little on which came first (the older is taken as
it is, the newer is turned), therefore a later equal is also compared, as the newer one, with what came since its
equals last came. All that is reported are pairs that comparing everything would report, and groups closed over them
are the same groups; without equals they are all the pairs.
"""

import os
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from negbuild.fingerprint import BITS, ORIENTATIONS, Codes, unpack
from negbuild.model import Fingerprint, Progress, no_progress

TWO_WORDS = 36
"""Up to this radius two of the three words rule nearly all pairs out: on photographs all but 0.3 % at 36 bits (and
all but 5 % at 44, where looking at the rest costs more than it saves). No bit of the third makes a distance smaller."""

Columns = NDArray[np.uint64]
"""Shape (3, n): the words of n pictures as they are."""

Rows = NDArray[np.int64]
"""Shape (n, 3): the number of a picture among the different ones, and since and until which of them to compare it."""

Hits = NDArray[np.int64]
"""Shape (n, 4): row, number of the older one among the different ones, distance, orientation."""

Near = NDArray[np.int64]
"""Shape (n, 4): neighbours as rows, see `Neighbour`."""

_NO_HITS: Hits = np.empty((0, 4), dtype=np.int64)

Compare = Callable[[Columns, Codes, Rows, int], Hits]

_CORES = os.cpu_count() or 1
_A_PAIR = len(ORIENTATIONS)  # comparisons
_WORTH_A_THREAD = 10_000_000  # comparisons: some 20 ms
_BLOCK = 256
_STRETCH = 4096
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
        return np.concatenate([_NO_HITS, *_arriving(self._held, batch, self._radius, no_progress)])


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
        self._numbers: dict[bytes, int] = {}
        self._until = array("q")
        """How many different ones there were when each last came: it has been compared with these."""
        self._room: Columns = np.empty((3, 1024), dtype=np.uint64)

    @property
    def columns(self) -> Columns:
        return self._room[:, : len(self.first)]

    def take(self, batch: Sequence[Fingerprint]) -> Rows:
        """Give fingerprints their numbers; the row of each says with which of the different ones to compare it."""
        rows = array("q")
        known = len(self.first)
        for place, print_ in enumerate(batch, self.places):
            count = len(self.first)
            number = self._numbers.setdefault(print_.codes, count)
            if number == count:
                self.first.append(place)
                self._until.append(count + 1)
                rows.extend((number, 0, count))
            else:
                rows.extend((number, self._until[number], count))
                self._until[number] = count
        self._append([batch[place - self.places] for place in self.first[known:]])
        self.places += len(batch)
        return np.array(rows, dtype=np.int64).reshape(-1, 3)

    def _append(self, fresh: Sequence[Fingerprint]) -> None:
        count = len(self.first)
        if count > self._room.shape[1]:
            room = np.empty((3, max(count, 2 * self._room.shape[1])), dtype=np.uint64)
            room[:, : count - len(fresh)] = self._room[:, : count - len(fresh)]
            self._room = room
        # By and by: in all orientations at once they would take eight times the room.
        for start in range(0, len(fresh), _STRETCH):
            codes = unpack(fresh[start : start + _STRETCH])
            begin = count - len(fresh) + start
            self._room[:, begin : begin + len(codes)] = codes[:, 0].T


def _arriving(held: _Different, batch: Sequence[Fingerprint], radius: int, progress: Progress) -> Iterator[Near]:
    """Pairs of each of `batch` with all before it, those held included, some at a time."""
    before = held.places
    rows = held.take(batch)
    first = np.array(held.first, dtype=np.int64)
    for hits in _compared(held, batch, rows, radius, progress):
        yield np.column_stack([first[hits[:, 1]], before + hits[:, 0], hits[:, 2:]])


class Against:
    """Fingerprints that others are compared with, time and again, and that these never join."""

    def __init__(self, others: Sequence[Fingerprint], radius: int) -> None:
        """Report pairs at most `radius` bits apart (0 to 192)."""
        self._radius = _checked(radius)
        self._held = _Different()
        self._held.take(others)

    def near(self, batch: Sequence[Fingerprint], progress: Progress = no_progress) -> Iterator[Neighbour]:
        """Give the pairs of `batch` against the others; see `between`."""
        asked = _Different()
        numbers = asked.take(batch)[:, 0].tolist()
        rows = np.zeros((len(asked.first), 3), dtype=np.int64)
        rows[:, 2] = len(self._held.first)
        different = [batch[place] for place in asked.first]
        compared = _compared(self._held, different, rows, self._radius, progress)
        hits = np.concatenate([_NO_HITS, *compared])
        ends = np.searchsorted(hits[:, 0], np.arange(len(different) + 1)).tolist()
        for place, row in enumerate(numbers):
            for _, number, distance, orientation in hits[ends[row] : ends[row + 1]].tolist():
                yield Neighbour(self._held.first[number], place, distance, orientation)


def _compared(
    held: _Different, batch: Sequence[Fingerprint], rows: Rows, radius: int, progress: Progress
) -> Iterator[Hits]:
    """Compare a row for each of `batch`, in threads, a block of rows at a time; hits come sorted by row and number."""
    columns = held.columns
    held.comparisons += _comparisons(rows)
    compare = _way_to_compare(held.comparisons + held.expected)
    size = _size_of_blocks(rows)

    def block(start: int) -> Hits:
        part = rows[start : start + size]
        hits = compare(columns, unpack(batch[start : start + size]), part, radius)
        later = np.flatnonzero(part[:, 1] > part[:, 0])  # the first of equals is compared from 0 on
        equal = np.stack([later, part[later, 0], 0 * later, 0 * later], axis=1)
        hits = np.concatenate([hits, equal])
        hits = hits[np.lexsort((hits[:, 1], hits[:, 0]))]
        hits[:, 0] += start
        return hits

    for number, hits in enumerate(_in_threads(block, range(0, len(batch), size)), 1):
        progress(min(number * size, len(batch)), len(batch))
        yield hits


def _comparisons(rows: Rows) -> int:
    return int((rows[:, 2] - rows[:, 1]).sum()) * _A_PAIR


def _size_of_blocks(rows: Rows) -> int:
    """Give each core a part of a few rows, where they are long enough to be worth a thread."""
    return min(_BLOCK, -(-len(rows) // _CORES)) if _comparisons(rows) >= _WORTH_A_THREAD else _BLOCK


def _in_threads(block: Callable[[int], Hits], starts: Sequence[int]) -> Iterator[Hits]:
    """Like `map`, in as many threads as there are cores, and never far ahead of who takes the results."""
    if len(starts) <= 1:
        yield from map(block, starts)
        return
    waiting: deque[Future[Hits]] = deque()
    threads = ThreadPoolExecutor(_CORES)
    try:
        for start in starts:
            waiting.append(threads.submit(block, start))
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


def compare(columns: Columns, codes: Codes, rows: Rows, radius: int) -> Hits:
    """Compare the orientations (m, 8, 3) of m pictures with what their rows say, in numpy."""
    # One room for all of it: asking the system for pages, again and again, takes longer than comparing.
    differing = np.empty((len(ORIENTATIONS), _STRETCH), dtype=np.uint64)
    ones = np.empty((2, *differing.shape), dtype=np.uint8)
    words = 2 if radius <= TWO_WORDS else 3
    found = [_NO_HITS]
    for start in range(int(rows[:, 1].min()), int(rows[:, 2].max()), _STRETCH):
        for row, (_, since, until) in enumerate(rows.tolist()):
            begin, end = max(since, start), min(until, start + _STRETCH)
            if begin >= end:
                continue
            size = end - begin
            least = _least(columns[:words, begin:end], codes[row], differing[:, :size], ones[:, :, :size])
            close = begin + np.flatnonzero(least <= radius)
            if close.size:
                found.append(_confirmed(row, close, columns[:, close], codes[row], radius))
    return np.concatenate(found)


def _least(columns: Columns, code: Codes, differing: Columns, ones: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """How many bits of some words differ, in the nearest of the orientations (8, 3)."""
    for word, column in enumerate(columns):
        np.bitwise_xor(column, code[:, word, None], out=differing)
        np.bitwise_count(differing, out=ones[min(word, 1)])
        if word:
            np.add(ones[0], ones[1], out=ones[0])
    return np.asarray(ones[0].min(axis=0))


def _confirmed(row: int, numbers: NDArray[np.int64], columns: Columns, code: Codes, radius: int) -> Hits:
    """Hits among a few that may be near, by all words."""
    distances = np.bitwise_count(columns[:, None] ^ code.T[:, :, None]).sum(axis=0, dtype=np.uint8)
    nearest = distances.min(axis=0)
    hits = np.stack([np.full_like(numbers, row), numbers, nearest, distances.argmin(axis=0)], axis=1)
    return np.asarray(hits[nearest <= radius])
