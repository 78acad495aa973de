"""Cut-outs laid on other backgrounds, seams of several kinds, so that no seam becomes the clue. Pure functions.

Dwibedi, Misra and Hebert, "Cut, Paste and Learn" (2017): a detector learns the artefacts of one way of pasting; several
blendings of the same paste leave it nothing to learn from them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from negbuild.edges import Pixels
from negbuild.picture import normalised

Alpha = NDArray[np.uint8]
"""What of a picture belongs to the thing: 0 to 255, shape (height, width)."""

BLENDINGS = ("none", "gaussian", "box", "poisson")

_SEEN, _LEAST, _MOST = 128, 0.005, 0.995  # levels of alpha, and parts of the picture
_SMALLEST, _LARGEST = 0.25, 0.9  # longer side of the thing, in shorter sides of the background
_ENLARGED = 1.5  # at most: what was enlarged more is soft, and gives itself away
_SEAM = 0.15  # of the shorter side: how far the background's colours reach in
_ROOM = 0.5  # of the longer side, round about a thing that will be turned
_WAVES = 5


@dataclass(frozen=True, slots=True)
class Cut:
    """A thing without its background: RGB with colours beyond its outline too, and what belongs to it."""

    pixels: Pixels
    alpha: Alpha


@dataclass(frozen=True, slots=True)
class Paste:
    """A background, and what is laid on it, which may depend on the seed."""

    background: Pixels
    cut: Callable[[int], Cut]

    def onto(self, pixels: Pixels, alpha: Alpha, seed: int) -> Pixels:
        """Lay a drawn cut-out on the background: size, place and blending are drawn too."""
        draw = np.random.default_rng([seed, 1])
        sized = _sized(_trimmed(Cut(pixels, alpha)), self.background.shape[:2], draw)
        free = [outer - inner for outer, inner in zip(self.background.shape[:2], sized.alpha.shape, strict=True)]
        row, column = (int(draw.integers(0, room + 1)) for room in free)
        return _BLEND[BLENDINGS[draw.integers(len(BLENDINGS))]](self.background, sized, row, column, draw)


def cut_out(data: bytes, mask: bytes | None, side: int) -> Cut | None:
    """Cut the thing out by its transparent background, or by a mask (white: the thing), at most `side` pixels long.

    None: the picture has neither, or nothing is left of it, or all. Raises OSError where bytes do not decode.
    """
    with Pillow.open(BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened)
        if mask is not None:
            with Pillow.open(BytesIO(mask)) as drawn:
                layers = upright.convert("RGB")
                layers.putalpha(drawn.convert("L").resize(layers.size, Pillow.Resampling.BILINEAR))
        elif upright.has_transparency_data:
            layers = upright.convert("RGBA")
        else:
            return None
    layers.thumbnail((side, side), Pillow.Resampling.LANCZOS)
    values = np.array(layers)
    share = float((values[..., 3] >= _SEEN).mean())
    if not _LEAST < share < _MOST:
        return None
    trimmed = _trimmed(Cut(values[..., :3], values[..., 3]))
    return _with_room(Cut(_bled(trimmed), trimmed.alpha))


def piece(data: bytes, side: int) -> Callable[[int], Cut]:
    """Cut pieces with a random outline from a picture that has none of its own; the seed draws which."""
    picture = np.asarray(normalised(data, side))

    def cut(seed: int) -> Cut:
        draw = np.random.default_rng([seed, 2])
        height, width = picture.shape[:2]
        tall, wide = (max(2, round(length * draw.uniform(0.35, 0.8))) for length in (height, width))
        row, column = int(draw.integers(0, height - tall + 1)), int(draw.integers(0, width - wide + 1))
        return _with_room(Cut(picture[row : row + tall, column : column + wide], _outline(tall, wide, draw)))

    return cut


def _outline(height: int, width: int, draw: np.random.Generator) -> Alpha:
    """Draw a smooth closed line about the middle: a radius with a few waves of random phase."""
    import cv2

    around = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    radius = np.ones_like(around)
    for wave in range(2, 2 + _WAVES):
        radius += draw.normal(0, 0.25 / wave) * np.cos(wave * around + draw.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.3, None) / radius.max()
    points = np.stack([width / 2 * (1 + radius * np.cos(around)), height / 2 * (1 + radius * np.sin(around))], axis=1)
    alpha = np.zeros((height, width), dtype=np.uint8)
    cv2.fillPoly(alpha, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return alpha


def _trimmed(cut: Cut) -> Cut:
    """Cut the empty borders off."""
    seen = cut.alpha >= _SEEN
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):  # moved out of sight; the child will be too like its background, and drawn again
        return Cut(cut.pixels[:1, :1], cut.alpha[:1, :1])
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Cut(np.ascontiguousarray(cut.pixels[box]), np.ascontiguousarray(cut.alpha[box]))


def _bled(cut: Cut) -> Pixels:
    """Carry the thing's own colours over its outline, where files often hold black or white: no fringe is left."""
    import cv2

    weight = (cut.alpha.astype(np.float32) / 255)[..., None]
    size = (max(cut.alpha.shape) // 8) | 1
    sums = cv2.blur(cut.pixels * weight, (size, size))
    counts = cv2.blur(weight, (size, size))[..., None]
    mean = (cut.pixels * weight).sum(axis=(0, 1)) / np.maximum(weight.sum(), 1e-6)
    near = np.where(counts > 1e-3, sums / np.maximum(counts, 1e-3), mean)  # noqa: PLR2004
    return np.rint(np.where(weight > 0, cut.pixels, near)).astype(np.uint8)


def _with_room(cut: Cut) -> Cut:
    import cv2

    room = round(max(cut.alpha.shape) * _ROOM)
    pixels = cv2.copyMakeBorder(cut.pixels, room, room, room, room, cv2.BORDER_REPLICATE)
    alpha = cv2.copyMakeBorder(cut.alpha, room, room, room, room, cv2.BORDER_CONSTANT, value=0)
    return Cut(np.asarray(pixels, dtype=np.uint8), np.asarray(alpha, dtype=np.uint8))


def _sized(cut: Cut, background: tuple[int, ...], draw: np.random.Generator) -> Cut:
    import cv2

    height, width = cut.alpha.shape
    wanted = min(background) * draw.uniform(_SMALLEST, _LARGEST)
    scale = min(wanted / max(height, width), _ENLARGED)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels, alpha = (cv2.resize(one, size, interpolation=how) for one in (cut.pixels, cut.alpha))
    return Cut(np.asarray(pixels, dtype=np.uint8), np.asarray(alpha, dtype=np.uint8))


def _laid(background: Pixels, cut: Cut, share: NDArray[np.float32], row: int, column: int) -> Pixels:
    """Mix the cut-out in; `share` is what of each pixel is its own, 0 to 1."""
    height, width = cut.alpha.shape
    place = (slice(row, row + height), slice(column, column + width))
    mixed = background.copy()
    under = mixed[place].astype(np.float32)
    mixed[place] = np.rint(under + (cut.pixels - under) * share[..., None]).astype(np.uint8)
    return mixed


def _hard(background: Pixels, cut: Cut, row: int, column: int, _draw: np.random.Generator) -> Pixels:
    return _laid(background, cut, cut.alpha.astype(np.float32) / np.float32(255), row, column)


def _soft(background: Pixels, cut: Cut, row: int, column: int, draw: np.random.Generator) -> Pixels:
    import cv2

    share = cv2.GaussianBlur(_ringed(cut.alpha), (0, 0), draw.uniform(0.8, 2.5))[1:-1, 1:-1]
    return _laid(background, cut, np.asarray(share, dtype=np.float32), row, column)


def _boxed(background: Pixels, cut: Cut, row: int, column: int, draw: np.random.Generator) -> Pixels:
    import cv2

    size = int(draw.choice([3, 5, 7]))
    share = cv2.blur(_ringed(cut.alpha), (size, size))[1:-1, 1:-1]
    return _laid(background, cut, np.asarray(share, dtype=np.float32), row, column)


def _ringed(alpha: Alpha) -> NDArray[np.float32]:
    """Put nothing round about, so that a blur softens the outline where it touches the box too."""
    return np.pad(alpha.astype(np.float32) / 255, 1)


def _poisson(background: Pixels, cut: Cut, row: int, column: int, draw: np.random.Generator) -> Pixels:
    """Let the thing take the background's colours on along its outline (Pérez, Gangnet and Blake 2003)."""
    import cv2

    height, width = cut.alpha.shape
    if min(height, width) < 8:  # noqa: PLR2004  too few pixels to solve for
        return _hard(background, cut, row, column, draw)
    # The solver wants a pixel of background on every side, and centres the box round about the mask.
    outer = cv2.copyMakeBorder(background, 2, 2, 2, 2, cv2.BORDER_REPLICATE)
    mask = np.where(cut.alpha >= _SEEN, np.uint8(255), np.uint8(0))
    left, top, wide, tall = cv2.boundingRect(mask)
    centre = (column + 2 + left + wide // 2, row + 2 + top + tall // 2)
    mixed = np.ascontiguousarray(  # of a copy, since the mask is overwritten
        cv2.seamlessClone(cut.pixels, outer, mask.copy(), centre, cv2.NORMAL_CLONE)[2:-2, 2:-2], dtype=np.uint8
    )
    # Inside, the thing keeps its own colours: a red badge on grey stones would be a grey one.
    depth = cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0), cv2.DIST_L2, 3)
    own = np.clip(depth[1:-1, 1:-1] / (_SEAM * min(height, width)), 0, 1).astype(np.float32)
    return _laid(mixed, cut, own, row, column)


_BLEND = {"none": _hard, "gaussian": _soft, "box": _boxed, "poisson": _poisson}
