"""Which images are copies of each other, which belong together, and which copy is kept. Pure functions.

While pictures come, fingerprints tell (192 bits, the best of 8 orientations): up to `TWIN_RADIUS` two images are taken
for twins, copies of which one is enough. Before copies are set aside or a split is planned, all pairs up to
`alignment.JOIN_RADIUS` are looked at pixel by pixel, and that decides. Up to `GROUP_RADIUS` two images look alike,
whatever their pixels say: both are kept, and a split never divides them, so that the re-encoded files of a dataset keep
a wide margin. Pictures with little texture (sky, walls) have few bits that mean anything: below `TWIN_TEXTURE`
fingerprints alone call nothing a twin, below `PLAIN_TEXTURE` they are not compared: there only pictures whose pixels
are all equal are twins, which `pixels` tells.
"""

import json
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from negbuild.alignment import JOIN_RADIUS, Suspects, Verdict, follow, refused
from negbuild.looks import Views
from negbuild.model import Fingerprint, Pair, Progress, no_progress
from negbuild.neighbours import Against, Index, Near
from negbuild.sketches import Lead, Sketchbook, among, detailed, probe, sift
from negbuild.workers import Call, here

TWIN_RADIUS = 16
GROUP_RADIUS = 32
TWIN_TEXTURE = 3.0
PLAIN_TEXTURE = 1.0

_BATCH = 256
_ENOUGH, _FEWEST, _FEW = 1024, 4, 16  # neighbours, and newer images, that a thread looks at in one go
_THREADS = min(os.cpu_count() or 1, 8)  # each may have a process of its own that it calls

_Batch = Sequence[tuple[str, Fingerprint]]
"""Pictures by their keys."""

_Told = tuple[bool, str, str]
"""Whether a pair was confirmed, why, and its alignment as JSON."""


class Comparer:
    """Finds the pairs of each new image among all images seen before."""

    def __init__(self) -> None:
        self._index = Index(GROUP_RADIUS)
        self._seen: list[tuple[str, float]] = []

    def hold(self, batch: _Batch) -> None:
        """Take (key, fingerprint) in whose pairs are known."""
        self._index.hold(self._seen_textured(batch))

    def expect(self, number: int) -> None:
        """Know that so many more, or fewer, may come."""
        self._index.expect(number)

    def add(self, batch: _Batch) -> list[Pair]:
        """Take (key, fingerprint) in; return the pairs of each with all before it, the batch included.

        Of equal fingerprints the later ones are paired with the first, which stands for them (see `equals`).
        """
        found = self._index.add(self._seen_textured(batch))
        return [
            Pair(
                older=self._seen[older][0],
                newer=self._seen[newer][0],
                distance=distance,
                orientation=orientation,
                twins=distance <= TWIN_RADIUS and min(self._seen[older][1], self._seen[newer][1]) >= TWIN_TEXTURE,
            )
            for older, newer, distance, orientation in found
        ]

    def _seen_textured(self, batch: _Batch) -> list[Fingerprint]:
        textured = _textured(batch)
        self._seen += [(key, print_.texture) for key, print_ in textured]
        return [print_ for _, print_ in textured]


class Confirmed(NamedTuple):
    """Some images, their pairs with all before them, and how many others were refused at which distance."""

    keys: list[str]
    pairs: list[Pair]
    refused: Counter[int]


def confirmed_pairs(
    known: _Batch,
    new: _Batch,
    views: Views,
    progress: Progress = no_progress,
    call: Call = here,
) -> Iterator[Confirmed]:
    """Look at the pairs of each new image with all before it, `known` first, pixel by pixel; batch by batch.

    What is given are twins, and what looks alike: at most `GROUP_RADIUS` bits apart. `views` are asked from
    several threads, and so is `call`, by which pictures are compared.
    """
    if not new:  # then there is no need to lay out what is known
        return
    index, looker = Index(JOIN_RADIUS), _Looker([*known, *new], views, call)
    index.hold(_prints(known))
    index.expect(len(new))
    done = 0
    for batch, near, pairs in looker.look((batch, index.near(_prints(batch))) for batch in _batches(new)):
        distances = Counter(near[:, 2].tolist())
        distances.subtract(pair.distance for pair in pairs if pair.twins)
        yield Confirmed([key for key, _ in batch], pairs, refused=+distances)
        done += len(batch)
        progress(done, len(new))


def confirmed_against(
    others: _Batch,
    new: _Batch,
    views: Views,
    progress: Progress = no_progress,
    call: Call = here,
    *,
    groups: Mapping[str, str],
) -> Iterator[tuple[_Batch, list[Pair]]]:
    """Look at the pairs of each new image with `others`, pixel by pixel; give each batch and its pairs of twins.

    The others are the older ones of the pairs; of those with equal fingerprints one in each of the `groups` of their
    keys. `views` and `call` are asked from several threads.
    """
    looker = _Looker([*others, *new], views, call)
    against = Against(_prints(others), JOIN_RADIUS, [groups[key] for key, _ in _textured(others)])

    def found() -> Iterator[tuple[_Batch, Near]]:
        first = len(_textured(others))
        for batch in _batches(new):
            prints = _prints(batch)
            near = np.array(list(against.near(prints)), dtype=np.int64).reshape(-1, 4)
            near[:, 1] += first
            first += len(prints)
            yield batch, near

    done = 0
    for batch, _, pairs in looker.look(found()):
        yield batch, [pair for pair in pairs if pair.twins]
        done += len(batch)
        progress(done, len(new))


