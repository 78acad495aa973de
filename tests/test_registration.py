"""Seeing one picture through an alignment, to the last bit, however many are looked at together."""

import numpy as np
import pytest

from negbuild import registration
from negbuild.registration import Affines, Array

SIDE = 24


def some(seed: int, count: int) -> tuple[Array, Affines]:
    """Smooth pictures, and alignments of which some leave them."""
    random = np.random.default_rng(seed)
    rough = random.normal(0, 1, (count, SIDE // 4, SIDE // 4))
    pictures = np.kron(rough, np.ones((4, 4))) + random.normal(0, 0.2, (count, SIDE, SIDE))
    alignments = np.tile(np.eye(3)[:2], (count, 1, 1)) + random.uniform(-0.3, 0.3, (count, 2, 3))
    return pictures.astype(np.float32), alignments


def between(picture: Array, x: np.float32, y: np.float32) -> np.float32:
    """Interpolate at one place, in pixels: across in both rows, then down; all of it in single precision."""
    limit = np.float32(SIDE - 1.001)
    x, y = np.clip(x, np.float32(0), limit), np.clip(y, np.float32(0), limit)
    column, row = int(x), int(y)
    right, down = x - np.float32(column), y - np.float32(row)
    upper, lower = (
        left + (beyond - left) * right
        for left, beyond in (picture[row, column : column + 2], picture[row + 1, column : column + 2])
    )
    return np.float32(upper + (lower - upper) * down)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_seen_is_bilinear_interpolation(seed: int) -> None:
    pictures, alignments = some(seed, 3)
    seen = registration.warp(pictures, alignments)
    middle = (np.arange(SIDE) + 0.5) / SIDE
    y, x = np.meshgrid(middle, middle, indexing="ij")
    centres = np.stack([x.ravel(), y.ravel(), np.ones(SIDE * SIDE)]).astype(np.float32)
    places = alignments.astype(np.float32) @ centres * np.float32(SIDE) - np.float32(0.5)
    wanted = [
        [between(picture, right, down) for right, down in places_.T]
        for picture, places_ in zip(pictures, places, strict=True)
    ]
    assert seen.pixels.tolist() == np.array(wanted, dtype=np.float32).tolist()
    edge = ((places > -0.75) & (places < SIDE - 0.25)).all(axis=1)
    assert seen.inside.tolist() == edge.tolist()
    assert 0.2 < seen.inside.mean() < 1


@pytest.mark.parametrize("seed", range(4))
def test_one_picture_is_refined_as_often_as_there_are_templates(seed: int) -> None:
    templates, alignments = some(seed, 5)
    picture = some(seed + 100, 1)[0]
    repeated = np.repeat(picture, len(templates), axis=0)
    once = registration.refine(templates, picture, alignments, 4)
    assert once.tolist() == registration.refine(templates, repeated, alignments, 4).tolist()
    alone = [registration.refine(templates[place, None], picture, alignments[place, None], 4)[0] for place in range(5)]
    assert once.tolist() == np.array(alone).tolist()
    assert once.tolist() != alignments.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_without_borders_all_that_is_seen_lies_within_them(seed: int) -> None:
    """What `overlap.evidence` relies on when it does not ask."""
    _, alignments = some(seed, 8)
    seen = registration.warp(np.ones((8, SIDE, SIDE), dtype=np.float32), alignments)
    assert (seen.pixels == 1).all()


@pytest.mark.parametrize("aspect", [0.4, 1, 1.78])
def test_a_gallery_shows_what_is_seen_through_each_rough_alignment(aspect: float) -> None:
    for picture in some(7, 3)[0]:
        shown = registration.gallery(picture, aspect)
        seen = registration.warp(np.repeat(picture[None], len(shown.alignments), axis=0), shown.alignments)
        views = seen.pixels * seen.inside
        assert (shown.masks[shown.mask_of] == seen.inside).all()
        assert (shown.views == views / np.linalg.norm(views, axis=1, keepdims=True)).all()
        turned = (np.abs(shown.alignments[:, 0, 1]) > 0).sum()
        assert 0 < turned < len(shown.alignments) / 4


def test_pictures_are_correlated_where_both_show() -> None:
    pictures, _ = some(5, 2)
    pictures -= pictures.mean(axis=(1, 2), keepdims=True)
    shift = np.array([[[1, 0, 4 / SIDE], [0, 1, 0]]])
    shifted = np.zeros_like(pictures[:1])
    shifted[..., 4:] = pictures[:1, :, :-4]
    whole = np.eye(3)[None, :2]
    assert registration.correlation(pictures[:1], shifted, shift) == pytest.approx(1, abs=1e-4)
    assert registration.correlation(pictures[:1], -pictures[:1], whole) == pytest.approx(-1, abs=1e-4)
    assert abs(registration.correlation(pictures[:1], pictures[1:], whole)[0]) < 0.4
    assert registration.correlation(pictures * 0, pictures[:1], np.repeat(whole, 2, axis=0)).tolist() == [0, 0]
