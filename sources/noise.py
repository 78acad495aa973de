"""Pictures that show nothing, drawn here without a network: noise, gradients, textures, your own pictures shuffled."""

import hashlib
import os
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from negbuild.errors import UsageError
from negbuild.model import Candidate, Search
from negbuild.source import Gives, Option, Source, Takes, Web, creative_commons

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Plane = NDArray[np.float64]
    Pixels = NDArray[np.uint8]

_DRAWN = ("noise", "gradient", "texture")
_PATCHES = "patches"
_MIXED = "mixed"
_SIDES = range(64, 2049)
_ALL = 1000  # pictures, where nobody says how many; else some more than wanted, since some may be left out
_PICTURE = re.compile(r"(?is).*\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|avif|jp2|ppm|pgm)")
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
_MOST_PIXELS = 64_000_000  # of a picture that is cut up
_BROKEN = (SyntaxError, ValueError, EOFError, TypeError, RuntimeError, LookupError, ArithmeticError)


def search(search: Search, web: Web) -> Iterator[Candidate]:  # noqa: ARG001  all sources are asked alike
    """Name pictures that are drawn when they are read; with a path, the pictures there cut up and shuffled.

    Address and identifier of a drawn one hold all that it is made from. A shuffled one has the address of its picture,
    as the source `folder` gives it, so that a split never divides the two.
    """
    kind = search.options.get("kind", _PATCHES if search.path else _MIXED)
    side = _side(search.options.get("size", "256"))
    if (kind == _PATCHES) != (search.path is not None):
        raise UsageError(f"source noise: kind={kind}: --path goes with kind={_PATCHES}, and with no other")
    most = _ALL if search.limit is None else max(100, 4 * search.limit)
    if search.path:
        yield from _shuffled(search.path, side, search.seed, most)
        return
    license_, address = creative_commons("cc0", "1.0")
    for number in range(most):
        this = _DRAWN[number % len(_DRAWN)] if kind == _MIXED else kind
        name = f"{this}/{side}/{search.seed}/{number}"
        yield Candidate(
            source="noise",
            source_id=name,
            url=f"noise:{name}",  # nothing on the web
            title=f"{this} {number}",
            author="negbuild",
            license=license_,
            license_url=address,
            width=side,
            height=side,
            category=this,
        )


def read(candidate: Candidate, max_bytes: int) -> bytes:
    """Draw one picture as PNG, cut after `max_bytes` + 1; raises OSError where its own picture cannot be read."""
    import numpy as np
    from PIL import Image

    kind, side, seed, number, *digest = candidate.source_id.split("/")
    seeds = [abs(int(seed)), int(seed) < 0, int(number), *(int(one, 16) for one in digest)]
    random = np.random.Generator(np.random.PCG64(seeds))
    if kind == _PATCHES:
        pixels = _cut(random, Path(os.fsdecode(unquote_to_bytes(urlsplit(candidate.url).path))), int(side))
    else:
        draw = {"noise": _noise, "gradient": _gradient, "texture": _texture}[kind]
        pixels = _levels(draw(random, int(side)))
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()[: max_bytes + 1]


def _side(text: str) -> int:
    if not text.isdecimal() or int(text) not in _SIDES:
        raise UsageError(f"source noise: size={text}: needs pixels from {_SIDES[0]} to {_SIDES[-1]}")
    return int(text)


def _shuffled(path: Path, side: int, seed: int, most: int) -> Iterator[Candidate]:
    place = path.resolve()
    files = [place] if place.is_file() and _PICTURE.fullmatch(place.name) else list(_walked(place))
    if not files:
        raise UsageError(f"{path}: holds no pictures to cut up")
    for number in range(most):
        again, which = divmod(number, len(files))
        url, changed = files[which].as_uri(), files[which].lstat().st_mtime_ns
        digest = hashlib.sha256(f"{url}@{changed}".encode()).hexdigest()[:12]  # a file that was edited is another one
        name, title = f"{_PATCHES}/{side}/{seed}/{again}/{digest}", f"patches of {files[which].name}"
        yield Candidate("noise", name, url, title=title, width=side, height=side, category=_PATCHES)


def _walked(place: Path) -> Iterator[Path]:
    for folder, inner, files in os.walk(place):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if _PICTURE.fullmatch(name) and name[0] != ".")


