"""Copies are recognised under any usual alteration, and pictures that only look alike are not called copies."""

import importlib.util
import pickle
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from drawn import shirt as drawn_shirt
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageEnhance, ImageFilter

from negbuild import sketches
from negbuild.alignment import Affine, Look, Reason, Suspects, Verdict, compare, confirm, look
from negbuild.fingerprint import ORIENTATIONS, UNDOING, fingerprints, grids
from negbuild.looks import fine
from negbuild.model import Fingerprint
from negbuild.neighbours import Index
from negbuild.overlap import SHARE, Evidence, evidence, evidence_as_is
from negbuild.picture import Inspection, inspect
from negbuild.sketches import columns, probe, sift

Photo = Callable[..., bytes]
Places = NDArray[np.float64]
Box = tuple[float, float, float, float]
Alteration = Callable[[Pillow.Image], bytes]
Transpose = Pillow.Transpose
BICUBIC = Pillow.Resampling.BICUBIC

PHOTOGRAPHS = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "motorcycle_left.png")
TEXTURES = ("brick.png", "grass.png", "gravel.png")
TURNS = {
    "mirror": Transpose.FLIP_LEFT_RIGHT,
    "flip": Transpose.FLIP_TOP_BOTTOM,
    "half turn": Transpose.ROTATE_180,
    "transpose": Transpose.TRANSPOSE,
    "quarter left": Transpose.ROTATE_270,
    "quarter right": Transpose.ROTATE_90,
    "transverse": Transpose.TRANSVERSE,
}
"""What undoes each orientation; the quarters undo each other."""


def jpeg(image: Pillow.Image, quality: int = 90) -> bytes:
    buffer = BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def seen(data: bytes) -> tuple[Look, Fingerprint]:
    inspection = inspect(data)
    assert isinstance(inspection, Inspection), inspection
    return look(inspection.thumbnail), fingerprints([grids(inspection.thumbnail)])[0]


def judge(older: bytes, newer: bytes) -> Verdict:
    (one, one_print), (other, other_print) = seen(older), seen(newer)
    index = Index(192)
    index.add([one_print])
    [found] = index.add([other_print])
    return compare(one, other, found.distance, found.orientation)


def folder() -> Path:
    """Photographs inside scikit-image's wheel; found, not imported, which is slow."""
    package = importlib.util.find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "data"


def photograph(name: str) -> Pillow.Image:
    return Pillow.open(folder() / name).convert("RGB")


def part(image: Pillow.Image, left: float, top: float, right: float, bottom: float) -> Pillow.Image:
    """Cut out by fractions of the sides."""
    width, height = image.size
    return image.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))


