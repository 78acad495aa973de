"""Copies confirmed: between the catalog and the pure deciders, for every stage that needs to know them."""

from negbuild import alignment
from negbuild.catalog import Catalog
from negbuild.held import held_look
from negbuild.intake import current_fingerprints
from negbuild.looks import VERSION as SKETCHES
from negbuild.looks import Views
from negbuild.model import Progress, no_progress
from negbuild.protection import check_guards
from negbuild.store import Store
from negbuild.twins import confirmed_pairs
from negbuild.workers import PATIENCE, PROCESSES, Workers, prepared


def confirm_copies(catalog: Catalog, store: Store, progress: Progress = no_progress) -> None:
    """Look at the pairs of all images that came since the last time, pixel by pixel, and remember what was seen.

    What is kept out by `dedup --against` is looked at in the same way. Safe to interrupt: what was looked at before
    stays.
    """
    prints, before = current_fingerprints(catalog, store), catalog.confirmed(alignment.VERSION)
    known = [(key, print_) for key, print_ in prints if key in before]
    new = [(key, print_) for key, print_ in prints if key not in before]
    many = len(new) >= PATIENCE  # each may need a call
    with prepared(PROCESSES if many else 0, "negbuild.alignment"), Workers(0 if many else PATIENCE) as workers:
        views = Views(
            lambda sha256: workers.call(held_look, store, catalog.find(sha256)), lambda: catalog.sketches(SKETCHES)
        )
        for keys, pairs, refused in confirmed_pairs(known, new, views, progress, workers.call):
            catalog.confirm(keys, pairs, refused, alignment.VERSION, afresh=not before)
            catalog.keep_sketches(views.newly_made(), SKETCHES)
            before.update(keys)
        check_guards(catalog, prints, views, progress, workers.call)
