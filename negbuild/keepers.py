"""Which copy of a picture is kept, and which pictures with other labels it contradicts. Pure functions."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product

from negbuild.model import Drop, Held, Pair, Role
from negbuild.ruling import Verdict
from negbuild.twins import close_groups


def label_of(held: Held) -> str:
    """Return what a classifier is told about an image: its known category, or nothing for a negative."""
    return held.category if held.role is Role.KNOWN else ""


def standing(held: Held) -> tuple[Role, str]:
    """Return what must agree before one image may stand for another: role and label."""
    return held.role, label_of(held)


def equals(keys: Iterable[str], pairs: Iterable[Pair]) -> dict[str, str]:
    """Map each key to one that stands for all twins with the same 192 bits: what twins one of them twins them all."""
    return close_groups(
        keys, ((pair.older, pair.newer) for pair in pairs if pair.twins and pair.distance == pair.orientation == 0)
    )


def _twins_of(alike: Mapping[str, str], pairs: Iterable[Pair]) -> dict[str, dict[str, int]]:
    """Distances of those that stand for equals to their twins, themselves included."""
    twins: dict[str, dict[str, int]] = {}
    for pair in pairs:
        if pair.twins:
            for one, other in ((alike[pair.older], alike[pair.newer]), (alike[pair.newer], alike[pair.older])):
                near = twins.setdefault(one, {one: 0})
                near[other] = min(pair.distance, near.get(other, pair.distance))
    return twins


class Circles:
    """Twins of each image, closed over equals, told apart by whether they have its label and role."""

    def __init__(self, images: Mapping[str, Held], pairs: Sequence[Pair]) -> None:
        self._images = images
        self._alike = equals(images, pairs)
        self._twins = _twins_of(self._alike, pairs)
        self._members: dict[str, dict[tuple[Role, str], list[str]]] = {}
        for sha, held in images.items():
            if self._alike[sha] in self._twins:
                self._members.setdefault(self._alike[sha], {}).setdefault(standing(held), []).append(sha)

    def __contains__(self, sha: str) -> bool:
        return self._alike[sha] in self._twins

    def copies(self, sha: str) -> Iterator[tuple[str, int]]:
        """Give the twins of its label and role, each with its distance in bits."""
        own = standing(self._images[sha])
        for other, distance in self._twins.get(self._alike[sha], {}).items():
            for copy in self._members[other].get(own, ()):
                if copy != sha:
                    yield copy, distance

    def rivals(self, sha: str) -> Iterator[tuple[str, int]]:
        """Give the twins of another label or role, each with its distance in bits."""
        own = standing(self._images[sha])
        for other, distance in self._twins.get(self._alike[sha], {}).items():
            for label, members in self._members[other].items():
                if label != own:
                    yield from ((rival, distance) for rival in members)

    def opposed(self, sha: str) -> Iterator[tuple[str, int]]:
        """Give its rivals, but of equals with the same label, role and verdict the first alone: many say no more."""
        own = standing(self._images[sha])
        for other, distance in self._twins.get(self._alike[sha], {}).items():
            yield from ((rival, distance) for (label, _), rival in self._kinds[other].items() if label != own)

    def contrary(self, among: Collection[str]) -> dict[frozenset[str], int]:
        """Pairs of twins of different labels or roles `among` some images, each with its distance in bits.

        Of equals that have one label and role each is paired, and one stands for them to be paired with: they would be
        as many as all with all. That is the one with the smallest key, so that the pairs are the same in any order.
        """
        members = {
            one: {label: some for label, shas in kinds.items() if (some := [sha for sha in shas if sha in among])}
            for one, kinds in self._members.items()
        }
        firsts = {one: {label: min(shas) for label, shas in kinds.items()} for one, kinds in members.items()}
        found: dict[frozenset[str], int] = {}
        for one, kinds in members.items():
            for other, distance in self._twins[one].items():
                for own, label in product(kinds, firsts[other]):
                    if own != label:
                        found |= {frozenset((sha, firsts[other][label])): distance for sha in kinds[own]}
        return found

    def tied(self, sha: str) -> Iterator[str]:
        """Give those of another label or role that a chain of twins ties an undecided image to, its rivals included.

        Whatever lies between the two ends is undecided too: a person's decision ends a chain. Of all ends with the same
        label, role and verdict one is given.
        """
        own = standing(self._images[sha])
        if self._images[sha].verdict is Verdict.UNDECIDED:
            for (label, _), end in self._ends.get(self._alike[sha], {}).items():
                if label != own:
                    yield end

    @cached_property
    def _kinds(self) -> dict[str, dict[tuple[tuple[Role, str], Verdict], str]]:
        """The first of each label, role and verdict among equals."""
        return {
            one: {(label, self._images[sha].verdict): sha for label, shas in members.items() for sha in reversed(shas)}
            for one, members in self._members.items()
        }

    @cached_property
    def _ends(self) -> dict[str, dict[tuple[tuple[Role, str], Verdict], str]]:
        """Ends of the chains through each of those that stand for equals, as far as one of these is undecided."""
        kinds = self._kinds
        links = dict.fromkeys(one for one in kinds if any(verdict is Verdict.UNDECIDED for _, verdict in kinds[one]))
        chains = close_groups(links, ((one, near) for one in links for near in self._twins[one] if near in links))
        ends: dict[str, dict[tuple[tuple[Role, str], Verdict], str]] = {}
        for one in links:
            for near in self._twins[one]:  # itself included
                ends.setdefault(chains[one], {}).update(kinds[near])
        return {one: ends[chains[one]] for one in links}


def choose_keepers(images: Mapping[str, Held], pairs: Sequence[Pair], barred: Collection[str] = ()) -> list[Drop]:
    """Choose the copies that are not used: each of them is itself a twin of its keeper, never of a chain.

    Only images of one label and role replace each other; twins across labels or roles are conflicts. The better image
    comes first: one that a person kept or moved, then more pixels, then more bytes, then the one held longer (the order
    of `images`). What is `barred`, or left out by a person's verdict, is in no split anyway: it replaces nothing, and
    nothing replaces it.
    """
    age = {sha: place for place, sha in enumerate(images)}
    circles = Circles(images, pairs)
    out = {sha for sha, held in images.items() if held.verdict.excludes}.union(barred, doubtful_copies(images, pairs))

    def worth(sha: str) -> tuple[bool, int, int, int]:
        image = images[sha].image
        return (not images[sha].verdict.affirms, -image.width * image.height, -image.size, age[sha])

    drops: dict[str, Drop] = {}
    for sha in sorted((sha for sha in images if sha in circles and sha not in out), key=worth):
        if sha in drops:
            continue
        for copy, distance in circles.copies(sha):
            if copy not in drops and copy not in out:
                drops[copy] = Drop(copy, sha, distance)
    return [drops[sha] for sha in images if sha in drops]


def doubtful_copies(images: Mapping[str, Held], pairs: Sequence[Pair]) -> set[str]:
    """Undecided copies of what a person dropped or is unsure of: they show the same, and stay out with it."""
    if not any(held.verdict.doubts for held in images.values()):
        return set()
    circles = Circles(images, pairs)
    return {
        copy
        for sha, held in images.items()
        if held.verdict.doubts
        for copy, _ in circles.copies(sha)
        if images[copy].verdict is Verdict.UNDECIDED
    }
