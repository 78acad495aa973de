"""Fingerprints laid out for comparing, and the comparison of two stretches of them in numpy: every pair.

Turning a picture rounds: the distance of two fingerprints depends a little on which of them is turned. That must not
hang on which picture came first. So the one whose code comes first is taken as it is, and the other one is turned;
stretches are sorted by that code, so that of each row one part is compared in the one way and the rest in the other.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from negbuild.fingerprint import ORIENTATIONS, UNDOING, Codes, unpack
from negbuild.model import Fingerprint

TWO_WORDS = 36
"""Up to this radius two of the three words rule nearly all pairs out: on photographs all but 0.3 % at 36 bits (and
all but 5 % at 44, where looking at the rest costs more than it saves). No bit of the third makes a distance smaller."""

Columns = NDArray[np.uint64]
"""Shape (3, n): the words of n pictures as they are."""

Hits = NDArray[np.int64]
"""Shape (n, 4): older and newer one, distance, and the orientation of the newer one."""

NO_HITS: Hits = np.empty((0, 4), dtype=np.int64)

_WORDS = 3
_KEY = f"S{8 * _WORDS}"
_UNDOING = np.array(UNDOING)


class Stretch(NamedTuple):
    """Some fingerprints, sorted by the code of the picture as it is, and what each is numbered by elsewhere."""

    numbers: NDArray[np.int64]
    keys: NDArray[np.bytes_]
    upright: Columns
    codes: Codes


def laid_out(batch: Sequence[Fingerprint], numbers: NDArray[np.int64]) -> Stretch:
    """Lay fingerprints out, one or more of them."""
    keys = keys_of(print_.codes for print_ in batch)
    order = np.argsort(keys, kind="stable")
    codes = unpack(batch)[order]
    return Stretch(numbers[order], keys[order], np.ascontiguousarray(codes[:, 0].T), codes)


def keys_of(codes: Iterable[bytes]) -> NDArray[np.bytes_]:
    """Give what tells of two fingerprints which one is turned: the greater."""
    return np.array([code[: 8 * _WORDS] for code in codes], dtype=_KEY)


def turning_newer(older: Stretch, newer: Stretch) -> NDArray[np.int64]:
    """Say for each newer one how many of the older ones, from the first on, are as they are while it is turned."""
    return np.searchsorted(older.keys, newer.keys, side="right")


def turning_older(older: Stretch, newer: Stretch) -> NDArray[np.int64]:
    """Say for each older one how many of the newer ones, from the first on, are as they are while it is turned."""
    return np.searchsorted(newer.keys, older.keys, side="left")


def undone(orientations: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the orientations of the newer ones where those of the older ones were found."""
    return _UNDOING[orientations]


def compare(older: Stretch, newer: Stretch, radius: int) -> Hits:
    """Find all pairs at most `radius` bits apart, by their places in the two stretches."""
    # One room for all of it: asking the system for pages, again and again, takes longer than comparing.
    size = len(older.keys)
    differing = np.empty((len(ORIENTATIONS), size), dtype=np.uint64)
    ones = np.empty((2, *differing.shape), dtype=np.uint8)
    least = np.empty(size, dtype=np.uint8)
    words = range(2 if radius <= TWO_WORDS else _WORDS)
    turned = np.ascontiguousarray(older.codes.transpose(2, 1, 0))
    cuts = turning_newer(older, newer)
    near = [NO_HITS[:, :2]]
    for row, cut in enumerate(cuts.tolist()):
        codes, upright = newer.codes[row], newer.upright[:, row]
        if cut:
            pairs = [(older.upright[word, :cut], codes[:, word, None]) for word in words]
            _least(pairs, differing[:, :cut], ones[:, :, :cut], least[:cut])
        if cut < size:
            pairs = [(turned[word, :, cut:], upright[word]) for word in words]
            _least(pairs, differing[:, cut:], ones[:, :, cut:], least[cut:])
        close = np.flatnonzero(least <= radius)
        if close.size:
            near.append(np.stack([close, np.full_like(close, row)], axis=1))
    return _hits(older, newer, np.concatenate(near), cuts, radius)


def _least(
    pairs: Sequence[tuple[NDArray[np.uint64], NDArray[np.uint64] | np.uint64]],
    differing: NDArray[np.uint64],
    ones: NDArray[np.uint8],
    out: NDArray[np.uint8],
) -> None:
    """Count how many bits of some words differ, in the nearest of the orientations."""
    for word, (one, other) in enumerate(pairs):
        np.bitwise_xor(one, other, out=differing)
        np.bitwise_count(differing, out=ones[min(word, 1)])
        if word:
            np.add(ones[0], ones[1], out=ones[0])
    ones[0].min(axis=0, out=out)


def _hits(older: Stretch, newer: Stretch, near: NDArray[np.int64], cuts: NDArray[np.int64], radius: int) -> Hits:
    """Hits among a few pairs that may be near, by all words."""
    one, other = near.T
    turns_newer = (one < cuts[other])[:, None, None]
    upright = np.where(turns_newer, older.codes[one, :1], newer.codes[other, :1])
    turned = np.where(turns_newer, newer.codes[other], older.codes[one])
    distances = np.bitwise_count(upright ^ turned).sum(axis=2, dtype=np.uint8)
    nearest, orientations = distances.min(axis=1), distances.argmin(axis=1)
    orientations = np.where(turns_newer[:, 0, 0], orientations, undone(orientations))
    hits = np.stack([one, other, nearest, orientations], axis=1)
    return np.asarray(hits[nearest <= radius])
