"""Every format is read, everything else is refused with its reason, and what is held becomes one and the same thing."""

import hashlib
import json
import random
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from negbuild.model import Image, Skip, SkipReason
from negbuild.picture import Inspection, Limits, inspect, jpeg_bytes, normalised

Photo = Callable[..., bytes]
Transpose = Pillow.Transpose

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
SIZE = (160, 120)

# How a picture lies in the file under each orientation of EXIF 2.32, tag 0x0112, so that a viewer shows it upright.
STORED = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}

# Pillow warns of broken metadata it then ignores; what is promised here is an answer, not silence.
metadata_is_broken = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.fixture(scope="session")
def scene(photo: Photo) -> Pillow.Image:
    return Pillow.open(BytesIO(photo(1, SIZE, "PNG"))).convert("RGB")


def encode(image: Pillow.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401  Pillow's own
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def held(data: bytes, limits: Limits | None = None) -> Inspection:
    found = inspect(data, limits or Limits())
    assert isinstance(found, Inspection), found
    return found


def refused(data: bytes, limits: Limits | None = None) -> Skip:
    found = inspect(data, limits or Limits())
    assert isinstance(found, Skip), found
    return found


def apart(one: Pillow.Image, other: Pillow.Image) -> float:
    """Mean difference in grey levels."""
    assert (one.mode, one.size) == (other.mode, other.size)
    return float(np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).mean())


def deep(scene: Pillow.Image) -> Pillow.Image:
    """Make the picture 16-bit grey."""
    return Pillow.fromarray(np.asarray(scene.convert("L")).astype(np.uint16) * 257)


def translucent(scene: Pillow.Image) -> Pillow.Image:
    layers = scene.convert("RGBA")
    layers.putalpha(200)
    return layers


# --- what is held


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_read_and_named_by_its_bytes(photo: Photo, scene: Pillow.Image, kind: str) -> None:
    data = photo(1, SIZE, kind)
    inspection = held(data)
    assert inspection.image == Image(hashlib.sha256(data).hexdigest(), kind, 160, 120, len(data))
    assert apart(inspection.thumbnail, scene.convert("L")) < 8  # GIF has 256 colours


def test_further_frames_of_an_mpo_are_no_film(photo: Photo, scene: Pillow.Image) -> None:
    other = Pillow.open(BytesIO(photo(2)))
    inspection = held(encode(scene, "MPO", save_all=True, append_images=[other]))
    assert (inspection.image.format, inspection.image.width, inspection.image.height) == ("MPO", 160, 120)
    assert apart(inspection.thumbnail, scene.convert("L")) < 3


@pytest.mark.parametrize(
    ("size", "thumbnail"),
    [
        ((64, 64), (64, 64)),
        ((255, 400), (255, 400)),
        ((256, 300), (128, 150)),
        ((600, 400), (200, 134)),
        ((100, 1000), (100, 1000)),
    ],
)
def test_thumbnail_has_a_shorter_side_of_128_to_255_or_its_own(
    photo: Photo, size: tuple[int, int], thumbnail: tuple[int, int]
) -> None:
    assert held(photo(1, size, "BMP")).thumbnail.size == thumbnail


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_is_turned_upright(scene: Pillow.Image, kind: str, orientation: int) -> None:
    check_upright(scene, scene, kind, orientation)


@pytest.mark.parametrize(
    ("kind", "convert"),
    [
        ("PNG", lambda scene: scene.convert("L")),
        ("PNG", lambda scene: scene.quantize(64)),
        ("PNG", translucent),
        ("PNG", lambda scene: translucent(scene).convert("LA")),
        ("PNG", deep),
        ("WEBP", translucent),
        ("AVIF", translucent),
        ("TIFF", deep),
        ("JPEG", lambda scene: scene.convert("CMYK")),
    ],
    ids=["L PNG", "P PNG", "RGBA PNG", "LA PNG", "I;16 PNG", "RGBA WEBP", "RGBA AVIF", "I;16 TIFF", "CMYK JPEG"],
)
@pytest.mark.parametrize("orientation", [2, 6, 8])
def test_picture_of_any_mode_is_turned_upright(
    scene: Pillow.Image, kind: str, convert: Callable[[Pillow.Image], Pillow.Image], orientation: int
) -> None:
    check_upright(scene, convert(scene), kind, orientation)


