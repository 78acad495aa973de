"""The proof that no two twins lie in different splits, from the written files alone.

An independent second opinion: it shares no code with the fingerprints and the join of the planner. Pictures are read
in full, reduced once and freed of plain borders, the reductions turned pixel by pixel and hashed as ImageHash 4.3
defines (the DCT by way of the FFT), and every pair across splits is compared, each with each: no index, no sample.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

from negbuild.borders import trimmed
from negbuild.crossing import Words, compare_all
from negbuild.model import Progress, no_progress

THRESHOLD = 16
"""Bits of 192: at this distance or below, in any of 8 orientations, two pictures are copies."""

TEXTURE = 3.0
"""Grey levels between neighbours on a 32 x 32 reduction: below it a picture has too little in it to compare."""

DESCRIPTOR = "ImageHash 4.3 phash + dhash + dhash_vertical, 192 bits, best of 8 orientations, within plain borders"

VERSION = 2
"""Of what `sketch` and the comparison give: what was kept of an earlier one is made again."""

_BIN = 8
_ORIENTATION = 0x0112  # EXIF 2.32
_TURNS = (None, *Image.Transpose)
_SIDE = 8  # of every hash

_SHORTER_SIDE = 128  # pixels that LANCZOS starts from: averages of blocks of the whole picture


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
class Sketch:
    """What is compared of a picture: 192 bits in each of 8 orientations, and its texture in grey levels."""

    hashes: list[int]
    texture: float


class Reduction(NamedTuple):
    """A grey picture reduced to what is hashed: 32 x 32, 8 rows of 9, and 9 rows of 8 pixels."""

    square: NDArray[np.uint8]
    wide: NDArray[np.uint8]
    tall: NDArray[np.uint8]


def certify(root: Path, splits: Mapping[str, Sequence[str]], progress: Progress = no_progress) -> Certificate:
    """Compare all files (relative to `root`) across splits; one file may stand under one split only.

    Raises OSError where a file does not decode.
    """
    files = sorted(file for split in splits.values() for file in split)
    sketches: dict[str, Sketch] = {}
    with ThreadPoolExecutor() as threads:
        for file, one in zip(files, threads.map(lambda file: sketch(root / file), files), strict=True):
            sketches[file] = one
            progress(len(sketches), len(files))
    return certify_sketches(splits, sketches)


def certify_sketches(splits: Mapping[str, Sequence[str]], sketches: Mapping[str, Sketch]) -> Certificate:
    """Compare all files across splits by what `sketch` gave of them."""
    kept = {
        split: [file for file in sorted(splits[split]) if sketches[file].texture >= TEXTURE] for split in sorted(splits)
    }
    compared = sum(map(len, kept.values()))
    nearest, leaks = _across(kept, sketches)
    return Certificate(
        statement=(
            f"no two compared pictures in different splits are within {THRESHOLD} bits of each other"
            if not leaks
            else f"copies lie in different splits, {len(leaks):,} {'pair' if len(leaks) == 1 else 'pairs'} of them"
        ),
        descriptor=DESCRIPTOR,
        threshold=THRESHOLD,
        texture=TEXTURE,
        compared=compared,
        excluded=sum(map(len, splits.values())) - compared,
        margin=min(nearest) - THRESHOLD if nearest else None,
        nearest=_histogram(nearest),
        leaks=leaks,
    )


def _across(kept: Mapping[str, Sequence[str]], sketches: Mapping[str, Sketch]) -> tuple[list[int], list[Leak]]:
    """Compare every file with all files of other splits: its nearest distance, and the pairs that are copies."""
    words = {split: _words([sketches[file].hashes for file in files]) for split, files in kept.items() if files}
    if len(words) <= 1:
        return [], []
    nearest, copies = compare_all(words, THRESHOLD)
    leaks = [Leak(kept[one.group][one.place], kept[other.group][other.place], far) for one, other, far in copies]
    return nearest, sorted(leaks, key=lambda leak: (leak.one, leak.other))


def _words(hashes: Sequence[Sequence[int]]) -> Words:
    data = b"".join(one.to_bytes(3 * _SIDE, "big") for turned in hashes for one in turned)
    words = np.frombuffer(data, dtype=">u8").reshape(-1, len(_TURNS), 3)
    return np.ascontiguousarray(words.transpose(1, 2, 0).astype(np.uint64))


def sketch(file: Path | IO[bytes]) -> Sketch:
    """Reduce a picture to what is compared; raises OSError where it does not decode."""
    with Image.open(file) as opened:
        return sketches([reduction(grey(opened))])[0]


def grey(opened: ImageFile) -> Image.Image:
    """Decode a picture in full, and give its grey levels, upright; those of most JPEGs are stored as such."""
    if opened.format in {"JPEG", "MPO"} and opened.mode == "RGB" and not _is_rgb_inside(opened):
        opened.draft("YCbCr", None)  # what is lost in between otherwise is half of the time
    opened.load()
    levels = opened.getchannel(0) if opened.mode == "YCbCr" else opened.convert("L")
    return levels if opened.getexif().get(_ORIENTATION, 1) == 1 else ImageOps.exif_transpose(levels)


def _is_rgb_inside(jpeg: ImageFile) -> bool:
    """Whether a JPEG of three colours is stored without luminance, as libjpeg tells it."""
    components = bytes(layer[0] for layer in getattr(jpeg, "layer", []))
    return "jfif" not in jpeg.info and (jpeg.info.get("adobe_transform") == 0 or components == b"RGB")


def reduction(grey: Image.Image) -> Reduction:
    """Reduce a picture, upright and in mode L, of which every pixel counts, as Pillow's LANCZOS does."""
    small = np.asarray(trimmed(grey.reduce(max(1, min(grey.size) // _SHORTER_SIDE))))
    across, down = _lanczos(small.shape[1]), _lanczos(small.shape[0])
    padded = np.pad(small, ((0, -len(small) % _SIDE), (0, 0))).astype(np.float32)
    # So few rows at once that OpenBLAS multiplies them in this thread: its own cost more.
    rows = _levels((padded.reshape(-1, _SIDE, small.shape[1]) @ across).reshape(-1, across.shape[1])[: len(small)])
    square, eight, nine = (slice(0, 32), slice(32, 40), slice(40, 49))
    parts = ((square, square), (eight, nine), (nine, eight))
    return Reduction(*(_levels(down[:, tall].T @ rows[:, wide]).astype(np.uint8) for tall, wide in parts))


@lru_cache(maxsize=1024)  # 40 kB each, in most cases
def _lanczos(side: int) -> NDArray[np.float32]:
    """Weights of each pixel of a side in the 32, 8 and 9 it is reduced to, shape (side, 49), as Pillow tells them."""
    impulses = Image.fromarray(np.eye(side, dtype=np.float32))
    return np.hstack([np.asarray(impulses.resize((to, side), Image.Resampling.LANCZOS)) for to in (32, 8, 9)])


def _levels(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.rint(np.clip(values, 0, 255))


def sketches(batch: Sequence[Reduction]) -> list[Sketch]:
    """Hash reduced pictures in all orientations, in order; the first orientation is the picture as it is."""
    if not batch:
        return []
    square, wide, tall = map(np.stack, zip(*batch, strict=True))
    level = square.astype(np.int16)
    textures = np.abs(np.diff(level, axis=1)).mean((1, 2)) + np.abs(np.diff(level, axis=2)).mean((1, 2))
    codes = []
    for turn in _TURNS:
        # Turning the picture and then reducing it gives what reducing and then turning gives: LANCZOS is symmetric.
        nine, eight = _turned(wide, turn), _turned(tall, turn)
        if nine.shape[2] < eight.shape[2]:
            nine, eight = eight, nine
        codes.append(np.hstack([_phashes(_turned(square, turn)), _steps(nine, axis=2), _steps(eight, axis=1)]))
    return [
        Sketch([int.from_bytes(code[place].tobytes(), "big") for code in codes], float(textures[place]) / 2)
        for place in range(len(batch))
    ]


def _turned(pictures: NDArray[np.uint8], turn: Image.Transpose | None) -> NDArray[np.uint8]:
    """Turn pixels, shape (n, rows, columns), as Pillow turns a picture."""
    match turn:
        case None:
            return pictures
        case Image.Transpose.FLIP_LEFT_RIGHT:
            return pictures[:, :, ::-1]
        case Image.Transpose.FLIP_TOP_BOTTOM:
            return pictures[:, ::-1]
        case Image.Transpose.TRANSPOSE:
            return pictures.swapaxes(1, 2)
        case Image.Transpose.TRANSVERSE:
            return pictures[:, ::-1, ::-1].swapaxes(1, 2)
    quarters = {Image.Transpose.ROTATE_90: 1, Image.Transpose.ROTATE_180: 2, Image.Transpose.ROTATE_270: 3}
    return np.rot90(pictures, quarters[turn], axes=(1, 2))


def _phashes(squares: NDArray[np.uint8]) -> NDArray[np.uint8]:
    low = _dct(_dct(squares.astype(np.float64), axis=1)[:, :_SIDE], axis=2)[:, :, :_SIDE]
    return _packed(low > np.median(low, axis=(1, 2), keepdims=True))


def _dct(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """DCT-II as the FFT of the even values followed by the odd ones backwards (Makhoul 1980); its first half."""
    values = np.moveaxis(values, axis, -1)
    ordered = np.concatenate([values[..., ::2], values[..., ::-1][..., ::2]], axis=-1)
    spectrum = np.fft.rfft(ordered, axis=-1)
    turn = np.exp(-0.5j * np.pi * np.arange(spectrum.shape[-1]) / values.shape[-1])
    return np.moveaxis(np.real(spectrum * turn), -1, axis)


def _steps(grids: NDArray[np.uint8], axis: int) -> NDArray[np.uint8]:
    return _packed(np.diff(grids.astype(np.int16), axis=axis) > 0)


def _packed(bits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.packbits(bits.reshape(len(bits), -1), axis=1)


def _histogram(nearest: Sequence[int]) -> dict[str, int]:
    bins = sorted({distance // _BIN for distance in nearest})
    counts = {low: sum(distance // _BIN == low for distance in nearest) for low in bins}
    return {f"{low * _BIN}-{low * _BIN + _BIN - 1}": count for low, count in counts.items()}
