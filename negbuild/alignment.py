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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from negbuild import registration
from negbuild.looks import Look, Sketch, fine, look, rough
from negbuild.overlap import FAR_DISTANCE, FEWEST_BLOCKS, SHARE, SWAPS, UNDOING, Evidence, Rival, evidence, undone
from negbuild.registration import Affines, Array

__all__ = ["JOIN_RADIUS", "Affine", "Look", "Reason", "Rival", "Verdict", "compare", "confirm", "look"]

VERSION = "al-3"
"""Changes whenever the same pair would get another verdict."""

JOIN_RADIUS = 64
"""Bits of 192 up to which pairs are worth confirming: 5 degrees of rotation reach this far."""

MOST_SHARED, LEAST_SHARED = 0.7, 0.45
ROUGH_CORRELATION = 0.42
TIGHT_DISTANCE, TIGHT_DIFFERENCE, TIGHT_PART = 8, 2.5, 0.06
"""For pictures with little detail: bits of 192, and the root mean square left after brightness and contrast, in grey
levels or as a part of the older picture's own."""

_SAME_CORRELATION, _SAME_SHARE = 0.9, 0.9
_LARGEST_SCALE = 1.7  # of a side, or one over it
_ROUGH_STEPS, _FINE_STEPS = 8, 5
_ROUGH_BATCH, _FINE_BATCH = 512, 16

