"""Copies confirmed: between the catalog and the pure deciders, for every stage that needs to know them."""

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock

from negbuild.alignment import VERSION
from negbuild.catalog import Catalog
from negbuild.intake import current_fingerprints, held_thumbnail
from negbuild.looks import Look, LookOf, look
from negbuild.model import Fingerprint, Progress, no_progress
from negbuild.protection import check_guards
from negbuild.store import Store
from negbuild.twins import confirmed_pairs

_LOOKS = 50_000  # of 10 kB each


def confirm_copies(catalog: Catalog, store: Store, progress: Progress = no_progress) -> None:
    """Look at the pairs of all images that came since the last time, pixel by pixel, and remember what was seen.

    What is kept out by `dedup --against` is looked at in the same way. Safe to interrupt: what was looked at before
    stays.
    """
    prints, before = current_fingerprints(catalog, store), catalog.confirmed(VERSION)
    look_of = looks(catalog, store)
    new = [(key, print_) for key, print_ in prints if key not in before]
    if new:
        _confirm(catalog, prints, new, look_of, progress)
    check_guards(catalog, prints, look_of, progress)


def looks(catalog: Catalog, store: Store) -> LookOf:
    """Prepare images that are held when asked for them, each once; in any thread."""
    images = {sha256: held.image for sha256, held in catalog.images().items()}

    @lru_cache(maxsize=_LOOKS)
    def seen(sha256: str) -> Look:
        return look(held_thumbnail(store, images[sha256]))

    @lru_cache(maxsize=_LOOKS)
    def turn(_sha256: str) -> Lock:
        return Lock()

    def look_of(sha256: str) -> Look:
        with turn(sha256):  # neighbours are asked for in several threads at once: each is decoded once
            return seen(sha256)

    return look_of


def _confirm(
    catalog: Catalog,
    prints: Sequence[tuple[str, Fingerprint]],
    new: Sequence[tuple[str, Fingerprint]],
    look_of: LookOf,
    progress: Progress,
) -> None:
    before = catalog.confirmed(VERSION)
    known = [(key, print_) for key, print_ in prints if key in before]
    afresh = not before
    for keys, pairs, refused in confirmed_pairs(known, new, look_of, progress):
        catalog.confirm(keys, pairs, refused, VERSION, afresh=afresh)
        afresh = False
