"""Pictures too plain for fingerprints are copies only where every pixel is equal, at full size. Pure functions."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping

from negbuild.model import Fingerprint, Image, Pair
from negbuild.picture import normalised
from negbuild.twins import PLAIN_TEXTURE

EQUAL = "every pixel equal"
"""Reason of such twins."""

EXACT_TEXTURE = PLAIN_TEXTURE + 0.25
"""Below it pictures are compared by their pixels: a reduced JPEG has some 0.05 more or less texture than its pixels
in another format, so that of two equals one may just not be plain."""

DECODING_AT_ONCE = 4
"""Threads that make pixels: each holds a whole picture."""

PixelsOf = Callable[[Collection[str], Collection[str]], Mapping[str, str]]
"""Gives the pixels of those images that have one of some sizes."""

_AS_IT_LIES = json.dumps(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))


def pixels(data: bytes, image: Image) -> str:
    """Give what tells the pixels of a checked picture from all others: its size and a SHA-256.

    They are upright, 8-bit RGB and on white, as datasets get them. Raises what `picture.normalised` raises.
    """
    picture = normalised(data, max(image.width, image.height))
    return f"{size(image)} {hashlib.sha256(picture.tobytes()).hexdigest()}"


def size(image: Image) -> str:
    """Width and height as they begin what `pixels` gives."""
    return f"{image.width}x{image.height}"


def sizes(some: Iterable[str]) -> set[str]:
    """Give the sizes of what `pixels` gave."""
    return {one.partition(" ")[0] for one in some}


def exact(prints: Iterable[tuple[str, Fingerprint]]) -> dict[str, bool]:
    """Name the pictures to be compared by their pixels, in order; of each whether its pixels alone can tell."""
    return {key: print_.texture < PLAIN_TEXTURE for key, print_ in prints if print_.texture < EXACT_TEXTURE}


def equal_pairs(plain: Mapping[str, bool], pixels_of: Mapping[str, str]) -> list[Pair]:
    """Pair pictures of equal pixels, those of `exact`; the first plain one of them stands for all (see `equals`).

    Two that are not plain are left to their fingerprints, which find them.
    """
    order, same = {key: place for place, key in enumerate(plain)}, dict[str, list[str]]()
    for key in plain:
        if key in pixels_of:
            same.setdefault(pixels_of[key], []).append(key)
    return [
        Pair(
            older=min(first, other, key=order.__getitem__),
            newer=max(first, other, key=order.__getitem__),
            distance=0,
            orientation=0,
            twins=True,
            reason=EQUAL,
            alignment=_AS_IT_LIES,
        )
        for keys in same.values()
        if (first := next((key for key in keys if plain[key]), None))
        for other in keys
        if other != first
    ]


def shared_sizes(images: Mapping[str, Image], new: Iterable[str]) -> set[str]:
    """Sizes that a new image has in common with another one: of no other one can the pixels be equal."""
    counts = dict[str, int]()
    for image in images.values():
        counts[size(image)] = counts.get(size(image), 0) + 1
    return {size(images[key]) for key in new if counts[size(images[key])] > 1}
