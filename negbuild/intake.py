"""Where candidates that were tried become images and skips: compared, stored, recorded, all or nothing."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from negbuild.catalog import Catalog
from negbuild.errors import NegbuildError
from negbuild.fingerprint import VERSION, fingerprints
from negbuild.model import NO_VALIDATORS, Candidate, Fingerprint, Image, Settled, Skip, SkipReason, Validators
from negbuild.picture import Inspection, Limits, inspect
from negbuild.store import Store
from negbuild.twins import Comparer

_NO_LIMITS = Limits(max_bytes=sys.maxsize, max_pixels=sys.maxsize, min_side=1, first_frame=True)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A candidate that was tried, and what came of it; `data` are the bytes of a picture that passed."""

    candidate: Candidate
    outcome: Inspection | Skip
    data: bytes = b""
    validators: Validators = NO_VALIDATORS


def current_fingerprints(catalog: Catalog, store: Store) -> list[tuple[str, Fingerprint]]:
    """Fingerprints of all images, in the order they came; made anew where an older negbuild made them otherwise."""
    present = catalog.fingerprints(VERSION)
    images = catalog.images()
    if len(present) == len(images):
        return present
    made: list[tuple[str, Fingerprint]] = []
    for sha256, held in images.items():
        inspected = inspect(store.read(held.image), _NO_LIMITS)
        if isinstance(inspected, Skip):
            raise NegbuildError(f"picture {sha256}: is damaged in the store; put images/ back from a copy")
        made.append((sha256, fingerprints([inspected.thumbnail])[0]))
    catalog.renew_fingerprints(made, Comparer().add(made), VERSION)
    return made


class Taken(NamedTuple):
    """How many new images came, and how many of them are no twins of an image held before."""

    images: int
    unique: int


class Intake:
    """Takes arrivals in; knows the fingerprints of everything that is held."""

    def __init__(self, catalog: Catalog, store: Store) -> None:
        self._catalog = catalog
        self._store = store
        self._comparer = Comparer()
        self._comparer.add(current_fingerprints(catalog, store))

    def settle(self, arrivals: Sequence[Arrival], query: str) -> Taken:
        """Record arrivals of one query: pictures in the store, images and skips in the catalog."""
        if not arrivals:
            return Taken(0, 0)
        new = self._new(arrivals)
        prints = dict(zip(new, fingerprints([one.thumbnail for one, _ in new.values()]), strict=True))
        pairs = self._comparer.add(list(prints.items()))
        self._store.receive({inspection.image: data for inspection, data in new.values()})
        settled = []
        for arrival in arrivals:
            if isinstance(arrival.outcome, Skip):
                settled.append(Settled(arrival.candidate, query, arrival.outcome, validators=arrival.validators))
                continue
            image = arrival.outcome.image
            # The first arrival of its bytes brings the image; the next ones are duplicates of it.
            if print_ := prints.pop(image.sha256, None):
                outcome: Image | Skip = image
            else:
                outcome = _duplicate(image.sha256)
            settled.append(Settled(arrival.candidate, query, outcome, image.sha256, print_, arrival.validators))
        self._catalog.settle(settled, pairs, VERSION)
        self._store.publish(inspection.image for inspection, _ in new.values())
        return Taken(len(new), len(new) - len({pair.newer for pair in pairs if pair.twins}))

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

    def _new(self, arrivals: Sequence[Arrival]) -> dict[str, tuple[Inspection, bytes]]:
        """Pictures whose bytes are not held yet, by SHA-256."""
        return {
            arrival.outcome.image.sha256: (arrival.outcome, arrival.data)
            for arrival in arrivals
            if isinstance(arrival.outcome, Inspection) and not self._catalog.find(arrival.outcome.image.sha256)
        }


def _duplicate(sha256: str) -> Skip:
    return Skip(SkipReason.DUPLICATE, f"same bytes as {sha256[:12]}")
