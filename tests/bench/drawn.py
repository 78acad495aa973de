"""Pictures that are much alike and no copies: shirts of a few cuts on a plain ground, and faces, each drawn by chance.

They stand for photographs of shops and people, which cannot come with the benchmark, and have less in them than these:
no weave, no hair. So what is taken for a copy here is a hint, and no measure of such photographs.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Levels = NDArray[np.float64]

_CUTS = ((0.42, 0.36), (0.45, 0.62), (0.25, 0.27))  # where sleeves end: half a width from the middle, and down
_PLAIN, _STRIPED, _PRINTED = range(3)


def shirt(seed: int) -> Image.Image:
    """Draw a shirt of one of three cuts, of proportions, colour, folds, stripes or print of its own: 384 x 512."""
    chance = np.random.default_rng(seed)
    wide, high = 768, 1024
    mask, middle = _cut(chance, wide, high)
    within = np.asarray(mask.filter(ImageFilter.GaussianBlur(2.4)), dtype=np.float64)[..., None] / 255
    ground = chance.uniform(232, 255) + _clouds(chance, wide, high, 3) * 1.5
    cloth = np.tile(_colour(chance), (high, wide, 1))
    kind = chance.choice((_PLAIN, _PLAIN, _STRIPED, _PRINTED))
    if kind == _STRIPED:
        rows = np.arange(high) // chance.uniform(28, 80) % 2 == 0
        cloth[rows] = _colour(chance)
    elif kind == _PRINTED:
        printed = Image.new("L", (wide, high), 0)
        for _ in range(chance.integers(2, 7)):
            x, y, size = chance.normal(middle, 80), chance.normal(0.4 * high, 100), chance.uniform(20, 90)
            shape = (x - size, y - size * chance.uniform(0.4, 1), x + size, y + size)
            ImageDraw.Draw(printed).ellipse(shape, fill=255)
        cloth[np.asarray(printed) > 0] = _colour(chance)
    for cells, depth in ((6, 10), (14, 7), (40, 3)):  # folds
        cloth += depth * _clouds(chance, wide, high, cells)[..., None]
    shadow = np.asarray(mask.filter(ImageFilter.GaussianBlur(16)), dtype=np.float64)[..., None] / 255
    levels = ground[..., None] * (1 - within) + cloth * within - shadow * (1 - within) * chance.uniform(5, 25)
    small = _picture(levels).resize((wide // 2, high // 2), Image.Resampling.LANCZOS)
    return _picture(np.asarray(small) + chance.normal(0, 2, (high // 2, wide // 2, 3)))


def _cut(chance: np.random.Generator, wide: int, high: int) -> tuple[Image.Image, float]:
    """Draw the outline of a shirt, and say where its middle is."""

    def about(part: float, side: int, spread: float) -> float:
        return (part + chance.normal(0, spread)) * side

    reach, down = _CUTS[chance.integers(len(_CUTS))]
    middle, top, bottom = about(0.5, wide, 0.016), about(0.16, high, 0.01), about(0.84, high, 0.02)
    neck, shoulder, half = about(0.09, wide, 0.006), about(0.21, wide, 0.01), about(0.24, wide, 0.012)
    reach, down, hem = about(reach, wide, 0.01), about(down, high, 0.015), half + about(0, wide, 0.01)
    side = [
        *((neck, top), (shoulder, top + 0.03 * high), (reach, down), (reach - 0.1 * wide, down + 0.035 * high)),
        *((half, top + about(0.17, high, 0.005)), (hem, bottom)),
    ]
    mask = Image.new("L", (wide, high), 0)
    draw = ImageDraw.Draw(mask)
    draw.polygon([(middle - x, y) for x, y in side[::-1]] + [(middle + x, y) for x, y in side], fill=255)
    draw.ellipse((middle - neck, top - 0.03 * high, middle + neck, top + about(0.045, high, 0.005)), fill=0)
    return mask, middle


def face(seed: int) -> Image.Image:
    """Draw a face from the front, its parts where faces have them, before a ground of its own: 256 x 256."""
    chance = np.random.default_rng(10**6 + seed)
    side = 256
    ground = (
        _colour(chance)
        + _clouds(chance, side, side, 4)[..., None] * 25
        + _clouds(chance, side, side, 12)[..., None] * 15
    )
    image = _picture(ground)
    draw = ImageDraw.Draw(image)
    skin, hair = chance.integers((120, 90, 70), (240, 190, 160)), _ink(chance.integers(10, 150, 3))
    x, y, wide, high = chance.normal((128, 135, 68, 90), (4, 4, 5, 6))

    def oval(across: float, down: float, half_wide: float, half_high: float, colour: tuple[int, ...]) -> None:
        draw.ellipse(
            (x + across - half_wide, y + down - half_high, x + across + half_wide, y + down + half_high), fill=colour
        )

    oval(0, -0.2 * high, 1.15 * wide, high, hair)
    draw.rectangle((x - 0.45 * wide, y + 0.7 * high, x + 0.45 * wide, side), fill=_ink(skin * 0.85))
    oval(0, 1.5 * high, 1.6 * wide, 0.5 * high, _ink(_colour(chance)))
    oval(0, 0, wide, high, _ink(skin))
    draw.chord(
        (x - 1.02 * wide, y - 1.05 * high, x + 1.02 * wide, y + 0.4 * high), 180 + chance.normal(0, 8), 360, fill=hair
    )
    apart, down, size = chance.normal((0.42 * wide, -0.05 * high, 8), (2, 2, 1))
    for eye in (-apart, apart):
        oval(eye, down, 1.5 * size, 0.7 * size, (240, 240, 240))
        oval(eye, down, 0.6 * size, 0.6 * size, (30, 25, 20))
        draw.line((x + eye - 14, y + down - 14, x + eye + 14, y + down - chance.normal(15, 2)), fill=hair, width=4)
    draw.line(
        (x, y + 6, x - chance.normal(5, 3), y + 0.3 * high, x + 6, y + 0.33 * high), fill=_ink(skin * 0.7), width=3
    )
    oval(0, 0.57 * high, chance.normal(20, 4), max(3, chance.normal(6, 2)), (160, 60, 60))
    levels = np.asarray(image.filter(ImageFilter.GaussianBlur(1.3)), dtype=np.float64)
    light = _clouds(chance, side, side, 3) * 14 + np.linspace(-128, 128, side) * chance.normal(0, 0.25)
    return _picture(
        levels + (light + _clouds(chance, side, side, 50) * 4)[..., None] + chance.normal(0, 3, levels.shape)
    )


def _clouds(chance: np.random.Generator, wide: int, high: int, cells: int) -> Levels:
    """Draw soft light and dark, about 1 deep, so many of them across: shape (high, wide)."""
    small = Image.fromarray(chance.normal(128, 40, (cells, cells)).clip(0, 255).astype(np.uint8))
    return (np.asarray(small.resize((wide, high), Image.Resampling.BICUBIC), dtype=np.float64) - 128) / 40


def _colour(chance: np.random.Generator) -> Levels:
    return chance.uniform(20, 235, 3)


def _ink(colour: NDArray[np.generic]) -> tuple[int, ...]:
    return tuple(int(level) for level in colour)


def _picture(levels: Levels) -> Image.Image:
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))
