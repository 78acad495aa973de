"""Distances across groups of hashes: every picture of one group with every picture of the others, and none left out.

Part of the proof, and like it of no code that the planner uses: plain comparisons in blocks, no index.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
"""Shape (8, 3, n): orientations, words of a hash, pictures."""

Distances = NDArray[np.uint8]
"""Differing bits of 192."""

_FARTHEST = np.iinfo(np.uint8).max
_BOTH_WAYS = 32  # bits; up to here each picture of a pair is turned: by rounding it differs a little which one is
_TILE = 64, 4096  # pictures compared at once, so that what is in between stays in the processor's cache


class Spot(NamedTuple):
    """One picture: its group, and its place there."""

    group: str
    place: int


Copy = tuple[Spot, Spot, int]
"""Two pictures of different groups, and their distance."""


class _Tile(NamedTuple):
    one: str
    other: str
    rows: slice
    columns: slice


class _Compared(NamedTuple):
    """Nearest distance of each row and each column of a tile, and its copies: row, column, distance."""

    rows: Distances
    columns: Distances
    copies: list[tuple[int, int, int]]


def compare_all(groups: Mapping[str, Words], threshold: int) -> tuple[list[int], list[Copy]]:
    """Return the distance of each picture to the nearest of another group, and all pairs up to the threshold.

    Takes two groups or more, none of them empty. The work grows with the number of pairs across groups: 0.6 thousand
    million of them, as 50,000 pictures in a split of 70/15/15 have, take a quarter of a minute of one processor.
    """
    nearest = {group: np.full(words.shape[2], _FARTHEST, np.uint8) for group, words in groups.items()}
    tiles = [
        _Tile(one, other, rows, columns)
        for one, other in combinations(groups, 2)
        for rows in _pieces(groups[one].shape[2], _TILE[0])
        for columns in _pieces(groups[other].shape[2], _TILE[1])
    ]

    def compare(tile: _Tile) -> _Compared:
        return _compared(groups[tile.one][:, :, tile.rows], groups[tile.other][:, :, tile.columns], threshold)

    copies: list[Copy] = []
    with ThreadPoolExecutor() as threads:
        for tile, found in zip(tiles, threads.map(compare, tiles), strict=True):
            for group, piece, seen in ((tile.one, tile.rows, found.rows), (tile.other, tile.columns, found.columns)):
                np.minimum(nearest[group][piece], seen, out=nearest[group][piece])
            copies += [
                (Spot(tile.one, tile.rows.start + row), Spot(tile.other, tile.columns.start + column), distance)
                for row, column, distance in found.copies
            ]
    return np.concatenate([*nearest.values()]).tolist(), copies


def _pieces(length: int, size: int) -> Iterator[slice]:
    yield from (slice(start, min(start + size, length)) for start in range(0, length, size))


def _compared(one: Words, other: Words, threshold: int) -> _Compared:
    distances = _distances(one, other)
    nearest = distances.min(axis=1)
    copies: list[tuple[int, int, int]] = []
    if nearest.min() <= threshold:
        rows, columns = np.nonzero(distances <= threshold)
        copies = list(zip(rows.tolist(), columns.tolist(), distances[rows, columns].tolist(), strict=True))
    return _Compared(nearest, distances.min(axis=0), copies)


def _distances(one: Words, other: Words) -> Distances:
    """Distance of each picture to each other one, shape (m, n), in the best of the 8 orientations.

    The first is turned; pairs that come near are measured again with the second turned, and the smaller number counts.
    """
    shape = one.shape[2], other.shape[2]
    best = np.full(shape, _FARTHEST, np.uint8)
    differing, bits, total = np.empty(shape, np.uint64), np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    for turned in one:
        total.fill(0)
        for word, opposite in zip(turned, other[0], strict=True):
            np.bitwise_xor(word[:, None], opposite, out=differing)
            np.add(total, np.bitwise_count(differing, out=bits), out=total)
        np.minimum(best, total, out=best)
    rows, columns = np.nonzero(best <= _BOTH_WAYS)
    if rows.size:
        upright = one[0][:, rows]
        for turned in other[1:]:
            again = np.bitwise_count(upright ^ turned[:, columns]).sum(axis=0, dtype=np.uint8)
            best[rows, columns] = np.minimum(best[rows, columns], again)
    return best
