"""The hashes of ImageHash on whole pictures, for comparing with what other tools find. Bytes in, bits out.

negbuild's own way is `fingerprint.py`; here nothing is turned, trimmed or composited: each picture is opened and given
to the library as its own documentation does. The library is the extra `hashes`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from negbuild.errors import UsageError
from negbuild.model import Skip, SkipReason
from negbuild.picture import Limits, inspect

_ANY_SIZE = Limits(min_side=1, first_frame=True)
_SIDES, _BIN_BITS = range(2, 65), range(1, 9)


class Algorithm(StrEnum):
    """The hashes that can be asked for, by the names that people use."""

    PHASH = "phash"
    DHASH = "dhash"
    AHASH = "ahash"
    WHASH = "whash"
    COLORHASH = "colorhash"
    CROP_RESISTANT = "crop-resistant"

    @property
    def usual_size(self) -> int:
        """What ImageHash takes where nobody says: the side of the hash, for `colorhash` the bits of each bin."""
        return 3 if self is Algorithm.COLORHASH else 8


@dataclass(frozen=True, slots=True, eq=False)
class Hash:
    """A picture's hash: shape (segments, bits), one segment but for `crop-resistant`; `text` as ImageHash writes it."""

    bits: NDArray[np.bool_]
    text: str


Hashing = Callable[[bytes], Hash | Skip]


def hashing(algorithm: Algorithm, size: int) -> Hashing:
    """Return what hashes the bytes of a picture; raises UsageError where the library or such a hash is missing."""
    sizes = _BIN_BITS if algorithm is Algorithm.COLORHASH else _SIDES
    if size not in sizes:
        raise UsageError(f"--hash-size {size}: {algorithm} takes {sizes.start} to {sizes.stop - 1}")
    if algorithm is Algorithm.WHASH and size & (size - 1):
        raise UsageError(f"--hash-size {size}: whash takes powers of two; try 8 or 16")
    try:
        import imagehash
    except ImportError:
        raise UsageError(f'--hash {algorithm}: needs ImageHash; run: pip install "negbuild[hashes]"') from None
    functions: dict[Algorithm, Callable[[Pillow.Image], Any]] = {
        Algorithm.PHASH: partial(imagehash.phash, hash_size=size),
        Algorithm.DHASH: partial(imagehash.dhash, hash_size=size),
        Algorithm.AHASH: partial(imagehash.average_hash, hash_size=size),
        Algorithm.WHASH: partial(imagehash.whash, hash_size=size),
        Algorithm.COLORHASH: partial(imagehash.colorhash, binbits=size),
        Algorithm.CROP_RESISTANT: partial(
            imagehash.crop_resistant_hash, hash_func=partial(imagehash.dhash, hash_size=size)
        ),
    }
    return partial(_hashed, functions[algorithm])


def _hashed(function: Callable[[Pillow.Image], Any], data: bytes) -> Hash | Skip:
    checked = inspect(data, _ANY_SIZE)
    if isinstance(checked, Skip) and checked.reason is not SkipReason.FLAT:  # other tools hash flat pictures too
        return checked
    try:
        with Pillow.open(BytesIO(data)) as image:
            found = function(image)
    except (OSError, ValueError, AssertionError) as error:  # too small for a wavelet, or a mode the library cannot turn
        return Skip(SkipReason.UNREADABLE, str(error))
    segments = getattr(found, "segment_hashes", [found])
    return Hash(np.stack([np.asarray(one.hash, dtype=np.bool_).ravel() for one in segments]), str(found))


def near(hashes: Sequence[Hash], distance: int) -> Iterator[tuple[int, int, int]]:
    """Give all pairs at most `distance` bits apart, by places, each with its distance.

    Of hashes with several segments the two nearest count, as in `ImageMultiHash.matches` with `hamming_cutoff`.
    """
    if not hashes:
        return
    owner = np.repeat(np.arange(len(hashes)), [len(one.bits) for one in hashes])
    ends = np.searchsorted(owner, np.arange(len(hashes) + 1)).tolist()
    words = _words(np.concatenate([one.bits for one in hashes]))
    for place in range(1, len(hashes)):
        before = words[: ends[place]]
        least = np.full(place, np.iinfo(np.int64).max)
        for segment in words[ends[place] : ends[place + 1]]:
            differing = np.bitwise_count(before ^ segment).sum(axis=1, dtype=np.int64)
            np.minimum(least, np.minimum.reduceat(differing, ends[:place]), out=least)
        for other in np.flatnonzero(least <= distance).tolist():
            yield other, place, int(least[other])


def _words(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Pack rows of bits into whole words, filled with zeros."""
    missing = -bits.shape[1] % 64
    return np.packbits(np.pad(bits, ((0, 0), (0, missing))), axis=1).view(np.uint64)
