"""What lies on the light table: the pictures of a workspace as the page shows them, and the verdicts on them.

Everything here is used by one thread at a time. The page names pictures by the first 16 digits of their SHA-256.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Timer

from negbuild.catalog import Catalog
from negbuild.errors import UsageError
from negbuild.fingerprint import VERSION
from negbuild.keepers import Circles
from negbuild.model import Drop, Fingerprint, Held, Image, Pair, Role
from negbuild.ruling import Ruling, Verdict
from negbuild.suspicion import Grade, Near, Suspicion, nearest_known, queue, suspicions

DIGITS = 16
"""Of a SHA-256, by which the page names a picture; 64 bits of it never agree by chance."""

_AT_ONCE = 2_000_000  # comparisons that nobody notices waiting for: a fifth of a second
_HEAD_START = 2.0  # seconds that the first page has before the rest is compared
_MOST_COPIES = 12  # that are shown with a picture


@dataclass(frozen=True, slots=True)
class Card:
    """A picture on the table: how it was brought, and what is known of it."""

    held: Held
    role: Role
    suspicion: Suspicion
    twins: bool
    aside: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """All that the page shows: cards by name, the order by suspicion, and whether that is final."""

    cards: dict[str, Card]
    queue: list[int]
    categories: dict[str, Role]
    complete: bool


@dataclass(frozen=True, slots=True)
class Update:
    """What was decided since a row of the log; `last` is its last row, `touched` the pictures that a step was about.

    `pictures` counts all that are held, `complete` says whether the order by suspicion is final.
    """

    last: int
    rulings: dict[str, Ruling]
    undo: bool
    redo: bool
    pictures: int
    complete: bool
    touched: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Copy:
    """A twin of a picture: its name, category, distance in bits, and whether it carries the same label."""

    name: str
    category: str
    distance: int
    same_label: bool


@dataclass(frozen=True, slots=True)
class Details:
    """One picture whole: its card, the nearest known picture and its category, its copies, and which stands for it."""

    card: Card
    near: Copy | None
    copies: list[Copy]
    keeper: str


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The catalog as it was read the last time."""

    images: dict[str, Held]
    pairs: list[Pair]
    drops: dict[str, Drop]
    prints: list[tuple[str, Fingerprint]]
    categories: dict[str, Role]
    circles: Circles

    @property
    def key(self) -> tuple[frozenset[str], int]:
        """Return what the nearest known pictures depend on."""
        return self.known, len(self.images)

    @property
    def known(self) -> frozenset[str]:
        """Return the known pictures."""
        return frozenset(sha256 for sha256, held in self.images.items() if held.role is Role.KNOWN)


def name_of(sha256: str) -> str:
    """Return the name of a picture on the page."""
    return sha256[:DIGITS]


