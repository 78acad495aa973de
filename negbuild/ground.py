"""The plain ground before which shops show what they sell: outlines on it say little. Pure functions."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from negbuild.looks import SIDE, Look

_EDGE, _DEVIATION = 0.5, 10  # of the edge, and grey levels
_STEP, _MARGIN = 5, 2  # grey levels from pixel to pixel, and pixels

_Number = TypeVar("_Number", bound=np.generic)


def ground(looked: Look) -> NDArray[np.bool_]:
    """Where a picture shows one smooth level that runs along half of its edge: shape (96, 96).

    It is what can be seen of it from the edge, straight down, up or across, and what is close to that: shadows at an
    outline, too.
    """
    levels = looked.grey.astype(np.int16)
    smooth = _smooth_across(levels) & _smooth_across(levels.T).T
    edge, calm = _edge(levels), _edge(smooth)
    level = np.median(edge[calm]) if calm.any() else 0
    if (calm & (np.abs(edge - level) < _DEVIATION)).mean() < _EDGE:
        return np.zeros((SIDE, SIDE), dtype=np.bool_)
    smooth &= np.abs(levels - level) < _DEVIATION
    seen = np.zeros_like(smooth)
    for turn in range(4):
        turned = np.ascontiguousarray(np.rot90(smooth, turn))
        seen |= np.rot90(np.logical_and.accumulate(turned, axis=0), -turn)
    for _ in range(_MARGIN):
        wide = np.pad(seen, 1)
        across = wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]
        seen = across[:-2] | across[1:-1] | across[2:]
    return seen


def _edge(square: NDArray[_Number]) -> NDArray[_Number]:
    return np.concatenate([square[0], square[-1], square[:, 0], square[:, -1]])


def _smooth_across(levels: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Say which pixels are about as bright as those on their left and right."""
    alike = np.pad(np.abs(np.diff(levels, axis=1)), ((0, 0), (1, 1))) < _STEP
    return alike[:, 1:] & alike[:, :-1]
