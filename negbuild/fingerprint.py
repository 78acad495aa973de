"""Perceptual fingerprints: pHash, dHash and vertical dHash in all 8 orientations, computed in batches.

The hashes are those that ImageHash 4.3 defines (`phash`, `dhash`, `dhash_vertical`, 8 x 8 bits each), taken from the
grey thumbnail of `picture.inspect`. The orientations of a pHash follow from one DCT block by sign flips and a
transposition, those of the dHashes from flips of their two small grids, so that nothing is hashed eight times.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from negbuild.model import Fingerprint

VERSION = "pdv-1"
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

_SIDE = 8
_DCT_SIDE = 32

Grey = NDArray[np.uint8]

Codes = NDArray[np.uint64]
"""Shape (n, 8, 3): pictures, orientations, and one word for each of pHash, dHash and vertical dHash."""


def _dct_rows() -> NDArray[np.float64]:
    """First 8 rows of the unnormalised DCT-II of length 32 (Ahmed, Natarajan, Rao 1974), as scipy.fftpack.dct."""
    frequency, place = np.ogrid[:_SIDE, :_DCT_SIDE]
    return np.asarray(2.0 * np.cos(np.pi * frequency * (2 * place + 1) / (2 * _DCT_SIDE)))


_DCT = _dct_rows()


class Grids(NamedTuple):
    """A picture reduced to what is hashed: 32 x 32, 8 rows of 9, and 9 rows of 8 pixels, grey."""

    square: Grey
    wide: Grey
    tall: Grey


def grids(thumbnail: Pillow.Image) -> Grids:
    """Reduce one grey thumbnail (mode L, any size); this part takes the time, and threads can share it."""
    sizes = (_DCT_SIDE, _DCT_SIDE), (_SIDE + 1, _SIDE), (_SIDE, _SIDE + 1)
    return Grids(*(np.asarray(thumbnail.resize(size, Pillow.Resampling.LANCZOS)) for size in sizes))


def fingerprints(batch: Sequence[Grids]) -> list[Fingerprint]:
    """Hash reduced pictures, in order."""
    if not batch:
        return []
    squares, wide, tall = map(np.stack, zip(*batch, strict=True))
    squares = squares.astype(np.float64)
    blocks = _DCT @ squares @ _DCT.T
    codes = np.stack(
        [
            np.stack([_phash(block), _dhash(rows), _dhash_vertical(columns)], axis=-1)
            for block, rows, columns in zip(_turned_blocks(blocks), *_turned_grids(wide, tall), strict=True)
        ],
        axis=1,
    )
    steps = np.abs(np.diff(squares, axis=1)).mean((1, 2)) + np.abs(np.diff(squares, axis=2)).mean((1, 2))
    return [
        Fingerprint(code.astype(">u8").tobytes(), round(float(step) / 2, 3))
        for code, step in zip(codes, steps, strict=True)
    ]


def unpack(batch: Sequence[Fingerprint]) -> Codes:
    """Lay fingerprints out for comparing: shape (n, 8, 3), native words."""
    joined = b"".join(fingerprint.codes for fingerprint in batch)
    return np.frombuffer(joined, dtype=">u8").reshape(-1, len(ORIENTATIONS), 3).astype(np.uint64)


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