def captioned(image: Pillow.Image, colour: str = "black") -> Pillow.Image:
    image, (width, height) = image.copy(), image.size
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, round(0.85 * height), width, height), fill=colour)
    draw.text((0.1 * width, 0.88 * height), "what somebody wrote", fill="grey", font_size=height // 16)
    return image


def stickered(image: Pillow.Image) -> Pillow.Image:
    image, (width, height) = image.copy(), image.size
    ImageDraw.Draw(image).ellipse((0.55 * width, 0.55 * height, 0.9 * width, 0.9 * height), fill="white")
    return image


def bordered(image: Pillow.Image, colour: str = "white") -> Pillow.Image:
    wide, high = image.width // 20, image.height // 20
    framed = Pillow.new("RGB", (image.width + 2 * wide, image.height + 2 * high), colour)
    framed.paste(image, (wide, high))
    return framed


ALTERATIONS: dict[str, Alteration] = {
    "JPEG 10": lambda image: jpeg(image, 10),
    "half the size": lambda image: jpeg(image.resize((image.width // 2, image.height // 2))),
    "grey": lambda image: jpeg(image.convert("L")),
    "brighter": lambda image: jpeg(ImageEnhance.Brightness(image).enhance(1.3)),
    "darker": lambda image: jpeg(ImageEnhance.Brightness(image).enhance(0.6)),
    "more contrast": lambda image: jpeg(ImageEnhance.Contrast(image).enhance(1.4)),
    "other colours": lambda image: jpeg(ImageEnhance.Color(image).enhance(0.3)),
    "blurred": lambda image: jpeg(image.filter(ImageFilter.GaussianBlur(2))),
    "caption": lambda image: jpeg(captioned(image)),
    "white caption": lambda image: jpeg(captioned(image, "white")),
    "sticker": lambda image: jpeg(stickered(image)),
    "white border": lambda image: jpeg(bordered(image)),
    "black border": lambda image: jpeg(bordered(image, "black")),
    "crop 2 %": lambda image: jpeg(part(image, 0.02, 0.02, 0.98, 0.98)),
    "crop 5 %": lambda image: jpeg(part(image, 0.05, 0.05, 0.95, 0.95)),
    "crop 10 %": lambda image: jpeg(part(image, 0.1, 0.1, 0.9, 0.9)),
    "crop of the top": lambda image: jpeg(part(image, 0, 0.1, 1, 1)),
    "rotated by 5 degrees": lambda image: jpeg(image.rotate(5, BICUBIC)),
    "rotated back by 3 degrees": lambda image: jpeg(image.rotate(-3, BICUBIC)),
    "stretched": lambda image: jpeg(image.resize((image.width, image.width))),
    "mirrored and cropped": lambda image: jpeg(
        part(image, 0.05, 0.05, 0.95, 0.95).transpose(Transpose.FLIP_LEFT_RIGHT)
    ),
    "turned, captioned and small": lambda image: jpeg(
        captioned(image).transpose(Transpose.ROTATE_90).resize((150, 200)), 40
    ),
}


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("change", ALTERATIONS)
def test_altered_copies_are_confirmed_either_way_round(name: str, change: str) -> None:
    image = part(photograph(name), 0.02, 0, 1, 0.97)
    original, altered = jpeg(image), ALTERATIONS[change](image)
    for verdict in (judge(original, altered), judge(altered, original)):
        assert verdict.confirmed, str(verdict)
        assert verdict.reason in {Reason.SAME, Reason.ALIGNED}
        assert verdict.alignment is not None


FAINT = {
    "moon.png": [(0.084, 0.221, 0.908, 0.796), (0.377, 0.054, 0.952, 0.766)],
    "retina.jpg": [(0.21, 0.058, 0.717, 0.873), (0.358, 0.365, 0.935, 0.909), (0.352, 0.245, 0.954, 0.834)],
}
"""Parts with so little contrast that copies made larger lose much of the detail."""


FINE = [(0.122, 0.142, 0.947, 0.948), (0.011, 0.192, 0.894, 0.841), (0.106, 0.028, 0.984, 0.615)]
"""Parts whose pattern nearly drowns where sketches are halved."""


@pytest.mark.parametrize(("name", "box"), [(name, box) for name, boxes in FAINT.items() for box in boxes])
@pytest.mark.parametrize("change", ["crop 5 %", "rotated by 5 degrees"])
def test_copies_that_lost_faint_detail_are_confirmed(name: str, box: Box, change: str) -> None:
    image = part(photograph(name), *box)
    image.thumbnail((640, 640))
    original, altered = jpeg(image), ALTERATIONS[change](image)
    for verdict in (judge(original, altered), judge(altered, original)):
        assert verdict.reason is Reason.ALIGNED, str(verdict)


@pytest.mark.parametrize("box", FINE)
@pytest.mark.parametrize("change", ["crop 5 %", "rotated by 5 degrees"])
def test_copies_of_a_fine_pattern_are_confirmed(box: Box, change: str) -> None:
    image = part(photograph("brick.png"), *box)
    original, altered = jpeg(image), ALTERATIONS[change](image)
    for verdict in (judge(original, altered), judge(altered, original)):
        assert verdict.reason is Reason.ALIGNED, str(verdict)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_alignment_says_where_the_older_picture_lies_in_the_newer(orientation: str) -> None:
    image = photograph("astronaut.png").resize((520, 400))
    crop = part(image, 0.1, 0.04, 0.96, 0.92)
    newer = crop.transpose(TURNS[orientation]) if orientation in TURNS else crop
    verdict = judge(jpeg(image), jpeg(newer))
    assert verdict.alignment is not None, str(verdict)
    places = np.array([[0.2, 0.2], [0.8, 0.3], [0.5, 0.9]])
    inside = (places - [0.1, 0.04]) / [0.86, 0.88]
    np.testing.assert_allclose(mapped(verdict.alignment, places), turned(inside, orientation), atol=0.012)


def mapped(alignment: Affine, places: Places) -> Places:
    return np.asarray(np.column_stack([places, np.ones(len(places))]) @ np.array(alignment).T)


def turned(places: Places, orientation: str) -> Places:
    """Where places of a picture go when it is turned by `TURNS`."""
    x, y = places.T
    where = {
        "as is": (x, y),
        "mirror": (1 - x, y),
        "flip": (x, 1 - y),
        "half turn": (1 - x, 1 - y),
        "transpose": (y, x),
        "quarter left": (1 - y, x),
        "quarter right": (y, 1 - x),
        "transverse": (1 - y, 1 - x),
    }
    return np.column_stack(where[orientation])


def test_whole_copies_need_no_aligning() -> None:
    image = photograph("coffee.png")
    verdict = judge(jpeg(image), jpeg(image.transpose(Transpose.FLIP_LEFT_RIGHT), 70))
    assert (verdict.reason, verdict.alignment) == (Reason.SAME, ((-1, 0, 1), (0, 1, 0)))
    assert str(verdict) == f"same pixels: {verdict.matched} of {verdict.compared:g} blocks"
    assert verdict.matched >= 0.9 * verdict.compared > 10


@pytest.mark.parametrize("orientation", range(len(ORIENTATIONS)))
def test_whole_copies_are_compared_alike_whether_or_not_they_are_brought_onto_each_other(orientation: int) -> None:
    looks = [seen(change(photograph("coffee.png")))[0] for change in ALTERATIONS.values()]
    pairs = [Suspects(one, other, 8, orientation) for one in looks[:4] for other in looks]
    pairs = [pair for pair in pairs if not pair.bordered]
    assert 40 < len(pairs) < 4 * len(looks)
    lying, brought = evidence_as_is(pairs), evidence(pairs, np.tile(np.eye(3)[:2], (len(pairs), 1, 1)))
    assert lying.compared.min() > 10
    for of_lying, of_brought in zip(lying, brought, strict=True):
        assert of_lying.tolist() == pytest.approx(of_brought.tolist())


def test_frames_are_no_evidence_where_nothing_is_aligned() -> None:
    frame = bordered(photograph("coffee.png"))
    one, other = (look(Pillow.open(BytesIO(jpeg(frame, quality))).convert("L")) for quality in (90, 60))
    pair = Suspects(one, other, 8, 0)
    verdict = compare(*pair)
    within, everywhere = evidence([pair], np.eye(3)[None, :2]), evidence_as_is([pair])
    assert (verdict.reason, verdict.compared) == (Reason.SAME, within.compared[0])
    assert within.compared[0] < everywhere.compared[0]


# --- look-alikes


@pytest.mark.parametrize("name", PHOTOGRAPHS + TEXTURES)
def test_parts_of_one_photograph_that_do_not_overlap_are_not_copies(name: str) -> None:
    image = photograph(name)
    parts = [part(image, x / 3, y / 3, (x + 1) / 3, (y + 1) / 3) for x in range(3) for y in range(3)]
    looks = [seen(jpeg(one))[0] for one in parts]
    for orientation in range(len(ORIENTATIONS)):
        for place, newer in enumerate(looks):
            verdicts = confirm([Suspects(older, newer, 40, orientation) for older in looks[:place]])
            assert not any(verdict.confirmed for verdict in verdicts), (place, verdicts)


BRICKS: list[tuple[Box, Box, int]] = [
    ((0.097, 0.097, 0.301, 0.454), (0.561, 0.376, 0.826, 0.949), 63),
    ((0.0588, 0.0043, 0.3876, 0.5143), (0.6235, 0.2433, 0.961, 0.8238), 60),
    ((0.161, 0.071, 0.438, 0.432), (0.196, 0.49, 0.502, 1.0), 58),
    ((0.269, 0.531, 0.604, 0.797), (0.56, 0.234, 0.84, 0.438), 62),
    ((0.356, 0.403, 0.557, 0.622), (0.634, 0.634, 0.868, 0.875), 63),
    ((0.604, 0.645, 0.774, 0.861), (0.443, 0.313, 0.594, 0.499), 56),
]
"""Parts of one wall whose long joints fall into line, and how many bits apart they are."""


@pytest.mark.parametrize(("one", "other", "distance"), BRICKS)
def test_parts_of_one_wall_are_not_copies_though_their_joints_fall_into_line(
    one: Box, other: Box, distance: int
) -> None:
    image = photograph("brick.png")
    older, newer = seen(jpeg(part(image, *one)))[0], seen(jpeg(part(image, *other)))[0]
    for orientation in range(len(ORIENTATIONS)):
        for verdict in (compare(older, newer, distance, orientation), compare(newer, older, distance, orientation)):
            assert not verdict.confirmed, str(verdict)


@pytest.mark.parametrize(("shift", "copies"), [(0.1, True), (0.16, True), (0.45, False), (0.6, False)])
def test_crops_are_copies_where_they_overlap_by_seven_tenths(shift: float, copies: bool) -> None:
    image = photograph("astronaut.png")
    one, other = part(image, 0, 0, 0.6, 1), part(image, 0.6 * shift, 0, 0.6 + 0.6 * shift, 1)
    verdict = compare(seen(jpeg(one))[0], seen(jpeg(other))[0], 60, 0)
    assert verdict.confirmed is copies, str(verdict)
    if copies:
        assert verdict.alignment is not None
        assert verdict.alignment[0][2] == pytest.approx(-shift, abs=0.012)


def test_unrelated_pictures_are_not_copies(photo: Photo) -> None:
    looks = [seen(photo(seed, (320, 240)))[0] for seed in range(40)]
    for place, newer in enumerate(looks):
        for orientation in range(len(ORIENTATIONS)):
            verdicts = confirm([Suspects(older, newer, 30, orientation) for older in looks[:place]])
            assert {verdict.reason for verdict in verdicts} <= {Reason.OTHER}


def shirt(seed: int, printed: bool) -> Pillow.Image:
    """Draw a shirt as shops show it: always the same cut on white, with folds and a print of its own."""
    chance = random.Random(seed)
    image = Pillow.new("L", (400, 480), 255)
    outline = [(140, 60), (260, 60), (360, 120), (330, 190), (290, 165), (290, 430), (110, 430), (110, 165), (70, 190)]
    draw = ImageDraw.Draw(image)
    draw.polygon([*outline, (40, 120)], fill=chance.randrange(40, 160))
    for _ in range(9):
        x, y = chance.randrange(120, 250), chance.randrange(90, 400)
        draw.line(
            (x, y, x + chance.randrange(-60, 60), y + chance.randrange(20, 90)), fill=chance.randrange(220), width=4
        )
    if printed:
        for _ in range(5):
            x, y = chance.randrange(130, 220), chance.randrange(150, 330)
            draw.rectangle(
                (x, y, x + chance.randrange(10, 50), y + chance.randrange(10, 50)), fill=chance.randrange(256)
            )
    return image.filter(ImageFilter.GaussianBlur(1))


@pytest.mark.parametrize("printed", [True, False])
def test_shirts_of_one_cut_are_not_copies_but_each_is_of_itself(printed: bool) -> None:
    looks = [seen(jpeg(shirt(seed, printed)))[0] for seed in range(30)]
    for place, newer in enumerate(looks):
        assert not any(
            verdict.confirmed for verdict in confirm([Suspects(older, newer, 20, 0) for older in looks[:place]])
        )
        assert compare(newer, seen(jpeg(shirt(place, printed), 40))[0], 6, 0).confirmed


@pytest.mark.parametrize(
    ("one", "other", "printed", "distance"),
    [(6, 35, False, 17), (4, 13, True, 16), (13, 14, True, 10), (29, 34, True, 13)],
)
def test_shirts_whose_outlines_agree_faintly_are_not_copies(one: int, other: int, printed: bool, distance: int) -> None:
    older, newer = (seen(jpeg(shirt(seed, printed)))[0] for seed in (one, other))
    for verdict in (compare(older, newer, distance, 0), compare(newer, older, distance, 0)):
        assert not verdict.confirmed, str(verdict)


@pytest.mark.parametrize(
    ("one", "other", "distance", "orientation"),
    [
        (0, 69, 62, 1),
        (19, 58, 42, 0),
        (19, 70, 19, 1),
        (24, 28, 29, 0),
        (24, 70, 31, 1),
        (31, 58, 39, 1),
        (58, 70, 31, 1),
    ],
)
def test_shirts_whose_outlines_are_much_alike_are_not_copies(
    one: int, other: int, distance: int, orientation: int
) -> None:
    """The ground is no even white: it has a shadow and a gradient, and sleeves may reach its edge."""
    older, newer = (seen(jpeg(drawn_shirt(seed)))[0] for seed in (one, other))
    verdict = compare(older, newer, distance, orientation)
    assert not verdict.confirmed, str(verdict)


@pytest.mark.parametrize("seed", [0, 19, 24, 31, 58, 69, 70])
def test_a_shirt_on_a_plain_ground_is_a_copy_of_itself(seed: int) -> None:
    whole = drawn_shirt(seed)
    wide, high = whole.size
    older = seen(jpeg(whole))[0]
    altered = {
        "smaller": (whole.resize((wide // 2, high // 2)), 8, 0),
        "mirrored": (whole.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT), 8, 1),
        "cropped": (whole.crop((wide // 20, high // 20, wide - wide // 20, high - high // 20)), 40, 0),
        "turned": (whole.rotate(5, Pillow.Resampling.BICUBIC), 60, 0),
    }
    for name, (image, distance, orientation) in altered.items():
        verdict = compare(older, seen(jpeg(image))[0], distance, orientation)
        assert verdict.confirmed, f"{name}: {verdict}"


@pytest.mark.parametrize(("matched", "as_far_as"), [(9, 31), (11, 38), (12, 44), (13, 50), (14, 64)])
def test_the_further_apart_fingerprints_are_the_more_has_to_agree(matched: int, as_far_as: int) -> None:
    distances = np.array([17, 31, 38, 44, 50, 64])
    blocks, compared, whole = np.array([matched]), np.array([20.0]), np.array([1.0])
    seen = Evidence(
        matched=blocks,
        compared=compared,
        faint=np.array([0]),
        breadth=whole,
        matched_inside=blocks,
        compared_inside=compared,
        grounded=np.array([False]),
        more=whole,
        less=whole,
    )
    wanted = (distances <= as_far_as) & (matched >= 10)
    assert seen.agrees(SHARE, distances).tolist() == wanted.tolist()


def edge(seed: int) -> Pillow.Image:
    """Draw two flat colours, and between them one edge as of a coast or a mountain."""
    chance = random.Random(seed)
    x, slope = chance.uniform(60, 160), chance.uniform(0.2, 0.6)
    line = [(x + slope * y + chance.uniform(-5, 5), y) for y in range(-4, 250, 4)]
    image = Pillow.new("L", (320, 240), chance.randrange(150, 250))
    ImageDraw.Draw(image).polygon([(0, -4), *line, (0, 250)], fill=chance.randrange(100))
    return image


def test_pictures_of_one_edge_are_not_copies() -> None:
    looks = [seen(jpeg(edge(seed)))[0] for seed in range(24)]
    detailed = [look for look in looks if look.sketch.textured >= 6]
    assert len(detailed) > 12
    pairs = [
        Suspects(older, newer, 40, orientation)
        for place, newer in enumerate(detailed)
        for older in detailed[:place]
        for orientation in range(len(ORIENTATIONS))
    ]
    assert not any(verdict.confirmed for verdict in confirm(pairs))
    for seed in range(24):
        assert judge(jpeg(edge(seed)), jpeg(edge(seed), 40)).confirmed


def test_faces_cropped_alike_are_not_copies() -> None:
    """A hundred faces of Labeled Faces in the Wild, 25 px wide, from scikit-image's wheel."""
    faces = np.load(folder() / "lfw_subset.npy")[:100]
    pictures = [Pillow.fromarray((255 * face).astype(np.uint8)).resize((200, 200), BICUBIC) for face in faces]
    index, looks, candidates = Index(64), list[Look](), 0
    for picture in pictures:
        one, one_print = seen(jpeg(picture))
        looks.append(one)
        for found in index.add([one_print]):
            candidates += 1
            assert not compare(looks[found.older], one, found.distance, found.orientation).confirmed
        assert compare(one, seen(jpeg(bordered(picture), 40))[0], 40, 0).confirmed
    assert candidates > 500


@pytest.mark.parametrize(("share", "as_far_as"), [(0.3, 64), (0.6, 48)])
def test_where_fingerprints_are_far_apart_sketches_have_to_fit_well(share: float, as_far_as: int) -> None:
    one, other = (photograph(name).convert("L").resize((320, 240)) for name in ("chelsea.png", "coffee.png"))
    older, newer = (seen(jpeg(image))[0].sketch for image in (one, Pillow.blend(one, other, share)))
    distances = (9, 40, 48, 49, 56, 64)
    near = np.array([(0, 1, distance, 0) for distance in distances])
    places = sift(columns([older, newer]), near)
    assert places.tolist() == list(range(len(distances)))
    leads = probe(columns([older, newer]), near)
    assert [lead is not None for lead in leads] == [distance <= as_far_as for distance in distances]


def test_many_that_may_be_copies_of_one_picture_are_tried_by_and_by(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [seen(jpeg(photograph(name)))[0] for name in PHOTOGRAPHS]
    pairs = [Suspects(older, newer, 40, 0) for older in looks for newer in looks[:2]]
    at_once = confirm(pairs)
    assert sum(verdict.confirmed for verdict in at_once) == 2
    monkeypatch.setattr(sketches, "_MANY", 2)
    assert confirm(pairs) == at_once


# --- little detail


def gradient(slope: float, lift: float = 0) -> Pillow.Image:
    row, column = np.mgrid[:240, :320]
    return Pillow.fromarray(np.clip(40 + lift + slope * row / 2 + column / 4, 0, 255).astype(np.uint8))


def test_smooth_pictures_are_the_same_only_with_nearly_the_same_pixels() -> None:
    (one, _), (brighter, _), (other, _) = (seen(jpeg(one)) for one in (gradient(1), gradient(1, 20), gradient(-0.4)))
    assert one.sketch.textured == 0
    same = compare(one, brighter, 4, 0)
    assert (same.confirmed, same.reason, same.alignment) == (True, Reason.PLAIN_SAME, ((1, 0, 0), (0, 1, 0)))
    assert str(same) == "too little detail to align: nearly the same fingerprint and pixels"
    assert compare(one, brighter, 9, 0) == Verdict(confirmed=False, reason=Reason.PLAIN)
    assert compare(one, other, 4, 0) == Verdict(confirmed=False, reason=Reason.PLAIN)


def test_two_small_things_on_white_are_not_copies() -> None:
    def dotted(x: int, y: int) -> bytes:
        image = Pillow.new("L", (320, 240), 255)
        ImageDraw.Draw(image).ellipse((x, y, x + 25, y + 25), fill=30)
        return jpeg(image)

    one, other = seen(dotted(150, 110))[0], seen(dotted(190, 60))[0]
    assert not compare(one, other, 2, 0).confirmed


def test_flat_pictures_do_not_break_anything() -> None:
    flat = [
        look(Pillow.new("L", size, level)) for size in ((128, 128), (1, 300), (255, 128)) for level in (0, 128, 255)
    ]
    detailed = seen(jpeg(photograph("coffee.png")))[0]
    for newer in [*flat, detailed]:
        verdicts = confirm([Suspects(older, newer, 60, 5) for older in flat])
        assert {verdict.reason for verdict in verdicts} == {Reason.PLAIN}


def test_no_number_is_so_small_that_processors_need_long_for_it(photo: Photo) -> None:
    with np.errstate(under="raise"):
        for data in (photo(1), photo(2, (200, 300)), jpeg(bordered(photograph("coffee.png")))):
            assert np.isfinite(fine(seen(data)[0])).all()


# --- how it is called


def test_every_copy_of_a_chain_is_judged_on_its_own() -> None:
    """Each step is a copy of the one before; the ends share too little."""
    image = photograph("motorcycle_left.png")
    steps = [jpeg(part(image, 0.06 * step, 0, 0.5 + 0.06 * step, 1)) for step in range(6)]
    looks = [seen(data)[0] for data in steps]
    assert all(compare(looks[step], looks[step + 1], 40, 0).confirmed for step in range(5))
    assert not compare(looks[0], looks[5], 40, 0).confirmed


def test_many_at_once_are_judged_as_one_by_one() -> None:
    image = photograph("chelsea.png")
    newer = seen(jpeg(image))[0]
    older = [seen(change(image))[0] for change in ALTERATIONS.values()]
    older += [seen(jpeg(photograph(name)))[0] for name in PHOTOGRAPHS + TEXTURES]
    suspects = [Suspects(one, newer, 30, place % 3 % 2) for place, one in enumerate(older)] * 30
    together = confirm(suspects)
    alone = [compare(*pair) for pair in suspects[: len(older)]] * 30
    assert [verdict.confirmed for verdict in together] == [verdict.confirmed for verdict in alone]
    assert [verdict.reason for verdict in together] == [verdict.reason for verdict in alone]
    assert confirm([]) == []


def test_either_of_two_pictures_may_have_come_first() -> None:
    """Crops that overlap by about as much as twins do, of pictures with little detail."""
    chance, confirmed = random.Random(7), 0
    for image in [photograph(name) for name in ("retina.jpg", "rocket.jpg")] * 20:
        wide, high = chance.uniform(0.5, 0.8), chance.uniform(0.5, 0.8)
        boxes = []
        for _ in range(2):
            x, y = (1 - wide) * chance.uniform(0.3, 0.7), (1 - high) * chance.uniform(0.3, 0.7)
            boxes.append((x, y, x + wide, y + high))
            wide, high = wide * chance.uniform(0.75, 1.1), high * chance.uniform(0.75, 1.1)
        one, other = (seen(jpeg(part(image, *box)))[0] for box in boxes)
        for orientation in range(len(ORIENTATIONS)):
            there = compare(one, other, 45, orientation)
            back = compare(other, one, 45, UNDOING[orientation])
            assert (there.confirmed, there.reason) == (back.confirmed, back.reason), (boxes, orientation)
            if there.alignment and back.alignment:
                confirmed += 1
                both = np.vstack([back.alignment, (0, 0, 1)]) @ np.vstack([there.alignment, (0, 0, 1)])
                assert both == pytest.approx(np.eye(3), abs=1e-3)
    assert confirmed > 8


def test_threads_and_repetition_change_nothing() -> None:
    image = photograph("coffee.png")
    newer, older = seen(jpeg(image))[0], [seen(change(image))[0] for change in ALTERATIONS.values()]
    suspects = [Suspects(one, newer, 30, 0) for one in older]
    expected = confirm(suspects)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: confirm(suspects), range(12))) == [expected] * 12


def test_looks_travel_between_processes_and_are_small() -> None:
    one, _ = seen(jpeg(photograph("coffee.png")))
    packed = pickle.dumps(one)
    assert len(packed) < 12_000
    back = pickle.loads(packed)
    assert compare(one, back, 0, 0) == compare(one, one, 0, 0)
    assert compare(one, back, 0, 0).reason is Reason.SAME
