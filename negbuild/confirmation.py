"""Copies confirmed: between the catalog and the pure deciders, for every stage that needs to know them."""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial

from negbuild import alignment
from negbuild.catalog import Catalog
from negbuild.held import held_look, held_pixels
from negbuild.intake import current_fingerprints
from negbuild.looks import VERSION as SKETCHES
from negbuild.looks import Views
from negbuild.model import Image, Progress, no_progress
from negbuild.pixels import DECODING_AT_ONCE, equal_pairs, exact, shared_sizes, size
from negbuild.protection import check_guards
from negbuild.store import Store
from negbuild.twins import confirmed_pairs
from negbuild.workers import PATIENCE, PROCESSES, Workers, prepared

_NEEDED = "negbuild.alignment", "negbuild.held"  # by the processes that are called
_PIXELS = f"{alignment.VERSION} pixels"  # of images that were compared by their pixels too


def confirm_copies(catalog: Catalog, store: Store, progress: Progress = no_progress) -> None:
    """Look at the pairs of all images that came since the last time, pixel by pixel, and remember what was seen.

    What is kept out by `dedup --against` is looked at in the same way. Safe to interrupt: what was looked at before
    stays.
    """
    prints, compared = current_fingerprints(catalog, store), catalog.confirmed(_PIXELS)
    before = catalog.confirmed(alignment.VERSION) | compared
    known = [(key, print_) for key, print_ in prints if key in before]
    new = [(key, print_) for key, print_ in prints if key not in before]
    many = len(new) >= PATIENCE  # each may need a call
    with prepared(PROCESSES if many else 0, *_NEEDED), Workers(0 if many else PATIENCE) as workers:
        views = Views(
            lambda sha256: workers.call(held_look, store, catalog.find(sha256)), lambda: catalog.sketches(SKETCHES)
        )
        for keys, pairs, refused in confirmed_pairs(known, new, views, progress, workers.call):
            catalog.confirm(keys, pairs, refused, alignment.VERSION, afresh=not before)
            catalog.keep_sketches(views.newly_made(), SKETCHES)
            before.update(keys)
        plain = exact(prints)
        pixels = _Pixels(catalog, store, plain, progress)
        if fresh := plain.keys() - compared:
            pairs = equal_pairs(plain, pixels.of(plain, pixels.sizes_shared_with(fresh)))
            catalog.confirm(plain, pairs, {}, _PIXELS, afresh=False)
        check_guards(catalog, prints, views, pixels.of, progress, workers.call)


class _Pixels:
    """Pixels of the images that are too plain for fingerprints, each decoded once at most."""

    def __init__(self, catalog: Catalog, store: Store, plain: Collection[str], progress: Progress) -> None:
        self._catalog, self._store, self._plain, self._progress = catalog, store, plain, progress
        self._made: dict[str, str] = {}

    @cached_property  # seldom asked for
    def _files(self) -> dict[str, Image]:
        return {key: image for key in self._plain if (image := self._catalog.find(key))}

    def sizes_shared_with(self, fresh: Collection[str]) -> set[str]:
        """Sizes that these images have in common with any other one."""
        return shared_sizes(self._files, fresh)

    def of(self, keys: Collection[str], sizes: Collection[str]) -> Mapping[str, str]:
        """Give the pixels of those of some images that have one of some sizes."""
        if not sizes:
            return {}
        wanted = {key: self._files[key] for key in keys if key in self._files and size(self._files[key]) in sizes}
        unmade = {key: image for key, image in wanted.items() if key not in self._made}
        if unmade:
            self._make(unmade)
        return {key: self._made[key] for key in wanted}

    def _make(self, images: Mapping[str, Image]) -> None:
        with ThreadPoolExecutor(DECODING_AT_ONCE) as threads:
            for key, made in zip(images, threads.map(partial(held_pixels, self._store), images.values()), strict=True):
                self._made[key] = made
                self._progress(len(self._made), len(self._made.keys() | images))
