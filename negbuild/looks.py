"""What confirmation keeps of a picture: a small grey square, its plain borders, and its contrast evened out.

Pure numpy on the thumbnail of `picture.inspect`; about 10 kB a picture, of which its sketch is 1 kB.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from negbuild.fingerprint import VERSION as THUMBNAILS
from negbuild.model import PackedSketch
from negbuild.registration import Array

VERSION = f"{THUMBNAILS} lk-1"
"""Changes whenever the same picture would get another look, or another sketch."""

SIDE = 96
"""Pixels a side; the picture is squeezed into a square, and alignments count in fractions of its sides."""

ROUGH_SIDE = 32
BLOCK = 16
TEXTURE, CORNERS = 3.0, 1.5
"""Grey levels from which a block has something to compare: its deviation about its best plane, and the steps from pixel
to pixel along the direction in which they are smallest (Shi and Tomasi 1994), which a mere edge does not have."""

_LOOKS = 20_000  # of 10 kB each
_FRAME = 15  # pixels of 96 that a border may be wide
_FRAME_DEVIATION, _FRAME_PEAK = 2.5, 25  # grey levels about its median, on average and at most
_NOISE = 3.0  # grey levels: contrast below it is not amplified
_CLIP = 2.0
_FINE_SIGMA, _ROUGH_SIGMA = 3.0, 2.0
_NO_WEIGHT = 1e-12  # changes no level; processors take a hundred times as long for denormal numbers
_STEPS = 63  # int8 steps a unit of evened contrast


@dataclass(frozen=True, slots=True)
class Frame:
    """The rectangle inside plain borders: first and last + 1 row and column, of a square of 96."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """What tells most pairs of pictures apart, 1 kB: evened contrast in 32 x 32 for the rough alignment.

    `textured` counts the blocks (of 36) with detail.
    """

    rough: NDArray[np.int8]
    aspect: float
    textured: int

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle it in a fifth of the time that dataclasses take: it goes from process to process with its pair."""
        return _sketched, self.packed()

    def packed(self) -> PackedSketch:
        """Plain values to keep it as."""
        return self.rough.tobytes(), self.aspect, self.textured


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One picture as confirmation sees it."""

    sketch: Sketch
    grey: NDArray[np.uint8]
    frame: Frame

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle it as quickly."""
        frame = self.frame.top, self.frame.bottom, self.frame.left, self.frame.right
        return _restored, (self.sketch, self.grey.tobytes(), frame)


def _sketched(rough: bytes, aspect: float, textured: int) -> Sketch:
    return Sketch(np.frombuffer(rough, np.int8).reshape(ROUGH_SIDE, ROUGH_SIDE), aspect, textured)


def _restored(sketch: Sketch, grey: bytes, frame: tuple[int, int, int, int]) -> Look:
    return Look(sketch, np.frombuffer(grey, np.uint8).reshape(SIDE, SIDE), Frame(*frame))


LookOf = Callable[[str], Look]
"""Prepares the picture with this key for confirmation."""

Kept = Callable[[], Iterable[Iterable[tuple[str, PackedSketch]]]]
"""Reads the sketches that are kept from before, by the keys of their pictures, some at a time."""


class Views:
    """Sketches (as plain values) and looks of pictures by their keys; several threads may ask.

    Looks are prepared once, and in the end make way for others; a sketch is for who asks to remember.
    """

    def __init__(self, look_of: LookOf, kept: Kept = tuple) -> None:
        """Make what is not `kept`."""
        self.kept = kept
        self._made: dict[str, PackedSketch] = {}
        self._seen = lru_cache(maxsize=_LOOKS)(look_of)
        self._turn = lru_cache(maxsize=_LOOKS)(lambda _key: Lock())

    def look(self, key: str) -> Look:
        """Give the look of a picture."""
        with self._turn(key):  # of threads that ask for the same one at once, one prepares it
            return self._seen(key)

    def sketch(self, key: str) -> PackedSketch:
        """Make the sketch of a picture."""
        sketch = self._made[key] = self.look(key).sketch.packed()
        return sketch

    def newly_made(self) -> dict[str, PackedSketch]:
        """Sketches made since the last time that this was asked; other threads may be making more."""
        return dict(self._made.popitem() for _ in range(len(self._made)))


