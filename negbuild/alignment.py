"""Whether two pictures that look alike are copies: one is brought onto the other, and they are compared block by block.

Pure functions. What `sketches` leaves of the candidates is aligned to a fraction of a pixel, and each of 36 blocks is
compared on its own, so that a caption or a sticker costs the blocks it covers and nothing else. Pictures with too
little detail for that are the same only with nearly the same fingerprint and the same pixels.

Twins share content: it fills `MOST_SHARED` of one picture and `LEAST_SHARED` of the other at least, so that a crop of
10 % a side is a twin of the whole, and two crops of one photograph are where they overlap by seven tenths.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from negbuild import registration
from negbuild.fingerprint import UNDOING
from negbuild.looks import Look, fine, look
from negbuild.overlap import (
    FAR_DISTANCE,
    FEWEST_BLOCKS,
    SHARE,
    Evidence,
    Suspects,
    evidence,
    evidence_as_is,
    turned,
    turning,
)
from negbuild.registration import Affines
from negbuild.sketches import TIGHT_DISTANCE, Lead, columns, detailed, probe, sift

__all__ = ["JOIN_RADIUS", "Affine", "Look", "Reason", "Suspects", "Verdict", "compare", "confirm", "look"]

VERSION = "al-8"
"""Changes whenever the same pair would get another verdict."""

JOIN_RADIUS = 64
"""Bits of 192 up to which pairs are worth confirming: 5 degrees of rotation reach this far."""

MOST_SHARED, LEAST_SHARED = 0.7, 0.45
TIGHT_DIFFERENCE, TIGHT_PART = 2.5, 0.06
"""For pictures with little detail: the root mean square left after brightness and contrast, in grey levels or as a part
of the older picture's own."""

_LARGEST_SCALE = 1.7  # of a side, or one over it
_STEPS, _BATCH = 5, 8
_MANY = 512  # pairs that are compared as they lie at once, of which many share a picture

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


_OTHER = Verdict(confirmed=False, reason=Reason.OTHER)
_PLAIN = Verdict(confirmed=False, reason=Reason.PLAIN)


def compare(older: Look, newer: Look, distance: int, orientation: int) -> Verdict:
    """Decide on one pair; see `Suspects` for the orientation."""
    return confirm([Suspects(older, newer, distance, orientation)])[0]


def confirm(suspects: Sequence[Suspects]) -> list[Verdict]:
    """Decide for each pair whether the newer picture is a copy of the older one; many at once cost less each."""
    numbers: dict[Look, int] = {}
    near = np.array(
        [
            (numbers.setdefault(pair.older, len(numbers)), numbers.setdefault(pair.newer, len(numbers)), *pair[2:])
            for pair in suspects
        ],
        dtype=np.int64,
    ).reshape(-1, 4)
    sketches = columns(one.sketch for one in numbers)
    verdicts = [refused(aligned=aligned) for aligned in detailed(sketches, near).tolist()]
    places = sift(sketches, near)
    probed = zip(places.tolist(), probe(sketches, near[places]), strict=True)
    leads = {place: lead for place, lead in probed if lead}
    for place, verdict in zip(leads, follow([suspects[place] for place in leads], list(leads.values())), strict=True):
        verdicts[place] = verdict
    return verdicts


def refused(*, aligned: bool) -> Verdict:
    """Give the verdict on pairs that sketches refuse, by whether they have the detail to be aligned."""
    return _OTHER if aligned else _PLAIN


def follow(suspects: Sequence[Suspects], leads: Sequence[Lead]) -> list[Verdict]:
    """Decide on pairs that sketches left, each with its lead."""
    suspects = _in_order(suspects, leads)
    verdicts = [_plain(pair) if lead.alignment is None else _OTHER for pair, lead in zip(suspects, leads, strict=True)]
    whole = [place for place, lead in enumerate(leads) if lead.as_is]
    bordered = [place for place in whole if suspects[place].bordered]
    others = [place for place in whole if not suspects[place].bordered]
    for batch in [*_batches(bordered, _BATCH), *_batches(others, _MANY)]:
        for place, verdict in zip(batch, _as_is([suspects[place] for place in batch]), strict=True):
            verdicts[place] = verdict
    left = {
        place: lead.alignment
        for place, lead in enumerate(leads)
        if lead.alignment is not None and not verdicts[place].confirmed
    }
    for batch in _batches(list(left), _BATCH):
        some = [suspects[place] for place in batch]
        for place, verdict in zip(batch, _tried(some, np.stack([left[place] for place in batch])), strict=True):
            # Detail may lie where the other picture has none, or on the very edge.
            short = not verdict.confirmed and verdict.compared < FEWEST_BLOCKS
            verdicts[place] = _plain(suspects[place]) if short else verdict
    return [
        replace(verdict, alignment=_plainly(registration.inverse(np.array([verdict.alignment]))[0]))
        if lead.exchanged and verdict.alignment
        else verdict
        for verdict, lead in zip(verdicts, leads, strict=True)
    ]


