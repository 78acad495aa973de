"""Copies confirmed: between the catalog and the pure deciders, for every stage that needs to know them."""

from collections.abc import Sequence

from negbuild import alignment
from negbuild.catalog import Catalog
from negbuild.held import held_look
from negbuild.intake import current_fingerprints
from negbuild.looks import VERSION as SKETCHES
from negbuild.looks import Views
from negbuild.model import Fingerprint, Progress, no_progress
from negbuild.protection import check_guards
from negbuild.store import Store
from negbuild.twins import confirmed_pairs
from negbuild.workers import Call, Workers


def confirm_copies(catalog: Catalog, store: Store, progress: Progress = no_progress) -> None:
    """Look at the pairs of all images that came since the last time, pixel by pixel, and remember what was seen.

    What is kept out by `dedup --against` is looked at in the same way. Safe to interrupt: what was looked at before
    stays.
    """
    prints, before = current_fingerprints(catalog, store), catalog.confirmed(alignment.VERSION)
    new = [(key, print_) for key, print_ in prints if key not in before]
    needed = new or catalog.guard_places()
    kept = catalog.sketches(SKETCHES) if needed else {}
    files = catalog.files() if needed else {}
    with Workers() as workers:
        views = Views(lambda sha256: workers.call(held_look, store, files[sha256]), kept)
        if new:
            _confirm(catalog, prints, new, views, progress, workers.call)
        check_guards(catalog, prints, views, progress, workers.call)


def _confirm(
    catalog: Catalog,
    prints: Sequence[tuple[str, Fingerprint]],
    new: Sequence[tuple[str, Fingerprint]],
    views: Views,
    progress: Progress,
    call: Call,
) -> None:
    before = catalog.confirmed(alignment.VERSION)
    known = [(key, print_) for key, print_ in prints if key in before]
    afresh = not before
    for keys, pairs, refused in confirmed_pairs(known, new, views, progress, call):
        catalog.confirm(keys, pairs, refused, alignment.VERSION, afresh=afresh)
        afresh = False
        catalog.keep_sketches(views.newly_made(), SKETCHES)
