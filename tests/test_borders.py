"""Plain borders are found and cut off; skies, white grounds and dark nights are no borders."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from negbuild.borders import content, trimmed
from negbuild.fingerprint import fingerprints, grids, unpack
from negbuild.picture import Inspection, inspect
from negbuild.twins import GROUP_RADIUS

Photo = Callable[..., bytes]


def inspected(data: bytes) -> Inspection:
    found = inspect(data)
    assert isinstance(found, Inspection)
    return found


def saved(image: Image.Image, quality: int = 85) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def distance(one: bytes, other: bytes) -> int:
    """Bits that differ between two pictures as they lie."""
    codes = unpack(fingerprints([grids(inspected(data).thumbnail) for data in (one, other)]))[:, 0]
    return int(np.bitwise_count(codes[0] ^ codes[1]).sum())


def stands_out(picture: bytes, colour: str) -> bool:
    """Whether nearly all of a picture's edge is lighter or darker than a border would be, on every side."""
    level = np.asarray(Image.new("RGB", (1, 1), colour).convert("L"), dtype=np.int16)[0, 0]
    grey = np.asarray(opened(picture).convert("L"), dtype=np.int16)
    return all((np.abs(edge - level) > 20).mean() > 0.85 for edge in (grey[0], grey[-1], grey[:, 0], grey[:, -1]))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    wide=st.integers(0, 80),
    high=st.integers(0, 60),
    colour=st.sampled_from(["white", "black", "#202020", "#f4f0e8", "red"]),
    quality=st.integers(60, 95),
)
def test_a_bordered_copy_has_nearly_the_fingerprint_of_the_picture(
    photo: Photo, seed: int, wide: int, high: int, colour: str, quality: int
) -> None:
    picture = photo(seed, (320, 240), quality=90)
    assume(stands_out(picture, colour))
    framed = ImageOps.expand(opened(picture), (wide, high), colour)
    assert distance(picture, saved(framed, quality)) <= GROUP_RADIUS


def test_a_picture_made_square_is_the_picture_again(photo: Photo) -> None:
    picture = photo(3, (320, 180))
    square = ImageOps.pad(opened(picture), (320, 320), color="black")
    assert distance(picture, saved(square)) <= 8
    height, width = np.asarray(inspected(saved(square)).thumbnail).shape
    assert abs(width / height - 16 / 9) < 0.06


def test_a_frame_in_a_frame_is_cut_off_too(photo: Photo) -> None:
    image = ImageOps.expand(ImageOps.expand(opened(photo(6, (320, 240))), 12, "white"), 20, "black")
    assert distance(photo(6, (320, 240)), saved(image)) <= 16


def test_a_frame_of_two_colours_goes_side_by_side(photo: Photo) -> None:
    image = ImageOps.expand(opened(photo(5, (320, 240))), (0, 24, 0, 0), "white")
    image = ImageOps.expand(image, (0, 0, 0, 24), "black")
    assert distance(photo(5, (320, 240)), saved(image)) <= 16


def shirt() -> Image.Image:
    image = Image.new("RGB", (300, 300), "white")
    draw = ImageDraw.Draw(image)
    draw.polygon([(60, 70), (120, 50), (180, 50), (240, 70), (220, 130), (200, 260), (100, 260), (80, 130)], "navy")
    return image


def sky() -> Image.Image:
    """Draw an even sky above hills, whose line is not straight."""
    random = np.random.default_rng(1)
    levels = np.full((240, 320), 200, dtype=np.uint8)
    hills = 120 + np.cumsum(random.normal(0, 1.5, 320)).astype(int)
    for column, top in enumerate(hills):
        levels[top:, column] = random.integers(20, 120, 240 - top)
    return Image.fromarray(levels)


def dusk() -> Image.Image:
    """Draw a sky that grows lighter downwards, step by step."""
    random = np.random.default_rng(2)
    levels = np.repeat(np.linspace(10, 160, 240)[:, None], 320, axis=1)
    levels[150:] += random.normal(0, 30, (90, 320))
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("draw", [shirt, sky, dusk])
def test_what_is_part_of_the_picture_stays(draw: Callable[[], Image.Image]) -> None:
    thumbnail = inspected(saved(draw().convert("RGB"), 92)).thumbnail
    assert content(thumbnail) is None
    assert trimmed(thumbnail) is thumbnail


def test_a_border_wider_than_a_quarter_is_a_part_of_the_picture(photo: Photo) -> None:
    framed = ImageOps.expand(opened(photo(7, (160, 120))), (120, 0), "white")
    assert content(inspected(saved(framed)).thumbnail) is None


@pytest.mark.parametrize("size", [(1, 1), (16, 3), (40, 40), (300, 17)])
def test_small_and_thin_pictures_are_left_alone(size: tuple[int, int]) -> None:
    random = np.random.default_rng(3)
    noise = Image.fromarray(random.integers(0, 256, size[::-1], dtype=np.uint8))
    assert content(noise) is None
    assert content(Image.new("L", size, 255)) is None


def test_what_is_left_has_sixteen_pixels_a_side() -> None:
    random = np.random.default_rng(4)
    inner = Image.fromarray(random.integers(0, 120, (15, 60), dtype=np.uint8))
    assert content(ImageOps.expand(inner, (10, 5), 255)) is None
    inner = Image.fromarray(random.integers(0, 120, (16, 60), dtype=np.uint8))
    assert content(ImageOps.expand(inner, (10, 5), 255)) == (10, 5, 70, 21)
