"""Where candidates that were tried become images and skips: compared, stored, recorded, all or nothing."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from negbuild.catalog import Catalog
from negbuild.fingerprint import VERSION, Grids, fingerprints, grids
from negbuild.held import held_thumbnail
from negbuild.model import (
    NO_VALIDATORS,
    Candidate,
    Fingerprint,
    Image,
    PackedSketch,
    Settled,
    Skip,
    SkipReason,
    Validators,
)
from negbuild.protection import Watch, current_guards
from negbuild.store import Store
from negbuild.twins import Comparer

_log = logging.getLogger("negbuild")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A candidate that was tried, and what came of it; a picture that passed has bytes, reduced for its fingerprint.

    It may have a sketch already.
    """

    candidate: Candidate
    outcome: Image | Skip
    data: bytes = b""
    grids: Grids | None = None
    validators: Validators = NO_VALIDATORS
    sketch: PackedSketch | None = None


def current_fingerprints(
    catalog: Catalog, store: Store, *, without_lost: bool = False
) -> list[tuple[str, Fingerprint]]:
    """Fingerprints of all images, in the order they came; made anew where an older negbuild made them otherwise.

    Raises PictureLost where that needs one that the store lacks, unless those are left out for now.
    """
    present = catalog.fingerprints(VERSION)
    if len(present) == catalog.image_count():
        return present
    images = catalog.files()
    lost = {sha256 for sha256, image in images.items() if store.lacks(image)} if without_lost else set()
    made = [
        (sha256, fingerprints([grids(held_thumbnail(store, image))])[0])
        for sha256, image in images.items()
        if sha256 not in lost
    ]
    if not lost:
        catalog.renew_fingerprints(made, Comparer().add(made), VERSION)
    return made


class Taken(NamedTuple):
    """How many new images came, and how many of them are no twins of an image held before, or of one kept out."""

    images: int
    unique: int


class Intake:
    """Takes arrivals in; knows the fingerprints of everything that is held."""

    def __init__(self, catalog: Catalog, store: Store) -> None:
        self._catalog = catalog
        self._store = store
        self._comparer = Comparer()
        # What is lost may be about to come again: it must not stand in its own way.
        self._comparer.hold(current_fingerprints(catalog, store, without_lost=True))
        self._watch = Watch(current_guards(catalog))
        self._sought: dict[Candidate, str] = {}

    def expect(self, number: int) -> None:
        """Know that so many more pictures may arrive."""
        self._comparer.expect(number)

    def lost(self, sha256: str) -> bool:
        """Whether an image is held, and the store lacks it."""
        image = self._catalog.find(sha256)
        return image is not None and self._store.lacks(image)

    def seek(self, candidate: Candidate, sha256: str) -> None:
        """Know that a candidate is brought for the bytes of an image alone: what is recorded of it stays."""
        self._sought[candidate] = sha256

    def settle(self, arrivals: Sequence[Arrival], query: str) -> Taken:
        """Record arrivals of one query: pictures in the store, images and skips in the catalog.

        Bytes of an image that is held are written again where the store lacks them, by the way of all others: a kill
        leaves either file whole.
        """
        if not arrivals:
            return Taken(0, 0)
        new, lost = self._compared(arrivals)
        self._comparer.expect(len(new) - len(arrivals))
        prints = dict(zip(new, fingerprints([one.grids for one in new.values() if one.grids]), strict=True))
        pairs, guarded = self._comparer.add(list(prints.items())), self._watch.guarded(list(prints.items()))
        images = {arrival.outcome: arrival.data for arrival in new.values() if isinstance(arrival.outcome, Image)}
        self._store.receive(images | lost)
        settled = []
        for arrival in arrivals:
            if arrival.candidate in self._sought:
                continue
            if isinstance(arrival.outcome, Skip):
                settled.append(Settled(arrival.candidate, query, arrival.outcome, validators=arrival.validators))
                continue
            image = arrival.outcome
            # The first arrival of its bytes brings the image; the next ones are duplicates of it.
            if print_ := prints.pop(image.sha256, None):
                outcome: Image | Skip = image
            else:
                outcome = _duplicate(image.sha256)
            told = (image.sha256, print_, arrival.validators, arrival.sketch)
            settled.append(Settled(arrival.candidate, query, outcome, *told))
        self._catalog.settle(settled, pairs, VERSION, guarded)
        self._store.publish(images | lost)
        self._tell_restored(arrivals, len(lost))
        copies = {pair.newer for pair in pairs if pair.twins} | {one.sha256 for one in guarded}
        return Taken(len(new), len(new) - len(copies))

    def record(self, known: Sequence[tuple[Candidate, Skip | str]], query: str) -> None:
        """Record candidates that need not be fetched: each with its skip, or with the SHA-256 of its image."""
        settled = [
            Settled(candidate, query, _duplicate(what), what)
            if isinstance(what, str)
            else Settled(candidate, query, what)
            for candidate, what in known
        ]
        if settled:
            self._catalog.settle(settled, [], VERSION)

    def _compared(self, arrivals: Sequence[Arrival]) -> tuple[dict[str, Arrival], dict[Image, bytes]]:
        """Pictures whose bytes are not held yet, by SHA-256; and bytes of images whose files are lost."""
        new: dict[str, Arrival] = {}
        lost: dict[Image, bytes] = {}
        for arrival in arrivals:
            if isinstance(arrival.outcome, Image):
                held = self._catalog.find(arrival.outcome.sha256)
                if held and self._store.lacks(held):
                    lost[held] = arrival.data
                elif not held and arrival.candidate not in self._sought:
                    new[arrival.outcome.sha256] = arrival
        return new, lost

    def _tell_restored(self, arrivals: Sequence[Arrival], number: int) -> None:
        """Say how many files were written again, and which came in vain."""
        if number:
            what = "1 picture that was" if number == 1 else f"{number:,} pictures that were"
            _log.warning("%s lost from the store or damaged in it: written again", what)
        for arrival in arrivals:
            sha256 = self._sought.pop(arrival.candidate, None)
            if sha256 and self.lost(sha256):
                why = arrival.outcome.reason if isinstance(arrival.outcome, Skip) else "has changed since"
                _log.warning("picture %s: stays lost from the store: %s: %s", sha256, arrival.candidate.url, why)


def _duplicate(sha256: str) -> Skip:
    return Skip(SkipReason.DUPLICATE, f"same bytes as {sha256[:12]}")
