"""Crops of the photographs inside scikit-image's wheel, some planted twice: for trying negbuild without a network."""

import importlib.util
import random
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from negbuild.errors import UsageError
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import Gives, Source, Takes, Web

SIDE = 96
"""Pixels; crops lie side by side and never overlap."""

_COPY_EVERY = 8  # each eighth crop is planted once more, altered
_REPOSITORY = "https://github.com/scikit-image/scikit-image/blob/v0.25.2/skimage/data"


class Photograph(NamedTuple):
    """A picture file of the wheel, and who made it under which terms, as scikit-image states them."""

    file: str
    author: str
    license: str


PHOTOGRAPHS = {
    "astronaut": Photograph("astronaut.png", "NASA", "public domain"),
    "brick": Photograph("brick.png", "CC0Textures", "CC0-1.0"),
    "camera": Photograph("camera.png", "Lav Varshney", "CC0-1.0"),
    "cat": Photograph("chelsea.png", "Stefan van der Walt", "CC0-1.0"),
    "coffee": Photograph("coffee.png", "Rachel Michetti", "CC0-1.0"),
    "coins": Photograph("coins.png", "Brooklyn Museum", "no known copyright restrictions"),
    "grass": Photograph("grass.png", "linolafett", "CC0-1.0"),
    "gravel": Photograph("gravel.png", "CC0Textures", "CC0-1.0"),
    "moon": Photograph("moon.png", "", UNKNOWN_LICENSE),
    "motorcycle": Photograph("motorcycle_left.png", "", UNKNOWN_LICENSE),
    "page": Photograph("page.png", "", UNKNOWN_LICENSE),
    "rocket": Photograph("rocket.jpg", "SpaceX", "CC0-1.0"),
    "stars": Photograph("hubble_deep_field.jpg", "NASA", "public domain"),
    "tissue": Photograph("ihc.png", "CMMI", "no known copyright restrictions"),
}


def search(search: Search, web: Web) -> Iterator[Candidate]:  # noqa: ARG001  all sources are asked alike
    """Name the crops of one photograph, or of all, in an order that the seed decides; copies follow their original."""
    if search.text and search.text not in PHOTOGRAPHS:
        raise UsageError(f"samples: no photograph named {search.text}; there are {', '.join(PHOTOGRAPHS)}")
    for name in [search.text] if search.text else PHOTOGRAPHS:
        width, height = _size(name)
        corners = [(x, y) for y in range(0, height - SIDE + 1, SIDE) for x in range(0, width - SIDE + 1, SIDE)]
        random.Random(f"{search.seed}/{name}").shuffle(corners)  # noqa: S311  no secret
        for count, (x, y) in enumerate(corners, 1):
            yield _candidate(name, x, y, copy=False)
            if count % _COPY_EVERY == 0:
                yield _candidate(name, x, y, copy=True)


def read(candidate: Candidate, max_bytes: int) -> bytes:  # noqa: ARG001  a crop is small
    """Cut one crop: a PNG, or for a planted copy a smaller, mirrored JPEG."""
    from PIL import Image, ImageOps

    name, x, y, kind = candidate.source_id.split("/")
    left, top = int(x), int(y)
    buffer = BytesIO()
    with Image.open(_folder() / PHOTOGRAPHS[name].file) as photograph:
        crop = photograph.crop((left, top, left + SIDE, top + SIDE))
    if kind == "copy":
        small = ImageOps.mirror(crop).resize((SIDE * 3 // 4, SIDE * 3 // 4), Image.Resampling.LANCZOS)
        small.save(buffer, "JPEG", quality=80)
    else:
        crop.save(buffer, "PNG")
    return buffer.getvalue()


def _candidate(name: str, x: int, y: int, *, copy: bool) -> Candidate:
    photograph = PHOTOGRAPHS[name]
    kind = "copy" if copy else "crop"
    place = f"{_REPOSITORY}/{photograph.file}#xywh={x},{y},{SIDE},{SIDE}"  # W3C Media Fragments, 4.2.2
    return Candidate(
        source="samples",
        source_id=f"{name}/{x}/{y}/{kind}",
        url=f"samples:{name}/{x}/{y}/{kind}",  # nothing on the web: it lies inside the wheel
        page=f"{place}&copy" if copy else place,
        title=f"{name}, {kind} at {x}, {y}",
        author=photograph.author,
        license=photograph.license,
        width=SIDE,
        height=SIDE,
        category=name,
    )


def _size(name: str) -> tuple[int, int]:
    from PIL import Image

    with Image.open(_folder() / PHOTOGRAPHS[name].file) as photograph:
        return photograph.size


def _folder() -> Path:
    if problem := missing():
        raise UsageError(f"samples: {problem}")
    package = importlib.util.find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "data"


def missing() -> str:
    """Say that scikit-image is not installed; it is found, not imported, since importing it is slow."""
    if importlib.util.find_spec("skimage"):
        return ""
    return 'needs scikit-image; run: pip install "negbuild[demo]"'


SOURCE = Source(
    name="samples",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY_OR_NOTHING,
    example="coffee",
    read=read,
    missing=missing,
    gives=(Gives.FAR,),
    bounds="some 400 crops of 14 photographs",
)
