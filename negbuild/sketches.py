"""Which pairs may be copies at all: sketches of 1 kB refuse nearly all of them. Pure functions on columns of sketches.

A matrix product tries some sixty rough alignments (crops, borders, turns by a few degrees) of all that may be copies of
one picture, at half the size first. The few that resemble it in one of them are aligned more finely, and have to fit
then.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from negbuild import registration
from negbuild.fingerprint import UNDOING
from negbuild.looks import ROUGH_SIDE, Sketch, Views, contrast
from negbuild.model import PackedSketch
from negbuild.neighbours import Near
from negbuild.overlap import FEWEST_BLOCKS, turned
from negbuild.registration import Array
from negbuild.workers import Call, here

ROUGH_CORRELATION, HALVED_CORRELATION = 0.42, 0.35
"""What sketches must have in common in the best of the rough alignments, and before that at half the size: there the
least alike of 16,176 altered copies had 0.48, and 0.35 refuses nearly all others."""

APART_DISTANCE, APART_CORRELATION = 48, 0.63
"""Where fingerprints differ in more bits than this, aligned sketches must have so much in common: nearly all such pairs
are none, and patterns of one kind may agree in half of their blocks."""

TIGHT_DISTANCE = 8
"""Bits of 192 that fingerprints of pictures with too little detail to align may differ in."""

_SAME_CORRELATION = 0.9
_AS_IS = np.eye(3)[:2]
_ROUGH_MARGIN = 0.06  # by which the rough correlation may be better the other way round
_STEPS, _BATCH = 8, 8
_MANY = 4096  # sketches that are looked at in one go, of 10 kB each
_LATELY = 32  # pictures, under all alignments, of 0.3 MB each: who sifts pairs of one soon probes some of them

_HALF_SIDE = ROUGH_SIDE // 2


class Sketches(NamedTuple):
    """Sketches of n pictures in columns; see `looks.Sketch`.

    `rough` has shape (n, 32, 32), and (n, 16, 16) the same `halved`, by which most pairs are refused.
    """

    rough: NDArray[np.int8]
    halved: NDArray[np.int8]
    aspect: NDArray[np.float64]
    textured: NDArray[np.int64]

    def some(self, places: NDArray[np.intp]) -> "Sketches":
        """Those of some pictures."""
        return Sketches(self.rough[places], self.halved[places], self.aspect[places], self.textured[places])

    def put(self, places: Sequence[int], others: "Sketches") -> None:
        """Put others in the place of some."""
        self.rough[places], self.halved[places], self.aspect[places], self.textured[places] = others


Roughs = NDArray[np.void]
"""Shape (n,): of each pair the best rough `alignment`, and how much they are `alike` in it."""

_ROUGH = np.dtype([("alignment", np.float64, (2, 3)), ("alike", np.float32)])


class Sketchbook:
    """Sketches of some pictures, each made when it is first asked for; several threads may ask."""

    def __init__(self, keys: Sequence[str], views: Views) -> None:
        """Hold those that are kept; places of neighbours are those in `keys`."""
        self._keys, self._views = keys, views
        self._sketches = _room_for(len(keys))
        self._held = np.zeros(len(keys), dtype=np.bool_)
        place_of = {key: place for place, key in enumerate(keys)}
        for batch in views.kept():
            kept = {place_of[key]: sketch for key, sketch in batch if key in place_of}
            self._take(list(kept), list(kept.values()))

    def of(self, near: Near) -> Sketches:
        """Give the sketches of all pictures; those of some neighbours are there, and any asked for before."""
        places = np.unique(near[:, :2])
        missing = places[~self._held[places]].tolist()
        self._take(missing, [self._views.sketch(self._keys[place]) for place in missing])
        return self._sketches

    def _take(self, places: Sequence[int], packed: Sequence[PackedSketch]) -> None:
        if places:
            self._sketches.put(places, _laid(packed))
            self._held[places] = True


class Lead(NamedTuple):
    """What two sketches make likely: how the pictures may lie on each other, and whether they may be the same as is.

    Without an alignment there is too little detail to align, and the pixels tell. In a pair that is `exchanged` the
    newer picture takes the place of the older one.
    """

    alignment: NDArray[np.float64] | None = None
    as_is: bool = False
    exchanged: bool = False


def columns(sketches: Iterable[Sketch]) -> Sketches:
    """Lay sketches out, in their order."""
    return _laid([sketch.packed() for sketch in sketches])


def _room_for(number: int) -> Sketches:
    rough = np.empty((number, ROUGH_SIDE, ROUGH_SIDE), dtype=np.int8)
    halved = np.empty((number, _HALF_SIDE, _HALF_SIDE), dtype=np.int8)
    return Sketches(rough, halved, np.empty(number), np.empty(number, dtype=np.int64))


def _laid(packed: Sequence[PackedSketch]) -> Sketches:
    squares, aspect, textured = zip(*packed, strict=True) if packed else ((), (), ())
    rough = np.frombuffer(b"".join(squares), dtype=np.int8).reshape(-1, ROUGH_SIDE, ROUGH_SIDE)
    return Sketches(rough, _halved(rough), np.array(aspect, dtype=np.float64), np.array(textured, dtype=np.int64))


def _halved(squares: NDArray[np.int8]) -> NDArray[np.int8]:
    """Average squares over two pixels by two."""
    rows = squares[:, ::2].astype(np.int16)
    rows += squares[:, 1::2]
    return ((rows[:, :, ::2] + rows[:, :, 1::2]) >> 2).astype(np.int8)


def among(sketches: Sketches, near: Near) -> tuple[Sketches, Near]:
    """Copy the sketches that some neighbours need, and let these count in them."""
    places, renumbered = np.unique(near[:, :2], return_inverse=True)
    return sketches.some(places), np.column_stack([renumbered.reshape(-1, 2), near[:, 2:]])


def detailed(sketches: Sketches, near: Near) -> NDArray[np.bool_]:
    """Say which pairs have enough detail to be aligned."""
    return np.asarray(sketches.textured[near[:, :2]].min(axis=1) >= FEWEST_BLOCKS)


def sift(sketches: Sketches, near: Near, call: Call = here) -> NDArray[np.intp]:
    """Give the places of the few pairs that are worth a closer look, see `probe`; the others are no copies.

    They are looked at by way of `call`: in one interpreter threads wait for each other between the many short steps.
    Only what is half the size is handed over.
    """
    aligned = detailed(sketches, near)
    found = [np.flatnonzero(~aligned & (near[:, 2] <= TIGHT_DISTANCE))]
    places = np.flatnonzero(aligned)
    places = places[np.argsort(near[places, 1], kind="stable")]
    for start in range(0, len(places), _MANY):
        some = places[start : start + _MANY]
        newer, shown_in = np.unique(near[some, 1], return_inverse=True)
        halves = sketches.halved[near[some, 0]]
        found.append(some[call(_resembling, halves, near[some, 3], sketches.some(newer), shown_in)])
    return np.concatenate(found)


def _resembling(
    halves: NDArray[np.int8], orientations: NDArray[np.int64], newer: Sketches, shown_in: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Give the places of those that resemble, at half the size, the newer picture that each may be shown in."""
    templates = turned(halves, orientations)
    found = [np.empty(0, dtype=np.intp)]
    for some in _runs(shown_in):
        shown = registration.halved(_shown(newer, shown_in[some[0]]))
        found.append(some[registration.choose(shown, _flat(templates[some]))[1] > HALVED_CORRELATION])
    return np.concatenate(found)


