"""How pictures look in a dataset, and the bytes they get there. Pure: bytes in, bytes out."""

import hashlib
from dataclasses import dataclass
from io import BytesIO

import PIL
from PIL import Image as Pillow
from PIL import features

from negbuild.picture import jpeg_bytes, normalised

_REVISION = 1  # of the rules below: other bytes for the same picture, another number

_PLAIN_SEGMENTS = {"APP0", "APP14"}  # JFIF, and Adobe's word on colours; every other one tells more than the picture
_PLAIN_PNG = {"dpi", "gamma", "srgb", "chromaticity", "interlace"}
_JPEG_START, _PNG_START = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_PNG_TRUE_COLOUR = b"\x08\x02"  # eight bits, RGB (PNG specification, 11.2.1)
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class Look:
    """How every picture is written, whatever it was: longer side at most in pixels, and JPEG quality.

    With `originals`, files that every loader reads as they came are kept so.
    """

    longer_side: int = 512
    quality: int = 90
    originals: bool = False

    @property
    def name(self) -> str:
        """Short name, for folders."""
        return f"{'originals-' if self.originals else ''}{self.longer_side}px-q{self.quality}"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture as it is written: its bytes, their SHA-256, the extension that agrees with them, and its pixels."""

    data: bytes
    sha256: str
    extension: str
    width: int
    height: int


def encoder() -> str:
    """Name what decides about the bytes beside the look: these rules and the libraries."""
    turbo = features.version("libjpeg_turbo")
    library = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"
    return f"{_REVISION}, Pillow {PIL.__version__}, {library}"


def encode(data: bytes, look: Look) -> Encoded:
    """Encode a checked picture for a dataset; raises OSError, SyntaxError or ValueError where it does not decode."""
    kept = _as_it_came(data, look.longer_side) if look.originals else None
    if kept:
        return kept
    picture = normalised(data, look.longer_side)
    written = jpeg_bytes(picture, look.quality)
    return Encoded(written, hashlib.sha256(written).hexdigest(), "jpg", *picture.size)


def _as_it_came(data: bytes, longer_side: int) -> Encoded | None:
    """Keep a file that needs no change: 8-bit RGB, one frame, small enough, and nothing in it beside the picture."""
    if not data.startswith((_JPEG_START, _PNG_START)):
        return None
    with Pillow.open(BytesIO(data), formats=("JPEG", "PNG")) as opened:
        opened.load()
        plain = _plain_jpeg(opened, data) if opened.format == "JPEG" else _plain_png(opened, data)
        small = max(opened.size) <= longer_side
        if not (plain and small and opened.mode == "RGB" and getattr(opened, "n_frames", 1) == 1):
            return None
        extension = "jpg" if opened.format == "JPEG" else "png"
        return Encoded(data, hashlib.sha256(data).hexdigest(), extension, *opened.size)


def _plain_jpeg(opened: Pillow.Image, data: bytes) -> bool:
    """Whether a JPEG has no EXIF, XMP, profile, comment or previews, and nothing behind its end."""
    segments = {name for name, _ in getattr(opened, "applist", [])}
    return segments <= _PLAIN_SEGMENTS and data.endswith(_JPEG_END)


def _plain_png(opened: Pillow.Image, data: bytes) -> bool:
    """Whether a PNG is true colour of 8 bits without text, EXIF, profile or transparency, and nothing behind its end.

    Deep colour is read by some loaders as such, and cut to 8 bits by others.
    """
    return data[24:26] == _PNG_TRUE_COLOUR and opened.info.keys() <= _PLAIN_PNG and data.endswith(_PNG_END)