def look(thumbnail: Pillow.Image) -> Look:
    """Prepare one grey thumbnail (mode L, any size) for confirmation."""
    grey = np.asarray(thumbnail.resize((SIDE, SIDE), Pillow.Resampling.LANCZOS))
    levels = grey.astype(np.float32)
    frame = _frame(levels)
    step = SIDE // ROUGH_SIDE
    inner = Frame(-(-frame.top // step), frame.bottom // step, -(-frame.left // step), frame.right // step)
    rough = np.rint(_evened(_reduced(levels, step), inner, _ROUGH_SIGMA) * _STEPS).astype(np.int8)
    detailed = has_detail(above_planes(blocks(levels[None])))
    return Look(Sketch(rough, thumbnail.width / thumbnail.height, int(detailed.sum())), grey, frame)


def contrast(rough: NDArray[np.int8]) -> Array:
    """Evened contrast of sketches as it was before it was rounded."""
    return rough.astype(np.float32) / np.float32(_STEPS)


def fine(looked: Look) -> Array:
    """Evened contrast in 96 x 96, for the fine alignment."""
    return _evened(looked.grey.astype(np.float32), looked.frame, _FINE_SIGMA)


def within_frame(looked: Look) -> Array:
    """One inside the frame, zero on the borders: shape (96, 96)."""
    return _rectangle(SIDE, looked.frame)


def blocks(squares: Array) -> Array:
    """Cut squares (n, 96, 96) or (n, 9216) into 36 blocks: shape (n, 36, 256)."""
    across = SIDE // BLOCK
    cut = squares.reshape(len(squares), across, BLOCK, across, BLOCK)
    return cut.transpose(0, 1, 3, 2, 4).reshape(len(squares), across * across, BLOCK * BLOCK)


def has_detail(cut: Array, seen: Array | None = None) -> NDArray[np.bool_]:
    """Say which blocks above their planes have something to compare, in both directions: shape (n, 36).

    Pixels are `seen` (1) or not (0); without it all are, here and below.
    """
    pixels = BLOCK * BLOCK if seen is None else np.maximum(seen.sum(axis=-1), 1)
    deviation = np.sqrt(np.square(cut).sum(axis=-1) / pixels)
    return np.asarray((deviation > TEXTURE) & (smallest_steps(cut, seen) / np.sqrt(pixels) > CORNERS))


def smallest_steps(cut: Array, seen: Array | None = None) -> Array:
    """Root of the smaller eigenvalue of each block's structure tensor."""
    square = cut.reshape(*cut.shape[:2], BLOCK, BLOCK)
    right, down = square[..., 1:] - square[..., :-1], square[..., 1:, :] - square[..., :-1, :]
    if seen is not None:
        valid = seen.reshape(square.shape)
        right *= valid[..., 1:] * valid[..., :-1]
        down *= valid[..., 1:, :] * valid[..., :-1, :]
    right, down = (right[..., 1:, :] + right[..., :-1, :]) / 2, (down[..., 1:] + down[..., :-1]) / 2
    across, along, mixed = (np.einsum("nbyx,nbyx->nb", *two) for two in ((right, right), (down, down), (right, down)))
    least = (across + along - np.sqrt(np.square(across - along) + 4 * np.square(mixed))) / 2
    return np.asarray(np.sqrt(np.maximum(least, 0)), dtype=np.float32)


def above_planes(cut: Array, seen: Array | None = None) -> Array:
    """Take the best-fitting plane out of each block, over the pixels that are seen; the others become zero."""
    basis = _plane_basis()
    normal = _whole_normal() if seen is None else _normal(seen)
    plane = np.linalg.solve(normal, ((cut if seen is None else cut * seen) @ basis)[..., None])[..., 0]
    above = cut - plane @ basis.T
    return np.asarray(above if seen is None else above * seen, dtype=np.float32)


def _frame(levels: Array) -> Frame:
    sides = levels, levels[::-1], levels.T, levels.T[::-1]
    edges = np.array([side[0] for side in sides])
    steps = edges.max(axis=1) - edges.min(axis=1)
    # The edges of most photographs have too many levels.
    top, bottom, left, right = (
        _plain_run(side[:_FRAME]) if step <= 2 * _FRAME_PEAK else 0 for side, step in zip(sides, steps, strict=True)
    )
    return Frame(top, len(levels) - bottom, left, len(levels) - right)


def _plain_run(rows: Array) -> int:
    """How many rows from the first are one even level, and one more that the edge blurs into."""
    level = np.sort(rows[0])[(SIDE - 1) // 2 : SIDE // 2 + 1].mean()  # the median; numpy's own takes ten times as long
    if np.abs(rows[0] - level).mean() >= _FRAME_DEVIATION:  # as of many a sky
        return 0
    off = np.abs(rows - level)
    plain = (off.mean(axis=1) < _FRAME_DEVIATION) & (off.max(axis=1) < _FRAME_PEAK)
    run = len(rows) if plain.all() else int(plain.argmin())
    return run + 1 if run else 0


def _reduced(levels: Array, step: int) -> Array:
    """Average squares of so many pixels a side; sums of whole levels are exact in whatever order."""
    rows = sum((levels[place::step] for place in range(1, step)), start=levels[::step])
    squares = sum((rows[:, place::step] for place in range(1, step)), start=rows[:, ::step])
    return np.asarray(squares / np.float32(step * step), dtype=np.float32)


def _evened(levels: Array, frame: Frame, sigma: float) -> Array:
    """Subtract the local mean and divide by the local deviation, both within the frame; zero on the borders.

    What is clipped here, the edge of a caption or of a sticker, weighs no more than the rest.
    """
    side = len(levels)
    down = _smoother(side, sigma, frame.top, frame.bottom)
    across = _smoother(side, sigma, frame.left, frame.right).T
    detail = (levels - down @ levels @ across) * _rectangle(side, frame)
    deviation = np.sqrt(down @ (detail * detail) @ across + np.float32(_NOISE * _NOISE))
    return np.clip(detail / deviation, -_CLIP, _CLIP).astype(np.float32)


def _rectangle(side: int, frame: Frame) -> Array:
    rectangle = np.zeros((side, side), dtype=np.float32)
    rectangle[frame.top : frame.bottom, frame.left : frame.right] = 1
    return rectangle


@cache
def _smoother(side: int, sigma: float, first: int, end: int) -> Array:
    """Gaussian smoothing along one axis as a matrix, from the places `first` to `end` alone."""
    place = np.arange(side)
    weights = np.exp(-0.5 * np.square((place[:, None] - place) / sigma))
    weights[:, :first] = weights[:, end:] = 0
    weights[weights < _NO_WEIGHT] = 0
    smoother: Array = (weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return smoother


def _normal(seen: Array) -> Array:
    """Left sides of the normal equations of planes over the pixels that are seen: shape (n, 36, 3, 3)."""
    basis = _plane_basis()
    products = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1)
    normal: Array = (seen @ products).reshape(*seen.shape[:-1], 3, 3) + 1e-4 * np.eye(3, dtype=np.float32)
    return normal


@cache
def _whole_normal() -> Array:
    """Left side of those of a block that is seen as a whole: shape (3, 3)."""
    whole: Array = _normal(np.ones((1, BLOCK * BLOCK), dtype=np.float32))[0]
    return whole


@cache
def _plane_basis() -> Array:
    """Three orthonormal vectors that span the planes over a block: shape (256, 3)."""
    down, right = np.mgrid[:BLOCK, :BLOCK]
    planes = np.stack([np.ones(BLOCK * BLOCK), right.ravel(), down.ravel()], axis=1)
    basis: Array = np.linalg.qr(planes)[0].astype(np.float32)
    return basis
