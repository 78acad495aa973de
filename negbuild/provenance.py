"""What the places that pictures came from tell about them: bursts of one author, and placeholders. Pure functions."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from negbuild.addresses import host_of
from negbuild.fingerprint import unpack
from negbuild.model import Fingerprint

BURST_RADIUS = 48
"""Bits of 192 up to which two pictures of one author on one source belong together: the next shot of one scene.

Of unrelated photographs of the web 18 in a million pairs are that near, so that the pictures of one author stay apart.
"""

BURST_TEXTURE = 3.0
"""Mean step between neighbouring pixels, in grey levels, below which fingerprints are no sign of one scene."""

FEWEST_ADDRESSES = 5
"""Addresses of one host, each of another owner, from which the same bytes are a placeholder: "no longer available".

What two or three people post once more is none, however many hosts have it, nor what one author has on many pages.
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where an image was seen: source, address, page and author, as far as the source states them."""

    sha256: str
    source: str
    url: str
    page: str
    author: str
    author_url: str

    @property
    def creator(self) -> str:
        """Who made it, as the source tells authors apart; empty where it does not say."""
        return self.author_url or self.author


def placeholders(sightings: Iterable[Sighting]) -> dict[str, int]:
    """Images that a host hands out in the place of others, each with the number of its addresses there."""
    addresses: dict[tuple[str, str], set[str]] = defaultdict(set)
    owners: dict[tuple[str, str], set[str]] = defaultdict(set)
    sightings = list(sightings)
    times = Counter(one.sha256 for one in sightings)
    for one in sightings:
        if times[one.sha256] >= FEWEST_ADDRESSES and (host := host_of(one.url)):
            addresses[one.sha256, host].add(one.url)
            owners[one.sha256, host].add(one.creator or one.page or one.url)
    found: Counter[str] = Counter()
    for (sha256, host), urls in addresses.items():
        found[sha256] = max(found[sha256], min(len(urls), len(owners[sha256, host])))
    return {sha256: number for sha256, number in found.items() if number >= FEWEST_ADDRESSES}


def bursts(sightings: Iterable[Sighting], prints: Mapping[str, Fingerprint]) -> list[tuple[str, str]]:
    """Edges between pictures of one author on one source that look like shots of one scene, as they lie."""
    works: dict[tuple[str, str], dict[str, Fingerprint]] = defaultdict(dict)
    for one in sightings:
        print_ = prints.get(one.sha256)
        if one.creator and print_ and print_.texture >= BURST_TEXTURE:
            works[one.source, one.creator][one.sha256] = print_
    return [edge for own in works.values() if len(own) > 1 for edge in _near(own)]


def _near(works: Mapping[str, Fingerprint]) -> list[tuple[str, str]]:
    edges, first = [], dict[bytes, str]()
    for sha256, print_ in works.items():
        equal = first.setdefault(print_.codes, sha256)
        if equal != sha256:
            edges.append((equal, sha256))
    keys = list(first.values())
    words = unpack([works[key] for key in keys])[:, 0]
    for place in range(1, len(keys)):
        distances = np.bitwise_count(words[:place] ^ words[place]).sum(axis=1, dtype=np.uint8)
        edges += [(keys[other], keys[place]) for other in np.flatnonzero(distances <= BURST_RADIUS)]
    return edges
