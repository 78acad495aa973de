"""Bytes to a checked picture, and a checked picture to the bytes that every loader reads.

Pure functions: no path, no catalog. A JPEG is decoded once, at the scale the fingerprint needs, but for one that seems
flat there; that reads every byte of its scan, so that a truncated file shows.
"""

import hashlib
import struct
from dataclasses import dataclass
from io import BytesIO

from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from PIL.ImageFile import ImageFile

from negbuild.borders import trimmed
from negbuild.model import Image, Skip, SkipReason

# The pixel cap below is checked on the header, for each picture; Pillow's own is a process-wide warning.
Pillow.MAX_IMAGE_PIXELS = None

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
"""What is read, by Pillow's names; multi-picture JPEG (MPO) is recognised by the JPEG reader itself."""

DECODED_AT_ONCE = 2**20
"""Bytes, of `ImageFile.decodermaxblock`: after each block a thread waits for the interpreter again."""

_MAGIC = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n",
    b"GIF8",
    b"RIFF",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"\0\0\0\x0cjP",
    b"\xff\x4f\xff\x51",
)
DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    AttributeError,
    RuntimeError,
    LookupError,
    ArithmeticError,
    struct.error,
)
"""What Pillow raises on bytes that are no whole picture."""

# EXIF 2.32, tag 0x0112: what brings a picture upright.
_ORIENTATION = 0x0112
_TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = 5  # from this orientation on, width and height change places

_THUMBNAIL_SIDE = 128
_FLAT_DEVIATION = 1.0  # grey levels: below it not even a gradient is left
_LONGEST_SNIFF = 512


@dataclass(frozen=True, slots=True)
class Limits:
    """What a picture may be: bytes, pixels (read from the header), shorter side in pixels, frames."""

    max_bytes: int = 32 * 2**20
    max_pixels: int = 64_000_000
    min_side: int = 64
    first_frame: bool = False


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Inspection:
    """A picture that passed: its record, and its upright grey thumbnail within plain borders.

    With them the shorter side of the thumbnail has 128 to 255 px, or those of the picture.
    """

    image: Image
    thumbnail: Pillow.Image


