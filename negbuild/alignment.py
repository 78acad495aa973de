"""Whether two pictures that look alike are copies: one is brought onto the other, and they are compared block by block.

Pure functions, from cheap to sure. A rough alignment out of some sixty (crops, borders, turns by a few degrees) refuses
most candidates at the cost of a small matrix product. The rest are aligned to a fraction of a pixel, and each of 36
blocks is compared on its own, so that a caption or a sticker costs the blocks it covers and nothing else. Pictures
with too little detail for that are the same only with nearly the same fingerprint and the same pixels.

Twins share content: it fills `MOST_SHARED` of one picture and `LEAST_SHARED` of the other at least, so that a crop of
10 % a side is a twin of the whole, and two crops of one photograph are where they overlap by seven tenths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from negbuild import registration
from negbuild.looks import Look, above_planes, blocks, fine, ground, has_detail, look, rough, within_frame
from negbuild.registration import Affines, Array

__all__ = ["JOIN_RADIUS", "Affine", "Look", "Reason", "Rival", "Verdict", "compare", "confirm", "look"]

VERSION = "al-1"
"""Changes whenever the same pair would get another verdict."""

JOIN_RADIUS = 64
"""Bits of 192 up to which pairs are worth confirming: 5 degrees of rotation reach this far."""

MOST_SHARED, LEAST_SHARED = 0.7, 0.45
ROUGH_CORRELATION = 0.42
BLOCK_CORRELATION = 0.75
SHARE, SURE_SHARE = 0.5, 0.75
"""Of the blocks with detail in both pictures, those with detail in one of them counted as halves; the second one where
only outlines on a plain ground agree."""

FEWEST_BLOCKS, FEWEST_INSIDE = 6, 3
"""Blocks that must agree, and of those such as hold no plain ground: two shirts of one cut share their outlines."""

NEAR_DISTANCE, NEAR_SHARE, FEWEST_NEAR = 16, 0.4, 4
"""Fingerprints this near (bits of 192) ask for less evidence: hardly one unrelated pair in a million is."""

FAR_DISTANCE, FAR_SHARE = 56, 0.65
"""Fingerprints further apart than this ask for more: two parts of one brick wall come as near as that."""

TIGHT_DISTANCE, TIGHT_DIFFERENCE, TIGHT_PART = 8, 2.5, 0.06
"""For pictures with little detail: bits of 192, and the root mean square left after brightness and contrast, in grey
levels or as a part of the older picture's own."""

_SAME_CORRELATION, _SAME_SHARE = 0.9, 0.9
_HALF, _IN_FRAME = 0.5, 0.99  # of a block, and of a pixel's weight
_OUTLINE = 0.1  # of a block: with more ground than this it shows an outline
_LARGEST_SCALE = 1.7  # of a side, or one over it
_ROUGH_STEPS, _FINE_STEPS = 8, 5
_ROUGH_BATCH, _FINE_BATCH = 512, 16
_UNDOING = (0, 1, 2, 3, 4, 6, 5, 7)  # the orientation that undoes each of fingerprint.ORIENTATIONS
_SWAPS = 4  # from this orientation on, rows and columns change places

Affine = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Where a place of the older picture lies in the newer one, both in fractions of width and height from the top left."""

_Number = TypeVar("_Number", bound=np.generic)


class Reason(StrEnum):
    """Why a pair was confirmed or refused."""

    SAME = "same pixels"
    ALIGNED = "aligned"
    PLAIN_SAME = "too little detail to align: nearly the same fingerprint and pixels"
    PLAIN = "too little detail to align: not near enough"
    OTHER = "other content"
    LITTLE_SHARED = "too little in common"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether two pictures are copies, why, and where one lies in the other.

    `matched` of `compared` blocks agree; both are zero where no block was compared.
    """

    confirmed: bool
    reason: Reason
    alignment: Affine | None = None
    matched: int = 0
    compared: float = 0

    def __str__(self) -> str:
        return f"{self.reason}: {self.matched} of {self.compared:g} blocks" if self.compared else str(self.reason)


_REFUSED = Verdict(confirmed=False, reason=Reason.OTHER)


class Rival(NamedTuple):
    """An older picture that a newer one may be a copy of, as the join of fingerprints found it.

    `orientation` of `fingerprint.ORIENTATIONS`, applied to the newer picture, matches the older one at `distance`.
    """

    look: Look
    distance: int
    orientation: int


