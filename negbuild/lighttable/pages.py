"""What the server answers: the table in JSON, as compact as 50,000 pictures ask for."""

import json

from negbuild.lighttable.table import Card, Copy, Details, Layout, Update, why
from negbuild.model import Candidate
from negbuild.ruling import Verdict
from negbuild.suspicion import Grade

_LETTERS = {
    Verdict.UNDECIDED: "-",
    Verdict.KEEP: "k",
    Verdict.DROP: "d",
    Verdict.UNSURE: "u",
    Verdict.MOVE: "m",
    Verdict.DUPLICATE: "c",
}
_LONGEST_TITLE = 80
_TWIN, _CONTRARY, _SUSPICIOUS, _ASIDE = 1, 2, 4, 8


def layout_json(layout: Layout) -> bytes:
    """Write columns, one entry a picture in the order they came; flags are the bits of one hexadecimal digit.

    1: has a copy, 2: a copy has another label, 4: suspicious, 8: set aside as a copy. Categories and sources are
    numbers in their lists.
    """
    categories = list(layout.categories)
    cards = list(layout.cards.values())
    sources = sorted({card.held.origin.source for card in cards})
    number = {name: place for place, name in enumerate(categories)}
    source = {name: place for place, name in enumerate(sources)}
    return _json(
        names="".join(layout.cards),
        categories=categories,
        roles=[str(layout.categories[name]) for name in categories],
        category=[number[card.held.origin.category] for card in cards],
        sources=sources,
        source=[source[card.held.origin.source] for card in cards],
        titles=[(card.held.origin.title or card.held.origin.source_id)[:_LONGEST_TITLE] for card in cards],
        flags="".join(f"{_flags(card):x}" for card in cards),
        queue=layout.queue,
        complete=layout.complete,
    )


def _flags(card: Card) -> int:
    suspicion = card.suspicion.grade
    return (
        _TWIN * card.twins
        | _CONTRARY * (suspicion is Grade.CONTRARY)
        | _SUSPICIOUS * (suspicion < Grade.NONE)
        | _ASIDE * card.aside
    )


def update_json(update: Update) -> bytes:
    """Write what was decided: name, letter of the verdict, and the category of a move."""
    return _json(
        last=update.last,
        changes=[[name, _LETTERS[one.verdict], one.category] for name, one in update.rulings.items()],
        undo=update.undo,
        redo=update.redo,
        pictures=update.pictures,
        complete=update.complete,
        touched=update.touched,
    )


def details_json(details: Details) -> bytes:
    """Write all about one picture; links are addresses of the web, or nothing."""
    held, image = details.card.held, details.card.held.image
    origin = held.origin
    return _json(
        why=why(details.card.suspicion),
        near=_copy(details.near) if details.near else None,
        copies=[_copy(one) for one in details.copies],
        keeper=details.keeper,
        size=f"{image.width} x {image.height} {image.format}, {_size(image.size)}",
        sha256=image.sha256,
        title=origin.title,
        author=origin.author,
        author_url=_link(origin.author_url),
        page=_link(origin.page) or _link(origin.url),
        license=origin.license,
        license_url=_link(origin.license_url),
        source=origin.source,
        source_id=_shown_id(origin),
        query=held.query,
    )


def _copy(copy: Copy) -> dict[str, object]:
    return {"name": copy.name, "category": copy.category, "distance": copy.distance, "same": copy.same_label}


def _shown_id(origin: Candidate) -> str:
    return "" if origin.title == origin.source_id else origin.source_id


def _link(address: str) -> str:
    """Return an address only where following it is what it looks like: anybody may have written it."""
    return address if address.startswith(("https://", "http://")) else ""


def _size(number: int) -> str:
    return f"{number / 2**20:.1f} MB" if number >= 2**20 else f"{max(1, number // 2**10):,} kB"


def _json(**values: object) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
