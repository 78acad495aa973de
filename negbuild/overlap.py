"""What two aligned pictures have in common, block by block, and when that is enough to call them copies."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from negbuild import registration
from negbuild.fingerprint import UNDOING
from negbuild.ground import ground
from negbuild.looks import (
    BLOCK,
    SIDE,
    Frame,
    Look,
    above_planes,
    blocks,
    has_detail,
    smallest_steps,
    within_frame,
)
from negbuild.registration import Affines, Array

BLOCK_CORRELATION, OUTLINE_CORRELATION = 0.8, 0.93
"""Of a block in both pictures, at half the pixels: what is finer is noise, and alignments are good to half a pixel. The
second one where it shows an outline on a plain ground: that of one shirt is much like that of another."""

STEPS_LEFT = 0.6
"""Of a block with detail in one picture only: what may differ, of the steps that make detail of it. Two parts of one
brick wall that share an edge, and nothing across it, differ in all of them."""

SHARE, SURE_SHARE = 0.5, 0.75
"""Of the blocks with detail in both pictures, those with detail in one of them counted as halves where they do not
agree; the second one where only outlines on a plain ground agree."""

FEWEST_BLOCKS, FEWEST_INSIDE = 6, 3
"""Blocks that must agree, and of those such as hold no plain ground: two shirts of one cut share their outlines."""

NARROWEST = 0.4
"""Blocks by which those that agree must spread about their line, as a standard deviation: one edge across a picture can
be laid on one edge of any other. Two rows of blocks have 0.5."""

NEAR_DISTANCE, NEAR_SHARE, FEWEST_NEAR = 16, 0.4, 4
"""Fingerprints this near (bits of 192) ask for less evidence: hardly one unrelated pair in a million is."""

CLOSE_DISTANCE, FAR_DISTANCE, FAR_SHARE = 32, 56, 0.7
"""Fingerprints further apart than the first distance ask for more, those beyond the second for that share: two parts of
one brick wall, or of one drawn pattern, come as near as that."""

_UNBORDERED = Frame(0, SIDE, 0, SIDE)
_HALF, _IN_FRAME = 0.5, 0.99  # of a block, and of a pixel's weight
_OUTLINE = 0.1  # of a block: with more ground than this it shows an outline
_SWAPS = 4  # from this orientation on, rows and columns change places

_Number = TypeVar("_Number", bound=np.generic)


class Suspects(NamedTuple):
    """Two pictures that may be copies, as the join of fingerprints found them.

    `orientation` of `fingerprint.ORIENTATIONS`, applied to the newer picture, matches the older one at `distance`.
    """

    older: Look
    newer: Look
    distance: int
    orientation: int

    @property
    def bordered(self) -> bool:
        """Whether one of them has plain borders."""
        return not self.older.frame == self.newer.frame == _UNBORDERED


class Evidence(NamedTuple):
    """For each pair: blocks that agree and blocks compared, everywhere and off the plain ground; shares in common.

    `faint` of those that agree have detail in one of the pictures only. They are not among those off the plain ground.
    `breadth` is how far those that agree spread in the direction in which they do so least, in blocks.
    """

    matched: NDArray[np.int64]
    compared: NDArray[np.float64]
    faint: NDArray[np.int64]
    breadth: NDArray[np.float64]
    matched_inside: NDArray[np.int64]
    compared_inside: NDArray[np.float64]
    grounded: NDArray[np.bool_]
    more: NDArray[np.float64]
    less: NDArray[np.float64]

    def agrees(self, share: float, distances: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say of which pairs enough agrees, by the distances of their fingerprints.

        Outlines on a plain ground suffice only where nearly all do, or where the fingerprints are near. Faint blocks
        are no evidence for the things on such a ground, nor for near fingerprints, which ask for little: the folds of
        two shirts of one cut agree in some.
        """
        shares = np.maximum(share, np.interp(distances, (CLOSE_DISTANCE, FAR_DISTANCE), (SHARE, FAR_SHARE)))
        whole = (self.matched >= FEWEST_BLOCKS) & (self.matched >= shares * self.compared) & (self.breadth > NARROWEST)
        inside = (self.matched_inside >= FEWEST_INSIDE) & (self.matched_inside >= shares * self.compared_inside)
        sure = self.matched >= SURE_SHARE * self.compared
        clear, compared = self.matched - self.faint, self.compared - self.faint / 2
        close = (clear >= FEWEST_NEAR) & (clear >= min(share, NEAR_SHARE) * compared)
        return (whole & (inside | ~self.grounded | sure)) | ((distances <= NEAR_DISTANCE) & close)