def _cut(random: "np.random.Generator", file: Path, side: int) -> "Pixels":
    """Cut the middle of a picture into 9 to 64 squares, turn them, and lay them out in another order."""
    import numpy as np
    from PIL import Image, ImageOps

    if not file.is_file():  # opening a pipe would wait for somebody to write
        raise OSError("no such file")
    many = int(random.integers(3, 9))
    square = -(-side // many)
    try:
        with Image.open(file, formats=_FORMATS) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise OSError(f"{opened.width} x {opened.height} pixels are too many")
            upright = ImageOps.exif_transpose(opened).convert("RGB")
    except _BROKEN as error:
        raise OSError(str(error)) from error
    whole = np.asarray(ImageOps.fit(upright, (square * many, square * many)))
    squares = [strip for row in np.split(whole, many) for strip in np.split(row, many, axis=1)]
    turned = [np.rot90(squares[one], int(random.integers(4))) for one in random.permutation(len(squares))]
    rows = [np.concatenate(turned[first : first + many], axis=1) for first in range(0, len(turned), many)]
    return np.ascontiguousarray(np.concatenate(rows)[:side, :side])


def _levels(picture: "Plane") -> "Pixels":
    """Stretch a picture to all levels from 0 to 255, so that none is flat."""
    import numpy as np

    return (_stretched(picture) * 255).round().astype(np.uint8)


def _stretched(values: "Plane") -> "Plane":
    low, high = float(values.min()), float(values.max())
    return (values - low) / max(high - low, 1e-9)


def _field(random: "np.random.Generator", side: int, cells: int, depth: int = 1) -> "Plane":
    """Draw a field that changes smoothly between so many random values a side; shape (side, side, depth), 0 to 1."""
    import numpy as np
    from PIL import Image

    planes = random.integers(0, 256, (depth, cells, cells), np.uint8)
    scaled = [Image.fromarray(plane).resize((side, side), Image.Resampling.BICUBIC) for plane in planes]
    return np.stack([np.asarray(one) / 255.0 for one in scaled], axis=-1)


def _noise(random: "np.random.Generator", side: int) -> "Plane":
    """Add octaves, from white, where the fine ones weigh most, to clouds, where the coarse ones do; grey to colour."""
    import numpy as np

    smoothness, saturation = random.uniform(-0.6, 1.2), random.random()
    picture = np.zeros((side, side, 3))
    for cells in (4, 8, 16, 32, 64, side):
        grey, colour = _field(random, side, cells), _field(random, side, cells, 3)
        picture += (grey + saturation * (colour - grey)) * cells**-smoothness
    return picture


def _places(random: "np.random.Generator", side: int, bend: float) -> "tuple[Plane, Plane]":
    """Coordinates from 0 to 1 about a random centre, turned by a random angle, and bent a little."""
    import numpy as np

    y, x = np.mgrid[:side, :side] / side
    bent = (_field(random, side, 4, 2) - 0.5) * bend
    x, y = x + bent[..., 0] - random.random(), y + bent[..., 1] - random.random()
    angle = random.uniform(0, 2 * np.pi)
    return x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)


def _painted(random: "np.random.Generator", value: "Plane", colours: int) -> "Plane":
    """Colour values from 0 to 1 along a row of random colours, dark and bright in turn."""
    import numpy as np

    row = random.uniform(0, 0.45, (colours, 3))
    row[random.integers(2) :: 2] += 0.55
    return np.stack([np.interp(value, np.linspace(0, 1, colours), row[:, one]) for one in range(3)], axis=-1)


def _gradient(random: "np.random.Generator", side: int) -> "Plane":
    """Add ramps that run along a line, around a centre, and away from it, and colour them."""
    import numpy as np

    value = np.zeros((side, side))
    for _ in range(3):
        x, y = _places(random, side, 0.2)
        ramps = (x, np.hypot(x, y), np.abs(np.arctan2(y, x)) / np.pi)
        value += ramps[random.integers(3)] * random.uniform(0.5, 1)
    return _painted(random, _stretched(value), int(random.integers(4, 8)))


def _texture(random: "np.random.Generator", side: int) -> "Plane":
    """Draw stripes, checks, dots or cells, not quite even and unevenly lit."""
    import numpy as np

    x, y = _places(random, side, random.uniform(0.05, 0.3))
    many = random.uniform(3, 24)
    waves = np.sin(2 * np.pi * many * x), np.sin(2 * np.pi * many * y * random.uniform(0.5, 2))
    patterns = (
        lambda: waves[0],
        lambda: np.sign(waves[0] * waves[1]),
        lambda: np.maximum(waves[0] + waves[1], 0),
        lambda: _cells(random, x, y, int(many) * 3),
    )
    value = _stretched(patterns[random.integers(len(patterns))]())
    return _painted(random, value, 2) * (0.3 + _field(random, side, 5))


def _cells(random: "np.random.Generator", x: "Plane", y: "Plane", number: int) -> "Plane":
    """Distance to the nearest of some random points, and how it compares with the next nearest (Worley 1996)."""
    import numpy as np

    nearest = np.full(x.shape, np.inf)
    shade = np.zeros(x.shape)
    for right, down, level in random.uniform(0, 1, (number, 3)):
        distance = np.hypot(x - x.min() - right * np.ptp(x), y - y.min() - down * np.ptp(y))
        shade = np.where(distance < nearest, level, shade)
        nearest = np.minimum(distance, nearest)
    return shade + _stretched(nearest)


SOURCE = Source(
    name="noise",
    summary=__doc__,
    search=search,
    takes=Takes.PATH_OR_NOTHING,
    read=read,
    options=(
        Option("kind", "what to draw; patches are cut from the pictures of --path", (_MIXED, *_DRAWN, _PATCHES)),
        Option("size", "pixels of a side, from 64 to 2048; else 256"),
    ),
    gives=(Gives.FAR, Gives.BACKGROUND),
    bounds="as many as you like",
)
