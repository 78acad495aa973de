"""Copies confirmed: between the catalog and the pure deciders, for every stage that needs to know them."""

from functools import lru_cache

from negbuild.alignment import VERSION, Look, look
from negbuild.catalog import Catalog
from negbuild.intake import current_fingerprints, held_thumbnail
from negbuild.model import Progress, no_progress
from negbuild.store import Store
from negbuild.twins import confirmed_pairs

_LOOKS = 50_000  # of 10 kB each


def confirm_copies(catalog: Catalog, store: Store, progress: Progress = no_progress) -> None:
    """Look at the pairs of all images that came since the last time, pixel by pixel, and remember what was seen.

    Safe to interrupt: what was looked at before stays.
    """
    prints, before = current_fingerprints(catalog, store), catalog.confirmed(VERSION)
    new = [(key, print_) for key, print_ in prints if key not in before]
    if not new:
        return
    images = {sha256: held.image for sha256, held in catalog.images().items()}

    @lru_cache(maxsize=_LOOKS)
    def look_of(sha256: str) -> Look:
        return look(held_thumbnail(store, images[sha256]))

    known = [(key, print_) for key, print_ in prints if key in before]
    afresh = not before
    for keys, pairs, refused in confirmed_pairs(known, new, look_of, progress):
        catalog.confirm(keys, pairs, refused, VERSION, afresh=afresh)
        afresh = False
