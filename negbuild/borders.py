"""Plain borders that somebody put around a picture, found on its grey thumbnail. Pure functions.

A border is one even level along a whole side, and ends in a straight line at which nearly every pixel changes. So end
letterboxes, frames and the padding that makes a picture square; the sky over a city and the white ground of a product
shot do not, and stay.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

WIDEST = 0.25
"""Of a side: 16:9 in a square takes 0.22."""

_EVEN, _PEAK = 2.5, 25  # grey levels off the median of the outermost line, on average of a line and at most
_STEP, _CHANGED, _SURE = 8.0, 0.7, 0.9  # grey levels, and parts of the line in which the picture begins
_SHORTEST = 1 - 2 * WIDEST - 0.02  # of a line: the stretch between two borders
_RINGING = 8  # lines before the edge that a JPEG unsettles: the side of its blocks
_BLUR = 2  # lines that reducing blurs an edge over
_LEAST = 16  # pixels a side that are left at least
_ROUNDS = 3

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels, as Pillow crops."""


def trimmed(thumbnail: Pillow.Image) -> Pillow.Image:
    """Cut the plain borders off a grey thumbnail (mode L, some 100 to 250 px); one without them comes back as it is."""
    box = content(thumbnail)
    return thumbnail.crop(box) if box else thumbnail


def content(thumbnail: Pillow.Image) -> Box | None:
    """Find what lies within the plain borders of a grey thumbnail; None where it has none."""
    levels = np.asarray(thumbnail)
    left, top, right, bottom = 0, 0, 0, 0
    for _ in range(_ROUNDS):  # what a frame takes off a line hides the line beside it, and a frame may have a frame
        inner = levels[top : len(levels) - bottom, left : levels.shape[1] - right]
        most_high, most_wide = round(WIDEST * len(levels)), round(WIDEST * levels.shape[1])
        high = _border(inner, most_high - top), _border(inner[::-1], most_high - bottom)
        inner = inner[high[0] : len(inner) - high[1]]
        wide = _border(inner.T, most_wide - left), _border(inner.T[::-1], most_wide - right)
        left, top, right, bottom = left + wide[0], top + high[0], right + wide[1], bottom + high[1]
        if not any(high + wide):
            break
    box = (left, top, thumbnail.width - right, thumbnail.height - bottom)
    small = min(box[2] - left, box[3] - top) < _LEAST
    return None if small or not (top or bottom or left or right) else box


def _border(lines: NDArray[np.uint8], widest: int) -> int:
    """Width of the border from the first line on, `widest` at most; zero where there is none."""
    if int(lines[0].max()) - int(lines[0].min()) > 2 * _PEAK:  # as of nearly every photograph
        return 0
    middle = np.median(lines[0]).astype(np.float32)
    if np.abs(lines[0] - middle).mean() >= _EVEN:  # as of many a sky
        return 0
    levels = lines[: widest + _RINGING + _BLUR + 1].astype(np.float32)
    off = np.abs(levels - middle)
    plain = (off.mean(axis=1) < _EVEN) & (off.max(axis=1) < _PEAK)
    width = _run(plain)
    if not 0 < width <= widest:
        return 0
    end = width + _run(off[width : width + _RINGING].mean(axis=1) < _STEP)
    step = np.minimum(off[end : end + _BLUR], np.abs(levels[end : end + _BLUR] - levels[end - 1]))
    return next((end + place for place, line in enumerate(step > _STEP) if _begins(line)), 0)


def _begins(changed: NDArray[np.bool_]) -> bool:
    """Whether a picture begins in a line: it changes nearly all over, or all over between borders beside it.

    A caption in its box does neither.
    """
    places = np.flatnonzero(changed)
    stretch = int(places[-1] - places[0]) + 1 if places.size else 0
    between = stretch > _SHORTEST * changed.size and places.size > _SURE * stretch
    return bool(changed.mean() > _CHANGED) or between


def _run(true: NDArray[np.bool_]) -> int:
    return len(true) if true.all() else int(true.argmin())
