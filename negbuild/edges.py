"""What lies beyond the edge of a picture that is turned or shrunk: its own paper, or nothing. Pure functions.

A corner filled with black, or with the mirror image of a letter, would be seen on augmented pictures only.
"""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""

MARGIN = 0.2
"""Parts of a side that `continued` adds at each end."""

_WIDEST_WINDOW = 255  # of cv2.medianBlur
_STRIP = 0.01  # of the shorter side: how deep the edge is looked at
_PLAIN_STEP, _PLAIN_SHARE = 12, 0.85  # grey levels, and how much of the edge keeps within them


def continued(picture: Pixels) -> Pixels:
    """Enlarge a picture by MARGIN on each side with the colour along that side; strokes that cross it do not count."""
    height, width = picture.shape[:2]
    down, across = round(height * MARGIN), round(width * MARGIN)
    top, bottom, left, right = (_colour_along(side) for side in _sides(picture))
    large = np.empty((height + 2 * down, width + 2 * across, 3), dtype=np.uint8)
    large[down : down + height, across : across + width] = picture
    large[:down, across : across + width] = top
    large[down + height :, across : across + width] = bottom
    large[down : down + height, :across] = left[:, None]
    large[down : down + height, across + width :] = right[:, None]
    for rows, line, end in ((slice(None, down), top, 0), (slice(down + height, None), bottom, -1)):
        large[rows, :across] = _between(line[0], left[end])
        large[rows, across + width :] = _between(line[-1], right[end])
    return large


def cut_back(large: Pixels, size: tuple[int, int]) -> Pixels:
    """Take the middle of a picture that `continued` enlarged: (height, width) as it was."""
    down, across = round(size[0] * MARGIN), round(size[1] * MARGIN)
    return large[down : down + size[0], across : across + size[1]]


def is_plain(picture: Pixels) -> bool:
    """Whether nearly all of a picture's edge is of the colour round about it, as on paper or in a product shot."""
    off = [np.abs(_line(side).astype(np.int16) - _colour_along(side)).max(axis=-1) for side in _sides(picture)]
    return bool((np.concatenate(off) <= _PLAIN_STEP).mean() >= _PLAIN_SHARE)


def inner(picture: Pixels, real: NDArray[np.uint8]) -> Pixels:
    """Cut out the largest middle part of which all is real (1, not 0), enlarged to the size of the picture.

    `real` has shape (height, width); what is real is convex, as a turned picture is.
    """
    import cv2

    height, width = real.shape
    low, high = 0.0, 1.0
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if _all_real(real, middle) else (low, middle)
    down, across = _inset(height, low), _inset(width, low)
    part = picture[down : height - down, across : width - across]
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _all_real(real: NDArray[np.uint8], share: float) -> bool:
    down, across = (_inset(side, share) for side in real.shape)
    return all(bool(real[row, column]) for row in (down, -1 - down) for column in (across, -1 - across))


def _inset(side: int, share: float) -> int:
    return min(round(side * (1 - share) / 2), (side - 1) // 2)


def _sides(picture: Pixels) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Top, bottom, left and right as strips: shape (depth, length, 3)."""
    depth = max(2, round(min(picture.shape[:2]) * _STRIP))
    turned = picture.transpose(1, 0, 2)
    return picture[:depth], picture[-depth:], turned[:depth], turned[-depth:]


def _line(side: Pixels) -> Pixels:
    return np.asarray(np.median(side, axis=0), dtype=np.uint8)


def _colour_along(side: Pixels) -> Pixels:
    """Return the colour of the ground along a side: a running median, smoothed; shape (length, 3)."""
    import cv2

    line = np.ascontiguousarray(_line(side)[None])
    window = min(line.shape[1] // 2, _WIDEST_WINDOW) | 1
    if window >= 3:  # noqa: PLR2004  the least that has a middle
        line = np.asarray(cv2.medianBlur(line, window), dtype=np.uint8)
        line = np.asarray(cv2.GaussianBlur(line, (window, 1), 0), dtype=np.uint8)
    return line.reshape(-1, 3)


def _between(one: Pixels, other: Pixels) -> NDArray[np.float64]:
    return np.asarray((one.astype(np.float64) + other) / 2)
