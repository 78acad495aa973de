"""Which images are copies of each other, which belong together, and which copy is kept. Pure functions.

While pictures come, fingerprints tell (192 bits, the best of 8 orientations): up to `TWIN_RADIUS` two images are taken
for twins, copies of which one is enough. Before copies are set aside or a split is planned, all pairs up to
`alignment.JOIN_RADIUS` are looked at pixel by pixel, and that decides. Up to `GROUP_RADIUS` two images look alike,
whatever their pixels say: both are kept, and a split never divides them, so that the re-encoded files of a dataset keep
a wide margin. Pictures with little texture (sky, walls) have few bits that mean anything: below `TWIN_TEXTURE`
fingerprints alone call nothing a twin, below `PLAIN_TEXTURE` nothing is compared and only equal bytes are the same.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from negbuild.alignment import JOIN_RADIUS, Lead, Suspects, Verdict, follow, sift
from negbuild.looks import Look, Views
from negbuild.model import Fingerprint, Pair, Progress, no_progress
from negbuild.neighbours import Against, Index, Neighbour
from negbuild.overlap import Seen
from negbuild.workers import Call, here

TWIN_RADIUS = 16
GROUP_RADIUS = 32
TWIN_TEXTURE = 3.0
PLAIN_TEXTURE = 1.0

_BATCH = 256
_ENOUGH, _FEW = 128, 16  # neighbours, and newer images, that a thread looks at in one go
_THREADS = min(os.cpu_count() or 1, 8)  # each may have a process of its own that it calls

_Told = tuple[bool, str, str]
"""Whether a pair was confirmed, why, and its alignment as JSON."""


class Comparer:
    """Finds the pairs of each new image among all images seen before."""

    def __init__(self) -> None:
        self._index = Index(GROUP_RADIUS)
        self._seen: list[tuple[str, float]] = []

    def hold(self, batch: Sequence[tuple[str, Fingerprint]]) -> None:
        """Take (key, fingerprint) in whose pairs are known."""
        self._index.hold(self._seen_textured(batch))

    def add(self, batch: Sequence[tuple[str, Fingerprint]]) -> list[Pair]:
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

    def _seen_textured(self, batch: Sequence[tuple[str, Fingerprint]]) -> list[Fingerprint]:
        textured = _textured(batch)
        self._seen += [(key, print_.texture) for key, print_ in textured]
        return [print_ for _, print_ in textured]


class Confirmed(NamedTuple):
    """Some images, their pairs with all before them, and how many others were refused at which distance."""

    keys: list[str]
    pairs: list[Pair]
    refused: Counter[int]


def confirmed_pairs(
    known: Sequence[tuple[str, Fingerprint]],
    new: Sequence[tuple[str, Fingerprint]],
    views: Views,
    progress: Progress = no_progress,
    call: Call = here,
) -> Iterator[Confirmed]:
    """Look at the pairs of each new image with all before it, `known` first, pixel by pixel; batch by batch.

    What is given are twins, and what looks alike: at most `GROUP_RADIUS` bits apart. `views` are asked from
    several threads, and so is `call`, by which pictures are compared.
    """
    index, keys = Index(JOIN_RADIUS), [key for key, _ in _textured(known)]
    index.hold([print_ for _, print_ in _textured(known)])
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(_THREADS) as threads:
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            keys += [key for key, _ in _textured(batch)]
            found = index.add([print_ for _, print_ in _textured(batch)])
            look_at = partial(_looked_at, views, call, keys)
            looked_at = [pair for pairs in threads.map(look_at, _shares(found)) for pair in pairs]
            yield Confirmed(
                keys=[key for key, _ in batch],
                pairs=[pair for pair in looked_at if pair.twins or pair.distance <= GROUP_RADIUS],
                refused=Counter(pair.distance for pair in looked_at if not pair.twins),
            )
            progress(start + len(batch), len(new))


def confirmed_against(
    others: Sequence[tuple[str, Fingerprint]],
    new: Sequence[tuple[str, Fingerprint]],
    views: Views,
    progress: Progress = no_progress,
    call: Call = here,
) -> Iterator[tuple[Sequence[tuple[str, Fingerprint]], list[Pair]]]:
    """Look at the pairs of each new image with `others`, pixel by pixel; give each batch and its pairs of twins.

    The others are the older ones of the pairs. `views` and `call` are asked from several threads.
    """
    held = _textured(others)
    against, keys = Against([print_ for _, print_ in held], JOIN_RADIUS), [key for key, _ in held]
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(_THREADS) as threads:
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            both = keys + [key for key, _ in _textured(batch)]
            near = against.near([print_ for _, print_ in _textured(batch)])
            found = [one._replace(newer=one.newer + len(keys)) for one in near]
            looked_at = threads.map(partial(_looked_at, views, call, both), _shares(found))
            yield batch, [pair for pairs in looked_at for pair in pairs if pair.twins]
            progress(start + len(batch), len(new))


def _looked_at(views: Views, call: Call, keys: Sequence[str], near: Sequence[Neighbour]) -> list[Pair]:
    """Look at some neighbours; `keys` are those of their places."""
    sifted = call(sift, [_suspects(keys, one, views.sketch) for one in near])
    leads = {place: lead for place, lead in enumerate(sifted) if isinstance(lead, Lead)}
    told = {place: _told(one) for place, one in enumerate(sifted) if isinstance(one, Verdict)}
    if leads:  # few have any: looks are ten times as large
        suspects = [_suspects(keys, near[place], views.look) for place in leads]
        told |= zip(leads, call(_followed, suspects, list(leads.values())), strict=True)
    return [
        Pair(keys[one.older], keys[one.newer], one.distance, one.orientation, *told[place])
        for place, one in enumerate(near)
    ]


def _suspects(keys: Sequence[str], one: Neighbour, seen: Callable[[str], Seen]) -> Suspects[Seen]:
    return Suspects(seen(keys[one.older]), seen(keys[one.newer]), one.distance, one.orientation)


def _followed(suspects: Sequence[Suspects[Look]], leads: Sequence[Lead]) -> list[_Told]:
    return [_told(verdict) for verdict in follow(suspects, leads)]


def _told(verdict: Verdict) -> _Told:
    return verdict.confirmed, str(verdict), json.dumps(verdict.alignment) if verdict.alignment else ""


def _shares(found: Sequence[Neighbour]) -> Iterator[list[Neighbour]]:
    """Share neighbours out between threads: those of a few newer images at a time, as many at once cost less each."""
    share: list[Neighbour] = []
    newer = 0
    for _, some in groupby(found, attrgetter("newer")):
        share += some
        newer += 1
        if len(share) >= _ENOUGH or newer == _FEW:
            yield share
            share, newer = [], 0
    if share:
        yield share


def _textured(batch: Sequence[tuple[str, Fingerprint]]) -> list[tuple[str, Fingerprint]]:
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
