"""Every preset keeps its promise, shown on a picture that is not its own mirror image; no edge or seam is a clue."""

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter, ImageOps

from negbuild.augmentation import ATTEMPTS, Augmenter, seed_of
from negbuild.edges import MARGIN, continued, cut_back, inner, is_plain
from negbuild.errors import UsageError
from negbuild.family import choose_background, spread
from negbuild.paste import BLENDINGS, Cut, Paste, cut_out, piece
from negbuild.pipeline import Recipe, Step, parse_pipeline
from negbuild.presets import PRESETS, Preset

SEEDS = 24
MIRRORED = [preset for preset in PRESETS.values() if preset.mirrors]
STRAIGHT = [preset for preset in PRESETS.values() if not preset.mirrors]
PAPER, INK = (238, 236, 228), (30, 40, 110)


def png(picture: Pillow.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def glyph() -> Pillow.Image:
    """Draw an F on paper: neither mirrored nor upside down is it the same."""
    picture = Pillow.new("RGB", (240, 200), PAPER)
    draw = ImageDraw.Draw(picture)
    for box in ([70, 40, 92, 165], [70, 40, 170, 62], [70, 92, 140, 112]):
        draw.rectangle(box, INK)
    return picture


def children(name: str, data: bytes, number: int = SEEDS) -> list[Pillow.Image]:
    augmenter = Augmenter(PRESETS[name].recipe)
    made = [augmenter.child(data, 512, partial(seed_of, "glyph", copy, 0)) for copy in range(number)]
    return [Pillow.open(io.BytesIO(one.data)).convert("RGB") for one in made if one]


def blurred(picture: Pillow.Image) -> NDArray[np.float64]:
    grey = picture.convert("L").filter(ImageFilter.GaussianBlur(8)).resize((48, 40))
    values = np.asarray(grey, dtype=np.float64)
    return np.asarray((values - values.mean()) / values.std())


def alike(one: Pillow.Image, other: Pillow.Image) -> float:
    """Correlation of two pictures, best of a few shifts."""
    a, b = blurred(one)[6:-6, 8:-8], blurred(other)
    return max(
        float(np.corrcoef(a.ravel(), b[6 + dy : 34 + dy, 8 + dx : 40 + dx].ravel())[0, 1])
        for dy in range(-6, 7, 2)
        for dx in range(-8, 9, 2)
    )


def is_mirrored(child: Pillow.Image) -> bool:
    return alike(child, ImageOps.mirror(glyph())) > alike(child, glyph())


@pytest.mark.parametrize("preset", STRAIGHT, ids=lambda preset: preset.name)
def test_what_must_not_be_mirrored_never_is(preset: Preset) -> None:
    made = children(preset.name, png(glyph()))
    assert len(made) == SEEDS
    assert not any(map(is_mirrored, made))


@pytest.mark.parametrize("preset", MIRRORED, ids=lambda preset: preset.name)
def test_what_may_be_mirrored_is_now_and_then(preset: Preset) -> None:
    mirrored = sum(map(is_mirrored, children(preset.name, png(glyph()))))
    assert SEEDS * 0.2 < mirrored < SEEDS * 0.8


@pytest.mark.parametrize("preset", [one for one in PRESETS.values() if one.name != "texture"], ids=lambda one: one.name)
def test_no_preset_inverts_or_turns_upside_down(preset: Preset) -> None:
    for child in children(preset.name, png(glyph())):
        upright = max(alike(child, glyph()), alike(child, ImageOps.mirror(glyph())))
        assert upright > 0.4
        assert upright > max(alike(child, ImageOps.flip(glyph())), alike(child, glyph().rotate(180)))


@pytest.mark.parametrize("name", PRESETS)
def test_no_corner_is_filled_with_a_colour_of_its_own(name: str) -> None:
    for child in children(name, png(glyph())):
        grey = np.asarray(child.convert("L"), dtype=np.float64)
        ground = np.median(grey)
        corners = [grey[:9, :9], grey[:9, -9:], grey[-9:, :9], grey[-9:, -9:]]
        assert all(abs(corner.mean() - ground) < 0.3 * ground for corner in corners)


def test_light_moves_no_pixel() -> None:
    edges = np.asarray(glyph().convert("L").filter(ImageFilter.FIND_EDGES))[2:-2, 2:-2] > 40
    for child in children("light", png(glyph()), 20):
        found = np.asarray(child.convert("L").filter(ImageFilter.FIND_EDGES), dtype=np.float64)[2:-2, 2:-2]
        assert found[edges].mean() > 8 * found[~edges].mean()


def test_a_logo_keeps_its_hue() -> None:
    badge = Pillow.new("RGB", (200, 160), "#f4f1ea")
    ImageDraw.Draw(badge).rectangle([40, 30, 160, 130], "#c8102e")
    for child in children("logo", png(badge)):
        hue, saturation, _ = (np.asarray(band, dtype=np.int16) for band in child.convert("HSV").split())
        middle = hue[60:100, 80:120][saturation[60:100, 80:120] > 60]
        assert middle.size
        assert np.abs((np.median(middle) - 248 + 128) % 256 - 128) < 12  # of 256; the red is at 248


def test_a_signature_keeps_its_strokes_and_gets_other_widths() -> None:
    ink = [np.mean(np.asarray(child.convert("L"))[5:-5, 5:-5] < 150) for child in children("signature", png(glyph()))]
    before = np.mean(np.asarray(glyph().convert("L")) < 150)
    assert min(ink) > 0.4 * before
    assert max(ink) - min(ink) > 0.15 * before


def test_the_steps_of_a_child_are_drawn_independently(photo: Callable[..., bytes]) -> None:
    """albumentations' own set_random_seed makes two steps of equal chance always come together."""
    steps = (Step("HorizontalFlip", {"p": 0.5}), Step("ToGray", {"p": 0.5}))
    augmenter = Augmenter(Recipe("both", steps))
    picture = Pillow.open(io.BytesIO(photo(3)))
    seen = set()
    for copy in range(60):
        made = augmenter.child(photo(3), 512, partial(seed_of, "x", copy, 0))
        assert made
        child = Pillow.open(io.BytesIO(made.data)).convert("RGB")
        grey = np.ptp(np.asarray(child.resize((20, 20)), dtype=np.int16), axis=2).mean() < 8
        seen.add((grey, alike(child, picture) < alike(child, ImageOps.mirror(picture))))
    assert {(True, False), (False, True), (True, True)} <= seen


def test_a_child_like_its_original_is_drawn_again_and_given_up_in_the_end(photo: Callable[..., bytes]) -> None:
    seldom = Augmenter(Recipe("seldom", (Step("HorizontalFlip", {"p": 0.3}),)))
    made = [seldom.child(photo(1), 512, partial(seed_of, "x", copy, 0)) for copy in range(20)]
    assert all(
        one is None or alike(Pillow.open(io.BytesIO(one.data)), Pillow.open(io.BytesIO(photo(1)))) < 0.9 for one in made
    )
    attempts = [one.attempt for one in made if one]
    assert max(attempts) > 0
    assert [one.seed for one in made if one] == [
        seed_of("x", copy, 0, one.attempt) for copy, one in enumerate(made) if one
    ]
    never = Augmenter(Recipe("never", (Step("HorizontalFlip", {"p": 0.0}),)))
    flat = Augmenter(Recipe("flat", (Step("RandomBrightnessContrast", {"brightness_limit": [1, 1], "p": 1}),)))
    asked: list[int] = []
    assert never.child(photo(1), 512, lambda attempt: asked.append(attempt) or attempt) is None  # type: ignore[func-returns-value]
    assert asked == list(range(ATTEMPTS))
    assert flat.child(photo(1), 512, partial(seed_of, "x", 1, 0)) is None


# --- edges


def test_paper_goes_on_and_strokes_that_cross_the_edge_do_not() -> None:
    paper = np.full((100, 120, 3), PAPER, dtype=np.uint8)
    paper[:, :, 1] -= np.linspace(0, 40, 120).astype(np.uint8)  # lit from the left
    paper[:, 60:66] = INK  # from edge to edge
    large = continued(paper)
    assert large.shape == (100 + 2 * round(100 * MARGIN), 120 + 2 * round(120 * MARGIN), 3)
    assert (cut_back(large, (100, 120)) == paper).all()
    beyond = large[:15].astype(int)
    assert np.abs(beyond[:, 24:-24, 0] - PAPER[0]).max() < 6
    assert np.abs(np.diff(large.astype(int)[5, 24:-24, 1])).max() <= 3  # and smoothly
    assert is_plain(paper)


def test_a_photograph_is_not_plain(photo: Callable[..., bytes]) -> None:
    assert not is_plain(np.asarray(Pillow.open(io.BytesIO(photo(5)))))


@given(turn=st.floats(-25, 25))
@settings(max_examples=30, deadline=None)
def test_what_is_cut_out_is_all_real(turn: float) -> None:
    picture = Pillow.new("RGB", (120, 90), (10, 200, 10))
    real = np.asarray(Pillow.new("L", (120, 90), 1).rotate(turn), dtype=np.uint8)
    shown = inner(np.asarray(picture.rotate(turn, fillcolor=(200, 0, 0))), real)
    assert shown.shape == (90, 120, 3)
    assert (shown[..., 0] < 60).all()


# --- paste


def thing() -> bytes:
    picture = Pillow.new("RGBA", (160, 120))
    ImageDraw.Draw(picture).ellipse([40, 20, 120, 100], (200, 30, 30, 255))
    return png(picture)


@pytest.mark.parametrize("blending", BLENDINGS)
def test_a_thing_is_laid_whole_on_a_background_and_keeps_its_colour(blending: str) -> None:
    cut = cut_out(thing(), None, 200)
    assert cut
    ground = np.full((200, 300, 3), (90, 120, 90), dtype=np.uint8)
    shown = []
    for seed in range(60):
        draw = np.random.default_rng([seed, 1])
        draw.uniform()
        pasted = Paste(ground, lambda _: cut).onto(cut.pixels, cut.alpha, seed)
        draw.integers(0, 2)
        red = (pasted[..., 0].astype(int) - pasted[..., 1]) > 60
        assert red.any()
        rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
        outside = np.ones((200, 300), dtype=bool)
        outside[max(0, rows[0] - 12) : rows[-1] + 13, max(0, columns[0] - 12) : columns[-1] + 13] = False
        assert (pasted[outside] == ground[outside]).all()
        middle = pasted[(rows[0] + rows[-1]) // 2, (columns[0] + columns[-1]) // 2].astype(int)
        assert np.abs(middle - [200, 30, 30]).max() < 12
        shown.append(np.unique(pasted.reshape(-1, 3), axis=0).shape[0])
    assert blending in BLENDINGS
    assert len(set(shown)) > 3  # seams of several kinds


def test_nothing_is_cut_out_of_a_picture_without_alpha_or_of_one_that_is_empty(photo: Callable[..., bytes]) -> None:
    assert cut_out(photo(1), None, 200) is None
    assert cut_out(png(Pillow.new("RGBA", (50, 50))), None, 200) is None
    assert cut_out(png(Pillow.new("RGBA", (50, 50), "#ff0000ff")), None, 200) is None
    mask = Pillow.new("L", (80, 60))
    ImageDraw.Draw(mask).rectangle([20, 20, 50, 40], 255)
    cut = cut_out(photo(1), png(mask), 200)  # of another size: it is fitted
    assert isinstance(cut, Cut)
    assert 0.1 < (cut.alpha > 128).mean() < 0.6


def test_a_piece_has_another_outline_for_each_seed(photo: Callable[..., bytes]) -> None:
    cut = piece(photo(2), 200)
    assert (cut(1).alpha == cut(1).alpha).all()
    shapes = {cut(seed).alpha.tobytes() for seed in range(10)}
    assert len(shapes) == 10
    assert all(0.02 < (cut(seed).alpha > 128).mean() < 0.5 for seed in range(10))


# --- who gets the next child


@given(
    st.dictionaries(st.text("abcdef0123456789", min_size=4, max_size=4), st.integers(0, 6), min_size=1),
    st.integers(0, 60),
)
def test_the_next_child_is_always_of_the_parent_with_the_fewest(copies: dict[str, int], wanted: int) -> None:
    named = spread(copies, wanted)
    assert len(named) == wanted
    now = dict(copies)
    for parent, copy in named:
        assert now[parent] == min(now.values())
        now[parent] += 1
        assert copy == now[parent]
    assert spread(copies, wanted + 5)[:wanted] == named


@given(st.lists(st.text("abcdef", min_size=6, max_size=6), min_size=2, max_size=20, unique=True))
def test_a_new_background_changes_only_what_falls_to_it(grounds: list[str]) -> None:
    before = {copy: choose_background("p", copy, 0, grounds[1:]) for copy in range(20)}
    after = {copy: choose_background("p", copy, 0, grounds) for copy in range(20)}
    assert all(after[copy] in {before[copy], grounds[0]} for copy in before)


# --- pipelines of a person's own


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[{GaussNoise: {var_limit: [10, 50]}}]",
            "p.yaml: GaussNoise has no argument var_limit in albumentations 2.0.8; it takes mean_range, "
            "noise_scale_factor, p, per_channel, std_range",
        ),
        (
            "[{HorizontalFlip: {always_apply: true}}]",
            "p.yaml: HorizontalFlip has no argument always_apply in albumentations 2.0.8; it takes p",
        ),
        ("[{GaussNois: {}}]", "p.yaml: albumentations 2.0.8 has no transform GaussNois"),
        ("[{os.system: {command: ls}}]", "p.yaml: albumentations 2.0.8 has no transform os.system"),
        (
            "[{GaussNoise: {std_range: [10, 50]}}]",
            "p.yaml: GaussNoise: std_range: all values in (10.0, 50.0) must be >= 0 and <= 1",
        ),
        ("[{OneOf: {p: 1}}]", "p.yaml: OneOf needs transforms"),
        ("[{Blur: {transforms: [Blur]}}]", "p.yaml: Blur takes no transforms"),
        ("[{Blur: 3}]", "p.yaml: Blur needs its arguments by name, such as {p: 0.5}"),
        ("[{Blur: {}, Rotate: {}}]", "p.yaml: Blur and Rotate are in one step; begin each with a dash of its own"),
        ("[3]", 'p.yaml: 3 is no step; such as [{"HorizontalFlip": {"p": 0.5}}]'),
        ("hello", 'p.yaml: holds no list of steps; such as [{"HorizontalFlip": {"p": 0.5}}]'),
        ("", 'p.yaml: holds no list of steps; such as [{"HorizontalFlip": {"p": 0.5}}]'),
        ('{"a: [', "p.yaml: is neither YAML nor JSON (line 1: found unexpected end of stream)"),
        (
            "[{RandomCrop: {height: 900, width: 900}}]",
            "p.yaml: cannot be applied (Crop size (height, width) exceeds image dimensions (height, width): "
            "(900, 900) vs (120, 160))",
        ),
        (
            "[Normalize]",
            "p.yaml: gives float32 120 x 160 x 3, and a file holds 8-bit RGB; leave Normalize, ToFloat and their like "
            "to training",
        ),
    ],
)
def test_what_is_wrong_with_a_pipeline_is_said_in_one_line(photo: Callable[..., bytes], text: str, line: str) -> None:
    with pytest.raises(UsageError) as raised:
        Augmenter(parse_pipeline(text, "p.yaml")).child(photo(1), 512, lambda attempt: attempt)
    assert str(raised.value) == line


def test_what_albumentations_saves_is_read(photo: Callable[..., bytes]) -> None:
    import albumentations

    written = albumentations.Compose(
        [albumentations.OneOf([albumentations.HorizontalFlip(p=1), albumentations.VerticalFlip(p=1)], p=1)]
    )
    for kind in ("json", "yaml"):
        text = io.StringIO()
        albumentations.save(written, text, data_format=kind)
        recipe = parse_pipeline(text.getvalue(), "saved")
        assert [step.name for step in recipe.steps] == ["OneOf"]
        assert [step.name for step in recipe.steps[0].steps] == ["HorizontalFlip", "VerticalFlip"]
        assert Augmenter(recipe).child(photo(1), 512, lambda attempt: attempt)
        plain = "[{OneOf: {p: 1, transforms: [{HorizontalFlip: {p: 1}}, {VerticalFlip: {p: 1}}]}}]"
        assert [step.name for step in parse_pipeline(plain, "saved").steps] == ["OneOf"]