Affine = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Where a place of the older picture lies in the newer one, both in fractions of width and height from the top left."""


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
_REFUSED_PLAIN = Verdict(confirmed=False, reason=Reason.PLAIN)


class Outline(NamedTuple):
    """A rival of which only the sketch is at hand; see `Rival`."""

    sketch: Sketch
    distance: int
    orientation: int


class Lead(NamedTuple):
    """A rival that its sketch does not refuse: how it may lie roughly, and whether it may be the whole as it is.

    Without an alignment there is too little detail to align, and the pixels tell.
    """

    alignment: NDArray[np.float64] | None = None
    as_is: bool = False


def compare(older: Look, newer: Look, distance: int, orientation: int) -> Verdict:
    """Decide on one pair; see `Rival` for the orientation."""
    return confirm(newer, [Rival(older, distance, orientation)])[0]


def confirm(newer: Look, rivals: Sequence[Rival]) -> list[Verdict]:
    """Decide for each of the older pictures whether the newer one is its copy; many at once cost less each."""
    sifted = sift(newer.sketch, [Outline(one.look.sketch, one.distance, one.orientation) for one in rivals])
    leads = {place: lead for place, lead in enumerate(sifted) if isinstance(lead, Lead)}
    followed = dict(zip(leads, follow(newer, [rivals[place] for place in leads], list(leads.values())), strict=True))
    return [one if isinstance(one, Verdict) else followed[place] for place, one in enumerate(sifted)]


def sift(newer: Sketch, rivals: Sequence[Outline]) -> list[Lead | Verdict]:
    """Refuse most rivals by their sketches alone; the others are to be followed, see `follow`."""
    sifted: list[Lead | Verdict] = [Lead() if one.distance <= TIGHT_DISTANCE else _REFUSED_PLAIN for one in rivals]
    detailed = [place for place, one in enumerate(rivals) if min(one.sketch.textured, newer.textured) >= FEWEST_BLOCKS]
    if detailed:
        shown = registration.gallery(rough([newer])[0], newer.aspect)
        for start in range(0, len(detailed), _ROUGH_BATCH):
            batch = detailed[start : start + _ROUGH_BATCH]
            some = [rivals[place] for place in batch]
            templates = _turned(rough([one.sketch for one in some]), some).reshape(len(some), -1)
            for place, choice, alike in zip(batch, *registration.choose(shown, templates), strict=True):
                lead = Lead(shown.alignments[choice], as_is=choice == 0 and alike > _SAME_CORRELATION)
                sifted[place] = lead if alike > ROUGH_CORRELATION else _REFUSED
    return sifted


def follow(newer: Look, rivals: Sequence[Rival], leads: Sequence[Lead]) -> list[Verdict]:
    """Decide on the rivals that `sift` left, each with its lead."""
    verdicts = [
        _REFUSED if lead.alignment is not None else _plain(rival, newer)
        for rival, lead in zip(rivals, leads, strict=True)
    ]
    for place, lead in enumerate(leads):
        if lead.as_is:
            verdicts[place] = _as_is(newer, rivals[place])
    left = {
        place: lead.alignment
        for place, lead in enumerate(leads)
        if lead.alignment is not None and not verdicts[place].confirmed
    }
    for start in range(0, len(left), _FINE_BATCH):
        batch = list(left)[start : start + _FINE_BATCH]
        some = [rivals[place] for place in batch]
        for place, verdict in zip(batch, _tried(newer, some, np.stack([left[place] for place in batch])), strict=True):
            # Detail may lie where the other picture has none, or on the very edge.
            short = not verdict.confirmed and verdict.compared < FEWEST_BLOCKS
            verdicts[place] = _plain(rivals[place], newer) if short else verdict
    return verdicts


def _tried(newer: Look, rivals: Sequence[Rival], alignments: Affines) -> list[Verdict]:
    """Judge by the alignment refined to the end; where that fails, by less refined ones, and last as they are.

    What covers a part of a picture with little detail in the rest, or the corners of a turned one, pulls.
    """
    sketches = _turned(rough([rival.look.sketch for rival in rivals]), rivals)
    rougher = registration.refine(sketches, rough([newer.sketch]), alignments, _ROUGH_STEPS)
    templates = _turned(np.stack([fine(rival.look) for rival in rivals]), rivals)
    verdicts = _judged(newer, rivals, registration.refine(templates, fine(newer)[None], rougher, _FINE_STEPS))
    for attempt in (rougher, np.tile(np.eye(3)[:2], (len(rivals), 1, 1))):
        left = [place for place, verdict in enumerate(verdicts) if not verdict.confirmed]
        if not left:
            break
        again = _judged(newer, [rivals[place] for place in left], attempt[left])
        for place, verdict in zip(left, again, strict=True):
            if verdict.confirmed:
                verdicts[place] = verdict
    return verdicts


def _as_is(newer: Look, rival: Rival) -> Verdict:
    """Compare without aligning: most copies are whole."""
    whole = np.eye(3)[None, :2]
    seen = evidence(newer, [rival], whole)
    return _verdict(
        Reason.SAME if seen.agrees(_SAME_SHARE, np.array([FAR_DISTANCE]))[0] else Reason.OTHER,
        seen,
        0,
        _upright(whole[0], rival.orientation),
    )


def _turned(squares: Array, rivals: Sequence[Outline] | Sequence[Rival]) -> Array:
    """Turn squares (n, s, s) of older pictures as the newer one lies."""
    orientations = np.array([rival.orientation for rival in rivals])
    for orientation in set(orientations.tolist()):
        squares[orientations == orientation] = undone(squares[orientations == orientation], orientation)
    return squares


def _judged(newer: Look, rivals: Sequence[Rival], alignments: Affines) -> list[Verdict]:
    largest = np.abs(np.linalg.svd(alignments[:, :, :2], compute_uv=False))
    sane = (largest[:, 0] < _LARGEST_SCALE) & (largest[:, 1] > 1 / _LARGEST_SCALE)
    sane &= registration.areas(alignments) > 0
    alignments[~sane] = np.eye(3)[:2]
    seen = evidence(newer, rivals, alignments)
    agrees = seen.agrees(SHARE, np.array([rival.distance for rival in rivals])) & sane
    verdicts = []
    for place, rival in enumerate(rivals):
        shared = seen.more[place] >= MOST_SHARED and seen.less[place] >= LEAST_SHARED
        reason = Reason.ALIGNED if shared else Reason.LITTLE_SHARED
        if not agrees[place]:
            reason = Reason.OTHER
        verdicts.append(_verdict(reason, seen, place, _upright(alignments[place], rival.orientation)))
    return verdicts


def _verdict(reason: Reason, seen: Evidence, place: int, alignment: Affine) -> Verdict:
    confirmed = reason in {Reason.SAME, Reason.ALIGNED}
    return Verdict(
        confirmed=confirmed,
        reason=reason,
        alignment=alignment if confirmed else None,
        matched=int(seen.matched[place]),
        compared=float(seen.compared[place]),
    )


def _plain(rival: Rival, newer: Look) -> Verdict:
    """Compare pixel by pixel, after brightness and contrast."""
    if rival.distance > TIGHT_DISTANCE:
        return _REFUSED_PLAIN
    one = undone(rival.look.grey, rival.orientation).astype(np.float64).ravel()
    other = newer.grey.astype(np.float64).ravel()
    one, other = one - one.mean(), other - other.mean()
    gain = (one @ other) / max(other @ other, 1e-9)
    allowed = max(TIGHT_DIFFERENCE, TIGHT_PART * one.std())
    if (one - gain * other).std() > allowed or gain <= 0:
        return _REFUSED_PLAIN
    return Verdict(confirmed=True, reason=Reason.PLAIN_SAME, alignment=_upright(np.eye(3)[:2], rival.orientation))


def _upright(alignment: NDArray[np.float64], orientation: int) -> Affine:
    """Let an alignment begin at the older picture as it lies, not as `_undone` turned it."""
    undoing = UNDOING[orientation]
    turn = np.eye(3)
    if undoing & 1:
        turn[0] = -1, 0, 1
    if undoing & 2:
        turn[1] = 0, -1, 1
    if undoing >= SWAPS:
        turn[:2] = turn[[1, 0]]
    (a, b, c), (d, e, f) = (alignment @ turn).round(4).tolist()
    return (a, b, c), (d, e, f)