class _Cut(NamedTuple):
    """Pictures in blocks above their planes (n, 36, 256), the same at half the size, and which of them have detail."""

    whole: Array
    half: Array
    detailed: NDArray[np.bool_]


def evidence(suspects: Sequence[Suspects], alignments: Affines) -> Evidence:
    """Compare block by block, in the frame of whichever picture of a pair shows less of the scene."""
    orientations = np.array([pair.orientation for pair in suspects])
    bases = turned(np.stack([pair.older.grey for pair in suspects]), orientations).astype(np.float32)
    framed = turned(np.stack([within_frame(pair.older) for pair in suspects]), orientations)
    others = np.stack([pair.newer.grey for pair in suspects]).astype(np.float32)
    other_framed = np.stack([within_frame(pair.newer) for pair in suspects])
    areas = registration.areas(alignments)
    crops = areas > 1
    grounds = turned(np.stack([ground(pair.older) for pair in suspects]), orientations)
    for place in np.flatnonzero(crops).tolist():
        grounds[place] = ground(suspects[place].newer)
    alignments = alignments.copy()
    alignments[crops] = registration.inverse(alignments[crops])
    bases[crops], others[crops] = others[crops], bases[crops]
    framed[crops], other_framed[crops] = other_framed[crops], framed[crops]
    warped = registration.warp(others, alignments)
    shown = warped.inside
    if not other_framed.all():  # most have no borders
        shown = shown & (registration.warp(other_framed, alignments).pixels > _IN_FRAME)
    seen = blocks(shown.astype(np.float32)) * blocks(framed)
    common = warped.inside.mean(axis=-1)
    rest = common * np.minimum(np.abs(areas), 1 / np.maximum(np.abs(areas), 1e-6))
    cut = _cut(np.concatenate([bases, warped.pixels.reshape(bases.shape)]), np.concatenate([seen, seen]))
    older, newer = np.arange(2 * len(suspects)).reshape(2, -1)
    return _found(cut, older, newer, seen, grounds)._replace(
        more=np.maximum(common, rest), less=np.minimum(common, rest)
    )


