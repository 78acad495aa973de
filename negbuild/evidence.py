"""What is seen of a picture's bytes, all at once: each is hashed, decoded in full and measured a single time. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from PIL.ImageFile import ImageFile

from negbuild import proof
from negbuild.picture import DECODE_ERRORS, DECODED_AT_ONCE, FORMATS
from negbuild.proof import Reduction, Sketch

_MOST_PIXELS = 256_000_000  # more than any loader would survive
_ORIENTATION = 0x0112  # EXIF 2.32
_SAMPLES = 64  # pixels of a side that mean colours are taken from

# Luminance quantisation of ITU-T T.81, table K.1, sorted: libjpeg scales it for each quality.
_STEPS = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 "
    "14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 "
    "49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_LUMINANCE = np.sort([int(step) for step in _STEPS.split()])


@dataclass(frozen=True, slots=True)
class Picture:
    """What was decoded: Pillow's names of format and mode, frames, EXIF entries and orientation, pixels, and levels.

    `quality` is libjpeg's, estimated, and None for what is no JPEG; `red`, `green` and `blue` are means in grey levels,
    `colour` is the mean difference of the strongest and the weakest of them in a pixel.
    """

    format: str
    mode: str
    frames: int
    exif: int
    orientation: int
    width: int
    height: int
    quality: int | None
    red: float
    green: float
    blue: float
    colour: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a file: SHA-256 (hex) and number of its bytes, and its picture or why it does not decode.

    `sketch` is what the proof compares; pictures have one.
    """

    sha256: str
    size: int
    picture: Picture | None = None
    sketch: Sketch | None = None
    fault: str = ""


def examine(batch: Sequence[bytes]) -> list[Evidence]:
    """Look at files, in order; what does not decode is evidence too, with its fault."""
    seen = [_seen(data) for data in batch]
    sketched = iter(proof.sketches([found[1] for found in seen if not isinstance(found, str)]))
    return [
        Evidence(hashlib.sha256(data).hexdigest(), len(data), fault=found)
        if isinstance(found, str)
        else Evidence(hashlib.sha256(data).hexdigest(), len(data), found[0], next(sketched))
        for data, found in zip(batch, seen, strict=True)
    ]


def _seen(data: bytes) -> tuple[Picture, Reduction] | str:
    try:
        with Pillow.open(BytesIO(data), formats=FORMATS) as opened:
            return _decoded(opened)
    except UnidentifiedImageError:
        return "no known picture format"
    except DECODE_ERRORS as error:
        return str(error).replace("\n", " ")[:200] or type(error).__name__


def _decoded(opened: ImageFile) -> tuple[Picture, Reduction]:
    mode, size, kind = opened.mode, opened.size, opened.format or ""
    if size[0] * size[1] > _MOST_PIXELS:
        raise ValueError(f"{size[0]} x {size[1]} pixels")
    frames = getattr(opened, "n_frames", 1)
    opened.decodermaxblock = DECODED_AT_ONCE
    reduction = proof.reduction(proof.grey(opened))
    exif = opened.getexif()
    orientation = exif.get(_ORIENTATION, 1)
    picture = Picture(kind, mode, frames, len(exif), orientation, *size, _quality(opened), *_levels(opened))
    return picture, reduction


def _levels(image: Pillow.Image) -> tuple[float, float, float, float]:
    """Mean of red, green and blue, and mean span between them, of pixels all over the picture."""
    few = image.resize([min(side, _SAMPLES) for side in image.size], Pillow.Resampling.NEAREST).convert("RGB")
    planes = np.ascontiguousarray(np.asarray(few).reshape(-1, 3).T)
    red, green, blue = planes.mean(axis=1).tolist()
    return red, green, blue, float((planes.max(axis=0) - planes.min(axis=0)).mean())


def _quality(image: ImageFile) -> int | None:
    tables: Mapping[int, Sequence[int]] = getattr(image, "quantization", None) or {}
    return jpeg_quality(tuple(tables[min(tables)])) if tables else None


@lru_cache(maxsize=1024)
def jpeg_quality(luminance: tuple[int, ...]) -> int:
    """Estimate the quality, 1 to 100 as libjpeg counts it, from the 64 luminance steps in any order."""
    return 1 + int(np.abs(_libjpeg_tables() - np.sort(luminance)).sum(axis=1).argmin())


@lru_cache(maxsize=1)
def _libjpeg_tables() -> NDArray[np.int64]:
    """Luminance steps for each quality from 1 to 100, as jcparam.c of libjpeg scales them: shape (100, 64)."""
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)  # noqa: PLR2004  the middle of libjpeg's scale
    return np.asarray(np.clip((_LUMINANCE * scale + 50) // 100, 1, 255))