def _runs(numbers: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Give the places of equal numbers, so many at most, by number."""
    places = np.argsort(numbers, kind="stable")
    for some in np.split(places, np.flatnonzero(np.diff(numbers[places])) + 1):
        yield from (some[start : start + _MANY] for start in range(0, len(some), _MANY))


def _shown(sketches: Sketches, place: np.int64) -> registration.Gallery:
    return _gallery(sketches.rough[place].tobytes(), float(sketches.aspect[place]))


@lru_cache(maxsize=_LATELY)
def _gallery(rough: bytes, aspect: float) -> registration.Gallery:
    square = np.frombuffer(rough, dtype=np.int8).reshape(ROUGH_SIDE, ROUGH_SIDE)
    return registration.gallery(contrast(square), aspect)


def _roughly(shown: registration.Gallery, sketches: Sketches, near: Near) -> Roughs:
    """Choose the best rough alignments for pairs with one newer picture, which is shown in all of them."""
    templates = _flat(turned(sketches.rough[near[:, 0]], near[:, 3]))
    rough = np.empty(len(near), dtype=_ROUGH)
    number, rough["alike"] = registration.choose(shown, templates)
    rough["alignment"] = shown.alignments[number]
    return rough


def _flat(squares: NDArray[np.int8]) -> Array:
    return squares.reshape(len(squares), squares.shape[1] * squares.shape[2]).astype(np.float32)


def probe(sketches: Sketches, near: Near) -> list[Lead | None]:
    """Look closer at pairs that `sift` gave: a lead to follow, or they are no copies."""
    roughs, aligned = _roughs(sketches, near), detailed(sketches, near)
    likely = np.flatnonzero(~aligned | (roughs["alike"] > ROUGH_CORRELATION - _ROUGH_MARGIN))
    leads: list[Lead | None] = [None] * len(near)
    for place, same in zip(likely.tolist(), _same(sketches, near[likely]).tolist(), strict=True):
        pair = near[place : place + 1]
        leads[place] = _lead(sketches, pair, roughs[place], as_is=same) if aligned[place] else Lead()
    unsure = [place for place, lead in enumerate(leads) if lead and lead.alignment is not None and not lead.as_is]
    for start in range(0, len(unsure), _BATCH):
        places = unsure[start : start + _BATCH]
        refined = _refined(sketches, near[places], [lead for place in places if (lead := leads[place])])
        for place, lead in zip(places, refined, strict=True):
            leads[place] = lead
    return leads


def _roughs(sketches: Sketches, near: Near) -> Roughs:
    """Choose the best rough alignment of each pair that can be aligned."""
    roughs = np.zeros(len(near), dtype=_ROUGH)
    aligned = np.flatnonzero(detailed(sketches, near))
    for run in _runs(near[aligned, 1]):
        some = aligned[run]
        roughs[some] = _roughly(_shown(sketches, near[some[0], 1]), sketches, near[some])
    return roughs


def _same(sketches: Sketches, near: Near) -> NDArray[np.bool_]:
    """Say which pairs may be the same as they lie: both ways or neither, as sums of whole numbers are exact."""
    one, other = _flat(turned(sketches.rough[near[:, 0]], near[:, 3])), _flat(sketches.rough[near[:, 1]])
    product, ones, others = (np.einsum("np,np->n", *two) for two in ((one, other), (one, one), (other, other)))
    return np.asarray(product > _SAME_CORRELATION * np.sqrt(ones.astype(np.float64) * others))


def _lead(sketches: Sketches, pair: Near, rough: np.void, *, as_is: bool) -> Lead | None:
    # What the pictures show tells which is brought onto which: copies are copies whichever came first.
    one, other = (sketches.rough[place].tobytes() for place in pair[0, :2].tolist())
    exchanged = one > other
    if as_is:
        return Lead(_AS_IS, as_is=True, exchanged=exchanged)
    if exchanged:
        there = _exchanged(pair, np.array([True]))
        (rough,) = _roughly(_shown(sketches, there[0, 1]), sketches, there)
    return Lead(rough["alignment"], exchanged=exchanged) if rough["alike"] > ROUGH_CORRELATION else None


def _exchanged(near: Near, exchanged: NDArray[np.bool_]) -> Near:
    """Let some pairs change places."""
    there = near.copy()
    there[exchanged, :2] = near[exchanged, 1::-1]
    there[exchanged, 3] = np.array(UNDOING)[near[exchanged, 3]]
    return there


def _refined(sketches: Sketches, near: Near, leads: Sequence[Lead]) -> list[Lead | None]:
    """Improve rough alignments; where fingerprints are far apart they have to fit well then."""
    near = _exchanged(near, np.array([lead.exchanged for lead in leads]))
    templates = contrast(turned(sketches.rough[near[:, 0]], near[:, 3]))
    pictures = contrast(sketches.rough[near[:, 1]])
    alignments = np.stack([lead.alignment for lead in leads if lead.alignment is not None])
    refined = registration.refine(templates, pictures, alignments, _STEPS)
    alike = registration.correlation(templates, pictures, refined)
    fits = (alike > APART_CORRELATION) | (near[:, 2] <= APART_DISTANCE)
    return [
        lead._replace(alignment=alignment) if fit else None
        for lead, alignment, fit in zip(leads, refined, fits, strict=True)
    ]