class Table:
    """The pictures of one workspace, and the log of verdicts."""

    def __init__(self, catalog: Catalog) -> None:
        """Read the catalog, which stays open as long as the table is used."""
        self._catalog = catalog
        self._near: dict[str, Near] = {}
        self._compared: tuple[frozenset[str], int] | None = None
        self._read()

    def layout(self) -> Layout:
        """Lay the pictures out; read anew where another process wrote since, or a move or a copy was decided."""
        if self._state != self._now():
            self._read()
        return self._layout

    def update(self, since: int, touched: Iterable[str] = ()) -> Update:
        """Say what was decided since that row of the log, by whomever."""
        changes = self._catalog.verdicts_since(since)
        undo, redo = self._catalog.reach()
        return Update(
            last=changes.last,
            rulings={name_of(sha256): ruling for sha256, ruling in changes.rulings.items()},
            undo=undo,
            redo=redo,
            pictures=self._catalog.image_count(),
            complete=self._layout.complete,
            touched=[name_of(sha256) for sha256 in touched],
        )

    def decide(self, names: Iterable[str], ruling: Ruling, since: int) -> Update:
        """Write one verdict on all these pictures, and say what was decided since that row of the log.

        Raises LookupError where one is not held, UsageError for a move to anything but a known category.
        """
        if ruling.verdict is Verdict.MOVE and self._catalog.categories().get(ruling.category) is not Role.KNOWN:
            raise UsageError(f"category {ruling.category}: is no known category")
        self._catalog.decide({self.image(name).sha256: ruling for name in names})
        return self.update(since)

    def undo(self, since: int) -> Update:
        """Take back the last step that stands, whoever took it."""
        return self.update(since, self._catalog.undo_step())

    def redo(self, since: int) -> Update:
        """Take back the last undo."""
        return self.update(since, self._catalog.redo_step())

    def image(self, name: str) -> Image:
        """Return the image of that name; raises LookupError where none is held."""
        return self._snapshot.images[self._names[name]].image

    def details(self, name: str) -> Details:
        """Tell all about one picture; raises LookupError where none of that name is held."""
        snapshot, sha256 = self._snapshot, self._names[name]
        held = snapshot.images[sha256]
        near = dict(self._near)
        if sha256 not in near and held.role.negative:
            near |= nearest_known(snapshot.prints, snapshot.known, only=[sha256])
        suspicion = suspicions(snapshot.images, snapshot.pairs, near)[sha256]
        copies = [self._copy(*one, same=True) for one in snapshot.circles.copies(sha256)]
        copies += [self._copy(*one, same=False) for one in snapshot.circles.rivals(sha256)]
        return Details(
            card=Card(
                held, snapshot.categories[held.origin.category], suspicion, bool(copies), sha256 in snapshot.drops
            ),
            near=self._copy(suspicion.near.sha256, suspicion.near.distance, same=False) if suspicion.near else None,
            copies=sorted(copies, key=lambda copy: (copy.same_label, copy.distance))[:_MOST_COPIES],
            keeper=name_of(snapshot.drops[sha256].keeper) if sha256 in snapshot.drops else "",
        )

    def _copy(self, sha256: str, distance: int, *, same: bool) -> Copy:
        return Copy(name_of(sha256), self._snapshot.images[sha256].category, distance, same)

    def _read(self) -> None:
        outside, rulings = self._catalog.outside_changes(), self._catalog.rulings()  # before the rest: see `_now`
        images, pairs = self._catalog.images(), self._catalog.pairs()
        self._snapshot = snapshot = _Snapshot(
            images=images,
            pairs=pairs,
            drops={drop.sha256: drop for drop in self._catalog.drops()},
            prints=self._catalog.fingerprints(VERSION),
            categories=self._catalog.categories(),
            circles=Circles(images, pairs),
        )
        self._state = outside, self._weighty(rulings)
        self._names = {name_of(sha256): sha256 for sha256 in images}
        if snapshot.key == self._compared:
            self._layout = _laid_out(snapshot, self._near, complete=True)
        elif len(snapshot.known) * len(images) <= _AT_ONCE:
            self._compare(snapshot)
        else:
            self._layout = _laid_out(snapshot, {}, complete=False)
            comparing = Timer(_HEAD_START, self._compare, (snapshot,))
            comparing.daemon = True
            comparing.start()

    def _now(self) -> tuple[int, dict[str, Ruling]]:
        """Return what changes with all that the layout depends on: what others wrote, and what was decided here."""
        return self._catalog.outside_changes(), self._weighty(self._catalog.rulings())

    def _weighty(self, rulings: Mapping[str, Ruling]) -> dict[str, Ruling]:
        """Choose the rulings that say something of other pictures: moves, and those on copies, which end a chain."""
        images, circles = self._snapshot.images, self._snapshot.circles
        return {sha: one for sha, one in rulings.items() if one.category or (sha in images and sha in circles)}

    def _compare(self, snapshot: _Snapshot) -> None:
        """Find the nearest known picture of each, and lay out anew; another thread's work is handed over whole."""
        if self._snapshot is not snapshot:  # read anew meanwhile
            return
        near = nearest_known(snapshot.prints, snapshot.known)
        layout = _laid_out(snapshot, near, complete=True)
        if self._snapshot is snapshot:
            self._near, self._compared, self._layout = near, snapshot.key, layout


def _laid_out(snapshot: _Snapshot, near: Mapping[str, Near], *, complete: bool) -> Layout:
    found = suspicions(snapshot.images, snapshot.pairs, near)
    cards = {
        name_of(sha256): Card(
            held=held,
            role=snapshot.categories[held.origin.category],
            suspicion=found[sha256],
            twins=sha256 in snapshot.circles,
            aside=sha256 in snapshot.drops,
        )
        for sha256, held in snapshot.images.items()
    }
    place = {sha256: number for number, sha256 in enumerate(snapshot.images)}
    order = [place[sha256] for sha256 in queue(snapshot.images, found)]
    return Layout(cards, order, snapshot.categories, complete)


def why(suspicion: Suspicion) -> str:
    """Say in one sentence what makes a picture suspicious."""
    near = f"{suspicion.near.distance} of 192 bits" if suspicion.near else ""
    named = f"its title or query says {', '.join(suspicion.words)}" if suspicion.words else ""
    if suspicion.chained:
        nearest = f"; the nearest known picture is {near} apart" if near else ""
        return f"a copy of a copy of a picture with another label, or further along such a chain{nearest}"
    if suspicion.grade is Grade.CONTRARY:
        return f"a copy of a picture with another label, {near} apart"
    if suspicion.grade is Grade.ALIKE:
        return f"looks like a known picture, {near} apart" + (f"; {named}" if named else "")
    if suspicion.grade is Grade.NAMED:
        return named
    return f"nothing found; the nearest known picture is {near} apart, which says little" if near else ""
