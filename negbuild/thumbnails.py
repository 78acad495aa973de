"""Thumbnails of the pictures held: made when they are first asked for, and kept in a folder that is safe to delete."""

from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from negbuild.errors import NegbuildError
from negbuild.model import Image
from negbuild.picture import jpeg_bytes, normalised
from negbuild.store import Store

SIDE = 256
"""Longer side of a thumbnail, in pixels."""

MOST_PIXELS = 250_000_000
"""A picture with more is not shown: decoded it would take a gigabyte."""

_QUALITY = 82


class Thumbnails:
    """Small JPEGs of the images of a store; may be used by several threads, and several processes."""

    def __init__(self, root: Path, store: Store) -> None:
        """Keep them in the folder `root`, which is made when the first one is."""
        self._root, self._store = root, store

    def read(self, image: Image) -> bytes:
        """Give the thumbnail of an image as JPEG.

        Raises NegbuildError where the picture is no longer there, does not decode, or is too large to.
        """
        place = self._root / image.sha256[:2] / f"{image.sha256}.jpg"
        try:
            return place.read_bytes()
        except OSError:  # not made yet
            made = shown(self._store, image, SIDE)
        with suppress(OSError):  # a disk that is full or read-only: then it is made again the next time
            _write(place, made)
        return made


def shown(store: Store, image: Image, longer_side: int) -> bytes:
    """Give a picture as every browser shows it: upright RGB as JPEG, its longer side at most `longer_side` pixels.

    Raises NegbuildError where the picture is no longer there, does not decode, or is too large to.
    """
    if image.width * image.height > MOST_PIXELS:
        raise NegbuildError(f"picture {image.sha256}: is too large to show ({image.width} x {image.height})")
    try:
        return jpeg_bytes(normalised(store.read(image), longer_side), _QUALITY)
    except (OSError, ValueError, SyntaxError) as error:
        raise NegbuildError(f"picture {image.sha256}: cannot be shown ({error})") from error


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=place.parent, prefix=".", delete=False) as file:
        draft = Path(file.name)
        try:
            file.write(data)
            file.flush()
            draft.replace(place)
        except BaseException:
            draft.unlink()
            raise
