"""Perceptual fingerprints: pHash, dHash and vertical dHash in all 8 orientations, computed in batches.

The hashes are those that ImageHash 4.3 defines (`phash`, `dhash`, `dhash_vertical`, 8 x 8 bits each), taken from the
grey thumbnail of `picture.inspect`. The orientations of a pHash follow from one DCT block by sign flips and a
transposition, those of the dHashes from flips of their two small grids, so that nothing is hashed eight times.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from negbuild.model import Fingerprint

VERSION = "pdv-3"
"""Changes whenever the same bytes would get other bits."""

BITS = 192

ORIENTATIONS = (
    "as is",
    "mirror",
    "flip",
    "half turn",
    "transpose",
    "quarter left",
    "quarter right",
    "transverse",
)
"""What is done to the picture before it is hashed: mirror is left-right, flip is top-bottom, quarters are turns."""

UNDOING = (0, 1, 2, 3, 4, 6, 5, 7)
"""The orientation that undoes each of them."""

_SIDE = 8
_DCT_SIDE = 32
_WEIGHTS = _DCT_SIDE + _SIDE + 1 + _SIDE
_WEIGHT_UNITS = 2.0**22  # in one; Pillow rounds the weights of a reduction to whole ones
_ROWS_AT_ONCE = 8  # so few that OpenBLAS multiplies them in the calling thread: its own ones would cost more

Codes = NDArray[np.uint64]
"""Shape (n, 8, 3): pictures, orientations, and one word for each of pHash, dHash and vertical dHash."""


def _dct_rows() -> NDArray[np.float64]:
    """First 8 rows of the unnormalised DCT-II of length 32 (Ahmed, Natarajan, Rao 1974), as scipy.fftpack.dct."""
    frequency, place = np.ogrid[:_SIDE, :_DCT_SIDE]
    return np.asarray(2.0 * np.cos(np.pi * frequency * (2 * place + 1) / (2 * _DCT_SIDE)))


_DCT = _dct_rows()


Grids = bytes
"""A picture reduced to what is hashed: 32 x 32, 8 rows of 9, and 9 rows of 8 pixels, grey, one after the other."""

_SHAPES = (_DCT_SIDE, _DCT_SIDE), (_SIDE, _SIDE + 1), (_SIDE + 1, _SIDE)  # rows and columns
_SIZES = [rows * columns for rows, columns in _SHAPES]


def grids(thumbnail: Pillow.Image) -> Grids:
    """Reduce one grey thumbnail (mode L, any size) as Pillow's LANCZOS does; threads can share this part."""
    width, height = thumbnail.size
    if height > 2 * width - _DCT_SIDE:  # Pillow 13 reduces the columns of these first, and rounds in between
        reduced = (thumbnail.resize(shape[::-1], Pillow.Resampling.LANCZOS) for shape in _SHAPES)
        return b"".join(one.tobytes() for one in reduced)
    padded = np.zeros((-(-height // _ROWS_AT_ONCE), _ROWS_AT_ONCE, width))
    padded.reshape(-1, width)[:height] = np.asarray(thumbnail)
    rows = _rounded((padded @ _weights(width)).reshape(-1, _WEIGHTS)[:height])
    down, end = _weights(height).T, _DCT_SIDE + _SIDE + 1
    square = down[:_DCT_SIDE] @ rows[:, :_DCT_SIDE]
    wide = down[end:] @ rows[:, _DCT_SIDE:end]
    tall = down[_DCT_SIDE:end] @ rows[:, end:]
    return b"".join([_rounded(grid).astype(np.uint8).tobytes() for grid in (square, wide, tall)])


@lru_cache(maxsize=512)  # 40 kB each, in most cases
def _weights(side: int) -> NDArray[np.float32]:
    """Weights by which Pillow's LANCZOS reduces a side to 32, 9 and 8 pixels: shape (side, 49).

    Pillow rounds them to multiples of 2^-22. So are these, so that sums of their products with pixels are exact, and
    equal to Pillow's, in whatever order they are made.
    """
    return np.hstack([_lanczos(side, to) for to in (_DCT_SIDE, _SIDE + 1, _SIDE)]).astype(np.float32)


def _lanczos(side: int, to: int) -> NDArray[np.float64]:
    """Weight of each pixel of a side in each it is reduced to: Lanczos with 3 lobes (Duchon 1979), normalised.

    Sines are what costs time: the second half mirrors the first.
    """
    scale = side / to
    reach = 3 * max(scale, 1.0)
    first_half = np.arange(-(-to // 2))
    centres = (first_half + 0.5) * scale
    first = np.maximum(np.trunc(centres - reach + 0.5), 0).astype(np.intp)
    end = np.minimum(np.trunc(centres + reach + 0.5), side).astype(np.intp)
    places = first[:, None] + np.arange((end - first).max())
    lobes = (places + 0.5 - centres[:, None]) / reach
    window = np.where(places < end[:, None], np.sinc(3 * lobes) * np.sinc(lobes), 0.0)
    window /= window.sum(axis=1, keepdims=True)
    weights = np.zeros((to, side + places.shape[1]))
    weights[first_half[:, None], places] = np.rint(window * _WEIGHT_UNITS) / _WEIGHT_UNITS
    weights = weights[:, :side]  # what lies beyond the side has no weight
    weights[first_half.size :] = weights[: to // 2][::-1, ::-1]
    return weights.T


def _rounded(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round sums to the levels of a pixel, halves upwards."""
    sums += 0.5
    return np.floor(sums.clip(0, 255, out=sums), out=sums)


def fingerprints(batch: Sequence[Grids]) -> list[Fingerprint]:
    """Hash reduced pictures, in order."""
    if not batch:
        return []
    levels = np.frombuffer(b"".join(batch), np.uint8).reshape(len(batch), sum(_SIZES))
    parts = np.split(levels, np.cumsum(_SIZES)[:-1], axis=1)
    squares, wide, tall = (part.reshape(-1, *shape) for part, shape in zip(parts, _SHAPES, strict=True))
    squares = squares.astype(np.float64)
    blocks = _DCT @ squares @ _DCT.T
    codes = np.stack(
        [
            np.stack([_phash(block), _dhash(rows), _dhash_vertical(columns)], axis=-1)
            for block, rows, columns in zip(_turned_blocks(blocks), *_turned_grids(wide, tall), strict=True)
        ],
        axis=1,
    )
    return [
        Fingerprint(code.astype(">u8").tobytes(), texture)
        for code, texture in zip(codes, _textures(levels), strict=True)
    ]


def texture(reduced: Grids) -> float:
    """Give the texture that the fingerprint of a reduced picture will have."""
    return _textures(np.frombuffer(reduced, np.uint8)[None])[0]


def unpack(batch: Sequence[Fingerprint]) -> Codes:
    """Lay fingerprints out for comparing: shape (n, 8, 3), native words."""
    joined = b"".join(fingerprint.codes for fingerprint in batch)
    return np.frombuffer(joined, dtype=">u8").reshape(-1, len(ORIENTATIONS), 3).astype(np.uint64)


def _textures(levels: NDArray[np.uint8]) -> list[float]:
    squares = levels[:, : _SIZES[0]].reshape(-1, *_SHAPES[0]).astype(np.float64)
    steps = np.abs(np.diff(squares, axis=1)).mean((1, 2)) + np.abs(np.diff(squares, axis=2)).mean((1, 2))
    return [round(float(step) / 2, 3) for step in steps]


def _turned_blocks(blocks: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """DCT blocks of the picture in every orientation: mirroring an axis negates its odd frequencies."""
    odd = np.where(np.arange(_SIDE) % 2, -1.0, 1.0)
    mirror, flip = blocks * odd, blocks * odd[:, None]
    half = mirror * odd[:, None]
    upright = [blocks, mirror, flip, half]
    return upright + [block.transpose(0, 2, 1) for block in (blocks, mirror, flip, half)]


def _turned_grids(
    wide: NDArray[np.uint8], tall: NDArray[np.uint8]
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """Grids of both dHashes in every orientation; transposing swaps their parts."""

    def flips(grid: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        return [grid, grid[:, :, ::-1], grid[:, ::-1], grid[:, ::-1, ::-1]]

    wides, talls = flips(wide), flips(tall)
    return (
        wides + [grid.transpose(0, 2, 1) for grid in talls],
        talls + [grid.transpose(0, 2, 1) for grid in wides],
    )


def _phash(blocks: NDArray[np.float64]) -> NDArray[np.uint64]:
    return _packed(blocks > np.median(blocks, axis=(1, 2), keepdims=True))


def _dhash(grids: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return _packed(grids[:, :, 1:] > grids[:, :, :-1])


def _dhash_vertical(grids: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return _packed(grids[:, 1:] > grids[:, :-1])


def _packed(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Row-major bits, the first one the most significant, as ImageHash writes them."""
    return np.packbits(bits.reshape(len(bits), -1), axis=1).view(">u8").ravel().astype(np.uint64)
