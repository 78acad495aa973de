"""Images that are held, decoded again: for another fingerprint, or for looking at them pixel by pixel."""

import sys

from PIL.Image import Image as Thumbnail

from negbuild.errors import PictureLost
from negbuild.looks import Look, look
from negbuild.model import Image, Skip
from negbuild.picture import DECODE_ERRORS, Limits, inspect
from negbuild.pixels import pixels
from negbuild.store import Store

_NO_LIMITS = Limits(max_bytes=sys.maxsize, max_pixels=sys.maxsize, min_side=1, first_frame=True)


def held_thumbnail(store: Store, image: Image) -> Thumbnail:
    """Grey thumbnail of an image that is held; raises PictureLost where it is lost or damaged since."""
    try:
        inspected = inspect(store.read(image), _NO_LIMITS)
    except FileNotFoundError as error:
        raise PictureLost(image.sha256) from error
    if isinstance(inspected, Skip):
        raise PictureLost(image.sha256, str(inspected.reason))
    return inspected.thumbnail


def held_look(store: Store, image: Image) -> Look:
    """Prepare an image that is held for confirmation; raises PictureLost where it is lost or damaged since."""
    return look(held_thumbnail(store, image))


def held_pixels(store: Store, image: Image) -> str:
    """Tell the pixels of an image that is held from all others; raises what `held_thumbnail` raises."""
    try:
        return pixels(store.read(image), image)
    except DECODE_ERRORS:
        held_thumbnail(store, image)  # says what is wrong with it
        raise