def _batches(places: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (places[start : start + size] for start in range(0, len(places), size))


def _in_order(suspects: Sequence[Suspects], leads: Sequence[Lead]) -> list[Suspects]:
    return [
        Suspects(pair.newer, pair.older, pair.distance, UNDOING[pair.orientation]) if lead.exchanged else pair
        for pair, lead in zip(suspects, leads, strict=True)
    ]


def _tried(suspects: Sequence[Suspects], rougher: Affines) -> list[Verdict]:
    """Judge by the alignment refined to the end; where that fails, by less refined ones, and last as they are.

    What covers a part of a picture with little detail in the rest, or the corners of a turned one, pulls.
    """
    evened = {one: fine(one) for pair in suspects for one in (pair.older, pair.newer)}
    orientations = np.array([pair.orientation for pair in suspects])
    templates = turned(np.stack([evened[pair.older] for pair in suspects]), orientations)
    pictures = np.stack([evened[pair.newer] for pair in suspects])
    verdicts = _judged(suspects, registration.refine(templates, pictures, rougher, _STEPS))
    for attempt in (rougher, np.tile(np.eye(3)[:2], (len(suspects), 1, 1))):
        left = [place for place, verdict in enumerate(verdicts) if not verdict.confirmed]
        if not left:
            break
        again = _judged([suspects[place] for place in left], attempt[left])
        for place, verdict in zip(left, again, strict=True):
            if verdict.confirmed:
                verdicts[place] = verdict
    return verdicts


def _as_is(suspects: Sequence[Suspects]) -> list[Verdict]:
    """Compare without aligning: most copies are whole. Either all or none are bordered."""
    whole = np.tile(np.eye(3)[:2], (len(suspects), 1, 1))
    seen = evidence(suspects, whole) if suspects[0].bordered else evidence_as_is(suspects)
    same = seen.agrees(
        SHARE, np.full(len(suspects), FAR_DISTANCE)
    )  # as strictly as can be: what is in doubt is aligned
    return [
        _verdict(Reason.SAME if same[place] else Reason.OTHER, seen, place, _upright(whole[place], pair.orientation))
        for place, pair in enumerate(suspects)
    ]


def _judged(suspects: Sequence[Suspects], alignments: Affines) -> list[Verdict]:
    largest = np.abs(np.linalg.svd(alignments[:, :, :2], compute_uv=False))
    sane = (largest[:, 0] < _LARGEST_SCALE) & (largest[:, 1] > 1 / _LARGEST_SCALE)
    sane &= registration.areas(alignments) > 0
    alignments[~sane] = np.eye(3)[:2]
    seen = evidence(suspects, alignments)
    agrees = seen.agrees(SHARE, np.array([pair.distance for pair in suspects])) & sane
    verdicts = []
    for place, pair in enumerate(suspects):
        shared = seen.more[place] >= MOST_SHARED and seen.less[place] >= LEAST_SHARED
        reason = Reason.ALIGNED if shared else Reason.LITTLE_SHARED
        if not agrees[place]:
            reason = Reason.OTHER
        verdicts.append(_verdict(reason, seen, place, _upright(alignments[place], pair.orientation)))
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


def _plain(pair: Suspects) -> Verdict:
    """Compare pixel by pixel, after brightness and contrast."""
    if pair.distance > TIGHT_DISTANCE:
        return _PLAIN
    one = turned(pair.older.grey[None], np.array([pair.orientation])).astype(np.float64).ravel()
    other = pair.newer.grey.astype(np.float64).ravel()
    one, other = one - one.mean(), other - other.mean()
    gain = (one @ other) / max(other @ other, 1e-9)
    allowed = max(TIGHT_DIFFERENCE, TIGHT_PART * one.std())
    if (one - gain * other).std() > allowed or gain <= 0:
        return _PLAIN
    return Verdict(confirmed=True, reason=Reason.PLAIN_SAME, alignment=_upright(np.eye(3)[:2], pair.orientation))


def _upright(alignment: NDArray[np.float64], orientation: int) -> Affine:
    """Let an alignment begin at the older picture as it lies, not as `turned` turned it."""
    return _plainly(alignment @ turning(orientation))


def _plainly(alignment: NDArray[np.float64]) -> Affine:
    (a, b, c), (d, e, f) = alignment.round(4).tolist()
    return (a, b, c), (d, e, f)
