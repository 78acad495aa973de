"""What tells classes apart without looking: named when it is sure, and never on a few pictures or by chance."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Pillow

from negbuild.evidence import examine
from negbuild.shortcuts import Sample, Shortcut, find_shortcuts

Photo = Callable[..., bytes]


def mixed(label: str, number: int, seed: int) -> list[Sample]:
    """Pictures as a crawl brings them: every property drawn alike, whatever the class."""
    random = np.random.default_rng((seed, len(label), *label.encode()))
    samples = []
    for place in range(number):
        width, height = random.integers(150, 640, 2).tolist()
        size, quality = int(width * height * random.uniform(0.1, 0.4)), int(random.choice([75, 80, 90, 95]))
        red, green, blue, colour = random.uniform(0, [255, 255, 255, 100]).tolist()
        group = f"{label}{place}"
        samples.append(Sample(label, group, "JPEG", width, height, size, quality, red, green, blue, colour))
    return samples


def changed(samples: list[Sample], **properties: object) -> list[Sample]:
    return [replace(sample, **properties) for sample in samples]  # type: ignore[arg-type]


def named(found: list[Shortcut]) -> set[str]:
    return {shortcut.trait for shortcut in found}


def test_negatives_of_one_size_are_named_with_their_score() -> None:
    negatives = changed(mixed("0_na", 300, 1), width=200, height=200)
    found = find_shortcuts(negatives + mixed("hotdog", 100, 1))
    assert {"width", "height", "aspect ratio"} <= named(found)
    assert all(shortcut.encoding for shortcut in found)
    width = next(shortcut for shortcut in found if shortcut.trait == "width")
    assert width.text == "width alone tells 0_na from hotdog 100% of the time: chance is 50%"
    assert 0.9 < width.at_least < width.accuracy <= 1


@pytest.mark.parametrize(
    ("trait", "change", "encoding"),
    [
        ("width", {"width": 512}, True),
        ("height", {"height": 512}, True),
        ("JPEG quality", {"quality": 60}, True),
        ("file format", {"format": "PNG"}, True),
        ("file size", {"size": 900_000}, True),
        ("bytes per pixel", {"size": 900_000}, True),
        ("brightness", {"red": 250.0, "green": 251.0, "blue": 252.0}, False),
        ("mean red", {"red": 250.0}, False),
        ("mean green", {"green": 250.0}, False),
        ("mean blue", {"blue": 250.0}, False),
        ("colourfulness", {"colour": 0.0}, False),
    ],
)
def test_each_property_is_named(trait: str, change: dict[str, object], encoding: bool) -> None:
    found = find_shortcuts(mixed("0_na", 100, 2) + changed(mixed("hotdog", 100, 2), **change))
    assert {shortcut.encoding for shortcut in found if shortcut.trait == trait} == {encoding}


def test_a_property_that_is_only_more_frequent_counts_by_how_often_it_is_right() -> None:
    half = mixed("hotdog", 400, 3)
    found = find_shortcuts(mixed("0_na", 400, 3) + changed(half[:320], quality=100) + half[320:])
    (quality,) = found
    assert (quality.trait, quality.label) == ("JPEG quality", "0_na")
    assert 0.85 < quality.accuracy < 0.95  # 80 % of one class is known, and all of the other
    weak = find_shortcuts(mixed("0_na", 400, 3) + changed(half[:120], quality=100) + half[120:])
    assert weak == []


@pytest.mark.parametrize(("number", "classes"), [(5, 2), (10, 2), (30, 2), (60, 5), (300, 2), (1000, 3)])
def test_mixed_pictures_stay_quiet(number: int, classes: int) -> None:
    for seed in range(40):
        samples = [sample for name in "abcde"[:classes] for sample in mixed(name, number, seed)]
        assert find_shortcuts(samples) == []


@pytest.mark.parametrize("number", [1, 2, 5, 10, 15])
def test_a_few_pictures_do_not_cry_wolf(number: int) -> None:
    """Ten pictures of a class may well be of one size by chance, or by one camera."""
    assert find_shortcuts(changed(mixed("0_na", number, 4), width=200, height=200) + mixed("hotdog", number, 4)) == []


def test_one_class_of_many_is_found() -> None:
    others = [sample for name in ("bun", "cake", "dog", "egg") for sample in mixed(name, 80, 5)]
    found = find_shortcuts(changed(mixed("0_na", 80, 5), width=200) + others)
    (width,) = [shortcut for shortcut in found if shortcut.trait == "width"]
    assert width.text.startswith("width alone tells 0_na from the others ")


def test_pictures_of_one_group_count_once() -> None:
    """Forty frames of each of five videos are five sizes, however many pictures."""
    videos = [
        replace(sample, group=f"{name}{place % 5}", width=300 + 40 * (place % 5) + offset)
        for name, offset in (("a", 0), ("b", 20))
        for place, sample in enumerate(mixed(name, 200, 6))
    ]
    assert find_shortcuts(videos) == []
    apart = [replace(sample, group=f"{sample.group}_{place}") for place, sample in enumerate(videos)]
    assert named(find_shortcuts(apart)) == {"width"}


def test_bytes_tell_what_there_is_to_see_where_all_were_encoded_alike() -> None:
    dense = [replace(one, size=one.width * one.height) for one in mixed("hotdog", 100, 7)]
    both = changed(mixed("0_na", 100, 7) + dense, quality=90)
    assert {one.trait: one.encoding for one in find_shortcuts(both)}["bytes per pixel"] is False
    several = mixed("0_na", 100, 7) + dense
    assert {one.trait: one.encoding for one in find_shortcuts(several)}["bytes per pixel"] is True


def test_nothing_to_tell_apart() -> None:
    assert find_shortcuts([]) == []
    assert find_shortcuts(mixed("hotdog", 50, 8)) == []


def test_the_answer_does_not_depend_on_chance() -> None:
    samples = changed(mixed("0_na", 60, 9), width=200) + mixed("hotdog", 60, 9)
    assert find_shortcuts(samples) == find_shortcuts(samples)


# --- what is measured of real pictures


@pytest.mark.parametrize("quality", [1, 10, 37, 50, 75, 90, 95, 100])
def test_the_quality_of_a_jpeg_is_estimated(photo: Photo, quality: int) -> None:
    (seen,) = examine([photo(1, quality=quality)])
    assert seen.picture
    assert seen.picture.quality == quality


def test_levels_are_those_of_the_picture(photo: Photo) -> None:
    for seed, kind in ((1, "JPEG"), (2, "PNG"), (3, "BMP")):
        data = photo(seed, (300, 200), kind)
        (seen,) = examine([data])
        assert seen.picture
        exact = np.asarray(Pillow.open(BytesIO(data)).convert("RGB"), dtype=np.float64).mean((0, 1))
        assert np.abs(exact - (seen.picture.red, seen.picture.green, seen.picture.blue)).max() < 2
        assert seen.picture.colour > 10
        assert (seen.picture.quality is None) == (kind != "JPEG")


def test_a_grey_picture_has_no_colour(photo: Photo) -> None:
    buffer = BytesIO()
    Pillow.open(BytesIO(photo(1))).convert("L").save(buffer, "PNG")
    (seen,) = examine([buffer.getvalue()])
    assert seen.picture
    assert (seen.picture.mode, seen.picture.colour) == ("L", 0)


def test_what_does_not_decode_is_evidence_too(photo: Photo) -> None:
    data = photo(1)
    whole, cut, text, empty = examine([data, data[:500], b"<html>", b""])
    assert whole.picture
    assert whole.sketch
    assert [one.picture for one in (cut, text, empty)] == [None] * 3
    assert "truncated" in cut.fault.lower()
    assert text.fault == empty.fault == "no known picture format"
    assert len({whole.sha256, cut.sha256, text.sha256, empty.sha256}) == 4


def test_a_jpeg_that_stores_red_green_and_blue_is_seen_alike(photo: Photo) -> None:
    buffer = BytesIO()
    Pillow.open(BytesIO(photo(1))).save(buffer, "JPEG", quality=95, keep_rgb=True)
    usual, odd = examine([photo(1), buffer.getvalue()])
    assert usual.picture
    assert odd.picture
    assert odd.picture.mode == "RGB"
    assert abs(usual.picture.red - odd.picture.red) < 2
    assert usual.sketch
    assert odd.sketch
    assert (usual.sketch.hashes[0] ^ odd.sketch.hashes[0]).bit_count() <= 6
