"""The exact join of fingerprints: all pairs within a distance, in any orientation, by comparing every pair.

Pure numpy; fingerprints go in, pairs come out. Comparing everything with `bitwise_count` beats index structures at
the radii of interest below some hundred thousand pictures.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from negbuild.fingerprint import BITS, unpack
from negbuild.model import Fingerprint


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
        if not 0 <= radius <= BITS:
            raise ValueError(f"radius {radius}: not between 0 and {BITS}")
        self._radius = radius
        self._size = 0
        self._columns: NDArray[np.uint64] = np.empty((3, 1024), dtype=np.uint64)

    def __len__(self) -> int:
        return self._size

    def add(self, batch: Sequence[Fingerprint]) -> list[Neighbour]:
        """Take fingerprints in; return their neighbours among all that came before, each other included."""
        if not batch:
            return []
        codes = unpack(batch)
        self._append(codes[:, 0])
        first = self._size - len(batch)
        return [pair for place, code in enumerate(codes, first) for pair in self._before(place, code)]

    def _append(self, upright: NDArray[np.uint64]) -> None:
        end = self._size + len(upright)
        if end > self._columns.shape[1]:
            room = np.empty((3, max(end, 2 * self._columns.shape[1])), dtype=np.uint64)
            room[:, : self._size] = self._columns[:, : self._size]
            self._columns = room
        self._columns[:, self._size : end] = upright.T
        self._size = end

    def _before(self, place: int, code: NDArray[np.uint64]) -> list[Neighbour]:
        """Compare the 8 orientations (8, 3) of the picture at `place` with every earlier one."""
        distances = np.zeros((len(code), place), dtype=np.uint8)
        for word in range(3):
            distances += np.bitwise_count(self._columns[word, None, :place] ^ code[:, word, None])
        nearest = distances.min(axis=0)
        return [
            Neighbour(int(older), place, int(nearest[older]), int(distances[:, older].argmin()))
            for older in np.flatnonzero(nearest <= self._radius)
        ]