def evidence_as_is(suspects: Sequence[Suspects]) -> Evidence:
    """Compare block by block, as the pictures lie; none may be bordered.

    Each picture is cut into blocks once, so that the frames of a camera that stands still cost little a pair.
    """
    numbers: dict[tuple[Look, int], int] = {}
    older = np.array([numbers.setdefault((pair.older, pair.orientation), len(numbers)) for pair in suspects])
    newer = np.array([numbers.setdefault((pair.newer, 0), len(numbers)) for pair in suspects])
    orientations = np.array([orientation for _, orientation in numbers])
    squares = turned(np.stack([one.grey for one, _ in numbers]), orientations).astype(np.float32)
    grounds = turned(np.stack([ground(one) for one, _ in numbers]), orientations)
    seen = np.ones((len(numbers), SIDE * SIDE // BLOCK**2, BLOCK**2), dtype=np.float32)
    everywhere = np.broadcast_to(seen[:1], (len(suspects), *seen.shape[1:]))
    return _found(_cut(squares, seen), older, newer, everywhere, grounds[older])


def _cut(squares: Array, seen: Array) -> _Cut:
    whole = above_planes(blocks(squares), seen)
    return _Cut(whole, _halved(whole), has_detail(whole, seen))


def _found(
    cut: _Cut, older: NDArray[np.intp], newer: NDArray[np.intp], seen: Array, grounds: NDArray[np.bool_]
) -> Evidence:
    """Compare pictures with pictures by their places in the cut; what they have in common is all of both."""
    inside = blocks(grounds.astype(np.float32)).mean(axis=-1) < _OUTLINE
    agree, weights, faint = _agreement(cut, older, newer, seen, inside)
    return Evidence(
        matched=agree.sum(axis=-1),
        compared=weights.sum(axis=-1),
        faint=faint.sum(axis=-1),
        breadth=_breadth(agree),
        matched_inside=(agree & ~faint & inside).sum(axis=-1),
        compared_inside=((weights - faint / 2) * inside).sum(axis=-1),
        grounded=~inside.all(axis=-1),
        more=np.ones(len(older)),
        less=np.ones(len(older)),
    )


def _agreement(
    cut: _Cut, one: NDArray[np.intp], other: NDArray[np.intp], seen: Array, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]:
    """Say which blocks agree, and how much each counts: one with detail in both pictures, half with detail in one.

    Detail close to the threshold is lost where a copy was made smoother. A block with detail in one picture that
    agrees all the same, not by a mere edge that runs through both, counts whole.
    """
    squares = np.square(cut.half).sum(axis=-1)
    product = np.einsum("nbp,nbp->nb", cut.half[one], cut.half[other])
    alike = product > np.where(inside, BLOCK_CORRELATION, OUTLINE_CORRELATION) * np.sqrt(squares[one] * squares[other])
    whole = seen.mean(axis=-1) > _HALF
    in_one, in_other = whole & cut.detailed[one], whole & cut.detailed[other]
    both, single = in_one & in_other, in_one ^ in_other
    faint = single & alike
    pair, block = np.nonzero(faint)
    faint[faint] = _same_steps(cut.whole[one[pair], block], cut.whole[other[pair], block], seen[faint])
    agree = (both & alike) | faint
    return agree, np.where(agree | both, 1.0, 0.5 * single), faint


def _breadth(agree: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the standard deviation of the places of blocks (n, 36) in the direction in which it is smallest."""
    weights = agree / np.maximum(agree.sum(axis=-1, keepdims=True), 1)
    down, across = np.divmod(np.arange(agree.shape[-1]), SIDE // BLOCK)
    y, x = weights @ down, weights @ across
    yy, xx, xy = weights @ down**2 - y**2, weights @ across**2 - x**2, weights @ (down * across) - x * y
    least = (yy + xx - np.sqrt(np.square(yy - xx) + 4 * np.square(xy))) / 2
    return np.asarray(np.sqrt(np.maximum(least, 0)))


def _same_steps(one: Array, other: Array, seen: Array) -> NDArray[np.bool_]:
    """Say of which blocks (n, 256), at one contrast, little of the steps along their weakest direction differs."""
    one, other = (cut / np.linalg.norm(cut, axis=-1, keepdims=True) for cut in (one, other))
    differing, *own = (smallest_steps(cut[None], seen[None])[0] for cut in (one - other, one, other))
    return np.asarray(differing < STEPS_LEFT * np.maximum(*own))


def _halved(cut: Array) -> Array:
    """Reduce blocks (n, 36, 256) to half their sides: shape (n, 36, 64)."""
    half = BLOCK // 2
    narrow = (cut[..., ::2] + cut[..., 1::2]).reshape(*cut.shape[:2], half, 2, half)
    return np.asarray((narrow[:, :, :, 0] + narrow[:, :, :, 1]).reshape(*cut.shape[:2], half * half))


def turned(squares: NDArray[_Number], orientations: NDArray[np.int64]) -> NDArray[_Number]:
    """Turn squares (n, s, s) of older pictures as the newer ones lie."""
    as_newer = squares.copy()
    for orientation in set(orientations.tolist()) - {0}:
        those = orientations == orientation
        as_newer[those] = _undone(squares[those], UNDOING[orientation])
    return as_newer


def _undone(squares: NDArray[_Number], undoing: int) -> NDArray[_Number]:
    if undoing & 1:
        squares = squares[..., ::-1]
    if undoing & 2:
        squares = squares[..., ::-1, :]
    return squares.swapaxes(-1, -2) if undoing >= _SWAPS else squares


def turning(orientation: int) -> NDArray[np.float64]:
    """How `turned` moves places, in fractions of the sides: shape (3, 3)."""
    undoing = UNDOING[orientation]
    moved = np.eye(3)
    if undoing & 1:
        moved[0] = -1, 0, 1
    if undoing & 2:
        moved[1] = 0, -1, 1
    if undoing >= _SWAPS:
        moved[:2] = moved[[1, 0]]
    return moved