def check_upright(scene: Pillow.Image, converted: Pillow.Image, kind: str, orientation: int) -> None:
    turn = STORED[orientation]
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    upright = encode(converted, kind)
    lying = encode(converted if turn is None else converted.transpose(turn), kind, exif=exif)
    inspection = held(lying)
    assert (inspection.image.width, inspection.image.height) == scene.size
    # The codecs' own noise; a wrong turn is 25 and more apart.
    assert apart(inspection.thumbnail, held(upright).thumbnail) < 4
    assert apart(normalised(lying, 160), normalised(upright, 160)) < 8


def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")


def exif_of(*entries: bytes) -> bytes:
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + struct.pack("<I", 0)


@pytest.mark.parametrize(
    "orientation",
    [*(entry(0x0112, 3, 1, struct.pack("<H", value)) for value in (0, 9, 65535)), entry(0x0112, 2, 2, b"6")],
    ids=["0", "9", "65535", "text"],
)
def test_orientation_that_does_not_exist_turns_nothing(scene: Pillow.Image, orientation: bytes) -> None:
    data = encode(scene, "JPEG", exif=exif_of(orientation))
    inspection = held(data)
    assert (inspection.image.width, inspection.image.height) == SIZE
    assert inspection.thumbnail.size == normalised(data, 160).size == SIZE


@metadata_is_broken
@pytest.mark.parametrize(
    "broken",
    [
        entry(0x011A, 5, 1, struct.pack("<I", 9999)),
        entry(0x011A, 99, 1, b""),
        entry(0x010F, 2, 4, b"\xff\xfe\xfd"),
        entry(0x8769, 4, 1, struct.pack("<I", 9999)),
        entry(0x8769, 2, 4, b"abc"),
        entry(0x8825, 4, 1, struct.pack("<I", 9999)),
        entry(0x0131, 12, 1, struct.pack("<I", 8)),
    ],
    ids=["offset", "type", "text", "ifd offset", "ifd text", "gps offset", "float for text"],
)
def test_broken_metadata_does_not_make_a_broken_picture(scene: Pillow.Image, broken: bytes) -> None:
    exif = exif_of(entry(0x0112, 3, 1, struct.pack("<H", 6)), broken)
    data = encode(scene.transpose(Transpose.ROTATE_90), "JPEG", exif=exif)
    assert (held(data).image.width, held(data).image.height) == SIZE
    assert apart(held(data).thumbnail, scene.convert("L")) < 3
    assert normalised(data, 160).size == SIZE


@metadata_is_broken
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "AVIF"])
def test_metadata_of_a_wrong_type_never_makes_the_check_fail(scene: Pillow.Image, kind: str) -> None:
    exif = Pillow.Exif()
    exif.update({0x0112: 6, 0x0131: "a name long enough to lie elsewhere"})
    data = encode(scene.transpose(Transpose.ROTATE_90), kind, exif=exif)
    [order] = [order for order in "<>" if struct.pack(f"{order}HH", 0x0131, 2) in data]
    start = data.index(struct.pack(f"{order}HH", 0x0131, 2))
    lying = data[:start] + struct.pack(f"{order}HHI", 0x0131, 12, 1) + data[start + 8 :]  # a float where text should be
    found = inspect(lying)
    if kind == "AVIF":  # Pillow writes its metadata anew on opening, and gives up
        assert isinstance(found, Inspection) or found.reason is SkipReason.DAMAGED
    else:
        assert isinstance(found, Inspection)
        assert (found.image.width, found.image.height) == SIZE


