"""The proof that no two twins lie in different splits, from the written files alone.

An independent second opinion: it shares no code with the fingerprints and the join of the planner. Pictures are read
in full and reduced once, the reductions turned pixel by pixel and hashed as ImageHash 4.3 defines (the DCT by way of
the FFT), and every pair across splits is compared.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from negbuild.model import Progress, no_progress

THRESHOLD = 16
"""Bits of 192: at this distance or below, in any of 8 orientations, two pictures are copies."""

TEXTURE = 3.0
"""Grey levels between neighbours on a 32 x 32 reduction: below it a picture has too little in it to compare."""

DESCRIPTOR = "ImageHash 4.3 phash + dhash + dhash_vertical, 192 bits, best of 8 orientations"

_BIN = 8
_TURNS = (None, *Image.Transpose)


@dataclass(frozen=True, slots=True)
class Leak:
    """Two files of different splits that are copies of each other."""

    one: str
    other: str
    distance: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is proven of a tree: nearest distance of each picture to those of other splits, and the copies found.

    `nearest` counts pictures by that distance in bins of 8 bits; `excluded` pictures have too little texture for a
    statement; `margin` is how many bits lie between the threshold and the nearest pair.
    """

    statement: str
    descriptor: str
    threshold: int
    texture: float
    compared: int
    excluded: int
    margin: int | None
    nearest: dict[str, int]
    leaks: list[Leak]


@dataclass(frozen=True, slots=True)
class _Sketch:
    hashes: list[int]
    texture: float


def certify(root: Path, splits: Mapping[str, Sequence[str]], progress: Progress = no_progress) -> Certificate:
    """Compare all files (relative to `root`) across splits; one file may stand under one split only.

    Raises OSError where a file does not decode.
    """
    files = [(file, number) for number, split in enumerate(sorted(splits)) for file in sorted(splits[split])]
    sketches = []
    with ThreadPoolExecutor() as threads:
        for sketch in threads.map(lambda entry: _sketch(root / entry[0]), files):
            sketches.append(sketch)
            progress(len(sketches), len(files))
    kept = [
        (file, owner, sketch)
        for (file, owner), sketch in zip(files, sketches, strict=True)
        if sketch.texture >= TEXTURE
    ]
    nearest, leaks = _across(
        [file for file, _, _ in kept], [owner for _, owner, _ in kept], [one for _, _, one in kept]
    )
    return Certificate(
        statement=(
            f"no two compared pictures in different splits are within {THRESHOLD} bits of each other"
            if not leaks
            else f"copies lie in different splits, {len(leaks)} pairs of them"
        ),
        descriptor=DESCRIPTOR,
        threshold=THRESHOLD,
        texture=TEXTURE,
        compared=len(kept),
        excluded=len(files) - len(kept),
        margin=min(nearest) - THRESHOLD if nearest else None,
        nearest=_histogram(nearest),
        leaks=leaks,
    )


def _across(files: Sequence[str], owners: Sequence[int], sketches: Sequence[_Sketch]) -> tuple[list[int], list[Leak]]:
    """Compare every file with all files of other owners: its nearest distance, and the pairs that are copies."""
    upright = np.array([_words(sketch.hashes[0]) for sketch in sketches], dtype=np.uint64).reshape(-1, 3)
    owned = np.array(owners, dtype=np.int64)
    nearest: list[int] = []
    copies: dict[tuple[int, int], int] = {}
    for place, sketch in enumerate(sketches):
        foreign = owned != owned[place]
        if not foreign.any():
            continue
        distances = _distances(sketch.hashes, upright)
        nearest.append(int(distances[foreign].min()))
        for other in np.flatnonzero(foreign & (distances <= THRESHOLD)):
            pair = (min(place, int(other)), max(place, int(other)))
            copies[pair] = min(int(distances[other]), copies.get(pair, THRESHOLD))
    leaks = [Leak(files[one], files[other], distance) for (one, other), distance in sorted(copies.items())]
    return nearest, leaks


def _sketch(path: Path) -> _Sketch:
    with Image.open(path) as opened:
        grey = ImageOps.exif_transpose(opened).convert("L")
    small = np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS), dtype=np.int16)
    across, down = np.abs(small[:, 1:] - small[:, :-1]).mean(), np.abs(small[1:] - small[:-1]).mean()
    # Turning the picture and then reducing it gives what reducing and then turning gives: LANCZOS is symmetric.
    wide, tall = (grey.resize(size, Image.Resampling.LANCZOS) for size in ((9, 8), (8, 9)))
    square = Image.fromarray(small.astype(np.uint8))
    hashes = []
    for turn in _TURNS:
        turned = [image if turn is None else image.transpose(turn) for image in (square, wide, tall)]
        _, nine, eight = turned if turned[1].width > turned[1].height else (turned[0], turned[2], turned[1])
        hashes.append(_phash(turned[0]) << 128 | _gradient(nine, axis=1) << 64 | _gradient(eight, axis=0))
    return _Sketch(hashes, float(across + down) / 2)


def _phash(image: Image.Image) -> int:
    values = np.asarray(image, dtype=np.float64)
    low = _dct(_dct(values, axis=0)[:8], axis=1)[:, :8]
    return _number(low > np.median(low))


def _dct(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """DCT-II as the FFT of the signal and its mirror image (Makhoul 1980)."""
    values = np.moveaxis(values, axis, -1)
    length = values.shape[-1]
    spectrum = np.fft.fft(np.concatenate([values, values[..., ::-1]], axis=-1), axis=-1)[..., :length]
    shifted = np.real(spectrum * np.exp(-0.5j * np.pi * np.arange(length) / length))
    return np.moveaxis(shifted, -1, axis)


def _gradient(image: Image.Image, axis: int) -> int:
    values = np.asarray(image, dtype=np.int16)
    return _number(np.diff(values, axis=axis) > 0)


def _number(bits: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _words(number: int) -> tuple[int, int, int]:
    return number >> 128, number >> 64 & (2**64 - 1), number & (2**64 - 1)


def _distances(hashes: Sequence[int], others: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Smallest distance of any of `hashes` to each of the others, in bits."""
    turned = np.array([_words(one) for one in hashes], dtype=np.uint64)
    differing = turned[:, None, :] ^ others[None, :, :]
    return np.asarray(np.bitwise_count(differing).sum(axis=2, dtype=np.int64).min(axis=0))


def _histogram(nearest: Sequence[int]) -> dict[str, int]:
    bins = sorted({distance // _BIN for distance in nearest})
    counts = {low: sum(distance // _BIN == low for distance in nearest) for low in bins}
    return {f"{low * _BIN}-{low * _BIN + _BIN - 1}": count for low, count in counts.items()}
