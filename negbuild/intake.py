"""Where candidates that were tried become images and skips: compared, stored, recorded, all or nothing."""

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


def current_fingerprints(catalog: Catalog, store: Store) -> list[tuple[str, Fingerprint]]:
    """Fingerprints of all images, in the order they came; made anew where an older negbuild made them otherwise."""
    present = catalog.fingerprints(VERSION)
    if len(present) == catalog.image_count():
        return present
    made: list[tuple[str, Fingerprint]] = []
    for sha256, image in catalog.files().items():
        made.append((sha256, fingerprints([grids(held_thumbnail(store, image))])[0]))
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
        self._comparer.hold(current_fingerprints(catalog, store))
        self._watch = Watch(current_guards(catalog))

    def expect(self, number: int) -> None:
        """Know that so many more pictures may arrive."""
        self._comparer.expect(number)

    def settle(self, arrivals: Sequence[Arrival], query: str) -> Taken:
        """Record arrivals of one query: pictures in the store, images and skips in the catalog."""
        if not arrivals:
            return Taken(0, 0)
        new = self._new(arrivals)
        self._comparer.expect(len(new) - len(arrivals))
        prints = dict(zip(new, fingerprints([one.grids for one in new.values() if one.grids]), strict=True))
        pairs, guarded = self._comparer.add(list(prints.items())), self._watch.guarded(list(prints.items()))
        images = {arrival.outcome: arrival.data for arrival in new.values() if isinstance(arrival.outcome, Image)}
        self._store.receive(images)
        settled = []
        for arrival in arrivals:
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
        self._store.publish(images)
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

    def _new(self, arrivals: Sequence[Arrival]) -> dict[str, Arrival]:
        """Pictures whose bytes are not held yet, by SHA-256."""
        return {
            arrival.outcome.sha256: arrival
            for arrival in arrivals
            if isinstance(arrival.outcome, Image) and not self._catalog.find(arrival.outcome.sha256)
        }


def _duplicate(sha256: str) -> Skip:
    return Skip(SkipReason.DUPLICATE, f"same bytes as {sha256[:12]}")