# --- what is refused


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"<!DOCTYPE html><title>404</title>", "HTML page"),
        (b"\n  <html lang=en>", "HTML page"),
        (b"<!-- hello --><HEAD></HEAD><body><svg/>", "HTML page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG, a drawing without pixels"),
        (b"<?xml version='1.0'?><svg/>", "SVG, a drawing without pixels"),
        (json.dumps({"error": "gone"}).encode(), "JSON"),
        (b"[]", "JSON"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC or a film; save it as JPEG first"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "HEIC or a film; save it as JPEG first"),
        (b"%PDF-1.7\n", "no known picture format"),
        (random.Random(1).randbytes(5000), "no known picture format"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, detail: str) -> None:
    assert inspect(data) == Skip(SkipReason.NOT_AN_IMAGE, detail)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
def test_picture_cut_within_its_pixels_is_truncated(photo: Photo, kind: str, cut: float) -> None:
    data = photo(1, SIZE, kind)
    assert refused(data[: int(len(data) * cut)]).reason is SkipReason.TRUNCATED


@pytest.mark.parametrize(
    ("kind", "cut"),
    [
        *(("JPEG", cut) for cut in (3, 4, 11, 20, 100, 300, -2, -1)),
        *(("PNG", cut) for cut in (6, 8, 12, 20, 29, 33, 41, -24, -30)),
        *(("WEBP", cut) for cut in (4, 8, 12, 16, 20, 26, 30, -10, -1)),
        *(("AVIF", cut) for cut in (16, 40, 200, -1)),
    ],
)
@metadata_is_broken
def test_picture_cut_anywhere_is_truncated(photo: Photo, kind: str, cut: int) -> None:
    assert refused(photo(1, SIZE, kind)[:cut]).reason is SkipReason.TRUNCATED


@pytest.mark.parametrize("cut", [0.5, 0.8, 0.98])
def test_progressive_jpeg_without_its_last_scans_is_truncated(photo: Photo, cut: float) -> None:
    data = photo(1, (900, 700), progressive=True)
    assert refused(data[: int(len(data) * cut)]).reason is SkipReason.TRUNCATED


def test_cut_that_the_small_scale_would_not_need_is_seen_all_the_same(photo: Photo) -> None:
    data = photo(1, (1400, 1040))
    assert refused(data[:-200]).reason is SkipReason.TRUNCATED


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "AVIF", "TIFF"])
def test_film_is_refused_and_gives_its_first_frame_on_request(photo: Photo, scene: Pillow.Image, kind: str) -> None:
    frames = [Pillow.open(BytesIO(photo(seed, SIZE, "PNG"))) for seed in (2, 3)]
    film = encode(scene, kind, save_all=True, append_images=frames)
    assert inspect(film) == Skip(SkipReason.ANIMATED, "3 frames")
    assert apart(held(film, Limits(first_frame=True)).thumbnail, scene.convert("L")) < 8
    assert apart(normalised(film, 160), scene) < 16


def test_byte_cap_is_the_last_size_held(photo: Photo) -> None:
    data = photo(1)
    assert held(data, Limits(max_bytes=len(data))).image.size == len(data)
    assert inspect(data, Limits(max_bytes=len(data) - 1)) == Skip(
        SkipReason.TOO_MANY_BYTES, f"{len(data):,} bytes", len(data) - 1
    )


def test_pixel_cap_is_the_last_size_held(photo: Photo) -> None:
    data = photo(1)
    assert held(data, Limits(max_pixels=160 * 120))
    assert inspect(data, Limits(max_pixels=160 * 120 - 1)) == Skip(SkipReason.TOO_MANY_PIXELS, "160 x 120", 19199)


def test_minimum_side_is_the_last_size_held(photo: Photo) -> None:
    assert held(photo(1, (64, 300)))
    assert inspect(photo(1, (300, 63))) == Skip(SkipReason.TOO_SMALL, "300 x 63", 64)
    assert held(photo(1, (300, 63)), Limits(min_side=63))


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def patched(data: bytes, mark: bytes, skip: int, claim: bytes) -> bytes:
    """Overwrite the size that a header states, `skip` bytes after the mark."""
    start = data.index(mark) + skip
    return data[:start] + claim + data[start + len(claim) :]


@pytest.mark.parametrize(
    ("kind", "mark", "skip", "claim", "detail"),
    [
        ("JPEG", b"\xff\xc0", 5, struct.pack(">HH", 65500, 65500), "65500 x 65500"),
        ("WEBP", b"\x9d\x01\x2a", 3, struct.pack("<HH", 16383, 16383), "16383 x 16383"),
        ("GIF", b"GIF8", 6, struct.pack("<HH", 65535, 65535), "65535 x 65535"),
        ("BMP", b"BM", 18, struct.pack("<ii", 50000, 50000), "50000 x 50000"),
        ("AVIF", b"ispe", 8, struct.pack(">II", 16000, 16000), "16000 x 16000"),
        ("JPEG2000", b"ihdr", 4, struct.pack(">II", 50000, 50000), "50000 x 50000"),
        ("PPM", b"160 120", 0, b"99999 99999 255\n", "99999 x 99999"),
    ],
)
def test_size_that_a_header_claims_is_believed(
    photo: Photo, kind: str, mark: bytes, skip: int, claim: bytes, detail: str
) -> None:
    assert inspect(patched(photo(1, SIZE, kind), mark, skip, claim)) == Skip(
        SkipReason.TOO_MANY_PIXELS, detail, 64_000_000
    )