def inspect(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Inspection | Skip:
    """Check one picture: its record and grey thumbnail, or why it is not held."""
    if len(data) > limits.max_bytes:
        return Skip(SkipReason.TOO_MANY_BYTES, f"{len(data):,} bytes", limits.max_bytes)
    try:
        with Pillow.open(BytesIO(data), formats=FORMATS) as opened:
            return _refusal(opened, limits) or _inspected(opened, data)
    except UnidentifiedImageError:
        return _not_an_image(data)
    except DECODE_ERRORS as error:
        return _broken(error, data)


def normalised(data: bytes, longer_side: int) -> Pillow.Image:
    """Decode a checked picture to upright 8-bit RGB, its longer side at most `longer_side` pixels.

    Alpha is composited on white. Raises OSError where the bytes do not decode.
    """
    with Pillow.open(BytesIO(data), formats=FORMATS) as opened:
        opened.draft("RGB", (longer_side, longer_side))
        opened.load()
        image = _turned(_rgb(opened), _orientation(opened))
    image.thumbnail((longer_side, longer_side), Pillow.Resampling.LANCZOS, reducing_gap=3.0)
    return image


def jpeg_bytes(image: Pillow.Image, quality: int) -> bytes:
    """Encode an RGB image as baseline JPEG with 4:2:0 subsampling and no metadata: the same way for every class."""
    buffer = BytesIO()
    clean = Pillow.frombytes("RGB", image.size, image.tobytes())
    clean.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def _refusal(opened: Pillow.Image, limits: Limits) -> Skip | None:
    width, height = opened.size
    if width * height > limits.max_pixels:
        return Skip(SkipReason.TOO_MANY_PIXELS, f"{width} x {height}", limits.max_pixels)
    if min(width, height) < limits.min_side:
        return Skip(SkipReason.TOO_SMALL, f"{width} x {height}", limits.min_side)
    frames = getattr(opened, "n_frames", 1)
    # The further frames of an MPO are other views or previews of one photograph, not a film.
    if frames > 1 and opened.format != "MPO" and not limits.first_frame:
        return Skip(SkipReason.ANIMATED, f"{frames} frames")
    return None


def _inspected(opened: ImageFile, data: bytes) -> Inspection | Skip:
    kind, (width, height) = opened.format or "", opened.size
    opened.seek(0)
    opened.draft("L", (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    opened.decodermaxblock = DECODED_AT_ONCE
    opened.load()
    orientation = _orientation(opened)
    grey = _turned(_grey(opened), orientation)
    thumbnail = grey.reduce(max(1, min(grey.size) // _THUMBNAIL_SIDE))
    if _deviation(thumbnail) < _FLAT_DEVIATION and _is_flat(grey, data, opened.size != (width, height)):
        return Skip(SkipReason.FLAT, f"{width} x {height}")
    image = Image(
        sha256=hashlib.sha256(data).hexdigest(),
        format=kind,
        width=height if orientation >= _ON_ITS_SIDE else width,
        height=width if orientation >= _ON_ITS_SIDE else height,
        size=len(data),
    )
    return Inspection(image, trimmed(thumbnail))


def _is_flat(grey: Pillow.Image, data: bytes, reduced: bool) -> bool:
    """Whether all pixels are even; averaging never adds deviation, so that these many are seldom looked at.

    A JPEG that was decoded at a smaller scale is decoded in full: the same pixels in another format are no flatter.
    """
    if _deviation(grey) >= _FLAT_DEVIATION:
        return False
    if not reduced:
        return True
    with Pillow.open(BytesIO(data), formats=FORMATS) as whole:
        whole.draft("L", whole.size)
        return _deviation(_grey(whole)) < _FLAT_DEVIATION


def _deviation(grey: Pillow.Image) -> float:
    """Return the standard deviation of the grey levels."""
    import numpy as np

    counts, levels = np.array(grey.histogram()), np.arange(256)
    mean = counts @ levels / counts.sum()
    return float(np.sqrt(counts @ (levels - mean) ** 2 / counts.sum()))


def _grey(image: Pillow.Image) -> Pillow.Image:
    return image if image.mode == "L" else _rgb(image).convert("L")


def _rgb(image: Pillow.Image) -> Pillow.Image:
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        image = _eight_bit(image)
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        image = Pillow.alpha_composite(Pillow.new("RGBA", layers.size, "white"), layers)
    return image.convert("RGB")


def _eight_bit(image: Pillow.Image) -> Pillow.Image:
    """Scale deep grey to 8 bits; Pillow's own conversion clips at 255, which leaves white."""
    import numpy as np

    values = np.asarray(image, dtype=np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = 0.0, 65535.0
    if image.mode == "F" or values.max() > high:  # floats and 32 bits have no usual range
        low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return Pillow.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _orientation(image: Pillow.Image) -> int:
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except DECODE_ERRORS:  # broken metadata does not make a broken picture
        return 1
    return orientation if orientation in _TURNS else 1


def _turned(image: Pillow.Image, orientation: int) -> Pillow.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _broken(error: Exception, data: bytes) -> Skip:
    text = str(error)
    cut = isinstance(error, EOFError) or "truncated" in text.lower() or "incomplete" in text.lower()
    if data.startswith(b"RIFF"):  # WebP: the decoder does not say, but the header states the length
        cut = cut or len(data) < int.from_bytes(data[4:8], "little") + 8
    return Skip(SkipReason.TRUNCATED if cut else SkipReason.DAMAGED, text[:200])


def _not_an_image(data: bytes) -> Skip:
    start = data[:_LONGEST_SNIFF].lstrip().lower()
    if data.startswith(_MAGIC) or data[4:12] in {b"ftypavif", b"ftypavis"}:
        return Skip(SkipReason.TRUNCATED, "the header is cut off or broken")
    kinds = {
        "empty": not start,
        "HTML page": start.startswith((b"<!doctype html", b"<html")) or b"<head" in start or b"<body" in start,
        "SVG, a drawing without pixels": b"<svg" in start,
        "JSON": start[:1] in {b"{", b"["},
        "HEIC or a film; save it as JPEG first": data[4:8] == b"ftyp",
    }
    return Skip(
        SkipReason.NOT_AN_IMAGE, next((kind for kind, fits in kinds.items() if fits), "no known picture format")
    )
