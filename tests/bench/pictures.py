"""Photographs for the benchmarks: random crops of those inside scikit-image's wheel, no two of them look-alikes.

`pictures.py make FOLDER web|small NUMBER` makes 00000.jpg and so on, unless they are there; the same ones every time.
`pictures.py inspect FOLDER` prints the CPU seconds that negbuild takes to check them in one thread. `overlaid` makes
small ones, many more than there are different crops: crops of four photographs lie on each other.

Bytes are spread as on the web, log-normally between two bounds: a longer side of 400 to 1,000 px, the rest by the
quality of the JPEG.
"""

import importlib.util
import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from negbuild.fingerprint import fingerprints, grids
from negbuild.picture import Inspection, inspect
from negbuild.twins import Comparer

PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
_SMALLEST_CROP, _LARGEST_CROP = 0.3, 0.7  # of each side
_SHORTEST, _LONGEST = 400, 1000  # px, longer side
_QUALITIES = (30, 97)
_ATTEMPTS_AT_ONCE = 400
_OVERLAID, _OVERLAID_SIDE = 4, 240  # photographs; px, of a square one
_OVERLAID_CROP = (0.1, 0.5)  # of each side


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of the pictures: bounds and median, and the spread of their logarithm."""

    least: int
    most: int
    median: int
    spread: float


KINDS = {
    "web": Sizes(20_000, 400_000, 92_000, 0.65),  # 107 kB on average
    "small": Sizes(20_000, 40_000, 28_000, 0.2),
}


def make(folder: Path, kind: str, number: int) -> None:
    """Make `number` pictures of a kind in `folder`, unless all are there."""
    paths = [folder / f"{place:05d}.jpg" for place in range(number)]
    if all(path.exists() for path in paths):
        return
    print(f"making {number:,} photographs in {folder}", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in zip(paths, _distinct(KINDS[kind], list(KINDS).index(kind)), strict=False):
        path.write_bytes(data)


def overlaid(folder: Path, number: int, first: int = 0) -> None:
    """Make `number` small pictures in `folder`, each of four crops; those from another `first` on are others."""
    folder.mkdir(parents=True, exist_ok=True)
    places = range(first, first + number)
    with ProcessPoolExecutor() as pool:
        for place, data in zip(places, pool.map(_overlaid, places, chunksize=100), strict=True):
            (folder / f"{place:06d}.jpg").write_bytes(data)


def inspecting_seconds(folder: Path) -> float:
    """CPU seconds that `negbuild.picture.inspect` takes for all pictures of a folder, in this thread."""
    pictures = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    start = time.process_time()
    for data in pictures:
        inspect(data)
    return time.process_time() - start


def _distinct(sizes: Sizes, seed: int) -> Iterator[bytes]:
    """Make pictures without end, leaving out each that looks like one before."""
    comparer = Comparer()
    with ProcessPoolExecutor() as pool:
        for start in count(0, _ATTEMPTS_AT_ONCE):
            seeds = [(seed, place) for place in range(start, start + _ATTEMPTS_AT_ONCE)]
            for place, data in zip(seeds, pool.map(_picture, [sizes] * len(seeds), seeds, chunksize=20), strict=True):
                inspected = inspect(data) if data else None
                if not isinstance(inspected, Inspection):
                    continue
                if not comparer.add([(str(place), fingerprints([grids(inspected.thumbnail)])[0])]):
                    yield data


def _picture(sizes: Sizes, seed: tuple[int, int]) -> bytes:
    """Make one picture; nothing where its bytes would be out of bounds."""
    random = np.random.default_rng(seed)
    wanted = int(np.clip(sizes.median * math.exp(random.normal(0, sizes.spread)), sizes.least, sizes.most))
    cut = crop(random, _side(wanted, random))
    low, high = _QUALITIES
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(_jpeg(cut, middle)) <= wanted else (low, middle - 1)
    data = _jpeg(cut, low)
    return data if sizes.least <= len(data) <= sizes.most else b""


def _side(wanted: int, random: np.random.Generator) -> int:
    """Longer side for so many bytes: about 1.8 bits a pixel, 4:3."""
    side = math.sqrt(wanted * 8 / 1.8 * 4 / 3) * random.uniform(0.8, 1.25)
    return round(min(max(side, _SHORTEST), _LONGEST))


def crop(random: np.random.Generator, longer: int) -> Image.Image:
    """Cut a random piece of a random photograph, its longer side in pixels."""
    photographs = _photographs()
    areas = np.array([one.width * one.height for one in photographs], dtype=np.float64)
    photograph = photographs[random.choice(len(photographs), p=areas / areas.sum())]
    width, height = (side * random.uniform(_SMALLEST_CROP, _LARGEST_CROP) for side in photograph.size)
    left, top = random.uniform(0, photograph.width - width), random.uniform(0, photograph.height - height)
    scale = longer / max(width, height)
    size = (round(width * scale), round(height * scale))
    piece = photograph.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    if random.random() < 1 / 2:
        piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    # An enlarged crop is smooth; with the noise of a sensor it is as much work to decode as a photograph.
    noise = random.normal(0, random.uniform(2, 8), (size[1], size[0], 1))
    return Image.fromarray(np.clip(np.asarray(piece) + noise, 0, 255).astype(np.uint8))


def _overlaid(place: int) -> bytes:
    random = np.random.default_rng([len(KINDS), place])
    aspect = math.sqrt(random.uniform(0.6, 1.6))
    size = (round(_OVERLAID_SIDE * aspect), round(_OVERLAID_SIDE / aspect))
    levels = np.zeros((size[1], size[0], 3))
    photographs = _photographs()
    for number in random.choice(len(photographs), _OVERLAID, replace=False).tolist():
        photograph = photographs[number]
        width, height = (side * random.uniform(*_OVERLAID_CROP) for side in photograph.size)
        left, top = random.uniform(0, photograph.width - width), random.uniform(0, photograph.height - height)
        piece = photograph.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))
        levels += np.asarray(piece)[:: random.choice((1, -1)), :: random.choice((1, -1))] - 128.0
    return _jpeg(Image.fromarray(np.clip(128 + levels / math.sqrt(_OVERLAID), 0, 255).astype(np.uint8)), 80)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@cache
def _photographs() -> list[Image.Image]:
    package = importlib.util.find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "data"
    return [Image.open(folder / name).convert("RGB") for name in PHOTOGRAPHS]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, kind, number]:
            make(Path(folder), kind, int(number))
        case ["inspect", folder]:
            print(inspecting_seconds(Path(folder)))
        case _:
            sys.exit(__doc__)