def test_bomb_is_refused_from_its_header_without_decoding() -> None:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)  # a decoder would find them wanting
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    assert inspect(bomb) == Skip(SkipReason.TOO_MANY_PIXELS, "50000 x 50000", 64_000_000)
    assert refused(bomb, Limits(max_pixels=2_500_000_000)).reason is SkipReason.TRUNCATED


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_one_colour_is_flat(mode: str) -> None:
    assert inspect(encode(Pillow.new(mode, (100, 80), 1), "PNG")) == Skip(SkipReason.FLAT, "100 x 80")


@pytest.mark.parametrize(("step", "flat"), [(1, True), (3, False)])
def test_noise_below_one_grey_level_is_flat(step: int, flat: bool) -> None:
    values = 100 + step * np.random.default_rng(1).integers(0, 2, (90, 90), dtype=np.uint8)
    found = inspect(encode(Pillow.fromarray(values), "PNG"))
    assert isinstance(found, Skip) is flat


def test_picture_that_alpha_hides_is_flat(scene: Pillow.Image) -> None:
    hidden = scene.convert("RGBA")
    hidden.putalpha(0)
    assert refused(encode(hidden, "PNG")).reason is SkipReason.FLAT


def mutation(data: bytes, dice: random.Random) -> bytes:
    """Change up to six bytes, most of them near the front, and cut one in five short."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        place = dice.randrange(min(len(data), dice.choice((64, 600, len(data)))))
        changed[place] = dice.choice((0, 255, dice.randrange(256), changed[place] ^ 1 << dice.randrange(8)))
    return bytes(changed[: dice.randrange(len(data))] if dice.random() < 0.2 else changed)


@metadata_is_broken
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *((kind, {}) for kind in FORMATS),
        ("JPEG", {"progressive": True}),
        ("PNG", {"save_all": True}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"save_all": True}),
        ("GIF", {"save_all": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("MPO", {"save_all": True}),
    ],
)
def test_no_bytes_make_the_check_fail(photo: Photo, kind: str, options: dict[str, bool | str]) -> None:
    dice = random.Random(f"{kind} {options}")
    frames = [Pillow.open(BytesIO(photo(seed, (72, 66), "PNG"))) for seed in (1, 2)]
    exif = Pillow.Exif()
    exif.update({0x010F: "maker", 0x0112: 6, 0x011A: 72.0, 0x0131: "software"})
    extra = {"append_images": frames[1:]} if "save_all" in options else {}
    data = encode(frames[0], kind, exif=exif, **options, **extra)
    reasons = set()
    for _ in range(300):
        mutated = mutation(data, dice)
        found = inspect(mutated, Limits(first_frame=dice.random() < 0.5))
        reasons.add(found.reason if isinstance(found, Skip) else None)
        if isinstance(found, Inspection):
            assert normalised(mutated, 64).mode == "RGB"
    assert len(reasons) > 1  # the mutations did bite


# --- what every held picture becomes


@pytest.mark.parametrize(
    ("size", "longer_side", "expected"),
    [
        ((300, 200), 100, (100, 67)),
        ((200, 300), 100, (67, 100)),
        ((300, 200), 300, (300, 200)),
        ((300, 200), 512, (300, 200)),
        ((1200, 900), 512, (512, 384)),
        ((1999, 90), 512, (512, 23)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_longer_side_is_capped_and_never_enlarged(
    photo: Photo, kind: str, size: tuple[int, int], longer_side: int, expected: tuple[int, int]
) -> None:
    image = normalised(photo(1, size, kind), longer_side)
    assert (image.mode, image.size) == ("RGB", expected)


def test_reduced_picture_is_the_same_picture(photo: Photo) -> None:
    data = photo(1, (1600, 1200), quality=95)
    plain = Pillow.open(BytesIO(data)).resize((400, 300), Pillow.Resampling.LANCZOS)
    assert apart(normalised(data, 400), plain) < 2


@pytest.mark.parametrize(
    ("data", "tolerance"),
    [
        (lambda scene: encode(scene.convert("CMYK"), "JPEG", quality=95), 4),
        (lambda scene: encode(scene, "JPEG", quality=95, keep_rgb=True), 2),
        (lambda scene: encode(scene.convert("RGBA"), "PNG"), 0),
        (lambda scene: encode(scene, "JPEG2000"), 0),
        (lambda scene: encode(scene, "TIFF", compression="tiff_lzw"), 0),
    ],
    ids=["CMYK JPEG", "RGB JPEG", "RGBA PNG", "JPEG2000", "TIFF"],
)
def test_colours_survive(scene: Pillow.Image, data: Callable[[Pillow.Image], bytes], tolerance: float) -> None:
    assert apart(normalised(data(scene), 160), scene) <= tolerance
    assert apart(held(data(scene)).thumbnail, scene.convert("L")) <= tolerance


@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF")])
@pytest.mark.parametrize(("alpha", "grey"), [(0, 255), (128, 127), (255, 0)])
def test_alpha_lies_on_white(mode: str, kind: str, alpha: int, grey: int) -> None:
    black = Pillow.new("L", (80, 70), 0)
    black.putalpha(alpha)
    seen = normalised(encode(black.convert(mode), kind, **({"lossless": True} if kind == "WEBP" else {})), 80)
    assert seen.getcolors() == [(80 * 70, (grey, grey, grey))]


def test_transparent_colour_of_a_palette_is_white() -> None:
    image = Pillow.new("P", (80, 70), 3)
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    image.paste(1, (0, 0, 40, 70))
    seen = normalised(encode(image, "PNG", transparency=3), 80)
    assert seen.getpixel((10, 10)) == (200, 0, 0)
    assert seen.getpixel((70, 10)) == (255, 255, 255)


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (32768, 128), (65535, 255)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_sixteen_bits_of_grey_become_eight(kind: str, value: int, grey: int) -> None:
    data = encode(Pillow.fromarray(np.full((70, 80), value, dtype=np.uint16)), kind)
    assert normalised(data, 80).getcolors() == [(70 * 80, (grey, grey, grey))]


def test_deep_grey_keeps_its_picture(scene: Pillow.Image) -> None:
    assert apart(held(encode(deep(scene), "PNG")).thumbnail, scene.convert("L")) == 0


def test_floats_are_spread_over_the_greys() -> None:
    values = np.linspace(-1.5, 4.5, 70 * 80, dtype=np.float32).reshape(70, 80)
    values[0, 1] = np.nan
    data = encode(Pillow.fromarray(values), "TIFF")
    grey = np.asarray(normalised(data, 80))[:, :, 0].astype(int)
    assert (grey.min(), grey.max()) == (0, 255)
    assert (np.diff(grey.ravel()[2:]) >= 0).all()
    assert 126 <= np.median(grey) <= 129
    assert held(data).thumbnail.size == (80, 70)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF"])
def test_bytes_that_do_not_decode_raise_oserror(photo: Photo, kind: str) -> None:
    data = photo(1, SIZE, kind)
    with pytest.raises(OSError, match=r"\w"):
        normalised(data[: len(data) // 2], 160)


def frame_header(data: bytes) -> tuple[int, bytes]:
    """Return the start-of-frame marker of a JPEG (ITU-T T.81, B.2.2) and the sampling factors of its components."""
    place = 2
    while data[place + 1] not in {0xC0, 0xC1, 0xC2}:
        place += 2 + int.from_bytes(data[place + 2 : place + 4])
    return data[place + 1], data[place + 11 : place + 11 + 3 * data[place + 9] : 3]


def test_written_jpeg_is_baseline_with_halved_colour(scene: Pillow.Image) -> None:
    assert frame_header(jpeg_bytes(scene, 90)) == (0xC0, b"\x22\x11\x11")
    assert frame_header(encode(scene, "JPEG", progressive=True, subsampling="4:4:4")) == (0xC2, b"\x11\x11\x11")


def test_written_jpeg_depends_on_pixels_and_quality_alone(scene: Pillow.Image) -> None:
    exif = Pillow.Exif()
    exif[0x010E] = "where I live"
    options = {"exif": exif, "comment": b"mine", "icc_profile": b"profile", "dpi": (300, 300)}
    loud = Pillow.open(BytesIO(encode(scene, "JPEG", quality=95, **options)))
    silent = Pillow.fromarray(np.asarray(loud))
    assert jpeg_bytes(loud, 90) == jpeg_bytes(silent, 90) != jpeg_bytes(silent, 80)
    assert set(Pillow.open(BytesIO(jpeg_bytes(loud, 90))).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