class _Looker:
    """Looks at neighbours among some pictures, whose places count only those that can be compared."""

    def __init__(self, pictures: _Batch, views: Views, call: Call) -> None:
        self._keys = [key for key, _ in _textured(pictures)]
        self._views, self._call = views, call

    def look(self, found: Iterable[tuple[_Batch, Near]]) -> Iterator[tuple[_Batch, Near, list[Pair]]]:
        """Give the pairs of each batch; it is looked at while the next one's neighbours are found."""
        waiting: deque[tuple[_Batch, Near, list[Future[list[Pair]]]]] = deque()
        threads = ThreadPoolExecutor(_THREADS)
        book = threads.submit(Sketchbook, self._keys, self._views)  # read while the first neighbours are found
        try:
            with threadpool_limits(1, "blas"):
                for batch, near in found:
                    shares = [threads.submit(self._look_at, book, share) for share in _shares(near)]
                    waiting.append((batch, near, shares))
                    if len(waiting) > 1:
                        yield _looked_at(*waiting.popleft())
                yield from (_looked_at(*one) for one in waiting)
        finally:  # also where nobody wants the rest
            threads.shutdown(cancel_futures=True)

    def _look_at(self, book: Future[Sketchbook], near: Near) -> list[Pair]:
        """Give the twins among some neighbours, and all that look alike."""
        sketches = book.result().of(near)
        places = sift(sketches, near, self._call)
        told: dict[int, _Told] = {}
        if places.size:
            probed = self._call(probe, *among(sketches, near[places]))
            leads = {place: lead for place, lead in zip(places.tolist(), probed, strict=True) if lead}
            # Those of one older image together: it is prepared once for all of them.
            leads = dict(sorted(leads.items(), key=lambda one: int(near[one[0], 0])))
            suspects = [self._suspects(*near[place].tolist()) for place in leads]
            told = dict(zip(leads, self._call(_followed, suspects, list(leads.values())), strict=True))
        aligned = detailed(sketches, near)
        for place in np.flatnonzero(near[:, 2] <= GROUP_RADIUS).tolist():
            told.setdefault(place, _told(refused(aligned=aligned[place])))
        rows = ((near[place].tolist(), said) for place, said in sorted(told.items()))
        return [
            Pair(self._keys[older], self._keys[newer], distance, orientation, *said)
            for (older, newer, distance, orientation), said in rows
            if said[0] or distance <= GROUP_RADIUS
        ]

    def _suspects(self, older: int, newer: int, distance: int, orientation: int) -> Suspects:
        one, other = (self._views.look(self._keys[place]) for place in (older, newer))
        return Suspects(one, other, distance, orientation)


def _looked_at(batch: _Batch, near: Near, pairs: Iterable[Future[list[Pair]]]) -> tuple[_Batch, Near, list[Pair]]:
    return batch, near, [pair for some in pairs for pair in some.result()]


def _followed(suspects: Sequence[Suspects], leads: Sequence[Lead]) -> list[_Told]:
    return [_told(verdict) for verdict in follow(suspects, leads)]


def _told(verdict: Verdict) -> _Told:
    return verdict.confirmed, str(verdict), json.dumps(verdict.alignment) if verdict.alignment else ""


def _shares(near: Near) -> Iterator[Near]:
    """Share neighbours out between threads: those of a few newer images at a time, as many at once cost less each."""
    begin = newer = 0
    for end in [*(np.flatnonzero(np.diff(near[:, 1])) + 1).tolist(), len(near)]:
        newer += 1
        if (end - begin >= _ENOUGH and newer >= _FEWEST) or newer == _FEW or end == len(near) > begin:
            yield near[begin:end]
            begin, newer = end, 0


def _batches(pictures: _Batch) -> Iterator[_Batch]:
    return (pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH))


def _prints(pictures: _Batch) -> list[Fingerprint]:
    return [print_ for _, print_ in _textured(pictures)]


def _textured(batch: _Batch) -> list[tuple[str, Fingerprint]]:
    return [(key, print_) for key, print_ in batch if print_.texture >= PLAIN_TEXTURE]


def close_groups(keys: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Close edges over: each key mapped to the smallest key of its connected component."""
    parent = {key: key for key in keys}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in edges:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {key: root(key) for key in parent}


def shared(traits: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Edges between keys that have a trait in common, from (key, trait): a chain through each set of equals."""
    last: dict[str, str] = {}
    edges = []
    for key, trait in traits:
        if trait in last:
            edges.append((last[trait], key))
        last[trait] = key
    return edges
