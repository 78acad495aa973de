"""The pictures of a report: which are shown, as thumbnails, and what is said of each."""

import base64
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from negbuild.findings import CopyShown, Dispute, Sheet, Thumb, TwinGroup, sample
from negbuild.fingerprint import ORIENTATIONS
from negbuild.model import Drop, Held, Pair, Progress, Role
from negbuild.picture import jpeg_bytes, normalised
from negbuild.store import Store

_SIDES, _QUALITY = (160, 112, 80), 72  # of a thumbnail: the largest of which all together fit
_BUDGET = 10 * 10**6  # characters of all thumbnails
_LONGEST_TITLE = 120
_LONGEST_ADDRESS = 300  # characters: some services put a whole session into theirs
_SHEETS, _A_SHEET, _FEWEST = 800, 24, 4  # thumbnails of all sheets, and of one
_GROUPS, _A_GROUP = 40, 6
_DISPUTES = 60

Corner = tuple[float, float]


class Exhibits:
    """Chooses pictures and draws each once; what was chosen is drawn by `draw`, and shown after that."""

    def __init__(self, held: Mapping[str, Held], pairs: Iterable[Pair], drops: Sequence[Drop]) -> None:
        """Choose among these images; `drops` are the copies that are set aside."""
        self._held = held
        self._aside = {drop.sha256 for drop in drops}
        self._pairs = {frozenset((pair.older, pair.newer)): pair for pair in pairs if pair.twins}
        copies: dict[str, list[Drop]] = {}
        for drop in drops:
            copies.setdefault(drop.keeper, []).append(drop)
        self.groups = len(copies)
        self._copies = {keeper: copies[keeper][:_A_GROUP] for keeper in sample(list(copies), _GROUPS)}
        self._sheets: dict[tuple[Role, str], tuple[list[str], int]] = {}
        self._disputes: list[tuple[str, str, str]] = []
        self._drawn: dict[str, str] = {}
        self.sheets_left_out = 0

    def choose(self, disputes: Sequence[Pair], chained: Mapping[str, str]) -> None:
        """Choose what is shown of each category, and of pairs with different labels, `chained` ones too."""
        members: dict[tuple[Role, str], list[str]] = {}
        for sha256, one in self._held.items():
            if sha256 not in self._aside:
                members.setdefault((one.role, one.category), []).append(sha256)
        order = sorted(members, key=lambda key: (list(Role).index(key[0]), key[1]))
        each = max(_FEWEST, min(_A_SHEET, _SHEETS // max(1, len(order))))
        shown = order[: _SHEETS // each]
        self.sheets_left_out = len(order) - len(shown)
        self._sheets = {key: (sample(members[key], each), len(members[key])) for key in shown}
        shown_pairs = [(pair.older, pair.newer, bits_apart(pair.distance)) for pair in disputes]
        shown_pairs += [(end, sha256, "over copies of copies") for sha256, end in chained.items()]
        self._disputes = sample(shown_pairs, _DISPUTES)

    def draw(self, store: Store, progress: Progress) -> None:
        """Make the thumbnails of all that was chosen; one that cannot be read stays empty."""
        chosen = dict.fromkeys(sha256 for members, _ in self._sheets.values() for sha256 in members)
        for keeper, drops in self._copies.items():
            chosen |= dict.fromkeys([keeper, *(drop.sha256 for drop in drops)])
        for one, other, _ in self._disputes:
            chosen |= dict.fromkeys([one, other])
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            for side in _SIDES:
                drawn = threads.map(lambda sha256, side=side: _drawn(store, self._held[sha256], side), chosen)
                for sha256, picture in zip(chosen, drawn, strict=True):
                    self._drawn[sha256] = picture
                    progress(len(self._drawn), len(chosen))
                if sum(map(len, self._drawn.values())) <= _BUDGET:
                    break

    @property
    def shown(self) -> int:
        """How many pictures are shown."""
        return len(self._drawn)

    @property
    def unreadable(self) -> int:
        """How many of them cannot be read."""
        return sum(not drawn for drawn in self._drawn.values())

    def sheets(self) -> list[Sheet]:
        """Show some pictures of each category, the known ones first."""
        return [
            Sheet(category, role, [self._thumb(sha256) for sha256 in members], total)
            for (role, category), (members, total) in self._sheets.items()
        ]

    def twins(self) -> list[TwinGroup]:
        """Show kept pictures with the copies of them."""
        return [
            TwinGroup(self._thumb(keeper), [self._copy(drop) for drop in drops])
            for keeper, drops in self._copies.items()
        ]

    def disputes(self) -> list[Dispute]:
        """Show pairs of copies with different labels."""
        return [Dispute(self._thumb(one), self._thumb(other), note) for one, other, note in self._disputes]

    def _thumb(self, sha256: str) -> Thumb:
        held = self._held[sha256]
        named = shortened(held.origin.title or held.origin.source_id)
        return Thumb(self._drawn[sha256], f"{held.category} ({held.role}): {named}", web_address(held.origin.page))

    def _copy(self, drop: Drop) -> CopyShown:
        pair = self._pairs.get(frozenset((drop.sha256, drop.keeper)))
        if pair is None:  # of equal fingerprints only one is paired
            return CopyShown(self._thumb(drop.sha256), "same fingerprint")
        turned = ORIENTATIONS[pair.orientation]
        notes = [bits_apart(drop.distance), *([turned] if pair.orientation else []), pair.reason.partition(":")[0]]
        corners = _corners(pair, inverted=pair.older == drop.sha256) if pair.alignment else []
        outline = " ".join(f"{x:.3f},{y:.3f}" for x, y in corners)
        return CopyShown(self._thumb(drop.sha256), ", ".join(filter(None, notes)), outline)


def bits_apart(distance: int) -> str:
    """Say how far two pictures are apart."""
    return f"{distance} bit{'s' if distance != 1 else ''} apart"


def shortened(title: str) -> str:
    """Cut a title or a name where somebody put a whole page into it."""
    return title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"


def web_address(text: str) -> str:
    """Return an address that may be linked to: of the web and not endless, or nothing."""
    return text if text.startswith(("http://", "https://")) and len(text) <= _LONGEST_ADDRESS else ""


def _drawn(store: Store, held: Held, side: int) -> str:
    try:
        small = jpeg_bytes(normalised(store.read(held.image), side), _QUALITY)
    except (OSError, SyntaxError, ValueError):  # lost or damaged in the store, which the page counts
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(small).decode()


def _corners(pair: Pair, *, inverted: bool) -> list[Corner]:
    """Corners of one picture of a pair within the other: of the older in the newer one, or `inverted`."""
    (a, b, c), (d, e, f) = json.loads(pair.alignment)
    if inverted:
        area = a * e - b * d
        a, b, c, d, e, f = (
            e / area,
            -b / area,
            (b * f - c * e) / area,
            -d / area,
            a / area,
            (c * d - a * f) / area,
        )
    return [(a * x + b * y + c, d * x + e * y + f) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