class _Evidence(NamedTuple):
    """For each pair: blocks that agree and blocks compared, everywhere and off the plain ground; shares in common."""

    matched: NDArray[np.int64]
    compared: NDArray[np.float64]
    matched_inside: NDArray[np.int64]
    compared_inside: NDArray[np.float64]
    grounded: NDArray[np.bool_]
    more: NDArray[np.float64]
    less: NDArray[np.float64]

    def agrees(self, share: float, distances: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say of which pairs enough agrees, by the distances of their fingerprints.

        Outlines on a plain ground suffice only where nearly all do, or where the fingerprints are near.
        """
        shares = np.where(distances > FAR_DISTANCE, max(share, FAR_SHARE), share)
        whole = (self.matched >= FEWEST_BLOCKS) & (self.matched >= shares * self.compared)
        inside = (self.matched_inside >= FEWEST_INSIDE) & (self.matched_inside >= shares * self.compared_inside)
        sure = self.matched >= SURE_SHARE * self.compared
        close = (self.matched >= FEWEST_NEAR) & (self.matched >= min(share, NEAR_SHARE) * self.compared)
        return (whole & (inside | ~self.grounded | sure)) | ((distances <= NEAR_DISTANCE) & close)


def compare(older: Look, newer: Look, distance: int, orientation: int) -> Verdict:
    """Decide on one pair; see `Rival` for the orientation."""
    return confirm(newer, [Rival(older, distance, orientation)])[0]


def confirm(newer: Look, rivals: Sequence[Rival]) -> list[Verdict]:
    """Decide for each of the older pictures whether the newer one is its copy; many at once cost less each."""
    verdicts: dict[int, Verdict] = {}
    detailed = []
    for place, rival in enumerate(rivals):
        if min(rival.look.textured, newer.textured) < FEWEST_BLOCKS:
            verdicts[place] = _plain(rival, newer)
        else:
            detailed.append(place)
    if detailed:
        shown = registration.gallery(rough(newer), newer.aspect)
        for start in range(0, len(detailed), _ROUGH_BATCH):
            batch = detailed[start : start + _ROUGH_BATCH]
            verdicts |= zip(batch, _detailed(newer, [rivals[place] for place in batch], shown), strict=True)
    return [verdicts[place] for place in range(len(rivals))]


def _detailed(newer: Look, rivals: Sequence[Rival], shown: registration.Gallery) -> list[Verdict]:
    templates = np.stack([_undone(rough(rival.look), rival.orientation).ravel() for rival in rivals])
    chosen, correlation = registration.choose(shown, templates)
    verdicts = [_REFUSED] * len(rivals)
    likely = [int(place) for place in np.flatnonzero(correlation > ROUGH_CORRELATION)]
    for place in likely:
        if chosen[place] == 0 and correlation[place] > _SAME_CORRELATION:
            verdicts[place] = _as_is(newer, rivals[place])
    left = [place for place in likely if not verdicts[place].confirmed]
    for start in range(0, len(left), _FINE_BATCH):
        batch = left[start : start + _FINE_BATCH]
        some = [rivals[place] for place in batch]
        alignments = _refined(newer, some, shown.alignments[chosen[batch]])
        for place, verdict in zip(batch, _judged(newer, some, alignments), strict=True):
            # Detail may lie where the other picture has none, or on the very edge.
            short = not verdict.confirmed and verdict.compared < FEWEST_BLOCKS
            verdicts[place] = _plain(rivals[place], newer) if short else verdict
    return verdicts


def _as_is(newer: Look, rival: Rival) -> Verdict:
    """Compare without aligning: most copies are whole."""
    whole = np.eye(3)[None, :2]
    evidence = _evidence(newer, [rival], whole)
    return _verdict(
        Reason.SAME if evidence.agrees(_SAME_SHARE, np.array([FAR_DISTANCE]))[0] else Reason.OTHER,
        evidence,
        0,
        _upright(whole[0], rival.orientation),
    )


def _refined(newer: Look, rivals: Sequence[Rival], alignments: Affines) -> Affines:
    for prepared, steps in ((rough, _ROUGH_STEPS), (fine, _FINE_STEPS)):
        templates = np.stack([_undone(prepared(rival.look), rival.orientation) for rival in rivals])
        pictures = np.broadcast_to(prepared(newer), templates.shape)
        alignments = registration.refine(templates, pictures, alignments, steps)
    return alignments


def _judged(newer: Look, rivals: Sequence[Rival], alignments: Affines) -> list[Verdict]:
    largest = np.abs(np.linalg.svd(alignments[:, :, :2], compute_uv=False))
    sane = (largest[:, 0] < _LARGEST_SCALE) & (largest[:, 1] > 1 / _LARGEST_SCALE)
    sane &= registration.areas(alignments) > 0
    alignments[~sane] = np.eye(3)[:2]
    evidence = _evidence(newer, rivals, alignments)
    agrees = evidence.agrees(SHARE, np.array([rival.distance for rival in rivals])) & sane
    verdicts = []
    for place, rival in enumerate(rivals):
        shared = evidence.more[place] >= MOST_SHARED and evidence.less[place] >= LEAST_SHARED
        reason = Reason.ALIGNED if shared else Reason.LITTLE_SHARED
        if not agrees[place]:
            reason = Reason.OTHER
        verdicts.append(_verdict(reason, evidence, place, _upright(alignments[place], rival.orientation)))
    return verdicts


def _verdict(reason: Reason, evidence: _Evidence, place: int, alignment: Affine) -> Verdict:
    confirmed = reason in {Reason.SAME, Reason.ALIGNED}
    return Verdict(
        confirmed=confirmed,
        reason=reason,
        alignment=alignment if confirmed else None,
        matched=int(evidence.matched[place]),
        compared=float(evidence.compared[place]),
    )


def _evidence(newer: Look, rivals: Sequence[Rival], alignments: Affines) -> _Evidence:
    """Compare block by block, in the frame of whichever picture shows less of the scene."""
    bases = np.stack([_undone(rival.look.grey, rival.orientation) for rival in rivals]).astype(np.float32)
    framed = np.stack([_undone(within_frame(rival.look), rival.orientation) for rival in rivals])
    others = np.repeat(newer.grey[None].astype(np.float32), len(rivals), axis=0)
    other_framed = np.repeat(within_frame(newer)[None], len(rivals), axis=0)
    grounds = np.stack([_undone(ground(rival.look), rival.orientation) for rival in rivals])
    areas = registration.areas(alignments)
    crops = areas > 1
    grounds[crops] = ground(newer)
    alignments = alignments.copy()
    alignments[crops] = registration.inverse(alignments[crops])
    bases[crops], others[crops] = others[crops], bases[crops]
    framed[crops], other_framed[crops] = other_framed[crops], framed[crops]
    warped, frames = registration.warp(others, alignments), registration.warp(other_framed, alignments)
    seen = blocks(((frames.pixels > _IN_FRAME) & warped.inside).astype(np.float32)) * blocks(framed)
    one, other = above_planes(blocks(bases), seen), above_planes(blocks(warped.pixels), seen)
    common = warped.inside.mean(axis=-1)
    rest = common * np.minimum(np.abs(areas), 1 / np.maximum(np.abs(areas), 1e-6))
    agree, weights = _agreement(one, other, seen)
    inside = blocks(grounds.astype(np.float32)).mean(axis=-1) < _OUTLINE
    return _Evidence(
        matched=agree.sum(axis=-1),
        compared=weights.sum(axis=-1),
        matched_inside=(agree & inside).sum(axis=-1),
        compared_inside=(weights * inside).sum(axis=-1),
        grounded=~inside.all(axis=-1),
        more=np.maximum(common, rest),
        less=np.minimum(common, rest),
    )


def _agreement(one: Array, other: Array, seen: Array) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Say which blocks agree, and how much each counts: one with detail in both pictures, half with detail in one."""
    product = (one * other).sum(axis=-1)
    alike = product > BLOCK_CORRELATION * np.sqrt(np.square(one).sum(axis=-1) * np.square(other).sum(axis=-1))
    whole = seen.mean(axis=-1) > _HALF
    in_one, in_other = whole & has_detail(one, seen), whole & has_detail(other, seen)
    both = in_one & in_other
    return both & alike, both + 0.5 * (in_one ^ in_other)


def _plain(rival: Rival, newer: Look) -> Verdict:
    """Compare pixel by pixel, after brightness and contrast."""
    if rival.distance > TIGHT_DISTANCE:
        return Verdict(confirmed=False, reason=Reason.PLAIN)
    one = _undone(rival.look.grey, rival.orientation).astype(np.float64).ravel()
    other = newer.grey.astype(np.float64).ravel()
    one, other = one - one.mean(), other - other.mean()
    gain = (one @ other) / max(other @ other, 1e-9)
    allowed = max(TIGHT_DIFFERENCE, TIGHT_PART * one.std())
    if (one - gain * other).std() > allowed or gain <= 0:
        return Verdict(confirmed=False, reason=Reason.PLAIN)
    return Verdict(confirmed=True, reason=Reason.PLAIN_SAME, alignment=_upright(np.eye(3)[:2], rival.orientation))


def _undone(square: NDArray[_Number], orientation: int) -> NDArray[_Number]:
    """Turn an older picture as the newer one lies."""
    undoing = _UNDOING[orientation]
    if undoing & 1:
        square = square[:, ::-1]
    if undoing & 2:
        square = square[::-1]
    return square.T if undoing >= _SWAPS else square


def _upright(alignment: NDArray[np.float64], orientation: int) -> Affine:
    """Let an alignment begin at the older picture as it lies, not as `_undone` turned it."""
    undoing = _UNDOING[orientation]
    turn = np.eye(3)
    if undoing & 1:
        turn[0] = -1, 0, 1
    if undoing & 2:
        turn[1] = 0, -1, 1
    if undoing >= _SWAPS:
        turn[:2] = turn[[1, 0]]
    (a, b, c), (d, e, f) = (alignment @ turn).round(4).tolist()
    return (a, b, c), (d, e, f)
