"""What a picture becomes in a dataset: the same for all, and as it came only where that hides nothing."""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from negbuild.encoding import Look, encode, encoder

Photo = Callable[..., bytes]
ORIGINALS = Look(longer_side=512, originals=True)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401  Pillow's own
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def picture(photo: Photo) -> Image.Image:
    image = Image.open(io.BytesIO(photo(1, kind="PNG")))
    image.load()
    return image.convert("RGB")


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x010E] = "taken at home"
    return made


def text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "somebody")
    return info


KEPT: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg": lambda one: saved(one, "JPEG", quality=93),
    "progressive jpeg": lambda one: saved(one, "JPEG", progressive=True, subsampling="4:4:4"),
    "jpeg with a density": lambda one: saved(one, "JPEG", dpi=(72, 72)),
    "png": lambda one: saved(one, "PNG"),
    "png with a density": lambda one: saved(one, "PNG", dpi=(72, 72)),
}
CHANGED: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg with exif": lambda one: saved(one, "JPEG", exif=exif()),
    "jpeg with xmp": lambda one: saved(one, "JPEG", xmp=b"<x:xmpmeta/>"),
    "jpeg with a comment": lambda one: saved(one, "JPEG", comment=b"made by somebody"),
    "jpeg with a profile": lambda one: saved(one, "JPEG", icc_profile=b"profile"),
    "jpeg with a tail": lambda one: saved(one, "JPEG") + b"something else",
    "grey jpeg": lambda one: saved(one.convert("L"), "JPEG"),
    "cmyk jpeg": lambda one: saved(one.convert("CMYK"), "JPEG"),
    "jpeg of two frames": lambda one: saved(one, "MPO", save_all=True, append_images=[one.rotate(90)]),
    "large jpeg": lambda one: saved(one.resize((513, 300)), "JPEG"),
    "png with text": lambda one: saved(one, "PNG", pnginfo=text()),
    "png with exif": lambda one: saved(one, "PNG", exif=exif()),
    "png with a tail": lambda one: saved(one, "PNG") + b"something else",
    "png with alpha": lambda one: saved(one.convert("RGBA"), "PNG"),
    "png with a transparent colour": lambda one: saved(one, "PNG", transparency=(0, 0, 0)),
    "palette png": lambda one: saved(one.convert("P"), "PNG"),
    "grey png": lambda one: saved(one.convert("L"), "PNG"),
    "deep png": lambda one: saved(Image.fromarray(np.asarray(one.convert("L")).astype(np.uint16) * 257), "PNG"),
    "animated png": lambda one: saved(one, "PNG", save_all=True, append_images=[one.rotate(90)]),
    "large png": lambda one: saved(one.resize((300, 513)), "PNG"),
    "webp": lambda one: saved(one, "WEBP"),
    "gif": lambda one: saved(one, "GIF"),
    "bmp": lambda one: saved(one, "BMP"),
    "tiff": lambda one: saved(one, "TIFF"),
}


@pytest.mark.parametrize("kind", KEPT)
def test_a_file_that_every_loader_reads_is_kept(picture: Image.Image, kind: str) -> None:
    data = KEPT[kind](picture)
    encoded = encode(data, ORIGINALS)
    assert encoded.data == data
    assert encoded.sha256 == hashlib.sha256(data).hexdigest()
    assert encoded.extension == ("png" if "png" in kind else "jpg")
    assert (encoded.width, encoded.height) == picture.size
    assert encode(data, Look()).data != data


@pytest.mark.parametrize("kind", CHANGED)
def test_every_other_file_looks_as_without_the_option(picture: Image.Image, kind: str) -> None:
    data = CHANGED[kind](picture)
    encoded = encode(data, ORIGINALS)
    assert encoded == encode(data, Look())
    assert encoded.extension == "jpg"
    with Image.open(io.BytesIO(encoded.data)) as image:
        seen = (image.format, image.mode, len(image.getexif()), image.size)
    assert seen == ("JPEG", "RGB", 0, (encoded.width, encoded.height))
    assert not {"exif", "xmp", "comment", "icc_profile"} & image.info.keys()


def test_a_png_of_48_bits_a_pixel_is_changed(picture: Image.Image) -> None:
    """Pillow reads such files, but writes none (PNG specification, 5 and 9)."""
    wide = np.asarray(picture).astype(">u2") * 257
    lines = b"".join(b"\0" + line.tobytes() for line in wide)
    header = struct.pack(">IIBBBBB", *picture.size, 16, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGB"
        assert image.tobytes() == picture.tobytes()
    assert encode(data, ORIGINALS) == encode(data, Look())


@given(limit=st.integers(16, 200), size=st.tuples(st.integers(16, 200), st.integers(16, 200)))
def test_nothing_is_larger_than_asked_for(photo: Photo, limit: int, size: tuple[int, int]) -> None:
    data = photo(1, size=size)
    for originals in (False, True):
        encoded = encode(data, Look(longer_side=limit, originals=originals))
        assert max(encoded.width, encoded.height) == min(limit, max(size))
        assert (encoded.data == data) == (originals and max(size) <= limit)


def test_the_encoder_is_named_with_its_libraries() -> None:
    assert PIL.__version__ in encoder()
    assert "libjpeg" in encoder()
