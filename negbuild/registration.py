"""Bring one small grey picture onto another: a choice of rough alignments, then Gauss-Newton to a fraction of a pixel.

Everything works on batches of square arrays of one size; an alignment is a 2 x 3 affine map between places given in
fractions of the sides (0 to 1, y downwards), from the template to the picture that is brought onto it.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Affines = NDArray[np.float64]
"""Shape (n, 2, 3)."""

_CENTRED = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
_BACK = np.linalg.inv(_CENTRED)
_EDGE = 0.25  # pixels that a place may lie outside the outermost pixel centres' cells
_DAMPING = 1e-3  # of the mean curvature: keeps directions still in which a picture has no detail
_DOUBT = 1.0  # residual, in local standard deviations, from which a pixel counts for less than half
_ASPECT_STEPS = 4  # an octave of aspect ratios is cut this fine for the rough alignments


class Warped(NamedTuple):
    """Pictures seen through alignments, flattened, and where they had anything to show."""

    pixels: Array
    inside: NDArray[np.bool_]


class Gallery(NamedTuple):
    """One picture under every rough alignment: unit vectors, and which of the masks says where they are defined."""

    alignments: Affines
    views: Array
    masks: Array
    mask_of: NDArray[np.intp]


class _Taps(NamedTuple):
    place: NDArray[np.intp]
    right: Array
    down: Array
    inside: NDArray[np.bool_]


class _Upright(NamedTuple):
    """Taps of n alignments that turn nothing, and so see each row of a picture in one of a few ways.

    `column` and `right` (m, s) are these ways. `row` (n * s) are the places of what they see of the upper row among all
    rows seen in all ways, m to a row; the lower row is m further, and its weight `down` (n * s, 1).
    """

    column: NDArray[np.intp]
    right: Array
    row: NDArray[np.intp]
    down: Array


class _Rough(NamedTuple):
    """The rough alignments, which of them turn nothing, and the taps of these and of the others.

    Masks are those of `Gallery`.
    """

    alignments: Affines
    is_upright: NDArray[np.bool_]
    upright: _Upright
    turned: _Taps
    masks: Array
    mask_of: NDArray[np.intp]


def warp(pictures: Array, alignments: Affines) -> Warped:
    """See square pictures (n, s, s) through their alignments, by bilinear interpolation."""
    taps = _taps(alignments, pictures.shape[-1])
    return Warped(_sampled(pictures.reshape(len(pictures), -1), taps, pictures.shape[-1]), taps.inside)


def gallery(picture: Array, aspect: float) -> Gallery:
    """Show one square picture (s, s), of width / height `aspect` before it was squared, under every rough alignment."""
    side = picture.shape[-1]
    rough = _rough(round(_ASPECT_STEPS * np.log2(aspect)), side)
    views = np.empty((len(rough.alignments), side * side), dtype=np.float32)
    views[rough.is_upright] = _sampled_upright(picture, rough.upright)
    views[~rough.is_upright] = _sampled(picture.reshape(1, -1), rough.turned, side)
    views *= rough.masks[rough.mask_of]
    return Gallery(rough.alignments, _unit(views), rough.masks, rough.mask_of)


def halved(shown: Gallery) -> Gallery:
    """Show the same at half the size, each pixel the mean of four: what is fine survives this better than sampling.

    Masks then say how much of a pixel is defined.
    """
    return shown._replace(views=_unit(_halved(shown.views)), masks=_halved(shown.masks))


def _halved(flat: Array) -> Array:
    side = math.isqrt(flat.shape[1])
    squares = flat.reshape(-1, side, side)
    rows = squares[:, ::2] + squares[:, 1::2]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]).reshape(len(flat), -1) / 4, dtype=np.float32)


def _unit(views: Array) -> Array:
    views /= np.maximum(np.linalg.norm(views, axis=1, keepdims=True), 1e-6)
    return views


def choose(shown: Gallery, templates: Array) -> tuple[NDArray[np.intp], Array]:
    """Choose the rough alignment for each flattened template (n, s * s): its number, and the correlation there."""
    norms = np.sqrt(np.maximum(shown.masks @ (templates * templates).T, 1e-6))
    correlation = shown.views @ templates.T
    correlation /= norms[shown.mask_of]
    best = correlation.argmax(axis=0)
    return best, correlation[best, np.arange(len(templates))]


def refine(templates: Array, pictures: Array, alignments: Affines, steps: int) -> Affines:
    """Improve alignments of square pictures (n, s, s), or of one (1, s, s), with their templates (n, s, s).

    Inverse compositional Gauss-Newton (Baker and Matthews 2004) with Cauchy weights, so that what covers a part of
    one picture does not pull. Both should be normalised to about unit deviation.
    """
    count = len(templates)
    descent = _steepest_descent(templates)
    turned = descent.transpose(0, 2, 1)
    flat = templates.reshape(count, -1)
    whole = np.tile(np.eye(3), (count, 1, 1))
    whole[:, :2] = alignments
    eye = np.eye(6)
    for _ in range(steps):
        seen = warp(pictures, whole[:, :2])
        residual = seen.pixels - flat
        weighted = descent * (seen.inside / (1 + np.square(residual / _DOUBT)))[:, None]
        curvature = (weighted @ turned).astype(np.float64)
        slope = (weighted @ residual[:, :, None]).astype(np.float64)
        damping = np.trace(curvature, axis1=1, axis2=2)[:, None, None] * (_DAMPING / 6) + 1e-6
        change = np.tile(np.eye(3), (count, 1, 1))
        change[:, :2] += np.clip(np.linalg.solve(curvature + damping * eye, slope), -0.3, 0.3).reshape(count, 2, 3)
        whole = whole @ (_CENTRED @ np.linalg.inv(change) @ _BACK)
        whole[:, :2] = np.clip(whole[:, :2], -4, 4)
        whole[:, 2] = 0, 0, 1
    return whole[:, :2]


def correlation(templates: Array, pictures: Array, alignments: Affines) -> Array:
    """Correlate templates (n, s, s) with pictures of mean zero (n, s, s), or with one (1, s, s), where both show."""
    seen = warp(pictures, alignments)
    flat, pixels = templates.reshape(len(templates), -1) * seen.inside, seen.pixels * seen.inside
    norms = np.linalg.norm(flat, axis=1) * np.linalg.norm(pixels, axis=1)
    return np.asarray((flat * pixels).sum(axis=1) / np.maximum(norms, 1e-6))


def inverse(alignments: Affines) -> Affines:
    """Turn alignments round: from the picture to the template."""
    whole = np.tile(np.eye(3), (len(alignments), 1, 1))
    whole[:, :2] = alignments
    return np.linalg.inv(whole)[:, :2].astype(np.float64)


def areas(alignments: Affines) -> NDArray[np.float64]:
    """How much of the picture each template would cover, were there no edges; negative where it is mirrored."""
    return alignments[:, 0, 0] * alignments[:, 1, 1] - alignments[:, 0, 1] * alignments[:, 1, 0]


def _steepest_descent(templates: Array) -> Array:
    """How each pixel answers to the six numbers of an affine change about the centre: shape (n, 6, s * s)."""
    count, side = len(templates), templates.shape[-1]
    down, right = np.gradient(templates * np.float32(side), axis=(1, 2))
    down, right = down.reshape(count, -1), right.reshape(count, -1)
    x, y = _centres(side)[:2] - np.float32(0.5)
    return np.stack([right * x, right * y, right, down * x, down * y, down], axis=1).astype(np.float32)


@cache
def _centres(side: int) -> Array:
    """Homogeneous places of the pixel centres, row by row: shape (3, s * s)."""
    middle = (np.arange(side) + 0.5) / side
    y, x = np.meshgrid(middle, middle, indexing="ij")
    return np.stack([x.ravel(), y.ravel(), np.ones(side * side)]).astype(np.float32)


def _taps(alignments: Affines, side: int) -> _Taps:
    places, inside = _places(alignments, side)
    whole = np.floor(places)  # not as integers: with them everything after would be float64
    places -= whole
    place = (whole[:, 1] * np.float32(side) + whole[:, 0]).astype(np.intp)
    return _Taps(place, places[:, 0], places[:, 1], inside)


def _places(alignments: Affines, side: int) -> tuple[Array, NDArray[np.bool_]]:
    """Where each pixel is seen, across and down (n, 2, s * s), never outside; and whether it is there to be seen."""
    places = alignments.astype(np.float32) @ _centres(side)
    places *= np.float32(side)
    places -= np.float32(0.5)
    reach = np.abs(places - np.float32((side - 1) / 2)) < np.float32(side / 2 + _EDGE)
    np.clip(places, 0, np.float32(side - 1.001), out=places)
    return places, reach[:, 0] & reach[:, 1]


def _sampled(flat: Array, taps: _Taps, side: int) -> Array:
    """Interpolate flattened pictures (n, s * s), or one picture (1, s * s) in many ways, at the taps."""
    place, pixels = taps.place, np.ascontiguousarray(flat).ravel()
    if len(flat) > 1:
        place = place + np.arange(len(flat))[:, None] * flat.shape[1]
    # No place lies outside; numpy clips them in less time than it takes to make sure.
    upper, right_upper, lower, right_lower = (
        pixels[start:].take(place, mode="clip") for start in (0, 1, side, side + 1)
    )
    right_upper -= upper
    right_upper *= taps.right
    upper += right_upper
    right_lower -= lower
    right_lower *= taps.right
    lower += right_lower
    lower -= upper
    lower *= taps.down
    upper += lower
    return upper


def _sampled_upright(picture: Array, taps: _Upright) -> Array:
    """Interpolate one picture (s, s) to the same bits as `_sampled`, but across once for all that do so alike."""
    ways, side = taps.column.shape
    rows, right_rows = picture[:, taps.column], picture[:, taps.column + 1]
    right_rows -= rows
    right_rows *= taps.right
    rows += right_rows
    rows = rows.reshape(-1, side)
    upper, lower = (rows.take(taps.row + below, axis=0, mode="clip") for below in (0, ways))
    lower -= upper
    lower *= taps.down
    upper += lower
    return upper.reshape(-1, side * side)


@cache
def _rough(aspect_step: int, side: int) -> _Rough:
    alignments = _rough_alignments(2 ** (aspect_step / _ASPECT_STEPS))
    places, inside = _places(alignments, side)
    masks, mask_of = np.unique(inside, axis=0, return_inverse=True)  # crops lie wholly inside, all of them
    across, down = places.reshape(-1, 2, side, side).transpose(1, 0, 2, 3)
    is_upright = ((across == across[:, :1]) & (down == down[:, :, :1])).all(axis=(1, 2))
    upright = _upright(across[is_upright, 0], down[is_upright, :, 0])
    turned = _taps(alignments[~is_upright], side)
    return _Rough(alignments, is_upright, upright, turned, masks.astype(np.float32), mask_of.ravel())


def _upright(across: Array, down: Array) -> _Upright:
    """Lay out alignments that see all rows at the places `across`, and all columns at those `down`: shape (n, s)."""
    ways, way_of = np.unique(across, axis=0, return_inverse=True)
    column, row = np.floor(ways), np.floor(down)
    seen = row.astype(np.intp) * len(ways) + way_of.reshape(-1, 1)
    return _Upright(column.astype(np.intp), ways - column, seen.ravel(), (down - row).reshape(-1, 1))


def _rough_alignments(aspect: float) -> Affines:
    """As is, first; then crops and borders on all sides, on one side, turns by some degrees, and shifts."""
    chosen = [_about_centre(scale, scale, 0, 0) for scale in (1, 0.95, 1 / 0.95)]
    for scale, shift in (0.8, 0.1), (0.9, 0.05), (1 / 0.9, 0.055), (1 / 0.8, 0.125):
        chosen += [_about_centre(scale, scale, x, y) for x in (-shift, 0, shift) for y in (-shift, 0, shift)]
    for scale, shift in (0.85, 0.075), (1 / 0.85, 0.088):
        for side in (-shift, shift):
            chosen += [_about_centre(scale, 1, side, 0), _about_centre(1, scale, 0, side)]
    for degrees in (-6, -3, 3, 6):
        chosen += [_about_centre(scale, scale, 0, 0, np.radians(degrees), aspect) for scale in (0.9, 1, 1 / 0.9)]
    for shift in (-0.15, -0.07, 0.07, 0.15):
        chosen += [_about_centre(1, 1, shift, 0), _about_centre(1, 1, 0, shift)]
    return np.array(chosen)


def _about_centre(
    wide: float, high: float, right: float, down: float, turn: float = 0.0, aspect: float = 1.0
) -> NDArray[np.float64]:
    cosine, sine = np.cos(turn), np.sin(turn)
    linear = np.array([[wide * cosine, -wide * sine / aspect], [high * sine * aspect, high * cosine]])
    return np.column_stack([linear, np.array([0.5 + right, 0.5 + down]) - linear @ [0.5, 0.5]])
